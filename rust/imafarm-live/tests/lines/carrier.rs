//! Whoever carries bytes between hosts, in virtual time, as sockets might: cut anywhere, late, and not always.
//!
//! All follows from a seed. What arrives on one connection in one direction arrives in the order in which it was sent;
//! nothing else is in any order. At every step the engine's accounts are looked at, and which connections it knows.

use std::collections::BTreeMap;

use imafarm_live::act::{Act, Conn, End, Wish};
use imafarm_live::farm::{LiveFarm, Pair};
use imafarm_proto::input::Ticket;
use imafarm_proto::outbox::Consult;
use imafarm_proto::time::{Span, Time};
use imafarm_records::totals::Power;
use imafarm_records::{Commanded, Observed};

use crate::bench::Draw;

/// More steps than any stretch of time of a farm here has: beyond it, hosts talk in a circle.
const CIRCLE: u64 = 400_000;
const OPENER: usize = 0;
const ACCEPTOR: usize = 1;

/// What may go wrong on the way.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// The longest that anything takes, in microseconds.
    pub delay_us: u64,
    /// How many calls in a thousand are refused.
    pub refused: u64,
    /// How many arrivals in a thousand break their connection.
    pub broken: u64,
}

impl Weather {
    pub const FAIR: Weather = Weather { delay_us: 5_000, refused: 0, broken: 0 };
    pub const FOUL: Weather = Weather { delay_us: 80_000, refused: 60, broken: 20 };
}

/// One end of a connection.
#[derive(Clone, Debug, Default)]
struct Tip {
    /// By what the engine knows it, while it does.
    conn: Option<Conn>,
    /// Whether this side has closed.
    finished: bool,
    /// Whether what arrives may be read: for a caller, once it is answered.
    answered: bool,
    /// What has arrived and may not be read yet.
    held: Vec<Arrival>,
    /// When the last of what is on its way to this end arrives.
    last: Time,
}

#[derive(Clone, Debug)]
struct Wire {
    hosts: [u32; 2],
    tips: [Tip; 2],
}

#[derive(Clone, Debug)]
enum Arrival {
    Call,
    Bytes(Vec<u8>),
    Ended(End),
}

#[derive(Clone, Debug)]
enum Event {
    /// Something arrives at one end of a wire.
    At(usize, usize, Arrival),
    /// The data store answers.
    Store(u32, Ticket, Consult),
}

/// The network, the data store, and all farm objects on them.
pub struct Carrier {
    pub farms: Vec<LiveFarm>,
    /// In which farm object a host lives.
    home: Vec<usize>,
    pub now: Time,
    pub weather: Weather,
    draw: Draw,
    air: BTreeMap<(Time, u64), Event>,
    posted: u64,
    wires: Vec<Wire>,
    known: BTreeMap<(usize, Conn), (usize, usize)>,
    pub store_up: bool,
    pub latest: u32,
    /// Who was the first in its process to hear of a change.
    pub heard: Vec<(u32, u32)>,
    /// Who has called whom, and is bound.
    pub bound: Vec<(u32, u32)>,
    /// Why connections were dropped, and by whom.
    pub reasons: Vec<(u32, String)>,
    /// Calls so far, and those that were refused.
    pub opens: u64,
    pub refused: u64,
    /// The most connections that a host has had at once, besides callers who wait and those that it has closed.
    pub most: Vec<usize>,
}

impl Carrier {
    /// Host `h` lives in `farms[home(h)]`.
    pub fn new(farms: Vec<LiveFarm>, seed: u64, weather: Weather, home: impl Fn(u32) -> usize) -> Carrier {
        let hosts = farms[0].host_count();
        Carrier {
            farms,
            home: (0..hosts).map(home).collect(),
            now: Time::ZERO,
            weather,
            draw: Draw(seed),
            air: BTreeMap::new(),
            posted: 0,
            wires: Vec::new(),
            known: BTreeMap::new(),
            store_up: true,
            latest: 0,
            heard: Vec::new(),
            bound: Vec::new(),
            reasons: Vec::new(),
            opens: 0,
            refused: 0,
            most: vec![0; hosts as usize],
        }
    }

