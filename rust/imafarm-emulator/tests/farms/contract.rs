//! The farm's own contract: one history for one seed, however it is looked at.

use imafarm_emulator::farm::{Farm, Pace};
use imafarm_proto::message::Kind;
use imafarm_proto::time::{Span, Time};
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
    for threads in [2, 9] {
        assert_eq!(outcome(&storm(threads)), alone, "{threads} threads");
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
