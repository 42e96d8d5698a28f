//! Work takes time: what a host owes whoever waits for it, and what becomes of a zone whose collector is too busy.
//!
//! CTX114843, "Initial Boot": what a collector has to pass on puts a load on it. That a message takes a fixed time by its
//! kind, one after the other, is our guess.

use imafarm_emulator::farm::Farm;
use imafarm_proto::message::Kind;
use imafarm_proto::time::Span;
use imafarm_proto::zone::Standing;
use imafarm_records::chronicle::class;
use imafarm_records::totals::WorkTotals;

use crate::bench::{all, booted, plan, run, settings};
use imafarm_records::{Commanded, Observed};

const MILLIS: u64 = 1_000;

/// One minute of a farm: how many messages were sent, and how often a host took its collector for unreachable.
fn minute(farm: &mut Farm) -> (u64, usize) {
    let sent = |farm: &Farm| Kind::ALL.map(|kind| farm.ledger().total(kind).sent.messages).iter().sum::<u64>();
    let before = sent(farm);
    farm.take_events();
    run(farm, Span::from_secs(60));
    let doubts = farm.take_events().iter().filter(|event| event.what.class() == class::MASTER_UNREACHABLE).count();
    (sent(farm) - before, doubts)
}

fn members(count: u32, heartbeat_cost_ms: u64) -> Farm {
    booted(count + 1, &[("KeepAliveInterval", 1_000), ("WorkCostHeartbeat", heartbeat_cost_ms * MILLIS)])
}

/// A collector that needs 0.8 s for the heartbeats of each second has time for them all, and is busy just so long.
#[test]
fn a_busy_collector_that_keeps_up_is_not_doubted() {
    let mut farm = members(40, 20);
    let before = farm.host_totals(0).work.busy;
    assert_eq!(minute(&mut farm).1, 0);
    let busy = (farm.host_totals(0).work.busy.0 - before.0) as f64 / 60e9;
    assert!((0.79..0.81).contains(&busy), "busy for {busy} of the time");
    assert_eq!(farm.totals(None).work.busy, farm.host_totals(0).work.busy, "the others had nothing to do");
}

/// A zone of 41 whose members want their collector's work for so many milliseconds a heartbeat; ten minutes of it.
fn overworked(heartbeat_cost_ms: u64) -> (Farm, Vec<(u64, usize)>) {
    let turned = [("KeepAliveInterval", 1_000), ("WorkCostHeartbeat", heartbeat_cost_ms * MILLIS)];
    let mut farm = Farm::new(plan(41, 1, &turned));
    farm.start(&all(&farm), Span::ZERO);
    let minutes = (0..10).map(|_| minute(&mut farm)).collect();
    (farm, minutes)
}

/// 40 members send no heartbeat before the last was answered, so that 40 wait at most; when it takes longer to answer
/// those than members are patient (`KeepAliveTimeout`, 5 s), the collector is taken for dead: alive as it is, the zone
/// elects against it, time and again.
#[test]
fn a_collector_that_falls_behind_is_elected_against_alive() {
    let (farm, minutes) = overworked(130);
    assert!(minutes.iter().all(|&(_, doubts)| doubts > 0), "{minutes:?}");
    assert!(all(&farm).iter().all(|&host| farm.standing(host) != Standing::Down), "everybody is there all the time");
    assert!(farm.totals(None).elections.won > 10);
    assert!(farm.totals(None).work.ready < 20 * 41, "{:?}", farm.totals(None).work);
    assert_eq!(farm.check_conservation(), [""; 0]);
}

/// However late they hear of one another, messages do not breed messages: a zone that cannot cope at all makes no more of
/// them in its tenth minute than in its first ones.
#[test]
fn a_zone_that_cannot_cope_does_not_make_ever_more_messages() {
    for cost_ms in [200, 1_000, 5_000] {
        let (farm, minutes) = overworked(cost_ms);
        let [early, late] = [&minutes[..5], &minutes[5..]].map(|part| part.iter().map(|&(sent, _)| sent).sum::<u64>());
        assert!(late * 2 < early * 3, "{cost_ms} ms: {minutes:?}");
        assert_eq!(farm.check_conservation(), [""; 0]);
    }
}