    pub fn home(&mut self, host: u32) -> &mut LiveFarm {
        &mut self.farms[self.home[host as usize]]
    }

    pub fn at_home(&self, host: u32) -> &LiveFarm {
        &self.farms[self.home[host as usize]]
    }

    pub fn hosts(&self) -> Vec<u32> {
        (0..self.home.len() as u32).collect()
    }

    // ---- commands ----------------------------------------------------------------------------------------------

    /// Does something to the farm object of each host.
    pub fn each(&mut self, hosts: &[u32], mut command: impl FnMut(&mut LiveFarm, u32)) {
        for &host in hosts {
            let now = self.now;
            let home = self.home(host);
            home.advance(now);
            command(home, host);
            self.carry();
        }
    }

    pub fn start(&mut self, hosts: &[u32]) {
        self.each(hosts, |farm, host| farm.start(&[host]));
    }

    pub fn stop(&mut self, hosts: &[u32]) {
        self.each(hosts, |farm, host| farm.stop(&[host]));
    }

    /// Hosts are gone, and whoever is connected with them finds out.
    pub fn crash(&mut self, hosts: &[u32]) {
        self.each(hosts, |farm, host| farm.crash(&[host]));
        for &host in hosts {
            self.let_go(host, |_| Arrival::Ended(End::Broken));
        }
    }

    /// Goes on for `span`.
    pub fn run(&mut self, span: Span) {
        let until = self.now + span;
        for _ in 0..CIRCLE {
            let deadline = self.farms.iter().filter_map(LiveFarm::next_deadline).min().unwrap_or(Time::NEVER);
            let arrival = self.air.first_key_value().map_or(Time::NEVER, |(&(when, _), _)| when);
            if deadline.min(arrival) > until {
                self.now = until;
                self.farms.iter_mut().for_each(|farm| farm.advance(until));
                return;
            }
            if arrival <= deadline {
                let Some(((when, _), event)) = self.air.pop_first() else { unreachable!("it was there") };
                self.now = when;
                self.happen(event);
            } else {
                self.now = self.now.max(deadline);
                let now = self.now;
                self.farms.iter_mut().for_each(|farm| farm.advance(now));
            }
            self.carry();
            self.check();
        }
        panic!("{CIRCLE} steps have not led to {until}: now is {}", self.now);
    }

    /// What must hold at every moment.
    pub fn check(&mut self) {
        for (place, farm) in self.farms.iter().enumerate() {
            assert_eq!(farm.check_conservation(), Vec::<String>::new(), "at {}", self.now);
            let known = self.known.range((place, Conn(0))..=(place, Conn(u64::MAX))).count();
            assert_eq!(farm.connections(), known, "at {}", self.now);
        }
    }

    /// A process ends, and another one takes its hosts over, which are yet to be started.
    pub fn replace(&mut self, place: usize, farm: LiveFarm) {
        let hosts: Vec<u32> = self.hosts().into_iter().filter(|&host| self.home[host as usize] == place).collect();
        self.crash(&hosts);
        self.farms[place] = farm;
    }

    /// How many connections each host has now.
    fn count(&mut self) {
        let mut counts = vec![0; self.most.len()];
        for &(wire, side) in self.known.values() {
            let Wire { hosts, tips } = &self.wires[wire];
            counts[hosts[side] as usize] += usize::from(tips[side].answered && !tips[side].finished);
        }
        for (most, count) in self.most.iter_mut().zip(counts) {
            *most = count.max(*most);
        }
    }

    // ---- what arrives ------------------------------------------------------------------------------------------

    fn happen(&mut self, event: Event) {
        match event {
            Event::Store(host, ticket, consult) => self.consulted(host, ticket, consult),
            Event::At(wire, OPENER, Arrival::Call) => unreachable!("wire {wire}: nobody calls who has called"),
            Event::At(wire, _, Arrival::Call) => self.called(wire),
            Event::At(wire, side, Arrival::Bytes(_)) if self.draw.happens(self.weather.broken) => {
                self.post(wire, 1 - side, Arrival::Ended(End::Broken));
                self.arrive(wire, side, Arrival::Ended(End::Broken));
            }
            Event::At(wire, side, arrival) => self.arrive(wire, side, arrival),
        }
    }

