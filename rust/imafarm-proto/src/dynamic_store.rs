//! The dynamic store of a data collector: every server's state, load and sessions (IMA Information, "What is a Zone Data
//! Collector"). It is in memory only, and ends with the reign.

mod column;

use column::Column;

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

/// What is known of one zone's servers, by position in the zone's order; nothing until one of them is heard of. A collector
/// keeps this of every server of the farm, so what few servers have is kept once one of the zone has it.
#[derive(Debug, Default)]
struct ZoneTables {
    /// The number of each one's last report; 0 while there is none.
    seqs: Column,
    /// Whether each was ever heard of, whether it is up, and how many applications it publishes: see [`About`].
    about: Column,
    /// In the order of their numbers; empty while no server of the zone has a session.
    sessions: Vec<Vec<Session>>,
    /// Empty while no load is known.
    loads: Vec<u32>,
    /// The loads with what was added for sessions that were assigned since. Beside the rest, so that the least loaded
    /// server is found by walking through nothing else.
    biased: Vec<u32>,
}

/// What is known of one server, but for its sessions and its load.
#[derive(Clone, Copy, Debug, Default)]
struct About {
    heard: bool,
    up: bool,
    applications: u32,
}

/// More applications than any server publishes, whatever a stranger may say.
const MOST_APPLICATIONS: u32 = u32::MAX >> 2;

impl About {
    fn word(self) -> u32 {
        self.applications.min(MOST_APPLICATIONS) << 2 | (self.up as u32) << 1 | self.heard as u32
    }

    const fn of_word(word: u32) -> About {
        About { heard: word & 1 == 1, up: word & 2 == 2, applications: word >> 2 }
    }
}

impl ZoneTables {
    /// What there is of so many servers.
    fn of(&mut self, hosts: usize) -> &mut ZoneTables {
        if self.about.is_empty() {
            (self.seqs, self.about) = (Column::zeros(hosts), Column::zeros(hosts));
        }
        self
    }

    fn seq(&self, position: usize) -> u32 {
        self.seqs.get(position).unwrap_or(0)
    }

    fn about(&self, position: usize) -> About {
        About::of_word(self.about.get(position).unwrap_or(0))
    }

    fn sessions(&self, position: usize) -> &[Session] {
        self.sessions.get(position).map_or(&[], |sessions| sessions)
    }

    /// A report tells all: what was known is void. Whether there were sessions.
    fn renew(&mut self, position: usize, seq: u32, about: About) -> bool {
        self.seqs.set(position, seq);
        self.about.set(position, about.word());
        self.sessions.get_mut(position).is_some_and(|sessions| !core::mem::take(sessions).is_empty())
    }

    /// The server has reported: what was added for sessions assigned to it is void. Whether that is another load.
    fn set_load(&mut self, position: usize, load: u32) -> bool {
        if self.loads.is_empty() {
            if load == NO_LOAD {
                return false;
            }
            let servers = self.about.len();
            (self.loads, self.biased) = (vec![NO_LOAD; servers], vec![NO_LOAD; servers]);
        }
        self.biased[position] = load;
        core::mem::replace(&mut self.loads[position], load) != load
    }
}

