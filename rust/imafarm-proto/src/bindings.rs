//! Every binding of one host: who is called, who is answered, what waits, and who has to go.
//!
//! The zone speaks to hosts; this room turns that into bindings. A message goes out at once on an active binding, waits
//! in the binding while it is in progress, and otherwise waits here until the cache has an entry for it. A message to
//! many ([`FanOut`]) waits as one entry with a cursor, however many hosts it is for.

mod attempts;
mod bound;
mod counts;
mod fan_out;
mod settling;

use std::collections::VecDeque;

use attempts::{AttemptIndex, Attempts, Waited};
use bound::Bound;
pub use counts::BindingCounts;
pub use fan_out::{Audience, FanOut};

use crate::binding::{Act, Event, State};
use crate::few::Queue;
use crate::host_record::HostIndex;
use crate::host_resolver::{ConnectionCache, Directory, EntryIndex};
use crate::input::{Call, Ending};
use crate::message::{Kind, Message};
use crate::outbox::{Notice, Sink, Verb};
use crate::settings::Settings;
use crate::time::Time;
use crate::turn::Turn;

/// The bindings of one host.
#[derive(Debug)]
pub struct Bindings {
    cache: ConnectionCache<Binding>,
    /// Those that it began with, if its farm begins bound.
    bound: Option<Box<Bound>>,
    limits: Limits,
    outgoing_in_progress: u32,
    /// No binding in progress has to be given up before; void while none is.
    look_at: Time,
    /// Callers that wait for an entry, first come first served.
    calls: VecDeque<Call>,
    /// Messages that wait for an entry, first come first served.
    wanted: Queue<Wanted>,
    /// Those of bindings in progress.
    attempts: Attempts,
    /// Whether the next free entry goes to a caller or to a call of ours, when both wait.
    callers_turn: bool,
    counts: BindingCounts,
}

/// One binding, as its host keeps it: little, for a host may have very many.
#[derive(Clone, Copy, Debug, Default)]
struct Binding {
    state: State,
    /// Since when it is in progress, or active.
    since: Time,
    /// What waits for it while it is in progress.
    attempt: AttemptIndex,
}

