//! Work takes time: a host's work queue.
//!
//! Where a kind of message costs time (`WorkCost..`, our guess, nothing by default), a host works on one message after
//! the other, as they came. Whatever comes while it works waits, also what costs nothing, so that a connection stays in
//! order: a busy data collector answers late, and is taken for dead. A host's own deadlines do not wait.
//!
//! A message is handled, and counts as delivered, when the work on it is done; until then it is under way. A crash loses
//! what waits. A pause stops the work, which goes on where it was.

use std::collections::VecDeque;
use std::sync::Arc;

use imafarm_proto::outbox::Outbox;
use imafarm_proto::settings::Settings;
use imafarm_proto::time::{Span, Time};
use imafarm_records::totals::{Power, WorkTotals};

use crate::letter::{Letter, Parcel};
use crate::seat::Seat;
use crate::world::World;

/// The queue of a host for which some messages cost time.
#[derive(Debug)]
pub(crate) struct Work {
    settings: Arc<Settings>,
    /// What waits, first come first served. The first is worked on.
    queue: VecDeque<Letter>,
    /// Since when the first is worked on, and when that is done; void while nothing waits.
    began: Time,
    done: Time,
    /// Since when the work stands still.
    frozen: Option<Time>,
    /// How long it has worked on what is done.
    busy: Span,
}

impl Work {
    /// An empty queue, for a host of these settings; none if its work takes no time.
    pub(crate) fn of(settings: &Arc<Settings>) -> Option<Box<Work>> {
        if settings.work_costs().are_none() {
            return None;
        }
        let settings = Arc::clone(settings);
        let (queue, began, done) = (VecDeque::new(), Time::ZERO, Time::ZERO);
        Some(Box::new(Work { settings, queue, began, done, frozen: None, busy: Span::ZERO }))
    }

    /// When the work on the first in the queue is done.
    pub(crate) fn next_done(&self) -> Time {
        if self.queue.is_empty() { Time::NEVER } else { self.done }
    }

    /// Puts something in the queue, or gives it back to be handled at once: nothing waits, and it takes no time.
    fn put(&mut self, now: Time, letter: Letter) -> Option<Letter> {
        if self.queue.is_empty() {
            if self.cost(&letter) == Span::ZERO {
                return Some(letter);
            }
            (self.began, self.done) = (now, now + self.cost(&letter));
        }
        self.queue.push_back(letter);
        None
    }

    /// Takes out what the work is done on, and begins with the next.
    fn finish(&mut self) -> Option<Letter> {
        let letter = self.queue.pop_front()?;
        self.busy = self.busy + (self.done - self.began);
        if let Some(next) = self.queue.front() {
            (self.began, self.done) = (self.done, self.done + self.cost(next));
        }
        Some(letter)
    }

    /// Gives up all that waits.
    fn clear(&mut self, now: Time) -> VecDeque<Letter> {
        self.busy = self.busy_until(now);
        core::mem::take(&mut self.queue)
    }

    fn cost(&self, letter: &Letter) -> Span {
        letter.kind().map_or(Span::ZERO, |kind| self.settings.work_costs().of(kind.index()))
    }

    /// How long it has worked by now.
    fn busy_until(&self, now: Time) -> Span {
        match self.queue.is_empty() {
            true => self.busy,
            false => self.busy + (self.frozen.unwrap_or(now).min(self.done) - self.began),
        }
    }
}

impl Seat {
    /// Something arrives at a host whose work takes time.
    pub(crate) fn queue_up(&mut self, world: &mut World, out: &mut Outbox, now: Time, letter: Letter) {
        let waits = match (&letter.parcel, &mut self.work) {
            // The host's own affairs do not wait; and its users do not come by IMA.
            (Parcel::Start | Parcel::Wake | Parcel::User(_) | Parcel::Consulted(_), _) | (_, None) => Some(letter),
            (
                Parcel::Connect { .. }
                | Parcel::Greeting { .. }
                | Parcel::Message(_)
                | Parcel::Finish
                | Parcel::Refused
                | Parcel::Broken { .. },
                Some(work),
            ) => work.put(now, letter),
        };
        if let Some(letter) = waits {
            self.receive_up(world, out, now, letter);
        }
    }

    /// Handles what the work is done on by `now`, if there is such a thing; whether there was.
    pub(crate) fn work_on(&mut self, world: &mut World, out: &mut Outbox, now: Time) -> bool {
        let done = self.work.as_mut().filter(|work| work.next_done() <= now).and_then(|work| work.finish());
        let Some(letter) = done else { return false };
        self.receive_up(world, out, now, letter);
        true
    }

