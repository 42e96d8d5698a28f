//! The farm as a whole: its hosts, their power, and what can be done to it; `questions` is what can be asked of it.
//!
//! Commands act at the present moment. What follows from them is seen by [`Farm::advance`].

mod questions;

use std::sync::Arc;

use imafarm_proto::applications::Catalogue;
use imafarm_proto::dice::{Dice, Purpose};
use imafarm_proto::host::Host;
use imafarm_proto::host_record::{HostIndex, ZoneIndex};
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::input::Input;
use imafarm_proto::message::{Kind, MagicNumber, Preference};
use imafarm_proto::profile::Product;
use imafarm_proto::settings::Settings;
use imafarm_proto::time::{Span, Time};
use imafarm_records::chronicle::{Chronicle, FarmEvent, What};
use imafarm_records::commanded::{Commanded, Publication};
use imafarm_records::ledger::Ledger;
use imafarm_records::totals::{Power, Visits};
use thiserror::Error;

use crate::event::{Event, HOSTS_MAX, PostOffice, Sack};
use crate::letter::{Letter, Parcel};
use crate::network::{EndRef, Link, Network, Pipes};
use crate::prefetch::Lines;
use crate::record::Record;
use crate::schedule::Schedule;
use crate::seat::Seat;
use crate::shard::{Shard, Share};
use crate::store_link::{StoreLink, StorePlan};
use crate::storm::{Desk, OpenFans, Scratch};
use crate::tap::{Tap, TapPlan, Taped};
use crate::users::Users;
use crate::workload::Workload;
use crate::world::World;

pub use crate::world::TraceRecord;

/// How far [`Farm::advance`] went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// All the way.
    Arrived,
    /// Something happened that the caller wanted to know.
    Woken,
    /// As many events were handled as the caller allowed.
    Busy,
}

/// What a farm is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who is in it.
    pub directory: Arc<Directory>,
    /// Everything random follows from this.
    pub seed: u64,
    /// The farm's number.
    pub magic: MagicNumber,
    /// Whose figures its hosts go by.
    pub product: Product,
    /// The numbers of hosts that have another.
    pub host_magic: Vec<(HostIndex, MagicNumber)>,
    /// The settings of most hosts.
    pub settings: Arc<Settings>,
    /// The settings of others.
    pub host_settings: Vec<(HostIndex, Arc<Settings>)>,
    /// The applications that it begins with.
    pub applications: Catalogue,
    /// Where the data store is; without a place it is beside every host, and a start takes no time.
    pub store: Option<StorePlan>,
    /// Links inside a zone.
    pub inside: Link,
    /// Links between zones.
    pub between: Link,
    /// Links between two zones that differ from `between`, alike in both directions; the last of a pair counts.
    pub links: Vec<(u32, u32, Link)>,
    /// What the users of a zone do; a zone that is not named has none.
    pub workload: Vec<(ZoneIndex, Workload)>,
    /// Whether every message is encoded and decoded on its way.
    pub wire: bool,
    /// Which kinds are traced.
    pub traced: Vec<Kind>,
    /// What is recorded of single hosts, if anything is.
    pub tap: Option<TapPlan>,
    /// How many threads work, at most [`THREADS_MAX`]. It changes nothing of what happens.
    pub threads: u32,
    /// Whether each host's first life begins with an active binding to every other host of its zone, as if the handshakes
    /// had passed long ago. Hosts with another number than the farm's begin with none.
    pub bound: bool,
    /// Whether every message goes through the schedule, one by one: no short cut is taken. It changes nothing of what
    /// happens either.
    pub exact_queue: bool,
}

/// Hosts that are to begin bound, and cannot keep so many bindings. The caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "MaxHostAddressCacheEntries: {entries} are too few for hosts that begin bound: the largest zone takes {needed}"
)]
pub struct TooFewEntries {
    /// How many bindings such a host can keep.
    pub entries: u32,
    /// How many it would begin with.
    pub needed: u32,
}