/// Loads that are compared at a time.
const STRETCH: usize = 64;

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
        tables.seqs.warm(position, &show);
        tables.about.warm(position, &show);
        if let Some(load) = tables.loads.get(position) {
            show(core::ptr::from_ref(load).cast());
        }
    }

    /// A server registers, or goes: what was known of it is void.
    pub fn register(&mut self, directory: &Directory, server: HostIndex, update: &ServerUpdate) -> Applied {
        let (tables, position) = self.entry(directory, server);
        let ServerUpdate { seq, up, applications, .. } = *update;
        let had_sessions = tables.renew(position, seq, About { heard: true, up, applications });
        let other_load = tables.set_load(position, if update.up { update.load.unwrap_or(NO_LOAD) } else { NO_LOAD });
        Applied::Changed(match (had_sessions, other_load) {
            (false, false) => &[Table::Servers],
            (false, true) => &[Table::Servers, Table::Load],
            (true, false) => &[Table::Sessions, Table::Servers],
            (true, true) => &[Table::Sessions, Table::Servers, Table::Load],
        })
    }

    /// A server was lost without a word.
    pub fn lose(&mut self, directory: &Directory, server: HostIndex) -> Applied {
        let (tables, position) = self.entry(directory, server);
        if !tables.about(position).up {
            return Applied::Stale;
        }
        // Its next report cannot follow on this one, whatever its number.
        tables.renew(position, 0, About { heard: true, ..About::default() });
        tables.set_load(position, NO_LOAD);
        Applied::Changed(&Table::ALL)
    }

    /// A session of a server has changed.
    pub fn apply(&mut self, directory: &Directory, server: HostIndex, update: &SessionUpdate) -> Applied {
        let (tables, position) = self.entry(directory, server);
        let known = tables.seq(position);
        if !tables.about(position).up || update.seq > known.saturating_add(1) {
            return Applied::Gap;
        }
        if update.seq <= known {
            return Applied::Stale;
        }
        tables.seqs.set(position, update.seq);
        let other_load = update.load.is_some_and(|told| tables.set_load(position, told));
        if tables.sessions.is_empty() {
            tables.sessions = vec![Vec::new(); tables.about.len()];
        }
        let sessions = &mut tables.sessions[position];
        let active = !matches!(update.event, SessionEvent::Disconnect | SessionEvent::PresentDisconnected);
        let row = Session { number: update.session, user: update.user, app: update.app, active };
        let place = sessions.binary_search_by_key(&row.number, |session| session.number);
        match (update.event, place) {
            (SessionEvent::Logoff, Ok(place)) => drop(sessions.remove(place)),
            (SessionEvent::Logoff, Err(_)) => {}
            (_, Ok(place)) => sessions[place] = row,
            (_, Err(place)) => sessions.insert(place, row),
        }
        Applied::Changed(if other_load { &[Table::Sessions, Table::Load] } else { &[Table::Sessions] })
    }

    /// A server's load has changed.
    pub fn apply_load(&mut self, directory: &Directory, server: HostIndex, update: &LoadUpdate) -> Applied {
        let (tables, position) = self.entry(directory, server);
        match (tables.about(position).up, update.seq.cmp(&tables.seq(position))) {
            (false, _) | (true, core::cmp::Ordering::Greater) => Applied::Gap,
            (true, core::cmp::Ordering::Less) => Applied::Stale,
            (true, core::cmp::Ordering::Equal) => {
                tables.set_load(position, update.load);
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
        let About { heard, up, applications } = tables.about(position);
        let load = tables.loads.get(position).copied().filter(|&load| load != NO_LOAD);
        let (seq, sessions) = (tables.seq(position), tables.sessions(position));
        heard.then_some(ServerView { seq, up, load, applications, sessions })
    }

    /// What is held of a zone, summed up: which servers are up, and the numbers of their last reports. Two who hold the
    /// same come to the same, in whatever order they heard of it.
    pub fn sum(&self, directory: &Directory, zone: ZoneIndex) -> u32 {
        let tables = &self.zones[zone.at()];
        let servers = directory.zone_hosts(zone).iter().zip(tables.about.iter().zip(tables.seqs.iter()));
        let sums = servers.filter(|(_, (about, _))| About::of_word(*about).up).map(|(&host, (_, seq))| {
            let word = (directory.id(host).get() << 16 ^ u64::from(seq)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            (word >> 32) as u32
        });
        sums.fold(0, u32::wrapping_add)
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
            let sessions: usize =
                tables.sessions.iter().map(|sessions| sessions.capacity() * size_of::<Session>()).sum();
            tables.seqs.memory()
                + tables.about.memory()
                + (tables.loads.capacity() + tables.biased.capacity()) * size_of::<u32>()
                + tables.sessions.capacity() * size_of::<Vec<Session>>()
                + sessions
        });
        zones.sum::<usize>() + self.zones.capacity() * size_of::<ZoneTables>()
    }

    /// Where a server's place is.
    fn entry(&mut self, directory: &Directory, server: HostIndex) -> (&mut ZoneTables, usize) {
        let zone = directory.zone(server);
        (self.zones[zone.at()].of(directory.zone_hosts(zone).len()), directory.position(server))
    }
}
