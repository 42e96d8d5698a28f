//! What is written down of a farm: all that happened, at its time, and the same however the farm is driven.

use imafarm_emulator::farm::{Farm, Plan};
use imafarm_emulator::network::Link;
use imafarm_emulator::record::{BINDINGS, BindingsPart, TRAFFIC, TrafficPart};
use imafarm_proto::bindings::BindingCounts;
use imafarm_proto::host_record::ZoneIndex;
use imafarm_proto::message::Kind;
use imafarm_proto::time::{Span, Time};
use imafarm_records::bins::{Bins, Part, Width};
use imafarm_records::chronicle::class;
use imafarm_records::digest::Digest;
use imafarm_records::event_log::Chunk;
use imafarm_records::ledger::Ledger;
use imafarm_records::{Commanded, Observed};
use proptest::prelude::*;

use crate::bench::{all, plan};

/// How a farm is driven, which changes nothing.
#[derive(Clone, Copy, Debug)]
struct Drive {
    threads: u32,
    exact: bool,
    /// How far it goes at once, and after how many events it stops.
    piece: Span,
    events: u64,
    loose: bool,
}

const PLAIN: Drive = Drive { threads: 1, exact: false, piece: Span(u64::MAX / 4), events: u64::MAX, loose: false };

fn go(farm: &mut Farm, span: Span, drive: Drive) {
    let until = farm.now() + span;
    while farm.now() < until {
        let stop = (farm.now() + drive.piece).min(until);
        match drive.loose {
            true => farm.advance_loosely(stop, 0, drive.events),
            false => farm.advance(stop, 0, drive.events),
        };
        farm.gather();
    }
}

/// Rows, with the times of their bins.
type Rows<P> = Vec<(Time, Time, P)>;

fn rows<P: Part>(bins: Option<Bins<P>>) -> Rows<P> {
    bins.expect("it is written down").rows().map(|(start, end, part)| (start, end, *part)).collect()
}

/// All that was written down.
type Written = (Vec<Chunk>, Rows<TrafficPart>, Rows<BindingsPart>, Digest);

fn written(farm: &Farm) -> Written {
    let events = farm.chronicle().written().expect("it is written down").chunks();
    let events = events.iter().map(|chunk| Chunk::clone(chunk)).collect();
    (events, rows(farm.traffic()), rows(farm.bindings()), farm.digest())
}

/// Boots a farm, and does to it what makes all kinds of things happen.
fn story(mut plan: Plan, drive: Drive, widths: Option<(Width, Width)>) -> Farm {
    (plan.threads, plan.exact_queue) = (drive.threads, drive.exact);
    plan.traced = Vec::new();
    let mut farm = Farm::new(plan);
    if let Some((traffic, bindings)) = widths {
        farm.chronicle_mut().write_down(u32::MAX);
        farm.record(Some(traffic), Some(bindings));
    }
    let hosts = all(&farm);
    farm.start(&hosts, Span::from_millis(900));
    go(&mut farm, Span::from_secs(6), drive);
    let masters: Vec<u32> =
        (0..farm.directory().zone_count() as u32).filter_map(|zone| farm.chronicle().agreed(zone)).collect();
    farm.crash(&masters);
    go(&mut farm, Span(123_456_789), drive);
    farm.elect(hosts[hosts.len() - 1]);
    go(&mut farm, Span::from_secs(40), drive);
    farm.pause(&hosts[..2]);
    go(&mut farm, Span::from_secs(3), drive);
    farm.resume(&hosts[..2]);
    farm.start(&masters, Span::from_secs(1));
    go(&mut farm, Span(9_999_999_999), drive);
    farm.stop(&hosts[3..5]);
    go(&mut farm, Span::from_secs(100), drive);
    farm
}

const GROWING: (Width, Width) = (TRAFFIC, BINDINGS);

