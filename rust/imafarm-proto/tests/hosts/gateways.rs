//! Data collectors among themselves, statement by statement (IMA Information, "What is a Zone Data Collector", "How does the
//! ZDC keep track", "New Data Collector Election Process"; CTX114843, "Farm Communication"). How they find one another is
//! our guess.

use std::sync::Arc;

use imafarm_proto::host_record::{HostIndex, HostRecord, ZoneIndex};
use imafarm_proto::host_resolver::{Directory, EntryIndex};
use imafarm_proto::input::{Ending, Input};
use imafarm_proto::message::{Filler, Message, ServerUpdate, SessionEvent};
use imafarm_proto::outbox::{Notice, Verb};
use imafarm_proto::time::Span;

use crate::by_hand::{ByHand, called, declare, id, messages, notices, opened, said, settings};
use crate::dynamic::{
    COLLECTOR, FAR_MEMBER, MEMBER, PEER, THIRD, collector, member, met, registered, registers, session, session_ack,
    up, zones,
};

const ANNOUNCES: Message = Message::GatewayUpdate { filler: Filler(0) };
const ANSWERS: Message = Message::GatewayUpdateAck { filler: Filler(0) };

/// The peers that a collector knows.
fn peers(host: &ByHand) -> Vec<u32> {
    host.host.dynamic().peers().map(|peer| peer.0).collect()
}

/// What a collector holds of a zone, summed up.
fn sum(host: &ByHand, zone: u32) -> u32 {
    host.host.dynamic().store().expect("a collector").sum(&zones(), ZoneIndex(zone))
}

/// A message's filler is not looked at.
fn bare(messages: Vec<(u32, Message)>) -> Vec<(u32, Message)> {
    messages.into_iter().map(|(to, message)| (to, message.lengthened_to(0))).collect()
}

/// A collector that has just been elected; its calls are open.
fn elected() -> ByHand {
    let mut host = ByHand::with_dynamic(COLLECTOR, &zones(), settings(&[("StartElection", 1)]));
    host.input(Input::Start);
    assert_eq!(host.host.master(), Some(HostIndex(COLLECTOR)), "nobody is ranked higher");
    host
}

/// A new collector looks for the others from the highest rank down, and announces itself to whoever is named.
#[test]
fn a_new_collector_finds_the_others_and_announces_itself() {
    let mut host = elected();
    let asked = [(PEER, Message::QueryMaster), (THIRD, Message::QueryMaster)];
    let mut sent = host.answer_all();
    sent.retain(|(_, message)| !matches!(message, Message::DeclareMaster { .. }));
    assert_eq!(sent, asked);

    let (far, _) = host.called_by(FAR_MEMBER);
    let verbs = host.receive(far, Message::MasterIs { master: Some(id(u64::from(PEER) + 1)) });
    assert_eq!(messages(&verbs).into_iter().map(|message| message.lengthened_to(0)).collect::<Vec<_>>(), [ANNOUNCES]);
    assert_eq!(peers(&host), [] as [u32; 0], "it has not answered yet");
}

/// The same: one that is not there, or knows none, is passed over.
#[test]
fn a_host_that_is_not_there_is_passed_over() {
    let mut host = elected();
    let mut verbs = Vec::new();
    while let Some((entry, to)) = host.first_call() {
        if to == FAR_MEMBER {
            verbs = host.answer(entry, to);
            break;
        }
        host.input(Input::Closed(entry, Ending::Refused));
    }
    assert_eq!(messages(&verbs), [Message::QueryMaster], "the next lower one");
}

/// IMA Information, "New Data Collector Election Process", 4: the new collector passes on to the others what its members
/// have told it, and is told what they know.
#[test]
fn collectors_that_meet_tell_one_another_all() {
    let mut host = collector(&[]);
    let entry = registered(&mut host, MEMBER);
    for (seq, event, number) in
        [(2, SessionEvent::Connect, 1), (3, SessionEvent::Connect, 2), (4, SessionEvent::Disconnect, 1)]
    {
        host.receive(entry, session(MEMBER, seq, event, number, Some(100)));
    }
    let (far, _) = host.called_by(PEER);
    assert_eq!(said(&host.receive(far, ANNOUNCES), far), [ANSWERS, Message::FullUpdateRequest]);
    let row = |seq, event, number| session(MEMBER, seq, event, number, None);
    let all = [
        Message::FullUpdate,
        Message::ServerUpdate(Box::new(ServerUpdate { sessions: 1, disconnected: 1, ..up(MEMBER, 2, None) })),
        row(3, SessionEvent::PresentDisconnected, 1),
        row(4, SessionEvent::Present, 2),
        Message::ServerUpdate(Box::new(up(COLLECTOR, 1, None))),
    ];
    assert_eq!(said(&host.receive(far, Message::FullUpdateRequest), far), all);
    assert_eq!(
        said(&host.receive(entry, session(MEMBER, 5, SessionEvent::Logoff, 2, Some(0))), far),
        [row(5, SessionEvent::Logoff, 2)],
        "and it goes on from there"
    );
}

