//! Hosts on streams of bytes: the same [`Host`](imafarm_proto::host::Host) that the emulator drives, for real sockets.
//!
//! There is no socket, clock or thread in here. Whoever has those reports what came over a connection, and when; the
//! hosts' wishes come out as [`Act`](act::Act)s, to be carried out in order. The rooms:
//!
//! ```text
//! farm              the hosts that live here, what is reported to them, what they want
//! farm/observed     what can be asked of them and done to them, as of any farm
//! station           one host, its connections and its lives
//! station/arrivals  what arrives on its connections, and how they end
//! station/blame     why it drops one
//! world             what all hosts here have in common
//! line              one connection: frames out of bytes and into them, seals, answers that are due
//! flight            what has been sent from one host here to another and has not arrived
//! pace              how soon a host hears of a call in vain
//! delays            how long reports wait for their answers
//! act               what hosts want done
//! ```

pub mod act;
pub mod delays;
pub mod farm;
mod flight;
mod line;
mod pace;
mod station;
mod world;
