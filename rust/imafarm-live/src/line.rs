//! One connection of a host: frames out of bytes and into them, seals, and the answers that are due on it.

use std::collections::VecDeque;
use std::sync::Arc;

use imafarm_proto::message::{Kind, Message};
use imafarm_proto::time::{Span, Time};
use imafarm_proto::transport::seal::{Keyring, Seals, Side};
use imafarm_proto::transport::{FrameError, Framer, Limits};

use crate::act::Conn;
use crate::delays::answer_to;
use crate::flight::Pair;

/// Reports of one connection of which the answers are awaited, at most. Beyond it delays are not measured.
const MOST_AWAITED: usize = 1_024;

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) conn: Conn,
    pub(crate) side: Side,
    /// Whether the other side has said anything. The acceptor speaks first, so until then an opener is not connected.
    pub(crate) heard: bool,
    /// Whether the binding is active, or was.
    pub(crate) bound: bool,
    /// Whether its end was reported, and the host does not know yet.
    pub(crate) over: bool,
    /// Who is at the other end: whom we called, or who the caller says it is.
    pub(crate) peer: Option<u32>,
    /// By what the other end knows it too, if it is here.
    pub(crate) pair: Option<Pair>,
    framer: Framer,
    seals: Option<Box<Seals>>,
    /// Since when the first report waits; void once that is sent.
    opened: Option<Time>,
    awaited: VecDeque<(Kind, Time)>,
}

impl Line {
    /// A connection of which nothing has passed yet; with keys, one whose frames are sealed.
    pub(crate) fn new(conn: Conn, side: Side, now: Time, seals: Option<(&Arc<Keyring>, [u8; 32])>) -> Line {
        Line {
            conn,
            side,
            heard: false,
            bound: false,
            over: false,
            peer: None,
            pair: None,
            framer: Framer::new(Limits::default()),
            seals: seals.map(|(keyring, nonce)| Box::new(Seals::new(Arc::clone(keyring), side, nonce))),
            opened: (side == Side::Opener).then_some(now),
            awaited: VecDeque::new(),
        }
    }

    /// The next message out of `bytes`, and its length with all that belongs to it.
    ///
    /// Errors: the bytes are no frame, or not one of this farm.
    pub(crate) fn pull(&mut self, bytes: &mut &[u8]) -> Result<Option<(Message, u32)>, FrameError> {
        let pulled = match &mut self.seals {
            Some(seals) => self.framer.pull_sealed(bytes, &mut **seals)?,
            None => self.framer.pull(bytes)?,
        };
        Ok(pulled.map(|message| {
            let len = self.len_of(&message);
            (message, len)
        }))
    }

    /// The stream has ended.
    ///
    /// Errors: within a frame.
    pub(crate) fn finish(&mut self) -> Result<(), FrameError> {
        self.framer.finish()
    }

    /// Whether the beginning of a frame has arrived, and not all of it.
    pub(crate) fn is_cut(&self) -> bool {
        self.framer.kept_bytes() > 0
    }

    /// The length of a message on this line.
    pub(crate) fn len_of(&self, message: &Message) -> u32 {
        if self.seals.is_some() { message.sealed_len() } else { message.encoded_len() }
    }

    /// Appends a message's frame.
    pub(crate) fn encode(&mut self, message: &Message, out: &mut Vec<u8>) {
        match &mut self.seals {
            None => message.encode(out),
            Some(seals) => {
                let sealed = message.encode_sealed(out, seals);
                debug_assert_eq!(sealed, Ok(()), "a host speaks in turn: its bindings see to that");
            }
        }
    }

    /// A message goes out; if it is a report, its answer is awaited. The first on a line has waited since that was opened.
    pub(crate) fn note_sent(&mut self, kind: Kind, now: Time) {
        let Some(answer) = answer_to(kind) else { return };
        if self.awaited.len() < MOST_AWAITED {
            self.awaited.push_back((answer, self.opened.take().unwrap_or(now)));
        }
    }

    /// A message has arrived; how long it was awaited, if it was.
    pub(crate) fn note_heard(&mut self, kind: Kind, now: Time) -> Option<Span> {
        let place = self.awaited.iter().position(|&(answer, _)| answer == kind)?;
        let (_, since) = self.awaited.remove(place)?;
        Some(now.since(since))
    }

    /// The bytes held besides the line itself.
    pub(crate) fn memory(&self) -> usize {
        let seals = self.seals.as_ref().map_or(0, |_| size_of::<Seals>());
        self.framer.capacity() + seals + self.awaited.capacity() * size_of::<(Kind, Time)>()
    }
}
