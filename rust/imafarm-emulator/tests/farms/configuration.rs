//! CTX114843, "Farm Communication" and "Bandwidth of Server to Data Store Communication": changes of the configuration, the
//! local host cache, and a data store that is far away, busy or down.

use imafarm_emulator::farm::{Farm, Plan};
use imafarm_emulator::store_link::StorePlan;
use imafarm_proto::applications::{Catalogue, Servers};
use imafarm_proto::message::Kind;
use imafarm_proto::outbox::Notice;
use imafarm_proto::profile::Product;
use imafarm_proto::settings::Settings;
use imafarm_proto::time::{Span, Time};
use imafarm_proto::zone::Standing;
use imafarm_records::chronicle::{What, class};
use imafarm_records::totals::Order;
use imafarm_records::totals::Power;
use std::sync::Arc;

use crate::bench::{all, plan, run};
use imafarm_records::{Commanded, Observed};

const HOUR: Span = Span::from_secs(3_600);

/// A farm of two zones of these hosts each, which has booted.
fn two_zones(each: u32, product: Product) -> Farm {
    let settings = Arc::new(Settings::of(product.profile()));
    settled(Plan { product, settings, ..plan(2 * each, 2, &[]) })
}

fn settled(plan: Plan) -> Farm {
    let mut farm = Farm::new(plan);
    farm.start(&all(&farm), Span::ZERO);
    run(&mut farm, Span::from_secs(90));
    farm.take_events();
    farm
}

/// A farm of one zone whose data store is so far away.
fn far(hosts: u32, store: StorePlan) -> Farm {
    let mut farm = Farm::new(Plan { store: Some(store), ..plan(hosts, 1, &[]) });
    farm.start(&all(&farm), Span::ZERO);
    farm
}

fn round_trip(millis: u64) -> StorePlan {
    StorePlan { round_trip: Span::from_millis(millis), ..StorePlan::default() }
}

/// When each host came up, in whole seconds.
fn ups(farm: &mut Farm) -> Vec<u64> {
    let mut ups: Vec<(u32, u64)> = farm
        .take_events()
        .into_iter()
        .filter(|event| event.what == What::Up)
        .map(|event| (event.host, event.time.0 / 1_000_000_000))
        .collect();
    ups.sort_unstable();
    ups.into_iter().map(|(_, seconds)| seconds).collect()
}

fn knowing(farm: &Farm, change: u32) -> usize {
    all(farm).into_iter().filter(|&host| farm.knows_change(host, change)).count()
}

/// What was delivered of a kind: (source, target, bytes).
fn told(farm: &Farm, kind: Kind) -> Vec<(u32, u32, u32)> {
    let records = farm.trace().iter().filter(|record| record.kind == kind);
    records.map(|record| (record.source, record.target, record.bytes)).collect()
}

// ---- notices ---------------------------------------------------------------------------------------------------

/// CTX114843, "Farm Communication": a change is propagated across the farm by notices: from the host of the console to its
/// collector, to every member of the zone and to the other collectors, and by those to theirs. The lengths are those of
/// the tables: 2.47 KB and 1.87 KB back between collectors, 466 bytes for each server.
#[test]
fn a_change_is_told_to_all_by_way_of_the_collectors() {
    let mut farm = two_zones(4, Product::Ps45);
    let before = farm.totals(None).configuration;
    let order = farm.publish(2, "Notepad", Servers::All).expect("it runs");
    assert_eq!(farm.order_state(order), Some(Order::Made(1)), "a store beside the hosts takes no time");
    run(&mut farm, Span::from_secs(1));
    assert_eq!((knowing(&farm, 1), farm.check_caches()), (8, vec![]));
    let mut notices = told(&farm, Kind::ConfigChange);
    notices.sort_unstable();
    let collectors = [(0, 4, 2_529), (2, 0, 2_529)];
    let members = [(0, 1), (0, 2), (0, 3), (4, 5), (4, 6), (4, 7)].map(|(from, to)| (from, to, 466));
    let mut expected: Vec<_> = collectors.into_iter().chain(members).collect();
    expected.sort_unstable();
    assert_eq!(notices, expected);
    assert_eq!(told(&farm, Kind::ConfigChangeAck), [(4, 0, 1_915)]);
    assert_eq!(farm.totals(None).configuration, before, "CTX114843, there: notices keep the data store free");
}

