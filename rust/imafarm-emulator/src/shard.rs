//! Some of a farm's hosts, worked through by one thread.
//!
//! Hosts of different shards are as independent within a window as hosts of one are, so how many shards there are, and
//! which thread works which, changes nothing of what happens.

use core::ops::Range;

use imafarm_proto::input::Input;
use imafarm_proto::outbox::Outbox;
use imafarm_proto::time::Time;

use crate::event::{Event, Form};
use crate::prefetch::{Lines, prefetch_all};
use crate::seat::Seat;
use crate::world::World;

/// For how many events of a host at once the memory of their connections is called for.
const LOOK_AHEAD: usize = 8;

/// Which hosts are whose: every so many-th, beginning with one. Neighbours are apart, because a storm comes to hosts of
/// like rank at like times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    first: u32,
    /// The shares are a power of two in number: this power.
    shift: u32,
}

impl Share {
    /// All hosts.
    pub const ALL: Share = Share { first: 0, shift: 0 };

    /// How many shares there are.
    pub const fn count(self) -> usize {
        1 << self.shift
    }

    /// Shares for at most `threads` threads, at least one.
    pub fn among(threads: u32) -> impl Iterator<Item = Share> {
        let shift = threads.max(1).ilog2();
        (0..1 << shift).map(move |first| Share { first, shift })
    }

    /// Whose number among the shares a host is in.
    #[inline]
    pub const fn of(self, host: u32) -> usize {
        (host & ((1 << self.shift) - 1)) as usize
    }

    /// Whether a host is in this share.
    #[inline]
    pub const fn has(self, host: u32) -> bool {
        self.of(host) == self.first as usize
    }

    /// A host's place within its share.
    #[inline]
    pub const fn place(self, host: u32) -> usize {
        (host >> self.shift) as usize
    }

    /// The hosts of this share, of `hosts` in all.
    pub fn hosts(self, hosts: u32) -> impl Iterator<Item = u32> {
        (self.first..hosts).step_by(1 << self.shift)
    }
}

/// A share of the hosts, and what they have in common.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) world: World,
    pub(crate) seats: Vec<Seat>,
    /// How many events were handled, but for wakes: how many of those there are depends on where a window was parted.
    pub(crate) events: u64,
    outbox: Outbox,
    /// The order of one host's events in a window; void between hosts, kept for its room.
    order: Order,
    /// Whose events a window holds, and where they are; void between windows, kept for its room.
    hosts: Vec<(u32, Range<usize>)>,
}

impl Shard {
    /// A shard of these hosts.
    pub(crate) fn new(world: World, seats: Vec<Seat>) -> Shard {
        Shard { world, seats, events: 0, outbox: Outbox::default(), order: Order::default(), hosts: Vec::new() }
    }

    /// Works through all events of the window of `now` that lie before `end`, host by host.
    pub(crate) fn work_window(&mut self, now: Time, end: Time) {
        let Shard { world, seats, events: handled, outbox, order, hosts } = self;
        world.take_in();
        let window_start = world.schedule.window_start(now);
        let mut batch = world.schedule.take(now, end, world.share, seats.len());
        if let Some(events) = batch.few() {
            world.near = Lines::of(seats);
            if let Some(event) = world.schedule.ahead() {
                prefetch_all(&seats[world.share.place(event.target())]);
            }
            for mine in events.chunk_by_mut(|one, next| one.target() == next.target()) {
                let seat = &mut seats[world.share.place(mine[0].target())];
                sort_late(world, mine);
                let mut acted = false;
                for event in &*mine {
                    world.partner = event.source();
                    if event.form() == Form::Connect {
                        seat.warm_caller(event.source());
                    }
                    let time = Time(window_start.0 + u64::from(event.when()));
                    acted |= seat.meet_deadlines(world, outbox, now, time);
                    if seat.goes_shortly(world) && seat.receive_shortly(world, time, *event) {
                        *handled += 1;
                        acted = true;
                    } else {
                        acted |= take_long(seat, world, outbox, time, *event, handled);
                    }
                }
                acted |= seat.meet_deadlines(world, outbox, now, end);
                seat.arrange_wake(world, now, acted);
            }
            world.schedule.recycle(batch);
            world.near = Lines::NONE;
            return;
        }
        let events = batch.events();
        hosts.clear();
        hosts.extend(events.chunk_by(|one, next| one.target() == next.target()).scan(0, |end, mine| {
            let start = *end;
            *end += mine.len();
            Some((mine[0].target(), start..*end))
        }));
        for (turn, (host, mine)) in hosts.iter().enumerate() {
            // Memory is slow, but it is known whose turn comes: each host's own is called for two turns before, and
            // its connections', which can only be found then, one turn before.
            if let Some((after, _)) = hosts.get(turn + 2) {
                prefetch_all(&seats[world.share.place(*after)]);
            }
            if let Some((next, theirs)) = hosts.get(turn + 1) {
                let seat = &seats[world.share.place(*next)];
                events[theirs.clone()].iter().take(LOOK_AHEAD).for_each(|event| seat.warm(event.to));
            }
            let seat = &mut seats[world.share.place(*host)];
            let mine = &mut events[mine.clone()];
            let (mut acted, mut shortly) = (false, seat.goes_shortly(world));
            for place in order.of(world, mine) {
                if let Some(later) = mine.get(place + LOOK_AHEAD) {
                    seat.warm(later.to);
                }
                let event = mine[place];
                let time = Time(window_start.0 + u64::from(event.when()));
                if seat.is_due(time) {
                    acted |= seat.meet_deadlines(world, outbox, now, time);
                    shortly = seat.goes_shortly(world);
                }
                if shortly && seat.receive_shortly(world, time, event) {
                    *handled += 1;
                    acted = true;
                } else {
                    acted |= take_long(seat, world, outbox, time, event, handled);
                    shortly = seat.goes_shortly(world);
                }
            }
            acted |= seat.meet_deadlines(world, outbox, now, end);
            seat.arrange_wake(world, now, acted);
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
    /// The order of each, and its place: one word.
    keys: Vec<u64>,
}

/// The bits of a place. An event's order leaves as many.
const PLACE_BITS: u32 = 25;

impl Order {
    /// The places of a host's events in the order in which they come.
    #[inline]
    fn of<'a>(&'a mut self, world: &World, mine: &mut [Event]) -> impl Iterator<Item = usize> + use<'a> {
        if mine.iter().any(Event::is_late) {
            mine.sort_by_key(Event::order);
            sort_late(world, mine);
        }
        debug_assert!(mine.len() < 1 << PLACE_BITS, "more events than one host has in a window");
        self.keys.clear();
        self.keys.extend((0..).zip(&*mine).map(|(place, event): (u64, _)| event.order() << PLACE_BITS | place));
        self.keys.sort_unstable();
        self.keys.iter().map(|key| (key & ((1 << PLACE_BITS) - 1)) as usize)
    }
}
