//! One host: one door in, a few verbs out.
//!
//! ```text
//! host.handle(input, now, &mut outbox)      everything that can happen to a host
//! host.next_deadline()                      when it next wants to be asked, and why
//! ```
//!
//! Whoever drives it carries out the verbs, in order, and reports what comes of them. The emulator and the live farm
//! drive the very same host.

use std::sync::Arc;

use crate::bindings::{BindingCounts, Bindings, Heard};
use crate::dice::Dice;
use crate::host_record::{HostId, HostIndex};
use crate::host_resolver::{Directory, EntryIndex};
use crate::input::Input;
use crate::message::MagicNumber;
use crate::outbox::{Outbox, Verb};
use crate::settings::Settings;
use crate::time::Time;
use crate::turn::{Identity, Turn};
use crate::zone::{ElectionCounts, Standing, Zone};

/// A host of a farm: what it knows, what it is to its zone, and its bindings.
#[derive(Debug)]
pub struct Host {
    me: HostIndex,
    magic: MagicNumber,
    dice: Dice,
    directory: Arc<Directory>,
    settings: Arc<Settings>,
    bindings: Bindings,
    zone: Zone,
}

impl Host {
    /// A host that has not been started yet.
    pub fn new(
        me: HostIndex,
        magic: MagicNumber,
        dice: Dice,
        directory: Arc<Directory>,
        settings: Arc<Settings>,
    ) -> Host {
        let bindings = Bindings::new(&settings);
        Host { me, magic, dice, directory, settings, bindings, zone: Zone::default() }
    }

    /// The same host before its first start, with these settings.
    pub fn anew(&self, settings: Arc<Settings>) -> Host {
        Host::new(self.me, self.magic, self.dice, Arc::clone(&self.directory), settings)
    }

    /// Handles one input; what the host wants done is added to the outbox.
    #[inline]
    pub fn handle(&mut self, input: Input, now: Time, out: &mut Outbox) {
        let Host { me, magic, dice, directory, settings, bindings, zone } = self;
        let who = Identity { me: *me, magic: *magic, directory, settings, dice: *dice };
        let turn = &mut Turn { who, now, out };
        match input {
            Input::Start => zone.start(turn, bindings),
            Input::Stop => zone.stop(turn, bindings),
            Input::Elect => zone.force_election(turn, bindings),
            Input::Deadline => {
                loop {
                    let heard = bindings.give_up(turn);
                    if !hear(zone, bindings, turn, None, heard) {
                        break;
                    }
                }
                zone.on_deadline(turn, bindings);
            }
            Input::Incoming(call) if zone.standing() == Standing::Down => turn.out.push(Verb::Refuse(call)),
            Input::Incoming(call) => bindings.called(turn, call),
            Input::Connected(entry) => {
                let heard = bindings.connected(turn, entry);
                hear(zone, bindings, turn, Some(entry), heard);
            }
            Input::Received(entry, message) => {
                let heard = bindings.received(turn, entry, message);
                hear(zone, bindings, turn, Some(entry), heard);
            }
            Input::Closed(entry, ending) => {
                let heard = bindings.closed(turn, entry, ending);
                hear(zone, bindings, turn, None, heard);
            }
        }
        bindings.settle(turn);
    }

    /// When the host next wants an [`Input::Deadline`], and why.
    #[inline]
    pub fn next_deadline(&self) -> Option<(Time, &'static str)> {
        let binding = self.bindings.next_deadline().map(|when| (when, "a binding is in progress"));
        match (binding, self.zone.next_deadline()) {
            (Some(binding), Some(zone)) => Some(if binding.0 <= zone.0 { binding } else { zone }),
            (Some(one), None) | (None, Some(one)) => Some(one),
            (None, None) => None,
        }
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
    pub const fn active_bindings(&self) -> u32 {
        self.bindings.active_count()
    }

    /// The peers of its active bindings, least recently used first.
    pub fn peers_by_use(&self) -> impl Iterator<Item = HostIndex> + '_ {
        self.bindings.peers_by_use()
    }

    /// Its elections.
    pub const fn election_counts(&self) -> ElectionCounts {
        self.zone.counts()
    }

    /// Shows where in memory a binding is, for drivers that know what is about to arrive.
    #[inline]
    pub fn warm(&self, entry: EntryIndex, show: impl Fn(*const u8)) {
        self.bindings.warm(entry, show);
    }

    /// The bytes it holds besides itself.
    pub fn memory(&self) -> usize {
        self.bindings.memory() + self.zone.memory()
    }

    /// Its settings.
    pub const fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }
}

/// Tells the zone what the bindings heard; whether there was anything.
#[inline]
fn hear(
    zone: &mut Zone,
    bindings: &mut Bindings,
    turn: &mut Turn<'_>,
    entry: Option<EntryIndex>,
    heard: Heard,
) -> bool {
    match (heard, entry) {
        (Heard::Nothing, _) => return false,
        (Heard::Message(from, message), Some(entry)) => zone.on_message(turn, bindings, entry, from, message),
        (Heard::Message(..), None) => unreachable!("a message comes on a binding"),
        (Heard::Unreachable(host), _) => zone.on_unreachable(turn, bindings, host),
        (Heard::Broken(host), _) => zone.on_broken(turn, bindings, host),
    }
    true
}
