//! One host that lives here: its connections, its lives, and how its verbs become acts.

use std::collections::BTreeSet;
use std::sync::Arc;

use imafarm_proto::host::Host;
use imafarm_proto::host_resolver::EntryIndex;
use imafarm_proto::input::{Call, Ending, Input};
use imafarm_proto::message::{MagicNumber, Message};
use imafarm_proto::outbox::{Notice, Outbox, Verb};
use imafarm_proto::settings::Settings;
use imafarm_proto::time::Time;
use imafarm_records::chronicle::What;
use imafarm_records::digest::Chain;
use imafarm_records::totals::{Power, Totals};

use crate::act::{Conn, End, Wish};
use crate::flight::Side;
use crate::line::Line;
use crate::world::{Place, World};

/// What a stranger is told of in the log.
const STRANGER: &str = "it shows another farm's magic number, or is no host of this farm";

/// Something that was reported to a host while it was frozen.
#[derive(Debug)]
pub(crate) enum Report {
    /// Somebody calls.
    Call(Conn),
    /// Bytes have arrived.
    Bytes(Conn, Vec<u8>),
    /// A connection has ended.
    Ended(Conn, End),
    /// Something else.
    Other(Input),
}

/// One host, and what is kept for it.
#[derive(Debug)]
pub(crate) struct Station {
    pub(crate) me: u32,
    pub(crate) power: Power,
    pub(crate) host: Host,
    /// What the host will have from its next start on.
    pub(crate) settings: Arc<Settings>,
    pub(crate) magic: MagicNumber,
    pub(crate) chain: Chain,
    /// By the place of the binding in the host's cache.
    lines: Vec<Option<Line>>,
    /// Who calls and is not answered yet.
    pub(crate) calling: BTreeSet<Conn>,
    /// When the host next wants to be asked, as the world has it.
    deadline: Time,
    pub(crate) deferred: Vec<Report>,
    /// What earlier lives of this host have done.
    past: Box<Totals>,
    /// The questions that were put to it from outside and have no answer yet.
    pub(crate) asked: Vec<u32>,
}

impl Station {
    pub(crate) fn new(me: u32, host: Host) -> Station {
        Station {
            me,
            power: Power::Off,
            settings: Arc::clone(host.settings()),
            magic: host.magic(),
            host,
            chain: Chain::NEW,
            lines: Vec::new(),
            calling: BTreeSet::new(),
            deadline: Time::NEVER,
            deferred: Vec::new(),
            past: Box::new(Totals::ZERO),
            asked: Vec::new(),
        }
    }

    /// What the host has done in all its lives.
    pub(crate) fn totals(&self, now: Time) -> Totals {
        let mut totals = *self.past;
        totals.merge(&Totals::of_life(&self.host, now));
        totals
    }

    /// The bytes held besides the station itself.
    pub(crate) fn memory(&self) -> usize {
        let lines = self.lines.iter().flatten().map(Line::memory).sum::<usize>();
        self.host.memory() + lines + self.lines.capacity() * size_of::<Option<Line>>() + size_of::<Totals>()
    }

    /// The host's life is over: its memory is lost, and its connections are no longer its.
    pub(crate) fn renew(&mut self, world: &mut World) {
        self.past.merge(&Totals::of_life(&self.host, world.now).ended());
        self.host = self.host.anew(self.magic, Arc::clone(&self.settings));
        self.deferred.clear();
        for line in core::mem::take(&mut self.lines).into_iter().flatten() {
            forget(world, &line);
        }
        for conn in core::mem::take(&mut self.calling) {
            if let Some(Place::Calling { pair: Some(pair), .. }) = world.places.remove(&conn) {
                world.leave(pair, Side::Acceptor);
            }
        }
        for request in core::mem::take(&mut self.asked) {
            world.note(self.me, What::Resolved { request, server: None, load: 0 });
        }
        self.note_deadline(world);
    }

    /// Hands the host an input, and does what it wants.
    pub(crate) fn act(&mut self, world: &mut World, out: &mut Outbox, input: Input) {
        self.act_on(world, out, input, None);
    }

