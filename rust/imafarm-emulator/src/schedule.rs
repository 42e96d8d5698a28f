//! What happens when: events in windows of virtual time.
//!
//! A window is as long as the largest power of two that is no longer than the least latency of any link. Whatever a
//! host does in a window reaches another host in a later one, so within a window every host goes through its own events
//! alone, and the order among hosts does not matter. The order of one host's events is decided here, in
//! [`Event::order`].
//!
//! Near windows are a ring of bins; far ones, mostly deadlines, a tree. A bin is a plain vector: events are put in as
//! they come and ordered when their window is worked through.

use std::collections::BTreeMap;

use imafarm_proto::message::{Kind, MagicNumber, Message};
use imafarm_proto::time::{Span, Time};

use crate::network::EndRef;
use crate::shard::Share;

/// What arrives at a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parcel {
    /// The service is started.
    Start,
    /// The source calls.
    Connect {
        /// The caller's end of the connection.
        end: EndRef,
    },
    /// The call is answered, and the acceptor speaks first: its BIND_REQUEST.
    Greeting {
        /// The acceptor's end of the connection.
        end: EndRef,
        /// The acceptor's farm.
        magic: MagicNumber,
    },
    /// A message on an established connection.
    Message(Message),
    /// The other side closed in good order.
    Finish,
    /// The call was turned away.
    Refused,
    /// The connection broke. If the event names no end of the target's, it is the one to this end of the source's.
    Broken {
        /// The source's end.
        end: EndRef,
    },
    /// The host has named a deadline that may be due.
    Wake,
}

/// One event: 32 bytes, since millions may be in flight.
#[derive(Clone, Debug)]
pub struct Event {
    /// Nanoseconds since the window began.
    pub offset: u32,
    /// Whom it concerns.
    pub target: u32,
    /// The target's end of the connection, if it has one.
    pub to: EndRef,
    /// Who caused it.
    pub source: u32,
    /// What arrives.
    pub parcel: Parcel,
}

impl Event {
    /// The order in which a host takes its events: by time; at one instant starts first, then what comes over the
    /// network, then deadlines. Callers at one instant are taken by who they are; arrivals by connection. Events that
    /// are equal in all this were sent by one host on one connection: they stay in the order in which they were sent.
    #[inline]
    pub fn order(&self) -> u64 {
        let (class, who) = match self.parcel {
            Parcel::Start => (0, 0),
            Parcel::Connect { .. } => (1, self.source),
            Parcel::Greeting { .. } | Parcel::Message(_) | Parcel::Finish | Parcel::Refused => (2, self.to.0),
            Parcel::Broken { .. } if self.to != EndRef::NONE => (2, self.to.0),
            Parcel::Broken { .. } => (3, self.source),
            Parcel::Wake => (4, 0),
        };
        u64::from(self.offset << 3 | class) << 32 | u64::from(who)
    }

    /// Takes what arrives out of an event that is through.
    #[inline]
    pub const fn take(&mut self) -> Event {
        let parcel = core::mem::replace(&mut self.parcel, Parcel::Wake);
        Event { parcel, ..*self }
    }

    /// The host named a deadline. (The offset is set when the event is put in.)
    pub const fn wake(target: u32) -> Event {
        Event { offset: 0, target, to: EndRef::NONE, source: target, parcel: Parcel::Wake }
    }

    /// The kind of the IMA message it carries, if it carries one.
    pub fn kind(&self) -> Option<Kind> {
        match &self.parcel {
            Parcel::Greeting { .. } => Some(Kind::BindRequest),
            Parcel::Message(message) => Some(message.kind()),
            Parcel::Start
            | Parcel::Connect { .. }
            | Parcel::Finish
            | Parcel::Refused
            | Parcel::Broken { .. }
            | Parcel::Wake => None,
        }
    }
}

/// The events of a window, or of a part of one, host by host.
#[derive(Debug)]
pub struct Batch {
    events: Vec<Event>,
    /// Where they stand, if there were too many to sort them in place. What is behind them is void.
    sorted: Vec<Event>,
    count: usize,
}

impl Batch {
    /// The events.
    pub fn events(&mut self) -> &mut [Event] {
        if self.sorted.is_empty() { &mut self.events } else { &mut self.sorted[..self.count] }
    }
}

/// How many windows the ring holds.
const RING: u64 = 4096;
/// How many emptied bins are kept for reuse.
const SPARE: usize = 8;

/// All events to come, by window.
#[derive(Debug)]
pub struct Schedule {
    window: Span,
    shift: u32,
    /// The window being worked through, or the next one. Nothing lies before it.
    current: u64,
    ring: Vec<Vec<Event>>,
    /// One bit for each bin of the ring that holds anything.
    occupied: Vec<u64>,
    far: BTreeMap<u64, Vec<Event>>,
    spare: Vec<Vec<Event>>,
    /// For the counting sort: where each host's events begin.
    starts: Vec<u32>,
    sorted: Vec<Event>,
}

