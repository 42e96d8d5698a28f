//! One host acts: its verbs become connections, parcels under way, and notices.

use std::sync::Arc;

use imafarm_proto::host::Host;
use imafarm_proto::host_record::HostIndex;
use imafarm_proto::host_resolver::EntryIndex;
use imafarm_proto::input::{Ending, Input};
use imafarm_proto::message::{Kind, MagicNumber, Message};
use imafarm_proto::outbox::{Notice, Outbox, Sink, Verb};
use imafarm_proto::settings::Settings;
use imafarm_proto::time::{Span, Time};
use imafarm_records::chronicle::What;
use imafarm_records::digest::Chain;
use imafarm_records::totals::{Power, Totals};

use crate::bound::BoundEnds;
use crate::event::Event;
use crate::hands::{Hands, pack};
use crate::letter::{Letter, Parcel};
use crate::network::{EndRef, EndState, Ends, GIVE_UP};
use crate::prefetch::prefetch;
use crate::users::{Client, Errand};
use crate::work::Work;
use crate::world::{TraceRecord, World};

/// How long after it has acted a host is asked whether its deadline still stands. Our guess: what it has begun with
/// another host is through by then, and what that was to be watched by is void.
const ASK_AGAIN: Span = Span::from_millis(100);

/// One host, and what the emulator keeps for it.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) me: u32,
    pub(crate) power: Power,
    pub(crate) host: Host,
    /// What the host will have from its next start on.
    pub(crate) settings: Arc<Settings>,
    pub(crate) magic: MagicNumber,
    pub(crate) ends: Ends,
    /// The ends of the connections that it began with, in the life in which it did.
    pub(crate) bound: Option<Box<BoundEnds>>,
    pub(crate) chain: Chain,
    /// When the host next wants to be asked; not before, if that is vague.
    deadline: Time,
    vague: bool,
    /// When the schedule will next come back to this host by itself.
    wake: Time,
    /// What it works on, if work takes time.
    pub(crate) work: Option<Box<Work>>,
    /// What earlier lives of this host have done, if it had any.
    pub(crate) past: Option<Box<Totals>>,
    /// How many lives it has had; it may begin again at 0.
    pub(crate) life: u16,
    /// Whether all that it puts on the wire is recorded.
    pub(crate) is_tapped: bool,
    aside: Option<Box<Aside>>,
}

/// What many hosts have nothing of.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    /// What has arrived while the host was paused.
    pub(crate) deferred: Vec<Letter>,
    /// How many users it has asked for, and those that wait for an answer.
    pub(crate) asked: u32,
    pub(crate) clients: Vec<Client>,
}

impl Aside {
    const NOTHING: &'static Aside = &Aside { deferred: Vec::new(), asked: 0, clients: Vec::new() };
}

impl Seat {
    pub(crate) fn new(me: u32, host: Host) -> Seat {
        Seat {
            me,
            power: Power::Off,
            settings: Arc::clone(host.settings()),
            work: Work::of(host.settings()),
            magic: host.magic(),
            host,
            ends: Ends::default(),
            bound: None,
            chain: Chain::NEW,
            deadline: Time::NEVER,
            vague: false,
            wake: Time::NEVER,
            past: None,
            life: 0,
            is_tapped: false,
            aside: None,
        }
    }

    /// The host's life is over, and its connections with it: what comes next is a new one. What waited for it has been
    /// given up.
    pub(crate) fn renew(&mut self, now: Time) {
        let life = self.life(now).ended();
        self.past.get_or_insert_default().merge(&life);
        self.work = Work::of(&self.settings);
        // Whoever has not begun yet still begins so, unless it has come to be of another farm.
        let begins_bound = self.host.begins_bound() && self.magic == self.host.magic();
        self.host = self.host.anew(self.magic, Arc::clone(&self.settings));
        self.ends.close_all();
        self.bound = None;
        if begins_bound {
            self.begin_bound();
        }
        self.life = self.life.wrapping_add(1);
    }

    /// What the host has done in this life.
    fn life(&self, now: Time) -> Totals {
        Totals { work: self.work_totals(now), ..Totals::of_life(&self.host, now) }
    }

