//! What an administrator may turn, under the registry's own value names.
//!
//! Names that the registry does not have are ours; their source reads "our guess", as their defaults are.

mod work_cost;

use thiserror::Error;

use crate::profile::Profile;
use crate::time::Span;
pub use work_cost::WorkCosts;

/// The settings of one host. Hosts may differ; most share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `MaxHostAddressCacheEntries`
    pub max_host_address_cache_entries: u32,
    /// `KeepAliveInterval`
    pub keep_alive_interval: Span,
    /// `KeepAliveTimeout`
    pub keep_alive_timeout: Span,
    /// `GatewayValidationInterval`
    pub gateway_validation_interval: Span,
    /// `ElectMasterTimeout`
    pub elect_master_timeout: Span,
    /// `DeclareMasterTimeout`
    pub declare_master_timeout: Span,
    /// `ElectionTimeoutCeiling`
    pub election_timeout_ceiling: Span,
    /// `StartElection`
    pub start_election: bool,
    /// `BindTimeout`
    pub bind_timeout: Span,
    /// `MaxBindingsInProgress`; 0 stands for a third of the cache
    pub max_bindings_in_progress: u32,
    /// `MaxWaitingMessages`
    pub max_waiting_messages: u32,
    /// `MaxWaitingCalls`
    pub max_waiting_calls: u32,
    /// `ShareLoadInformation`
    pub share_load_information: bool,
    /// `LoadRequestInterval`
    pub load_request_interval: Span,
    /// `PeerPingInterval`
    pub peer_ping_interval: Span,
    /// `LoadBias`
    pub load_bias: u32,
    /// `ResolutionTimeout`
    pub resolution_timeout: Span,
    /// `DCNChangePollingInterval`
    pub dcn_change_polling_interval: Span,
    /// `PsRequired`
    pub ps_required: bool,
    /// `StartRoundTrips`
    pub start_round_trips: u32,
    /// `StartWork`
    pub start_work: Span,
    /// `ServiceStartTimeout`
    pub service_start_timeout: Span,
    work_costs: WorkCosts,
}

impl Default for Settings {
    fn default() -> Self {
        let mut settings = Settings {
            max_host_address_cache_entries: 0,
            keep_alive_interval: Span::ZERO,
            keep_alive_timeout: Span::ZERO,
            gateway_validation_interval: Span::ZERO,
            elect_master_timeout: Span::ZERO,
            declare_master_timeout: Span::ZERO,
            election_timeout_ceiling: Span::ZERO,
            start_election: false,
            bind_timeout: Span::ZERO,
            max_bindings_in_progress: 0,
            max_waiting_messages: 0,
            max_waiting_calls: 0,
            share_load_information: false,
            load_request_interval: Span::ZERO,
            peer_ping_interval: Span::ZERO,
            load_bias: 0,
            resolution_timeout: Span::ZERO,
            dcn_change_polling_interval: Span::ZERO,
            ps_required: false,
            start_round_trips: 0,
            start_work: Span::ZERO,
            service_start_timeout: Span::ZERO,
            work_costs: WorkCosts::default(),
        };
        for spec in SETTINGS {
            (spec.put)(&mut settings, spec.default);
        }
        settings
    }
}

/// One setting: its name, unit, bounds, default and where that comes from.
#[derive(Clone, Copy, Debug)]
pub struct SettingSpec {
    /// The registry's value name.
    pub name: &'static str,
    /// What the number counts: `entries`, `ms`, `us`, `messages`, `0 or 1`.
    pub unit: &'static str,
    /// The value a host has when nobody says otherwise.
    pub default: u64,
    /// The least value.
    pub min: u64,
    /// The greatest value.
    pub max: u64,
    /// Where name and default come from.
    pub source: &'static str,
    /// What it does, in a line.
    pub meaning: &'static str,
    get: fn(&Settings) -> u64,
    put: fn(&mut Settings, u64),
}

const HOUR_MS: u64 = 3_600_000;
const OUR_GUESS: &str = "our guess";

const fn millis(span: Span) -> u64 {
    span.0 / 1_000_000
}

/// Every setting, in the order in which they are listed to people.
pub const SETTINGS: &[SettingSpec] = &joined::<{ SINGLE.len() + WorkCosts::COUNT }>();

/// The settings that each have a field of their own, then one for each kind of message.
const fn joined<const COUNT: usize>() -> [SettingSpec; COUNT] {
    let mut all = [SINGLE[0]; COUNT];
    let mut place = 0;
    while place < COUNT {
        all[place] = if place < SINGLE.len() { SINGLE[place] } else { work_cost::WORK_COSTS[place - SINGLE.len()] };
        place += 1;
    }
    all
}

