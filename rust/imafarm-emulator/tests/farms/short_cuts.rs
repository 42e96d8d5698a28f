//! Short cuts change nothing: a farm that takes them and one that lets every message be an event of its own, step by step.

use std::sync::Arc;

use imafarm_emulator::farm::{Farm, Pace, Plan};
use imafarm_proto::host_record::{HostId, HostIndex, HostRecord, Preference, ZoneIndex};
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::message::Kind;
use imafarm_proto::time::{Span, Time};
use imafarm_proto::zone::Standing;
use imafarm_records::chronicle::FarmEvent;
use imafarm_records::digest::Digest;
use imafarm_records::ledger::{Count, Tally};
use imafarm_records::totals::Totals;
use imafarm_records::{Commanded, Observed};
use proptest::prelude::*;

use crate::bench::{all, plan, run, settings};

/// What is done to a farm. Hosts are meant modulo their number.
#[derive(Clone, Debug)]
pub enum Step {
    /// Time goes on for so long, in pieces, each of so many events at most.
    Wait {
        ns: u64,
        piece_ns: u64,
        max_events: u64,
    },
    Start(u32),
    Crash(u32),
    Restart(u32),
    Stop(u32),
    Pause(u32),
    Resume(u32),
    /// The host at this place from below in its zone's order, mostly a low one.
    Elect(u32),
    Cut(u64, u64, bool),
    Heal,
    Logon(u32),
}

/// A farm, and what is done to it.
#[derive(Clone, Debug)]
pub struct Story {
    /// Of each host: its zone, its preference, and whether it is session-only.
    hosts: Vec<(u32, usize, bool)>,
    pub bound: bool,
    /// More than the zone takes, if the farm begins bound.
    entries: u64,
    seed: u64,
    latency_us: u64,
    jitter_us: u64,
    bandwidth_bps: u64,
    loss_ppm: u32,
    elect_ms: u64,
    declare_ms: u64,
    keep_alive_ms: u64,
    start_election: bool,
    threads: u32,
    boot_ms: u64,
    pub steps: Vec<Step>,
}

fn step() -> impl Strategy<Value = Step> {
    let host = || 0..64u32;
    let ns = prop_oneof![
        6 => 0..1_500_000u64,
        3 => 1_000_000..60_000_000u64,
        2 => 500_000_000..4_000_000_000u64,
        1 => 10_000_000_000..20_000_000_000u64,
    ];
    let piece = prop_oneof![2 => Just(u64::MAX), 1 => 50_000..3_000_000u64];
    let events = prop_oneof![2 => Just(u64::MAX), 1 => 1..2_000u64];
    prop_oneof![
        12 => (ns, piece, events).prop_map(|(ns, piece, max_events)| {
            Step::Wait { ns, piece_ns: piece.max(ns / 200 + 1), max_events }
        }),
        6 => prop_oneof![3 => 0..3u32, 1 => host()].prop_map(Step::Elect),
        2 => host().prop_map(Step::Crash),
        1 => Just(Step::Crash(u32::MAX)),
        1 => host().prop_map(Step::Start),
        1 => host().prop_map(Step::Restart),
        1 => host().prop_map(Step::Stop),
        1 => host().prop_map(Step::Pause),
        1 => host().prop_map(Step::Resume),
        1 => (any::<u64>(), any::<u64>(), any::<bool>()).prop_map(|(from, to, both)| Step::Cut(from, to, both)),
        1 => Just(Step::Heal),
        1 => host().prop_map(Step::Logon),
    ]
}

pub fn story() -> impl Strategy<Value = Story> {
    let session_only = proptest::bool::weighted(0.1);
    let hosts =
        (1..4u32).prop_flat_map(move |zones| proptest::collection::vec((0..zones, 0..4usize, session_only), 2..60));
    let links = (
        prop_oneof![3 => Just(300u64), 1 => 100..2_000u64, 1 => Just(20_000)],
        prop_oneof![2 => Just(100u64), 1 => Just(0), 1 => 0..1_200u64, 1 => Just(30_000)],
        prop_oneof![2 => Just(1_000_000_000u64), 1 => Just(0), 1 => Just(2_000_000)],
        prop_oneof![9 => Just(0u32), 1 => Just(5_000)],
    );
    let timeouts = (
        prop_oneof![2 => Just(1_000u64), 1 => 1..40u64],
        prop_oneof![2 => Just(5_000u64), 1 => 1..40u64],
        prop_oneof![2 => Just(60_000u64), 1 => 10..2_000u64],
        proptest::bool::weighted(0.3),
    );
    let farm = (hosts, proptest::bool::weighted(0.85), prop_oneof![1 => 2..16u64, 2 => Just(512)], any::<u64>());
    let running = (prop_oneof![2 => Just(1u32), 1 => Just(2)], prop_oneof![2 => Just(0u64), 1 => 1..3_000u64]);
    let story = (farm, links, timeouts, running, proptest::collection::vec(step(), 1..20)).prop_map(
        |(
            (hosts, bound, entries, seed),
            (latency_us, jitter_us, bandwidth_bps, loss_ppm),
            (elect_ms, declare_ms, keep_alive_ms, start_election),
            (threads, boot_ms),
            steps,
        )| Story {
            hosts,
            bound,
            entries,
            seed,
            latency_us,
            jitter_us,
            bandwidth_bps,
            loss_ppm,
            elect_ms,
            declare_ms,
            keep_alive_ms,
            start_election,
            threads,
            boot_ms,
            steps,
        },
    );
    (story, any::<bool>()).prop_map(|(story, plain)| if plain { story.in_a_plain_farm() } else { story })
}

