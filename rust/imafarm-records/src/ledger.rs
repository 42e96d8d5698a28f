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
    /// Which of those were used since somebody last looked, a bit each.
    touched: Vec<u64>,
}

const NOTHING: &Link = &[Tally { sent: Count::ZERO, delivered: Count::ZERO, dropped: Count::ZERO }; Kind::COUNT];

impl Ledger {
    /// An empty ledger.
    pub fn new(zones: usize) -> Ledger {
        let between = if zones > 1 { vec![None; zones * zones] } else { Vec::new() };
        let touched = vec![0; between.len().div_ceil(64)];
        Ledger { zones, inside: vec![*NOTHING; zones], between, touched }
    }

    /// The tally of a kind from one zone to another.
    #[inline(always)]
    pub fn tally_mut(&mut self, from: u32, to: u32, kind: Kind) -> &mut Tally {
        let link = if from == to { &mut self.inside[from as usize] } else { self.between_mut(from, to) };
        &mut link[kind.index()]
    }

    #[inline(never)]
    fn between_mut(&mut self, from: u32, to: u32) -> &mut Link {
        let place = from as usize * self.zones + to as usize;
        self.touched[place / 64] |= 1 << (place % 64);
        self.between[place].get_or_insert_with(|| Box::new(*NOTHING))
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
        self.touched.iter_mut().zip(&other.touched).for_each(|(mine, theirs)| *mine |= theirs);
    }

    /// The tally of a kind over all links.
    pub fn total(&self, kind: Kind) -> Tally {
        let mut total = Tally::default();
        let links = self.inside.iter().chain(self.between.iter().flatten().map(|link| &**link));
        links.for_each(|link| total.merge(&link[kind.index()]));
        total
    }

    /// What became of messages after `before` was taken, as `parts` of the same zones together have it, wherever anything did:
    /// from which zone, to which, of which kind. Links between zones are looked at if they were used since
    /// [`Ledger::begin_look`], since most of many zones' were not.
    pub fn changes(parts: &[&Ledger], before: &Ledger) -> Vec<(u32, u32, Kind, Tally)> {
        let zones = before.zones;
        let mut changes = Vec::new();
        let mut look = |from: u32, to: u32| {
            let mut sum = *NOTHING;
            parts.iter().filter_map(|part| part.link(from, to)).for_each(|link| add(&mut sum, link));
            let earlier = before.link(from, to).unwrap_or(NOTHING);
            for kind in Kind::ALL {
                let (sum, earlier) = (&sum[kind.index()], &earlier[kind.index()]);
                if sum != earlier {
                    changes.push((from, to, kind, sum.since(earlier)));
                }
            }
        };
        (0..zones as u32).for_each(|zone| look(zone, zone));
        for word in 0..before.touched.len() {
            let mut touched = parts.iter().fold(0, |touched, part| touched | part.touched[word]);
            while touched != 0 {
                let place = word * 64 + touched.trailing_zeros() as usize;
                touched &= touched - 1;
                look((place / zones) as u32, (place % zones) as u32);
            }
        }
        changes
    }

    /// From now on links count as used for [`Ledger::changes`] only if they are used again.
    pub fn begin_look(&mut self) {
        self.touched.fill(0);
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
    fn ledgers_tell_what_has_changed_since_another() {
        let (mut one, mut other) = (Ledger::new(3), Ledger::new(3));
        one.tally_mut(0, 0, Kind::Heartbeat).sent.add(40);
        other.tally_mut(2, 1, Kind::ImaPing).sent.add(30);
        let mut before = Ledger::new(3);
        [&one, &other].into_iter().for_each(|part| before.merge(part));
        [&mut one, &mut other].into_iter().for_each(Ledger::begin_look);
        assert_eq!(Ledger::changes(&[&one, &other], &before), []);
        one.tally_mut(2, 1, Kind::ImaPing).delivered.add(30);
        one.tally_mut(1, 2, Kind::ImaPingAck).sent.add(28);
        other.tally_mut(0, 0, Kind::Heartbeat).sent.add(40);
        let changes = Ledger::changes(&[&one, &other], &before);
        let single = |bytes| Count { messages: 1, bytes };
        let wanted = [
            (0, 0, Kind::Heartbeat, Tally { sent: single(40), ..Tally::default() }),
            (1, 2, Kind::ImaPingAck, Tally { sent: single(28), ..Tally::default() }),
            (2, 1, Kind::ImaPing, Tally { delivered: single(30), ..Tally::default() }),
        ];
        assert_eq!(changes, wanted);
        for (from, to, kind, tally) in changes {
            before.tally_mut(from, to, kind).merge(&tally);
        }
        assert_eq!(Ledger::changes(&[&one, &other], &before), []);
    }
}