/// CTX114843, "Farm Communication": changes under 64 KB are broadcast, in version 3.0 and earlier those under 10 KB.
#[test]
fn a_change_of_the_limit_or_more_is_not_broadcast() {
    for (product, limit) in [(Product::Ps45, 65_536), (Product::Ps40, 65_536), (Product::Mf30, 10_240)] {
        let mut farm = two_zones(3, product);
        farm.change_configuration(1, limit - 1).expect("it runs");
        run(&mut farm, Span::from_secs(2));
        assert_eq!(knowing(&farm, 1), 6, "{product:?}");
        let words = told(&farm, Kind::ConfigChange);
        assert!(words.iter().all(|&(.., bytes)| bytes == limit - 1), "each as long as the change: {words:?}");
        farm.change_configuration(1, limit).expect("it runs");
        run(&mut farm, Span::from_secs(2));
        assert_eq!(told(&farm, Kind::ConfigChange).len(), words.len(), "{product:?}");
        assert!(knowing(&farm, 2) < 6);
    }
}

/// CTX114843, "Farm Communication": that a notice arrives is not guaranteed, and who missed it finds the change when it next
/// checks its local host cache.
#[test]
fn who_misses_a_notice_reads_the_change_at_its_next_poll() {
    let mut farm = two_zones(4, Product::Ps45);
    let rest: Vec<u32> = all(&farm).into_iter().filter(|&host| host != 6).collect();
    farm.cut(&[6], &rest, true);
    farm.change_configuration(1, 5_000).expect("it runs");
    run(&mut farm, Span::from_secs(1));
    assert!(farm.heal(None));
    assert_eq!((knowing(&farm, 1), farm.knows_change(6, 1)), (7, false));
    let behind = farm.check_caches();
    assert!(behind.len() == 1 && behind[0].starts_with("H7 knows of the changes up to 0"), "{behind:?}");
    let read = farm.host_totals(6).configuration.bytes_read;
    let (mut waited, interval) = (0, Settings::default().dcn_change_polling_interval);
    while !farm.knows_change(6, 1) {
        run(&mut farm, Span::from_secs(10));
        waited += 10;
        assert!(Span::from_secs(waited) <= interval + Span::from_secs(10), "one interval at most");
    }
    assert!(waited > 60, "nobody repeats the notice: it took {waited} s");
    assert_eq!(farm.host_totals(6).configuration.bytes_read - read, 5_000, "it reads what it has missed");
    assert_eq!(farm.check_caches(), [""; 0]);
}

/// Two collectors in one zone hear of a change from each other, once: neither passes on what it has already.
#[test]
fn two_collectors_in_one_zone_do_not_tell_each_other_for_ever() {
    let mut farm = settled(plan(2, 1, &[]));
    farm.cut(&[0], &[1], true);
    run(&mut farm, Span::from_secs(200));
    assert_eq!([0, 1].map(|host| farm.standing(host)), [Standing::Master; 2]);
    assert!(farm.heal(None));
    farm.change_configuration(1, 880).expect("it runs");
    run(&mut farm, Span::from_secs(2));
    assert_eq!(told(&farm, Kind::ConfigChange), [(1, 0, 880), (0, 1, 880)]);
    assert_eq!(knowing(&farm, 1), 2);
}

/// Who knows of a change sees what it published; who has missed it sees the farm as it was.
#[test]
fn a_host_sees_an_application_from_the_change_on_that_it_has_heard_of() {
    let applications = Catalogue::new([("Word".into(), Servers::All)]).expect("one");
    let mut farm = settled(Plan { applications, ..plan(4, 1, &[]) });
    farm.crash(&[3]);
    farm.publish(1, "Excel", Servers::only(vec![imafarm_proto::host_record::HostIndex(2)])).expect("it runs");
    run(&mut farm, Span::from_secs(1));
    let seen = |host: u32| {
        let known = farm.host(host).0.cache().changes();
        (0..farm.applications().len()).filter(|&app| farm.applications().servers(app, known).is_some()).count()
    };
    assert_eq!([0, 1, 2, 3].map(seen), [2, 2, 2, 1]);
    assert_eq!(farm.publish(3, "Excel", Servers::All), None, "a dead host has no console");
}

// ---- starts ----------------------------------------------------------------------------------------------------

