//! `imafarm.Rank`, `imafarm.rank_hosts`, `imafarm.rank_columns`

use imafarm_proto::host_record::{self as proto, HostId, Preference, highest_first};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::columns::{Column, Whole, array_of_u32};
use crate::host_record::HostRecord;
use crate::host_resolver::HostResolver;

/// What an election compares: version, then preference, then host id (IMA Information, "What server is the boss").
///
/// Ranks compare as elections do: the greater one wins.
///
/// version: 0 to 255, the higher the better
/// preference: 1 (Most Preferred) to 4 (Not Preferred), the lower the better
/// host_id: 1 to 2**48 - 1, the higher the better
/// session_only: the rank of a session-host-only server, below every other, whose version and preference do not count
///
/// Raises ValueError or TypeError, naming the field.
#[pyclass(frozen, eq, ord, hash, module = "imafarm")]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank(pub proto::Rank);

#[pymethods]
impl Rank {
    #[new]
    #[pyo3(signature = (version, preference, host_id, session_only = false))]
    fn new(version: Whole, preference: Whole, host_id: Whole, session_only: bool) -> PyResult<Rank> {
        let (version, preference) = (self::version(version)?, self::preference(preference)?);
        let host_id = self::host_id(host_id)?;
        Ok(Rank(match session_only {
            true => proto::Rank::session_only(host_id),
            false => proto::Rank::new(version, preference, host_id),
        }))
    }

    /// The version, compared first; 0 for a session-host-only server.
    #[getter]
    fn version(&self) -> u8 {
        self.0.version()
    }

    /// The preference, compared second; 4 for a session-host-only server, which has none.
    #[getter]
    fn preference(&self) -> u8 {
        self.0.preference_number()
    }

    /// The host id, which breaks ties.
    #[getter]
    fn host_id(&self) -> u64 {
        self.0.host_id()
    }

    /// Whether a host of this rank never stands in an election.
    #[getter]
    fn session_only(&self) -> bool {
        !self.0.stands()
    }

    /// The rank as one number of 64 bits, for a sort key: it compares as ranks do.
    #[getter]
    fn key(&self) -> u64 {
        self.0.key()
    }

    /// Whether this host may take the role from a living collector of rank `incumbent`.
    ///
    /// The one in office stays, unless its version or preference is lower; a host id alone unseats nobody (IMA
    /// Information, last answer).
    fn unseats(&self, incumbent: &Rank) -> bool {
        self.0.unseats(incumbent.0)
    }

    fn __repr__(&self) -> String {
        let mode = if self.session_only() { ", session_only=True" } else { "" };
        let (version, preference, host_id) = (self.version(), self.preference(), self.host_id());
        format!("Rank(version={version}, preference={preference}, host_id={host_id}{mode})")
    }

    /// What the constructor takes, so that ranks can be copied and pickled.
    fn __getnewargs__(&self) -> (u8, u8, u64, bool) {
        (self.version(), self.preference(), self.host_id(), self.session_only())
    }
}

const VERSION_MAX: u64 = u8::MAX as u64;
const WORST_PREFERENCE: u64 = Preference::NotPreferred.number() as u64;

/// The version, if it is one; else ValueError.
pub fn version(version: Whole) -> PyResult<u8> {
    Ok(version.within("version", 0, VERSION_MAX)? as u8)
}

/// The preference, if it is one; else ValueError.
pub fn preference(preference: Whole) -> PyResult<Preference> {
    Ok(checked_preference(preference.within("preference", 1, WORST_PREFERENCE)?))
}

/// The host id, if it is one; else ValueError.
pub fn host_id(host_id: Whole) -> PyResult<HostId> {
    Ok(checked_id(host_id.within("host_id", 1, HostId::MAX)?))
}

fn checked_preference(number: u64) -> Preference {
    Preference::from_number(number as u8).expect("its range was checked")
}

fn checked_id(number: u64) -> HostId {
    HostId::new(number).expect("its range was checked")
}

