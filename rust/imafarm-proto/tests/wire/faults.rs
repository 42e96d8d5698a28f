//! Bytes that are wrong: a typed error at the right byte, bounded memory, and silence afterwards.

use imafarm_proto::message::{Kind, Message};
use imafarm_proto::transport::{BodyError, BodyFault, Fault, FrameError, Framer, HEADER_LEN, Limits};
use proptest::prelude::*;

use crate::{all_of, edge_cases, encoded, frame};

/// The error of a stream of one good frame and then `bytes`, placed as if `bytes` came first.
fn error_of(bytes: &[u8]) -> FrameError {
    let good = encoded(&[Message::Heartbeat { seq: 0 }]);
    let stream = [&good, bytes].concat();
    let (messages, end) = all_of(&mut Framer::default(), [&stream[..]]);
    assert_eq!(messages, [Message::Heartbeat { seq: 0 }]);
    let error = end.expect_err("a fault");
    FrameError { offset: error.offset - good.len() as u64, fault: error.fault }
}

/// A good frame of which one byte is another.
fn spoilt(at: usize, byte: u8) -> Vec<u8> {
    let mut bytes = encoded(&[Message::ElectMaster { round: 1 }]);
    bytes[at] = byte;
    bytes
}

#[test]
fn a_wrong_header_is_refused_at_the_byte_that_is_wrong() {
    let at = |offset, fault| FrameError { offset, fault };
    assert_eq!(error_of(&spoilt(3, b'X')), at(0, Fault::Magic { found: *b"IMAX" }));
    assert_eq!(error_of(b"GET / HTTP/1.1\r\n"), at(0, Fault::Magic { found: *b"GET " }));
    assert_eq!(error_of(&spoilt(4, 0)), at(4, Fault::Version { found: 0 }));
    assert_eq!(error_of(&spoilt(4, 2)), at(4, Fault::Version { found: 2 }));
    for unknown in (0..=u8::MAX).filter(|&number| Kind::from_number(number).is_none()) {
        assert_eq!(error_of(&spoilt(5, unknown)), at(5, Fault::Kind { found: unknown }));
    }
    assert_eq!(error_of(&spoilt(6, 1)), at(6, Fault::Seal { found: 0x0100, due: 0 }));
    assert_eq!(error_of(&spoilt(7, 1)), at(6, Fault::Seal { found: 1, due: 0 }));
    let FrameError { offset, fault } = error_of(&spoilt(15, 0));
    assert_eq!((offset, fault.part()), (12, "checksum"));
}

#[test]
fn no_flip_of_one_or_two_neighbouring_bits_goes_unseen() {
    for kind in Kind::ALL {
        let frame = encoded(&edge_cases(kind).take(1).collect::<Vec<_>>());
        for bit in 0..frame.len() * 8 - 1 {
            for bits in [1u16, 3] {
                let mut flipped = frame.clone();
                let mask = (bits << (bit % 8)).to_le_bytes();
                flipped[bit / 8] ^= mask[0];
                if let Some(next) = flipped.get_mut(bit / 8 + 1) {
                    *next ^= mask[1];
                }
                let (messages, end) = all_of(&mut Framer::default(), [&flipped[..]]);
                assert_eq!(messages, []);
                end.expect_err("a flipped bit");
            }
        }
    }
}

/// A header that declares a body of `declared` bytes.
fn header_of(declared: u32) -> Vec<u8> {
    let mut header = frame(16, &[])[..HEADER_LEN].to_vec();
    header[8..12].copy_from_slice(&declared.to_be_bytes());
    header
}

#[test]
fn a_declared_length_is_a_claim() {
    let max = Limits::DEFAULT_BODY_BYTES;
    for declared in [max + 1, 1 << 31, u32::MAX] {
        let error = error_of(&header_of(declared));
        assert_eq!(error, FrameError { offset: 8, fault: Fault::Length { declared, limit: max } });
    }
    let mut framer = Framer::default();
    let header = header_of(max);
    let arrived = [&header, &[0x90; 100][..]].concat();
    assert_eq!(framer.pull(&mut &arrived[..]), Ok(None));
    assert_eq!(framer.kept_bytes(), arrived.len());
    assert!(framer.capacity() <= 2 * arrived.len(), "{} bytes are held", framer.capacity());
}

#[test]
fn a_body_of_no_byte_is_no_body() {
    let error = error_of(&frame(3, &[]));
    let fault = BodyFault::TooShort { field: "fields" };
    let expected = Fault::Body { kind: Kind::BindCommit, error: BodyError { at: 0, fault } };
    assert_eq!(error, FrameError { offset: 16, fault: expected });
    assert_eq!(error.to_string(), "byte 16 of the stream: BIND_COMMIT: the body ends before the end of fields");
}

