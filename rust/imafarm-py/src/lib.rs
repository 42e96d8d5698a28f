//! The Python face of the compiled core: extract, detach, run, wrap. The only crate that knows Python.

mod columns;
mod connection_cache;
mod framer;
mod host_record;
mod host_resolver;
mod rank;
mod settings;

use pyo3::prelude::*;

/// The compiled core of imafarm.
#[pymodule]
mod _imafarm {
    #[pymodule_export]
    use crate::connection_cache::ConnectionCache;
    #[pymodule_export]
    use crate::framer::{FrameError, PyFramer};
    #[pymodule_export]
    use crate::host_record::HostRecord;
    #[pymodule_export]
    use crate::host_resolver::HostResolver;
    #[pymodule_export]
    use crate::rank::{Rank, rank_columns, rank_hosts};
    #[pymodule_export]
    use crate::settings::{check_setting, settings};
}
