//! Random farms through random faults, then time to heal: what always holds, and what holds in the end.

use std::sync::Arc;

use imafarm_emulator::farm::{Farm, Pace, Plan};
use imafarm_emulator::network::Link;
use imafarm_emulator::store_link::StorePlan;
use imafarm_emulator::workload::{Shape, Workload};
use imafarm_proto::applications::{Catalogue, Servers};
use imafarm_proto::host_record::{HostId, HostIndex, HostRecord, Preference, ZoneIndex};
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::input::SessionAct;
use imafarm_proto::message::{Kind, MagicNumber, Table};
use imafarm_proto::time::Span;
use imafarm_records::totals::Power;
use proptest::prelude::*;

use crate::bench::{all, plan, run, settings};
use imafarm_records::{Commanded, Observed};

/// What can be done to a farm. Hosts are meant modulo their number.
#[derive(Clone, Debug)]
enum Fault {
    Start(u32),
    Crash(u32),
    Stop(u32),
    Restart(u32),
    Pause(u32),
    Resume(u32),
    Elect(u32),
    /// Another farm's magic number, or the right one, from the next start on.
    Magic(u32, bool),
    /// Hosts with a bit of the first mask from those with one of the second.
    Cut(u64, u64, bool),
    Heal,
    Wait(u64),
    Logon(u32),
    Session(u32, SessionAct),
    /// A change of the configuration of this many bytes.
    Change(u32, u32),
    /// The data store goes down, or comes back.
    Store(bool),
    Load(u32, Option<u32>),
    Subscribe(u32, Table, bool),
}

/// One host of a farm.
#[derive(Clone, Debug)]
struct Member {
    preference: usize,
    zone: u32,
    session_only: bool,
    /// Of its cache and between its heartbeats, if it has settings of its own.
    own: Option<(u64, u64)>,
}

/// What may be wrong with links, besides cuts.
#[derive(Clone, Debug)]
struct Wires {
    latency_us: u64,
    loss_ppm: u32,
    inside_bps: u64,
    between_bps: u64,
    /// Between the first and the last zone.
    pair: Option<Link>,
}

/// A farm, and what is done to it.
#[derive(Clone, Debug)]
struct Trial {
    hosts: Vec<Member>,
    entries: u64,
    seed: u64,
    wires: Wires,
    /// Whether hosts begin with bindings to all of their zone; then they have room for as many.
    begins_bound: bool,
    start_election: bool,
    share_load: bool,
    /// The round trip to the data store in microseconds, if it has a place.
    store: Option<u64>,
    /// Whether users come, for a minute.
    users: bool,
    /// What each kind of message costs, in microseconds; the first kind costs the first of these, and so on, round.
    costs: Vec<u32>,
    faults: Vec<Fault>,
}

fn fault() -> impl Strategy<Value = Fault> {
    let host = || 0..64u32;
    let acts = prop_oneof![Just(SessionAct::Disconnect), Just(SessionAct::Reconnect), Just(SessionAct::Logoff)];
    let tables = proptest::sample::select(&Table::ALL[..]);
    prop_oneof![
        2 => host().prop_map(Fault::Start),
        3 => host().prop_map(Fault::Crash),
        2 => host().prop_map(Fault::Stop),
        2 => host().prop_map(Fault::Restart),
        2 => host().prop_map(Fault::Pause),
        2 => host().prop_map(Fault::Resume),
        1 => host().prop_map(Fault::Elect),
        2 => (host(), any::<bool>()).prop_map(|(host, right)| Fault::Magic(host, right)),
        2 => (any::<u64>(), any::<u64>(), any::<bool>()).prop_map(|(from, to, both)| Fault::Cut(from, to, both)),
        2 => Just(Fault::Heal),
        4 => host().prop_map(Fault::Logon),
        3 => (host(), acts).prop_map(|(host, act)| Fault::Session(host, act)),
        3 => (host(), prop_oneof![1..2_000u32, Just(70_000)]).prop_map(|(host, bytes)| Fault::Change(host, bytes)),
        2 => any::<bool>().prop_map(Fault::Store),
        1 => (host(), proptest::option::of(0..10_000u32)).prop_map(|(host, load)| Fault::Load(host, load)),
        2 => (host(), tables, any::<bool>()).prop_map(|(host, table, on)| Fault::Subscribe(host, table, on)),
        8 => (0..20_000u64).prop_map(Fault::Wait),
    ]
}

