//! What Python says the users of a zone do, checked.

use imafarm_emulator::workload::{Shape, Workload};
use imafarm_proto::host_record::ZoneIndex;
use imafarm_proto::time::Span;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::columns::Whole;
use crate::sketch::items;

/// The most logons in a day that a zone may have, and the longest time of anything, about 36 years.
const MOST_LOGONS: u64 = 1 << 48;
const LONGEST: u64 = 1 << 60;
const MILLION: u64 = 1_000_000;

/// Workloads by zone: a farm of so many zones and applications has them.
pub fn workloads(
    zones: u64,
    applications: u32,
    given: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<(ZoneIndex, Workload)>> {
    let mut workloads = Vec::new();
    for (zone, given) in items("workload", given)? {
        let zone = zone.extract::<Whole>()?.within("workload", 0, zones - 1)? as u32;
        workloads.push((ZoneIndex(zone), workload(&format!("workload[{zone}]"), applications, &given)?));
    }
    Ok(workloads)
}

fn workload(key: &str, applications: u32, given: &Bound<'_, PyAny>) -> PyResult<Workload> {
    let number = |name: &str, most: u64| {
        let place = format!("{key}.{name}");
        let value = given.get_item(name).map_err(|_| PyValueError::new_err(format!("{place}: missing")))?;
        value.extract::<Whole>()?.within(place, 0, most)
    };
    let period = number("period_ns", LONGEST)?;
    let mut points = Vec::new();
    for (at, factor) in given.get_item("shape")?.extract::<Vec<(Whole, Whole)>>()? {
        let place = format!("{key}.shape");
        points.push((at.within(&place, 0, LONGEST)?, factor.within(&place, 0, u32::MAX.into())? as u32));
    }
    let shape = Shape::new(&points, period).ok_or_else(|| {
        PyValueError::new_err(format!("{key}.shape: no point, or points out of order or beyond the period"))
    })?;
    let mut wanted = Vec::new();
    for app in given.get_item("applications")?.extract::<Vec<Whole>>()? {
        let most = u64::from(applications).checked_sub(1);
        let most = most.ok_or_else(|| PyValueError::new_err(format!("{key}.applications: the farm has none")))?;
        wanted.push(app.within(format!("{key}.applications"), 0, most)? as u32);
    }
    if wanted.is_empty() {
        return Err(PyValueError::new_err(format!("{key}.applications: none, and a logon is to one")));
    }
    Ok(Workload {
        logons_per_day: number("logons_per_day", MOST_LOGONS)?,
        session: Span(number("session_ns", LONGEST)?),
        session_least: Span(number("session_least_ns", LONGEST)?),
        disconnect_ppm: number("disconnect_ppm", MILLION)? as u32,
        reconnect_ppm: number("reconnect_ppm", MILLION)? as u32,
        disconnected: Span(number("disconnected_ns", LONGEST)?),
        shape,
        applications: wanted,
    })
}
