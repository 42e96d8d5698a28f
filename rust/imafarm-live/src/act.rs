//! What hosts want done. Acts are to be carried out in order.

use imafarm_proto::input::Ticket;
use imafarm_proto::outbox::Consult;

/// A connection, either way. No number is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conn(pub u64);

/// One act of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Whose.
    pub host: u32,
    /// What it wants.
    pub what: Wish,
}

/// What a host wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Connect to a host.
    Open {
        /// The connection, from now on.
        conn: Conn,
        /// Whom to.
        to: u32,
    },
    /// The caller is answered; what it says may be read from now on.
    Accept(Conn),
    /// Turn the caller away.
    Refuse(Conn),
    /// Send bytes.
    Write(Conn, Vec<u8>),
    /// Close once all is sent, this way only: what the other side has sent is still read, to its end.
    Close(Conn),
    /// Drop the connection at once. For the log: why, if the other side is to blame.
    Abort(Conn, Option<String>),
    /// The binding is active: the other side has shown that it is this host.
    Bound(Conn, u32),
    /// Ask the data store.
    Consult(Ticket, Consult),
    /// A change is in the data store of which nobody here had heard yet: its number.
    Heard(u32),
    /// The service has started.
    Started,
    /// The service has stopped in good order, or was not to start: no connection is the host's any more.
    Stopped,
}

/// How a connection ended, as whoever carried it saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The other side has closed in good order.
    Finished,
    /// Nobody listens there.
    Refused,
    /// It broke, or could not be made.
    Broken,
}
