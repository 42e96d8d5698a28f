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

    /// How many more than before.
    #[must_use]
    pub const fn since(self, before: Count) -> Count {
        Count { messages: self.messages - before.messages, bytes: self.bytes - before.bytes }
    }
}

impl Tally {
    /// What became of messages after another tally was taken.
    #[must_use]
    pub const fn since(&self, before: &Tally) -> Tally {
        Tally {
            sent: self.sent.since(before.sent),
            delivered: self.delivered.since(before.delivered),
            dropped: self.dropped.since(before.dropped),
        }
    }

    /// Adds another.
    pub fn merge(&mut self, other: &Tally) {
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
        &self.link(from, to).unwrap_or(NOTHING)[kind.index()]
    }

    /// A link; `None` for one between zones that nobody used.
    fn link(&self, from: u32, to: u32) -> Option<&Link> {
        match from == to {
            true => Some(&self.inside[from as usize]),
            false => self.between[from as usize * self.zones + to as usize].as_deref(),
        }
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

    /// What became of messages after another ledger of the same zones was taken, wherever anything did: from which zone, to
    /// which, of which kind. In that order.
    pub fn since<'a>(&'a self, before: &'a Ledger) -> impl Iterator<Item = (u32, u32, Kind, Tally)> + 'a {
        let zones = 0..self.zones as u32;
        let links = zones.clone().flat_map(move |from| zones.clone().map(move |to| (from, to)));
        links.filter_map(|(from, to)| Some((from, to, self.link(from, to)?))).flat_map(|(from, to, link)| {
            let earlier = before.link(from, to).unwrap_or(NOTHING);
            let changed = Kind::ALL.into_iter().filter(|kind| link[kind.index()] != earlier[kind.index()]);
            changed.map(move |kind| (from, to, kind, link[kind.index()].since(&earlier[kind.index()])))
        })
    }

    /// How many zones there are.
    pub const fn zones(&self) -> usize {
        self.zones
    }
}

fn add(mine: &mut Link, theirs: &Link) {
    mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| mine.merge(theirs));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_tells_what_has_changed_since_another() {
        let mut ledger = Ledger::new(3);
        ledger.tally_mut(0, 0, Kind::Heartbeat).sent.add(40);
        ledger.tally_mut(2, 1, Kind::ImaPing).sent.add(30);
        let before = ledger.clone();
        assert_eq!(ledger.since(&before).count(), 0);
        ledger.tally_mut(2, 1, Kind::ImaPing).delivered.add(30);
        ledger.tally_mut(1, 2, Kind::ImaPingAck).sent.add(28);
        ledger.tally_mut(0, 0, Kind::Heartbeat).sent.add(40);
        let changed: Vec<_> = ledger.since(&before).collect();
        let one = |bytes| Count { messages: 1, bytes };
        let wanted = [
            (0, 0, Kind::Heartbeat, Tally { sent: one(40), ..Tally::default() }),
            (1, 2, Kind::ImaPingAck, Tally { sent: one(28), ..Tally::default() }),
            (2, 1, Kind::ImaPing, Tally { delivered: one(30), ..Tally::default() }),
        ];
        assert_eq!(changed, wanted);
        let mut sum = before;
        for (from, to, kind, tally) in changed {
            sum.tally_mut(from, to, kind).merge(&tally);
        }
        assert_eq!(ledger.since(&sum).count(), 0);
    }
}
