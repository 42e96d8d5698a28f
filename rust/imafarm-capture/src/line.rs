//! One connection, as TCP has it.
//!
//! Hosts call, take calls, speak and close; a real stream says more than that. What it would say is put beside what they do:
//! the end of the handshake beside the answer to the call, the last acknowledgement beside the second farewell, and one
//! whenever a side has spoken for long without an answer. All else is acknowledged by what the other side says next. Numbers
//! count what is in the file, so where messages were left out, nothing seems to be missing. A connection that began before
//! the capture begins in the middle.

use crate::frame::{Flags, SEGMENT_BYTES};
use crate::{Act, Packet};

/// How many bytes one side says before the other is heard to have them: half of what it may have under way.
const HEARD_AFTER: u32 = 32_768;

/// One side of a connection.
#[derive(Clone, Copy, Debug)]
struct Side {
    /// The number of the next byte that it says.
    next: u32,
    /// The number up to which the other is known to have it.
    heard: u32,
    /// Whether it has said anything at all.
    spoke: bool,
    finished: bool,
}

/// A connection.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    caller: u32,
    /// The caller's port.
    pub port: u16,
    /// The caller, and the acceptor.
    sides: [Side; 2],
}

/// What a segment of a line is; who it is from and to is for whoever holds the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said<'a> {
    pub from_caller: bool,
    pub sequence: u32,
    pub acknowledged: Option<u32>,
    pub flags: Flags,
    pub payload: &'a [u8],
}

const CALLER: usize = 0;
const ACCEPTOR: usize = 1;

impl Line {
    /// A connection that `caller` has begun, or will; sides count from numbers that follow from its own.
    pub fn new(connection: u32, caller: u32, port: u16) -> Line {
        let first = |number: u32| Side { next: number, heard: number, spoke: false, finished: false };
        let base = connection.wrapping_mul(0x9E37_79B1);
        Line { caller, port, sides: [first(base), first(base.rotate_left(16) ^ 0x5A5A_A5A5)] }
    }

    /// What goes over the wire when this happens, in order.
    pub fn say<'a>(&mut self, packet: &Packet<'a>, out: &mut impl FnMut(Said<'a>)) {
        let from = if packet.source == self.caller { CALLER } else { ACCEPTOR };
        let to = 1 - from;
        let plain = Flags::default();
        match packet.act {
            Act::Connect => self.segment(CALLER, Flags { syn: true, ..plain }, &[], out),
            Act::Accept => {
                if !self.sides[CALLER].spoke {
                    // The call came before the capture did: the caller has called all the same.
                    self.skip(CALLER);
                }
                self.segment(ACCEPTOR, Flags { syn: true, ..plain }, &[], out);
                self.segment(CALLER, plain, &[], out);
            }
            Act::Message(bytes) => {
                let count = bytes.len().div_ceil(SEGMENT_BYTES);
                for (number, part) in (1..).zip(bytes.chunks(SEGMENT_BYTES)) {
                    if self.unheard(from) + part.len() as u32 > HEARD_AFTER && self.unheard(from) > 0 {
                        self.segment(to, plain, &[], out);
                    }
                    self.segment(from, Flags { psh: number == count, ..plain }, part, out);
                }
            }
            Act::Finish => {
                self.segment(from, Flags { fin: true, ..plain }, &[], out);
                self.sides[from].finished = true;
                if self.sides[to].finished {
                    self.segment(to, plain, &[], out);
                }
            }
            Act::Refused | Act::Broken => self.segment(from, Flags { rst: true, ..plain }, &[], out),
        }
    }

    fn unheard(&self, side: usize) -> u32 {
        self.sides[side].next.wrapping_sub(self.sides[side].heard)
    }

    /// Something of one number that is not in the capture.
    const fn skip(&mut self, side: usize) {
        let Side { next, spoke, .. } = &mut self.sides[side];
        (*next, *spoke) = (next.wrapping_add(1), true);
    }

