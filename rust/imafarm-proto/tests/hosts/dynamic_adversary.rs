//! Hosts that report anything of anybody. IMA Information, "How does the ZDC ensure": a collector checks whom it deals
//! with. A host of the farm may still lie, but of itself alone, or of its zone if it passes for that zone's collector.
//!
//! What bounds a store: servers are those of the directory, subscriptions are three for each of them, and a session takes
//! a message of its own. So nobody can make a collector hold more than was sent to it; how many sessions a server claims to
//! have makes no difference. A collector that is asked for all answers with what it holds of its own zone, at any time, if
//! the asker passes for a collector: that is the one answer longer than its question.

use imafarm_proto::host_record::{HostIndex, ZoneIndex};
use imafarm_proto::host_resolver::{Directory, EntryIndex};
use imafarm_proto::input::{Input, SessionAct};
use imafarm_proto::message::{
    Filler, LoadUpdate, Message, Preference, Resolve, Resolved, ServerUpdate, SessionEvent, SessionUpdate, Table,
};
use imafarm_proto::sessions::Session;
use imafarm_proto::transport::{HEADER_LEN, Limits};
use proptest::prelude::*;

use crate::by_hand::{ByHand, declare, id, messages, settings};
use crate::dynamic::{COLLECTOR, FAR_MEMBER, MEMBER, OTHER, PEER, THIRD, collector, zones};

const NUMBERS: [u32; 5] = [0, 1, 2, 3, u32::MAX];
const LOADS: [Option<u32>; 4] = [None, Some(0), Some(99_990), Some(u32::MAX)];
const FILLERS: [Filler; 2] = [Filler(0), Filler(u16::MAX)];

/// Every kind of message that is not about elections, with odd content about these hosts.
pub fn odd_reports(ids: &[u64]) -> Vec<Message> {
    let mut all = vec![
        Message::LoadRequest,
        Message::FullUpdateRequest,
        Message::FullUpdate,
        Message::PeerPingAck,
        Message::Heartbeat { seq: 1 },
        Message::Heartbeat { seq: u32::MAX },
    ];
    let (mut loads, mut fillers, mut numbers) =
        (LOADS.iter().cycle(), FILLERS.iter().cycle(), [1, 2, 0, u32::MAX].iter().cycle());
    let mut odd = || {
        let next = "an endless circle";
        (*loads.next().expect(next), *fillers.next().expect(next), *numbers.next().expect(next))
    };
    for server in ids.iter().map(|&number| id(number)) {
        for seq in NUMBERS {
            for up in [true, false] {
                let (load, filler, count) = odd();
                let (sessions, disconnected, applications) = (count, count, count);
                let update = ServerUpdate { server, seq, up, load, sessions, disconnected, applications, filler };
                all.push(Message::ServerUpdate(Box::new(update)));
            }
            for event in SessionEvent::ALL {
                let (load, filler, session) = odd();
                let update = SessionUpdate { server, seq, event, session, user: session, app: session, load, filler };
                all.push(Message::SessionUpdate(Box::new(update)));
            }
            let load = odd().0.unwrap_or(10_001);
            all.push(Message::LoadUpdate(Box::new(LoadUpdate { server, seq, load })));
        }
        all.push(Message::Resolved(Box::new(Resolved { request: 0, server: Some(server), load: u32::MAX })));
    }
    for number in NUMBERS {
        all.push(Message::PeerPing { sum: number });
        for (relayed, preference) in [(false, 0), (false, u64::MAX), (true, 3), (true, 0)] {
            let resolve = Resolve { request: number, app: number, preference: Preference(preference), relayed };
            all.push(Message::Resolve(Box::new(resolve)));
        }
        for filler in FILLERS {
            all.push(Message::ServerUpdateAck { seq: number, filler });
            all.push(Message::SessionUpdateAck { seq: number, filler });
            all.push(Message::ConfigChange { change: number, bytes: number, filler });
            all.push(Message::ConfigChangeAck { change: number, filler });
        }
    }
    for filler in FILLERS {
        all.push(Message::GatewayUpdate { filler });
        all.push(Message::GatewayUpdateAck { filler });
    }
    for table in Table::ALL {
        all.push(Message::Subscribe { table, on: true });
        all.push(Message::Subscribe { table, on: false });
        all.push(Message::TableChanged { table });
    }
    all
}

/// The same about all hosts of three zones, and one that nobody knows; and who is said to be a collector there.
fn odd_messages() -> Vec<Message> {
    let ids = [1, 2, 3, 4, 5, 6, 99];
    let mut all = odd_reports(&ids);
    all.extend(ids.map(|number| Message::MasterIs { master: Some(id(number)) }));
    all.push(Message::MasterIs { master: None });
    all
}

