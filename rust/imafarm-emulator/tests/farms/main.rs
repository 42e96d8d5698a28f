//! Small farms against IMA Information and against the farm's own contract.

mod bench;
mod power;
