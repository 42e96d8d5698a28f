//! Published applications: the farm's catalogue, and which of the farm's changes a host has heard of.
//!
//! All hosts share one catalogue, which keeps every edition of an application. What a host knows of it follows from the
//! changes that have reached its local host cache: it sees the last edition among those.

use std::sync::Arc;

use thiserror::Error;

use crate::host_record::HostIndex;

/// Which servers of the farm publish an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Servers {
    /// Every server.
    All,
    /// These, in rising order.
    Only(Box<[HostIndex]>),
}

impl Servers {
    /// These servers, in whatever order they are given.
    pub fn only(mut servers: Vec<HostIndex>) -> Servers {
        servers.sort_unstable();
        servers.dedup();
        Servers::Only(servers.into())
    }

    /// Whether this server is one of them.
    #[inline]
    pub fn has(&self, server: HostIndex) -> bool {
        match self {
            Servers::All => true,
            Servers::Only(servers) => servers.binary_search(&server).is_ok(),
        }
    }
}

/// Numbers of changes: all up to one, and a few beyond those that are missing.
///
/// Our guess: a host keeps in mind at most 63 changes beyond one that it missed. It reads them all at its next poll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    up_to: u32,
    /// Bit `i` stands for the change `up_to + 1 + i`. The lowest is never set.
    later: u64,
}

impl Changes {
    /// The number up to which none is missing.
    #[inline]
    pub const fn up_to(self) -> u32 {
        self.up_to
    }

    /// Whether a change is among them. What a farm began with, number 0, always is.
    #[inline]
    pub const fn has(self, change: u32) -> bool {
        if change <= self.up_to {
            return true;
        }
        let beyond = change - self.up_to - 1;
        beyond < u64::BITS && self.later >> beyond & 1 == 1
    }

    /// Adds a change; whether it can be kept in mind and was not among them.
    pub const fn add(&mut self, change: u32) -> bool {
        if self.has(change) || change - self.up_to > u64::BITS {
            return false;
        }
        self.later |= 1 << (change - self.up_to - 1);
        self.close_gap();
        true
    }

    /// Adds every change up to this one.
    pub const fn catch_up(&mut self, latest: u32) {
        if latest > self.up_to {
            self.skip(latest - self.up_to);
            self.close_gap();
        }
    }

    /// The changes up to `latest` that are missing.
    pub fn missing(self, latest: u32) -> impl Iterator<Item = u32> {
        (self.up_to..latest).map(|before| before + 1).filter(move |&change| !self.has(change))
    }

    const fn close_gap(&mut self) {
        self.skip(self.later.trailing_ones());
    }

    const fn skip(&mut self, changes: u32) {
        self.up_to += changes;
        self.later = if changes < u64::BITS { self.later >> changes } else { 0 };
    }
}

/// The servers of an application from one change on.
#[derive(Clone, Debug)]
struct Edition {
    change: u32,
    servers: Servers,
}

#[derive(Clone, Debug)]
struct Application {
    name: Arc<str>,
    /// In the order of their changes; there is one at least.
    editions: Vec<Edition>,
}

/// Every application of a farm. Messages name one by its number: its place.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    applications: Vec<Application>,
}

/// Two applications of one name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("applications: {name:?} stands there twice")]
pub struct ApplicationTwice {
    /// The name.
    pub name: Arc<str>,
}

impl Catalogue {
    /// The applications that a farm begins with.
    ///
    /// Errors: [`ApplicationTwice`].
    pub fn new(applications: impl IntoIterator<Item = (Arc<str>, Servers)>) -> Result<Catalogue, ApplicationTwice> {
        let mut catalogue = Catalogue::default();
        for (name, servers) in applications {
            if catalogue.by_name(&name).is_some() {
                return Err(ApplicationTwice { name });
            }
            catalogue.publish(&name, servers, 0);
        }
        Ok(catalogue)
    }

    /// How many there are, whoever knows of them.
    pub const fn len(&self) -> u32 {
        self.applications.len() as u32
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.applications.is_empty()
    }

    /// An application's name; `None` for a number that none has.
    pub fn name(&self, app: u32) -> Option<&Arc<str>> {
        self.applications.get(app as usize).map(|application| &application.name)
    }

    /// The number of the application of this name.
    pub fn by_name(&self, name: &str) -> Option<u32> {
        self.applications.iter().position(|application| &*application.name == name).map(|place| place as u32)
    }