impl Story {
    /// The same where little is odd: there most of a storm goes the short cut.
    fn in_a_plain_farm(self) -> Story {
        let jitter_us = self.jitter_us.min(500);
        let (bound, entries, loss_ppm, boot_ms, start_election) = (true, 512, 0, 0, false);
        let (latency_us, elect_ms, declare_ms) = (300, 1_000, 5_000);
        let keep_alive_ms = self.keep_alive_ms.max(500);
        Story {
            bound,
            entries,
            loss_ppm,
            boot_ms,
            start_election,
            latency_us,
            jitter_us,
            elect_ms,
            declare_ms,
            keep_alive_ms,
            ..self
        }
    }

    pub fn plan(&self) -> Plan {
        let records = self.hosts.iter().zip(1..).map(|(&(zone, preference, session_only), id)| {
            let id = HostId::new(id).expect("from 1");
            let mut record = HostRecord::new(&format!("H{id}"), format!("Z{zone}").into(), id);
            record.preference = Preference::ALL[preference];
            record.session_only = session_only;
            record
        });
        let entries = if self.bound { self.entries + self.hosts.len() as u64 - 2 } else { self.entries };
        let mut plan = plan(2, 1, &[]);
        plan.directory = Arc::new(Directory::new(records.collect()).expect("distinct names and ids"));
        plan.settings = settings(&[
            ("MaxHostAddressCacheEntries", entries),
            ("ElectMasterTimeout", self.elect_ms),
            ("DeclareMasterTimeout", self.declare_ms),
            ("KeepAliveInterval", self.keep_alive_ms),
            ("KeepAliveTimeout", (self.keep_alive_ms / 4).max(1)),
            ("StartElection", self.start_election.into()),
        ]);
        plan.traced = Vec::new();
        plan.seed = self.seed;
        plan.bound = self.bound;
        plan.threads = self.threads;
        plan.inside.latency = Span::from_micros(self.latency_us);
        plan.inside.jitter = Span::from_micros(self.jitter_us);
        plan.inside.bandwidth_bps = self.bandwidth_bps;
        plan.inside.loss_ppm = self.loss_ppm;
        plan
    }

    /// Whether elections may follow one another without end, since answers take longer than hosts wait for them.
    fn is_restless(&self) -> bool {
        self.elect_ms.min(self.declare_ms).min(self.keep_alive_ms) * 1_000 < 5 * (self.latency_us + self.jitter_us)
    }

    pub fn take(&self, farm: &mut Farm, step: &Step) {
        let hosts = farm.directory().len() as u32;
        let side = |mask: u64| (0..hosts).filter(|host| mask >> (host % 64) & 1 == 1).collect::<Vec<u32>>();
        match *step {
            Step::Wait { ns, piece_ns, max_events } => {
                let until = farm.now() + Span(if self.is_restless() { ns.min(60_000_000) } else { ns });
                while farm.now() < until {
                    let stop = until.min(farm.now() + Span(piece_ns));
                    while farm.advance(stop, u32::MAX, max_events) != Pace::Arrived {}
                }
            }
            Step::Start(host) => farm.start(&[host % hosts], Span::from_millis(1)),
            // Whoever is the collector.
            Step::Crash(u32::MAX) => farm.crash(&farm.chronicle().agreed(0).into_iter().collect::<Vec<u32>>()),
            Step::Crash(host) => farm.crash(&[host % hosts]),
            Step::Restart(host) => farm.restart(&[host % hosts]),
            Step::Stop(host) => farm.stop(&[host % hosts]),
            Step::Pause(host) => farm.pause(&[host % hosts]),
            Step::Resume(host) => farm.resume(&[host % hosts]),
            Step::Elect(place) => {
                let order = farm.directory().zone_hosts(farm.directory().zone(HostIndex(place % hosts)));
                let HostIndex(host) = order[place as usize % order.len()];
                farm.elect(host);
            }
            Step::Cut(from, to, both) => {
                farm.cut(&side(from), &side(to), both);
            }
            Step::Heal => assert!(farm.heal(None)),
            Step::Logon(host) => {
                farm.logon(host % hosts, host, 0);
            }
        }
    }
}

/// What can be seen of one host.
type Face = (Totals, Standing, Option<HostIndex>, Vec<HostIndex>);