impl Schedule {
    /// An empty schedule for links whose latency is `least_latency` or more.
    pub fn new(least_latency: Span) -> Schedule {
        let shift = least_latency.0.clamp(1, 1 << 20).ilog2();
        Schedule {
            window: Span(1 << shift),
            shift,
            current: 0,
            ring: (0..RING).map(|_| Vec::new()).collect(),
            occupied: vec![0; RING as usize / 64],
            far: BTreeMap::new(),
            spare: Vec::new(),
            starts: Vec::new(),
            sorted: Vec::new(),
        }
    }

    /// How long a window is.
    pub const fn window(&self) -> Span {
        self.window
    }

    /// When the window that `time` lies in begins.
    pub const fn window_start(&self, time: Time) -> Time {
        Time((time.0 >> self.shift) << self.shift)
    }

    /// When the window that `time` lies in ends.
    pub const fn window_end(&self, time: Time) -> Time {
        Time(((time.0 >> self.shift) + 1) << self.shift)
    }

    /// Puts an event in, at this time, which must not lie before the current window.
    #[inline]
    pub fn push(&mut self, time: Time, mut event: Event) {
        let window = time.0 >> self.shift;
        debug_assert!(window >= self.current, "an event in the past");
        event.offset = (time.0 & (self.window.0 - 1)) as u32;
        if window - self.current < RING {
            let bin = (window % RING) as usize;
            self.occupied[bin / 64] |= 1 << (bin % 64);
            let events = &mut self.ring[bin];
            if events.capacity() == 0
                && let Some(spare) = self.spare.pop()
            {
                *events = spare;
            }
            events.push(event);
        } else {
            self.far.entry(window).or_default().push(event);
        }
    }

    /// How many events lie in the window of `time`, if it is near.
    pub fn count(&self, time: Time) -> usize {
        let window = time.0 >> self.shift;
        if window - self.current < RING { self.ring[(window % RING) as usize].len() } else { 0 }
    }

    /// When the next window that holds anything begins.
    pub fn next_window(&self) -> Option<Time> {
        let near = self.next_near();
        let far = self.far.keys().next().copied();
        let window = match (near, far) {
            (Some(near), Some(far)) => near.min(far),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => return None,
        };
        Some(Time(window << self.shift))
    }

    fn next_near(&self) -> Option<u64> {
        let first = self.current % RING;
        let words = self.occupied.len() as u64;
        for step in 0..=words {
            let word = (first / 64 + step) % words;
            let mut bits = self.occupied[word as usize];
            if step == 0 {
                bits &= !0 << (first % 64);
            } else if step == words {
                bits &= !(!0 << (first % 64));
            }
            if bits != 0 {
                let bin = word * 64 + u64::from(bits.trailing_zeros());
                return Some(self.current + (bin + RING - first) % RING);
            }
        }
        None
    }

    /// Goes on to the window that `time` lies in; nothing may lie before it.
    fn enter(&mut self, time: Time) {
        self.current = time.0 >> self.shift;
        while let Some(entry) = self.far.first_entry()
            && *entry.key() - self.current < RING
        {
            let (window, mut events) = entry.remove_entry();
            let bin = (window % RING) as usize;
            self.occupied[bin / 64] |= 1 << (bin % 64);
            // What was far when it was put in was put in before what was near.
            events.append(&mut self.ring[bin]);
            self.ring[bin] = events;
        }
    }

    /// Takes out all events of the window of `now` that lie before `end`, host by host, each host's in the order in
    /// which they were put in; their own order is [`Event::order`]. `end` lies in the same window or at its end.
    pub fn take(&mut self, now: Time, end: Time, share: Share, hosts: usize) -> Batch {
        self.enter(now);
        let bin = (self.current % RING) as usize;
        let mut events = core::mem::take(&mut self.ring[bin]);
        self.occupied[bin / 64] &= !(1 << (bin % 64));
        let cut = end.0 - (self.current << self.shift);
        if cut < self.window.0 {
            let (now, later): (Vec<Event>, Vec<Event>) =
                events.into_iter().partition(|event| u64::from(event.offset) < cut);
            events = now;
            if !later.is_empty() {
                self.ring[bin] = later;
                self.occupied[bin / 64] |= 1 << (bin % 64);
            }
        }
        if events.len() * 4 < hosts {
            events.sort_by_key(|event| event.target);
            Batch { count: events.len(), events, sorted: Vec::new() }
        } else {
            self.sort_by_host(events, share, hosts)
        }
    }

    /// A counting sort by host.
    fn sort_by_host(&mut self, mut events: Vec<Event>, share: Share, hosts: usize) -> Batch {
        let starts = &mut self.starts;
        starts.clear();
        starts.resize(hosts + 1, 0);
        for event in &events {
            starts[share.place(event.target) + 1] += 1;
        }
        for host in 0..hosts {
            starts[host + 1] += starts[host];
        }
        let mut sorted = core::mem::take(&mut self.sorted);
        let count = events.len();
        if sorted.len() < count {
            sorted.resize(count, Event::wake(0));
        }
        for event in events.drain(..) {
            let place = &mut starts[share.place(event.target)];
            sorted[*place as usize] = event;
            *place += 1;
        }
        Batch { events, sorted, count }
    }

