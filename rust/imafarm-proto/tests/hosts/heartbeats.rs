//! IMA Information on who checks whom, and when; and on how a host finds its collector.

use imafarm_proto::host_record::{HostIndex, Preference};
use imafarm_proto::input::{Ending, Input};
use imafarm_proto::message::Message;
use imafarm_proto::outbox::{Notice, Verb};
use imafarm_proto::settings::{SETTINGS, Settings};
use imafarm_proto::time::{Span, Time};
use imafarm_proto::zone::Standing;

use crate::by_hand::{ByHand, called, equals, id, messages, notices, opened, ranked, settings};

const MINUTE: Span = Span::from_secs(60);
const TIMEOUT: Span = Span::from_secs(5);

/// "Communication Events": `KeepAliveInterval` is 60000 ms, 0xEA60, under that name.
#[test]
fn keep_alive_interval_is_a_minute_by_its_registry_name() {
    let spec = SETTINGS.iter().find(|spec| spec.name == "KeepAliveInterval").expect("a setting");
    assert_eq!((spec.default, spec.unit), (0xEA60, "ms"));
    assert_eq!(Settings::default().keep_alive_interval, MINUTE);
}

/// "Communication Events": a member checks its collector once in each interval, at a phase of its own. CTX114843,
/// "Initial Boot of a Presentation Server Farm": so a farm at rest is not silent.
#[test]
fn a_member_checks_its_collector_once_a_minute() {
    let (mut host, entry) = ByHand::member_of(3, 1, &equals(4), settings(&[]));
    let mut sent_at = Vec::new();
    while sent_at.len() < 4 {
        let verbs = host.next_deadline();
        assert_eq!(verbs, [Verb::Send(entry, Message::Heartbeat { seq: 1 })]);
        sent_at.push(host.now);
        host.receive(entry, Message::HeartbeatAck { collector: true });
    }
    assert!(sent_at[0] < Time::ZERO + MINUTE);
    assert!(sent_at.windows(2).all(|pair| pair[1].since(pair[0]) == MINUTE));
}

/// "How does the ZDC keep track": the interval is a setting.
#[test]
fn the_interval_can_be_turned() {
    let (mut host, entry) = ByHand::member_of(3, 1, &equals(4), settings(&[("KeepAliveInterval", 1_000)]));
    host.next_deadline();
    let first = host.now;
    host.receive(entry, Message::HeartbeatAck { collector: true });
    host.next_deadline();
    assert_eq!(host.now.since(first), Span::from_secs(1));
}

/// A collector answers a heartbeat on the binding it came on; whoever is none says so.
#[test]
fn a_heartbeat_is_answered_with_the_truth() {
    let mut collector = ByHand::master(3, &equals(4), settings(&[]));
    let (member, _) = collector.called_by(0);
    let answer = collector.receive(member, Message::Heartbeat { seq: 0 });
    assert_eq!(answer, [Verb::Send(member, Message::HeartbeatAck { collector: true })]);
    let (mut other, _) = ByHand::member_of(3, 1, &equals(4), settings(&[]));
    let (member, _) = other.called_by(0);
    let answer = other.receive(member, Message::Heartbeat { seq: 0 });
    assert_eq!(answer, [Verb::Send(member, Message::HeartbeatAck { collector: false })]);
}

/// A member whose collector says that it is none has no collector, and elects.
#[test]
fn a_collector_that_is_none_any_more_is_a_reason_to_elect() {
    let (mut host, entry) = ByHand::member_of(3, 1, &equals(4), settings(&[]));
    let verbs = host.receive(entry, Message::HeartbeatAck { collector: false });
    assert_eq!(notices(&verbs), [Notice::MasterUnreachable(HostIndex(3)), Notice::ElectionStarted]);
}

/// "How does the ZDC keep track": a member that was silent for the interval (and, our guess, as long as an answer may
/// take) is pinged, and no other; an update puts the ping off.
#[test]
fn a_silent_member_is_pinged_and_one_that_was_heard_is_not() {
    let mut host = ByHand::master(2, &equals(3), settings(&[]));
    let [silent, heard] = [0, 1].map(|peer| host.called_by(peer).0);
    let begun = host.now;
    host.now = begun + Span::from_secs(30);
    host.receive(heard, Message::Heartbeat { seq: 0 });
    host.receive(silent, Message::QueryMaster);
    let verbs = host.next_deadline();
    assert_eq!(verbs, [Verb::Send(silent, Message::ImaPing)], "a question is no update");
    assert!(host.now.since(begun) <= MINUTE + TIMEOUT);
    let verbs = host.receive(silent, Message::ImaPingAck { member: true });
    assert_eq!(verbs, []);
    let verbs = host.next_deadline();
    assert_eq!(verbs, [], "the ping was answered");
    let verbs = host.next_deadline();
    assert_eq!(verbs, [Verb::Send(heard, Message::ImaPing)]);
    assert_eq!(host.now.since(begun), Span::from_secs(30) + MINUTE + TIMEOUT);
}

