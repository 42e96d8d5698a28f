//! Two hosts that open to each other at once: every order in which what they send can arrive, tried out.
//!
//! Each connection is a stream in either direction; streams do not wait for one another, so any latency, and any
//! backlog, is one of these orders. What arrives at one host commutes with what arrives at the other, so a state is
//! what each host has received, in its own order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use imafarm_proto::host_record::HostIndex;
use imafarm_proto::host_resolver::{Directory, EntryIndex};
use imafarm_proto::input::{Call, Ending, Input};
use imafarm_proto::message::{Kind, Message};
use imafarm_proto::outbox::Verb;
use imafarm_proto::time::{Span, Time};

use crate::by_hand::{ByHand, equals, settings};

/// Something under way on a connection.
#[derive(Clone, Debug)]
enum Parcel {
    Connect,
    Answer,
    Message(Message),
    Finish,
    Broken,
    Refused,
}

/// A connection, by who opened it and how many that host had opened before.
type Name = (usize, usize);
/// A stream: a connection, and whether it leads to the opener (0) or to the acceptor (1).
type Stream = (Name, usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Not made, or gone.
    Absent,
    Open(EntryIndex),
    Finished(EntryIndex),
}

#[derive(Debug)]
struct Connection {
    /// The opener's end and the acceptor's.
    ends: [End; 2],
    /// Whether the opener has heard from the acceptor.
    answered: bool,
}

/// Two hosts, and what is under way between them.
struct Pair {
    hosts: [ByHand; 2],
    opened: [usize; 2],
    connections: BTreeMap<Name, Connection>,
    streams: BTreeMap<Stream, VecDeque<Parcel>>,
    /// What each host has received, in its order.
    histories: [Vec<Stream>; 2],
    questions: [u32; 2],
}

impl Pair {
    fn new(directory: &Arc<Directory>, entries: u64) -> Pair {
        let hosts = [0, 1].map(|me| {
            let turned = [("MaxHostAddressCacheEntries", entries)];
            ByHand::new(me, directory, settings(&turned))
        });
        let mut pair = Pair {
            hosts,
            opened: [0, 0],
            connections: BTreeMap::new(),
            streams: BTreeMap::new(),
            histories: [Vec::new(), Vec::new()],
            questions: [0, 0],
        };
        pair.hand(0, Input::Start);
        pair.hand(1, Input::Start);
        pair
    }

    /// Which host is at this end of a connection.
    const fn host_at((opener, _): Name, end: usize) -> usize {
        if end == 0 { opener } else { 1 - opener }
    }

    fn hand(&mut self, me: usize, input: Input) {
        // Each host has a clock of its own, which goes on with what it receives; so fast that there is time for one
        // more try before a binding would be given up, for else there were no end of tries.
        self.hosts[me].now = Time::ZERO + Span::from_millis(1_000 * self.histories[me].len() as u64);
        for verb in self.hosts[me].input(input) {
            self.carry_out(me, verb);
        }
    }

    fn send(&mut self, name: Name, to: usize, parcel: Parcel) {
        self.streams.entry((name, to)).or_default().push_back(parcel);
    }

    /// The connection at this entry of a host, and which end of it that is.
    fn at(&self, me: usize, entry: EntryIndex) -> (Name, usize) {
        let stands = |end: &End| matches!(end, End::Open(at) | End::Finished(at) if *at == entry);
        let found = self.connections.iter().find_map(|(&name, connection)| {
            let end = connection.ends.iter().position(stands)?;
            (Pair::host_at(name, end) == me).then_some((name, end)).or_else(|| {
                let other = 1 - end;
                (stands(&connection.ends[other]) && Pair::host_at(name, other) == me).then_some((name, other))
            })
        });
        found.unwrap_or_else(|| panic!("host {me} has nothing at {entry:?}"))
    }

    fn carry_out(&mut self, me: usize, verb: Verb) {
        match verb {
            Verb::Open { entry, to } => {
                assert_eq!(to.at(), 1 - me);
                let name = (me, self.opened[me]);
                self.opened[me] += 1;
                let ends = [End::Open(entry), End::Absent];
                self.connections.insert(name, Connection { ends, answered: false });
                self.send(name, 1, Parcel::Connect);
            }
            Verb::Accept { call, entry } => {
                let name = (1 - me, call.0 as usize);
                self.connections.get_mut(&name).expect("a call").ends[1] = End::Open(entry);
                self.send(name, 0, Parcel::Answer);
            }
            Verb::Refuse(call) => self.send((1 - me, call.0 as usize), 0, Parcel::Refused),
            Verb::Send(entry, message) => {
                // What the questions lead to does not matter here.
                let kind = message.kind();
                if [Kind::BindRequest, Kind::BindResponse, Kind::BindCommit, Kind::QueryMaster].contains(&kind) {
                    let (name, end) = self.at(me, entry);
                    self.send(name, 1 - end, Parcel::Message(message));
                }
            }
            Verb::Close(entry) => {
                let (name, end) = self.at(me, entry);
                self.connections.get_mut(&name).expect("it stands").ends[end] = End::Finished(entry);
                self.send(name, 1 - end, Parcel::Finish);
            }
            Verb::Abort(entry) => {
                let (name, end) = self.at(me, entry);
                let connection = self.connections.get_mut(&name).expect("it stands");
                connection.ends[end] = End::Absent;
                // One that was never answered is found to be gone by its answer.
                if end == 1 || connection.answered {
                    self.send(name, 1 - end, Parcel::Broken);
                }
            }
            Verb::Fan(_) | Verb::Direct { .. } | Verb::Notify(_) | Verb::Consult(..) => {}
        }
    }

