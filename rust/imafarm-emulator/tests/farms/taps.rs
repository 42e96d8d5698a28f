//! What a tap records: the same whatever else the farm is spared, and all that tapped hosts put on the wire.

use std::collections::BTreeMap;

use imafarm_emulator::farm::{Farm, Plan};
use imafarm_emulator::tap::{Act, Packet, TapPlan};
use imafarm_proto::message::{Kind, Message};
use imafarm_proto::time::{Span, Time};
use imafarm_proto::transport::{Framer, Limits};
use imafarm_records::digest::Digest;
use imafarm_records::ledger::Count;
use imafarm_records::{Commanded, Observed};
use proptest::prelude::*;

use crate::bench::{all, booted, plan, run};
use crate::short_cuts::{Step, Story, story};

/// All that happens at all hosts.
fn everything() -> TapPlan {
    TapPlan { hosts: None, kinds: None, since: Time::ZERO, until: Time::NEVER, limit_bytes: 1 << 30 }
}

/// What was recorded: each packet with its message's bytes; and who called, by connection.
#[derive(Debug, PartialEq)]
struct Tape {
    packets: Vec<(Packet, Vec<u8>)>,
    callers: Vec<u32>,
    stopped: Option<Time>,
}

fn tape(farm: &mut Farm) -> Tape {
    let taped = farm.taped().expect("a tap");
    let packets = taped.packets().iter().map(|packet| (*packet, taped.message(packet).to_vec()));
    Tape { packets: packets.collect(), callers: taped.callers().to_vec(), stopped: taped.stopped() }
}

/// Plays a story to its end, and an instant more.
fn played(story: &Story, plan: Plan, piece: Option<Span>) -> Farm {
    let mut farm = Farm::new(plan);
    farm.start(&all(&farm), Span::from_millis(1));
    let last = Step::Wait { ns: 1, piece_ns: 1, max_events: u64::MAX };
    for step in story.steps.iter().chain([&last]) {
        let mut step = step.clone();
        if let (Step::Wait { ns, piece_ns, .. }, Some(piece)) = (&mut step, piece) {
            *piece_ns = piece.0.max(*ns / 200 + 1);
        }
        story.take(&mut farm, &step);
    }
    farm
}

fn sent(farm: &Farm) -> BTreeMap<Kind, (u64, u64)> {
    let ledger = farm.ledger();
    let count = |kind: Kind| {
        let Count { messages, bytes } = ledger.total(kind).sent;
        (messages > 0).then_some((kind, (messages, bytes)))
    };
    Kind::ALL.into_iter().filter_map(count).collect()
}

fn counted(tape: &Tape) -> BTreeMap<Kind, (u64, u64)> {
    let mut counts: BTreeMap<Kind, (u64, u64)> = BTreeMap::new();
    for (packet, bytes) in &tape.packets {
        assert_eq!(packet.bytes as usize, bytes.len());
        if let Some(kind) = packet.kind {
            let count = counts.entry(kind).or_default();
            *count = (count.0 + 1, count.1 + bytes.len() as u64);
        }
    }
    counts
}

