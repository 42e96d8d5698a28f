//! Time goes on: window by window, in every shard at once.

use imafarm_proto::time::Time;

use crate::crew::Crew;
use crate::farm::{Farm, Pace};
use crate::prefetch::prefetch_all;
use crate::schedule::FEW;
use crate::shard::{SHARES_A_THREAD, Task};

/// How many events a window holds at least, when more than one thread is worth waking. Our guess.
const WORTH_A_THREAD: u64 = 64;
/// After how many events in such windows threads are worth their start. Our guess: it takes the time of some hundred.
const WORTH_A_CREW: u64 = 4_096;

/// How far time is to go on.
#[derive(Clone, Copy)]
struct Goal {
    until: Time,
    wake_on: u32,
    /// How many events the farm will have handled then.
    enough: u64,
    /// Whether shards may stop apart from one another.
    loose: bool,
}

impl Farm {
    /// Goes on to `until`, or less far: to the end of the window in which something of a class in `wake_on` happened,
    /// or to the end of one in which `max_events` were reached. How far that is changes nothing of what happens.
    pub fn advance(&mut self, until: Time, wake_on: u32, max_events: u64) -> Pace {
        self.gather();
        self.advance_until(until, wake_on, max_events, false)
    }

    /// The same, and is back soon after `max_events` even where shards run far ahead of one another. They may then stand
    /// apart: before anything but `now`, `event_count` and observers' events is asked of the farm, or anything done to it,
    /// [`Farm::gather`] brings them together.
    pub fn advance_loosely(&mut self, until: Time, wake_on: u32, max_events: u64) -> Pace {
        self.advance_until(until, wake_on, max_events, true)
    }

    /// Whether shards stand apart.
    pub const fn stands_apart(&self) -> bool {
        self.apart.is_some()
    }

    /// Brings all shards to one moment, if they are not: a little later, as if the last advance had gone on for so long.
    pub fn gather(&mut self) {
        if let Some(end) = self.apart {
            self.advance_until(end, 0, u64::MAX, false);
        }
    }

    fn advance_until(&mut self, until: Time, wake_on: u32, max_events: u64, loose: bool) -> Pace {
        if self.apart.is_none() {
            self.expect_look();
        }
        let goal = Goal { until, wake_on, enough: self.handled().saturating_add(max_events), loose };
        let pace = self.go_on(goal, None);
        let pace =
            pace.or_else(|| Crew::employ(self.threads - 1, self.shards.len(), |crew| self.go_on(goal, Some(crew))));
        self.take_in();
        pace.unwrap_or(Pace::Busy)
    }

    /// Goes on, alone or with others; `None` if others would be worth it.
    fn go_on(&mut self, goal: Goal, crew: Option<&Crew<'_>>) -> Option<Pace> {
        let (mut shared, mut last) = (0, 0);
        let whole = goal;
        while self.now < whole.until {
            let goal = Goal { until: whole.until.min(self.next_look()), ..whole };
            let mut window_end = self.window_end();
            let next = self.next_event().unwrap_or(Time::NEVER);
            if next >= window_end && self.apart.is_none() && !self.has_news() {
                // Nothing happens before `next`: go there, but not past `until`.
                self.now = next.min(goal.until);
                if next >= goal.until {
                    self.look();
                    continue;
                }
                window_end = self.window_end();
            }
            let end = self.apart.unwrap_or_else(|| self.horizon(next, window_end, goal));
            let known = self.shards.iter().map(|shard| shard.world.count(self.now) as u64).sum::<u64>();
            // Of what is to come in windows that are not at hand there is no count: it will be as in the last ones.
            let count = if end > window_end { last.max(known) } else { known };
            let helpers = crew.filter(|_| count >= WORTH_A_THREAD);
            if count >= WORTH_A_THREAD && self.threads.min(self.shards.len()) > 1 {
                shared += count;
                if crew.is_none() && shared >= WORTH_A_CREW {
                    return None;
                }
            }
            if self.apart.is_none() {
                self.settle_fans(end);
            }
            let before = self.handled();
            let come = self.work(end, goal.enough.saturating_sub(before), goal.loose, helpers);
            last = self.handled() - before;
            if come < end && self.shards.len() > 1 {
                self.apart = Some(end);
                return Some(Pace::Busy);
            }
            (self.now, self.apart) = (come, None);
            self.exchange(self.now);
            self.gather_fans();
            if self.now != self.window_start() {
                self.look();
                continue;
            }
            let heard = self.hear();
            self.look();
            if heard & goal.wake_on != 0 {
                return Some(Pace::Woken);
            }
            if self.handled() >= goal.enough {
                return Some(Pace::Busy);
            }
        }
        Some(Pace::Arrived)
    }

    /// Whether observers have not heard of something.
    fn has_news(&self) -> bool {
        self.shards.iter().any(|shard| !shard.world.notices.is_empty())
    }

    fn window_start(&self) -> Time {
        self.shards[0].world.schedule.window_start(self.now)
    }

    fn window_end(&self) -> Time {
        self.shards[0].world.schedule.window_end(self.now)
    }