impl Plan {
    /// Whether hosts that are to begin bound can keep so many bindings.
    ///
    /// Errors: [`TooFewEntries`].
    pub fn check(&self) -> Result<(), TooFewEntries> {
        let directory = &self.directory;
        let zones = (0..directory.zone_count() as u32).map(ZoneIndex);
        let Some(largest) = zones.max_by_key(|&zone| directory.zone_hosts(zone).len()) else { return Ok(()) };
        let needed = |zone: ZoneIndex| (directory.zone_hosts(zone).len() as u32).saturating_sub(1);
        let own = self.host_settings.iter().map(|(host, own)| (own, needed(directory.zone(*host))));
        for (settings, needed) in own.chain([(&self.settings, needed(largest))]) {
            let entries = settings.max_host_address_cache_entries;
            if self.bound && entries < needed {
                return Err(TooFewEntries { entries, needed });
            }
        }
        Ok(())
    }
}

/// The most threads that work on one farm. Our guess: beyond it they would wait for one another.
pub const THREADS_MAX: u32 = 64;

/// A farm in virtual time.
#[derive(Debug)]
pub struct Farm {
    pub(crate) now: Time,
    #[expect(clippy::vec_box, reason = "shards go from hand to hand, and are large")]
    pub(crate) shards: Vec<Box<Shard>>,
    /// How many threads work, this one among them.
    pub(crate) threads: usize,
    /// Where all shards will be, while they stand apart.
    pub(crate) apart: Option<Time>,
    /// How long after one shard has done something another can feel it at the earliest; nothing where that is a window.
    pub(crate) lead: Span,
    pub(crate) pipes: Pipes,
    pub(crate) store: StoreLink,
    pub(crate) applications: Arc<Catalogue>,
    pub(crate) network: Arc<Network>,
    pub(crate) chronicle: Chronicle,
    /// What observers are about to be told; empty between windows, kept for its room.
    pub(crate) notices: Vec<FarmEvent>,
    pub(crate) trace: Vec<TraceRecord>,
    /// What was recorded at tapped hosts.
    pub(crate) taped: Option<Box<Taped>>,
    pub(crate) directory: Arc<Directory>,
    /// Whether hosts begin bound.
    pub(crate) bound: bool,
    /// What storms are held as, and room for going through them.
    pub(crate) fans: Arc<OpenFans>,
    pub(crate) scratch: Scratch,
    /// What is written down while time goes on, if it is to be.
    pub(crate) record: Option<Box<Record>>,
    dice: Dice,
    /// The number of the last question from outside.
    pub(crate) requests: u32,
}

