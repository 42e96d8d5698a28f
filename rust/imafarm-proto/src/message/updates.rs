//! What the longer messages carry, boxed: a message itself is two words.

use crate::host_record::{HostId, ZoneIndex};

/// So many bytes, all zero: what the product sent beyond the fields that are known. It makes a message as long as the
/// product's was, and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Filler(pub u16);

/// A server of the zone, as it registers with its collector or goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUpdate {
    /// The server.
    pub server: HostId,
    /// The server's count of its own reports.
    pub seq: u32,
    /// Whether it runs.
    pub up: bool,
    /// Its load; absent towards zones with which load is not shared.
    pub load: Option<u32>,
    /// How many active sessions follow, a SESSION_UPDATE each.
    pub sessions: u32,
    /// How many disconnected sessions follow them.
    pub disconnected: u32,
    /// How many applications it publishes.
    pub applications: u32,
    /// What the product sent besides.
    pub filler: Filler,
}

/// What has happened to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SessionEvent {
    /// Nothing: it is one of those that a full update tells of, and active.
    Present = 0,
    /// The same, and disconnected.
    PresentDisconnected = 1,
    /// A user has logged on.
    Connect = 2,
    /// The user is gone, the session stays.
    Disconnect = 3,
    /// The user is back.
    Reconnect = 4,
    /// The session has ended.
    Logoff = 5,
}

impl SessionEvent {
    /// Every event, by number.
    pub const ALL: [SessionEvent; 6] = [
        SessionEvent::Present,
        SessionEvent::PresentDisconnected,
        SessionEvent::Connect,
        SessionEvent::Disconnect,
        SessionEvent::Reconnect,
        SessionEvent::Logoff,
    ];

    /// One lower-case word.
    pub const fn name(self) -> &'static str {
        match self {
            SessionEvent::Present => "present",
            SessionEvent::PresentDisconnected => "disconnected",
            SessionEvent::Connect => "connect",
            SessionEvent::Disconnect => "disconnect",
            SessionEvent::Reconnect => "reconnect",
            SessionEvent::Logoff => "logoff",
        }
    }
}

/// One event of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionUpdate {
    /// The server on which it runs.
    pub server: HostId,
    /// The server's count of its own reports.
    pub seq: u32,
    /// What has happened.
    pub event: SessionEvent,
    /// The server's number of the session.
    pub session: u32,
    /// Whose it is.
    pub user: u32,
    /// Which application it runs.
    pub app: u32,
    /// The server's load after it; absent towards zones with which load is not shared.
    pub load: Option<u32>,
    /// What the product sent besides.
    pub filler: Filler,
}

/// A server's load has changed, or was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadUpdate {
    /// The server.
    pub server: HostId,
    /// The number of the server's last report: a load older than that is void.
    pub seq: u32,
    /// The load.
    pub load: u32,
}

/// Zones in which a session should rather run, the best first: [`Preference::MOST`] at most, told by their places among the
/// farm's zones. Each takes 16 bits, the first the lowest, and holds the place and one; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preference(pub u64);

impl Preference {
    /// Any zone is as good as another.
    pub const NONE: Preference = Preference(0);
    /// How many zones can be named. Our guess: no more than five zones are advised, and the last need not be named.
    pub const MOST: usize = 4;

    /// These zones in this order; `None` if they are too many, or one has a place beyond what 16 bits hold.
    pub fn of(zones: &[ZoneIndex]) -> Option<Preference> {
        if zones.len() > Preference::MOST {
            return None;
        }
        zones.iter().rev().try_fold(Preference::NONE, |rest, zone| {
            let place = u16::try_from(zone.0).ok()?.checked_add(1)?;
            Some(Preference(rest.0 << 16 | u64::from(place)))
        })
    }

    /// The zones, the best first.
    pub fn zones(self) -> impl Iterator<Item = ZoneIndex> {
        let places = (0..Preference::MOST).map(move |at| (self.0 >> (16 * at)) as u16);
        places.filter_map(|place| place.checked_sub(1)).map(|place| ZoneIndex(place.into()))
    }
}

/// A question as its asker puts it: which server should run this application?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The asker's number of it.
    pub request: u32,
    /// The application.
    pub app: u32,
    /// Where it should rather run.
    pub preference: Preference,
}

/// A question under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    /// The asker's number of the question.
    pub request: u32,
    /// The application.
    pub app: u32,
    /// Where it should rather run.
    pub preference: Preference,
    /// Whether a collector asks, for a member of its own.
    pub relayed: bool,
}

/// Where an application should run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The asker's number of the question.
    pub request: u32,
    /// The least loaded server; absent if none can take a session.
    pub server: Option<HostId>,
    /// Its load.
    pub load: u32,
}

/// A table of the dynamic store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// `Conn_Sessions`
    Sessions = 0,
    /// The servers and whether they are up (our guess at its name: `Server_State`).
    Servers = 1,
    /// The servers' loads (our guess at its name: `Server_Load`).
    Load = 2,
}

impl Table {
    /// Every table, by number.
    pub const ALL: [Table; 3] = [Table::Sessions, Table::Servers, Table::Load];

    /// The name under which it is asked for.
    pub const fn name(self) -> &'static str {
        match self {
            Table::Sessions => "Conn_Sessions",
            Table::Servers => "Server_State",
            Table::Load => "Server_Load",
        }
    }

    /// The table of this name; case does not matter.
    pub fn from_name(name: &str) -> Option<Table> {
        Table::ALL.into_iter().find(|table| table.name().eq_ignore_ascii_case(name))
    }
}
