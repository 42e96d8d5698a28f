//! Frames: a header of 16 bytes, a body and, with a key, a seal, out of any cut of a stream of bytes and into it.
//!
//! ```text
//! 0      4         5      6             8             12         16
//! | IMAF | version | kind | seal length | body length | checksum | body .. | seal ..
//! ```
//!
//! All numbers are in network order. The checksum is the CRC-32 of Ethernet and zlib over the 12 bytes before it and
//! the body after it. A declared length is a claim: it is judged, never allocated. What a seal is, is
//! [`seal`](crate::transport::seal)'s business; here it is a run of bytes that fits or does not.

use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::message::{Kind, Message};
use crate::profile;
use crate::transport::body;
use crate::transport::fault::{Fault, FrameError};
use crate::transport::seal::{OutOfTurn, Seals, seal_len};

/// The first bytes of every frame. Our guess.
pub const FRAME_MAGIC: [u8; 4] = *b"IMAF";
/// The version of the wire format.
pub const WIRE_VERSION: u8 = 1;
/// The bytes of a header.
pub const HEADER_LEN: usize = size_of::<Header>();

const _: () = assert!(
    HEADER_LEN as u32 + Limits::DEFAULT_BODY_BYTES == profile::LONGEST_MESSAGE,
    "no host sends what others do not take unless told"
);

/// The bytes of a header that the checksum covers.
pub(super) const CHECKED_LEN: usize = HEADER_LEN - size_of::<U32>();

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    magic: [u8; 4],
    version: u8,
    kind: u8,
    seal_len: U16,
    body_len: U32,
    checksum: U32,
}

/// How much a framer takes from a stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    max_body_bytes: u32,
}

impl Limits {
    /// The least limit: every message known today fits.
    pub const LEAST_BODY_BYTES: u32 = 64;
    /// The greatest limit, 16 MiB. Our guess.
    pub const MOST_BODY_BYTES: u32 = 1 << 24;
    /// The limit unless set. CTX114843: changes of less than 64 KB travel from host to host; larger ones are fetched.
    pub const DEFAULT_BODY_BYTES: u32 = 1 << 16;

    /// Bodies of at most `max_body_bytes`, or nothing when that is out of range.
    pub const fn new(max_body_bytes: u32) -> Option<Limits> {
        match max_body_bytes {
            Limits::LEAST_BODY_BYTES..=Limits::MOST_BODY_BYTES => Some(Limits { max_body_bytes }),
            _ => None,
        }
    }

    /// The bytes of the longest body that is taken.
    pub const fn max_body_bytes(self) -> u32 {
        self.max_body_bytes
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { max_body_bytes: Limits::DEFAULT_BODY_BYTES }
    }
}

impl Message {
    /// Appends the message's frame, [`Message::encoded_len`] bytes, to `out`.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.write_frame(0, out);
    }

    /// Appends the message's frame and its seal, [`Message::sealed_len`] bytes, to `out`.
    ///
    /// Errors: no frame of this kind can go out on the binding as it stands; `out` is as it was.
    pub fn encode_sealed(&self, out: &mut Vec<u8>, seals: &mut Seals) -> Result<(), OutOfTurn> {
        let (start, kind) = (out.len(), self.kind());
        self.write_frame(seal_len(kind), out);
        seals.seal(kind, start, out).inspect_err(|_| out.truncate(start))
    }

    #[inline]
    fn write_frame(&self, seal_len: u16, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; HEADER_LEN]);
        body::write(self, out);
        let (head, body) = out[start..].split_at_mut(HEADER_LEN);
        let mut header = Header {
            magic: FRAME_MAGIC,
            version: WIRE_VERSION,
            kind: self.kind().number(),
            seal_len: U16::new(seal_len),
            body_len: U32::new(body.len() as u32),
            checksum: U32::ZERO,
        };
        header.checksum = U32::new(checksum(&header.as_bytes()[..CHECKED_LEN], body));
        head.copy_from_slice(header.as_bytes());
    }
}

