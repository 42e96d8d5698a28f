//! The emulated network: how long a parcel is under way, and whether it arrives at all.
//!
//! A connection is a stream: what is sent on it arrives in order. A lost transmission is sent again, so loss is delay;
//! what cannot get through at all breaks the connection. The way of a parcel is a pure function of the seed, its source,
//! its target and the moment it is sent, so it depends on nothing that other hosts do.

mod ends;
mod link;
mod pipes;

use imafarm_proto::dice::{Dice, Purpose, scale};
use imafarm_proto::time::{Span, Time};

pub use ends::{ENTRIES_MAX, End, EndRef, EndState, Ends};
pub use link::{Link, LinkError};
pub use pipes::Pipes;

/// Hosts cut off from hosts.
#[derive(Clone, Debug)]
struct Cut {
    number: u32,
    from: Vec<bool>,
    to: Vec<bool>,
    both: bool,
}

/// What becomes of a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It arrives then.
    Arrives(Time),
    /// It comes to the shared link between its zones then, and is sent on in its turn.
    Queues(Time),
    /// It never arrives.
    Lost,
}

/// How often a transmission is tried before the connection is given up. Our guess.
const TRIES: u32 = 6;
/// The first wait before a lost transmission is sent again; doubled each time. Our guess.
const RETRANSMIT: Span = Span::from_millis(200);
/// How long a sender goes on before it gives up a connection on which nothing gets through: all tries together.
pub const GIVE_UP: Span = Span::from_millis(200 * ((1 << TRIES) - 1));

/// The links between zones, where they are not all alike.
#[derive(Clone, Debug, Default)]
struct Pairs {
    zones: usize,
    /// By sending and receiving zone; empty while all are alike.
    links: Vec<Link>,
}

/// The links of a farm.
#[derive(Clone, Debug)]
pub struct Network {
    dice: Dice,
    /// The zone of each host.
    zones: Vec<u32>,
    inside: Link,
    between: Link,
    pairs: Pairs,
    cuts: Vec<Cut>,
    next_cut: u32,
    /// The links inside a zone, while they are plain.
    near: Option<Near>,
}

/// A link on which nothing can happen but to arrive, put so that an arrival is found by one draw and two
/// multiplications.
#[derive(Clone, Copy, Debug)]
pub struct Near {
    latency: u64,
    /// One more than chance adds at most.
    bound: u64,
    nanos_per_byte: u64,
}

impl Near {
    /// The link put so, if it can be: it loses nothing, and a byte takes a whole number of nanoseconds.
    const fn of(link: &Link) -> Option<Near> {
        const BITS: u64 = 8_000_000_000;
        let nanos_per_byte = match link.bandwidth_bps {
            0 => 0,
            bps if BITS.is_multiple_of(bps) => BITS / bps,
            _ => return None,
        };
        if link.loss_ppm > 0 || link.jitter.0 >= u32::MAX as u64 {
            return None;
        }
        Some(Near { latency: link.latency.0, bound: link.jitter.0 + 1, nanos_per_byte })
    }

    /// How long `bytes` are under way, by the word that was drawn for them.
    #[inline]
    pub const fn takes(&self, word: u32, bytes: u32) -> Span {
        Span(self.latency + ((word as u64 * self.bound) >> 32) + bytes as u64 * self.nanos_per_byte)
    }
}

impl Network {
    /// A network in which host `h` is in zone `zones[h]`.
    pub const fn new(dice: Dice, zones: Vec<u32>, inside: Link, between: Link) -> Network {
        let pairs = Pairs { zones: 0, links: Vec::new() };
        let near = Near::of(&inside);
        Network { dice, zones, inside, between, pairs, cuts: Vec::new(), next_cut: 0, near }
    }

    /// The same network, with other links between these pairs of zones, alike in both directions.
    pub fn with_links(mut self, links: &[(u32, u32, Link)]) -> Network {
        if let Some(most) = links.iter().flat_map(|&(one, other, _)| [one, other]).chain(self.zones.clone()).max()
            && !links.is_empty()
        {
            let zones = most as usize + 1;
            self.pairs = Pairs { zones, links: vec![self.between; zones * zones] };
            for &(one, other, link) in links {
                for (from, to) in [(one, other), (other, one)] {
                    self.pairs.links[from as usize * zones + to as usize] = link;
                }
            }
        }
        self
    }

    /// The link from one zone to another, or inside one.
    #[inline]
    pub fn link(&self, from: u32, to: u32) -> &Link {
        if from == to {
            &self.inside
        } else if self.pairs.links.is_empty() {
            &self.between
        } else {
            &self.pairs.links[from as usize * self.pairs.zones + to as usize]
        }
    }

