//! The Host Resolver: look-ups, ranking and moves in farms of 10,000 and 100,000 hosts.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use imafarm_proto::host_record::{HostId, HostIndex, Rank, highest_first};
use imafarm_proto::host_resolver::{Directory, HostBindings};

const SIZES: [u32; 2] = [10_000, 100_000];

/// Every host once, in an order that memory cannot foresee.
fn shuffled(hosts: u32) -> Vec<HostIndex> {
    let mut order: Vec<HostIndex> = (0..hosts).map(HostIndex).collect();
    order.sort_by_key(|host| u64::from(host.0).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23));
    order
}

fn look_ups(c: &mut Criterion) {
    let mut group = c.benchmark_group("look_up");
    for hosts in SIZES {
        let directory = Directory::generate(hosts, 1);
        let order = shuffled(hosts);
        let names: Vec<String> = order.iter().map(|&host| directory.record(host).name.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let ids: Vec<HostId> = order.iter().map(|&host| directory.id(host)).collect();
        let mut bindings = HostBindings::default();
        let handles: Vec<u64> = order.iter().map(|&host| bindings.bind(host).get()).collect();

        group.throughput(Throughput::Elements(hosts.into()));
        group.bench_function(BenchmarkId::new("by_name", hosts), |b| {
            b.iter(|| names.iter().filter_map(|name| directory.by_name(name)).count())
        });
        group.bench_function(BenchmarkId::new("by_names", hosts), |b| {
            b.iter(|| {
                let mut found = Vec::with_capacity(names.len());
                directory.by_names(&names, &mut found);
                found
            })
        });
        group.bench_function(BenchmarkId::new("by_id", hosts), |b| {
            b.iter(|| ids.iter().filter_map(|&id| directory.by_id(id)).count())
        });
        group.bench_function(BenchmarkId::new("by_binding", hosts), |b| {
            b.iter(|| handles.iter().filter_map(|&handle| bindings.host_of(handle)).count())
        });
    }
    group.finish();
}

fn ranking(c: &mut Criterion) {
    let mut group = c.benchmark_group("rank");
    for hosts in SIZES {
        let directory = Directory::generate(hosts, 1);
        let ranks: Vec<Rank> = shuffled(hosts).into_iter().map(|host| directory.rank(host)).collect();
        group.throughput(Throughput::Elements(hosts.into()));
        group.bench_function(BenchmarkId::new("highest_first", hosts), |b| b.iter(|| highest_first(black_box(&ranks))));
    }
    group.finish();
}

fn moves(c: &mut Criterion) {
    let mut group = c.benchmark_group("set_zone");
    for hosts in SIZES {
        let mut directory = Directory::generate(hosts, 2);
        let mut zones = ["Z1", "Z2"].into_iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(hosts), |b| {
            b.iter(|| directory.set_zone(HostIndex(hosts / 4), zones.next().expect("endless")))
        });
    }
    group.finish();
}

criterion_group!(benches, look_ups, ranking, moves);
criterion_main!(benches);