const SINGLE: &[SettingSpec] = &[
    SettingSpec {
        name: "MaxHostAddressCacheEntries",
        unit: "entries",
        default: 512,
        // With one entry, two hosts that call one another would each shut the other out.
        min: 2,
        max: 1 << 17,
        source: "IMA Information, \"How many connections to servers in the farm\"",
        meaning: "open bindings a host keeps, in either direction",
        get: |s| s.max_host_address_cache_entries as u64,
        put: |s, v| s.max_host_address_cache_entries = v as u32,
    },
    SettingSpec {
        name: "KeepAliveInterval",
        unit: "ms",
        default: 60_000,
        min: 10,
        max: 24 * HOUR_MS,
        source: "IMA Information, \"Communication Events\" (0xEA60)",
        meaning: "a member's heartbeat to its collector, and the silence after which a collector pings a member",
        get: |s| millis(s.keep_alive_interval),
        put: |s, v| s.keep_alive_interval = Span::from_millis(v),
    },
    SettingSpec {
        name: "KeepAliveTimeout",
        unit: "ms",
        default: 5_000,
        min: 1,
        max: HOUR_MS,
        source: OUR_GUESS,
        meaning: "how long a heartbeat or a ping may stay unanswered before its target counts as unreachable",
        get: |s| millis(s.keep_alive_timeout),
        put: |s, v| s.keep_alive_timeout = Span::from_millis(v),
    },
    SettingSpec {
        name: "GatewayValidationInterval",
        unit: "ms",
        default: 300_000,
        min: 10,
        max: 24 * HOUR_MS,
        source: "IMA Information, \"How does the ZDC keep track\"",
        meaning: "how long a collector leaves a lost peer, or (our guess) a lost member, alone before it pings it again",
        get: |s| millis(s.gateway_validation_interval),
        put: |s, v| s.gateway_validation_interval = Span::from_millis(v),
    },
    SettingSpec {
        name: "ElectMasterTimeout",
        unit: "ms",
        default: 1_000,
        min: 1,
        max: HOUR_MS,
        source: OUR_GUESS,
        meaning: "how long a candidate waits for an ELECT_MASTER_ACK before it declares itself",
        get: |s| millis(s.elect_master_timeout),
        put: |s, v| s.elect_master_timeout = Span::from_millis(v),
    },
    SettingSpec {
        name: "DeclareMasterTimeout",
        unit: "ms",
        default: 5_000,
        min: 1,
        max: HOUR_MS,
        source: OUR_GUESS,
        meaning: "how long an acknowledged candidate waits for a DECLARE_MASTER at first; doubled at each retry",
        get: |s| millis(s.declare_master_timeout),
        put: |s, v| s.declare_master_timeout = Span::from_millis(v),
    },
    SettingSpec {
        name: "ElectionTimeoutCeiling",
        unit: "ms",
        default: 120_000,
        min: 1,
        max: 24 * HOUR_MS,
        source: OUR_GUESS,
        meaning: "the most to which election time-outs grow",
        get: |s| millis(s.election_timeout_ceiling),
        put: |s, v| s.election_timeout_ceiling = Span::from_millis(v),
    },
    SettingSpec {
        name: "StartElection",
        unit: "0 or 1",
        default: 0,
        min: 0,
        max: 1,
        source: OUR_GUESS,
        meaning: "1: a host that comes on-line always elects; 0: it first asks who the collector is, and elects if it \
                  finds none or outranks it",
        get: |s| s.start_election as u64,
        put: |s, v| s.start_election = v != 0,
    },
    SettingSpec {
        name: "BindTimeout",
        unit: "ms",
        default: 5_000,
        min: 1,
        max: HOUR_MS,
        source: OUR_GUESS,
        meaning: "how long a binding may be in progress before it is given up",
        get: |s| millis(s.bind_timeout),
        put: |s, v| s.bind_timeout = Span::from_millis(v),
    },
    SettingSpec {
        name: "MaxBindingsInProgress",
        unit: "entries",
        default: 0,
        min: 0,
        max: 1 << 17,
        source: OUR_GUESS,
        meaning: "bindings in progress at once; 0: a third of MaxHostAddressCacheEntries",
        get: |s| s.max_bindings_in_progress as u64,
        put: |s, v| s.max_bindings_in_progress = v as u32,
    },
    SettingSpec {
        name: "MaxWaitingMessages",
        unit: "messages",
        default: 64,
        min: 1,
        max: 1 << 20,
        source: OUR_GUESS,
        meaning: "messages that may wait for one binding to become active",
        get: |s| s.max_waiting_messages as u64,
        put: |s, v| s.max_waiting_messages = v as u32,
    },
    SettingSpec {
        name: "MaxWaitingCalls",
        unit: "calls",
        default: 65_536,
        min: 1,
        max: 1 << 20,
        source: OUR_GUESS,
        meaning: "incoming connections that may wait for a free entry of the cache; more are refused",
        get: |s| s.max_waiting_calls as u64,
        put: |s, v| s.max_waiting_calls = v as u32,
    },
    SettingSpec {
        name: "ShareLoadInformation",
        unit: "0 or 1",
        default: 0,
        min: 0,
        max: 1,
        source: "CTX114843, \"Farm Communication\" (\"Load Share information across zones\"); the name is our guess",
        meaning: "1: collectors tell the loads of their zones' servers to all other zones' collectors",
        get: |s| s.share_load_information as u64,
        put: |s, v| s.share_load_information = v != 0,
    },
    SettingSpec {
        name: "LoadRequestInterval",
        unit: "ms",
        default: 300_000,
        min: 10,
        max: 24 * HOUR_MS,
        source: "known of the product; the name is our guess",
        meaning: "how long a member may be silent about its load before its collector asks for it",
        get: |s| millis(s.load_request_interval),
        put: |s, v| s.load_request_interval = Span::from_millis(v),
    },
    SettingSpec {
        name: "PeerPingInterval",
        unit: "ms",
        default: 60_000,
        min: 10,
        max: 24 * HOUR_MS,
        source: "known of the product; the name is our guess",
        meaning: "how often a collector pings each other zone's collector while that one answers",
        get: |s| millis(s.peer_ping_interval),
        put: |s, v| s.peer_ping_interval = Span::from_millis(v),
    },
    SettingSpec {
        name: "LoadBias",
        unit: "load",
        default: 200,
        min: 0,
        max: 10_000,
        source: OUR_GUESS,
        meaning: "what a collector adds to a server's load when it has assigned it a session, until the server reports",
        get: |s| s.load_bias as u64,
        put: |s, v| s.load_bias = v as u32,
    },
    SettingSpec {
        name: "ResolutionTimeout",
        unit: "ms",
        default: 5_000,
        min: 2,
        max: HOUR_MS,
        source: OUR_GUESS,
        meaning: "how long a host waits to be told where a session should run; its collector waits half for the others",
        get: |s| millis(s.resolution_timeout),
        put: |s, v| s.resolution_timeout = Span::from_millis(v),
    },
    SettingSpec {
        name: "DCNChangePollingInterval",
        unit: "ms",
        default: 1_800_000,
        min: 10,
        max: 24 * HOUR_MS,
        source: "known of the product (0x1B7740)",
        meaning: "how often a host reads from the data store what its local host cache has missed",
        get: |s| millis(s.dcn_change_polling_interval),
        put: |s, v| s.dcn_change_polling_interval = Span::from_millis(v),
    },
    SettingSpec {
        name: "PsRequired",
        unit: "0 or 1",
        default: 0,
        min: 0,
        max: 1,
        source: "known of the product",
        meaning: "1: the service does not start unless it reaches the data store; 0: it may start from its cache",
        get: |s| s.ps_required as u64,
        put: |s, v| s.ps_required = v != 0,
    },
    // The two are solved from what was measured on one farm: 2 ms to the data store made a start of 50 s, 100 ms one of
    // 15 minutes. 8,673 round trips and 32.653 s besides make both to the second.
    SettingSpec {
        name: "StartRoundTrips",
        unit: "round trips",
        default: 8_673,
        min: 1,
        max: 1_000_000,
        source: OUR_GUESS,
        meaning: "round trips to the data store, one after the other, that the start of a service is made of",
        get: |s| s.start_round_trips as u64,
        put: |s, v| s.start_round_trips = v as u32,
    },
    SettingSpec {
        name: "StartWork",
        unit: "ms",
        default: 32_653,
        min: 0,
        max: HOUR_MS,
        source: OUR_GUESS,
        meaning: "how long the start of a service takes besides, where the data store is given a place",
        get: |s| millis(s.start_work),
        put: |s, v| s.start_work = Span::from_millis(v),
    },
    SettingSpec {
        name: "ServiceStartTimeout",
        unit: "ms",
        default: 360_000,
        min: 1,
        max: 24 * HOUR_MS,
        source: "known of the product; the name is our guess",
        meaning: "after which time the service manager takes a service that still starts for hung",
        get: |s| millis(s.service_start_timeout),
        put: |s, v| s.service_start_timeout = Span::from_millis(v),
    },
];

