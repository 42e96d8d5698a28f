//! IMA Information on bindings, and the connection cache, one host at a time. What breaks a binding is in `adversary`.

use imafarm_proto::host_record::HostIndex;
use imafarm_proto::host_resolver::EntryIndex;
use imafarm_proto::input::{Call, Ending, Input};
use imafarm_proto::message::Message;
use imafarm_proto::outbox::{Notice, Verb};
use imafarm_proto::settings::{SETTINGS, Settings};
use imafarm_proto::time::Span;

use crate::by_hand::{ByHand, MAGIC, equals, id, messages, notices, opened, settings};

const ONLINE_ELECTS: (&str, u64) = ("StartElection", 1);

/// "Connection State Information": outgoing, CONNECTING, WAIT_BIND_REQUEST, WAIT_BIND_COMMIT, ACTIVE; what waits goes
/// out once it is active, not before.
#[test]
fn an_outgoing_binding_answers_a_request_and_waits_for_the_commit() {
    let mut host = ByHand::new(0, &equals(2), settings(&[ONLINE_ELECTS]));
    let (entry, to) = opened(&host.input(Input::Start))[0];
    assert_eq!(to, 1);
    assert_eq!(host.input(Input::Connected(entry)), [], "the acceptor speaks first");
    let verbs = host.receive(entry, Message::BindRequest { magic: MAGIC, host: id(2) });
    assert_eq!(verbs, [Verb::Send(entry, Message::BindResponse { magic: MAGIC, host: id(1) })]);
    assert_eq!(host.host.active_bindings(), 0);
    assert_eq!(host.receive(entry, Message::BindCommit), [Verb::Send(entry, Message::ElectMaster { round: 1 })]);
    assert_eq!(host.host.active_bindings(), 1);
}

/// "Connection State Information": incoming, CONNECTING, WAIT_BIND_RESPONSE, ACTIVE.
#[test]
fn an_incoming_binding_requests_and_commits_on_the_response() {
    let (mut host, _) = ByHand::member_of(3, 1, &equals(4), settings(&[]));
    let verbs = host.try_call();
    let [Verb::Accept { call: Call(_), entry }, Verb::Send(on, request)] = &verbs[..] else { panic!("{verbs:?}") };
    assert_eq!((on, request), (entry, &Message::BindRequest { magic: MAGIC, host: id(2) }));
    let active = host.host.active_bindings();
    let verbs = host.receive(*entry, Message::BindResponse { magic: MAGIC, host: id(1) });
    assert_eq!(verbs, [Verb::Send(*entry, Message::BindCommit)]);
    assert_eq!(host.host.active_bindings(), active + 1);
}

/// "Mapping connections": a message needs a binding with its host, and uses the one there is, whoever opened it.
#[test]
fn a_binding_serves_both_directions() {
    let (mut host, entry) = ByHand::member_of(3, 1, &equals(4), settings(&[]));
    let opened_before = host.host.binding_counts().opened;
    let verbs = host.next_deadline();
    assert_eq!(verbs, [Verb::Send(entry, Message::Heartbeat { seq: 1 })], "over the one the collector opened");
    assert_eq!(host.host.binding_counts().opened, opened_before);
}

/// "How many connections": 512 unless `MaxHostAddressCacheEntries` says otherwise.
#[test]
fn a_host_keeps_512_open_bindings_under_the_registrys_name() {
    let spec = SETTINGS.iter().find(|spec| spec.name == "MaxHostAddressCacheEntries").expect("a setting");
    assert_eq!((spec.default, spec.unit), (512, "entries"));
    let mut host = ByHand::master(600, &equals(601), settings(&[]));
    for peer in 0..600 {
        host.called_by(peer);
        assert_eq!(host.host.active_bindings(), (peer + 1).min(Settings::default().max_host_address_cache_entries));
    }
    assert_eq!(host.host.binding_counts().evicted, 600 - 512);
    let kept: Vec<u32> = host.host.peers_by_use().map(|peer| peer.0).collect();
    assert_eq!(kept, (88..600).collect::<Vec<u32>>());
}

/// "How many connections": one more tears down the one least recently used, in good order, and it can be set up again.
#[test]
fn the_least_recently_used_binding_is_torn_down_and_can_be_set_up_again() {
    let mut host = ByHand::master(4, &equals(5), settings(&[("MaxHostAddressCacheEntries", 3)]));
    let [first, second, third] = [0, 1, 2].map(|peer| host.called_by(peer).0);
    assert_eq!(
        messages(&host.receive(first, Message::Heartbeat { seq: 0 })),
        [Message::HeartbeatAck { collector: true }]
    );
    let verbs = host.try_call();
    assert_eq!(verbs[0], Verb::Close(second), "the first was used since");
    assert!(matches!(verbs[1], Verb::Accept { .. }));
    let kept: Vec<HostIndex> = host.host.peers_by_use().collect();
    assert_eq!(kept, [HostIndex(2), HostIndex(0)]);
    assert_eq!(host.input(Input::Closed(second, Ending::Finished)), []);
    let (again, _) = host.called_by(1);
    assert_ne!(again, third);
    assert!(host.host.peers_by_use().any(|peer| peer == HostIndex(1)));
}