/// A host of a farm of up to so many: with two entries, and far from the others, it could not even answer them all.
fn member(hosts: u32) -> impl Strategy<Value = Member> {
    let own = (u64::from(hosts / 2)..u64::from(hosts * 2), 1_000..2_000u64);
    let own = prop_oneof![3 => Just(None), 1 => own.prop_map(Some)];
    (0..4usize, 0..3u32, proptest::bool::weighted(0.2), own).prop_map(|(preference, zone, session_only, own)| Member {
        preference,
        zone,
        session_only,
        own,
    })
}

fn wires(narrowest_bps: u64) -> impl Strategy<Value = Wires> {
    let latency_us = prop_oneof![3 => Just(200u64), 1 => Just(20_000)];
    let loss_ppm = prop_oneof![3 => Just(0u32), 1 => Just(5_000)];
    let inside_bps = prop_oneof![Just(0u64), Just(1_000_000_000), Just(10_000_000)];
    let between_bps = prop_oneof![2 => Just(0u64), 1 => Just(narrowest_bps)];
    let pair = (1_000..90_000_000u64, prop_oneof![Just(0u64), Just(4 * narrowest_bps)]).prop_map(
        |(latency_ns, bandwidth_bps)| Some(Link { latency: Span(latency_ns), bandwidth_bps, ..Link::BETWEEN }),
    );
    let pair = prop_oneof![2 => Just(None), 1 => pair];
    (latency_us, loss_ppm, inside_bps, between_bps, pair).prop_map(
        |(latency_us, loss_ppm, inside_bps, between_bps, pair)| Wires {
            latency_us,
            loss_ppm,
            inside_bps,
            between_bps,
            pair,
        },
    )
}

/// A farm of up to so many hosts whose messages cost up to so many microseconds each, if anything.
///
/// A cache of few entries opens and closes connections all the time; over a very narrow link those would never come to
/// an end in time.
fn trial(
    hosts: u32,
    entries: impl Strategy<Value = u64>,
    dearest: u32,
    narrowest_bps: u64,
) -> impl Strategy<Value = Trial> {
    let farm = (proptest::collection::vec(member(hosts), 2..=hosts as usize), entries, any::<u64>());
    let costs = prop_oneof![2 => Just(vec![0]), 1 => proptest::collection::vec(0..=dearest, 1..9)];
    let store = prop_oneof![2 => Just(None), 1 => (300..20_000u64).prop_map(Some)];
    (farm, wires(narrowest_bps), any::<[bool; 4]>(), store, costs, proptest::collection::vec(fault(), 0..25)).prop_map(
        |((hosts, entries, seed), wires, [start_election, share_load, users, begins_bound], store, costs, faults)| {
            Trial { hosts, entries, seed, wires, begins_bound, start_election, share_load, store, users, costs, faults }
        },
    )
}

const WRONG: MagicNumber = MagicNumber(0xBAD);
const KEEP_ALIVE: Span = Span::from_secs(2);
const KEEP_ALIVE_TIMEOUT: Span = Span::from_secs(1);
const POLL: Span = Span::from_secs(9);
const PEER_PING: Span = Span::from_secs(3);
const LOAD_REQUEST: Span = Span::from_secs(4);
const VALIDATION: Span = Span::from_secs(10);
const ELECTION_CEILING: Span = Span::from_secs(8);
/// After which a connection on which nothing got through is given up, by the emulator.
const GIVE_UP: Span = Span::from_secs(13);