/// The rows of all bins together are the ledger.
fn check_sums(farm: &Farm) {
    let mut ledger = Ledger::new(farm.directory().zone_count());
    for (start, end, part) in rows(farm.traffic()) {
        assert!(start < end && start <= farm.now());
        ledger.tally_mut(part.from, part.to, part.kind).merge(&part.tally);
    }
    let (zones, counted) = (0..farm.directory().zone_count() as u32, farm.ledger());
    for (from, to) in zones.clone().flat_map(|from| zones.clone().map(move |to| (from, to))) {
        for kind in Kind::ALL {
            assert_eq!(ledger.tally(from, to, kind), counted.tally(from, to, kind));
        }
    }
    for zone in 0..farm.directory().zone_count() as u32 {
        let totals = farm.totals(Some(zone));
        let (mut counts, mut busy, mut active) = (BindingCounts::default(), Span::ZERO, 0);
        for (_, _, part) in rows(farm.bindings()).into_iter().filter(|(_, _, part)| part.zone == zone) {
            counts.opened += part.counts.opened;
            counts.hit += part.counts.hit;
            counts.evicted += part.counts.evicted;
            counts.closed += part.counts.closed;
            counts.refused += part.counts.refused;
            counts.overflowed += part.counts.overflowed;
            busy = busy + part.busy;
            active = part.active;
        }
        assert_eq!((counts, busy, active), (totals.bindings, totals.work.busy, totals.active));
    }
}

#[test]
fn nothing_is_recorded_unless_asked_for() {
    let farm = story(plan(6, 1, &[]), PLAIN, None);
    assert!(farm.traffic().is_none() && farm.bindings().is_none() && farm.chronicle().written().is_none());
}

#[test]
fn recording_changes_nothing() {
    let (plain, recorded) = (story(plan(20, 2, &[]), PLAIN, None), story(plan(20, 2, &[]), PLAIN, Some(GROWING)));
    assert_eq!(plain.digest(), recorded.digest());
    assert_eq!(plain.event_count(), recorded.event_count());
    assert_eq!(plain.chronicle().elections(), recorded.chronicle().elections());
}

#[test]
fn bins_add_up_to_what_was_counted() {
    for widths in [GROWING, (Width::Fixed(Span(3_333_333)), Width::Fixed(Span::from_millis(50)))] {
        check_sums(&story(plan(20, 3, &[("WorkCostHeartbeat", 700)]), PLAIN, Some(widths)));
    }
}

#[test]
fn what_is_written_lies_in_the_bin_of_its_time() {
    // Every message is traced here, so the deliveries of each bin can be counted one by one.
    let mut plan = plan(12, 2, &[]);
    plan.between = Link { latency: Span::from_millis(3), ..plan.between };
    let mut farm = Farm::new(plan);
    let width = Span::from_micros(777);
    farm.record(Some(Width::Fixed(width)), None);
    farm.start(&all(&farm), Span::from_millis(300));
    go(&mut farm, Span::from_secs(20), PLAIN);
    let mut deliveries: Vec<(u64, u32)> =
        farm.trace().iter().map(|record| (record.time.0 / width.0, record.bytes)).collect();
    deliveries.sort_unstable();
    let mut bins = Vec::new();
    for same in deliveries.chunk_by(|one, next| one.0 == next.0) {
        bins.push((same[0].0, same.len() as u64, same.iter().map(|(_, bytes)| u64::from(*bytes)).sum::<u64>()));
    }
    let rows = rows(farm.traffic());
    let mut written = Vec::new();
    for same in rows.chunk_by(|one, next| one.0 == next.0) {
        let messages: u64 = same.iter().map(|(_, _, part)| part.tally.delivered.messages).sum();
        let bytes = same.iter().map(|(_, _, part)| part.tally.delivered.bytes).sum();
        if messages > 0 {
            written.push((same[0].0.0 / width.0, messages, bytes));
        }
    }
    assert!(bins.len() > 50);
    assert_eq!(bins, written);
}

#[test]
fn a_quiet_farm_is_not_stopped_at_each_bin() {
    let mut farm = Farm::new(plan(3, 1, &[]));
    farm.record(Some(Width::Fixed(Span(1))), Some(Width::Fixed(Span(1))));
    // As many bins as nobody lives to see the end of.
    go(&mut farm, Span::from_secs(3_000_000), PLAIN);
    assert_eq!((rows(farm.traffic()), rows(farm.bindings())), (Vec::new(), Vec::new()));
}