    /// What the host has done in all its lives.
    pub(crate) fn totals(&self, now: Time) -> Totals {
        let mut totals = self.past.as_deref().copied().unwrap_or(Totals::ZERO);
        totals.merge(&self.life(now));
        totals
    }

    pub(crate) fn aside(&self) -> &Aside {
        self.aside.as_deref().unwrap_or(Aside::NOTHING)
    }

    pub(crate) fn aside_mut(&mut self) -> &mut Aside {
        self.aside.get_or_insert_default()
    }

    /// Everything that was put aside in `list` is taken.
    pub(crate) fn take_aside<T>(&mut self, list: impl Fn(&mut Aside) -> &mut Vec<T>) -> Vec<T> {
        self.aside.as_deref_mut().map(|aside| core::mem::take(list(aside))).unwrap_or_default()
    }

    /// The bytes held besides the seat itself.
    pub(crate) fn memory(&self) -> usize {
        let past = if self.past.is_some() { size_of::<Totals>() } else { 0 };
        let aside = if self.aside.is_some() { size_of::<Aside>() } else { 0 };
        let clients = self.aside().clients.capacity() * size_of::<Client>();
        self.host.memory()
            + self.ends.memory()
            + self.queue_memory()
            + past
            + aside
            + clients
            + self.bound.as_ref().map_or(0, |bound| bound.memory())
    }

    /// Hands the host an input and carries out what it wants.
    #[inline]
    pub(crate) fn act(&mut self, world: &mut World, out: &mut Outbox, now: Time, input: Input) {
        self.host.handle(input, now, out);
        for verb in out.drain() {
            if self.is_tapped {
                self.carry_out_tapped(world, now, verb);
            } else {
                self.carry_out(world, now, verb);
            }
        }
        if !world.answers.is_empty() {
            self.hear_answers(world, out, now);
        }
    }

    /// Sees when the host next wants to be asked; to be called after it has acted.
    #[inline]
    pub(crate) fn note_deadline(&mut self) {
        self.vague = false;
        self.deadline = self.host.next_deadline().map_or(Time::NEVER, |(when, _)| when);
        if let Some(work) = &self.work {
            self.deadline = self.deadline.min(work.next_done());
        }
    }

    /// The deadlines of bindings have moved, and no others: whatever comes first is not known any more, only that nothing
    /// comes before.
    #[inline]
    pub(crate) fn see_bindings(&mut self) {
        self.deadline = self.deadline.min(self.host.binding_deadline().unwrap_or(Time::NEVER));
        self.vague = true;
    }

    #[inline]
    pub(crate) fn carry_out(&mut self, world: &mut World, now: Time, verb: Verb) {
        if let Verb::Send(entry, _) | Verb::Close(entry) | Verb::Abort(entry) = verb
            && let Some(peer) = entry.bound_peer()
        {
            return self.carry_out_bound(world, now, verb, peer);
        }
        match verb {
            Verb::Direct { request, server, load } => self.direct(world, now, request, server, load),
            Verb::Notify(notice) => {
                if matches!(notice, Notice::Stopped | Notice::StartRefused) {
                    self.power = Power::Off;
                    for letter in self.give_up_work(now) {
                        self.turn_away(world, now, &letter, Span::ZERO);
                    }
                    self.lose_clients(world, now);
                    self.renew(now);
                }
                world.note(now, self.me, if notice == Notice::Started { What::Up } else { What::Notice(notice) });
            }
            Verb::Consult(ticket, consult) => world.consult(now, self.me, ticket, *consult),
            Verb::Fan(fan) => self.send_fan(world, now, &fan),
            Verb::Open { .. }
            | Verb::Accept { .. }
            | Verb::Refuse(_)
            | Verb::Send(..)
            | Verb::Close(_)
            | Verb::Abort(_) => Hands { me: self.me, now, ends: &mut self.ends, world }.push(verb),
        }
    }

    /// Calls for the memory of a connection that something is about to arrive on.
    #[inline]
    pub(crate) fn warm(&self, end: EndRef) {
        self.ends.warm(end, prefetch);
        self.host.warm(EntryIndex(end.entry()), prefetch);
    }

