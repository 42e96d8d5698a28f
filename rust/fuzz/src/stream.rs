//! Bytes on one connection of a live host, in each state of its binding: malformed frames, and well-formed ones that are out
//! of place. The connection may end by it, and the log be told so once. The host does not end, nor does the binding beside.

use imafarm_live::act::{Conn, End};
use imafarm_proto::host_record::HostIndex;
use imafarm_proto::message::Message;
use imafarm_proto::settings::Settings;
use imafarm_proto::transport::seal::Side;
use imafarm_proto::transport::{FrameError, Framer};

use crate::carrier::{Carrier, Voice};
use crate::cast::{MAGIC, id};
use crate::choices::Choices;

/// The host is of `Z1`; so is whoever speaks to it, and the host beside, which says nothing wrong.
const ME: HostIndex = HostIndex(0);
const PEER: HostIndex = HostIndex(2);
const BESIDE: HostIndex = HostIndex(3);

/// The bytes that the hosts of this farm and their connections hold at most when nobody has said anything, and those they may
/// hold for each byte that is said: the least message may leave a row or a message behind, and so may a call.
const MEMORY: usize = 32 << 10;
const MEMORY_OF_A_BYTE: usize = 64;
const MESSAGE: usize = 17;

/// The states of a binding to which bytes can come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    WaitBindRequest,
    WaitBindCommit,
    WaitBindResponse,
    ActiveOutgoing,
    ActiveIncoming,
    Closing,
}

const STAGES: [Stage; 6] = [
    Stage::WaitBindRequest,
    Stage::WaitBindCommit,
    Stage::WaitBindResponse,
    Stage::ActiveOutgoing,
    Stage::ActiveIncoming,
    Stage::Closing,
];

/// A host, and two connections of it: each with the peer's end.
struct Scene {
    carrier: Carrier,
    speaker: (Conn, Voice),
    beside: (Conn, Voice),
}

/// One input: whether the farm has a key, the state, in pieces of which length the bytes come, and the bytes; and what else
/// happens between them: time passes, others call and leave.
pub fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let (keyed, stage) = (choices.truth(), STAGES[choices.among(STAGES.len())]);
    let length = if choices.truth() { 1 } else { 1 + usize::from(choices.byte()) };
    let Scene { mut carrier, speaker: (conn, mut voice), beside: (beside, mut friend) } = at(stage, keyed);
    let mut said = 0;
    let mut framer = Framer::default();
    let (mut callers, mut crowded) = (Vec::new(), false);
    while !choices.is_over() {
        let mut bytes = Vec::new();
        match choices.among(16) {
            // A speaker who has the key, and one who has not or does not care.
            0..5 => voice.encode(&choices.message(), &mut bytes),
            5..12 => choices.piece(&mut bytes),
            12 => carrier.next_deadline(),
            13 => {
                callers.push(carrier.call());
                crowded = true;
            }
            14 => {
                if let Some(caller) = callers.pop() {
                    carrier.end(caller, End::Broken);
                }
            }
            _ if carrier.is_open(beside) => carrier.assert_answers(beside, &mut friend),
            _ => {}
        }
        said += bytes.len() + MESSAGE;
        for piece in bytes.chunks(length) {
            if !carrier.is_live(conn) {
                break;
            }
            let cut = carrier.receive(conn, piece);
            let (live, fault) = (carrier.is_live(conn), hear(&mut framer, piece).err());
            if keyed {
                continue;
            }
            assert!(!live || (fault.is_none() && cut == (framer.kept_bytes() > 0)), "{fault:?}");
            // No message was whole in this piece for which the connection may have been dropped before.
            if let (Some(fault), 1) = (fault, piece.len()) {
                let [(blamed, why)] = &carrier.blamed[..] else { panic!("{fault}: {:?}", carrier.blamed) };
                assert!(*blamed == conn && why.ends_with(&fault.fault.to_string()), "{why}: {fault}");
            }
        }
    }

    let memory = carrier.farm.memory();
    assert!(memory <= MEMORY + MEMORY_OF_A_BYTE * said, "{memory} bytes after {said}");
    assert!(carrier.blamed.len() <= 1 && carrier.blamed.iter().all(|(blamed, _)| *blamed == conn));
    assert!(carrier.blamed.is_empty() || !carrier.is_live(conn), "{:?}", carrier.blamed);
    // Callers may need its place. And whoever may say who he is may say that he is the host beside: he is taken at his word,
    // as far as he has the key.
    if carrier.is_open(beside) {
        carrier.assert_answers(beside, &mut friend);
    } else {
        assert!(crowded || stage == Stage::WaitBindResponse, "{stage:?}");
    }
    carrier.heal();
}