/// What can be said of every connection of a tape on which nothing is missing.
fn check_connections(tape: &Tape, bound: bool) -> Result<(), TestCaseError> {
    let mut by_number: BTreeMap<u32, Vec<&Packet>> = BTreeMap::new();
    for (packet, _) in &tape.packets {
        by_number.entry(packet.connection).or_default().push(packet);
    }
    for (number, packets) in by_number {
        let (first, caller) = (packets[0], tape.callers[number as usize]);
        let pair = |packet: &Packet| (packet.source.min(packet.target), packet.source.max(packet.target));
        prop_assert!(
            packets.iter().all(|packet| pair(packet) == pair(first)),
            "one connection, two hosts: {packets:?}"
        );
        let called = first.act == Act::Connect;
        prop_assert!(called || bound, "nobody called: {packets:?}");
        if !called {
            continue;
        }
        prop_assert_eq!(caller, first.source);
        let (mut accepted, mut closed) = (false, [false; 2]);
        for packet in &packets[1..] {
            let by_caller = packet.source == caller;
            match packet.act {
                Act::Connect => prop_assert!(false, "called twice: {packets:?}"),
                Act::Accept => {
                    prop_assert!(!by_caller && !accepted, "{packets:?}");
                    accepted = true;
                }
                Act::Message => {
                    prop_assert!(accepted && !closed[usize::from(by_caller)], "{packets:?}");
                }
                Act::Finish => {
                    prop_assert!(accepted && !closed[usize::from(by_caller)], "{packets:?}");
                    closed[usize::from(by_caller)] = true;
                }
                Act::Refused => prop_assert!(!by_caller && !accepted, "{packets:?}"),
                Act::Broken => {}
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// With all hosts tapped there is every message that was sent, once, and every connection from its beginning; whatever
    /// short cuts are left, however many threads work and wherever they stop.
    #[test]
    fn a_tap_of_all_hosts_has_all_that_was_sent(story in story(), piece in 50_000..3_000_000u64) {
        let digest = played(&story, story.plan(), None).digest();
        let tapped = Plan { tap: Some(everything()), ..story.plan() };
        let mut farm = played(&story, tapped.clone(), None);
        prop_assert_eq!(farm.digest(), digest);
        let own = tape(&mut farm);
        prop_assert_eq!(counted(&own), sent(&farm));
        prop_assert!(own.packets.is_sorted_by_key(|(packet, _)| packet.time));
        check_connections(&own, story.bound)?;
        for (threads, exact_queue) in [(1, true), (3, false)] {
            let mut other = played(&story, Plan { threads, exact_queue, ..tapped.clone() }, Some(Span(piece)));
            prop_assert_eq!(other.digest(), digest);
            prop_assert_eq!(&tape(&mut other), &own);
        }
    }

    /// With some hosts tapped there is all that they send, as with all hosts; and all that is delivered to them from others.
    #[test]
    fn a_tap_of_some_hosts_has_what_they_send_and_what_comes_to_them(
        story in story(),
        mask in any::<u64>().prop_map(|mask| mask & mask.rotate_left(7)),
        piece in 50_000..3_000_000u64,
    ) {
        let hosts = story.plan().directory.len() as u32;
        let named: Vec<u32> = (0..hosts).filter(|host| mask >> (host % 64) & 1 == 1).collect();
        let is_tapped = |host: u32| named.contains(&host);
        let some = TapPlan { hosts: Some(named.clone()), ..everything() };
        let digest = played(&story, story.plan(), None).digest();
        let mut farm = played(&story, Plan { tap: Some(some.clone()), ..story.plan() }, None);
        prop_assert_eq!(farm.digest(), digest);
        let own = tape(&mut farm);
        let mut other = played(&story, Plan { tap: Some(some), threads: 2, exact_queue: true, ..story.plan() }, Some(Span(piece)));
        prop_assert_eq!(&tape(&mut other), &own);

        let traced = Plan { tap: Some(everything()), traced: Kind::ALL.to_vec(), ..story.plan() };
        let mut farm = played(&story, traced, None);
        let whole = tape(&mut farm);
        let said = |packet: &Packet| (packet.time, packet.source, packet.target, packet.kind, packet.bytes);
        // Silence is told by no one, and so by whoever finds out: that has no place here.
        let by_tapped = |tape: &Tape| {
            let packets = tape.packets.iter().filter(|(packet, _)| is_tapped(packet.source));
            packets.map(|(packet, bytes)| (said(packet), packet.act, bytes.clone())).collect::<Vec<_>>()
        };
        prop_assert_eq!(by_tapped(&own), by_tapped(&whole));
        let mut come: BTreeMap<_, i64> = BTreeMap::new();
        for (packet, _) in own.packets.iter().filter(|(packet, _)| !is_tapped(packet.source) && packet.kind.is_some()) {
            prop_assert!(is_tapped(packet.target));
            *come.entry(said(packet)).or_default() += 1;
        }
        for record in farm.trace().iter().filter(|record| !is_tapped(record.source) && is_tapped(record.target)) {
            let said = (record.time, record.source, record.target, Some(record.kind), record.bytes);
            *come.entry(said).or_default() -= 1;
        }
        prop_assert!(come.values().all(|&more| more >= 0), "delivered, and not recorded: {come:?}");
    }
}

/// A zone whose collector crashes and which elects another, tapped so; after half an hour of farm time.
fn failover(tap: TapPlan) -> Farm {
    let mut farm = Farm::new(Plan { tap: Some(tap), ..plan(20, 1, &[]) });
    farm.start(&all(&farm), Span::from_secs(1));
    run(&mut farm, Span::from_secs(120));
    farm.crash(&[0]);
    run(&mut farm, Span::from_secs(120));
    farm.start(&[0], Span::ZERO);
    run(&mut farm, Span::from_secs(300));
    farm
}

#[test]
fn every_message_is_there_byte_by_byte() {
    let mut farm = failover(everything());
    let mut framer = Framer::new(Limits::default());
    for (packet, bytes) in tape(&mut farm).packets.iter().filter(|(packet, _)| packet.act == Act::Message) {
        let message = framer.pull(&mut bytes.as_slice()).expect("a frame").expect("the whole of it");
        assert_eq!(Some(message.kind()), packet.kind);
        if let Message::BindRequest { host, .. } | Message::BindResponse { host, .. } = message {
            assert_eq!(host, farm.directory().id(imafarm_proto::host_record::HostIndex(packet.source)));
        }
    }
}

/// At one host an answer comes a way to the other and back after its question.
#[test]
fn one_host_sees_answers_when_they_come() {
    let mut farm = failover(TapPlan { hosts: Some(vec![7]), ..everything() });
    let tape = tape(&mut farm);
    let of =
        |kind: Kind| tape.packets.iter().filter(move |(packet, _)| packet.kind == Some(kind)).map(|(packet, _)| packet);
    let mut answered = 0;
    for question in of(Kind::Heartbeat).filter(|packet| packet.source == 7) {
        let answer = of(Kind::HeartbeatAck)
            .find(|packet| packet.source == question.target && packet.time > question.time)
            .map(|packet| packet.time - question.time);
        if let Some(took) = answer {
            assert!((Span(600_000)..Span(900_000)).contains(&took), "two ways inside a zone: {took:?}");
            answered += 1;
        }
    }
    assert!(answered > 2);
}

/// Nobody answers a call to a dead machine; whoever called gives up.
#[test]
fn calls_that_nobody_answers_are_there() {
    assert!(booted(3, &[]).taped().is_none(), "no host is tapped");
    let mut farm = failover(everything());
    let tape = tape(&mut farm);
    let dead = |packet: &&Packet| packet.target == 0 && packet.act == Act::Connect;
    let crashed = Time::ZERO + Span::from_secs(120)..Time::ZERO + Span::from_secs(240);
    let unanswered = tape.packets.iter().map(|(packet, _)| packet).filter(|packet| crashed.contains(&packet.time));
    let numbers: Vec<u32> = unanswered.filter(dead).map(|packet| packet.connection).collect();
    assert!(!numbers.is_empty());
    for number in numbers {
        let acts: Vec<Act> = tape
            .packets
            .iter()
            .filter(|(packet, _)| packet.connection == number)
            .map(|(packet, _)| packet.act)
            .collect();
        assert_eq!(acts, [Act::Connect, Act::Broken]);
    }
}

#[test]
fn kinds_and_times_are_kept_to() {
    let whole = tape(&mut failover(everything()));
    let (since, until) = (Time::ZERO + Span::from_secs(100), Time::ZERO + Span::from_secs(200));
    let kinds = vec![Kind::ElectMaster, Kind::Heartbeat];
    let part = tape(&mut failover(TapPlan { kinds: Some(kinds.clone()), since, until, ..everything() }));
    let said =
        |(packet, bytes): &(Packet, Vec<u8>)| (packet.time, packet.source, packet.target, packet.act, bytes.clone());
    let wanted = whole.packets.iter().filter(|(packet, _)| {
        (since..until).contains(&packet.time) && packet.kind.is_none_or(|kind| kinds.contains(&kind))
    });
    assert_eq!(part.packets.iter().map(said).collect::<Vec<_>>(), wanted.map(said).collect::<Vec<_>>());
    assert!(part.packets.iter().any(|(packet, _)| packet.kind == Some(Kind::ElectMaster)));
}

/// Both ends of a connection that was there before have one number, whoever of them speaks first.
#[test]
fn connections_that_stood_before_are_one_each() {
    let since = Time::ZERO + Span::from_secs(60);
    let tape = tape(&mut failover(TapPlan { since, ..everything() }));
    let before = tape.packets.iter().map(|(packet, _)| packet.connection).max().expect("some");
    let mut pairs: BTreeMap<u32, (bool, bool)> = BTreeMap::new();
    for (packet, _) in tape.packets.iter().filter(|(packet, _)| packet.time < since + Span::from_secs(60)) {
        assert_ne!(packet.act, Act::Connect, "the zone is at rest");
        let own = pairs.entry(packet.connection).or_default();
        if packet.source == 0 { own.0 = true } else { own.1 = true }
    }
    assert_eq!(pairs.len(), 19, "each member has one to the collector");
    assert!(
        pairs.values().all(|&(collector, member)| collector && member),
        "heartbeats go one way, their answers back"
    );
    let whole = self::tape(&mut failover(everything()));
    let caller = |tape: &Tape, member: u32, after: Time| {
        let of_pair =
            |packet: &Packet| packet.source.min(packet.target) == 0 && packet.source.max(packet.target) == member;
        let packet =
            tape.packets.iter().map(|(packet, _)| packet).find(|packet| packet.time >= after && of_pair(packet));
        packet.map(|packet| tape.callers[packet.connection as usize])
    };
    for member in 1..20 {
        assert_eq!(caller(&tape, member, since), caller(&whole, member, since), "who called is known all the same");
    }
    assert!(before >= 19);
}

#[test]
fn beyond_its_limit_a_tap_stops_and_says_when() {
    let whole = tape(&mut failover(everything()));
    let limit_bytes = 20_000;
    let mut farm = failover(TapPlan { limit_bytes, ..everything() });
    let part = tape(&mut farm);
    let stopped = part.stopped.expect("more than so few bytes hold");
    assert_eq!(part.packets[..], whole.packets[..part.packets.len()]);
    let (next, message) = &whole.packets[part.packets.len()];
    assert_eq!(next.time, stopped);
    let taped = farm.taped().expect("a tap");
    assert!(taped.held_bytes() <= limit_bytes && taped.held_bytes() + 100 + message.len() as u64 > limit_bytes);
    assert_eq!(whole.stopped, None);
}

/// The digest that a farm comes to, for those who want to see that nothing here changes it.
#[test]
fn looking_changes_nothing() {
    let digest = |tap: Option<TapPlan>| -> Digest {
        let mut farm = Farm::new(Plan { tap, ..plan(20, 1, &[]) });
        farm.start(&all(&farm), Span::from_secs(1));
        for _ in 0..40 {
            run(&mut farm, Span(777_777_777));
            farm.taped();
        }
        farm.digest()
    };
    assert_eq!(digest(None), digest(Some(everything())));
}
