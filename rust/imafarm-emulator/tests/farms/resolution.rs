//! Application resolution: which server runs a session, whoever is asked and whatever is going on (IMA Information, "New
//! Data Collector Election Process"; CTX114843, "Farm Communication").

use imafarm_emulator::farm::Farm;
use imafarm_proto::applications::{Catalogue, Servers};
use imafarm_proto::host_record::{HostIndex, ZoneIndex};
use imafarm_proto::message::{Kind, Preference};
use imafarm_proto::time::{Span, Time};

use crate::bench::{all, delivered, plan, run};
use imafarm_records::{Commanded, Observed};

/// The applications of every farm here: one on all servers, one on the hosts 1, 5 and 9.
const EVERYWHERE: u32 = 0;
const ON_FEW: u32 = 1;
const FEW: [u32; 3] = [1, 5, 9];

/// A farm of 12 hosts in three zones, four to each, that has booted: its collectors are 0, 4 and 8.
fn farm(turned: &[(&str, u64)]) -> Farm {
    let mut plan = plan(12, 3, turned);
    let few = Servers::only(FEW.map(HostIndex).to_vec());
    plan.applications =
        Catalogue::new([("Desktop".into(), Servers::All), ("CAD".into(), few)]).expect("different names");
    let mut farm = Farm::new(plan);
    farm.start(&all(&farm), Span::ZERO);
    run(&mut farm, Span::from_secs(90));
    assert_eq!([0, 1, 2].map(|zone| farm.chronicle().agreed(zone)), [Some(0), Some(4), Some(8)]);
    farm
}

/// What a host answers, and how long that took.
fn ask(farm: &mut Farm, host: u32, app: u32, zones: &[u32]) -> (Option<u32>, Span) {
    let zones: Vec<ZoneIndex> = zones.iter().copied().map(ZoneIndex).collect();
    let asked = farm.now();
    let request = farm.resolve(host, app, Preference::of(&zones).expect("few zones"));
    for _ in 0..20_000 {
        if let Some((server, _)) = farm.take_answer(request) {
            return (server.map(|server| server.0), farm.now() - asked);
        }
        run(farm, Span::from_millis(1));
    }
    panic!("no answer in 20 s");
}

fn server(farm: &mut Farm, host: u32, app: u32, zones: &[u32]) -> Option<u32> {
    ask(farm, host, app, zones).0
}

/// Sets loads, and waits until all collectors know.
fn set_loads(farm: &mut Farm, loads: &[(u32, u32)]) {
    for &(host, load) in loads {
        farm.set_load(&[host], Some(load));
    }
    run(farm, Span::from_secs(1));
}

fn asked(farm: &Farm, from: Time) -> Vec<(u32, u32)> {
    delivered(farm, Kind::Resolve, from)
}

/// With load sharing a collector knows all loads and asks nobody.
#[test]
fn with_load_sharing_the_collector_knows_the_least_loaded_server_of_the_farm() {
    let mut farm = farm(&[("ShareLoadInformation", 1)]);
    set_loads(&mut farm, &(0..12).map(|host| (host, 1_000 + host)).collect::<Vec<_>>());
    set_loads(&mut farm, &[(10, 500)]);
    let from = farm.now();
    assert_eq!(server(&mut farm, 2, EVERYWHERE, &[]), Some(10));
    assert_eq!(asked(&farm, from), [(2, 0)]);
    assert_eq!(server(&mut farm, 2, ON_FEW, &[]), Some(1), "10 does not publish it");
    assert_eq!(server(&mut farm, 0, EVERYWHERE, &[1]), Some(4), "the preferred zone comes first");
}

