//! A farm on streams comes to the same collectors as the same farm in the emulator, whoever is lost, stopped, paused or
//! started meanwhile, in one process or in several.

use std::sync::Arc;

use imafarm_emulator::farm::{Farm, Plan as Emulated};
use imafarm_emulator::network::Link;
use imafarm_live::farm::LiveFarm;
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::input::SessionAct;
use imafarm_proto::time::Span;
use imafarm_proto::transport::seal::Keyring;
use imafarm_records::Observed;
use imafarm_records::commanded::Commanded;

use crate::bench::{Draw, WHILE, part, plan, ring};
use crate::carrier::{Carrier, Weather};

/// Something that is done to one host.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    Crash(u32),
    Stop(u32),
    Start(u32),
    Pause(u32),
    Resume(u32),
    Elect(u32),
}

impl Deed {
    pub fn draw(draw: &mut Draw, hosts: u32) -> Deed {
        let host = draw.within(0..=u64::from(hosts) - 1) as u32;
        match draw.within(0..=6) {
            0 => Deed::Crash(host),
            1 => Deed::Stop(host),
            2 | 3 => Deed::Start(host),
            4 => Deed::Pause(host),
            5 => Deed::Resume(host),
            _ => Deed::Elect(host),
        }
    }

    fn emulate(self, farm: &mut Farm) {
        match self {
            Deed::Crash(host) => farm.crash(&[host]),
            Deed::Stop(host) => farm.stop(&[host]),
            Deed::Start(host) => farm.start(&[host], Span::ZERO),
            Deed::Pause(host) => farm.pause(&[host]),
            Deed::Resume(host) => farm.resume(&[host]),
            Deed::Elect(host) => farm.elect(host),
        }
    }

    pub fn carry_out(self, carrier: &mut Carrier) {
        match self {
            Deed::Crash(host) => carrier.crash(&[host]),
            Deed::Stop(host) => carrier.stop(&[host]),
            Deed::Start(host) => carrier.start(&[host]),
            Deed::Pause(host) => carrier.each(&[host], |farm, host| farm.pause(&[host])),
            Deed::Resume(host) => carrier.each(&[host], |farm, host| farm.resume(&[host])),
            Deed::Elect(host) => carrier.each(&[host], |farm, host| farm.elect(host)),
        }
    }
}

/// The same farm in the emulator.
fn emulated(directory: &Arc<Directory>) -> Farm {
    let same = plan(directory, &[]);
    Farm::new(Emulated {
        directory: same.directory,
        seed: same.seed,
        magic: same.magic,
        product: same.product,
        host_magic: Vec::new(),
        settings: same.settings,
        host_settings: Vec::new(),
        applications: same.applications,
        store: None,
        inside: Link::INSIDE,
        between: Link::BETWEEN,
        links: Vec::new(),
        workload: Vec::new(),
        wire: false,
        traced: Vec::new(),
        tap: None,
        threads: 1,
        bound: false,
        exact_queue: false,
    })
}

/// Whom each host takes for its collector.
pub fn masters(carrier: &Carrier) -> Vec<Option<u32>> {
    let master = |host: u32| carrier.at_home(host).host(host).0.master().map(|master| master.0);
    carrier.hosts().into_iter().map(master).collect()
}

/// A farm in so many processes, whose hosts are dealt out to them in turn.
pub fn farm(directory: &Arc<Directory>, parts: usize, keyring: Option<Keyring>, weather: Weather) -> Carrier {
    let plan = plan(directory, &[]);
    let farms = (0..parts).map(|number| part(&plan, number as u8, keyring.clone())).collect();
    Carrier::new(farms, directory.len() as u64, weather, |host| host as usize % parts)
}

