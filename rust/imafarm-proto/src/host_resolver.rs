//! The Host Resolver: who is in the farm, and by which names (IMA Information, "Host Resolver component").
//!
//! A [`Directory`] holds every host record once, for all hosts of a farm, and translates between the names of a host:
//! its name, its host id, and its place in the directory. Which bindings a host has open is its own affair:
//! [`ConnectionCache`].

mod connection_cache;

use core::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use thiserror::Error;

pub use connection_cache::{ConnectionCache, EntryIndex, Standing};

use crate::host_record::{HostId, HostIndex, HostRecord, Rank, RecordError, ZoneIndex};

/// Every host of a farm: its record, its zone, and its place in the zone's order of rank.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    records: Vec<HostRecord>,
    ranks: Vec<Rank>,
    places: Vec<Place>,
    zones: Vec<Zone>,
    by_name: HashTable<u32>,
    by_id: HostIds,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    zone: ZoneIndex,
    /// Where the host stands in its zone's order, lowest rank first.
    position: u32,
}

#[derive(Clone, Debug)]
struct Zone {
    name: Arc<str>,
    /// The zone's hosts, lowest rank first.
    order: Vec<HostIndex>,
}

/// From host id to index: an array while ids are dense, a hash table when they are not.
#[derive(Clone, Debug)]
enum HostIds {
    /// Index + 1 at the id's place; 0 for ids that nobody has.
    Dense(Vec<u32>),
    Sparse(HashTable<u32>),
}

impl Default for HostIds {
    fn default() -> Self {
        HostIds::Dense(Vec::new())
    }
}

/// Records that make no farm. The caller's; no directory was made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DirectoryError {
    /// A record is wrong by itself.
    #[error("hosts[{position}].{error}")]
    Record {
        /// Which record, from 0.
        position: usize,
        /// What is wrong with it.
        error: RecordError,
    },
    /// Two hosts have one name.
    #[error("hosts[{second}].name: {name:?} is the name of hosts[{first}] already")]
    DuplicateName {
        /// The name.
        name: Box<str>,
        /// Who had it first.
        first: usize,
        /// Who has it again.
        second: usize,
    },
    /// Two hosts have one id.
    #[error("hosts[{second}].host_id: {id} is the id of hosts[{first}] already")]
    DuplicateId {
        /// The id.
        id: HostId,
        /// Who had it first.
        first: usize,
        /// Who has it again.
        second: usize,
    },
}

const HASHER: FixedState = FixedState::with_seed(0);

fn hash_of(name: &str) -> u64 {
    HASHER.hash_one(name)
}

impl Directory {
    /// The directory of a farm of these hosts.
    ///
    /// Errors: [`DirectoryError`], for a record that is wrong by itself, or a name or id that two hosts have.
    pub fn new(records: Vec<HostRecord>) -> Result<Directory, DirectoryError> {
        let by_name = index_names(&records)?;
        let by_id = HostIds::new(&records)?;
        let ranks = records.iter().map(HostRecord::rank).collect();
        let mut directory = Directory { records, ranks, places: Vec::new(), zones: Vec::new(), by_name, by_id };
        directory.order_zones();
        Ok(directory)
    }

    /// How many hosts there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are no hosts at all.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Every host, in the order of the directory.
    pub fn hosts(&self) -> impl ExactSizeIterator<Item = HostIndex> + use<> {
        (0..self.records.len() as u32).map(HostIndex)
    }

    /// A host's record.
    pub fn record(&self, host: HostIndex) -> &HostRecord {
        &self.records[host.at()]
    }

    /// A host's id.
    #[inline]
    pub fn id(&self, host: HostIndex) -> HostId {
        self.records[host.at()].host_id
    }

    /// A host's rank.
    #[inline]
    pub fn rank(&self, host: HostIndex) -> Rank {
        self.ranks[host.at()]
    }

    /// The host of this name.
    #[inline]
    pub fn by_name(&self, name: &str) -> Option<HostIndex> {
        self.by_name.find(hash_of(name), |&i| &*self.records[i as usize].name == name).map(|&i| HostIndex(i))
    }

