//! What holds of the protocol whatever bytes come and whatever happens: fuzz targets, each a function of a fuzzer's
//! bytes that panics if it does not hold.
//!
//! ```text
//! framing    a stream of bytes, in any cut, through a framer
//! messages   a body of any kind, and a message of any content
//! host       a whole host, and a world that may do to it all that a driver may report
//! seals      a conversation under a farm's key, and somebody without the key who has the wire in his hands
//! stream     bytes on one connection of a live host, in each state of its binding; the other bindings still work
//! ```
//!
//! `libfuzzer/` beside this crate turns each into a program that looks for such bytes; `make fuzz` runs them. `corpus/` has
//! bytes that lead everywhere, `failed/` those at which a target failed once; `tests/corpus.rs` runs both through the
//! targets without a fuzzer.

pub mod carrier;
pub mod cast;
pub mod choices;
pub mod framing;
pub mod host;
pub mod messages;
pub mod seals;
pub mod stream;
pub mod world;

/// One target: bytes in, and a panic if what it watches over does not hold.
pub type Target = fn(&[u8]);

/// Every target by its name, which is that of its program and of its part of the corpus.
pub const TARGETS: [(&str, Target); 5] = [
    ("framing", framing::run),
    ("messages", messages::run),
    ("host", host::run),
    ("seals", seals::run),
    ("stream", stream::run),
];
