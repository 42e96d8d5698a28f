//! What went over an emulated wire, as a capture file (pcapng) that Wireshark and its like open.
//!
//! Hosts and what they say come in; frames with addresses, ports, sequence numbers and checksums go out. Nothing here knows
//! a farm. What the emulator does not have, TCP's own segments, is made up so that it goes with what it has, and is at the
//! same moment: see [`line`].
//!
//! ```text
//! file    the blocks of a file, one after the other
//! line    one connection: what of TCP goes with what hosts do
//! frame   one frame
//! ```

mod file;
mod frame;
mod line;

use thiserror::Error;

pub use file::{Section, Written, write};

/// The port on which every host accepts calls.
pub const PORT: u16 = 2512;

/// A host, as a capture shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// What names resolve to.
    pub name: String,
    /// Its IPv4 address; its MAC address follows from that.
    pub address: [u8; 4],
}

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act<'a> {
    /// The source calls the target.
    Connect,
    /// The source takes the target's call.
    Accept,
    /// The source says this.
    Message(&'a [u8]),
    /// The source closes in good order.
    Finish,
    /// The source turns the target's call away.
    Refused,
    /// The source gives the connection up.
    Broken,
}

/// One thing that goes over a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// When, in nanoseconds.
    pub time_ns: u64,
    /// From which host.
    pub source: u32,
    /// To which.
    pub target: u32,
    /// On which connection.
    pub connection: u32,
    /// What.
    pub act: Act<'a>,
}

/// A capture that could not be written. What has been written of it is of no use.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct WriteError(#[from] pub std::io::Error);