    /// Gives back the room of a window that has been worked through.
    pub fn recycle(&mut self, batch: Batch) {
        let Batch { mut events, sorted, .. } = batch;
        events.clear();
        if self.spare.len() < SPARE && events.capacity() > 0 {
            self.spare.push(events);
        }
        if self.sorted.is_empty() {
            self.sorted = sorted;
        }
    }

    /// Every event to come, in no particular order.
    pub fn pending(&self) -> impl Iterator<Item = &Event> {
        self.ring.iter().flatten().chain(self.far.values().flatten())
    }

    /// The bytes that the schedule holds.
    pub fn memory(&self) -> usize {
        let events: usize = self.ring.iter().chain(&self.spare).chain(self.far.values()).map(Vec::capacity).sum();
        (events + self.sorted.capacity()) * size_of::<Event>() + self.starts.capacity() * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wake(schedule: &mut Schedule, time: u64, target: u32) {
        schedule.push(Time(time), Event::wake(target));
    }

    /// Takes everything out, window by window; (time, host) as they come.
    fn drain(schedule: &mut Schedule, hosts: usize) -> Vec<(u64, u32)> {
        let mut all = Vec::new();
        while let Some(start) = schedule.next_window() {
            let end = schedule.window_end(start);
            let mut batch = schedule.take(start, end, Share::ALL, hosts);
            batch.events().sort_by_key(|event| (event.target, event.order()));
            all.extend(batch.events().iter().map(|e| (start.0 + u64::from(e.offset), e.target)));
            schedule.recycle(batch);
        }
        all
    }

    #[test]
    fn an_event_is_32_bytes() {
        assert_eq!(size_of::<Event>(), 32);
    }

    #[test]
    fn a_window_can_be_taken_in_two_parts() {
        let mut schedule = Schedule::new(Span(1024));
        for time in [5, 900, 500] {
            wake(&mut schedule, time, 0);
        }
        let first: Vec<u32> =
            schedule.take(Time(0), Time(600), Share::ALL, 1).events().iter().map(|e| e.offset).collect();
        assert_eq!(first, [5, 500]);
        assert_eq!(schedule.next_window(), Some(Time(0)));
        let second: Vec<u32> =
            schedule.take(Time(600), Time(1024), Share::ALL, 1).events().iter().map(|e| e.offset).collect();
        assert_eq!(second, [900]);
        assert_eq!(schedule.next_window(), None);
    }

    #[test]
    fn at_one_instant_starts_come_first_and_deadlines_last() {
        let mut schedule = Schedule::new(Span(1024));
        wake(&mut schedule, 7, 0);
        let mut put = |source, to, parcel| {
            schedule.push(Time(7), Event { offset: 0, target: 0, to, source, parcel });
        };
        put(1, EndRef(3), Parcel::Finish);
        put(9, EndRef::NONE, Parcel::Connect { end: EndRef(1) });
        put(4, EndRef::NONE, Parcel::Connect { end: EndRef(2) });
        put(0, EndRef::NONE, Parcel::Start);
        let mut batch = schedule.take(Time(0), Time(1024), Share::ALL, 1);
        batch.events().sort_by_key(|event| event.order());
        let order: Vec<Parcel> = batch.events().iter().map(|e| e.parcel.clone()).collect();
        let callers = [Parcel::Connect { end: EndRef(2) }, Parcel::Connect { end: EndRef(1) }];
        assert_eq!(order[0], Parcel::Start);
        assert_eq!(order[1..3], callers);
        assert_eq!(order[3..], [Parcel::Finish, Parcel::Wake]);
    }

    proptest! {
        /// Against the obvious queue: one sorted list.
        #[test]
        fn every_event_comes_in_its_window(times in proptest::collection::vec((0..40_000_000u64, 0..9u32), 0..300)) {
            let mut schedule = Schedule::new(Span(1500));
            for &(time, host) in &times {
                wake(&mut schedule, time, host);
            }
            let mut expected = times;
            expected.sort_by_key(|&(time, host)| (time / 1024, host, time));
            prop_assert_eq!(drain(&mut schedule, 9), expected);
        }

        /// Events put in while windows are worked through, near and far.
        #[test]
        fn nothing_is_lost_on_the_way(hops in proptest::collection::vec(1_024..30_000_000u64, 1..60)) {
            let mut schedule = Schedule::new(Span(1024));
            wake(&mut schedule, 0, 0);
            let mut hops = hops.into_iter();
            let mut expected = 0;
            while let Some(start) = schedule.next_window() {
                let end = schedule.window_end(start);
                for event in schedule.take(start, end, Share::ALL, 1).events() {
                    let time = start.0 + u64::from(event.offset);
                    prop_assert_eq!(time, expected);
                    if let Some(hop) = hops.next() {
                        expected = time + hop;
                        wake(&mut schedule, expected, 0);
                    }
                }
            }
            prop_assert!(hops.next().is_none());
        }
    }
}
