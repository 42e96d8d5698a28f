//! What the benches here are made of. All of it is the same each time.
//!
//! ```text
//! farms     farms in virtual time, and how far they are taken
//! inputs    what the parts of the protocol are given to do
//! queues    the event queue and a heap, under the load of a storm
//! ```

pub mod farms;
pub mod inputs;
pub mod queues;
