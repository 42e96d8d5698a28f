//! What hosts say to one another.
//!
//! Each message's documentation draws its conversation: `A ->[KIND] B`. Their bytes are in [`crate::transport`].

mod updates;

use crate::host_record::HostId;
use crate::settings::WorkCosts;

pub use updates::{
    Filler, LoadUpdate, Preference, Question, Resolve, Resolved, ServerUpdate, SessionEvent, SessionUpdate, Table,
};

/// The number that says which farm a host belongs to (IMA Information, "magic number check").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MagicNumber(pub u32);

/// A message. Bodies on the wire are arrays of the fields in the order written here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// `acceptor ->[BIND_REQUEST] opener`: the acceptor speaks first and says who it is.
    BindRequest {
        /// The acceptor's farm.
        magic: MagicNumber,
        /// The acceptor.
        host: HostId,
    },
    /// `opener ->[BIND_RESPONSE] acceptor`: the opener says who it is.
    BindResponse {
        /// The opener's farm.
        magic: MagicNumber,
        /// The opener.
        host: HostId,
    },
    /// `acceptor ->[BIND_COMMIT] opener`: the binding is active on both sides.
    BindCommit,

    /// `candidate ->[ELECT_MASTER] each host ranked higher`; answered by ELECT_MASTER_ACK.
    ElectMaster {
        /// The sender's count of its own attempts, echoed in the answer.
        round: u32,
    },
    /// `higher ->[ELECT_MASTER_ACK] candidate`: leave it to me.
    ElectMasterAck {
        /// The round of the ELECT_MASTER it answers.
        round: u32,
    },
    /// `master ->[DECLARE_MASTER] everyone in the zone`, and to one host that has to be told who the master is.
    DeclareMaster {
        /// The zone's data collector.
        master: HostId,
        /// How long it has been the collector, in milliseconds: tells an incumbent from a newcomer.
        reign_ms: u32,
    },
    /// `newcomer ->[QUERY_MASTER] any host`; answered by MASTER_IS.
    QueryMaster,
    /// `any host ->[MASTER_IS] newcomer`
    MasterIs {
        /// The data collector that the sender knows, if it knows one.
        master: Option<HostId>,
    },

    /// `member ->[HEARTBEAT] collector`; answered by HEARTBEAT_ACK, and by FULL_UPDATE_REQUEST if the collector does not
    /// hold what the member last reported.
    Heartbeat {
        /// The number of the member's last report to this collector; 0 before the first.
        seq: u32,
    },
    /// `host ->[HEARTBEAT_ACK] member`
    HeartbeatAck {
        /// Whether the sender is the member's collector. If not, the member has to look for another.
        collector: bool,
    },
    /// `collector ->[IMA_PING] silent member`; answered by IMA_PING_ACK.
    ImaPing,
    /// `member ->[IMA_PING_ACK] collector`
    ImaPingAck {
        /// Whether the pinged host holds the sender for its collector.
        member: bool,
    },

    /// `member ->[SERVER_UPDATE] collector ->[SERVER_UPDATE] other zones' collectors`; answered by SERVER_UPDATE_ACK.
    /// A server is up, and its sessions follow, or it is down. What the receiver had of it is void.
    ServerUpdate(Box<ServerUpdate>),
    /// `collector ->[SERVER_UPDATE_ACK] sender`: the rows may come.
    ServerUpdateAck {
        /// The number of the report it answers.
        seq: u32,
        /// What the product sent besides.
        filler: Filler,
    },
    /// `member ->[SESSION_UPDATE] collector ->[SESSION_UPDATE] other zones' collectors`; answered by SESSION_UPDATE_ACK.
    SessionUpdate(Box<SessionUpdate>),
    /// `collector ->[SESSION_UPDATE_ACK] sender`
    SessionUpdateAck {
        /// The number of the report it answers.
        seq: u32,
        /// What the product sent besides.
        filler: Filler,
    },
    /// `member ->[LOAD_UPDATE] collector`, and on to other zones' collectors if load is shared.
    LoadUpdate(Box<LoadUpdate>),
    /// `collector ->[LOAD_REQUEST] member that was silent about its load`; answered by LOAD_UPDATE.
    LoadRequest,
    /// `collector ->[FULL_UPDATE_REQUEST] member, or another zone's collector`: send me all you have. A member answers with
    /// SERVER_UPDATE, a collector with FULL_UPDATE.
    FullUpdateRequest,
    /// `collector ->[FULL_UPDATE] another zone's collector`: what you have of my zone is void, and all I have follows.
    FullUpdate,
    /// `new collector ->[GATEWAY_UPDATE] other zones' collectors`: I speak for my zone.
    GatewayUpdate {
        /// What the product sent besides.
        filler: Filler,
    },
    /// `collector ->[GATEWAY_UPDATE_ACK] new collector`: so do I. Each then asks the other for all.
    GatewayUpdateAck {
        /// What the product sent besides.
        filler: Filler,
    },
    /// `collector ->[PEER_PING] another zone's collector`; answered by PEER_PING_ACK.
    PeerPing {
        /// What the sender holds of its zone, summed up.
        sum: u32,
    },
    /// `collector ->[PEER_PING_ACK] another zone's collector`
    PeerPingAck,
    /// `host ->[SUBSCRIBE] collector`: tell me of each change of this table, or do not any more.
    Subscribe {
        /// Which table.
        table: Table,
        /// Whether from now on, or no more.
        on: bool,
    },
    /// `collector ->[TABLE_CHANGED] subscriber`
    TableChanged {
        /// Which table.
        table: Table,
    },

    /// `host ->[RESOLVE] collector`, and `collector ->[RESOLVE] other zones' collectors` if load is not shared: which
    /// server should run this application? Answered by RESOLVED.
    Resolve(Box<Resolve>),
    /// `collector ->[RESOLVED] asker`
    Resolved(Box<Resolved>),

    /// `host ->[CONFIG_CHANGE] collector ->[CONFIG_CHANGE] its members and the other zones' collectors, they to theirs`:
    /// a directory change notification.
    ConfigChange {
        /// The change's number.
        change: u32,
        /// How long the change is, in bytes.
        bytes: u32,
        /// The change itself, and what the product sent besides.
        filler: Filler,
    },
    /// `collector ->[CONFIG_CHANGE_ACK] collector`
    ConfigChangeAck {
        /// The change's number.
        change: u32,
        /// What the product sent besides.
        filler: Filler,
    },
}