    /// The same; if it drops a connection at this, the log is told why.
    fn act_on(&mut self, world: &mut World, out: &mut Outbox, input: Input, mut why: Option<String>) {
        world.events += 1;
        self.host.handle(input, world.now, out);
        let mut gone = Vec::new();
        for verb in out.drain() {
            if verb == Verb::Notify(Notice::StrangerRefused) && why.is_none() {
                why = Some(STRANGER.to_owned());
            }
            self.carry_out(world, verb, &mut why, &mut gone);
        }
        self.note_deadline(world);
        for entry in gone {
            self.act_on(world, out, Input::Closed(entry, Ending::Finished), None);
        }
    }

    /// The host's deadline has come.
    pub(crate) fn due(&mut self, world: &mut World, out: &mut Outbox) {
        self.deadline = Time::NEVER;
        self.act(world, out, Input::Deadline);
    }

    /// Sees when the host next wants to be asked.
    pub(crate) fn note_deadline(&mut self, world: &mut World) {
        let next = match self.power {
            Power::Up => self.host.next_deadline().map_or(Time::NEVER, |(when, _)| when),
            Power::Off | Power::Crashed | Power::Paused => Time::NEVER,
        };
        if next == self.deadline {
            return;
        }
        world.deadlines.remove(&(self.deadline, self.me));
        if next != Time::NEVER {
            world.deadlines.insert((next, self.me));
        }
        self.deadline = next;
    }

    /// `gone`: callers that were answered when they had given up already.
    fn carry_out(&mut self, world: &mut World, verb: Verb, why: &mut Option<String>, gone: &mut Vec<EntryIndex>) {
        match verb {
            Verb::Open { entry, to } => {
                let conn = world.next_conn();
                let mut line = world.line(conn, Side::Opener);
                line.peer = Some(to.0);
                self.put(world, entry, line);
                world.wish(self.me, Wish::Open { conn, to: to.0 });
            }
            Verb::Accept { call, entry } => {
                let conn = Conn(call.0);
                let Some(Place::Calling { pair, gone: has_gone, .. }) = world.places.get(&conn).copied() else {
                    unreachable!("who is answered has called")
                };
                self.calling.remove(&conn);
                let mut line = world.line(conn, Side::Acceptor);
                line.pair = pair;
                self.put(world, entry, line);
                if has_gone {
                    gone.push(entry);
                } else {
                    world.wish(self.me, Wish::Accept(conn));
                }
            }
            Verb::Refuse(Call(call)) => {
                self.calling.remove(&Conn(call));
                if let Some(Place::Calling { pair, gone, .. }) = world.places.remove(&Conn(call)) {
                    if let Some(pair) = pair {
                        world.leave(pair, Side::Acceptor);
                    }
                    if !gone {
                        world.wish(self.me, Wish::Refuse(Conn(call)));
                    }
                }
            }
            Verb::Send(entry, message) => self.send(world, entry, &message),
            Verb::Close(entry) => {
                if let Some(line) = self.line(entry) {
                    world.wish(self.me, Wish::Close(line.conn));
                }
            }
            Verb::Abort(entry) => {
                if let Some(line) = self.take(entry) {
                    forget(world, &line);
                    world.wish(self.me, Wish::Abort(line.conn, why.take()));
                }
            }
            Verb::Direct { request, server, load } => {
                if let Some(place) = self.asked.iter().position(|&asked| asked == request) {
                    self.asked.swap_remove(place);
                    world.note(self.me, What::Resolved { request, server, load });
                }
            }
            Verb::Notify(notice) => {
                world.note(self.me, What::Notice(notice));
                if matches!(notice, Notice::Stopped | Notice::StartRefused) {
                    self.power = Power::Off;
                    world.wish(self.me, Wish::Stopped);
                    self.renew(world);
                } else if notice == Notice::Started {
                    world.wish(self.me, Wish::Started);
                } else if let Notice::ChangeLearnt(change) = notice
                    && world.knows(change)
                {
                    world.wish(self.me, Wish::Heard(change));
                }
            }
            Verb::Consult(ticket, consult) => world.wish(self.me, Wish::Consult(ticket, *consult)),
        }
    }