    /// Calls for the memory of what belongs to a connection that was called for a while ago.
    #[inline]
    pub(crate) fn warm_more(&self, end: EndRef) {
        self.host.warm_more(EntryIndex(end.entry()), prefetch);
    }

    /// Calls for the memory of the connections that will be torn down next.
    #[inline]
    pub(crate) fn warm_victims(&self) {
        for victim in self.host.next_victims().into_iter().flatten() {
            self.ends.warm_at(victim.0, prefetch);
            self.host.warm(victim, prefetch);
        }
    }

    /// Calls for the memory of what the host keeps of a caller, who is about to say something.
    #[inline]
    pub(crate) fn warm_caller(&self, caller: u32) {
        self.host.warm_caller(HostIndex(caller), prefetch);
    }

    /// Something arrives.
    #[inline]
    pub(crate) fn receive(&mut self, world: &mut World, out: &mut Outbox, now: Time, mut letter: Letter) {
        if let Parcel::User(Errand::Arrive { number }) = letter.parcel {
            letter.parcel = Parcel::User(self.arrive(world, now, number));
        }
        match self.power {
            Power::Up if self.work.is_some() => self.queue_up(world, out, now, letter),
            Power::Up => self.receive_up(world, out, now, letter),
            Power::Paused => match letter.parcel {
                Parcel::Start => {}
                Parcel::Wake => self.woken(now),
                Parcel::Connect { .. }
                | Parcel::Greeting { .. }
                | Parcel::Message(_)
                | Parcel::Finish
                | Parcel::Refused
                | Parcel::Broken { .. }
                | Parcel::User(_)
                | Parcel::Consulted(_) => self.aside_mut().deferred.push(letter),
            },
            Power::Off => self.receive_down(world, out, now, letter, Span::ZERO),
            Power::Crashed => self.receive_down(world, out, now, letter, GIVE_UP),
        }
    }

    /// At a machine whose service does not run. It answers at once that nobody is there; a dead one never does, and the
    /// sender has to `give_up`.
    fn receive_down(&mut self, world: &mut World, out: &mut Outbox, now: Time, letter: Letter, give_up: Span) {
        match letter.parcel {
            Parcel::Start => {
                self.power = Power::Up;
                self.wake = Time::NEVER;
                self.act(world, out, now, Input::Start);
                if self.host.configuration().is_starting() {
                    world.note(now, self.me, What::Starting);
                }
            }
            Parcel::Wake => self.woken(now),
            Parcel::Connect { .. }
            | Parcel::Greeting { .. }
            | Parcel::Message(_)
            | Parcel::Finish
            | Parcel::Refused
            | Parcel::Broken { .. }
            | Parcel::User(_)
            | Parcel::Consulted(_) => {
                if letter.to == EndRef::BOUND {
                    self.begin_without(letter.source);
                }
                self.turn_away(world, now, &letter, give_up);
            }
        }
    }

    /// Nobody is there to handle this, and its source comes to know so.
    fn turn_away(&self, world: &mut World, now: Time, letter: &Letter, give_up: Span) {
        if let Parcel::User(errand) = letter.parcel {
            self.turn_client_away(world, now, errand, give_up);
            return;
        }
        self.lose(world, letter);
        if self.is_tapped && give_up == Span::ZERO {
            self.tap_arrival(world, now, letter);
        }
        match letter.parcel {
            Parcel::Connect { end } if give_up == Span::ZERO => {
                if self.is_tapped {
                    self.tap_refused(world, now, letter.source, end);
                }
                world.post(now, self.me, letter.source, end, Parcel::Refused);
            }
            Parcel::Message(_) | Parcel::Finish => self.disown(world, now, letter, give_up),
            // Whoever called, or was answered, gives up by itself.
            Parcel::Connect { .. }
            | Parcel::Greeting { .. }
            | Parcel::Refused
            | Parcel::Broken { .. }
            | Parcel::Start
            | Parcel::Consulted(_)
            | Parcel::Wake
            | Parcel::User(_) => {}
        }
    }

