//! `imafarm.SealedFramer`: one side of a binding in a farm with a key.

use std::sync::Arc;

use imafarm_proto::transport::{self, Seals, Side};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use crate::framer::{Fields, feed, finish, limits};
use crate::keys::{bytes_of, keyring};

/// One side of a binding in a farm with a key: frames with their seals, out of one direction and into the other.
///
/// The acceptor says BIND_REQUEST, the opener answers with BIND_RESPONSE; from then on either may send any other kind.
/// ``docs/wire.md``, "With a key", has every byte, so that others can speak it.
///
///     >>> import os
///     >>> from imafarm import SealedFramer
///     >>> key = os.urandom(32)
///     >>> acceptor = SealedFramer([key], "acceptor", os.urandom(32))
///     >>> opener = SealedFramer([key], "opener", os.urandom(32))
///     >>> opener.feed(acceptor.encode("BIND_REQUEST", 0x1A4A, 8022))
///     [('BIND_REQUEST', 6730, 8022)]
///     >>> acceptor.feed(opener.encode("BIND_RESPONSE", 0x1A4A, 7))
///     [('BIND_RESPONSE', 6730, 7)]
///     >>> opener.feed(acceptor.encode("BIND_COMMIT"))
///     [('BIND_COMMIT',)]
///
/// A frame that was forged, altered, left out, repeated, moved or sent back is a ``FrameError`` whose ``part`` is
/// ``seal``. Messages are not hidden: they go in the clear.
#[pyclass(module = "imafarm", name = "SealedFramer")]
pub struct PySealedFramer {
    framer: transport::Framer,
    seals: Seals,
}

#[pymethods]
impl PySealedFramer {
    /// One side of a binding of which nothing has passed yet.
    ///
    /// Args:
    ///     keys: the farm's key of 32 bytes, and perhaps a second one while it is being changed. An acceptor speaks the
    ///         first; an opener answers under either.
    ///     side: ``"opener"`` for the side that has connected, ``"acceptor"`` for the one that was called.
    ///     nonce: 32 bytes of the system's randomness (``os.urandom``), never used before.
    ///     max_body_bytes: the longest body taken, as ``Framer``.
    ///
    /// Raises:
    ///     ValueError: there is no key, or more than two; one, or the nonce, has another length; there is no such side;
    ///         ``max_body_bytes`` is out of range.
    #[new]
    #[pyo3(signature = (keys: "Sequence[bytes]", side, nonce: "bytes", *, max_body_bytes = 65_536))]
    fn new(keys: Vec<Vec<u8>>, side: &str, nonce: Vec<u8>, max_body_bytes: i64) -> PyResult<PySealedFramer> {
        let Some(keyring) = keyring(&keys)? else {
            return Err(PyValueError::new_err("keys: one is due, or two while the farm's key is being changed"));
        };
        let side = match side {
            "opener" => Side::Opener,
            "acceptor" => Side::Acceptor,
            _ => return Err(PyValueError::new_err(format!("side: {side:?} is neither opener nor acceptor"))),
        };
        let seals = Seals::new(Arc::new(keyring), side, bytes_of("nonce", &nonce)?);
        Ok(PySealedFramer { framer: transport::Framer::new(limits(max_body_bytes)?), seals })
    }

    /// The frame of one message and its seal: the next that this side sends. Each has to be sent, once, in this order.
    ///
    /// Raises:
    ///     ValueError: the kind is out of turn on this side of the binding; no message has this kind, or a field is out
    ///         of range.
    ///     TypeError: there are too many or too few fields, or one is of another type.
    #[pyo3(signature = (kind, /, *fields: "int | bool | None"))]
    fn encode<'py>(
        &mut self,
        kind: &Bound<'py, PyString>,
        fields: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let message = Fields::of_call(kind, fields)?;
        let mut frame = Vec::with_capacity(message.sealed_len() as usize);
        let sealed = message.encode_sealed(&mut frame, &mut self.seals);
        sealed.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(PyBytes::new(kind.py(), &frame))
    }

    /// The messages that ``data`` completes, in order; bytes of a frame that is not whole are kept.
    ///
    /// Args:
    ///     data: the bytes that arrived, cut anywhere. ``bytes`` are read where they lie, other buffers are copied.
    ///
    /// Raises:
    ///     FrameError: these bytes, or earlier ones, are no frames of this binding. It carries the messages that came
    ///         before.
    #[pyo3(signature = (data: "Buffer", /) -> "list[tuple[Any, ...]]")]
    fn feed<'py>(&mut self, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        feed(data, |bytes| self.framer.pull_sealed(bytes, &mut self.seals))
    }

    /// The stream has ended.
    ///
    /// Raises:
    ///     FrameError: it ended within a frame, or had failed before.
    fn finish(&mut self, py: Python<'_>) -> PyResult<()> {
        finish(py, &mut self.framer)
    }

    /// The longest body taken, in bytes.
    #[getter]
    fn max_body_bytes(&self) -> u32 {
        self.framer.limits().max_body_bytes()
    }

    /// The bytes of whole frames read so far, seals included: where in the stream the next frame begins.
    #[getter]
    fn offset(&self) -> u64 {
        self.framer.offset()
    }

    /// The bytes kept of a frame of which the rest has not arrived.
    #[getter]
    fn kept_bytes(&self) -> usize {
        self.framer.kept_bytes()
    }

    fn __repr__(&self) -> String {
        format!("<SealedFramer at byte {}, {} bytes kept>", self.framer.offset(), self.framer.kept_bytes())
    }
}
