//! The dynamic store of a data collector: every server's state, load and sessions (IMA Information, "What is a Zone Data
//! Collector"). It is in memory only, and ends with the reign.

use crate::host_record::{HostIndex, ZoneIndex};
use crate::host_resolver::Directory;
use crate::load;
use crate::message::{LoadUpdate, ServerUpdate, SessionEvent, SessionUpdate, Table};
use crate::sessions::Session;

/// What a collector holds, by zone and by server.
#[derive(Debug)]
pub struct DynamicStore {
    zones: Vec<ZoneTables>,
}

/// What is known of one zone's servers, by position in the zone's order; nothing until one of them is heard of.
#[derive(Debug, Default)]
struct ZoneTables {
    servers: Vec<Server>,
    loads: Vec<u32>,
    /// The loads with what was added for sessions that were assigned since. Beside the rest, so that the least loaded
    /// server is found by walking through nothing else.
    biased: Vec<u32>,
}

/// What is known of one server.
#[derive(Clone, Debug, Default)]
struct Server {
    /// The number of its last report; 0 while there is none.
    seq: u32,
    /// Whether it was ever heard of.
    heard: bool,
    up: bool,
    applications: u32,
    /// In the order of their numbers.
    sessions: Vec<Session>,
}

/// Loads that are compared at a time.
const STRETCH: usize = 64;

/// Where a server's load stands.
struct Load<'a> {
    told: &'a mut u32,
    biased: &'a mut u32,
}

impl Load<'_> {
    /// The server has reported: what was added for sessions assigned to it is void. Whether that is another load.
    const fn set(&mut self, load: u32) -> bool {
        *self.biased = load;
        core::mem::replace(self.told, load) != load
    }
}

/// The load of a server of which none is known: it is down, has not reported, or does not share it.
pub const NO_LOAD: u32 = u32::MAX;

/// What an update meant to whoever holds the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is in, and these tables have changed.
    Changed(&'static [Table]),
    /// It was known already.
    Stale,
    /// One before it was lost: only a full update can help.
    Gap,
}

/// What is known of one server, for those who ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerView<'a> {
    /// The number of its last report.
    pub seq: u32,
    /// Whether it runs.
    pub up: bool,
    /// Its load, if one is known.
    pub load: Option<u32>,
    /// How many applications it publishes.
    pub applications: u32,
    /// Its sessions, in the order of their numbers.
    pub sessions: &'a [Session],
}

impl DynamicStore {
    /// An empty store for the zones of this directory.
    pub fn new(directory: &Directory) -> DynamicStore {
        DynamicStore { zones: (0..directory.zone_count()).map(|_| ZoneTables::default()).collect() }
    }

    /// Shows where in memory what is known of a server is.
    #[inline]
    pub fn warm(&self, directory: &Directory, server: HostIndex, show: impl Fn(*const u8)) {
        let tables = &self.zones[directory.zone(server).at()];
        let position = directory.position(server);
        if let (Some(server), Some(load)) = (tables.servers.get(position), tables.loads.get(position)) {
            show(core::ptr::from_ref(server).cast());
            show(core::ptr::from_ref(load).cast());
        }
    }

    /// A server registers, or goes: what was known of it is void.
    pub fn register(&mut self, directory: &Directory, server: HostIndex, update: &ServerUpdate) -> Applied {
        let (entry, mut load) = self.entry(directory, server);
        let ServerUpdate { seq, up, applications, .. } = *update;
        let had_sessions = !entry.sessions.is_empty();
        *entry = Server { seq, heard: true, up, applications, sessions: Vec::new() };
        let other_load = load.set(if update.up { update.load.unwrap_or(NO_LOAD) } else { NO_LOAD });
        Applied::Changed(match (had_sessions, other_load) {
            (false, false) => &[Table::Servers],
            (false, true) => &[Table::Servers, Table::Load],
            (true, false) => &[Table::Sessions, Table::Servers],
            (true, true) => &[Table::Sessions, Table::Servers, Table::Load],
        })
    }