/// What another collector tells of its zone is held, nothing of what was held before is left, and it goes no further.
#[test]
fn what_a_peer_tells_of_its_zone_is_held_and_not_passed_on() {
    let directory = zones();
    let mut host = collector(&[]);
    let (far, third) = (met(&mut host, PEER), met(&mut host, THIRD));
    let sessions = |host: &ByHand, server: u32| {
        let server = host.host.dynamic().store().expect("a collector").server(&directory, HostIndex(server));
        server.map(|server| server.sessions.len())
    };
    for (message, answer) in [
        (registers(FAR_MEMBER, 1), Message::ServerUpdateAck { seq: 1, filler: Filler(0) }),
        (session(FAR_MEMBER, 2, SessionEvent::Present, 1, None), session_ack(2)),
    ] {
        let verbs = host.receive(far, message);
        assert_eq!((said(&verbs, far), said(&verbs, third)), (vec![answer], vec![]));
    }
    assert_eq!((sessions(&host, FAR_MEMBER), sessions(&host, PEER)), (Some(1), None));
    assert_eq!(said(&host.receive(third, Message::FullUpdate), third), []);
    assert_eq!(sessions(&host, FAR_MEMBER), Some(1), "another zone's collector has no say in it");
    host.receive(far, Message::FullUpdate);
    assert_eq!(sessions(&host, FAR_MEMBER), None);
}

/// Two that announce themselves to one another at once meet once, and each asks the other once.
#[test]
fn announcements_that_cross_make_one_meeting() {
    let mut host = elected();
    host.answer_all();
    let (far, _) = host.called_by(FAR_MEMBER);
    let verbs = host.receive(far, Message::MasterIs { master: Some(id(u64::from(PEER) + 1)) });
    let announced = verbs
        .iter()
        .find_map(|verb| if let Verb::Send(on, Message::GatewayUpdate { .. }) = verb { Some(*on) } else { None });
    let peer = announced.expect("over the binding on which it was asked");
    let verbs = host.receive(peer, ANNOUNCES);
    assert_eq!(said(&verbs, peer), [ANSWERS, Message::FullUpdateRequest]);
    assert_eq!(said(&host.receive(peer, ANSWERS), peer), [], "they have met");
    assert_eq!(peers(&host), [PEER]);
}

/// An answer that comes when another collector has been met is too late; one that comes while nobody is known is not.
#[test]
fn a_late_answer_drives_no_collector_out() {
    let mut host = collector(&[]);
    met(&mut host, PEER);
    let (late, _) = host.called_by(FAR_MEMBER);
    assert_eq!(host.receive(late, ANSWERS), []);
    assert_eq!(peers(&host), [PEER]);

    let mut host = collector(&[]);
    let (late, _) = host.called_by(PEER);
    assert_eq!(said(&host.receive(late, ANSWERS), late), [Message::FullUpdateRequest]);
    assert_eq!(peers(&host), [PEER]);
}

/// A new collector of another zone takes the place of the old one, which is not heard any more.
#[test]
fn another_zones_new_collector_takes_the_old_ones_place() {
    let mut host = collector(&[]);
    let old = met(&mut host, PEER);
    let new = met(&mut host, FAR_MEMBER);
    assert_eq!(peers(&host), [FAR_MEMBER]);
    assert_eq!(host.receive(old, registers(PEER, 1)), []);
    assert_eq!(host.receive(old, Message::FullUpdateRequest), [], "nor told anything");
    assert_eq!(messages(&host.receive(new, registers(PEER, 1))).len(), 1);
}

