//! The hosts that live here: what is reported to them, and what they want.
//!
//! Every host of the farm has a station here, so that all know the same directory; those that are never started here live
//! elsewhere, or nowhere. Reports come with the time at which they are made; it never goes back.

mod observed;

use std::sync::Arc;

use imafarm_proto::applications::{Catalogue, Servers};
use imafarm_proto::dice::Dice;
use imafarm_proto::host::Host;
use imafarm_proto::host_record::HostIndex;
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::input::{Answer, Call, Input, Ticket};
use imafarm_proto::message::MagicNumber;
use imafarm_proto::outbox::Outbox;
use imafarm_proto::profile::Product;
use imafarm_proto::settings::Settings;
use imafarm_proto::time::{Span, Time};
use imafarm_proto::transport::seal::{Keyring, Side};
use imafarm_records::Commanded;
use imafarm_records::chronicle::{Chronicle, What};
use imafarm_records::commanded::Publication;
use imafarm_records::totals::{Order, Power};

use crate::act::{Act, Conn, End};
use crate::delays::Summary;
use crate::station::{Report, Station};
use crate::world::{Place, World};

pub use crate::flight::Pair;

/// Deadlines that are so close to one another are met together. Our guess: as long as a few messages take.
const STEP: Span = Span::from_millis(5);

/// What a farm is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who is in it.
    pub directory: Arc<Directory>,
    /// The phases of heartbeats and polls follow from this. Nothing secret does.
    pub seed: u64,
    /// The farm's number.
    pub magic: MagicNumber,
    /// The numbers of hosts that have another.
    pub host_magic: Vec<(HostIndex, MagicNumber)>,
    /// Whose figures its hosts go by.
    pub product: Product,
    /// The settings of most hosts.
    pub settings: Arc<Settings>,
    /// The settings of others.
    pub host_settings: Vec<(HostIndex, Arc<Settings>)>,
    /// The applications that it begins with.
    pub applications: Catalogue,
    /// The number of the last change that is in those.
    pub latest_change: u32,
    /// The farm's key, if it has one.
    pub keyring: Option<Keyring>,
    /// Challenges are drawn from this. It has to come from the system's randomness, anew for each farm.
    pub entropy: [u8; 32],
}

/// A farm on streams of bytes, or a part of one.
#[derive(Debug)]
pub struct LiveFarm {
    world: World,
    stations: Vec<Station>,
    chronicle: Chronicle,
    applications: Arc<Catalogue>,
    orders: Vec<(Order, Option<Publication>)>,
    /// The number of the last question from outside.
    requests: u32,
    /// Kept for its room; empty between turns.
    out: Outbox,
}

impl LiveFarm {
    /// A farm of which no host runs yet.
    pub fn new(plan: Plan) -> LiveFarm {
        let Plan { directory, seed, magic, host_magic, product, settings, host_settings, .. } = plan;
        let Plan { applications, latest_change, keyring, entropy, .. } = plan;
        let dice = Dice::new(seed);
        let applications = Arc::new(applications);
        let mut settings = vec![settings; directory.len()];
        for (host, own) in host_settings {
            settings[host.at()] = own;
        }
        let mut magic = vec![magic; directory.len()];
        for (host, own) in host_magic {
            magic[host.at()] = own;
        }
        let hosts = directory.hosts().zip(magic.into_iter().zip(settings));
        let stations = hosts.map(|(me, (magic, settings))| {
            let mut host = Host::new(me, magic, dice, Arc::clone(&directory), settings, product.profile());
            host.set_applications(&applications);
            Station::new(me.0, host)
        });
        let stations = stations.collect();
        let zone_of = directory.hosts().map(|host| directory.zone(host).0).collect();
        let chronicle = Chronicle::new(zone_of, directory.zone_count());
        let world = World::new(directory, keyring, entropy, latest_change);
        LiveFarm { world, stations, chronicle, applications, orders: Vec::new(), requests: 0, out: Outbox::default() }
    }

    // ---- time --------------------------------------------------------------------------------------------------

    /// It is now so late, or later if that was said before; every deadline up to now is met.
    pub fn advance(&mut self, now: Time) {
        self.be(now);
        self.meet(self.world.now);
    }

