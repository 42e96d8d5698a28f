//! IMA Information on elections, statement by statement, one host at a time.

use imafarm_proto::host_record::{HostIndex, HostRecord, Preference, Rank};
use imafarm_proto::input::{Call, Ending, Input};
use imafarm_proto::message::{Kind, Message};
use imafarm_proto::outbox::{Notice, Verb};
use imafarm_proto::time::Span;
use imafarm_proto::zone::Standing;

use crate::by_hand::{ByHand, called, declare, equals, id, messages, notices, opened, ranked, settings};

const ONLINE_ELECTS: (&str, u64) = ("StartElection", 1);
const SECOND: Span = Span::from_secs(1);

/// "What server is the boss": the version decides first, then the preference, then the host id, the higher the better.
#[test]
fn rank_is_version_then_preference_then_host_id() {
    let lowest_first = [
        Rank::new(1, Preference::NotPreferred, id(9)),
        Rank::new(1, Preference::Default, id(8)),
        Rank::new(1, Preference::Preferred, id(6)),
        Rank::new(1, Preference::Preferred, id(7)),
        Rank::new(1, Preference::MostPreferred, id(2)),
        Rank::new(2, Preference::NotPreferred, id(1)),
    ];
    assert!(lowest_first.is_sorted());
}

/// The same place: "should always be 1".
#[test]
fn a_server_has_version_1_unless_somebody_says_otherwise() {
    assert_eq!(HostRecord::new("FTLDTERRYDU02", "10.22.44.0".into(), id(8022)).version, 1);
}

/// Step 1: a server that comes on-line elects, and asks each higher-ranked host of its zone, and no other.
#[test]
fn a_server_that_comes_on_line_asks_the_higher_ranked() {
    let mut host = ByHand::new(1, &equals(4), settings(&[ONLINE_ELECTS]));
    let verbs = host.input(Input::Start);
    assert_eq!(called(&verbs), [2, 3], "hosts 0, lower, and 4, of another zone, are not called");
    let sent = host.answer_all();
    assert_eq!(sent, [(2, Message::ElectMaster { round: 1 }), (3, Message::ElectMaster { round: 1 })]);
}

/// Step 1, with preferences: ranked higher means by preference before id.
#[test]
fn the_higher_ranked_are_so_by_preference_first() {
    let directory =
        ranked(&[Preference::Preferred, Preference::Default, Preference::NotPreferred, Preference::Default]);
    let mut host = ByHand::new(1, &directory, settings(&[ONLINE_ELECTS]));
    assert_eq!(called(&host.input(Input::Start)), [3, 0]);
}

/// Step 1, and CTX114843, "Farm Communication": a member that fails to contact the collector starts an election.
#[test]
fn a_member_that_cannot_reach_its_collector_elects() {
    let (mut host, entry) = ByHand::member_of(3, 1, &equals(4), settings(&[]));
    let verbs = host.input(Input::Closed(entry, Ending::Broken));
    assert_eq!(called(&verbs), [3], "is it still there?");
    let verbs = host.refuse_all();
    assert_eq!(notices(&verbs), [Notice::MasterUnreachable(HostIndex(3)), Notice::ElectionStarted]);
    assert_eq!(called(&verbs), [2, 3]);
}

/// Step 1: silence is a failure to contact, too.
#[test]
fn a_member_whose_heartbeat_is_not_answered_elects() {
    let (mut host, _) = ByHand::member_of(3, 1, &equals(4), settings(&[]));
    let verbs = host.wait(Span::from_secs(65));
    assert_eq!(messages(&verbs)[0], Message::Heartbeat { seq: 1 });
    assert_eq!(notices(&verbs)[..2], [Notice::MasterUnreachable(HostIndex(3)), Notice::ElectionStarted]);
}

/// Step 2: the receiver answers the sender, with the round it was asked in, and goes on: it asks those above itself.
#[test]
fn whoever_is_asked_answers_and_goes_on_with_the_election() {
    let (mut host, _) = ByHand::member_of(3, 1, &equals(4), settings(&[]));
    host.wait(SECOND);
    let (asker, _) = host.called_by(0);
    let verbs = host.receive(asker, Message::ElectMaster { round: 7 });
    assert_eq!(verbs[0], Verb::Send(asker, Message::ElectMasterAck { round: 7 }));
    assert_eq!(notices(&verbs), [Notice::ElectionStarted]);
    assert_eq!(host.host.standing(), Standing::Candidate);
    assert_eq!(called(&verbs), [2], "and the collector over the binding that stands");
    assert_eq!(messages(&verbs)[1], Message::ElectMaster { round: 1 });
}

