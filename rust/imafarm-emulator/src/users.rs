//! Users at work: they ask a host where their session should run, go there, stay, disconnect, come back and log off.
//!
//! ```text
//! Arrive     a user comes to a host of its zone, and the host's next user is on its way
//! Knock      the host did not run: the user's client tries the next one of the zone (our guess: two more, then it gives up)
//! Visit      the client was told where: it logs on there
//! Step       a session's time is over: it is disconnected, reconnected or logged off
//! ```
//!
//! None of this is an IMA message, so none of it is in the ledger. A client's way over the network takes as long as a
//! message's. A session that ends with its server does not come back: our guess, since its user would be another logon.

use std::sync::Arc;

use imafarm_proto::dice::Dice;
use imafarm_proto::host_record::{HostIndex, ZoneIndex};
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::input::{Input, SessionAct};
use imafarm_proto::message::{Preference, Question};
use imafarm_proto::outbox::Outbox;
use imafarm_proto::time::{Span, Time};
use imafarm_proto::zone::Standing;
use imafarm_records::chronicle::What;
use imafarm_records::totals::{Power, Visits};
use imafarm_records::{Commanded, Observed};

use crate::farm::Farm;
use crate::letter::{Letter, Parcel};
use crate::network::{EndRef, Way};
use crate::seat::Seat;
use crate::workload::{Draw, Workload};
use crate::world::World;

/// What a user does next. `home` is the host to which it came first, `number` how many had come there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// The next user of a host's own comes.
    Arrive {
        /// How many came before.
        number: u32,
    },
    /// A user asks here.
    Knock {
        /// Where it came first.
        home: u32,
        /// How many had come there before.
        number: u32,
        /// How many hosts it has tried.
        tried: u8,
    },
    /// A user logs on here.
    Visit {
        /// Where it came first.
        home: u32,
        /// How many had come there before.
        number: u32,
    },
    /// What happens to a session next.
    Step {
        /// The zone by whose workload.
        zone: u32,
        /// The server's number of it.
        session: u32,
        /// In which life of the server it began.
        life: u16,
        /// Whether it is connected.
        connected: bool,
    },
}

impl Errand {
    /// The order of what happens to one host at one instant: class and who. No two hosts put in what is equal in both.
    pub(crate) const fn order(&self, target: u32) -> (u32, u32) {
        match *self {
            Errand::Arrive { .. } => (5, target),
            Errand::Visit { home, .. } => (5, home),
            Errand::Knock { home, .. } => (6, home),
            Errand::Step { session, .. } => (7, session),
        }
    }

    /// The word that a host's history holds of it.
    const fn word(&self) -> u64 {
        match *self {
            Errand::Arrive { number } => number as u64,
            Errand::Knock { home, number, tried } => (home as u64) << 32 | number as u64 ^ (tried as u64) << 60,
            Errand::Visit { home, number } => (home as u64) << 32 | number as u64,
            Errand::Step { session, connected, .. } => (connected as u64) << 32 | session as u64,
        }
    }
}

/// How many hosts a user's client tries. Our guess.
const TRIES: u8 = 3;
/// The numbers of users' questions have this bit; those of questions from outside do not.
const OF_USER: u32 = 1 << 31;

/// The users of a farm: a workload for some of its zones.
#[derive(Debug)]
pub(crate) struct Users {
    /// By zone.
    workloads: Vec<Option<Workload>>,
    directory: Arc<Directory>,
    dice: Dice,
}

impl Users {
    pub(crate) fn new(directory: Arc<Directory>, dice: Dice, workload: Vec<(ZoneIndex, Workload)>) -> Users {
        let mut workloads = vec![None; directory.zone_count()];
        for (zone, own) in workload {
            workloads[zone.at()] = Some(own);
        }
        Users { workloads, directory, dice }
    }

    fn of_zone(&self, zone: u32) -> Option<&Workload> {
        self.workloads[zone as usize].as_ref()
    }

    /// The application that a user wants, and which of its zone's users it is.
    fn user(&self, home: u32, number: u32) -> Option<(u32, u32)> {
        Some(self.of_zone(self.directory.zone(HostIndex(home)).0)?.user(self.dice, home, number))
    }

