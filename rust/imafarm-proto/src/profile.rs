//! What the products are known to have sent, read and kept: the published figures, and what they mean on our wire.
//!
//! Everything here is *calibrated*: a message that carries less than its figure is filled up to it. What follows from
//! what hosts do and from what messages carry (how often a thing is sent, and to whom) is *emergent*, and has no place
//! here. There is no `if` by product anywhere: a product is a [`Profile`].
//!
//! CTX114843 prints what it measured, and neither the packets nor the point at which it listened. So this is our guess:
//!
//! - A table's row is what passes between two data collectors, on the link of their zones. *Transmitted* is the length
//!   of the message that goes out, *received* the length of its answer, our header included. Between a member and its
//!   collector the same message has the same length. Where no *received* is printed, the answer is as long as it is.
//! - An application that is published passes between collectors as its row says. Every server of the farm hears of it
//!   in a message of its own, and that is the number of bytes by which the cost grows with each additional server.
//! - A collector that is new to its zone tells each of the others so in a message as long as the row for changing a
//!   zone's collector says. Its servers' full updates come on top, as the text's step by step account has it.
//! - A server that comes on-line reports itself in a message of a new server's kilobytes; one that meets another
//!   collector in a message of a full update's. Applications make either longer; each session follows in one of its
//!   own. A full update of so many bytes out makes half as many back.

mod figure;
mod tables;

use crate::time::Span;

pub use figure::{Confidence, Figure, KILOBYTE, Unit};

/// The products whose figures are known, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Product {
    /// MetaFrame XP
    Xp,
    /// MetaFrame Presentation Server 3.0
    Mf30,
    /// Presentation Server 4.0
    Ps40,
    /// Presentation Server 4.5
    Ps45,
}

impl Product {
    /// Every product, oldest first.
    pub const ALL: [Product; 4] = [Product::Xp, Product::Mf30, Product::Ps40, Product::Ps45];

    /// The name it goes by in calls and files.
    pub const fn name(self) -> &'static str {
        match self {
            Product::Xp => "XP",
            Product::Mf30 => "MF30",
            Product::Ps40 => "PS40",
            Product::Ps45 => "PS45",
        }
    }

    /// The product of this name.
    pub fn from_name(name: &str) -> Option<Product> {
        Product::ALL.into_iter().find(|product| product.name() == name)
    }

    /// Its figures.
    pub const fn profile(self) -> &'static Profile {
        match self {
            Product::Xp => &tables::XP,
            Product::Mf30 => &tables::MF30,
            Product::Ps40 => &tables::PS40,
            Product::Ps45 => &tables::PS45,
        }
    }
}

/// The figures of one product.
#[derive(Debug, PartialEq, Eq)]
pub struct Profile {
    /// Whose they are.
    pub product: Product,
    /// Session events where load is shared across zones.
    pub sharing: Sessions,
    /// Session events where it is not.
    pub not_sharing: Sessions,
    /// What an administrator does.
    pub console: Console,
    /// What a server tells a collector that knows nothing of it.
    pub full_update: FullUpdate,
    /// What a start reads from the data store.
    pub store_reads: StoreReads,
    /// Changes shorter than this are broadcast (CTX114843, "Farm Communication").
    pub broadcast_limit: Figure,
    /// For how long a server starts from its local host cache while the data store is down; absent for ever.
    pub cache_grace: Option<Figure>,
    /// The settings whose defaults differ on this product: the registry's name, and the default.
    pub setting_defaults: &'static [(&'static str, u64)],
}

/// A row of a table: what goes out, and what comes back if that is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// "Data transmitted"
    pub transmitted: Figure,
    /// "Data received"
    pub received: Option<Figure>,
}

/// A table of session events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// A logon.
    pub connect: Exchange,
    /// A session that stays without its user.
    pub disconnect: Exchange,
    /// A user who comes back to it.
    pub reconnect: Exchange,
    /// A session's end.
    pub logoff: Exchange,
}

/// A table of console operations, and what the text below it adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Console {
    /// Asking for the servers of another zone. No message is as long as this: it follows from collectors' holding them.
    pub server_query: Exchange,
    /// Publishing an application.
    pub publishing: Exchange,
    /// Making another server a zone's data collector.
    pub changing_collector: Exchange,
    /// What publishing costs for each additional server of the farm.
    pub each_server: Figure,
}

/// What a full update is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FullUpdate {
    /// A server that comes on-line.
    pub new_server: Figure,
    /// A server that meets another collector.
    pub server: Figure,
    /// Each of its active sessions.
    pub session: Figure,
    /// Each of its disconnected sessions.
    pub disconnected: Figure,
    /// Each of its applications.
    pub application: Figure,
    /// What goes out and comes back, in terms of what goes out.
    pub round_trip: Figure,
}

