//! Messages as Python tuples: a kind's name and its fields.

use std::convert::Infallible;

use imafarm_proto::message::{Kind, Message};
use imafarm_proto::transport::codec::field_names;
use imafarm_proto::transport::field::{FieldSink, FieldSource};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyInt, PyString, PyTuple};

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
pub(super) struct Tuples<'py> {
    items: Items<'py>,
    latest: [Option<(Message, Bound<'py, PyTuple>)>; Kind::COUNT],
}

impl<'py> Tuples<'py> {
    pub(super) fn new(py: Python<'py>) -> Tuples<'py> {
        Tuples { items: Items { py, items: Vec::new() }, latest: [const { None }; Kind::COUNT] }
    }

    pub(super) fn of(&mut self, message: Message) -> PyResult<Bound<'py, PyTuple>> {
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
pub(super) struct Fields<'a, 'py> {
    kind: Kind,
    tuple: &'a Bound<'py, PyTuple>,
    /// The place in the tuple of the next field.
    next: usize,
    /// Which of many messages this is, for errors.
    position: Option<usize>,
}

impl Fields<'_, '_> {
    /// The message of a call: `kind, *fields`.
    pub(super) fn of_call<'py>(kind: &Bound<'py, PyString>, fields: &Bound<'py, PyTuple>) -> PyResult<Message> {
        let kind = kind_of(kind)?;
        Message::take_fields(kind, &mut Fields { kind, tuple: fields, next: 0, position: None })
    }

    /// The message of one tuple among many.
    pub(super) fn of_tuple(message: &Bound<'_, PyAny>, position: usize) -> PyResult<Message> {
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
