//! `imafarm.HostResolver`

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use imafarm_proto::host_record::{HostId, HostIndex, ZoneIndex};
use imafarm_proto::host_resolver::{Directory, HostBindings};
use pyo3::exceptions::{PyIndexError, PyKeyError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::columns::{Column, Names, Whole, array_of_u32, array_of_u64, unknown};
use crate::host_record::HostRecord;

/// The most hosts that `generate` makes. Our guess: far beyond what fits a machine's memory as a running farm.
const HOSTS_MAX: u64 = 1 << 24;

/// Who is in the farm, and by which names (IMA Information, "Host Resolver component").
///
/// A host has a place in the order of the records, from 0: its index, which all methods call `host`. From it and to it
/// they translate the host's name, its host id, and the handle of a binding to it (HBINDING). Zones have an index too,
/// in the order in which the records first name them.
///
/// A method in the plural translates many at once and crosses into compiled code once. Numbers come from any buffer of
/// integers (`array.array`, NumPy, `memoryview`), a list or an iterable, and go back as an `array.array`. What is
/// unknown raises KeyError naming the first one and its position, unless there is a default for it; an index that no
/// host has raises IndexError.
///
/// hosts: an iterable of HostRecord
///
/// Raises ValueError, naming position and field, for a name or id that two hosts have.
#[pyclass(frozen, mapping, module = "imafarm")]
pub struct HostResolver {
    /// As it was founded, for what never changes: who there is, by name, id and rank. Read without a lock.
    founded: Arc<Directory>,
    /// No Python may run while this is locked: it could come back here.
    now: Mutex<Now>,
}

/// What changes: which host is in which zone, and which has a binding.
struct Now {
    directory: Arc<Directory>,
    bindings: HostBindings,
}

impl HostResolver {
    fn found(directory: Directory) -> HostResolver {
        let founded = Arc::new(directory);
        let now = Now { directory: Arc::clone(&founded), bindings: HostBindings::default() };
        HostResolver { founded, now: Mutex::new(now) }
    }

    /// The directory as it is now; hosts that move later do not move in it.
    pub fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.now().directory)
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn host(&self, host: Whole) -> PyResult<HostIndex> {
        index(host.number(), self.founded.len()).map(HostIndex).ok_or_else(|| no_index("host", host))
    }

    /// What `get` tells of each host.
    fn each<T: Copy>(&self, hosts: &Column<'_>, get: impl Fn(HostIndex) -> T) -> PyResult<Vec<T>> {
        let known = self.founded.len();
        let told = hosts.translate(None, |host| index(host, known).map(|host| get(HostIndex(host))));
        told.map_err(|position| hosts.unknown::<PyIndexError>("index", position))
    }
}

fn index(number: u64, len: usize) -> Option<u32> {
    (number < len as u64).then_some(number as u32)
}

fn no_index(kind: &str, number: Whole) -> PyErr {
    PyIndexError::new_err(format!("no {kind} has the index {}", number.0))
}

#[pymethods]
impl HostResolver {
    #[new]
    #[pyo3(signature = (hosts: "Iterable[HostRecord]", /))]
    fn new(hosts: &Bound<'_, PyAny>) -> PyResult<HostResolver> {
        let mut records = Vec::with_capacity(hosts.len().unwrap_or(0));
        for host in hosts.try_iter()? {
            let host = host?;
            let record = host.cast::<HostRecord>().map_err(|_| not_a_record(records.len(), &host))?;
            records.push(record.get().0.clone());
        }
        let directory = Directory::new(records).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(HostResolver::found(directory))
    }

    /// A farm to try things on: hosts H1, H2, .. with the ids 1, 2, .., in zones Z1, Z2, .. of consecutive hosts.
    ///
    /// The zones are as even as they can be. The first host of each is Most Preferred, the others have the Default
    /// Preference.
    ///
    /// Raises ValueError for less than 1 host or zone, more than 2**24 hosts, or more zones than hosts.
    #[staticmethod]
    #[pyo3(signature = (hosts=Whole(10_000), zones=Whole(1)), text_signature = "(hosts=10000, zones=1)")]
    fn generate(py: Python<'_>, hosts: Whole, zones: Whole) -> PyResult<HostResolver> {
        let hosts = hosts.within("hosts", 1, HOSTS_MAX)?;
        let zones = zones.within("zones", 1, hosts)?;
        Ok(HostResolver::found(py.detach(|| Directory::generate(hosts as u32, zones as u32))))
    }

    fn __len__(&self) -> usize {
        self.founded.len()
    }

    /// Whether a host has this name.
    fn __contains__(&self, name: &str) -> bool {
        self.founded.by_name(name).is_some()
    }

    /// The host with this name, as by_name.
    fn __getitem__(&self, name: &str) -> PyResult<u32> {
        self.by_name(name)
    }

