//! A farm boots and works, hour after hour, with nothing but heartbeats and, if asked for, so many logons a day:
//! `cargo run --release --example day -- HOSTS HOURS THREADS ZONES LOGONS`.

use std::sync::Arc;
use std::time::Instant;

use imafarm_emulator::farm::{Farm, Plan};
use imafarm_emulator::network::Link;
use imafarm_emulator::workload::{Shape, Workload};
use imafarm_proto::applications::{Catalogue, Servers};
use imafarm_proto::host_record::ZoneIndex;
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::message::{Kind, MagicNumber};
use imafarm_proto::profile::Product;
use imafarm_proto::settings::Settings;
use imafarm_proto::time::{Span, Time};
use imafarm_records::Observed;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse::<u64>().expect("a number"));
    let hosts = arguments.next().unwrap_or(10_000) as u32;
    let hours = arguments.next().unwrap_or(1);
    let threads = arguments.next().unwrap_or(1) as u32;
    let zones = arguments.next().unwrap_or(1) as u32;
    let logons = arguments.next().unwrap_or(0);
    let workload = Workload {
        logons_per_day: logons / u64::from(zones),
        session: Span::from_secs(4 * 3_600),
        session_least: Span::from_secs(60),
        disconnect_ppm: 100_000,
        reconnect_ppm: 500_000,
        disconnected: Span::from_secs(600),
        shape: Shape::constant(),
        applications: vec![0],
    };
    let mut farm = Farm::new(Plan {
        directory: Arc::new(Directory::generate(hosts, zones)),
        seed: 7,
        magic: MagicNumber(1),
        product: Product::Ps45,
        settings: Arc::new(Settings::default()),
        host_settings: Vec::new(),
        host_magic: Vec::new(),
        applications: Catalogue::new([("Desktop".into(), Servers::All)]).expect("one"),
        store: None,
        inside: Link::INSIDE,
        between: Link::BETWEEN,
        links: Vec::new(),
        workload: (0..zones).map(|zone| (ZoneIndex(zone), workload.clone())).collect(),
        wire: false,
        traced: Vec::new(),
        tap: None,
        threads,
        bound: false,
        exact_queue: false,
    });
    let all: Vec<u32> = (0..hosts).collect();
    farm.start(&all, Span::from_secs(60));
    let phase = |farm: &mut Farm, name: &str, until: Time| {
        let (clock, before) = (Instant::now(), farm.event_count());
        farm.advance(until, 0, u64::MAX);
        let (wall, events) = (clock.elapsed(), farm.event_count() - before);
        println!(
            "{name:<8} t={} wall={:.3}s events={events} ns/event={:.0} digest={}",
            farm.now(),
            wall.as_secs_f64(),
            wall.as_nanos() as f64 / events.max(1) as f64,
            farm.digest()
        );
    };
    phase(&mut farm, "boot", Time::ZERO + Span::from_secs(120));
    for hour in 1..=hours {
        let until = farm.now() + Span::from_secs(3_600);
        phase(&mut farm, &format!("hour {hour}"), until);
    }
    let tally = farm.ledger().total(Kind::Heartbeat);
    println!("heartbeats: {:?}", tally.delivered);
    println!("{:?}", farm.totals(None));
    println!("users: {:?}, {} sessions", farm.visits(None), farm.session_count(None));
    println!("memory: {} bytes", farm.memory());
    println!("conservation: {:?}", farm.check_conservation());
}
