//! One host: one door in, a few verbs out.
//!
//! ```text
//! host.handle(input, now, &mut outbox)      everything that can happen to a host
//! host.next_deadline()                      when it next wants to be asked, and why
//! ```
//!
//! Whoever drives it carries out the verbs, in order, and reports what comes of them. The emulator and the live farm
//! drive the very same host.

mod short_way;

use std::sync::Arc;

use crate::applications::Catalogue;
use crate::bindings::{BindingCounts, Bindings, Heard};
use crate::configuration::{Configuration, Neighbours};
use crate::dice::Dice;
use crate::dynamic::Dynamic;
use crate::host_record::{HostId, HostIndex, ZoneIndex};
use crate::host_resolver::{Directory, EntryIndex};
use crate::input::{Answer, Input, Ticket};
use crate::local_host_cache::LocalHostCache;
use crate::message::{Concern, MagicNumber, Message};
use crate::outbox::{Outbox, Verb};
use crate::profile::Profile;
use crate::settings::Settings;
use crate::time::{Span, Time};
use crate::turn::{Identity, Turn};
use crate::zone::{ElectionCounts, Stance, Standing, Zone};

/// A host of a farm: what it knows, what it is to its zone, and its bindings.
#[derive(Debug)]
pub struct Host {
    me: HostIndex,
    magic: MagicNumber,
    dice: Dice,
    directory: Arc<Directory>,
    settings: Arc<Settings>,
    profile: &'static Profile,
    applications: Arc<Catalogue>,
    /// On its disk: the only thing that outlasts a life.
    cache: LocalHostCache,
    bindings: Bindings,
    zone: Zone,
    dynamic: Dynamic,
    configuration: Configuration,
}

impl Host {
    /// A host that has not been started yet.
    pub fn new(
        me: HostIndex,
        magic: MagicNumber,
        dice: Dice,
        directory: Arc<Directory>,
        settings: Arc<Settings>,
        profile: &'static Profile,
    ) -> Host {
        let bindings = Bindings::new(&settings);
        Host {
            me,
            magic,
            dice,
            directory,
            settings,
            profile,
            applications: Arc::default(),
            cache: LocalHostCache::default(),
            bindings,
            zone: Zone::default(),
            dynamic: Dynamic::default(),
            configuration: Configuration::default(),
        }
    }

    /// The same host before its first start, with this farm's number and these settings.
    pub fn anew(&self, magic: MagicNumber, settings: Arc<Settings>) -> Host {
        let anew = Host::new(self.me, magic, self.dice, Arc::clone(&self.directory), settings, self.profile);
        let (applications, configuration) = (Arc::clone(&self.applications), self.configuration.anew());
        Host { applications, cache: self.cache, configuration, ..anew }
    }

    /// Gives the host the farm's catalogue, which all hosts share; it sees of it what it knows of.
    pub fn set_applications(&mut self, applications: &Arc<Catalogue>) {
        self.applications = Arc::clone(applications);
    }

    /// Fills the host's disk with what it had read of the data store in an earlier process, so long ago: all changes up to
    /// `latest`.
    pub fn fill_cache(&mut self, now: Time, latest: u32, age: Span) {
        self.cache.fill(now, latest, age);
    }

    /// The host's first life is to begin with an active binding to every other host of its zone, as if the handshakes had
    /// passed long ago. Its driver knows each of these connections by [`EntryIndex::bound`], without being told of it.
    pub fn begin_bound(&mut self) {
        self.bindings.begin_bound();
    }

    /// A peer's message was turned away since the host has not been started yet: both know then that they are not bound.
    pub fn begin_without(&mut self, peer: HostIndex) {
        self.bindings.begin_without(peer);
    }

    /// Whether it will begin so, and has not been started yet.
    pub fn begins_bound(&self) -> bool {
        self.bindings.begins_bound()
    }

