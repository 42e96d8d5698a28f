//! What was recorded at tapped hosts, for Python.

use imafarm_emulator::farm::Farm;
use imafarm_emulator::tap::{Packet, Taped};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::columns::{array_of_i64, array_of_u32, array_of_u64};

/// What says that a packet is no message.
const NO_KIND: u8 = u8::MAX;

/// What was recorded.
///
/// Errors: ValueError if no host is tapped.
pub fn taped(farm: &mut Farm) -> PyResult<&Taped> {
    farm.taped().ok_or_else(|| PyValueError::new_err("tap: no host is tapped"))
}

/// What was recorded, column by column.
pub fn columns<'py>(py: Python<'py>, taped: &Taped) -> PyResult<Bound<'py, PyDict>> {
    let packets = taped.packets();
    let numbers = |each: fn(&Packet) -> u32| array_of_u32(py, &packets.iter().map(each).collect::<Vec<u32>>());
    let times: Vec<i64> = packets.iter().map(|packet| packet.time.0 as i64).collect();
    let lengths: Vec<i64> = packets.iter().map(|packet| packet.bytes.into()).collect();
    let connections: Vec<u64> = packets.iter().map(|packet| packet.connection.into()).collect();
    let columns = PyDict::new(py);
    columns.set_item("time_ns", array_of_i64(py, &times)?)?;
    columns.set_item("what", numbers(|packet| packet.act as u32)?)?;
    columns.set_item("source", numbers(|packet| packet.source)?)?;
    columns.set_item("target", numbers(|packet| packet.target)?)?;
    columns.set_item("connection", array_of_u64(py, &connections)?)?;
    columns.set_item("kind", numbers(|packet| packet.kind.map_or(NO_KIND.into(), |kind| kind.index() as u32))?)?;
    columns.set_item("bytes", array_of_i64(py, &lengths)?)?;
    columns.set_item("messages", PyBytes::new(py, taped.all_bytes()))?;
    Ok(columns)
}
