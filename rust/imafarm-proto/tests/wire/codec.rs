//! Bytes that are right. Hosts go by their ids in them (IMA Information, "Mapping connections", Host ID).

use core::slice;

use imafarm_proto::host_record::HostId;
use imafarm_proto::message::{Kind, MagicNumber, Message};
use imafarm_proto::transport::{Framer, HEADER_LEN, Limits};

use crate::{all_of, edge_cases, encoded, frame};

fn host(id: u64) -> HostId {
    HostId::new(id).expect("a host id")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The examples of `docs/wire.md`: one of every kind, byte for byte.
#[test]
fn every_kind_has_its_golden_bytes() {
    let (magic, ftld) = (MagicNumber(0x1A2B_3C4D), host(8022));
    let golden = [
        (Message::BindRequest { magic, host: ftld }, "494d4146010100000000000989a4564792ce1a2b3c4dcd1f56"),
        (Message::BindResponse { magic, host: host(7) }, "494d414601020000000000070d2e273692ce1a2b3c4d07"),
        (Message::BindCommit, "494d414601030000000000016f226bb290"),
        (Message::ElectMaster { round: 1 }, "494d414601100000000000020e15de7c9101"),
        (Message::ElectMasterAck { round: 300 }, "494d414601110000000000045e80cd2591cd012c"),
        (Message::DeclareMaster { master: ftld, reign_ms: 60_000 }, "494d414601120000000000073a2b59f792cd1f56cdea60"),
        (Message::QueryMaster, "494d4146011300000000000113995a9990"),
        (Message::MasterIs { master: None }, "494d41460114000000000002bf9a7d5691c0"),
        (Message::Heartbeat, "494d4146012000000000000118db0e0790"),
        (Message::HeartbeatAck { collector: true }, "494d414601210000000000024235a97191c3"),
        (Message::ImaPing, "494d414601220000000000015afe097a90"),
        (Message::ImaPingAck { member: false }, "494d414601230000000000021bc4b16191c2"),
    ];
    assert_eq!(golden.each_ref().map(|(message, _)| message.kind()), Kind::ALL);
    for (message, bytes) in golden {
        assert_eq!(hex(&encoded(slice::from_ref(&message))), bytes, "{message:?}");
    }
}

#[test]
fn every_edge_comes_back_and_is_as_long_as_it_says() {
    for kind in Kind::ALL {
        let messages: Vec<Message> = edge_cases(kind).collect();
        for message in &messages {
            let bytes = encoded(slice::from_ref(message));
            assert_eq!(bytes.len(), message.encoded_len() as usize, "{message:?}");
            assert_eq!(bytes, frame(kind.number(), &bytes[HEADER_LEN..]), "{message:?}");
            assert!(bytes.len() - HEADER_LEN <= Limits::LEAST_BODY_BYTES as usize, "{message:?}");
        }
        let stream = encoded(&messages);
        let came = all_of(&mut Framer::default(), [&stream[..]]);
        assert_eq!(came, (messages, Ok(())), "{kind:?}");
    }
}

#[test]
fn frames_are_appended_to_what_is_there() {
    let mut bytes = b"before".to_vec();
    Message::Heartbeat.encode(&mut bytes);
    assert_eq!(bytes, [b"before", &frame(32, &[0x90])[..]].concat());
}
