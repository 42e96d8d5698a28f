//! The data store as a place: how long its answers take, and what it has.
//!
//! Without a place it is beside every host, and answers at once. With one, a question takes half a round trip to it;
//! what is read waits for its turn in the one pipe from the store, first come first served, and takes half a round trip
//! back. The start of a service is many round trips in a row (CTX114843, "Bandwidth of Server to Data Store
//! Communication"). Hosts of a zone with a replica read that, over the zone's own links; what they write goes to the
//! master copy, and comes to a replica half a round trip after it is in. Our guess: what is written takes no room in the
//! pipe, and an outage takes all copies.
//!
//! All hosts share the store, so questions are settled between windows, in the order of (time, host, ticket), which no
//! thread and no slice has a part in.

use std::collections::BTreeMap;
use std::sync::Arc;

use imafarm_proto::applications::Changes;
use imafarm_proto::input::{Answer, Input, Ticket};
use imafarm_proto::outbox::{Consult, Outbox};
use imafarm_proto::time::{Span, Time};
use imafarm_records::commanded::Publication;
use imafarm_records::totals::Order;

use crate::seat::Seat;
use crate::world::World;

/// Where the data store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorePlan {
    /// From a host to the store and back.
    pub round_trip: Span,
    /// Bits per second of the pipe that all share who have no replica; 0 for one that is never full.
    pub bandwidth_bps: u64,
    /// The zones with a replica.
    pub replicas: Vec<u32>,
}

impl Default for StorePlan {
    /// Our guess: 2 ms away, the least that a start was measured with, and never full.
    fn default() -> StorePlan {
        StorePlan { round_trip: Span::from_millis(2), bandwidth_bps: 0, replicas: Vec::new() }
    }
}

impl StorePlan {
    /// The least round trip: a window is no longer than half of it.
    pub const LEAST_ROUND_TRIP: Span = Span(1_000);
    /// The greatest round trip.
    pub const GREATEST_ROUND_TRIP: Span = Span::from_secs(60);
}

/// What hosts see of the store in the middle of a window. It changes between windows only.
#[derive(Clone, Debug)]
pub(crate) struct StoreView {
    /// Whether it has a place, and so answers later.
    far: bool,
    up: bool,
    log: Vec<Entry>,
}

/// A change that is in the store.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Time,
    bytes: u32,
}

/// A question on its way to the store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) time: Time,
    pub(crate) host: u32,
    pub(crate) ticket: Ticket,
    pub(crate) consult: Consult,
}

/// An answer, and when it is there. A change that is in comes with its number and the console's.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) time: Time,
    pub(crate) host: u32,
    pub(crate) ticket: Ticket,
    pub(crate) answer: Answer,
    pub(crate) written: Option<Written>,
}

/// What became of a change at the store, and when.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) at: Time,
    pub(crate) order: Order,
    /// What it published, if it is in and published anything.
    pub(crate) publication: Option<Publication>,
}

/// The data store of a farm.
#[derive(Debug)]
pub(crate) struct StoreLink {
    plan: Option<StorePlan>,
    /// How long a question takes from a host of a zone with a replica.
    near: Span,
    view: Arc<StoreView>,
    /// By when they come to the store, who asks, and the asker's number of it; with where the asker is.
    questions: BTreeMap<(Time, u32, Ticket), (Consult, u32)>,
    free_at: Time,
    orders: Vec<(Order, Option<Publication>)>,
}

impl StoreView {
    /// The store that is beside every host.
    pub(crate) const fn beside() -> StoreView {
        StoreView { far: false, up: true, log: Vec::new() }
    }

    /// The answer to a question that is answered at once.
    pub(crate) fn answer_now(&self, consult: &Consult) -> Option<Answer> {
        match (self.far, consult) {
            (true, _) | (false, Consult::Write { .. }) => None,
            (false, Consult::Start { .. } | Consult::Poll { .. }) => Some(self.answer(consult, Time::NEVER)),
        }
    }

