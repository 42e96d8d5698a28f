//! `imafarm._imafarm.ObservedFarm`: what can be asked of a farm and done to it, whichever world drives its hosts.

pub mod dynamic;
pub mod report;

use imafarm_emulator::farm::Farm;
use imafarm_live::farm::LiveFarm;
use imafarm_proto::applications::Servers;
use imafarm_proto::host_record::{HostIndex, ZoneIndex};
use imafarm_proto::message::MagicNumber;
use imafarm_proto::settings::SettingSpec;
use imafarm_records::totals::Order;
use imafarm_records::{Commanded, Observed};
use pyo3::exceptions::{PyIndexError, PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::columns::{Column, Whole};
use crate::observed::dynamic::preference;
use crate::tables::{ArrowTable, of_farm};

/// A farm, to look at and to act on. Which world drives its hosts is its subclass's affair.
///
/// Hosts and zones are named by index, in the order of the resolver. Times are whole nanoseconds since the farm was
/// opened. Commands act at `now_ns`; what follows from them happens as time goes on.
#[pyclass(module = "imafarm._imafarm", subclass)]
pub struct ObservedFarm {
    pub world: World,
}

/// The worlds there are.
pub enum World {
    Emulated(Box<Farm>),
    Live(Box<LiveFarm>),
}

impl ObservedFarm {
    pub fn farm(&self) -> &dyn Observed {
        match &self.world {
            World::Emulated(farm) => &**farm,
            World::Live(farm) => &**farm,
        }
    }

    /// The emulated farm that it is, for its own class.
    pub fn emulated(&self) -> &Farm {
        match &self.world {
            World::Emulated(farm) => farm,
            World::Live(_) => unreachable!("an EmulatedFarm is made with one"),
        }
    }

    pub fn emulated_mut(&mut self) -> &mut Farm {
        match &mut self.world {
            World::Emulated(farm) => farm,
            World::Live(_) => unreachable!("an EmulatedFarm is made with one"),
        }
    }

    /// The live farm that it is, for its own class.
    pub fn live(&self) -> &LiveFarm {
        match &self.world {
            World::Live(farm) => farm,
            World::Emulated(_) => unreachable!("a LiveFarm is made with one"),
        }
    }

    pub fn live_mut(&mut self) -> &mut LiveFarm {
        match &mut self.world {
            World::Live(farm) => farm,
            World::Emulated(_) => unreachable!("a LiveFarm is made with one"),
        }
    }

    fn farm_mut(&mut self) -> &mut dyn Commanded {
        match &mut self.world {
            World::Emulated(farm) => &mut **farm,
            World::Live(farm) => &mut **farm,
        }
    }

    /// Host indices from Python, each one known.
    pub fn hosts(&self, hosts: &Column<'_>) -> PyResult<Vec<u32>> {
        let known = self.farm().directory().len() as u64;
        let found = hosts.translate(None, |host| (host < known).then_some(host as u32));
        found.map_err(|position| hosts.unknown::<PyIndexError>("index", position))
    }

    fn zone(&self, zone: Whole) -> PyResult<u32> {
        match zone.number() {
            number if number < self.farm().directory().zone_count() as u64 => Ok(number as u32),
            _ => Err(PyIndexError::new_err(format!("no zone has the index {}", zone.0))),
        }
    }

    pub fn host(&self, host: Whole) -> PyResult<u32> {
        match host.number() {
            number if number < self.farm().directory().len() as u64 => Ok(number as u32),
            _ => Err(PyIndexError::new_err(format!("no host has the index {}", host.0))),
        }
    }
}

#[pymethods]
impl ObservedFarm {
    /// Farm time, in nanoseconds.
    #[getter]
    fn now_ns(&self) -> u64 {
        self.farm().now().0
    }

    /// How many events the engine has handled.
    #[getter]
    fn events(&self) -> u64 {
        self.farm().event_count()
    }

    /// Asks running hosts to stop in good order: a collector sets off the election before it goes.
    #[pyo3(signature = (hosts: "Iterable[int]"))]
    fn stop(&mut self, hosts: Column<'_>) -> PyResult<()> {
        let hosts = self.hosts(&hosts)?;
        self.farm_mut().stop(&hosts);
        Ok(())
    }

    /// Takes hosts away without a word: memory and connections are lost, and nothing answers.
    #[pyo3(signature = (hosts: "Iterable[int]"))]
    fn crash(&mut self, hosts: Column<'_>) -> PyResult<()> {
        let hosts = self.hosts(&hosts)?;
        self.farm_mut().crash(&hosts);
        Ok(())
    }

    /// Freezes running hosts: they handle nothing, their connections stand.
    #[pyo3(signature = (hosts: "Iterable[int]"))]
    fn pause(&mut self, hosts: Column<'_>) -> PyResult<()> {
        let hosts = self.hosts(&hosts)?;
        self.farm_mut().pause(&hosts);
        Ok(())
    }

    /// Lets frozen hosts go on: all that has arrived meanwhile, they handle now.
    #[pyo3(signature = (hosts: "Iterable[int]"))]
    fn resume(&mut self, hosts: Column<'_>) -> PyResult<()> {
        let hosts = self.hosts(&hosts)?;
        self.farm_mut().resume(&hosts);
        Ok(())
    }

    /// Forces an election, as `querydc -e` on this host would.
    fn elect(&mut self, host: Whole) -> PyResult<()> {
        let host = self.host(host)?;
        self.farm_mut().elect(host);
        Ok(())
    }

    /// A user logs on to a host; the host's number of the session, or None if the host does not run.
    fn logon(&mut self, host: Whole, user: u32, app: u32) -> PyResult<Option<u32>> {
        let host = self.host(host)?;
        Ok(self.farm_mut().logon(host, user, app))
    }

    /// Something happens to a session of a host: "disconnect", "reconnect" or "logoff". Whether it could.
    ///
    /// Raises ValueError for any other act.
    fn session(&mut self, host: Whole, number: u32, act: &str) -> PyResult<bool> {
        let (host, act) = (self.host(host)?, dynamic::act(act)?);
        Ok(self.farm_mut().session(host, number, act))
    }

    /// Asks a host where a session of an application should run, and rather in these zones, the best first; the number of
    /// the question. The answer is there once the host has told of it (`EVENT_RESOLVED`).
    #[pyo3(signature = (host, app, zones: "Sequence[int]" = Vec::new()))]
    fn resolve(&mut self, host: Whole, app: u32, zones: Vec<Whole>) -> PyResult<u32> {
        let zones: Vec<ZoneIndex> =
            zones.into_iter().map(|zone| self.zone(zone).map(ZoneIndex)).collect::<PyResult<_>>()?;
        let (host, preference) = (self.host(host)?, preference(&zones)?);
        Ok(self.farm_mut().resolve(host, app, preference))
    }

    /// Takes the answer to a question: (server, its load), with -1 if no server takes the session. None before it is there.
    fn take_answer(&mut self, request: u32) -> Option<dynamic::Answer> {
        let (server, load) = self.farm_mut().take_answer(request)?;
        Some((server.map_or(-1, |server| i64::from(server.0)), load))
    }

    /// Sets the load of running hosts; None leaves it to their evaluators again.
    #[pyo3(signature = (hosts: "Iterable[int]", load))]
    fn set_load(&mut self, hosts: Column<'_>, load: Option<u32>) -> PyResult<()> {
        let hosts = self.hosts(&hosts)?;
        self.farm_mut().set_load(&hosts, load);
        Ok(())
    }

    /// A running host wants to hear of changes of a table of its collector's, or no more.
    ///
    /// Raises ValueError for a table that there is not.
    #[pyo3(signature = (host, table, *, on = true))]
    fn subscribe(&mut self, host: Whole, table: &str, on: bool) -> PyResult<()> {
        let (host, table) = (self.host(host)?, dynamic::table(table)?);
        self.farm_mut().subscribe(host, table, on);
        Ok(())
    }

    /// The sessions of a zone's servers, as the collector `holder` holds them: (host, number, user, application, whether
    /// active). None if it is no collector.
    fn sessions(&self, holder: Whole, zone: Whole) -> PyResult<Option<Vec<dynamic::SessionRow>>> {
        Ok(dynamic::sessions(self.farm(), self.host(holder)?, self.zone(zone)?))
    }

    /// A zone's servers, as the collector `holder` holds them: (host, whether up, load or -1, sessions). None if it is no
    /// collector; servers it has never heard of are left out.
    fn server_states(&self, holder: Whole, zone: Whole) -> PyResult<Option<Vec<dynamic::ServerRow>>> {
        Ok(dynamic::servers(self.farm(), self.host(holder)?, self.zone(zone)?))
    }

    /// Who subscribed to which table at the collector `holder`, in the order in which they did.
    fn subscribers(&self, holder: Whole) -> PyResult<Vec<(u32, &'static str)>> {
        Ok(dynamic::subscribers(self.farm(), self.host(holder)?))
    }

    /// The other zones' collectors that the collector `holder` knows.
    fn peers(&self, holder: Whole) -> PyResult<Vec<u32>> {
        Ok(self.farm().dynamic_of(self.host(holder)?).peers().map(|peer| peer.0).collect())
    }

    /// What collectors hold that is not so; nothing, if all is well and quiet.
    fn check_stores(&self) -> Vec<String> {
        self.farm().check_stores()
    }

    /// What went from zone to zone: (from, to, kind, sent, delivered, dropped, bytes sent), where anything did.
    #[pyo3(signature = () -> "list[tuple[int, int, str, int, int, int, int]]")]
    fn traffic(&self) -> Vec<(u32, u32, &'static str, u64, u64, u64, u64)> {
        dynamic::traffic(self.farm())
    }

    /// Turns a setting of hosts. A running host has it from its next start on, as with a registry value.
    ///
    /// Raises ValueError for an unknown name, offering the nearest, and for a value out of range.
    #[pyo3(signature = (hosts: "Iterable[int]", name, value))]
    fn set_setting(&mut self, hosts: Column<'_>, name: &str, value: Whole) -> PyResult<()> {
        let hosts = self.hosts(&hosts)?;
        self.farm_mut().set_setting(&hosts, name, value.0).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Gives hosts another magic number, 0 to 2**32 - 1. A running host has it from its next start on.
    #[pyo3(signature = (hosts: "Iterable[int]", magic))]
    fn set_magic(&mut self, hosts: Column<'_>, magic: Whole) -> PyResult<()> {
        let hosts = self.hosts(&hosts)?;
        let magic = MagicNumber(magic.within("magic", 0, u32::MAX.into())? as u32);
        self.farm_mut().set_magic(&hosts, magic);
        Ok(())
    }

    /// The magic number that a host has, or will have from its next start on.
    fn magic(&self, host: Whole) -> PyResult<u32> {
        Ok(self.farm().magic(self.host(host)?).0)
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
        Ok(self.farm_mut().publish(host, name, servers))
    }

    /// Changes something of this length that the emulation does not look at, in a console on a running host.
    ///
    /// Returns as `publish` does.
    fn change_configuration(&mut self, host: Whole, size_bytes: Whole) -> PyResult<Option<u32>> {
        let host = self.host(host)?;
        let bytes = size_bytes.within("size_bytes", 1, u32::MAX.into())? as u32;
        Ok(self.farm_mut().change_configuration(host, bytes))
    }

    /// A running host, the first in order; None if none runs.
    fn next_running(&self) -> Option<u32> {
        (0..self.farm().host_count()).find(|&host| self.farm().runs(host))
    }

    /// The names of the applications that are published, in the order of their numbers.
    fn applications(&self) -> Vec<String> {
        let catalogue = self.farm().applications();
        (0..catalogue.len()).filter_map(|app| catalogue.name(app)).map(|name| name.to_string()).collect()
    }

    /// What a setting of a host says, or will say from its next start on.
    ///
    /// Raises KeyError for an unknown name.
    fn setting(&self, host: Whole, name: &str) -> PyResult<u64> {
        let host = self.host(host)?;
        let known = SettingSpec::find(name).map_err(|error| PyKeyError::new_err(error.to_string()))?;
        Ok(known.of(self.farm().settings(host)))
    }

    /// What became of a wish: the number of the change, 0 while it is on its way, -1 if the data store was down.
    ///
    /// Raises IndexError for a number that no wish has.
    fn order_state(&self, order: Whole) -> PyResult<i64> {
        let known = u32::try_from(order.0).ok().and_then(|number| self.farm().order_state(number));
        match known {
            Some(Order::Made(change)) => Ok(change.into()),
            Some(Order::Open) => Ok(0),
            Some(Order::Refused) => Ok(-1),
            None => Err(PyIndexError::new_err(format!("no wish has the number {}", order.0))),
        }
    }

    /// The number of the last change in the data store.
    fn latest_change(&self) -> u32 {
        self.farm().latest_change()
    }

    /// The number of the change up to which a host's local host cache has all.
    fn change_of(&self, host: Whole) -> PyResult<u32> {
        Ok(self.farm().change_of(self.host(host)?))
    }

    /// Which of these hosts run and do not have a change in their local host caches.
    #[pyo3(signature = (change, hosts: "Iterable[int]"))]
    fn hosts_without_change(&self, change: u32, hosts: Column<'_>) -> PyResult<Vec<u32>> {
        let mut hosts = self.hosts(&hosts)?;
        hosts.retain(|&host| self.farm().runs(host) && !self.farm().knows_change(host, change));
        Ok(hosts)
    }

    /// A host whose service is about to start, from `first` on and round; None if there is none.
    #[pyo3(signature = (first = 0))]
    fn next_starting(&self, first: u32) -> Option<u32> {
        self.farm().next_starting(first)
    }

    /// What hosts have written to their event logs: (time_ns, class, host).
    fn event_log(&self) -> Vec<(u64, u32, u32)> {
        let log = self.farm().chronicle().event_log().iter();
        log.map(|event| (event.time.0, event.what.class(), event.host)).collect()
    }

    /// Running hosts whose local host caches do not have all that the data store has; nothing, if all is well.
    fn check_caches(&self) -> Vec<String> {
        self.farm().check_caches()
    }

    /// Which classes of events `take_events` gives; all at first.
    fn keep_events(&mut self, classes: u32) {
        self.farm_mut().keep_events(classes);
    }

    /// The events since they were last taken, in farm order: (time_ns, class, host, other host or -1, zone).
    fn take_events(&mut self) -> Vec<(u64, u32, u32, i64, u32)> {
        let events = self.farm_mut().take_events();
        let chronicle = self.farm().chronicle();
        events
            .into_iter()
            .map(|event| {
                let other = event.what.other().map_or(-1, |host| i64::from(host.0));
                (event.time.0, event.what.class(), event.host, other, chronicle.zone_of(event.host))
            })
            .collect()
    }

    /// Writes down events of the classes in a bit mask from now on, instead of what was written down so far.
    fn write_down_events(&mut self, classes: u32) {
        self.farm_mut().chronicle_mut().write_down(classes);
    }

    /// The events that were written down, as a table; None if none were to be.
    fn events_table(&self) -> PyResult<Option<ArrowTable>> {
        let log = self.farm().chronicle().written();
        log.map(|log| of_farm::events(self.farm().directory(), log)).transpose()
    }

    /// Every host as it is now, and what it has done so far, as a table.
    fn hosts_table(&self) -> PyResult<ArrowTable> {
        of_farm::hosts(self.farm())
    }

    /// By zone: the live collector on whom all running hosts of the zone agree, or -1.
    fn masters(&self) -> Vec<i64> {
        let zones = self.farm().directory().zone_count() as u32;
        (0..zones).map(|zone| self.farm().chronicle().agreed(zone).map_or(-1, i64::from)).collect()
    }

    /// How a host is: power, role, master (index or -1), and its bindings.
    #[pyo3(signature = (host) -> "dict[str, Any]")]
    fn host_state<'py>(&self, py: Python<'py>, host: Whole) -> PyResult<Bound<'py, PyDict>> {
        report::host_state(py, self.farm(), self.host(host)?)
    }

    /// What the farm has done: events, messages by kind, bindings, elections, and the same by zone.
    #[pyo3(signature = () -> "dict[str, Any]")]
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        report::statistics(py, self.farm())
    }

    /// The elections so far, in the order in which they began. What has not happened is None.
    #[pyo3(signature = () -> "list[dict[str, int | None]]")]
    fn elections<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        report::elections(py, self.farm())
    }

    /// What does not hold of sent = delivered + dropped + in flight; nothing, if all is well.
    fn check_conservation(&self) -> Vec<String> {
        self.farm().check_conservation()
    }

    /// The farm's history so far, in 32 hexadecimal digits.
    fn digest(&self) -> String {
        self.farm().digest().to_string()
    }
}
