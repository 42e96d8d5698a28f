//! `imafarm.settings`, `imafarm.check_setting`

use imafarm_proto::settings::{SETTINGS, SettingSpec, Settings};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::columns::Whole;

/// Every setting, as a dict with the keys name, unit, default, min, max, source and meaning.
///
/// The names are the registry's own where it has one. Where name and default are ours, source is "our guess".
#[pyfunction]
#[pyo3(signature = () -> "list[dict[str, Any]]")]
pub fn settings(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    SETTINGS.iter().map(|spec| described(py, spec)).collect()
}

fn described<'py>(py: Python<'py>, spec: &SettingSpec) -> PyResult<Bound<'py, PyDict>> {
    let row = PyDict::new(py);
    row.set_item("name", spec.name)?;
    row.set_item("unit", spec.unit)?;
    row.set_item("default", spec.default)?;
    row.set_item("min", spec.min)?;
    row.set_item("max", spec.max)?;
    row.set_item("source", spec.source)?;
    row.set_item("meaning", spec.meaning)?;
    Ok(row)
}

/// Checks that a host can have this setting; returns the name as the registry writes it, since case does not matter.
///
/// value: in the setting's own unit
///
/// Raises ValueError for a name that no setting has, offering the nearest, and for a value out of range.
#[pyfunction]
#[pyo3(signature = (name, value))]
pub fn check_setting(name: &str, value: Whole) -> PyResult<&'static str> {
    let refused = |error| PyValueError::new_err(format!("{error}"));
    Settings::default().set(name, value.0).map_err(refused)?;
    SettingSpec::find(name).map(|spec| spec.name).map_err(refused)
}