/// A setting nobody can have. The caller's; the settings are as they were.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SettingError {
    /// No setting has this name.
    #[error("unknown setting {name:?}; did you mean {nearest:?}?")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The known name nearest to it.
        nearest: &'static str,
    },
    /// The value lies outside the setting's bounds.
    #[error("{name}: {value} is out of range, {min} to {max} {unit}")]
    OutOfRange {
        /// Which setting.
        name: &'static str,
        /// What was asked for.
        value: i128,
        /// The least value.
        min: u64,
        /// The greatest value.
        max: u64,
        /// What the number counts.
        unit: &'static str,
    },
}

impl SettingSpec {
    /// The setting of this name, or an error that offers the nearest one. Case does not matter, as in the registry.
    pub fn find(name: &str) -> Result<&'static SettingSpec, SettingError> {
        SETTINGS.iter().find(|spec| spec.name.eq_ignore_ascii_case(name)).ok_or_else(|| SettingError::Unknown {
            name: name.to_owned(),
            nearest: nearest_name(name, SETTINGS.iter().map(|spec| spec.name)),
        })
    }

    /// The value that `settings` hold.
    pub fn of(&self, settings: &Settings) -> u64 {
        (self.get)(settings)
    }
}

impl Settings {
    /// The settings that hosts of a product have when nobody says otherwise.
    pub fn of(profile: &Profile) -> Settings {
        let mut settings = Settings::default();
        for &(name, value) in profile.setting_defaults {
            settings.set(name, value.into()).expect("the tables name settings that are, in range");
        }
        settings
    }