impl Trial {
    fn plan(&self) -> Plan {
        let records = self.hosts.iter().zip(1..).map(|(member, id)| {
            let id = HostId::new(id).expect("from 1");
            let mut record = HostRecord::new(&format!("H{id}"), format!("Z{}", member.zone).into(), id);
            record.preference = Preference::ALL[member.preference];
            record.session_only = member.session_only;
            record
        });
        let seconds = |span: Span| span.0 / 1_000_000;
        let turned = [
            ("MaxHostAddressCacheEntries", self.room_for(self.entries)),
            ("KeepAliveInterval", seconds(KEEP_ALIVE)),
            ("KeepAliveTimeout", seconds(KEEP_ALIVE_TIMEOUT)),
            ("GatewayValidationInterval", seconds(VALIDATION)),
            ("ElectionTimeoutCeiling", seconds(ELECTION_CEILING)),
            ("BindTimeout", 1_000),
            ("StartElection", self.start_election.into()),
            ("PeerPingInterval", seconds(PEER_PING)),
            ("ShareLoadInformation", self.share_load.into()),
            ("DCNChangePollingInterval", seconds(POLL)),
            ("StartRoundTrips", 100),
            ("StartWork", 200),
            ("LoadRequestInterval", seconds(LOAD_REQUEST)),
        ];
        let costs = Kind::ALL.into_iter().zip(self.costs.iter().cycle());
        let costs: Vec<(String, u32)> = costs.map(|(kind, &cost)| (format!("WorkCost{kind:?}"), cost)).collect();
        let turned: Vec<(&str, u64)> =
            turned.into_iter().chain(costs.iter().map(|(name, cost)| (&**name, u64::from(*cost)))).collect();
        let own = self.hosts.iter().zip(0..).filter_map(|(member, host)| {
            let (entries, heartbeat) = member.own?;
            let own = [("MaxHostAddressCacheEntries", self.room_for(entries)), ("KeepAliveInterval", heartbeat)];
            Some((HostIndex(host), settings(&[&turned[..], &own].concat())))
        });
        let mut plan = plan(2, 1, &[]);
        plan.directory = Arc::new(Directory::new(records.collect()).expect("distinct names and ids"));
        plan.settings = settings(&turned);
        plan.host_settings = own.collect();
        plan.seed = self.seed;
        plan.bound = self.begins_bound;
        plan.store = self.store.map(|micros| StorePlan {
            round_trip: Span::from_micros(micros),
            bandwidth_bps: 400_000_000,
            replicas: vec![0],
        });
        plan.traced = Vec::new();
        plan.inside.latency = Span::from_micros(self.wires.latency_us);
        plan.inside.bandwidth_bps = self.wires.inside_bps;
        plan.between.bandwidth_bps = self.wires.between_bps;
        (plan.inside.loss_ppm, plan.between.loss_ppm) = (self.wires.loss_ppm, self.wires.loss_ppm);
        let last = plan.directory.zone_count() as u32 - 1;
        plan.applications = Catalogue::new([("Desktop".into(), Servers::All)]).expect("one");
        if self.users {
            plan.workload = (0..=last).map(|zone| (ZoneIndex(zone), users())).collect();
        }
        plan.links = self.wires.pair.iter().filter(|_| last > 0).map(|&link| (0, last, link)).collect();
        plan
    }

    fn room_for(&self, entries: u64) -> u64 {
        if self.begins_bound { entries.max(self.hosts.len() as u64 - 1) } else { entries }
    }

    /// All but waiting.
    fn suffer(&self, farm: &mut Farm, fault: &Fault) {
        let hosts = farm.directory().len() as u32;
        let side = |mask: u64| (0..hosts).filter(|host| mask >> (host % 64) & 1 == 1).collect::<Vec<u32>>();
        match *fault {
            Fault::Start(host) => farm.start(&[host % hosts], Span::from_secs(1)),
            Fault::Crash(host) => farm.crash(&[host % hosts]),
            Fault::Stop(host) => farm.stop(&[host % hosts]),
            Fault::Restart(host) => farm.restart(&[host % hosts]),
            Fault::Pause(host) => farm.pause(&[host % hosts]),
            Fault::Resume(host) => farm.resume(&[host % hosts]),
            Fault::Elect(host) => farm.elect(host % hosts),
            Fault::Magic(host, right) => {
                farm.set_magic(&[host % hosts], if right { self.plan().magic } else { WRONG });
            }
            Fault::Cut(from, to, both) => {
                farm.cut(&side(from), &side(to), both);
            }
            Fault::Heal => assert!(farm.heal(None)),
            Fault::Wait(_) => {}
            Fault::Logon(host) => {
                farm.logon(host % hosts, host, 0);
            }
            Fault::Load(host, load) => farm.set_load(&[host % hosts], load),
            Fault::Subscribe(host, table, on) => farm.subscribe(host % hosts, table, on),
            Fault::Session(host, act) => {
                let host = host % hosts;
                if let Some(session) = farm.dynamic_of(host).sessions().all().first().copied() {
                    farm.session(host, session.number, act);
                }
            }
            Fault::Change(host, bytes) => {
                farm.change_configuration(host % hosts, bytes);
            }
            Fault::Store(up) => farm.set_store_up(up),
        }
    }

