//! Small farms against IMA Information and against the farm's own contract.

mod bench;
mod bound;
mod configuration;
mod contract;
mod elections;
mod power;
mod properties;
mod record;
mod resolution;
mod short_cuts;
mod taps;
mod transcripts;
mod two_masters;
mod users;
mod work;
