//! The emulator's event queue, and a heap that does the same: a storm's load for both, to the last event.
//!
//! Each event that is handled has the next one follow after a latency of 0.3 to 0.4 ms, so that as many are on their way
//! all the time, and one in [`DEADLINE_EVERY`] names a deadline besides, some seconds away. What follows is a function of
//! the event alone. So it does not matter that the two do not hand events out in the same order: the heap goes by time,
//! the schedule by window and host.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use imafarm_emulator::event::{Event, Form};
use imafarm_emulator::network::EndRef;
use imafarm_emulator::schedule::Schedule;
use imafarm_emulator::shard::Share;
use imafarm_proto::time::{Span, Time};

/// How many hosts the events are for.
pub const HOSTS: u32 = 10_000;
const LATENCY_LEAST: Span = Span(300_000);
const JITTER_NS: u64 = 100_000;
const DEADLINE_EVERY: u64 = 64;
const DEADLINE_LEAST: Span = Span::from_secs(1);
const DEADLINE_SPREAD_NS: u64 = 4_000_000_000;

/// What has been handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handled {
    /// How many events.
    pub events: u64,
    /// The sum of their draws: another one if any event was lost, or came at another time.
    pub sum: u64,
}

/// A queue under this load.
pub trait Queue {
    /// An empty one.
    fn new() -> Self;

    /// Puts an event in.
    fn push(&mut self, time: Time, event: Event);

    /// Takes out what comes next, one event or more, and puts in what follows. False if there was nothing.
    fn step(&mut self, handled: &mut Handled) -> bool;
}

/// A queue in which so many messages are on their way.
pub fn filled<Q: Queue>(messages: u32) -> Q {
    let mut queue = Q::new();
    for n in 0..messages {
        let (time, event) = message(Time::ZERO, draw(Time::ZERO, n, n), n % HOSTS);
        queue.push(time, event);
    }
    queue
}

/// 64 bits that depend on an event's time and hosts, and on nothing else.
#[inline]
const fn draw(time: Time, target: u32, source: u32) -> u64 {
    let mut bits = time.0 ^ (target as u64).rotate_left(40) ^ (source as u64).rotate_left(20);
    bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ bits >> 31
}

/// A message that `source` sends to a host that is drawn.
#[inline]
fn message(now: Time, drawn: u64, source: u32) -> (Time, Event) {
    let target = (((drawn & 0xFFFF_FFFF) * u64::from(HOSTS)) >> 32) as u32;
    let latency = Span(LATENCY_LEAST.0 + (((drawn >> 32) * JITTER_NS) >> 32));
    (now + latency, Event::new(Form::ElectMaster, target, source, EndRef::NONE, 0))
}

/// Handles an event: what follows goes to `push`.
#[inline]
fn handle(now: Time, event: &Event, handled: &mut Handled, mut push: impl FnMut(Time, Event)) {
    let drawn = draw(now, event.target(), event.source());
    handled.events += 1;
    handled.sum = handled.sum.wrapping_add(drawn);
    if event.form() == Form::Wake {
        return;
    }
    let (time, next) = message(now, drawn, event.target());
    push(time, next);
    if drawn.is_multiple_of(DEADLINE_EVERY) {
        let wait = DEADLINE_LEAST + Span(drawn % DEADLINE_SPREAD_NS);
        push(now + wait, Event::wake(event.target()));
    }
}

/// One window at a time, and in it one host at a time, as the emulator does.
impl Queue for Schedule {
    fn new() -> Schedule {
        Schedule::new(LATENCY_LEAST)
    }

    fn push(&mut self, time: Time, event: Event) {
        Schedule::push(self, time, event);
    }

    fn step(&mut self, handled: &mut Handled) -> bool {
        let Some(start) = self.next_window() else { return false };
        let mut batch = self.take(start, self.window_end(start), &Share::ALL, HOSTS as usize);
        for mine in batch.events().chunk_by_mut(|one, next| one.target() == next.target()) {
            mine.sort_unstable_by_key(Event::order);
            for event in mine {
                let now = Time(start.0 + u64::from(event.when()));
                handle(now, event, handled, |time, next| Schedule::push(self, time, next));
            }
        }
        self.recycle(batch);
        true
    }
}

/// An event and its time, in the order in which hosts are to see them.
#[derive(Debug)]
pub struct Timed {
    time: Time,
    event: Event,
}

impl Timed {
    const fn key(&self) -> (Time, u64) {
        (self.time, self.event.order_of_all())
    }
}

impl PartialEq for Timed {
    fn eq(&self, other: &Timed) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Timed {}

impl PartialOrd for Timed {
    fn partial_cmp(&self, other: &Timed) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timed {
    fn cmp(&self, other: &Timed) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// One event at a time, the earliest of all.
impl Queue for BinaryHeap<Reverse<Timed>> {
    fn new() -> BinaryHeap<Reverse<Timed>> {
        BinaryHeap::new()
    }

    fn push(&mut self, time: Time, event: Event) {
        BinaryHeap::push(self, Reverse(Timed { time, event }));
    }

    fn step(&mut self, handled: &mut Handled) -> bool {
        let Some(Reverse(Timed { time, event })) = self.pop() else { return false };
        handle(time, &event, handled, |time, next| BinaryHeap::push(self, Reverse(Timed { time, event: next })));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that is due before `until`.
    fn handled_until<Q: Queue>(messages: u32, until: Time, next: impl Fn(&Q) -> Option<Time>) -> Handled {
        let mut queue = filled::<Q>(messages);
        let mut handled = Handled::default();
        while next(&queue).is_some_and(|time| time < until) && queue.step(&mut handled) {}
        handled
    }

    /// Far enough that the first deadlines are met too. Both stop where a window begins.
    #[test]
    fn both_queues_handle_the_same_events() {
        let until = Schedule::new(LATENCY_LEAST).window_start(Time::ZERO + Span(1_500_000_000));
        let schedule = handled_until(50, until, Schedule::next_window);
        let heap = handled_until::<BinaryHeap<Reverse<Timed>>>(50, until, |heap| heap.peek().map(|next| next.0.time));
        assert_eq!(schedule, heap);
        assert!(heap.events > 200_000, "{heap:?}");
    }
}
