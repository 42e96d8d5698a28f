//! A storm by itself: a zone that is all bound loses its collector, and the lowest-ranked host begins an election.
//! `cargo run --release --example storm -- HOSTS THREADS EXACT`; EXACT is 1 to let every message be an event.

use std::sync::Arc;
use std::time::Instant;

use imafarm_emulator::farm::{Farm, Pace, Plan};
use imafarm_emulator::network::Link;
use imafarm_proto::applications::Catalogue;
use imafarm_proto::host_record::{HostIndex, ZoneIndex};
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::message::{Kind, MagicNumber};
use imafarm_proto::profile::Product;
use imafarm_proto::settings::Settings;
use imafarm_proto::time::Span;
use imafarm_records::chronicle::What;
use imafarm_records::{Commanded, Observed};

/// The kinds of which a storm is made.
const KINDS: [Kind; 3] = [Kind::ElectMaster, Kind::ElectMasterAck, Kind::DeclareMaster];

fn sent(farm: &Farm) -> [u64; 3] {
    let ledger = farm.ledger();
    KINDS.map(|kind| ledger.total(kind).sent.messages)
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse::<u32>().expect("a number"));
    let hosts = arguments.next().unwrap_or(1_000);
    let threads = arguments.next().unwrap_or(1);
    let exact_queue = arguments.next().unwrap_or(0) != 0;
    let mut settings = Settings::default();
    settings.set("MaxHostAddressCacheEntries", hosts.max(2).into()).expect("in range");
    let directory = Arc::new(Directory::generate(hosts, 1));
    let mut farm = Farm::new(Plan {
        directory: Arc::clone(&directory),
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
        traced: Vec::new(),
        tap: None,
        threads,
        bound: true,
        exact_queue,
    });
    let all: Vec<u32> = (0..hosts).collect();
    let clock = Instant::now();
    farm.start(&all, Span::ZERO);
    let until = farm.now() + Span::from_secs(30);
    while farm.advance(until, 0, u64::MAX) != Pace::Arrived {}
    println!("boot: {:.3} s, {} events", clock.elapsed().as_secs_f64(), farm.event_count());

    let order = directory.zone_hosts(ZoneIndex(0));
    let (HostIndex(lowest), HostIndex(highest)) = (order[0], order[order.len() - 1]);
    assert_eq!(farm.chronicle().agreed(0), Some(highest), "the highest-ranked host is the collector");
    let before = sent(&farm);
    farm.crash(&[highest]);
    let clock = Instant::now();
    farm.elect(lowest);
    let until = farm.now() + Span::from_secs(10);
    while farm.advance(until, What::ZoneAgreed.class(), u64::MAX) == Pace::Busy {}
    let seconds = clock.elapsed().as_secs_f64();

    let counts = sent(&farm);
    let mut messages = 0;
    for (place, kind) in KINDS.into_iter().enumerate() {
        let count = counts[place] - before[place];
        messages += count;
        println!("{:<18} {count}", kind.name());
    }
    let nanoseconds = seconds * 1e9 / messages as f64;
    let bytes = farm.memory() >> 20;
    println!("{messages} messages in {seconds:.4} s, {nanoseconds:.2} ns each; {bytes} MiB held at the end");
    println!("agreed on {:?} at {}, digest {}", farm.chronicle().agreed(0), farm.now(), farm.digest());
    println!("conservation: {:?}", farm.check_conservation());
}
