//! Bytes that are right. Hosts go by their ids in them (IMA Information, "Mapping connections", Host ID).

use core::slice;

use imafarm_proto::host_record::{HostId, ZoneIndex};
use imafarm_proto::message::{
    Filler, Kind, LoadUpdate, MagicNumber, Message, Preference, Resolve, Resolved, ServerUpdate, SessionEvent,
    SessionUpdate, Table,
};
use imafarm_proto::transport::{Framer, HEADER_LEN, Limits};

use crate::{all_of, edge_cases, encoded, frame};

pub fn host(id: u64) -> HostId {
    HostId::new(id).expect("a host id")
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The examples of `docs/wire.md`: one of every kind, byte for byte.
#[test]
fn every_kind_has_its_golden_bytes() {
    let (magic, ftld) = (MagicNumber(0x1A2B_3C4D), host(8022));
    let server = ServerUpdate {
        server: ftld,
        seq: 1,
        up: true,
        load: Some(100),
        sessions: 1,
        disconnected: 0,
        applications: 2,
        filler: Filler(2),
    };
    let session = SessionUpdate {
        server: ftld,
        seq: 2,
        event: SessionEvent::Connect,
        session: 1,
        user: 42,
        app: 1,
        load: None,
        filler: Filler(0),
    };
    let z2_then_z1 = Preference::of(&[ZoneIndex(1), ZoneIndex(0)]).expect("two of few zones");
    let golden = [
        (Message::BindRequest { magic, host: ftld }, "494d4146010100000000000989a4564792ce1a2b3c4dcd1f56"),
        (Message::BindResponse { magic, host: host(7) }, "494d414601020000000000070d2e273692ce1a2b3c4d07"),
        (Message::BindCommit, "494d414601030000000000016f226bb290"),
        (Message::ElectMaster { round: 1 }, "494d414601100000000000020e15de7c9101"),
        (Message::ElectMasterAck { round: 300 }, "494d414601110000000000045e80cd2591cd012c"),
        (Message::DeclareMaster { master: ftld, reign_ms: 60_000 }, "494d414601120000000000073a2b59f792cd1f56cdea60"),
        (Message::QueryMaster, "494d4146011300000000000113995a9990"),
        (Message::MasterIs { master: None }, "494d41460114000000000002bf9a7d5691c0"),
        (Message::Heartbeat { seq: 3 }, "494d41460120000000000002ce2a7f829103"),
        (Message::HeartbeatAck { collector: true }, "494d414601210000000000024235a97191c3"),
        (Message::ImaPing, "494d414601220000000000015afe097a90"),
        (Message::ImaPingAck { member: false }, "494d414601230000000000021bc4b16191c2"),
        (Message::ServerUpdate(Box::new(server)), "494d4146013000000000000e077d4c5198cd1f5601c364010002c4020000"),
        (Message::ServerUpdateAck { seq: 1, filler: Filler(0) }, "494d41460131000000000004d649cdd09201c400"),
        (Message::SessionUpdate(Box::new(session)), "494d4146013200000000000ced6dd80898cd1f560202012a01c0c400"),
        (Message::SessionUpdateAck { seq: 2, filler: Filler(3) }, "494d41460133000000000007f85ca2cd9202c403000000"),
        (
            Message::LoadUpdate(Box::new(LoadUpdate { server: ftld, seq: 2, load: 100 })),
            "494d41460134000000000006a9b060b893cd1f560264",
        ),
        (Message::LoadRequest, "494d414601350000000000012c80314890"),
        (Message::FullUpdateRequest, "494d41460136000000000001a20f36ab90"),
        (Message::GatewayUpdate { filler: Filler(0) }, "494d41460137000000000003280f9b8391c400"),
        (Message::GatewayUpdateAck { filler: Filler(0) }, "494d41460138000000000003d904c00e91c400"),
        (Message::PeerPing { sum: 7 }, "494d41460139000000000002c9244fb19107"),
        (Message::PeerPingAck, "494d4146013a000000000001f5a023e490"),
        (Message::Subscribe { table: Table::Sessions, on: true }, "494d4146013b0000000000039d8e44149200c3"),
        (Message::TableChanged { table: Table::Load }, "494d4146013c000000000002f3d9fe719102"),
        (Message::FullUpdate, "494d4146013d000000000001ff652afd90"),
        (
            Message::Resolve(Box::new(Resolve { request: 5, app: 1, preference: z2_then_z1, relayed: false })),
            "494d414601400000000000095a5edd92940501ce00010002c2",
        ),
        (
            Message::Resolved(Box::new(Resolved { request: 5, server: Some(ftld), load: 100 })),
            "494d41460141000000000006facf53389305cd1f5664",
        ),
        (
            Message::ConfigChange { change: 9, bytes: 300, filler: Filler(0) },
            "494d41460148000000000007a863d6269309cd012cc400",
        ),
        (Message::ConfigChangeAck { change: 9, filler: Filler(0) }, "494d414601490000000000049cbb2fde9209c400"),
    ];
    assert!(golden.iter().map(|(message, _)| message.kind()).eq(Kind::ALL));
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
            let unfilled = message.clone().lengthened_to(0).encoded_len() as usize - HEADER_LEN;
            assert!(unfilled <= Limits::LEAST_BODY_BYTES as usize, "{message:?}");
        }
        let stream = encoded(&messages);
        let came = all_of(&mut Framer::default(), [&stream[..]]);
        assert_eq!(came, (messages, Ok(())), "{kind:?}");
    }
}

#[test]
fn frames_are_appended_to_what_is_there() {
    let mut bytes = b"before".to_vec();
    Message::Heartbeat { seq: 0 }.encode(&mut bytes);
    assert_eq!(bytes, [b"before", &frame(32, &[0x91, 0])[..]].concat());
}
