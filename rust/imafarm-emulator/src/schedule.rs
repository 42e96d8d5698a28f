//! What happens when: events in windows of virtual time.
//!
//! A window is as long as the largest power of two that is no longer than the least latency of any link. Whatever a
//! host does in a window reaches another host in a later one, so within a window every host goes through its own events
//! alone, and the order among hosts does not matter. The order of one host's events is decided in [`Event::order`].
//!
//! The windows of the current page have a bin each. What comes later, mostly deadlines, waits by page, and what comes
//! much later in a tree, until its page is turned up. A bin is a plain vector: events are put in as they come and ordered
//! when their window is worked through.

mod bin;

use std::collections::BTreeMap;

use imafarm_proto::time::{Span, Time};

use bin::{Bin, Spare};

use crate::event::{Event, WINDOW_BITS};
use crate::shard::Share;

/// The events of a window, or of a part of one, host by host.
#[derive(Debug)]
pub struct Batch {
    bin: Bin,
    /// Where they stand, if there were too many to sort them in place. What is behind them is void.
    sorted: Vec<Event>,
    count: usize,
}

impl Batch {
    /// The events, each host's as they were put in.
    pub fn events(&mut self) -> &mut [Event] {
        match self.bin.one_piece() {
            Some(events) if self.sorted.is_empty() => events,
            Some(_) | None => &mut self.sorted[..self.count],
        }
    }
}

/// How many windows a page has, and how many pages a volume.
const BINS: u64 = 4096;
const BINS_SHIFT: u32 = BINS.ilog2();
/// How many emptied pages are kept for reuse.
const SPARE_PAGES: usize = 8;
/// How many events a window holds at most, when little happens: they are worked through without ceremony. Our guess.
pub const FEW: usize = 16;

/// Which of a page's bins hold anything: a bit for each, and a bit for each word of them.
#[derive(Debug)]
struct Occupied {
    words: [u64; BINS as usize / 64],
    any: u64,
}

impl Occupied {
    const NONE: Occupied = Occupied { words: [0; BINS as usize / 64], any: 0 };

    #[inline]
    const fn set(&mut self, bin: usize) {
        self.words[bin / 64] |= 1 << (bin % 64);
        self.any |= 1 << (bin / 64);
    }

    #[inline]
    const fn clear(&mut self, bin: usize) {
        let word = &mut self.words[bin / 64];
        *word &= !(1 << (bin % 64));
        if *word == 0 {
            self.any &= !(1 << (bin / 64));
        }
    }

    /// The first occupied bin at `from` or behind it.
    #[inline]
    const fn first(&self, from: usize) -> Option<usize> {
        if from >= BINS as usize {
            return None;
        }
        let here = self.words[from / 64] & !0 << (from % 64);
        if here != 0 {
            return Some(from / 64 * 64 + here.trailing_zeros() as usize);
        }
        // Shifted twice, since a shift by 64 is none.
        let behind = self.any & !0 << (from / 64) << 1;
        if behind == 0 {
            return None;
        }
        let word = behind.trailing_zeros() as usize;
        Some(word * 64 + self.words[word].trailing_zeros() as usize)
    }
}

/// Events that come later, as they were put in.
#[derive(Debug)]
struct Page {
    events: Vec<(Time, Event)>,
    /// When the first of them happens.
    first: Time,
}

impl Page {
    const EMPTY: Page = Page { events: Vec::new(), first: Time::NEVER };

    #[inline]
    fn push(&mut self, time: Time, event: Event) {
        self.first = self.first.min(time);
        self.events.push((time, event));
    }
}

/// All events to come, by window.
#[derive(Debug)]
pub struct Schedule {
    window: Span,
    shift: u32,
    /// The window being worked through, or the next one. Nothing lies before it.
    current: u64,
    /// The windows of the current page.
    bins: Vec<Bin>,
    occupied: Occupied,
    /// The later pages of the current volume.
    pages: Vec<Page>,
    written: Occupied,
    /// The pages of later volumes.
    far: BTreeMap<u64, Page>,
    spare: Spare,
    spare_pages: Vec<Vec<(Time, Event)>>,
    /// For the counting sort: where each host's events begin.
    starts: Vec<u32>,
    sorted: Vec<Event>,
}

