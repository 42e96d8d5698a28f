//! The protocol of an IMA farm, pure: bytes, time, dice and an outbox; no socket, clock, thread, file or Python.
//!
//! Everything a host is stands in [`host::Host`]; two worlds drive it, the emulator and the live farm. The rooms, each
//! importing only from those below it:
//!
//! ```text
//! host          one door in, a few verbs out
//! configuration starts, polls and change notices: how a host keeps in step with the data store
//! dynamic       what a server reports of itself, and what a collector does with it
//! dynamic_store what a collector holds; sessions: what a server has
//! local_host_cache what a host has read of the data store, on its own disk
//! zone          who the data collector is: election, heartbeat
//! bindings      every open binding of a host: the cache, the queue, the fan-outs
//! host_resolver the shared directory and the connection cache
//! binding       the state machine of one binding
//! transport     bytes: framing and codec
//! message, applications, host_record, settings, profile, load, dice, few, time
//! ```

pub mod applications;
pub mod binding;
pub mod bindings;
pub mod configuration;
pub mod dice;
pub mod dynamic;
pub mod dynamic_store;
pub mod few;
pub mod host;
pub mod host_record;
pub mod host_resolver;
pub mod input;
pub mod load;
pub mod local_host_cache;
pub mod message;
pub mod outbox;
pub mod profile;
pub mod sessions;
pub mod settings;
pub mod time;
pub mod transport;
pub mod turn;
pub mod zone;