    /// The host with this id.
    #[inline]
    pub fn by_id(&self, id: HostId) -> Option<HostIndex> {
        match &self.by_id {
            HostIds::Dense(places) => {
                places.get(id.get() as usize).and_then(|&place| place.checked_sub(1)).map(HostIndex)
            }
            HostIds::Sparse(table) => table
                .find(HASHER.hash_one(id.get()), |&i| self.records[i as usize].host_id == id)
                .map(|&i| HostIndex(i)),
        }
    }

    /// How many zones there are.
    pub fn zone_count(&self) -> usize {
        self.zones.len()
    }

    /// A zone's name.
    pub fn zone_name(&self, zone: ZoneIndex) -> &Arc<str> {
        &self.zones[zone.at()].name
    }

    /// The zone of this name.
    pub fn zone_by_name(&self, name: &str) -> Option<ZoneIndex> {
        self.zones.iter().position(|zone| &*zone.name == name).map(|i| ZoneIndex(i as u32))
    }

    /// The zone a host is in.
    #[inline]
    pub fn zone(&self, host: HostIndex) -> ZoneIndex {
        self.places[host.at()].zone
    }

    /// A zone's hosts, lowest rank first.
    #[inline]
    pub fn zone_hosts(&self, zone: ZoneIndex) -> &[HostIndex] {
        &self.zones[zone.at()].order
    }

    /// Where a host stands among [`Directory::zone_hosts`] of its zone.
    #[inline]
    pub fn position(&self, host: HostIndex) -> usize {
        self.places[host.at()].position as usize
    }

    /// Moves a host to the zone of this name, which is made if there is none.
    ///
    /// Errors: [`RecordError`], for a name no zone can have; nothing has changed then.
    pub fn set_zone(&mut self, host: HostIndex, zone: &str) -> Result<(), RecordError> {
        let name = match self.zone_by_name(zone) {
            Some(known) => Arc::clone(self.zone_name(known)),
            None => Arc::from(zone),
        };
        let moved = HostRecord { zone: name, ..self.records[host.at()].clone() };
        moved.check()?;
        self.records[host.at()] = moved;
        self.order_zones();
        Ok(())
    }

    /// Sorts every zone by rank. Zones keep their index for as long as they have a host.
    fn order_zones(&mut self) {
        let mut zones: Vec<Zone> = core::mem::take(&mut self.zones);
        let mut numbers: hashbrown::HashMap<Arc<str>, u32, FixedState> = hashbrown::HashMap::with_hasher(HASHER);
        for (i, zone) in zones.iter_mut().enumerate() {
            zone.order.clear();
            numbers.insert(Arc::clone(&zone.name), i as u32);
        }
        self.places.clear();
        for (i, record) in self.records.iter().enumerate() {
            let number = *numbers.entry(Arc::clone(&record.zone)).or_insert_with(|| {
                zones.push(Zone { name: Arc::clone(&record.zone), order: Vec::new() });
                zones.len() as u32 - 1
            });
            zones[number as usize].order.push(HostIndex(i as u32));
            self.places.push(Place { zone: ZoneIndex(number), position: 0 });
        }
        for zone in &mut zones {
            zone.order.sort_unstable_by_key(|host| self.ranks[host.at()]);
            for (position, host) in zone.order.iter().enumerate() {
                self.places[host.at()].position = position as u32;
            }
        }
        self.zones = zones;
    }
}

fn index_names(records: &[HostRecord]) -> Result<HashTable<u32>, DirectoryError> {
    let mut table: HashTable<u32> = HashTable::with_capacity(records.len());
    for (second, record) in records.iter().enumerate() {
        record.check().map_err(|error| DirectoryError::Record { position: second, error })?;
        let hash = hash_of(&record.name);
        if let Some(&first) = table.find(hash, |&i| records[i as usize].name == record.name) {
            return Err(DirectoryError::DuplicateName { name: record.name.clone(), first: first as usize, second });
        }
        table.insert_unique(hash, second as u32, |&i| hash_of(&records[i as usize].name));
    }
    Ok(table)
}

