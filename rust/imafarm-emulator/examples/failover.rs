//! A zone boots, loses its collector and elects another: `cargo run --release --example failover -- HOSTS ENTRIES
//! THREADS EXACT`.

use std::sync::Arc;
use std::time::Instant;

use imafarm_emulator::farm::{Farm, Plan};
use imafarm_emulator::network::Link;
use imafarm_proto::applications::Catalogue;
use imafarm_proto::host_record::{HostId, HostRecord, Preference};
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::message::{Kind, MagicNumber};
use imafarm_proto::profile::Product;
use imafarm_proto::settings::Settings;
use imafarm_proto::time::{Span, Time};
use imafarm_records::chronicle::What;
use imafarm_records::{Commanded, Observed};

fn main() {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse::<u64>().expect("a number"));
    let hosts = arguments.next().unwrap_or(1_000);
    let entries = arguments.next().unwrap_or(512);
    let threads = arguments.next().unwrap_or(1) as u32;
    let zone: Arc<str> = "Z1".into();
    let records = (1..=hosts).map(|id| {
        let mut record = HostRecord::new(&format!("H{id}"), Arc::clone(&zone), HostId::new(id).expect("from 1"));
        if id == 1 {
            record.preference = Preference::MostPreferred;
        }
        record
    });
    let mut settings = Settings::default();
    settings.set("MaxHostAddressCacheEntries", entries.into()).expect("in range");
    let mut farm = Farm::new(Plan {
        directory: Arc::new(Directory::new(records.collect()).expect("distinct hosts")),
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
        exact_queue: arguments.next().is_some_and(|exact| exact != 0),
        traced: Vec::new(),
        tap: None,
        threads,
        bound: false,
    });
    let all: Vec<u32> = (0..hosts as u32).collect();
    farm.start(&all, Span::from_secs(60));
    let clock = Instant::now();
    let phase = |farm: &mut Farm, name: &str, until: Time, wake_on: u32| {
        while farm.now() < until && farm.advance(until, wake_on, u64::MAX) != imafarm_emulator::farm::Pace::Woken {}
        println!(
            "{name:<10} t={} wall={:.2}s events={} agreed={:?} digest={}",
            farm.now(),
            clock.elapsed().as_secs_f64(),
            farm.event_count(),
            farm.chronicle().agreed(0),
            farm.digest()
        );
    };
    phase(&mut farm, "boot", Time::ZERO + Span::from_secs(120), 0);
    let master = farm.chronicle().agreed(0).expect("a collector");
    farm.crash(&[master]);
    let until = farm.now() + Span::from_secs(300);
    phase(&mut farm, "failover", until, What::ZoneAgreed.class());
    for kind in Kind::ALL {
        let tally = farm.ledger().total(kind);
        println!("{:<18} {:?} {:?} {:?}", kind.name(), tally.sent, tally.delivered, tally.dropped);
    }
    println!("{:?}", farm.totals(None));
    for election in farm.chronicle().elections().iter().rev().take(3) {
        println!("{election:?}");
    }
    println!("conservation: {:?}", farm.check_conservation());
}