/// Healthy collectors ping one another each minute (`PeerPingInterval`), and sum up what they hold of their own zone. One
/// that holds something else of it asks for all.
#[test]
fn a_ping_with_another_sum_makes_a_collector_ask_for_all() {
    let mut host = collector(&[]);
    let far = met(&mut host, PEER);
    host.receive(far, registers(PEER, 1));
    let right = sum(&host, 1);
    host.receive(far, session(PEER, 2, SessionEvent::Connect, 1, None));
    assert_ne!(sum(&host, 1), right);
    for (told, answer) in [
        (sum(&host, 1), vec![Message::PeerPingAck]),
        (right, vec![Message::PeerPingAck, Message::FullUpdateRequest]),
        (sum(&host, 0), vec![Message::PeerPingAck, Message::FullUpdateRequest]),
        (sum(&host, 1), vec![Message::PeerPingAck]),
    ] {
        assert_eq!(said(&host.receive(far, Message::PeerPing { sum: told }), far), answer);
    }
}

/// The question for all may itself be lost, and the answer: the next ping makes either good.
#[test]
fn a_ping_makes_a_lost_question_good() {
    let mut host = collector(&[]);
    let (far, _) = host.called_by(PEER);
    assert_eq!(said(&host.receive(far, ANNOUNCES), far), [ANSWERS, Message::FullUpdateRequest]);
    let of_a_server = 0x5EED;
    let verbs = host.receive(far, Message::PeerPing { sum: of_a_server });
    assert_eq!(said(&verbs, far), [Message::PeerPingAck, Message::FullUpdateRequest], "nothing has come yet");
}

/// Two that hold the same of a zone come to the same sum, whether they heard of it by event or all at once.
#[test]
fn a_collectors_ping_sums_up_what_it_has_told() {
    let mut host = collector(&[("KeepAliveInterval", 3_600_000)]);
    let (entry, far) = (registered(&mut host, MEMBER), met(&mut host, PEER));
    host.receive(entry, session(MEMBER, 2, SessionEvent::Connect, 1, Some(100)));
    host.receive(entry, session(MEMBER, 3, SessionEvent::Disconnect, 1, Some(100)));
    let all = said(&host.receive(far, Message::FullUpdateRequest), far);
    let mut other = ByHand::with_dynamic(PEER, &zones(), settings(&[])).reigning();
    let entry = met(&mut other, COLLECTOR);
    all.into_iter().for_each(|message| drop(other.receive(entry, message)));
    assert_eq!(sum(&other, 0), sum(&host, 0));
    assert_eq!(said(&host.wait(Span::from_secs(60)), far), [Message::PeerPing { sum: sum(&host, 0) }]);
}

/// "How does the ZDC keep track": a lost collector is not pinged again and again. It is left alone for
/// `GatewayValidationInterval`, 5 minutes, and then looked for.
#[test]
fn a_lost_peer_is_left_alone_and_then_looked_for() {
    let mut host = collector(&[("KeepAliveInterval", 3_600_000)]);
    let far = met(&mut host, PEER);
    let third = met(&mut host, THIRD);
    assert_eq!(said(&host.wait(Span::from_secs(60)), far), [Message::PeerPing { sum: sum(&host, 0) }]);
    host.receive(third, Message::PeerPingAck);
    let silence = host.host.settings().keep_alive_timeout;
    assert_eq!(notices(&host.wait(silence)), [Notice::PeerLost(HostIndex(PEER))]);
    assert_eq!(peers(&host), [THIRD]);
    let lost_at = host.now;
    let interval = host.host.settings().gateway_validation_interval;
    assert_eq!(interval, Span::from_secs(300));
    let mut looked_for = Vec::new();
    while looked_for.is_empty() {
        let verbs = host.next_deadline();
        host.receive(third, Message::PeerPingAck);
        looked_for = said(&verbs, far);
        assert_eq!(called(&verbs), [] as [u32; 0]);
    }
    assert_eq!((looked_for, host.now), (vec![Message::QueryMaster], lost_at + interval));
    let verbs = host.input(Input::Logon { user: 7, app: 0 });
    assert_eq!((said(&verbs, far).len(), said(&verbs, third).len()), (0, 1), "what it misses it is told on return");
}

