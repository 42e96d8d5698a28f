//! The Host Resolver: who is in the farm, and by which names (IMA Information, "Host Resolver component").
//!
//! A [`Directory`] holds every host record once, for all hosts of a farm, and translates between the names of a host:
//! its name, its host id, and its place in the directory. Which bindings a host has open is its own affair:
//! [`ConnectionCache`] keeps them, [`HostBindings`] hands out their handles.

mod connection_cache;
mod host_bindings;
mod open_peers;

use core::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use thiserror::Error;

pub use connection_cache::{ConnectionCache, EntryIndex, Standing};
pub use host_bindings::{HostBinding, HostBindings};

use crate::host_record::{HostId, HostIndex, HostRecord, Preference, Rank, RecordError, ZoneIndex, check_name};

/// Every host of a farm: its record, its zone, and its place in the zone's order of rank.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    records: Vec<HostRecord>,
    // Again, by themselves: looked up at every handshake, and ten times smaller than the records.
    ids: Vec<HostId>,
    ranks: Vec<Rank>,
    places: Vec<Place>,
    zones: Vec<Zone>,
    by_name: HashTable<Named>,
    by_id: HostIds,
}

/// An entry of the table of names. It holds a part of the hash, so that a search reads one name at most.
#[derive(Clone, Copy, Debug)]
struct Named {
    tag: u32,
    host: u32,
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

/// The middle of a hash: the table itself spends the low bits on the place and the high ones on its first look.
const fn tag_of(hash: u64) -> u32 {
    (hash >> 24) as u32
}

impl Directory {
    /// The directory of a farm of these hosts.
    ///
    /// Errors: [`DirectoryError`], for a record that is wrong by itself, or a name or id that two hosts have.
    pub fn new(records: Vec<HostRecord>) -> Result<Directory, DirectoryError> {
        let by_name = index_names(&records)?;
        let by_id = HostIds::new(&records)?;
        let ids = records.iter().map(|record| record.host_id).collect();
        let ranks = records.iter().map(HostRecord::rank).collect();
        let mut directory = Directory { records, ids, ranks, places: Vec::new(), zones: Vec::new(), by_name, by_id };
        directory.order_zones();
        Ok(directory)
    }

    /// A farm to try things on: hosts `H1`, `H2`, .. with the ids 1, 2, .., in zones `Z1`, `Z2`, .. of consecutive
    /// hosts whose sizes differ by one at most. The first host of a zone is Most Preferred, as a product's is.
    ///
    /// Panics: when `zones` is 0 or above `hosts`.
    pub fn generate(hosts: u32, zones: u32) -> Directory {
        assert!(0 < zones && zones <= hosts, "zones: {zones} is out of range, 1 to {hosts}");
        let first_of = |zone: u32| (u64::from(zone) * u64::from(hosts)).div_ceil(u64::from(zones));
        let mut records = Vec::with_capacity(hosts as usize);
        for zone in 0..zones {
            let name: Arc<str> = format!("Z{}", zone + 1).into();
            for host in first_of(zone)..first_of(zone + 1) {
                let id = HostId::new(host + 1).expect("32 bits and not 0");
                let mut record = HostRecord::new(&format!("H{id}"), Arc::clone(&name), id);
                if host == first_of(zone) {
                    record.preference = Preference::MostPreferred;
                }
                records.push(record);
            }
        }
        Directory::new(records).expect("distinct names and ids")
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
        self.ids[host.at()]
    }

    /// Every host's rank, in the order of the directory.
    pub fn ranks(&self) -> &[Rank] {
        &self.ranks
    }

    /// A host's rank.
    #[inline]
    pub fn rank(&self, host: HostIndex) -> Rank {
        self.ranks[host.at()]
    }

    /// The host of this name.
    #[inline]
    pub fn by_name(&self, name: &str) -> Option<HostIndex> {
        let hash = hash_of(name);
        self.by_name
            .find(hash, |entry| entry.tag == tag_of(hash) && &*self.records[entry.host as usize].name == name)
            .map(|entry| HostIndex(entry.host))
    }

