//! Frames in a farm with a key: who has it is heard, and nobody else; what was sent arrives, and nothing else.

use std::sync::Arc;

use imafarm_proto::message::{Kind, MagicNumber, Message};
use imafarm_proto::transport::{
    FarmKey, Fault, FrameError, Framer, HEADER_LEN, Keyring, Limits, OutOfTurn, Seals, Side,
};

use crate::codec::{hex, host};
use crate::{crc32, encoded, one_of_each};

pub const OLD: u8 = 1;
const NEW: u8 = 2;

/// The seals of one side of a binding, and what arrived there.
#[derive(Clone, Debug)]
pub struct End {
    pub seals: Seals,
    pub framer: Framer,
}

impl End {
    /// A side whose host has these keys, the first one spoken.
    pub fn new(side: Side, keys: &[u8], nonce: u8) -> End {
        let key = |number: &u8| FarmKey::new([*number; 32]);
        let keyring = Keyring { spoken: key(&keys[0]), accepted: keys.get(1).map(key) };
        End { seals: Seals::new(Arc::new(keyring), side, [nonce; 32]), framer: Framer::default() }
    }

    pub fn say(&mut self, message: &Message) -> Vec<u8> {
        let mut frame = Vec::new();
        message.encode_sealed(&mut frame, &mut self.seals).expect("in turn");
        assert_eq!(frame.len(), message.sealed_len() as usize);
        frame
    }

    /// What comes out of these pieces of the stream.
    pub fn hear<'a>(&mut self, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Message>, Result<(), FrameError>) {
        let mut messages = Vec::new();
        for mut piece in pieces {
            loop {
                match self.framer.pull_sealed(&mut piece, &mut self.seals) {
                    Ok(Some(message)) => messages.push(message),
                    Ok(None) => break,
                    Err(error) => return (messages, Err(error)),
                }
            }
            assert!(piece.is_empty(), "a framer that wants more has read all there is");
        }
        (messages, Ok(()))
    }

    fn hears(&mut self, frame: &[u8], message: &Message) {
        assert_eq!(self.hear([frame]), (vec![message.clone()], Ok(())));
    }

    fn refuses(&mut self, frame: &[u8], part: &str) {
        let (messages, end) = self.hear([frame]);
        assert_eq!(messages, []);
        assert_eq!(end.expect_err("a fault").fault.part(), part);
    }
}

pub fn request() -> Message {
    Message::BindRequest { magic: MagicNumber(0x1A2B_3C4D), host: host(8022) }
}

pub fn response() -> Message {
    Message::BindResponse { magic: MagicNumber(0x1A2B_3C4D), host: host(7) }
}

/// Two sides that have bound: the opener and the acceptor.
pub fn bound() -> (End, End) {
    let (mut opener, mut acceptor) = (End::new(Side::Opener, &[OLD], 0xb0), End::new(Side::Acceptor, &[OLD], 0xa0));
    opener.hears(&acceptor.say(&request()), &request());
    acceptor.hears(&opener.say(&response()), &response());
    opener.hears(&acceptor.say(&Message::BindCommit), &Message::BindCommit);
    (opener, acceptor)
}

/// What may pass once two sides have bound.
fn talk() -> Vec<Message> {
    let greetings = [Kind::BindRequest, Kind::BindResponse];
    one_of_each().into_iter().filter(|message| !greetings.contains(&message.kind())).collect()
}

#[test]
fn two_sides_with_the_key_bind_and_talk_both_ways() {
    let (mut opener, mut acceptor) = bound();
    for message in talk() {
        acceptor.hears(&opener.say(&message), &message);
        opener.hears(&acceptor.say(&message), &message);
    }
    assert_eq!((opener.framer.finish(), acceptor.framer.finish()), (Ok(()), Ok(())));
}