/// A ping that is not answered, or cannot be delivered, makes the member lost; it is told once.
#[test]
fn a_member_that_a_ping_does_not_wake_is_lost() {
    let mut host = ByHand::master(2, &equals(3), settings(&[]));
    let (silent, _) = host.called_by(0);
    let pings = host.wait(MINUTE + TIMEOUT);
    assert_eq!((messages(&pings), called(&pings)), (vec![Message::ImaPing], vec![1]));
    assert_eq!(notices(&host.refuse_all()), [Notice::MemberLost(HostIndex(1))]);
    assert_eq!(notices(&host.wait(TIMEOUT)), [Notice::MemberLost(HostIndex(0))]);
    host.receive(silent, Message::Heartbeat { seq: 0 });
    let again = host.wait(MINUTE + TIMEOUT);
    assert_eq!(messages(&again), [Message::ImaPing], "a lost member that reports is watched as before");
}

/// "False winner": a pinged member that follows somebody else is told directly who its collector is.
#[test]
fn a_pinged_member_of_somebody_else_is_told() {
    let mut host = ByHand::master(2, &equals(3), settings(&[]));
    let (stray, _) = host.called_by(0);
    host.wait(MINUTE + TIMEOUT);
    let verbs = host.receive(stray, Message::ImaPingAck { member: false });
    assert!(matches!(messages(&verbs)[..], [Message::DeclareMaster { master, .. }] if master == id(3)));
}

/// A member tells a pinging collector whether it is its collector.
#[test]
fn a_ping_is_answered_with_whose_member_one_is() {
    let (mut host, collector) = ByHand::member_of(3, 1, &equals(4), settings(&[]));
    assert_eq!(messages(&host.receive(collector, Message::ImaPing)), [Message::ImaPingAck { member: true }]);
    let (other, _) = host.called_by(2);
    assert_eq!(messages(&host.receive(other, Message::ImaPing)), [Message::ImaPingAck { member: false }]);
}

/// A lost member is looked for again, but not continually ("How does the ZDC keep track", of a lost peer: 5 minutes,
/// `GatewayValidationInterval`): else a zone that was cut in two would keep two collectors for ever.
#[test]
fn a_lost_member_is_looked_for_again_after_a_while() {
    assert_eq!(Settings::default().gateway_validation_interval, Span::from_secs(300));
    let mut host = ByHand::master(1, &equals(2), settings(&[]));
    let (member, _) = host.called_by(0);
    host.wait(MINUTE + TIMEOUT);
    assert_eq!(notices(&host.wait(TIMEOUT)), [Notice::MemberLost(HostIndex(0))]);
    for _ in 0..3 {
        assert_eq!(host.wait(Span::from_secs(299)), [], "it is not lost twice");
        assert_eq!(host.wait(Span::from_secs(1)), [Verb::Send(member, Message::ImaPing)]);
    }
    host.receive(member, Message::ImaPingAck { member: false });
    assert_eq!(messages(&host.wait(MINUTE + TIMEOUT)), [Message::ImaPing]);
    assert_eq!(
        notices(&host.wait(TIMEOUT)),
        [Notice::MemberLost(HostIndex(0))],
        "one that came back can be lost again"
    );
}

/// Departure from step 1: a host that comes on-line asks from the top who the collector is, and joins it.
#[test]
fn a_newcomer_asks_from_the_top_and_joins_whom_it_is_told_of() {
    let mut host = ByHand::new(0, &equals(4), settings(&[]));
    assert_eq!(called(&host.input(Input::Start)), [3]);
    assert_eq!(called(&host.refuse_all()), [2, 1], "nobody there: the next ones");
    let entry = host.answer_all();
    assert_eq!(entry, [(2, Message::QueryMaster), (1, Message::QueryMaster)]);
    let (from, _) = host.called_by(3);
    let verbs = host.receive(from, Message::MasterIs { master: Some(id(2)) });
    assert_eq!(notices(&verbs), [Notice::MasterAccepted(HostIndex(1))]);
    assert_eq!(messages(&verbs), [Message::Heartbeat { seq: 0 }]);
}

/// Departure from step 1: a newcomer that outranks the collector by preference challenges it; by its id alone it does
/// not.
#[test]
fn a_newcomer_challenges_only_a_less_preferred_collector() {
    let preferences = [Preference::Default, Preference::Preferred, Preference::Default, Preference::Default];
    for (me, challenges) in [(1, true), (3, false)] {
        let mut host = ByHand::new(me, &ranked(&preferences), settings(&[]));
        host.input(Input::Start);
        let (from, _) = host.called_by(2);
        host.receive(from, Message::MasterIs { master: Some(id(1)) });
        assert_eq!(host.host.master() == Some(HostIndex(0)), !challenges);
        assert_eq!(host.host.standing() == Standing::Member, !challenges);
    }
}

/// A newcomer that nobody answers, neither with yes nor with no, stands for election in the end.
#[test]
fn silence_does_not_keep_a_newcomer_from_electing() {
    let mut host = ByHand::new(0, &equals(4), settings(&[("BindTimeout", 3_600_000)]));
    let asked = opened(&host.input(Input::Start));
    host.input(Input::Connected(asked[0].0));
    let verbs = host.wait(TIMEOUT + TIMEOUT);
    assert_eq!(called(&verbs)[..2], [2, 1], "two at once, after one");
    assert_eq!(host.host.standing(), Standing::Candidate);
    host.input(Input::Closed(asked[0].0, Ending::Broken));
    assert_eq!(host.host.standing(), Standing::Candidate, "too late to matter");
}
