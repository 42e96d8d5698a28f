//! What Python is told of dynamic data, and how it names it.

use imafarm_proto::dynamic::DynamicCounts;
use imafarm_proto::dynamic_store::DynamicStore;
use imafarm_proto::host_record::ZoneIndex;
use imafarm_proto::input::SessionAct;
use imafarm_proto::message::{Kind, Preference, Table};
use imafarm_records::Observed;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The answer to a question: (server or -1, its load).
pub type Answer = (i64, u32);
/// A session: host, number, user, application, whether it is active.
pub type SessionRow = (u32, u32, u32, u32, bool);
/// A server: host, whether it is up, load or -1, how many sessions.
pub type ServerRow = (u32, bool, i64, usize);

pub fn act(name: &str) -> PyResult<SessionAct> {
    match name {
        "disconnect" => Ok(SessionAct::Disconnect),
        "reconnect" => Ok(SessionAct::Reconnect),
        "logoff" => Ok(SessionAct::Logoff),
        _ => Err(PyValueError::new_err(format!("act: {name:?} is none of disconnect, reconnect and logoff"))),
    }
}

pub fn table(name: &str) -> PyResult<Table> {
    Table::from_name(name).ok_or_else(|| {
        let known = Table::ALL.map(Table::name).join(", ");
        PyValueError::new_err(format!("table: there is no {name:?}; there are {known}"))
    })
}

/// The store that a host holds as a collector.
fn store_of(farm: &dyn Observed, holder: u32) -> Option<&DynamicStore> {
    farm.dynamic_of(holder).store()
}

/// The sessions of a zone's servers, as `holder` holds them; `None` if it is no collector.
pub fn sessions(farm: &dyn Observed, holder: u32, zone: u32) -> Option<Vec<SessionRow>> {
    let (directory, store) = (farm.directory(), store_of(farm, holder)?);
    let mut hosts = directory.zone_hosts(ZoneIndex(zone)).to_vec();
    hosts.sort_unstable();
    let servers = hosts.into_iter().filter_map(|host| Some((host, store.server(directory, host)?)));
    let rows = servers.flat_map(|(host, server)| server.sessions.iter().map(move |session| (host, session)));
    Some(rows.map(|(host, s)| (host.0, s.number, s.user, s.app, s.active)).collect())
}

/// A zone's servers, as `holder` holds them, but for those it has never heard of; `None` if it is no collector.
pub fn servers(farm: &dyn Observed, holder: u32, zone: u32) -> Option<Vec<ServerRow>> {
    let (directory, store) = (farm.directory(), store_of(farm, holder)?);
    let mut hosts = directory.zone_hosts(ZoneIndex(zone)).to_vec();
    hosts.sort_unstable();
    let servers = hosts.into_iter().filter_map(|host| Some((host, store.server(directory, host)?)));
    Some(servers.map(|(host, s)| (host.0, s.up, s.load.map_or(-1, i64::from), s.sessions.len())).collect())
}

/// Who subscribed to what at `holder`.
pub fn subscribers(farm: &dyn Observed, holder: u32) -> Vec<(u32, &'static str)> {
    let entries = farm.dynamic_of(holder).subscribers().iter();
    entries.map(|(host, table)| (host.0, table.name())).collect()
}

/// What went from each zone to each zone, where anything did: (from, to, kind, sent, delivered, dropped, bytes sent).
pub fn traffic(farm: &dyn Observed) -> Vec<(u32, u32, &'static str, u64, u64, u64, u64)> {
    let ledger = farm.ledger();
    let zones = 0..ledger.zones() as u32;
    let pairs = zones.clone().flat_map(|from| zones.clone().map(move |to| (from, to)));
    let tallies = pairs.flat_map(|(from, to)| Kind::ALL.map(|kind| (from, to, kind)));
    tallies
        .map(|(from, to, kind)| (from, to, kind, *ledger.tally(from, to, kind)))
        .filter(|(.., tally)| tally.sent.messages > 0)
        .map(|(from, to, kind, t)| {
            (from, to, kind.name(), t.sent.messages, t.delivered.messages, t.dropped.messages, t.sent.bytes)
        })
        .collect()
}

/// The counters by the product's own names.
pub fn counters<'py>(py: Python<'py>, counts: &DynamicCounts, searches: u64) -> PyResult<Bound<'py, PyDict>> {
    let counters = PyDict::new(py);
    counters.set_item("DynamicStoreGatewayUpdateCount", counts.gateway_updates)?;
    counters.set_item("DynamicStoreGatewayUpdateBytesSent", counts.gateway_bytes)?;
    counters.set_item("DynamicStoreQueryCount", counts.queries)?;
    counters.set_item("DynamicStoreQueryRequestBytesReceived", counts.query_bytes)?;
    counters.set_item("DynamicStoreQueryResponseBytesSent", counts.query_response_bytes)?;
    counters.set_item("ResolutionWorkItemQueueReadyCount", searches)?;
    counters.set_item("DynamicStoreUpdatePacketsReceived", counts.updates)?;
    counters.set_item("DynamicStoreUpdateBytesReceived", counts.update_bytes)?;
    counters.set_item("DynamicStoreUpdateResponseBytesSent", counts.update_response_bytes)?;
    Ok(counters)
}

/// The zones that a session should rather run in.
pub fn preference(zones: &[ZoneIndex]) -> PyResult<Preference> {
    Preference::of(zones).ok_or_else(|| {
        let most = Preference::MOST;
        PyValueError::new_err(format!("zones: at most {most} can be preferred, and none beyond the 65,535th of a farm"))
    })
}
