//! Frames: a header of 16 bytes and a body, out of any cut of a stream of bytes and into it.
//!
//! ```text
//! 0      4         5      6          8             12         16
//! | IMAF | version | kind | reserved | body length | checksum | body ..
//! ```
//!
//! All numbers are in network order. The checksum is the CRC-32 of Ethernet and zlib over the 12 bytes before it and
//! the body after it. A declared length is a claim: it is judged, never allocated.

use core::fmt;

use thiserror::Error;
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::message::{Kind, Message};
use crate::transport::body::{self, BodyError};

/// The first bytes of every frame. Our guess.
pub const FRAME_MAGIC: [u8; 4] = *b"IMAF";
/// The version of the wire format.
pub const WIRE_VERSION: u8 = 1;
/// The bytes of a header.
pub const HEADER_LEN: usize = size_of::<Header>();

/// The bytes of a header that the checksum covers.
const CHECKED_LEN: usize = HEADER_LEN - size_of::<U32>();

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    magic: [u8; 4],
    version: u8,
    kind: u8,
    reserved: U16,
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

/// A stream that is not one of frames, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameError {
    /// The byte of the stream at which the trouble begins, counted from 0.
    pub offset: u64,
    /// What is wrong there.
    pub fault: Fault,
}

impl core::error::Error for FrameError {}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {} of the stream: {}", self.offset, self.fault)
    }
}

/// What is wrong with a frame. After any of these the binding closes; nothing else changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// The frame does not begin as frames do. Theirs: whoever speaks, it is not to us.
    #[error("a frame begins with \"IMAF\", this one with \"{}\"", found.escape_ascii())]
    Magic {
        /// The first four bytes.
        found: [u8; 4],
    },
    /// Another version of the wire format. Theirs, or ours, whichever is older.
    #[error("wire version {found}; this side speaks {WIRE_VERSION}")]
    Version {
        /// The version declared.
        found: u8,
    },
    /// The reserved bytes are not 0. Theirs.
    #[error("the reserved bytes are 0x{found:04x}, not 0")]
    Reserved {
        /// What they are.
        found: u16,
    },
    /// No message has this kind. Theirs.
    #[error("no message has the kind {found}")]
    Kind {
        /// The kind declared.
        found: u8,
    },
    /// The body is declared longer than the limit. Theirs. It was neither awaited nor allocated.
    #[error("a body of {declared} bytes is declared, {limit} are the limit")]
    Length {
        /// The length declared, in bytes.
        declared: u32,
        /// The limit, in bytes.
        limit: u32,
    },
    /// The checksum does not fit the bytes. The link's, or theirs.
    #[error("the checksum is 0x{declared:08x}, the bytes give 0x{computed:08x}")]
    Checksum {
        /// The checksum declared.
        declared: u32,
        /// The checksum of what arrived.
        computed: u32,
    },
    /// The bytes arrived as they were sent, and are no message of their kind. Theirs.
    #[error("{}: {error}", kind.name())]
    Body {
        /// The kind declared.
        kind: Kind,
        /// What is wrong with the body.
        error: BodyError,
    },
    /// The stream ended within a frame. The link's, or theirs: they closed before they were done.
    #[error("the stream ends within a frame: {kept} bytes of it arrived, at least {missing} are missing")]
    Truncated {
        /// How many bytes of the frame arrived.
        kept: u32,
        /// How many bytes are missing at least.
        missing: u32,
    },
}

impl Fault {
    /// The part of the frame that is wrong, in one word.
    pub const fn part(&self) -> &'static str {
        match self {
            Fault::Magic { .. } => "magic",
            Fault::Version { .. } => "version",
            Fault::Reserved { .. } => "reserved",
            Fault::Kind { .. } => "kind",
            Fault::Length { .. } => "length",
            Fault::Checksum { .. } => "checksum",
            Fault::Body { .. } => "body",
            Fault::Truncated { .. } => "end",
        }
    }

    /// Where in the frame the trouble begins.
    const fn at(&self) -> usize {
        match self {
            Fault::Magic { .. } => 0,
            Fault::Version { .. } => 4,
            Fault::Kind { .. } => 5,
            Fault::Reserved { .. } => 6,
            Fault::Length { .. } => 8,
            Fault::Checksum { .. } => CHECKED_LEN,
            Fault::Body { error, .. } => HEADER_LEN + error.at,
            Fault::Truncated { kept, .. } => *kept as usize,
        }
    }
}

impl Message {
    /// Appends the message's frame, [`Message::encoded_len`] bytes, to `out`.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; HEADER_LEN]);
        body::write(self, out);
        let (head, body) = out[start..].split_at_mut(HEADER_LEN);
        let mut header = Header {
            magic: FRAME_MAGIC,
            version: WIRE_VERSION,
            kind: self.kind().number(),
            reserved: U16::ZERO,
            body_len: U32::new(body.len() as u32),
            checksum: U32::ZERO,
        };
        header.checksum = U32::new(checksum(&header.as_bytes()[..CHECKED_LEN], body));
        head.copy_from_slice(header.as_bytes());
    }
}