    fn called(&mut self, wire: usize) {
        let [from, to] = self.wires[wire].hosts;
        let listens = matches!(self.at_home(to).host(to).1, Power::Up | Power::Paused);
        if !listens || self.draw.happens(self.weather.refused) {
            self.refused += 1;
            self.post(wire, OPENER, Arrival::Ended(End::Refused));
            return;
        }
        let (now, homes) = (self.now, [self.home[from as usize], self.home[to as usize]]);
        let pair = (homes[0] == homes[1]).then_some(Pair(wire as u64));
        if let Some(conn) = self.wires[wire].tips[OPENER].conn {
            self.farms[homes[0]].connected(conn, pair);
        }
        let conn = self.farms[homes[1]].incoming(to, pair, now);
        self.wires[wire].tips[ACCEPTOR].conn = Some(conn);
        assert_eq!(self.known.insert((homes[1], conn), (wire, ACCEPTOR)), None, "a number is used twice");
    }

    fn arrive(&mut self, wire: usize, side: usize, arrival: Arrival) {
        let tip = &mut self.wires[wire].tips[side];
        let Some(conn) = tip.conn else { return };
        // Nobody reads what an unanswered caller sends; that it has gone may be seen all the same.
        let is_seen = matches!(arrival, Arrival::Ended(_)) && self.draw.happens(500);
        if side == ACCEPTOR && !tip.answered && !is_seen {
            tip.held.push(arrival);
            return;
        }
        let (now, home) = (self.now, self.home[self.wires[wire].hosts[side] as usize]);
        match arrival {
            Arrival::Call => unreachable!("a call arrives at no connection"),
            Arrival::Bytes(bytes) => drop(self.farms[home].receive(conn, &bytes, now)),
            Arrival::Ended(end) => {
                self.farms[home].ended(conn, end, now);
                self.forget(wire, side);
                if end == End::Finished && !core::mem::replace(&mut self.wires[wire].tips[side].finished, true) {
                    self.post(wire, 1 - side, Arrival::Ended(End::Finished));
                }
            }
        }
    }

    fn consulted(&mut self, host: u32, ticket: Ticket, consult: Consult) {
        let (now, up, bytes) = (self.now, self.store_up, 1_000);
        if up && matches!(consult, Consult::Write { .. }) {
            self.latest += 1;
        }
        let latest = self.latest;
        let home = self.home(host);
        match consult {
            _ if !up => home.store_is_down(host, ticket, now),
            Consult::Start { .. } | Consult::Poll { .. } => home.answered(host, ticket, latest, bytes, now),
            Consult::Write { .. } => home.wrote(host, ticket, latest, now),
        }
    }

    // ---- what hosts want ---------------------------------------------------------------------------------------

    fn carry(&mut self) {
        loop {
            let acts: Vec<(usize, Act)> = (0..self.farms.len())
                .flat_map(|place| self.farms[place].take_acts().into_iter().map(move |act| (place, act)))
                .collect();
            if acts.is_empty() {
                return;
            }
            let mut answered = Vec::new();
            for (place, Act { host, what }) in acts {
                assert_eq!(self.home[host as usize], place, "a host that lives elsewhere acts: {what:?}");
                answered.extend(self.carry_out(host, what));
            }
            self.count();
            for wire in answered {
                for arrival in core::mem::take(&mut self.wires[wire].tips[ACCEPTOR].held) {
                    self.arrive(wire, ACCEPTOR, arrival);
                }
            }
        }
    }