    /// Publishes an application on these servers from this change on, whether it was published before or not; its number.
    /// Changes may come in any order, and again.
    pub fn publish(&mut self, name: &str, servers: Servers, change: u32) -> u32 {
        let edition = Edition { change, servers };
        match self.by_name(name) {
            Some(app) => {
                let editions = &mut self.applications[app as usize].editions;
                match editions.binary_search_by_key(&change, |edition| edition.change) {
                    Ok(place) => editions[place] = edition,
                    Err(place) => editions.insert(place, edition),
                }
                app
            }
            None => {
                self.applications.push(Application { name: name.into(), editions: vec![edition] });
                self.len() - 1
            }
        }
    }

    /// Whether a change published an application.
    pub fn is_publication(&self, change: u32) -> bool {
        change > 0 && self.editions().any(|edition| edition.change == change)
    }

    /// The servers of an application as whoever has these changes knows them; `None` if it has not heard of it.
    pub fn servers(&self, app: u32, known: Changes) -> Option<&Servers> {
        let editions = &self.applications.get(app as usize)?.editions;
        editions.iter().rev().find(|edition| known.has(edition.change)).map(|edition| &edition.servers)
    }

    /// How many applications a server publishes, as whoever has these changes knows.
    pub fn count_on(&self, server: HostIndex, known: Changes) -> u32 {
        let published = (0..self.len()).filter(|&app| self.servers(app, known).is_some_and(|on| on.has(server)));
        published.count() as u32
    }

    fn editions(&self) -> impl Iterator<Item = &Edition> {
        self.applications.iter().flat_map(|application| &application.editions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn changes(numbers: &[u32]) -> Changes {
        let mut changes = Changes::default();
        for &number in numbers {
            changes.add(number);
        }
        changes
    }

    #[test]
    fn a_gap_is_kept_open_until_it_is_filled() {
        let mut known = changes(&[1, 2, 4, 5, 7]);
        assert_eq!((known.up_to(), known.has(4), known.has(3)), (2, true, false));
        assert_eq!(known.missing(8).collect::<Vec<_>>(), [3, 6, 8]);
        assert!(known.add(3));
        assert_eq!(known.up_to(), 5);
        known.catch_up(6);
        assert_eq!(known.up_to(), 7);
        assert!(!known.add(7) && !known.add(7 + 65) && known.add(7 + 64));
    }

    proptest! {
        /// Against the obvious set.
        #[test]
        fn changes_are_a_set(acts in proptest::collection::vec((any::<bool>(), 0..200u32), 0..40)) {
            let mut known = Changes::default();
            let mut set = std::collections::BTreeSet::from([0]);
            for (adds, number) in acts {
                if adds {
                    let new = known.add(number);
                    prop_assert!(!(new && set.contains(&number)));
                    if new {
                        set.insert(number);
                    }
                } else {
                    known.catch_up(number);
                    set.extend(0..=number);
                }
                prop_assert!((0..300).all(|n| known.has(n) == set.contains(&n)));
                prop_assert!(!known.has(known.up_to() + 1));
            }
        }
    }

    #[test]
    fn a_host_sees_the_last_edition_that_it_knows_of() {
        let only = |hosts: &[u32]| Servers::only(hosts.iter().copied().map(HostIndex).collect());
        let mut catalogue = Catalogue::new([("Word".into(), Servers::All)]).expect("one");
        assert_eq!(catalogue.publish("Excel", only(&[5, 3, 5]), 1), 1);
        assert_eq!(catalogue.publish("Word", only(&[4]), 2), 0);
        let seen = |known: &[u32]| {
            let known = changes(known);
            [3, 4].map(|host| catalogue.count_on(HostIndex(host), known))
        };
        assert_eq!(seen(&[]), [1, 1], "Word everywhere");
        assert_eq!(seen(&[1]), [2, 1]);
        assert_eq!(seen(&[2]), [0, 1], "the second change without the first");
        assert_eq!(seen(&[1, 2]), [1, 1]);
        assert!(catalogue.servers(1, Changes::default()).is_none());
        assert!(catalogue.is_publication(2) && !catalogue.is_publication(0) && !catalogue.is_publication(3));
    }

    #[test]
    fn the_order_in_which_changes_are_learnt_makes_no_difference() {
        let only = |host| Servers::only(vec![HostIndex(host)]);
        let mut catalogue = Catalogue::new([("Word".into(), Servers::All)]).expect("one");
        for (host, change) in [(7, 7), (5, 5), (6, 7)] {
            catalogue.publish("Word", only(host), change);
        }
        assert_eq!(catalogue.servers(0, changes(&[5])), Some(&only(5)));
        assert_eq!(catalogue.servers(0, changes(&[5, 7])), Some(&only(6)), "of one change, what was said last");
    }

    #[test]
    fn a_name_stands_there_once() {
        let twice = Catalogue::new([("Word".into(), Servers::All), ("Word".into(), Servers::All)]);
        assert_eq!(twice.expect_err("twice").to_string(), r#"applications: "Word" stands there twice"#);
    }
}
