//! Every binding of one host: who is called, who is answered, what waits, and who has to go.
//!
//! The zone speaks to hosts; this room turns that into bindings. A message goes out at once on an active binding, waits
//! in the binding while it is in progress, and otherwise waits here until the cache has an entry for it. A message to
//! many ([`FanOut`]) waits as one entry with a cursor, however many hosts it is for.

mod fan_out;

use std::collections::VecDeque;

pub use fan_out::{Audience, FanOut};

use crate::binding::{Act, Event, State};
use crate::host_record::HostIndex;
use crate::host_resolver::{ConnectionCache, EntryIndex, Standing};
use crate::input::{Call, Ending};
use crate::message::{Kind, Message};
use crate::outbox::{Notice, Verb};
use crate::settings::Settings;
use crate::time::Time;
use crate::turn::Turn;

/// The bindings of one host.
#[derive(Debug)]
pub struct Bindings {
    cache: ConnectionCache<Binding>,
    limits: Limits,
    outgoing_in_progress: u32,
    /// Callers that wait for an entry, first come first served.
    calls: VecDeque<Call>,
    /// Messages that wait for an entry, first come first served.
    wanted: VecDeque<Wanted>,
    /// Whether the next free entry goes to a caller or to a call of ours, when both wait.
    callers_turn: bool,
    counts: BindingCounts,
}

/// What a host has done with its bindings since it was made. `opened = evicted + closed + active`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BindingCounts {
    /// Bindings that became active, either direction.
    pub opened: u64,
    /// Messages for which an open binding stood ready.
    pub hit: u64,
    /// Active bindings torn down to make room.
    pub evicted: u64,
    /// Active bindings that ended for any other reason.
    pub closed: u64,
    /// Callers turned away, and calls of ours that nobody answered or that met a stranger.
    pub refused: u64,
    /// Messages dropped because too many waited for one binding already.
    pub overflowed: u64,
}

/// One binding, as its host keeps it.
#[derive(Debug, Default)]
struct Binding {
    state: State,
    /// Opened for what an earlier, broken attempt left behind: not tried a third time.
    again: bool,
    /// Since when it is in progress, or active.
    since: Time,
    /// What goes out as soon as the binding is active. Mostly one message, so the first needs no allocation.
    first: Option<Message>,
    more: Vec<Message>,
}

#[derive(Debug)]
enum Wanted {
    One { to: HostIndex, message: Message, again: bool },
    Fan(FanOut),
}

/// Bounds on what is under way, from the settings.
#[derive(Clone, Copy, Debug)]
struct Limits {
    in_progress: u32,
    outgoing: u32,
    messages: usize,
    calls: usize,
}

/// What a turn of the bindings means for the zone.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing.
    Nothing,
    /// A message for the zone.
    Message(HostIndex, Message),
    /// A host cannot be contacted: it refused, did not answer, or is a stranger.
    Unreachable(HostIndex),
    /// An active binding to a host broke.
    Broken(HostIndex),
}

impl Limits {
    fn of(settings: &Settings) -> Limits {
        let capacity = settings.max_host_address_cache_entries;
        let asked = match settings.max_bindings_in_progress {
            0 => capacity / 4,
            some => some,
        };
        // Two at least, so that a call of ours never shuts out every caller: two hosts that wait for one another's
        // answer would wait for ever.
        let in_progress = asked.clamp(2.min(capacity), capacity);
        Limits {
            in_progress,
            outgoing: (in_progress - in_progress.div_ceil(4)).max(1),
            messages: settings.max_waiting_messages as usize,
            calls: settings.max_waiting_calls as usize,
        }
    }
}

impl Bindings {
    /// No bindings yet, for a host of these settings.
    pub fn new(settings: &Settings) -> Self {
        Bindings {
            cache: ConnectionCache::new(settings.max_host_address_cache_entries),
            limits: Limits::of(settings),
            outgoing_in_progress: 0,
            calls: VecDeque::new(),
            wanted: VecDeque::new(),
            callers_turn: true,
            counts: BindingCounts::default(),
        }
    }