    fn __repr__(&self) -> String {
        let directory = self.directory();
        format!("<HostResolver of {} hosts in {} zones>", directory.len(), directory.zone_count())
    }

    /// The record of a host. Raises IndexError.
    fn record(&self, host: Whole) -> PyResult<HostRecord> {
        Ok(HostRecord(self.directory().record(self.host(host)?).clone()))
    }

    /// Every record, in the order of the indexes.
    fn records(&self) -> Vec<HostRecord> {
        let directory = self.directory();
        directory.hosts().map(|host| HostRecord(directory.record(host).clone())).collect()
    }

    /// The host with this name. Raises KeyError.
    fn by_name(&self, name: &str) -> PyResult<u32> {
        self.founded.by_name(name).map(|host| host.0).ok_or_else(|| unknown("name", format_args!("{name:?}")))
    }

    /// The hosts with these names.
    #[pyo3(signature = (names: "Iterable[str]", *, default: "int | None" = None) -> "array.array[int]")]
    fn by_names<'py>(&self, py: Python<'py>, names: Names<'py>, default: Option<u32>) -> PyResult<Bound<'py, PyAny>> {
        let mut found = Vec::with_capacity(names.len());
        names.in_parts(|part| self.founded.by_names(part, &mut found))?;
        let mut hosts = Vec::with_capacity(found.len());
        for host in found {
            hosts.push(host.map(|host| host.0).or(default).ok_or_else(|| names.unknown(hosts.len()))?);
        }
        array_of_u32(py, &hosts)
    }

    /// The host with this id. Raises KeyError.
    fn by_id(&self, host_id: Whole) -> PyResult<u32> {
        let host = HostId::new(host_id.number()).and_then(|id| self.founded.by_id(id));
        host.map(|host| host.0).ok_or_else(|| unknown("id", host_id.0))
    }

    /// The hosts with these ids.
    #[pyo3(signature = (host_ids: "Buffer | Iterable[int]", *, default: "int | None" = None) -> "array.array[int]")]
    fn by_ids<'py>(&self, py: Python<'py>, host_ids: Column<'py>, default: Option<u32>) -> PyResult<Bound<'py, PyAny>> {
        let find = |id| HostId::new(id).and_then(|id| self.founded.by_id(id)).map(|host| host.0);
        let found = host_ids.translate(default, find);
        array_of_u32(py, &found.map_err(|position| host_ids.unknown::<PyKeyError>("id", position))?)
    }

    /// The name of a host. Raises IndexError.
    fn name_of(&self, host: Whole) -> PyResult<&str> {
        Ok(&self.founded.record(self.host(host)?).name)
    }

    /// The names of these hosts.
    #[pyo3(signature = (hosts: "Buffer | Iterable[int]") -> "list[str]")]
    fn names_of(&self, hosts: Column<'_>) -> PyResult<Vec<&str>> {
        self.each(&hosts, |host| &*self.founded.record(host).name)
    }

    /// The id of a host. Raises IndexError.
    fn id_of(&self, host: Whole) -> PyResult<u64> {
        Ok(self.founded.id(self.host(host)?).get())
    }

    /// The ids of these hosts.
    #[pyo3(signature = (hosts: "Buffer | Iterable[int]") -> "array.array[int]")]
    fn ids_of<'py>(&self, py: Python<'py>, hosts: Column<'py>) -> PyResult<Bound<'py, PyAny>> {
        array_of_u64(py, &self.each(&hosts, |host| self.founded.id(host).get())?)
    }

    /// The zone a host is in. Raises IndexError.
    fn zone_of(&self, host: Whole) -> PyResult<u32> {
        let host = self.host(host)?;
        Ok(self.now().directory.zone(host).0)
    }

    /// The zones these hosts are in.
    #[pyo3(signature = (hosts: "Buffer | Iterable[int]") -> "array.array[int]")]
    fn zones_of<'py>(&self, py: Python<'py>, hosts: Column<'py>) -> PyResult<Bound<'py, PyAny>> {
        let directory = self.directory();
        array_of_u32(py, &self.each(&hosts, |host| directory.zone(host).0)?)
    }