    /// The least latency of any link in use.
    pub fn least_latency(&self) -> Span {
        self.inside.latency.min(self.least_between())
    }

    /// The least time after which a host can feel what one of another zone has done.
    pub fn least_between(&self) -> Span {
        let mut zones = self.zones.clone();
        zones.sort_unstable();
        zones.dedup();
        let pairs =
            zones.iter().flat_map(|&from| zones.iter().map(move |&to| (from, to))).filter(|(from, to)| from != to);
        match (zones.len(), self.pairs.links.is_empty()) {
            (0 | 1, _) => GIVE_UP,
            (_, true) => self.between.latency.min(GIVE_UP),
            (_, false) => pairs.map(|(from, to)| self.link(from, to).latency).min().unwrap_or(GIVE_UP).min(GIVE_UP),
        }
    }

    /// The zone of a host.
    #[inline]
    pub fn zone(&self, host: u32) -> u32 {
        self.zones[host as usize]
    }

    /// The way of `bytes` from one host to another, sent now.
    #[inline]
    pub fn way(&self, source: u32, target: u32, now: Time, bytes: u32) -> Way {
        match &self.near {
            Some(near) if self.zone(source) == self.zone(target) => {
                Way::Arrives(now + near.takes(self.dice.quick(source, target, now.0), bytes))
            }
            Some(_) | None => self.any_way(source, target, now, bytes),
        }
    }

    /// The way over any link.
    #[inline(never)]
    fn any_way(&self, source: u32, target: u32, now: Time, bytes: u32) -> Way {
        if !self.cuts.is_empty() && self.is_cut(source, target) {
            return Way::Lost;
        }
        let (from, to) = (self.zone(source), self.zone(target));
        let link = self.link(from, to);
        let mut delay = link.drawn(self.dice.quick(source, target, now.0));
        if link.loss_ppm > 0 {
            match self.retransmissions(source, target, now, link.loss_ppm) {
                Some(waits) => delay = delay + waits,
                None => return Way::Lost,
            }
        }
        if from != to && link.bandwidth_bps > 0 {
            return Way::Queues(now + delay);
        }
        Way::Arrives(now + delay + link.latency + link.transmission(bytes))
    }

    /// By what chance is drawn.
    pub const fn dice(&self) -> Dice {
        self.dice
    }

    /// How long so many bytes are under way at least, inside a zone.
    pub fn inside_least(&self, bytes: u32) -> Span {
        self.inside.latency + self.inside.transmission(bytes)
    }

    /// What chance adds to that at most.
    pub const fn inside_most(&self) -> Span {
        self.inside.jitter
    }

    /// Whether all that is sent inside a zone arrives at the first try.
    pub const fn is_plain_inside(&self) -> bool {
        self.cuts.is_empty() && self.inside.loss_ppm == 0
    }

    /// When something arrives that is under way for so long at least, if it stays inside the zone and nothing is lost.
    #[inline]
    pub fn inside_arrival(&self, source: u32, target: u32, sent: Time, least: Span) -> Time {
        sent + self.inside.drawn(self.dice.quick(source, target, sent.0)) + least
    }

    /// The time lost to transmissions that have to be sent again; `None` when none gets through.
    fn retransmissions(&self, source: u32, target: u32, now: Time, loss_ppm: u32) -> Option<Span> {
        let mut waits = Span::ZERO;
        for attempt in 0..TRIES {
            let words = self.dice.words(Purpose::Loss, source, target, now.0 ^ u64::from(attempt) << 58);
            if scale(u64::from(words[0]) << 32 | u64::from(words[1]), 1_000_000) >= u64::from(loss_ppm) {
                return Some(waits);
            }
            waits = waits + RETRANSMIT.doubled(attempt, GIVE_UP);
        }
        None
    }

    /// Cuts hosts off from hosts, one way or both ways; the cut's number.
    pub fn cut(&mut self, from: &[u32], to: &[u32], both: bool) -> u32 {
        let side = |hosts: &[u32]| {
            let mut side = vec![false; self.zones.len()];
            hosts.iter().for_each(|&host| side[host as usize] = true);
            side
        };
        let cut = Cut { number: self.next_cut, from: side(from), to: side(to), both };
        self.cuts.push(cut);
        self.near = None;
        self.next_cut += 1;
        self.next_cut - 1
    }

