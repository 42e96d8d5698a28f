//! Dynamic data, statement by statement, one host at a time: what a server reports of itself (IMA Information, "Supporting
//! data", "New Data Collector Election Process"; CTX114843, "Farm Communication"), and what its collector makes of it.

use core::slice::from_ref;
use std::sync::Arc;

use imafarm_proto::host_record::{HostIndex, HostRecord};
use imafarm_proto::host_resolver::{Directory, EntryIndex};
use imafarm_proto::input::{Ending, Input, SessionAct};
use imafarm_proto::message::{Filler, LoadUpdate, Message, ServerUpdate, SessionEvent, SessionUpdate};
use imafarm_proto::outbox::{Notice, Verb};
use imafarm_proto::time::Span;
use imafarm_proto::zone::Standing;

use crate::by_hand::{ByHand, called, declare, id, messages, notices, said, settings};

/// In `Z1`: a member, another one, and the collector.
pub const MEMBER: u32 = 0;
pub const OTHER: u32 = 1;
pub const COLLECTOR: u32 = 2;
/// In `Z2`: a member and the collector. In `Z3`: the collector.
pub const FAR_MEMBER: u32 = 3;
pub const PEER: u32 = 4;
pub const THIRD: u32 = 5;

pub const SHARING: (&str, u64) = ("ShareLoadInformation", 1);

/// Three zones of three, two and one hosts; ids decide who leads.
pub fn zones() -> Arc<Directory> {
    let zones = ["Z1", "Z1", "Z1", "Z2", "Z2", "Z3"];
    let records =
        zones.iter().zip(1..).map(|(&zone, number)| HostRecord::new(&format!("H{number}"), zone.into(), id(number)));
    Arc::new(Directory::new(records.collect()).expect("distinct names and ids"))
}

/// A member of `Z1`, registered and acknowledged, and its binding to the collector.
pub fn member() -> (ByHand, EntryIndex) {
    let (mut host, entry) = ByHand::with_dynamic(MEMBER, &zones(), settings(&[])).joined(COLLECTOR);
    host.receive(entry, Message::ServerUpdateAck { seq: 1, filler: Filler(0) });
    (host, entry)
}

/// The collector of `Z1`, which nobody knows yet.
pub fn collector(turned: &[(&str, u64)]) -> ByHand {
    ByHand::with_dynamic(COLLECTOR, &zones(), settings(turned)).reigning()
}

/// A report of a server that is up.
pub fn up(server: u32, seq: u32, load: Option<u32>) -> ServerUpdate {
    let server = id(u64::from(server) + 1);
    ServerUpdate { server, seq, up: true, load, sessions: 0, disconnected: 0, applications: 0, filler: Filler(0) }
}

/// The same, as a message.
pub fn registers(server: u32, seq: u32) -> Message {
    Message::ServerUpdate(Box::new(up(server, seq, Some(0))))
}

/// A report of a session of user 7, application 0.
pub fn session(server: u32, seq: u32, event: SessionEvent, session: u32, load: Option<u32>) -> Message {
    let server = id(u64::from(server) + 1);
    Message::SessionUpdate(Box::new(SessionUpdate {
        server,
        seq,
        event,
        session,
        user: 7,
        app: 0,
        load,
        filler: Filler(0),
    }))
}

/// A report of a load.
pub fn load(server: u32, seq: u32, load: u32) -> Message {
    Message::LoadUpdate(Box::new(LoadUpdate { server: id(u64::from(server) + 1), seq, load }))
}

pub const fn server_ack(seq: u32) -> Message {
    Message::ServerUpdateAck { seq, filler: Filler(0) }
}

pub const fn session_ack(seq: u32) -> Message {
    Message::SessionUpdateAck { seq, filler: Filler(0) }
}

/// Another zone's collector calls the host, announces itself and is met; the binding between them.
pub fn met(host: &mut ByHand, peer: u32) -> EntryIndex {
    let (entry, _) = host.called_by(peer);
    let verbs = host.receive(entry, Message::GatewayUpdate { filler: Filler(0) });
    assert_eq!(said(&verbs, entry), [Message::GatewayUpdateAck { filler: Filler(0) }, Message::FullUpdateRequest]);
    host.receive(entry, Message::FullUpdate);
    assert_eq!(host.host.dynamic().peers().filter(|known| known.0 == peer).count(), 1);
    entry
}

