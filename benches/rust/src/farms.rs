//! Farms in virtual time: one zone, one seed, and how far they are taken.

use std::sync::Arc;

use imafarm_emulator::farm::{Farm, Pace, Plan};
use imafarm_emulator::network::Link;
use imafarm_proto::applications::Catalogue;
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::message::MagicNumber;
use imafarm_proto::profile::Product;
use imafarm_proto::settings::Settings;
use imafarm_proto::time::{Span, Time};
use imafarm_records::chronicle::What;
use imafarm_records::{Commanded, Observed};

/// Within this time after the first start every host of a farm has bound and knows its collector.
const BOOT: Span = Span::from_secs(120);

/// A zone of so many hosts, all off, each with a connection cache of `entries`.
pub fn zone(hosts: u32, entries: u32) -> Farm {
    let mut settings = Settings::default();
    settings.set("MaxHostAddressCacheEntries", entries.into()).expect("in range");
    Farm::new(Plan {
        directory: Arc::new(Directory::generate(hosts, 1)),
        seed: 7,
        magic: MagicNumber(1),
        product: Product::Ps45,
        settings: Arc::new(settings),
        host_settings: Vec::new(),
        host_magic: Vec::new(),
        applications: Catalogue::default(),
        store: None,
        inside: Link::INSIDE,
        between: Link::BETWEEN,
        links: Vec::new(),
        workload: Vec::new(),
        wire: false,
        exact_queue: false,
        bound: false,
        traced: Vec::new(),
        tap: None,
        threads: 1,
    })
}

/// Starts every host within a minute, and goes on until all have been at rest for some time.
pub fn boot(farm: &mut Farm) {
    let hosts: Vec<u32> = (0..farm.host_count()).collect();
    farm.start(&hosts, Span::from_secs(60));
    farm.advance(Time::ZERO + BOOT, 0, u64::MAX);
    assert!(farm.chronicle().agreed(0).is_some(), "a zone without a collector");
}

/// A zone that has booted.
pub fn booted(hosts: u32, entries: u32) -> Farm {
    let mut farm = zone(hosts, entries);
    boot(&mut farm);
    farm
}

/// The zone's collector crashes; goes on until all hosts agree on another.
pub fn fail_over(farm: &mut Farm) {
    let old = farm.chronicle().agreed(0).expect("a collector");
    farm.crash(&[old]);
    let until = farm.now() + Span::from_secs(300);
    while farm.advance(until, What::ZoneAgreed.class(), u64::MAX) == Pace::Busy {}
    assert!(farm.chronicle().agreed(0).is_some_and(|new| new != old), "no other collector");
}

/// An hour in which nothing happens but heartbeats.
pub fn hour(farm: &mut Farm) {
    let until = farm.now() + Span::from_secs(3_600);
    farm.advance(until, 0, u64::MAX);
}