/// What a framer asks of whoever knows about seals.
pub trait Sealing {
    /// The bytes of the seal that a frame of this kind has to have.
    fn due(&self, kind: Kind) -> u16;

    /// Whether the seal, of as many bytes as are due, fits the frame, header and body, that is next on the stream. Each
    /// frame is asked about once, when all of it is there, and none after one whose seal did not fit.
    fn open(&mut self, kind: Kind, frame: &[u8], seal: &[u8]) -> bool;
}

/// A farm without a key: no frame has a seal.
#[derive(Clone, Copy, Debug)]
pub struct Unsealed;

impl Sealing for Unsealed {
    #[inline]
    fn due(&self, _kind: Kind) -> u16 {
        0
    }

    #[inline]
    fn open(&mut self, _kind: Kind, _frame: &[u8], _seal: &[u8]) -> bool {
        true
    }
}

fn checksum(head: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(body);
    hasher.finalize()
}

/// What a run of bytes begins with.
enum Beginning<'a> {
    /// A whole frame of `len` bytes that arrived as it was sent; its body is still to be read.
    Frame { kind: Kind, body: &'a [u8], len: usize },
    /// A frame of which at least `missing` bytes are still to come before more can be said.
    Part { missing: usize },
}

/// Judges all of the frame that begins `bytes`, but for its body. A header is judged as soon as it is whole, the rest as
/// soon as all of it is there.
#[inline(always)]
fn judge<'a>(bytes: &'a [u8], limits: Limits, sealing: &mut impl Sealing) -> Result<Beginning<'a>, Fault> {
    let Ok((header, rest)) = Header::ref_from_prefix(bytes) else {
        return Ok(Beginning::Part { missing: HEADER_LEN - bytes.len() });
    };
    if header.magic != FRAME_MAGIC {
        return Err(Fault::Magic { found: header.magic });
    }
    if header.version != WIRE_VERSION {
        return Err(Fault::Version { found: header.version });
    }
    let kind = Kind::from_number(header.kind).ok_or(Fault::Kind { found: header.kind })?;
    let (found, due) = (header.seal_len.get(), sealing.due(kind));
    if found != due {
        return Err(Fault::Seal { found, due });
    }
    let declared = header.body_len.get();
    if declared > limits.max_body_bytes {
        return Err(Fault::Length { declared, limit: limits.max_body_bytes });
    }
    let Some((body, seal)) =
        rest.get(..declared as usize + usize::from(due)).map(|rest| rest.split_at(declared as usize))
    else {
        return Ok(Beginning::Part { missing: declared as usize + usize::from(due) - rest.len() });
    };
    let computed = checksum(&header.as_bytes()[..CHECKED_LEN], body);
    if header.checksum != computed {
        return Err(Fault::Checksum { declared: header.checksum.get(), computed });
    }
    let seal_at = HEADER_LEN + body.len();
    if !sealing.open(kind, &bytes[..seal_at], seal) {
        return Err(Fault::Forged { at: seal_at as u32 });
    }
    Ok(Beginning::Frame { kind, body, len: seal_at + seal.len() })
}

/// Messages out of one direction of a binding's stream, whatever the cuts in which its bytes arrive.
///
/// Frames that arrive whole are read where they lie. Only a frame that is cut is kept until the rest arrives, so a
/// framer never holds more than one frame, nor more than twice the bytes of it that arrived.
#[derive(Clone, Debug, Default)]
pub struct Framer {
    limits: Limits,
    /// The beginning of the frame at `offset`, of which the rest has not arrived.
    part: Vec<u8>,
    /// How many bytes have to arrive before more can be said of the part; 0 without one.
    missing: usize,
    /// Where in the stream the frame begins that is next to be read.
    offset: u64,
    failed: Option<FrameError>,
}

impl Framer {
    /// A framer at the beginning of a stream.
    pub fn new(limits: Limits) -> Framer {
        Framer { limits, part: Vec::new(), missing: 0, offset: 0, failed: None }
    }