/// CTX114843, "Bandwidth of Server to Data Store Communication": what is read grows with the farm, by the product's formula.
#[test]
fn a_start_reads_what_the_formula_says() {
    for product in [Product::Ps45, Product::Ps40, Product::Mf30] {
        for hosts in [1, 5, 20] {
            let settings = Arc::new(Settings::of(product.profile()));
            let farm = settled(Plan { product, settings, ..plan(hosts, 1, &[]) });
            let counts = farm.totals(None).configuration;
            assert_eq!(counts.bytes_read, u64::from(hosts) * product.profile().store_read_bytes(hosts));
            assert_eq!(counts.reads, u64::from(hosts));
        }
    }
}

/// CTX114843, there: most of the traffic with the data store is reading. A year's worth of changes is less than one start of
/// the farm reads.
#[test]
fn nearly_all_that_passes_to_and_from_the_data_store_is_read() {
    let mut farm = settled(plan(20, 1, &[]));
    let read = farm.totals(None).configuration.bytes_read;
    let mut written = 0;
    for _ in 0..365 {
        farm.publish(0, "Notepad", Servers::All).expect("it runs");
        written += u64::from(Product::Ps45.profile().console.publishing.figures().transmitted);
    }
    assert_eq!(farm.latest_change(), 365);
    assert!(written * 9 < read, "{written} bytes written, {read} read");
}

/// CTX114843, there: a start takes from seconds to minutes. Known of one farm: 50 s at 2 ms to the data store, 15 minutes
/// at 100 ms.
#[test]
fn a_slow_link_to_the_data_store_makes_a_slow_start() {
    for (millis, seconds) in [(2, 50), (100, 15 * 60)] {
        let mut farm = far(1, round_trip(millis));
        run(&mut farm, HOUR);
        let took = ups(&mut farm);
        assert!(took[0].abs_diff(seconds) <= 1, "{millis} ms: {took:?} s");
    }
}

/// CTX114843, there: servers that start at once share the line, and who asks for more than the line carries waits for all of
/// it; a replica near the zone saves both.
#[test]
fn servers_that_start_at_once_share_the_line() {
    let narrow = |replicas| StorePlan { bandwidth_bps: 1_000_000, replicas, ..round_trip(2) };
    let mut farm = far(10, narrow(vec![]));
    run(&mut farm, HOUR);
    let took = ups(&mut farm);
    let each = Product::Ps45.profile().store_read_bytes(10) * 8 / 1_000_000;
    let steps: Vec<u64> = took.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps.iter().all(|step| step.abs_diff(each) <= 1), "each {each} s after the one before: {took:?}");
    let mut farm = far(10, narrow(vec![0]));
    run(&mut farm, HOUR);
    let near = ups(&mut farm);
    assert!(near.iter().all(|&second| second < took[0]), "{near:?} s with a replica, {took:?} s without");
}

/// CTX114843, there: a long start leaves an error in the event log, that the service hung; the error is benign.
#[test]
fn a_start_of_more_than_six_minutes_leaves_an_error_that_is_benign() {
    let mut farm = far(3, round_trip(50));
    run(&mut farm, HOUR);
    let log: Vec<(u64, What)> =
        farm.chronicle().event_log().iter().map(|event| (event.time.0 / 1_000_000_000, event.what)).collect();
    assert_eq!(log, [(360, What::Notice(Notice::ServiceTimedOut)); 3]);
    assert!(ups(&mut farm).iter().all(|&second| second > 360));
    assert_eq!(farm.chronicle().agreed(0), Some(0), "they have started all the same");
    let mut quick = far(3, round_trip(2));
    run(&mut quick, HOUR);
    assert_eq!(quick.chronicle().event_log(), []);
}

/// While it reads the data store, a service answers nobody, and can be stopped, crashed and started again.
#[test]
fn a_service_that_starts_is_not_there_yet() {
    let mut farm = far(4, round_trip(2));
    run(&mut farm, Span::from_secs(20));
    assert_eq!(all(&farm).iter().map(|&host| farm.is_starting(host)).collect::<Vec<_>>(), [true; 4]);
    assert_eq!(farm.chronicle().agreed(0), None);
    assert_eq!(farm.logon(1, 0, 0), None);
    farm.stop(&[1]);
    farm.crash(&[2]);
    farm.pause(&[3]);
    run(&mut farm, Span::from_secs(60));
    assert_eq!([0, 1, 2].map(|host| farm.standing(host)), [Standing::Master, Standing::Down, Standing::Down]);
    assert!(farm.is_starting(3), "what it has read waits for it");
    farm.resume(&[3]);
    farm.start(&[1, 2], Span::ZERO);
    run(&mut farm, Span::from_secs(90));
    assert_eq!(all(&farm).iter().map(|&host| farm.host(host).1).collect::<Vec<_>>(), [Power::Up; 4]);
    assert_eq!(farm.chronicle().agreed(0), Some(0));
    assert_eq!(farm.next_starting(2), None);
}

