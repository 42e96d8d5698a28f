//! Hosts driven by hand, one input at a time, against IMA Information.

mod adversary;
mod bindings;
mod by_hand;
mod configuration;
mod dynamic;
mod dynamic_adversary;
mod elections;
mod gateways;
mod heartbeats;
mod resolution;
mod session_hosts;
mod simultaneous;
mod strangers;
mod subscriptions;