    /// Heals one cut, or all. Whether there was such a cut.
    pub fn heal(&mut self, number: Option<u32>) -> bool {
        let before = self.cuts.len();
        self.cuts.retain(|cut| number.is_some_and(|number| cut.number != number));
        self.near = if self.cuts.is_empty() { Near::of(&self.inside) } else { None };
        number.is_none() || self.cuts.len() < before
    }

    fn is_cut(&self, source: u32, target: u32) -> bool {
        let (source, target) = (source as usize, target as usize);
        self.cuts.iter().any(|cut| cut.from[source] && cut.to[target] || cut.both && cut.from[target] && cut.to[source])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(inside: Link) -> Network {
        Network::new(Dice::new(7), vec![0, 0, 1], inside, Link::BETWEEN)
    }

    #[test]
    fn a_way_is_a_function_of_what_it_is_drawn_for() {
        let net = network(Link::INSIDE);
        let way = net.way(0, 1, Time(5), 100);
        assert_eq!(way, net.way(0, 1, Time(5), 100));
        assert_ne!(way, net.way(1, 0, Time(5), 100));
        assert_ne!(way, net.way(0, 1, Time(6), 100));
    }

    /// The short way of reckoning an arrival and the long one.
    #[test]
    fn near_is_as_far_as_any_way() {
        for (jitter, bandwidth_bps) in
            [(0, 0), (100_000, 1_000_000_000), (4_000_000_000, 10_000_000), (1, 8_000_000_000)]
        {
            let link = Link { jitter: Span(jitter), bandwidth_bps, ..Link::INSIDE };
            let net = network(link);
            assert!(net.near.is_some(), "{link:?}");
            for now in (0..1_000).map(|k| Time(k * 777_777_777)) {
                assert_eq!(net.way(0, 1, now, 97), net.any_way(0, 1, now, 97));
            }
        }
        for link in [Link { bandwidth_bps: 999, ..Link::INSIDE }, Link { loss_ppm: 1, ..Link::INSIDE }] {
            assert!(network(link).near.is_none(), "{link:?}");
        }
    }

    #[test]
    fn latency_is_between_its_bounds() {
        let net = network(Link { bandwidth_bps: 0, ..Link::INSIDE });
        for now in 0..1_000 {
            let Way::Arrives(at) = net.way(0, 1, Time(now), 100) else { panic!("no loss, no pipe") };
            assert!((300_000..=400_000).contains(&at.since(Time(now)).0));
        }
    }

    #[test]
    fn loss_is_delay_at_about_its_rate() {
        let lossy = network(Link { loss_ppm: 100_000, ..Link::INSIDE });
        let late = (0..10_000u64)
            .filter(|&now| matches!(lossy.way(0, 1, Time(now), 0), Way::Arrives(at) if at.0 - now > 100_000_000))
            .count();
        assert!((850..1150).contains(&late), "{late} of 10,000 at 10 %");
    }

    #[test]
    fn a_cut_is_one_way_or_both_and_heals() {
        let mut net = network(Link::INSIDE);
        let one = net.cut(&[0], &[1], false);
        assert_eq!(net.way(0, 1, Time(0), 0), Way::Lost);
        assert_ne!(net.way(1, 0, Time(0), 0), Way::Lost);
        net.cut(&[0], &[1], true);
        assert!(net.heal(Some(one)) && !net.heal(Some(one)));
        assert_eq!(net.way(1, 0, Time(0), 0), Way::Lost);
        assert!(net.heal(None));
        assert_ne!(net.way(1, 0, Time(0), 0), Way::Lost);
    }

    /// Zones 0 and 2 are near each other, and the way back is as short; zone 1 is as far as zones are. The window is as
    /// short as the shortest way.
    #[test]
    fn a_pair_of_zones_has_a_link_of_its_own() {
        let near = Link { latency: Span(1_000), jitter: Span::ZERO, ..Link::BETWEEN };
        let net = Network::new(Dice::new(7), vec![0, 1, 2], Link::INSIDE, Link::BETWEEN);
        assert_eq!(net.least_latency(), Link::INSIDE.latency);
        let net = net.with_links(&[(2, 0, near)]);
        assert_eq!(net.least_latency(), near.latency);
        for (source, target) in [(0, 2), (2, 0)] {
            assert_eq!(net.way(source, target, Time(0), 100), Way::Arrives(Time(1_000)));
        }
        let Way::Arrives(far) = net.way(0, 1, Time(0), 100) else { panic!("no loss, no pipe") };
        assert!(far >= Time::ZERO + Link::BETWEEN.latency);
    }
}
