//! What every test here needs: a farm of few hosts, and words to drive it.

use std::sync::Arc;

use imafarm_emulator::farm::{Farm, Plan};
use imafarm_emulator::network::Link;
use imafarm_proto::applications::Catalogue;
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::message::{Kind, MagicNumber};
use imafarm_proto::profile::Product;
use imafarm_proto::settings::Settings;
use imafarm_proto::time::{Span, Time};
use imafarm_records::{Commanded, Observed};

/// The defaults, with these turned.
pub fn settings(turned: &[(&str, u64)]) -> Arc<Settings> {
    let mut settings = Settings::default();
    for &(name, value) in turned {
        settings.set(name, value.into()).expect("a setting of the table, in range");
    }
    Arc::new(settings)
}

/// A farm of generated hosts: the first of each zone is Most Preferred, and ids grow with the index. All is traced.
pub fn plan(hosts: u32, zones: u32, turned: &[(&str, u64)]) -> Plan {
    Plan {
        directory: Arc::new(Directory::generate(hosts, zones)),
        seed: 7,
        magic: MagicNumber(0xFA12),
        product: Product::Ps45,
        host_magic: Vec::new(),
        settings: settings(turned),
        host_settings: Vec::new(),
        applications: Catalogue::default(),
        store: None,
        inside: Link::INSIDE,
        between: Link::BETWEEN,
        links: Vec::new(),
        workload: Vec::new(),
        wire: false,
        traced: Kind::ALL.to_vec(),
        tap: None,
        threads: 1,
        bound: false,
        exact_queue: false,
    }
}

/// All hosts of a farm, by index.
pub fn all(farm: &Farm) -> Vec<u32> {
    (0..farm.directory().len() as u32).collect()
}

/// More events than any stretch of time of a farm here has: beyond it, hosts talk in a circle.
const CIRCLE: u64 = 1_000_000;

/// Goes on for `span`.
pub fn run(farm: &mut Farm, span: Span) {
    let until = farm.now() + span;
    farm.advance(until, 0, CIRCLE);
    assert_eq!(farm.now(), until, "{CIRCLE} events have not led there");
}

/// A farm of one zone that has booted and agrees on host 0, which is Most Preferred.
pub fn booted(hosts: u32, turned: &[(&str, u64)]) -> Farm {
    let mut farm = Farm::new(plan(hosts, 1, turned));
    farm.start(&all(&farm), Span::ZERO);
    run(&mut farm, Span::from_secs(30));
    assert_eq!(farm.chronicle().agreed(0), Some(0), "the preferred host is the collector");
    farm.take_events();
    farm
}

/// How often a kind was delivered in the half-open stretch of time `from..`, by (source, target).
pub fn delivered(farm: &Farm, kind: Kind, from: Time) -> Vec<(u32, u32)> {
    let recent = farm.trace().iter().filter(|record| record.kind == kind && record.time >= from);
    recent.map(|record| (record.source, record.target)).collect()
}