// ---- without the data store ------------------------------------------------------------------------------------

/// CTX114843, "Farm Communication", and IMA Information, "New Data Collector Election Process": neither elections nor logons
/// depend on the data store. With it down they are the same, message for message.
#[test]
fn elections_and_logons_do_not_notice_that_the_data_store_is_down() {
    let story = |up: bool| {
        let mut farm = two_zones(5, Product::Ps45);
        farm.set_store_up(up);
        farm.crash(&[0]);
        run(&mut farm, Span::from_secs(120));
        let master = farm.chronicle().agreed(0).expect("a new collector");
        assert_ne!(master, 0);
        assert!([1, 2, 6].iter().all(|&host| farm.logon(host, 7, 0).is_some()));
        run(&mut farm, Span::from_secs(30));
        assert_eq!(farm.check_stores(), [""; 0]);
        (farm.digest(), farm.totals(None).configuration.reads)
    };
    assert_eq!(story(false), story(true));
}

/// CTX114843, "Farm Communication": a busy data store does not make connections slower. Whatever the
/// line to it carries, they are told within milliseconds.
#[test]
fn a_busy_data_store_does_not_touch_logons() {
    let story = |bandwidth_bps: u64| {
        let mut farm = far(6, StorePlan { bandwidth_bps, ..round_trip(2) });
        run(&mut farm, HOUR);
        farm.change_configuration(0, 60_000_000).expect("it runs");
        run(&mut farm, HOUR);
        let from = farm.now();
        assert!((0..6).all(|host| farm.logon(host, 7, 0).is_some()));
        run(&mut farm, Span::from_secs(5));
        let updates = farm.trace().iter().filter(|r| r.kind == Kind::SessionUpdate && r.time >= from);
        updates.map(|r| (r.time - from).0 / 1_000_000).collect::<Vec<u64>>()
    };
    for bandwidth_bps in [100_000, 0] {
        let millis = story(bandwidth_bps);
        assert!(
            millis.len() == 5 && millis.iter().all(|&millis| millis < 10),
            "{millis:?} ms at {bandwidth_bps} bit/s"
        );
    }
}

/// Known of the product: a server works and starts from its local host cache while the data store is down, unless it is told
/// not to (`PsRequired`); one that has never been in touch with the data store has nothing to start from.
#[test]
fn a_server_starts_from_its_cache_while_the_data_store_is_down() {
    let mut farm = settled(plan(5, 1, &[]));
    farm.set_store_up(false);
    farm.set_setting(&[3], "PsRequired", 1).expect("a setting");
    farm.restart(&[2, 3]);
    run(&mut farm, Span::from_secs(60));
    assert_eq!([2, 3].map(|host| farm.host(host).1), [Power::Up, Power::Off]);
    assert_eq!(farm.host(2).0.master().map(|master| master.0), Some(0));
    let log: Vec<(u32, u32)> = farm.chronicle().event_log().iter().map(|e| (e.host, e.what.class())).collect();
    let expected = [
        (2, class::STORE_UNREACHABLE),
        (2, class::STARTED_FROM_CACHE),
        (3, class::STORE_UNREACHABLE),
        (3, class::START_REFUSED),
    ];
    assert_eq!(log, expected);
    farm.set_store_up(true);
    farm.start(&[3], Span::ZERO);
    run(&mut farm, Span::from_secs(60));
    assert_eq!(farm.host(3).1, Power::Up);

    let mut fresh = Farm::new(plan(3, 1, &[]));
    fresh.set_store_up(false);
    fresh.start(&all(&fresh), Span::ZERO);
    run(&mut fresh, Span::from_secs(60));
    assert_eq!(all(&fresh).iter().map(|&host| fresh.host(host).1).collect::<Vec<_>>(), [Power::Off; 3]);
}