/// The example of `docs/wire.md`, "With a key", which is computed there with Python's hashlib.
#[test]
fn a_binding_with_a_key_has_its_golden_tags() {
    let key = FarmKey::new(core::array::from_fn(|at| at as u8));
    let keyring = Arc::new(Keyring { spoken: key, accepted: None });
    let end = |side, nonce| End { seals: Seals::new(Arc::clone(&keyring), side, nonce), framer: Framer::default() };
    let (mut opener, mut acceptor) = (end(Side::Opener, [0xb0; 32]), end(Side::Acceptor, [0xa0; 32]));
    for (by_opener, message, tag) in [
        (false, request(), "1e34882b6b337d969485491833f35b38"),
        (true, response(), "5daaf275876ab5d6de7e369556de35ba"),
        (false, Message::BindCommit, "56e61c60061c259b63d8dea985f31395"),
        (true, Message::Heartbeat { seq: 3 }, "8a6bad091e3b91ae5f388a2f9bb888fe"),
    ] {
        let (speaker, hearer) = if by_opener { (&mut opener, &mut acceptor) } else { (&mut acceptor, &mut opener) };
        let sent = speaker.say(&message);
        assert_eq!(hex(&sent[sent.len() - 16..]), tag, "{message:?}");
        hearer.hears(&sent, &message);
    }
}

/// A farm without a key speaks as ever, to the byte; with one, only the length, the checksum and the seal differ.
#[test]
fn a_sealed_frame_is_the_frame_with_its_seal_behind_it() {
    let (mut opener, _) = bound();
    for message in talk() {
        let (plain, sealed) = (encoded(core::slice::from_ref(&message)), opener.say(&message));
        assert_eq!(sealed[..6], plain[..6]);
        assert_eq!(sealed[6..8], 16u16.to_be_bytes());
        assert_eq!(sealed[8..12], plain[8..12]);
        assert_eq!(sealed[HEADER_LEN..sealed.len() - 16], plain[HEADER_LEN..]);
    }
}

/// Keys are changed in three steps over a farm, one host at a time: hosts a step apart always bind, whoever calls.
#[test]
fn who_binds_with_whom_while_the_key_is_changed() {
    let steps: [&[u8]; 4] = [&[OLD], &[OLD, NEW], &[NEW, OLD], &[NEW]];
    let binds = steps.map(|opener_keys| {
        steps.map(|acceptor_keys| {
            let (mut opener, mut acceptor) =
                (End::new(Side::Opener, opener_keys, 0xb0), End::new(Side::Acceptor, acceptor_keys, 0xa0));
            let (heard, end) = opener.hear([&acceptor.say(&request())[..]]);
            if heard.is_empty() {
                assert_eq!(end.expect_err("another key").fault.part(), "seal");
                return false;
            }
            acceptor.hears(&opener.say(&response()), &response());
            opener.hears(&acceptor.say(&Message::BindCommit), &Message::BindCommit);
            true
        })
    });
    // An opener in each row, an acceptor in each column: the acceptor's first key decides.
    assert_eq!(
        binds,
        [[true, true, false, false], [true, true, true, true], [true, true, true, true], [false, false, true, true],]
    );
}

/// Each side, at each stage, and what it hears there that is not due.
#[test]
fn what_is_out_of_turn_is_refused() {
    let silent = |side| End::new(side, &[OLD], 0xc0);
    let heartbeat = Message::Heartbeat { seq: 0 };
    let (mut opener, mut acceptor) = bound();
    let (late_from_acceptor, late_from_opener) = (acceptor.say(&heartbeat), opener.say(&heartbeat));
    silent(Side::Opener).refuses(&late_from_acceptor, "seal");
    silent(Side::Acceptor).refuses(&late_from_opener, "seal");

    let mut asked = silent(Side::Acceptor);
    let its_request = asked.say(&request());
    asked.refuses(&its_request, "seal");
    let mut asked = silent(Side::Acceptor);
    asked.say(&request());
    asked.refuses(&late_from_opener, "seal");

    let mut answering = silent(Side::Opener);
    answering.hears(&its_request, &request());
    answering.refuses(&its_request, "seal");
    let mut answering = silent(Side::Opener);
    answering.hears(&its_request, &request());
    let its_response = answering.say(&response());
    answering.refuses(&its_response, "seal");

    opener.refuses(&its_request, "seal");
    acceptor.refuses(&its_response, "seal");
}

