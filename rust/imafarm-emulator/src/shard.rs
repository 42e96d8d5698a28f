//! Some of a farm's hosts, worked through by one thread.
//!
//! Hosts of different shards are as independent within a window as hosts of one are, so how many shards there are, and
//! which thread works which, changes nothing of what happens.

use core::cmp::Reverse;
use core::ops::Range;
use std::sync::Arc;

use imafarm_proto::input::Input;
use imafarm_proto::outbox::Outbox;
use imafarm_proto::time::Time;

use crate::event::{Event, Form};
use crate::prefetch::{Lines, prefetch_all};
use crate::schedule::FEW;
use crate::seat::Seat;
use crate::world::World;

/// For how many events of a host at once the memory of their connections is called for.
const LOOK_AHEAD: usize = 8;

/// Which hosts are one shard's, and whose the others are.
///
/// Where there are zones enough, a shard has whole zones, so that only what passes between zones goes from one to another.
/// Else hosts are dealt out, every so many-th to one: neighbours are apart, because a storm comes to hosts of like rank at
/// like times.
#[derive(Clone, Debug)]
pub struct Share {
    number: u32,
    count: u32,
    deal: Deal,
}

/// How hosts are dealt out.
#[derive(Clone, Debug)]
enum Deal {
    /// In turn, to a power of two of shares, at most as many as threads: this power.
    Turns(u32),
    /// By zones: whose each host is, and its place there, in one word.
    Zones(Arc<[u32]>),
}

/// How many shares of zones there are for each thread, where there are zones enough: whoever is through with one takes
/// another, so that nobody waits for long. Our guess.
pub(crate) const SHARES_A_THREAD: u32 = 4;
/// The bits of a place in such a word.
const PLACE_BITS: u32 = 24;

impl Share {
    /// All hosts.
    pub const ALL: Share = Share { number: 0, count: 1, deal: Deal::Turns(0) };

    /// Shares for so many threads, at least one, of hosts of these zones.
    pub fn among(threads: u32, zone_of: &[u32]) -> Vec<Share> {
        let (count, deal) = Deal::by_zones(threads, zone_of).unwrap_or_else(|| {
            let shift = threads.max(1).ilog2();
            (1 << shift, Deal::Turns(shift))
        });
        (0..count).map(|number| Share { number, count, deal: deal.clone() }).collect()
    }

    /// How many shares there are.
    pub const fn count(&self) -> usize {
        self.count as usize
    }

    /// Whether zones are whole.
    pub const fn is_of_zones(&self) -> bool {
        matches!(self.deal, Deal::Zones(_))
    }

    /// Whose number among the shares a host is in.
    #[inline]
    pub fn of(&self, host: u32) -> usize {
        match &self.deal {
            Deal::Turns(shift) => (host & ((1 << shift) - 1)) as usize,
            Deal::Zones(places) => (places[host as usize] >> PLACE_BITS) as usize,
        }
    }

    /// Whether a host is in this share.
    #[inline]
    pub fn has(&self, host: u32) -> bool {
        self.of(host) == self.number as usize
    }

    /// A host's place within its share.
    #[inline]
    pub fn place(&self, host: u32) -> usize {
        match &self.deal {
            Deal::Turns(shift) => (host >> shift) as usize,
            Deal::Zones(places) => (places[host as usize] & ((1 << PLACE_BITS) - 1)) as usize,
        }
    }

    /// The hosts of this share, of `hosts` in all, by place.
    pub fn hosts(&self, hosts: u32) -> Vec<u32> {
        let mut own: Vec<u32> = (0..hosts).filter(|&host| self.has(host)).collect();
        own.sort_by_key(|&host| self.place(host));
        own
    }
}

impl Deal {
    /// Whole zones for several shares a thread, the largest zone first, each to whoever has fewest hosts. `None` where a thread
    /// would have none, or one share would be much more than a thread's part.
    fn by_zones(threads: u32, zone_of: &[u32]) -> Option<(u32, Deal)> {
        let zones = zone_of.iter().max().map_or(0, |last| *last as usize + 1);
        let mut sizes = vec![0u32; zones];
        zone_of.iter().for_each(|&zone| sizes[zone as usize] += 1);
        let shares = (threads * SHARES_A_THREAD).min(sizes.iter().filter(|size| **size > 0).count() as u32);
        if threads < 2 || shares < threads {
            return None;
        }
        let mut order: Vec<usize> = (0..zones).collect();
        order.sort_by_key(|&zone| Reverse(sizes[zone]));
        let mut loads = vec![0u32; shares as usize];
        let (mut whose, mut first) = (vec![0; zones], vec![0; zones]);
        for zone in order {
            let (share, load) = (0..).zip(&mut loads).min_by_key(|(_, load)| **load)?;
            (whose[zone], first[zone]) = (share, *load);
            *load += sizes[zone];
        }
        let fair = zone_of.len() as u32 / threads;
        if loads.iter().any(|&load| load > fair + fair / 2) {
            return None;
        }
        let places = zone_of.iter().map(|&zone| {
            let place = &mut first[zone as usize];
            *place += 1;
            whose[zone as usize] << PLACE_BITS | (*place - 1)
        });
        Some((shares, Deal::Zones(places.collect())))
    }
}