    /// What was on its way to this host will not be handled: a message in it counts as dropped.
    pub(crate) fn lose(&self, world: &mut World, letter: &Letter) {
        if let Some(kind) = letter.kind() {
            world.settle_message(letter.source, self.me, kind, self.bytes_of(letter), false);
        } else if let Parcel::User(errand) = letter.parcel {
            world.lose_errand(errand);
        }
    }

    /// Tells the source of a parcel that its connection leads nowhere.
    fn disown(&self, world: &mut World, now: Time, letter: &Letter, give_up: Span) {
        let broken = Parcel::Broken { end: letter.to };
        if give_up == Span::ZERO {
            if self.is_tapped {
                self.tap_disowned(world, now, letter.to, letter.source);
            }
            world.post(now, self.me, letter.source, EndRef::NONE, broken);
        } else {
            let letter = Letter { target: letter.source, to: EndRef::SILENT, source: self.me, parcel: broken };
            world.put(now + give_up, letter);
        }
    }

    #[inline]
    pub(crate) fn receive_up(&mut self, world: &mut World, out: &mut Outbox, now: Time, letter: Letter) {
        if self.is_tapped {
            self.tap_arrival(world, now, &letter);
        }
        let Letter { to, source, .. } = letter;
        if self.stands_bound(to, source) {
            return self.receive_bound(world, out, now, letter);
        }
        let entry = EntryIndex(to.entry());
        match letter.parcel {
            Parcel::Start => {}
            Parcel::Connect { end } => {
                self.chain.add(now, u64::from(source) << 8, 1);
                self.act(world, out, now, Input::Incoming(pack(source, end)));
            }
            Parcel::Greeting { end, magic } => {
                let host = self.host.id_of(HostIndex(source));
                let message = Message::BindRequest { magic, host };
                match self.ends.find(to) {
                    Some(here) => {
                        here.answered(end);
                        self.act(world, out, now, Input::Connected(entry));
                        self.deliver(world, out, now, to, source, message);
                    }
                    None => {
                        let bytes = message.encoded_len();
                        world.settle_message(source, self.me, Kind::BindRequest, bytes, false);
                        if self.is_tapped {
                            self.tap_disowned(world, now, to, source);
                        }
                        // The acceptor knows its end only by the one it was called from.
                        world.post(now, self.me, source, end, Parcel::Broken { end: to });
                    }
                }
            }
            Parcel::Message(message) => {
                if self.ends.find(to).is_some() {
                    self.deliver(world, out, now, to, source, message);
                } else {
                    let bytes = message.encoded_len();
                    world.settle_message(source, self.me, message.kind(), bytes, false);
                    let letter = Letter { target: self.me, to, source, parcel: Parcel::Message(message) };
                    self.disown(world, now, &letter, Span::ZERO);
                }
            }
            Parcel::Finish => match self.ends.find(to) {
                Some(end) => {
                    let (peer, peer_end, state) = (end.peer, end.peer_end(), end.state);
                    let answered = match state {
                        EndState::Open => {
                            world.post_in_order(now, self.me, peer, peer_end, Parcel::Finish, 0, Some(end))
                        }
                        // Both have closed: each has the other's farewell.
                        EndState::Finished => true,
                        EndState::Severed | EndState::Opening | EndState::Free => false,
                    };
                    if !answered {
                        world.break_later(now + GIVE_UP, peer, peer_end, self.me);
                    }
                    self.ended(world, out, now, to, Ending::Finished);
                }
                None => {
                    let letter = Letter { target: self.me, to, source, parcel: Parcel::Finish };
                    self.disown(world, now, &letter, Span::ZERO);
                }
            },
            Parcel::Refused => self.ended(world, out, now, to, Ending::Refused),
            Parcel::Broken { end } if to.is_none() && self.stands_bound(end, source) => {
                self.receive_bound(world, out, now, letter);
            }
            Parcel::Broken { end } => {
                let mine = if to.is_none() { self.ends.connected_to(source, end) } else { Some(to) };
                if let Some(mine) = mine {
                    self.ended(world, out, now, mine, Ending::Broken);
                }
            }
            Parcel::Wake => self.woken(now),
            Parcel::User(errand) => self.attend(world, out, now, errand),
            Parcel::Consulted(answer) => self.consulted(world, out, now, *answer),
        }
    }