/// A binding in progress counts, and is never the victim: a caller waits its turn, and is served when there is room.
#[test]
fn a_caller_waits_while_all_entries_are_in_progress() {
    let mut host = ByHand::master(4, &equals(5), settings(&[("MaxHostAddressCacheEntries", 2)]));
    let (first, _) = (host.call(), host.call());
    assert_eq!(host.try_call(), [], "neither answered nor turned away");
    let verbs = host.receive(first, Message::BindResponse { magic: MAGIC, host: id(1) });
    assert_eq!(verbs[..2], [Verb::Send(first, Message::BindCommit), Verb::Close(first)]);
    assert!(matches!(verbs[2], Verb::Accept { call: Call(3), .. }), "{verbs:?}");
}

/// A fan-out goes out in waves: never more in progress than allowed, and everyone is reached in the end.
#[test]
fn a_fan_out_goes_out_in_waves() {
    let turned = [ONLINE_ELECTS, ("MaxHostAddressCacheEntries", 8), ("MaxBindingsInProgress", 4)];
    let mut host = ByHand::new(0, &equals(20), settings(&turned));
    let mut wave = opened(&host.input(Input::Start));
    let mut reached = Vec::new();
    while !wave.is_empty() {
        assert!(wave.len() <= 3, "one of four is kept for callers");
        let mut next = Vec::new();
        for (entry, to) in wave {
            let verbs = host.answer(entry, to);
            assert_eq!(messages(&verbs), [Message::ElectMaster { round: 1 }]);
            reached.push(to);
            next.extend(opened(&verbs));
        }
        wave = next;
    }
    assert_eq!(reached, (1..20).collect::<Vec<u32>>());
}

/// Messages for a host whose binding is in progress wait in a bounded queue.
#[test]
fn what_waits_for_a_binding_is_bounded() {
    let mut host = ByHand::master(1, &equals(2), settings(&[("MaxWaitingMessages", 1), ("KeepAliveInterval", 10)]));
    host.input(Input::Elect);
    assert_eq!(host.host.binding_counts().overflowed, 0, "the first declaration waits");
    host.input(Input::Elect);
    assert_eq!(host.host.binding_counts().overflowed, 1, "the second one is dropped");
    assert_eq!(host.answer_all().len(), 1);
}

/// A binding that is in progress for too long is given up, and its host counts as out of reach.
#[test]
fn a_binding_in_progress_is_given_up_in_time() {
    let (mut host, collector) = ByHand::member_of(3, 1, &equals(4), settings(&[("KeepAliveTimeout", 60_000)]));
    host.input(Input::Closed(collector, Ending::Broken));
    let (when, why) = host.host.next_deadline().expect("a binding is in progress");
    assert_eq!((when.since(host.now), why), (Span::from_secs(5), "a binding is in progress"));
    let verbs = host.next_deadline();
    assert!(matches!(verbs[0], Verb::Abort(_)));
    assert_eq!(notices(&verbs)[0], Notice::MasterUnreachable(HostIndex(3)));
}

/// Closing is graceful, from both sides; a binding that breaks is counted, and its entry can be used again.
#[test]
fn every_ending_frees_the_entry() {
    for ending in [Ending::Finished, Ending::Broken, Ending::Refused] {
        let (mut host, collector) = ByHand::member_of(3, 1, &equals(4), settings(&[]));
        let (entry, _) = host.called_by(2);
        let closed = host.host.binding_counts().closed;
        assert_eq!(host.input(Input::Closed(entry, ending)), []);
        assert_eq!(host.host.binding_counts().closed, closed + 1);
        assert_eq!(host.call(), entry);
        assert_ne!(entry, collector);
    }
}

/// What arrives on a binding is answered on it before it can be evicted, even by a caller who waits.
#[test]
fn an_answer_goes_out_before_its_binding_is_torn_down() {
    let mut host = ByHand::master(2, &equals(3), settings(&[("MaxHostAddressCacheEntries", 2)]));
    let (entry, _) = host.called_by(0);
    let answer = host.receive(entry, Message::Heartbeat { seq: 0 });
    assert_eq!(answer, [Verb::Send(entry, Message::HeartbeatAck { collector: true })]);
    host.called_by(1);
    let verbs = host.try_call();
    assert_eq!(verbs[0], Verb::Close(entry));
    let late = host.receive(entry, Message::Heartbeat { seq: 0 });
    assert!(!late.iter().any(|verb| matches!(verb, Verb::Send(EntryIndex(at), _) if *at == entry.0)), "{late:?}");
}
