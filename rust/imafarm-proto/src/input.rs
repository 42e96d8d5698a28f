//! Everything that can happen to a host.

use crate::host_resolver::EntryIndex;
use crate::message::{Message, Question, Table};

/// A caller that has reached our port and waits to be answered. The driver's number; it means nothing to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call(pub u64);

/// What happens to a session that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionAct {
    /// Its user is gone.
    Disconnect,
    /// Its user is back.
    Reconnect,
    /// It ends.
    Logoff,
}

/// A host's number of a question to the data store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u32);

/// What the data store says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All that was asked for.
    Read {
        /// The number of the last change that the store has.
        latest: u32,
        /// How much was read.
        bytes: u64,
    },
    /// A change is in.
    Written {
        /// Its number.
        change: u32,
    },
    /// The store cannot be reached.
    Down,
}

/// A change of the farm's configuration, made in a console on this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The console's number of it.
    pub order: u32,
    /// How long it is.
    pub bytes: u32,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The other side closed in good order.
    Finished,
    /// Nobody listens there.
    Refused,
    /// It broke: the other side is gone, dropped it, or cannot be reached any more.
    Broken,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The service starts.
    Start,
    /// The service is asked to stop, in good order.
    Stop,
    /// The deadline that the host named has come.
    Deadline,
    /// An election is forced from outside (`querydc -e`).
    Elect,
    /// A user logs on.
    Logon {
        /// Whose session it is.
        user: u32,
        /// Which application it runs.
        app: u32,
    },
    /// Something happens to a session of this number.
    Session(u32, SessionAct),
    /// The load is set from outside; `None` leaves it to the evaluator again.
    SetLoad(Option<u32>),
    /// Changes of a table of the collector's are of interest from now on, or no more.
    Subscribe(Table, bool),
    /// A user's client asks this host where its session should run; the answer is a [`Verb::Direct`](crate::outbox::Verb).
    Resolve(Question),
    /// Somebody changes the farm's configuration on this host.
    Change(Change),
    /// The data store answers.
    Consulted(Ticket, Answer),
    /// Somebody calls.
    Incoming(Call),
    /// A connection that this host opened stands.
    Connected(EntryIndex),
    /// A message arrived.
    Received(EntryIndex, Message),
    /// What arrives on a connection is not the speech of our farm: it is no frame, or its seal does not fit.
    Stranger(EntryIndex),
    /// A connection ended. Nothing more will arrive on it.
    Closed(EntryIndex, Ending),
}