/// A member calls its collector and registers; the binding between them.
pub fn registered(host: &mut ByHand, member: u32) -> EntryIndex {
    let (entry, _) = host.called_by(member);
    let verbs = host.receive(entry, registers(member, 1));
    assert_eq!(said(&verbs, entry), [server_ack(1)]);
    entry
}

fn logon(host: &mut ByHand) -> Vec<Verb> {
    host.input(Input::Logon { user: 7, app: 0 })
}

/// What a collector holds of a server: whether it is up, its load, and its sessions' numbers.
fn held(host: &ByHand, server: u32) -> Option<(bool, Option<u32>, Vec<u32>)> {
    let view = host.host.dynamic().store().expect("a collector").server(&zones(), HostIndex(server))?;
    Some((view.up, view.load, view.sessions.iter().map(|session| session.number).collect()))
}

// ---- a server ----------------------------------------------------------------------------------------------------------

/// "Initial Boot": a server registers with its zone's collector. IMA Information, "New Data Collector Election Process",
/// 3: with all it has. Its rows follow once the collector has made room for them, each once.
#[test]
fn a_server_registers_with_all_it_has_and_its_rows_follow_the_answer() {
    let mut host = ByHand::with_dynamic(MEMBER, &zones(), settings(&[]));
    host.input(Input::Start);
    for _ in 0..3 {
        assert_eq!(messages(&logon(&mut host)), [], "there is nobody to tell");
    }
    host.input(Input::Session(2, SessionAct::Disconnect));
    let (entry, _) = host.called_by(COLLECTOR);
    let verbs = host.receive(entry, declare(COLLECTOR, 1_000_000));
    let all =
        Message::ServerUpdate(Box::new(ServerUpdate { sessions: 2, disconnected: 1, ..up(MEMBER, 5, Some(300)) }));
    assert_eq!(said(&verbs, entry), [Message::Heartbeat { seq: 0 }, all]);

    assert_eq!(said(&host.receive(entry, server_ack(4)), entry), [], "that is no answer to this one");
    let row = |seq, event, number| session(MEMBER, seq, event, number, Some(300));
    let rows = [
        row(6, SessionEvent::Present, 1),
        row(7, SessionEvent::PresentDisconnected, 2),
        row(8, SessionEvent::Present, 3),
    ];
    assert_eq!(said(&host.receive(entry, server_ack(5)), entry), rows);
    for again in [5, 0] {
        assert_eq!(said(&host.receive(entry, server_ack(again)), entry), [], "they have been sent");
    }
}

/// The same place: how much that is follows from the sessions and the disconnected sessions.
#[test]
fn a_full_update_grows_with_the_sessions() {
    let bytes = |active: u32, disconnected: u32| {
        let (mut host, entry) = member();
        (0..active + disconnected).for_each(|_| drop(logon(&mut host)));
        (1..=disconnected).for_each(|number| drop(host.input(Input::Session(number, SessionAct::Disconnect))));
        let verbs = host.receive(entry, Message::FullUpdateRequest);
        let (_, seq) = host.host.dynamic().reported();
        let rows = host.receive(entry, server_ack(seq - active - disconnected));
        messages(&verbs).iter().chain(&messages(&rows)).map(Message::encoded_len).sum::<u32>()
    };
    let none = bytes(0, 0);
    let (active, disconnected) = (bytes(1, 0) - none, bytes(0, 1) - none);
    assert!(active > 0 && disconnected > 0);
    assert_eq!(bytes(3, 2), none + 3 * active + 2 * disconnected);
}

