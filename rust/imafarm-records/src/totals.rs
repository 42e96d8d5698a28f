//! What hosts have done, summed over hosts or over the lives of one.

use imafarm_proto::bindings::BindingCounts;
use imafarm_proto::configuration::ConfigurationCounts;
use imafarm_proto::dynamic::DynamicCounts;
use imafarm_proto::host::Host;
use imafarm_proto::time::{Span, Time};
use imafarm_proto::zone::ElectionCounts;

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
    /// Every state of power.
    pub const ALL: [Power; 4] = [Power::Off, Power::Up, Power::Crashed, Power::Paused];

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

/// What hosts have done, summed over hosts or over the lives of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Bindings.
    pub bindings: BindingCounts,
    /// Active bindings now.
    pub active: u64,
    /// Elections.
    pub elections: ElectionCounts,
    /// Dynamic data.
    pub dynamic: DynamicCounts,
    /// The data store and the local host cache.
    pub configuration: ConfigurationCounts,
    /// Work, where work takes time.
    pub work: WorkTotals,
}

impl Totals {
    /// Nothing yet.
    pub const ZERO: Totals = Totals {
        bindings: BindingCounts::ZERO,
        active: 0,
        elections: ElectionCounts { started: 0, won: 0 },
        dynamic: DynamicCounts::ZERO,
        configuration: ConfigurationCounts::ZERO,
        work: WorkTotals::ZERO,
    };

    /// What a host has done in the life that it is in; its work is the driver's to add.
    pub fn of_life(host: &Host, now: Time) -> Totals {
        Totals {
            bindings: host.binding_counts(),
            active: host.active_bindings().into(),
            elections: host.election_counts(),
            dynamic: host.dynamic().counts(),
            configuration: host.configuration().counts(now),
            work: WorkTotals::ZERO,
        }
    }

    /// What remains of a life that is over: what was active is closed now, and nothing waits or is read any more.
    #[must_use]
    pub const fn ended(mut self) -> Totals {
        self.bindings.closed += self.active;
        self.active = 0;
        self.work = WorkTotals { busy: self.work.busy, ..WorkTotals::ZERO };
        self.configuration.cache_bytes_per_second = 0;
        self
    }

    /// Adds what others have done.
    pub fn merge(&mut self, other: &Totals) {
        self.bindings.merge(&other.bindings);
        self.active += other.active;
        self.elections.started += other.elections.started;
        self.elections.won += other.elections.won;
        self.dynamic.merge(&other.dynamic);
        self.configuration.merge(&other.configuration);
        self.work.merge(&other.work);
    }
}

/// What waits for hosts to work on it, and for how long they have worked.
///
/// An item is whatever comes over a connection: a message, a call, an end. What the product's counters of the same names
/// count exactly is not published; this is our guess.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkTotals {
    /// Items that wait their turn.
    pub ready: u64,
    /// Items that wait for a paused host to go on, the one it was at among them.
    pub pending: u64,
    /// Items that are worked on: one for a host at most.
    pub executing: u64,
    /// How long was worked.
    pub busy: Span,
}

impl WorkTotals {
    /// Nothing yet.
    pub const ZERO: WorkTotals = WorkTotals { ready: 0, pending: 0, executing: 0, busy: Span::ZERO };

    /// Adds what waits for others, and what they have worked.
    pub fn merge(&mut self, other: &WorkTotals) {
        self.ready += other.ready;
        self.pending += other.pending;
        self.executing += other.executing;
        self.busy = self.busy + other.busy;
    }
}

/// What became of a zone's users. `arrived = logged on + refused + lost + under way`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Visits {
    /// Users who came.
    pub arrived: u64,
    /// Those who got a session.
    pub logged_on: u64,
    /// Those who were told that no server can take them.
    pub refused: u64,
    /// Those who found no host to ask, or whose host or server was gone before they had a session.
    pub lost: u64,
}

impl Visits {
    /// Adds what became of others.
    pub const fn merge(&mut self, other: &Visits) {
        self.arrived += other.arrived;
        self.logged_on += other.logged_on;
        self.refused += other.refused;
        self.lost += other.lost;
    }
}

/// What became of a change of the configuration that somebody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It is on its way to the store.
    Open,
    /// It is in, under this number.
    Made(u32),
    /// The store was down.
    Refused,
}
