//! Every way in which a stream can be wrong (`docs/wire.md`, "Errors"), at every state of a binding, on both sides, at
//! once and byte by byte: the connection is dropped with a line that names the byte, and nobody else notices.

use imafarm_live::act::{Conn, End, Wish};
use imafarm_proto::message::{Kind, MagicNumber, Message};
use imafarm_proto::transport::seal::Keyring;
use imafarm_proto::transport::{HEADER_LEN, Limits};
use imafarm_records::Commanded;
use imafarm_records::chronicle::class;

use crate::bench::{MAGIC, id, ring};
use crate::by_hand::{ByHand, ME, OTHER, PEER, about, dropped};

/// What the binding is at when the bytes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The host has called, and nothing was said.
    WaitBindRequest,
    WaitBindCommit,
    WaitBindResponse,
    /// The host has called.
    ActiveOut,
    /// The host was called.
    ActiveIn,
    ClosingOut,
    ClosingIn,
}

const STAGES: [Stage; 7] = [
    Stage::WaitBindRequest,
    Stage::WaitBindCommit,
    Stage::WaitBindResponse,
    Stage::ActiveOut,
    Stage::ActiveIn,
    Stage::ClosingOut,
    Stage::ClosingIn,
];

/// A host with a binding to [`PEER`] at this stage, and an active one to [`OTHER`] beside it.
fn at_stage(stage: Stage, keyring: Option<Keyring>) -> (ByHand, Conn, Conn) {
    let is_closing = matches!(stage, Stage::ClosingOut | Stage::ClosingIn);
    let entries = if is_closing { 2 } else { 512 };
    let mut host = ByHand::new(&[("StartElection", 1), ("MaxHostAddressCacheEntries", entries)], keyring);
    let calls = host.started();
    let kept = match stage {
        Stage::WaitBindRequest | Stage::WaitBindCommit | Stage::ActiveOut | Stage::ClosingOut => PEER,
        Stage::WaitBindResponse | Stage::ActiveIn | Stage::ClosingIn => ME,
    };
    let called = host.refuse_all(&calls, kept);
    let conn = match stage {
        Stage::WaitBindRequest => called.expect("it was called"),
        Stage::WaitBindCommit => {
            let conn = called.expect("it was called");
            host.say(conn, &ByHand::request(PEER));
            conn
        }
        Stage::ActiveOut | Stage::ClosingOut => {
            let conn = called.expect("it was called");
            let acts = host.answer(conn, PEER);
            host.refuse_all(&acts, ME);
            conn
        }
        Stage::WaitBindResponse => host.call().0,
        Stage::ActiveIn | Stage::ClosingIn => host.called_by(PEER),
    };
    let beside = host.called_by(OTHER);
    if is_closing {
        let (_, acts) = host.call();
        assert!(acts.contains(&Wish::Close(conn)), "the least recently used goes: {acts:?}");
    }
    host.heard(beside);
    host.farm.take_events();
    (host, conn, beside)
}

/// A frame of these parts, with the checksum that it has to have.
fn frame(kind: u8, declared_seal: u16, body: &[u8], seal: &[u8]) -> Vec<u8> {
    let mut bytes = b"IMAF\x01".to_vec();
    bytes.push(kind);
    bytes.extend(declared_seal.to_be_bytes());
    bytes.extend((body.len() as u32).to_be_bytes());
    let mut sum = crc32fast::Hasher::new();
    sum.update(&bytes);
    sum.update(body);
    bytes.extend(sum.finalize().to_be_bytes());
    bytes.extend(body);
    bytes.extend(seal);
    bytes
}

/// Bytes that are no frame, at which of them that begins to show, and by which word of the reason.
struct Wrong {
    bytes: Vec<u8>,
    at: u64,
    word: &'static str,
}

