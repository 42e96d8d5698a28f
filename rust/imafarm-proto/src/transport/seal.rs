//! Seals: what a farm with a key puts behind each frame, so that nobody without the key can speak in it.
//!
//! ```text
//! opener                                                      acceptor
//!    | <------------ BIND_REQUEST | challenge a | tag ----------- |   under the farm's key
//!    | ------------- BIND_RESPONSE | challenge b | tag ---------> |   under the binding's own keys from here on,
//!    | <------------ BIND_COMMIT | tag -------------------------- |   one for each direction
//! ```
//!
//! A tag is a keyed BLAKE2b of the frame and of its number in its direction: a frame that was left out, repeated, moved,
//! altered or sent back does not fit, nor does one of another binding. A seal hides nothing: messages go in the clear.
//! `docs/wire.md`, "With a key", has every byte. Challenges are the caller's to draw: this room has no randomness.

use core::fmt;
use std::sync::Arc;

use blake2::digest::consts::{U16, U32};
use blake2::digest::{Digest, Mac};
use blake2::{Blake2b, Blake2bMac};
use thiserror::Error;

use crate::message::Kind;
use crate::transport::framing::Sealing;

/// The bytes of a farm's key.
pub const KEY_LEN: usize = 32;
/// The bytes of a challenge.
pub const CHALLENGE_LEN: usize = 32;
/// The bytes of a tag.
pub const TAG_LEN: usize = 16;

/// What each use of a key is marked with, so that the result of one never passes for another's.
const REQUEST: &[u8] = b"imafarm request";
const OPENER: &[u8] = b"imafarm opener";
const ACCEPTOR: &[u8] = b"imafarm acceptor";
const FRAME: &[u8] = b"imafarm frame";

type Challenge = [u8; CHALLENGE_LEN];
type Hash = [u8; 32];

/// The bytes of the seal of a frame of this kind in a farm with a key.
#[inline]
pub const fn seal_len(kind: Kind) -> u16 {
    if is_greeting(kind) { (CHALLENGE_LEN + TAG_LEN) as u16 } else { TAG_LEN as u16 }
}

/// Whether frames of this kind carry a challenge.
#[inline]
const fn is_greeting(kind: Kind) -> bool {
    matches!(kind, Kind::BindRequest | Kind::BindResponse)
}

/// A secret that all hosts of a farm share. It is not shown.
#[derive(Clone)]
pub struct FarmKey([u8; KEY_LEN]);

impl FarmKey {
    /// The key of these bytes.
    pub const fn new(bytes: [u8; KEY_LEN]) -> FarmKey {
        FarmKey(bytes)
    }

    /// What a keyed BLAKE2b of `Len` bytes begins with, for a use of this key.
    #[inline]
    fn tag(&self, domain: &[u8], number: u64, frame: &[u8], challenge: &[u8]) -> Blake2bMac<U16> {
        let mac = Blake2bMac::new_with_salt_and_personal(Some(&self.0), &[], domain);
        let Ok(mac) = mac else { unreachable!("a key has 32 bytes, and a domain at most 16") };
        mac.chain_update(number.to_be_bytes()).chain_update(frame).chain_update(challenge)
    }

    /// The key of one direction of the binding of these challenges and bind frames.
    fn of_binding(&self, direction: &[u8], challenges: [&Challenge; 2], frames: [&Hash; 2]) -> FarmKey {
        let mac = Blake2bMac::<U32>::new_with_salt_and_personal(Some(&self.0), &[], direction);
        let Ok(mut mac) = mac else { unreachable!("a key has 32 bytes, and a domain at most 16") };
        challenges.into_iter().for_each(|challenge| mac.update(challenge));
        frames.into_iter().for_each(|hash| mac.update(hash));
        FarmKey(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for FarmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FarmKey(..)")
    }
}

/// The keys of a host. While a farm's key is being changed there are two: each host is given both before any host speaks
/// the new one.
#[derive(Clone, Debug)]
pub struct Keyring {
    /// The key under which this host answers callers.
    pub spoken: FarmKey,
    /// Another one, under which it may be answered.
    pub accepted: Option<FarmKey>,
}

/// Which end of a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that has connected.
    Opener,
    /// The one that was called, and speaks first.
    Acceptor,
}

/// A message cannot be sent yet, or not any more: ours, the binding is not that far, or further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{} is out of turn on this side of the binding", kind.name())]
pub struct OutOfTurn {
    /// The kind of the message.
    pub kind: Kind,
}

/// The seals of one binding, both directions, as one of its sides makes and opens them.
#[derive(Clone, Debug)]
pub struct Seals {
    keyring: Arc<Keyring>,
    side: Side,
    nonce: Challenge,
    stage: Stage,
}

/// How far a binding is.
#[derive(Clone, Debug)]
enum Stage {
    /// Nothing was said.
    Silent,
    /// BIND_REQUEST has passed.
    Asked { key: FarmKey, challenge: Challenge, request: Hash },
    /// BIND_RESPONSE has passed too.
    Keyed(Lanes),
}

