//! What arrives on a host's connections: bytes, and their end.

use imafarm_proto::host_resolver::EntryIndex;
use imafarm_proto::input::{Ending, Input};
use imafarm_proto::message::{Kind, Message};
use imafarm_proto::outbox::Outbox;
use imafarm_proto::time::Span;
use imafarm_proto::transport::seal::Side;

use crate::act::{Conn, End, Wish};
use crate::world::{Place, World};

use super::blame::Blame;
use super::{Station, forget};

impl Station {
    /// Bytes have arrived on a binding's connection. Whether they end within a frame.
    pub(crate) fn receive(&mut self, world: &mut World, out: &mut Outbox, conn: Conn, mut bytes: &[u8]) -> bool {
        // What a host makes of one message may end the connection, or give its place to another.
        while let Some(Place::At { entry, .. }) = world.places.get(&conn).copied() {
            let Some(line) = self.lines.get_mut(entry.0 as usize).and_then(Option::as_mut) else { return false };
            match line.pull(&mut bytes) {
                Ok(Some((message, len))) => self.deliver(world, out, entry, message, len),
                Ok(None) => return line.is_cut(),
                Err(error) => {
                    self.act_on(world, out, Input::Stranger(entry), Some((entry, Blame::Fault(error))));
                    return false;
                }
            }
        }
        false
    }

    fn deliver(&mut self, world: &mut World, out: &mut Outbox, entry: EntryIndex, message: Message, len: u32) {
        let kind = message.kind();
        let Some(line) = self.lines.get_mut(entry.0 as usize).and_then(Option::as_mut) else { return };
        let (conn, first) = (line.conn, !core::mem::replace(&mut line.heard, true));
        let opener = line.side == Side::Opener;
        let answers = first && !opener && kind == Kind::BindResponse;
        let blame = if answers { Blame::Nothing } else { Blame::OutOfTurn(kind) };
        if let Message::BindResponse { host, .. } = message {
            line.peer = world.directory.by_id(host).map(|host| host.0);
        }
        world.count_arrived(self.me, line, kind, len);
        if let Some(delay) = line.note_heard(kind, world.now) {
            world.delays.add(delay);
        }
        let peer = line.peer;
        self.chain.add_message(world.now, peer.unwrap_or(u32::MAX), &message);
        if first && opener {
            self.act(world, out, Input::Connected(entry));
        }
        let commits = message == Message::BindCommit;
        self.act_on(world, out, Input::Received(entry, message), Some((entry, blame)));
        if let (true, Some(peer), true) = (commits && opener, peer, world.places.contains_key(&conn)) {
            self.pace.bound(peer);
            let Some(line) = self.line_mut(entry) else { return };
            line.bound = true;
            if !line.over {
                world.wish(self.me, Wish::Bound(conn, peer));
            }
        }
    }

    /// A binding's connection has ended. What is wrong with how it did, if anything.
    pub(crate) fn ended(&mut self, world: &mut World, out: &mut Outbox, entry: EntryIndex, end: End) -> Option<String> {
        let line = self.line_mut(entry)?;
        line.over = true;
        let fault = line.finish().err().filter(|_| end == End::Finished);
        let is_in_vain = line.side == Side::Opener && line.heard && !line.bound;
        let (conn, peer) = (line.conn, line.peer);
        let wait = match peer {
            Some(peer) if is_in_vain => self.pace.wait_after(peer, world.now, self.host.settings().bind_timeout),
            Some(_) | None => Span::ZERO,
        };
        if wait == Span::ZERO {
            self.hear_end(world, out, entry, end);
        } else {
            self.held.insert((world.now + wait, conn), end);
            self.note_deadline(world);
        }
        fault.map(|fault| fault.to_string())
    }

    /// The host hears that a binding's connection has ended.
    pub(super) fn hear_end(&mut self, world: &mut World, out: &mut Outbox, entry: EntryIndex, end: End) {
        let Some(line) = self.take(entry) else { return };
        forget(world, &line);
        // The acceptor speaks first: one that went without a word was not there for us.
        let ending = match end {
            _ if line.side == Side::Opener && !line.heard => Ending::Refused,
            End::Finished => Ending::Finished,
            End::Refused => Ending::Refused,
            End::Broken => Ending::Broken,
        };
        self.act(world, out, Input::Closed(entry, ending));
    }
}
