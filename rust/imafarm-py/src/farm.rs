//! `imafarm._imafarm.EmulatedFarm`: the engine, as `imafarm.emulated` drives it.

mod dynamic;
mod plan;
mod report;
mod workload;

use imafarm_emulator::farm::{Farm, Pace};
use imafarm_emulator::store_link::Order;
use imafarm_proto::applications::Servers;
use imafarm_proto::host_record::{HostIndex, ZoneIndex};
use imafarm_proto::message::MagicNumber;
use imafarm_proto::settings::SettingSpec;
use imafarm_proto::time::{Span, Time};
use pyo3::exceptions::{PyIndexError, PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::columns::{Column, Whole};
use crate::host_resolver::HostResolver;

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
/// threads: how many work, 1 to 64: the largest power of two among as many; it changes nothing of what happens
///
/// Raises ValueError, naming the key, for what no farm can have.
#[pyclass(module = "imafarm._imafarm")]
pub struct EmulatedFarm {
    farm: Farm,
}

impl EmulatedFarm {
    /// Host indices from Python, each one known.
    fn hosts(&self, hosts: &Column<'_>) -> PyResult<Vec<u32>> {
        let known = self.farm.directory().len() as u64;
        let found = hosts.translate(None, |host| (host < known).then_some(host as u32));
        found.map_err(|position| hosts.unknown::<PyIndexError>("index", position))
    }

    fn zone(&self, zone: Whole) -> PyResult<u32> {
        match zone.number() {
            number if number < self.farm.directory().zone_count() as u64 => Ok(number as u32),
            _ => Err(PyIndexError::new_err(format!("no zone has the index {}", zone.0))),
        }
    }

    fn host(&self, host: Whole) -> PyResult<u32> {
        match host.number() {
            number if number < self.farm.directory().len() as u64 => Ok(number as u32),
            _ => Err(PyIndexError::new_err(format!("no host has the index {}", host.0))),
        }
    }
}

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
        trace: "Sequence[str]" = Vec::new(),
        threads = Whole(1)
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
        threads: Whole,
    ) -> PyResult<EmulatedFarm> {
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
            threads,
        };
        Ok(EmulatedFarm { farm: Farm::new(plan.plan()?) })
    }

    /// Farm time, in nanoseconds.
    #[getter]
    fn now_ns(&self) -> u64 {
        self.farm.now().0
    }

    /// How far apart the moments are at which observers hear of events, in nanoseconds.
    #[getter]
    fn tick_ns(&self) -> u64 {
        self.farm.window().0
    }

    /// How many events the engine has handled.
    #[getter]
    fn events(&self) -> u64 {
        self.farm.event_count()
    }

    /// When something next happens, in nanoseconds; None when nothing ever will.
    fn next_event_ns(&self) -> Option<u64> {
        self.farm.next_event().map(|time| time.0)
    }

    /// Goes on, with the interpreter released, to `until_ns` or less far: to the end of the tick in which an event of
    /// a class in the bit mask `wake_on` happened, or in which `max_events` were handled. How far it goes changes
    /// nothing of what happens.
    ///
    /// Returns 0 at `until_ns`, 1 if an event woke it, 2 after `max_events`.
    ///
    /// Raises ValueError when `until_ns` lies before `now_ns` or beyond 2**63 - 1.
    #[pyo3(signature = (until_ns, *, wake_on = 0, max_events = 500_000))]
    fn advance(&mut self, py: Python<'_>, until_ns: Whole, wake_on: u32, max_events: u64) -> PyResult<u8> {
        let until = Time(until_ns.within("until_ns", self.farm.now().0, LATEST)?);
        let farm = &mut self.farm;
        Ok(match py.detach(|| farm.advance(until, wake_on, max_events)) {
            Pace::Arrived => 0,
            Pace::Woken => 1,
            Pace::Busy => 2,
        })
    }

    /// Starts hosts that are off or crashed, each at a moment drawn within `spread_ns` from now.
    #[pyo3(signature = (hosts: "Iterable[int]", *, spread_ns = Whole(0)))]
    fn start(&mut self, hosts: Column<'_>, spread_ns: Whole) -> PyResult<()> {
        let hosts = self.hosts(&hosts)?;
        let spread = Span(spread_ns.within("spread_ns", 0, LATEST)?);
        self.farm.start(&hosts, spread);
        Ok(())
    }

    /// Asks running hosts to stop in good order: a collector sets off the election before it goes.
    #[pyo3(signature = (hosts: "Iterable[int]"))]
    fn stop(&mut self, hosts: Column<'_>) -> PyResult<()> {
        let hosts = self.hosts(&hosts)?;
        self.farm.stop(&hosts);
        Ok(())
    }

    /// Takes hosts away without a word: memory and connections are lost, and nothing answers.
    #[pyo3(signature = (hosts: "Iterable[int]"))]
    fn crash(&mut self, hosts: Column<'_>) -> PyResult<()> {
        let hosts = self.hosts(&hosts)?;
        self.farm.crash(&hosts);
        Ok(())
    }

    /// Crashes hosts and starts them again at once.
    #[pyo3(signature = (hosts: "Iterable[int]"))]
    fn restart(&mut self, hosts: Column<'_>) -> PyResult<()> {
        let hosts = self.hosts(&hosts)?;
        self.farm.restart(&hosts);
        Ok(())
    }

    /// Freezes running hosts: they handle nothing, their connections stand.
    #[pyo3(signature = (hosts: "Iterable[int]"))]
    fn pause(&mut self, hosts: Column<'_>) -> PyResult<()> {
        let hosts = self.hosts(&hosts)?;
        self.farm.pause(&hosts);
        Ok(())
    }

    /// Lets frozen hosts go on: all that has arrived meanwhile, they handle now.
    #[pyo3(signature = (hosts: "Iterable[int]"))]
    fn resume(&mut self, hosts: Column<'_>) -> PyResult<()> {
        let hosts = self.hosts(&hosts)?;
        self.farm.resume(&hosts);
        Ok(())
    }

    /// Forces an election, as `querydc -e` on this host would.
    fn elect(&mut self, host: Whole) -> PyResult<()> {
        let host = self.host(host)?;
        self.farm.elect(host);
        Ok(())
    }

    /// A user logs on to a host; the host's number of the session, or None if the host does not run.
    fn logon(&mut self, host: Whole, user: u32, app: u32) -> PyResult<Option<u32>> {
        let host = self.host(host)?;
        Ok(self.farm.logon(host, user, app))
    }

    /// Something happens to a session of a host: "disconnect", "reconnect" or "logoff". Whether it could.
    ///
    /// Raises ValueError for any other act.
    fn session(&mut self, host: Whole, number: u32, act: &str) -> PyResult<bool> {
        let (host, act) = (self.host(host)?, dynamic::act(act)?);
        Ok(self.farm.session(host, number, act))
    }

    /// Asks a host where a session of an application should run, and rather in these zones, the best first; the number of
    /// the question. The answer is there once the host has told of it (`EVENT_RESOLVED`).
    #[pyo3(signature = (host, app, zones: "Sequence[int]" = Vec::new()))]
    fn resolve(&mut self, host: Whole, app: u32, zones: Vec<Whole>) -> PyResult<u32> {
        let zones: Vec<ZoneIndex> =
            zones.into_iter().map(|zone| self.zone(zone).map(ZoneIndex)).collect::<PyResult<_>>()?;
        let (host, preference) = (self.host(host)?, workload::preference(&zones)?);
        Ok(self.farm.resolve(host, app, preference))
    }

    /// Takes the answer to a question: (server, its load), with -1 if no server takes the session. None before it is there.
    fn take_answer(&mut self, request: u32) -> Option<workload::Answer> {
        let (server, load) = self.farm.take_answer(request)?;
        Some((server.map_or(-1, |server| i64::from(server.0)), load))
    }

    /// Sets the load of running hosts; None leaves it to their evaluators again.
    #[pyo3(signature = (hosts: "Iterable[int]", load))]
    fn set_load(&mut self, hosts: Column<'_>, load: Option<u32>) -> PyResult<()> {
        let hosts = self.hosts(&hosts)?;
        self.farm.set_load(&hosts, load);
        Ok(())
    }

    /// A running host wants to hear of changes of a table of its collector's, or no more.
    ///
    /// Raises ValueError for a table that there is not.
    #[pyo3(signature = (host, table, *, on = true))]
    fn subscribe(&mut self, host: Whole, table: &str, on: bool) -> PyResult<()> {
        let (host, table) = (self.host(host)?, dynamic::table(table)?);
        self.farm.subscribe(host, table, on);
        Ok(())
    }

    /// The sessions of a zone's servers, as the collector `holder` holds them: (host, number, user, application, whether
    /// active). None if it is no collector.
    fn sessions(&self, holder: Whole, zone: Whole) -> PyResult<Option<Vec<dynamic::SessionRow>>> {
        Ok(dynamic::sessions(&self.farm, self.host(holder)?, self.zone(zone)?))
    }

    /// A zone's servers, as the collector `holder` holds them: (host, whether up, load or -1, sessions). None if it is no
    /// collector; servers it has never heard of are left out.
    fn server_states(&self, holder: Whole, zone: Whole) -> PyResult<Option<Vec<dynamic::ServerRow>>> {
        Ok(dynamic::servers(&self.farm, self.host(holder)?, self.zone(zone)?))
    }

    /// Who subscribed to which table at the collector `holder`, in the order in which they did.
    fn subscribers(&self, holder: Whole) -> PyResult<Vec<(u32, &'static str)>> {
        Ok(dynamic::subscribers(&self.farm, self.host(holder)?))
    }

    /// The other zones' collectors that the collector `holder` knows.
    fn peers(&self, holder: Whole) -> PyResult<Vec<u32>> {
        Ok(self.farm.dynamic_of(self.host(holder)?).peers().map(|peer| peer.0).collect())
    }

    /// What collectors hold that is not so; nothing, if all is well and quiet.
    fn check_stores(&self) -> Vec<String> {
        self.farm.check_stores()
    }

    /// What went from zone to zone: (from, to, kind, sent, delivered, dropped, bytes sent), where anything did.
    #[pyo3(signature = () -> "list[tuple[int, int, str, int, int, int, int]]")]
    fn traffic(&self) -> Vec<(u32, u32, &'static str, u64, u64, u64, u64)> {
        dynamic::traffic(&self.farm)
    }

    /// Cuts hosts off from hosts, both ways or one way; returns the cut's number.
    #[pyo3(signature = (from_hosts: "Iterable[int]", to_hosts: "Iterable[int]", *, both = true))]
    fn cut(&mut self, from_hosts: Column<'_>, to_hosts: Column<'_>, both: bool) -> PyResult<u32> {
        let (from, to) = (self.hosts(&from_hosts)?, self.hosts(&to_hosts)?);
        Ok(self.farm.cut(&from, &to, both))
    }

    /// Heals one cut, or all.
    ///
    /// Raises ValueError for a number that no cut has (any more).
    #[pyo3(signature = (cut = None))]
    fn heal(&mut self, cut: Option<u32>) -> PyResult<()> {
        match (self.farm.heal(cut), cut) {
            (false, Some(number)) => Err(PyValueError::new_err(format!("cut: there is no cut {number}"))),
            (true | false, _) => Ok(()),
        }
    }

    /// Turns a setting of hosts. A running host has it from its next start on, as with a registry value.
    ///
    /// Raises ValueError for an unknown name, offering the nearest, and for a value out of range.
    #[pyo3(signature = (hosts: "Iterable[int]", name, value))]
    fn set_setting(&mut self, hosts: Column<'_>, name: &str, value: Whole) -> PyResult<()> {
        let hosts = self.hosts(&hosts)?;
        self.farm.set_setting(&hosts, name, value.0).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Gives hosts another magic number, 0 to 2**32 - 1. A running host has it from its next start on.
    #[pyo3(signature = (hosts: "Iterable[int]", magic))]
    fn set_magic(&mut self, hosts: Column<'_>, magic: Whole) -> PyResult<()> {
        let hosts = self.hosts(&hosts)?;
        let magic = MagicNumber(magic.within("magic", 0, u32::MAX.into())? as u32);
        self.farm.set_magic(&hosts, magic);
        Ok(())
    }

    /// The magic number that a host has, or will have from its next start on.
    fn magic(&self, host: Whole) -> PyResult<u32> {
        Ok(self.farm.magic(self.host(host)?).0)
    }

    /// Publishes an application on these hosts, or on all (None), in a console on a running host.
    ///
    /// Returns the number of the wish, for `order_state`, or None if the host does not run.
    #[pyo3(signature = (host, name, servers: "Iterable[int] | None" = None))]
    fn publish(&mut self, host: Whole, name: &str, servers: Option<Column<'_>>) -> PyResult<Option<u32>> {
        let host = self.host(host)?;
        let servers = match servers {
            None => Servers::All,
            Some(servers) => Servers::only(self.hosts(&servers)?.into_iter().map(HostIndex).collect()),
        };
        Ok(self.farm.publish(host, name, servers))
    }

    /// Changes something of this length that the emulation does not look at, in a console on a running host.
    ///
    /// Returns as `publish` does.
    fn change_configuration(&mut self, host: Whole, size_bytes: Whole) -> PyResult<Option<u32>> {
        let host = self.host(host)?;
        let bytes = size_bytes.within("size_bytes", 1, u32::MAX.into())? as u32;
        Ok(self.farm.change_configuration(host, bytes))
    }

    /// A running host, the first in order; None if none runs.
    fn next_running(&self) -> Option<u32> {
        (0..self.farm.directory().len() as u32).find(|&host| self.farm.runs(host))
    }

    /// The names of the applications that are published, in the order of their numbers.
    fn applications(&self) -> Vec<String> {
        let catalogue = self.farm.applications();
        (0..catalogue.len()).filter_map(|app| catalogue.name(app)).map(|name| name.to_string()).collect()
    }

    /// What a setting of a host says, or will say from its next start on.
    ///
    /// Raises KeyError for an unknown name.
    fn setting(&self, host: Whole, name: &str) -> PyResult<u64> {
        let host = self.host(host)?;
        let known = SettingSpec::find(name).map_err(|error| PyKeyError::new_err(error.to_string()))?;
        Ok(known.of(self.farm.settings(host)))
    }

    /// What became of a wish: the number of the change, 0 while it is on its way, -1 if the data store was down.
    ///
    /// Raises IndexError for a number that no wish has.
    fn order_state(&self, order: Whole) -> PyResult<i64> {
        let known = u32::try_from(order.0).ok().and_then(|number| self.farm.order_state(number));
        match known {
            Some(Order::Made(change)) => Ok(change.into()),
            Some(Order::Open) => Ok(0),
            Some(Order::Refused) => Ok(-1),
            None => Err(PyIndexError::new_err(format!("no wish has the number {}", order.0))),
        }
    }

    /// Takes the data store down, or up again.
    fn set_store_up(&mut self, up: bool) {
        self.farm.set_store_up(up);
    }

    /// The number of the last change in the data store.
    fn latest_change(&self) -> u32 {
        self.farm.latest_change()
    }

    /// The number of the change up to which a host's local host cache has all.
    fn change_of(&self, host: Whole) -> PyResult<u32> {
        Ok(self.farm.change_of(self.host(host)?))
    }

    /// Which of these hosts run and do not have a change in their local host caches.
    #[pyo3(signature = (change, hosts: "Iterable[int]"))]
    fn hosts_without_change(&self, change: u32, hosts: Column<'_>) -> PyResult<Vec<u32>> {
        let mut hosts = self.hosts(&hosts)?;
        hosts.retain(|&host| self.farm.runs(host) && !self.farm.knows_change(host, change));
        Ok(hosts)
    }

    /// A host whose service is about to start, from `first` on and round; None if there is none.
    #[pyo3(signature = (first = 0))]
    fn next_starting(&self, first: u32) -> Option<u32> {
        self.farm.next_starting(first)
    }

    /// What hosts have written to their event logs: (time_ns, class, host).
    fn event_log(&self) -> Vec<(u64, u32, u32)> {
        let log = self.farm.chronicle().event_log().iter();
        log.map(|event| (event.time.0, event.what.class(), event.host)).collect()
    }

    /// Running hosts whose local host caches do not have all that the data store has; nothing, if all is well.
    fn check_caches(&self) -> Vec<String> {
        self.farm.check_caches()
    }

    /// Which classes of events `take_events` gives; all at first.
    fn keep_events(&mut self, classes: u32) {
        self.farm.keep_events(classes);
    }

    /// The events since they were last taken, in farm order: (time_ns, class, host, other host or -1, zone).
    fn take_events(&mut self) -> Vec<(u64, u32, u32, i64, u32)> {
        let events = self.farm.take_events();
        let chronicle = self.farm.chronicle();
        events
            .into_iter()
            .map(|event| {
                let other = event.what.other().map_or(-1, |host| i64::from(host.0));
                (event.time.0, event.what.class(), event.host, other, chronicle.zone_of(event.host))
            })
            .collect()
    }

    /// By zone: the live collector on whom all running hosts of the zone agree, or -1.
    fn masters(&self) -> Vec<i64> {
        let zones = self.farm.directory().zone_count() as u32;
        (0..zones).map(|zone| self.farm.chronicle().agreed(zone).map_or(-1, i64::from)).collect()
    }

    /// How a host is: power, role, master (index or -1), and its bindings.
    #[pyo3(signature = (host) -> "dict[str, Any]")]
    fn host_state<'py>(&self, py: Python<'py>, host: Whole) -> PyResult<Bound<'py, PyDict>> {
        report::host_state(py, &self.farm, self.host(host)?)
    }

    /// What the farm has done: events, messages by kind, bindings, elections, and the same by zone.
    #[pyo3(signature = () -> "dict[str, Any]")]
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        report::statistics(py, &self.farm)
    }

    /// The elections so far, in the order in which they began. What has not happened is None.
    #[pyo3(signature = () -> "list[dict[str, int | None]]")]
    fn elections<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        report::elections(py, &self.farm)
    }

    /// What does not hold of sent = delivered + dropped + in flight; nothing, if all is well.
    fn check_conservation(&self) -> Vec<String> {
        self.farm.check_conservation()
    }

    /// The farm's history so far, in 32 hexadecimal digits.
    fn digest(&self) -> String {
        self.farm.digest().to_string()
    }

    /// The deliveries of the traced kinds: (time_ns, kind, source, target, bytes).
    fn trace(&self) -> Vec<(u64, &'static str, u32, u32, u32)> {
        let records = self.farm.trace().iter();
        records.map(|r| (r.time.0, r.kind.name(), r.source, r.target, r.bytes)).collect()
    }

    /// The bytes that the farm's hosts, connections and events hold.
    fn memory(&self) -> usize {
        self.farm.memory()
    }
}