    /// What the store, or a copy of it that has what was in by `seen`, says to whoever reads.
    fn answer(&self, consult: &Consult, seen: Time) -> Answer {
        if !self.up {
            return Answer::Down;
        }
        let latest = self.log.partition_point(|entry| entry.at <= seen) as u32;
        let bytes = match consult {
            Consult::Start { bytes, .. } => *bytes,
            Consult::Poll { known } => self.bytes_missing(*known, latest),
            Consult::Write { .. } => 0,
        };
        Answer::Read { latest, bytes }
    }

    fn bytes_missing(&self, known: Changes, latest: u32) -> u64 {
        known.missing(latest).map(|change| u64::from(self.log[change as usize - 1].bytes)).sum()
    }
}

impl StoreLink {
    /// A store that is up and has nothing but what the farm begins with.
    pub(crate) fn new(plan: Option<StorePlan>, near: Span) -> StoreLink {
        let view = Arc::new(StoreView { far: plan.is_some(), ..StoreView::beside() });
        StoreLink { plan, near, view, questions: BTreeMap::new(), free_at: Time::ZERO, orders: Vec::new() }
    }

    /// What hosts see of it.
    pub(crate) const fn view(&self) -> &Arc<StoreView> {
        &self.view
    }

    /// The least time from a host to the store, if it has a place.
    pub(crate) fn least_latency(plan: Option<&StorePlan>) -> Span {
        plan.map_or(Span(u64::MAX), |plan| Span(plan.round_trip.0 / 2))
    }

    /// The least time from a question's coming to the store to its answer's coming to a host, and from a host's asking to the
    /// question's coming there. A store without a place is asked about what changes it between windows only.
    pub(crate) fn least_answer(&self) -> Span {
        match &self.plan {
            None => Span(u64::MAX),
            Some(plan) if plan.replicas.is_empty() => self.lag(),
            Some(_) => self.lag().min(self.near),
        }
    }

    /// Whether it is up.
    pub(crate) fn is_up(&self) -> bool {
        self.view.up
    }

    /// The number of its last change.
    pub(crate) fn latest(&self) -> u32 {
        self.view.log.len() as u32
    }

    /// Takes the store down or up. What is on its way to it when it goes down is lost, and is given back.
    pub(crate) fn set_up(&mut self, up: bool) {
        Arc::make_mut(&mut self.view).up = up;
        if !up {
            for (consult, _) in core::mem::take(&mut self.questions).into_values() {
                if let Consult::Write { order, .. } = consult {
                    self.orders[order as usize].0 = Order::Refused;
                }
            }
        }
    }

    /// Somebody wants to change something; the number of the wish.
    pub(crate) fn order(&mut self, publication: Option<Publication>) -> u32 {
        self.orders.push((Order::Open, publication));
        self.orders.len() as u32 - 1
    }

    /// What became of a wish.
    pub(crate) fn order_state(&self, order: u32) -> Option<Order> {
        self.orders.get(order as usize).map(|(state, _)| *state)
    }

    /// A host of this zone asks.
    pub(crate) fn ask(&mut self, question: Question, zone: u32) {
        let Question { time, host, ticket, consult } = question;
        let (half, _) = self.way(zone, &consult);
        self.questions.insert((time + half, host, ticket), (consult, zone));
    }

    /// When the next question comes to the store.
    pub(crate) fn next(&self) -> Option<Time> {
        self.questions.keys().next().map(|key| key.0)
    }

