//! `imafarm.HostRecord`

use imafarm_proto::host_record::{self as proto, HostId};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::columns::Whole;
use crate::rank::{self, Rank};

/// All that the farm knows of one host (IMA Information, HOST_RECORD). It never changes, and is equal by value.
///
/// name: the definitive name; Unicode, 1 to 255 bytes of UTF-8, no control characters
/// zone: the name of its zone, written as a name is
/// host_id: the number that names the host, 1 to 2**48 - 1
/// ima_port: the port between servers, 1 to 65535
/// admin_port: the Management Console's port, 1 to 65535
/// version: what an election compares first, 0 to 255
/// preference: what it compares second, 1 (Most Preferred) to 4 (Not Preferred)
/// session_only: whether it serves sessions and nothing else: it has no Management Console's port, and ranks below every
///     other server, since it never stands in an election; admin_port, version and preference count for nothing then
///
/// Raises ValueError or TypeError, naming the field.
#[pyclass(frozen, eq, hash, module = "imafarm")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HostRecord(pub proto::HostRecord);

#[pymethods]
impl HostRecord {
    #[new]
    #[pyo3(
        signature = (name, zone, host_id, ima_port=Whole(2512), admin_port=Whole(2513), version=Whole(1),
                     preference=Whole(3), session_only=false),
        text_signature = "(name, zone, host_id, ima_port=2512, admin_port=2513, version=1, preference=3, \
                          session_only=False)"
    )]
    #[expect(clippy::too_many_arguments, reason = "the fields of a record, most with a default")]
    fn new(
        name: &str,
        zone: &str,
        host_id: Whole,
        ima_port: Whole,
        admin_port: Whole,
        version: Whole,
        preference: Whole,
        session_only: bool,
    ) -> PyResult<HostRecord> {
        let port = |key, port: Whole| Ok::<_, PyErr>(port.within(key, 1, u16::MAX.into())? as u16);
        let record = proto::HostRecord {
            name: name.into(),
            zone: zone.into(),
            ima_port: port("ima_port", ima_port)?,
            admin_port: port("admin_port", admin_port)?,
            host_id: rank::host_id(host_id)?,
            version: rank::version(version)?,
            preference: rank::preference(preference)?,
            session_only,
        };
        record.check().map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(HostRecord(record))
    }

    /// The definitive name.
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    /// The name of the zone.
    #[getter]
    fn zone(&self) -> &str {
        &self.0.zone
    }

    /// The number that names the host.
    #[getter]
    fn host_id(&self) -> u64 {
        self.0.host_id.get()
    }

    /// The port between servers.
    #[getter]
    fn ima_port(&self) -> u16 {
        self.0.ima_port
    }

    /// The Management Console's port.
    #[getter]
    fn admin_port(&self) -> u16 {
        self.0.admin_port
    }

    /// The product version as elections see it.
    #[getter]
    fn version(&self) -> u8 {
        self.0.version
    }

    /// The administrator's ranking, 1 (Most Preferred) to 4 (Not Preferred).
    #[getter]
    fn preference(&self) -> u8 {
        self.0.preference.number()
    }

    /// Whether it serves sessions and nothing else.
    #[getter]
    fn session_only(&self) -> bool {
        self.0.session_only
    }

    /// The host's rank.
    #[getter]
    fn rank(&self) -> Rank {
        Rank(self.0.rank())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let proto::HostRecord { name, zone, ima_port, admin_port, host_id, version, preference, session_only } =
            &self.0;
        let (name, zone) = (PyString::new(py, name).repr()?, PyString::new(py, zone).repr()?);
        let mode = if *session_only { ", session_only=True" } else { "" };
        Ok(format!(
            "HostRecord(name={name}, zone={zone}, host_id={host_id}, ima_port={ima_port}, admin_port={admin_port}, \
             version={version}, preference={}{mode})",
            preference.number()
        ))
    }

    /// What the constructor takes, so that records can be copied and pickled.
    fn __getnewargs__(&self) -> (&str, &str, u64, u16, u16, u8, u8, bool) {
        let proto::HostRecord { name, zone, ima_port, admin_port, host_id, version, preference, session_only } =
            &self.0;
        (name, zone, HostId::get(*host_id), *ima_port, *admin_port, *version, preference.number(), *session_only)
    }
}