fn checksum(head: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(body);
    hasher.finalize()
}

/// What a run of bytes begins with.
enum Beginning {
    /// A whole frame of `len` bytes.
    Frame { message: Message, len: usize },
    /// A frame of which at least `missing` bytes are still to come before more can be said.
    Part { missing: usize },
}

/// Judges the frame that begins `bytes`. A header is judged as soon as it is whole, its body as soon as that is.
#[inline]
fn judge(bytes: &[u8], limits: Limits) -> Result<Beginning, Fault> {
    let Ok((header, rest)) = Header::ref_from_prefix(bytes) else {
        return Ok(Beginning::Part { missing: HEADER_LEN - bytes.len() });
    };
    if header.magic != FRAME_MAGIC {
        return Err(Fault::Magic { found: header.magic });
    }
    if header.version != WIRE_VERSION {
        return Err(Fault::Version { found: header.version });
    }
    if header.reserved != U16::ZERO {
        return Err(Fault::Reserved { found: header.reserved.get() });
    }
    let kind = Kind::from_number(header.kind).ok_or(Fault::Kind { found: header.kind })?;
    let declared = header.body_len.get();
    if declared > limits.max_body_bytes {
        return Err(Fault::Length { declared, limit: limits.max_body_bytes });
    }
    let Some(body) = rest.get(..declared as usize) else {
        return Ok(Beginning::Part { missing: declared as usize - rest.len() });
    };
    let computed = checksum(&header.as_bytes()[..CHECKED_LEN], body);
    if header.checksum != computed {
        return Err(Fault::Checksum { declared: header.checksum.get(), computed });
    }
    let message = body::read(kind, body).map_err(|error| Fault::Body { kind, error })?;
    Ok(Beginning::Frame { message, len: HEADER_LEN + body.len() })
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
    /// Where in the stream the frame begins that is next to be read.
    offset: u64,
    failed: Option<FrameError>,
}

impl Framer {
    /// A framer at the beginning of a stream.
    pub fn new(limits: Limits) -> Framer {
        Framer { limits, part: Vec::new(), offset: 0, failed: None }
    }

    /// The next message, from what was kept and from the front of `bytes`, which is shortened by what was read; nothing
    /// once all of `bytes` is read.
    ///
    /// Errors: the first [`FrameError`] of the stream, now and at every later call; the framer keeps no bytes then and
    /// reads none.
    #[inline]
    pub fn pull(&mut self, bytes: &mut &[u8]) -> Result<Option<Message>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let next = if self.part.is_empty() { self.pull_in_place(bytes) } else { self.pull_pieced(bytes) };
        next.map_err(|fault| self.fail(fault))
    }

    /// The stream has ended.
    ///
    /// Errors: [`Fault::Truncated`] when it ended within a frame; the error before, if there was one.
    pub fn finish(&mut self) -> Result<(), FrameError> {
        match self.failed {
            Some(error) => Err(error),
            None if self.part.is_empty() => Ok(()),
            None => {
                let missing = match judge(&self.part, self.limits) {
                    Ok(Beginning::Part { missing }) => missing as u32,
                    Ok(Beginning::Frame { .. }) | Err(_) => unreachable!("only the beginning of a frame is kept"),
                };
                Err(self.fail(Fault::Truncated { kept: self.part.len() as u32, missing }))
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

    #[inline]
    fn pull_in_place(&mut self, bytes: &mut &[u8]) -> Result<Option<Message>, Fault> {
        match judge(bytes, self.limits)? {
            Beginning::Frame { message, len } => {
                *bytes = &bytes[len..];
                self.offset += len as u64;
                Ok(Some(message))
            }
            Beginning::Part { .. } => {
                self.part.extend_from_slice(bytes);
                *bytes = &[];
                Ok(None)
            }
        }
    }

    fn pull_pieced(&mut self, bytes: &mut &[u8]) -> Result<Option<Message>, Fault> {
        loop {
            match judge(&self.part, self.limits)? {
                Beginning::Frame { message, len } => {
                    self.part.clear();
                    self.offset += len as u64;
                    return Ok(Some(message));
                }
                Beginning::Part { .. } if bytes.is_empty() => return Ok(None),
                Beginning::Part { missing } => {
                    let (now, later) = bytes.split_at(missing.min(bytes.len()));
                    self.part.extend_from_slice(now);
                    *bytes = later;
                }
            }
        }
    }

    #[cold]
    fn fail(&mut self, fault: Fault) -> FrameError {
        let error = FrameError { offset: self.offset + fault.at() as u64, fault };
        self.part = Vec::new();
        self.failed = Some(error);
        error
    }
}
