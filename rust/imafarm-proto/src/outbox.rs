//! The few verbs by which a host acts on the world.

use crate::applications::Changes;
use crate::host_record::HostIndex;
use crate::host_resolver::EntryIndex;
use crate::input::{Call, Ticket};
use crate::message::{Message, SessionEvent, Table};
use crate::time::Span;

/// One act. The driver carries them out in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Connect to a host; what comes of it is reported under this entry.
    Open {
        /// Where the binding stands in the host's cache.
        entry: EntryIndex,
        /// Whom to connect to.
        to: HostIndex,
    },
    /// Answer a caller; from now on it is known by this entry.
    Accept {
        /// Who called.
        call: Call,
        /// Where the binding stands in the host's cache.
        entry: EntryIndex,
    },
    /// Turn a caller away.
    Refuse(Call),
    /// Send a message on a connection.
    Send(EntryIndex, Message),
    /// Send a message to many at once, each on the binding that this host began with.
    Fan(Box<Fan>),
    /// Close a connection once all that was sent on it has gone. Its end is still reported.
    Close(EntryIndex),
    /// Drop a connection at once. Nothing more is reported of it, and the entry may be used again.
    Abort(EntryIndex),
    /// Answer a user's client: its session should run there.
    Direct {
        /// The client's number of the question.
        request: u32,
        /// Where to; nowhere if no server can take it.
        server: Option<HostIndex>,
        /// That server's load, as far as it is known.
        load: u32,
    },
    /// Tell whoever watches.
    Notify(Notice),
    /// Ask the data store; its answer is reported under this ticket.
    Consult(Ticket, Box<Consult>),
}

/// A message to hosts that stand side by side in the order of the sender's zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fan {
    /// The first one's position in the zone's order.
    pub first: u32,
    /// To how many it goes.
    pub count: u32,
    /// What is sent.
    pub message: Message,
}

/// A question to the data store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consult {
    /// All that the start of a service reads. The answer comes when the start is through.
    Start {
        /// In so many round trips, one after the other.
        round_trips: u32,
        /// How long the start takes besides.
        work: Span,
        /// How much is read.
        bytes: u64,
    },
    /// Every change that is missing.
    Poll {
        /// The changes that are not.
        known: Changes,
    },
    /// A change is to be written.
    Write {
        /// The console's number of it.
        order: u32,
        /// How long it is.
        bytes: u32,
    },
}

/// What a host tells its observers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It could not reach its data collector.
    MasterUnreachable(HostIndex),
    /// It began an election: it sent ELECT_MASTER to every host ranked higher.
    ElectionStarted,
    /// A higher-ranked host has taken its election over.
    ElectionAcknowledged,
    /// It declared itself the data collector.
    MasterDeclared,
    /// It was the data collector, and gave way to another.
    MasterResigned(HostIndex),
    /// It takes this host for its data collector from now on.
    MasterAccepted(HostIndex),
    /// It turned away a host that showed another farm's magic number, that it does not know, or that does not speak as
    /// its farm does.
    StrangerRefused,
    /// The collector takes a member for lost: it was silent, and a ping went unanswered.
    MemberLost(HostIndex),
    /// It has stopped in good order and may be switched off.
    Stopped,
    /// The collector takes another zone's collector for lost: it was silent, and a ping went unanswered.
    PeerLost(HostIndex),
    /// Something has happened to one of its sessions, of this number.
    SessionChanged(u32, SessionEvent),
    /// It subscribed to a table of its collector, and that has changed.
    TableChanged(Table),
    /// Its service has started.
    Started,
    /// The data store is down, so its service started from its local host cache.
    StartedFromCache,
    /// The data store is down, and its service may not start without.
    StartRefused,
    /// Its service still starts, and the service manager takes it for hung. It starts all the same.
    ServiceTimedOut,
    /// It could not reach the data store, which it could before.
    StoreUnreachable,
    /// Its local host cache has this change now, and maybe others before it.
    ChangeLearnt(u32),
}

/// Where a host's acts go: into an [`Outbox`], or to a driver that carries each out as soon as it is wanted.
pub trait Sink {
    /// One act, after all before it.
    fn push(&mut self, verb: Verb);

    /// Sends a message on a connection.
    #[inline(always)]
    fn send(&mut self, entry: EntryIndex, message: Message) {
        self.push(Verb::Send(entry, message));
    }

    /// Tells whoever watches.
    #[inline]
    fn notify(&mut self, notice: Notice) {
        self.push(Verb::Notify(notice));
    }
}

/// What a host wants done, in order.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    verbs: Vec<Verb>,
}

impl Outbox {
    /// Adds an act.
    #[inline]
    pub fn push(&mut self, verb: Verb) {
        self.verbs.push(verb);
    }

    /// Takes all acts out, in order; the room they took is kept.
    pub fn drain(&mut self) -> impl Iterator<Item = Verb> + '_ {
        self.verbs.drain(..)
    }

    /// Tells whoever watches.
    pub fn notify(&mut self, notice: Notice) {
        self.push(Verb::Notify(notice));
    }
}

impl Sink for Outbox {
    #[inline]
    fn push(&mut self, verb: Verb) {
        self.verbs.push(verb);
    }
}
