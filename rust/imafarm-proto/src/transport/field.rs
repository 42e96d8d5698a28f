//! What a field of a message may be, and where fields go to and come from.
//!
//! Every field is a number within a range, a truth, filler, or nothing at all. Whatever can take or give these can take or give
//! every message: a MessagePack body, a count of bytes, a Python tuple, a test's random numbers.

use crate::host_record::HostId;
use crate::message::{Filler, MagicNumber, Preference, SessionEvent, Table};

/// Takes the fields of one message, in order.
pub trait FieldSink {
    /// A message of this many fields begins.
    fn begin(&mut self, fields: u8);
    /// A number.
    fn number(&mut self, value: u64);
    /// Yes or no.
    fn truth(&mut self, value: bool);
    /// An absent value.
    fn nothing(&mut self);
    /// So many zero bytes.
    fn filler(&mut self, length: u16);
}

/// Gives the fields of one message, in order. Fields are named for the sake of errors.
pub trait FieldSource {
    /// Why there is no such field.
    type Error;

    /// A message of this many fields begins: no more, no fewer.
    fn begin(&mut self, fields: u8) -> Result<(), Self::Error>;
    /// A number from `least` to `most`, both included.
    fn number(&mut self, field: &'static str, least: u64, most: u64) -> Result<u64, Self::Error>;
    /// Yes or no.
    fn truth(&mut self, field: &'static str) -> Result<bool, Self::Error>;
    /// Whether the next value is absent; steps over it if it is.
    fn nothing(&mut self, field: &'static str) -> Result<bool, Self::Error>;
    /// How many zero bytes there are.
    fn filler(&mut self, field: &'static str) -> Result<u16, Self::Error>;
}

/// A value that a message can carry.
pub trait Field: Sized {
    /// Hands the value over.
    fn put(&self, sink: &mut impl FieldSink);

    /// Fetches the value.
    ///
    /// Errors: what the source says of a value that is missing, of another type or out of range.
    fn take<S: FieldSource>(source: &mut S, field: &'static str) -> Result<Self, S::Error>;
}

impl Field for u32 {
    #[inline]
    fn put(&self, sink: &mut impl FieldSink) {
        sink.number(u64::from(*self));
    }

    #[inline]
    fn take<S: FieldSource>(source: &mut S, field: &'static str) -> Result<u32, S::Error> {
        Ok(source.number(field, 0, u64::from(u32::MAX))? as u32)
    }
}

impl Field for bool {
    #[inline]
    fn put(&self, sink: &mut impl FieldSink) {
        sink.truth(*self);
    }

    #[inline]
    fn take<S: FieldSource>(source: &mut S, field: &'static str) -> Result<bool, S::Error> {
        source.truth(field)
    }
}

impl Field for MagicNumber {
    #[inline]
    fn put(&self, sink: &mut impl FieldSink) {
        self.0.put(sink);
    }

    #[inline]
    fn take<S: FieldSource>(source: &mut S, field: &'static str) -> Result<MagicNumber, S::Error> {
        u32::take(source, field).map(MagicNumber)
    }
}

impl Field for HostId {
    #[inline]
    fn put(&self, sink: &mut impl FieldSink) {
        sink.number(self.get());
    }

    #[inline]
    fn take<S: FieldSource>(source: &mut S, field: &'static str) -> Result<HostId, S::Error> {
        let id = source.number(field, 1, HostId::MAX)?;
        Ok(HostId::new(id).expect("a source keeps to the range it is asked for"))
    }
}

impl Field for Preference {
    #[inline]
    fn put(&self, sink: &mut impl FieldSink) {
        sink.number(self.0);
    }

    #[inline]
    fn take<S: FieldSource>(source: &mut S, field: &'static str) -> Result<Preference, S::Error> {
        source.number(field, 0, u64::MAX).map(Preference)
    }
}

impl Field for Filler {
    #[inline]
    fn put(&self, sink: &mut impl FieldSink) {
        sink.filler(self.0);
    }

    #[inline]
    fn take<S: FieldSource>(source: &mut S, field: &'static str) -> Result<Filler, S::Error> {
        source.filler(field).map(Filler)
    }
}

/// A field that is one of a few, told by its number.
macro_rules! numbered {
    ($($name:ident),*) => {
        $(impl Field for $name {
            #[inline]
            fn put(&self, sink: &mut impl FieldSink) {
                sink.number(*self as u64);
            }

            #[inline]
            fn take<S: FieldSource>(source: &mut S, field: &'static str) -> Result<$name, S::Error> {
                let number = source.number(field, 0, $name::ALL.len() as u64 - 1)?;
                Ok($name::ALL[number as usize])
            }
        })*
    };
}

numbered! { SessionEvent, Table }

impl<T: Field> Field for Option<T> {
    #[inline]
    fn put(&self, sink: &mut impl FieldSink) {
        match self {
            Some(value) => value.put(sink),
            None => sink.nothing(),
        }
    }

    #[inline]
    fn take<S: FieldSource>(source: &mut S, field: &'static str) -> Result<Option<T>, S::Error> {
        if source.nothing(field)? { Ok(None) } else { T::take(source, field).map(Some) }
    }
}
