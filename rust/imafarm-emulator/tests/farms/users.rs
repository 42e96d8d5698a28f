//! Users at work, and what becomes of them when hosts go (IMA Information, "New Data Collector Election Process").

use imafarm_emulator::farm::{Farm, Pace, Plan};
use imafarm_emulator::workload::{Shape, Workload};
use imafarm_proto::applications::{Catalogue, Servers};
use imafarm_proto::host_record::ZoneIndex;
use imafarm_proto::message::Kind;
use imafarm_proto::time::{Span, Time};
use imafarm_records::digest::Digest;
use imafarm_records::totals::Visits;

use crate::bench::{all, plan, run};
use imafarm_records::{Commanded, Observed};

/// So many logons a day in each zone, from the tenth minute on, each for half an hour.
fn busy(hosts: u32, zones: u32, logons_per_day: u64, turned: &[(&str, u64)]) -> Plan {
    let mut plan = plan(hosts, zones, turned);
    plan.traced.clear();
    plan.applications = Catalogue::new([("Desktop".into(), Servers::All)]).expect("one");
    let start = Span::from_secs(600).0;
    let workload = Workload {
        logons_per_day,
        session: Span::from_secs(1_800),
        session_least: Span::from_secs(60),
        disconnect_ppm: 300_000,
        reconnect_ppm: 500_000,
        disconnected: Span::from_secs(300),
        shape: Shape::new(&[(start, 0), (start, 1_000_000)], 0).expect("in order"),
        applications: vec![0],
    };
    plan.workload = (0..zones).map(|zone| (ZoneIndex(zone), workload.clone())).collect();
    plan
}

fn play(plan: Plan, pieces: Option<Span>) -> Farm {
    let mut farm = Farm::new(plan);
    farm.start(&all(&farm), Span::from_secs(60));
    let end = Time::ZERO + Span::from_secs(3_600);
    while farm.now() < end {
        let until = pieces.map_or(end, |piece| end.min(farm.now() + piece));
        while farm.advance(until, u32::MAX, 300) != Pace::Arrived {}
    }
    farm
}

fn outcome(farm: &Farm) -> (Digest, Visits, u64, Vec<String>) {
    (farm.digest(), farm.visits(None), farm.session_count(None), farm.check_conservation())
}

/// Users come as often as they should, all of them are served, and every collector holds every session.
#[test]
fn users_come_stay_and_go() {
    let mut farm = play(busy(30, 3, 9_600, &[]), None);
    let Visits { arrived, logged_on, refused, lost } = farm.visits(None);
    // 1,200 an hour in all, for 50 minutes.
    assert!((900..1_100).contains(&arrived), "{arrived} came");
    assert!(arrived - logged_on <= 2 && refused == 0 && lost == 0, "{:?}", farm.visits(None));
    assert!(farm.session_count(None) > 300 && farm.session_count(None) < logged_on);
    let kinds =
        [Kind::Resolve, Kind::Resolved, Kind::SessionUpdate].map(|kind| farm.ledger().total(kind).sent.messages);
    // A member asks its collector, and that asks two others. Each connect, disconnect, reconnect and logoff is reported to
    // the collector, unless it is the collector's own, and relayed to two others.
    assert!(kinds[0] > 2 * logged_on && kinds[0] <= 3 * arrived && kinds[1] <= kinds[0], "{kinds:?}");
    assert!(kinds[2] > 3 * logged_on, "{kinds:?}");
    run(&mut farm, Span::from_millis(200));
    assert_eq!(farm.check_conservation(), [""; 0]);
}

/// The load is as even as whole users allow: nobody takes much more than his share.
#[test]
fn users_are_spread_evenly() {
    for shares in [0, 1] {
        let farm = play(busy(30, 3, 19_200, &[("ShareLoadInformation", shares)]), None);
        let sessions: Vec<usize> = (0..30).map(|host| farm.dynamic_of(host).sessions().all().len()).collect();
        let (least, most) = (sessions.iter().min().expect("hosts"), sessions.iter().max().expect("hosts"));
        assert!(*least > 10 && most - least <= 4, "{sessions:?}");
    }
}

/// The users of a host that crashes lose their sessions, all others keep theirs, and whoever comes is served.
#[test]
fn a_collector_that_crashes_takes_only_its_own_sessions_with_it() {
    let mut farm = play(busy(30, 3, 9_600, &[]), None);
    let before = farm.visits(None);
    let kept: Vec<(u32, u32)> = others(&farm, 0);
    farm.crash(&[0]);
    assert_eq!(others(&farm, 0), kept);
    run(&mut farm, Span::from_secs(300));
    assert!(farm.chronicle().agreed(0).is_some_and(|master| master != 0));
    let now = farm.visits(None);
    assert!(now.logged_on - before.logged_on > 60, "{now:?} after {before:?}");
    assert_eq!(now.refused, 0);
    assert!(now.lost <= 2, "{now:?}: those that were on their way to it");
    assert!(farm.dynamic_of(0).sessions().all().is_empty());
    assert_eq!(farm.check_conservation(), [""; 0]);
}

