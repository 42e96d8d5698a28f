//! Fields that say what they mean, and columns in Arrow's own form.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::{ArrowDictionaryKeyType, ArrowPrimitiveType, Int8Type, Int32Type};
use arrow_array::{Array, ArrayRef, DictionaryArray, PrimitiveArray, StringArray};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use imafarm_records::event_log::Chunk;
use zerocopy::{Immutable, IntoBytes};

/// What a column holds.
#[derive(Clone, Copy)]
pub enum Type {
    /// Whole numbers with a sign.
    Int64,
    /// Whole numbers without.
    Uint64,
    /// Small whole numbers without.
    Uint8,
    /// Bytes of any length.
    Bytes,
    /// Yes or no.
    Bool,
    /// Names, of which there are many.
    Names,
    /// One of a few words.
    Words,
}

impl Type {
    fn arrow(self) -> DataType {
        let dictionary = |key: DataType| DataType::Dictionary(Box::new(key), Box::new(DataType::Utf8));
        match self {
            Type::Int64 => DataType::Int64,
            Type::Uint64 => DataType::UInt64,
            Type::Uint8 => DataType::UInt8,
            Type::Bytes => DataType::LargeBinary,
            Type::Bool => DataType::Boolean,
            // Keys are signed: some readers take no others.
            Type::Names => dictionary(DataType::Int32),
            Type::Words => dictionary(DataType::Int8),
        }
    }
}

/// One column of a schema: its name, what it holds, whether it may hold nothing, its unit and its meaning.
pub type FieldSpec = (&'static str, Type, bool, &'static str, &'static str);

/// The schema of a table.
pub fn schema(fields: &[FieldSpec]) -> SchemaRef {
    let fields = fields.iter().map(|&(name, holds, nullable, unit, meaning)| {
        let told = [("unit", unit), ("meaning", meaning)].map(|(key, value)| (key.to_owned(), value.to_owned()));
        Field::new(name, holds.arrow(), nullable).with_metadata(HashMap::from(told))
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// A part of a chunk, which keeps the chunk.
struct Shared<T: 'static> {
    chunk: Arc<Chunk>,
    column: fn(&Chunk) -> &Vec<T>,
}

impl<T: IntoBytes + Immutable> AsRef<[u8]> for Shared<T> {
    fn as_ref(&self) -> &[u8] {
        (self.column)(&self.chunk).as_bytes()
    }
}

/// A column of a chunk, where it lies.
pub fn shared<T: IntoBytes + Immutable + 'static>(chunk: &Arc<Chunk>, column: fn(&Chunk) -> &Vec<T>) -> Buffer {
    Buffer::from(Bytes::from_owner(Shared { chunk: Arc::clone(chunk), column }))
}

/// As many numbers as lie in a buffer.
pub fn numbers<T: ArrowPrimitiveType>(buffer: Buffer, nulls: Option<NullBuffer>) -> PrimitiveArray<T> {
    let count = buffer.len() / size_of::<T::Native>();
    PrimitiveArray::new(ScalarBuffer::new(buffer, 0, count), nulls)
}

/// The rows of which a bit is set.
pub fn set_bits(buffer: Buffer, rows: usize) -> NullBuffer {
    NullBuffer::new(BooleanBuffer::new(buffer, 0, rows))
}

/// A column of numbers.
pub fn column<T: ArrowPrimitiveType>(values: impl IntoIterator<Item = T::Native>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::from_iter_values(values))
}

/// A column of numbers, some of which are missing.
pub fn column_if<T: ArrowPrimitiveType>(values: impl IntoIterator<Item = Option<T::Native>>) -> ArrayRef
where
    T::Native: ArrowNativeType,
{
    Arc::new(values.into_iter().collect::<PrimitiveArray<T>>())
}

/// A column of words of a dictionary.
///
/// Panics: for a key beyond the dictionary.
pub fn named<K: ArrowDictionaryKeyType>(keys: PrimitiveArray<K>, names: &ArrayRef) -> ArrayRef {
    Arc::new(DictionaryArray::<K>::new(keys, Arc::clone(names)))
}

/// A column of names, by their places.
pub fn names_at(places: impl IntoIterator<Item = Option<u32>>, names: &ArrayRef) -> ArrayRef {
    let keys = places.into_iter().map(|place| place.map(|place| place as i32));
    named::<Int32Type>(keys.collect(), names)
}

/// A column of words, of which each is in `words`.
pub fn words_of<'a>(values: impl IntoIterator<Item = &'a str>, words: &[&str]) -> ArrayRef {
    let place = |value: &str| words.iter().position(|word| *word == value).map_or(-1, |place| place as i8);
    let keys = PrimitiveArray::<Int8Type>::from_iter_values(values.into_iter().map(place));
    named(keys, &dictionary(words.iter().copied()))
}

/// The words that keys stand for.
pub fn dictionary<'a>(words: impl IntoIterator<Item = &'a str>) -> ArrayRef {
    let words: StringArray = words.into_iter().map(Some).collect();
    debug_assert_eq!(words.null_count(), 0);
    Arc::new(words)
}