    /// Handles one input; what the host wants done is added to the outbox.
    #[inline]
    pub fn handle(&mut self, input: Input, now: Time, out: &mut Outbox) {
        let Host { me, magic, dice, directory, settings, profile, applications, cache, .. } = self;
        let Host { bindings, zone, dynamic, configuration, .. } = self;
        let (me, magic, dice, knows) = (*me, *magic, *dice, cache.changes());
        let who = Identity { me, magic, directory, settings, dice, profile, applications, knows };
        let turn = &mut Turn { who, now, out };
        let rooms = &mut Rooms { zone, dynamic, bindings, configuration, cache };
        match input {
            Input::Start => {
                rooms.bindings.start(turn);
                rooms.configuration.start(turn);
            }
            Input::Consulted(ticket, answer) => rooms.on_answer(turn, ticket, answer),
            Input::Stop if rooms.configuration.stop(turn) => {}
            Input::Stop => {
                rooms.dynamic.sign_off(turn, rooms.bindings);
                rooms.zone.stop(turn, rooms.bindings);
            }
            Input::Elect => rooms.zone.force_election(turn, rooms.bindings),
            Input::Deadline => {
                loop {
                    let heard = rooms.bindings.give_up(turn);
                    if !rooms.hear(turn, None, heard) {
                        break;
                    }
                }
                rooms.zone.on_deadline(turn, rooms.bindings);
                rooms.dynamic.on_deadline(turn, rooms.bindings);
                rooms.configuration.on_deadline(turn, rooms.cache);
            }
            Input::Logon { .. } | Input::Session(..) | Input::SetLoad(_) | Input::Subscribe(..)
                if rooms.zone.standing() == Standing::Down => {}
            Input::Logon { user, app } => rooms.dynamic.logon(turn, rooms.bindings, user, app),
            Input::Session(number, act) => rooms.dynamic.act(turn, rooms.bindings, number, act),
            Input::SetLoad(load) => rooms.dynamic.set_load(turn, rooms.bindings, load),
            Input::Subscribe(table, on) => rooms.dynamic.subscribe(turn, rooms.bindings, table, on),
            Input::Resolve(question) => match rooms.zone.standing() {
                Standing::Down | Standing::Stopping => Dynamic::refuse(turn, question),
                Standing::Joining
                | Standing::Candidate
                | Standing::Acknowledged
                | Standing::Member
                | Standing::Master => rooms.dynamic.resolve(turn, rooms.bindings, question),
            },
            Input::Change(change) => rooms.configuration.change(turn, change),
            Input::Incoming(call) if rooms.zone.standing() == Standing::Down => turn.out.push(Verb::Refuse(call)),
            Input::Incoming(call) => rooms.bindings.called(turn, call),
            Input::Connected(entry) => {
                // It leaves nothing to settle: no entry is free that was not.
                let heard = rooms.bindings.connected(turn, entry);
                rooms.hear(turn, Some(entry), heard);
                return;
            }
            Input::Received(entry, message) => {
                let heard = rooms.bindings.received(turn, entry, message);
                rooms.hear(turn, Some(entry), heard);
            }
            Input::Stranger(entry) => {
                let heard = rooms.bindings.refuse_stranger(turn, entry);
                rooms.hear(turn, None, heard);
            }
            Input::Closed(entry, ending) => {
                let heard = rooms.bindings.closed(turn, entry, ending);
                rooms.hear(turn, None, heard);
            }
        }
        rooms.follow(turn);
        rooms.bindings.settle(turn);
    }

    /// When the host next wants an [`Input::Deadline`], and why.
    #[inline]
    pub fn next_deadline(&self) -> Option<(Time, &'static str)> {
        let binding = self.bindings.next_deadline().map(|when| (when, "a binding is in progress"));
        let reports = sooner(self.zone.next_deadline(), self.dynamic.next_deadline());
        sooner(sooner(binding, reports), self.configuration.next_deadline())
    }

    /// Which host this is.
    pub const fn me(&self) -> HostIndex {
        self.me
    }