/// IMA Information, "Supporting data": each logon, logoff, disconnect and reconnect makes for an update, to the
/// collector, at once.
#[test]
fn each_change_of_a_session_goes_to_the_collector_at_once() {
    let (mut host, entry) = member();
    let changes = [
        (None, SessionEvent::Connect, 100),
        (Some(SessionAct::Disconnect), SessionEvent::Disconnect, 100),
        (Some(SessionAct::Reconnect), SessionEvent::Reconnect, 100),
        (Some(SessionAct::Logoff), SessionEvent::Logoff, 0),
    ];
    for ((act, event, then), seq) in changes.into_iter().zip(2..) {
        let verbs = match act {
            Some(act) => host.input(Input::Session(1, act)),
            None => logon(&mut host),
        };
        assert_eq!(said(&verbs, entry), [session(MEMBER, seq, event, 1, Some(then))]);
        assert_eq!(notices(&verbs), [Notice::SessionChanged(1, event)]);
        assert_eq!(messages(&verbs).len(), 1, "and to nobody else");
    }
    assert_eq!(host.input(Input::Session(1, SessionAct::Logoff)), [], "there is no such session any more");
}

/// The same place: a change of load does so too.
#[test]
fn a_change_of_load_goes_to_the_collector_at_once() {
    let (mut host, entry) = member();
    assert_eq!(said(&host.input(Input::SetLoad(Some(4_200))), entry), [load(MEMBER, 1, 4_200)]);
    assert_eq!(said(&host.input(Input::SetLoad(None)), entry), [load(MEMBER, 1, 0)], "left to the evaluator");
}

/// IMA Information, "New Data Collector Election Process", 3: members send all to a *new* collector. One that declares
/// itself again, or is found again after an election, is not new.
#[test]
fn a_changed_collector_is_told_all_and_an_unchanged_one_nothing() {
    let (mut host, entry) = member();
    logon(&mut host);
    assert_eq!(host.receive(entry, declare(COLLECTOR, 2_000_000)), []);

    host.input(Input::Elect);
    let verbs = host.receive(entry, declare(COLLECTOR, 3_000_000));
    assert_eq!(said(&verbs, entry), [Message::Heartbeat { seq: 2 }], "what it has is known by the number");

    let (new, _) = host.called_by(OTHER);
    let verbs = host.receive(new, declare(OTHER, 0));
    let all = ServerUpdate { sessions: 1, ..up(MEMBER, 3, Some(100)) };
    assert_eq!(said(&verbs, new), [Message::Heartbeat { seq: 0 }, Message::ServerUpdate(Box::new(all))]);
    assert_eq!(said(&host.receive(entry, server_ack(3)), entry), [], "the old one has no say any more");
}

/// The same place: sessions on other servers do not notice that the collector went down, and users who come meanwhile
/// are served. The new one hears of all of them.
#[test]
fn sessions_live_and_begin_while_there_is_no_collector() {
    let (mut host, entry) = member();
    logon(&mut host);
    host.input(Input::Closed(entry, Ending::Broken));
    host.refuse_all();
    assert_eq!((host.host.standing(), host.host.master()), (Standing::Candidate, None));
    assert_eq!(host.host.dynamic().sessions().active(), 1);
    assert_eq!(notices(&logon(&mut host)), [Notice::SessionChanged(2, SessionEvent::Connect)]);

    let (new, _) = host.called_by(OTHER);
    let verbs = host.receive(new, declare(OTHER, 0));
    let all = ServerUpdate { sessions: 2, ..up(MEMBER, 4, Some(200)) };
    assert!(said(&verbs, new).contains(&Message::ServerUpdate(Box::new(all))), "{verbs:?}");
}

/// "Supporting data": no change of load is lost on the collector because there was none for a while.
#[test]
fn a_load_that_nobody_heard_of_is_told_to_the_same_collector() {
    let (mut host, entry) = member();
    host.input(Input::Elect);
    assert_eq!(messages(&host.input(Input::SetLoad(Some(4_200)))), []);
    let verbs = host.receive(entry, declare(COLLECTOR, 3_000_000));
    let all = Message::ServerUpdate(Box::new(up(MEMBER, 2, Some(4_200))));
    assert_eq!(said(&verbs, entry), [Message::Heartbeat { seq: 0 }, all]);
}

/// Whoever stops in good order says so before it goes (a server that goes down is a change of state).
#[test]
fn a_server_that_stops_tells_its_collector() {
    let (mut host, entry) = member();
    logon(&mut host);
    let verbs = host.input(Input::Stop);
    let down = ServerUpdate { up: false, ..up(MEMBER, 3, Some(100)) };
    assert_eq!(said(&verbs, entry), [Message::ServerUpdate(Box::new(down))]);
    assert_eq!(notices(&verbs), [Notice::Stopped]);
}

