//! What can be wrong with a stream, and where in it.

use core::fmt;

use thiserror::Error;

use crate::message::Kind;
use crate::transport::body::BodyError;
use crate::transport::framing::{CHECKED_LEN, HEADER_LEN, WIRE_VERSION};

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
    /// No message has this kind. Theirs.
    #[error("no message has the kind {found}")]
    Kind {
        /// The kind declared.
        found: u8,
    },
    /// A seal of another length is declared than is due: one side has a key, the other none. Theirs, or ours.
    #[error("a seal of {found} bytes is declared, {due} are due")]
    Seal {
        /// The length declared, in bytes.
        found: u16,
        /// The length that this kind has here, in bytes; 0 without a key.
        due: u16,
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
    /// The seal does not fit. Theirs: a stranger, or one who was on the way.
    #[error(
        "the seal does not fit: whoever sent this does not have the farm's key, or these are not the bytes it sent"
    )]
    Forged {
        /// The byte of the frame at which the seal begins.
        at: u32,
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
            Fault::Kind { .. } => "kind",
            Fault::Seal { .. } | Fault::Forged { .. } => "seal",
            Fault::Length { .. } => "length",
            Fault::Checksum { .. } => "checksum",
            Fault::Body { .. } => "body",
            Fault::Truncated { .. } => "end",
        }
    }

    /// Where in the frame the trouble begins.
    pub(super) const fn at(&self) -> usize {
        match self {
            Fault::Magic { .. } => 0,
            Fault::Version { .. } => 4,
            Fault::Kind { .. } => 5,
            Fault::Seal { .. } => 6,
            Fault::Length { .. } => 8,
            Fault::Checksum { .. } => CHECKED_LEN,
            Fault::Forged { at } => *at as usize,
            Fault::Body { error, .. } => HEADER_LEN + error.at,
            Fault::Truncated { kept, .. } => *kept as usize,
        }
    }
}