    /// A server was lost without a word.
    pub fn lose(&mut self, directory: &Directory, server: HostIndex) -> Applied {
        let (entry, mut load) = self.entry(directory, server);
        if !entry.up {
            return Applied::Stale;
        }
        // Its next report cannot follow on this one, whatever its number.
        *entry = Server { heard: true, ..Server::default() };
        load.set(NO_LOAD);
        Applied::Changed(&Table::ALL)
    }

    /// A session of a server has changed.
    pub fn apply(&mut self, directory: &Directory, server: HostIndex, update: &SessionUpdate) -> Applied {
        let (entry, mut load) = self.entry(directory, server);
        if !entry.up || update.seq > entry.seq.saturating_add(1) {
            return Applied::Gap;
        }
        if update.seq <= entry.seq {
            return Applied::Stale;
        }
        entry.seq = update.seq;
        let other_load = update.load.is_some_and(|told| load.set(told));
        let active = !matches!(update.event, SessionEvent::Disconnect | SessionEvent::PresentDisconnected);
        let row = Session { number: update.session, user: update.user, app: update.app, active };
        let place = entry.sessions.binary_search_by_key(&row.number, |session| session.number);
        match (update.event, place) {
            (SessionEvent::Logoff, Ok(place)) => drop(entry.sessions.remove(place)),
            (SessionEvent::Logoff, Err(_)) => {}
            (_, Ok(place)) => entry.sessions[place] = row,
            (_, Err(place)) => entry.sessions.insert(place, row),
        }
        Applied::Changed(if other_load { &[Table::Sessions, Table::Load] } else { &[Table::Sessions] })
    }

    /// A server's load has changed.
    pub fn apply_load(&mut self, directory: &Directory, server: HostIndex, update: &LoadUpdate) -> Applied {
        let (entry, mut load) = self.entry(directory, server);
        match (entry.up, update.seq.cmp(&entry.seq)) {
            (false, _) | (true, core::cmp::Ordering::Greater) => Applied::Gap,
            (true, core::cmp::Ordering::Less) => Applied::Stale,
            (true, core::cmp::Ordering::Equal) => {
                load.set(update.load);
                Applied::Changed(&[Table::Load])
            }
        }
    }

    /// Forgets all that is known of a zone: its collector is about to tell it anew.
    pub fn forget_zone(&mut self, zone: ZoneIndex) {
        self.zones[zone.at()] = ZoneTables::default();
    }

