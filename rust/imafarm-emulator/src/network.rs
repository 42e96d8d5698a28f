//! The emulated network: how long a parcel is under way, and whether it arrives at all.
//!
//! A connection is a stream: what is sent on it arrives in order. A lost transmission is sent again, so loss is delay;
//! what cannot get through at all breaks the connection. The way of a parcel is a pure function of the seed, its source,
//! its target and the moment it is sent, so it depends on nothing that other hosts do.

use std::collections::BTreeMap;

use imafarm_proto::dice::{Dice, Purpose, scale};
use imafarm_proto::few::Few;
use imafarm_proto::time::{Span, Time};
use thiserror::Error;

use crate::letter::Letter;

/// A class of links: those inside a zone, or those between zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The least time under way.
    pub latency: Span,
    /// The most that chance adds to it.
    pub jitter: Span,
    /// Bits per second; 0 for a link that is never full. Inside a zone it slows each message by its length; between
    /// zones all messages of a direction share it, one after the other.
    pub bandwidth_bps: u64,
    /// Of a million transmissions, how many are lost and sent again.
    pub loss_ppm: u32,
}

impl Link {
    /// Our guess at a local network of the time: 0.3 to 0.4 ms one way, a gigabit.
    pub const INSIDE: Link =
        Link { latency: Span(300_000), jitter: Span(100_000), bandwidth_bps: 1_000_000_000, loss_ppm: 0 };
    /// Our guess at a wide one: 20 to 22 ms, never full.
    pub const BETWEEN: Link =
        Link { latency: Span(20_000_000), jitter: Span(2_000_000), bandwidth_bps: 0, loss_ppm: 0 };
    /// The least latency. Shorter windows than this would be all overhead.
    pub const LEAST_LATENCY: Span = Span(1_000);
    /// The greatest latency or jitter.
    pub const GREATEST_LATENCY: Span = Span::from_secs(60);

    /// Turns one figure, by name: `latency_ns`, `jitter_ns`, `bandwidth_bps` or `loss_ppm`.
    ///
    /// Errors: [`LinkError`]; nothing has changed then.
    pub fn set(&mut self, key: &str, value: i128) -> Result<(), LinkError> {
        let bounded = |key: &'static str, min: u64, max: u64| match u64::try_from(value) {
            Ok(v) if (min..=max).contains(&v) => Ok(v),
            Ok(_) | Err(_) => Err(LinkError::OutOfRange { key, value, min, max }),
        };
        let longest = Link::GREATEST_LATENCY.0;
        match key {
            "latency_ns" => self.latency = Span(bounded("latency_ns", Link::LEAST_LATENCY.0, longest)?),
            "jitter_ns" => self.jitter = Span(bounded("jitter_ns", 0, longest)?),
            "bandwidth_bps" => self.bandwidth_bps = bounded("bandwidth_bps", 0, 1_000_000_000_000_000)?,
            "loss_ppm" => self.loss_ppm = bounded("loss_ppm", 0, 999_999)? as u32,
            _ => return Err(LinkError::Unknown { key: key.to_owned() }),
        }
        Ok(())
    }

    /// What chance adds to the latency, by a word that was drawn for it.
    #[inline]
    const fn drawn(&self, word: u32) -> Span {
        Span(scale((word as u64) << 32, self.jitter.0 + 1))
    }

    fn transmission(&self, bytes: u32) -> Span {
        match self.bandwidth_bps {
            0 => Span::ZERO,
            bps => Span(u64::from(bytes) * 8_000_000_000 / bps),
        }
    }
}

/// A figure no link can have. The caller's; the link is as it was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LinkError {
    /// No figure has this name.
    #[error("unknown link figure {key:?}; there are latency_ns, jitter_ns, bandwidth_bps and loss_ppm")]
    Unknown {
        /// What was asked for.
        key: String,
    },
    /// The value lies outside the figure's bounds.
    #[error("{key}: {value} is out of range, {min} to {max}")]
    OutOfRange {
        /// Which figure.
        key: &'static str,
        /// What was asked for.
        value: i128,
        /// The least value.
        min: u64,
        /// The greatest value.
        max: u64,
    },
}

/// One end of a connection, for the other: the entry in its host's cache, and which of the connections that have stood
/// there it is.
///
/// 18 bits of entry, 14 of generation. A generation comes round after 16,384 connections in one entry, each at least
/// two latencies long; nothing is under way for that long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndRef(pub u32);

const ENTRY_BITS: u32 = 18;
/// How many entries a host's ends can have: the cache and what is closing.
pub const ENTRIES_MAX: u32 = 1 << ENTRY_BITS;

