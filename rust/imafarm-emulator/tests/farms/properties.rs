//! Random farms through random faults, then time to heal: what always holds, and what holds in the end.

use std::sync::Arc;

use imafarm_emulator::farm::{Farm, Pace, Plan, Power};
use imafarm_proto::host_record::{HostId, HostRecord, Preference};
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::input::SessionAct;
use imafarm_proto::time::Span;
use proptest::prelude::*;

use crate::bench::{all, plan, run, settings};

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
    /// Hosts with a bit of the first mask from those with one of the second.
    Cut(u64, u64, bool),
    Heal,
    Wait(u64),
    Logon(u32),
    Session(u32, SessionAct),
}

/// A farm, and what is done to it.
#[derive(Clone, Debug)]
struct Trial {
    /// Preference of each host, and its zone.
    hosts: Vec<(usize, u32)>,
    entries: u64,
    seed: u64,
    latency_us: u64,
    start_election: bool,
    share_load: bool,
    faults: Vec<Fault>,
}

fn fault() -> impl Strategy<Value = Fault> {
    let host = || 0..64u32;
    let acts = prop_oneof![Just(SessionAct::Disconnect), Just(SessionAct::Reconnect), Just(SessionAct::Logoff)];
    prop_oneof![
        2 => host().prop_map(Fault::Start),
        3 => host().prop_map(Fault::Crash),
        2 => host().prop_map(Fault::Stop),
        2 => host().prop_map(Fault::Restart),
        2 => host().prop_map(Fault::Pause),
        2 => host().prop_map(Fault::Resume),
        1 => host().prop_map(Fault::Elect),
        2 => (any::<u64>(), any::<u64>(), any::<bool>()).prop_map(|(from, to, both)| Fault::Cut(from, to, both)),
        2 => Just(Fault::Heal),
        4 => host().prop_map(Fault::Logon),
        3 => (host(), acts).prop_map(|(host, act)| Fault::Session(host, act)),
        8 => (0..20_000u64).prop_map(Fault::Wait),
    ]
}

fn trial(hosts: u32, entries: impl Strategy<Value = u64>) -> impl Strategy<Value = Trial> {
    let host = (0..4usize, 0..3u32);
    let farm = (proptest::collection::vec(host, 2..=hosts as usize), entries, any::<u64>());
    let latency_us = prop_oneof![3 => Just(200u64), 1 => Just(20_000)];
    (farm, latency_us, any::<[bool; 2]>(), proptest::collection::vec(fault(), 0..25)).prop_map(
        |((hosts, entries, seed), latency_us, [start_election, share_load], faults)| Trial {
            hosts,
            entries,
            seed,
            latency_us,
            start_election,
            share_load,
            faults,
        },
    )
}

const KEEP_ALIVE: Span = Span::from_secs(2);
const KEEP_ALIVE_TIMEOUT: Span = Span::from_secs(1);
const PEER_PING: Span = Span::from_secs(3);
const VALIDATION: Span = Span::from_secs(10);
const ELECTION_CEILING: Span = Span::from_secs(8);
/// After which a connection on which nothing got through is given up, by the emulator.
const GIVE_UP: Span = Span::from_secs(13);