/// Every zone's collector holds of each host of the farm what that host has. Of a farm in several processes no one of
/// them can tell.
pub fn check_stores(carrier: &Carrier) {
    let directory = carrier.farms[0].directory();
    for (holder, master) in masters(carrier).into_iter().enumerate() {
        if master != Some(holder as u32) || !carrier.at_home(holder as u32).runs(holder as u32) {
            continue;
        }
        let held = carrier.at_home(holder as u32).dynamic_of(holder as u32);
        let store = held.store().expect("a collector has a store");
        for host in directory.hosts() {
            let home = carrier.at_home(host.0);
            let known = store.server(directory, host).filter(|server| server.up);
            assert_eq!(known.is_some(), home.runs(host.0), "host {host:?} as {holder} holds it");
            if let Some(known) = known {
                assert_eq!(known.sessions, home.dynamic_of(host.0).sessions().all(), "{host:?} as {holder} holds it");
            }
        }
    }
}

fn same_collectors(hosts: u32, zones: u32, parts: usize, keyring: Option<Keyring>, deeds: usize) {
    let directory = Arc::new(Directory::generate(hosts, zones));
    let mut there = emulated(&directory);
    let mut here = farm(&directory, parts, keyring, Weather::FAIR);
    let all = here.hosts();
    there.start(&all, Span::ZERO);
    here.start(&all);
    let mut draw = Draw(u64::from(hosts * 10 + zones));
    let script: Vec<Deed> = (0..deeds).map(|_| Deed::draw(&mut draw, hosts)).collect();
    for (count, deed) in [None].into_iter().chain(script.into_iter().map(Some)).enumerate() {
        if let Some(deed) = deed {
            deed.emulate(&mut there);
            deed.carry_out(&mut here);
        }
        there.advance(there.now() + WHILE, 0, u64::MAX);
        here.run(WHILE);
        let theirs: Vec<Option<u32>> =
            all.iter().map(|&host| there.host(host).0.master().map(|master| master.0)).collect();
        let powers =
            |farm: &dyn Fn(u32) -> imafarm_records::totals::Power| all.iter().map(|&h| farm(h)).collect::<Vec<_>>();
        assert_eq!(powers(&|host| here.at_home(host).host(host).1), powers(&|host| there.host(host).1));
        assert_eq!(masters(&here), theirs, "after {count} deeds, the last of them {deed:?}, at {}", here.now);
        check_stores(&here);
    }
}

#[test]
fn one_process_has_the_collectors_of_the_emulator() {
    for (hosts, zones) in [(2, 1), (3, 1), (5, 2), (9, 3), (14, 1)] {
        same_collectors(hosts, zones, 1, None, 14);
    }
    same_collectors(40, 3, 1, None, 6);
}

#[test]
fn several_processes_have_the_collectors_of_the_emulator() {
    for (hosts, zones, parts) in [(2, 1, 2), (6, 2, 3), (9, 3, 9), (12, 1, 4)] {
        same_collectors(hosts, zones, parts, None, 12);
    }
}

#[test]
fn with_a_key_the_collectors_are_the_same() {
    for (hosts, zones, parts) in [(3, 1, 1), (9, 3, 4), (12, 2, 12)] {
        same_collectors(hosts, zones, parts, ring(1, None), 10);
    }
}

/// A collector that stops in good order has found another before it goes: nobody misses it.
#[test]
fn a_collector_hands_over_before_it_goes() {
    let mut farm = farm(&Arc::new(Directory::generate(6, 1)), 2, None, Weather::FAIR);
    farm.start(&[0, 1, 2, 3, 4, 5]);
    farm.run(WHILE);
    assert_eq!(masters(&farm), [Some(0); 6]);
    farm.each(&[0, 1], |farm, _| drop(farm.take_events()));
    farm.stop(&[0]);
    farm.run(Span::from_secs(5));
    assert_eq!(masters(&farm), [None, Some(5), Some(5), Some(5), Some(5), Some(5)]);
    let missed = imafarm_records::chronicle::class::MASTER_UNREACHABLE;
    for home in &mut farm.farms {
        assert!(home.take_events().iter().all(|event| event.what.class() != missed));
    }
    assert_eq!(farm.at_home(0).host(0).1, imafarm_records::totals::Power::Off);
}

