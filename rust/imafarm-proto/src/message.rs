//! What hosts say to one another.
//!
//! Each message's documentation draws its conversation: `A ->[KIND] B`. Their bytes are in [`crate::transport`].

use crate::host_record::HostId;

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

    /// `member ->[HEARTBEAT] collector`; answered by HEARTBEAT_ACK.
    Heartbeat,
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
}

impl Kind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Kind; 12] = [
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
            Message::Heartbeat => Kind::Heartbeat,
            Message::HeartbeatAck { .. } => Kind::HeartbeatAck,
            Message::ImaPing => Kind::ImaPing,
            Message::ImaPingAck { .. } => Kind::ImaPingAck,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
