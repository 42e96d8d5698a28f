//! The short way of what happens by the million: from an event to the host's bindings and back, with nothing in between.
//!
//! [`imafarm_proto::host`]'s short way says which inputs may go it, and that the outcome is the same. Everything else, and
//! everything in a farm with an exact queue, goes the long way through [`Seat::receive`].

use imafarm_proto::host_record::HostIndex;
use imafarm_proto::host_resolver::EntryIndex;
use imafarm_proto::input::Ending;
use imafarm_proto::message::{Kind, Message};
use imafarm_proto::time::Time;
use imafarm_records::digest::{Mark, word};
use imafarm_records::totals::Power;

use crate::event::{Event, Form};
use crate::hands::{Hands, pack};
use crate::letter::Parcel;
use crate::network::{EndRef, EndState, GIVE_UP};
use crate::seat::Seat;
use crate::world::{TraceRecord, World};

impl Seat {
    /// Whether anything that arrives may go the short way; until the host is stopped, or begins to.
    #[inline]
    pub(crate) fn goes_shortly(&self, world: &World) -> bool {
        let plain = self.power == Power::Up && self.work.is_none() && self.bound.is_none();
        plain && !world.exact && !self.is_tapped && self.host.magic() == world.post.magic()
    }

    /// Something arrives at a host that [goes the short way](Seat::goes_shortly). Whether it was handled; if not, nothing
    /// has changed.
    #[inline(always)]
    pub(crate) fn receive_shortly(&mut self, world: &mut World, now: Time, event: Event) -> bool {
        let (source, to, form) = (event.source(), event.to, event.form());
        let from = HostIndex(source);
        let entry = EntryIndex(to.entry());
        if form == Form::Connect {
            let mut hands = Hands { me: self.me, now, ends: &mut self.ends, world };
            let handled = self.host.called(now, &mut hands, pack(source, EndRef(event.detail)));
            if handled {
                self.chain.add(now, u64::from(source) << 8, 1);
                self.see_bindings();
            }
            return handled;
        }
        let Some(end) = self.ends.find(to) else { return false };
        let (kind, says, bytes) = match form {
            Form::Greeting => {
                if !self.host.has_called(entry, from) {
                    return false;
                }
                end.answered(EndRef(event.detail));
                self.host.greeted(now, &mut Hands { me: self.me, now, ends: &mut self.ends, world }, entry);
                let introduction = Message::BindRequest { magic: self.host.magic(), host: self.host.id_of(from) };
                (Kind::BindRequest, word(&introduction), introduction.encoded_len())
            }
            Form::BindResponse => {
                let mut hands = Hands { me: self.me, now, ends: &mut self.ends, world };
                if !self.host.named(now, &mut hands, entry, from) {
                    return false;
                }
                let introduction = Message::BindResponse { magic: self.host.magic(), host: self.host.id_of(from) };
                (Kind::BindResponse, word(&introduction), introduction.encoded_len())
            }
            Form::BindCommit => {
                let mut hands = Hands { me: self.me, now, ends: &mut self.ends, world };
                if !self.host.committed(now, &mut hands, entry) {
                    return false;
                }
                (Kind::BindCommit, 0, Message::BindCommit.encoded_len())
            }
            Form::ElectMaster => {
                let mut hands = Hands { me: self.me, now, ends: &mut self.ends, world };
                if !self.host.asked_again(now, &mut hands, entry, from, event.detail) {
                    return false;
                }
                (Kind::ElectMaster, u64::from(event.detail), Message::ElectMaster { round: event.detail }.encoded_len())
            }
            Form::ElectMasterAck => {
                let mut hands = Hands { me: self.me, now, ends: &mut self.ends, world };
                if !self.host.told_again(now, &mut hands, entry, event.detail) {
                    return false;
                }
                let bytes = Message::ElectMasterAck { round: event.detail }.encoded_len();
                (Kind::ElectMasterAck, u64::from(event.detail), bytes)
            }
            Form::Heartbeat => {
                let mut hands = Hands { me: self.me, now, ends: &mut self.ends, world };
                if !self.host.heard_from(now, &mut hands, entry, from, event.detail) {
                    return false;
                }
                (Kind::Heartbeat, u64::from(event.detail), Message::Heartbeat { seq: event.detail }.encoded_len())
            }
            Form::HeartbeatAck => {
                let collector = event.detail != 0;
                let mut hands = Hands { me: self.me, now, ends: &mut self.ends, world };
                if !collector || !self.host.reassured(now, &mut hands, entry, from) {
                    return false;
                }
                (Kind::HeartbeatAck, 1, Message::HeartbeatAck { collector }.encoded_len())
            }
            Form::Finish => return self.finish_shortly(world, now, to),
            Form::Connect
            | Form::DeclareMaster
            | Form::QueryMaster
            | Form::MasterIs
            | Form::ImaPing
            | Form::ImaPingAck
            | Form::Refused
            | Form::Broken
            | Form::Wake
            | Form::Stored => return false,
        };
        self.chain.0 = self.chain.0.wrapping_add(Mark::message(source, kind, says).at(now));
        world.settle_message(source, self.me, kind, bytes, true);
        if world.traced[kind.index()] {
            world.trace(TraceRecord { time: now, target: self.me, source, kind, bytes });
        }
        self.see_bindings();
        true
    }

    /// The other side has closed in good order.
    #[inline]
    fn finish_shortly(&mut self, world: &mut World, now: Time, to: EndRef) -> bool {
        let entry = EntryIndex(to.entry());
        let end = self.ends.at(to.entry());
        let (peer, peer_end) = (end.peer, end.peer_end());
        if !matches!(end.state, EndState::Open | EndState::Finished) || !self.host.may_finish(entry) {
            return false;
        }
        if end.state == EndState::Open
            && !world.post_in_order(now, self.me, peer, peer_end, Parcel::Finish, 0, Some(end))
        {
            world.break_later(now + GIVE_UP, peer, peer_end, self.me);
        }
        self.chain.add(now, u64::from(peer) << 8, 2 + Ending::Finished as u64);
        self.ends.close(to.entry());
        self.host.finished(now, &mut Hands { me: self.me, now, ends: &mut self.ends, world }, entry);
        self.see_bindings();
        true
    }
}
