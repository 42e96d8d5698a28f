//! Hosts on streams of bytes, which a test carries: honestly, badly, and against what the streams may say.

mod accounts;
mod bench;
mod by_hand;
mod cache;
mod callers;
mod carrier;
mod elections;
mod keys;
mod malformed;
mod notices;
mod seeds;
mod storms;
