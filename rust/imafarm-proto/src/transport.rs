//! Bytes: framing and codec.
//!
//! The transport carries packets between hosts and does not care what they mean (IMA Information, first answer). The
//! specification gives no bytes at all: every byte here is our guess, and `docs/wire.md` describes each of them.
//!
//! ```text
//! framing  the header, the checksum, frames out of a stream of bytes and into it
//! seal     what a farm with a key puts behind each frame
//! fault    what can be wrong with a stream, and where in it
//! codec    which fields each kind of message has: one line a kind
//! body     fields as MessagePack, out and in
//! field    what a field may be
//! ```

pub mod body;
pub mod codec;
pub mod fault;
pub mod field;
pub mod framing;
pub mod seal;

pub use body::{BodyError, BodyFault};
pub use fault::{Fault, FrameError};
pub use framing::{Framer, HEADER_LEN, Limits, Sealing, Unsealed};
pub use seal::{FarmKey, Keyring, OutOfTurn, Seals, Side};
