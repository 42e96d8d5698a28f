//! Time goes on: window by window, in every shard at once.

use imafarm_proto::time::Time;

use crate::farm::{Farm, Pace};
use crate::prefetch::prefetch_all;
use crate::schedule::FEW;

/// How many events a window holds at least, when more than one thread is worth its start. Our guess: a thread is
/// started in the time of some hundred events.
const WORTH_A_THREAD: usize = 4_096;

impl Farm {
    /// Goes on to `until`, or less far: to the end of the window in which something of a class in `wake_on` happened,
    /// or in which `max_events` were reached. How far that is changes nothing of what happens.
    pub fn advance(&mut self, until: Time, wake_on: u32, max_events: u64) -> Pace {
        let pace = self.go_on(until, wake_on, max_events);
        self.take_in();
        pace
    }

    fn go_on(&mut self, until: Time, wake_on: u32, max_events: u64) -> Pace {
        let enough = self.handled().saturating_add(max_events);
        while self.now < until {
            let mut window_end = self.shards[0].world.schedule.window_end(self.now);
            let next = self.next_event().unwrap_or(Time::NEVER);
            if next >= window_end && self.shards.iter().all(|shard| shard.world.notices.is_empty()) {
                // Nothing happens before `next`: go there, but not past `until`.
                self.now = next.min(until);
                if next >= until {
                    break;
                }
                window_end = self.shards[0].world.schedule.window_end(self.now);
            }
            let end = window_end.min(until);
            self.work_window(end);
            self.now = end;
            if end == window_end {
                let heard = self.hear();
                if heard & wake_on != 0 {
                    return Pace::Woken;
                }
                if self.handled() >= enough {
                    return Pace::Busy;
                }
            }
        }
        Pace::Arrived
    }

    /// When something next happens, or may happen; `None` when nothing ever will.
    pub fn next_event(&self) -> Option<Time> {
        let scheduled = self.shards.iter().filter_map(|shard| shard.world.next());
        let others = self.pipes.next().into_iter().chain(self.store.next()).chain(self.next_of_fans());
        scheduled.chain(others).min().map(|next| next.max(self.now))
    }

    /// How many events were handled, but for those that fans stand for and that are not settled yet.
    fn handled(&self) -> u64 {
        self.shards.iter().map(|shard| shard.events).sum()
    }

    /// Tells observers what has happened since they were last told; the classes of it.
    pub(crate) fn hear(&mut self) -> u32 {
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

    /// Works through all events of the current window that lie before `end`.
    ///
    /// No host can reach another before the window ends, so each goes through its own events alone. What passes a
    /// shared link between zones is the exception: it is put in order once all hosts are through.
    fn work_window(&mut self, end: Time) {
        self.settle_fans(end);
        let now = self.now;
        if self.shards.len() > 1
            && self.shards.iter().map(|shard| shard.world.count(now)).sum::<usize>() >= WORTH_A_THREAD
        {
            std::thread::scope(|scope| {
                let mut shards = self.shards.iter_mut();
                let own = shards.next();
                for shard in shards {
                    scope.spawn(move || shard.work_window(now, end));
                }
                if let Some(shard) = own {
                    shard.work_window(now, end);
                }
            });
        } else {
            let busy = self.shards.iter_mut().filter(|shard| !shard.world.is_idle(now));
            busy.for_each(|shard| shard.work_window(now, end));
        }
        self.exchange(end);
        self.gather_fans();
    }

    /// Hands shards what others have sent them, and lets the shared links between zones work until `end`.
    pub(crate) fn exchange(&mut self, end: Time) {
        for from in 0..self.shards.len() {
            self.hand_over(from);
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
        }
    }
}