/// Sessions, loads and applications come to be known wherever they have to be; a wish is made, or refused if the data
/// store is down.
#[test]
fn what_is_done_on_one_host_is_known_where_it_has_to_be() {
    for (parts, keyring) in [(1, None), (3, None), (3, ring(4, None))] {
        let mut farm = farm(&Arc::new(Directory::generate(9, 3)), parts, keyring, Weather::FAIR);
        let all = farm.hosts();
        farm.start(&all);
        farm.run(WHILE);
        for round in 0..4 {
            farm.each(&all, |home, host| {
                let number = home.logon(host, 100 * round + host, 0).expect("the host runs");
                let act = [SessionAct::Disconnect, SessionAct::Logoff][host as usize % 2];
                assert!(home.session(host, number, act));
                home.set_load(&[host], Some(100 + host));
            });
            farm.run(Span::from_secs(1));
        }
        let wish = |farm: &mut Carrier, host: u32, name: &str| {
            let mut order = None;
            farm.each(&[host], |home, host| {
                order = home.publish(host, name, imafarm_proto::applications::Servers::All)
            });
            order.expect("the host runs")
        };
        let made = wish(&mut farm, 4, "Calc");
        farm.run(Span::from_secs(2));
        farm.store_up = false;
        let refused = wish(&mut farm, 4, "Draw");
        farm.run(Span::from_secs(2));
        farm.store_up = true;
        // Which change it was, only the process knows that made it; the others' hosts know that there was one.
        let home = farm.at_home(4);
        assert_eq!(home.order_state(made), Some(imafarm_records::totals::Order::Made(1)));
        assert_eq!(home.order_state(refused), Some(imafarm_records::totals::Order::Refused));
        assert_eq!(home.applications().by_name("Calc"), Some(1));
        assert_eq!(home.applications().by_name("Draw"), None);
        farm.run(WHILE);
        check_stores(&farm);
        for &host in &all {
            assert!(farm.at_home(host).knows_change(host, 1), "host {host}");
            assert_eq!(farm.at_home(host).dynamic_of(host).sessions().all().len(), if host % 2 == 0 { 4 } else { 0 });
        }
        if parts == 1 {
            assert_eq!(farm.farms[0].check_stores(), Vec::<String>::new());
            assert_eq!(farm.farms[0].check_caches(), Vec::<String>::new());
        }
    }
}

/// A user's client is told of a server, in its own zone or in another; and by a host that does not run, of none.
#[test]
fn a_question_where_to_run_is_answered() {
    let mut farm = farm(&Arc::new(Directory::generate(6, 2)), 2, None, Weather::FAIR);
    farm.start(&[0, 1, 2, 3, 4]);
    farm.run(WHILE);
    for (host, answered) in [(1, true), (4, true), (5, false)] {
        let mut request = 0;
        farm.each(&[host], |home, host| request = home.resolve(host, 0, Default::default()));
        farm.run(Span::from_secs(3));
        let answer = farm.home(host).take_answer(request).expect("an answer");
        assert_eq!(answer.0.is_some(), answered, "host {host}");
        assert_eq!(farm.home(host).take_answer(request), None, "it is taken once");
    }
}

#[test]
fn delays_are_those_from_a_report_to_its_answer() {
    let mut farm = farm(&Arc::new(Directory::generate(4, 1)), 1, None, Weather::FAIR);
    farm.start(&[0, 1, 2, 3]);
    farm.run(WHILE);
    farm.farms[0].reset_delays();
    farm.run(WHILE);
    let summary = farm.farms[0].delays();
    assert!((29..=31).contains(&summary.count), "three members, ten minutes, a heartbeat a minute: {summary:?}");
    // There and back, each in at most the longest delay; cut in pieces, which follow one another by a nanosecond.
    let most = Span::from_micros(2 * Weather::FAIR.delay_us);
    assert!(summary.p50 > Span::ZERO && summary.max.0 <= most.0 + most.0 / 50, "{summary:?}");
    let farm_object: &LiveFarm = &farm.farms[0];
    assert!(farm_object.memory() > 0);
}
