//! IMA Information on two data collectors in one zone: how they come about, and how they are settled.

use imafarm_emulator::farm::Farm;
use imafarm_proto::host_record::HostIndex;
use imafarm_proto::message::{Kind, MagicNumber};
use imafarm_proto::time::{Span, Time};
use imafarm_proto::zone::Standing;
use imafarm_records::chronicle::class;

use crate::bench::{all, booted, delivered, plan, run};
use imafarm_records::{Commanded, Observed};

const WRONG: MagicNumber = MagicNumber(0xBAD);
const MINUTE: Span = Span::from_secs(60);
/// Long enough for a collector to find a member silent, lose it and look for it again.
const WHILE: Span = Span::from_secs(600);

/// Whom each host of a farm takes for its collector.
fn views(farm: &Farm) -> Vec<Option<u32>> {
    all(farm).into_iter().map(|host| farm.host(host).0.master().map(|master| master.0)).collect()
}

/// Who has turned strangers away since events were last taken.
fn refusers(farm: &mut Farm) -> Vec<u32> {
    let refused = farm.take_events().into_iter().filter(|event| event.what.class() == class::BINDING_REFUSED);
    let mut refusers: Vec<u32> = refused.map(|event| event.host).collect();
    refusers.sort_unstable();
    refusers.dedup();
    refusers
}

/// "How does the ZDC ensure servers communicating with are in the farm": a member with another magic number and the
/// zone's collector each refuse the other, and no message but bind packets gets through.
#[test]
fn a_member_with_another_number_is_refused_by_both_sides() {
    let mut farm = booted(5, &[]);
    farm.set_magic(&[3], WRONG);
    farm.restart(&[3]);
    let from = farm.now();
    run(&mut farm, WHILE);
    let refusers = refusers(&mut farm);
    assert!(refusers.contains(&3) && refusers.contains(&0), "{refusers:?}");
    let bind = [Kind::BindRequest, Kind::BindResponse, Kind::BindCommit];
    let through = farm.trace().iter().filter(|record| record.time >= from && !bind.contains(&record.kind));
    assert_eq!(through.filter(|record| (record.source == 3) != (record.target == 3)).count(), 0);
}

/// The same place: it believes that it is in a farm of its own and declares itself, so that the zone has two collectors;
/// and that is one more election.
#[test]
fn a_member_with_another_number_makes_a_farm_of_its_own() {
    let mut farm = booted(5, &[]);
    let started = farm.totals(None).elections.started;
    farm.set_magic(&[3], WRONG);
    farm.restart(&[3]);
    run(&mut farm, WHILE);
    assert_eq!(views(&farm), [Some(0), Some(0), Some(0), Some(3), Some(0)]);
    assert_eq!([farm.standing(0), farm.standing(3)], [Standing::Master; 2]);
    assert_eq!(farm.chronicle().agreed(0), None);
    assert_eq!(farm.totals(None).elections.started, started + 1);
}

/// The same place, "further zone elections": when it is the collector that comes back with another number, its members
/// have to elect as well.
#[test]
fn a_collector_with_another_number_makes_the_others_elect() {
    let mut farm = booted(5, &[]);
    let won = farm.totals(None).elections.won;
    farm.set_magic(&[0], WRONG);
    farm.restart(&[0]);
    run(&mut farm, WHILE);
    assert_eq!(views(&farm), [Some(0), Some(4), Some(4), Some(4), Some(4)]);
    assert_eq!(farm.totals(None).elections.won, won + 2, "its own, and theirs");
}

/// A number of its own from the first start on (`Plan::host_magic`), and the cure: the right number and a restart.
/// The number alone changes nothing while the service runs.
#[test]
fn the_right_number_and_a_restart_cure_it() {
    let mut plan = plan(5, 1, &[]);
    plan.host_magic = vec![(HostIndex(2), WRONG)];
    let right = plan.magic;
    let mut farm = Farm::new(plan);
    farm.start(&all(&farm), Span::ZERO);
    run(&mut farm, MINUTE);
    assert_eq!(views(&farm), [Some(0), Some(0), Some(2), Some(0), Some(0)]);
    farm.set_magic(&[2], right);
    assert_eq!(farm.magic(2), right);
    run(&mut farm, WHILE);
    assert_eq!(farm.chronicle().agreed(0), None);
    farm.restart(&[2]);
    run(&mut farm, MINUTE);
    assert_eq!(farm.chronicle().agreed(0), Some(0));
}

