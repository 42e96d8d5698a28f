//! The local host cache: what a host has read of the data store, on its own disk. It outlasts stops and crashes.
//!
//! With it a server works while the data store is down, and may start then. What is in it is the farm's configuration,
//! which is the same for all; so all that is kept of it here is how much of it a host has.

use crate::applications::Changes;
use crate::time::{Span, Time};

/// How far a host's copy of the data store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LocalHostCache {
    /// When it was last read from the data store; never yet.
    in_step: Option<Time>,
    /// How old it was then already: time that passed before the farm was opened in this process.
    age: Span,
    changes: Changes,
}

impl LocalHostCache {
    /// The changes that it has.
    #[inline]
    pub const fn changes(&self) -> Changes {
        self.changes
    }

    /// When it was last in step with the data store; `None` if it is empty.
    pub const fn in_step(&self) -> Option<Time> {
        self.in_step
    }

    /// The data store was read: every change up to the latest is in. Whether there was anything to bring in.
    pub fn read(&mut self, now: Time, latest: u32) -> bool {
        self.fill(now, latest, Span::ZERO)
    }

    /// The host's disk holds what the data store was so long ago, every change up to the latest of then. Whether there
    /// was anything to bring in.
    pub fn fill(&mut self, now: Time, latest: u32, age: Span) -> bool {
        let before = self.changes;
        self.changes.catch_up(latest);
        self.in_step = Some(now);
        self.age = age;
        self.changes != before
    }

    /// A change came in a notice. Whether it is in for the first time.
    pub const fn hear(&mut self, change: u32) -> bool {
        self.changes.add(change)
    }

    /// Whether a service may start from it: it is not empty, and has been without the data store for no longer than
    /// the product lets it.
    pub fn may_start(&self, now: Time, grace: Option<Span>) -> bool {
        self.in_step.is_some_and(|since| grace.is_none_or(|grace| self.age + now.since(since) <= grace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_cache_starts_nothing() {
        let mut cache = LocalHostCache::default();
        assert!(!cache.may_start(Time::ZERO, None));
        assert!(!cache.read(Time(5), 0), "it is filled, with nothing but what the farm began with");
        assert!(cache.may_start(Time::NEVER, None));
        let grace = Some(Span(10));
        assert!(cache.may_start(Time(15), grace) && !cache.may_start(Time(16), grace));
    }

    #[test]
    fn what_was_old_when_the_farm_was_opened_is_older_now() {
        let mut cache = LocalHostCache::default();
        let grace = Some(Span(10));
        assert!(cache.fill(Time(5), 3, Span(8)), "all up to the third change is in");
        assert!(cache.may_start(Time(7), grace) && !cache.may_start(Time(8), grace));
        assert!(cache.may_start(Time(8), None));
        cache.read(Time(8), 3);
        assert!(cache.may_start(Time(18), grace));
    }

    #[test]
    fn a_poll_brings_what_notices_did_not() {
        let mut cache = LocalHostCache::default();
        assert!(cache.hear(2) && !cache.hear(2));
        assert_eq!(cache.changes().up_to(), 0);
        assert!(cache.read(Time(5), 3));
        assert_eq!((cache.changes().up_to(), cache.in_step()), (3, Some(Time(5))));
        assert!(!cache.read(Time(9), 3));
    }
}
