//! Bodies: the fields of a message as one MessagePack array.
//!
//! There is one body for each message: every number takes the smallest form it fits, and a reader refuses any other.
//! The kind says beforehand how many fields there are and what each may be, so a reader never recurses, never skips
//! and never allocates: depth and number of elements are bounded by the kind, whatever the bytes claim.

use rmp::Marker;
use thiserror::Error;

use crate::message::{Kind, Message};
use crate::transport::field::{FieldSink, FieldSource};

/// Appends the body of `message` to `out`.
#[inline]
pub(super) fn write(message: &Message, out: &mut Vec<u8>) {
    message.put_fields(&mut Writer(out));
}

/// The bytes of the body of `message`, counted without writing them.
#[inline(always)]
pub(super) fn encoded_len(message: &Message) -> u32 {
    let mut length = Length(0);
    message.put_fields(&mut length);
    length.0
}

/// The message of kind `kind` whose body is `body`, all of it.
#[inline(always)]
pub(super) fn read(kind: Kind, body: &[u8]) -> Result<Message, BodyError> {
    let mut reader = Reader { body, at: 0 };
    let message = Message::take_fields(kind, &mut reader)?;
    match body.len() - reader.at {
        0 => Ok(message),
        bytes => Err(BodyError { at: reader.at, fault: BodyFault::Trailing { bytes } }),
    }
}

/// A body that is no message of its kind. Theirs. The binding closes; nothing else changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{fault}")]
pub struct BodyError {
    /// The byte of the body at which the trouble begins.
    pub at: usize,
    /// What is wrong there.
    pub fault: BodyFault,
}

/// What is wrong with a body. Always theirs; the binding closes and nothing else changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BodyFault {
    /// The body ends within a value, or before one.
    #[error("the body ends before the end of {field}")]
    TooShort {
        /// The field, or `fields` for the array's own beginning.
        field: &'static str,
    },
    /// Bytes follow the last field.
    #[error("{bytes} bytes follow the last field")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// The array has more or fewer elements than the kind has fields. A claim of billions ends here.
    #[error("{declared} fields are declared, the kind has {expected}")]
    FieldCount {
        /// What the kind has.
        expected: u8,
        /// What the array declares.
        declared: u64,
    },
    /// An array or a map stands where a plain value is due: too deep.
    #[error("{field}: {expected} is due, an array or a map begins (0x{found:02x})")]
    TooDeep {
        /// Which field.
        field: &'static str,
        /// What is due.
        expected: &'static str,
        /// The first byte of what is there.
        found: u8,
    },
    /// The value is of another type.
    #[error("{field}: {expected} is due, something else begins (0x{found:02x})")]
    WrongType {
        /// The field, or `fields` for the array itself.
        field: &'static str,
        /// What is due.
        expected: &'static str,
        /// The first byte of what is there.
        found: u8,
    },
    /// The number is none that the field can hold.
    #[error("{field}: {value} is out of range, {least} to {most}")]
    OutOfRange {
        /// Which field.
        field: &'static str,
        /// The number.
        value: u64,
        /// The least that the field can hold.
        least: u64,
        /// The most that it can hold.
        most: u64,
    },
    /// The number is written in more bytes than it needs.
    #[error("{field}: {value} is not in its smallest form")]
    NotSmallest {
        /// The field, or `fields` for the array's length.
        field: &'static str,
        /// The number.
        value: u64,
    },
}

/// Fields as MessagePack at the end of a vector.
struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    #[inline]
    fn marker(&mut self, marker: Marker) {
        self.0.push(marker.to_u8());
    }

    #[inline]
    fn marked<const N: usize>(&mut self, marker: Marker, bytes: [u8; N]) {
        self.marker(marker);
        self.0.extend_from_slice(&bytes);
    }
}

impl FieldSink for Writer<'_> {
    #[inline]
    fn begin(&mut self, fields: u8) {
        self.marker(Marker::FixArray(fields));
    }

    #[inline]
    fn number(&mut self, value: u64) {
        match value {
            0..=0x7f => self.marker(Marker::FixPos(value as u8)),
            0x80..=0xff => self.marked(Marker::U8, (value as u8).to_be_bytes()),
            0x100..=0xffff => self.marked(Marker::U16, (value as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => self.marked(Marker::U32, (value as u32).to_be_bytes()),
            0x1_0000_0000.. => self.marked(Marker::U64, value.to_be_bytes()),
        }
    }

    #[inline]
    fn truth(&mut self, value: bool) {
        self.marker(if value { Marker::True } else { Marker::False });
    }

    #[inline]
    fn nothing(&mut self) {
        self.marker(Marker::Null);
    }

    fn filler(&mut self, length: u16) {
        match u8::try_from(length) {
            Ok(length) => self.marked(Marker::Bin8, [length]),
            Err(_) => self.marked(Marker::Bin16, length.to_be_bytes()),
        }
        self.0.resize(self.0.len() + usize::from(length), 0);
    }
}

/// The bytes that [`Writer`] would write.
struct Length(u32);

impl FieldSink for Length {
    #[inline]
    fn begin(&mut self, _fields: u8) {
        self.0 += 1;
    }

    #[inline]
    fn number(&mut self, value: u64) {
        self.0 += match value {
            0..=0x7f => 1,
            0x80..=0xff => 2,
            0x100..=0xffff => 3,
            0x1_0000..=0xffff_ffff => 5,
            0x1_0000_0000.. => 9,
        };
    }

    #[inline]
    fn truth(&mut self, _value: bool) {
        self.0 += 1;
    }

    #[inline]
    fn nothing(&mut self) {
        self.0 += 1;
    }

    #[inline]
    fn filler(&mut self, length: u16) {
        self.0 += u32::from(length) + if length <= 0xff { 2 } else { 3 };
    }
}

/// Fields out of MessagePack.
struct Reader<'a> {
    body: &'a [u8],
    at: usize,
}