impl Trial {
    fn plan(&self) -> Plan {
        let records = self.hosts.iter().zip(1..).map(|(&(preference, zone), id)| {
            let id = HostId::new(id).expect("from 1");
            let mut record = HostRecord::new(&format!("H{id}"), format!("Z{zone}").into(), id);
            record.preference = Preference::ALL[preference];
            record
        });
        let seconds = |span: Span| span.0 / 1_000_000;
        let turned = [
            ("MaxHostAddressCacheEntries", self.entries),
            ("KeepAliveInterval", seconds(KEEP_ALIVE)),
            ("KeepAliveTimeout", seconds(KEEP_ALIVE_TIMEOUT)),
            ("GatewayValidationInterval", seconds(VALIDATION)),
            ("ElectionTimeoutCeiling", seconds(ELECTION_CEILING)),
            ("BindTimeout", 1_000),
            ("StartElection", self.start_election.into()),
            ("PeerPingInterval", seconds(PEER_PING)),
            ("ShareLoadInformation", self.share_load.into()),
        ];
        let mut plan = plan(2, 1, &[]);
        plan.directory = Arc::new(Directory::new(records.collect()).expect("distinct names and ids"));
        plan.settings = settings(&turned);
        plan.seed = self.seed;
        plan.traced = Vec::new();
        plan.inside.latency = Span::from_micros(self.latency_us);
        plan
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
            Fault::Cut(from, to, both) => {
                farm.cut(&side(from), &side(to), both);
            }
            Fault::Heal => assert!(farm.heal(None)),
            Fault::Wait(_) => {}
            Fault::Logon(host) => {
                farm.logon(host % hosts, host, 0);
            }
            Fault::Session(host, act) => {
                let host = host % hosts;
                if let Some(session) = farm.dynamic_of(host).sessions().all().first().copied() {
                    farm.session(host, session.number, act);
                }
            }
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

/// What holds at every moment.
fn check(farm: &Farm, entries: u64) -> Result<(), TestCaseError> {
    prop_assert_eq!(farm.check_conservation(), [""; 0]);
    for host in all(farm) {
        prop_assert!(u64::from(farm.host(host).0.active_bindings()) <= entries);
    }
    Ok(())
}

/// A farm that has been through all the faults; `advance` goes on for a while, in steps of its own.
fn suffered(trial: &Trial, wire: bool, advance: &dyn Fn(&mut Farm, Span)) -> Result<Farm, TestCaseError> {
    let mut farm = Farm::new(Plan { wire, ..trial.plan() });
    farm.start(&all(&farm), Span::from_secs(2));
    advance(&mut farm, Span::from_secs(10));
    for fault in &trial.faults {
        if let Fault::Wait(ms) = *fault {
            advance(&mut farm, Span::from_millis(ms));
        } else {
            trial.suffer(&mut farm, fault);
        }
        check(&farm, trial.entries)?;
    }
    Ok(farm)
}

/// Through the faults, then healed: each zone with a running host has one collector, and all its hosts know it.
fn heals(trial: &Trial) -> Result<(), TestCaseError> {
    let mut farm = suffered(trial, false, &run)?;
    farm.heal(None);
    farm.resume(&all(&farm));
    run(&mut farm, trial.bound());
    check(&farm, trial.entries)?;
    for zone in 0..farm.directory().zone_count() as u32 {
        let of_zone = |&host: &u32| farm.chronicle().zone_of(host) == zone && farm.host(host).1 == Power::Up;
        let running: Vec<u32> = all(&farm).into_iter().filter(of_zone).collect();
        let view =
            || running.iter().map(|&host| (host, farm.standing(host), farm.host(host).0.master())).collect::<Vec<_>>();
        let Some(&first) = running.first() else { continue };
        let master = farm.host(first).0.master();
        prop_assert!(master.is_some_and(|master| running.contains(&master.0)), "zone {zone}: {:?}", view());
        prop_assert!(running.iter().all(|&host| farm.host(host).0.master() == master), "zone {zone}: {:?}", view());
        prop_assert_eq!(farm.chronicle().agreed(zone), master.map(|master| master.0));
    }
    // Collectors that lost sight of one another find each other, and what was lost on the way is told again.
    run(&mut farm, Span(2 * VALIDATION.0 + 2 * PEER_PING.0 + 2 * KEEP_ALIVE.0));
    check(&farm, trial.entries)?;
    prop_assert_eq!(farm.check_stores(), [""; 0]);
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
    fn a_farm_agrees_once_it_is_healed(trial in trial(40, Just(512u64))) {
        heals(&trial)?;
    }

    /// The same with caches smaller than the zone. (Two entries at least: with a single one, two hosts that call each
    /// other at once shut each other out.)
    #[test]
    fn a_farm_with_small_caches_agrees_once_it_is_healed(trial in trial(12, 2..16u64)) {
        heals(&trial)?;
    }

    /// Design, determinism contract, for any farm: the wire and the pieces in which time goes on change nothing.
    #[test]
    fn a_farm_has_one_history(trial in trial(12, 2..16u64), piece_ms in 1..3_000u64, max_events in 1..200u64) {
        let whole = suffered(&trial, false, &run)?;
        let pieces = suffered(&trial, true, &|farm, span| {
            let until = farm.now() + span;
            while farm.now() < until {
                let stop = until.min(farm.now() + Span::from_millis(piece_ms));
                while farm.advance(stop, u32::MAX, max_events) != Pace::Arrived {}
            }
        })?;
        prop_assert_eq!(whole.digest(), pieces.digest());
        prop_assert_eq!(whole.event_count(), pieces.event_count());
    }
}
