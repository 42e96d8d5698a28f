//! A farm of hosts in virtual time.
//!
//! Every host is an [`imafarm_proto::host::Host`], driven by [`farm::Farm`] over an emulated network. What is
//! written down of it, and what can be asked of it, is in [`imafarm_records`]. The rooms:
//!
//! ```text
//! farm          the farm as a whole: power, commands, statistics
//! engine        time goes on, window by window
//! record        traffic and bindings by bins of time
//! crew          the threads that work on shards
//! shard         some of the hosts, worked through by one thread
//! seat          one host acts: its verbs become connections, messages in flight and notices
//! world         what all hosts of a shard have in common
//! storm         a short cut through elections among hosts that are bound
//! users         what users do: they come, ask, log on, disconnect and log off
//! workload      when they come and for how long they stay, in numbers
//! work          what waits for a host that is at work
//! bound         the connections that a host begins with, where a farm begins bound
//! network       the links: latency, jitter, bandwidth, loss, cuts; both ends of every connection
//! tap           what single hosts put on the wire, with every byte
//! console       what an administrator does to the configuration, and who has heard of it
//! store_link    the data store as a place
//! schedule      what happens when
//! event         an arrival in 16 bytes          letter        the same, as whoever handles it sees it
//! ```

mod bound;
mod console;
mod crew;
mod engine;
pub mod event;
pub mod farm;
mod hands;
pub mod letter;
pub mod network;
mod prefetch;
pub mod record;
pub mod schedule;
mod seat;
pub mod shard;
mod short_way;
pub mod store_link;
mod storm;
pub mod tap;
mod users;
mod work;
pub mod workload;
mod world;