fn every_wrong(keyed: bool) -> Vec<Wrong> {
    let (kind, due) = (Kind::Heartbeat.number(), if keyed { 16 } else { 0 });
    let seal = vec![0; usize::from(due)];
    let good = frame(kind, due, &[0x91, 0x07], &seal);
    let spoilt = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let wrong = |bytes: Vec<u8>, at: usize, word| Wrong { bytes, at: at as u64, word };
    let mut long = good.clone();
    long[8..12].copy_from_slice(&(Limits::DEFAULT_BODY_BYTES + 1).to_be_bytes());
    let mut longest = good.clone();
    longest[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
    let mut all = vec![
        wrong(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_vec(), 0, "begins with"),
        wrong(spoilt(3, b'f'), 0, "begins with"),
        wrong(vec![0; 64], 0, "begins with"),
        wrong(vec![0xff; 64], 0, "begins with"),
        wrong(spoilt(4, 0), 4, "wire version"),
        wrong(spoilt(4, 2), 4, "wire version"),
        wrong(spoilt(5, 0), 5, "kind"),
        wrong(spoilt(5, 255), 5, "kind"),
        wrong(spoilt(7, 1), 6, "a seal of"),
        wrong(frame(kind, due ^ 16, &[0x91, 0x07], &[0; 16]), 6, "a seal of"),
        wrong(long, 8, "a body of"),
        wrong(longest, 8, "a body of"),
        wrong(spoilt(13, good[13] ^ 1), 12, "checksum"),
        wrong(spoilt(17, 0x08), 12, "checksum"),
    ];
    // With a key, nobody looks at a body before its seal.
    for (body, at) in [
        (&[0x91, 0xc3][..], 1),
        (&[0x90], 0),
        (&[0x92, 1, 1], 0),
        (&[0x91, 0x91, 1], 1),
        (&[0x91, 0xcc, 0x07], 1),
        (&[0x91, 0xcf, 0, 0, 0, 1, 0, 0, 0, 0], 1),
        (&[0x91, 0x07, 0x07], 2),
        (&[0x91, 0xce, 0], 3),
        (&[], 0),
    ] {
        let (at, word) = if keyed { (body.len(), "the seal does not fit") } else { (at, "HEARTBEAT: ") };
        all.push(wrong(frame(kind, due, body, &seal), HEADER_LEN + at, word));
    }
    all
}

/// The connection was dropped for this reason at this byte, and everything else is as it was.
fn assert_dropped(host: &mut ByHand, (conn, beside): (Conn, Conn), acts: &[Wish], at: u64, word: &str) {
    let why = dropped(acts, conn).expect("it is dropped").expect("for a reason");
    let place = format!("byte {at} of the stream: ");
    assert!(why.starts_with(&place) && why.contains(word), "{why:?} is not of {place:?} and {word:?}");
    assert_eq!(about(acts).iter().filter(|on| **on == conn).count(), 1, "nothing else is done to it: {acts:?}");
    assert_unharmed(host, (conn, beside), acts);
    let refused = |class: u32| class & class::BINDING_REFUSED != 0;
    assert_eq!(host.farm.take_events().iter().filter(|event| refused(event.what.class())).count(), 1);
}

/// A connection is gone, and the one beside it works.
fn assert_unharmed(host: &mut ByHand, (conn, beside): (Conn, Conn), acts: &[Wish]) {
    assert!(!about(acts).contains(&beside), "{acts:?}");
    let connections = host.farm.connections();
    assert_eq!(host.say_bytes(conn, b"IMAF and more"), [], "it is no host's any more");
    assert_eq!(host.end(conn, End::Finished), []);
    assert_eq!(host.end(conn, End::Broken), []);
    assert_eq!(host.farm.connections(), connections);
    host.say(beside, &Message::QueryMaster);
    assert_eq!(host.heard(beside), [Message::MasterIs { master: None }]);
}

#[test]
fn a_malformed_frame_ends_its_connection_and_nothing_else() {
    for keyring in [None, ring(5, None)] {
        for stage in STAGES {
            for wrong in every_wrong(keyring.is_some()) {
                for piece in [1, 7, usize::MAX] {
                    let (mut host, conn, beside) = at_stage(stage, keyring.clone());
                    let (connections, before) = (host.farm.connections(), host.said(conn));
                    let bytes = [&wrong.bytes[..], b"and then some"].concat();
                    let mut acts = Vec::new();
                    for piece in bytes.chunks(piece.min(bytes.len())) {
                        acts.extend(host.say_bytes(conn, piece));
                    }
                    assert_eq!(host.farm.connections(), connections - 1, "{stage:?}: {acts:?}");
                    assert_dropped(&mut host, (conn, beside), &acts, before + wrong.at, wrong.word);
                }
            }
        }
    }
}

/// What came well before it counts.
#[test]
fn a_malformed_frame_behind_a_good_one_is_found_at_its_place() {
    for keyring in [None, ring(5, None)] {
        for stage in [Stage::ActiveOut, Stage::ActiveIn] {
            for wrong in every_wrong(keyring.is_some()) {
                let (mut host, conn, beside) = at_stage(stage, keyring.clone());
                host.heard(conn);
                let good = host.frame(conn, &Message::ImaPing);
                let before = host.said(conn) + good.len() as u64;
                let acts = host.say_bytes(conn, &[good, wrong.bytes].concat());
                assert_eq!(host.heard(conn), [Message::ImaPingAck { member: false }]);
                let acts: Vec<Wish> = acts.into_iter().filter(|act| !matches!(act, Wish::Write(..))).collect();
                assert_dropped(&mut host, (conn, beside), &acts, before + wrong.at, wrong.word);
            }
        }
    }
}

#[test]
fn a_stream_that_ends_within_a_frame_is_told_of() {
    for keyring in [None, ring(5, None)] {
        for stage in STAGES {
            let seal = if keyring.is_some() { 16 } else { 0 };
            let good = frame(Kind::Heartbeat.number(), seal, &[0x91, 0x07], &vec![0; usize::from(seal)]);
            for kept in 1..good.len() {
                let (mut host, conn, beside) = at_stage(stage, keyring.clone());
                let before = host.said(conn);
                assert!(host.farm.receive(conn, &good[..kept], host.now), "the rest is awaited");
                assert_eq!(host.acts(), []);
                let why = host.farm.ended(conn, End::Finished, host.now).expect("it is cut off");
                let place = format!("byte {} of the stream: the stream ends within a frame", before + kept as u64);
                assert!(why.starts_with(&place), "{why:?}");
                let acts: Vec<Wish> = host.acts();
                host.refuse_all(&acts, ME);
                assert_unharmed(&mut host, (conn, beside), &acts);
            }
        }
    }
}

/// An end that is cut off by a break is no fault of what was said.
#[test]
fn a_connection_that_breaks_within_a_frame_is_nobodys_fault() {
    let (mut host, conn, _) = at_stage(Stage::ActiveIn, None);
    assert!(host.farm.receive(conn, b"IMAF", host.now));
    assert_eq!(host.farm.ended(conn, End::Broken, host.now), None);
}

/// What is due at a stage, so that it is no breach.
fn is_due(stage: Stage, message: &Message) -> bool {
    match stage {
        Stage::WaitBindRequest => *message == ByHand::request(PEER),
        Stage::WaitBindResponse => {
            matches!(message, Message::BindResponse { magic, host } if *magic == MAGIC && *host == id(u64::from(PEER) + 1))
        }
        Stage::WaitBindCommit => *message == Message::BindCommit,
        Stage::ActiveOut | Stage::ActiveIn | Stage::ClosingOut | Stage::ClosingIn => {
            ![Kind::BindRequest, Kind::BindResponse, Kind::BindCommit].contains(&message.kind())
        }
    }
}

/// Frames that are well made, and out of turn or a stranger's.
#[test]
fn a_message_out_of_turn_ends_its_connection_and_says_so() {
    let stranger = MagicNumber(0xBAD);
    let messages = [
        ByHand::request(PEER),
        ByHand::request(4),
        Message::BindRequest { magic: stranger, host: id(u64::from(PEER) + 1) },
        Message::BindRequest { magic: MAGIC, host: id(99) },
        ByHand::response(PEER),
        ByHand::response(ME),
        Message::BindResponse { magic: stranger, host: id(u64::from(PEER) + 1) },
        Message::BindResponse { magic: MAGIC, host: id(99) },
        Message::BindCommit,
        Message::Heartbeat { seq: 1 },
        Message::ElectMaster { round: 1 },
        Message::QueryMaster,
    ];
    for stage in STAGES {
        for message in &messages {
            let (mut host, conn, beside) = at_stage(stage, None);
            let acts = host.say(conn, message);
            let why = dropped(&acts, conn);
            if is_due(stage, message) {
                assert_eq!(why, None, "{stage:?} {message:?}");
                continue;
            }
            let why = why.flatten().unwrap_or_else(|| panic!("{stage:?} {message:?}: {acts:?}"));
            let names_it = why == format!("{} is out of turn", message.kind().name());
            assert!(names_it || why.contains("another farm's magic number"), "{stage:?} {message:?}: {why:?}");
            assert_unharmed(&mut host, (conn, beside), &acts);
        }
    }
}

/// Whoever has no key, or cannot have seen the host's challenge, is not let in however well it speaks otherwise.
#[test]
fn with_a_key_nobody_speaks_without_a_seal() {
    for stage in STAGES {
        let (mut host, conn, beside) = at_stage(stage, ring(5, None));
        let before = host.said(conn);
        let mut bytes = Vec::new();
        let due = match stage {
            Stage::WaitBindRequest => ByHand::request(PEER),
            Stage::WaitBindResponse => ByHand::response(PEER),
            Stage::WaitBindCommit => Message::BindCommit,
            Stage::ActiveOut | Stage::ActiveIn | Stage::ClosingOut | Stage::ClosingIn => Message::Heartbeat { seq: 0 },
        };
        due.encode(&mut bytes);
        let acts = host.say_bytes(conn, &bytes);
        assert_dropped(&mut host, (conn, beside), &acts, before + 6, "a seal of 0 bytes is declared");
    }
}

/// A frame that was said once is not taken twice, nor one of another connection.
#[test]
fn with_a_key_nothing_is_said_twice() {
    let (mut host, conn, beside) = at_stage(Stage::ActiveIn, ring(5, None));
    let ping = host.frame(conn, &Message::ImaPing);
    let seal_at = ping.len() as u64 - 16;
    host.say_bytes(conn, &ping);
    let before = host.said(conn);
    let acts = host.say_bytes(conn, &ping);
    assert_dropped(&mut host, (conn, beside), &acts, before + seal_at, "the seal does not fit");

    let (mut host, conn, beside) = at_stage(Stage::ActiveIn, ring(5, None));
    let of_beside = host.frame(beside, &Message::ImaPing);
    let (before, seal_at) = (host.said(conn), of_beside.len() as u64 - 16);
    let acts = host.say_bytes(conn, &of_beside);
    let place = format!("byte {} of the stream: the seal does not fit", before + seal_at);
    assert!(dropped(&acts, conn).flatten().is_some_and(|why| why.starts_with(&place)), "{acts:?}");
    host.say_bytes(beside, &of_beside);
    assert_eq!(host.heard(beside), [Message::ImaPingAck { member: false }]);
}