    /// The next message, from what was kept and from the front of `bytes`, which is shortened by what was read; nothing
    /// once all of `bytes` is read. No frame has a seal.
    ///
    /// Errors: the first [`FrameError`] of the stream, now and at every later call; the framer keeps no bytes then and
    /// reads none.
    #[inline(always)]
    pub fn pull(&mut self, bytes: &mut &[u8]) -> Result<Option<Message>, FrameError> {
        self.pull_sealed(bytes, &mut Unsealed)
    }

    /// The same, from frames that have seals: those of the stream, the same ones at every call.
    ///
    /// Errors: as [`Framer::pull`].
    // Inlined into its caller, down to the last field: a message that is handed up through memory costs more than reading
    // it does, and with two kinds of sealing the compiler would no longer do so by itself.
    #[inline(always)]
    pub fn pull_sealed(
        &mut self,
        bytes: &mut &[u8],
        sealing: &mut impl Sealing,
    ) -> Result<Option<Message>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        match self.part.is_empty() {
            true => self.pull_in_place(bytes, sealing),
            false => self.pull_pieced(bytes, sealing),
        }
    }

    /// The stream has ended.
    ///
    /// Errors: [`Fault::Truncated`] when it ended within a frame; the error before, if there was one.
    pub fn finish(&mut self) -> Result<(), FrameError> {
        match self.failed {
            Some(error) => Err(error),
            None if self.part.is_empty() => Ok(()),
            None => {
                let (kept, missing) = (self.part.len() as u32, self.missing as u32);
                Err(self.fail(Fault::Truncated { kept, missing }))
            }
        }
    }

    /// What the framer takes.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// The bytes of whole frames read so far: where in the stream the next frame begins.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The bytes kept of a frame of which the rest has not arrived.
    pub fn kept_bytes(&self) -> usize {
        self.part.len()
    }

    /// The memory held for kept bytes, in bytes.
    pub fn capacity(&self) -> usize {
        self.part.capacity()
    }

    #[inline(always)]
    fn pull_in_place(&mut self, bytes: &mut &[u8], sealing: &mut impl Sealing) -> Result<Option<Message>, FrameError> {
        match judge(bytes, self.limits, sealing) {
            Ok(Beginning::Frame { kind, body, len }) => match body::read(kind, body) {
                Ok(message) => {
                    *bytes = &bytes[len..];
                    self.offset += len as u64;
                    Ok(Some(message))
                }
                Err(error) => Err(self.fail(Fault::Body { kind, error })),
            },
            Ok(Beginning::Part { missing }) => {
                self.part.extend_from_slice(bytes);
                self.missing = missing;
                *bytes = &[];
                Ok(None)
            }
            Err(fault) => Err(self.fail(fault)),
        }
    }

    fn pull_pieced(&mut self, bytes: &mut &[u8], sealing: &mut impl Sealing) -> Result<Option<Message>, FrameError> {
        loop {
            let (now, later) = bytes.split_at(self.missing.min(bytes.len()));
            self.part.extend_from_slice(now);
            self.missing -= now.len();
            *bytes = later;
            if self.missing > 0 {
                return Ok(None);
            }
            match judge(&self.part, self.limits, sealing) {
                Ok(Beginning::Frame { kind, body, len }) => {
                    let message = body::read(kind, body).map_err(|error| self.fail(Fault::Body { kind, error }))?;
                    self.part.clear();
                    self.offset += len as u64;
                    return Ok(Some(message));
                }
                Ok(Beginning::Part { missing }) => self.missing = missing,
                Err(fault) => return Err(self.fail(fault)),
            }
        }
    }

    #[cold]
    fn fail(&mut self, fault: Fault) -> FrameError {
        let error = FrameError { offset: self.offset + fault.at() as u64, fault };
        (self.part, self.missing) = (Vec::new(), 0);
        self.failed = Some(error);
        error
    }
}
