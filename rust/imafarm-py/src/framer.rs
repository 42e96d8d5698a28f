//! `imafarm.Framer` and `imafarm.SealedFramer`: messages as tuples, to frames and from them.

mod sealed;
mod tuples;

use imafarm_proto::message::{Kind, Message};
use imafarm_proto::transport::codec::field_names;
use imafarm_proto::transport::{self, Limits};
use pyo3::buffer::PyBuffer;
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use tuples::{Fields, Tuples};

pub use sealed::PySealedFramer;

create_exception!(
    imafarm,
    FrameError,
    PyValueError,
    "The bytes are no frames. The framer that met them reads no more; the binding they came from has to close.

Attributes:
    offset (int): the byte of the stream at which the trouble begins, counted from 0.
    part (str): the part of the frame that is wrong: magic, version, kind, seal, length, checksum, body or end.
    messages (list[tuple[Any, ...]]): the messages that came whole before it, in the call that met it."
);

/// Messages out of a stream of bytes, whatever the cuts in which they arrive, and into one.
///
/// A message is a tuple: its kind as IMA Information writes it, then its fields. ``docs/wire.md`` lists both.
///
///     >>> from imafarm import Framer
///     >>> frame = Framer.encode("DECLARE_MASTER", 8022, 60_000)
///     >>> framer = Framer()
///     >>> framer.feed(frame[:9])
///     []
///     >>> framer.feed(frame[9:])
///     [('DECLARE_MASTER', 8022, 60000)]
///
/// One framer reads one direction of one stream. It holds no more than one frame that is not whole, and grows only with
/// bytes that arrived. Encoding needs no framer: ``encode``, ``encode_many`` and ``encoded_len`` are static.
#[pyclass(module = "imafarm", name = "Framer")]
pub struct PyFramer {
    framer: transport::Framer,
}

#[pymethods]
impl PyFramer {
    /// A framer at the beginning of a stream.
    ///
    /// Args:
    ///     max_body_bytes: the longest body taken, 64 to 16,777,216 bytes. The default is 65,536: CTX114843 lets changes
    ///         of less than 64 KB travel from host to host.
    ///
    /// Raises:
    ///     ValueError: ``max_body_bytes`` is out of range.
    #[new]
    #[pyo3(signature = (*, max_body_bytes = 65_536))]
    fn new(max_body_bytes: i64) -> PyResult<PyFramer> {
        Ok(PyFramer { framer: transport::Framer::new(limits(max_body_bytes)?) })
    }

    /// The messages that ``data`` completes, in order; bytes of a frame that is not whole are kept.
    ///
    /// Args:
    ///     data: the bytes that arrived, cut anywhere. ``bytes`` are read where they lie, other buffers are copied.
    ///
    /// Raises:
    ///     FrameError: these bytes, or earlier ones, are no frames. It carries the messages that came before.
    #[pyo3(signature = (data: "Buffer", /) -> "list[tuple[Any, ...]]")]
    fn feed<'py>(&mut self, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        feed(data, |bytes| self.framer.pull(bytes))
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

    /// The bytes of whole frames read so far: where in the stream the next frame begins.
    #[getter]
    fn offset(&self) -> u64 {
        self.framer.offset()
    }

    /// The bytes kept of a frame of which the rest has not arrived.
    #[getter]
    fn kept_bytes(&self) -> usize {
        self.framer.kept_bytes()
    }

    /// The frame of one message.
    ///
    ///     >>> Framer.encode("ELECT_MASTER", 1).hex(" ", -4)
    ///     '494d4146 01100000 00000002 0e15de7c 9101'
    ///
    /// Raises:
    ///     ValueError: no message has this kind, or a field is out of range.
    ///     TypeError: there are too many or too few fields, or one is of another type.
    #[staticmethod]
    #[pyo3(signature = (kind, /, *fields: "int | bool | None"))]
    fn encode<'py>(kind: &Bound<'py, PyString>, fields: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyBytes>> {
        let message = Fields::of_call(kind, fields)?;
        let mut frame = Vec::with_capacity(message.encoded_len() as usize);
        message.encode(&mut frame);
        Ok(PyBytes::new(kind.py(), &frame))
    }