impl EndRef {
    /// No end.
    pub const NONE: EndRef = EndRef(u32::MAX);

    const fn new(entry: u32, generation: u16) -> EndRef {
        EndRef((generation as u32) << ENTRY_BITS | entry)
    }

    /// The entry in the host's cache.
    pub const fn entry(self) -> u32 {
        self.0 & (ENTRIES_MAX - 1)
    }

    const fn generation(self) -> u16 {
        (self.0 >> ENTRY_BITS) as u16
    }
}

/// How far one end of a connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndState {
    /// Nobody's.
    #[default]
    Free,
    /// Called; nobody has answered yet.
    Opening,
    /// Established.
    Open,
    /// Something sent from here was lost, so nothing that is sent after it can arrive.
    Severed,
    /// This side has closed.
    Finished,
}

/// One end of a connection, as its own host's driver keeps it.
#[derive(Clone, Copy, Debug, Default)]
pub struct End {
    /// When the last thing that was sent from here arrives: nothing overtakes it.
    last_arrival: Time,
    /// The host at the other end.
    pub peer: u32,
    /// The other end; `NONE` while opening.
    peer_end: u32,
    generation: u16,
    /// How far it is.
    pub state: EndState,
}

impl End {
    /// The other end.
    pub const fn peer_end(&self) -> EndRef {
        EndRef(self.peer_end)
    }

    /// The call was answered, from this end.
    pub const fn answered(&mut self, peer_end: EndRef) {
        self.peer_end = peer_end.0;
        self.state = EndState::Open;
    }

    /// When something that would arrive at `arrival` does arrive, after all that was sent before it.
    #[inline]
    pub fn in_order(&mut self, arrival: Time) -> Time {
        self.last_arrival = self.last_arrival.max(arrival);
        self.last_arrival
    }
}

/// The ends that one host has, by entry of its cache.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    ends: Few<End, 2>,
}

impl Ends {
    /// A new connection at this entry.
    #[inline]
    pub fn open(&mut self, entry: u32, peer: u32, peer_end: EndRef, state: EndState) -> EndRef {
        debug_assert!(entry < ENTRIES_MAX, "more connections than an end can be named by");
        while self.ends.len() <= entry as usize {
            self.ends.push(End::default());
        }
        let end = &mut self.ends[entry as usize];
        let generation = (end.generation + 1) & ((1 << (32 - ENTRY_BITS)) - 1);
        *end = End { last_arrival: Time::ZERO, peer, peer_end: peer_end.0, generation, state };
        EndRef::new(entry, generation)
    }

    /// Shows where in memory an end is.
    #[inline]
    pub fn warm(&self, name: EndRef, show: impl Fn(*const u8)) {
        self.warm_at(name.entry(), show);
    }

    /// Shows where in memory the end at an entry is.
    #[inline]
    pub fn warm_at(&self, entry: u32, show: impl Fn(*const u8)) {
        if let Some(end) = self.ends.get(entry as usize) {
            show(core::ptr::from_ref(end).cast());
        }
    }

    /// The end at an entry.
    #[inline]
    pub fn at(&mut self, entry: u32) -> &mut End {
        &mut self.ends[entry as usize]
    }

    /// What names the end at an entry.
    #[inline]
    pub fn name(&self, entry: u32) -> EndRef {
        EndRef::new(entry, self.ends[entry as usize].generation)
    }

    /// The end of this name, if it still stands.
    #[inline]
    pub fn find(&mut self, name: EndRef) -> Option<&mut End> {
        self.ends
            .get_mut(name.entry() as usize)
            .filter(|end| end.generation == name.generation() && end.state != EndState::Free)
    }

    /// The end that is connected to this end of a peer.
    pub fn connected_to(&self, peer: u32, peer_end: EndRef) -> Option<EndRef> {
        let entry = self.ends.iter().position(|end| {
            end.peer == peer && end.peer_end == peer_end.0 && !matches!(end.state, EndState::Free | EndState::Opening)
        })?;
        Some(self.name(entry as u32))
    }

    /// The connection at this entry is no more.
    #[inline]
    pub fn close(&mut self, entry: u32) {
        self.ends[entry as usize].state = EndState::Free;
    }

    /// The host is gone, and all its connections with it.
    pub fn close_all(&mut self) {
        self.ends.iter_mut().for_each(|end| end.state = EndState::Free);
    }

    /// The bytes held.
    pub fn memory(&self) -> usize {
        self.ends.memory()
    }
}

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

/// The shared links between zones, where bandwidth is scarce: one queue for each direction of each pair of zones.
#[derive(Debug)]
pub struct Pipes {
    zones: u32,
    free_at: Vec<Time>,
    /// By when they come to the link, who sent them, and the order in which they did.
    waiting: BTreeMap<(Time, u32, u64), (Letter, u32)>,
    count: u64,
}

