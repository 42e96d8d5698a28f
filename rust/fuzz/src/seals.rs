//! Two hosts with a farm's key, and between them somebody without it who has the wire in his hands: he may leave out,
//! repeat, move, alter and add, and send each side's words back to it. What comes out at an end is what was said at the other
//! end, from its beginning, or less of it; and memory is bounded by what arrived.

use std::sync::Arc;

use imafarm_proto::host_record::HostIndex;
use imafarm_proto::message::Message;
use imafarm_proto::transport::seal::{FarmKey, Keyring, Seals, Side};
use imafarm_proto::transport::{Framer, HEADER_LEN};

use crate::cast::{MAGIC, id};
use crate::choices::{Choices, frame};

/// The most frames that pass the one in between, either way.
const MOST_FRAMES: usize = 64;

/// One host's end of the wire.
struct End {
    seals: Seals,
    framer: Framer,
    arrived: usize,
    /// What it has said, and what it has heard.
    said: Vec<Message>,
    heard: Vec<Message>,
}

impl End {
    fn new(side: Side, key: u8, nonce: u8) -> End {
        let keyring = Keyring { spoken: FarmKey::new([key; 32]), accepted: None };
        let seals = Seals::new(Arc::new(keyring), side, [nonce; 32]);
        End { seals, framer: Framer::default(), arrived: 0, said: Vec::new(), heard: Vec::new() }
    }

    /// Says a message, if it is its turn to say one of that kind.
    fn say(&mut self, message: Message) -> Vec<u8> {
        let mut frame = Vec::new();
        if message.encode_sealed(&mut frame, &mut self.seals).is_ok() {
            assert_eq!(frame.len(), message.sealed_len() as usize);
            self.said.push(message);
        }
        frame
    }

    fn hear(&mut self, mut bytes: &[u8]) {
        self.arrived += bytes.len();
        while let Ok(Some(message)) = self.framer.pull_sealed(&mut bytes, &mut self.seals) {
            self.heard.push(message);
        }
        assert!(self.framer.capacity() <= 2 * self.arrived.max(8));
    }
}

/// One input: whether both have the same key, and what is said and done, in order.
pub fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let other_key = choices.truth();
    let mut ends = [End::new(Side::Acceptor, 1, 0xa0), End::new(Side::Opener, 1 + u8::from(other_key), 0xb0)];
    bind(&mut ends, choices.among(4));
    let mut frames: Vec<Vec<u8>> = Vec::new();
    while !choices.is_over() && frames.len() < MOST_FRAMES {
        let from = choices.among(2);
        let bytes = match choices.among(8) {
            0..4 => ends[from].say(choices.message()),
            4 if !frames.is_empty() => frames[choices.among(frames.len())].clone(),
            _ => {
                let mut piece = Vec::new();
                choices.piece(&mut piece);
                piece
            }
        };
        frames.push(bytes.clone());
        let (mut to, mut altered) = (1 - from, bytes);
        match choices.among(8) {
            0 => continue,
            1 => to = from,
            2 if !altered.is_empty() => {
                let place = choices.number(0, altered.len() as u64 - 1) as usize;
                altered[place] ^= choices.byte();
            }
            3 => altered.truncate(choices.byte().into()),
            // The checksum is no seal: he can make it fit.
            4 if altered.len() > HEADER_LEN => altered = reframed(&altered, &mut choices),
            _ => {}
        }
        ends[to].hear(&altered);
    }
    let [acceptor, opener] = &ends;
    assert!(opener.said.starts_with(&acceptor.heard), "{:?} of {:?}", acceptor.heard, opener.said);
    assert!(acceptor.said.starts_with(&opener.heard), "{:?} of {:?}", opener.heard, acceptor.said);
    assert!(!other_key || (acceptor.heard.is_empty() && opener.heard.is_empty()), "they have no key in common");
}

/// The words of two hosts that bind, as far as nobody interferes: nothing, or one to three of the bind packets.
fn bind([acceptor, opener]: &mut [End; 2], packets: usize) {
    for packet in 0..packets {
        if packet == 1 {
            let response = opener.say(Message::BindResponse { magic: MAGIC, host: id(HostIndex(2)) });
            acceptor.hear(&response);
        } else {
            let request = Message::BindRequest { magic: MAGIC, host: id(HostIndex(0)) };
            let said = acceptor.say(if packet == 0 { request } else { Message::BindCommit });
            opener.hear(&said);
        }
    }
}

/// A frame with another kind or another byte in its body, a checksum that fits, and the seal that it had.
fn reframed(bytes: &[u8], choices: &mut Choices<'_>) -> Vec<u8> {
    let length = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize;
    let body_end = HEADER_LEN + length.min(bytes.len() - HEADER_LEN);
    let mut body = bytes[HEADER_LEN..body_end].to_vec();
    if !body.is_empty() {
        let place = choices.number(0, body.len() as u64 - 1) as usize;
        body[place] ^= choices.byte();
    }
    let mut forged = Vec::new();
    frame(bytes[5] ^ choices.byte(), bytes[6..8].try_into().expect("two bytes"), &body, &mut forged);
    forged.extend_from_slice(&bytes[body_end..]);
    forged
}