    /// Stops the work, or lets it go on where it was.
    pub(crate) fn freeze(&mut self, now: Time, freeze: bool) {
        let Some(work) = &mut self.work else { return };
        if freeze {
            work.frozen = Some(now);
        } else if let Some(since) = work.frozen.take() {
            let stood = now - since;
            (work.began, work.done) = (work.began + stood, work.done + stood);
        }
    }

    /// Gives up what waits for the host's attention: it is going down.
    pub(crate) fn give_up_work(&mut self, now: Time) -> impl Iterator<Item = Letter> + use<> {
        let queue = self.work.as_mut().map(|work| work.clear(now));
        queue.unwrap_or_default().into_iter().chain(self.take_aside(|aside| &mut aside.deferred))
    }

    /// What has arrived and is not handled yet.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Letter> {
        self.aside().deferred.iter().chain(self.work.iter().flat_map(|work| &work.queue))
    }

    /// What waits, and how long the host has worked by now in this life.
    pub(crate) fn work_totals(&self, now: Time) -> WorkTotals {
        let queued = self.work.as_ref().map_or(0, |work| work.queue.len()) as u64;
        let busy = self.work.as_ref().map_or(Span::ZERO, |work| work.busy_until(now));
        match self.power {
            Power::Paused => {
                WorkTotals { ready: 0, pending: queued + self.aside().deferred.len() as u64, executing: 0, busy }
            }
            Power::Up | Power::Off | Power::Crashed => {
                WorkTotals { ready: queued.saturating_sub(1), pending: 0, executing: queued.min(1), busy }
            }
        }
    }

    /// The bytes that its queues hold.
    pub(crate) fn queue_memory(&self) -> usize {
        let queued =
            self.work.as_ref().map_or(0, |work| size_of::<Work>() + work.queue.capacity() * size_of::<Letter>());
        queued + self.aside().deferred.capacity() * size_of::<Letter>()
    }
}

#[cfg(test)]
mod tests {
    use imafarm_proto::message::Message;

    use super::*;
    use crate::network::EndRef;

    fn work(costs: &[(&str, u64)]) -> Option<Box<Work>> {
        let mut settings = Settings::default();
        costs.iter().for_each(|&(name, micros)| settings.set(name, micros.into()).expect("a setting"));
        Work::of(&Arc::new(settings))
    }

    fn arrival(parcel: Parcel) -> Letter {
        Letter { target: 0, to: EndRef(0), source: 1, parcel }
    }

    #[test]
    fn without_costs_there_is_no_queue() {
        assert!(work(&[]).is_none());
        assert!(work(&[("WorkCostQueryMaster", 1)]).is_some());
    }

    /// One at a time, first come first served; what costs nothing waits behind what does, and no longer.
    #[test]
    fn work_is_done_one_after_the_other() {
        let mut work = work(&[("WorkCostQueryMaster", 5), ("WorkCostImaPing", 2)]).expect("costs");
        assert!(work.put(Time(0), arrival(Parcel::Finish)).is_some(), "nothing to do, nobody before it");
        for message in [Message::QueryMaster, Message::ImaPing, Message::BindCommit, Message::QueryMaster] {
            assert!(work.put(Time(1_000), arrival(Parcel::Message(message))).is_none());
        }
        let mut done = Vec::new();
        while work.next_done() != Time::NEVER {
            let at = work.next_done();
            done.push((at.0, work.finish().and_then(|letter| letter.kind()).map(|kind| kind.name())));
        }
        let expected = [(6_000, "QUERY_MASTER"), (8_000, "IMA_PING"), (8_000, "BIND_COMMIT"), (13_000, "QUERY_MASTER")];
        assert_eq!(done, expected.map(|(at, name)| (at, Some(name))));
        assert_eq!(work.busy_until(Time(99_000)), Span::from_micros(12));
    }

    /// What is half done counts as the work it was.
    #[test]
    fn a_crash_in_the_middle_counts_the_half() {
        let mut work = work(&[("WorkCostQueryMaster", 10)]).expect("costs");
        work.put(Time(0), arrival(Parcel::Message(Message::QueryMaster)));
        assert_eq!(work.busy_until(Time(4_000)), Span::from_micros(4));
        assert_eq!(work.clear(Time(7_000)).len(), 1);
        assert_eq!((work.busy_until(Time(9_000)), work.next_done()), (Span::from_micros(7), Time::NEVER));
    }
}
