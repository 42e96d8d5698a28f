//! The farm's own contract: one history for one seed, however it is looked at.

use imafarm_emulator::farm::{Farm, Pace, TraceRecord};
use imafarm_emulator::network::Link;
use imafarm_emulator::store_link::StorePlan;
use imafarm_emulator::workload::{Shape, Workload};
use imafarm_proto::applications::{Catalogue, Servers};
use imafarm_proto::host_record::ZoneIndex;
use imafarm_proto::message::Kind;
use imafarm_proto::time::{Span, Time};
use imafarm_records::chronicle::{Election, FarmEvent, class};
use imafarm_records::digest::Digest;
use proptest::prelude::*;

use crate::bench::{all, booted, plan, run};
use imafarm_records::{Commanded, Observed};

/// Something done to a farm, so many milliseconds after it was opened.
type Act = (u64, fn(&mut Farm));

/// What happens to every farm here: boot, a crash, a cut that heals, a pause, a graceful stop.
const STORY: [Act; 9] = [
    (0, |farm| farm.start(&all(farm), Span::from_secs(5))),
    (20_000, |farm| farm.crash(&[0])),
    (95_003, |farm| assert_eq!(farm.cut(&[1, 2, 3], &[4, 5, 6, 7], true), 0)),
    (120_001, |farm| farm.pause(&[6])),
    (180_000, |farm| assert!(farm.heal(None))),
    (200_777, |farm| farm.resume(&[6])),
    (210_000, |farm| farm.elect(3)),
    (300_000, |farm| farm.stop(&[7])),
    (310_000, |farm| farm.restart(&[0, 4])),
];
const END: Time = Time(400_000_000_000);

/// Plays the story; `advance` takes the farm to a point in time in steps of its own.
fn play(wire: bool, entries: u64, advance: &mut dyn FnMut(&mut Farm, Time)) -> Farm {
    let mut plan = plan(8, 2, &[("MaxHostAddressCacheEntries", entries)]);
    plan.wire = wire;
    let mut farm = Farm::new(plan);
    for (at_ms, act) in STORY {
        advance(&mut farm, Time::ZERO + Span::from_millis(at_ms));
        act(&mut farm);
    }
    advance(&mut farm, END);
    assert_eq!(farm.now(), END);
    farm
}

fn in_one_go(farm: &mut Farm, until: Time) {
    assert_eq!(farm.advance(until, 0, u64::MAX), Pace::Arrived);
}

fn outcome(farm: &Farm) -> (Digest, u64, Vec<String>) {
    (farm.digest(), farm.event_count(), farm.check_conservation())
}

/// Equal in debug and release: both profiles check this one. When the protocol changes, it changes.
#[test]
fn a_fixed_farm_has_a_fixed_digest() {
    let digests = [2, 512].map(|entries| play(false, entries, &mut in_one_go).digest().to_string());
    insta::assert_snapshot!(digests.join("\n"));
}

/// A storm in two zones that share a narrow link: enough events in a window for threads to be started.
fn storm(threads: u32) -> Farm {
    let mut plan = plan(500, 2, &[("MaxHostAddressCacheEntries", 100)]);
    plan.between.bandwidth_bps = 64_000;
    plan.traced.clear();
    plan.threads = threads;
    let mut farm = Farm::new(plan);
    farm.start(&all(&farm), Span::ZERO);
    run(&mut farm, Span::from_secs(20));
    farm.crash(&[0, 250]);
    farm.cut(&[5, 6, 7], &[50, 60, 70], true);
    run(&mut farm, Span::from_secs(60));
    farm
}

/// Design, determinism contract: so many threads as one likes change nothing.
#[test]
fn threads_change_nothing() {
    let alone = outcome(&storm(1));
    assert!(alone.1 > 100_000, "{} events are no storm", alone.1);
    for threads in [2, 3, 9] {
        assert_eq!(outcome(&storm(threads)), alone, "{threads} threads");
    }
}

/// Four zones, each of which loses its collector, with users who go from zone to zone; a store far away; a change on its way
/// to all.
fn zones(threads: u32, advance: &mut dyn FnMut(&mut Farm, Time)) -> Farm {
    let mut plan = plan(200, 4, &[("MaxHostAddressCacheEntries", 20)]);
    plan.store = Some(StorePlan { bandwidth_bps: 100_000_000, ..StorePlan::default() });
    plan.links = vec![(0, 1, Link { latency: Span::from_millis(9), bandwidth_bps: 1_000_000, ..Link::BETWEEN })];
    plan.applications = Catalogue::new([("Desktop".into(), Servers::All)]).expect("one");
    plan.workload = (0..4).map(|zone| (ZoneIndex(zone), busy())).collect();
    plan.threads = threads;
    let mut farm = Farm::new(plan);
    farm.start(&all(&farm), Span::from_secs(5));
    for (second, act) in [
        (40, (|farm| farm.crash(&[0, 50, 100, 150])) as fn(&mut Farm)),
        (70, |farm| assert!(farm.change_configuration(60, 10_000).is_some())),
        (100, |farm| farm.restart(&[0, 100])),
    ] {
        advance(&mut farm, Time(second * 1_000_000_000));
        act(&mut farm);
    }
    advance(&mut farm, Time(150_000_000_000));
    farm
}

