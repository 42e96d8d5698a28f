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
    /// None.
    pub const ZERO: Count = Count { messages: 0, bytes: 0 };

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

/// The tallies of one link, by kind.
type Link = [Tally; Kind::COUNT];

/// The tallies of all links between zones and inside them.
#[derive(Clone, Debug)]
pub struct Ledger {
    zones: usize,
    /// By zone.
    inside: Vec<Link>,
    /// By sending and receiving zone; nothing for a link that nobody used, since most of many zones' are such.
    between: Vec<Option<Box<Link>>>,
}

const NOTHING: &Link = &[Tally { sent: Count::ZERO, delivered: Count::ZERO, dropped: Count::ZERO }; Kind::COUNT];

impl Ledger {
    /// An empty ledger.
    pub fn new(zones: usize) -> Ledger {
        let between = if zones > 1 { vec![None; zones * zones] } else { Vec::new() };
        Ledger { zones, inside: vec![*NOTHING; zones], between }
    }

    /// The tally of a kind from one zone to another.
    #[inline]
    pub fn tally_mut(&mut self, from: u32, to: u32, kind: Kind) -> &mut Tally {
        if from == to {
            return &mut self.inside[from as usize][kind.index()];
        }
        let link = &mut self.between[from as usize * self.zones + to as usize];
        &mut link.get_or_insert_with(|| Box::new(*NOTHING))[kind.index()]
    }

    /// The tally of a kind from one zone to another.
    pub fn tally(&self, from: u32, to: u32, kind: Kind) -> &Tally {
        let link = if from == to {
            &self.inside[from as usize]
        } else {
            self.between[from as usize * self.zones + to as usize].as_deref().unwrap_or(NOTHING)
        };
        &link[kind.index()]
    }

    /// Adds what another ledger of the same zones holds.
    pub fn merge(&mut self, other: &Ledger) {
        for (mine, theirs) in self.inside.iter_mut().zip(&other.inside) {
            add(mine, theirs);
        }
        for (mine, theirs) in self.between.iter_mut().zip(&other.between) {
            if let Some(theirs) = theirs {
                add(mine.get_or_insert_with(|| Box::new(*NOTHING)), theirs);
            }
        }
    }

    /// The tally of a kind over all links.
    pub fn total(&self, kind: Kind) -> Tally {
        let mut total = Tally::default();
        let links = self.inside.iter().chain(self.between.iter().flatten().map(|link| &**link));
        links.for_each(|link| total.merge(&link[kind.index()]));
        total
    }

    /// How many zones there are.
    pub const fn zones(&self) -> usize {
        self.zones
    }
}

fn add(mine: &mut Link, theirs: &Link) {
    mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| mine.merge(theirs));
}