    /// When the next user of a host's own comes, and as what.
    pub(crate) fn next_arrival(&self, host: u32, number: u32, from: Time) -> Option<(Time, Letter)> {
        let zone = self.directory.zone(HostIndex(host));
        let hosts = self.directory.zone_hosts(zone).len() as u64;
        let at = self.of_zone(zone.0)?.next_arrival(self.dice, hosts, host, number, from)?;
        Some((at, letter(host, host, Errand::Arrive { number })))
    }

    /// The host that a client tries after another: the next of the zone's order, and the first after the last.
    fn after(&self, host: u32) -> u32 {
        let order = self.directory.zone_hosts(self.directory.zone(HostIndex(host)));
        order[(self.directory.position(HostIndex(host)) + 1) % order.len()].0
    }
}

/// A client that waits to be told where to go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    /// The number of its question.
    request: u32,
    home: u32,
    number: u32,
}

const fn letter(target: u32, source: u32, errand: Errand) -> Letter {
    Letter { target, to: EndRef::NONE, source, parcel: Parcel::User(errand) }
}

impl World {
    fn visits_mut(&mut self, home: u32) -> &mut Visits {
        let zone = self.network.zone(home);
        &mut self.visits[zone as usize]
    }

    /// A client goes from one host to another, or to nobody if there is no way.
    fn send_client(&mut self, now: Time, source: u32, target: u32, home: u32, errand: Errand) {
        let event = letter(target, source, errand);
        match self.network.way(source, target, now, 0) {
            Way::Arrives(time) => self.put(time, event),
            Way::Queues(time) => self.piped.push((time, event, 0)),
            Way::Lost => self.visits_mut(home).lost += 1,
        }
    }

    /// An errand comes to nothing, since the host it was for is gone.
    pub(crate) fn lose_errand(&mut self, errand: Errand) {
        match errand {
            Errand::Knock { home, .. } | Errand::Visit { home, .. } => self.visits_mut(home).lost += 1,
            // The user of a session is the session's affair; and users to come are not there yet.
            Errand::Arrive { .. } | Errand::Step { .. } => {}
        }
    }
}

impl Seat {
    /// A user comes to this host, whether it runs or not, and the next one is on its way.
    pub(crate) fn arrive(&mut self, world: &mut World, now: Time, number: u32) -> Errand {
        world.visits_mut(self.me).arrived += 1;
        if let Some((at, next)) = world.users.next_arrival(self.me, number + 1, now) {
            world.put(at, next);
        }
        Errand::Knock { home: self.me, number, tried: 0 }
    }

    /// A client finds nobody here. It learns so at once, or after `give_up`, and tries another host.
    pub(crate) fn turn_client_away(&self, world: &mut World, now: Time, errand: Errand, give_up: Span) {
        match errand {
            Errand::Knock { home, number, tried } if tried + 1 < TRIES => {
                let errand = Errand::Knock { home, number, tried: tried + 1 };
                let next = world.users.after(self.me);
                world.send_client(now + give_up, self.me, next, home, errand);
            }
            Errand::Knock { .. } | Errand::Visit { .. } | Errand::Arrive { .. } | Errand::Step { .. } => {
                world.lose_errand(errand);
            }
        }
    }

