//! How a host keeps in step with the farm's configuration: starts, polls and change notices.
//!
//! ```text
//! a start    reads the data store; where that is down, the local host cache stands in
//! a change   is written to the data store on the host of the console, and told to all by way of the collectors
//! a poll     reads what notices did not bring: they are not guaranteed
//! ```
//!
//! Elections and sessions need none of this (CTX114843, "Farm Communication": neither connections nor elections depend on
//! the data store). Only [`Configuration`] asks for the store.

mod notice;

use crate::bindings::Bindings;
use crate::dice::Purpose;
use crate::host_record::HostIndex;
use crate::host_resolver::EntryIndex;
use crate::input::{Answer, Change, Ticket};
use crate::local_host_cache::LocalHostCache;
use crate::message::Message;
use crate::outbox::{Consult, Notice, Verb};
use crate::time::{Span, Time};
use crate::turn::Turn;
use crate::zone::Allegiance;

/// What a host does about the farm's configuration.
#[derive(Debug, Default)]
pub struct Configuration {
    service: Service,
    /// The last question to the data store.
    last_ticket: u32,
    /// The poll that is not answered yet.
    poll: Option<Ticket>,
    /// Starts and polls that were answered, and how much was read.
    reads: (u64, u64),
    rare: Option<Box<Rare>>,
}

/// What most hosts have nothing of.
#[derive(Debug, Default)]
struct Rare {
    /// Changes that are on their way to the data store.
    writes: Vec<(Ticket, Change)>,
    /// Since when the data store cannot be reached, as far as this host has tried.
    failing_since: Option<Time>,
    /// How long it could not be reached before.
    failing: Span,
    /// When the local host cache was last read, and how much of it.
    cache_read: (Time, u64),
}

/// How far the service is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Service {
    #[default]
    Down,
    /// It reads the data store.
    Starting {
        ticket: Ticket,
        /// When the service manager takes it for hung; never again once it has.
        hung_at: Time,
    },
    Running {
        next_poll: Time,
    },
}

/// What a host has done with the data store and its cache since it was made: the product's counters of the same names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConfigurationCounts {
    /// `DataStore reads`: starts and polls that were answered.
    pub reads: u64,
    /// `DataStore bytes read`
    pub bytes_read: u64,
    /// `LocalHostCache bytes read/sec`: what a start without the data store has read of the local host cache within the
    /// last second.
    pub cache_bytes_per_second: u64,
    /// How long the data store could not be reached: `DataStoreConnectionFailure`, there in minutes.
    pub failing: Span,
}

impl ConfigurationCounts {
    /// Nothing yet.
    pub const ZERO: ConfigurationCounts =
        ConfigurationCounts { reads: 0, bytes_read: 0, cache_bytes_per_second: 0, failing: Span::ZERO };

    /// Adds what another host has done.
    pub fn merge(&mut self, other: &ConfigurationCounts) {
        self.reads += other.reads;
        self.bytes_read += other.bytes_read;
        self.cache_bytes_per_second += other.cache_bytes_per_second;
        self.failing = self.failing + other.failing;
    }
}

/// Whom a host tells of a change: who it is to its zone, and the other zones' collectors that it knows if it is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neighbours<'a> {
    pub(crate) allegiance: Allegiance,
    pub(crate) peers: &'a [HostIndex],
}

impl Configuration {
    /// The configuration of the same host in its next life. Tickets go on, so that no answer to the last life is taken
    /// for one to this.
    pub(crate) fn anew(&self) -> Configuration {
        Configuration { last_ticket: self.last_ticket, ..Configuration::default() }
    }

    /// Whether the service is about to start.
    pub const fn is_starting(&self) -> bool {
        matches!(self.service, Service::Starting { .. })
    }