/// Without it, it knows its own zone's, and asks every other zone's collector.
#[test]
fn without_load_sharing_the_other_collectors_are_asked() {
    let mut farm = farm(&[]);
    set_loads(&mut farm, &(0..12).map(|host| (host, 1_000 + host)).collect::<Vec<_>>());
    set_loads(&mut farm, &[(10, 500)]);
    let from = farm.now();
    let (found, took) = ask(&mut farm, 2, EVERYWHERE, &[]);
    assert_eq!(found, Some(10));
    assert_eq!(asked(&farm, from), [(2, 0), (0, 4), (0, 8)]);
    assert!(took > Span::from_millis(40) && took < Span::from_millis(60), "{took}: there and back between zones");
    assert_eq!(server(&mut farm, 2, ON_FEW, &[]), Some(1), "of those that publish it");
}

/// With a preference the preferred zone comes first, the others are its backups, in order.
#[test]
fn a_preferred_zone_comes_first_and_the_others_in_order() {
    let mut farm = farm(&[]);
    set_loads(&mut farm, &(0..12).map(|host| (host, 1_000 + host)).collect::<Vec<_>>());
    let from = farm.now();
    assert_eq!(server(&mut farm, 2, EVERYWHERE, &[2, 1]), Some(8));
    assert_eq!(server(&mut farm, 2, EVERYWHERE, &[0]), Some(0));
    assert_eq!(asked(&farm, from), [(2, 0), (0, 8), (2, 0)], "its own zone has one: nobody else is asked");
    set_loads(&mut farm, &[8, 9, 10, 11].map(|host| (host, 10_000)));
    let from = farm.now();
    assert_eq!(server(&mut farm, 2, EVERYWHERE, &[2, 1]), Some(4), "all of the third zone are full");
    assert_eq!(asked(&farm, from), [(2, 0), (0, 8), (0, 4)]);
}

/// 10,000 is a full load: such a server is assigned no session, and where all are full there is none.
#[test]
fn a_full_server_is_not_assigned() {
    let mut farm = farm(&[]);
    set_loads(&mut farm, &(0..12).map(|host| (host, 10_000)).collect::<Vec<_>>());
    assert_eq!(server(&mut farm, 2, EVERYWHERE, &[]), None);
    set_loads(&mut farm, &[(7, 9_999)]);
    assert_eq!(server(&mut farm, 2, EVERYWHERE, &[]), Some(7), "no evaluator, and the last resort");
}

/// What a collector has assigned counts before it is reported: 200 more, until the server's next report.
#[test]
fn an_assigned_session_counts_until_the_server_reports() {
    let mut farm = farm(&[("LoadBias", 200)]);
    let mine = |farm: &mut Farm| server(farm, 2, EVERYWHERE, &[0]).expect("a server");
    let first: Vec<u32> = (0..8).map(|_| mine(&mut farm)).collect();
    let mut each = first.clone();
    each.sort_unstable();
    assert_eq!(each, [0, 0, 1, 1, 2, 2, 3, 3], "{first:?}");
    set_loads(&mut farm, &[(3, 150)]);
    assert_eq!(mine(&mut farm), 3, "its own word is 150, the others stand at 400");
    assert_eq!(farm.check_stores(), [""; 0], "the bias is no load");
}

/// Subscribers and counters aside, a question costs its collector one query, and the others one each.
#[test]
fn queries_are_counted_where_they_are_answered() {
    let mut farm = farm(&[]);
    server(&mut farm, 2, EVERYWHERE, &[]);
    let queries = |host: u32| farm.host_totals(host).dynamic;
    assert_eq!([0, 4, 8, 2].map(|host| queries(host).queries), [1, 1, 1, 0]);
    assert!(queries(4).query_bytes > 0 && queries(4).query_response_bytes > 0);
    assert_eq!(farm.open_searches(None), 0);
}

/// IMA Information, "New Data Collector Election Process": users who come during an election are not affected by it. (Our
/// guess how: a host without a collector takes the session itself.)
#[test]
fn during_an_election_a_host_takes_the_session_itself() {
    let mut farm = farm(&[("ElectMasterTimeout", 30_000)]);
    farm.crash(&[0]);
    while farm.host(2).0.master().is_some() {
        run(&mut farm, Span::from_millis(100));
    }
    assert_eq!(farm.chronicle().agreed(0), None, "the election is under way");
    assert_eq!(ask(&mut farm, 2, EVERYWHERE, &[]), (Some(2), Span::ZERO));
    assert_eq!(server(&mut farm, 2, ON_FEW, &[]), None, "it does not publish that");
    let session = farm.logon(2, 7, EVERYWHERE);
    assert_eq!(session, Some(1));
    run(&mut farm, Span::from_secs(90));
    assert_eq!(farm.check_stores(), [""; 0], "the new collector is told of it");
}