/// One that cannot be contacted is lost at once, and comes back by its own announcement, or by its ping.
#[test]
fn a_lost_peer_that_speaks_is_met_again() {
    let mut host = collector(&[]);
    let far = met(&mut host, PEER);
    host.input(Input::Closed(far, Ending::Broken));
    let verbs = host.wait(Span::from_secs(60));
    let (call, _) = opened(&verbs).into_iter().find(|(_, to)| *to == PEER).expect("a call to ping it");
    let verbs = host.input(Input::Closed(call, Ending::Refused));
    assert_eq!(notices(&verbs), [Notice::PeerLost(HostIndex(PEER))]);

    let (back, _) = host.called_by(PEER);
    let verbs = host.receive(back, Message::PeerPing { sum: 3 });
    assert_eq!(said(&verbs, back), [Message::PeerPingAck, ANNOUNCES]);
    assert_eq!(said(&host.receive(back, ANSWERS), back), [Message::FullUpdateRequest]);
    assert_eq!(peers(&host), [PEER]);
}

/// "New Data Collector Election Process": a failure between two collectors, too, begins an election in the zone. The one
/// that looks for the other asks its members, and a member so asked checks its collector; it elects if that is gone.
#[test]
fn a_member_asked_by_another_zone_checks_its_own_collector() {
    let (mut host, entry) = member();
    let (far, _) = host.called_by(PEER);
    let verbs = host.receive(far, Message::QueryMaster);
    let named = Message::MasterIs { master: Some(id(u64::from(COLLECTOR) + 1)) };
    assert_eq!((said(&verbs, entry), said(&verbs, far)), (vec![Message::Heartbeat { seq: 1 }], vec![named]));
    let verbs = host.wait(host.host.settings().keep_alive_timeout);
    assert!(notices(&verbs).contains(&Notice::ElectionStarted), "{verbs:?}");

    let (mut host, entry) = member();
    let (own, _) = host.called_by(1);
    assert_eq!(said(&host.receive(own, Message::QueryMaster), entry), [], "one of its own zone has done so itself");
}

/// Whoever is taken for a collector, and is none, says who is.
#[test]
fn a_member_taken_for_a_collector_names_its_own() {
    let (mut host, _) = member();
    let (far, _) = host.called_by(PEER);
    for message in [ANNOUNCES, Message::PeerPing { sum: 0 }] {
        let named = Message::MasterIs { master: Some(id(u64::from(COLLECTOR) + 1)) };
        assert_eq!(said(&host.receive(far, message), far), [named]);
    }
    host.input(Input::Elect);
    assert_eq!(said(&host.receive(far, ANNOUNCES), far), [Message::MasterIs { master: None }]);

    let mut asker = collector(&[]);
    let far = met(&mut asker, PEER);
    let verbs = asker.receive(far, Message::MasterIs { master: Some(id(u64::from(FAR_MEMBER) + 1)) });
    assert_eq!(called(&verbs), [FAR_MEMBER], "so it announces itself there");
    assert_eq!(bare(asker.answer_all()), [(FAR_MEMBER, ANNOUNCES)]);
}

/// A collector that gives way holds nothing for anybody any more.
#[test]
fn a_collector_that_gives_way_forgets_all_and_registers() {
    let mut host = collector(&[]);
    met(&mut host, PEER);
    let (other, _) = host.called_by(1);
    let verbs = host.receive(other, declare(1, u32::MAX));
    assert!(said(&verbs, other).contains(&Message::ServerUpdate(Box::new(up(COLLECTOR, 2, Some(0))))), "{verbs:?}");
    assert!(host.host.dynamic().store().is_none());
    assert_eq!(peers(&host), [] as [u32; 0]);
}

/// A session-host-only server never stands in elections (our guess), so it is no zone's collector, whoever says so.
#[test]
fn a_session_host_is_nobodys_collector() {
    let records = ["Z1", "Z2", "Z2"].iter().zip(1..).map(|(&zone, number)| {
        let mut record = HostRecord::new(&format!("H{number}"), zone.into(), id(number));
        record.session_only = number == 3;
        record
    });
    let directory = Arc::new(Directory::new(records.collect()).expect("distinct names and ids"));
    let mut host = ByHand::with_dynamic(0, &directory, settings(&[])).reigning();
    let (liar, _): (EntryIndex, _) = host.called_by(2);
    for message in [ANNOUNCES, ANSWERS, Message::MasterIs { master: Some(id(3)) }] {
        assert_eq!(messages(&host.receive(liar, message.clone())), [], "{message:?}");
    }
    assert_eq!(said(&host.receive(liar, Message::PeerPing { sum: 0 }), liar), [Message::PeerPingAck]);
    assert_eq!(peers(&host), [] as [u32; 0]);
}