/// Known of the products: MetaFrame XP bears to be without the data store for 96 hours, later ones do for ever.
#[test]
fn an_xp_server_does_not_start_from_its_cache_after_96_hours() {
    for (product, starts) in [(Product::Xp, false), (Product::Mf30, true)] {
        let mut farm = two_zones(2, product);
        farm.set_store_up(false);
        run(&mut farm, Span::from_secs(95 * 3_600));
        farm.restart(&[1]);
        run(&mut farm, Span::from_secs(10));
        assert_eq!(farm.host(1).1, Power::Up, "{product:?} after 95 hours");
        run(&mut farm, Span::from_secs(2 * 3_600));
        farm.restart(&[1]);
        run(&mut farm, Span::from_secs(10));
        assert_eq!(farm.host(1).1 == Power::Up, starts, "{product:?} after 97 hours");
    }
}

/// How long the data store could not be reached is counted from the first vain try to the first that is not.
#[test]
fn an_outage_is_counted_from_poll_to_poll() {
    let mut farm = settled(plan(3, 1, &[("DCNChangePollingInterval", 60_000)]));
    farm.set_store_up(false);
    run(&mut farm, Span::from_secs(600));
    let failing = farm.totals(None).configuration.failing;
    assert!((3 * 540..=3 * 600).contains(&(failing.0 / 1_000_000_000)), "{failing:?}");
    let order = farm.change_configuration(0, 99).expect("it runs");
    assert_eq!(farm.order_state(order), Some(Order::Refused));
    assert_eq!(farm.latest_change(), 0);
    farm.set_store_up(true);
    run(&mut farm, Span::from_secs(60));
    let after = farm.totals(None).configuration.failing;
    run(&mut farm, Span::from_secs(600));
    assert_eq!(farm.totals(None).configuration.failing, after);
    assert!(after.0 - failing.0 <= 3 * 60_000_000_000);
}

/// What waits for an answer when the data store goes down hears so: a start goes on from the cache, and a first one ends.
#[test]
fn an_outage_in_the_middle_of_a_start_ends_it() {
    let mut farm = far(3, round_trip(2));
    run(&mut farm, Span::from_secs(70));
    farm.crash(&[2]);
    farm.start(&[2], Span::ZERO);
    run(&mut farm, Span::from_secs(10));
    assert!(farm.is_starting(2));
    farm.set_store_up(false);
    run(&mut farm, Span::from_secs(1));
    assert_eq!(farm.host(2).1, Power::Up);
    assert!(!farm.is_starting(2), "from its cache, at once: it had begun long ago");
    run(&mut farm, Span::from_secs(60));
    assert_eq!(farm.chronicle().agreed(0), Some(0));
}

// ---- the contract ----------------------------------------------------------------------------------------------

/// Two zones with a store far away, starts, changes, an outage and a replica: the same history whatever the number of
/// threads, the wire, and the pieces in which it is run.
#[test]
fn the_data_store_keeps_the_determinism_contract() {
    let story = |threads: u32, wire: bool, piece: u64| {
        let store = StorePlan { bandwidth_bps: 20_000_000, replicas: vec![1], ..round_trip(4) };
        let base = plan(40, 2, &[("DCNChangePollingInterval", 50_000), ("StartRoundTrips", 500)]);
        let mut farm = Farm::new(Plan { store: Some(store), threads, wire, ..base });
        farm.start(&all(&farm), Span::from_secs(3));
        let go = |farm: &mut Farm, millis: u64| {
            let until = farm.now() + Span::from_millis(millis);
            while farm.now() < until {
                let stop = until.min(farm.now() + Span(piece));
                farm.advance(stop, 0, u64::MAX);
            }
        };
        go(&mut farm, 100_003);
        farm.publish(7, "Word", Servers::All).expect("it runs");
        farm.change_configuration(30, 70_000).expect("it runs");
        go(&mut farm, 41_001);
        farm.restart(&[3, 25]);
        go(&mut farm, 11_000);
        farm.set_store_up(false);
        farm.publish(8, "Excel", Servers::All).expect("it runs");
        go(&mut farm, 60_000);
        farm.set_store_up(true);
        go(&mut farm, 120_000);
        assert_eq!(farm.check_conservation(), [""; 0]);
        assert_eq!((farm.check_caches(), farm.latest_change()), (vec![], 2));
        (farm.digest(), farm.now(), farm.totals(None))
    };
    let whole = story(1, false, u64::MAX / 2);
    for (threads, wire, piece) in
        [(4, false, u64::MAX / 2), (1, true, u64::MAX / 2), (2, false, 7_654_321), (1, false, 100_000_000)]
    {
        assert_eq!(story(threads, wire, piece), whole, "{threads} threads, wire {wire}, pieces of {piece} ns");
    }
    assert!(whole.1 > Time::ZERO);
}