const SPEAKERS: [u32; 5] = [MEMBER, OTHER, FAR_MEMBER, PEER, THIRD];

/// What is known of one server, to compare.
type Row = Option<(u32, bool, Option<u32>, u32, Vec<Session>)>;

/// All that a collector holds, by server.
fn rows(host: &ByHand, directory: &Directory) -> Vec<Row> {
    let store = host.host.dynamic().store().expect("a collector");
    let row = |host| store.server(directory, host).map(|s| (s.seq, s.up, s.load, s.applications, s.sessions.to_vec()));
    directory.hosts().map(row).collect()
}

/// Whether a host may say something of a server, to the collector of `Z1`.
fn may_tell(directory: &Directory, speaker: u32, server: HostIndex) -> bool {
    let zone = |host| directory.zone(host);
    let speaker = HostIndex(speaker);
    speaker == server || (zone(speaker) == zone(server) && zone(speaker) != ZoneIndex(0))
}

/// A collector of `Z1` that all hosts of the farm have called.
fn called_by_all() -> (ByHand, Vec<(u32, EntryIndex)>) {
    let mut host = collector(&[]);
    let entries = SPEAKERS.map(|speaker| (speaker, host.called_by(speaker).0)).to_vec();
    (host, entries)
}

/// Whoever says whatever: rows of servers that it may not speak for stay as they are.
#[test]
fn a_liar_changes_no_other_servers_rows() {
    let directory = zones();
    let (mut host, entries) = called_by_all();
    host.input(Input::Logon { user: 7, app: 0 });
    for &(speaker, entry) in &entries {
        for message in odd_messages() {
            let before = rows(&host, &directory);
            host.receive(entry, message.clone());
            let after = rows(&host, &directory);
            for server in directory.hosts().filter(|&server| !may_tell(&directory, speaker, server)) {
                assert_eq!(before[server.at()], after[server.at()], "{speaker} of {server:?}: {message:?}");
            }
        }
    }
}

/// A member believes nobody but its collector, and its sessions are its own whatever anybody says.
#[test]
fn nobody_talks_a_server_out_of_its_sessions() {
    for me in [MEMBER, OTHER] {
        let (mut host, own) = ByHand::with_dynamic(me, &zones(), settings(&[])).joined(COLLECTOR);
        (0..3).for_each(|user| drop(host.input(Input::Logon { user, app: 0 })));
        host.input(Input::Session(2, SessionAct::Disconnect));
        let sessions = host.host.dynamic().sessions().all().to_vec();
        let mut entries = vec![own];
        entries.extend([PEER, FAR_MEMBER, THIRD, 1 - me].map(|speaker| host.called_by(speaker).0));
        for entry in entries {
            for message in odd_messages() {
                let (registered, seq) = host.host.dynamic().reported();
                host.receive(entry, message.clone());
                assert_eq!(host.host.dynamic().sessions().all(), sessions, "{message:?}");
                if entry != own {
                    assert_eq!(host.host.dynamic().reported(), (registered, seq), "{message:?}");
                }
                host.refuse_all();
            }
        }
    }
}

/// The number of a report about host 1, as one collector tells it to another.
#[expect(clippy::wildcard_enum_match_arm, reason = "no other message is about one server's report")]
fn number_of_the_first_servers(message: &Message) -> Option<u32> {
    let (server, seq) = match message {
        Message::ServerUpdate(update) if update.up => (update.server, update.seq),
        Message::SessionUpdate(update) => (update.server, update.seq),
        _ => return None,
    };
    (server == id(1)).then_some(seq)
}

/// An evil member's numbers do not spread: what the collector tells of it can be told, at both ends of their range.
#[test]
fn the_ends_of_numbers_are_told_like_others() {
    for seq in NUMBERS {
        let (mut host, entries) = called_by_all();
        let (liar, far) = (entries[0].1, entries[3].1);
        host.receive(far, Message::GatewayUpdate { filler: Filler(0) });
        for (applications, load) in [(0, None), (3_226_386_500, Some(u32::MAX)), (u32::MAX, Some(0))] {
            let update = ServerUpdate {
                server: id(1),
                seq,
                up: true,
                load,
                sessions: u32::MAX,
                disconnected: u32::MAX,
                applications,
                filler: Filler(u16::MAX),
            };
            host.receive(liar, Message::ServerUpdate(Box::new(update)));
            for next in [seq.wrapping_add(1), seq.wrapping_add(2), seq] {
                let (server, event, load) = (id(1), SessionEvent::Connect, Some(u32::MAX));
                let update =
                    SessionUpdate { server, seq: next, event, session: next, user: 0, app: 0, load, filler: Filler(0) };
                host.receive(liar, Message::SessionUpdate(Box::new(update)));
            }
            let told = messages(&host.receive(far, Message::FullUpdateRequest));
            let numbers: Vec<u32> = told.iter().filter_map(number_of_the_first_servers).collect();
            let held = rows(&host, &zones())[0].clone().expect("it has registered");
            assert_eq!(numbers.len(), 1 + held.4.len(), "{told:?}");
            assert_eq!(numbers.last(), Some(&held.0), "so that its next report follows on it");
        }
    }
}

