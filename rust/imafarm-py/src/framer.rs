//! `imafarm.Framer`: messages as tuples, to frames and from them.

use std::convert::Infallible;

use imafarm_proto::message::{Kind, Message};
use imafarm_proto::transport::codec::field_names;
use imafarm_proto::transport::field::{FieldSink, FieldSource};
use imafarm_proto::transport::{self, Limits};
use pyo3::buffer::PyBuffer;
use pyo3::create_exception;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyInt, PyList, PyString, PyTuple};

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
        let limits = u32::try_from(max_body_bytes).ok().and_then(Limits::new).ok_or_else(|| {
            let (least, most) = (Limits::LEAST_BODY_BYTES, Limits::MOST_BODY_BYTES);
            PyValueError::new_err(format!("max_body_bytes: {max_body_bytes} is out of range, {least} to {most} bytes"))
        })?;
        Ok(PyFramer { framer: transport::Framer::new(limits) })
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
        let py = data.py();
        match data.cast::<PyBytes>() {
            Ok(bytes) => self.pull_all(py, bytes.as_bytes()),
            Err(_) => self.pull_all(py, &PyBuffer::<u8>::get(data)?.to_vec(py)?),
        }
    }

    /// The stream has ended.
    ///
    /// Raises:
    ///     FrameError: it ended within a frame, or had failed before.
    fn finish(&mut self, py: Python<'_>) -> PyResult<()> {
        self.framer.finish().or_else(|error| Err(frame_error(py, error, PyList::empty(py))?))
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

impl PyFramer {
    fn pull_all<'py>(&mut self, py: Python<'py>, mut bytes: &[u8]) -> PyResult<Bound<'py, PyList>> {
        let mut tuples = Tuples::new(py);
        let mut messages = Vec::new();
        loop {
            match self.framer.pull(&mut bytes) {
                Ok(Some(message)) => messages.push(tuples.of(message)?),
                Ok(None) => return PyList::new(py, messages),
                Err(error) => return Err(frame_error(py, error, PyList::new(py, messages)?)?),
            }
        }
    }
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

/// The name of every kind, by its index: the very strings that literals in Python code are.
fn kind_names(py: Python<'_>) -> &[Py<PyString>] {
    static NAMES: PyOnceLock<Vec<Py<PyString>>> = PyOnceLock::new();
    NAMES.get_or_init(py, || Kind::ALL.iter().map(|kind| PyString::intern(py, kind.name()).unbind()).collect())
}

/// The kind of this name: found by identity, as nearly always, else by its letters.
fn kind_of(name: &Bound<'_, PyString>) -> PyResult<Kind> {
    if let Some(index) = kind_names(name.py()).iter().position(|known| known.is(name)) {
        return Ok(Kind::ALL[index]);
    }
    let name = name.to_cow()?;
    Kind::from_name(&name).ok_or_else(|| {
        let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        PyValueError::new_err(format!("no message has the kind {name:?}; the kinds are {}", known.join(", ")))
    })
}

/// Messages as Python tuples. A message equal to the one before of its kind, as most are in a storm, shares its tuple.
struct Tuples<'py> {
    items: Items<'py>,
    latest: [Option<(Message, Bound<'py, PyTuple>)>; Kind::COUNT],
}

impl<'py> Tuples<'py> {
    fn new(py: Python<'py>) -> Tuples<'py> {
        Tuples { items: Items { py, items: Vec::new() }, latest: [const { None }; Kind::COUNT] }
    }

    fn of(&mut self, message: Message) -> PyResult<Bound<'py, PyTuple>> {
        let index = message.kind().index();
        match &self.latest[index] {
            Some((latest, tuple)) if *latest == message => Ok(tuple.clone()),
            Some(_) | None => {
                let tuple = self.items.tuple_of(index, &message)?;
                self.latest[index] = Some((message, tuple.clone()));
                Ok(tuple)
            }
        }
    }
}

/// Fields on their way into a Python tuple.
struct Items<'py> {
    py: Python<'py>,
    items: Vec<Bound<'py, PyAny>>,
}

impl<'py> Items<'py> {
    fn tuple_of(&mut self, kind_index: usize, message: &Message) -> PyResult<Bound<'py, PyTuple>> {
        self.items.push(kind_names(self.py)[kind_index].bind(self.py).as_any().clone());
        message.put_fields(self);
        PyTuple::new(self.py, self.items.drain(..))
    }
}

impl FieldSink for Items<'_> {
    fn begin(&mut self, _fields: u8) {}

    fn number(&mut self, value: u64) {
        let Ok::<_, Infallible>(number) = value.into_pyobject(self.py);
        self.items.push(number.into_any());
    }

    fn truth(&mut self, value: bool) {
        self.items.push(PyBool::new(self.py, value).to_owned().into_any());
    }

    fn nothing(&mut self) {
        self.items.push(self.py.None().into_bound(self.py));
    }

    fn filler(&mut self, length: u16) {
        self.items.push(PyBytes::new(self.py, &vec![0; length.into()]).into_any());
    }
}