/// A host of the zone that is not its collector cannot make a server tell what it has.
#[test]
fn only_its_own_collector_may_ask_a_server() {
    let (mut host, _) = member();
    logon(&mut host);
    let (other, _) = host.called_by(OTHER);
    for question in [Message::FullUpdateRequest, Message::LoadRequest, server_ack(1)] {
        assert_eq!(host.receive(other, question.clone()), [], "{question:?}");
    }
}

// ---- its collector -----------------------------------------------------------------------------------------------------

/// IMA Information, "What is a Zone Data Collector": it holds load and sessions of every server of its zone.
#[test]
fn a_collector_holds_load_and_sessions_of_its_servers() {
    let mut host = collector(&[]);
    let entry = registered(&mut host, MEMBER);
    registered(&mut host, OTHER);
    host.receive(entry, session(MEMBER, 2, SessionEvent::Connect, 1, Some(100)));
    host.receive(entry, session(MEMBER, 3, SessionEvent::Connect, 2, Some(200)));
    host.receive(entry, session(MEMBER, 4, SessionEvent::Disconnect, 2, Some(200)));
    assert_eq!(held(&host, MEMBER), Some((true, Some(200), vec![1, 2])));
    host.receive(entry, session(MEMBER, 5, SessionEvent::Logoff, 1, Some(100)));
    host.receive(entry, load(MEMBER, 5, 4_200));
    assert_eq!(held(&host, MEMBER), Some((true, Some(4_200), vec![2])));
    assert_eq!(held(&host, OTHER), Some((true, Some(0), vec![])));
    logon(&mut host);
    assert_eq!(held(&host, COLLECTOR), Some((true, Some(100), vec![1])), "its own are among them");
    assert_eq!(held(&host, FAR_MEMBER), None);
}

/// IMA Information, "What is a Zone Data Collector", and CTX114843, "Farm Communication": what changes on a member goes
/// to all other collectors at once. "Initial Boot": with two zones once, with three twice; each further zone costs as
/// much again. The members of the own zone hear nothing.
#[test]
fn each_change_is_relayed_once_to_each_other_collector_and_to_no_member() {
    for peers in [vec![PEER], vec![PEER, THIRD]] {
        let mut host = collector(&[]);
        let (entry, beside) = (registered(&mut host, MEMBER), registered(&mut host, OTHER));
        let far: Vec<EntryIndex> = peers.iter().map(|&peer| met(&mut host, peer)).collect();
        let reports = [
            (registers(MEMBER, 2), server_ack(2)),
            (session(MEMBER, 3, SessionEvent::Connect, 1, Some(100)), session_ack(3)),
            (session(MEMBER, 4, SessionEvent::Disconnect, 1, Some(100)), session_ack(4)),
            (session(MEMBER, 5, SessionEvent::Reconnect, 1, Some(100)), session_ack(5)),
            (session(MEMBER, 6, SessionEvent::Logoff, 1, Some(0)), session_ack(6)),
        ];
        for (report, answer) in reports {
            let verbs = host.receive(entry, report.clone());
            assert_eq!(said(&verbs, entry), [answer]);
            assert_eq!(said(&verbs, beside), []);
            for &peer in &far {
                assert_eq!(said(&verbs, peer), [without_load(&report)]);
            }
            assert_eq!(messages(&verbs).len(), 1 + peers.len(), "{verbs:?}");
        }
        let verbs = logon(&mut host);
        assert_eq!(messages(&verbs).len(), peers.len(), "the collector's own users are no exception: {verbs:?}");
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "no other message has one that may be left out")]
fn without_load(report: &Message) -> Message {
    match report.clone() {
        Message::ServerUpdate(update) => Message::ServerUpdate(Box::new(ServerUpdate { load: None, ..*update })),
        Message::SessionUpdate(update) => Message::SessionUpdate(Box::new(SessionUpdate { load: None, ..*update })),
        other => other,
    }
}