/// What becomes of a stream: a fault, or nothing yet.
fn hear(framer: &mut Framer, mut piece: &[u8]) -> Result<(), FrameError> {
    while framer.pull(&mut piece)?.is_some() {}
    Ok(())
}

/// A host with a connection to the peer at this stage, and an active binding to the host beside.
fn at(stage: Stage, keyed: bool) -> Scene {
    match stage {
        Stage::WaitBindRequest | Stage::WaitBindCommit | Stage::ActiveOutgoing => outgoing(stage, keyed),
        Stage::WaitBindResponse | Stage::ActiveIncoming | Stage::Closing => incoming(stage, keyed),
    }
}

/// A candidate, which calls whoever is ranked higher.
fn outgoing(stage: Stage, keyed: bool) -> Scene {
    let mut carrier = Carrier::new(ME, settings(&[("StartElection", 1)]), keyed);
    let speaker = answers(&mut carrier, PEER, stage);
    let beside = answers(&mut carrier, BESIDE, Stage::ActiveOutgoing);
    Scene { carrier, speaker, beside }
}

/// A host that is called answers, until the binding is at this stage.
fn answers(carrier: &mut Carrier, peer: HostIndex, stage: Stage) -> (Conn, Voice) {
    let conn = carrier.call_to(peer).expect("a candidate calls whoever is ranked higher");
    let mut voice = carrier.voice(Side::Acceptor);
    if let Stage::WaitBindCommit | Stage::ActiveOutgoing = stage {
        carrier.speak(conn, &mut voice, &Message::BindRequest { magic: MAGIC, host: id(peer) });
        let heard = carrier.heard(conn, &mut voice);
        assert_eq!(heard, Ok(vec![Message::BindResponse { magic: MAGIC, host: id(ME) }]));
    }
    if let Stage::ActiveOutgoing = stage {
        carrier.speak(conn, &mut voice, &Message::BindCommit);
    }
    (conn, voice)
}

/// A collector, which all other hosts have called; the peer first, so that its binding is the first to make room. There is
/// an entry for each of them, so that nothing of what the peer says makes the host close the one beside.
fn incoming(stage: Stage, keyed: bool) -> Scene {
    const OTHERS: [HostIndex; 4] = [HostIndex(1), HostIndex(4), HostIndex(5), HostIndex(6)];
    let all = OTHERS.len() as u64 + 2;
    let mut carrier = Carrier::new(ME, settings(&[("MaxHostAddressCacheEntries", all)]), keyed);
    carrier.heal();
    carrier.hang_up();
    let speaker = match stage {
        Stage::WaitBindResponse => {
            let conn = carrier.call();
            let mut voice = carrier.voice(Side::Opener);
            let asked = carrier.heard(conn, &mut voice);
            assert_eq!(asked, Ok(vec![Message::BindRequest { magic: MAGIC, host: id(ME) }]));
            (conn, voice)
        }
        Stage::WaitBindRequest
        | Stage::WaitBindCommit
        | Stage::ActiveOutgoing
        | Stage::ActiveIncoming
        | Stage::Closing => carrier.called_by(PEER),
    };
    for other in OTHERS {
        carrier.called_by(other);
    }
    let beside = carrier.called_by(BESIDE);
    if stage == Stage::Closing {
        let one_more = carrier.call();
        carrier.end(one_more, End::Broken);
    }
    Scene { carrier, speaker, beside }
}

fn settings(turned: &[(&str, u64)]) -> Settings {
    let mut settings = Settings::default();
    for &(name, value) in turned {
        settings.set(name, value.into()).expect("a setting of the table, in range");
    }
    settings
}