    /// How long a farm may take to agree once nothing stands in its way: the last connection is given up; the longest
    /// election time-out ends; lost members are looked for, and found; whoever is told that its collector is none any
    /// more elects; and a preferred host that comes across the new one challenges it, each once for each host that
    /// can claim the role.
    fn bound(&self) -> Span {
        let round = ELECTION_CEILING.0 + KEEP_ALIVE.0 + KEEP_ALIVE_TIMEOUT.0 + VALIDATION.0;
        Span(GIVE_UP.0 + 6 * round)
    }
}

/// Users who come for a minute, and are gone some seconds later.
fn users() -> Workload {
    let end = Span::from_secs(60).0;
    Workload {
        logons_per_day: 43_200,
        session: Span::from_secs(4),
        session_least: Span::ZERO,
        disconnect_ppm: 300_000,
        reconnect_ppm: 500_000,
        disconnected: Span::from_secs(3),
        shape: Shape::new(&[(0, 1_000_000), (end, 1_000_000), (end, 0)], 0).expect("in order"),
        applications: vec![0],
    }
}

/// What holds at every moment.
fn check(farm: &Farm) -> Result<(), TestCaseError> {
    prop_assert_eq!(farm.check_conservation(), [""; 0]);
    for host in all(farm) {
        let host = farm.host(host).0;
        prop_assert!(host.active_bindings() <= host.settings().max_host_address_cache_entries);
    }
    let work = farm.totals(None).work;
    prop_assert!(work.busy.0 <= farm.now().0 * farm.directory().len() as u64);
    prop_assert!(work.executing <= farm.directory().len() as u64);
    Ok(())
}

/// A farm that has been through all the faults; `advance` goes on for a while, in steps of its own.
fn suffered(trial: &Trial, plan: Plan, advance: &dyn Fn(&mut Farm, Span)) -> Result<Farm, TestCaseError> {
    let mut farm = Farm::new(plan);
    farm.start(&all(&farm), Span::from_secs(2));
    advance(&mut farm, Span::from_secs(10));
    for fault in &trial.faults {
        if let Fault::Wait(ms) = *fault {
            advance(&mut farm, Span::from_millis(ms));
        } else {
            trial.suffer(&mut farm, fault);
        }
        check(&farm)?;
    }
    Ok(farm)
}

/// Through the faults, then healed: each zone with a running controller has one collector, and all its hosts know it.
fn heals(trial: &Trial) -> Result<(), TestCaseError> {
    let mut farm = suffered(trial, trial.plan(), &run)?;
    farm.heal(None);
    farm.resume(&all(&farm));
    farm.set_store_up(true);
    let right = trial.plan().magic;
    farm.set_magic(&all(&farm), right);
    let up = |farm: &Farm, host: u32| farm.host(host).1 == Power::Up;
    let astray: Vec<u32> =
        all(&farm).into_iter().filter(|&host| up(&farm, host) && farm.host(host).0.magic() != right).collect();
    farm.restart(&astray);
    run(&mut farm, trial.bound());
    check(&farm)?;
    // Where transmissions get lost, or an answer waits for an entry of a cache smaller than all its host speaks with, a
    // heartbeat may be late at any time; it is made good.
    let late = trial.wires.loss_ppm > 0 || trial.room_for(trial.entries) < trial.hosts.len() as u64;
    let patience = if late { 30 } else { 0 };
    comes_true(&mut farm, patience, agrees)?;
    // Whatever notices were lost, every host has polled the data store since.
    prop_assert_eq!(farm.check_caches(), [""; 0]);
    let visits = farm.visits(None);
    prop_assert_eq!(visits.arrived, visits.logged_on + visits.refused + visits.lost, "{:?}: somebody waits", visits);
    // Collectors that lost sight of one another find each other, and what was lost on the way is told again.
    run(&mut farm, Span(2 * VALIDATION.0 + 2 * PEER_PING.0 + 2 * KEEP_ALIVE.0));
    check(&farm)?;
    comes_true(&mut farm, patience, |farm| match farm.check_stores() {
        wrong if wrong.is_empty() => Ok(()),
        wrong => Err(wrong.join("; ")),
    })
}