/// CTX114843, "Farm Communication": with load shared across zones it is told there, else not. Within the zone it always
/// is.
#[test]
fn load_goes_to_other_zones_only_if_it_is_shared() {
    for shared in [false, true] {
        let mut host = collector(if shared { &[SHARING] } else { &[] });
        let (entry, far) = (registered(&mut host, MEMBER), met(&mut host, PEER));
        let connect = session(MEMBER, 2, SessionEvent::Connect, 1, Some(100));
        let relayed = said(&host.receive(entry, connect.clone()), far);
        assert_eq!(relayed, [if shared { connect } else { without_load(&connect) }]);
        let changed = load(MEMBER, 2, 4_200);
        let relayed = said(&host.receive(entry, changed.clone()), far);
        assert_eq!(relayed, if shared { vec![changed] } else { vec![] });
        assert_eq!(held(&host, MEMBER), Some((true, Some(4_200), vec![1])));
    }
}

/// CTX114843, "Bandwidth of Data Collector Communication": nothing sends more to the other collectors than a new server's
/// start, and no message is longer than its registration.
#[test]
fn a_new_servers_registration_is_the_longest_of_what_is_relayed() {
    let (mut host, mut entry) = (collector(&[]), None);
    let far = met(&mut host, PEER);
    let mut sizes = Vec::new();
    let mut server = ByHand::with_dynamic(MEMBER, &zones(), settings(&[]));
    server.input(Input::Start);
    let (to_collector, _) = server.called_by(COLLECTOR);
    let mut said_by_server = messages(&server.receive(to_collector, declare(COLLECTOR, 1_000_000)));
    said_by_server.extend(messages(&logon(&mut server)));
    said_by_server.extend(
        [SessionAct::Disconnect, SessionAct::Reconnect, SessionAct::Logoff]
            .into_iter()
            .flat_map(|act| messages(&server.input(Input::Session(1, act)))),
    );
    for message in said_by_server {
        let entry = *entry.get_or_insert_with(|| host.called_by(MEMBER).0);
        let verbs = host.receive(entry, message);
        let relayed = verbs.iter().filter_map(|verb| {
            if let Verb::Send(on, message) = verb { (*on == far).then(|| message.encoded_len()) } else { None }
        });
        sizes.extend(relayed);
    }
    assert_eq!(sizes.len(), 5, "a registration and four events");
    assert!(sizes[1..].iter().all(|&size| size < sizes[0]), "{sizes:?}");
}

/// A report that does not follow on the last one shows that one was lost: all are asked for, once, and what came too
/// early is not believed. (How a loss is found is our guess.)
#[test]
fn a_gap_makes_the_collector_ask_for_all_once() {
    let mut host = collector(&[]);
    let (entry, far) = (registered(&mut host, MEMBER), met(&mut host, PEER));
    let verbs = host.receive(entry, session(MEMBER, 3, SessionEvent::Connect, 2, Some(200)));
    assert_eq!(said(&verbs, entry), [session_ack(3), Message::FullUpdateRequest]);
    assert_eq!(said(&verbs, far), [], "what is not believed is not passed on");
    let verbs = host.receive(entry, load(MEMBER, 4, 300));
    assert_eq!(said(&verbs, entry), [], "it has been asked already");
    assert_eq!(held(&host, MEMBER), Some((true, Some(0), vec![])));

    host.receive(entry, registers(MEMBER, 5));
    let verbs = host.receive(entry, session(MEMBER, 4, SessionEvent::Connect, 2, Some(200)));
    assert_eq!(said(&verbs, entry), [session_ack(4)], "one that is behind is answered and forgotten");
    assert_eq!(held(&host, MEMBER), Some((true, Some(0), vec![])));
}