/// Fields on their way out of a Python tuple.
struct Fields<'a, 'py> {
    kind: Kind,
    tuple: &'a Bound<'py, PyTuple>,
    /// The place in the tuple of the next field.
    next: usize,
    /// Which of many messages this is, for errors.
    position: Option<usize>,
}

impl Fields<'_, '_> {
    /// The message of a call: `kind, *fields`.
    fn of_call<'py>(kind: &Bound<'py, PyString>, fields: &Bound<'py, PyTuple>) -> PyResult<Message> {
        let kind = kind_of(kind)?;
        Message::take_fields(kind, &mut Fields { kind, tuple: fields, next: 0, position: None })
    }

    /// The message of one tuple among many.
    fn of_tuple(message: &Bound<'_, PyAny>, position: usize) -> PyResult<Message> {
        let wrong = || PyTypeError::new_err(format!("message {position}: a tuple of a kind and its fields is due"));
        let tuple = message.cast::<PyTuple>().map_err(|_| wrong())?;
        let name = tuple.get_borrowed_item(0).map_err(|_| wrong())?;
        let name = name.cast::<PyString>().map_err(|_| wrong())?;
        let kind = kind_of(&name)?;
        Message::take_fields(kind, &mut Fields { kind, tuple, next: 1, position: Some(position) })
    }

    /// What the errors of this message begin with.
    #[cold]
    fn place(&self) -> String {
        match self.position {
            Some(position) => format!("message {position}: {}", self.kind.name()),
            None => self.kind.name().to_owned(),
        }
    }
}

impl<'a, 'py> Fields<'a, 'py> {
    fn peek(&self) -> PyResult<Borrowed<'a, 'py, PyAny>> {
        self.tuple.get_borrowed_item(self.next)
    }

    #[cold]
    fn mistaken(&self, field: &str, expected: &str, found: &Bound<'py, PyAny>) -> PyErr {
        let found = found.get_type();
        PyTypeError::new_err(format!("{}: {field}: {expected} is due, not {found}", self.place()))
    }

    #[cold]
    fn out_of_range(&self, field: &str, found: &Bound<'py, PyAny>, least: u64, most: u64) -> PyErr {
        PyValueError::new_err(format!("{}: {field}: {found} is out of range, {least} to {most}", self.place()))
    }
}

impl FieldSource for Fields<'_, '_> {
    type Error = PyErr;

    fn begin(&mut self, fields: u8) -> PyResult<()> {
        let given = self.tuple.len() - self.next;
        if given == usize::from(fields) {
            return Ok(());
        }
        let names = field_names(self.kind).join(", ");
        Err(PyTypeError::new_err(format!("{}: {fields} fields are due ({names}), not {given}", self.place())))
    }

    fn number(&mut self, field: &'static str, least: u64, most: u64) -> PyResult<u64> {
        let found = self.peek()?;
        if found.is_instance_of::<PyBool>() || !found.is_instance_of::<PyInt>() {
            return Err(self.mistaken(field, "an int", &found));
        }
        self.next += 1;
        match found.extract::<u64>() {
            Ok(value) if (least..=most).contains(&value) => Ok(value),
            Ok(_) => Err(self.out_of_range(field, &found, least, most)),
            Err(error) if error.is_instance_of::<PyOverflowError>(found.py()) => {
                Err(self.out_of_range(field, &found, least, most))
            }
            Err(error) => Err(error),
        }
    }

    fn truth(&mut self, field: &'static str) -> PyResult<bool> {
        let found = self.peek()?;
        self.next += 1;
        found.cast::<PyBool>().map(|truth| truth.is_true()).map_err(|_| self.mistaken(field, "a bool", &found))
    }

    fn nothing(&mut self, _field: &'static str) -> PyResult<bool> {
        let nothing = self.peek()?.is_none();
        self.next += usize::from(nothing);
        Ok(nothing)
    }

    fn filler(&mut self, field: &'static str) -> PyResult<u16> {
        let found = self.peek()?;
        self.next += 1;
        let bytes = found.cast::<PyBytes>().map_err(|_| self.mistaken(field, "a bytes of zeros", &found))?;
        let bytes = bytes.as_bytes();
        match u16::try_from(bytes.len()) {
            Ok(length) if bytes.iter().all(|&byte| byte == 0) => Ok(length),
            Ok(_) | Err(_) => {
                let said = format!("{}: {field}: at most {} bytes, all zero, are due", self.place(), u16::MAX);
                Err(PyValueError::new_err(said))
            }
        }
    }
}