    /// The id of a host of its farm.
    #[inline]
    pub fn id_of(&self, host: HostIndex) -> HostId {
        self.directory.id(host)
    }

    /// The zone of a host of its farm.
    pub fn zone_of(&self, host: HostIndex) -> ZoneIndex {
        self.directory.zone(host)
    }

    /// The number of the farm that it takes for its own.
    pub const fn magic(&self) -> MagicNumber {
        self.magic
    }

    /// What it is to its zone.
    pub const fn standing(&self) -> Standing {
        self.zone.standing()
    }

    /// The data collector it knows.
    pub const fn master(&self) -> Option<HostIndex> {
        self.zone.master(self.me)
    }

    /// What it has done with its bindings.
    pub const fn binding_counts(&self) -> BindingCounts {
        self.bindings.counts()
    }

    /// How many of its bindings are active.
    pub fn active_bindings(&self) -> u32 {
        self.bindings.active_count()
    }

    /// The peers of its active bindings: those that it began with, by index, then the others, least recently used first.
    pub fn peers_by_use(&self) -> impl Iterator<Item = HostIndex> + '_ {
        self.bindings.peers_by_use(&self.directory, self.me)
    }

    /// Its elections.
    pub const fn election_counts(&self) -> ElectionCounts {
        self.zone.counts()
    }

    /// What an ELECT_MASTER on a binding that it began with, from a host ranked lower, would mean to it while it hears of
    /// nothing else but bindings. For drivers that need not bring it each one.
    pub fn stance(&self, now: Time) -> Stance {
        if self.bindings.sends_only_up() { self.zone.stance(&self.identity(), now) } else { Stance::Other }
    }

    /// How many more bindings may be open before one has to go.
    pub fn room(&self) -> u32 {
        self.bindings.room()
    }

    /// Whether an ELECT_MASTER_ACK of this round means anything to it.
    pub const fn awaits_answer(&self, round: u32) -> bool {
        self.zone.awaits_answer(round)
    }

    /// Its driver has sent answers for it on bindings that it began with.
    pub const fn add_hits(&mut self, hits: u64) {
        self.bindings.add_hits(hits);
    }

    fn identity(&self) -> Identity<'_> {
        let Host { me, magic, dice, directory, settings, profile, applications, cache, .. } = self;
        let (me, magic, dice, knows) = (*me, *magic, *dice, cache.changes());
        Identity { me, magic, directory, settings, dice, profile, applications, knows }
    }

    /// Its sessions, its load, and what it holds as a collector.
    pub const fn dynamic(&self) -> &Dynamic {
        &self.dynamic
    }

    /// Its starts, polls and change notices.
    pub const fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// What its product is known to have sent and read.
    pub const fn profile(&self) -> &'static Profile {
        self.profile
    }

    /// What it has read of the data store.
    pub const fn cache(&self) -> &LocalHostCache {
        &self.cache
    }

    /// Shows where in memory a binding is, for drivers that know what is about to arrive.
    #[inline]
    pub fn warm(&self, entry: EntryIndex, show: impl Fn(*const u8)) {
        self.bindings.warm(entry, show);
    }

    /// Shows where in memory that is which belongs to a binding that is [warm](Host::warm) already.
    #[inline]
    pub fn warm_more(&self, entry: EntryIndex, show: impl Fn(*const u8)) {
        self.bindings.warm_more(entry, show);
    }

    /// The two bindings that would have to go next, so that their memory can be called for.
    #[inline]
    pub fn next_victims(&self) -> [Option<EntryIndex>; 2] {
        self.bindings.next_victims()
    }

    /// Shows where in memory what a collector keeps of another host is, for drivers that know who has called.
    #[inline]
    pub fn warm_caller(&self, caller: HostIndex, show: impl Fn(*const u8)) {
        if self.zone.standing() == Standing::Master {
            let directory = &*self.directory;
            self.zone.warm(directory.position(caller), &show);
            self.dynamic.warm(directory, caller, &show);
        }
    }

    /// The bytes it holds besides itself.
    pub fn memory(&self) -> usize {
        self.bindings.memory() + self.zone.memory() + self.dynamic.memory() + self.configuration.memory()
    }

    /// Its settings.
    pub const fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }
}