    /// A user does something at this host, which runs.
    pub(crate) fn attend(&mut self, world: &mut World, out: &mut Outbox, now: Time, errand: Errand) {
        if self.host.standing() == Standing::Down {
            self.turn_client_away(world, now, errand, Span::ZERO);
            return;
        }
        self.chain.add(now, 5, errand.word());
        match errand {
            Errand::Arrive { .. } => {}
            Errand::Knock { home, number, .. } => {
                let Some((app, _)) = world.users.user(home, number) else { return };
                let aside = self.aside_mut();
                aside.asked = aside.asked.wrapping_add(1);
                let request = OF_USER | aside.asked;
                aside.clients.push(Client { request, home, number });
                self.act(world, out, now, Input::Resolve(Question { request, app, preference: Preference::NONE }));
            }
            Errand::Visit { home, number } => {
                let Some((app, user)) = world.users.user(home, number) else { return };
                self.act(world, out, now, Input::Logon { user, app });
                let Some(session) = self.host.dynamic().sessions().all().last().map(|session| session.number) else {
                    return;
                };
                world.visits_mut(home).logged_on += 1;
                self.next_step(world, now, world.network.zone(home), session, true);
            }
            Errand::Step { zone, session, life, connected } if life == self.life => {
                self.step(world, out, now, zone, session, connected);
            }
            Errand::Step { .. } => {}
        }
    }
    /// A session's time is over, as far as it was drawn.
    fn step(&mut self, world: &mut World, out: &mut Outbox, now: Time, zone: u32, session: u32, connected: bool) {
        let Some(workload) = world.users.of_zone(zone) else { return };
        let draw = Draw::new(world.users.dice, self.me, session, now);
        let goes_on = draw.is_of(if connected { workload.disconnect_ppm } else { workload.reconnect_ppm });
        let act = match (goes_on, connected) {
            (false, _) => SessionAct::Logoff,
            (true, true) => SessionAct::Disconnect,
            (true, false) => SessionAct::Reconnect,
        };
        self.act(world, out, now, Input::Session(session, act));
        if goes_on {
            self.next_step(world, now, zone, session, !connected);
        }
    }

    /// Draws for how long a session stays as it is now.
    fn next_step(&self, world: &mut World, now: Time, zone: u32, session: u32, connected: bool) {
        let Some(workload) = world.users.of_zone(zone) else { return };
        // Another draw than that which decided on it.
        let draw = Draw::new(world.users.dice, self.me, session | 1 << 31, now);
        let lasts = if connected { workload.stay(&draw) } else { workload.absence(&draw) };
        let step = Errand::Step { zone, session, life: self.life, connected };
        world.put(now + lasts, letter(self.me, self.me, step));
    }

    /// The host tells a client where its session should run.
    pub(crate) fn direct(&mut self, world: &mut World, now: Time, request: u32, server: Option<HostIndex>, load: u32) {
        let clients = &mut self.aside_mut().clients;
        let Some(place) = clients.iter().position(|client| client.request == request) else { return };
        let Client { home, number, .. } = clients.swap_remove(place);
        if request & OF_USER == 0 {
            world.note(now, self.me, What::Resolved { request, server, load });
            return;
        }
        match server {
            Some(server) => world.send_client(now, self.me, server.0, home, Errand::Visit { home, number }),
            None => world.visits_mut(home).refused += 1,
        }
    }

    /// The host goes down: nobody answers those who wait to be told where to go.
    pub(crate) fn lose_clients(&mut self, world: &mut World, now: Time) {
        for Client { request, home, .. } in self.take_aside(|aside| &mut aside.clients) {
            if request & OF_USER == 0 {
                world.note(now, self.me, What::Resolved { request, server: None, load: 0 });
            } else {
                world.visits_mut(home).lost += 1;
            }
        }
    }
}

impl Farm {
    /// Asks a host where a session of an application should run; the number under which [`Farm::answer`] will know. A
    /// host that does not run has no answer: no server.
    pub(crate) fn ask_for_server(&mut self, host: u32, app: u32, preference: Preference) -> u32 {
        self.requests = (self.requests + 1) & !OF_USER;
        let (request, now) = (self.requests, self.now);
        let (seat, world) = self.seat_mut(host);
        if seat.power == Power::Up {
            seat.aside_mut().clients.push(Client { request, home: host, number: 0 });
            self.act(host, Input::Resolve(Question { request, app, preference }));
        } else {
            world.note(now, host, What::Resolved { request, server: None, load: 0 });
        }
        self.tell();
        request
    }

    /// Checks that users who came = those logged on + refused + lost + on their way, who are counted one by one; what does
    /// not hold.
    pub(crate) fn check_visits(&self) -> Option<String> {
        let visits = self.visits(None);
        let asking =
            self.seats().flat_map(|seat| &seat.aside().clients).filter(|client| client.request & OF_USER != 0).count();
        let going = self
            .under_way()
            .filter(|letter| matches!(letter.parcel, Parcel::User(Errand::Knock { .. } | Errand::Visit { .. })));
        let under_way = (asking + going.count()) as u64;
        let accounted = visits.logged_on + visits.refused + visits.lost + under_way;
        (accounted != visits.arrived).then(|| format!("users: {visits:?}, and {under_way} are under way"))
    }
}
