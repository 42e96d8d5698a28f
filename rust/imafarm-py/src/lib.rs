//! The Python face of the compiled core: extract, detach, run, wrap. The only crate that knows Python.

mod framer;

use pyo3::prelude::*;

/// The compiled core of imafarm.
#[pymodule]
mod _imafarm {
    #[pymodule_export]
    use crate::framer::{FrameError, PyFramer};
}
