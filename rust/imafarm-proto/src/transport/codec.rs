//! Which fields each kind of message has, in the order in which they go over the wire.
//!
//! A new kind is one line in the table below. Its encoder, decoder, length, and its form in Python follow from it.

use crate::message::{Kind, Message};
use crate::transport::body;
use crate::transport::field::{Field, FieldSink, FieldSource};
use crate::transport::framing::HEADER_LEN;

/// Writes, for each kind, the names of its fields, how they are put and how they are taken.
macro_rules! bodies {
    ($($kind:ident { $($field:ident),* })*) => {
        /// The names of a kind's fields, in the order of the wire.
        pub const fn field_names(kind: Kind) -> &'static [&'static str] {
            match kind {
                $(Kind::$kind => &[$(stringify!($field)),*],)*
            }
        }

        impl Message {
            /// Hands the message's fields over, in the order of the wire.
            #[inline]
            pub fn put_fields(&self, sink: &mut impl FieldSink) {
                sink.begin(field_names(self.kind()).len() as u8);
                match self {
                    $(Message::$kind { $($field),* } => { $($field.put(sink);)* })*
                }
            }

            /// A message of this kind from its fields, in the order of the wire.
            ///
            /// Errors: what the source says of a field that is missing, of another type or out of range.
            #[inline]
            pub fn take_fields<S: FieldSource>(kind: Kind, source: &mut S) -> Result<Message, S::Error> {
                source.begin(field_names(kind).len() as u8)?;
                Ok(match kind {
                    $(Kind::$kind => Message::$kind { $($field: Field::take(source, stringify!($field))?),* },)*
                })
            }
        }
    };
}

bodies! {
    BindRequest { magic, host }
    BindResponse { magic, host }
    BindCommit {}
    ElectMaster { round }
    ElectMasterAck { round }
    DeclareMaster { master, reign_ms }
    QueryMaster {}
    MasterIs { master }
    Heartbeat {}
    HeartbeatAck { collector }
    ImaPing {}
    ImaPingAck { member }
}

/// The first byte of a body holds the number of its fields, and has four bits for it.
const MOST_FIELDS: usize = 15;

const _: () = {
    let mut index = 0;
    while index < Kind::COUNT {
        assert!(field_names(Kind::ALL[index]).len() <= MOST_FIELDS);
        index += 1;
    }
};

impl Message {
    /// The bytes of the message's frame, header included, counted without encoding it.
    #[inline]
    pub fn encoded_len(&self) -> u32 {
        HEADER_LEN as u32 + body::encoded_len(self)
    }
}
