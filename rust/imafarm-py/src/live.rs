//! `imafarm._imafarm.LiveFarm`: hosts on streams of bytes, as `imafarm.live` drives them.

use imafarm_live::act::{Act, Conn, End, Wish};
use imafarm_live::farm::{self, Pair, Plan};
use imafarm_proto::applications::Servers;
use imafarm_proto::host_record::HostIndex;
use imafarm_proto::input::Ticket;
use imafarm_proto::outbox::Consult;
use imafarm_proto::time::{Span, Time};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

use crate::columns::{Column, Whole};
use crate::host_resolver::HostResolver;
use crate::keys::{bytes_of, keyring};
use crate::observed::{ObservedFarm, World};
use crate::sketch::{catalogue, directory, host_magic, magic, product, settings};

pub const OPEN: u32 = 0;
pub const ACCEPT: u32 = 1;
pub const REFUSE: u32 = 2;
pub const WRITE: u32 = 3;
pub const CLOSE: u32 = 4;
pub const ABORT: u32 = 5;
pub const BOUND: u32 = 6;
pub const CONSULT: u32 = 7;
pub const STARTED: u32 = 8;
pub const STOPPED: u32 = 9;
pub const HEARD: u32 = 10;

/// Hosts on streams of bytes: the engine under `imafarm.open_live_farm`.
///
/// It has no socket and no clock: reports say what came over a connection, and when, and `take_acts` tells what hosts
/// want done. Acts are (act, host, connection, what), to be carried out in order; connections go by number:
///
/// - `ACT_OPEN`: connect to the host `what`. `connected` may be told once that stands; the acceptor speaks first, so what it
///   says is what tells the host.
/// - `ACT_ACCEPT`: the caller is being answered, and may be read from now on. `ACT_REFUSE`: turn the caller away.
/// - `ACT_WRITE`: send the bytes `what`. `ACT_CLOSE`: close this way once all is sent, and read on to the end.
/// - `ACT_ABORT`: drop the connection; `what` says why if the other side is to blame, else None.
/// - `ACT_BOUND`: the binding is active, with the host `what`.
/// - `ACT_CONSULT`: ask the data store; in the place of the connection stands the question's ticket, and `what` is
///   ("start", round trips, work in ns, bytes), ("poll", the change up to which all is known) or ("write", wish, bytes).
/// - `ACT_HEARD`: the change `what` is in the data store, as a notice says, and nobody here had heard of it: it may be read
///   there, for `learn`.
/// - `ACT_STARTED`, `ACT_STOPPED`: the host's service has. Once stopped, no connection is the host's any more.
///
/// After ABORT and REFUSE, and once its end was reported, a connection is unknown: reports about it are left aside.
/// Times are whole nanoseconds since the farm was opened; one that lies before an earlier one counts as that.
///
/// hosts: who is in the farm; only those that are started live here
/// seed: the phases of heartbeats follow from it, and nothing secret
/// magic, host_magic, product, settings, host_settings, applications: as EmulatedFarm
/// latest_change: the number of the last change that is in `applications`
/// keys: none, or one or two keys of 32 bytes: the first is spoken, both are accepted
/// entropy: 32 random bytes of the system's, anew for each farm
///
/// Raises ValueError, naming the key, for what no farm can have.
#[pyclass(module = "imafarm._imafarm", extends = ObservedFarm)]
pub struct LiveFarm {}

fn time(now_ns: Whole) -> PyResult<Time> {
    Ok(Time(now_ns.within("now_ns", 0, i64::MAX as u64)?))
}

fn end(how: &str) -> PyResult<End> {
    match how {
        "finished" => Ok(End::Finished),
        "refused" => Ok(End::Refused),
        "broken" => Ok(End::Broken),
        _ => Err(PyValueError::new_err(format!("how: {how:?} is none of finished, refused and broken"))),
    }
}

/// An act as Python has it.
fn told<'py>(py: Python<'py>, Act { host, what }: Act) -> PyResult<Bound<'py, PyTuple>> {
    let none = || py.None().into_bound(py);
    let (act, conn, what) = match what {
        Wish::Open { conn, to } => (OPEN, conn.0, to.into_bound_py_any(py)?),
        Wish::Accept(conn) => (ACCEPT, conn.0, none()),
        Wish::Refuse(conn) => (REFUSE, conn.0, none()),
        Wish::Write(conn, bytes) => (WRITE, conn.0, PyBytes::new(py, &bytes).into_any()),
        Wish::Close(conn) => (CLOSE, conn.0, none()),
        Wish::Abort(conn, why) => (ABORT, conn.0, why.into_bound_py_any(py)?),
        Wish::Bound(conn, peer) => (BOUND, conn.0, peer.into_bound_py_any(py)?),
        Wish::Consult(Ticket(ticket), consult) => (CONSULT, ticket.into(), asked(py, consult)?),
        Wish::Heard(change) => (HEARD, 0, change.into_bound_py_any(py)?),
        Wish::Started => (STARTED, 0, none()),
        Wish::Stopped => (STOPPED, 0, none()),
    };
    (act, host, conn, what).into_pyobject(py)
}

