//! Which fields each kind of message has, in the order in which they go over the wire.
//!
//! A new kind is one line in the table below. Its encoder, decoder, length, and its form in Python follow from it.

use crate::message::{Filler, Kind, LoadUpdate, Message, Resolve, Resolved, ServerUpdate, SessionUpdate};
use crate::profile;
use crate::transport::body;
use crate::transport::field::{Field, FieldSink, FieldSource};
use crate::transport::framing::HEADER_LEN;
use crate::transport::seal::seal_len;

/// Writes, for each kind, the names of its fields, how they are put and how they are taken; for a boxed one, those of
/// what is in the box.
macro_rules! bodies {
    (plain { $($kind:ident { $($field:ident),* })* } boxed { $($big:ident { $($part:ident),* })* }) => {
        /// The names of a kind's fields, in the order of the wire.
        pub const fn field_names(kind: Kind) -> &'static [&'static str] {
            match kind {
                $(Kind::$kind => &[$(stringify!($field)),*],)*
                $(Kind::$big => &[$(stringify!($part)),*],)*
            }
        }

        impl Message {
            /// Hands the message's fields over, in the order of the wire.
            #[inline(always)]
            pub fn put_fields(&self, sink: &mut impl FieldSink) {
                sink.begin(field_names(self.kind()).len() as u8);
                match self {
                    $(Message::$kind { $($field),* } => { $($field.put(sink);)* })*
                    $(Message::$big(boxed) => {
                        let $big { $($part),* } = &**boxed;
                        $($part.put(sink);)*
                    })*
                }
            }

            /// A message of this kind from its fields, in the order of the wire.
            ///
            /// Errors: what the source says of a field that is missing, of another type or out of range.
            #[inline(always)]
            pub fn take_fields<S: FieldSource>(kind: Kind, source: &mut S) -> Result<Message, S::Error> {
                source.begin(field_names(kind).len() as u8)?;
                Ok(match kind {
                    $(Kind::$kind => Message::$kind { $($field: Field::take(source, stringify!($field))?),* },)*
                    $(Kind::$big => {
                        Message::$big(Box::new($big { $($part: Field::take(source, stringify!($part))?),* }))
                    })*
                })
            }
        }
    };
}

bodies! {
    plain {
        BindRequest { magic, host }
        BindResponse { magic, host }
        BindCommit {}
        ElectMaster { round }
        ElectMasterAck { round }
        DeclareMaster { master, reign_ms }
        QueryMaster {}
        MasterIs { master }
        Heartbeat { seq }
        HeartbeatAck { collector }
        ImaPing {}
        ImaPingAck { member }
        ServerUpdateAck { seq, filler }
        SessionUpdateAck { seq, filler }
        LoadRequest {}
        FullUpdateRequest {}
        FullUpdate {}
        GatewayUpdate { filler }
        GatewayUpdateAck { filler }
        PeerPing { sum }
        PeerPingAck {}
        Subscribe { table, on }
        TableChanged { table }
        ConfigChange { change, bytes, filler }
        ConfigChangeAck { change, filler }
    }
    boxed {
        ServerUpdate { server, seq, up, load, sessions, disconnected, applications, filler }
        SessionUpdate { server, seq, event, session, user, app, load, filler }
        LoadUpdate { server, seq, load }
        Resolve { request, app, preference, relayed }
        Resolved { request, server, load }
    }
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
    #[inline(always)]
    pub fn encoded_len(&self) -> u32 {
        HEADER_LEN as u32 + body::encoded_len(self)
    }

    /// The bytes of the message's frame in a farm with a key, seal included, counted without encoding it.
    #[inline]
    pub fn sealed_len(&self) -> u32 {
        self.encoded_len() + u32::from(seal_len(self.kind()))
    }

    /// The message with so much filler that its frame has `bytes`, or as near to that as filler comes. Without filler it
    /// may be longer already, and then stays so, as one of a kind without filler does.
    #[must_use]
    pub fn lengthened_to(mut self, bytes: u32) -> Message {
        if let Some(filler) = self.filler_mut() {
            *filler = Filler(0);
            let length = profile::filler(self.encoded_len(), bytes);
            if let Some(filler) = self.filler_mut() {
                *filler = Filler(length);
            }
        }
        self
    }

    const fn filler_mut(&mut self) -> Option<&mut Filler> {
        match self {
            Message::ServerUpdate(update) => Some(&mut update.filler),
            Message::SessionUpdate(update) => Some(&mut update.filler),
            Message::ServerUpdateAck { filler, .. }
            | Message::SessionUpdateAck { filler, .. }
            | Message::GatewayUpdate { filler }
            | Message::GatewayUpdateAck { filler }
            | Message::ConfigChange { filler, .. }
            | Message::ConfigChangeAck { filler, .. } => Some(filler),
            Message::BindRequest { .. }
            | Message::BindResponse { .. }
            | Message::BindCommit
            | Message::ElectMaster { .. }
            | Message::ElectMasterAck { .. }
            | Message::DeclareMaster { .. }
            | Message::QueryMaster
            | Message::MasterIs { .. }
            | Message::Heartbeat { .. }
            | Message::HeartbeatAck { .. }
            | Message::ImaPing
            | Message::ImaPingAck { .. }
            | Message::LoadUpdate(_)
            | Message::LoadRequest
            | Message::FullUpdateRequest
            | Message::FullUpdate
            | Message::PeerPing { .. }
            | Message::PeerPingAck
            | Message::Subscribe { .. }
            | Message::TableChanged { .. }
            | Message::Resolve(_)
            | Message::Resolved(_) => None,
        }
    }
}