#[test]
fn limits_are_a_setting() {
    assert_eq!(Limits::new(Limits::LEAST_BODY_BYTES - 1), None);
    assert_eq!(Limits::new(Limits::MOST_BODY_BYTES + 1), None);
    let limits = Limits::new(64).expect("the least limit");
    let mut framer = Framer::new(limits);
    let (_, end) = all_of(&mut framer, [&header_of(65)[..]]);
    assert_eq!(end.expect_err("too long").fault, Fault::Length { declared: 65, limit: 64 });
}

#[test]
fn a_body_as_long_as_the_limit_is_read_and_memory_stays_within_twice_the_bytes() {
    let body = vec![0x91; Limits::DEFAULT_BODY_BYTES as usize];
    let stream = frame(16, &body);
    let mut framer = Framer::default();
    for (arrived, byte) in stream[..stream.len() - 1].iter().enumerate() {
        assert_eq!(framer.pull(&mut &[*byte][..]), Ok(None));
        assert!(framer.capacity() <= 2 * (arrived + 1).max(8));
    }
    let error = framer.pull(&mut &stream[stream.len() - 1..]).expect_err("65,536 arrays, one in the other");
    let fault = BodyFault::TooDeep { field: "round", expected: "an unsigned number", found: 0x91 };
    assert_eq!(error.fault, Fault::Body { kind: Kind::ElectMaster, error: BodyError { at: 1, fault } });
    assert_eq!(framer.capacity(), 0);
}

#[test]
fn a_framer_that_failed_reads_no_more_and_keeps_nothing() {
    let mut framer = Framer::default();
    let bad = spoilt(4, 9);
    assert_eq!(framer.pull(&mut &bad[..7]), Ok(None));
    let mut rest = &bad[7..];
    let error = framer.pull(&mut rest).expect_err("version 9");
    let good = encoded(&[Message::Heartbeat { seq: 0 }]);
    let mut more = &good[..];
    assert_eq!(framer.pull(&mut more), Err(error));
    assert_eq!(framer.finish(), Err(error));
    assert_eq!((more.len(), framer.kept_bytes(), framer.capacity()), (good.len(), 0, 0));
}