    /// How far shards may go on by themselves, if nothing happens before `next`: to the end of the window, and to that of a
    /// later one where nothing that a shard does can reach another, or anybody else who has to see it, before they stop.
    fn horizon(&self, next: Time, window_end: Time, goal: Goal) -> Time {
        let schedule = &self.shards[0].world.schedule;
        let far = if self.has_fans() || self.bound && self.shards.len() > 1 {
            // What a fan stands for is gone through window by window.
            window_end
        } else if self.shards.len() == 1 {
            // It stops by itself where others have to do with it.
            let outside = self.pipes.next().into_iter().chain(self.store.next()).min();
            outside.map_or(Time::NEVER, |first| schedule.window_end(first.max(self.now)))
        } else if goal.wake_on == 0 {
            next + self.lead
        } else {
            window_end
        };
        schedule.window_start(far.min(goal.until)).max(window_end).min(goal.until)
    }

    /// When something next happens, or may happen; `None` when nothing ever will.
    pub fn next_event(&self) -> Option<Time> {
        let scheduled = self.shards.iter().filter_map(|shard| shard.world.next());
        let others = self.pipes.next().into_iter().chain(self.store.next()).chain(self.next_of_fans());
        scheduled.chain(others).min().map(|next| next.max(self.now))
    }

    /// How many events were handled, without the answers to fan-outs that are under way: what a storm has come to is known
    /// at once, but not asked of each message.
    pub fn handled(&self) -> u64 {
        self.shards.iter().map(|shard| shard.events).sum()
    }

    /// Tells observers what has happened since they were last told; the classes of it.
    pub(crate) fn hear(&mut self) -> u32 {
        self.gather_taps();
        if self.shards.iter().all(|shard| shard.world.notices.is_empty() && shard.world.trace.is_empty()) {
            return 0;
        }
        let told = self.trace.len();
        for shard in &mut self.shards {
            self.notices.append(&mut shard.world.notices);
            self.trace.append(&mut shard.world.trace);
        }
        self.trace[told..].sort_unstable();
        self.chronicle.hear(&mut self.notices)
    }

    /// Takes over what shards have recorded at tapped hosts.
    pub(crate) fn gather_taps(&mut self) {
        if let Some(taped) = &mut self.taped {
            taped.gather(self.now, self.shards.iter_mut().filter_map(|shard| shard.world.tap.as_mut()));
        }
    }

    /// Lets every shard work until `end`, if that is not too many events; how far all have come.
    ///
    /// Until then no shard can reach another, and within a window no host another, so each goes through its own events
    /// alone. What passes a shared link between zones is the exception: it is put in order once all are through.
    fn work(&mut self, end: Time, events: u64, loose: bool, crew: Option<&Crew<'_>>) -> Time {
        let alone = self.shards.len() == 1;
        let events = match (alone, loose) {
            (true, _) => events,
            // So that all threads together come to that number, whether one shard has most of it or all have the same.
            (false, true) => events.div_ceil(SHARES_A_THREAD.into()),
            (false, false) => u64::MAX,
        };
        let task = Task { now: self.now, end, alone, events };
        match crew {
            Some(crew) => crew.work(&mut self.shards, task),
            None => self.shards.iter_mut().for_each(|shard| shard.work(task)),
        }
        self.shards.iter().map(|shard| shard.now).min().unwrap_or(end)
    }

    /// Hands shards what others have sent them, and lets the shared links between zones work until `end`.
    pub(crate) fn exchange(&mut self, end: Time) {
        for from in 0..self.shards.len() {
            if core::mem::take(&mut self.shards[from].world.has_sent) {
                self.hand_over(from);
            }
            let piped = &mut self.shards[from].world.piped;
            for (time, letter, bytes) in piped.drain(..) {
                self.pipes.push(time, letter, bytes);
            }
        }
        while let Some((time, letter)) = self.pipes.pop(end, &self.network) {
            self.shard_mut(letter.target).world.put_here(time, letter);
        }
        if self.store.next().is_some() || self.shards.iter().any(|shard| !shard.world.questions.is_empty()) {
            self.settle_store(end);
        }
    }

    /// Lets every shard take in what it has been sent: time stands still, and whoever looks sees all that is under way.
    pub(crate) fn take_in(&mut self) {
        self.shards.iter_mut().for_each(|shard| shard.world.take_in());
    }

    /// Hands other shards what one has sent them. Each takes it in when it next works.
    fn hand_over(&mut self, from: usize) {
        for to in 0..self.shards.len() {
            let Ok([sender, receiver]) = self.shards.get_disjoint_mut([from, to]) else { continue };
            let sack = &mut sender.world.away[to];
            if sack.is_empty() {
                continue;
            }
            if sack.events().len() <= FEW {
                for (_, event) in sack.events().iter().filter(|(_, event)| event.target() != sender.world.partner) {
                    prefetch_all(&receiver.seats[receiver.world.share.place(event.target())]);
                }
            }
            debug_assert!(receiver.world.inbox[from].is_empty(), "a shard takes in what it has been sent");
            core::mem::swap(sack, &mut receiver.world.inbox[from]);
            receiver.world.has_mail = true;
        }
    }
}
