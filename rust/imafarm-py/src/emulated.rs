//! `imafarm._imafarm.EmulatedFarm`: the engine, as `imafarm.emulated` drives it.

mod captured;
mod plan;
mod workload;

use std::sync::Arc;

use imafarm_capture::Section;
use imafarm_emulator::farm::{Farm, Pace};
use imafarm_emulator::record;
use imafarm_proto::time::{Span, Time};
use imafarm_records::Observed;
use imafarm_records::bins::Width;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::columns::{Column, Whole};
use crate::host_resolver::HostResolver;
use crate::observed::{ObservedFarm, World};
use crate::tables::{ArrowTable, of_farm, of_taps};

/// The most farm time, about 292 years: what fits a signed 64-bit count of nanoseconds.
const LATEST: u64 = i64::MAX as u64;

/// A farm in virtual time: the engine under `imafarm.open_emulated_farm`.
///
/// Hosts and zones are named by index, in the order of the resolver. Times are whole nanoseconds since the farm was
/// opened. Every host is off at first. Commands act at `now_ns`; what follows from them happens in `advance`.
///
/// hosts: who is in the farm; hosts that move later in the resolver do not move here
/// seed: everything random follows from it, 0 to 2**64 - 1
/// magic: the farm's magic number, 0 to 2**32 - 1
/// product: whose figures the hosts go by: XP, MF30, PS40 or PS45
/// host_magic: the numbers of hosts that have another, by host
/// settings: by the registry's value names, for all hosts
/// host_settings: the same by host, over `settings`
/// inside, between: the links inside a zone and between zones; latency_ns, jitter_ns, bandwidth_bps, loss_ppm
/// links: the same for the link between two zones, by a pair of zones in either order, over `between`
/// applications: what is published at first, in the order of their numbers: name and hosts, or None for all hosts
/// workload: what the users of a zone do, by zone: logons_per_day, session_ns, session_least_ns, disconnect_ppm,
///     reconnect_ppm, disconnected_ns, shape (pairs of nanoseconds and millionths), period_ns, applications (numbers)
/// store: where the data store is: round_trip_ns, bandwidth_bps (0 for without limit) and replicas, a list of zones; None for
///     beside every host, where a start takes no time
/// wire: whether every message is encoded and decoded on its way
/// trace: the kinds of messages whose deliveries are kept
/// tap: what is recorded of single hosts: hosts and kinds (lists; all, if not there), since_ns, until_ns, limit_bytes
/// threads: how many work, 1 to 64; it changes nothing of what happens. Each works on whole zones, where there are as many zones
///     and none is much larger than a thread's part; else on every so many-th host, and they are a power of two
/// bound: whether each host's first life begins with an active binding to every other host of its zone
/// exact_queue: whether every message is an event of its own, and no short cut is taken; that changes nothing either
///
/// Raises ValueError, naming the key, for what no farm can have.
#[pyclass(module = "imafarm._imafarm", extends = ObservedFarm)]
pub struct EmulatedFarm {}

#[pymethods]
impl EmulatedFarm {
    #[new]
    #[pyo3(signature = (
        hosts, *, seed, magic = Whole(0x1A4A), host_magic: "Mapping[int, int] | None" = None, product = "PS45",
        settings: "Mapping[str, int] | None" = None,
        host_settings: "Mapping[int, Mapping[str, int]] | None" = None, inside: "Mapping[str, int] | None" = None,
        between: "Mapping[str, int] | None" = None,
        links: "Mapping[tuple[int, int], Mapping[str, int]] | None" = None,
        applications: "Sequence[tuple[str, Sequence[int] | None]]" = Vec::new(),
        workload: "Mapping[int, Mapping[str, Any]] | None" = None,

        store: "Mapping[str, int | list[int]] | None" = None, wire = false,
        trace: "Sequence[str]" = Vec::new(), tap: "Mapping[str, int | list[int] | list[str]] | None" = None,
        threads = Whole(1), bound = false, exact_queue = false
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords, each with its own default")]
    fn new(
        hosts: &HostResolver,
        seed: Whole,
        magic: Whole,
        host_magic: Option<&Bound<'_, PyAny>>,
        product: &str,
        settings: Option<&Bound<'_, PyAny>>,
        host_settings: Option<&Bound<'_, PyAny>>,
        inside: Option<&Bound<'_, PyAny>>,
        between: Option<&Bound<'_, PyAny>>,
        links: Option<&Bound<'_, PyAny>>,
        applications: Vec<(String, Option<Vec<Whole>>)>,
        workload: Option<&Bound<'_, PyAny>>,
        store: Option<&Bound<'_, PyAny>>,
        wire: bool,
        trace: Vec<String>,
        tap: Option<&Bound<'_, PyAny>>,
        threads: Whole,
        bound: bool,
        exact_queue: bool,
    ) -> PyResult<PyClassInitializer<EmulatedFarm>> {
        let plan = plan::Sketch {
            hosts,
            seed,
            magic,
            product,
            host_magic,
            settings,
            host_settings,
            inside,
            between,
            links,
            applications,
            workload,
            store,
            wire,
            trace,
            tap,
            threads,
            bound,
            exact_queue,
        };
        let world = World::Emulated(Box::new(Farm::new(plan.plan()?)));
        Ok(PyClassInitializer::from(ObservedFarm { world }).add_subclass(EmulatedFarm {}))
    }