fn asked(py: Python<'_>, consult: Consult) -> PyResult<Bound<'_, PyAny>> {
    match consult {
        Consult::Start { round_trips, work, bytes } => ("start", round_trips, work.0, bytes).into_bound_py_any(py),
        Consult::Poll { known } => ("poll", known.up_to()).into_bound_py_any(py),
        Consult::Write { order, bytes } => ("write", order, bytes).into_bound_py_any(py),
    }
}

fn acts<'py>(py: Python<'py>, farm: &mut farm::LiveFarm) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for act in farm.take_acts() {
        list.append(told(py, act)?)?;
    }
    Ok(list)
}

#[pymethods]
impl LiveFarm {
    #[new]
    #[pyo3(signature = (
        hosts, *, entropy: "bytes", seed = Whole(0), magic = Whole(0x1A4A),
        host_magic: "Mapping[int, int] | None" = None, product = "PS45",
        settings: "Mapping[str, int] | None" = None,
        host_settings: "Mapping[int, Mapping[str, int]] | None" = None,
        applications: "Sequence[tuple[str, Sequence[int] | None]]" = Vec::new(), latest_change = 0,
        keys: "Sequence[bytes]" = Vec::new()
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords, each with its own default")]
    fn new(
        hosts: &HostResolver,
        entropy: Vec<u8>,
        seed: Whole,
        magic: Whole,
        host_magic: Option<&Bound<'_, PyAny>>,
        product: &str,
        settings: Option<&Bound<'_, PyAny>>,
        host_settings: Option<&Bound<'_, PyAny>>,
        applications: Vec<(String, Option<Vec<Whole>>)>,
        latest_change: u32,
        keys: Vec<Vec<u8>>,
    ) -> PyResult<PyClassInitializer<LiveFarm>> {
        let plan = plan(
            hosts,
            (seed, magic, product, latest_change),
            (host_magic, settings, host_settings),
            applications,
            (&keys, &entropy),
        )?;
        let world = World::Live(Box::new(farm::LiveFarm::new(plan)));
        Ok(PyClassInitializer::from(ObservedFarm { world }).add_subclass(LiveFarm {}))
    }

    /// It is now so late: deadlines that are due are met.
    fn advance(mut slf: PyRefMut<'_, Self>, now_ns: Whole) -> PyResult<()> {
        let now = time(now_ns)?;
        slf.as_super().live_mut().advance(now);
        Ok(())
    }

    /// It is now so late: the earliest of the deadlines that are due is met, and those within a few milliseconds of it.
    fn advance_a_step(mut slf: PyRefMut<'_, Self>, now_ns: Whole) -> PyResult<()> {
        let now = time(now_ns)?;
        slf.as_super().live_mut().advance_a_step(now);
        Ok(())
    }

    /// When `advance` next has something to do, in nanoseconds; None if never.
    fn next_deadline_ns(slf: PyRef<'_, Self>) -> Option<u64> {
        slf.as_super().live().next_deadline().map(|when| when.0)
    }