/// The formula of what the start of a server reads from the data store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreReads {
    /// In a farm of one server.
    pub first_server: Figure,
    /// For each other server of the farm.
    pub each_further: Figure,
}

/// How long a message and its answer were, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The message.
    pub transmitted: u32,
    /// The answer, if it is known.
    pub received: Option<u32>,
}

impl Figures {
    /// The filler of the message, which without it is `bare` bytes long.
    pub fn filler(&self, bare: u32) -> u16 {
        filler(bare, self.transmitted)
    }

    /// The filler of the answer, which without it is `bare` bytes long.
    pub fn answer_filler(&self, bare: u32) -> u16 {
        self.received.map_or(0, |bytes| filler(bare, bytes))
    }
}

/// The longest message that is sent, in bytes: what every host takes unless it is told to take less. Some figures grow with
/// a number that whoever reports may claim to be anything.
pub const LONGEST_MESSAGE: u32 = (1 << 16) + 16;

/// How many filler bytes make a message `bytes` long that is `bare` bytes long with none.
///
/// None if it is as long already: a figure never shortens a message. Nor does it make one longer than
/// [`LONGEST_MESSAGE`]. From 256 on the filler says its own length in one byte more, so one length in all cannot be
/// reached, and the one below it is taken.
pub const fn filler(bare: u32, bytes: u32) -> u16 {
    const LONGEST: u32 = u16::MAX as u32;
    let bytes = if bytes < LONGEST_MESSAGE { bytes } else { LONGEST_MESSAGE };
    match bytes.saturating_sub(bare) {
        missing @ 0..=255 => missing as u16,
        256 => 255,
        missing @ 257..=LONGEST => (missing - 1) as u16,
        0x1_0000.. => u16::MAX,
    }
}

impl Exchange {
    /// Its lengths.
    pub const fn figures(&self) -> Figures {
        Figures {
            transmitted: figure::bytes(&self.transmitted),
            received: match &self.received {
                Some(received) => Some(figure::bytes(received)),
                None => None,
            },
        }
    }
}

impl Profile {
    /// The table of session events that holds, with load shared across zones or not.
    pub const fn sessions(&self, sharing: bool) -> &Sessions {
        if sharing { &self.sharing } else { &self.not_sharing }
    }

    /// A server's report of itself: its first since it came on-line, or to a collector that it has newly met.
    pub fn server_update(&self, first: bool, applications: u32) -> Figures {
        let FullUpdate { new_server, server, application, .. } = &self.full_update;
        let base = figure::bytes(if first { new_server } else { server });
        // Whoever reports may claim any number of applications.
        let listed = u32::try_from(bytes_of(application, applications.into())).unwrap_or(u32::MAX);
        // What comes back is the same at a start, our guess.
        Figures {
            transmitted: base.saturating_add(listed),
            received: self.answer_to(figure::bytes(server).saturating_add(listed)),
        }
    }

    /// One session of a full update, active or disconnected.
    pub fn session_row(&self, active: bool) -> Figures {
        let row = if active { &self.full_update.session } else { &self.full_update.disconnected };
        let transmitted = figure::bytes(row);
        Figures { transmitted, received: self.answer_to(transmitted) }
    }

    const fn answer_to(&self, transmitted: u32) -> Option<u32> {
        self.full_update.round_trip.excess_over(transmitted)
    }

    /// The message by which one server of the farm hears that an application was published.
    pub const fn publishing_notice_bytes(&self) -> u32 {
        figure::bytes(&self.console.each_server)
    }

    /// The bytes that the start of a server reads from the data store of a farm of so many servers.
    pub fn store_read_bytes(&self, servers: u32) -> u64 {
        let StoreReads { first_server, each_further } = &self.store_reads;
        u64::from(figure::bytes(first_server)) + bytes_of(each_further, servers.saturating_sub(1).into())
    }

    /// Whether a change of so many bytes is broadcast. CTX114843, "Farm Communication": those under the limit are.
    pub const fn broadcasts(&self, bytes: u32) -> bool {
        bytes < figure::bytes(&self.broadcast_limit)
    }

    /// For how long a server starts from its local host cache while the data store is down; absent for ever.
    pub fn cache_grace(&self) -> Option<Span> {
        self.cache_grace.map(|grace| Span::from_millis(grace.millis().expect("the tables keep a time there")))
    }
}

/// So many times a figure, rounded once.
fn bytes_of(figure: &Figure, times: u64) -> u64 {
    figure.bytes_of(times).expect("the tables keep bytes where bytes are asked for")
}

#[cfg(test)]
mod tests;