    /// How far apart the moments are at which observers hear of events, in nanoseconds.
    #[getter]
    fn tick_ns(slf: PyRef<'_, Self>) -> u64 {
        slf.as_super().emulated().window().0
    }

    /// How many events were handled, without those answers of a storm that are under way: `events`, but told at once.
    #[getter]
    fn handled(slf: PyRef<'_, Self>) -> u64 {
        slf.as_super().emulated().handled()
    }

    /// When something next happens, in nanoseconds; None when nothing ever will.
    fn next_event_ns(slf: PyRef<'_, Self>) -> Option<u64> {
        slf.as_super().emulated().next_event().map(|time| time.0)
    }

    /// Goes on, with the interpreter released, to `until_ns` or less far: to the end of the tick in which an event of
    /// a class in the bit mask `wake_on` happened, or in which `max_events` were handled. How far it goes changes
    /// nothing of what happens.
    ///
    /// loosely: stop soon after `max_events` even where zones run far ahead of one another. They may then stand apart:
    ///     before anything but `now_ns`, `events`, `next_event_ns` and `take_events` is asked of the farm, or anything done to
    ///     it, call `gather`
    ///
    /// Returns 0 at `until_ns`, 1 if an event woke it, 2 after `max_events`.
    ///
    /// Raises ValueError when `until_ns` lies before `now_ns` or beyond 2**63 - 1.
    #[pyo3(signature = (until_ns, *, wake_on = 0, max_events = 500_000, loosely = false))]
    fn advance(
        mut slf: PyRefMut<'_, Self>,
        py: Python<'_>,
        until_ns: Whole,
        wake_on: u32,
        max_events: u64,
        loosely: bool,
    ) -> PyResult<u8> {
        let until = Time(until_ns.within("until_ns", slf.as_super().emulated_mut().now().0, LATEST)?);
        let farm = slf.as_super().emulated_mut();
        let pace = py.detach(|| match loosely {
            true => farm.advance_loosely(until, wake_on, max_events),
            false => farm.advance(until, wake_on, max_events),
        });
        Ok(match pace {
            Pace::Arrived => 0,
            Pace::Woken => 1,
            Pace::Busy => 2,
        })
    }

    /// Brings all hosts to one moment, if they stand apart: a little later, as if the last `advance` had gone on so long.
    fn gather(mut slf: PyRefMut<'_, Self>, py: Python<'_>) {
        let farm = slf.as_super().emulated_mut();
        if farm.stands_apart() {
            py.detach(|| farm.gather());
        }
    }

    /// Starts hosts that are off or crashed, each at a moment drawn within `spread_ns` from now.
    #[pyo3(signature = (hosts: "Iterable[int]", *, spread_ns = Whole(0)))]
    fn start(mut slf: PyRefMut<'_, Self>, hosts: Column<'_>, spread_ns: Whole) -> PyResult<()> {
        let hosts = slf.as_super().hosts(&hosts)?;
        let spread = Span(spread_ns.within("spread_ns", 0, LATEST)?);
        slf.as_super().emulated_mut().start(&hosts, spread);
        Ok(())
    }

    /// Crashes hosts and starts them again at once.
    #[pyo3(signature = (hosts: "Iterable[int]"))]
    fn restart(mut slf: PyRefMut<'_, Self>, hosts: Column<'_>) -> PyResult<()> {
        let hosts = slf.as_super().hosts(&hosts)?;
        slf.as_super().emulated_mut().restart(&hosts);
        Ok(())
    }

    /// Cuts hosts off from hosts, both ways or one way; returns the cut's number.
    #[pyo3(signature = (from_hosts: "Iterable[int]", to_hosts: "Iterable[int]", *, both = true))]
    fn cut(mut slf: PyRefMut<'_, Self>, from_hosts: Column<'_>, to_hosts: Column<'_>, both: bool) -> PyResult<u32> {
        let (from, to) = (slf.as_super().hosts(&from_hosts)?, slf.as_super().hosts(&to_hosts)?);
        Ok(slf.as_super().emulated_mut().cut(&from, &to, both))
    }

    /// Heals one cut, or all.
    ///
    /// Raises ValueError for a number that no cut has (any more).
    #[pyo3(signature = (cut = None))]
    fn heal(mut slf: PyRefMut<'_, Self>, cut: Option<u32>) -> PyResult<()> {
        match (slf.as_super().emulated_mut().heal(cut), cut) {
            (false, Some(number)) => Err(PyValueError::new_err(format!("cut: there is no cut {number}"))),
            (true | false, _) => Ok(()),
        }
    }

    /// Takes the data store down, or up again.
    fn set_store_up(mut slf: PyRefMut<'_, Self>, up: bool) {
        slf.as_super().emulated_mut().set_store_up(up);
    }

