//! What the parts of the protocol are given to do.

use imafarm_proto::host_record::{HostId, HostIndex, Rank};
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::message::{MagicNumber, Message};

/// Spreads numbers over 64 bits: each has one image, and neighbours' have nothing in common.
const fn scattered(n: u64) -> u64 {
    n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23)
}

/// Every host once, in an order that memory cannot foresee.
pub fn shuffled(hosts: u32) -> Vec<HostIndex> {
    let mut order: Vec<HostIndex> = (0..hosts).map(HostIndex).collect();
    order.sort_by_key(|host| scattered(host.0.into()));
    order
}

/// A directory, and everybody in it as names and as numbers, shuffled.
#[derive(Debug)]
pub struct LookUps {
    /// Where they are looked up.
    pub directory: Directory,
    /// Every host's name.
    pub names: Vec<String>,
    /// Every host's number.
    pub ids: Vec<HostId>,
}

/// Look-ups of every host of so many.
pub fn look_ups(hosts: u32) -> LookUps {
    let directory = Directory::generate(hosts, 1);
    let order = shuffled(hosts);
    LookUps {
        names: order.iter().map(|&host| directory.record(host).name.to_string()).collect(),
        ids: order.iter().map(|&host| directory.id(host)).collect(),
        directory,
    }
}

/// The ranks of so many hosts, shuffled.
pub fn ranks(hosts: u32) -> Vec<Rank> {
    let directory = Directory::generate(hosts, 1);
    shuffled(hosts).into_iter().map(|host| directory.rank(host)).collect()
}

/// What hosts say in an election, so many messages of it.
pub fn talk(messages: u32) -> Vec<Message> {
    let host = |n: u32| HostId::new(u64::from(n) + 1).expect("n + 1 is not 0");
    let message = |n| match n % 4 {
        0 => Message::ElectMaster { round: 1 },
        1 => Message::ElectMasterAck { round: 1 },
        2 => Message::DeclareMaster { master: host(n), reign_ms: n },
        _ => Message::BindRequest { magic: MagicNumber(0x1A2B_3C4D), host: host(n) },
    };
    (0..messages).map(message).collect()
}

/// The same talk as one stream of bytes.
pub fn stream(messages: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    talk(messages).iter().for_each(|message| message.encode(&mut bytes));
    bytes
}

/// Whom a host talks to, so many times, among as many `peers`: low numbers far more often than high ones.
pub fn peers(uses: u32, peers: u32) -> Vec<u32> {
    let skewed = |n: u32| {
        let draw = scattered(n.into()) >> 32;
        ((((draw * draw) >> 32) * u64::from(peers)) >> 32) as u32
    };
    (0..uses).map(skewed).collect()
}