/// A heartbeat tells the number of the last report: one that the collector does not have is missed at once, also if it
/// was the last one, or if the collector has forgotten all.
#[test]
fn a_heartbeat_with_another_number_makes_the_collector_ask_for_all() {
    let mut host = collector(&[]);
    let entry = registered(&mut host, MEMBER);
    let ack = Message::HeartbeatAck { collector: true };
    for fine in [0, 1] {
        assert_eq!(said(&host.receive(entry, Message::Heartbeat { seq: fine }), entry), from_ref(&ack));
    }
    for lacking in [2, u32::MAX] {
        let verbs = host.receive(entry, Message::Heartbeat { seq: lacking });
        assert_eq!(said(&verbs, entry), [ack.clone(), Message::FullUpdateRequest], "again: the question may be lost");
    }
    let (unknown, _) = host.called_by(OTHER);
    let verbs = host.receive(unknown, Message::Heartbeat { seq: 1 });
    assert_eq!(said(&verbs, unknown), [ack, Message::FullUpdateRequest]);
}

/// A member that was silent about its load for so long is asked for it, and tells it.
#[test]
fn a_member_silent_about_its_load_is_asked_for_it() {
    let mut host = collector(&[("LoadRequestInterval", 30_000), ("KeepAliveInterval", 600_000)]);
    let entry = registered(&mut host, MEMBER);
    let ack = Message::HeartbeatAck { collector: true };
    host.wait(Span::from_secs(29));
    assert_eq!(said(&host.receive(entry, Message::Heartbeat { seq: 1 }), entry), from_ref(&ack));
    host.wait(Span::from_secs(1));
    let verbs = host.receive(entry, Message::Heartbeat { seq: 1 });
    assert_eq!(said(&verbs, entry), [ack.clone(), Message::LoadRequest]);
    assert_eq!(said(&host.receive(entry, Message::Heartbeat { seq: 1 }), entry), [ack], "once");

    let (mut server, entry) = member();
    assert_eq!(said(&server.receive(entry, Message::LoadRequest), entry), [load(MEMBER, 1, 0)]);
}

/// IMA Information, "How does the ZDC keep track": a silent member is pinged, and lost if that does not wake it. It is
/// down then for every collector; if it was there all the time it is asked for all it has.
#[test]
fn a_lost_member_is_down_for_all_collectors_until_it_registers_again() {
    let mut host = collector(&[("PeerPingInterval", 600_000)]);
    let (entry, far) = (registered(&mut host, MEMBER), met(&mut host, PEER));
    host.receive(entry, session(MEMBER, 2, SessionEvent::Connect, 1, Some(100)));
    let verbs = host.wait(Span::from_secs(90));
    assert!(notices(&verbs).contains(&Notice::MemberLost(HostIndex(MEMBER))), "{verbs:?}");
    let down = ServerUpdate { up: false, ..up(MEMBER, 0, None) };
    let told = said(&verbs, far).into_iter().filter(|message| matches!(message, Message::ServerUpdate(_)));
    assert_eq!(told.collect::<Vec<_>>(), [Message::ServerUpdate(Box::new(down))], "once");
    assert_eq!(held(&host, MEMBER), Some((false, None, vec![])));

    let verbs = host.receive(entry, session(MEMBER, 3, SessionEvent::Connect, 2, Some(200)));
    assert_eq!(said(&verbs, entry), [session_ack(3), Message::FullUpdateRequest]);
    assert_eq!(said(&verbs, far), []);
}

/// What a server is believed of itself, nobody else of its zone is believed of it, nor a host of another zone.
#[test]
fn nobody_reports_for_another_server() {
    let mut host = collector(&[]);
    let entry = registered(&mut host, MEMBER);
    host.receive(entry, session(MEMBER, 2, SessionEvent::Connect, 1, Some(100)));
    let before = held(&host, MEMBER);
    let (beside, far) = (registered(&mut host, OTHER), met(&mut host, PEER));
    let (stranger, _) = host.called_by(FAR_MEMBER);
    for liar in [beside, far, stranger] {
        let lies = [registers(MEMBER, 9), session(MEMBER, 3, SessionEvent::Logoff, 1, None), load(MEMBER, 2, 9_999)];
        for lie in lies {
            assert_eq!(host.receive(liar, lie.clone()), [], "{lie:?}");
            assert_eq!(held(&host, MEMBER), before);
        }
    }
    assert_eq!(host.receive(stranger, registers(FAR_MEMBER, 1)), [], "its own collector speaks for it");
    assert_eq!(called(&host.wait(Span::from_secs(1))), [] as [u32; 0]);
}