    /// Writes down traffic and bindings by bins of farm time from now on, instead of what was written down so far.
    ///
    /// traffic_ns, bindings_ns: how wide bins are; 0 for narrow at first and twice as wide whenever there are too many of them;
    ///     None for none
    ///
    /// Raises ValueError for a width beyond 2**63 - 1.
    #[pyo3(signature = (*, traffic_ns = None, bindings_ns = None))]
    fn record(mut slf: PyRefMut<'_, Self>, traffic_ns: Option<Whole>, bindings_ns: Option<Whole>) -> PyResult<()> {
        let width = |key: &str, width: Option<Whole>, growing: Width| {
            width
                .map(|width| width.within(key, 0, LATEST))
                .transpose()
                .map(|width| width.map(|width| if width == 0 { growing } else { Width::Fixed(Span(width)) }))
        };
        let traffic = width("traffic_ns", traffic_ns, record::TRAFFIC)?;
        let bindings = width("bindings_ns", bindings_ns, record::BINDINGS)?;
        slf.as_super().emulated_mut().record(traffic, bindings);
        Ok(())
    }

    /// The traffic by bins, as a table; None if it is not written down.
    fn traffic_table(slf: PyRef<'_, Self>) -> PyResult<Option<ArrowTable>> {
        let farm = slf.as_super().emulated();
        farm.traffic().map(|bins| of_farm::traffic(farm.directory(), &bins)).transpose()
    }

    /// What hosts did with their bindings by bins, as a table; None if it is not written down.
    fn bindings_table(slf: PyRef<'_, Self>) -> PyResult<Option<ArrowTable>> {
        let farm = slf.as_super().emulated();
        farm.bindings().map(|bins| of_farm::bindings(farm.directory(), &bins)).transpose()
    }

    /// The deliveries of the traced kinds: (time_ns, kind, source, target, bytes).
    fn trace(slf: PyRef<'_, Self>) -> Vec<(u64, &'static str, u32, u32, u32)> {
        let records = slf.as_super().emulated().trace().iter();
        records.map(|r| (r.time.0, r.kind.name(), r.source, r.target, r.bytes)).collect()
    }

    /// What was recorded at tapped hosts before now; None if no host is tapped.
    fn packets_table(mut slf: PyRefMut<'_, Self>) -> PyResult<Option<ArrowTable>> {
        let farm = slf.as_super().emulated_mut();
        let directory = Arc::clone(farm.directory());
        farm.taped().map(|taped| of_taps::packets(&directory, taped)).transpose()
    }

    /// When a tap came to its limit, in nanoseconds: from there on nothing is recorded. None if it has not.
    fn packets_stopped_ns(mut slf: PyRefMut<'_, Self>) -> Option<u64> {
        slf.as_super().emulated_mut().taped()?.stopped().map(|time| time.0)
    }

    /// Writes what was recorded at tapped hosts before now to `file`, as a capture file (pcapng); the interpreter is released
    /// but for that. Equal records make equal files.
    ///
    /// file: has a `write` for bytes; what that raises is raised here
    /// addresses: four bytes for each host, its IPv4 address
    /// application, comments: what the file says of itself
    /// only_spoken: leave out connections on which nothing was recorded but that they were
    ///
    /// Returns how many packets, and how many frames they make.
    ///
    /// Raises ValueError if no host is tapped, or for addresses of another length.
    #[pyo3(signature = (file: "Any", *, addresses: "bytes", application, comments: "Sequence[str]", only_spoken))]
    fn write_capture(
        mut slf: PyRefMut<'_, Self>,
        py: Python<'_>,
        file: Py<PyAny>,
        addresses: &[u8],
        application: String,
        comments: Vec<String>,
        only_spoken: bool,
    ) -> PyResult<(u64, u64)> {
        let farm = slf.as_super().emulated_mut();
        let directory = Arc::clone(farm.directory());
        let taped = farm.taped().ok_or_else(|| PyValueError::new_err("tap: no host is tapped"))?;
        let section = Section { application, comments, only_spoken };
        let written = captured::write_to(py, &directory, taped, file, addresses, &section)?;
        Ok((written.packets, written.frames))
    }

    /// Traces only what goes from one of these hosts to another of them, from now on.
    #[pyo3(signature = (hosts: "Iterable[int]"))]
    fn trace_among(mut slf: PyRefMut<'_, Self>, hosts: Column<'_>) -> PyResult<()> {
        let hosts = slf.as_super().hosts(&hosts)?;
        slf.as_super().emulated_mut().trace_among(&hosts);
        Ok(())
    }

    /// The deliveries of the traced kinds, as a table.
    fn messages_table(slf: PyRef<'_, Self>) -> PyResult<ArrowTable> {
        let farm = slf.as_super().emulated();
        of_farm::messages(farm.directory(), farm.trace())
    }

    /// The bytes that the farm's hosts, connections and events hold.
    fn memory(slf: PyRef<'_, Self>) -> usize {
        slf.as_super().emulated().memory()
    }
}