/// The counts of what waits: one item is worked on, the others are ready; a paused host's are pending, its own work among
/// them, and it goes on where it was. A crash loses them all.
#[test]
fn what_waits_is_counted() {
    let mut farm = booted(9, &[("WorkCostHeartbeat", 10_000 * MILLIS), ("KeepAliveTimeout", 3_600_000)]);
    let work = |farm: &Farm| WorkTotals { busy: Span::ZERO, ..farm.host_totals(0).work };
    run(&mut farm, Span::from_secs(31));
    let (before, waiting) = (farm.host_totals(0).work, work(&farm));
    assert_eq!((waiting.executing, waiting.pending), (1, 0));
    assert!(waiting.ready > 0, "{waiting:?}");
    farm.pause(&[0]);
    run(&mut farm, Span::from_secs(100));
    let paused = farm.host_totals(0).work;
    assert_eq!((paused.ready, paused.executing, paused.busy), (0, 0, before.busy));
    assert!(paused.pending > waiting.ready, "{paused:?}");
    farm.resume(&[0]);
    run(&mut farm, Span::from_secs(1));
    assert_eq!(farm.host_totals(0).work.busy.0, before.busy.0 + 1_000_000_000);
    assert_eq!(work(&farm).pending, 0);
    let lost = farm.in_flight()[Kind::Heartbeat.index()].messages;
    let dropped = farm.ledger().total(Kind::Heartbeat).dropped.messages;
    assert!(lost > 0);
    farm.crash(&[0]);
    assert_eq!(work(&farm), WorkTotals::default());
    assert_eq!(farm.ledger().total(Kind::Heartbeat).dropped.messages, dropped + lost);
    assert_eq!(farm.check_conservation(), [""; 0]);
}

/// A host that stops in good order turns away whoever waits for it, rather than let them find out by silence.
#[test]
fn a_host_that_stops_turns_away_who_waits() {
    let mut farm = members(12, 40);
    farm.restart(&[5]);
    run(&mut farm, Span::from_millis(20));
    farm.stop(&[0]);
    run(&mut farm, Span::from_secs(30));
    assert_eq!(farm.standing(0), Standing::Down);
    assert_eq!(farm.host_totals(0).work.ready, 0);
    assert_eq!(farm.chronicle().agreed(0), Some(12));
    assert_eq!(farm.check_conservation(), [""; 0]);
}

/// A host's own costs are its own, and hold from its next start on.
#[test]
fn costs_are_a_setting_of_each_host() {
    let mut plan = plan(3, 1, &[]);
    plan.host_settings = vec![(imafarm_proto::host_record::HostIndex(1), settings(&[("WorkCostHeartbeatAck", 7)]))];
    let mut farm = Farm::new(plan);
    farm.start(&all(&farm), Span::ZERO);
    run(&mut farm, Span::from_secs(300));
    let busy = |farm: &Farm| [0, 1, 2].map(|host| farm.host_totals(host).work.busy.0);
    let answers = farm.trace().iter().filter(|record| record.kind == Kind::HeartbeatAck && record.target == 1).count();
    assert_eq!(busy(&farm), [0, 7 * MILLIS * answers as u64, 0]);
    farm.set_setting(&[1], "WorkCostHeartbeatAck", 0).expect("in range");
    let before = busy(&farm);
    run(&mut farm, Span::from_secs(120));
    assert!(busy(&farm)[1] > before[1], "it runs with what it started with");
    farm.restart(&[1]);
    let before = busy(&farm);
    run(&mut farm, Span::from_secs(300));
    assert_eq!(busy(&farm), before);
}