    /// The next question that comes to the store before `end`, answered. A store beside every host has no time of its
    /// own: whatever was asked is answered.
    pub(crate) fn settle(&mut self, end: Time) -> Option<Reply> {
        let first = self.questions.first_entry().filter(|entry| entry.key().0 < end || self.plan.is_none())?;
        let ((at, host, ticket), (consult, zone)) = first.remove_entry();
        let (half, shares) = self.way(zone, &consult);
        let (answer, written) = match consult {
            Consult::Write { order, bytes } => {
                let (answer, written) = self.write(at, order, bytes);
                (answer, Some(written))
            }
            Consult::Start { .. } | Consult::Poll { .. } => {
                // A replica has what has come to it.
                let seen = if shares || self.plan.is_none() { at } else { Time(at.0.saturating_sub(self.lag().0)) };
                (self.view.answer(&consult, seen), None)
            }
        };
        let sent = match answer {
            Answer::Read { bytes, .. } if shares => {
                self.free_at = self.free_at.max(at) + self.transmission(bytes);
                self.free_at
            }
            Answer::Read { .. } | Answer::Written { .. } | Answer::Down => at,
        };
        let rest = match (consult, answer) {
            (Consult::Start { round_trips, work, .. }, Answer::Read { .. }) => {
                work + Span(half.0.saturating_mul(2).saturating_mul(u64::from(round_trips.saturating_sub(1))))
            }
            // It is down, but the start from the cache takes its time.
            (Consult::Start { work, .. }, Answer::Down | Answer::Written { .. }) => work,
            (Consult::Poll { .. } | Consult::Write { .. }, _) => Span::ZERO,
        };
        Some(Reply { time: sent + half + rest, host, ticket, answer, written })
    }

    fn write(&mut self, at: Time, order: u32, bytes: u32) -> (Answer, Written) {
        let (state, publication) = &mut self.orders[order as usize];
        if !self.view.up {
            *state = Order::Refused;
            return (Answer::Down, Written { at, order: *state, publication: None });
        }
        let view = Arc::make_mut(&mut self.view);
        view.log.push(Entry { at, bytes });
        let change = view.log.len() as u32;
        *state = Order::Made(change);
        (Answer::Written { change }, Written { at, order: *state, publication: publication.take() })
    }

    /// How long a question of a host of this zone takes to the store, and whether the answer comes through the pipe.
    fn way(&self, zone: u32, consult: &Consult) -> (Span, bool) {
        let Some(plan) = &self.plan else { return (Span::ZERO, false) };
        match consult {
            Consult::Start { .. } | Consult::Poll { .. } if plan.replicas.contains(&zone) => (self.near, false),
            Consult::Start { .. } | Consult::Poll { .. } => (self.lag(), true),
            Consult::Write { .. } => (self.lag(), false),
        }
    }

    /// Half a round trip.
    fn lag(&self) -> Span {
        self.plan.as_ref().map_or(Span::ZERO, |plan| Span(plan.round_trip.0 / 2))
    }

    fn transmission(&self, bytes: u64) -> Span {
        match self.plan.as_ref().map_or(0, |plan| plan.bandwidth_bps) {
            0 => Span::ZERO,
            bps => Span((u128::from(bytes) * 8_000_000_000 / u128::from(bps)) as u64),
        }
    }
}

impl World {
    /// A host asks the data store, which answers at once or in its own time.
    pub(crate) fn consult(&mut self, now: Time, host: u32, ticket: Ticket, consult: Consult) {
        match self.store.answer_now(&consult) {
            Some(answer) => self.answers.push((ticket, answer)),
            None => self.questions.push(Question { time: now, host, ticket, consult }),
        }
    }
}

impl Seat {
    /// Hands the host what the data store has answered at once.
    #[cold]
    pub(crate) fn hear_answers(&mut self, world: &mut World, out: &mut Outbox, now: Time) {
        for (ticket, answer) in core::mem::take(&mut world.answers) {
            self.act(world, out, now, Input::Consulted(ticket, answer));
        }
    }