/// A number in a report makes no answer and no relayed message longer than a host takes: the binding on which it went would
/// end by it.
#[test]
fn no_number_makes_a_message_longer_than_hosts_take() {
    let longest = HEADER_LEN as u32 + Limits::DEFAULT_BODY_BYTES;
    let (mut host, entries) = called_by_all();
    host.receive(entries[3].1, Message::GatewayUpdate { filler: Filler(0) });
    for message in odd_messages() {
        for &(_, entry) in &entries {
            let sent = messages(&host.receive(entry, message.clone()));
            assert!(sent.iter().all(|sent| sent.encoded_len() <= longest), "{message:?}: {sent:?}");
        }
    }
}

/// A step of hosts of which each may say anything, and of what happens to a server besides.
#[derive(Clone, Debug)]
enum Step {
    Say(usize, usize),
    Wait,
    Logon,
    Session(u32, SessionAct),
    Load(Option<u32>),
    Subscribe(usize, bool),
    Elect,
    /// A member of `Z1` says that it is the collector, and for how long.
    Declare(u32, u32),
}

fn step() -> impl Strategy<Value = Step> {
    let act = prop_oneof![Just(SessionAct::Disconnect), Just(SessionAct::Reconnect), Just(SessionAct::Logoff)];
    prop_oneof![
        30 => (0..SPEAKERS.len(), 0..odd_messages().len()).prop_map(|(speaker, message)| Step::Say(speaker, message)),
        4 => Just(Step::Wait),
        2 => Just(Step::Logon),
        2 => (1..4u32, act).prop_map(|(number, act)| Step::Session(number, act)),
        1 => proptest::option::of(any::<u32>()).prop_map(Step::Load),
        1 => (0..3usize, any::<bool>()).prop_map(|(table, on)| Step::Subscribe(table, on)),
        1 => Just(Step::Elect),
        1 => (0..2u32, prop_oneof![Just(0), Just(u32::MAX)]).prop_map(|(host, reign)| Step::Declare(host, reign)),
    ]
}

proptest! {
    /// Whatever is said in whatever order, to a collector or a member: no panic; what a collector holds of its own server
    /// is true; nothing grows beyond what was sent.
    #[test]
    fn no_report_breaks_a_host(steps in proptest::collection::vec(step(), 0..120)) {
        let directory = zones();
        let (mut host, entries) = called_by_all();
        let said = odd_messages();
        for (count, step) in steps.into_iter().enumerate() {
            match step {
                Step::Say(speaker, message) => host.receive(entries[speaker].1, said[message].clone()),
                Step::Wait => host.next_deadline(),
                Step::Logon => host.input(Input::Logon { user: 7, app: 0 }),
                Step::Session(number, act) => host.input(Input::Session(number, act)),
                Step::Load(load) => host.input(Input::SetLoad(load)),
                Step::Subscribe(table, on) => host.input(Input::Subscribe(Table::ALL[table], on)),
                Step::Elect => host.input(Input::Elect),
                Step::Declare(speaker, reign_ms) => host.receive(entries[speaker as usize].1, declare(speaker, reign_ms)),
            };
            host.refuse_all();
            let dynamic = host.host.dynamic();
            prop_assert!(dynamic.subscribers().len() <= directory.len() * Table::ALL.len());
            prop_assert!(dynamic.peers().count() < directory.zone_count());
            if dynamic.store().is_some() {
                let rows = rows(&host, &directory);
                let own = rows[COLLECTOR as usize].as_ref().expect("a collector knows itself");
                prop_assert_eq!(&own.4, dynamic.sessions().all());
                prop_assert_eq!(own.2, Some(dynamic.load()).filter(|&load| load != u32::MAX));
                let held: usize = rows.iter().flatten().map(|row| row.4.len()).sum();
                prop_assert!(held <= count + 1 + dynamic.sessions().all().len());
            }
        }
    }
}