    /// What is known of a server; `None` if it was never heard of.
    pub fn server(&self, directory: &Directory, server: HostIndex) -> Option<ServerView<'_>> {
        let tables = &self.zones[directory.zone(server).at()];
        let position = directory.position(server);
        let entry = tables.servers.get(position).filter(|entry| entry.heard)?;
        let load = Some(tables.loads[position]).filter(|&load| load != NO_LOAD);
        let Server { seq, up, applications, sessions, .. } = entry;
        Some(ServerView { seq: *seq, up: *up, load, applications: *applications, sessions })
    }

    /// What is held of a zone, summed up: which servers are up, and the numbers of their last reports. Two who hold the
    /// same come to the same, in whatever order they heard of it.
    pub fn sum(&self, directory: &Directory, zone: ZoneIndex) -> u32 {
        let servers = directory.zone_hosts(zone).iter().zip(&self.zones[zone.at()].servers);
        let sums = servers.filter(|(_, server)| server.up).map(|(&host, server)| {
            let word = (directory.id(host).get() << 16 ^ u64::from(server.seq)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            (word >> 32) as u32
        });
        sums.fold(0, u32::wrapping_add)
    }

    /// The loads of a zone's servers by position in its order, [`NO_LOAD`] where none is known; empty if nothing is known
    /// of the zone.
    pub fn loads(&self, zone: ZoneIndex) -> &[u32] {
        &self.zones[zone.at()].loads
    }

    /// A session was assigned to this server, which does not know yet: until its next report it counts as so much more
    /// loaded. A load that is not known stays so.
    pub fn assign(&mut self, directory: &Directory, server: HostIndex, bias: u32) {
        let biased = &mut self.zones[directory.zone(server).at()].biased;
        if let Some(load) = biased.get_mut(directory.position(server))
            && load::takes_more(*load)
        {
            *load = (*load + bias).min(load::FULL);
        }
    }

    /// This server was offered to somebody who may assign it a session or not: until that is clear it counts as so much
    /// more loaded, but never as full.
    pub fn offer(&mut self, directory: &Directory, server: HostIndex, bias: u32) {
        let biased = &mut self.zones[directory.zone(server).at()].biased;
        if let Some(load) = biased.get_mut(directory.position(server))
            && *load < load::BUSIEST
        {
            *load = (*load + bias).min(load::BUSIEST);
        }
    }

    /// What was added for an offer counts no longer. A report has undone it before, if there was one.
    pub fn withdraw(&mut self, directory: &Directory, server: HostIndex, bias: u32) {
        let (tables, position) = (&mut self.zones[directory.zone(server).at()], directory.position(server));
        if let (Some(load), Some(&told)) = (tables.biased.get_mut(position), tables.loads.get(position))
            && *load > told
        {
            *load = load.saturating_sub(bias).max(told);
        }
    }

    /// The least loaded server of a zone that takes one more session, and its load; of several the lowest-ranked, so that
    /// the collector itself comes last (our guess).
    pub fn least_loaded(&self, directory: &Directory, zone: ZoneIndex) -> Option<(u32, HostIndex)> {
        // A walk that compares and nothing else is many at a time; where in a stretch it is, is looked for in one alone.
        let stretches = self.zones[zone.at()].biased.chunks(STRETCH);
        let (least, place) = stretches.clone().zip(0..).map(|(loads, place)| (loads.iter().min(), place)).min()?;
        let least = least.copied().filter(|&least| load::takes_more(least))?;
        let within = stretches.skip(place).flatten().position(|&load| load == least)?;
        let position = place * STRETCH + within;
        Some((least, directory.zone_hosts(zone)[position]))
    }

    /// The same among these servers alone.
    pub fn least_loaded_of(
        &self,
        directory: &Directory,
        zone: ZoneIndex,
        servers: &[HostIndex],
    ) -> Option<(u32, HostIndex)> {
        let biased = &self.zones[zone.at()].biased;
        let known = servers.iter().filter(|&&server| directory.zone(server) == zone).filter_map(|&server| {
            let position = directory.position(server);
            biased.get(position).map(|&load| (load, position, server))
        });
        known.filter(|&(load, ..)| load::takes_more(load)).min().map(|(load, _, server)| (load, server))
    }

    /// The bytes held.
    pub fn memory(&self) -> usize {
        let zones = self.zones.iter().map(|tables| {
            let sessions: usize = tables.servers.iter().map(|server| server.sessions.capacity()).sum();
            tables.servers.capacity() * size_of::<Server>()
                + (tables.loads.capacity() + tables.biased.capacity()) * size_of::<u32>()
                + sessions * size_of::<Session>()
        });
        zones.sum::<usize>() + self.zones.capacity() * size_of::<ZoneTables>()
    }

    fn entry(&mut self, directory: &Directory, server: HostIndex) -> (&mut Server, Load<'_>) {
        let zone = directory.zone(server);
        let tables = &mut self.zones[zone.at()];
        if tables.servers.is_empty() {
            let hosts = directory.zone_hosts(zone).len();
            tables.servers = vec![Server::default(); hosts];
            tables.loads = vec![NO_LOAD; hosts];
            tables.biased = vec![NO_LOAD; hosts];
        }
        let position = directory.position(server);
        let load = Load { told: &mut tables.loads[position], biased: &mut tables.biased[position] };
        (&mut tables.servers[position], load)
    }
}