    fn send(&mut self, world: &mut World, entry: EntryIndex, message: &Message) {
        let Some(line) = self.lines.get_mut(entry.0 as usize).and_then(Option::as_mut) else { return };
        let (kind, bytes) = (message.kind(), line.len_of(message));
        world.count_sent(self.me, line, kind, bytes);
        line.note_sent(kind, world.now);
        let conn = line.conn;
        match world.acts.last_mut() {
            Some(crate::act::Act { what: Wish::Write(on, frames), .. }) if *on == conn => line.encode(message, frames),
            Some(_) | None => {
                let mut frame = Vec::with_capacity(bytes as usize);
                line.encode(message, &mut frame);
                world.wish(self.me, Wish::Write(conn, frame));
            }
        }
        if let (Message::BindCommit, Some(peer)) = (message, line.peer) {
            world.wish(self.me, Wish::Bound(conn, peer));
        }
    }

    /// Bytes have arrived on a binding's connection. Whether they end within a frame.
    pub(crate) fn receive(&mut self, world: &mut World, out: &mut Outbox, conn: Conn, mut bytes: &[u8]) -> bool {
        // What a host makes of one message may end the connection, or give its place to another.
        while let Some(Place::At { entry, .. }) = world.places.get(&conn).copied() {
            let Some(line) = self.lines.get_mut(entry.0 as usize).and_then(Option::as_mut) else { return false };
            match line.pull(&mut bytes) {
                Ok(Some((message, len))) => self.deliver(world, out, entry, message, len),
                Ok(None) => return line.is_cut(),
                Err(error) => {
                    let why = Some(error.to_string());
                    self.act_on(world, out, Input::Stranger(entry), why);
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
        if let Message::BindResponse { host, .. } = message {
            line.peer = world.directory.by_id(host).map(|host| host.0);
        }
        world.count_arrived(self.me, line, kind, len);
        if let Some(delay) = line.note_heard(kind, world.now) {
            world.delays.add(delay);
        }
        let peer = line.peer;
        let opener = line.side == Side::Opener;
        self.chain.add_message(world.now, peer.unwrap_or(u32::MAX), &message);
        if first && opener {
            self.act(world, out, Input::Connected(entry));
        }
        let commits = message == Message::BindCommit;
        self.act(world, out, Input::Received(entry, message));
        if let (true, Some(peer), true) = (commits && opener, peer, world.places.contains_key(&conn)) {
            world.wish(self.me, Wish::Bound(conn, peer));
        }
    }

    /// A binding's connection has ended. What is wrong with how it did, if anything.
    pub(crate) fn ended(&mut self, world: &mut World, out: &mut Outbox, entry: EntryIndex, end: End) -> Option<String> {
        let mut line = self.take(entry)?;
        forget(world, &line);
        // The acceptor speaks first: one that went without a word was not there for us.
        let ending = match end {
            _ if line.side == Side::Opener && !line.heard => Ending::Refused,
            End::Finished => Ending::Finished,
            End::Refused => Ending::Refused,
            End::Broken => Ending::Broken,
        };
        let fault = line.finish().err().filter(|_| end == End::Finished);
        self.act(world, out, Input::Closed(entry, ending));
        fault.map(|fault| fault.to_string())
    }

    pub(crate) fn line(&self, entry: EntryIndex) -> Option<&Line> {
        self.lines.get(entry.0 as usize)?.as_ref()
    }

    pub(crate) fn line_mut(&mut self, entry: EntryIndex) -> Option<&mut Line> {
        self.lines.get_mut(entry.0 as usize)?.as_mut()
    }

    fn put(&mut self, world: &mut World, entry: EntryIndex, line: Line) {
        let place = entry.0 as usize;
        if self.lines.len() <= place {
            self.lines.resize_with(place + 1, || None);
        }
        world.places.insert(line.conn, Place::At { host: self.me, entry });
        self.lines[place] = Some(line);
    }

    fn take(&mut self, entry: EntryIndex) -> Option<Line> {
        self.lines.get_mut(entry.0 as usize)?.take()
    }
}

/// A connection is no longer a host's.
fn forget(world: &mut World, line: &Line) {
    world.places.remove(&line.conn);
    if let Some(pair) = line.pair {
        world.leave(pair, line.side);
    }
}