#[derive(Debug)]
enum Wanted {
    One { to: HostIndex, message: Message, first_try: Option<Time> },
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
            0 => capacity / 3,
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
            cache: ConnectionCache::mostly_missed(settings.max_host_address_cache_entries),
            bound: None,
            limits: Limits::of(settings),
            outgoing_in_progress: 0,
            look_at: Time::NEVER,
            calls: VecDeque::new(),
            wanted: Queue::default(),
            attempts: Attempts::default(),
            callers_turn: false,
            counts: BindingCounts::default(),
        }
    }

    /// What was done so far.
    pub const fn counts(&self) -> BindingCounts {
        self.counts
    }

    /// How many bindings are active.
    pub fn active_count(&self) -> u32 {
        self.cache.active_count() + self.bound_count()
    }

    /// The open bindings' peers: those that the host began with, by index, then the others, least recently used first.
    pub fn peers_by_use(&self, directory: &Directory, me: HostIndex) -> impl Iterator<Item = HostIndex> + '_ {
        let bound = self.bound_peers(directory, me).into_iter();
        bound.chain(self.cache.by_use().filter_map(|entry| self.peer(entry)))
    }

    /// Shows where in memory a binding is.
    #[inline]
    pub fn warm(&self, entry: EntryIndex, show: impl Fn(*const u8)) {
        self.cache.warm(entry, show);
    }

    /// Shows where in memory that is which belongs to a binding that is [warm](Bindings::warm) already.
    #[inline]
    pub fn warm_more(&self, entry: EntryIndex, show: impl Fn(*const u8)) {
        if let Some(binding) = self.cache.warm_neighbours(entry, &show) {
            self.attempts.warm(binding.attempt, &show);
        }
    }

    /// The two bindings that would have to go next, so that their memory can be called for.
    #[inline]
    pub fn next_victims(&self) -> [Option<EntryIndex>; 2] {
        let first = self.cache.least_recently_used().filter(|_| !self.cache.has_room());
        [first, first.and_then(|first| self.cache.used_after(first))]
    }

    /// The bytes held besides this itself.
    pub fn memory(&self) -> usize {
        let waiting = self.calls.capacity() * size_of::<Call>() + self.wanted.memory() + self.attempts.memory();
        self.cache.memory() + self.bound_memory() + waiting
    }

    /// When to see whether a binding in progress has to be given up; none has to be before.
    #[inline]
    pub const fn next_deadline(&self) -> Option<Time> {
        if self.cache.in_progress_count() == 0 { None } else { Some(self.look_at) }
    }

    // ---- what the zone wants -----------------------------------------------------------------------------------

    /// Sends a message to one host, on whatever binding there is or will be.
    pub fn send<S: Sink>(&mut self, turn: &mut Turn<'_, S>, to: HostIndex, message: Message) {
        if let Some(message) = self.send_on_open(turn, to, message) {
            self.wanted.push_back(Wanted::One { to, message, first_try: None });
        }
    }

    /// Answers a message on the binding on which it came; on another, if that one is closing.
    #[inline]
    pub fn reply<S: Sink>(&mut self, turn: &mut Turn<'_, S>, on: EntryIndex, to: HostIndex, message: Message) {
        if self.is_active(on) {
            self.touch(on);
            self.counts.hit += 1;
            turn.out.send(on, message);
        } else {
            self.send(turn, to, message);
        }
    }

    /// Sends a message to many.
    pub fn fan_out<S: Sink>(&mut self, turn: &Turn<'_, S>, audience: Audience, message: Message) {
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
    pub fn hang_up<S: Sink>(&mut self, turn: &mut Turn<'_, S>) {
        self.wanted.clear();
        while let Some(call) = self.calls.pop_front() {
            turn.out.push(Verb::Refuse(call));
        }
        for entry in self.all_entries(&turn.who) {
            if self.is_active(entry) {
                self.counts.closed += 1;
            }
            self.step(turn, entry, Event::Close);
        }
    }

    // ---- what the world reports --------------------------------------------------------------------------------

    /// Somebody calls. They are answered in [`Bindings::settle`].
    pub fn called<S: Sink>(&mut self, turn: &mut Turn<'_, S>, call: Call) {
        if self.calls.len() < self.limits.calls {
            self.calls.push_back(call);
        } else {
            self.counts.refused += 1;
            turn.out.push(Verb::Refuse(call));
        }
    }

    /// A connection that we opened stands.
    pub fn connected<S: Sink>(&mut self, turn: &mut Turn<'_, S>, entry: EntryIndex) -> Heard {
        self.step(turn, entry, Event::Connected)
    }

    /// A message arrived on a binding.
    #[inline]
    #[expect(clippy::wildcard_enum_match_arm, reason = "whatever is no bind packet is for others")]
    pub fn received<S: Sink>(&mut self, turn: &mut Turn<'_, S>, entry: EntryIndex, message: Message) -> Heard {
        match message {
            Message::BindRequest { magic, host } => {
                let called = self.peer(entry);
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
            _ => match self.look(entry).state {
                State::Active | State::Closing => {
                    self.touch(entry);
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

    /// Whoever speaks on a connection is not of our farm.
    pub fn refuse_stranger<S: Sink>(&mut self, turn: &mut Turn<'_, S>, entry: EntryIndex) -> Heard {
        turn.out.notify(Notice::StrangerRefused);
        self.step(turn, entry, Event::Stranger)
    }

    /// A connection ended.
    pub fn closed<S: Sink>(&mut self, turn: &Turn<'_, S>, entry: EntryIndex, ending: Ending) -> Heard {
        let peer = self.peer(entry);
        let Binding { state, attempt, .. } = self.look(entry);
        let heard = match (state, ending) {
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
            // going down. It is tried again until a binding would have been given up.
            (State::WaitBindRequest | State::WaitBindCommit, _) => match peer {
                Some(to) if turn.now < self.attempts.first_try(attempt) + turn.who.settings.bind_timeout => {
                    let first_try = Some(self.attempts.first_try(attempt));
                    let waiting = self.forget(entry).into_iter().map(|message| Wanted::One { to, message, first_try });
                    self.wanted.extend(waiting);
                    return Heard::Nothing;
                }
                Some(to) => {
                    self.counts.refused += 1;
                    Heard::Unreachable(to)
                }
                None => Heard::Nothing,
            },
            (State::Answering | State::WaitBindResponse | State::Closing, _) => Heard::Nothing,
        };
        drop(self.forget(entry));
        heard
    }

    /// Gives up one binding that has been in progress for too long, if there is one; else sees when one will be.
    pub fn give_up<S: Sink>(&mut self, turn: &mut Turn<'_, S>) -> Heard {
        let Some(entry) = self.cache.oldest_in_progress() else { return Heard::Nothing };
        self.look_at = self.cache.value(entry).since + turn.who.settings.bind_timeout;
        if self.look_at <= turn.now { self.step(turn, entry, Event::TimedOut) } else { Heard::Nothing }
    }

    // ---- the steps ---------------------------------------------------------------------------------------------

    /// One step of a binding's state machine, and all that follows from it.
    #[inline]
    pub(crate) fn step<S: Sink>(&mut self, turn: &mut Turn<'_, S>, entry: EntryIndex, event: Event) -> Heard {
        let (next, act) = self.look(entry).state.on(event);
        if let (Some(state), Some(peer)) = (next, entry.bound_peer()) {
            self.set_bound(peer, state);
        } else if let Some(state) = next {
            let before = core::mem::replace(&mut self.cache.value_mut(entry).state, state);
            if before.is_outgoing_in_progress() && !state.is_outgoing_in_progress() {
                self.outgoing_in_progress -= 1;
            }
        }
        match act {
            Act::Nothing | Act::Deliver => Heard::Nothing,
            Act::Request => {
                let host = turn.who.directory.id(turn.who.me);
                turn.out.send(entry, Message::BindRequest { magic: turn.who.magic, host });
                Heard::Nothing
            }
            Act::Respond => {
                let host = turn.who.directory.id(turn.who.me);
                turn.out.send(entry, Message::BindResponse { magic: turn.who.magic, host });
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
                if entry.bound_peer().is_none() {
                    self.cache.begin_closing(entry);
                }
                turn.out.push(Verb::Close(entry));
                Heard::Nothing
            }
            Act::Abort => {
                let (peer, state) = (self.peer(entry), self.look(entry).state);
                drop(self.abort(turn, entry));
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
                drop(self.forget(entry));
                Heard::Nothing
            }
        }
    }

    /// A caller has said who it is. Two hosts that open to each other at once end with one binding:
    ///
    /// - an outgoing one that is still CONNECTING yields, since this one is further;
    /// - otherwise the one that the host with the higher id opened stays. Both sides decide alike;
    /// - one that is active already has won. This one was under way before, and the caller has dropped it.
    #[inline]
    pub(crate) fn caller_named<S: Sink>(
        &mut self,
        turn: &mut Turn<'_, S>,
        entry: EntryIndex,
        caller: HostIndex,
    ) -> Heard {
        if self.cache.value(entry).state != State::WaitBindResponse {
            return self.step(turn, entry, Event::BindResponse);
        }
        if let Some(other) = self.find(&turn.who, caller) {
            let theirs_stays = turn.who.directory.id(caller) > turn.who.directory.id(turn.who.me);
            match self.look(other).state {
                State::WaitBindRequest | State::WaitBindCommit if !theirs_stays => {
                    drop(self.abort(turn, entry));
                    return Heard::Nothing;
                }
                State::Connecting | State::WaitBindRequest | State::WaitBindCommit => {
                    let waiting = self.abort(turn, other);
                    let heir = self.attempts.begin(turn.now, None);
                    self.cache.value_mut(entry).attempt = heir;
                    waiting.each(|message| _ = self.attempts.wait(heir, message, self.limits.messages));
                }
                State::Active if self.cache.value(entry).since <= self.look(other).since => {
                    drop(self.abort(turn, entry));
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

    fn activate<S: Sink>(&mut self, turn: &mut Turn<'_, S>, entry: EntryIndex) {
        self.counts.opened += 1;
        self.cache.activate(entry);
        let binding = self.cache.value_mut(entry);
        binding.since = turn.now;
        let attempt = core::mem::take(&mut binding.attempt);
        self.attempts.end(attempt).each(|message| turn.out.send(entry, message));
    }

    /// Hands a message to the open binding with this host, if there is one; else gives it back.
    fn send_on_open<S: Sink>(&mut self, turn: &mut Turn<'_, S>, to: HostIndex, message: Message) -> Option<Message> {
        let Some(entry) = self.find(&turn.who, to) else { return Some(message) };
        let Binding { state, attempt, .. } = self.look(entry);
        if state == State::Active {
            self.counts.hit += 1;
            self.touch(entry);
            turn.out.send(entry, message);
        } else if !self.attempts.wait(attempt, message, self.limits.messages) {
            self.counts.overflowed += 1;
        }
        None
    }

    /// Drops a connection at once, and its binding; what waited for it.
    fn abort<S: Sink>(&mut self, turn: &mut Turn<'_, S>, entry: EntryIndex) -> Waited {
        turn.out.push(Verb::Abort(entry));
        self.forget(entry)
    }

    /// Takes a binding out of the cache, whatever its state; what waited for it.
    fn forget(&mut self, entry: EntryIndex) -> Waited {
        let Binding { state, attempt, .. } = match entry.bound_peer() {
            None => self.cache.remove(entry),
            Some(peer) => self.forget_bound(peer),
        };
        if state.is_outgoing_in_progress() {
            self.outgoing_in_progress -= 1;
        }
        self.attempts.end(attempt)
    }

    /// Who is at the other end, as far as it is known.
    #[inline]
    pub(crate) fn peer(&self, entry: EntryIndex) -> Option<HostIndex> {
        entry.bound_peer().or_else(|| self.cache.peer(entry).map(HostIndex))
    }

    /// How far a binding is.
    #[inline]
    pub(crate) fn state(&self, entry: EntryIndex) -> State {
        self.cache.value(entry).state
    }
}