#[test]
fn a_body_that_is_no_message_of_its_kind_is_refused() {
    const NUMBER: &str = "an unsigned number";
    let (elect, declare, master_is, ack) = (16, 18, 20, 33);
    let wrong = |field, expected, found| BodyFault::WrongType { field, expected, found };
    let deep = |field, expected, found| BodyFault::TooDeep { field, expected, found };
    let count = |expected, declared| BodyFault::FieldCount { expected, declared };
    let bloated = |field, value| BodyFault::NotSmallest { field, value };
    let id = |value| BodyFault::OutOfRange { field: "master", value, least: 1, most: (1 << 48) - 1 };
    let cases: &[(u8, &[u8], usize, BodyFault)] = &[
        (elect, &[0x91], 1, BodyFault::TooShort { field: "round" }),
        (elect, &[0x91, 0xce, 1, 2, 3], 5, BodyFault::TooShort { field: "round" }),
        (elect, &[0xdd, 0xff, 0xff], 3, BodyFault::TooShort { field: "fields" }),
        (elect, &[0x91, 1, 1], 2, BodyFault::Trailing { bytes: 1 }),
        (elect, &[0x90], 0, count(1, 0)),
        (elect, &[0x92, 1, 1], 0, count(1, 2)),
        (elect, &[0xdc, 0xff, 0xff, 1], 0, count(1, 0xffff)),
        (elect, &[0xdd, 0xff, 0xff, 0xff, 0xff, 1], 0, count(1, 0xffff_ffff)),
        (elect, &[0xdc, 0, 1, 1], 0, bloated("fields", 1)),
        (elect, &[0xdd, 0, 0, 0, 1, 1], 0, bloated("fields", 1)),
        (elect, &[0x81, 1, 1], 0, wrong("fields", "an array", 0x81)),
        (elect, &[0x01], 0, wrong("fields", "an array", 0x01)),
        (elect, &[0xc1], 0, wrong("fields", "an array", 0xc1)),
        (elect, &[0x91, 0xff], 1, wrong("round", NUMBER, 0xff)),
        (elect, &[0x91, 0xd0, 5], 1, wrong("round", NUMBER, 0xd0)),
        (elect, &[0x91, 0xc3], 1, wrong("round", NUMBER, 0xc3)),
        (elect, &[0x91, 0xc0], 1, wrong("round", NUMBER, 0xc0)),
        (elect, &[0x91, 0xca, 0, 0, 0, 0], 1, wrong("round", NUMBER, 0xca)),
        (elect, &[0x91, 0xdb, 0xff, 0xff, 0xff, 0xff], 1, wrong("round", NUMBER, 0xdb)),
        (elect, &[0x91, 0xc6, 0xff, 0xff, 0xff, 0xff], 1, wrong("round", NUMBER, 0xc6)),
        (elect, &[0x91, 0x91, 0x91, 0x91], 1, deep("round", NUMBER, 0x91)),
        (elect, &[0x91, 0xdd, 0xff, 0xff, 0xff, 0xff], 1, deep("round", NUMBER, 0xdd)),
        (elect, &[0x91, 0xdf, 0xff, 0xff, 0xff, 0xff], 1, deep("round", NUMBER, 0xdf)),
        (elect, &[0x91, 0xcc, 0x7f], 1, bloated("round", 0x7f)),
        (elect, &[0x91, 0xcd, 0, 0xff], 1, bloated("round", 0xff)),
        (elect, &[0x91, 0xce, 0, 0, 0xff, 0xff], 1, bloated("round", 0xffff)),
        (elect, &[0x91, 0xcf, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], 1, bloated("round", 0xffff_ffff)),
        (
            elect,
            &[0x91, 0xcf, 0, 0, 0, 1, 0, 0, 0, 0],
            1,
            BodyFault::OutOfRange { field: "round", value: 1 << 32, least: 0, most: u32::MAX as u64 },
        ),
        (declare, &[0x92, 0, 0], 1, id(0)),
        (declare, &[0x92, 0xcf, 0, 1, 0, 0, 0, 0, 0, 0, 0], 1, id(1 << 48)),
        (declare, &[0x92, 0xcf, 255, 255, 255, 255, 255, 255, 255, 255, 0], 1, id(u64::MAX)),
        (declare, &[0x92, 1, 0xa1, 0x31], 2, wrong("reign_ms", NUMBER, 0xa1)),
        (master_is, &[0x91, 0], 1, id(0)),
        (master_is, &[0x91, 0xc2], 1, wrong("master", NUMBER, 0xc2)),
        (ack, &[0x91, 1], 1, wrong("collector", "true or false", 1)),
        (ack, &[0x91, 0x80], 1, deep("collector", "true or false", 0x80)),
        (ack, &[0x91], 1, BodyFault::TooShort { field: "collector" }),
    ];
    for &(number, body, at, fault) in cases {
        let kind = Kind::from_number(number).expect("a kind");
        let expected = Fault::Body { kind, error: BodyError { at, fault } };
        let error = error_of(&frame(number, body));
        assert_eq!(error, FrameError { offset: (HEADER_LEN + at) as u64, fault: expected }, "{body:02x?}");
    }
}

proptest! {
    /// One message, one body: what is read, is what would have been written.
    #[test]
    fn any_body_is_refused_or_the_only_one_of_its_message(
        kind in proptest::sample::select(Kind::ALL.to_vec()),
        body in proptest::collection::vec(
            prop_oneof![Just(0x90u8), Just(0x91), Just(0x92), 0xc0..=0xc3u8, 0xcc..=0xcfu8, any::<u8>()],
            0..20,
        ),
    ) {
        let stream = frame(kind.number(), &body);
        match all_of(&mut Framer::default(), [&stream[..]]) {
            (messages, Ok(())) => prop_assert_eq!(encoded(&messages), stream),
            (messages, Err(error)) => {
                prop_assert!(messages.is_empty());
                prop_assert_eq!(error.fault.part(), "body");
                prop_assert!((HEADER_LEN..=stream.len()).contains(&(error.offset as usize)));
            }
        }
    }

    #[test]
    fn any_bytes_are_read_in_bounded_memory(
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..20),
        declared in any::<u32>(),
    ) {
        let start = header_of(declared);
        let mut framer = Framer::default();
        let mut arrived = 0;
        for piece in core::iter::once(&start).chain(&pieces) {
            arrived += piece.len();
            let mut rest = &piece[..];
            while let Ok(Some(_)) = framer.pull(&mut rest) {}
            prop_assert!(framer.kept_bytes() <= arrived);
            prop_assert!(framer.capacity() <= 2 * arrived);
        }
    }
}