    fn segment<'a>(&mut self, from: usize, flags: Flags, payload: &'a [u8], out: &mut impl FnMut(Said<'a>)) {
        let to = 1 - from;
        let acknowledged = (self.sides[to].spoke || !flags.syn && !flags.rst).then_some(self.sides[to].next);
        if acknowledged.is_some() {
            self.sides[to].heard = self.sides[to].next;
        }
        let Side { next, spoke, .. } = &mut self.sides[from];
        out(Said { from_caller: from == CALLER, sequence: *next, acknowledged, flags, payload });
        let counted = payload.len() as u32 + u32::from(flags.syn) + u32::from(flags.fin);
        *next = next.wrapping_add(counted);
        *spoke |= counted > 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(source: u32, act: Act<'_>) -> Packet<'_> {
        Packet { time_ns: 0, source, target: 1 - source, connection: 5, act }
    }

    /// What is said, in short: who (c or a), flags, sequence and acknowledgement from where each began, length.
    fn said(acts: &[(u32, Act<'_>)]) -> Vec<String> {
        let mut line = Line::new(5, 0, 40_000);
        let begin = line.sides.map(|side| side.next);
        let mut all = Vec::new();
        for &(source, act) in acts {
            line.say(&packet(source, act), &mut |said: Said<'_>| {
                let (own, other) = if said.from_caller { (begin[0], begin[1]) } else { (begin[1], begin[0]) };
                let flags =
                    [(said.flags.syn, 'S'), (said.flags.fin, 'F'), (said.flags.rst, 'R'), (said.flags.psh, 'P')];
                let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
                let acknowledged =
                    said.acknowledged.map_or("-".to_owned(), |number| number.wrapping_sub(other).to_string());
                let who = if said.from_caller { 'c' } else { 'a' };
                let sequence = said.sequence.wrapping_sub(own);
                all.push(format!("{who} {flags} {sequence} {acknowledged} {}", said.payload.len()));
            });
        }
        all
    }

    #[test]
    fn a_whole_connection() {
        let acts = [
            (0, Act::Connect),
            (1, Act::Accept),
            (1, Act::Message(&[0; 20])),
            (0, Act::Message(&[0; 30])),
            (0, Act::Finish),
            (1, Act::Finish),
        ];
        let expected = [
            "c S 0 - 0",
            "a S 0 1 0",
            "c  1 1 0",
            "a P 1 1 20",
            "c P 1 21 30",
            "c F 31 21 0",
            "a F 21 32 0",
            "c  32 22 0",
        ];
        assert_eq!(said(&acts), expected);
    }

    #[test]
    fn a_call_that_is_turned_away_or_not_answered() {
        assert_eq!(said(&[(0, Act::Connect), (1, Act::Refused)]), ["c S 0 - 0", "a R 0 1 0"]);
        assert_eq!(said(&[(0, Act::Connect), (0, Act::Broken)]), ["c S 0 - 0", "c R 1 - 0"]);
    }

    #[test]
    fn one_that_began_before() {
        assert_eq!(said(&[(1, Act::Accept)]), ["a S 0 1 0", "c  1 1 0"]);
        assert_eq!(said(&[(1, Act::Message(&[0; 9])), (0, Act::Message(&[0; 9]))]), ["a P 0 0 9", "c P 0 9 9"]);
        assert_eq!(said(&[(0, Act::Finish), (1, Act::Finish)]), ["c F 0 0 0", "a F 0 1 0", "c  1 1 0"]);
    }

    #[test]
    fn what_is_long_is_parted_and_what_is_not_answered_for_long_is_heard() {
        let long = vec![0; 40_000];
        let parts = said(&[(0, Act::Message(&long))]);
        let lengths = |who: &str| {
            let parts = parts.iter().filter(|part| part.starts_with(who)).filter_map(|part| part.rsplit(' ').next());
            parts.map(|length| length.parse::<usize>().expect("a number")).collect::<Vec<usize>>()
        };
        assert_eq!(lengths("c").iter().sum::<usize>(), 40_000);
        assert!(lengths("c")[..27].iter().all(|&length| length == SEGMENT_BYTES));
        assert_eq!(lengths("a"), [0]);
        assert_eq!(parts[22], format!("a  0 {} 0", 22 * SEGMENT_BYTES));
        assert_eq!(parts.iter().filter(|part| part.contains('P')).count(), 1);
    }
}
