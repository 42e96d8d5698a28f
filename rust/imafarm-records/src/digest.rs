//! A farm's history in 128 bits.
//!
//! Every host sums up what it is handed, and when; the farm folds the sums in the order of hosts. A host takes its events
//! in an order that follows from what and when they are, so their sum leaves nothing out that is not in them. And it does
//! not matter in which order they are summed up, nor by whom.

use core::fmt;

use imafarm_proto::message::{Kind, Message, Resolve, ServerUpdate, SessionUpdate};
use imafarm_proto::time::Time;

use crate::ledger::Ledger;

/// The history of one host: the sum of all that happened to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chain(pub u64);

/// What happened, without when: two odd factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(u64);

const LEFT: u64 = 0x9E37_79B9_7F4A_7C15;
const RIGHT: u64 = 0xD6E8_FEB8_6659_FD93;

/// A full-width multiplication, folded: every bit of both words reaches every bit of the result.
#[inline]
const fn mix(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

impl Mark {
    /// What two words describe.
    #[inline]
    pub const fn of(what: u64, detail: u64) -> Mark {
        Mark(mix(mix(what ^ LEFT, detail ^ RIGHT), LEFT) | 1 << 32)
    }

    /// A message of this kind, that says this, from a host.
    #[inline]
    pub const fn message(from: u32, kind: Kind, says: u64) -> Mark {
        Mark::of((from as u64) << 8 | kind.number() as u64, says)
    }

    /// What it adds to a history when it happens then. Nothing but multiplications of 32 bits, since a storm has as many
    /// of these as messages.
    #[inline]
    pub const fn at(self, time: Time) -> u64 {
        let when = (time.0 as u32) ^ ((time.0 >> 32) as u32).wrapping_mul(0x85EB_CA6B);
        let when = when.wrapping_mul(0x9E37_79B1);
        ((when ^ when >> 15 ^ self.0 as u32) as u64) * (self.0 >> 32)
    }
}

impl Chain {
    /// The history of a host to which nothing has happened.
    pub const NEW: Chain = Chain(0);

    /// Something happened at `time`, described by two words.
    #[inline]
    pub const fn add(&mut self, time: Time, what: u64, detail: u64) {
        self.0 = self.0.wrapping_add(Mark::of(what, detail).at(time));
    }

    /// A message arrived.
    #[inline]
    pub fn add_message(&mut self, time: Time, from: u32, message: &Message) {
        self.0 = self.0.wrapping_add(Mark::message(from, message.kind(), word(message)).at(time));
    }
}

/// What a message says, in one word.
#[inline]
pub fn word(message: &Message) -> u64 {
    match message {
        Message::BindRequest { magic, host } | Message::BindResponse { magic, host } => {
            u64::from(magic.0) << 32 ^ host.get()
        }
        Message::BindCommit
        | Message::QueryMaster
        | Message::ImaPing
        | Message::LoadRequest
        | Message::FullUpdateRequest
        | Message::FullUpdate
        | Message::PeerPingAck => 0,
        Message::ElectMaster { round: number }
        | Message::ElectMasterAck { round: number }
        | Message::Heartbeat { seq: number }
        | Message::PeerPing { sum: number } => u64::from(*number),
        Message::DeclareMaster { master, reign_ms } => u64::from(*reign_ms) << 32 ^ master.get(),
        Message::MasterIs { master } => master.map_or(0, |id| id.get()),
        Message::HeartbeatAck { collector: flag } | Message::ImaPingAck { member: flag } => u64::from(*flag),
        Message::ServerUpdateAck { seq: number, filler }
        | Message::SessionUpdateAck { seq: number, filler }
        | Message::ConfigChangeAck { change: number, filler } => two(*number, filler.0.into()),
        Message::GatewayUpdate { filler } | Message::GatewayUpdateAck { filler } => filler.0.into(),
        Message::Subscribe { table, on } => two(*table as u32, (*on).into()),
        Message::TableChanged { table } => *table as u64,
        Message::ConfigChange { change, bytes, filler } => two(*change, *bytes) ^ u64::from(filler.0) << 48,
        Message::ServerUpdate(update) => {
            let ServerUpdate { server, seq, up, load, sessions, disconnected, applications, filler } = &**update;
            let counts = mix(two(*sessions, *disconnected) ^ LEFT, two(*applications, filler.0.into()) ^ RIGHT);
            mix(server.get() ^ counts, two(*seq, load.unwrap_or(u32::MAX)) ^ u64::from(*up) << 31 ^ LEFT)
        }
        Message::SessionUpdate(update) => {
            let SessionUpdate { server, seq, event, session, user, app, load, filler } = &**update;
            let whose = mix(two(*session, *user) ^ LEFT, two(*app, filler.0.into()) ^ RIGHT);
            mix(server.get() ^ whose, two(*seq, load.unwrap_or(u32::MAX)) ^ (*event as u64) << 56 ^ LEFT)
        }
        Message::LoadUpdate(update) => mix(update.server.get() ^ LEFT, two(update.seq, update.load) ^ RIGHT),
        Message::Resolve(asked) => {
            let Resolve { request, app, preference, relayed } = &**asked;
            mix(two(*request, *app) ^ LEFT, preference.0 ^ u64::from(*relayed) << 63 ^ RIGHT)
        }
        Message::Resolved(resolved) => {
            let server = resolved.server.map_or(0, |id| id.get());
            mix(server ^ LEFT, two(resolved.request, resolved.load) ^ RIGHT)
        }
    }
}

const fn two(high: u32, low: u32) -> u64 {
    (high as u64) << 32 | low as u64
}

/// The history of a farm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u64, u64);

impl Digest {
    /// The digest of these chains and of these figures, in this order.
    pub fn of(chains: &[Chain], figures: impl IntoIterator<Item = u64>) -> Digest {
        let (mut left, mut right) = (LEFT, RIGHT);
        for word in chains.iter().map(|chain| chain.0).chain(figures) {
            left = mix(left ^ word, RIGHT).wrapping_add(left.rotate_left(17));
            right = mix(right ^ word, LEFT).wrapping_add(right.rotate_left(41));
        }
        Digest(left, right)
    }

    /// The digest of a farm: the histories of its hosts, what became of its messages, and how late it is.
    pub fn of_farm(chains: &[Chain], ledger: &Ledger, now: Time) -> Digest {
        let figures = Kind::ALL.into_iter().flat_map(|kind| {
            let tally = ledger.total(kind);
            [tally.sent.messages, tally.sent.bytes, tally.delivered.messages, tally.dropped.messages]
        });
        Digest::of(chains, figures.chain([now.0]))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_content_matter_and_order_follows_from_them() {
        let chain = |links: &[(u64, u64, u64)]| {
            let mut chain = Chain::default();
            links.iter().for_each(|&(time, what, detail)| chain.add(Time(time), what, detail));
            chain
        };
        let base = chain(&[(1, 2, 3), (1, 2, 4)]);
        for other in
            [&[(1, 2, 3), (2, 2, 4)], &[(2, 2, 3), (1, 2, 4)], &[(1, 2, 3), (1, 3, 4)], &[(1, 2, 3), (1, 2, 5)]]
        {
            assert_ne!(chain(other), base);
        }
        assert_eq!(chain(&[(1, 2, 4), (1, 2, 3)]), base);
    }

    /// What happens at other times, to be told from others by a little, adds something else each time.
    #[test]
    fn histories_that_differ_a_little_differ() {
        let mut sums: Vec<u64> = Vec::new();
        for (time, what, detail) in (0..32u64).flat_map(|t| (0..32).flat_map(move |w| (0..32).map(move |d| (t, w, d))))
        {
            sums.push(Mark::of(what << 8 | 16, detail).at(Time(126_000_000_000 + time)));
        }
        let count = sums.len();
        sums.sort_unstable();
        sums.dedup();
        assert_eq!(sums.len(), count);
    }

    #[test]
    fn a_digest_depends_on_whose_chain_is_which() {
        let (mut a, mut b) = (Chain::default(), Chain::default());
        a.add(Time(1), 1, 1);
        b.add(Time(1), 1, 2);
        assert_ne!(Digest::of(&[a, b], []), Digest::of(&[b, a], []));
        assert_ne!(Digest::of(&[a, b], []), Digest::of(&[a, b], [0]));
        assert_eq!(Digest::of(&[a, b], [1]).to_string().len(), 32);
    }
}
