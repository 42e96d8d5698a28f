//! The farm as a whole: its hosts, their power, and what can be asked of it.
//!
//! Commands act at the present moment. What follows from them is seen by [`Farm::advance`].

use std::sync::Arc;

use imafarm_proto::bindings::BindingCounts;
use imafarm_proto::dice::{Dice, Purpose};
use imafarm_proto::host::Host;
use imafarm_proto::host_record::HostIndex;
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::input::Input;
use imafarm_proto::message::{Kind, MagicNumber};
use imafarm_proto::outbox::Outbox;
use imafarm_proto::settings::{SettingError, Settings};
use imafarm_proto::time::{Span, Time};
use imafarm_proto::zone::{ElectionCounts, Standing};

use crate::chronicle::{Chronicle, FarmEvent, What};
use crate::digest::{Chain, Digest};
use crate::ledger::{Count, Ledger};
use crate::network::{EndRef, Link, Network, Pipes};
use crate::schedule::{Event, Parcel, Schedule};
use crate::world::{Seat, World};

pub use crate::world::TraceRecord;

/// Whether a host runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// The machine is on, the service is not: calls are refused.
    Off,
    /// The service runs.
    Up,
    /// The machine is gone: nothing answers.
    Crashed,
    /// The service is frozen: it handles nothing, but its connections stand.
    Paused,
}

impl Power {
    /// One lower-case word.
    pub const fn name(self) -> &'static str {
        match self {
            Power::Off => "off",
            Power::Up => "up",
            Power::Crashed => "crashed",
            Power::Paused => "paused",
        }
    }
}

/// How far [`Farm::advance`] went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// All the way.
    Arrived,
    /// Something happened that the caller wanted to know.
    Woken,
    /// As many events were handled as the caller allowed.
    Busy,
}

/// What hosts have done, summed over hosts or over the lives of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Bindings.
    pub bindings: BindingCounts,
    /// Active bindings now.
    pub active: u64,
    /// Elections.
    pub elections: ElectionCounts,
}

impl Totals {
    pub(crate) const ZERO: Totals = Totals {
        bindings: BindingCounts { opened: 0, hit: 0, evicted: 0, closed: 0, refused: 0, overflowed: 0 },
        active: 0,
        elections: ElectionCounts { started: 0, won: 0 },
    };

    pub(crate) fn merge(&mut self, other: &Totals) {
        let (mine, theirs) = (&mut self.bindings, &other.bindings);
        mine.opened += theirs.opened;
        mine.hit += theirs.hit;
        mine.evicted += theirs.evicted;
        mine.closed += theirs.closed;
        mine.refused += theirs.refused;
        mine.overflowed += theirs.overflowed;
        self.active += other.active;
        self.elections.started += other.elections.started;
        self.elections.won += other.elections.won;
    }
}

/// What a farm is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who is in it.
    pub directory: Arc<Directory>,
    /// Everything random follows from this.
    pub seed: u64,
    /// The farm's number.
    pub magic: MagicNumber,
    /// The settings of most hosts.
    pub settings: Arc<Settings>,
    /// The settings of others.
    pub host_settings: Vec<(HostIndex, Arc<Settings>)>,
    /// Links inside a zone.
    pub inside: Link,
    /// Links between zones.
    pub between: Link,
    /// Whether every message is encoded and decoded on its way.
    pub wire: bool,
    /// Which kinds are traced.
    pub traced: Vec<Kind>,
}

/// A farm in virtual time.
#[derive(Debug)]
pub struct Farm {
    pub(crate) now: Time,
    pub(crate) events: u64,
    pub(crate) seats: Vec<Seat>,
    pub(crate) world: World,
    pub(crate) chronicle: Chronicle,
    pub(crate) outbox: Outbox,
    /// The order of one host's events in a window; empty between hosts, kept for its room.
    pub(crate) order: Vec<(u64, u32)>,
    pub(crate) told_trace: usize,
    directory: Arc<Directory>,
    dice: Dice,
}

impl Farm {
    /// A farm at time zero, with every host off.
    pub fn new(plan: Plan) -> Farm {
        let Plan { directory, seed, magic, settings, host_settings, inside, between, wire, traced } = plan;
        let dice = Dice::new(seed);
        let zones = directory.zone_count();
        let zone_of: Vec<u32> = directory.hosts().map(|host| directory.zone(host).0).collect();
        let network = Network::new(dice, zone_of.clone(), inside, between);
        let mut settings = vec![settings; directory.len()];
        for (host, own) in host_settings {
            settings[host.at()] = own;
        }
        let world = World {
            schedule: Schedule::new(network.least_latency()),
            pipes: Pipes::new(zones as u32, between),
            network,
            ledger: Ledger::new(zones),
            notices: Vec::new(),
            wire,
            traced: Kind::ALL.map(|kind| traced.contains(&kind)),
            trace: Vec::new(),
        };
        let seats = directory
            .hosts()
            .map(|me| {
                let host = Host::new(me, magic, dice, Arc::clone(&directory), Arc::clone(&settings[me.at()]));
                Seat::new(me.0, host)
            })
            .collect();
        Farm {
            now: Time::ZERO,
            events: 0,
            seats,
            world,
            chronicle: Chronicle::new(zone_of, zones),
            outbox: Outbox::default(),
            order: Vec::new(),
            told_trace: 0,
            directory,
            dice,
        }
    }