/// The kind of a message: its number on the wire and its name as IMA Information writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// BIND_REQUEST
    BindRequest = 1,
    /// BIND_RESPONSE
    BindResponse = 2,
    /// BIND_COMMIT
    BindCommit = 3,
    /// ELECT_MASTER
    ElectMaster = 16,
    /// ELECT_MASTER_ACK
    ElectMasterAck = 17,
    /// DECLARE_MASTER
    DeclareMaster = 18,
    /// QUERY_MASTER (our guess)
    QueryMaster = 19,
    /// MASTER_IS (our guess)
    MasterIs = 20,
    /// HEARTBEAT (our guess)
    Heartbeat = 32,
    /// HEARTBEAT_ACK (our guess)
    HeartbeatAck = 33,
    /// IMA_PING
    ImaPing = 34,
    /// IMA_PING_ACK (our guess)
    ImaPingAck = 35,
    /// SERVER_UPDATE (our guess)
    ServerUpdate = 48,
    /// SERVER_UPDATE_ACK (our guess)
    ServerUpdateAck = 49,
    /// SESSION_UPDATE (our guess)
    SessionUpdate = 50,
    /// SESSION_UPDATE_ACK (our guess)
    SessionUpdateAck = 51,
    /// LOAD_UPDATE (our guess)
    LoadUpdate = 52,
    /// LOAD_REQUEST (our guess)
    LoadRequest = 53,
    /// FULL_UPDATE_REQUEST (our guess)
    FullUpdateRequest = 54,
    /// GATEWAY_UPDATE (our guess)
    GatewayUpdate = 55,
    /// GATEWAY_UPDATE_ACK (our guess)
    GatewayUpdateAck = 56,
    /// PEER_PING (our guess)
    PeerPing = 57,
    /// PEER_PING_ACK (our guess)
    PeerPingAck = 58,
    /// SUBSCRIBE (our guess)
    Subscribe = 59,
    /// TABLE_CHANGED (our guess)
    TableChanged = 60,
    /// FULL_UPDATE (our guess)
    FullUpdate = 61,
    /// RESOLVE (our guess)
    Resolve = 64,
    /// RESOLVED (our guess)
    Resolved = 65,
    /// CONFIG_CHANGE (our guess)
    ConfigChange = 72,
    /// CONFIG_CHANGE_ACK (our guess)
    ConfigChangeAck = 73,
}