    /// The schedule has come back to this host, running or not; it may have to come again.
    const fn woken(&mut self, now: Time) {
        if self.wake.0 <= now.0 {
            self.wake = Time::NEVER;
        }
    }

    #[inline]
    pub(crate) fn deliver(
        &mut self,
        world: &mut World,
        out: &mut Outbox,
        now: Time,
        to: EndRef,
        source: u32,
        message: Message,
    ) {
        let (kind, bytes) = (message.kind(), message.encoded_len());
        world.settle_message(source, self.me, kind, bytes, true);
        self.chain.add_message(now, source, &message);
        if world.traced[kind.index()] {
            world.trace(TraceRecord { time: now, target: self.me, source, kind, bytes });
        }
        let entry = if to == EndRef::BOUND { EntryIndex::bound(HostIndex(source)) } else { EntryIndex(to.entry()) };
        self.act(world, out, now, Input::Received(entry, message));
    }

    /// A connection has ended, if it still stood.
    fn ended(&mut self, world: &mut World, out: &mut Outbox, now: Time, to: EndRef, ending: Ending) {
        let Some(end) = self.ends.find(to) else { return };
        self.chain.add(now, u64::from(end.peer) << 8, 2 + ending as u64);
        self.ends.close(to.entry());
        let entry = EntryIndex(to.entry());
        self.act(world, out, now, Input::Closed(entry, ending));
    }

    /// Whether a deadline may come before this.
    #[inline]
    pub(crate) fn is_due(&self, time: Time) -> bool {
        self.deadline < time
    }

    /// Lets every deadline before `end` come, and whatever work is done by then. What passed while the host was frozen
    /// comes now. At one instant, what is done comes before a deadline, as what arrives does.
    ///
    /// Whether there was anything.
    #[inline]
    pub(crate) fn meet_deadlines(&mut self, world: &mut World, out: &mut Outbox, now: Time, end: Time) -> bool {
        let mut acted = false;
        while self.deadline.max(now) < end && self.power == Power::Up {
            if self.vague {
                self.note_deadline();
                continue;
            }
            let at = self.deadline.max(now);
            if !self.work_on(world, out, at) {
                self.act(world, out, at, Input::Deadline);
            }
            self.note_deadline();
            acted = true;
        }
        acted
    }

    /// Makes sure that the schedule comes back to this host when its next deadline is due, or now if that
    /// has passed while it was frozen. A host that has just `acted` is likely to name another deadline soon, so the
    /// schedule comes back earlier, while the host is still at hand, to ask again.
    #[inline]
    pub(crate) fn arrange_wake(&mut self, world: &mut World, now: Time, acted: bool) {
        if self.vague && self.deadline < self.wake {
            self.note_deadline();
        }
        if self.deadline < self.wake && self.power == Power::Up {
            self.wake = if acted { self.deadline.min(now + ASK_AGAIN) } else { self.deadline };
            world.schedule.push(self.wake.max(now), Event::wake(self.me));
        }
    }

    /// Whether the host runs, handles what comes at once and unseen, and is in the life that it began with connections.
    pub(crate) fn is_plainly_up(&self) -> bool {
        self.power == Power::Up && self.work.is_none() && self.bound.is_some() && !self.is_tapped
    }

    /// The length of the message an letter carries.
    pub(crate) fn bytes_of(&self, letter: &Letter) -> u32 {
        match &letter.parcel {
            Parcel::Greeting { magic, .. } => {
                let host = self.host.id_of(HostIndex(letter.source));
                Message::BindRequest { magic: *magic, host }.encoded_len()
            }
            Parcel::Message(message) => message.encoded_len(),
            Parcel::Start
            | Parcel::Connect { .. }
            | Parcel::Finish
            | Parcel::Refused
            | Parcel::Broken { .. }
            | Parcel::Consulted(_)
            | Parcel::Wake
            | Parcel::User(_) => 0,
        }
    }
}