    /// Turns one setting.
    ///
    /// Errors: [`SettingError`], for an unknown name or a value out of range; nothing has changed then.
    pub fn set(&mut self, name: &str, value: i128) -> Result<(), SettingError> {
        let spec = SettingSpec::find(name)?;
        match u64::try_from(value) {
            Ok(v) if (spec.min..=spec.max).contains(&v) => {
                (spec.put)(self, v);
                Ok(())
            }
            Ok(_) | Err(_) => {
                Err(SettingError::OutOfRange { name: spec.name, value, min: spec.min, max: spec.max, unit: spec.unit })
            }
        }
    }
}

/// The candidate most like `name`.
fn nearest_name(name: &str, candidates: impl Iterator<Item = &'static str>) -> &'static str {
    let asked = name.to_ascii_lowercase();
    candidates
        .max_by(|a, b| {
            let like = |c: &str| strsim::jaro_winkler(&asked, &c.to_ascii_lowercase());
            like(a).total_cmp(&like(b))
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// IMA Information: 512 open connections, 60000 ms between heartbeats, and 5 minutes until a lost peer is tried again.
    #[test]
    fn the_published_defaults_hold() {
        let settings = Settings::default();
        assert_eq!(settings.max_host_address_cache_entries, 512);
        assert_eq!(settings.keep_alive_interval, Span::from_millis(0xEA60));
        assert_eq!(settings.gateway_validation_interval, Span::from_secs(5 * 60));
    }

    /// IMA Information, "Detailed Election Process", step 4, of the election's time-out: configurable, as all here is.
    #[test]
    fn every_setting_goes_in_and_comes_out() {
        for spec in SETTINGS {
            let mut settings = Settings::default();
            assert_eq!(spec.of(&settings), spec.default, "{}", spec.name);
            for value in [spec.min, spec.max] {
                settings.set(spec.name, value as i128).expect(spec.name);
                assert_eq!(spec.of(&settings), value, "{}", spec.name);
            }
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest() {
        let refused = Settings::default().set("MaxHostAdressCacheEntry", 1);
        assert_eq!(
            refused.expect_err("unknown").to_string(),
            r#"unknown setting "MaxHostAdressCacheEntry"; did you mean "MaxHostAddressCacheEntries"?"#
        );
    }

    #[test]
    fn values_out_of_range_change_nothing() {
        let mut settings = Settings::default();
        for value in [0, -1, i128::MAX] {
            let refused = settings.set("maxhostaddresscacheentries", value).expect_err("out of range");
            assert!(matches!(refused, SettingError::OutOfRange { name: "MaxHostAddressCacheEntries", .. }));
        }
        assert_eq!(settings, Settings::default());
    }
}