    /// It is now so late, but of the deadlines only the earliest is met, and those that come with it. Who is late with all
    /// of them can so hear, in between, what hosts have to say to one another at each.
    pub fn advance_a_step(&mut self, now: Time) {
        self.be(now);
        if let Some(first) = self.next_deadline() {
            self.meet((first + STEP).min(self.world.now));
        }
    }

    fn meet(&mut self, until: Time) {
        while let Some(&(when, host)) = self.world.deadlines.first() {
            if when > until {
                break;
            }
            self.world.deadlines.pop_first();
            self.stations[host as usize].due(&mut self.world, &mut self.out);
        }
        self.hear();
    }

    /// When [`LiveFarm::advance`] next has something to do.
    pub fn next_deadline(&self) -> Option<Time> {
        self.world.deadlines.first().map(|&(when, _)| when)
    }

    /// Takes what hosts want done, in order.
    pub fn take_acts(&mut self) -> Vec<Act> {
        core::mem::take(&mut self.world.acts)
    }

    fn be(&mut self, now: Time) {
        self.world.now = self.world.now.max(now);
    }

    /// Lets observers hear what has happened.
    fn hear(&mut self) {
        if !self.world.notices.is_empty() {
            self.chronicle.hear(&mut self.world.notices);
        }
    }

    // ---- power -------------------------------------------------------------------------------------------------

    /// Starts hosts that are off or crashed.
    pub fn start(&mut self, hosts: &[u32]) {
        for &host in hosts {
            if matches!(self.stations[host as usize].power, Power::Off | Power::Crashed) {
                self.stations[host as usize].power = Power::Up;
                self.act(host, Input::Start);
                if self.stations[host as usize].host.configuration().is_starting() {
                    self.world.note(host, What::Starting);
                }
            }
        }
        self.hear();
    }

    /// What a host has on its disk of the data store, from an earlier process so long ago: every change up to this one.
    /// With it the host may start while the data store is down.
    pub fn fill_cache(&mut self, host: u32, latest: u32, age: Span) {
        self.world.knows(latest);
        let now = self.world.now;
        self.stations[host as usize].host.fill_cache(now, latest, age);
    }

    // ---- reports -----------------------------------------------------------------------------------------------

    /// Somebody has connected to a host that is started here. With a pair, its other end may be here too.
    pub fn incoming(&mut self, host: u32, pair: Option<Pair>, now: Time) -> Conn {
        self.be(now);
        let conn = self.world.next_conn();
        if let Some(pair) = pair {
            self.world.join(pair, Side::Acceptor);
        }
        self.world.places.insert(conn, Place::Calling { pair, gone: false });
        self.stations[host as usize].calling.insert(conn);
        self.report(host, Report::Call(conn));
        conn
    }

    /// A connection that a host wanted stands. With a pair, its other end may be here too; the first that is told counts.
    pub fn connected(&mut self, conn: Conn, pair: Option<Pair>) {
        let (Some(Place::At { host, entry }), Some(pair)) = (self.world.places.get(&conn).copied(), pair) else {
            return;
        };
        if let Some(line) = self.stations[host as usize].line_mut(entry)
            && line.pair.is_none()
        {
            line.pair = Some(pair);
            self.world.join(pair, Side::Opener);
        }
    }

    /// Bytes have arrived. Whether they end within a frame, of which the rest is to come.
    ///
    /// Bytes on a connection that is no host's any more are left aside, and so are those of a caller that has not been
    /// answered: nobody is to read on before [`Wish::Accept`](crate::act::Wish::Accept).
    pub fn receive(&mut self, conn: Conn, bytes: &[u8], now: Time) -> bool {
        self.be(now);
        let Some(Place::At { host, entry }) = self.world.places.get(&conn).copied() else { return false };
        let station = &mut self.stations[host as usize];
        if station.line(entry).is_some_and(|line| line.over) {
            return false;
        }
        if station.power == Power::Paused {
            station.deferred.push(Report::Bytes(conn, bytes.to_vec()));
            return false;
        }
        let cut = station.receive(&mut self.world, &mut self.out, conn, bytes);
        self.hear();
        cut
    }

