//! A fuzzer's bytes as choices: numbers, messages, pieces of a stream.
//!
//! Each choice takes few bytes and any byte is a choice, so that most mutations of an input are other inputs and not
//! worthless ones. Small numbers take one byte: hosts, counts and numbers of reports that matter are small.

use core::convert::Infallible;

use imafarm_proto::message::{Kind, Message};
use imafarm_proto::transport::HEADER_LEN;
use imafarm_proto::transport::field::FieldSource;

/// What is left of a fuzzer's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Choices<'a>(pub &'a [u8]);

impl<'a> Choices<'a> {
    /// Whether all bytes are used up.
    pub const fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte; 0 when all are used up.
    pub fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// The next `count` bytes, or as many as there are.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// One of so many, at most 256.
    pub fn among(&mut self, many: usize) -> usize {
        usize::from(self.byte()) % many
    }

    /// Yes or no.
    pub fn truth(&mut self) -> bool {
        self.among(2) == 1
    }

    /// A number from `least` to `most`: one byte for the smallest and for both ends, some bytes more for any other.
    pub fn number(&mut self, least: u64, most: u64) -> u64 {
        let number = match self.byte() {
            small @ 0..0xf0 => least.saturating_add(small.into()),
            0xf0 => most,
            0xf1 => most.saturating_sub(self.byte().into()),
            long @ 0xf2.. => {
                let bytes = self.bytes(usize::from(long & 7) + 1);
                bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
            }
        };
        number.clamp(least, most)
    }

    /// A kind, mostly by its own number.
    pub fn kind(&mut self) -> Kind {
        let byte = self.byte();
        Kind::from_number(byte).unwrap_or(Kind::ALL[usize::from(byte) % Kind::COUNT])
    }

    /// A message of any kind and content.
    pub fn message(&mut self) -> Message {
        let kind = self.kind();
        let Ok(message) = Message::take_fields(kind, self);
        message
    }

    /// A piece of a stream, appended to `out`: any bytes, or a frame that is right, wrong inside, or damaged. Only frames
    /// that are put together come past the checksum.
    pub fn piece(&mut self, out: &mut Vec<u8>) {
        match self.among(4) {
            0 => {
                let count = self.among(64);
                out.extend_from_slice(self.bytes(count));
            }
            1 => self.message().encode(out),
            2 => {
                let (kind, count) = (self.byte(), self.among(64));
                frame(kind, [0; 2], self.bytes(count), out);
            }
            _ => {
                let start = out.len();
                self.message().encode(out);
                let place = start + usize::from(self.byte()) % (out.len() - start);
                out[place] ^= self.byte();
            }
        }
    }
}

/// Appends the frame of this kind, length of its seal and body, whether there is such a message or not. No seal is in it.
pub fn frame(kind: u8, seal_len: [u8; 2], body: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    Message::BindCommit.encode(out);
    out.truncate(start + HEADER_LEN);
    out[start + 5] = kind;
    out[start + 6..start + 8].copy_from_slice(&seal_len);
    out[start + 8..start + 12].copy_from_slice(&(body.len() as u32).to_be_bytes());
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&out[start..start + 12]);
    checksum.update(body);
    out[start + 12..].copy_from_slice(&checksum.finalize().to_be_bytes());
    out.extend_from_slice(body);
}

impl FieldSource for Choices<'_> {
    type Error = Infallible;

    fn begin(&mut self, _fields: u8) -> Result<(), Infallible> {
        Ok(())
    }

    fn number(&mut self, _field: &'static str, least: u64, most: u64) -> Result<u64, Infallible> {
        Ok(Choices::number(self, least, most))
    }

    fn truth(&mut self, _field: &'static str) -> Result<bool, Infallible> {
        Ok(Choices::truth(self))
    }

    fn nothing(&mut self, _field: &'static str) -> Result<bool, Infallible> {
        Ok(Choices::truth(self))
    }

    fn filler(&mut self, _field: &'static str) -> Result<u16, Infallible> {
        Ok(Choices::number(self, 0, u16::MAX.into()) as u16)
    }
}
