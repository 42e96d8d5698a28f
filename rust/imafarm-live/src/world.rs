//! What all hosts that live here have in common: where connections lead, what is under way, and what is to be told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use imafarm_proto::host_resolver::{Directory, EntryIndex};
use imafarm_proto::input::Ticket;
use imafarm_proto::message::Kind;
use imafarm_proto::time::Time;
use imafarm_proto::transport::seal::{Keyring, Nonces, Side};
use imafarm_records::chronicle::{FarmEvent, What};
use imafarm_records::ledger::Ledger;

use crate::act::{Act, Conn, Wish};
use crate::delays::Delays;
use crate::flight::{Flight, Pair, Parcel};
use crate::line::Line;

/// Where a connection leads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// Somebody calls, and is not answered yet; or was there, and is gone.
    Calling { pair: Option<Pair>, gone: bool },
    /// A binding of this host.
    At { host: u32, entry: EntryIndex },
}

/// Everything that hosts share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) directory: Arc<Directory>,
    pub(crate) keyring: Option<Arc<Keyring>>,
    pub(crate) nonces: Nonces,
    pub(crate) places: HashMap<Conn, Place, FixedState>,
    flights: HashMap<Pair, Flight, FixedState>,
    conns: u64,
    /// Messages between hosts that live here.
    pub(crate) ledger: Ledger,
    /// Messages to and from whoever does not: sent is what went to them, delivered what came from them.
    pub(crate) abroad: Ledger,
    pub(crate) delays: Delays,
    pub(crate) acts: Vec<Act>,
    /// The number of the last change in the data store, as far as anybody here has heard.
    pub(crate) latest: u32,
    /// What observers are to be told.
    pub(crate) notices: Vec<FarmEvent>,
    /// When each host next wants to be asked.
    pub(crate) deadlines: BTreeSet<(Time, u32)>,
    /// The wishes that hosts have put to the data store, by whose question they are. A host that is gone has put its own
    /// all the same.
    pub(crate) written: BTreeMap<(u32, Ticket), u32>,
    /// How many inputs were handled.
    pub(crate) events: u64,
    lost: Vec<Parcel>,
}

impl World {
    pub(crate) fn new(directory: Arc<Directory>, keyring: Option<Keyring>, entropy: [u8; 32], latest: u32) -> World {
        let zones = directory.zone_count();
        World {
            now: Time::ZERO,
            directory,
            keyring: keyring.map(Arc::new),
            nonces: Nonces::new(entropy),
            places: HashMap::with_hasher(FixedState::default()),
            flights: HashMap::with_hasher(FixedState::default()),
            conns: 0,
            ledger: Ledger::new(zones),
            abroad: Ledger::new(zones),
            delays: Delays::default(),
            acts: Vec::new(),
            latest,
            notices: Vec::new(),
            deadlines: BTreeSet::new(),
            written: BTreeMap::new(),
            events: 0,
            lost: Vec::new(),
        }
    }

    pub(crate) fn next_conn(&mut self) -> Conn {
        self.conns += 1;
        Conn(self.conns)
    }

    pub(crate) fn wish(&mut self, host: u32, what: Wish) {
        self.acts.push(Act { host, what });
    }

    /// This change is in the data store; whether nobody here had heard of it.
    pub(crate) fn knows(&mut self, change: u32) -> bool {
        let is_new = change > self.latest;
        self.latest = self.latest.max(change);
        is_new
    }

    pub(crate) fn note(&mut self, host: u32, what: What) {
        self.notices.push(FarmEvent { time: self.now, host, what });
    }

    /// A connection that a host has just begun, or has just answered.
    pub(crate) fn line(&mut self, conn: Conn, side: Side) -> Line {
        let seals = self.keyring.as_ref().map(|keyring| (keyring, self.nonces.draw()));
        Line::new(conn, side, self.now, seals)
    }

    /// Both ends of a connection know it by this: one of them is there.
    pub(crate) fn join(&mut self, pair: Pair, side: Side) {
        self.flights.entry(pair).or_default().join(side);
    }

    /// One end of a connection is gone.
    pub(crate) fn leave(&mut self, pair: Pair, side: Side) {
        let Some(flight) = self.flights.get_mut(&pair) else { return };
        let over = flight.leave(side, &mut self.lost);
        for Parcel { zones: (from, to), kind, bytes } in self.lost.drain(..) {
            self.ledger.tally_mut(from, to, kind).dropped.add(bytes);
        }
        if over {
            self.flights.remove(&pair);
        }
    }

    /// A host sends a message.
    pub(crate) fn count_sent(&mut self, host: u32, line: &Line, kind: Kind, bytes: u32) {
        let from = self.zone(host);
        let to = line.peer.map_or(from, |peer| self.zone(peer));
        match line.pair.and_then(|pair| self.flights.get_mut(&pair)) {
            Some(flight) => {
                let tally = self.ledger.tally_mut(from, to, kind);
                tally.sent.add(bytes);
                if !flight.send(line.side, Parcel { zones: (from, to), kind, bytes }) {
                    tally.dropped.add(bytes);
                }
            }
            None => self.abroad.tally_mut(from, to, kind).sent.add(bytes),
        }
    }

    /// A message arrives at a host.
    pub(crate) fn count_arrived(&mut self, host: u32, line: &Line, kind: Kind, bytes: u32) {
        let flight = line.pair.and_then(|pair| self.flights.get_mut(&pair));
        match flight.and_then(|flight| flight.arrive(line.side, kind, bytes)) {
            Some(Parcel { zones: (from, to), .. }) => self.ledger.tally_mut(from, to, kind).delivered.add(bytes),
            None => {
                let to = self.zone(host);
                let from = line.peer.map_or(to, |peer| self.zone(peer));
                self.abroad.tally_mut(from, to, kind).delivered.add(bytes);
            }
        }
    }

    /// Shows what is under way on each connection. The order has no part in what is made of it.
    pub(crate) fn each_flight(&self, mut show: impl FnMut(&Flight)) {
        self.flights.values().for_each(&mut show);
    }

    /// The bytes held for connections, and for what is under way on them.
    pub(crate) fn memory(&self) -> usize {
        let flights = self.flights.values().map(Flight::memory).sum::<usize>();
        flights + self.flights.allocation_size() + self.places.allocation_size()
    }

    fn zone(&self, host: u32) -> u32 {
        self.directory.zone(imafarm_proto::host_record::HostIndex(host)).0
    }
}
