//! What can be asked of any farm. No answer changes anything.
//!
//! A world says how its hosts are and what it has counted; everything else follows from that, and so is the same in
//! every world.

use std::sync::Arc;

use imafarm_proto::applications::Catalogue;
use imafarm_proto::dynamic::Dynamic;
use imafarm_proto::host::Host;
use imafarm_proto::host_record::HostIndex;
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::message::{Kind, MagicNumber};
use imafarm_proto::settings::Settings;
use imafarm_proto::time::Time;
use imafarm_proto::zone::Standing;

use crate::checkers;
use crate::chronicle::Chronicle;
use crate::digest::Digest;
use crate::ledger::{Count, Ledger};
use crate::totals::{Order, Power, Totals, Visits};

/// A farm, to look at. Hosts and zones go by their index in the directory.
pub trait Observed {
    /// Who is in the farm.
    fn directory(&self) -> &Arc<Directory>;

    /// Farm time.
    fn now(&self) -> Time;

    /// A host, and whether it runs.
    fn host(&self, host: u32) -> (&Host, Power);

    /// What one host has done, in all its lives.
    fn host_totals(&self, host: u32) -> Totals;

    /// What happened.
    fn chronicle(&self) -> &Chronicle;

    /// What became of all messages.
    fn ledger(&self) -> Ledger;

    /// What became of those messages of which it is known here: all of them, unless the world says otherwise.
    fn accounts(&self) -> Ledger {
        self.ledger()
    }

    /// The messages under way now, of those, by [`Kind::index`]: counted one by one, not calculated.
    fn in_flight(&self) -> [Count; Kind::COUNT];

    /// How many events were handled so far.
    fn event_count(&self) -> u64;

    /// The farm's history so far.
    fn digest(&self) -> Digest;

    /// What became of the users of a zone, or of all. A world without users has none.
    fn visits(&self, _zone: Option<u32>) -> Visits {
        Visits::default()
    }

    /// What does not hold of the world's own accounts, besides messages and bindings.
    fn check_own(&self) -> Option<String> {
        None
    }

    /// Every application that was published so far.
    fn applications(&self) -> &Arc<Catalogue>;

    /// The settings that a host has, or will have from its next start on.
    fn settings(&self, host: u32) -> &Arc<Settings>;

    /// The magic number that a host has, or will have from its next start on.
    fn magic(&self, host: u32) -> MagicNumber;

    /// The number of the last change that is in the data store.
    fn latest_change(&self) -> u32;

    /// What became of a wish for a change; `None` if there is none of this number.
    fn order_state(&self, order: u32) -> Option<Order>;

    // ---- what follows -------------------------------------------------------------------------------------------

    /// How many hosts the farm has.
    fn host_count(&self) -> u32 {
        self.directory().len() as u32
    }

    /// A host's sessions and load, and what it holds as a collector.
    fn dynamic_of(&self, host: u32) -> &Dynamic {
        self.host(host).0.dynamic()
    }

    /// What a host is to its zone, unless it does not run.
    fn standing(&self, host: u32) -> Standing {
        match self.host(host) {
            (inner, Power::Up | Power::Paused) => inner.standing(),
            (_, Power::Off | Power::Crashed) => Standing::Down,
        }
    }

    /// Whether a host runs and is not frozen: its service has started.
    fn runs(&self, host: u32) -> bool {
        self.host(host).1 == Power::Up && self.standing(host) != Standing::Down
    }

    /// Whether a host's service is about to start.
    fn is_starting(&self, host: u32) -> bool {
        let (host, power) = self.host(host);
        matches!(power, Power::Up | Power::Paused) && host.configuration().is_starting()
    }

    /// A host whose service is about to start, if there is one; from `first` on, and round.
    fn next_starting(&self, first: u32) -> Option<u32> {
        let hosts = self.host_count();
        (first..hosts).chain(0..first.min(hosts)).find(|&host| self.is_starting(host))
    }

    /// The number of the change up to which a host's local host cache has all.
    fn change_of(&self, host: u32) -> u32 {
        self.host(host).0.cache().changes().up_to()
    }

    /// Whether a host's local host cache has a change.
    fn knows_change(&self, host: u32, change: u32) -> bool {
        self.host(host).0.cache().changes().has(change)
    }

    /// The hosts of a zone, or all, in order.
    fn hosts_of(&self, zone: Option<u32>) -> Vec<u32> {
        let directory = self.directory();
        let of_zone = |host: &HostIndex| zone.is_none_or(|zone| directory.zone(*host).0 == zone);
        directory.hosts().filter(of_zone).map(|host| host.0).collect()
    }

    /// What all hosts of a zone, or of the farm, have done.
    fn totals(&self, zone: Option<u32>) -> Totals {
        let mut totals = Totals::ZERO;
        self.hosts_of(zone).into_iter().for_each(|host| totals.merge(&self.host_totals(host)));
        totals
    }

    /// How many sessions a zone's servers have, or all.
    fn session_count(&self, zone: Option<u32>) -> u64 {
        self.hosts_of(zone).into_iter().map(|host| self.dynamic_of(host).sessions().all().len() as u64).sum()
    }

    /// How many questions wait at a zone's collectors, or at all, for other zones' collectors.
    fn open_searches(&self, zone: Option<u32>) -> u64 {
        self.hosts_of(zone).into_iter().map(|host| self.dynamic_of(host).open_searches() as u64).sum()
    }

    // ---- what must hold ----------------------------------------------------------------------------------------

    /// Checks that `sent = delivered + dropped + in flight`, by kind, in messages and in bytes, that every binding is
    /// accounted for, and the world's own accounts; what does not hold.
    fn check_conservation(&self) -> Vec<String> {
        checkers::conservation(self)
    }

    /// Checks that what collectors hold is what is: each running host is up with its own sessions and load in the store
    /// of its zone's collector and, but for the load unless it is shared, of every other zone's; no other host is up.
    /// What does not hold. While reports are under way it need not; once all is quiet it must.
    fn check_stores(&self) -> Vec<String> {
        checkers::stores(self)
    }

    /// Checks that every running host's local host cache has all that the data store has; what does not hold. While a
    /// change is under way, and until the next poll of a host that has missed its notice, it need not.
    fn check_caches(&self) -> Vec<String> {
        checkers::caches(self)
    }
}