/// What the array itself is called in errors.
const FIELDS: &str = "fields";

impl Reader<'_> {
    /// The marker here, which it steps over.
    #[inline]
    fn marker(&mut self, field: &'static str) -> Result<Marker, BodyError> {
        let [byte] = self.bytes(field)?;
        Ok(Marker::from_u8(byte))
    }

    #[inline]
    fn bytes<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], BodyError> {
        match self.body[self.at..].first_chunk() {
            Some(bytes) => {
                self.at += N;
                Ok(*bytes)
            }
            None => Err(BodyError { at: self.body.len(), fault: BodyFault::TooShort { field } }),
        }
    }

    /// The error of a value that begins at `at` and is not what is due there.
    #[cold]
    fn mistaken(&self, at: usize, field: &'static str, expected: &'static str) -> BodyError {
        let found = self.body[at];
        let nested = matches!(
            Marker::from_u8(found),
            Marker::FixArray(_) | Marker::Array16 | Marker::Array32 | Marker::FixMap(_) | Marker::Map16 | Marker::Map32
        );
        let fault = match nested {
            true => BodyFault::TooDeep { field, expected, found },
            false => BodyFault::WrongType { field, expected, found },
        };
        BodyError { at, fault }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "MessagePack has 37 markers; all that are not due are mistaken")]
impl FieldSource for Reader<'_> {
    type Error = BodyError;

    #[inline]
    fn begin(&mut self, fields: u8) -> Result<(), BodyError> {
        let at = self.at;
        let (declared, least) = match self.marker(FIELDS)? {
            Marker::FixArray(len) => (u64::from(len), 0),
            Marker::Array16 => (u16::from_be_bytes(self.bytes(FIELDS)?).into(), 16),
            Marker::Array32 => (u32::from_be_bytes(self.bytes(FIELDS)?).into(), 1 << 16),
            _ => {
                let found = self.body[at];
                return Err(BodyError {
                    at,
                    fault: BodyFault::WrongType { field: FIELDS, expected: "an array", found },
                });
            }
        };
        let fault = match declared {
            _ if declared != u64::from(fields) => BodyFault::FieldCount { expected: fields, declared },
            _ if declared < least => BodyFault::NotSmallest { field: FIELDS, value: declared },
            _ => return Ok(()),
        };
        Err(BodyError { at, fault })
    }

    #[inline]
    fn number(&mut self, field: &'static str, least: u64, most: u64) -> Result<u64, BodyError> {
        let at = self.at;
        let (value, smallest) = match self.marker(field)? {
            Marker::FixPos(value) => (u64::from(value), 0),
            Marker::U8 => (u8::from_be_bytes(self.bytes(field)?).into(), 1 << 7),
            Marker::U16 => (u16::from_be_bytes(self.bytes(field)?).into(), 1 << 8),
            Marker::U32 => (u32::from_be_bytes(self.bytes(field)?).into(), 1 << 16),
            Marker::U64 => (u64::from_be_bytes(self.bytes(field)?), 1 << 32),
            _ => return Err(self.mistaken(at, field, "an unsigned number")),
        };
        let fault = match value {
            _ if value < smallest => BodyFault::NotSmallest { field, value },
            _ if value < least || value > most => BodyFault::OutOfRange { field, value, least, most },
            _ => return Ok(value),
        };
        Err(BodyError { at, fault })
    }

    #[inline]
    fn truth(&mut self, field: &'static str) -> Result<bool, BodyError> {
        let at = self.at;
        match self.marker(field)? {
            Marker::True => Ok(true),
            Marker::False => Ok(false),
            _ => Err(self.mistaken(at, field, "true or false")),
        }
    }

    fn filler(&mut self, field: &'static str) -> Result<u16, BodyError> {
        let at = self.at;
        let (length, smallest) = match self.marker(field)? {
            Marker::Bin8 => (u16::from(u8::from_be_bytes(self.bytes(field)?)), 0),
            Marker::Bin16 => (u16::from_be_bytes(self.bytes(field)?), 0x100),
            _ => return Err(self.mistaken(at, field, "filler")),
        };
        if length < smallest {
            return Err(BodyError { at, fault: BodyFault::NotSmallest { field, value: length.into() } });
        }
        let Some(filler) = self.body[self.at..].get(..usize::from(length)) else {
            return Err(BodyError { at: self.body.len(), fault: BodyFault::TooShort { field } });
        };
        if let Some(place) = filler.iter().position(|&byte| byte != 0) {
            let value = filler[place].into();
            let fault = BodyFault::OutOfRange { field, value, least: 0, most: 0 };
            return Err(BodyError { at: self.at + place, fault });
        }
        self.at += usize::from(length);
        Ok(length)
    }

    #[inline]
    fn nothing(&mut self, field: &'static str) -> Result<bool, BodyError> {
        let at = self.at;
        let absent = self.marker(field)? == Marker::Null;
        if !absent {
            self.at = at;
        }
        Ok(absent)
    }
}
