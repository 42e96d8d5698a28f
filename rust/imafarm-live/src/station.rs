//! One host that lives here: its connections, its lives, and how its verbs become acts.

mod arrivals;
mod blame;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use imafarm_proto::host::Host;
use imafarm_proto::host_resolver::EntryIndex;
use imafarm_proto::input::{Call, Ending, Input};
use imafarm_proto::message::{MagicNumber, Message};
use imafarm_proto::outbox::{Consult, Notice, Outbox, Verb};
use imafarm_proto::settings::Settings;
use imafarm_proto::time::Time;
use imafarm_proto::transport::seal::Side;
use imafarm_records::chronicle::What;
use imafarm_records::digest::Chain;
use imafarm_records::totals::{Power, Totals};

use crate::act::{Conn, End, Wish};
use crate::flight::Pair;
use crate::line::Line;
use crate::pace::Pace;
use crate::world::{Place, World};

use blame::Blame;

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

impl Report {
    /// The bytes held.
    fn memory(&self) -> usize {
        let bytes = if let Report::Bytes(_, bytes) = self { bytes.capacity() } else { 0 };
        size_of::<Report>() + bytes
    }
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
    /// Ends that the host hears of later, or it would call again too soon.
    held: BTreeMap<(Time, Conn), End>,
    pace: Pace,
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
            held: BTreeMap::new(),
            pace: Pace::default(),
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
        let deferred = self.deferred.iter().map(Report::memory).sum::<usize>();
        let places = self.lines.capacity() * size_of::<Option<Line>>() + size_of::<Totals>();
        self.host.memory() + self.pace.memory() + deferred + lines + places
    }

    /// The host's life is over: its memory is lost, and its connections are no longer its.
    pub(crate) fn renew(&mut self, world: &mut World) {
        self.past.merge(&Totals::of_life(&self.host, world.now).ended());
        self.host = self.host.anew(self.magic, Arc::clone(&self.settings));
        self.deferred.clear();
        self.held.clear();
        self.pace = Pace::default();
        for line in core::mem::take(&mut self.lines).into_iter().flatten() {
            forget(world, &line);
        }
        for conn in core::mem::take(&mut self.calling) {
            if let Some(Place::Calling { pair, .. }) = world.places.get(&conn).copied() {
                hang_up(world, conn, pair);
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

    /// The same, at something that came on this connection; if the host drops it, the log is told why.
    fn act_on(&mut self, world: &mut World, out: &mut Outbox, input: Input, mut blame: Option<(EntryIndex, Blame)>) {
        let mut gone = Vec::new();
        let mut next = Some(input);
        // One that has answered nobody answers the next in its place: there may be very many.
        while let Some(input) = next {
            world.events += 1;
            self.host.handle(input, world.now, out);
            for verb in out.drain() {
                if verb == Verb::Notify(Notice::StrangerRefused)
                    && let Some((_, blame @ (Blame::Nothing | Blame::OutOfTurn(_)))) = &mut blame
                {
                    *blame = Blame::Stranger;
                }
                self.carry_out(world, verb, blame, &mut gone);
            }
            blame = None;
            next = gone.pop().map(|entry| Input::Closed(entry, Ending::Finished));
        }
        self.note_deadline(world);
    }

    /// The deadline has come.
    pub(crate) fn due(&mut self, world: &mut World, out: &mut Outbox) {
        self.deadline = Time::NEVER;
        while let Some(held) = self.held.first_entry()
            && held.key().0 <= world.now
        {
            let ((_, conn), end) = held.remove_entry();
            if let Some(Place::At { entry, .. }) = world.places.get(&conn).copied() {
                self.hear_end(world, out, entry, end);
            }
        }
        if self.host.next_deadline().is_some_and(|(when, _)| when <= world.now) {
            self.act(world, out, Input::Deadline);
        }
        self.note_deadline(world);
    }

    /// Sees when the host next wants to be asked.
    pub(crate) fn note_deadline(&mut self, world: &mut World) {
        let next = match self.power {
            Power::Up => {
                let held = self.held.first_key_value().map_or(Time::NEVER, |(&(when, _), _)| when);
                self.host.next_deadline().map_or(held, |(when, _)| when.min(held))
            }
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
    fn carry_out(
        &mut self,
        world: &mut World,
        verb: Verb,
        blame: Option<(EntryIndex, Blame)>,
        gone: &mut Vec<EntryIndex>,
    ) {
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
                let Some(Place::Calling { pair, gone: has_gone }) = world.places.get(&conn).copied() else {
                    unreachable!("who is answered has called")
                };
                self.calling.remove(&conn);
                if has_gone {
                    // Nobody hears what the host says to it, and nobody is told.
                    hang_up(world, conn, pair);
                    gone.push(entry);
                    return;
                }
                let mut line = world.line(conn, Side::Acceptor);
                line.pair = pair;
                self.put(world, entry, line);
                world.wish(self.me, Wish::Accept(conn));
            }
            Verb::Refuse(Call(call)) => {
                let conn = Conn(call);
                self.calling.remove(&conn);
                if let Some(Place::Calling { pair, gone }) = world.places.get(&conn).copied() {
                    hang_up(world, conn, pair);
                    if !gone {
                        world.wish(self.me, Wish::Refuse(conn));
                    }
                }
            }
            Verb::Send(entry, message) => self.send(world, entry, &message),
            Verb::Fan(_) => unreachable!("no live host begins bound"),
            Verb::Close(entry) => {
                if let Some(line) = self.line(entry).filter(|line| !line.over) {
                    world.wish(self.me, Wish::Close(line.conn));
                }
            }
            Verb::Abort(entry) => {
                if let Some(line) = self.take(entry) {
                    forget(world, &line);
                    if !line.over {
                        let why = blame.filter(|(on, _)| *on == entry).and_then(|(_, blame)| blame.told());
                        world.wish(self.me, Wish::Abort(line.conn, why));
                    }
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
            Verb::Consult(ticket, consult) => {
                if let Consult::Write { order, .. } = *consult {
                    world.written.insert((self.me, ticket), order);
                }
                world.wish(self.me, Wish::Consult(ticket, *consult));
            }
        }
    }

    fn send(&mut self, world: &mut World, entry: EntryIndex, message: &Message) {
        let Some(line) = self.lines.get_mut(entry.0 as usize).and_then(Option::as_mut) else { return };
        let (kind, bytes) = (message.kind(), line.len_of(message));
        world.count_sent(self.me, line, kind, bytes);
        line.note_sent(kind, world.now);
        if line.over {
            return;
        }
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
            self.pace.bound(peer);
            world.wish(self.me, Wish::Bound(conn, peer));
        }
    }

    /// How many bindings have a connection.
    pub(crate) fn connections(&self) -> usize {
        self.lines.iter().flatten().filter(|line| !line.over).count()
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

/// A caller is no longer there to be answered.
fn hang_up(world: &mut World, conn: Conn, pair: Option<Pair>) {
    world.places.remove(&conn);
    if let Some(pair) = pair {
        world.leave(pair, Side::Acceptor);
    }
}

/// A connection is no longer a host's.
fn forget(world: &mut World, line: &Line) {
    world.places.remove(&line.conn);
    if let Some(pair) = line.pair {
        world.leave(pair, line.side);
    }
}
