//! The engine's share of a round trip: a HEARTBEAT from a member to its collector and the answer back, through both of
//! their stations, without a network.

use core::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use imafarm_live::act::{Act, Conn, Wish};
use imafarm_live::farm::{LiveFarm, Plan};
use imafarm_proto::applications::Catalogue;
use imafarm_proto::host_record::HostId;
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::message::{Kind, MagicNumber, Message};
use imafarm_proto::outbox::Consult;
use imafarm_proto::profile::Product;
use imafarm_proto::settings::Settings;
use imafarm_proto::time::{Span, Time};
use imafarm_proto::transport::seal::{FarmKey, Keyring};
use imafarm_records::{Commanded, Observed};

const COLLECTOR: u32 = 0;
const MEMBER: u32 = 1;
/// Between two heartbeats of the member.
const APART: Span = Span::from_millis(10);

/// A collector and its member, each in a farm object of its own, and the one connection between them.
struct Two {
    farms: [LiveFarm; 2],
    conns: [Conn; 2],
    now: Time,
}

impl Two {
    fn bound(keyring: Option<Keyring>) -> Two {
        let mut settings = Settings::default();
        let day = 24 * 3_600_000;
        for (name, value) in
            [("KeepAliveInterval", 10), ("DCNChangePollingInterval", day), ("LoadRequestInterval", day)]
        {
            settings.set(name, value).expect("a setting of the table, in range");
        }
        let plan = Plan {
            directory: Arc::new(Directory::generate(2, 1)),
            seed: 7,
            magic: MagicNumber(0xFA12),
            host_magic: Vec::new(),
            product: Product::Ps45,
            settings: Arc::new(settings),
            host_settings: Vec::new(),
            applications: Catalogue::default(),
            latest_change: 0,
            keyring,
            entropy: [0; 32],
        };
        let member = LiveFarm::new(Plan { entropy: [1; 32], ..plan.clone() });
        let mut two = Two { farms: [LiveFarm::new(plan), member], conns: [Conn(0); 2], now: Time::ZERO };
        for host in [COLLECTOR, MEMBER] {
            two.farms[host as usize].start(&[host]);
            two.settle();
            two.now += Span::from_secs(10);
            two.farms.iter_mut().for_each(|farm| farm.advance(two.now));
            two.settle();
        }
        assert_eq!(two.farms[1].host(MEMBER).0.master().map(|host| host.0), Some(COLLECTOR));
        two
    }

    /// Carries all that hosts want, until they want nothing.
    fn settle(&mut self) {
        loop {
            let acts: Vec<(usize, Act)> = (0..2)
                .flat_map(|place| self.farms[place].take_acts().into_iter().map(move |act| (place, act)))
                .collect();
            if acts.is_empty() {
                return;
            }
            for (place, Act { host, what }) in acts {
                match what {
                    Wish::Consult(ticket, Consult::Start { .. }) => {
                        self.farms[place].answered(host, ticket, 0, 0, self.now);
                    }
                    Wish::Open { conn, to } if self.farms[to as usize].runs(to) => {
                        self.conns[place] = conn;
                        self.conns[1 - place] = self.farms[1 - place].incoming(to, None, self.now);
                    }
                    Wish::Open { conn, .. } => {
                        self.farms[place].ended(conn, imafarm_live::act::End::Refused, self.now);
                    }
                    Wish::Write(_, bytes) => {
                        self.farms[1 - place].receive(self.conns[1 - place], &bytes, self.now);
                    }
                    Wish::Accept(_) | Wish::Bound(..) | Wish::Heard(_) | Wish::Started => {}
                    Wish::Refuse(_) | Wish::Close(_) | Wish::Abort(..) | Wish::Consult(..) | Wish::Stopped => {
                        panic!("{what:?} is not expected of two hosts alone")
                    }
                }
            }
        }
    }

    /// The member's next heartbeat, there and back.
    fn heartbeat(&mut self) {
        self.now += APART;
        let [collector, member] = &mut self.farms;
        member.advance(self.now);
        for Act { what, .. } in member.take_acts() {
            if let Wish::Write(_, bytes) = what {
                collector.receive(self.conns[0], &bytes, self.now);
            }
        }
        for Act { what, .. } in collector.take_acts() {
            if let Wish::Write(_, bytes) = what {
                member.receive(self.conns[1], &bytes, self.now);
            }
        }
    }
}

fn round_trip(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("heartbeat, there and back");
    let keyring = || Keyring { spoken: FarmKey::new([9; 32]), accepted: None };
    for (name, keyring) in [("unsealed", None), ("sealed", Some(keyring()))] {
        let mut two = Two::bound(keyring);
        let answered = |two: &Two| two.farms[1].ledger().total(Kind::HeartbeatAck).delivered.messages;
        let (before, beats) = (answered(&two), 1_000);
        (0..beats).for_each(|_| two.heartbeat());
        assert_eq!(answered(&two) - before, beats, "each is answered");
        group.bench_function(name, |b| b.iter(|| black_box(&mut two).heartbeat()));
    }
    group.finish();
}

/// What a farm object does about a connection of a stranger, from the call to its first wrong frame.
fn stranger(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a stranger, called to dropped");
    let mut wrong = Vec::new();
    Message::BindResponse { magic: MagicNumber(0xBAD), host: HostId::new(2).expect("not 0") }.encode(&mut wrong);
    for (name, bytes) in [("babbles", &b"GET / HTTP/1.1\r\n\r\n"[..]), ("of another farm", &wrong)] {
        let mut two = Two::bound(None);
        let farm = &mut two.farms[0];
        farm.take_acts();
        farm.keep_events(0);
        group.bench_with_input(BenchmarkId::from_parameter(name), bytes, |b, bytes| {
            b.iter(|| {
                let conn = farm.incoming(COLLECTOR, None, two.now);
                farm.receive(conn, black_box(bytes), two.now);
                farm.take_acts()
            });
        });
        assert_eq!(farm.connections(), 1, "the member's");
    }
    group.finish();
}

criterion_group!(benches, round_trip, stranger);
criterion_main!(benches);