    /// A connection has ended; what is wrong with how it did, for the log.
    pub fn ended(&mut self, conn: Conn, end: End, now: Time) -> Option<String> {
        self.be(now);
        let (host, entry) = match self.world.places.get_mut(&conn)? {
            Place::Calling { gone, .. } => {
                *gone = true;
                return None;
            }
            Place::At { host, entry } => (*host, *entry),
        };
        if let Some(line) = self.stations[host as usize].line_mut(entry)
            && core::mem::replace(&mut line.over, true)
        {
            return None;
        }
        self.report(host, Report::Ended(conn, end))
    }

    /// The data store has answered a start or a poll: the number of its last change, and how much was read.
    /// With a wish to change something the store has been reached then, and has not taken the change.
    pub fn answered(&mut self, host: u32, ticket: Ticket, latest: u32, bytes: u64, now: Time) {
        self.be(now);
        self.refuse(host, ticket);
        self.world.knows(latest);
        self.consulted(host, ticket, Answer::Read { latest, bytes });
    }

    /// A host's change is in the data store, under this number.
    pub fn wrote(&mut self, host: u32, ticket: Ticket, change: u32, now: Time) {
        self.be(now);
        self.world.knows(change);
        if let Some(order) = self.world.written.remove(&(host, ticket)) {
            let (state, publication) = &mut self.orders[order as usize];
            *state = Order::Made(change);
            if let Some(Publication { name, servers }) = publication.take() {
                self.learn(&name, servers, change);
            }
            self.world.note(host, What::ChangeMade(change));
        }
        self.consulted(host, ticket, Answer::Written { change });
    }

    /// The data store cannot be reached.
    pub fn store_is_down(&mut self, host: u32, ticket: Ticket, now: Time) {
        self.be(now);
        self.refuse(host, ticket);
        self.consulted(host, ticket, Answer::Down);
    }

    /// If this question was a wish to change something, it was not done.
    fn refuse(&mut self, host: u32, ticket: Ticket) {
        if let Some(order) = self.world.written.remove(&(host, ticket)) {
            self.orders[order as usize].0 = Order::Refused;
            self.world.note(host, What::ChangeRefused);
        }
    }

    /// An application is published on these servers from this change on, as the data store has it.
    pub fn learn(&mut self, name: &str, servers: Servers, change: u32) {
        Arc::make_mut(&mut self.applications).publish(name, servers, change);
        self.stations.iter_mut().for_each(|station| station.host.set_applications(&self.applications));
    }

    fn consulted(&mut self, host: u32, ticket: Ticket, answer: Answer) {
        self.report(host, Report::Other(Input::Consulted(ticket, answer)));
    }

    /// What a host is told now, or once it goes on.
    fn report(&mut self, host: u32, report: Report) -> Option<String> {
        let (world, station) = (&mut self.world, &mut self.stations[host as usize]);
        let out = &mut self.out;
        if station.power == Power::Paused {
            station.deferred.push(report);
            return None;
        }
        let mut said = None;
        match report {
            Report::Call(conn) => station.act(world, out, Input::Incoming(Call(conn.0))),
            Report::Bytes(conn, bytes) => drop(station.receive(world, out, conn, &bytes)),
            Report::Ended(conn, end) => {
                if let Some(Place::At { entry, .. }) = world.places.get(&conn).copied() {
                    said = station.ended(world, out, entry, end);
                }
            }
            // What the data store says to an earlier life of the host means nothing to this one.
            Report::Other(Input::Consulted(ticket, _))
                if !station.host.configuration().open_tickets().any(|open| open == ticket) => {}
            Report::Other(input) => station.act(world, out, input),
        }
        self.hear();
        said
    }

    // ---- what is ----------------------------------------------------------------------------------------------

    /// How long reports have waited for their answers.
    pub fn delays(&self) -> Summary {
        self.world.delays.summary()
    }

    /// Measures delays anew.
    pub fn reset_delays(&mut self) {
        self.world.delays.reset();
    }

    /// How many connections there are: of bindings, and of callers who wait to be answered.
    pub fn connections(&self) -> usize {
        let calls = |place: &&Place| matches!(place, Place::Calling { gone: false, .. });
        let lines = self.stations.iter().map(Station::connections).sum::<usize>();
        lines + self.world.places.values().filter(calls).count()
    }

    /// The bytes that hosts and connections hold. What allocators add, and the directory, is not in it.
    pub fn memory(&self) -> usize {
        let stations = self.stations.iter().map(|station| size_of::<Station>() + station.memory());
        stations.sum::<usize>() + self.world.memory()
    }
}
