//! Hosts driven by hand, one input at a time, against IMA Information.

mod adversary;
mod bindings;
mod by_hand;
mod configuration;
mod elections;
mod heartbeats;
mod resolution;
mod session_hosts;
mod simultaneous;
