//! The Python face of the compiled core: extract, detach, run, wrap. The only crate that knows Python.

mod columns;
mod connection_cache;
mod emulated;
mod framer;
mod host_record;
mod host_resolver;
mod keys;
mod live;
mod observed;
mod rank;
mod settings;
mod sketch;
mod tables;

use pyo3::prelude::*;

/// The compiled core of imafarm.
#[pymodule]
mod _imafarm {
    use imafarm_records::chronicle::class;

    use crate::live;

    #[pymodule_export]
    use crate::connection_cache::ConnectionCache;
    #[pymodule_export]
    use crate::emulated::EmulatedFarm;
    #[pymodule_export]
    use crate::framer::{FrameError, PyFramer, PySealedFramer};
    #[pymodule_export]
    use crate::host_record::HostRecord;
    #[pymodule_export]
    use crate::host_resolver::HostResolver;
    #[pymodule_export]
    use crate::live::LiveFarm;
    #[pymodule_export]
    use crate::observed::ObservedFarm;
    #[pymodule_export]
    use crate::rank::{Rank, rank_columns, rank_hosts};
    #[pymodule_export]
    use crate::settings::{check_setting, settings};
    #[pymodule_export]
    use crate::tables::ArrowTable;

    #[pymodule_export]
    const EVENT_HOST_UP: u32 = class::HOST_UP;
    #[pymodule_export]
    const EVENT_HOST_DOWN: u32 = class::HOST_DOWN;
    #[pymodule_export]
    const EVENT_MASTER_UNREACHABLE: u32 = class::MASTER_UNREACHABLE;
    #[pymodule_export]
    const EVENT_ELECTION_STARTED: u32 = class::ELECTION_STARTED;
    #[pymodule_export]
    const EVENT_MASTER_DECLARED: u32 = class::MASTER_DECLARED;
    #[pymodule_export]
    const EVENT_MASTER_RESIGNED: u32 = class::MASTER_RESIGNED;
    #[pymodule_export]
    const EVENT_ZONE_AGREED: u32 = class::ZONE_AGREED;
    #[pymodule_export]
    const EVENT_BINDING_REFUSED: u32 = class::BINDING_REFUSED;
    #[pymodule_export]
    const EVENT_MASTER_ACCEPTED: u32 = class::MASTER_ACCEPTED;
    #[pymodule_export]
    const EVENT_ELECTION_ACKNOWLEDGED: u32 = class::ELECTION_ACKNOWLEDGED;
    #[pymodule_export]
    const EVENT_MEMBER_LOST: u32 = class::MEMBER_LOST;
    #[pymodule_export]
    const EVENT_PEER_LOST: u32 = class::PEER_LOST;
    #[pymodule_export]
    const EVENT_SESSION_CHANGED: u32 = class::SESSION_CHANGED;
    #[pymodule_export]
    const EVENT_TABLE_CHANGED: u32 = class::TABLE_CHANGED;
    #[pymodule_export]
    const EVENT_RESOLVED: u32 = class::RESOLVED;
    #[pymodule_export]
    const EVENT_HOST_STARTING: u32 = class::HOST_STARTING;
    #[pymodule_export]
    const EVENT_STARTED_FROM_CACHE: u32 = class::STARTED_FROM_CACHE;
    #[pymodule_export]
    const EVENT_START_REFUSED: u32 = class::START_REFUSED;
    #[pymodule_export]
    const EVENT_SERVICE_TIMED_OUT: u32 = class::SERVICE_TIMED_OUT;
    #[pymodule_export]
    const EVENT_STORE_UNREACHABLE: u32 = class::STORE_UNREACHABLE;
    #[pymodule_export]
    const EVENT_CHANGE_MADE: u32 = class::CHANGE_MADE;
    #[pymodule_export]
    const EVENT_CHANGE_REFUSED: u32 = class::CHANGE_REFUSED;
    #[pymodule_export]
    const EVENT_CHANGE_LEARNT: u32 = class::CHANGE_LEARNT;

    #[pymodule_export]
    const ACT_OPEN: u32 = live::OPEN;
    #[pymodule_export]
    const ACT_ACCEPT: u32 = live::ACCEPT;
    #[pymodule_export]
    const ACT_REFUSE: u32 = live::REFUSE;
    #[pymodule_export]
    const ACT_WRITE: u32 = live::WRITE;
    #[pymodule_export]
    const ACT_CLOSE: u32 = live::CLOSE;
    #[pymodule_export]
    const ACT_ABORT: u32 = live::ABORT;
    #[pymodule_export]
    const ACT_BOUND: u32 = live::BOUND;
    #[pymodule_export]
    const ACT_CONSULT: u32 = live::CONSULT;
    #[pymodule_export]
    const ACT_STARTED: u32 = live::STARTED;
    #[pymodule_export]
    const ACT_STOPPED: u32 = live::STOPPED;
    #[pymodule_export]
    const ACT_HEARD: u32 = live::HEARD;
}
