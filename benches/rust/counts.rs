//! Instructions, counted by valgrind: the same each time, on a machine however busy. `make counts` holds them against
//! `benches/counts.toml`.
//!
//! What a case is given is made before the count begins, and what it gives back is dropped after it has ended.
#![allow(missing_docs, reason = "the macros write public items of their own")]

use std::hint::black_box;

use gungraun::prelude::*;
use gungraun::{Callgrind, main};
use imafarm_benches::farms::{boot, booted, fail_over, hour, zone};
use imafarm_benches::inputs::{LookUps, look_ups, peers, ranks, stream, talk};
use imafarm_emulator::farm::Farm;
use imafarm_proto::host_record::{Rank, highest_first};
use imafarm_proto::host_resolver::ConnectionCache;
use imafarm_proto::message::Message;
use imafarm_proto::transport::Framer;

#[library_benchmark]
#[bench::evicting(args = (200, 64), setup = booted)]
#[bench::roomy(args = (200, 256), setup = booted)]
fn failover(mut farm: Farm) -> Farm {
    fail_over(&mut farm);
    farm
}

#[library_benchmark]
#[bench::hosts_500(args = (500, 512), setup = zone)]
fn start(mut farm: Farm) -> Farm {
    boot(&mut farm);
    farm
}

#[library_benchmark]
#[bench::members_500(args = (501, 512), setup = booted)]
fn steady_hour(mut farm: Farm) -> Farm {
    hour(&mut farm);
    farm
}

#[library_benchmark]
#[bench::messages_10000(args = (10_000), setup = talk)]
fn encode(talk: Vec<Message>) -> (Vec<Message>, Vec<u8>) {
    let mut bytes = Vec::new();
    black_box(&talk).iter().for_each(|message| message.encode(&mut bytes));
    (talk, bytes)
}

#[library_benchmark]
#[bench::messages_10000(args = (10_000), setup = stream)]
fn decode(stream: Vec<u8>) -> Vec<u8> {
    let (mut framer, mut rest, mut messages) = (Framer::default(), &stream[..], 0);
    while let Ok(Some(message)) = framer.pull(&mut rest) {
        black_box(message);
        messages += 1;
    }
    assert_eq!(messages, 10_000);
    stream
}

#[library_benchmark]
#[bench::hosts_10000(args = (10_000), setup = look_ups)]
fn look_up_by_name(wanted: LookUps) -> LookUps {
    let found = wanted.names.iter().filter_map(|name| wanted.directory.by_name(name)).count();
    assert_eq!(found, wanted.names.len());
    wanted
}

#[library_benchmark]
#[bench::hosts_10000(args = (10_000), setup = look_ups)]
fn look_up_by_id(wanted: LookUps) -> LookUps {
    let found = wanted.ids.iter().filter_map(|&id| wanted.directory.by_id(id)).count();
    assert_eq!(found, wanted.ids.len());
    wanted
}

#[library_benchmark]
#[bench::hosts_10000(args = (10_000), setup = ranks)]
fn rank(ranks: Vec<Rank>) -> (Vec<Rank>, Vec<u32>) {
    let order = highest_first(black_box(&ranks));
    (ranks, order)
}

// Every use finds an open binding, or opens one, if need be in the place of the one used least recently.
#[library_benchmark]
#[bench::uses_20000_of_1000(args = (20_000, 5_000), setup = peers)]
fn connection_cache(peers: Vec<u32>) -> (Vec<u32>, ConnectionCache<()>) {
    let mut cache = ConnectionCache::new(1_000);
    for &peer in &peers {
        match cache.find(peer) {
            Some(open) => cache.touch(open),
            None => {
                if !cache.has_room() {
                    let victim = cache.least_recently_used().expect("one of 1,000");
                    cache.remove(victim);
                }
                let opened = cache.open(Some(peer), ());
                cache.activate(opened);
            }
        }
    }
    (peers, cache)
}

library_benchmark_group!(name = emulated, benchmarks = [failover, start, steady_hour]);
library_benchmark_group!(
    name = parts,
    benchmarks = [encode, decode, look_up_by_name, look_up_by_id, rank, connection_cache]
);

main!(
    config = LibraryBenchmarkConfig::default().tool(Callgrind::with_args(["--cache-sim=no"])),
    library_benchmark_groups = [emulated, parts]
);