/// How far a shard works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    /// Where the farm stands; the shard may have come farther.
    pub(crate) now: Time,
    /// Where it stops, if not before.
    pub(crate) end: Time,
    /// Whether it is the only one: then it also stops at the end of a window in which something concerns others, observers
    /// among them.
    pub(crate) alone: bool,
    /// How many events it handles: at the end of the window in which it has, it stops.
    pub(crate) events: u64,
}

/// A share of the hosts, and what they have in common.
#[derive(Debug)]
pub(crate) struct Shard {
    /// How far it has come.
    pub(crate) now: Time,
    pub(crate) world: World,
    pub(crate) seats: Vec<Seat>,
    /// How many events were handled, but for wakes: how many of those there are depends on where a window was parted.
    pub(crate) events: u64,
    outbox: Outbox,
    /// The events of a window of few; void between windows.
    few: [Event; FEW],
    /// The order of one host's events in a window, and of the next one's; void between windows, kept for its room.
    order: [Order; 2],
    /// Whose events a window holds, and where they are; void between windows, kept for its room.
    hosts: Vec<(u32, Range<usize>)>,
}

impl Shard {
    /// A shard of these hosts.
    pub(crate) fn new(world: World, seats: Vec<Seat>) -> Shard {
        let (outbox, few, order) = (Outbox::default(), [Event::wake(0); FEW], Default::default());
        Shard { now: Time::ZERO, world, seats, events: 0, outbox, few, order, hosts: Vec::new() }
    }

    /// Works through window after window.
    pub(crate) fn work(&mut self, task: Task) {
        let Task { now, end, alone, events } = task;
        let enough = self.events.saturating_add(events);
        self.now = self.now.max(now);
        while self.now < end {
            let window_end = self.world.schedule.window_end(self.now).min(end);
            if !self.world.is_idle(self.now) {
                self.work_window(self.now, window_end);
            }
            if alone && self.world.concerns_others() || self.events >= enough {
                self.now = window_end;
                return;
            }
            self.now = match self.world.schedule.next_window() {
                Some(next) if next < end => next.max(window_end),
                Some(_) | None => end,
            };
        }
    }