impl Pipes {
    /// Idle pipes.
    pub fn new(zones: u32) -> Pipes {
        let free_at = vec![Time::ZERO; (zones * zones) as usize];
        Pipes { zones, free_at, waiting: BTreeMap::new(), count: 0 }
    }

    /// A parcel of `bytes` comes to its link at `time`.
    pub fn push(&mut self, time: Time, letter: Letter, bytes: u32) {
        self.count += 1;
        self.waiting.insert((time, letter.source, self.count), (letter, bytes));
    }

    /// The next parcel that comes to its link before `end`, and when it arrives at its target.
    pub fn pop(&mut self, end: Time, network: &Network) -> Option<(Time, Letter)> {
        let first = self.waiting.first_entry().filter(|entry| entry.key().0 < end)?;
        let ((time, ..), (letter, bytes)) = first.remove_entry();
        let (from, to) = (network.zone(letter.source), network.zone(letter.target));
        let (link, free_at) = (network.link(from, to), &mut self.free_at[(from * self.zones + to) as usize]);
        *free_at = (*free_at).max(time) + link.transmission(bytes);
        Some((*free_at + link.latency, letter))
    }

    /// When the next parcel comes to its link.
    pub fn next(&self) -> Option<Time> {
        self.waiting.keys().next().map(|key| key.0)
    }

    /// Every parcel that waits.
    pub fn pending(&self) -> impl Iterator<Item = &Letter> {
        self.waiting.values().map(|(letter, _)| letter)
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

    /// 1,000 bytes over 8 kbit/s take a second each, one after the other.
    #[test]
    fn a_pipe_is_shared() {
        let link = Link { latency: Span::from_millis(10), jitter: Span::ZERO, bandwidth_bps: 8_000, loss_ppm: 0 };
        let net = Network::new(Dice::new(7), vec![0, 0, 1], Link::INSIDE, link);
        let mut pipes = Pipes::new(2);
        for source in [1, 0] {
            assert_eq!(net.way(source, 2, Time(0), 1_000), Way::Queues(Time(0)));
            pipes.push(Time(0), Letter { source, ..Letter::wake(2) }, 1_000);
        }
        let arrivals: Vec<(u64, u32)> = core::iter::from_fn(|| pipes.pop(Time(1), &net))
            .map(|(time, letter)| (time.0 / 1_000_000, letter.source))
            .collect();
        assert_eq!(arrivals, [(1_010, 0), (2_010, 1)]);
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

    /// Only the narrow pair queues, and each direction of it by itself.
    #[test]
    fn a_narrow_pair_has_pipes_of_its_own() {
        let narrow = Link { latency: Span::from_millis(10), jitter: Span::ZERO, bandwidth_bps: 8_000, ..Link::BETWEEN };
        let wide = Network::new(Dice::new(7), vec![0, 1, 2], Link::INSIDE, Link::BETWEEN);
        let net = wide.with_links(&[(0, 1, narrow)]);
        assert!(matches!(net.way(0, 2, Time(0), 1_000), Way::Arrives(_)));
        let mut pipes = Pipes::new(3);
        for (source, target) in [(0, 1), (1, 0)] {
            assert_eq!(net.way(source, target, Time(0), 1_000), Way::Queues(Time(0)));
            pipes.push(Time(0), Letter { source, ..Letter::wake(target) }, 1_000);
        }
        let arrivals: Vec<u64> = core::iter::from_fn(|| pipes.pop(Time(1), &net)).map(|(time, _)| time.0).collect();
        assert_eq!(arrivals, [1_010_000_000, 1_010_000_000]);
    }

    #[test]
    fn a_stale_name_finds_nothing() {
        let mut ends = Ends::default();
        let first = ends.open(3, 9, EndRef::NONE, EndState::Opening);
        ends.close(3);
        let second = ends.open(3, 9, EndRef(5), EndState::Open);
        assert!(ends.find(first).is_none());
        assert!(ends.find(second).is_some());
        assert_eq!(ends.connected_to(9, EndRef(5)), Some(second));
        ends.close_all();
        assert!(ends.find(second).is_none());
    }

    #[test]
    fn links_refuse_what_they_cannot_have() {
        let mut link = Link::INSIDE;
        assert!(link.set("latency_ns", 999).is_err());
        assert!(link.set("loss_ppm", 1_000_000).is_err());
        assert!(link.set("speed", 1).is_err());
        assert_eq!(link, Link::INSIDE);
        link.set("latency_ns", 1_000).expect("in range");
    }
}
