//! Everything that can happen to a host.

use crate::host_resolver::EntryIndex;
use crate::message::Message;

/// A caller that has reached our port and waits to be answered. The driver's number; it means nothing to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call(pub u64);

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
    /// Somebody calls.
    Incoming(Call),
    /// A connection that this host opened stands.
    Connected(EntryIndex),
    /// A message arrived.
    Received(EntryIndex, Message),
    /// A connection ended. Nothing more will arrive on it.
    Closed(EntryIndex, Ending),
}
