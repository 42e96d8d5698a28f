//! A peer that says anything at any time. Nothing of it may panic, reach other bindings, or make a host believe in a
//! collector that cannot be (IMA Information, "How does the ZDC ensure": who is checked, and by whom).

use std::sync::Arc;

use imafarm_proto::host_record::HostIndex;
use imafarm_proto::host_resolver::{Directory, EntryIndex};
use imafarm_proto::input::{Ending, Input};
use imafarm_proto::message::{Filler, Kind, Message};
use imafarm_proto::outbox::{Notice, Verb};
use imafarm_proto::zone::Standing;
use proptest::prelude::*;

use crate::by_hand::{ByHand, MAGIC, OTHER_MAGIC, called, equals, id, notices, opened, settings};
use crate::dynamic_adversary;

pub const ME: u32 = 1;
pub const PEER: u32 = 3;
const ELSEWHERE: u32 = 4;

/// Ids worth trying: the peer's, our own, a third host's, one of another zone, and one that nobody has.
const IDS: [u64; 5] = [PEER as u64 + 1, ME as u64 + 1, 1, ELSEWHERE as u64 + 1, 99];

/// Every kind of message with every odd content.
fn odd_messages() -> Vec<Message> {
    let mut all = vec![Message::BindCommit, Message::QueryMaster, Message::Heartbeat { seq: 0 }, Message::ImaPing];
    for number in IDS {
        for magic in [MAGIC, OTHER_MAGIC] {
            all.push(Message::BindRequest { magic, host: id(number) });
            all.push(Message::BindResponse { magic, host: id(number) });
        }
        for reign_ms in [0, u32::MAX] {
            all.push(Message::DeclareMaster { master: id(number), reign_ms });
        }
        all.push(Message::MasterIs { master: Some(id(number)) });
    }
    all.push(Message::MasterIs { master: None });
    for round in [0, 1, u32::MAX] {
        all.push(Message::ElectMaster { round });
        all.push(Message::ElectMasterAck { round });
        all.push(Message::ConfigChange { change: round, bytes: round, filler: Filler(0) });
        all.push(Message::ConfigChangeAck { change: round, filler: Filler(0) });
    }
    for flag in [false, true] {
        all.push(Message::HeartbeatAck { collector: flag });
        all.push(Message::ImaPingAck { member: flag });
    }
    all.extend(dynamic_adversary::odd_reports(&IDS));
    all
}

/// What a binding is at when the message comes, and how it gets there.
#[derive(Clone, Copy, Debug)]
pub enum Stage {
    Connecting,
    WaitBindRequest,
    WaitBindCommit,
    WaitBindResponse,
    ActiveOutgoing,
    ActiveIncoming,
    Closing,
}

const IN_PROGRESS: [Stage; 4] =
    [Stage::Connecting, Stage::WaitBindRequest, Stage::WaitBindCommit, Stage::WaitBindResponse];
pub const STAGES: [Stage; 7] = [
    Stage::Connecting,
    Stage::WaitBindRequest,
    Stage::WaitBindCommit,
    Stage::WaitBindResponse,
    Stage::ActiveOutgoing,
    Stage::ActiveIncoming,
    Stage::Closing,
];

