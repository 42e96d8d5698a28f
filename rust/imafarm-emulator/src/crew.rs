//! The threads that work on a farm's shards while time goes on.
//!
//! They are there for one [`Farm::advance`](crate::farm::Farm::advance) at most. For each window all shards are laid out, and
//! whoever is free takes the next one, works on it and lays it back: so a thread that the machine does not let run is not
//! waited for, unless it is in the middle of a shard. Nothing that happens in the farm depends on who takes which.

use core::hint::spin_loop;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use core::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{Thread, current, panicking, park, scope};

use crate::shard::{Shard, Task};

/// How often a thread looks for what it waits for before it goes to sleep: some ten microseconds, which is what it takes
/// to wake it. Our guess.
const LOOKS: u32 = 1_000;

/// Threads, and the table on which shards are laid out for them.
pub(crate) struct Crew<'a> {
    table: &'a Table,
    threads: Vec<Thread>,
}

/// A place for a shard, and what it is to do.
type Place = Mutex<Option<(Box<Shard>, Task)>>;

/// Shards to work on, and those that have been.
struct Table {
    places: Vec<Place>,
    /// How often shards have been laid out.
    round: AtomicUsize,
    /// The next shard to take; beyond all places if there is none.
    next: AtomicUsize,
    /// How many have not been laid back.
    left: AtomicUsize,
    /// Who lays them out.
    lead: Thread,
    closed: AtomicBool,
    failed: AtomicBool,
}

impl Crew<'_> {
    /// Employs so many threads, for so many shards, while `lead` lasts.
    pub(crate) fn employ<R>(threads: usize, shards: usize, lead: impl FnOnce(&Crew<'_>) -> R) -> R {
        let table = Table {
            places: (0..shards).map(|_| Mutex::default()).collect(),
            round: AtomicUsize::new(0),
            next: AtomicUsize::new(shards),
            left: AtomicUsize::new(0),
            lead: current(),
            closed: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        };
        scope(|scope| {
            let threads = (0..threads).map(|_| scope.spawn(|| table.serve()).thread().clone());
            lead(&Crew { table: &table, threads: threads.collect() })
        })
    }

    /// Lets every shard work at this.
    #[expect(clippy::vec_box, reason = "shards go from hand to hand, and are large")]
    pub(crate) fn work(&self, shards: &mut Vec<Box<Shard>>, task: Task) {
        let table = self.table;
        for (place, shard) in table.places.iter().zip(shards.drain(..)) {
            *lock(place) = Some((shard, task));
        }
        table.left.store(table.places.len(), Relaxed);
        table.next.store(0, Release);
        table.round.fetch_add(1, SeqCst);
        self.threads.iter().for_each(Thread::unpark);
        table.take_turns();
        wait_until(|| table.left.load(Acquire) == 0 || table.failed.load(Acquire));
        assert!(!table.failed.load(Acquire), "a thread that worked on the farm has failed");
        shards.extend(table.places.iter().filter_map(|place| lock(place).take()).map(|(shard, _)| shard));
    }
}

impl Drop for Crew<'_> {
    fn drop(&mut self) {
        self.table.closed.store(true, SeqCst);
        self.threads.iter().for_each(Thread::unpark);
    }
}

impl Table {
    /// What each thread does until the table is closed.
    fn serve(&self) {
        let _failure = Failure(self);
        let mut seen = 0;
        loop {
            wait_until(|| self.round.load(SeqCst) != seen || self.closed.load(SeqCst));
            if self.closed.load(SeqCst) {
                return;
            }
            seen = self.round.load(SeqCst);
            self.take_turns();
        }
    }

    /// Works on one shard after the other, as long as there is one. One that is taken late may be of a later round: what is
    /// to be done lies with it.
    fn take_turns(&self) {
        while let Some(place) = self.places.get(self.next.fetch_add(1, Acquire)) {
            let mut place = lock(place);
            if let Some((shard, task)) = &mut *place {
                shard.work(*task);
            }
            drop(place);
            if self.left.fetch_sub(1, Release) == 1 {
                self.lead.unpark();
            }
        }
    }
}

/// Tells the lead when a thread has failed: its shard will never be laid back.
struct Failure<'a>(&'a Table);

impl Drop for Failure<'_> {
    fn drop(&mut self) {
        if panicking() {
            self.0.failed.store(true, Release);
            self.0.lead.unpark();
        }
    }
}

fn lock<T>(place: &Mutex<T>) -> MutexGuard<'_, T> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for something after which this thread is unparked.
fn wait_until(is_so: impl Fn() -> bool) {
    for _ in 0..LOOKS {
        if is_so() {
            return;
        }
        spin_loop();
    }
    while !is_so() {
        park();
    }
}