    /// The streams on which something is under way.
    fn choices(&self) -> Vec<Stream> {
        self.streams.iter().filter(|(_, parcels)| !parcels.is_empty()).map(|(&stream, _)| stream).collect()
    }

    /// Delivers what comes next on a stream.
    fn deliver(&mut self, stream @ (name, to): Stream) {
        let me = Pair::host_at(name, to);
        let parcel = self.streams.get_mut(&stream).and_then(VecDeque::pop_front).expect("something is under way");
        self.histories[me].push(stream);
        if let Parcel::Connect = parcel {
            return self.hand(me, Input::Incoming(Call(name.1 as u64)));
        }
        let connection = self.connections.get_mut(&name).expect("it was opened");
        let end = connection.ends[to];
        let entry = match end {
            End::Open(entry) | End::Finished(entry) => entry,
            End::Absent => {
                if matches!(parcel, Parcel::Answer | Parcel::Message(_) | Parcel::Finish) {
                    self.send(name, 1 - to, Parcel::Broken);
                }
                return;
            }
        };
        match parcel {
            Parcel::Connect => {}
            Parcel::Answer => {
                connection.answered = true;
                self.hand(me, Input::Connected(entry));
            }
            Parcel::Message(message) => {
                self.questions[me] += u32::from(message.kind() == Kind::QueryMaster);
                self.hand(me, Input::Received(entry, message));
            }
            Parcel::Finish => {
                connection.ends[to] = End::Absent;
                if end == End::Open(entry) {
                    self.send(name, 1 - to, Parcel::Finish);
                }
                self.hand(me, Input::Closed(entry, Ending::Finished));
            }
            Parcel::Broken | Parcel::Refused => {
                connection.ends[to] = End::Absent;
                let ending = if let Parcel::Refused = parcel { Ending::Refused } else { Ending::Broken };
                self.hand(me, Input::Closed(entry, ending));
            }
        }
    }
}

/// Goes through every order of deliveries, and shows what each leads to in the end.
fn explore(directory: &Arc<Directory>, entries: u64, mut judge: impl FnMut(&Pair, &[Stream])) {
    let mut seen = BTreeSet::new();
    let mut to_try: Vec<Vec<Stream>> = vec![Vec::new()];
    while let Some(order) = to_try.pop() {
        let mut pair = Pair::new(directory, entries);
        order.iter().for_each(|&stream| pair.deliver(stream));
        if !seen.insert(pair.histories.clone()) {
            continue;
        }
        let mut choices = pair.choices();
        // On one connection alone there is nothing simultaneous left: one order stands for all.
        if choices.iter().all(|(name, _)| *name == choices[0].0) {
            choices.truncate(1);
        }
        if choices.is_empty() {
            judge(&pair, &order);
        }
        to_try.extend(choices.into_iter().map(|stream| [&order[..], &[stream]].concat()));
    }
}

/// Protocol decision 1: they end with one binding. Nothing that waited for one is said twice; it is only lost when two
/// attempts of its own have been turned down before the other's way through was heard of.
#[test]
fn two_hosts_that_open_to_each_other_end_with_one_binding() {
    let directory = equals(2);
    let mut ends = 0;
    explore(&directory, 512, |pair, order| {
        ends += 1;
        let peers = [0, 1].map(|me| pair.hosts[me].host.peers_by_use().collect::<Vec<HostIndex>>());
        assert_eq!(peers, [vec![HostIndex(1)], vec![HostIndex(0)]], "{order:?}");
        let standing = pair.connections.values().filter(|c| c.ends.iter().any(|end| *end != End::Absent)).count();
        assert_eq!(standing, 1, "{order:?}");
        for me in [0, 1] {
            let tried_twice = pair.opened[me] > 1;
            assert!(pair.questions[1 - me] == 1 || pair.questions[1 - me] == 0 && tried_twice, "{order:?}");
        }
    });
    assert!(ends > 1_000, "{ends} ends are not all there are");
}