/// A host that elects, with a binding to the peer at this stage, and an active one to host 2 beside it.
pub fn at_stage(stage: Stage, directory: &Arc<Directory>) -> (ByHand, EntryIndex, EntryIndex) {
    let turned: &[(&str, u64)] = match stage {
        Stage::Closing => &[("StartElection", 1), ("MaxHostAddressCacheEntries", 2)],
        Stage::Connecting
        | Stage::WaitBindRequest
        | Stage::WaitBindCommit
        | Stage::WaitBindResponse
        | Stage::ActiveOutgoing
        | Stage::ActiveIncoming => &[("StartElection", 1)],
    };
    let mut host = ByHand::new(ME, directory, settings(turned));
    let calls = opened(&host.input(Input::Start));
    let request = Message::BindRequest { magic: MAGIC, host: id(u64::from(PEER) + 1) };
    let call_to = |calls: &[(EntryIndex, u32)], peer| calls.iter().find(|(_, to)| *to == peer).map(|(entry, _)| *entry);
    let entry = match stage {
        Stage::Closing => {
            host.refuse_all();
            host.refuse_all();
            let (entry, _) = host.called_by(PEER);
            let (beside, _) = host.called_by(2);
            let third = host.call();
            assert_ne!(third, beside);
            return (host, entry, beside);
        }
        Stage::WaitBindResponse | Stage::ActiveIncoming => {
            host.refuse_all();
            host.call()
        }
        Stage::Connecting | Stage::WaitBindRequest | Stage::WaitBindCommit | Stage::ActiveOutgoing => {
            call_to(&calls, PEER).expect("the peer is ranked higher, so it was called")
        }
    };
    match stage {
        Stage::WaitBindRequest => {
            host.input(Input::Connected(entry));
        }
        Stage::WaitBindCommit => {
            host.input(Input::Connected(entry));
            host.receive(entry, request);
        }
        Stage::ActiveOutgoing => {
            host.answer(entry, PEER);
        }
        Stage::ActiveIncoming => {
            host.receive(entry, Message::BindResponse { magic: MAGIC, host: id(u64::from(PEER) + 1) });
        }
        Stage::Connecting | Stage::WaitBindResponse | Stage::Closing => {}
    }
    let beside = match call_to(&calls, 2) {
        Some(call) if !matches!(stage, Stage::WaitBindResponse | Stage::ActiveIncoming) => {
            host.answer(call, 2);
            call
        }
        _ => host.called_by(2).0,
    };
    (host, entry, beside)
}

fn concerns(verb: &Verb, entry: EntryIndex) -> bool {
    match verb {
        Verb::Send(on, _) | Verb::Close(on) | Verb::Abort(on) => *on == entry,
        Verb::Open { .. }
        | Verb::Accept { .. }
        | Verb::Refuse(_)
        | Verb::Fan(_)
        | Verb::Direct { .. }
        | Verb::Notify(_)
        | Verb::Consult(..) => false,
    }
}

/// Whether this is what the binding waits for.
fn is_due(stage: Stage, message: &Message) -> bool {
    let others = |host: u64| host != u64::from(ME) + 1 && host != 99;
    match (stage, message) {
        (Stage::WaitBindRequest, Message::BindRequest { magic, host }) => {
            *magic == MAGIC && host.get() == u64::from(PEER) + 1
        }
        (Stage::WaitBindResponse, Message::BindResponse { magic, host }) => *magic == MAGIC && others(host.get()),
        (Stage::WaitBindCommit, Message::BindCommit) => true,
        _ => false,
    }
}

/// "Connection State Information", and the magic-number check, both ways: a binding in progress goes on by the one
/// packet it waits for, and is dropped at anything else; no other binding notices.
#[test]
fn a_binding_in_progress_takes_one_packet_and_no_other() {
    let directory = equals(4);
    for stage in IN_PROGRESS {
        for message in odd_messages() {
            let (mut host, entry, beside) = at_stage(stage, &directory);
            let verbs = host.receive(entry, message.clone());
            let dropped = verbs.contains(&Verb::Abort(entry));
            assert_eq!(dropped, !is_due(stage, &message), "{stage:?} {message:?}: {verbs:?}");
            if dropped {
                assert!(!verbs.iter().any(|verb| concerns(verb, beside)), "{stage:?} {message:?}: {verbs:?}");
                let still = host.receive(beside, Message::QueryMaster);
                assert_eq!(still, [Verb::Send(beside, Message::MasterIs { master: None })], "{stage:?} {message:?}");
            }
        }
    }
}