/// Which room of a host a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// Setting up a binding.
    Binding,
    /// Who the data collector is, and who is there.
    Zone,
    /// Servers, sessions and loads.
    Dynamic,
    /// Changes of the farm's configuration.
    Configuration,
}

impl Kind {
    /// Which room it is for: the numbers go by it.
    #[inline]
    pub const fn concern(self) -> Concern {
        match self as u8 {
            0..16 => Concern::Binding,
            16..48 => Concern::Zone,
            48..72 => Concern::Dynamic,
            72.. => Concern::Configuration,
        }
    }

    /// Every kind, in the order of their numbers.
    pub const ALL: [Kind; 30] = [
        Kind::BindRequest,
        Kind::BindResponse,
        Kind::BindCommit,
        Kind::ElectMaster,
        Kind::ElectMasterAck,
        Kind::DeclareMaster,
        Kind::QueryMaster,
        Kind::MasterIs,
        Kind::Heartbeat,
        Kind::HeartbeatAck,
        Kind::ImaPing,
        Kind::ImaPingAck,
        Kind::ServerUpdate,
        Kind::ServerUpdateAck,
        Kind::SessionUpdate,
        Kind::SessionUpdateAck,
        Kind::LoadUpdate,
        Kind::LoadRequest,
        Kind::FullUpdateRequest,
        Kind::GatewayUpdate,
        Kind::GatewayUpdateAck,
        Kind::PeerPing,
        Kind::PeerPingAck,
        Kind::Subscribe,
        Kind::TableChanged,
        Kind::FullUpdate,
        Kind::Resolve,
        Kind::Resolved,
        Kind::ConfigChange,
        Kind::ConfigChangeAck,
    ];

    /// How many kinds there are.
    pub const COUNT: usize = Kind::ALL.len();

