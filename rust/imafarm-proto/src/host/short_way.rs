//! The short way: what happens by the million in a storm, handled by the rooms that it concerns and no others.
//!
//! Setting up and closing bindings never changes what a host is to its zone, and most messages of an election do not
//! either. Whoever drives the host and has such an input at hand may try it here. The answer is whether it was handled:
//! exactly as [`Host::handle`] would have. If not, nothing has changed, and it has to go the long way.
//!
//! [`Host::next_deadline`] may have moved: later, or to [`Host::binding_deadline`].

use super::Host;
use crate::binding::{Event, State};
use crate::bindings::{Bindings, Heard};
use crate::host_record::HostIndex;
use crate::host_resolver::EntryIndex;
use crate::input::{Call, Ending};
use crate::message::Message;
use crate::outbox::Sink;
use crate::time::Time;
use crate::turn::{Identity, Turn};
use crate::zone::Standing;

impl Host {
    /// When the bindings next want to be looked at.
    #[inline]
    pub const fn binding_deadline(&self) -> Option<Time> {
        self.bindings.next_deadline()
    }

    /// Somebody calls.
    #[inline]
    pub fn called<S: Sink>(&mut self, now: Time, out: &mut S, call: Call) -> bool {
        if matches!(self.zone.standing(), Standing::Down) {
            return false;
        }
        self.bind(now, out, |bindings, turn| {
            bindings.called(turn, call);
            Heard::Nothing
        });
        true
    }

    /// Whether a connection to this host is being made, and nothing is known of it yet.
    #[inline]
    pub fn has_called(&self, entry: EntryIndex, host: HostIndex) -> bool {
        self.bindings.state(entry) == State::Connecting && self.bindings.peer(entry) == Some(host)
    }

    /// The connection stands, and its acceptor, which is [called](Host::has_called), has said that it is of our farm.
    #[inline]
    pub fn greeted<S: Sink>(&mut self, now: Time, out: &mut S, entry: EntryIndex) {
        self.bind(now, out, |bindings, turn| {
            bindings.step(turn, entry, Event::Connected);
            bindings.step(turn, entry, Event::BindRequest)
        });
    }

    /// A caller has said who it is, and that it is of our farm.
    #[inline]
    pub fn named<S: Sink>(&mut self, now: Time, out: &mut S, entry: EntryIndex, caller: HostIndex) -> bool {
        if self.bindings.state(entry) != State::WaitBindResponse || caller == self.me {
            return false;
        }
        self.bind(now, out, |bindings, turn| bindings.caller_named(turn, entry, caller));
        true
    }

    /// The acceptor has agreed.
    #[inline]
    pub fn committed<S: Sink>(&mut self, now: Time, out: &mut S, entry: EntryIndex) -> bool {
        if self.bindings.state(entry) != State::WaitBindCommit {
            return false;
        }
        self.bind(now, out, |bindings, turn| bindings.step(turn, entry, Event::BindCommit));
        true
    }

    /// Whether nobody but the bindings has to hear when the other side closes.
    #[inline]
    pub fn may_finish(&self, entry: EntryIndex) -> bool {
        matches!(self.bindings.state(entry), State::Active | State::Closing)
    }

    /// The other side has closed in good order, which it [may](Host::may_finish).
    #[inline]
    pub fn finished<S: Sink>(&mut self, now: Time, out: &mut S, entry: EntryIndex) {
        self.bind(now, out, |bindings, turn| bindings.closed(turn, entry, Ending::Finished));
    }

    /// ELECT_MASTER reaches a host that is in the election already: it answers, and goes on as it was.
    #[inline]
    pub fn asked_again<S: Sink>(
        &mut self,
        now: Time,
        out: &mut S,
        entry: EntryIndex,
        from: HostIndex,
        round: u32,
    ) -> bool {
        let takes_part = matches!(self.zone.standing(), Standing::Candidate | Standing::Acknowledged);
        let heard = takes_part && self.directory.stands(self.me) && self.directory.are_neighbours(self.me, from);
        if !heard || self.bindings.state(entry) != State::Active {
            return false;
        }
        self.bind(now, out, |bindings, turn| {
            bindings.touch(entry);
            bindings.reply(turn, entry, from, Message::ElectMasterAck { round });
            Heard::Nothing
        });
        true
    }

    /// ELECT_MASTER_ACK reaches a host that has one already, or does not wait for one any more.
    #[inline]
    pub fn told_again<S: Sink>(&mut self, now: Time, out: &mut S, entry: EntryIndex, round: u32) -> bool {
        if self.zone.heeds_ack(round) || !matches!(self.bindings.state(entry), State::Active | State::Closing) {
            return false;
        }
        self.bind(now, out, |bindings, _| {
            bindings.touch(entry);
            Heard::Nothing
        });
        true
    }

    /// A member's heartbeat reaches its collector, which has nothing to ask of it.
    #[inline]
    pub fn heard_from<S: Sink>(
        &mut self,
        now: Time,
        out: &mut S,
        entry: EntryIndex,
        from: HostIndex,
        seq: u32,
    ) -> bool {
        if !matches!(self.zone.standing(), Standing::Master) || self.bindings.state(entry) != State::Active {
            return false;
        }
        if !self.dynamic.is_in_step(&self.directory, &self.settings, now, self.me, from, seq) {
            return false;
        }
        let collector = self.directory.are_neighbours(self.me, from);
        if collector {
            self.zone.heard(self.directory.position(from), now, &self.settings);
        }
        self.bind(now, out, |bindings, turn| {
            bindings.touch(entry);
            bindings.reply(turn, entry, from, Message::HeartbeatAck { collector });
            Heard::Nothing
        });
        true
    }

    /// The collector has answered its member's heartbeat.
    #[inline]
    pub fn reassured<S: Sink>(&mut self, now: Time, out: &mut S, entry: EntryIndex, by: HostIndex) -> bool {
        if !matches!(self.bindings.state(entry), State::Active | State::Closing) || !self.zone.is_answered(by) {
            return false;
        }
        self.bind(now, out, |bindings, _| {
            bindings.touch(entry);
            Heard::Nothing
        });
        true
    }

    /// Something that concerns the bindings alone, and what follows from it.
    #[inline(always)]
    fn bind<S: Sink>(
        &mut self,
        now: Time,
        out: &mut S,
        happens: impl FnOnce(&mut Bindings, &mut Turn<'_, S>) -> Heard,
    ) {
        let Host { me, magic, dice, directory, settings, profile, applications, cache, bindings, .. } = self;
        let (me, magic, dice, knows) = (*me, *magic, *dice, cache.changes());
        let who = Identity { me, magic, directory, settings, dice, profile, applications, knows };
        let turn = &mut Turn { who, now, out };
        let heard = happens(bindings, turn);
        debug_assert_eq!(heard, Heard::Nothing, "nobody else has to hear of it");
        bindings.settle(turn);
    }
}