/// "One of the most important checks": a wrong magic number is refused and reported, by the caller and by the called.
#[test]
fn both_sides_refuse_another_farms_magic_number() {
    let directory = equals(4);
    let host_id = id(u64::from(PEER) + 1);
    for (stage, packet) in [
        (Stage::WaitBindRequest, Message::BindRequest { magic: OTHER_MAGIC, host: host_id }),
        (Stage::WaitBindResponse, Message::BindResponse { magic: OTHER_MAGIC, host: host_id }),
    ] {
        let (mut host, entry, _) = at_stage(stage, &directory);
        let refused = host.host.binding_counts().refused;
        let verbs = host.receive(entry, packet);
        assert_eq!(verbs[..2], [Verb::Notify(Notice::StrangerRefused), Verb::Abort(entry)]);
        assert_eq!(host.host.binding_counts().refused, refused + 1);
    }
}

/// A bind packet on an active binding breaks the protocol: that binding goes, and no other.
#[test]
fn an_active_binding_is_dropped_at_a_bind_packet() {
    let directory = equals(4);
    for stage in [Stage::ActiveOutgoing, Stage::ActiveIncoming] {
        for message in odd_messages() {
            let (mut host, entry, beside) = at_stage(stage, &directory);
            let active = host.host.active_bindings();
            let verbs = host.receive(entry, message.clone());
            let bind = [Kind::BindRequest, Kind::BindResponse, Kind::BindCommit].contains(&message.kind());
            assert_eq!(verbs.contains(&Verb::Abort(entry)), bind, "{stage:?} {message:?}: {verbs:?}");
            assert_eq!(host.host.active_bindings(), active - u32::from(bind));
            assert!(!verbs.contains(&Verb::Abort(beside)) && !verbs.contains(&Verb::Close(beside)));
        }
    }
}

/// What the other side sent before it knew of the close is still heard; bind packets end even that.
#[test]
fn a_closing_binding_hears_what_is_left() {
    let directory = equals(4);
    for message in odd_messages() {
        let (mut host, entry, beside) = at_stage(Stage::Closing, &directory);
        let verbs = host.receive(entry, message.clone());
        let bind = [Kind::BindRequest, Kind::BindResponse, Kind::BindCommit].contains(&message.kind());
        assert_eq!(verbs.contains(&Verb::Abort(entry)), bind, "{message:?}: {verbs:?}");
        assert!(!verbs.iter().any(|verb| matches!(verb, Verb::Send(on, _) if *on == entry)), "nothing goes out on it");
        assert!(!verbs.contains(&Verb::Abort(beside)), "{message:?}: {verbs:?}");
    }
}

/// A collector is another host of the own zone, and speaks for itself. Nobody else is taken for one.
#[test]
fn nobody_is_talked_into_an_impossible_collector() {
    let directory = equals(4);
    for stage in STAGES {
        for message in odd_messages() {
            let (mut host, entry, _) = at_stage(stage, &directory);
            host.receive(entry, message.clone());
            if let Some(master) = host.host.master() {
                let to_be_believed = [HostIndex(0), HostIndex(2), HostIndex(PEER)].contains(&master);
                assert!(to_be_believed, "{stage:?} {message:?}: {master:?}");
                if message.kind() == Kind::DeclareMaster {
                    assert_eq!(master, HostIndex(PEER), "{stage:?} {message:?}: hearsay");
                }
            }
        }
    }
}

/// A host of another zone has no part in this one's elections.
#[test]
fn another_zone_neither_elects_nor_declares_here() {
    let directory = equals(4);
    let own_word = Message::DeclareMaster { master: id(u64::from(ELSEWHERE) + 1), reign_ms: u32::MAX };
    for message in [own_word, Message::ElectMaster { round: 1 }, Message::ElectMasterAck { round: 1 }] {
        for mut host in
            [ByHand::member_of(PEER, ME, &directory, settings(&[])).0, ByHand::master(ME, &directory, settings(&[]))]
        {
            let before = (host.host.standing(), host.host.master());
            let (stranger, _) = host.called_by(ELSEWHERE);
            let verbs = host.receive(stranger, message.clone());
            assert_eq!((host.host.standing(), host.host.master()), before, "{message:?}");
            assert_eq!((notices(&verbs), called(&verbs)), (vec![], vec![]), "{message:?}");
        }
    }
}