    /// The hosts of these names, one for each, added to `hosts`: as [`Directory::by_name`], but faster.
    ///
    /// Memory bounds a search in a large farm. Here the same step is taken for many names before the next one, so that
    /// the processor waits for many of them at once.
    pub fn by_names(&self, names: &[&str], hosts: &mut Vec<Option<HostIndex>>) {
        const TOGETHER: usize = 32;
        for names in names.chunks(TOGETHER) {
            let mut hashes = [0; TOGETHER];
            for (hash, name) in hashes.iter_mut().zip(names) {
                *hash = hash_of(name);
            }
            let mut likely = [None; TOGETHER];
            for (likely, &hash) in likely.iter_mut().zip(&hashes[..names.len()]) {
                *likely = self.by_name.find(hash, |entry| entry.tag == tag_of(hash)).map(|entry| entry.host);
            }
            hosts.extend(names.iter().zip(likely).map(|(name, likely)| match likely {
                Some(host) if &*self.records[host as usize].name == *name => Some(HostIndex(host)),
                Some(_) => self.by_name(name),
                None => None,
            }));
        }
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

    /// Whether two hosts are of one zone.
    #[inline]
    pub fn are_neighbours(&self, one: HostIndex, other: HostIndex) -> bool {
        self.zone(one) == self.zone(other)
    }

    /// A zone's hosts, lowest rank first.
    #[inline]
    pub fn zone_hosts(&self, zone: ZoneIndex) -> &[HostIndex] {
        &self.zones[zone.at()].order
    }

    /// Whether a host stands in elections; a session-host-only server does not.
    #[inline]
    pub fn stands(&self, host: HostIndex) -> bool {
        self.rank(host).stands()
    }

    /// How many hosts of a zone never stand in an election. They are the first of [`Directory::zone_hosts`].
    pub fn session_only_count(&self, zone: ZoneIndex) -> usize {
        self.zone_hosts(zone).partition_point(|&host| !self.stands(host))
    }

    /// Where a host stands among [`Directory::zone_hosts`] of its zone.
    #[inline]
    pub fn position(&self, host: HostIndex) -> usize {
        self.places[host.at()].position as usize
    }

    /// Moves a host to the zone of this name, which is made if there is none. Zones keep their index, empty ones too.
    ///
    /// Errors: [`RecordError`], for a name no zone can have; nothing has changed then.
    pub fn set_zone(&mut self, host: HostIndex, zone: &str) -> Result<(), RecordError> {
        check_name("zone", zone)?;
        let to = self.zone_by_name(zone).unwrap_or_else(|| self.add_zone(Arc::from(zone)));
        let Place { zone: from, position } = self.places[host.at()];
        self.zones[from.at()].order.remove(position as usize);
        let rank = self.rank(host);
        let place = self.zones[to.at()].order.partition_point(|other| self.ranks[other.at()] < rank);
        self.zones[to.at()].order.insert(place, host);
        self.records[host.at()].zone = Arc::clone(&self.zones[to.at()].name);
        self.note_places(from);
        self.note_places(to);
        Ok(())
    }

    fn add_zone(&mut self, name: Arc<str>) -> ZoneIndex {
        self.zones.push(Zone { name, order: Vec::new() });
        ZoneIndex(self.zones.len() as u32 - 1)
    }

    /// Makes the zones that the records name, and sorts each by rank. The records of a zone come to share its name.
    fn order_zones(&mut self) {
        let mut numbers: hashbrown::HashMap<Arc<str>, ZoneIndex, FixedState> = hashbrown::HashMap::with_hasher(HASHER);
        for host in self.hosts() {
            let zone = match numbers.get(&self.records[host.at()].zone) {
                Some(&known) => known,
                None => {
                    let name = Arc::clone(&self.records[host.at()].zone);
                    let zone = self.add_zone(Arc::clone(&name));
                    numbers.insert(name, zone);
                    zone
                }
            };
            self.records[host.at()].zone = Arc::clone(&self.zones[zone.at()].name);
            self.zones[zone.at()].order.push(host);
        }
        self.places = vec![Place { zone: ZoneIndex(0), position: 0 }; self.records.len()];
        for number in 0..self.zones.len() {
            self.zones[number].order.sort_unstable_by_key(|host| self.ranks[host.at()]);
            self.note_places(ZoneIndex(number as u32));
        }
    }

    /// Notes for every host of a zone where it stands there.
    fn note_places(&mut self, zone: ZoneIndex) {
        for (position, host) in self.zones[zone.at()].order.iter().enumerate() {
            self.places[host.at()] = Place { zone, position: position as u32 };
        }
    }
}

fn index_names(records: &[HostRecord]) -> Result<HashTable<Named>, DirectoryError> {
    let mut table: HashTable<Named> = HashTable::with_capacity(records.len());
    for (second, record) in records.iter().enumerate() {
        record.check().map_err(|error| DirectoryError::Record { position: second, error })?;
        let hash = hash_of(&record.name);
        let same = |entry: &Named| entry.tag == tag_of(hash) && records[entry.host as usize].name == record.name;
        if let Some(first) = table.find(hash, same) {
            return Err(DirectoryError::DuplicateName {
                name: record.name.clone(),
                first: first.host as usize,
                second,
            });
        }
        let entry = Named { tag: tag_of(hash), host: second as u32 };
        table.insert_unique(hash, entry, |entry| hash_of(&records[entry.host as usize].name));
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
    fn an_emptied_zone_keeps_its_index() {
        let mut farm = farm();
        farm.set_zone(HostIndex(2), "10.0.0.0").expect("moved");
        assert_eq!(farm.zone_by_name("10.1.0.0"), Some(ZoneIndex(1)));
        assert!(farm.zone_hosts(ZoneIndex(1)).is_empty());
        assert_eq!(farm.zone_hosts(ZoneIndex(0)), [HostIndex(2), HostIndex(3), HostIndex(1), HostIndex(0)]);
        assert!(farm.hosts().all(|host| farm.zone_hosts(ZoneIndex(0))[farm.position(host)] == host));
    }

    #[test]
    fn many_names_are_found_as_single_ones_are() {
        let farm = Directory::generate(1_000, 3);
        let names: Vec<String> = (0..1_100).map(|i| format!("H{}", i * 7 % 1_100)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut found = Vec::new();
        farm.by_names(&names, &mut found);
        let singly: Vec<_> = names.iter().map(|name| farm.by_name(name)).collect();
        assert_eq!(found, singly);
        assert_eq!(found.iter().flatten().count(), 1_000);
    }

    #[test]
    fn a_generated_farm_is_even_and_its_zones_are_led_by_their_first_host() {
        let farm = Directory::generate(11, 3);
        let sizes: Vec<usize> = (0..3).map(|zone| farm.zone_hosts(ZoneIndex(zone)).len()).collect();
        assert_eq!(sizes, [4, 4, 3]);
        let best: Vec<_> = (0..3).filter_map(|zone| farm.zone_hosts(ZoneIndex(zone)).last()).collect();
        assert_eq!(best, [&HostIndex(0), &HostIndex(4), &HostIndex(8)]);
        assert_eq!((farm.id(HostIndex(10)).get(), farm.by_name("H11")), (11, Some(HostIndex(10))));
        assert_eq!(&**farm.zone_name(ZoneIndex(2)), "Z3");
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