/// Step 2, departure: for `ElectMasterTimeout` after an election's end a host only answers; so does it end.
#[test]
fn an_election_that_has_just_ended_is_not_begun_again() {
    let (mut host, _) = ByHand::member_of(3, 1, &equals(4), settings(&[]));
    let (asker, _) = host.called_by(0);
    host.wait(Span(SECOND.0 - 1));
    let verbs = host.receive(asker, Message::ElectMaster { round: 7 });
    assert_eq!(verbs, [Verb::Send(asker, Message::ElectMasterAck { round: 7 })]);
    assert_eq!(host.host.standing(), Standing::Member);
    host.wait(Span(1));
    host.receive(asker, Message::ElectMaster { round: 8 });
    assert_eq!(host.host.standing(), Standing::Candidate);
}

/// The same departure: the collector itself is believed at once, since it asks when it goes ("New Data Collector Election
/// Process", 1).
#[test]
fn a_collector_that_goes_right_after_its_election_is_believed() {
    let (mut host, collector) = ByHand::member_of(3, 1, &equals(4), settings(&[]));
    let verbs = host.receive(collector, Message::ElectMaster { round: 7 });
    assert_eq!(verbs[0], Verb::Send(collector, Message::ElectMasterAck { round: 7 }));
    assert_eq!(host.host.standing(), Standing::Candidate);
}

/// Step 2: a host that is in an election already answers all the same, but does not start another.
#[test]
fn whoever_is_in_an_election_only_answers() {
    let mut host = ByHand::new(1, &equals(4), settings(&[ONLINE_ELECTS]));
    let calls = host.input(Input::Start);
    let (asker, _) = host.called_by(0);
    let answer = [Verb::Send(asker, Message::ElectMasterAck { round: 5 })];
    assert_eq!(host.receive(asker, Message::ElectMaster { round: 5 }), answer, "as a candidate");
    let (entry, to) = opened(&calls)[0];
    host.answer(entry, to);
    host.receive(entry, Message::ElectMasterAck { round: 1 });
    assert_eq!(host.host.standing(), Standing::Acknowledged);
    assert_eq!(host.receive(asker, Message::ElectMaster { round: 5 }), answer, "and while it waits");
}

/// Step 2, departure: a living collector answers, and tells the sender alone that it is there.
#[test]
fn a_living_collector_answers_and_says_that_it_is_there() {
    let mut host = ByHand::master(3, &equals(4), settings(&[]));
    let (asker, _) = host.called_by(0);
    let verbs = host.receive(asker, Message::ElectMaster { round: 2 });
    assert_eq!(messages(&verbs), [Message::ElectMasterAck { round: 2 }, declare(3, 0)]);
    assert_eq!(host.host.standing(), Standing::Master);
}

/// Step 3: without any ACK a host takes itself for the highest alive, and declares itself to all others of the zone.
#[test]
fn without_an_answer_a_host_declares_itself_to_all_others() {
    let mut host = ByHand::new(1, &equals(4), settings(&[ONLINE_ELECTS]));
    host.input(Input::Start);
    assert_eq!(host.answer_all().len(), 2, "both higher ones have been asked");
    let verbs = host.wait(SECOND);
    assert_eq!(notices(&verbs), [Notice::MasterDeclared]);
    assert_eq!(messages(&verbs), [declare(1, 0), declare(1, 0)], "over the bindings that stand");
    assert_eq!(called(&verbs), [0], "and to the lower one; never to host 4, of another zone");
    assert_eq!(host.answer_all(), [(0, declare(1, 0))]);
}

/// Step 3: the highest-ranked host has nobody to ask.
#[test]
fn the_highest_host_declares_itself_at_once() {
    let mut host = ByHand::new(3, &equals(4), settings(&[ONLINE_ELECTS]));
    assert_eq!(notices(&host.input(Input::Start)), [Notice::ElectionStarted, Notice::MasterDeclared]);
}

/// Step 4: one ACK is enough to wait for another's declaration, and to follow it when it comes.
#[test]
fn one_answer_is_enough_to_wait_for_a_declaration() {
    let mut host = ByHand::new(1, &equals(4), settings(&[ONLINE_ELECTS]));
    let calls = opened(&host.input(Input::Start));
    host.answer(calls[0].0, calls[0].1);
    let verbs = host.receive(calls[0].0, Message::ElectMasterAck { round: 1 });
    assert_eq!(verbs, [Verb::Notify(Notice::ElectionAcknowledged)]);
    assert!(messages(&host.wait(SECOND)).is_empty(), "it does not declare itself any more");
    let verbs = host.receive(calls[0].0, declare(2, 0));
    assert_eq!(notices(&verbs), [Notice::MasterAccepted(HostIndex(2))]);
    assert_eq!(host.host.master(), Some(HostIndex(2)));
}

