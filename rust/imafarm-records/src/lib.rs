//! What is written down of a farm, whoever drives its hosts: the emulator in virtual time, or the live farm on sockets.
//!
//! ```text
//! commanded     what can be done to any farm
//! observed      what can be asked of any farm, answered from its hosts and from the rooms below
//! checkers      what must hold of a farm that has come to rest
//! chronicle     what observers are told: events, elections, agreement
//! event_log     the same events in columns, if they are to be written down
//! bins          what was done in a time, by bins of it
//! totals        what hosts have done, summed up
//! ledger        messages and bytes, by kind and link
//! digest        a farm's history in 128 bits
//! ```

pub mod bins;
mod checkers;
pub mod chronicle;
pub mod commanded;
pub mod digest;
pub mod event_log;
pub mod ledger;
pub mod observed;
pub mod totals;

pub use commanded::Commanded;
pub use observed::Observed;