/// Users without end, for 200 hosts.
fn busy() -> Workload {
    Workload {
        logons_per_day: 100_000,
        session: Span::from_secs(60),
        session_least: Span::from_secs(1),
        disconnect_ppm: 100_000,
        reconnect_ppm: 500_000,
        disconnected: Span::from_secs(10),
        shape: Shape::constant(),
        applications: vec![0],
    }
}

/// Everything that can be seen of a farm: its history, what observers were told, and what was traced.
fn seen(farm: &mut Farm) -> (Digest, u64, Vec<FarmEvent>, Vec<TraceRecord>, Vec<Election>) {
    let (elections, trace) = (farm.chronicle().elections().to_vec(), farm.trace().to_vec());
    assert_eq!(farm.check_conservation(), [""; 0]);
    (farm.digest(), farm.event_count(), farm.take_events(), trace, elections)
}

/// Design, determinism contract: zones that several threads run ahead with have the history of those that go window by
/// window; and so they have where time goes on in pieces, shards stand apart in between, or somebody listens.
#[test]
fn zones_that_run_ahead_change_nothing() {
    let alone = seen(&mut zones(1, &mut in_one_go));
    assert!(alone.1 > 20_000 && alone.2.len() > 1_000, "{} events, {} told", alone.1, alone.2.len());
    let mut apart = 0;
    let mut loosely = |farm: &mut Farm, until| {
        while farm.advance_loosely(until, 0, 3) != Pace::Arrived {
            if farm.event_count().is_multiple_of(5) {
                let before = farm.now();
                farm.gather();
                apart += usize::from(farm.now() > before);
                assert_eq!(farm.check_conservation(), [""; 0]);
            }
        }
    };
    assert_eq!(seen(&mut zones(2, &mut loosely)), alone, "pieces in which shards stand apart");
    assert!(apart > 100, "{apart} times apart");
    let listen = |farm: &mut Farm, until| while farm.advance(until, class::MASTER_ACCEPTED, 1_000) != Pace::Arrived {};
    for threads in [2, 3, 4] {
        assert_eq!(seen(&mut zones(threads, &mut in_one_go)), alone, "{threads} threads");
        assert_eq!(seen(&mut zones(threads, &mut { listen })), alone, "{threads} threads, and a listener");
    }
}

/// Design, determinism contract: encoding every message for real changes nothing.
#[test]
fn the_wire_changes_nothing() {
    let [plain, wired] = [false, true].map(|wire| outcome(&play(wire, 3, &mut in_one_go)));
    assert_eq!(plain, wired);
}

/// Conservation holds, and at the end nothing more is under way than the schedule holds.
#[test]
fn every_message_is_accounted_for_at_every_window() {
    let mut looked = 0;
    play(false, 2, &mut |farm, until| {
        while farm.advance(until, 0, 5) != Pace::Arrived {
            assert_eq!(farm.check_conservation(), [""; 0]);
            looked += 1;
        }
    });
    assert!(looked > 10, "looked {looked} times");
}

/// A paused host handles nothing: what arrives waits for it, and nothing goes out.
#[test]
fn a_paused_host_handles_nothing() {
    let mut farm = booted(4, &[("KeepAliveInterval", 1_000)]);
    farm.pause(&[2]);
    run(&mut farm, Span::from_millis(1));
    let (from, events) = (farm.now(), farm.host_totals(2));
    run(&mut farm, Span::from_secs(30));
    assert!(farm.trace().iter().all(|record| record.target != 2 || record.time < from));
    assert!(farm.trace().iter().all(|record| record.source != 2 || record.time < from));
    assert_eq!(farm.host_totals(2).bindings.opened, events.bindings.opened);
    assert!(farm.in_flight()[Kind::ImaPing.index()].messages > 0, "its collector's ping waits");
    farm.resume(&[2]);
    run(&mut farm, Span::from_secs(10));
    assert_eq!(farm.in_flight()[Kind::ImaPing.index()].messages, 0);
    assert_eq!(farm.chronicle().agreed(0), Some(0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Design, determinism contract: one run, or the same run in any pieces.
    #[test]
    fn pieces_change_nothing(
        steps in proptest::collection::vec(1..40_000_000_000u64, 1..30),
        max_events in 1..500u64,
        entries in prop_oneof![Just(2u64), Just(512)],
    ) {
        let whole = outcome(&play(false, entries, &mut in_one_go));
        let mut steps = steps.into_iter().cycle();
        let pieces = play(false, entries, &mut |farm, until| {
            while farm.now() < until {
                let stop = until.min(farm.now() + Span(steps.next().expect("endless")));
                while farm.advance(stop, u32::MAX, max_events) != Pace::Arrived {}
            }
        });
        prop_assert_eq!(outcome(&pieces), whole);
    }
}