/// Step 4: an ACK of an earlier round is no answer to this one.
#[test]
fn a_stale_answer_is_no_answer() {
    let mut host = ByHand::new(1, &equals(4), settings(&[ONLINE_ELECTS]));
    let calls = opened(&host.input(Input::Start));
    host.answer(calls[0].0, calls[0].1);
    host.receive(calls[0].0, Message::ElectMasterAck { round: 0 });
    assert_eq!(host.host.standing(), Standing::Candidate);
}

/// Step 4: without a declaration in time the election begins again, and the time-out grows up to its ceiling.
#[test]
fn without_a_declaration_the_election_begins_again_with_more_patience() {
    let turned = [ONLINE_ELECTS, ("DeclareMasterTimeout", 4_000), ("ElectionTimeoutCeiling", 30_000)];
    let mut host = ByHand::new(0, &equals(2), settings(&turned));
    let mut patience = Vec::new();
    let calls = opened(&host.input(Input::Start));
    let entry = calls[0].0;
    host.answer(entry, 1);
    for round in 1..=5 {
        host.receive(entry, Message::ElectMasterAck { round });
        let since = host.now;
        let verbs = host.next_deadline();
        assert_eq!(messages(&verbs), [Message::ElectMaster { round: round + 1 }]);
        patience.push(host.now.since(since).0 / 1_000_000_000);
    }
    assert_eq!(patience, [4, 8, 16, 30, 30]);
    host.receive(entry, declare(1, 0));
    assert_eq!(host.host.standing(), Standing::Member);
}

/// "New Data Collector Election Process", 1, and CTX114843, "Farm Communication", 1: a graceful stop sets the election
/// off before the collector goes down.
#[test]
fn a_collector_that_stops_sets_the_election_off_before_it_goes() {
    let mut host = ByHand::master(3, &equals(4), settings(&[]));
    let verbs = host.input(Input::Stop);
    assert_eq!((called(&verbs), notices(&verbs)), (vec![2], vec![]), "it asks the highest of the others, and stays");
    let (entry, _) = opened(&verbs)[0];
    assert_eq!(messages(&host.answer(entry, 2)), [Message::ElectMaster { round: 2 }]);
    let verbs = host.receive(entry, Message::ElectMasterAck { round: 2 });
    assert_eq!(verbs, [Verb::Close(entry), Verb::Notify(Notice::Stopped)]);
}

/// The same place: whoever does not take over is not waited for.
#[test]
fn a_collector_that_stops_asks_the_next_when_one_is_silent() {
    let mut host = ByHand::master(3, &equals(4), settings(&[]));
    host.input(Input::Stop);
    assert_eq!(called(&host.refuse_all()), [1]);
    let verbs = host.wait(SECOND);
    assert_eq!(called(&verbs), [0]);
    let verbs = host.wait(SECOND);
    assert_eq!(notices(&verbs), [Notice::Stopped], "with nobody left it just goes");
}

/// The same place: an answer to an earlier election is not a promise to take over this one.
#[test]
fn a_collector_that_stops_does_not_go_on_a_stale_answer() {
    let mut host = ByHand::master(3, &equals(4), settings(&[]));
    let (entry, _) = host.called_by(2);
    assert_eq!(host.input(Input::Stop), [Verb::Send(entry, Message::ElectMaster { round: 2 })]);
    assert_eq!(host.receive(entry, Message::ElectMasterAck { round: 1 }), []);
    assert_eq!(host.host.standing(), Standing::Stopping);
}

/// A member that stops just goes: there is nothing to elect.
#[test]
fn a_member_that_stops_just_goes() {
    let (mut host, entry) = ByHand::member_of(3, 1, &equals(4), settings(&[]));
    assert_eq!(host.input(Input::Stop), [Verb::Close(entry), Verb::Notify(Notice::Stopped)]);
}

/// Nobody who is going down, or is down, takes part in anything.
#[test]
fn a_host_that_is_down_says_nothing() {
    let (mut host, entry) = ByHand::member_of(3, 1, &equals(4), settings(&[]));
    host.input(Input::Stop);
    for message in
        [Message::QueryMaster, Message::Heartbeat { seq: 0 }, Message::ImaPing, Message::ElectMaster { round: 1 }]
    {
        assert_eq!(host.receive(entry, message), []);
    }
    assert_eq!(host.input(Input::Incoming(Call(9))), [Verb::Refuse(Call(9))]);
}

