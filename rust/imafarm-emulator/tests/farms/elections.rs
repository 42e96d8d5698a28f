//! IMA Information on elections, statement by statement, for a zone as a whole.

use imafarm_emulator::farm::Farm;
use imafarm_proto::host_record::HostIndex;
use imafarm_proto::message::Kind;
use imafarm_proto::time::{Span, Time};
use imafarm_proto::zone::Standing;

use crate::bench::{all, booted, delivered, plan, run};
use imafarm_records::{Commanded, Observed};

const ONLINE_ELECTS: (&str, u64) = ("StartElection", 1);

/// Detailed election, step 1: ELECT_MASTER only ever goes up the order of rank, inside a zone.
#[test]
fn elect_master_only_goes_up() {
    let mut farm = Farm::new(plan(12, 2, &[ONLINE_ELECTS]));
    farm.start(&all(&farm), Span::from_secs(10));
    run(&mut farm, Span::from_secs(30));
    farm.crash(&[0, 6]);
    run(&mut farm, Span::from_secs(120));
    let asked = delivered(&farm, Kind::ElectMaster, Time::ZERO);
    assert!(asked.len() > 20);
    let directory = farm.directory();
    for (source, target) in asked {
        let [source, target] = [source, target].map(HostIndex);
        assert!(directory.rank(target) > directory.rank(source));
        assert_eq!(directory.zone(target), directory.zone(source));
    }
}

/// Step 2: everybody asked answers, and only then.
#[test]
fn every_elect_master_is_answered() {
    let mut farm = booted(10, &[]);
    let from = farm.now();
    farm.crash(&[0]);
    run(&mut farm, Span::from_secs(120));
    let mut asked = delivered(&farm, Kind::ElectMaster, from);
    let mut answered: Vec<(u32, u32)> =
        delivered(&farm, Kind::ElectMasterAck, from).into_iter().map(|(source, target)| (target, source)).collect();
    asked.sort_unstable();
    answered.sort_unstable();
    assert_eq!(asked, answered);
}

/// "At the conclusion of the election": each host has a DECLARE_MASTER from the new collector, the highest-ranked alive.
/// CTX114843, "Farm Communication", 1: so is a collector replaced that failed without warning.
#[test]
fn each_host_has_a_declaration_from_the_new_collector() {
    let mut farm = booted(10, &[]);
    let from = farm.now();
    farm.crash(&[0]);
    run(&mut farm, Span::from_secs(120));
    assert_eq!(farm.chronicle().agreed(0), Some(9), "of equal preference, so the highest id");
    let mut told = delivered(&farm, Kind::DeclareMaster, from);
    told.sort_unstable();
    assert_eq!(told, (1..9).map(|host| (9, host)).collect::<Vec<_>>());
}

/// "New Data Collector Election Process", 1: a graceful stop is an election at once, not after a silence of a minute, and
/// it is over almost at once (the same place, and CTX114843, "Farm Communication").
#[test]
fn after_a_graceful_stop_nobody_waits_for_a_heartbeat() {
    let mut farm = booted(10, &[]);
    farm.stop(&[0]);
    run(&mut farm, Span::from_secs(3));
    assert_eq!(farm.chronicle().agreed(0), Some(9));
    assert_eq!(farm.standing(0), Standing::Down);
}

/// "Important", and CTX114843, "Farm Communication": an election needs no data store. There is none here at all.
#[test]
fn an_election_needs_no_data_store() {
    let mut farm = booted(3, &[]);
    farm.crash(&[0]);
    run(&mut farm, Span::from_secs(120));
    assert_eq!(farm.chronicle().agreed(0), Some(2));
}

/// "What happens if a server believes it is the new ZDC": an equal that was elected behind the collector's back gives
/// way, and all follow the incumbent.
#[test]
fn a_forced_election_does_not_unseat_an_equal() {
    let mut farm = Farm::new(plan(5, 1, &[]));
    farm.start(&[1, 2, 3], Span::ZERO);
    run(&mut farm, Span::from_secs(30));
    assert_eq!(farm.chronicle().agreed(0), Some(3));
    farm.start(&[4], Span::ZERO);
    run(&mut farm, Span::from_secs(30));
    farm.elect(4);
    run(&mut farm, Span::from_secs(30));
    assert_eq!(farm.chronicle().agreed(0), Some(3));
}
