//! One turn of a host: what it may look at, and where it writes what it wants, while it handles one input.

use crate::applications::{Catalogue, Changes};
use crate::dice::{Dice, Purpose};
use crate::host_record::{HostIndex, Rank};
use crate::host_resolver::Directory;
use crate::message::MagicNumber;
use crate::outbox::Outbox;
use crate::profile::Profile;
use crate::settings::Settings;
use crate::time::{Span, Time};

/// What a host is born with: who it is, and what it shares with others.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// This host.
    pub me: HostIndex,
    /// Its farm's number.
    pub magic: MagicNumber,
    /// Every host of the farm.
    pub directory: &'a Directory,
    /// This host's settings.
    pub settings: &'a Settings,
    /// The farm's dice.
    pub dice: Dice,
    /// What its product is known to have sent and read.
    pub profile: &'static Profile,
    /// Every application of the farm, whoever knows of it.
    pub applications: &'a Catalogue,
    /// The changes of the farm's configuration that this host knows of.
    pub knows: Changes,
}

impl Identity<'_> {
    /// Whether another host is of this host's zone.
    #[inline]
    pub fn is_in_zone(&self, other: HostIndex) -> bool {
        self.directory.are_neighbours(self.me, other)
    }

    /// Whether a server publishes an application, as far as this host knows.
    pub fn publishes(&self, server: HostIndex, app: u32) -> bool {
        self.applications.servers(app, self.knows).is_some_and(|servers| servers.has(server))
    }
}

/// One turn: an identity, the time, and where the acts go.
#[derive(Debug)]
pub struct Turn<'a, S = Outbox> {
    /// Who acts.
    pub who: Identity<'a>,
    /// Now.
    pub now: Time,
    /// Where the acts go.
    pub out: &'a mut S,
}

impl<S> Turn<'_, S> {
    /// This host's rank.
    #[inline]
    pub fn rank(&self) -> Rank {
        self.who.directory.rank(self.who.me)
    }

    /// A span drawn from `0..bound`, for this host, now.
    pub fn draw(&self, bound: Span, purpose: Purpose) -> Span {
        Span(self.who.dice.below(bound.0, purpose, self.who.me.0, 0, self.now.0))
    }
}