#[test]
fn what_is_done_to_a_quiet_farm_lies_in_its_own_bin() {
    let mut farm = Farm::new(plan(4, 1, &[]));
    farm.record(Some(Width::Fixed(Span::from_millis(1))), Some(Width::Fixed(Span::from_millis(1))));
    farm.start(&all(&farm), Span::ZERO);
    go(&mut farm, Span::from_secs(9), PLAIN);
    let before = farm.now();
    // In the midst of a bin, and long before the next heartbeat.
    go(&mut farm, Span(1_234_567), PLAIN);
    farm.elect(3);
    let start = Time(farm.now().0 / 1_000_000 * 1_000_000);
    go(&mut farm, Span(10_000), PLAIN);
    let since: Vec<_> = rows(farm.traffic()).into_iter().filter(|(_, end, _)| *end > before).collect();
    assert!(!since.is_empty() && since.iter().all(|(at, _, _)| *at == start), "{since:?}");
    let collector = farm.chronicle().agreed(0).map(|host| u64::from(farm.host(host).0.active_bindings()));
    let last = rows(farm.bindings()).pop().expect("there were bindings").2;
    assert_eq!((last.active, last.collector_active), (farm.totals(None).active, collector));
}

#[test]
fn a_long_run_takes_no_more_bins() {
    let mut farm = Farm::new(plan(10, 1, &[("KeepAliveInterval", 1_000)]));
    farm.record(Some(TRAFFIC), Some(BINDINGS));
    farm.start(&all(&farm), Span::from_secs(1));
    go(&mut farm, Span::from_secs(7_200), PLAIN);
    let (traffic, bindings) = (farm.traffic().expect("recorded"), farm.bindings().expect("recorded"));
    let used = |starts: Vec<Time>| starts.chunk_by(|one, next| one == next).count();
    let bins = used(traffic.rows().map(|(start, _, _)| start).collect());
    assert!((1_000..=2_049).contains(&bins), "{bins} bins of {}", traffic.width());
    let samples = used(bindings.rows().map(|(start, _, _)| start).collect());
    assert!((128..=257).contains(&samples), "{samples} samples of {}", bindings.width());
    check_sums(&farm);
}

#[test]
fn events_are_written_down_for_each_host_and_zone() {
    let farm = story(plan(12, 3, &[]), PLAIN, Some(GROWING));
    let (events, ..) = written(&farm);
    let [chunk] = &events[..] else { panic!("few rows are one chunk") };
    assert!(chunk.times.is_sorted());
    for (&host, &zone) in chunk.hosts.iter().zip(&chunk.zones) {
        assert_eq!(farm.directory().zone(imafarm_proto::host_record::HostIndex(host as u32)), ZoneIndex(zone as u32));
    }
    let count = |which: u32| chunk.kinds.iter().filter(|kind| **kind == class::place(which)).count() as u64;
    assert_eq!(count(class::ELECTION_STARTED), farm.chronicle().elections().iter().map(|e| e.candidates).sum::<u64>());
    assert_eq!(count(class::MASTER_DECLARED), farm.totals(None).elections.won);
}

fn drive() -> impl Strategy<Value = Drive> {
    let piece = prop_oneof![Just(PLAIN.piece), (1_000_000..3_000_000_000u64).prop_map(Span)];
    let events = prop_oneof![Just(u64::MAX), 1..500u64];
    (1..4u32, any::<bool>(), piece, events, any::<bool>()).prop_map(|(threads, exact, piece, events, loose)| Drive {
        threads,
        exact,
        piece,
        events,
        loose,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn however_a_farm_is_driven_the_same_is_written(
        drive in drive(),
        seed in any::<u64>(),
        (hosts, zones) in prop_oneof![Just((9, 1)), Just((40, 1)), Just((16, 4)), Just((30, 7))],
        work in prop_oneof![Just(0), Just(400_000), Just(70_000_000u64)],
        bound in any::<bool>(),
        fixed in prop_oneof![Just(None), (100_000..50_000_000u64).prop_map(Some)],
    ) {
        let plan = || Plan { seed, bound, ..plan(hosts, zones, &[("WorkCostHeartbeat", work)]) };
        let few = Width::Growing { first: Span::from_millis(10), bins: 40, rows: 400 };
        let widths = fixed.map_or((few, few), |width| (Width::Fixed(Span(width)), Width::Fixed(Span(width * 3))));
        let (one, other) = (story(plan(), PLAIN, Some(widths)), story(plan(), drive, Some(widths)));
        check_sums(&other);
        let (one, other) = (written(&one), written(&other));
        prop_assert_eq!(one.3, other.3);
        prop_assert_eq!(one.0, other.0);
        for (one, other) in one.1.iter().zip(&other.1) {
            prop_assert_eq!(one, other);
        }
        prop_assert_eq!(one.1.len(), other.1.len());
        for (one, other) in one.2.iter().zip(&other.2) {
            prop_assert_eq!(one, other);
        }
        prop_assert_eq!(one.2.len(), other.2.len());
    }
}
