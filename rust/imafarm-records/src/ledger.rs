//! Every message and every byte, by kind and by link.

use imafarm_proto::message::Kind;

/// What became of the messages of one kind on one link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages handed to the network.
    pub sent: Count,
    /// Messages handed to their target.
    pub delivered: Count,
    /// Messages that nobody got: lost with a host, a link or a connection.
    pub dropped: Count,
}

/// Messages and their bytes, headers included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub messages: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Count {
    /// One more.
    #[inline]
    pub const fn add(&mut self, bytes: u32) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }

    /// As many more.
    pub const fn merge(&mut self, other: Count) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

impl Tally {
    fn merge(&mut self, other: &Tally) {
        self.sent.merge(other.sent);
        self.delivered.merge(other.delivered);
        self.dropped.merge(other.dropped);
    }
}

/// The tallies of all links between zones and inside them.
#[derive(Clone, Debug)]
pub struct Ledger {
    zones: usize,
    /// By sending zone, receiving zone, and kind.
    tallies: Vec<[Tally; Kind::COUNT]>,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(zones: usize) -> Ledger {
        Ledger { zones, tallies: vec![[Tally::default(); Kind::COUNT]; zones * zones] }
    }

    /// The tally of a kind from one zone to another.
    #[inline]
    pub fn tally_mut(&mut self, from: u32, to: u32, kind: Kind) -> &mut Tally {
        &mut self.tallies[from as usize * self.zones + to as usize][kind.index()]
    }

    /// The tally of a kind from one zone to another.
    pub fn tally(&self, from: u32, to: u32, kind: Kind) -> &Tally {
        &self.tallies[from as usize * self.zones + to as usize][kind.index()]
    }

    /// Adds what another ledger of the same zones holds.
    pub fn merge(&mut self, other: &Ledger) {
        for (mine, theirs) in self.tallies.iter_mut().flatten().zip(other.tallies.iter().flatten()) {
            mine.merge(theirs);
        }
    }

    /// The tally of a kind over all links.
    pub fn total(&self, kind: Kind) -> Tally {
        let mut total = Tally::default();
        self.tallies.iter().for_each(|link| total.merge(&link[kind.index()]));
        total
    }

    /// How many zones there are.
    pub const fn zones(&self) -> usize {
        self.zones
    }
}
