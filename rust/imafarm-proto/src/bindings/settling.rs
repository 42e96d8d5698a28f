//! Whose turn it is: callers that wait for an answer, and messages that wait for a binding, as far as there is room.

use super::{AttemptIndex, Binding, Bindings, Event, State, Wanted};
use crate::host_record::HostIndex;
use crate::host_resolver::EntryIndex;
use crate::message::Message;
use crate::outbox::{Sink, Verb};
use crate::time::Time;
use crate::turn::Turn;

impl Bindings {
    /// Uses what room there is: answers callers and opens bindings, in turn, until no more may be in progress.
    #[inline]
    pub fn settle<S: Sink>(&mut self, turn: &mut Turn<'_, S>) {
        while !(self.calls.is_empty() && self.wanted.is_empty()) {
            if self.cache.in_progress_count() >= self.limits.in_progress {
                return;
            }
            let answered = !self.callers_turn && self.answer_next(turn);
            let progress = answered || self.want_next(turn) || self.answer_next(turn);
            if !progress {
                return;
            }
            self.callers_turn = !self.callers_turn;
        }
    }

    fn answer_next<S: Sink>(&mut self, turn: &mut Turn<'_, S>) -> bool {
        if self.calls.is_empty() || self.cache.in_progress_count() >= self.limits.in_progress || !self.make_room(turn) {
            return false;
        }
        let Some(call) = self.calls.pop_front() else { return false };
        let binding = Binding { state: State::Answering, since: turn.now, attempt: AttemptIndex::NONE };
        let entry = self.begin(turn, None, binding);
        turn.out.push(Verb::Accept { call, entry });
        self.step(turn, entry, Event::Connected);
        true
    }

    /// Takes the first wanted message one host further. Whether that could be done.
    ///
    /// While no binding may be opened nothing moves, not even to a host with which one is open: to find that out at
    /// every turn costs more than the wait.
    fn want_next<S: Sink>(&mut self, turn: &mut Turn<'_, S>) -> bool {
        if !self.may_open() {
            return false;
        }
        if self.fan_on_bound(turn) {
            return true;
        }
        let (to, message, first_try) = match self.wanted.front() {
            None => return false,
            Some(Wanted::One { to, message, first_try }) => (*to, message.clone(), first_try.unwrap_or(turn.now)),
            Some(Wanted::Fan(fan_out)) => (fan_out.next_host(&turn.who), fan_out.message().clone(), turn.now),
        };
        let done = match self.wanted.front_mut() {
            Some(Wanted::Fan(fan_out)) => fan_out.advance(),
            Some(Wanted::One { .. }) | None => true,
        };
        if done {
            self.wanted.pop_front();
        }
        if let Some(message) = self.send_on_open(turn, to, message) {
            self.open(turn, to, message, first_try);
        }
        true
    }

    /// Whether one more binding of ours may be in progress, and may be open.
    pub(super) fn may_open(&self) -> bool {
        self.cache.in_progress_count() < self.limits.in_progress
            && self.outgoing_in_progress < self.limits.outgoing
            && (self.has_room() || self.active_count() > 0)
    }

    /// Whether one more binding may be open.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.cache.open_count() + self.bound_count() < self.cache.capacity()
    }

    fn open<S: Sink>(&mut self, turn: &mut Turn<'_, S>, to: HostIndex, message: Message, first_try: Time) {
        self.make_room(turn);
        self.outgoing_in_progress += 1;
        let attempt = self.attempts.begin(first_try, Some(message));
        let entry = self.begin(turn, Some(to), Binding { state: State::Connecting, since: turn.now, attempt });
        turn.out.push(Verb::Open { entry, to });
    }

    /// A binding in progress begins.
    fn begin<S: Sink>(&mut self, turn: &Turn<'_, S>, peer: Option<HostIndex>, binding: Binding) -> EntryIndex {
        if self.cache.in_progress_count() == 0 {
            self.look_at = turn.now + turn.who.settings.bind_timeout;
        }
        self.cache.open(peer.map(|peer| peer.0), binding)
    }

    /// Makes sure that one more binding may be open; tears down the least recently used active one if it must.
    fn make_room<S: Sink>(&mut self, turn: &mut Turn<'_, S>) -> bool {
        if self.has_room() {
            return true;
        }
        match self.victim(&turn.who) {
            None => false,
            Some(victim) => {
                self.counts.evicted += 1;
                self.step(turn, victim, Event::Close);
                true
            }
        }
    }
}