    /// The data store's answer has come.
    pub(crate) fn consulted(
        &mut self,
        world: &mut World,
        out: &mut Outbox,
        now: Time,
        (ticket, answer): (Ticket, Answer),
    ) {
        self.chain.add(now, u64::from(self.me) << 8, 5 + u64::from(ticket.0));
        self.act(world, out, now, Input::Consulted(ticket, answer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: Span = Span::from_micros(300);

    fn start(bytes: u64) -> Consult {
        Consult::Start { round_trips: 1_000, work: Span::from_secs(10), bytes }
    }

    fn far(bandwidth_bps: u64) -> StoreLink {
        let plan = StorePlan { round_trip: Span::from_millis(20), bandwidth_bps, replicas: vec![1] };
        StoreLink::new(Some(plan), NEAR)
    }

    fn replies(store: &mut StoreLink, end: Time) -> Vec<(u64, u32, Answer)> {
        core::iter::from_fn(|| store.settle(end)).map(|r| (r.time.0 / 1_000_000, r.host, r.answer)).collect()
    }

    fn ask(store: &mut StoreLink, millis: u64, host: u32, zone: u32, consult: Consult) {
        let time = Time(millis * 1_000_000);
        store.ask(Question { time, host, ticket: Ticket(1), consult }, zone);
    }

    /// CTX114843, "Bandwidth of Server to Data Store Communication": starts at once share the pipe, and one waits for all
    /// that it reads. 1,000 bytes over 8 kbit/s take a second.
    #[test]
    fn starts_share_the_pipe_in_the_order_in_which_they_ask() {
        let mut store = far(8_000);
        for host in [7, 3, 5] {
            ask(&mut store, 0, host, 0, start(1_000));
        }
        let read = Answer::Read { latest: 0, bytes: 1_000 };
        let start = 20 * 1_000 + 10_000;
        assert_eq!(
            replies(&mut store, Time(1 << 40)),
            [(start + 1_000, 3, read), (start + 2_000, 5, read), (start + 3_000, 7, read)]
        );
    }

    /// The advice on replicated data stores: reads are local, and the pipe is nobody's.
    #[test]
    fn a_replica_is_read_over_the_zones_own_links() {
        let mut store = far(8_000);
        ask(&mut store, 0, 3, 1, start(1_000_000));
        assert_eq!(replies(&mut store, Time(1 << 40))[0].0, 10_600);
        assert_eq!(store.free_at, Time::ZERO);
    }

    /// A change is in when it comes to the master copy, and half a round trip later a replica has it.
    #[test]
    fn a_change_comes_to_a_replica_later() {
        let mut store = far(0);
        let order = store.order(None);
        ask(&mut store, 0, 0, 1, Consult::Write { order, bytes: 99 });
        let known = Changes::default();
        for (millis, host, zone) in [(5, 1, 0), (19, 2, 1), (20, 3, 1)] {
            ask(&mut store, millis, host, zone, Consult::Poll { known });
        }
        let latest = |number, bytes| Answer::Read { latest: number, bytes };
        let mut said = replies(&mut store, Time(1 << 40));
        said.sort_by_key(|reply| reply.1);
        assert_eq!(store.order_state(order), Some(Order::Made(1)));
        assert_eq!(
            said,
            [
                (20, 0, Answer::Written { change: 1 }),
                (25, 1, latest(1, 99)),
                (19, 2, latest(0, 0)),
                (20, 3, latest(1, 99)),
            ]
        );
    }

    #[test]
    fn what_is_on_its_way_when_the_store_goes_down_is_lost() {
        let mut store = far(0);
        let lost = store.order(None);
        ask(&mut store, 0, 0, 0, Consult::Write { order: lost, bytes: 99 });
        store.set_up(false);
        let late = store.order(None);
        ask(&mut store, 1, 0, 0, Consult::Write { order: late, bytes: 99 });
        ask(&mut store, 1, 1, 0, start(5));
        assert_eq!(replies(&mut store, Time(1 << 40)), [(21, 0, Answer::Down), (10_021, 1, Answer::Down)]);
        assert_eq!([lost, late].map(|order| store.order_state(order)), [Some(Order::Refused); 2]);
        assert_eq!((store.latest(), store.order_state(9)), (0, None));
    }

    #[test]
    fn a_store_beside_every_host_answers_reads_at_once_and_takes_no_time_to_write() {
        let mut store = StoreLink::new(None, NEAR);
        assert_eq!(store.view().answer_now(&start(5)), Some(Answer::Read { latest: 0, bytes: 5 }));
        let order = store.order(None);
        assert_eq!(store.view().answer_now(&Consult::Write { order, bytes: 70 }), None);
        ask(&mut store, 8, 2, 0, Consult::Write { order, bytes: 70 });
        assert_eq!(replies(&mut store, Time::ZERO), [(8, 2, Answer::Written { change: 1 })]);
        let poll = Consult::Poll { known: Changes::default() };
        assert_eq!(store.view().answer_now(&poll), Some(Answer::Read { latest: 1, bytes: 70 }));
    }
}
