//! The wire: bytes that are right, bytes that are cut, and bytes that are wrong. `docs/wire.md` describes them all.

mod codec;
mod cuts;
mod faults;
mod figures;
mod seals;
mod tampering;

use core::convert::Infallible;

use imafarm_proto::message::{Kind, Message};
use imafarm_proto::transport::field::FieldSource;
use imafarm_proto::transport::{FrameError, Framer};

/// Where MessagePack's forms of a number begin and end, and the ends of our ranges.
const EDGES: [u64; 14] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x100,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    (1 << 48) - 2,
    (1 << 48) - 1,
];

/// Fields chosen by the digits of one number, so that counting it up gives every combination once.
struct Choices(u64);

impl Choices {
    fn among(&mut self, choices: usize) -> usize {
        let choice = self.0 % choices as u64;
        self.0 /= choices as u64;
        choice as usize
    }
}

impl FieldSource for Choices {
    type Error = Infallible;

    fn begin(&mut self, _fields: u8) -> Result<(), Infallible> {
        Ok(())
    }

    fn number(&mut self, _field: &'static str, least: u64, most: u64) -> Result<u64, Infallible> {
        let edges: Vec<u64> = EDGES.into_iter().filter(|edge| (least..=most).contains(edge)).collect();
        Ok(edges[self.among(edges.len())])
    }

    fn truth(&mut self, _field: &'static str) -> Result<bool, Infallible> {
        Ok(self.among(2) == 1)
    }

    fn nothing(&mut self, _field: &'static str) -> Result<bool, Infallible> {
        Ok(self.among(2) == 0)
    }

    fn filler(&mut self, _field: &'static str) -> Result<u16, Infallible> {
        Ok([0, 1, 0xff, 0x100, 0x1234][self.among(5)])
    }
}

/// The message of this kind that `number` stands for, and what of the number was not needed.
fn chosen(kind: Kind, number: u64) -> (Message, u64) {
    let mut choices = Choices(number);
    let Ok(message) = Message::take_fields(kind, &mut choices);
    (message, choices.0)
}

/// Messages of this kind whose fields all stand at an edge: every one, or some thousands if there are too many.
fn edge_cases(kind: Kind) -> impl Iterator<Item = Message> {
    const MANY: u64 = 5_000;
    let first = (0..MANY).map(move |number| chosen(kind, number)).take_while(|(_, rest)| *rest == 0);
    let others = (0..MANY).map(|number| number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let too_many = chosen(kind, MANY).1 == 0;
    let others = others.filter(move |_| too_many).map(move |number| chosen(kind, number));
    first.chain(others).map(|(message, _)| message)
}

/// A message of each kind.
fn one_of_each() -> Vec<Message> {
    Kind::ALL.into_iter().zip(11..).map(|(kind, number)| chosen(kind, number).0).collect()
}

fn encoded(messages: &[Message]) -> Vec<u8> {
    let mut bytes = Vec::new();
    messages.iter().for_each(|message| message.encode(&mut bytes));
    bytes
}

/// A frame put together by hand, with its checksum.
fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut head = b"IMAF\x01".to_vec();
    head.push(kind);
    head.extend([0, 0]);
    head.extend((body.len() as u32).to_be_bytes());
    let checksum = crc32(&head, body);
    [&head, &checksum.to_be_bytes()[..], body].concat()
}

/// The checksum of a frame, computed bit by bit.
fn crc32(head: &[u8], body: &[u8]) -> u32 {
    !head.iter().chain(body).fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

/// All that a framer gives for bytes that arrive in these pieces, then the end of the stream.
fn all_of<'a>(
    framer: &mut Framer,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Message>, Result<(), FrameError>) {
    let mut messages = Vec::new();
    for mut piece in pieces {
        loop {
            match framer.pull(&mut piece) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Err(error)),
            }
        }
        assert!(piece.is_empty(), "a framer that wants more has read all there is");
    }
    (messages, framer.finish())
}