impl Farm {
    /// A farm at time zero, with every host off; of at most [`HOSTS_MAX`] hosts.
    ///
    /// Panics: when its hosts cannot begin bound, though they are to: see [`Plan::check`].
    pub fn new(plan: Plan) -> Farm {
        plan.check().expect("a plan that was checked");
        let Plan { directory, seed, magic, host_magic, product, settings, host_settings, bound, exact_queue, .. } =
            plan;
        let Plan { applications, store, inside, between, links, workload, wire, traced, tap, threads, .. } = plan;
        let dice = Dice::new(seed);
        assert!(directory.len() <= HOSTS_MAX as usize, "hosts: {} are too many, at most {HOSTS_MAX}", directory.len());
        let zones = directory.zone_count();
        let zone_of: Vec<u32> = directory.hosts().map(|host| directory.zone(host).0).collect();
        let network = Arc::new(Network::new(dice, zone_of.clone(), inside, between).with_links(&links));
        let mut settings = vec![settings; directory.len()];
        for (host, own) in host_settings {
            settings[host.at()] = own;
        }
        let (farm_magic, mut magic) = (magic, vec![magic; directory.len()]);
        for (host, own) in host_magic {
            magic[host.at()] = own;
        }
        let applications = Arc::new(applications);
        let users = Arc::new(Users::new(Arc::clone(&directory), dice, workload));
        let least_latency = network.least_latency().min(StoreLink::least_latency(store.as_ref()));
        let store = StoreLink::new(store, inside.latency);
        let hosts = directory.len() as u32;
        let shares = Share::among(threads.min(THREADS_MAX), &zone_of);
        let of_zones = shares.iter().all(Share::is_of_zones);
        let lead = if of_zones { network.least_between().min(store.least_answer()) } else { Span::ZERO };
        let shards = shares.into_iter().map(|share| {
            let tap = tap.as_ref().map(|tap| Tap::new(tap, directory.len()));
            let seats = share.hosts(hosts).into_iter().map(|me| {
                let (magic, settings) = (magic[me as usize], Arc::clone(&settings[me as usize]));
                let mut host =
                    Host::new(HostIndex(me), magic, dice, Arc::clone(&directory), settings, product.profile());
                host.set_applications(&applications);
                let mut seat = Seat::new(me, host);
                seat.is_tapped = tap.as_ref().is_some_and(|tap| tap.has(me));
                if bound && magic == farm_magic {
                    seat.begin_bound();
                }
                seat
            });
            let seats = seats.collect();
            let schedule = Schedule::new(least_latency);
            let storm = Desk::new(&network, schedule.window(), wire, &traced, exact_queue);
            let shards = share.count();
            let world = World {
                share,
                near: Lines::NONE,
                partner: u32::MAX,
                schedule,
                network: Arc::clone(&network),
                post: PostOffice::new(Arc::clone(&directory), farm_magic),
                away: (0..shards).map(|_| Sack::default()).collect(),
                inbox: (0..shards).map(|_| Sack::default()).collect(),
                has_sent: false,
                has_mail: false,
                piped: Vec::new(),
                ledger: Ledger::new(zones),
                users: Arc::clone(&users),
                visits: vec![Visits::default(); zones],
                store: Arc::clone(store.view()),
                questions: Vec::new(),
                answers: Vec::new(),
                notices: Vec::new(),
                wire,
                exact: exact_queue,
                traced: Kind::ALL.map(|kind| traced.contains(&kind)),
                traced_hosts: None,
                trace: Vec::new(),
                tap,
                storm,
            };
            Box::new(Shard::new(world, seats))
        });
        let mut farm = Farm {
            now: Time::ZERO,
            shards: shards.collect(),
            threads: threads.clamp(1, THREADS_MAX) as usize,
            apart: None,
            lead,
            pipes: Pipes::new(zones as u32),
            store,
            applications,
            network,
            chronicle: Chronicle::new(zone_of, zones),
            notices: Vec::new(),
            trace: Vec::new(),
            taped: tap.as_ref().map(|tap| Box::new(Taped::new(tap))),
            directory,
            bound,
            fans: Arc::default(),
            scratch: Scratch::default(),
            record: None,
            dice,
            requests: 0,
        };
        for (at, arrival) in (0..hosts).filter_map(|host| users.next_arrival(host, 0, Time::ZERO)) {
            farm.shard_mut(arrival.target).world.put_here(at, arrival);
        }
        farm
    }

    /// The shard of a host.
    pub(crate) fn shard_mut(&mut self, host: u32) -> &mut Shard {
        let number = self.shards[0].world.share.of(host);
        &mut self.shards[number]
    }

    pub(crate) fn seat(&self, host: u32) -> &Seat {
        let share = &self.shards[0].world.share;
        &self.shards[share.of(host)].seats[share.place(host)]
    }

    /// A host, and the world it acts on.
    pub(crate) fn seat_mut(&mut self, host: u32) -> (&mut Seat, &mut World) {
        let Shard { world, seats, .. } = self.shard_mut(host);
        (&mut seats[world.share.place(host)], world)
    }

    /// Every host, in order.
    pub(crate) fn seats(&self) -> impl Iterator<Item = &Seat> {
        self.directory.hosts().map(|host| self.seat(host.0))
    }

    /// Changes the links, for every shard.
    fn relink<R>(&mut self, change: impl FnOnce(&mut Network) -> R) -> R {
        self.recall_fans();
        let mut network = Network::clone(&self.network);
        let result = change(&mut network);
        self.network = Arc::new(network);
        for shard in &mut self.shards {
            shard.world.network = Arc::clone(&self.network);
        }
        result
    }

