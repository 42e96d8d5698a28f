//! The tables of a farm: events, traffic, bindings and hosts. docs/data.md has every column.

use std::sync::Arc;

use arrow_array::types::{Int8Type, Int32Type, Int64Type, UInt8Type, UInt64Type};
use arrow_array::{ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::SchemaRef;
use imafarm_emulator::farm::TraceRecord;
use imafarm_emulator::record::{BindingsPart, TrafficPart};
use imafarm_proto::host_record::{HostIndex, ZoneIndex};
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::message::Kind;
use imafarm_proto::zone::Standing;
use imafarm_records::Observed;
use imafarm_records::bins::Bins;
use imafarm_records::chronicle::class;
use imafarm_records::event_log::EventLog;
use imafarm_records::totals::{Power, Totals};
use pyo3::prelude::*;

use super::build::{
    FieldSpec, Type, column, column_if, dictionary, named, names_at, numbers, schema, set_bits, shared, words_of,
};
use super::{ArrowTable, failed};

const EVENTS: &[FieldSpec] = &[
    ("time_ns", Type::Int64, false, "ns", "when it happened, since the farm was opened"),
    ("kind", Type::Words, false, "", "what happened: the name of an EventKind"),
    ("host", Type::Names, false, "", "at which host; for ZONE_AGREED the collector"),
    ("other", Type::Names, true, "", "the other host it is about; null where there is none"),
    ("zone", Type::Names, false, "", "the host's zone"),
];

const TRAFFIC: &[FieldSpec] = &[
    ("start_ns", Type::Int64, false, "ns", "when the bin begins, since the farm was opened"),
    ("end_ns", Type::Int64, false, "ns", "when it ends; the last bin need not be over"),
    ("from_zone", Type::Names, false, "", "the sender's zone"),
    ("to_zone", Type::Names, false, "", "the receiver's zone"),
    ("kind", Type::Words, false, "", "the kind of message"),
    ("sent", Type::Int64, false, "messages", "handed to the network within the bin"),
    ("delivered", Type::Int64, false, "messages", "handed to their target within the bin"),
    ("dropped", Type::Int64, false, "messages", "lost within the bin with a host, a link or a connection"),
    ("sent_bytes", Type::Int64, false, "bytes", "of the messages sent, headers included"),
    ("delivered_bytes", Type::Int64, false, "bytes", "of the messages delivered, headers included"),
    ("dropped_bytes", Type::Int64, false, "bytes", "of the messages dropped, headers included"),
];

const BINDINGS: &[FieldSpec] = &[
    ("start_ns", Type::Int64, false, "ns", "when the bin begins, since the farm was opened"),
    ("end_ns", Type::Int64, false, "ns", "when it ends; the last bin need not be over"),
    ("zone", Type::Names, false, "", "of which hosts it tells, all together"),
    ("opened", Type::Int64, false, "bindings", "became active within the bin, at either end"),
    ("hit", Type::Int64, false, "messages", "found an active binding within the bin"),
    ("evicted", Type::Int64, false, "bindings", "torn down within the bin to make room"),
    ("closed", Type::Int64, false, "bindings", "ended within the bin for any other reason"),
    ("refused", Type::Int64, false, "calls", "turned away within the bin, or not answered"),
    ("active", Type::Int64, false, "bindings", "active at the bin's end, at all hosts of the zone"),
    (
        "collector_active",
        Type::Int64,
        true,
        "bindings",
        "active at the bin's end at the collector on whom the zone agrees; null while it agrees on none",
    ),
    ("busy_ns", Type::Int64, false, "ns", "work done within the bin, where work takes time (WorkCost..)"),
];

const MESSAGES: &[FieldSpec] = &[
    ("time_ns", Type::Int64, false, "ns", "when it was delivered, since the farm was opened"),
    ("source", Type::Names, false, "", "who sent it"),
    ("target", Type::Names, false, "", "to whom"),
    ("kind", Type::Words, false, "", "the kind of message"),
    ("bytes", Type::Int64, false, "bytes", "its length, header included"),
];

const HOSTS: &[FieldSpec] = &[
    ("host", Type::Names, false, "", "the host's name"),
    ("zone", Type::Names, false, "", "its zone"),
    ("host_id", Type::Uint64, false, "", "its id, which decides last in an election"),
    ("version", Type::Uint8, false, "", "its version, which decides first"),
    ("preference", Type::Uint8, false, "", "its election preference, 1 (Most Preferred) to 4 (Not Preferred)"),
    ("session_only", Type::Bool, false, "", "whether it is a session-host-only server, which never stands"),
    ("power", Type::Words, false, "", "off, up, crashed or paused"),
    (
        "role",
        Type::Words,
        false,
        "",
        "what it is to its zone: down, joining, candidate, acknowledged, member, master or stopping",
    ),
    ("master", Type::Names, true, "", "whom it takes for its collector; null if for nobody"),
    ("opened", Type::Int64, false, "bindings", "became active so far, in all its lives"),
    ("hit", Type::Int64, false, "messages", "found an active binding so far"),
    ("evicted", Type::Int64, false, "bindings", "torn down so far to make room"),
    ("closed", Type::Int64, false, "bindings", "ended so far for any other reason"),
    ("refused", Type::Int64, false, "calls", "turned away so far, or not answered"),
    ("active", Type::Int64, false, "bindings", "active at this moment"),
    ("sessions", Type::Int64, false, "sessions", "it has at this moment"),
    ("busy_ns", Type::Int64, false, "ns", "work done so far, where work takes time (WorkCost..)"),
];

/// The names of hosts and of zones, to which columns refer by number.
pub(super) fn names_of(directory: &Directory) -> (ArrayRef, ArrayRef) {
    let hosts = dictionary(directory.hosts().map(|host| &*directory.record(host).name));
    let zones: Vec<_> = (0..directory.zone_count() as u32).map(|zone| directory.zone_name(ZoneIndex(zone))).collect();
    (hosts, dictionary(zones.into_iter().map(|name| &**name)))
}

/// A table of one batch.
pub(super) fn table(schema: SchemaRef, columns: Vec<ArrayRef>) -> PyResult<ArrowTable> {
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(failed)?;
    let batches = if batch.num_rows() > 0 { vec![batch] } else { Vec::new() };
    Ok(ArrowTable::new(schema, batches))
}

/// The events that were written down. Full chunks are not copied.
pub fn events(directory: &Directory, log: &EventLog) -> PyResult<ArrowTable> {
    let schema = schema(EVENTS);
    let (hosts, zones) = names_of(directory);
    let kinds = dictionary(class::NAMES.iter().map(|(_, name)| *name));
    let chunks = log.chunks();
    let batches = chunks.iter().map(|chunk| {
        let others = set_bits(shared(chunk, |chunk| &chunk.has_other), chunk.len());
        let columns: Vec<ArrayRef> = vec![
            Arc::new(numbers::<Int64Type>(shared(chunk, |chunk| &chunk.times), None)),
            named(numbers::<Int8Type>(shared(chunk, |chunk| &chunk.kinds), None), &kinds),
            named(numbers::<Int32Type>(shared(chunk, |chunk| &chunk.hosts), None), &hosts),
            named(numbers::<Int32Type>(shared(chunk, |chunk| &chunk.others), Some(others)), &hosts),
            named(numbers::<Int32Type>(shared(chunk, |chunk| &chunk.zones), None), &zones),
        ];
        RecordBatch::try_new(Arc::clone(&schema), columns).map_err(failed)
    });
    let batches = batches.collect::<PyResult<_>>()?;
    Ok(ArrowTable::new(schema, batches))
}

/// What became of messages, by bins of time.
pub fn traffic(directory: &Directory, bins: &Bins<TrafficPart>) -> PyResult<ArrowTable> {
    let (_, zones) = names_of(directory);
    let kinds = dictionary(Kind::ALL.iter().map(|kind| kind.name()));
    let parts = || bins.rows().map(|(_, _, part)| part);
    let count = |of: fn(&TrafficPart) -> u64| column::<Int64Type>(parts().map(move |part| of(part) as i64));
    let columns = vec![
        column::<Int64Type>(bins.rows().map(|(start, _, _)| start.0 as i64)),
        column::<Int64Type>(bins.rows().map(|(_, end, _)| end.0 as i64)),
        names_at(parts().map(|part| Some(part.from)), &zones),
        names_at(parts().map(|part| Some(part.to)), &zones),
        named::<Int8Type>(parts().map(|part| Some(part.kind.index() as i8)).collect(), &kinds),
        count(|part| part.tally.sent.messages),
        count(|part| part.tally.delivered.messages),
        count(|part| part.tally.dropped.messages),
        count(|part| part.tally.sent.bytes),
        count(|part| part.tally.delivered.bytes),
        count(|part| part.tally.dropped.bytes),
    ];
    table(schema(TRAFFIC), columns)
}

/// What hosts did with their bindings, by bins of time.
pub fn bindings(directory: &Directory, bins: &Bins<BindingsPart>) -> PyResult<ArrowTable> {
    let (_, zones) = names_of(directory);
    let parts = || bins.rows().map(|(_, _, part)| part);
    let count = |of: fn(&BindingsPart) -> u64| column::<Int64Type>(parts().map(move |part| of(part) as i64));
    let columns = vec![
        column::<Int64Type>(bins.rows().map(|(start, _, _)| start.0 as i64)),
        column::<Int64Type>(bins.rows().map(|(_, end, _)| end.0 as i64)),
        names_at(parts().map(|part| Some(part.zone)), &zones),
        count(|part| part.counts.opened),
        count(|part| part.counts.hit),
        count(|part| part.counts.evicted),
        count(|part| part.counts.closed),
        count(|part| part.counts.refused),
        count(|part| part.active),
        column_if::<Int64Type>(parts().map(|part| part.collector_active.map(|active| active as i64))),
        count(|part| part.busy.0),
    ];
    table(schema(BINDINGS), columns)
}

/// Messages that were delivered, one by one.
pub fn messages(directory: &Directory, trace: &[TraceRecord]) -> PyResult<ArrowTable> {
    let (hosts, _) = names_of(directory);
    let kinds = dictionary(Kind::ALL.iter().map(|kind| kind.name()));
    let columns = vec![
        column::<Int64Type>(trace.iter().map(|record| record.time.0 as i64)),
        names_at(trace.iter().map(|record| Some(record.source)), &hosts),
        names_at(trace.iter().map(|record| Some(record.target)), &hosts),
        named::<Int8Type>(trace.iter().map(|record| Some(record.kind.index() as i8)).collect(), &kinds),
        column::<Int64Type>(trace.iter().map(|record| record.bytes.into())),
    ];
    table(schema(MESSAGES), columns)
}

/// Every host: who it is, how it is, and what it has done so far.
pub fn hosts(farm: &dyn Observed) -> PyResult<ArrowTable> {
    let directory = farm.directory();
    let (hosts, zones) = names_of(directory);
    let everybody = || directory.hosts();
    let totals: Vec<Totals> = everybody().map(|host| farm.host_totals(host.0)).collect();
    let records = || everybody().map(|host| directory.record(host));
    let count = |of: fn(&Totals) -> u64| column::<Int64Type>(totals.iter().map(move |totals| of(totals) as i64));
    let sessions = |HostIndex(host): HostIndex| farm.dynamic_of(host).sessions().all().len() as i64;
    let master = |HostIndex(host): HostIndex| farm.host(host).0.master().map(|master| master.0);
    let columns = vec![
        names_at(everybody().map(|host| Some(host.0)), &hosts),
        names_at(everybody().map(|host| Some(directory.zone(host).0)), &zones),
        column::<UInt64Type>(records().map(|record| record.host_id.get())),
        column::<UInt8Type>(records().map(|record| record.version)),
        column::<UInt8Type>(records().map(|record| record.preference.number())),
        Arc::new(BooleanArray::from_iter(records().map(|record| Some(record.session_only)))),
        words_of(everybody().map(|host| farm.host(host.0).1.name()), &Power::ALL.map(Power::name)),
        words_of(everybody().map(|host| farm.standing(host.0).name()), &Standing::ALL.map(Standing::name)),
        names_at(everybody().map(master), &hosts),
        count(|totals| totals.bindings.opened),
        count(|totals| totals.bindings.hit),
        count(|totals| totals.bindings.evicted),
        count(|totals| totals.bindings.closed),
        count(|totals| totals.bindings.refused),
        count(|totals| totals.active),
        column::<Int64Type>(everybody().map(sessions)),
        count(|totals| totals.work.busy.0),
    ];
    table(schema(HOSTS), columns)
}
