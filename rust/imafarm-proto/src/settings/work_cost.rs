//! What it costs a host to handle a message, by kind: one setting for each.
//!
//! IMA Information has nothing to say about it, and CTX114843 only that replicating to many puts a load on a collector
//! ("Initial Boot"). That a message takes a fixed time by its kind is our guess, and nothing unless somebody says so.

use crate::time::Span;

use super::{OUR_GUESS, SettingSpec, Settings};

/// The costs of all kinds of messages, in microseconds, by the kind's dense index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkCosts {
    micros: [u32; WorkCosts::COUNT],
}

/// The longest that a message may take. Our guess.
const MOST_MICROS: u64 = 3_600_000_000;

macro_rules! work_costs {
    ($($kind:ident)*) => {
        /// The kinds, in the order of their dense indices. `message` holds this list to its own.
        #[derive(Clone, Copy)]
        enum Place { $($kind),* }

        impl WorkCosts {
            /// How many kinds there are.
            pub const COUNT: usize = [$(Place::$kind),*].len();
        }

        /// One setting for each kind of message.
        pub(super) const WORK_COSTS: [SettingSpec; WorkCosts::COUNT] = [$(SettingSpec {
            name: concat!("WorkCost", stringify!($kind)),
            unit: "us",
            default: 0,
            min: 0,
            max: MOST_MICROS,
            source: OUR_GUESS,
            meaning: "how long a host works on a message of this kind, one message after the other; 0: no time",
            get: |s| s.work_costs.micros[Place::$kind as usize].into(),
            put: |s, v| s.work_costs.micros[Place::$kind as usize] = v as u32,
        }),*];
    };
}

work_costs! {
    BindRequest BindResponse BindCommit
    ElectMaster ElectMasterAck DeclareMaster QueryMaster MasterIs
    Heartbeat HeartbeatAck ImaPing ImaPingAck
    ServerUpdate ServerUpdateAck SessionUpdate SessionUpdateAck LoadUpdate LoadRequest
    FullUpdateRequest GatewayUpdate GatewayUpdateAck PeerPing PeerPingAck Subscribe
    TableChanged FullUpdate Resolve Resolved ConfigChange ConfigChangeAck
}

impl WorkCosts {
    /// Whether every message is handled in no time.
    pub fn are_none(&self) -> bool {
        self.micros.iter().all(|&micros| micros == 0)
    }

    /// How long a host works on a message of the kind with this dense index.
    #[inline]
    pub const fn of(&self, kind: usize) -> Span {
        Span::from_micros(self.micros[kind] as u64)
    }
}

impl Settings {
    /// What handling messages costs.
    pub const fn work_costs(&self) -> &WorkCosts {
        &self.work_costs
    }
}
