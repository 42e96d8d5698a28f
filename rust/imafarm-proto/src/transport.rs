//! Bytes: framing and codec.
//!
//! The transport carries packets between hosts and does not care what they mean (IMA Information, first answer). The
//! specification gives no bytes at all: every byte here is our guess, and `docs/wire.md` describes each of them.
//!
//! ```text
//! framing  the header, the checksum, frames out of a stream of bytes and into it
//! codec    which fields each kind of message has: one line a kind
//! body     fields as MessagePack, out and in
//! field    what a field may be
//! ```

pub mod body;
pub mod codec;
pub mod field;
pub mod framing;

pub use body::{BodyError, BodyFault};
pub use framing::{Fault, FrameError, Framer, HEADER_LEN, Limits};