/// The positions of `hosts` in the order in which an election prefers them, highest rank first.
///
/// hosts: a HostResolver, or an iterable of HostRecord or Rank
///
/// Returns an array of type code 'I'. Hosts of equal rank keep their order. Raises TypeError, naming the position of
/// what has no rank.
#[pyfunction]
#[pyo3(signature = (hosts: "HostResolver | Iterable[HostRecord] | Iterable[Rank]", /) -> "array.array[int]")]
pub fn rank_hosts<'py>(hosts: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if let Ok(resolver) = hosts.cast::<HostResolver>() {
        return ordered(hosts.py(), resolver.get().directory().ranks());
    }
    let mut ranks = Vec::with_capacity(hosts.len().unwrap_or(0));
    for host in hosts.try_iter()? {
        ranks.push(rank_of(&host?, ranks.len())?);
    }
    ordered(hosts.py(), &ranks)
}

fn rank_of(host: &Bound<'_, PyAny>, position: usize) -> PyResult<proto::Rank> {
    if let Ok(record) = host.cast::<HostRecord>() {
        return Ok(record.get().0.rank());
    }
    match host.cast::<Rank>() {
        Ok(rank) => Ok(rank.get().0),
        Err(_) => {
            let kind = host.get_type().name()?;
            Err(PyTypeError::new_err(format!("hosts[{position}]: a HostRecord or a Rank is wanted, not {kind}")))
        }
    }
}

/// As rank_hosts, for hosts that stand in columns: buffers of integers (`array.array`, NumPy), lists or iterables.
///
/// host_ids: 1 to 2**48 - 1
/// versions: 0 to 255 for each host, or one for all
/// preferences: 1 (Most Preferred) to 4 (Not Preferred) for each host, or one for all
///
/// Returns an array of type code 'I'. Raises ValueError, naming column and position, for a value out of range or
/// columns of different lengths.
#[pyfunction]
#[pyo3(
    signature = (
        host_ids: "Buffer | Iterable[int]",
        versions: "int | Buffer | Iterable[int]" = PerHost::All(Whole(1)),
        preferences: "int | Buffer | Iterable[int]" = PerHost::All(Whole(3)),
    ) -> "array.array[int]",
    text_signature = "(host_ids, versions=1, preferences=3)"
)]
pub fn rank_columns<'py>(
    py: Python<'py>,
    host_ids: Column<'py>,
    versions: PerHost<'py>,
    preferences: PerHost<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let hosts = host_ids.numbers.len();
    let versions = versions.bounded("versions", hosts, 0, VERSION_MAX)?;
    let preferences = preferences.bounded("preferences", hosts, 1, WORST_PREFERENCE)?;
    let rank = |host| {
        let id = host_ids.within("host_ids", host, 1, HostId::MAX)?;
        let preference = checked_preference(preferences.of(host)?);
        Ok(proto::Rank::new(versions.of(host)? as u8, preference, checked_id(id)))
    };
    ordered(py, &(0..hosts).map(rank).collect::<PyResult<Vec<_>>>()?)
}

/// One number for all hosts, or a column with one for each.
#[derive(FromPyObject)]
pub enum PerHost<'py> {
    /// The same for all.
    All(Whole),
    /// One for each.
    Each(Column<'py>),
}

/// A [`PerHost`] of the right length, with its name and bounds.
struct Bounded<'py> {
    key: &'static str,
    min: u64,
    max: u64,
    values: PerHost<'py>,
}

impl<'py> PerHost<'py> {
    /// Errors: ValueError, naming `key`, for a column that has not one value for each of `hosts`.
    fn bounded(self, key: &'static str, hosts: usize, min: u64, max: u64) -> PyResult<Bounded<'py>> {
        match &self {
            PerHost::Each(column) if column.numbers.len() != hosts => {
                let values = column.numbers.len();
                Err(PyValueError::new_err(format!("{key}: {values} values for {hosts} hosts")))
            }
            PerHost::Each(_) | PerHost::All(_) => Ok(Bounded { key, min, max, values: self }),
        }
    }
}

impl Bounded<'_> {
    /// The value for a host. Errors: ValueError, naming the key, for one out of bounds.
    fn of(&self, host: usize) -> PyResult<u64> {
        match &self.values {
            PerHost::All(number) => number.within(self.key, self.min, self.max),
            PerHost::Each(column) => column.within(self.key, host, self.min, self.max),
        }
    }
}

fn ordered<'py>(py: Python<'py>, ranks: &[proto::Rank]) -> PyResult<Bound<'py, PyAny>> {
    array_of_u32(py, &py.detach(|| highest_first(ranks)))
}