    /// Carries an act out; the wire of a caller who is answered.
    fn carry_out(&mut self, host: u32, what: Wish) -> Option<usize> {
        match what {
            Wish::Open { conn, to } => {
                let opener = Tip { conn: Some(conn), answered: true, ..Tip::default() };
                self.wires.push(Wire { hosts: [host, to], tips: [opener, Tip::default()] });
                let wire = self.wires.len() - 1;
                let twice = self.known.insert((self.home[host as usize], conn), (wire, OPENER));
                assert_eq!(twice, None, "a number is used twice");
                self.opens += 1;
                self.post(wire, ACCEPTOR, Arrival::Call);
            }
            Wish::Accept(conn) => {
                let (wire, side) = self.find(host, conn);
                let tip = &mut self.wires[wire].tips[side];
                assert!(!core::mem::replace(&mut tip.answered, true), "nobody is answered twice");
                return Some(wire);
            }
            Wish::Refuse(conn) => {
                let (wire, side) = self.find(host, conn);
                assert!(!self.wires[wire].tips[side].answered, "who is answered is not turned away");
                self.forget(wire, side);
                self.refused += 1;
                let end = if self.draw.happens(500) { End::Finished } else { End::Broken };
                self.post(wire, 1 - side, Arrival::Ended(end));
            }
            Wish::Write(conn, bytes) => {
                let (wire, side) = self.find(host, conn);
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let cut = if self.draw.happens(700) { rest.len() as u64 } else { rest.len().min(24) as u64 };
                    let (now, later) = rest.split_at(self.draw.within(1..=cut) as usize);
                    self.post(wire, 1 - side, Arrival::Bytes(now.to_vec()));
                    rest = later;
                }
            }
            Wish::Close(conn) => {
                let (wire, side) = self.find(host, conn);
                assert!(!core::mem::replace(&mut self.wires[wire].tips[side].finished, true), "nobody closes twice");
                self.post(wire, 1 - side, Arrival::Ended(End::Finished));
            }
            Wish::Abort(conn, why) => {
                let (wire, side) = self.find(host, conn);
                self.reasons.extend(why.map(|why| (host, why)));
                self.forget(wire, side);
                self.post(wire, 1 - side, Arrival::Ended(End::Broken));
            }
            Wish::Bound(conn, peer) => {
                let (wire, side) = self.find(host, conn);
                assert_eq!(self.wires[wire].hosts[1 - side], peer, "who is there is who it says it is");
                if side == OPENER {
                    self.bound.push((host, peer));
                }
            }
            Wish::Consult(ticket, consult) => {
                let when = self.now + Span::from_millis(self.draw.within(1..=400));
                self.put(when, Event::Store(host, ticket, consult));
            }
            Wish::Heard(change) => self.heard.push((host, change)),
            Wish::Started => {}
            Wish::Stopped => self.let_go(host, |tip| match tip.finished {
                true => Arrival::Ended(End::Broken),
                false => Arrival::Ended(End::Finished),
            }),
        }
        None
    }

    /// The connection that an act is about. It has to be one that its host has.
    fn find(&self, host: u32, conn: Conn) -> (usize, usize) {
        let found = self.known.get(&(self.home[host as usize], conn)).copied();
        let Some((wire, side)) = found else { panic!("host {host} acts on {conn:?}, which is at its end") };
        assert_eq!(self.wires[wire].hosts[side], host, "{conn:?} is another host's");
        (wire, side)
    }

    /// The engine knows this end no more.
    fn forget(&mut self, wire: usize, side: usize) {
        let home = self.home[self.wires[wire].hosts[side] as usize];
        let tip = &mut self.wires[wire].tips[side];
        tip.held.clear();
        if let Some(conn) = tip.conn.take() {
            self.known.remove(&(home, conn));
        }
    }

    /// A host has no connection any more; whoever is at the other ends hears of it.
    fn let_go(&mut self, host: u32, last_word: impl Fn(&Tip) -> Arrival) {
        let of_host = |&&(wire, side): &&(usize, usize)| self.wires[wire].hosts[side] == host;
        let ends: Vec<(usize, usize)> = self.known.values().filter(of_host).copied().collect();
        for (wire, side) in ends {
            let arrival = last_word(&self.wires[wire].tips[side]);
            self.forget(wire, side);
            self.post(wire, 1 - side, arrival);
        }
    }

    /// Something is on its way to one end of a wire, behind all that is already.
    fn post(&mut self, wire: usize, side: usize, arrival: Arrival) {
        let delay = Span::from_micros(self.draw.within(20..=self.weather.delay_us));
        let tip = &mut self.wires[wire].tips[side];
        tip.last = tip.last.max(self.now + delay) + Span(1);
        let when = tip.last;
        self.put(when, Event::At(wire, side, arrival));
    }

    fn put(&mut self, when: Time, event: Event) {
        self.posted += 1;
        self.air.insert((when, self.posted), event);
    }
}