/// A collector that does not answer is not waited for any longer than `ResolutionTimeout`.
#[test]
fn a_silent_collector_is_waited_for_no_longer_than_the_timeout() {
    let mut farm = farm(&[("ResolutionTimeout", 3_000)]);
    farm.crash(&[0, 8]);
    let (found, took) = ask(&mut farm, 2, EVERYWHERE, &[]);
    assert_eq!(found, Some(2), "it takes the session itself");
    assert!(took >= Span::from_secs(3) && took < Span::from_millis(3_002), "{took}");
    let (found, took) = ask(&mut farm, 5, EVERYWHERE, &[]);
    assert_eq!(
        found,
        Some(5),
        "the collector of the second zone has waited for the third's, and has servers of its own"
    );
    assert!(took >= Span::from_millis(1_500) && took < Span::from_millis(1_600), "{took}");
}

/// A host that goes down, or is down, has no answer, and says so at once.
#[test]
fn a_host_that_does_not_run_has_no_answer() {
    let mut farm = farm(&[]);
    farm.crash(&[0]);
    let request = farm.resolve(2, EVERYWHERE, Preference::NONE);
    assert_eq!(farm.take_answer(request), None, "its collector is asked, in vain");
    farm.crash(&[2]);
    assert_eq!(farm.take_answer(request), Some((None, 0)));
    assert_eq!(server(&mut farm, 2, EVERYWHERE, &[]), None);
}

/// A question that its collector cannot answer any more is put to the next.
#[test]
fn a_question_goes_on_to_the_next_collector() {
    let mut farm = farm(&[("ResolutionTimeout", 600_000), ("ElectMasterTimeout", 100)]);
    set_loads(&mut farm, &[(1, 10), (2, 20), (3, 30)]);
    farm.cut(&[0], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], true);
    let (found, took) = ask(&mut farm, 2, EVERYWHERE, &[0]);
    assert!(found.is_some(), "nobody has answered");
    assert!(took < Span::from_secs(20), "{took}: not before the time-out, but as soon as the collector was given up");
}

/// While a collector is dead, questions wait for it; what the others have offered meanwhile is not offered to all of them.
#[test]
fn those_who_wait_for_a_dead_collector_do_not_all_choose_one_server() {
    let mut farm = farm(&[]);
    set_loads(&mut farm, &[0, 1, 2, 3].map(|host| (host, 5_000)));
    set_loads(&mut farm, &[4, 5, 6, 7].map(|host| (host, 1_000)));
    farm.crash(&[8]);
    let requests: Vec<u32> = (0..8).map(|_| farm.resolve(2, EVERYWHERE, Preference::NONE)).collect();
    run(&mut farm, Span::from_secs(4));
    let mut chosen: Vec<u32> =
        requests.iter().filter_map(|&request| farm.take_answer(request)?.0.map(|server| server.0)).collect();
    chosen.sort_unstable();
    assert_eq!(chosen, [4, 4, 5, 5, 6, 6, 7, 7]);
    run(&mut farm, Span::from_secs(4));
    let request = farm.resolve(5, EVERYWHERE, Preference::of(&[ZoneIndex(1)]).expect("one"));
    run(&mut farm, Span::from_secs(1));
    let answer = farm.take_answer(request);
    assert_eq!(answer, Some((Some(HostIndex(5)), 1_000)), "nobody has come: the offers count no longer");
    assert_eq!(farm.check_stores().iter().filter(|wrong| wrong.contains("load")).count(), 0, "an offer is no load");
}