    /// What was done so far.
    pub const fn counts(&self) -> BindingCounts {
        self.counts
    }

    /// How many bindings are active.
    pub const fn active_count(&self) -> u32 {
        self.cache.active_count()
    }

    /// The open bindings' peers, least recently used first.
    pub fn peers_by_use(&self) -> impl Iterator<Item = HostIndex> + '_ {
        self.cache.by_use().filter_map(|entry| self.peer(entry))
    }

    /// The bytes held besides this itself.
    pub fn memory(&self) -> usize {
        self.cache.memory() + self.calls.capacity() * size_of::<Call>() + self.wanted.capacity() * size_of::<Wanted>()
    }

    /// When a binding in progress has to be given up.
    #[inline]
    pub fn next_deadline(&self, settings: &Settings) -> Option<Time> {
        self.cache.oldest_in_progress().map(|entry| self.cache.value(entry).since + settings.bind_timeout)
    }

    // ---- what the zone wants -----------------------------------------------------------------------------------

    /// Sends a message to one host, on whatever binding there is or will be.
    pub fn send(&mut self, turn: &mut Turn<'_>, to: HostIndex, message: Message) {
        if let Some(message) = self.send_on_open(turn, to, message) {
            self.wanted.push_back(Wanted::One { to, message, again: false });
        }
    }

    /// Answers a message on the binding on which it came; on another, if that one is closing.
    #[inline]
    pub fn reply(&mut self, turn: &mut Turn<'_>, on: EntryIndex, to: HostIndex, message: Message) {
        if self.cache.standing(on) == Standing::Active {
            self.cache.touch(on);
            self.counts.hit += 1;
            turn.out.send(on, message);
        } else {
            self.send(turn, to, message);
        }
    }

    /// Sends a message to many.
    pub fn fan_out(&mut self, turn: &Turn<'_>, audience: Audience, message: Message) {
        let fan_out = FanOut::new(&turn.who, audience, message);
        if !fan_out.is_done() {
            self.wanted.push_back(Wanted::Fan(fan_out));
        }
    }

    /// Drops what waits and is of this kind; what has been sent is not called back.
    pub fn cancel(&mut self, kind: Kind) {
        self.wanted.retain(|wanted| match wanted {
            Wanted::One { message, .. } => message.kind() != kind,
            Wanted::Fan(fan_out) => fan_out.message().kind() != kind,
        });
    }

    /// Closes every binding, and turns away everyone who waits: the host is going down.
    pub fn hang_up(&mut self, turn: &mut Turn<'_>) {
        self.wanted.clear();
        while let Some(call) = self.calls.pop_front() {
            turn.out.push(Verb::Refuse(call));
        }
        let open: Vec<EntryIndex> = self.cache.entries().collect();
        for entry in open {
            if self.cache.standing(entry) == Standing::Active {
                self.counts.closed += 1;
            }
            self.step(turn, entry, Event::Close);
        }
    }

    // ---- what the world reports --------------------------------------------------------------------------------

    /// Somebody calls. They are answered in [`Bindings::settle`].
    pub fn called(&mut self, turn: &mut Turn<'_>, call: Call) {
        if self.calls.len() < self.limits.calls {
            self.calls.push_back(call);
        } else {
            self.counts.refused += 1;
            turn.out.push(Verb::Refuse(call));
        }
    }

    /// A connection that we opened stands.
    pub fn connected(&mut self, turn: &mut Turn<'_>, entry: EntryIndex) -> Heard {
        self.step(turn, entry, Event::Connected)
    }

    /// A message arrived on a binding.
    #[inline]
    pub fn received(&mut self, turn: &mut Turn<'_>, entry: EntryIndex, message: Message) -> Heard {
        match message {
            Message::BindRequest { magic, host } => {
                let called = self.cache.peer(entry).map(HostIndex);
                let known = turn.who.directory.by_id(host);
                if magic == turn.who.magic && known.is_some() && known == called {
                    self.step(turn, entry, Event::BindRequest)
                } else {
                    self.refuse_stranger(turn, entry)
                }
            }
            Message::BindResponse { magic, host } => match turn.who.directory.by_id(host) {
                Some(caller) if magic == turn.who.magic && caller != turn.who.me => {
                    self.caller_named(turn, entry, caller)
                }
                Some(_) | None => self.refuse_stranger(turn, entry),
            },
            Message::BindCommit => self.step(turn, entry, Event::BindCommit),
            Message::ElectMaster { .. }
            | Message::ElectMasterAck { .. }
            | Message::DeclareMaster { .. }
            | Message::QueryMaster
            | Message::MasterIs { .. }
            | Message::Heartbeat
            | Message::HeartbeatAck { .. }
            | Message::ImaPing
            | Message::ImaPingAck { .. } => match self.cache.value(entry).state {
                State::Active | State::Closing => {
                    self.cache.touch(entry);
                    match self.peer(entry) {
                        Some(from) => Heard::Message(from, message),
                        None => unreachable!("an active binding knows its peer"),
                    }
                }
                State::Connecting
                | State::WaitBindRequest
                | State::WaitBindCommit
                | State::Answering
                | State::WaitBindResponse => self.step(turn, entry, Event::Message),
            },
        }
    }

    /// A connection ended.
    pub fn closed(&mut self, entry: EntryIndex, ending: Ending) -> Heard {
        let peer = self.peer(entry);
        let state = self.cache.value(entry).state;
        let binding = self.forget(entry);
        match (state, ending) {
            (State::Active, Ending::Finished) => {
                self.counts.closed += 1;
                Heard::Nothing
            }
            (State::Active, Ending::Broken | Ending::Refused) => {
                self.counts.closed += 1;
                peer.map_or(Heard::Nothing, Heard::Broken)
            }
            (State::Connecting, Ending::Finished | Ending::Refused | Ending::Broken) => {
                self.counts.refused += 1;
                peer.map_or(Heard::Nothing, Heard::Unreachable)
            }
            // The acceptor was there, and let go: a simultaneous open that the other side settled first, or a host
            // going down. Tried once more.
            (State::WaitBindRequest | State::WaitBindCommit, _) => match peer {
                Some(to) if !binding.again => {
                    self.want_again(to, binding);
                    Heard::Nothing
                }
                Some(to) => {
                    self.counts.refused += 1;
                    Heard::Unreachable(to)
                }
                None => Heard::Nothing,
            },
            (State::Answering | State::WaitBindResponse | State::Closing, _) => Heard::Nothing,
        }
    }

    /// Gives up one binding that has been in progress for too long, if there is one.
    pub fn give_up(&mut self, turn: &mut Turn<'_>) -> Heard {
        match self.cache.oldest_in_progress() {
            Some(entry) if self.cache.value(entry).since + turn.who.settings.bind_timeout <= turn.now => {
                self.step(turn, entry, Event::TimedOut)
            }
            Some(_) | None => Heard::Nothing,
        }
    }

    /// Uses what room there is: answers callers and opens bindings, in turn, until no more may be in progress.
    #[inline]
    pub fn settle(&mut self, turn: &mut Turn<'_>) {
        while !(self.calls.is_empty() && self.wanted.is_empty()) {
            self.callers_turn = !self.callers_turn;
            let answered = self.callers_turn && self.answer_next(turn);
            let progress = answered || self.want_next(turn) || self.answer_next(turn);
            if !progress {
                return;
            }
        }
    }

    // ---- the steps ---------------------------------------------------------------------------------------------

    /// One step of a binding's state machine, and all that follows from it.
    fn step(&mut self, turn: &mut Turn<'_>, entry: EntryIndex, event: Event) -> Heard {
        let (next, act) = self.cache.value(entry).state.on(event);
        if let Some(state) = next {
            let before = core::mem::replace(&mut self.cache.value_mut(entry).state, state);
            if before.is_outgoing_in_progress() && !state.is_outgoing_in_progress() {
                self.outgoing_in_progress -= 1;
            }
        }
        let identity = (turn.who.magic, turn.who.directory.id(turn.who.me));
        match act {
            Act::Nothing | Act::Deliver => Heard::Nothing,
            Act::Request => {
                turn.out.send(entry, Message::BindRequest { magic: identity.0, host: identity.1 });
                Heard::Nothing
            }
            Act::Respond => {
                turn.out.send(entry, Message::BindResponse { magic: identity.0, host: identity.1 });
                Heard::Nothing
            }
            Act::Commit => {
                turn.out.send(entry, Message::BindCommit);
                self.activate(turn, entry);
                Heard::Nothing
            }
            Act::Activate => {
                self.activate(turn, entry);
                Heard::Nothing
            }
            Act::Finish => {
                self.cache.begin_closing(entry);
                turn.out.push(Verb::Close(entry));
                Heard::Nothing
            }
            Act::Abort => {
                turn.out.push(Verb::Abort(entry));
                let (peer, state) = (self.peer(entry), self.cache.value(entry).state);
                self.forget(entry);
                match (state, peer) {
                    (State::Active, Some(peer)) => {
                        self.counts.closed += 1;
                        Heard::Broken(peer)
                    }
                    (State::Connecting | State::WaitBindRequest | State::WaitBindCommit, Some(peer)) => {
                        self.counts.refused += 1;
                        Heard::Unreachable(peer)
                    }
                    (State::Answering | State::WaitBindResponse, _) => {
                        self.counts.refused += 1;
                        Heard::Nothing
                    }
                    (State::Closing, _) | (_, None) => Heard::Nothing,
                }
            }
            Act::Forget => {
                self.forget(entry);
                Heard::Nothing
            }
        }
    }

    /// A caller has said who it is. Two hosts that open to each other at once end with one binding:
    ///
    /// - an outgoing one that is still CONNECTING yields, since this one is further;
    /// - otherwise the one that the host with the higher id opened stays. Both sides decide alike;
    /// - one that is active already has won. This one was under way before, and the caller has dropped it.
    fn caller_named(&mut self, turn: &mut Turn<'_>, entry: EntryIndex, caller: HostIndex) -> Heard {
        if self.cache.value(entry).state != State::WaitBindResponse {
            return self.step(turn, entry, Event::BindResponse);
        }
        if let Some(other) = self.cache.find(caller.0) {
            let theirs_stays = turn.who.directory.id(caller) > turn.who.directory.id(turn.who.me);
            match self.cache.value(other).state {
                State::WaitBindRequest | State::WaitBindCommit if !theirs_stays => {
                    turn.out.push(Verb::Abort(entry));
                    self.forget(entry);
                    return Heard::Nothing;
                }
                State::Connecting | State::WaitBindRequest | State::WaitBindCommit => {
                    turn.out.push(Verb::Abort(other));
                    let Binding { first, more, .. } = self.forget(other);
                    let heir = self.cache.value_mut(entry);
                    (heir.first, heir.more) = (first, more);
                }
                State::Active if self.cache.value(entry).since <= self.cache.value(other).since => {
                    turn.out.push(Verb::Abort(entry));
                    self.forget(entry);
                    return Heard::Nothing;
                }
                // The caller would have used the active one, had it not closed it: its farewell is still on the way.
                State::Active => {
                    self.counts.closed += 1;
                    self.step(turn, other, Event::Close);
                }
                State::Answering | State::WaitBindResponse | State::Closing => {
                    unreachable!("such a binding has no name in the cache")
                }
            }
        }
        self.cache.name(entry, caller.0);
        self.step(turn, entry, Event::BindResponse)
    }

    fn refuse_stranger(&mut self, turn: &mut Turn<'_>, entry: EntryIndex) -> Heard {
        turn.out.notify(Notice::StrangerRefused);
        self.step(turn, entry, Event::Stranger)
    }

    fn activate(&mut self, turn: &mut Turn<'_>, entry: EntryIndex) {
        self.counts.opened += 1;
        self.cache.activate(entry);
        let binding = self.cache.value_mut(entry);
        binding.since = turn.now;
        if let Some(message) = binding.first.take() {
            turn.out.send(entry, message);
        }
        for message in core::mem::take(&mut binding.more) {
            turn.out.send(entry, message);
        }
    }

    /// Hands a message to the open binding with this host, if there is one; else gives it back.
    fn send_on_open(&mut self, turn: &mut Turn<'_>, to: HostIndex, message: Message) -> Option<Message> {
        let Some(entry) = self.cache.find(to.0) else { return Some(message) };
        let binding = self.cache.value_mut(entry);
        if binding.state == State::Active {
            self.counts.hit += 1;
            self.cache.touch(entry);
            turn.out.send(entry, message);
        } else if binding.first.is_none() {
            binding.first = Some(message);
        } else if binding.more.len() + 1 < self.limits.messages {
            binding.more.push(message);
        } else {
            self.counts.overflowed += 1;
        }
        None
    }

    fn answer_next(&mut self, turn: &mut Turn<'_>) -> bool {
        if self.calls.is_empty() || self.cache.in_progress_count() >= self.limits.in_progress || !self.make_room(turn) {
            return false;
        }
        let Some(call) = self.calls.pop_front() else { return false };
        let binding = Binding { state: State::Answering, since: turn.now, ..Binding::default() };
        let entry = self.cache.open(None, binding);
        turn.out.push(Verb::Accept { call, entry });
        self.step(turn, entry, Event::Connected);
        true
    }

    /// Takes the first wanted message one host further. Whether that could be done.
    fn want_next(&mut self, turn: &mut Turn<'_>) -> bool {
        let (to, message, again) = match self.wanted.front() {
            None => return false,
            Some(Wanted::One { to, message, again }) => (*to, message.clone(), *again),
            Some(Wanted::Fan(fan_out)) => (fan_out.next_host(&turn.who), fan_out.message().clone(), false),
        };
        if let Some(message) = self.send_on_open(turn, to, message)
            && !self.open(turn, to, message, again)
        {
            return false;
        }
        let done = match self.wanted.front_mut() {
            Some(Wanted::Fan(fan_out)) => fan_out.advance(&turn.who),
            Some(Wanted::One { .. }) | None => true,
        };
        if done {
            self.wanted.pop_front();
        }
        true
    }

    fn open(&mut self, turn: &mut Turn<'_>, to: HostIndex, message: Message, again: bool) -> bool {
        if self.cache.in_progress_count() >= self.limits.in_progress
            || self.outgoing_in_progress >= self.limits.outgoing
            || !self.make_room(turn)
        {
            return false;
        }
        self.outgoing_in_progress += 1;
        let binding = Binding { since: turn.now, again, first: Some(message), ..Binding::default() };
        let entry = self.cache.open(Some(to.0), binding);
        turn.out.push(Verb::Open { entry, to });
        true
    }

    /// Makes sure that one more binding may be open; tears down the least recently used active one if it must.
    fn make_room(&mut self, turn: &mut Turn<'_>) -> bool {
        if self.cache.has_room() {
            return true;
        }
        match self.cache.least_recently_used() {
            None => false,
            Some(victim) => {
                self.counts.evicted += 1;
                self.step(turn, victim, Event::Close);
                true
            }
        }
    }

    fn want_again(&mut self, to: HostIndex, binding: Binding) {
        let waiting = binding.first.into_iter().chain(binding.more);
        self.wanted.extend(waiting.map(|message| Wanted::One { to, message, again: true }));
    }

    /// Takes a binding out of the cache, whatever its state.
    fn forget(&mut self, entry: EntryIndex) -> Binding {
        let binding = self.cache.remove(entry);
        if binding.state.is_outgoing_in_progress() {
            self.outgoing_in_progress -= 1;
        }
        binding
    }

    fn peer(&self, entry: EntryIndex) -> Option<HostIndex> {
        self.cache.peer(entry).map(HostIndex)
    }
}