    // ---- commands ----------------------------------------------------------------------------------------------

    /// Starts hosts that are off or crashed, each at a moment drawn within `spread` from now.
    pub fn start(&mut self, hosts: &[u32], spread: Span) {
        for &host in hosts {
            let wait = Span(self.dice.below(spread.0, Purpose::Boot, host, 0, self.now.0));
            let start = Event { offset: 0, target: host, to: EndRef::NONE, source: host, parcel: Parcel::Start };
            self.world.schedule.push(self.now + wait, start);
        }
    }

    /// Asks running hosts to stop in good order.
    pub fn stop(&mut self, hosts: &[u32]) {
        for &host in hosts {
            if self.seats[host as usize].power == Power::Up {
                self.act(host, Input::Stop);
            }
        }
        self.tell();
    }

    /// Takes hosts away without a word: their memory and their connections are lost.
    pub fn crash(&mut self, hosts: &[u32]) {
        for &host in hosts {
            let seat = &mut self.seats[host as usize];
            if matches!(seat.power, Power::Up | Power::Paused) {
                seat.renew();
                for event in core::mem::take(&mut seat.deferred) {
                    seat.lose(&mut self.world, &event);
                }
                self.world.note(self.now, host, What::Down);
            }
            self.seats[host as usize].power = Power::Crashed;
        }
        self.tell();
    }

    /// Crashes hosts and starts them again at once.
    pub fn restart(&mut self, hosts: &[u32]) {
        self.crash(hosts);
        self.start(hosts, Span::ZERO);
    }

    /// Freezes running hosts.
    pub fn pause(&mut self, hosts: &[u32]) {
        for &host in hosts {
            let seat = &mut self.seats[host as usize];
            if seat.power == Power::Up {
                seat.power = Power::Paused;
                self.world.note(self.now, host, What::Paused);
            }
        }
        self.tell();
    }

    /// Lets frozen hosts go on: all that has arrived meanwhile, they handle now.
    pub fn resume(&mut self, hosts: &[u32]) {
        for &host in hosts {
            let seat = &mut self.seats[host as usize];
            if seat.power == Power::Paused {
                seat.power = Power::Up;
                for event in core::mem::take(&mut seat.deferred) {
                    self.world.schedule.push(self.now, event);
                }
                self.world.schedule.push(self.now, Event::wake(host));
                self.world.note(self.now, host, What::Resumed);
            }
        }
        self.tell();
    }

    /// Forces an election, as `querydc -e` on this host would.
    pub fn elect(&mut self, host: u32) {
        if self.seats[host as usize].power == Power::Up {
            self.act(host, Input::Elect);
        }
    }

    /// Cuts hosts off from hosts, one way or both; the cut's number.
    pub fn cut(&mut self, from: &[u32], to: &[u32], both: bool) -> u32 {
        self.world.network.cut(from, to, both)
    }

    /// Heals one cut, or all. Whether there was such a cut.
    pub fn heal(&mut self, cut: Option<u32>) -> bool {
        self.world.network.heal(cut)
    }

    /// Turns a setting of hosts. A running host has it from its next start on, as with a registry value.
    ///
    /// Errors: [`SettingError`]; nothing has changed then.
    pub fn set_setting(&mut self, hosts: &[u32], name: &str, value: i128) -> Result<(), SettingError> {
        Settings::default().set(name, value)?;
        let mut turned: Vec<(Arc<Settings>, Arc<Settings>)> = Vec::new();
        for &host in hosts {
            let seat = &mut self.seats[host as usize];
            let old = &seat.settings;
            seat.settings = match turned.iter().find(|(from, _)| Arc::ptr_eq(from, old)) {
                Some((_, to)) => Arc::clone(to),
                None => {
                    let mut own = Settings::clone(old);
                    own.set(name, value)?;
                    turned.push((Arc::clone(old), Arc::new(own)));
                    Arc::clone(&turned[turned.len() - 1].1)
                }
            };
            if matches!(seat.power, Power::Off | Power::Crashed) {
                seat.renew();
            }
        }
        Ok(())
    }