/// "What happens if a server believes it is the new ZDC": the one that reigns stays, and tells all its members.
#[test]
fn of_two_collectors_the_incumbent_stays_and_tells_everyone() {
    let mut host = ByHand::master(1, &equals(4), settings(&[]));
    host.wait(Span::from_secs(20));
    let (newcomer, _) = host.called_by(3);
    let verbs = host.receive(newcomer, declare(3, 10));
    assert_eq!(host.host.standing(), Standing::Master);
    let told: Vec<Kind> = messages(&verbs).iter().map(Message::kind).collect();
    assert_eq!((told, called(&verbs)), (vec![Kind::DeclareMaster], vec![0, 2]));
}

/// The same place; our guess at how often: a collector that stays tells all at once, but not again with every
/// declaration it hears, only when `ElectMasterTimeout` is over. Two that are busy would else never stop.
#[test]
fn a_collector_that_stays_tells_everyone_once_in_a_while() {
    let mut host = ByHand::master(1, &equals(4), settings(&[]));
    host.wait(Span::from_secs(20));
    let (newcomer, _) = host.called_by(3);
    assert_eq!(messages(&host.receive(newcomer, declare(3, 10))), [declare(1, 20_000)]);
    host.refuse_all();
    for _ in 0..5 {
        assert_eq!(host.receive(newcomer, declare(3, 10)), []);
    }
    let verbs = host.wait(SECOND);
    assert_eq!((messages(&verbs), called(&verbs)), (vec![declare(1, 21_000)], vec![0, 2]), "once, when it is time");
    assert_eq!(host.wait(SECOND), []);
}

/// The same place: unless it is less preferred.
#[test]
fn a_less_preferred_incumbent_gives_way() {
    let directory = ranked(&[Preference::MostPreferred, Preference::Default]);
    let mut host = ByHand::master(1, &directory, settings(&[]));
    host.wait(Span::from_secs(20));
    let (newcomer, _) = host.called_by(0);
    let verbs = host.receive(newcomer, declare(0, 0));
    assert_eq!(notices(&verbs), [Notice::MasterResigned(HostIndex(0)), Notice::MasterAccepted(HostIndex(0))]);
}

/// A collector that has given way does not go on telling others that it is the collector.
#[test]
fn a_collector_that_has_given_way_declares_itself_no_more() {
    let directory = ranked(&[Preference::MostPreferred, Preference::Default, Preference::Default, Preference::Default]);
    let mut host = ByHand::new(3, &directory, settings(&[ONLINE_ELECTS, ("MaxHostAddressCacheEntries", 2)]));
    host.input(Input::Start);
    host.refuse_all();
    let declared = host.wait(SECOND);
    assert_eq!(notices(&declared), [Notice::MasterDeclared]);
    let (preferred, _) = host.called_by(0);
    host.receive(preferred, declare(0, 0));
    assert_eq!(host.host.master(), Some(HostIndex(0)));
    assert_eq!(called(&host.refuse_all()), [0; 0], "hosts that were still to be told are not");
}

/// "False winner": a member is told directly, and follows.
#[test]
fn a_member_that_is_told_of_another_collector_follows_it() {
    let (mut host, _) = ByHand::member_of(2, 0, &equals(4), settings(&[]));
    let (other, _) = host.called_by(3);
    let verbs = host.receive(other, declare(3, 500));
    assert_eq!(notices(&verbs), [Notice::MasterAccepted(HostIndex(3))]);
    assert_eq!(messages(&verbs), [Message::Heartbeat { seq: 0 }], "and reports to it at once");
}

/// Two collectors that declared themselves within a message's time of each other must not both stay: neither can know
/// which of them is older, since every reign it hears of is as old as the message.
#[test]
fn two_collectors_of_one_age_do_not_both_stay() {
    let directory = equals(2);
    for latency_ms in [0, 1, 20, 500, 2_000] {
        for apart_ms in [0, 1, 15, 400, 900, 2_500] {
            for later in [0, 1] {
                let hosts = [0, 1].map(|me| {
                    let mut host = ByHand::master(me, &directory, settings(&[]));
                    host.wait(Span::from_millis(if me == later { 10_000 } else { 10_000 + apart_ms }));
                    host
                });
                let reigns = [0, 1].map(|me| 10_000 + if me == later { 0 } else { apart_ms as u32 });
                let stays = hosts.into_iter().zip(0u32..).filter(|(host, _)| host.host.standing() == Standing::Master);
                let left = stays.filter_map(|(mut host, me)| {
                    host.wait(Span::from_millis(latency_ms));
                    let (entry, _) = host.called_by(1 - me);
                    host.receive(entry, declare(1 - me, reigns[1 - me as usize]));
                    (host.host.standing() == Standing::Master).then_some(me)
                });
                assert!(left.count() <= 1, "{latency_ms} ms of latency, {later} later by {apart_ms} ms");
            }
        }
    }
}