/// A step of an adversary that may do all that a driver may report.
#[derive(Clone, Debug)]
enum Mischief {
    Call,
    Say(usize, usize),
    Mutter(usize),
    Leave(usize),
    Wait,
    Connect,
    Stop,
    Elect,
}

fn mischief() -> impl Strategy<Value = Mischief> {
    prop_oneof![
        3 => Just(Mischief::Call),
        12 => (0..8usize, 0..odd_messages().len()).prop_map(|(entry, message)| Mischief::Say(entry, message)),
        2 => (0..8usize).prop_map(Mischief::Mutter),
        3 => (0..8usize).prop_map(Mischief::Leave),
        4 => Just(Mischief::Wait),
        4 => Just(Mischief::Connect),
        1 => Just(Mischief::Stop),
        2 => Just(Mischief::Elect),
    ]
}

proptest! {
    /// Whatever comes, in whatever order: no panic, no more open bindings than allowed, and every count adds up.
    #[test]
    fn no_conversation_breaks_a_host(capacity in 2..6u64, steps in proptest::collection::vec(mischief(), 0..80)) {
        let directory = equals(4);
        let mut host = ByHand::new(ME, &directory, settings(&[("MaxHostAddressCacheEntries", capacity)]));
        let mut live = Live::default();
        live.note(&host.input(Input::Start));
        let messages = odd_messages();
        for step in steps {
            let verbs = match step {
                Mischief::Call => host.try_call(),
                Mischief::Say(at, message) => match live.pick(at) {
                    Some(entry) => host.receive(entry, messages[message].clone()),
                    None => continue,
                },
                Mischief::Mutter(at) => match live.pick(at) {
                    Some(entry) => host.input(Input::Stranger(entry)),
                    None => continue,
                },
                Mischief::Leave(at) => match live.pick(at) {
                    Some(entry) => {
                        live.forget(entry);
                        host.input(Input::Closed(entry, Ending::Broken))
                    }
                    None => continue,
                },
                Mischief::Wait if host.host.next_deadline().is_some() => host.next_deadline(),
                Mischief::Wait => continue,
                Mischief::Connect => match host.first_call() {
                    Some((entry, _)) => host.input(Input::Connected(entry)),
                    None => continue,
                },
                Mischief::Stop => host.input(Input::Stop),
                Mischief::Elect => host.input(Input::Elect),
            };
            live.note(&verbs);
            let counts = host.host.binding_counts();
            let active = u64::from(host.host.active_bindings());
            prop_assert!(active <= capacity);
            prop_assert_eq!(counts.opened, counts.evicted + counts.closed + active);
            prop_assert!(host.host.master() != Some(HostIndex(ME)) || host.host.standing() == Standing::Master);
        }
    }
}

/// The connections that stand, as a driver knows them.
#[derive(Default)]
struct Live(Vec<EntryIndex>);

impl Live {
    fn note(&mut self, verbs: &[Verb]) {
        for verb in verbs {
            match verb {
                Verb::Open { entry, .. } | Verb::Accept { entry, .. } => self.0.push(*entry),
                Verb::Abort(entry) => self.forget(*entry),
                Verb::Refuse(_)
                | Verb::Send(..)
                | Verb::Fan(_)
                | Verb::Close(_)
                | Verb::Direct { .. }
                | Verb::Notify(_)
                | Verb::Consult(..) => {}
            }
        }
    }

    fn forget(&mut self, entry: EntryIndex) {
        self.0.retain(|live| *live != entry);
    }

    fn pick(&self, at: usize) -> Option<EntryIndex> {
        (!self.0.is_empty()).then(|| self.0[at % self.0.len()])
    }
}