impl HostIds {
    fn new(records: &[HostRecord]) -> Result<HostIds, DirectoryError> {
        let largest = records.iter().map(|record| record.host_id.get()).max().unwrap_or(0);
        let duplicate = |id, first: u32, second| Err(DirectoryError::DuplicateId { id, first: first as usize, second });
        if largest <= 4 * records.len() as u64 + 1024 {
            let mut places = vec![0u32; largest as usize + 1];
            for (second, record) in records.iter().enumerate() {
                let place = &mut places[record.host_id.get() as usize];
                match place.checked_sub(1) {
                    Some(first) => return duplicate(record.host_id, first, second),
                    None => *place = second as u32 + 1,
                }
            }
            return Ok(HostIds::Dense(places));
        }
        let mut table: HashTable<u32> = HashTable::with_capacity(records.len());
        for (second, record) in records.iter().enumerate() {
            let hash = HASHER.hash_one(record.host_id.get());
            if let Some(&first) = table.find(hash, |&i| records[i as usize].host_id == record.host_id) {
                return duplicate(record.host_id, first, second);
            }
            table.insert_unique(hash, second as u32, |&i| HASHER.hash_one(records[i as usize].host_id.get()));
        }
        Ok(HostIds::Sparse(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host_record::Preference;

    fn record(name: &str, zone: &str, id: u64) -> HostRecord {
        HostRecord::new(name, zone.into(), HostId::new(id).expect("a valid id"))
    }

    fn farm() -> Directory {
        let mut first = record("Ä1", "10.0.0.0", 7);
        first.preference = Preference::MostPreferred;
        Directory::new(vec![
            first,
            record("H2", "10.0.0.0", 9),
            record("H3", "10.1.0.0", 3),
            record("H4", "10.0.0.0", 8),
        ])
        .expect("a farm")
    }

    #[test]
    fn hosts_are_known_by_name_and_by_id() {
        let farm = farm();
        assert_eq!(farm.by_name("Ä1"), Some(HostIndex(0)));
        assert_eq!(farm.by_name("ä1"), None);
        assert_eq!(farm.by_id(HostId::new(3).expect("valid")), Some(HostIndex(2)));
        assert_eq!(farm.by_id(HostId::new(4).expect("valid")), None);
        assert_eq!(farm.by_id(HostId::new(HostId::MAX).expect("valid")), None);
    }

    #[test]
    fn sparse_ids_are_found_too() {
        let farm = Directory::new(vec![record("A", "Z", 1), record("B", "Z", HostId::MAX)]).expect("a farm");
        assert_eq!(farm.by_id(HostId::new(HostId::MAX).expect("valid")), Some(HostIndex(1)));
        assert_eq!(farm.by_id(HostId::new(2).expect("valid")), None);
    }

    #[test]
    fn a_zone_is_ordered_lowest_rank_first() {
        let farm = farm();
        let zone = farm.zone_by_name("10.0.0.0").expect("a zone");
        assert_eq!(farm.zone_hosts(zone), [HostIndex(3), HostIndex(1), HostIndex(0)]);
        assert_eq!(farm.position(HostIndex(0)), 2);
    }

    #[test]
    fn a_host_moves_to_another_zone() {
        let mut farm = farm();
        farm.set_zone(HostIndex(1), "10.1.0.0").expect("moved");
        let zone = farm.zone_by_name("10.1.0.0").expect("a zone");
        assert_eq!(farm.zone_hosts(zone), [HostIndex(2), HostIndex(1)]);
        assert!(farm.set_zone(HostIndex(1), "").is_err());
        assert_eq!(farm.zone(HostIndex(1)), zone);
    }

    #[test]
    fn duplicates_are_named() {
        let twice = Directory::new(vec![record("A", "Z", 1), record("A", "Z", 2)]).expect_err("twice");
        assert_eq!(twice.to_string(), r#"hosts[1].name: "A" is the name of hosts[0] already"#);
        for id in [5, HostId::MAX] {
            let twice = Directory::new(vec![record("A", "Z", id), record("B", "Z", id)]).expect_err("twice");
            assert_eq!(twice.to_string(), format!("hosts[1].host_id: {id} is the id of hosts[0] already"));
        }
    }
}