    /// The frames of many messages, one after the other. ``framer.feed(Framer.encode_many(m)) == m``.
    ///
    /// Args:
    ///     messages: tuples of a kind and its fields.
    ///
    /// Raises:
    ///     ValueError, TypeError: as ``encode``; the message is named by its position, counted from 0.
    #[staticmethod]
    #[pyo3(signature = (messages: "Iterable[tuple[Any, ...]]", /))]
    fn encode_many<'py>(messages: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let mut frames = Vec::new();
        for (position, message) in messages.try_iter()?.enumerate() {
            Fields::of_tuple(&message?, position)?.encode(&mut frames);
        }
        Ok(PyBytes::new(messages.py(), &frames))
    }

    /// The length in bytes of the frame of a message, header included, without encoding it.
    ///
    /// Raises:
    ///     ValueError, TypeError: as ``encode``.
    #[staticmethod]
    #[pyo3(signature = (kind, /, *fields: "int | bool | None"))]
    fn encoded_len(kind: &Bound<'_, PyString>, fields: &Bound<'_, PyTuple>) -> PyResult<u32> {
        Ok(Fields::of_call(kind, fields)?.encoded_len())
    }

    /// Every kind: its number on the wire and the names of its fields, by its name.
    #[staticmethod]
    #[pyo3(signature = () -> "dict[str, tuple[int, tuple[str, ...]]]")]
    fn kinds(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
        let kinds = PyDict::new(py);
        for kind in Kind::ALL {
            kinds.set_item(kind.name(), (kind.number(), PyTuple::new(py, field_names(kind))?))?;
        }
        Ok(kinds)
    }

    fn __repr__(&self) -> String {
        format!("<Framer at byte {}, {} bytes kept>", self.framer.offset(), self.framer.kept_bytes())
    }
}

/// What a framer takes, if that is in range.
fn limits(max_body_bytes: i64) -> PyResult<Limits> {
    u32::try_from(max_body_bytes).ok().and_then(Limits::new).ok_or_else(|| {
        let (least, most) = (Limits::LEAST_BODY_BYTES, Limits::MOST_BODY_BYTES);
        PyValueError::new_err(format!("max_body_bytes: {max_body_bytes} is out of range, {least} to {most} bytes"))
    })
}

/// The messages that come out of a buffer of Python's.
fn feed<'py>(
    data: &Bound<'py, PyAny>,
    pull: impl FnMut(&mut &[u8]) -> Result<Option<Message>, transport::FrameError>,
) -> PyResult<Bound<'py, PyList>> {
    let py = data.py();
    match data.cast::<PyBytes>() {
        Ok(bytes) => pull_all(py, bytes.as_bytes(), pull),
        Err(_) => pull_all(py, &PyBuffer::<u8>::get(data)?.to_vec(py)?, pull),
    }
}

fn pull_all<'py>(
    py: Python<'py>,
    mut bytes: &[u8],
    mut pull: impl FnMut(&mut &[u8]) -> Result<Option<Message>, transport::FrameError>,
) -> PyResult<Bound<'py, PyList>> {
    let mut tuples = Tuples::new(py);
    let mut messages = Vec::new();
    loop {
        match pull(&mut bytes) {
            Ok(Some(message)) => messages.push(tuples.of(message)?),
            Ok(None) => return PyList::new(py, messages),
            Err(error) => return Err(frame_error(py, error, PyList::new(py, messages)?)?),
        }
    }
}

fn finish(py: Python<'_>, framer: &mut transport::Framer) -> PyResult<()> {
    framer.finish().or_else(|error| Err(frame_error(py, error, PyList::empty(py))?))
}

/// The Python exception of a stream that is none of frames.
#[cold]
fn frame_error(py: Python<'_>, error: transport::FrameError, messages: Bound<'_, PyList>) -> PyResult<PyErr> {
    let exception = FrameError::new_err(error.to_string());
    let value = exception.value(py);
    value.setattr(intern!(py, "offset"), error.offset)?;
    value.setattr(intern!(py, "part"), error.fault.part())?;
    value.setattr(intern!(py, "messages"), messages)?;
    Ok(exception)
}