impl Schedule {
    /// An empty schedule for links whose latency is `least_latency` or more.
    pub fn new(least_latency: Span) -> Schedule {
        let shift = least_latency.0.clamp(1, 1 << WINDOW_BITS).ilog2();
        Schedule {
            window: Span(1 << shift),
            shift,
            current: 0,
            bins: (0..BINS).map(|_| Bin::default()).collect(),
            occupied: Occupied::NONE,
            pages: (0..BINS).map(|_| Page::EMPTY).collect(),
            written: Occupied::NONE,
            far: BTreeMap::new(),
            spare: Spare::default(),
            spare_pages: Vec::new(),
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
    pub fn push(&mut self, time: Time, event: Event) {
        let window = time.0 >> self.shift;
        debug_assert!(window >= self.current, "an event in the past");
        if (window ^ self.current) >> BINS_SHIFT != 0 {
            self.push_later(time, event);
            return;
        }
        let event = event.at((time.0 & (self.window.0 - 1)) as u32);
        let bin = (window % BINS) as usize;
        let events = &mut self.bins[bin];
        if events.is_empty() {
            self.occupied.set(bin);
        }
        events.push(event, &mut self.spare);
    }

    /// Puts an event on a later page.
    fn push_later(&mut self, time: Time, event: Event) {
        let page = time.0 >> self.shift >> BINS_SHIFT;
        if (page ^ self.current >> BINS_SHIFT) >> BINS_SHIFT != 0 {
            self.far.entry(page).or_insert(Page::EMPTY).push(time, event);
            return;
        }
        let place = (page % BINS) as usize;
        let page = &mut self.pages[place];
        if page.events.is_empty() {
            self.written.set(place);
            if page.events.capacity() == 0
                && let Some(spare) = self.spare_pages.pop()
            {
                page.events = spare;
            }
        }
        page.push(time, event);
    }

    /// How many events lie in the window of `time`, if it is on the current page.
    pub fn count(&self, time: Time) -> usize {
        let window = time.0 >> self.shift;
        if (window ^ self.current) >> BINS_SHIFT == 0 { self.bins[(window % BINS) as usize].len() } else { 0 }
    }

    /// Whether the window of `time` is known to hold nothing.
    #[inline]
    pub fn is_idle(&self, time: Time) -> bool {
        let window = time.0 >> self.shift;
        (window ^ self.current) >> BINS_SHIFT == 0 && self.bins[(window % BINS) as usize].is_empty()
    }

    /// When the next window that holds anything begins.
    #[inline]
    pub fn next_window(&self) -> Option<Time> {
        match self.occupied.first((self.current % BINS) as usize) {
            Some(bin) => Some(Time((self.current & !(BINS - 1) | bin as u64) << self.shift)),
            None => self.next_on_later_pages(),
        }
    }

    /// The first event of the next window but one that holds any, as far as is known yet.
    #[inline]
    pub fn ahead(&self) -> Option<&Event> {
        let next = self.occupied.first((self.current % BINS) as usize + 1)?;
        let after = self.occupied.first(next + 1)?;
        self.bins[after].first()
    }

    fn next_on_later_pages(&self) -> Option<Time> {
        let here = (self.current >> BINS_SHIFT) % BINS;
        let page = match self.written.first(here as usize + 1) {
            Some(place) => &self.pages[place],
            None => self.far.values().next()?,
        };
        Some(self.window_start(page.first))
    }

    /// Goes on to the window that `time` lies in; nothing may lie before it.
    #[inline]
    fn enter(&mut self, time: Time) {
        let before = core::mem::replace(&mut self.current, time.0 >> self.shift);
        if (before ^ self.current) >> BINS_SHIFT != 0 {
            self.turn_page(before >> BINS_SHIFT);
        }
    }

    /// Deals out the events of the current page, which is not the one before. What is put on a page is put on it in
    /// order, and nothing is put into a bin before its page is turned up: so the bins' events are in order too.
    fn turn_page(&mut self, before: u64) {
        debug_assert_eq!(
            (self.occupied.any, &self.occupied.words),
            (0, &[0; BINS as usize / 64]),
            "events left behind"
        );
        let page = self.current >> BINS_SHIFT;
        if (page ^ before) >> BINS_SHIFT != 0 {
            debug_assert_eq!(self.written.any, 0, "pages left behind");
            while let Some(entry) = self.far.first_entry()
                && (*entry.key() ^ page) >> BINS_SHIFT == 0
            {
                let (later, page) = entry.remove_entry();
                let place = (later % BINS) as usize;
                self.pages[place] = page;
                self.written.set(place);
            }
        }
        let place = (page % BINS) as usize;
        self.written.clear(place);
        let mut events = core::mem::replace(&mut self.pages[place], Page::EMPTY).events;
        for (time, event) in events.drain(..) {
            self.push(time, event);
        }
        if self.spare_pages.len() < SPARE_PAGES && events.capacity() > 0 {
            self.spare_pages.push(events);
        }
    }

    /// Takes out all events of the window of `now`, if they are few and `end` is its end: by host, and each host's in
    /// [`Event::order`]; their number.
    #[inline]
    pub fn take_few(&mut self, now: Time, end: Time, few: &mut [Event; FEW]) -> Option<usize> {
        self.enter(now);
        let bin = (self.current % BINS) as usize;
        if end < self.window_end(now) {
            return None;
        }
        let count = self.bins[bin].take_few(few, &mut self.spare)?;
        self.occupied.clear(bin);
        if count > 1 {
            few[..count].sort_by_key(Event::order_of_all);
        }
        Some(count)
    }

    /// Takes out all events of the window of `now` that lie before `end`, host by host, each host's in the order in
    /// which they were put in; their own order is [`Event::order`]. `end` lies in the same window or at its end.
    pub fn take(&mut self, now: Time, end: Time, share: &Share, hosts: usize) -> Batch {
        self.enter(now);
        let bin = (self.current % BINS) as usize;
        let mut events = core::mem::take(&mut self.bins[bin]);
        if events.is_empty() {
            return Batch { bin: events, sorted: Vec::new(), count: 0 };
        }
        self.occupied.clear(bin);
        let cut = end.0 - (self.current << self.shift);
        if cut < self.window.0 {
            let (mut due, mut later) = (Bin::default(), Bin::default());
            for &event in events.iter() {
                let part = if u64::from(event.when()) < cut { &mut due } else { &mut later };
                part.push(event, &mut self.spare);
            }
            self.spare.take_back(core::mem::replace(&mut events, due));
            if !later.is_empty() {
                self.bins[bin] = later;
                self.occupied.set(bin);
            }
        }
        let count = events.len();
        match events.one_piece() {
            Some(one) if count * 4 < hosts => {
                one.sort_by_key(Event::target);
                Batch { bin: events, sorted: Vec::new(), count }
            }
            Some(_) | None => self.sort_by_host(events, share, hosts),
        }
    }

    /// A counting sort by host.
    fn sort_by_host(&mut self, bin: Bin, share: &Share, hosts: usize) -> Batch {
        let starts = &mut self.starts;
        starts.clear();
        starts.resize(hosts + 1, 0);
        for event in bin.iter() {
            starts[share.place(event.target()) + 1] += 1;
        }
        for host in 0..hosts {
            starts[host + 1] += starts[host];
        }
        let mut sorted = core::mem::take(&mut self.sorted);
        let count = bin.len();
        if sorted.len() < count {
            sorted.resize(count, Event::wake(0));
        }
        for event in bin.iter() {
            let place = &mut starts[share.place(event.target())];
            sorted[*place as usize] = *event;
            *place += 1;
        }
        self.spare.take_back(bin);
        Batch { bin: Bin::default(), sorted, count }
    }

    /// Gives back the room of a window that has been worked through.
    #[inline]
    pub fn recycle(&mut self, batch: Batch) {
        let Batch { bin, sorted, .. } = batch;
        self.spare.take_back(bin);
        if sorted.capacity() > 0 {
            self.sorted = sorted;
        }
    }

    /// The events in the window that `time` lies in.
    pub fn of_window(&self, time: Time) -> impl Iterator<Item = &Event> {
        let window = time.0 >> self.shift;
        let page = window >> BINS_SHIFT;
        let is_here = page == self.current >> BINS_SHIFT;
        let bin = is_here.then(|| self.bins[(window % BINS) as usize].iter());
        let page = match (is_here, (page ^ self.current >> BINS_SHIFT) >> BINS_SHIFT) {
            (true, _) => None,
            (false, 0) => Some(&self.pages[(page % BINS) as usize]),
            (false, _) => self.far.get(&page),
        };
        let later = page.into_iter().flat_map(|page| &page.events);
        let later = later.filter(move |(time, _)| time.0 >> self.shift == window).map(|(_, event)| event);
        bin.into_iter().flatten().chain(later)
    }

    /// Every event to come, in no particular order.
    pub fn pending(&self) -> impl Iterator<Item = &Event> {
        let later = self.pages.iter().chain(self.far.values()).flat_map(|page| &page.events).map(|(_, event)| event);
        self.bins.iter().flat_map(Bin::iter).chain(later)
    }

    /// The bytes that the schedule holds.
    pub fn memory(&self) -> usize {
        let events: usize = self.bins.iter().map(Bin::memory).sum();
        let pages = self.pages.iter().chain(self.far.values()).map(|page| &page.events).chain(&self.spare_pages);
        let later: usize = pages.map(Vec::capacity).sum();
        events
            + self.spare.memory()
            + self.sorted.capacity() * size_of::<Event>()
            + later * size_of::<(Time, Event)>()
            + self.starts.capacity() * 4
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
            let mut batch = schedule.take(start, end, &Share::ALL, hosts);
            batch.events().sort_by_key(Event::order_of_all);
            all.extend(batch.events().iter().map(|e| (start.0 + u64::from(e.when()), e.target())));
            schedule.recycle(batch);
        }
        all
    }

    #[test]
    fn a_window_can_be_taken_in_two_parts() {
        let mut schedule = Schedule::new(Span(1024));
        for time in [5, 900, 500] {
            wake(&mut schedule, time, 0);
        }
        let first: Vec<u32> =
            schedule.take(Time(0), Time(600), &Share::ALL, 1).events().iter().map(Event::when).collect();
        assert_eq!(first, [5, 500]);
        assert_eq!(schedule.next_window(), Some(Time(0)));
        let second: Vec<u32> =
            schedule.take(Time(600), Time(1024), &Share::ALL, 1).events().iter().map(Event::when).collect();
        assert_eq!(second, [900]);
        assert_eq!(schedule.next_window(), None);
    }

    /// Also one of a storm, and what is put in between the parts.
    #[test]
    fn a_full_window_can_be_taken_in_many_parts() {
        let (mut schedule, mut taken) = (Schedule::new(Span(1 << 16)), Vec::new());
        (0..1 << 16).for_each(|time| wake(&mut schedule, time, time as u32 % 3));
        for (part, start) in (0..1 << 16).step_by(1 << 13).enumerate() {
            (start..1 << 16).for_each(|time| wake(&mut schedule, time, 2));
            let mut batch = schedule.take(Time(start), Time(start + (1 << 13)), &Share::ALL, 3);
            assert_eq!(batch.events().len(), (part + 2) << 13);
            taken.extend(batch.events().iter().map(|event| u64::from(event.when())));
            schedule.recycle(batch);
        }
        taken.sort_unstable();
        taken.dedup();
        assert!(taken.into_iter().eq(0..1 << 16));
        assert_eq!(schedule.next_window(), None);
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
                for event in schedule.take(start, end, &Share::ALL, 1).events() {
                    let time = start.0 + u64::from(event.when());
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