    /// The questions to the data store that are not answered yet.
    pub fn open_tickets(&self) -> impl Iterator<Item = Ticket> + '_ {
        let start = if let Service::Starting { ticket, .. } = self.service { Some(ticket) } else { None };
        let writes = self.rare.iter().flat_map(|rare| &rare.writes).map(|(ticket, _)| *ticket);
        start.into_iter().chain(self.poll).chain(writes)
    }

    /// What was done so far.
    pub fn counts(&self, now: Time) -> ConfigurationCounts {
        let (reads, bytes_read) = self.reads;
        let Some(rare) = &self.rare else {
            return ConfigurationCounts { reads, bytes_read, ..ConfigurationCounts::ZERO };
        };
        let since = rare.failing_since.map_or(Span::ZERO, |since| now.since(since));
        let (read_at, bytes) = rare.cache_read;
        ConfigurationCounts {
            reads,
            bytes_read,
            cache_bytes_per_second: if now.since(read_at) < Span::from_secs(1) { bytes } else { 0 },
            failing: rare.failing + since,
        }
    }

    /// When this room next has something to do by itself, and why.
    #[inline]
    pub const fn next_deadline(&self) -> Option<(Time, &'static str)> {
        match self.service {
            Service::Running { next_poll } => Some((next_poll, "a poll of the data store")),
            Service::Starting { hung_at: Time::NEVER, .. } | Service::Down => None,
            Service::Starting { hung_at, .. } => Some((hung_at, "the service still starts")),
        }
    }

    /// The bytes held besides this itself.
    pub fn memory(&self) -> usize {
        self.rare.as_ref().map_or(0, |rare| size_of::<Rare>() + rare.writes.capacity() * size_of::<(Ticket, Change)>())
    }

    // ---- the service -------------------------------------------------------------------------------------------

    /// The service is asked to start: it reads the data store first (CTX114843, "Bandwidth of Server to Data Store
    /// Communication").
    pub(crate) fn start(&mut self, turn: &mut Turn<'_>) {
        let settings = turn.who.settings;
        let ticket = self.consult(
            turn,
            Consult::Start {
                round_trips: settings.start_round_trips,
                work: settings.start_work,
                bytes: start_bytes(turn),
            },
        );
        self.service = Service::Starting { ticket, hung_at: turn.now + settings.service_start_timeout };
    }

    /// The service is asked to stop. Whether it had not started yet, so that it is down now.
    pub(crate) fn stop(&mut self, turn: &mut Turn<'_>) -> bool {
        let was_starting = self.is_starting();
        self.service = Service::Down;
        if was_starting {
            turn.out.notify(Notice::Stopped);
        }
        was_starting
    }

    /// The deadline has come.
    pub(crate) fn on_deadline(&mut self, turn: &mut Turn<'_>, cache: &LocalHostCache) {
        match &mut self.service {
            Service::Running { next_poll } if *next_poll <= turn.now => {
                *next_poll += turn.who.settings.dcn_change_polling_interval;
                if self.poll.is_none() {
                    self.poll = Some(self.consult(turn, Consult::Poll { known: cache.changes() }));
                }
            }
            // CTX114843, "Bandwidth of Server to Data Store Communication": the error is benign, and the start goes on.
            Service::Starting { hung_at, .. } if *hung_at <= turn.now => {
                *hung_at = Time::NEVER;
                turn.out.notify(Notice::ServiceTimedOut);
            }
            Service::Down | Service::Starting { .. } | Service::Running { .. } => {}
        }
    }

    /// The data store answers. Whether the service starts at this.
    pub(crate) fn on_answer(
        &mut self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        cache: &mut LocalHostCache,
        near: Neighbours<'_>,
        (ticket, answer): (Ticket, Answer),
    ) -> bool {
        if let Service::Starting { ticket: start, .. } = self.service
            && start == ticket
        {
            let from_cache = !self.take_in(turn, cache, answer);
            return self.started(turn, cache, from_cache);
        }
        if self.poll == Some(ticket) {
            self.poll = None;
            self.take_in(turn, cache, answer);
        } else if let Some(rare) = &mut self.rare
            && let Some(place) = rare.writes.iter().position(|(write, _)| *write == ticket)
        {
            let (_, change) = rare.writes.remove(place);
            self.take_in(turn, cache, answer);
            if let Answer::Written { change: number } = answer {
                notice::learn(turn, cache, number);
                notice::broadcast(turn, bindings, near, number, change.bytes);
            }
        }
        false
    }

    /// What the store has said, or that it cannot be reached; whether it can.
    fn take_in(&mut self, turn: &mut Turn<'_>, cache: &mut LocalHostCache, answer: Answer) -> bool {
        match answer {
            Answer::Read { latest, bytes } => {
                self.reads = (self.reads.0 + 1, self.reads.1 + bytes);
                if cache.read(turn.now, latest) {
                    turn.out.notify(Notice::ChangeLearnt(latest));
                }
            }
            Answer::Written { .. } => {}
            Answer::Down => {
                let rare = self.rare.get_or_insert_default();
                if rare.failing_since.is_none() {
                    rare.failing_since = Some(turn.now);
                    turn.out.notify(Notice::StoreUnreachable);
                }
                return false;
            }
        }
        if let Some(rare) = &mut self.rare
            && let Some(since) = rare.failing_since.take()
        {
            rare.failing = rare.failing + turn.now.since(since);
        }
        true
    }

    /// All that a start reads is read, or the data store is down: then a host starts from its cache, unless it is told
    /// not to (`PsRequired`), has never filled it, or has been without the data store for longer than its product lets
    /// it. What the texts do not say of a refused start is our guess: the service is down, and is not started again by
    /// itself.
    fn started(&mut self, turn: &mut Turn<'_>, cache: &LocalHostCache, from_cache: bool) -> bool {
        let settings = turn.who.settings;
        if from_cache && (settings.ps_required || !cache.may_start(turn.now, turn.who.profile.cache_grace())) {
            self.service = Service::Down;
            turn.out.notify(Notice::StartRefused);
            return false;
        }
        // A phase of its own, so that a farm does not poll all at once.
        let phase = turn.draw(settings.dcn_change_polling_interval, Purpose::Poll);
        self.service = Service::Running { next_poll: turn.now + phase };
        turn.out.notify(Notice::Started);
        if from_cache {
            self.rare.get_or_insert_default().cache_read = (turn.now, start_bytes(turn));
            turn.out.notify(Notice::StartedFromCache);
        }
        true
    }

    // ---- changes -----------------------------------------------------------------------------------------------

    /// Somebody changes the farm's configuration on this host: it goes to the data store before anybody hears of it.
    pub(crate) fn change(&mut self, turn: &mut Turn<'_>, change: Change) {
        if let Service::Running { .. } = self.service {
            let ticket = self.consult(turn, Consult::Write { order: change.order, bytes: change.bytes });
            self.rare.get_or_insert_default().writes.push((ticket, change));
        }
    }

    /// A message about the farm's configuration.
    pub(crate) fn on_message(
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        cache: &mut LocalHostCache,
        near: Neighbours<'_>,
        (on, from): (EntryIndex, HostIndex),
        message: &Message,
    ) {
        if let Message::ConfigChange { change, bytes, .. } = *message {
            notice::hear(turn, bindings, cache, near, (on, from), (change, bytes));
        }
    }

    fn consult(&mut self, turn: &mut Turn<'_>, consult: Consult) -> Ticket {
        self.last_ticket = self.last_ticket.wrapping_add(1);
        let ticket = Ticket(self.last_ticket);
        turn.out.push(Verb::Consult(ticket, Box::new(consult)));
        ticket
    }
}

/// What the start of this service reads: the published formula of its product.
fn start_bytes(turn: &Turn<'_>) -> u64 {
    turn.who.profile.store_read_bytes(turn.who.directory.len() as u32)
}