/// All that can be seen of a farm.
#[derive(Debug, PartialEq)]
struct View {
    now: Time,
    digest: Digest,
    events: u64,
    tallies: Vec<(Kind, Tally)>,
    in_flight: [Count; Kind::COUNT],
    totals: Totals,
    hosts: Vec<Face>,
    elections: Vec<String>,
    told: Vec<FarmEvent>,
}

fn view(farm: &mut Farm) -> View {
    let host = |host: u32| {
        let inner = farm.host(host).0;
        (farm.host_totals(host), farm.standing(host), inner.master(), inner.peers_by_use().collect())
    };
    let ledger = farm.ledger();
    View {
        now: farm.now(),
        digest: farm.digest(),
        events: farm.event_count(),
        tallies: Kind::ALL.into_iter().map(|kind| (kind, ledger.total(kind))).collect(),
        in_flight: farm.in_flight(),
        totals: farm.totals(None),
        hosts: all(farm).into_iter().map(host).collect(),
        elections: farm.chronicle().elections().iter().map(|election| format!("{election:?}")).collect(),
        told: farm.take_events(),
    }
}

/// A zone that begins bound, once its collector has crashed and the lowest-ranked host has begun an election; and one after
/// the other, what is to be seen on the way and at the end.
fn storm(hosts: u32, threads: u32, exact_queue: bool) -> (Farm, Vec<View>) {
    let mut plan = plan(hosts, 1, &[("MaxHostAddressCacheEntries", hosts.into())]);
    (plan.bound, plan.threads, plan.exact_queue) = (true, threads, exact_queue);
    plan.traced.clear();
    let mut farm = Farm::new(plan);
    farm.keep_events(u32::MAX);
    farm.start(&all(&farm), Span::ZERO);
    run(&mut farm, Span::from_secs(5));
    let order = farm.directory().zone_hosts(ZoneIndex(0)).to_vec();
    farm.crash(&[order[order.len() - 1].0]);
    farm.elect(order[0].0);
    let stops = [350_000, 500_000, 650_000, 800_000, 900_000, 1_000_000, 1_500_000, 1_200_000_000];
    let begin = farm.now();
    let views = stops.map(|stop| {
        let until = begin + Span(stop);
        while farm.advance(until, u32::MAX, u64::MAX) != Pace::Arrived {}
        view(&mut farm)
    });
    (farm, views.into())
}

/// The storm of n hosts that are all bound: n(n-1)/2 ELECT_MASTERs, (n-1)(n-2)/2 answers and n-1 declarations, nearly all
/// of which never are events; and at every moment all is as if they were.
#[test]
fn a_storm_is_settled_and_nothing_is_different() {
    const HOSTS: u64 = 300;
    let (exact, exact_views) = storm(HOSTS as u32, 1, true);
    assert_eq!(exact.settled_count(), 0);
    for threads in [1, 2, 5] {
        let (short, short_views) = storm(HOSTS as u32, threads, false);
        for (one, other) in short_views.iter().zip(&exact_views) {
            assert_eq!(one, other, "{threads} threads");
        }
        assert!(short.settled_count() > 9 * HOSTS * HOSTS / 10, "{}", short.settled_count());
        assert_eq!(short.check_conservation(), [""; 0]);
    }
    let ledger = exact.ledger();
    let sent = |kind| ledger.total(kind).sent.messages;
    assert_eq!(sent(Kind::ElectMaster), HOSTS * (HOSTS - 1) / 2);
    assert_eq!(sent(Kind::ElectMasterAck), (HOSTS - 1) * (HOSTS - 2) / 2);
    assert_eq!(exact.chronicle().agreed(0), Some(HOSTS as u32 - 1));
}

fn cases(cases: u32) -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if config.cases == 256 {
        config.cases = cases;
    }
    config
}

proptest! {
    #![proptest_config(cases(80))]

    /// The same history, counts, times and caches after every step, with short cuts and without.
    ///
    /// `PROPTEST_CASES=10000 cargo test --profile fast -p imafarm-emulator short_cuts` looks longer.
    #[test]
    fn short_cuts_change_nothing(story in story()) {
        let mut farms = [false, true].map(|exact_queue| Farm::new(Plan { exact_queue, ..story.plan() }));
        for farm in &mut farms {
            farm.keep_events(u32::MAX);
            farm.start(&all(farm), Span::from_millis(story.boot_ms));
        }
        let settle = Step::Wait { ns: 8_000_000_000, piece_ns: u64::MAX, max_events: u64::MAX };
        for (number, step) in [&settle].into_iter().chain(&story.steps).enumerate() {
            let [short, exact] = &mut farms;
            story.take(short, step);
            story.take(exact, step);
            let (short_view, exact_view) = (view(short), view(exact));
            prop_assert_eq!(&short_view, &exact_view, "step {}: {:?}", number, step);
            prop_assert_eq!(short.check_conservation(), [""; 0]);
        }
    }
}
