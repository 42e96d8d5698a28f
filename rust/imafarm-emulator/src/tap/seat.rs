//! What a tapped host records: what it does itself, what its machine answers for it, and what comes from hosts that are
//! not tapped.

use imafarm_proto::host_record::HostIndex;
use imafarm_proto::host_resolver::EntryIndex;
use imafarm_proto::message::Message;
use imafarm_proto::outbox::Verb;
use imafarm_proto::time::Time;

use super::{Act, Line, NOBODY};
use crate::hands::unpack;
use crate::letter::{Letter, Parcel};
use crate::network::{EndRef, EndState};
use crate::seat::Seat;
use crate::world::World;

impl Seat {
    /// The connection to a peer of which this is the host's own end, as far as the host still knows it; from the host.
    fn line(&self, own: EndRef, peer: u32) -> Line {
        let (source, target) = (self.me, peer);
        if own == EndRef::BOUND {
            return Line { source, target, ends: [own; 2], caller: NOBODY };
        }
        let (peer_end, caller) = match self.ends.recall(own) {
            Some(end) if end.called() => (end.peer_end(), self.me),
            Some(end) => (end.peer_end(), peer),
            None => (EndRef::NONE, NOBODY),
        };
        Line { source, target, ends: [own, peer_end], caller }
    }

    /// The connection at an entry of the host's cache, from the host.
    fn line_of(&self, entry: EntryIndex) -> Line {
        match entry.bound_peer() {
            Some(HostIndex(peer)) => self.line(EndRef::BOUND, peer),
            None => self.line(self.ends.name(entry.0), self.ends.peer(entry.0)),
        }
    }

    /// Carries out what the host wants, and records it.
    #[cold]
    pub(crate) fn carry_out_tapped(&mut self, world: &mut World, now: Time, verb: Verb) {
        self.tap_verb(world, now, &verb);
        let opened = match verb {
            Verb::Open { entry, .. } => Some((entry, Act::Connect)),
            Verb::Accept { entry, .. } => Some((entry, Act::Accept)),
            Verb::Refuse(_)
            | Verb::Send(..)
            | Verb::Close(_)
            | Verb::Abort(_)
            | Verb::Direct { .. }
            | Verb::Notify(_)
            | Verb::Consult(..)
            | Verb::Fan(_) => None,
        };
        self.carry_out(world, now, verb);
        if let Some((entry, act)) = opened {
            self.tap_opened(world, now, entry, act);
        }
    }

    /// Records what the host wants done, as far as it goes over the wire. A call and its answer have an end only after
    /// that: see [`Seat::tap_opened`].
    fn tap_verb(&self, world: &mut World, now: Time, verb: &Verb) {
        let me = self.me;
        let Some(tap) = &mut world.tap else { return };
        match verb {
            Verb::Send(entry, message) => {
                tap.note_message(now, me, self.line_of(*entry), message);
            }
            Verb::Close(entry) => tap.note(now, me, self.line_of(*entry), Act::Finish),
            Verb::Abort(entry) => tap.note(now, me, self.line_of(*entry), Act::Broken),
            Verb::Refuse(call) => {
                let (caller, end) = unpack(*call);
                let line = Line { source: me, target: caller, ends: [EndRef::NONE, end], caller };
                tap.note(now, me, line, Act::Refused);
            }
            Verb::Fan(fan) => {
                let directory = world.post.directory();
                let order = directory.zone_hosts(directory.zone(HostIndex(me)));
                for &HostIndex(peer) in &order[fan.first as usize..(fan.first + fan.count) as usize] {
                    tap.note_message(now, me, self.line(EndRef::BOUND, peer), &fan.message);
                }
            }
            Verb::Open { .. } | Verb::Accept { .. } | Verb::Direct { .. } | Verb::Notify(_) | Verb::Consult(..) => {}
        }
    }

    /// Records a call of the host's, or that it has taken one; its end stands now.
    fn tap_opened(&self, world: &mut World, now: Time, entry: EntryIndex, act: Act) {
        let Some(tap) = &mut world.tap else { return };
        tap.note(now, self.me, self.line_of(entry), act);
    }

