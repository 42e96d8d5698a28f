//! Many numbers or names at once, over the border in one step.
//!
//! In: any buffer of integers (`array.array`, a NumPy array, a `memoryview`), a list, or any iterable. Out:
//! `array.array`, which every Python has and whose buffer NumPy reads without a copy.

use core::fmt::Display;

use pyo3::PyTypeInfo;
use pyo3::buffer::{Element, PyUntypedBuffer};
use pyo3::exceptions::{PyKeyError, PyOverflowError, PyTypeError, PyValueError};
use pyo3::inspect::PyStaticExpr;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyString, PyType};
use zerocopy::{Immutable, IntoBytes};

/// A whole number of any size; beyond 128 bits it reads as the nearest that has as many.
#[derive(Clone, Copy)]
pub struct Whole(pub i128);

/// What a number below 0 or above 64 bits reads as in a column: no host, id or binding has it.
const NOBODY: u64 = u64::MAX;

impl FromPyObject<'_, '_> for Whole {
    type Error = PyErr;

    const INPUT_TYPE: PyStaticExpr = i64::INPUT_TYPE;

    fn extract(value: Borrowed<'_, '_, PyAny>) -> PyResult<Whole> {
        let overflowed = |error: &PyErr| error.is_instance_of::<PyOverflowError>(value.py());
        match value.extract::<i64>() {
            Ok(number) => Ok(Whole(number.into())),
            Err(error) if overflowed(&error) => match value.extract::<i128>() {
                Ok(number) => Ok(Whole(number)),
                Err(_) => Ok(Whole(if value.lt(0)? { i128::MIN } else { i128::MAX })),
            },
            Err(error) => Err(error),
        }
    }
}

impl Whole {
    /// The number as a column holds it.
    pub fn number(self) -> u64 {
        self.0.try_into().unwrap_or(NOBODY)
    }

    /// The number, if it lies within `min..=max`.
    ///
    /// Errors: ValueError, naming `key`.
    pub fn within(self, key: impl Display, min: u64, max: u64) -> PyResult<u64> {
        match u64::try_from(self.0) {
            Ok(number) if (min..=max).contains(&number) => Ok(number),
            Ok(_) | Err(_) => Err(PyValueError::new_err(format!("{key}: {} is out of range, {min} to {max}", self.0))),
        }
    }
}

/// Whole numbers; those below 0 or above 64 bits read as one that no host, id or binding has.
pub struct Column<'py> {
    source: Bound<'py, PyAny>,
    /// The numbers, in order.
    pub numbers: Vec<u64>,
}

impl<'py> FromPyObject<'_, 'py> for Column<'py> {
    type Error = PyErr;

    fn extract(source: Borrowed<'_, 'py, PyAny>) -> PyResult<Column<'py>> {
        if !source.is_instance_of::<PyList>()
            && let Ok(buffer) = PyUntypedBuffer::get(&source)
            && let Some(numbers) = buffered(source.py(), &buffer)
        {
            return Ok(Column { numbers: numbers?, source: source.to_owned() });
        }
        let list = listed(source)?;
        let numbers = list.iter().map(|item| Ok(item.extract::<Whole>()?.number())).collect::<PyResult<_>>()?;
        Ok(Column { numbers, source: list.into_any() })
    }
}

impl Column<'_> {
    /// What `find` finds for each number, or `default` where it finds nothing.
    ///
    /// Errors: the position of the first number for which there is neither. No Python runs here.
    pub fn translate<T: Copy>(&self, default: Option<T>, find: impl Fn(u64) -> Option<T>) -> Result<Vec<T>, usize> {
        let mut found = Vec::with_capacity(self.numbers.len());
        for &number in &self.numbers {
            found.push(find(number).or(default).ok_or(found.len())?);
        }
        Ok(found)
    }

    /// An error of type `E`: no host has the `kind` at `position`.
    pub fn unknown<E: PyTypeInfo>(&self, kind: &str, position: usize) -> PyErr {
        unknown_at::<E>(&self.source, kind, position)
    }

    /// The number at `position`, if it lies within `min..=max`.
    ///
    /// Errors: ValueError, naming `key` and the position.
    pub fn within(&self, key: &str, position: usize, min: u64, max: u64) -> PyResult<u64> {
        match self.numbers[position] {
            number if (min..=max).contains(&number) => Ok(number),
            _ => {
                self.source.get_item(position)?.extract::<Whole>()?.within(format_args!("{key}[{position}]"), min, max)
            }
        }
    }
}

