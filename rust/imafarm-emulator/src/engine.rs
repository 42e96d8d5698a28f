//! Time goes on: window by window, and in each window host by host.

use imafarm_proto::input::Input;
use imafarm_proto::time::Time;

use crate::farm::{Farm, Pace};

/// How many events ahead the memory of a connection is called for.
const LOOK_AHEAD: usize = 3;

impl Farm {
    /// Goes on to `until`, or less far: to the end of the window in which something of a class in `wake_on` happened,
    /// or in which `max_events` were reached. How far that is changes nothing of what happens.
    pub fn advance(&mut self, until: Time, wake_on: u32, max_events: u64) -> Pace {
        let enough = self.events.saturating_add(max_events);
        while self.now < until {
            let window_end = self.world.schedule.window_end(self.now);
            let next = self.next_event().unwrap_or(Time::NEVER);
            if next >= window_end && self.world.notices.is_empty() {
                // Nothing happens before `next`: go there, but not past `until`.
                self.now = next.min(until);
                continue;
            }
            let end = window_end.min(until);
            self.work_window(end);
            self.now = end;
            if end == window_end {
                let heard = self.tell();
                if heard & wake_on != 0 {
                    return Pace::Woken;
                }
                if self.events >= enough {
                    return Pace::Busy;
                }
            }
        }
        Pace::Arrived
    }

    /// When something next happens, or may happen; `None` when nothing ever will.
    pub fn next_event(&self) -> Option<Time> {
        let next = match (self.world.schedule.next_window(), self.world.pipes.next()) {
            (Some(one), Some(other)) => one.min(other),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => return None,
        };
        Some(next.max(self.now))
    }

    /// Tells observers what has happened since they were last told; the classes of it.
    pub(crate) fn tell(&mut self) -> u32 {
        let world = &mut self.world;
        world.trace[self.told_trace..].sort_unstable();
        self.told_trace = world.trace.len();
        self.chronicle.hear(&mut world.notices)
    }

    /// Works through all events of the current window that lie before `end`.
    ///
    /// No host can reach another before the window ends, so each goes through its own events alone. What passes a
    /// shared link between zones is the exception: it is put in order once all hosts are through.
    fn work_window(&mut self, end: Time) {
        let Farm { world, seats, outbox, now, events: handled, order, .. } = self;
        let window_start = world.schedule.window_start(*now);
        let mut events = world.schedule.take(*now, end, seats.len());
        *handled += events.len() as u64;
        let mut rest = events.as_mut_slice();
        while let Some(first) = rest.first() {
            let seat = &mut seats[first.target as usize];
            let count = rest.iter().take_while(|event| event.target == seat.me).count();
            let (mine, others) = rest.split_at_mut(count);
            order.clear();
            order.extend((0..).zip(&*mine).map(|(place, event)| (event.order(), place)));
            order.sort_unstable();
            for (&(_, place), later) in order.iter().zip((LOOK_AHEAD..).map(|ahead| order.get(ahead))) {
                if let Some(&(_, later)) = later {
                    seat.warm(mine[later as usize].to);
                }
                let event = mine[place as usize].take();
                let time = Time(window_start.0 + u64::from(event.offset));
                seat.meet_deadlines(world, outbox, *now, time);
                seat.receive(world, outbox, time, event);
                seat.note_deadline();
            }
            seat.meet_deadlines(world, outbox, *now, end);
            seat.arrange_wake(world);
            rest = others;
        }
        world.schedule.recycle(events);
        while let Some((time, event)) = world.pipes.pop(end, &world.network) {
            world.schedule.push(time, event);
        }
    }

    /// Hands one host an input from outside, now.
    pub(crate) fn act(&mut self, host: u32, input: Input) {
        let Farm { world, seats, outbox, now, .. } = self;
        let seat = &mut seats[host as usize];
        seat.act(world, outbox, *now, input);
        seat.note_deadline();
        seat.arrange_wake(world);
    }
}
