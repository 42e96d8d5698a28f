//! The emulator's event queue beside a heap, under the load of a storm: nanoseconds for an event to be put in and taken
//! out again, with so many on their way.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use imafarm_benches::queues::{Handled, Queue, Timed, filled};
use imafarm_emulator::schedule::Schedule;

const ON_THEIR_WAY: [u32; 3] = [10_000, 100_000, 1_000_000];

/// How long so many events take. The schedule is asked for whole windows, so it is the time of some more, in proportion.
fn time_of(events: u64, queue: &mut impl Queue) -> Duration {
    let mut handled = Handled::default();
    let clock = Instant::now();
    while handled.events < events && queue.step(&mut handled) {}
    clock.elapsed().mul_f64(events as f64 / handled.events as f64)
}

fn measure<Q: Queue>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, messages: u32) {
    let mut queue = filled::<Q>(messages);
    group.bench_function(BenchmarkId::new(name, messages), |b| b.iter_custom(|events| time_of(events, &mut queue)));
}

fn queues(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("queue");
    for messages in ON_THEIR_WAY {
        measure::<Schedule>(&mut group, "schedule", messages);
        measure::<BinaryHeap<Reverse<Timed>>>(&mut group, "heap", messages);
    }
    group.finish();
}

criterion_group!(benches, queues);
criterion_main!(benches);