    /// Traces only what goes from one of these hosts to another of them, from now on.
    pub fn trace_among(&mut self, hosts: &[u32]) {
        let mut among = vec![false; self.directory.len()];
        hosts.iter().for_each(|&host| among[host as usize] = true);
        let among: Arc<[bool]> = among.into();
        self.shards.iter_mut().for_each(|shard| shard.world.traced_hosts = Some(Arc::clone(&among)));
    }

    // ---- commands ----------------------------------------------------------------------------------------------

    /// Starts hosts that are off or crashed, each at a moment drawn within `spread` from now.
    pub fn start(&mut self, hosts: &[u32], spread: Span) {
        for &host in hosts {
            let wait = Span(self.dice.below(spread.0, Purpose::Boot, host, 0, self.now.0));
            let start = Letter { target: host, to: EndRef::NONE, source: host, parcel: Parcel::Start };
            let at = self.now + wait;
            self.shard_mut(host).world.put_here(at, start);
        }
    }

    /// Crashes hosts and starts them again at once.
    pub fn restart(&mut self, hosts: &[u32]) {
        self.crash(hosts);
        self.start(hosts, Span::ZERO);
    }

    /// Cuts hosts off from hosts, one way or both; the cut's number.
    pub fn cut(&mut self, from: &[u32], to: &[u32], both: bool) -> u32 {
        self.relink(|network| network.cut(from, to, both))
    }

    /// Heals one cut, or all. Whether there was such a cut.
    pub fn heal(&mut self, cut: Option<u32>) -> bool {
        self.relink(|network| network.heal(cut))
    }
}

impl Commanded for Farm {
    fn act(&mut self, host: u32, input: Input) {
        let now = self.now;
        self.recall_fans();
        self.shard_mut(host).act(host, now, input);
        self.exchange(now);
        self.take_in();
        self.gather_fans();
    }

    fn tell(&mut self) {
        self.hear();
    }

    fn chronicle_mut(&mut self) -> &mut Chronicle {
        &mut self.chronicle
    }

    fn crash(&mut self, hosts: &[u32]) {
        self.recall_fans();
        for &host in hosts {
            let now = self.now;
            let (seat, world) = self.seat_mut(host);
            if matches!(seat.power, Power::Up | Power::Paused) {
                for event in seat.give_up_work(now) {
                    seat.lose(world, &event);
                }
                seat.lose_clients(world, now);
                seat.renew(now);
                world.note(now, host, What::Down);
            }
            seat.power = Power::Crashed;
        }
        self.tell();
    }

    fn pause(&mut self, hosts: &[u32]) {
        self.recall_fans();
        for &host in hosts {
            let now = self.now;
            let (seat, world) = self.seat_mut(host);
            if seat.power == Power::Up {
                seat.power = Power::Paused;
                seat.freeze(now, true);
                world.note(now, host, What::Paused);
            }
        }
        self.tell();
    }

    fn resume(&mut self, hosts: &[u32]) {
        self.recall_fans();
        for &host in hosts {
            let now = self.now;
            let (seat, world) = self.seat_mut(host);
            if seat.power == Power::Paused {
                seat.power = Power::Up;
                seat.freeze(now, false);
                for letter in seat.take_aside(|aside| &mut aside.deferred) {
                    world.put_here(now, letter);
                }
                world.schedule.push(now, Event::wake(host));
                world.note(now, host, What::Resumed);
            }
        }
        self.tell();
    }

    fn resolve(&mut self, host: u32, app: u32, preference: Preference) -> u32 {
        self.ask_for_server(host, app, preference)
    }

    fn order(&mut self, publication: Option<Publication>) -> u32 {
        self.store.order(publication)
    }

    fn give_settings(&mut self, host: u32, settings: Arc<Settings>) {
        let now = self.now;
        let (seat, _) = self.seat_mut(host);
        seat.settings = settings;
        if matches!(seat.power, Power::Off | Power::Crashed) {
            seat.renew(now);
        }
    }

    fn set_magic(&mut self, hosts: &[u32], magic: MagicNumber) {
        for &host in hosts {
            let now = self.now;
            let (seat, _) = self.seat_mut(host);
            seat.magic = magic;
            if matches!(seat.power, Power::Off | Power::Crashed) {
                seat.renew(now);
            }
        }
    }
}