/// Holds a farm to something within so many seconds.
fn comes_true(farm: &mut Farm, seconds: u32, judge: impl Fn(&Farm) -> Result<(), String>) -> Result<(), TestCaseError> {
    for _ in 0..seconds {
        if judge(farm).is_ok() {
            return Ok(());
        }
        run(farm, Span::from_secs(1));
    }
    judge(farm).map_err(TestCaseError::fail)
}

/// Whether each zone is of one mind, and of the right one.
fn agrees(farm: &Farm) -> Result<(), String> {
    for zone in 0..farm.directory().zone_count() as u32 {
        let of_zone = |&host: &u32| farm.chronicle().zone_of(host) == zone && farm.host(host).1 == Power::Up;
        let running: Vec<u32> = all(farm).into_iter().filter(of_zone).collect();
        let master = running.first().and_then(|&first| farm.host(first).0.master().map(|master| master.0));
        let can_lead = running.iter().any(|&host| farm.directory().stands(HostIndex(host)));
        let right = match master {
            None => !can_lead,
            Some(master) => running.contains(&master) && farm.directory().stands(HostIndex(master)),
        };
        let one = running.iter().all(|&host| farm.host(host).0.master().map(|master| master.0) == master);
        if !right || !one || farm.chronicle().agreed(zone) != master {
            let view = running.iter().map(|&host| (host, farm.standing(host), farm.host(host).0.master()));
            return Err(format!("zone {zone}: {:?}", view.collect::<Vec<_>>()));
        }
    }
    Ok(())
}

fn cases(cases: u32) -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if config.cases == 256 {
        config.cases = cases;
    }
    config
}

proptest! {
    #![proptest_config(cases(48))]

    /// Protocol decisions 4 and 5, with room for everybody in the cache.
    #[test]
    fn a_farm_agrees_once_it_is_healed(trial in trial(40, Just(512u64), 200, 64_000)) {
        heals(&trial)?;
    }

    /// The same with caches smaller than the zone. (Two entries at least: with a single one, two hosts that call each
    /// other at once shut each other out.)
    #[test]
    fn a_farm_with_small_caches_agrees_once_it_is_healed(trial in trial(12, 2..16u64, 200, 2_000_000)) {
        heals(&trial)?;
    }

    /// Design, determinism contract, for any farm: the wire, the shards and the pieces in which time goes on change
    /// nothing, however much hosts have to do.
    #[test]
    fn a_farm_has_one_history(
        trial in trial(12, 2..16u64, 100_000, 2_000_000),
        piece_ms in 1..3_000u64,
        max_events in 1..200u64,
        threads in 2..5u32,
        wake_on in prop_oneof![Just(0), Just(u32::MAX)],
    ) {
        let whole = suffered(&trial, trial.plan(), &run)?;
        let pieces = suffered(&trial, Plan { wire: true, threads, ..trial.plan() }, &|farm, span| {
            let until = farm.now() + span;
            while farm.now() < until {
                let stop = until.min(farm.now() + Span::from_millis(piece_ms));
                while farm.advance_loosely(stop, wake_on, max_events) != Pace::Arrived {}
            }
        })?;
        prop_assert_eq!(whole.digest(), pieces.digest());
        prop_assert_eq!(whole.event_count(), pieces.event_count());
        prop_assert_eq!(whole.totals(None), pieces.totals(None));
    }
}