    // ---- questions ---------------------------------------------------------------------------------------------

    /// Farm time.
    pub const fn now(&self) -> Time {
        self.now
    }

    /// How long a window is: how often observers are told.
    pub const fn window(&self) -> Span {
        self.world.schedule.window()
    }

    /// Who is in the farm.
    pub const fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// How many events were handled so far.
    pub const fn event_count(&self) -> u64 {
        self.events
    }

    /// A host, to look at.
    pub fn host(&self, host: u32) -> (&Host, Power) {
        let seat = &self.seats[host as usize];
        (&seat.host, seat.power)
    }

    /// What became of all messages.
    pub const fn ledger(&self) -> &Ledger {
        &self.world.ledger
    }

    /// What happened.
    pub const fn chronicle(&self) -> &Chronicle {
        &self.chronicle
    }

    /// Which events are kept for [`Farm::take_events`], by class.
    pub const fn keep_events(&mut self, classes: u32) {
        self.chronicle.keep(classes);
    }

    /// The events since they were last taken, in order.
    pub fn take_events(&mut self) -> Vec<FarmEvent> {
        self.chronicle.take_events()
    }

    /// The deliveries that were traced, in order of time, target and source.
    pub fn trace(&self) -> &[TraceRecord] {
        &self.world.trace
    }

    /// What all hosts of a zone, or of the farm, have done.
    pub fn totals(&self, zone: Option<u32>) -> Totals {
        let mut totals = Totals::ZERO;
        for seat in &self.seats {
            if zone.is_none_or(|zone| self.world.network.zone(seat.me) == zone) {
                totals.merge(&seat.past);
                totals.merge(&totals_of(&seat.host));
            }
        }
        totals
    }

    /// What one host has done, in all its lives.
    pub fn host_totals(&self, host: u32) -> Totals {
        let seat = &self.seats[host as usize];
        let mut totals = seat.past;
        totals.merge(&totals_of(&seat.host));
        totals
    }

    /// The messages under way now, by [`Kind::index`]: counted one by one, not calculated.
    pub fn in_flight(&self) -> [Count; Kind::COUNT] {
        let mut counts = [Count::default(); Kind::COUNT];
        let deferred = self.seats.iter().flat_map(|seat| &seat.deferred);
        for event in self.world.schedule.pending().chain(self.world.pipes.pending()).chain(deferred) {
            if let Some(kind) = event.kind() {
                counts[kind.index()].add(self.seats[event.target as usize].bytes_of(event));
            }
        }
        counts
    }

    /// Checks that `sent = delivered + dropped + in flight`, by kind, in messages and in bytes; what does not hold.
    pub fn check_conservation(&self) -> Vec<String> {
        let in_flight = self.in_flight();
        let mut broken = Vec::new();
        for kind in Kind::ALL {
            let tally = self.world.ledger.total(kind);
            let mut accounted = tally.delivered;
            accounted.merge(tally.dropped);
            accounted.merge(in_flight[kind.index()]);
            if accounted != tally.sent {
                broken.push(format!("{}: sent {:?}, accounted for {accounted:?}", kind.name(), tally.sent));
            }
        }
        let totals = self.totals(None);
        let BindingCounts { opened, evicted, closed, .. } = totals.bindings;
        if opened != evicted + closed + totals.active {
            broken.push(format!(
                "bindings: opened {opened}, evicted {evicted}, closed {closed}, active {}",
                totals.active
            ));
        }
        broken
    }

    /// The bytes that hosts, connections and events hold. What allocators add, and the directory, is not in it.
    pub fn memory(&self) -> usize {
        let seats: usize = self.seats.iter().map(Seat::memory).sum();
        self.seats.capacity() * size_of::<Seat>() + seats + self.world.schedule.memory()
    }

    /// The farm's history so far.
    pub fn digest(&self) -> Digest {
        let chains: Vec<Chain> = self.seats.iter().map(|seat| seat.chain).collect();
        let figures = Kind::ALL.into_iter().flat_map(|kind| {
            let tally = self.world.ledger.total(kind);
            [tally.sent.messages, tally.sent.bytes, tally.delivered.messages, tally.dropped.messages]
        });
        Digest::of(&chains, figures.chain([self.now.0]))
    }

    /// What a host is to its zone, unless it does not run.
    pub fn standing(&self, host: u32) -> Standing {
        let seat = &self.seats[host as usize];
        match seat.power {
            Power::Up | Power::Paused => seat.host.standing(),
            Power::Off | Power::Crashed => Standing::Down,
        }
    }
}

pub(crate) fn totals_of(host: &Host) -> Totals {
    Totals { bindings: host.binding_counts(), active: host.active_bindings().into(), elections: host.election_counts() }
}