/// "False winner": while the links from H4 and H5 to H2 are cut it hears no answer and takes itself for the highest. Once
/// the collectors come across each other, one of them stays, and the members are told directly: nobody elects again.
#[test]
fn a_false_winner_is_settled_between_the_collectors() {
    let mut farm = booted(5, &[("KeepAliveInterval", 10_000), ("GatewayValidationInterval", 20_000)]);
    farm.cut(&[1], &[2, 3, 4], true);
    farm.crash(&[0]);
    run(&mut farm, MINUTE);
    assert_eq!([farm.standing(1), farm.standing(4)], [Standing::Master; 2]);
    farm.heal(None);
    let from = farm.now();
    run(&mut farm, MINUTE);
    assert_eq!(farm.chronicle().agreed(0), Some(4));
    assert_eq!(delivered(&farm, Kind::ElectMaster, from), []);
}

/// "What happens if a server believes it is the new ZDC": the collector is alive and has not resigned, its members cannot
/// hear it for a while and elect another. For so long there are two; then the original stays, its rank by id
/// notwithstanding, and tells all.
#[test]
fn an_incumbent_that_has_not_resigned_stays() {
    let mut farm = Farm::new(plan(5, 1, &[("KeepAliveInterval", 10_000), ("GatewayValidationInterval", 20_000)]));
    farm.start(&[1], Span::ZERO);
    run(&mut farm, MINUTE);
    farm.start(&[2, 3, 4], Span::ZERO);
    run(&mut farm, MINUTE);
    assert_eq!(farm.chronicle().agreed(0), Some(1), "the first to be there, of the lowest id");
    farm.cut(&[1], &[2, 3, 4], true);
    run(&mut farm, MINUTE);
    assert_eq!([farm.standing(1), farm.standing(4)], [Standing::Master; 2]);
    farm.heal(None);
    let from = farm.now();
    run(&mut farm, MINUTE);
    assert_eq!(farm.chronicle().agreed(0), Some(1));
    let told = delivered(&farm, Kind::DeclareMaster, from);
    assert!([2, 3, 4].iter().all(|&member| told.contains(&(1, member))), "{told:?}");
}

/// The same place: it stays unless it is less preferred. A preferred server that returns takes the role back.
#[test]
fn a_preferred_server_that_returns_takes_the_role_back() {
    let mut farm = booted(5, &[]);
    farm.crash(&[0]);
    run(&mut farm, WHILE);
    assert_eq!(farm.chronicle().agreed(0), Some(4));
    farm.start(&[0], Span::ZERO);
    run(&mut farm, MINUTE);
    assert_eq!(farm.chronicle().agreed(0), Some(0));
    assert_eq!(farm.standing(4), Standing::Member);
}

/// A zone whose controllers are all gone has no collector, however long its session hosts look for one (our guess); the
/// first controller that is back serves them.
#[test]
fn session_hosts_alone_have_no_collector() {
    let mut plan = plan(5, 1, &[]);
    let mut records: Vec<_> = plan.directory.hosts().map(|host| plan.directory.record(host).clone()).collect();
    records[1..].iter_mut().for_each(|record| record.session_only = true);
    plan.directory = std::sync::Arc::new(imafarm_proto::host_resolver::Directory::new(records).expect("as before"));
    let mut farm = Farm::new(plan);
    farm.start(&all(&farm), Span::ZERO);
    run(&mut farm, MINUTE);
    assert_eq!(farm.chronicle().agreed(0), Some(0));
    farm.crash(&[0]);
    run(&mut farm, Span::from_secs(3_600));
    assert_eq!(views(&farm)[1..], [None; 4]);
    assert_eq!(farm.totals(None).elections.won, 1);
    assert_eq!(delivered(&farm, Kind::ElectMaster, Time::ZERO), [], "there was nobody to ask");
    farm.start(&[0], Span::ZERO);
    run(&mut farm, MINUTE);
    assert_eq!(farm.chronicle().agreed(0), Some(0));
}
