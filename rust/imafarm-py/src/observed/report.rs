//! What Python is told of a farm.

use imafarm_proto::configuration::ConfigurationCounts;
use imafarm_proto::host_record::ZoneIndex;
use imafarm_proto::message::Kind;
use imafarm_proto::time::{Span, Time};
use imafarm_records::Observed;
use imafarm_records::ledger::{Count, Ledger};
use imafarm_records::totals::{Totals, Visits};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::observed::dynamic::counters;

pub fn host_state<'py>(py: Python<'py>, farm: &dyn Observed, host: u32) -> PyResult<Bound<'py, PyDict>> {
    let (inner, power) = farm.host(host);
    let state = PyDict::new(py);
    state.set_item("power", power.name())?;
    state.set_item("role", farm.standing(host).name())?;
    state.set_item("master", inner.master().map_or(-1, |master| i64::from(master.0)))?;
    let totals = farm.host_totals(host);
    state.set_item("bindings", bindings(py, &totals)?)?;
    state.set_item("work", work(py, &totals)?)?;
    Ok(state)
}

pub fn statistics<'py>(py: Python<'py>, farm: &dyn Observed) -> PyResult<Bound<'py, PyDict>> {
    let totals = farm.totals(None);
    let statistics = PyDict::new(py);
    statistics.set_item("events", farm.event_count())?;
    let ledger = farm.ledger();
    statistics.set_item("messages", messages(py, farm, &ledger)?)?;
    statistics.set_item("bindings", bindings(py, &totals)?)?;
    statistics.set_item("elections", elections_of(py, &totals)?)?;
    statistics.set_item("users", users(py, farm, None)?)?;
    let by_zone = PyList::empty(py);
    for zone in 0..farm.directory().zone_count() as u32 {
        let totals = farm.totals(Some(zone));
        let row = PyDict::new(py);
        row.set_item("bindings", bindings(py, &totals)?)?;
        row.set_item("elections", elections_of(py, &totals)?)?;
        let counters = counters(py, &totals.dynamic, farm.open_searches(Some(zone)))?;
        put_configuration(&counters, &totals.configuration)?;
        row.set_item("counters", counters)?;
        row.set_item("work", work(py, &totals)?)?;
        row.set_item("sent", sent(py, &ledger, zone)?)?;
        row.set_item("hosts", farm.directory().zone_hosts(ZoneIndex(zone)).len())?;
        by_zone.append(row)?;
    }
    statistics.set_item("by_zone", by_zone)?;
    Ok(statistics)
}

/// The counters of the data store and the local host cache, by the product's own names.
fn put_configuration(counters: &Bound<'_, PyDict>, counts: &ConfigurationCounts) -> PyResult<()> {
    counters.set_item("DataStore reads", counts.reads)?;
    counters.set_item("DataStore bytes read", counts.bytes_read)?;
    counters.set_item("DataStoreConnectionFailure", counts.failing.0 / MINUTE.0)?;
    counters.set_item("LocalHostCache bytes read/sec", counts.cache_bytes_per_second)
}

const MINUTE: Span = Span::from_secs(60);

/// What a zone's hosts have sent, by kind, where they have.
fn sent<'py>(py: Python<'py>, ledger: &Ledger, zone: u32) -> PyResult<Bound<'py, PyDict>> {
    let mut counts = [0; Kind::COUNT];
    for to in 0..ledger.zones() as u32 {
        for kind in Kind::ALL {
            counts[kind.index()] += ledger.tally(zone, to, kind).sent.messages;
        }
    }
    let sent = PyDict::new(py);
    for kind in Kind::ALL {
        let count = counts[kind.index()];
        if count > 0 {
            sent.set_item(kind.name(), count)?;
        }
    }
    Ok(sent)
}

fn messages<'py>(py: Python<'py>, farm: &dyn Observed, ledger: &Ledger) -> PyResult<Bound<'py, PyDict>> {
    let in_flight = farm.in_flight();
    let messages = PyDict::new(py);
    for kind in Kind::ALL {
        let tally = ledger.total(kind);
        let row = PyDict::new(py);
        let put = |name: &str, count: Count| {
            row.set_item(name, count.messages)?;
            row.set_item(format!("{name}_bytes"), count.bytes)
        };
        put("sent", tally.sent)?;
        put("delivered", tally.delivered)?;
        put("dropped", tally.dropped)?;
        put("in_flight", in_flight[kind.index()])?;
        row.set_item("bytes", tally.sent.bytes)?;
        messages.set_item(kind.name(), row)?;
    }
    Ok(messages)
}

fn bindings<'py>(py: Python<'py>, totals: &Totals) -> PyResult<Bound<'py, PyDict>> {
    let bindings = PyDict::new(py);
    bindings.set_item("opened", totals.bindings.opened)?;
    bindings.set_item("hit", totals.bindings.hit)?;
    bindings.set_item("evicted", totals.bindings.evicted)?;
    bindings.set_item("closed", totals.bindings.closed)?;
    bindings.set_item("refused", totals.bindings.refused)?;
    bindings.set_item("overflowed", totals.bindings.overflowed)?;
    bindings.set_item("active", totals.active)?;
    Ok(bindings)
}

fn elections_of<'py>(py: Python<'py>, totals: &Totals) -> PyResult<Bound<'py, PyDict>> {
    let elections = PyDict::new(py);
    elections.set_item("started", totals.elections.started)?;
    elections.set_item("won", totals.elections.won)?;
    Ok(elections)
}

fn work<'py>(py: Python<'py>, totals: &Totals) -> PyResult<Bound<'py, PyDict>> {
    let work = PyDict::new(py);
    work.set_item("ready", totals.work.ready)?;
    work.set_item("pending", totals.work.pending)?;
    work.set_item("executing", totals.work.executing)?;
    work.set_item("busy_ns", totals.work.busy.0)?;
    Ok(work)
}

pub fn elections<'py>(py: Python<'py>, farm: &dyn Observed) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let nanos = |time: Time| time.0;
    let told = farm.chronicle().elections().iter().map(|election| {
        let row = PyDict::new(py);
        row.set_item("zone", election.zone)?;
        row.set_item("doubted_ns", election.doubted.map(|at| at.0.0))?;
        row.set_item("doubted_by", election.doubted.map(|at| at.1))?;
        row.set_item("started_ns", election.started.map(|at| at.0.0))?;
        row.set_item("started_by", election.started.map(|at| at.1))?;
        row.set_item("first_ack_ns", election.first_ack.map(nanos))?;
        row.set_item("declared_ns", election.declared.map(|at| at.0.0))?;
        row.set_item("master", election.declared.map(|at| at.1))?;
        row.set_item("converged_ns", election.converged.map(nanos))?;
        row.set_item("candidates", election.candidates)?;
        Ok(row)
    });
    told.collect()
}

/// What became of users, and how many sessions there are.
fn users<'py>(py: Python<'py>, farm: &dyn Observed, zone: Option<u32>) -> PyResult<Bound<'py, PyDict>> {
    let Visits { arrived, logged_on, refused, lost } = farm.visits(zone);
    let users = PyDict::new(py);
    users.set_item("arrived", arrived)?;
    users.set_item("logged_on", logged_on)?;
    users.set_item("refused", refused)?;
    users.set_item("lost", lost)?;
    users.set_item("sessions", farm.session_count(zone))?;
    Ok(users)
}
