//! The threads that work on a farm's shards while time goes on.
//!
//! They are there for one [`Farm::advance`](crate::farm::Farm::advance) at most, and are handed a shard, to be given back,
//! for each window: so nothing is shared, and what they do is decided by whoever hands out.

use core::hint::spin_loop;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::scope;

use crate::shard::{Shard, Task};

/// How often a thread looks for what it waits for before it goes to sleep: some ten microseconds, which is what it takes
/// to wake it. Our guess.
const LOOKS: u32 = 1_000;

/// Threads that wait for shards to work on.
pub(crate) struct Crew {
    desks: Vec<Desk>,
}

/// Where one thread is handed a shard, and gives it back.
struct Desk {
    todo: SyncSender<(Box<Shard>, Task)>,
    done: Receiver<Box<Shard>>,
}

impl Crew {
    /// Employs so many threads while `lead` lasts.
    pub(crate) fn employ<R>(threads: usize, lead: impl FnOnce(&Crew) -> R) -> R {
        scope(|scope| {
            let desks = (0..threads).map(|_| {
                let (todo, tasks) = sync_channel(1);
                let (results, done) = sync_channel(1);
                scope.spawn(move || serve(&tasks, &results));
                Desk { todo, done }
            });
            // The threads go home when they find their desks gone.
            let crew = Crew { desks: desks.collect() };
            lead(&crew)
        })
    }

    /// Lets every shard work at this, the first by this thread and each of the others by one of the crew.
    pub(crate) fn work(&self, shards: &mut Vec<Box<Shard>>, task: Task) {
        for (shard, desk) in shards.drain(1..).zip(&self.desks) {
            assert!(desk.todo.send((shard, task)).is_ok(), "{FAILED}");
        }
        shards[0].work(task);
        for desk in &self.desks {
            shards.push(receive(&desk.done).expect(FAILED));
        }
    }
}

const FAILED: &str = "a thread that worked on the farm has failed";

/// Works on one shard after the other.
fn serve(tasks: &Receiver<(Box<Shard>, Task)>, results: &SyncSender<Box<Shard>>) {
    while let Some((mut shard, task)) = receive(tasks) {
        shard.work(task);
        if results.send(shard).is_err() {
            return;
        }
    }
}

/// Waits for something; `None` when nobody is there to send it.
fn receive<T>(from: &Receiver<T>) -> Option<T> {
    for _ in 0..LOOKS {
        match from.try_recv() {
            Ok(value) => return Some(value),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => spin_loop(),
        }
    }
    from.recv().ok()
}