    /// Takes what hosts want done, in order.
    #[pyo3(signature = () -> "list[tuple[int, int, int, Any]]")]
    fn take_acts<'py>(mut slf: PyRefMut<'py, Self>, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        acts(py, slf.as_super().live_mut())
    }

    /// Starts hosts that are off or crashed.
    #[pyo3(signature = (hosts: "Iterable[int]"))]
    fn start(mut slf: PyRefMut<'_, Self>, hosts: Column<'_>) -> PyResult<()> {
        let hosts = slf.as_super().hosts(&hosts)?;
        slf.as_super().live_mut().start(&hosts);
        Ok(())
    }

    /// What a host has on its disk of the data store, from an earlier process: all changes up to this one. It was in step
    /// with the data store so many nanoseconds ago.
    #[pyo3(signature = (host, latest, *, age_ns = Whole(0)))]
    fn fill_cache(mut slf: PyRefMut<'_, Self>, host: Whole, latest: u32, age_ns: Whole) -> PyResult<()> {
        let host = slf.as_super().host(host)?;
        let age = Span(age_ns.within("age_ns", 0, i64::MAX as u64)?);
        slf.as_super().live_mut().fill_cache(host, latest, age);
        Ok(())
    }

    /// Somebody has connected to a host; the connection's number. `pair` is by what the other end knows it too, if that may
    /// be in this farm object: a number that both ends find out for themselves, as of the opener's address and port.
    #[pyo3(signature = (host, now_ns, *, pair = None))]
    fn incoming(mut slf: PyRefMut<'_, Self>, host: Whole, now_ns: Whole, pair: Option<u64>) -> PyResult<u64> {
        let (host, now) = (slf.as_super().host(host)?, time(now_ns)?);
        Ok(slf.as_super().live_mut().incoming(host, pair.map(Pair), now).0)
    }

    /// A connection that a host wanted stands; to be told before anything that came on it, if it has a `pair`.
    #[pyo3(signature = (conn, *, pair = None))]
    fn connected(mut slf: PyRefMut<'_, Self>, conn: u64, pair: Option<u64>) {
        slf.as_super().live_mut().connected(Conn(conn), pair.map(Pair));
    }

    /// Bytes have arrived on a connection.
    ///
    /// Returns the acts that follow, and whether the bytes end within a frame, of which the rest is to come.
    #[pyo3(signature = (conn, data: "bytes", now_ns) -> "tuple[list[tuple[int, int, int, Any]], bool]")]
    fn receive<'py>(
        mut slf: PyRefMut<'py, Self>,
        py: Python<'py>,
        conn: u64,
        data: &[u8],
        now_ns: Whole,
    ) -> PyResult<(Bound<'py, PyList>, bool)> {
        let now = time(now_ns)?;
        let farm = slf.as_super().live_mut();
        let cut = farm.receive(Conn(conn), data, now);
        Ok((acts(py, farm)?, cut))
    }

    /// A connection has ended, "finished", "refused" or "broken"; what is wrong with how it did, for the log.
    ///
    /// Raises ValueError for any other end.
    fn ended(mut slf: PyRefMut<'_, Self>, conn: u64, how: &str, now_ns: Whole) -> PyResult<Option<String>> {
        let (end, now) = (end(how)?, time(now_ns)?);
        Ok(slf.as_super().live_mut().ended(Conn(conn), end, now))
    }

    /// The data store has answered a start or a poll: the number of its last change, and how many bytes were read.
    fn answered(
        mut slf: PyRefMut<'_, Self>,
        host: Whole,
        ticket: u32,
        latest: u32,
        bytes: u64,
        now_ns: Whole,
    ) -> PyResult<()> {
        let (host, now) = (slf.as_super().host(host)?, time(now_ns)?);
        slf.as_super().live_mut().answered(host, Ticket(ticket), latest, bytes, now);
        Ok(())
    }

    /// A host's change is in the data store, under this number.
    fn wrote(mut slf: PyRefMut<'_, Self>, host: Whole, ticket: u32, change: u32, now_ns: Whole) -> PyResult<()> {
        let (host, now) = (slf.as_super().host(host)?, time(now_ns)?);
        slf.as_super().live_mut().wrote(host, Ticket(ticket), change, now);
        Ok(())
    }

    /// The data store cannot be reached: that is the answer to this question.
    fn store_is_down(mut slf: PyRefMut<'_, Self>, host: Whole, ticket: u32, now_ns: Whole) -> PyResult<()> {
        let (host, now) = (slf.as_super().host(host)?, time(now_ns)?);
        slf.as_super().live_mut().store_is_down(host, Ticket(ticket), now);
        Ok(())
    }

    /// An application is published on these hosts, or on all (None), from this change on, as the data store has it.
    #[pyo3(signature = (name, servers: "Iterable[int] | None", change))]
    fn learn(mut slf: PyRefMut<'_, Self>, name: &str, servers: Option<Column<'_>>, change: u32) -> PyResult<()> {
        let servers = match servers {
            None => Servers::All,
            Some(servers) => Servers::only(slf.as_super().hosts(&servers)?.into_iter().map(HostIndex).collect()),
        };
        slf.as_super().live_mut().learn(name, servers, change);
        Ok(())
    }

    /// How long reports have waited for their answers: count, p50_ns, p99_ns, max_ns.
    #[pyo3(signature = () -> "dict[str, int]")]
    fn delays<'py>(slf: PyRef<'py, Self>, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let summary = slf.as_super().live().delays();
        let delays = PyDict::new(py);
        delays.set_item("count", summary.count)?;
        delays.set_item("p50_ns", summary.p50.0)?;
        delays.set_item("p99_ns", summary.p99.0)?;
        delays.set_item("max_ns", summary.max.0)?;
        Ok(delays)
    }

    /// Measures delays anew.
    fn reset_delays(mut slf: PyRefMut<'_, Self>) {
        slf.as_super().live_mut().reset_delays();
    }

    /// The bytes that hosts and connections hold.
    fn memory(slf: PyRef<'_, Self>) -> usize {
        slf.as_super().live().memory()
    }
}

type Given<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

/// The plan, if all of it can be.
fn plan(
    hosts: &HostResolver,
    (seed, number, product_name, latest_change): (Whole, Whole, &str, u32),
    (given_magic, given_settings, given_host_settings): (Given<'_, '_>, Given<'_, '_>, Given<'_, '_>),
    applications: Vec<(String, Option<Vec<Whole>>)>,
    (keys, entropy): (&[Vec<u8>], &[u8]),
) -> PyResult<Plan> {
    let directory = directory(hosts)?;
    let count = directory.len() as u64;
    let product = product(product_name)?;
    let (settings, host_settings) = settings(product, count, given_settings, given_host_settings)?;
    Ok(Plan {
        directory,
        seed: seed.within("seed", 0, u64::MAX)?,
        magic: magic("magic", number)?,
        host_magic: host_magic(count, given_magic)?,
        product,
        settings,
        host_settings,
        applications: catalogue(count, applications)?,
        latest_change,
        keyring: keyring(keys)?,
        entropy: bytes_of("entropy", entropy)?,
    })
}