/// What a side says itself out of turn is its own mistake: it is told so, and nothing goes out.
#[test]
fn nothing_is_sealed_out_of_turn() {
    let silent = [Side::Opener, Side::Acceptor].map(|side| End::new(side, &[OLD], 0xc0));
    let (bound_opener, bound_acceptor) = bound();
    let heartbeat = Message::Heartbeat { seq: 0 };
    let [opener, acceptor] = silent;
    for (mut end, messages) in [
        (bound_opener, [request(), response()].to_vec()),
        (bound_acceptor, [request(), response()].to_vec()),
        (opener, [request(), response(), Message::BindCommit, heartbeat.clone()].to_vec()),
        (acceptor, [response(), Message::BindCommit, heartbeat].to_vec()),
    ] {
        for message in messages {
            let mut out = vec![7];
            let refused = message.encode_sealed(&mut out, &mut end.seals);
            assert_eq!(refused, Err(OutOfTurn { kind: message.kind() }));
            assert_eq!(out, [7]);
        }
    }
}

/// What one side has sent does not pass for what the other has, nor does what another binding has.
#[test]
fn a_frame_of_another_stream_does_not_fit() {
    let heartbeat = Message::Heartbeat { seq: 3 };
    let (mut opener, _) = bound();
    let own = opener.say(&heartbeat);
    opener.refuses(&own, "seal");

    let (mut opener, mut acceptor) = (End::new(Side::Opener, &[OLD], 0xb1), End::new(Side::Acceptor, &[OLD], 0xa0));
    opener.hears(&acceptor.say(&request()), &request());
    acceptor.hears(&opener.say(&response()), &response());
    acceptor.refuses(&own, "seal");
}

/// An old challenge, played again: the tag of BIND_REQUEST fits, but who replays it cannot go on.
#[test]
fn a_replayed_request_leads_nowhere() {
    let (mut first, mut acceptor) = (End::new(Side::Opener, &[OLD], 0xb0), End::new(Side::Acceptor, &[OLD], 0xa0));
    let asked = acceptor.say(&request());
    first.hears(&asked, &request());
    acceptor.hears(&first.say(&response()), &response());
    let commit = acceptor.say(&Message::BindCommit);
    let mut second = End::new(Side::Opener, &[OLD], 0xb9);
    second.hears(&asked, &request());
    second.say(&response());
    second.refuses(&commit, "seal");
}

/// Without a key no seal is due, with one no frame goes without: either side says at byte 6 that the other differs.
#[test]
fn a_farm_with_a_key_and_one_without_refuse_each_other() {
    let due = |found, due| FrameError { offset: 6, fault: Fault::Seal { found, due } };
    let plain = encoded(&[request()]);
    let (_, end) = End::new(Side::Opener, &[OLD], 0xb0).hear([&plain[..]]);
    assert_eq!(end, Err(due(0, 48)));
    let sealed = End::new(Side::Acceptor, &[OLD], 0xa0).say(&request());
    assert_eq!(Framer::default().pull(&mut &sealed[..]), Err(due(48, 0)));
    assert_eq!(due(48, 0).to_string(), "byte 6 of the stream: a seal of 48 bytes is declared, 0 are due");
}

/// The lengths are judged with the header: nothing is awaited, and the seal is asked for before the body is read.
#[test]
fn a_seal_is_judged_after_the_lengths_and_before_the_body() {
    let header = |kind: u8, seal: u16, declared: u32| {
        let mut header = b"IMAF\x01".to_vec();
        header.push(kind);
        header.extend(seal.to_be_bytes());
        header.extend(declared.to_be_bytes());
        header
    };
    let max = Limits::DEFAULT_BODY_BYTES;
    let fault_of = |head: Vec<u8>, behind: &[u8]| {
        let frame = [&head[..], &crc32(&head, behind).to_be_bytes(), behind, &[0; 16]].concat();
        let (mut opener, _) = bound();
        let before = opener.framer.offset();
        let (_, end) = opener.hear([&frame[..]]);
        let error = end.expect_err("a fault");
        (error.offset - before, error.fault)
    };
    assert_eq!(fault_of(header(16, u16::MAX, max + 1), &[]), (6, Fault::Seal { found: u16::MAX, due: 16 }));
    assert_eq!(fault_of(header(16, 16, max + 1), &[]), (8, Fault::Length { declared: max + 1, limit: max }));
    let nonsense = [0xc1; 3];
    assert_eq!(fault_of(header(16, 16, 3), &nonsense), (19, Fault::Forged { at: 19 }));
}

#[test]
fn keys_are_not_shown() {
    let (opener, _) = bound();
    let shown = format!("{:?}", opener.seals);
    assert_eq!(shown.matches("FarmKey(..)").count(), 3, "{shown}");
}
