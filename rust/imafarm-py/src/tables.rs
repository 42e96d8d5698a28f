//! `imafarm._imafarm.ArrowTable`: columns that leave for whatever reads Arrow, without a copy.

mod build;
pub mod of_farm;
pub mod of_taps;

use std::sync::Arc;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{ArrowError, SchemaRef};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

/// A table of the engine's, by the Arrow PyCapsule interface. It never changes.
///
/// What lies in full chunks is shared with the engine and with everybody who imports it. Each field's metadata has its `unit`
/// and its `meaning`.
#[pyclass(module = "imafarm._imafarm", frozen)]
pub struct ArrowTable {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

impl ArrowTable {
    /// A table of these batches, each of this schema.
    pub fn new(schema: SchemaRef, batches: Vec<RecordBatch>) -> ArrowTable {
        debug_assert!(batches.iter().all(|batch| batch.schema() == schema));
        ArrowTable { schema, batches }
    }
}

/// What Arrow makes of columns that do not go together, which is a mistake of ours.
fn failed(error: ArrowError) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}

#[pymethods]
impl ArrowTable {
    /// A capsule with the rows, batch by batch. The schema is the table's own, whatever is requested.
    #[pyo3(signature = (requested_schema: "Any" = None) -> "Any")]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        drop(requested_schema);
        let batches = self.batches.clone().into_iter().map(Ok);
        let reader = RecordBatchIterator::new(batches, Arc::clone(&self.schema));
        let stream = FFI_ArrowArrayStream::new(Box::new(reader));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }

    /// A capsule with the schema.
    #[pyo3(signature = () -> "Any")]
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(&*self.schema).map_err(failed)?;
        PyCapsule::new_with_value(py, schema, c"arrow_schema")
    }

    /// How many rows there are.
    fn __len__(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}