    /// Records that the host's machine answers that nobody knows of this connection.
    #[cold]
    pub(crate) fn tap_disowned(&self, world: &mut World, now: Time, own: EndRef, peer: u32) {
        let Some(tap) = &mut world.tap else { return };
        tap.note(now, self.me, self.line(own, peer), Act::Broken);
    }

    /// Records that the host's machine turns a call away.
    #[cold]
    pub(crate) fn tap_refused(&self, world: &mut World, now: Time, caller: u32, end: EndRef) {
        let Some(tap) = &mut world.tap else { return };
        let line = Line { source: self.me, target: caller, ends: [EndRef::NONE, end], caller };
        tap.note(now, self.me, line, Act::Refused);
    }

    /// Records what has come to the host, or to its machine, from one that is not tapped; that the machine answers a
    /// farewell; and that the host has waited for an answer for too long, which nobody sends.
    #[cold]
    pub(crate) fn tap_arrival(&self, world: &mut World, now: Time, letter: &Letter) {
        let me = self.me;
        let Letter { to, source, .. } = *letter;
        let Some(tap) = &mut world.tap else { return };
        // From the source's side.
        let turned = |line: Line| Line { source, target: me, ends: [line.ends[1], line.ends[0]], caller: line.caller };
        if let Parcel::Broken { end } = letter.parcel {
            let own = if to.is_named() || to == EndRef::BOUND { to } else { self.own_end_to(source, end) };
            if end == EndRef::NONE || to == EndRef::SILENT {
                if self.stands(own, source) {
                    tap.note(now, me, self.line(own, source), Act::Broken);
                }
            } else if !tap.has(source) {
                let Line { ends: [own, _], caller, .. } = self.line(own, source);
                tap.note(now, me, Line { source, target: me, ends: [end, own], caller }, Act::Broken);
            }
            return;
        }
        if tap.has(source) {
            if letter.parcel == Parcel::Finish && self.answers_finish(to, source) {
                tap.note(now, me, self.line(to, source), Act::Finish);
            }
            return;
        }
        match &letter.parcel {
            Parcel::Connect { end } => {
                let line = Line { source, target: me, ends: [*end, EndRef::NONE], caller: source };
                tap.note(now, me, line, Act::Connect);
            }
            Parcel::Greeting { end, magic } => {
                let line = Line { source, target: me, ends: [*end, to], caller: me };
                tap.note(now, me, line, Act::Accept);
                let message = Message::BindRequest { magic: *magic, host: self.host.id_of(HostIndex(source)) };
                tap.note_message(now, me, line, &message);
            }
            Parcel::Message(message) => tap.note_message(now, me, turned(self.line(to, source)), message),
            Parcel::Finish => {
                let line = self.line(to, source);
                tap.note(now, me, turned(line), Act::Finish);
                if self.answers_finish(to, source) {
                    tap.note(now, me, line, Act::Finish);
                }
            }
            Parcel::Refused => {
                let line = Line { source, target: me, ends: [EndRef::NONE, to], caller: me };
                tap.note(now, me, line, Act::Refused);
            }
            Parcel::Broken { .. } | Parcel::Start | Parcel::Wake | Parcel::User(_) | Parcel::Consulted(_) => {}
        }
    }

    /// The host's end of the connection to this end of a peer's, if there is one.
    fn own_end_to(&self, peer: u32, peer_end: EndRef) -> EndRef {
        if peer_end == EndRef::BOUND {
            return EndRef::BOUND;
        }
        self.ends.connected_to(peer, peer_end).unwrap_or(EndRef::NONE)
    }

    /// Whether the machine answers the peer's farewell: the host has not closed, and can be heard.
    fn answers_finish(&self, own: EndRef, peer: u32) -> bool {
        if own == EndRef::BOUND {
            return self.stands_bound(own, peer) && self.state_bound(peer) == EndState::Open;
        }
        self.ends.recall(own).is_some_and(|end| end.state == EndState::Open)
    }

    /// Whether an end of the host's still stands.
    fn stands(&self, own: EndRef, peer: u32) -> bool {
        self.stands_bound(own, peer) || self.ends.stands(own)
    }
}