/// The sooner of two deadlines.
#[inline]
fn sooner(one: Option<(Time, &'static str)>, other: Option<(Time, &'static str)>) -> Option<(Time, &'static str)> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if one.0 <= other.0 { one } else { other }),
        (Some(one), None) | (None, Some(one)) => Some(one),
        (None, None) => None,
    }
}

/// A host's rooms, for one turn.
struct Rooms<'a> {
    zone: &'a mut Zone,
    dynamic: &'a mut Dynamic,
    bindings: &'a mut Bindings,
    configuration: &'a mut Configuration,
    cache: &'a mut LocalHostCache,
}

impl Rooms<'_> {
    /// Tells the rooms what the bindings heard; whether there was anything.
    #[inline]
    fn hear(&mut self, turn: &mut Turn<'_>, entry: Option<EntryIndex>, heard: Heard) -> bool {
        match (heard, entry) {
            (Heard::Nothing, _) => return false,
            (Heard::Message(from, message), Some(entry)) => self.hear_message(turn, entry, from, message),
            (Heard::Message(..), None) => unreachable!("a message comes on a binding"),
            (Heard::Unreachable(host), _) => {
                self.zone.on_unreachable(turn, self.bindings, host);
                self.dynamic.on_unreachable(turn, self.bindings, host);
            }
            (Heard::Broken(host), _) => self.zone.on_broken(turn, self.bindings, host),
        }
        true
    }

    #[inline]
    fn hear_message(&mut self, turn: &mut Turn<'_>, on: EntryIndex, from: HostIndex, message: Message) {
        match message.kind().concern() {
            Concern::Binding => unreachable!("bind packets end in the bindings"),
            Concern::Zone => {
                if let Message::Heartbeat { seq } = message {
                    self.zone.on_message(turn, self.bindings, on, from, message);
                    self.dynamic.on_heartbeat(turn, self.bindings, on, from, seq);
                } else if matches!(message, Message::MasterIs { .. }) && !turn.who.is_in_zone(from) {
                    self.dynamic.on_message(turn, self.bindings, on, from, message);
                } else {
                    self.zone.on_message(turn, self.bindings, on, from, message);
                }
            }
            Concern::Dynamic if self.zone.standing() == Standing::Down => {}
            Concern::Dynamic => {
                self.zone.on_other_message(turn, from);
                self.dynamic.on_message(turn, self.bindings, on, from, message);
            }
            Concern::Configuration if self.zone.standing() == Standing::Down => {}
            Concern::Configuration => {
                self.zone.on_other_message(turn, from);
                let peers: Vec<HostIndex> = self.dynamic.peers().collect();
                let near = Neighbours { allegiance: self.zone.allegiance(), peers: &peers };
                Configuration::on_message(turn, self.bindings, self.cache, near, (on, from), &message);
            }
        }
    }

    /// The data store has answered; the service may start at this.
    fn on_answer(&mut self, turn: &mut Turn<'_>, ticket: Ticket, answer: Answer) {
        let peers: Vec<HostIndex> = self.dynamic.peers().collect();
        let near = Neighbours { allegiance: self.zone.allegiance(), peers: &peers };
        let starts = self.configuration.on_answer(turn, self.bindings, self.cache, near, (ticket, answer));
        turn.who.knows = self.cache.changes();
        if starts {
            self.zone.start(turn, self.bindings);
        }
    }

    /// What follows for dynamic data from what the zone has come to.
    #[inline]
    fn follow(&mut self, turn: &mut Turn<'_>) {
        while let Some(host) = self.zone.take_lost() {
            self.dynamic.on_member_lost(turn, self.bindings, host);
        }
        self.dynamic.follow(turn, self.bindings, self.zone.allegiance());
        self.zone.set_reported(self.dynamic.reported());
    }
}
