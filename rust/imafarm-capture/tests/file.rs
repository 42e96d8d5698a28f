//! A capture file, read again: every stream has in it what was said, and nothing seems to be missing.

use std::collections::BTreeMap;
use std::io::{self, Write};

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use imafarm_capture::{Act, Host, PORT, Packet, Section, write};
use pcap_file::pcapng::{Block, PcapNgReader};
use proptest::prelude::*;

/// One connection: who calls whom, and what is said, by whom.
#[derive(Clone, Debug)]
struct Call {
    caller: u32,
    acceptor: u32,
    /// Whether its beginning and its end are there.
    whole: bool,
    said: Vec<(bool, usize)>,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let length = prop_oneof![4 => 1..200usize, 1 => 1_000..4_000usize, 1 => Just(70_000)];
    let said = proptest::collection::vec((any::<bool>(), length), 0..6);
    let call = (0..5u32, 1..5u32, any::<bool>(), said).prop_map(|(caller, step, whole, said)| Call {
        caller,
        acceptor: (caller + step) % 5,
        whole,
        said,
    });
    proptest::collection::vec(call, 1..12)
}

/// A message: a few bytes that tell it from others.
fn message(call: usize, turn: usize, length: usize) -> Vec<u8> {
    (0..length).map(|byte| (call * 31 + turn * 7 + byte) as u8).collect()
}

fn hosts() -> Vec<Host> {
    (0..5u8).map(|number| Host { name: format!("H{number}"), address: [10, 0, 0, number + 1] }).collect()
}

fn packets<'a>(calls: &[Call], messages: &'a [Vec<Vec<u8>>]) -> Vec<Packet<'a>> {
    let mut packets = Vec::new();
    for (number, (call, messages)) in calls.iter().zip(messages).enumerate() {
        let mut at = number as u64;
        let mut put = |by_caller: bool, act: Act<'a>| {
            let (source, target) = if by_caller { (call.caller, call.acceptor) } else { (call.acceptor, call.caller) };
            packets.push(Packet { time_ns: at, source, target, connection: number as u32, act });
            at += 1_000;
        };
        if call.whole {
            put(true, Act::Connect);
            put(false, Act::Accept);
        }
        for ((by_caller, _), message) in call.said.iter().zip(messages) {
            put(*by_caller, Act::Message(message));
        }
        if call.whole {
            put(true, Act::Finish);
            put(false, Act::Finish);
        }
    }
    packets.sort_by_key(|packet| packet.time_ns);
    packets
}

/// A direction of a stream: by both addresses and both ports.
type Way = ([u8; 4], u16, [u8; 4], u16);

/// What each direction of each stream says. Panics where a byte is missing or comes twice.
fn streams(file: &[u8]) -> BTreeMap<Way, Vec<u8>> {
    let mut next: BTreeMap<Way, u32> = BTreeMap::new();
    let mut said: BTreeMap<Way, Vec<u8>> = BTreeMap::new();
    let mut reader = PcapNgReader::new(file).expect("a section");
    while let Some(block) = reader.next_block() {
        let Block::EnhancedPacket(packet) = block.expect("a block") else { continue };
        let sliced = SlicedPacket::from_ethernet(&packet.data).expect("a frame");
        let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Tcp(tcp))) = (sliced.net, sliced.transport) else {
            panic!("TCP over IPv4")
        };
        let way = (ip.header().source(), tcp.source_port(), ip.header().destination(), tcp.destination_port());
        assert!(way.1 == PORT || way.3 == PORT);
        let back = (way.2, way.3, way.0, way.1);
        let expected = next.entry(way).or_insert(tcp.sequence_number());
        assert_eq!(*expected, tcp.sequence_number(), "nothing is missing");
        let counted = tcp.payload().len() as u32 + u32::from(tcp.syn()) + u32::from(tcp.fin());
        *expected = expected.wrapping_add(counted);
        if let Some(theirs) = next.get(&back).filter(|_| tcp.ack()) {
            assert_eq!(*theirs, tcp.acknowledgment_number(), "all is acknowledged");
        }
        said.entry(way).or_default().extend_from_slice(tcp.payload());
    }
    said.retain(|_, bytes| !bytes.is_empty());
    said
}

fn messages(calls: &[Call]) -> Vec<Vec<Vec<u8>>> {
    let of = |(number, call): (usize, &Call)| {
        call.said.iter().enumerate().map(|(turn, (_, length))| message(number, turn, *length)).collect()
    };
    calls.iter().enumerate().map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_stream_has_in_it_what_was_said(calls in calls(), only_spoken in any::<bool>()) {
        let messages = messages(&calls);
        let packets = packets(&calls, &messages);
        let callers: Vec<u32> = calls.iter().map(|call| call.caller).collect();
        let section = Section { only_spoken, ..Section::default() };
        let mut file = Vec::new();
        let written = write(&mut file, &section, &hosts(), &callers, packets.iter().copied()).expect("room");
        let mut expected: Vec<Vec<u8>> = Vec::new();
        for (call, messages) in calls.iter().zip(&messages) {
            for side in [true, false] {
                let said = call.said.iter().zip(messages).filter(|((by_caller, _), _)| *by_caller == side);
                expected.push(said.flat_map(|(_, message)| message.clone()).collect());
            }
        }
        expected.retain(|bytes| !bytes.is_empty());
        expected.sort();
        let mut found: Vec<Vec<u8>> = streams(&file).into_values().collect();
        found.sort();
        prop_assert_eq!(found, expected);
        let left_out = if only_spoken { calls.iter().filter(|call| call.whole && call.said.is_empty()).count() } else { 0 };
        prop_assert_eq!(written.packets as usize, packets.len() - 4 * left_out);
        let mut again = Vec::new();
        write(&mut again, &section, &hosts(), &callers, packets.iter().copied()).expect("room");
        prop_assert!(file == again, "the same packets, the same file");
    }
}

#[test]
fn it_says_of_what_it_is_and_who_is_who() {
    let section =
        Section { application: "imafarm 0.1.0".to_owned(), comments: vec!["seed 7".to_owned()], ..Section::default() };
    let packet = Packet { time_ns: 1_500, source: 4, target: 0, connection: 0, act: Act::Connect };
    let mut file = Vec::new();
    write(&mut file, &section, &hosts(), &[4], [packet].into_iter()).expect("room");
    let told = String::from_utf8_lossy(&file);
    for said in ["imafarm 0.1.0", "seed 7", "H0", "H4"] {
        assert!(told.contains(said), "{said}");
    }
    assert!(!told.contains("H2"), "who says nothing is not named");
    let mut reader = PcapNgReader::new(&file[..]).expect("a section");
    let mut times = Vec::new();
    while let Some(block) = reader.next_block() {
        if let Block::EnhancedPacket(packet) = block.expect("a block") {
            times.push(packet.timestamp.as_nanos());
        }
    }
    assert_eq!(times, [1_500]);
}

/// A disk that has room for so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let packet = Packet { time_ns: 0, source: 4, target: 0, connection: 0, act: Act::Connect };
    for room in [0, 30, 130, 190] {
        let error = write(Full(room), &Section::default(), &hosts(), &[4], [packet].into_iter()).expect_err("no room");
        assert_eq!(error.0.kind(), io::ErrorKind::StorageFull, "{room} bytes");
    }
}
