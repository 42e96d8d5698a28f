//! The table of what was recorded at tapped hosts.

use std::sync::Arc;

use arrow_array::types::{Int8Type, Int64Type, UInt64Type};
use arrow_array::{ArrayRef, LargeBinaryArray};
use imafarm_emulator::tap::{Act, Packet, Taped};
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::message::Kind;
use pyo3::prelude::*;

use super::ArrowTable;
use super::build::{FieldSpec, Type, column, dictionary, named, names_at, schema};
use super::of_farm::{names_of, table};

const PACKETS: &[FieldSpec] = &[
    (
        "time_ns",
        Type::Int64,
        false,
        "ns",
        "when a tapped source sent it, else when it came to the target, since the farm was opened",
    ),
    ("what", Type::Words, false, "", "connect, accept, message, finish, refused or broken"),
    ("source", Type::Names, false, "", "from which host"),
    ("target", Type::Names, false, "", "to which host"),
    ("connection", Type::Uint64, false, "", "the number of its connection, the same at both ends"),
    ("kind", Type::Words, true, "", "the kind of message; null for what is none"),
    ("bytes", Type::Int64, false, "bytes", "the message's length, its header included; 0 for what is none"),
    ("message", Type::Bytes, true, "", "the message as it goes over the wire; null for what is none"),
];

/// What was recorded, packet by packet.
pub fn packets(directory: &Directory, taped: &Taped) -> PyResult<ArrowTable> {
    let (hosts, _) = names_of(directory);
    let kinds = dictionary(Kind::ALL.iter().map(|kind| kind.name()));
    let acts = dictionary(Act::ALL.iter().map(|act| act.name()));
    let packets = || taped.packets().iter();
    let message = |packet: &Packet| packet.kind.map(|_| taped.message(packet).to_vec());
    let columns: Vec<ArrayRef> = vec![
        column::<Int64Type>(packets().map(|packet| packet.time.0 as i64)),
        named::<Int8Type>(packets().map(|packet| Some(packet.act as i8)).collect(), &acts),
        names_at(packets().map(|packet| Some(packet.source)), &hosts),
        names_at(packets().map(|packet| Some(packet.target)), &hosts),
        column::<UInt64Type>(packets().map(|packet| u64::from(packet.connection))),
        named::<Int8Type>(packets().map(|packet| packet.kind.map(|kind| kind.index() as i8)).collect(), &kinds),
        column::<Int64Type>(packets().map(|packet| i64::from(packet.bytes))),
        Arc::new(packets().map(message).collect::<LargeBinaryArray>()),
    ];
    table(schema(PACKETS), columns)
}