#[derive(Clone, Debug)]
struct Lanes {
    /// From us to them.
    ours: Lane,
    /// From them to us.
    theirs: Lane,
}

/// One direction.
#[derive(Clone, Debug)]
struct Lane {
    key: FarmKey,
    /// The frames that have passed: the number of the next.
    passed: u64,
}

impl Lane {
    #[inline]
    fn tag(&self, frame: &[u8], challenge: &[u8]) -> Blake2bMac<U16> {
        self.key.tag(FRAME, self.passed, frame, challenge)
    }
}

impl Seals {
    /// The seals of a binding of which nothing has passed yet.
    ///
    /// The nonce is this side's challenge. It has to come from the system's randomness, and must never be used again:
    /// with an old one, an old binding could be played again.
    pub const fn new(keyring: Arc<Keyring>, side: Side, nonce: [u8; CHALLENGE_LEN]) -> Seals {
        Seals { keyring, side, nonce, stage: Stage::Silent }
    }

    /// Appends the seal of the frame, of this kind, that begins at `start` in `out`.
    pub(super) fn seal(&mut self, kind: Kind, start: usize, out: &mut Vec<u8>) -> Result<(), OutOfTurn> {
        let frame = &out[start..];
        match (&mut self.stage, self.side) {
            (Stage::Keyed(Lanes { ours, .. }), _) if !is_greeting(kind) => {
                let tag = ours.tag(frame, &[]).finalize().into_bytes();
                ours.passed += 1;
                out.extend_from_slice(&tag);
            }
            (Stage::Silent, Side::Acceptor) if kind == Kind::BindRequest => {
                let key = self.keyring.spoken.clone();
                let tag = key.tag(REQUEST, 0, frame, &self.nonce).finalize().into_bytes();
                self.stage = Stage::Asked { key, challenge: self.nonce, request: hash(frame) };
                out.extend_from_slice(&self.nonce);
                out.extend_from_slice(&tag);
            }
            (Stage::Asked { key, challenge, request }, Side::Opener) if kind == Kind::BindResponse => {
                let [mut ours, theirs] = lanes(key, [challenge, &self.nonce], [request, &hash(frame)]);
                let tag = ours.tag(frame, &self.nonce).finalize().into_bytes();
                ours.passed += 1;
                self.stage = Stage::Keyed(Lanes { ours, theirs });
                out.extend_from_slice(&self.nonce);
                out.extend_from_slice(&tag);
            }
            (Stage::Silent | Stage::Asked { .. } | Stage::Keyed(_), _) => return Err(OutOfTurn { kind }),
        }
        Ok(())
    }

    /// The acceptor has asked, under one of our keys.
    fn open_request(&mut self, frame: &[u8], challenge: &Challenge, tag: &[u8]) -> bool {
        let Keyring { spoken, accepted } = &*self.keyring;
        let fits = |key: &&FarmKey| key.tag(REQUEST, 0, frame, challenge).verify_slice(tag).is_ok();
        match [Some(spoken), accepted.as_ref()].into_iter().flatten().find(fits) {
            Some(key) => {
                self.stage = Stage::Asked { key: key.clone(), challenge: *challenge, request: hash(frame) };
                true
            }
            None => false,
        }
    }
}

impl Sealing for Seals {
    #[inline]
    fn due(&self, kind: Kind) -> u16 {
        seal_len(kind)
    }

    fn open(&mut self, kind: Kind, frame: &[u8], seal: &[u8]) -> bool {
        match (&mut self.stage, self.side, seal.split_first_chunk()) {
            (Stage::Keyed(Lanes { theirs, .. }), _, _) if !is_greeting(kind) => {
                let fits = theirs.tag(frame, &[]).verify_slice(seal).is_ok();
                theirs.passed += 1;
                fits
            }
            (Stage::Silent, Side::Opener, Some((challenge, tag))) if kind == Kind::BindRequest => {
                self.open_request(frame, challenge, tag)
            }
            (Stage::Asked { key, challenge: ours, request }, Side::Acceptor, Some((challenge, tag)))
                if kind == Kind::BindResponse =>
            {
                let [mut theirs, ours] = lanes(key, [ours, challenge], [request, &hash(frame)]);
                let fits = theirs.tag(frame, challenge).verify_slice(tag).is_ok();
                theirs.passed += 1;
                if fits {
                    self.stage = Stage::Keyed(Lanes { ours, theirs });
                }
                fits
            }
            (Stage::Silent | Stage::Asked { .. } | Stage::Keyed(_), _, _) => false,
        }
    }
}

/// The lanes of a binding, the opener's and the acceptor's, on which BIND_REQUEST has passed.
fn lanes(key: &FarmKey, challenges: [&Challenge; 2], frames: [&Hash; 2]) -> [Lane; 2] {
    [(OPENER, 0), (ACCEPTOR, 1)]
        .map(|(direction, passed)| Lane { key: key.of_binding(direction, challenges, frames), passed })
}

fn hash(frame: &[u8]) -> Hash {
    Blake2b::<U32>::digest(frame).into()
}