    /// Moves a host to the zone of this name, which is made if there is none. Zones keep their index, empty ones too.
    ///
    /// Raises IndexError, or ValueError for a name that no zone can have; nothing has changed then. A farm that was
    /// opened with this resolver before keeps the zones it was opened with.
    fn set_zone(&self, host: Whole, zone: &str) -> PyResult<()> {
        let host = self.host(host)?;
        let moved = Arc::make_mut(&mut self.now().directory).set_zone(host, zone);
        moved.map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// The names of the zones, in the order of their indexes.
    fn zones(&self) -> Vec<String> {
        let directory = self.directory();
        (0..directory.zone_count() as u32).map(|zone| directory.zone_name(ZoneIndex(zone)).to_string()).collect()
    }

    /// The name of a zone. Raises IndexError.
    fn zone_name(&self, zone: Whole) -> PyResult<String> {
        let directory = self.directory();
        Ok(directory.zone_name(zone_index(&directory, zone)?).to_string())
    }

    /// The zone of this name. Raises KeyError.
    fn zone_by_name(&self, name: &str) -> PyResult<u32> {
        let zone = self.directory().zone_by_name(name);
        zone.map(|zone| zone.0).ok_or_else(|| unknown("zone", format_args!("{name:?}")))
    }

    /// The hosts of a zone, lowest rank first. Raises IndexError.
    #[pyo3(signature = (zone: "int") -> "array.array[int]")]
    fn zone_hosts<'py>(&self, py: Python<'py>, zone: Whole) -> PyResult<Bound<'py, PyAny>> {
        let directory = self.directory();
        let hosts = directory.zone_hosts(zone_index(&directory, zone)?);
        array_of_u32(py, &hosts.iter().map(|host| host.0).collect::<Vec<_>>())
    }

    /// The handle of the binding to a host, which is made if there is none. Raises IndexError.
    ///
    /// A handle is a number of 64 bits, never 0, and means nobody once its binding has ended.
    fn bind(&self, host: Whole) -> PyResult<u64> {
        let host = self.host(host)?;
        Ok(self.now().bindings.bind(host).get())
    }

    /// As bind, for each of these hosts. When one is unknown, none is bound.
    #[pyo3(signature = (hosts: "Buffer | Iterable[int]") -> "array.array[int]")]
    fn bind_many<'py>(&self, py: Python<'py>, hosts: Column<'py>) -> PyResult<Bound<'py, PyAny>> {
        let hosts = self.each(&hosts, |host| host)?;
        let bind = |now: &mut Now| hosts.iter().map(|&host| now.bindings.bind(host).get()).collect::<Vec<_>>();
        let bindings = bind(&mut self.now());
        array_of_u64(py, &bindings)
    }

    /// Ends the binding with this handle; returns the host at its other end. Raises KeyError.
    fn unbind(&self, binding: Whole) -> PyResult<u32> {
        let host = self.now().bindings.unbind(binding.number());
        host.map(|host| host.0).ok_or_else(|| unknown("binding", binding.0))
    }

    /// How many hosts have a binding.
    #[getter]
    fn bound(&self) -> usize {
        self.now().bindings.len()
    }

    /// The host at the other end of the binding with this handle. Raises KeyError.
    fn host_of(&self, binding: Whole) -> PyResult<u32> {
        let host = self.now().bindings.host_of(binding.number());
        host.map(|host| host.0).ok_or_else(|| unknown("binding", binding.0))
    }

    /// The hosts at the other ends of the bindings with these handles.
    #[pyo3(signature = (bindings: "Buffer | Iterable[int]", *, default: "int | None" = None) -> "array.array[int]")]
    fn hosts_of<'py>(
        &self,
        py: Python<'py>,
        bindings: Column<'py>,
        default: Option<u32>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let find = |now: &Now| bindings.translate(default, |binding| now.bindings.host_of(binding).map(|host| host.0));
        let found = find(&self.now());
        array_of_u32(py, &found.map_err(|position| bindings.unknown::<PyKeyError>("binding", position))?)
    }

    /// The handle of the binding to a host. Raises IndexError, or KeyError for a host without a binding.
    fn binding_of(&self, host: Whole) -> PyResult<u64> {
        let host = self.host(host)?;
        let binding = self.now().bindings.binding_of(host);
        binding.map(|binding| binding.get()).ok_or_else(|| unbound(host))
    }

    /// The handles of the bindings to these hosts.
    #[pyo3(signature = (hosts: "Buffer | Iterable[int]", *, default: "int | None" = None) -> "array.array[int]")]
    fn bindings_of<'py>(
        &self,
        py: Python<'py>,
        hosts: Column<'py>,
        default: Option<u64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let known = self.each(&hosts, |host| host)?;
        let find = |now: &Now| {
            let mut found = Vec::with_capacity(known.len());
            for &host in &known {
                found.push(now.bindings.binding_of(host).map(|binding| binding.get()).or(default).ok_or(host)?);
            }
            Ok(found)
        };
        let found: Result<Vec<u64>, HostIndex> = find(&self.now());
        array_of_u64(py, &found.map_err(unbound)?)
    }
}

fn unbound(host: HostIndex) -> PyErr {
    PyKeyError::new_err(format!("host {} has no binding", host.0))
}

fn zone_index(directory: &Directory, zone: Whole) -> PyResult<ZoneIndex> {
    index(zone.number(), directory.zone_count()).map(ZoneIndex).ok_or_else(|| no_index("zone", zone))
}

fn not_a_record(position: usize, host: &Bound<'_, PyAny>) -> PyErr {
    match host.get_type().name() {
        Ok(kind) => PyTypeError::new_err(format!("hosts[{position}]: a HostRecord is wanted, not {kind}")),
        Err(error) => error,
    }
}
