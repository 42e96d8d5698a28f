//! A host's connections as it acts on them: its verbs become ends of connections and parcels under way.

use imafarm_proto::input::Call;
use imafarm_proto::message::Message;
use imafarm_proto::outbox::{Sink, Verb};
use imafarm_proto::time::Time;
use imafarm_proto::transport::{Framer, Limits};
use imafarm_records::chronicle::What;

use crate::letter::Parcel;
use crate::network::{EndRef, EndState, Ends, GIVE_UP};
use crate::world::World;

/// What a host acts with: its ends of connections, and the world, now.
#[derive(Debug)]
pub(crate) struct Hands<'a> {
    pub(crate) me: u32,
    pub(crate) now: Time,
    pub(crate) ends: &'a mut Ends,
    pub(crate) world: &'a mut World,
}

impl Sink for Hands<'_> {
    #[inline(always)]
    fn push(&mut self, verb: Verb) {
        match verb {
            Verb::Open { entry, to } => {
                let end = self.ends.open(entry.0, to.0, EndRef::NONE, EndState::Opening);
                // A call that gets lost is given up by the host itself, in its own time.
                self.world.post(self.now, self.me, to.0, EndRef::NONE, Parcel::Connect { end });
            }
            Verb::Accept { call, entry } => {
                let (caller, end) = unpack(call);
                self.ends.open(entry.0, caller, end, EndState::Open);
            }
            Verb::Refuse(call) => {
                let (caller, end) = unpack(call);
                self.world.post(self.now, self.me, caller, end, Parcel::Refused);
            }
            Verb::Send(entry, message) => self.send(entry.0, message),
            Verb::Close(entry) => {
                if self.post(entry.0, Parcel::Finish, 0) {
                    self.ends.at(entry.0).state = EndState::Finished;
                }
            }
            Verb::Abort(entry) => {
                let name = self.ends.name(entry.0);
                let end = self.ends.at(entry.0);
                if end.state == EndState::Open {
                    let (peer, to) = (end.peer, end.peer_end());
                    let broken = Parcel::Broken { end: name };
                    self.world.post_in_order(self.now, self.me, peer, to, broken, 0, Some(end));
                }
                self.ends.close(entry.0);
            }
            Verb::Notify(notice) => self.world.note(self.now, self.me, What::Notice(notice)),
            Verb::Direct { .. } | Verb::Consult(..) => unreachable!("no connection is needed for that"),
            Verb::Fan(_) => unreachable!("a host that began bound goes the long way"),
        }
    }
}

impl Hands<'_> {
    #[inline(always)]
    fn send(&mut self, entry: u32, message: Message) {
        let World { network, ledger, wire, .. } = &mut *self.world;
        let (name, peer) = (self.ends.name(entry), self.ends.at(entry).peer);
        let (kind, bytes) = (message.kind(), message.encoded_len());
        ledger.tally_mut(network.zone(self.me), network.zone(peer), kind).sent.add(bytes);
        let message = if *wire { over_the_wire(&message) } else { message };
        let parcel = if let Message::BindRequest { magic, .. } = message {
            Parcel::Greeting { end: name, magic }
        } else {
            Parcel::Message(message)
        };
        if !self.post(entry, parcel, bytes) {
            self.world.settle_message(self.me, peer, kind, bytes, false);
        }
    }

    /// Sends a parcel on a connection. Whether it will arrive: if not, nothing after it will, and the connection is
    /// given up in time.
    #[inline(always)]
    fn post(&mut self, entry: u32, parcel: Parcel, bytes: u32) -> bool {
        let name = self.ends.name(entry);
        let end = self.ends.at(entry);
        if end.state == EndState::Severed {
            return false;
        }
        let (peer, to) = (end.peer, end.peer_end());
        let arrives = self.world.post_in_order(self.now, self.me, peer, to, parcel, bytes, Some(end));
        if !arrives {
            end.state = EndState::Severed;
            self.world.break_later(self.now + GIVE_UP, self.me, name, peer);
        }
        arrives
    }
}

/// A caller and its end, as a host knows a call.
pub(crate) const fn pack(caller: u32, end: EndRef) -> Call {
    Call((caller as u64) << 32 | end.0 as u64)
}

pub(crate) const fn unpack(call: Call) -> (u32, EndRef) {
    ((call.0 >> 32) as u32, EndRef(call.0 as u32))
}

/// Encodes a message and decodes it again, as two live hosts would.
#[cold]
pub(crate) fn over_the_wire(message: &Message) -> Message {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    assert_eq!(bytes.len(), message.encoded_len() as usize, "the length a message tells is the length it has");
    let decoded = Framer::new(Limits::default()).pull(&mut bytes.as_slice());
    match decoded {
        Ok(Some(decoded)) => decoded,
        Ok(None) | Err(_) => panic!("{message:?} did not survive the wire: {decoded:?}"),
    }
}