    /// Works through all events of the window of `now` that lie before `end`, host by host.
    fn work_window(&mut self, now: Time, end: Time) {
        let Shard { world, seats, events: handled, outbox, few, order, hosts, .. } = self;
        world.take_in();
        let window_start = world.schedule.window_start(now);
        if let Some(count) = world.schedule.take_few(now, end, few) {
            world.near = Lines::of(seats);
            if let Some(event) = world.schedule.ahead() {
                prefetch_all(&seats[world.share.place(event.target())]);
            }
            for mine in few[..count].chunk_by_mut(|one, next| one.target() == next.target()) {
                let seat = &mut seats[world.share.place(mine[0].target())];
                sort_late(world, mine);
                let mut acted = false;
                for event in &*mine {
                    world.partner = event.source();
                    if event.form() == Form::Connect {
                        seat.warm_caller(event.source());
                    }
                    let time = Time(window_start.0 + u64::from(event.when()));
                    if seat.is_due(time) {
                        acted |= seat.meet_deadlines(world, outbox, now, time);
                    }
                    if seat.goes_shortly(world) && seat.receive_shortly(world, time, *event) {
                        *handled += 1;
                        acted = true;
                    } else {
                        acted |= take_long(seat, world, outbox, time, *event, handled);
                    }
                }
                if seat.is_due(end) {
                    acted |= seat.meet_deadlines(world, outbox, now, end);
                }
                seat.arrange_wake(world, now, acted);
            }
            world.near = Lines::NONE;
            return;
        }
        let mut batch = world.schedule.take(now, end, &world.share, seats.len());
        let events = batch.events();
        hosts.clear();
        hosts.extend(events.chunk_by(|one, next| one.target() == next.target()).scan(0, |end, mine| {
            let start = *end;
            *end += mine.len();
            Some((mine[0].target(), start..*end))
        }));
        for (number, (host, mine)) in hosts.iter().enumerate() {
            // Memory is slow, but it is known whose turn comes: each host's own is called for two turns before, and
            // its connections', which can only be found then, one turn before.
            if let Some((after, _)) = hosts.get(number + 2) {
                prefetch_all(&seats[world.share.place(*after)]);
            }
            let [order, next_order] = order;
            if number == 0 {
                order.set(world, &mut events[mine.clone()]);
            }
            if let Some((next, theirs)) = hosts.get(number + 1) {
                let seat = &seats[world.share.place(*next)];
                let theirs = &mut events[theirs.clone()];
                next_order.set(world, theirs);
                for turn in next_order.turns.iter().take(LOOK_AHEAD) {
                    seat.warm(theirs[place_of(*turn)].to);
                }
            }
            let seat = &mut seats[world.share.place(*host)];
            let mine = &events[mine.clone()];
            let (mut acted, mut shortly) = (false, seat.goes_shortly(world));
            let turns = &order.turns;
            for (turn, &place) in turns.iter().enumerate() {
                if let Some(later) = turns.get(turn + LOOK_AHEAD) {
                    seat.warm(mine[place_of(*later)].to);
                }
                if let Some(later) = turns.get(turn + LOOK_AHEAD / 2) {
                    seat.warm_more(mine[place_of(*later)].to);
                }
                let event = mine[place_of(place)];
                let time = Time(window_start.0 + u64::from(event.when()));
                if seat.is_due(time) {
                    acted |= seat.meet_deadlines(world, outbox, now, time);
                    shortly = seat.goes_shortly(world);
                }
                if shortly && seat.receive_shortly(world, time, event) {
                    *handled += 1;
                    acted = true;
                    if matches!(event.form(), Form::Connect | Form::BindCommit | Form::Finish) {
                        seat.warm_victims();
                    }
                } else {
                    acted |= take_long(seat, world, outbox, time, event, handled);
                    shortly = seat.goes_shortly(world);
                }
            }
            acted |= seat.meet_deadlines(world, outbox, now, end);
            seat.arrange_wake(world, now, acted);
            core::mem::swap(order, next_order);
        }
        world.schedule.recycle(batch);
    }

    /// Hands one host an input from outside, now.
    pub(crate) fn act(&mut self, host: u32, now: Time, input: Input) {
        let seat = &mut self.seats[self.world.share.place(host)];
        seat.act(&mut self.world, &mut self.outbox, now, input);
        seat.note_deadline();
        seat.arrange_wake(&mut self.world, now, true);
    }
}

/// Hands a host one event, the long way. Whether it acted.
#[inline(never)]
fn take_long(
    seat: &mut Seat,
    world: &mut World,
    outbox: &mut Outbox,
    time: Time,
    event: Event,
    handled: &mut u64,
) -> bool {
    let is_wake = event.form() == Form::Wake;
    *handled += u64::from(!is_wake);
    let letter = world.post.open(event);
    seat.receive(world, outbox, time, letter);
    seat.note_deadline();
    !is_wake
}

/// Puts a host's events that are of one instant and of the last turn in their own order; the others have theirs.
#[inline]
fn sort_late(world: &World, mine: &mut [Event]) {
    if mine.len() > 1 {
        for run in
            mine.chunk_by_mut(|one, next| one.is_late() && one.order() == next.order()).filter(|run| run.len() > 1)
        {
            world.post.sort_late(run);
        }
    }
}

/// The order of one host's events.
#[derive(Debug, Default)]
struct Order {
    /// The events' turns, as they come; each tells its [place](place_of).
    turns: Vec<u64>,
}

/// The bits of a place in a turn. An event's order leaves as many.
const TURN_BITS: u32 = 25;

impl Order {
    /// Puts these events in order.
    #[inline]
    fn set(&mut self, world: &World, mine: &mut [Event]) {
        if mine.iter().any(Event::is_late) {
            mine.sort_by_key(Event::order);
            sort_late(world, mine);
        }
        debug_assert!(mine.len() < 1 << TURN_BITS, "more events than one host has in a window");
        self.turns.clear();
        self.turns.extend((0..).zip(&*mine).map(|(place, event): (u64, _)| event.order() << TURN_BITS | place));
        self.turns.sort_unstable();
    }
}

/// Which of the host's events it is that has this turn.
#[inline]
const fn place_of(turn: u64) -> usize {
    (turn & ((1 << TURN_BITS) - 1)) as usize
}