    /// The number on the wire.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The kind with this number.
    pub fn from_number(number: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// A dense index, `0..Kind::COUNT`, for tables by kind.
    #[inline]
    pub const fn index(self) -> usize {
        match self {
            Kind::BindRequest => 0,
            Kind::BindResponse => 1,
            Kind::BindCommit => 2,
            Kind::ElectMaster => 3,
            Kind::ElectMasterAck => 4,
            Kind::DeclareMaster => 5,
            Kind::QueryMaster => 6,
            Kind::MasterIs => 7,
            Kind::Heartbeat => 8,
            Kind::HeartbeatAck => 9,
            Kind::ImaPing => 10,
            Kind::ImaPingAck => 11,
            Kind::ServerUpdate => 12,
            Kind::ServerUpdateAck => 13,
            Kind::SessionUpdate => 14,
            Kind::SessionUpdateAck => 15,
            Kind::LoadUpdate => 16,
            Kind::LoadRequest => 17,
            Kind::FullUpdateRequest => 18,
            Kind::GatewayUpdate => 19,
            Kind::GatewayUpdateAck => 20,
            Kind::PeerPing => 21,
            Kind::PeerPingAck => 22,
            Kind::Subscribe => 23,
            Kind::TableChanged => 24,
            Kind::FullUpdate => 25,
            Kind::Resolve => 26,
            Kind::Resolved => 27,
            Kind::ConfigChange => 28,
            Kind::ConfigChangeAck => 29,
        }
    }

    /// The name, as IMA Information writes such names.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::BindRequest => "BIND_REQUEST",
            Kind::BindResponse => "BIND_RESPONSE",
            Kind::BindCommit => "BIND_COMMIT",
            Kind::ElectMaster => "ELECT_MASTER",
            Kind::ElectMasterAck => "ELECT_MASTER_ACK",
            Kind::DeclareMaster => "DECLARE_MASTER",
            Kind::QueryMaster => "QUERY_MASTER",
            Kind::MasterIs => "MASTER_IS",
            Kind::Heartbeat => "HEARTBEAT",
            Kind::HeartbeatAck => "HEARTBEAT_ACK",
            Kind::ImaPing => "IMA_PING",
            Kind::ImaPingAck => "IMA_PING_ACK",
            Kind::ServerUpdate => "SERVER_UPDATE",
            Kind::ServerUpdateAck => "SERVER_UPDATE_ACK",
            Kind::SessionUpdate => "SESSION_UPDATE",
            Kind::SessionUpdateAck => "SESSION_UPDATE_ACK",
            Kind::LoadUpdate => "LOAD_UPDATE",
            Kind::LoadRequest => "LOAD_REQUEST",
            Kind::FullUpdateRequest => "FULL_UPDATE_REQUEST",
            Kind::GatewayUpdate => "GATEWAY_UPDATE",
            Kind::GatewayUpdateAck => "GATEWAY_UPDATE_ACK",
            Kind::PeerPing => "PEER_PING",
            Kind::PeerPingAck => "PEER_PING_ACK",
            Kind::Subscribe => "SUBSCRIBE",
            Kind::TableChanged => "TABLE_CHANGED",
            Kind::FullUpdate => "FULL_UPDATE",
            Kind::Resolve => "RESOLVE",
            Kind::Resolved => "RESOLVED",
            Kind::ConfigChange => "CONFIG_CHANGE",
            Kind::ConfigChangeAck => "CONFIG_CHANGE_ACK",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Message {
    /// The message's kind.
    #[inline]
    pub const fn kind(&self) -> Kind {
        match self {
            Message::BindRequest { .. } => Kind::BindRequest,
            Message::BindResponse { .. } => Kind::BindResponse,
            Message::BindCommit => Kind::BindCommit,
            Message::ElectMaster { .. } => Kind::ElectMaster,
            Message::ElectMasterAck { .. } => Kind::ElectMasterAck,
            Message::DeclareMaster { .. } => Kind::DeclareMaster,
            Message::QueryMaster => Kind::QueryMaster,
            Message::MasterIs { .. } => Kind::MasterIs,
            Message::Heartbeat { .. } => Kind::Heartbeat,
            Message::HeartbeatAck { .. } => Kind::HeartbeatAck,
            Message::ImaPing => Kind::ImaPing,
            Message::ImaPingAck { .. } => Kind::ImaPingAck,
            Message::ServerUpdate(_) => Kind::ServerUpdate,
            Message::ServerUpdateAck { .. } => Kind::ServerUpdateAck,
            Message::SessionUpdate(_) => Kind::SessionUpdate,
            Message::SessionUpdateAck { .. } => Kind::SessionUpdateAck,
            Message::LoadUpdate(_) => Kind::LoadUpdate,
            Message::LoadRequest => Kind::LoadRequest,
            Message::FullUpdateRequest => Kind::FullUpdateRequest,
            Message::FullUpdate => Kind::FullUpdate,
            Message::GatewayUpdate { .. } => Kind::GatewayUpdate,
            Message::GatewayUpdateAck { .. } => Kind::GatewayUpdateAck,
            Message::PeerPing { .. } => Kind::PeerPing,
            Message::PeerPingAck => Kind::PeerPingAck,
            Message::Subscribe { .. } => Kind::Subscribe,
            Message::TableChanged { .. } => Kind::TableChanged,
            Message::Resolve(_) => Kind::Resolve,
            Message::Resolved(_) => Kind::Resolved,
            Message::ConfigChange { .. } => Kind::ConfigChange,
            Message::ConfigChangeAck { .. } => Kind::ConfigChangeAck,
        }
    }
}

const _: () = assert!(Kind::COUNT == WorkCosts::COUNT, "each kind has a work cost: say so in settings/work_cost.rs");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{SettingSpec, Settings};
    use crate::time::Span;

    /// The list of kinds that have a cost is the list of kinds, in its order.
    #[test]
    fn every_kind_has_a_work_cost_under_its_own_name() {
        for kind in Kind::ALL {
            let mut settings = Settings::default();
            let name = format!("WorkCost{kind:?}");
            settings.set(&name, 7).expect("a setting of this kind");
            assert_eq!(SettingSpec::find(&name).expect("a setting of this kind").name, name);
            for other in Kind::ALL {
                let cost = if other == kind { Span::from_micros(7) } else { Span::ZERO };
                assert_eq!(settings.work_costs().of(other.index()), cost, "{name} on {other:?}");
            }
        }
    }

    #[test]
    fn kinds_are_dense_distinct_and_known_by_number_and_name() {
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), index);
            assert_eq!(Kind::from_number(kind.number()), Some(kind));
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
        }
        assert!(Kind::ALL.is_sorted());
        assert_eq!(Kind::from_number(0), None);
    }

    /// The emulator holds millions of messages in flight; a kind that grows this must box what it carries.
    #[test]
    fn a_message_is_two_words() {
        assert_eq!(size_of::<Message>(), 16);
    }
}