/// Names, each a `str`.
pub struct Names<'py>(Bound<'py, PyList>);

impl<'py> FromPyObject<'_, 'py> for Names<'py> {
    type Error = PyErr;

    fn extract(source: Borrowed<'_, 'py, PyAny>) -> PyResult<Names<'py>> {
        if source.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err("one name, where an iterable of names is wanted"));
        }
        listed(source).map(Names)
    }
}

impl<'py> Names<'py> {
    /// How many names there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Hands the names to `each`, some hundreds at a time, in order.
    pub fn in_parts(&self, mut each: impl FnMut(&[&str])) -> PyResult<()> {
        const PART: usize = 256;
        let mut items = self.0.iter();
        loop {
            let part = items.by_ref().take(PART).map(Bound::cast_into::<PyString>).collect::<Result<Vec<_>, _>>()?;
            if part.is_empty() {
                return Ok(());
            }
            each(&part.iter().map(|name| name.to_str()).collect::<PyResult<Vec<_>>>()?);
        }
    }

    /// KeyError: no host has the name at `position`.
    pub fn unknown(&self, position: usize) -> PyErr {
        unknown_at::<PyKeyError>(&self.0, "name", position)
    }
}

fn unknown_at<E: PyTypeInfo>(source: &Bound<'_, PyAny>, kind: &str, position: usize) -> PyErr {
    match source.get_item(position).and_then(|item| item.repr()) {
        Ok(item) => PyErr::new::<E, _>(format!("[{position}]: no host has the {kind} {item}")),
        Err(error) => error,
    }
}

/// KeyError: no host has this `kind`.
pub fn unknown(kind: &str, value: impl Display) -> PyErr {
    PyKeyError::new_err(format!("no host has the {kind} {value}"))
}

fn listed<'py>(source: Borrowed<'_, 'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    match source.cast::<PyList>() {
        Ok(list) => Ok(list.to_owned()),
        Err(_) => Ok(source.py().get_type::<PyList>().call1((source,))?.cast_into()?),
    }
}

/// The numbers in a buffer of native integers; any other buffer is left to be iterated over.
fn buffered(py: Python<'_>, buffer: &PyUntypedBuffer) -> Option<PyResult<Vec<u64>>> {
    let swapped = matches!(buffer.format().to_bytes(), [b'>' | b'!', ..]);
    if swapped || buffer.dimensions() != 1 {
        return None;
    }
    if let Ok(exact) = buffer.as_typed::<u64>() {
        return Some(exact.to_vec(py));
    }
    widened::<i64>(py, buffer)
        .or_else(|| widened::<u32>(py, buffer))
        .or_else(|| widened::<i32>(py, buffer))
        .or_else(|| widened::<u16>(py, buffer))
        .or_else(|| widened::<i16>(py, buffer))
        .or_else(|| widened::<u8>(py, buffer))
        .or_else(|| widened::<i8>(py, buffer))
}

/// The buffer's elements, if they are of type `T`.
fn widened<T: Element + TryInto<u64>>(py: Python<'_>, buffer: &PyUntypedBuffer) -> Option<PyResult<Vec<u64>>> {
    let typed = buffer.as_typed::<T>().ok()?;
    let widen = |number: T| number.try_into().unwrap_or(NOBODY);
    Some(typed.to_vec(py).map(|numbers| numbers.into_iter().map(widen).collect()))
}

/// `array.array('I')` of these numbers.
pub fn array_of_u32<'py>(py: Python<'py>, numbers: &[u32]) -> PyResult<Bound<'py, PyAny>> {
    array(py, "I", numbers)
}

/// `array.array('Q')` of these numbers.
pub fn array_of_u64<'py>(py: Python<'py>, numbers: &[u64]) -> PyResult<Bound<'py, PyAny>> {
    array(py, "Q", numbers)
}

/// `array.array('q')` of these numbers.
pub fn array_of_i64<'py>(py: Python<'py>, numbers: &[i64]) -> PyResult<Bound<'py, PyAny>> {
    array(py, "q", numbers)
}

fn array<'py, T: IntoBytes + Immutable>(py: Python<'py>, code: &str, numbers: &[T]) -> PyResult<Bound<'py, PyAny>> {
    static ARRAY: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    ARRAY.import(py, "array", "array")?.call1((code, numbers.as_bytes()))
}
