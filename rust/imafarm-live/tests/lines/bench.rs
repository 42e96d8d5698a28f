//! What every test here needs: what a farm is made of, and numbers that look random and are not.

use std::ops::RangeInclusive;
use std::sync::Arc;

use imafarm_live::farm::{LiveFarm, Plan};
use imafarm_proto::applications::{Catalogue, Servers};
use imafarm_proto::host_record::HostId;
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::message::MagicNumber;
use imafarm_proto::profile::Product;
use imafarm_proto::settings::Settings;
use imafarm_proto::time::Span;
use imafarm_proto::transport::seal::{FarmKey, Keyring};

pub const MAGIC: MagicNumber = MagicNumber(0xFA12);
/// Long enough for a collector to find a member silent, lose it and look for it again.
pub const WHILE: Span = Span::from_secs(600);

/// The defaults, with these turned.
pub fn settings(turned: &[(&str, u64)]) -> Arc<Settings> {
    let mut settings = Settings::default();
    for &(name, value) in turned {
        settings.set(name, value.into()).expect("a setting of the table, in range");
    }
    Arc::new(settings)
}

/// A farm without a key, which begins with one application.
pub fn plan(directory: &Arc<Directory>, turned: &[(&str, u64)]) -> Plan {
    Plan {
        directory: Arc::clone(directory),
        seed: 7,
        magic: MAGIC,
        host_magic: Vec::new(),
        product: Product::Ps45,
        settings: settings(turned),
        host_settings: Vec::new(),
        applications: Catalogue::new([("Mail".into(), Servers::All)]).expect("one application"),
        latest_change: 0,
        keyring: None,
        entropy: [7; 32],
    }
}

/// One of several processes of a farm: each draws challenges of its own.
pub fn part(plan: &Plan, number: u8, keyring: Option<Keyring>) -> LiveFarm {
    LiveFarm::new(Plan { keyring, entropy: [number; 32], ..plan.clone() })
}

pub fn key(number: u8) -> FarmKey {
    FarmKey::new([number; 32])
}

/// A host that speaks under the first of these keys.
pub fn ring(spoken: u8, accepted: Option<u8>) -> Option<Keyring> {
    Some(Keyring { spoken: key(spoken), accepted: accepted.map(key) })
}

pub fn id(number: u64) -> HostId {
    HostId::new(number).expect("not 0, and small")
}

/// Numbers that follow from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Draw(pub u64);

impl Draw {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ word >> 31
    }

    pub fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        range.start() + self.next() % (range.end() - range.start() + 1)
    }

    /// Whether something happens that happens so many times in a thousand.
    pub fn happens(&mut self, per_mille: u64) -> bool {
        self.within(1..=1_000) <= per_mille
    }
}