/// Host and session number of each session but those of one host.
fn others(farm: &Farm, but: u32) -> Vec<(u32, u32)> {
    let hosts = all(farm).into_iter().filter(|&host| host != but);
    hosts.flat_map(|host| farm.dynamic_of(host).sessions().all().iter().map(move |own| (host, own.number))).collect()
}

/// A client that finds nobody tries two more hosts, and then gives up.
#[test]
fn a_client_tries_three_hosts() {
    let mut two_down = play(busy(4, 1, 4_800, &[]), None);
    two_down.stop(&[1, 2]);
    run(&mut two_down, Span::from_secs(600));
    assert_eq!(two_down.visits(None).lost, 0, "the third that is tried is up");
    let mut three_down = play(busy(4, 1, 4_800, &[]), None);
    three_down.crash(&[1, 2, 3]);
    run(&mut three_down, Span::from_secs(600));
    let visits = three_down.visits(None);
    assert!(visits.lost > 0 && visits.lost < visits.arrived, "{visits:?}");
    assert_eq!(three_down.check_conservation(), [""; 0]);
}

/// A farm that is full refuses: a hundred users are a full load.
#[test]
fn a_full_farm_refuses() {
    let mut plan = busy(3, 1, 48_000, &[]);
    for (_, workload) in &mut plan.workload {
        (workload.session, workload.session_least) = (Span::from_secs(86_400), Span::from_secs(86_400));
    }
    let farm = play(plan, None);
    let sessions: Vec<usize> = (0..3).map(|host| farm.dynamic_of(host).sessions().all().len()).collect();
    assert_eq!(sessions, [100, 100, 100]);
    assert!(farm.visits(None).refused > 1_000);
}

/// Design, determinism contract, with users: threads, the wire and pieces change nothing; the seed does.
#[test]
fn nothing_but_the_seed_changes_what_users_do() {
    let turned = |change: fn(&mut Plan)| {
        let mut plan = busy(12, 3, 9_600, &[("MaxHostAddressCacheEntries", 3)]);
        change(&mut plan);
        plan
    };
    let plain = outcome(&play(turned(|_| {}), None));
    assert_eq!(plain.3, [""; 0]);
    assert_eq!(outcome(&play(turned(|plan| plan.wire = true), None)), plain);
    assert_eq!(outcome(&play(turned(|plan| plan.threads = 4), None)), plain);
    assert_eq!(outcome(&play(turned(|_| {}), Some(Span::from_millis(1_234)))), plain);
    assert_ne!(outcome(&play(turned(|plan| plan.seed = 8), None)).0, plain.0);
}

/// What users do while hosts freeze, go and come back is accounted for, and the stores agree once it is quiet.
#[test]
fn users_of_hosts_that_come_and_go_are_accounted_for() {
    let mut plan = busy(8, 2, 14_400, &[]);
    let (start, end) = (Span::from_secs(600).0, Span::from_secs(5_000).0);
    for (_, workload) in &mut plan.workload {
        workload.shape =
            Shape::new(&[(start, 0), (start, 1_000_000), (end, 1_000_000), (end, 0)], 0).expect("in order");
        workload.session = Span::from_secs(40_000);
    }
    let mut farm = Farm::new(plan);
    farm.start(&all(&farm), Span::from_secs(60));
    run(&mut farm, Span::from_secs(1_000));
    for step in 0..12 {
        let host = step % 8;
        match step % 3 {
            0 => farm.crash(&[host]),
            1 => farm.stop(&[host]),
            _ => farm.pause(&[host]),
        }
        run(&mut farm, Span::from_secs(150));
        assert_eq!(farm.check_conservation(), [""; 0]);
        farm.resume(&[host]);
        farm.start(&[host], Span::ZERO);
        run(&mut farm, Span::from_secs(150));
        assert_eq!(farm.check_conservation(), [""; 0]);
    }
    // The last logoffs are far away; all else has come to rest.
    run(&mut farm, Span::from_secs(1_200));
    let visits = farm.visits(None);
    assert!(visits.logged_on > 1_000 && visits.lost < visits.arrived / 5, "{visits:?}");
    assert_eq!(farm.check_stores(), [""; 0]);
}
