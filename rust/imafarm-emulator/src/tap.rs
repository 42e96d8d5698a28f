//! A tap: what single hosts put on the wire, and what comes to them, with every byte of it.
//!
//! It stands for a capture at the interfaces of the tapped hosts, in which no packet is twice. What a tapped host sends is
//! recorded when it sends it, whether it arrives or not; what comes to one from a host that is not tapped, when that is
//! handled. So with all hosts tapped there is everything that was sent, once.
//!
//! Records of one host are made in the order in which things happen to it, and those of several are put in the order of
//! (time, host): no thread, no slice and no short cut has a part in it. A tapped host goes no short way, and no short cut
//! passes it, so whoever is not tapped is as fast as ever.

mod seat;

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use imafarm_proto::message::{Kind, Message};
use imafarm_proto::time::Time;

use crate::network::EndRef;

/// What is to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapPlan {
    /// At which hosts; all, if none is named.
    pub hosts: Option<Vec<u32>>,
    /// Messages of which kinds; all, if none is named. Connections are recorded whatever they carry.
    pub kinds: Option<Vec<Kind>>,
    /// From when on.
    pub since: Time,
    /// Until when.
    pub until: Time,
    /// How many bytes the records may take; the tap stops before it takes more.
    pub limit_bytes: u64,
}

impl TapPlan {
    /// How many bytes records may take unless somebody says otherwise. Our guess.
    pub const LIMIT_BYTES: u64 = 1 << 30;
}

/// What a record is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Act {
    /// The source calls the target.
    Connect,
    /// The source takes the target's call.
    Accept,
    /// The source says something.
    Message,
    /// The source closes in good order, or answers that the target has.
    Finish,
    /// The source, or its machine, turns the target's call away.
    Refused,
    /// The source gives the connection up, or knows nothing of it.
    Broken,
}

impl Act {
    /// All of them, by number.
    pub const ALL: [Act; 6] = [Act::Connect, Act::Accept, Act::Message, Act::Finish, Act::Refused, Act::Broken];

    /// What it is called in a table.
    pub const fn name(self) -> &'static str {
        match self {
            Act::Connect => "connect",
            Act::Accept => "accept",
            Act::Message => "message",
            Act::Finish => "finish",
            Act::Refused => "refused",
            Act::Broken => "broken",
        }
    }
}

/// Nobody: not known who called.
const NOBODY: u32 = u32::MAX;

/// One record, as a shard makes it.
#[derive(Clone, Copy, Debug)]
struct Record {
    time: Time,
    /// At whom it was made.
    host: u32,
    source: u32,
    target: u32,
    /// The source's end of the connection, and the target's, as far as they are known.
    ends: [EndRef; 2],
    /// Who called, if that is known.
    caller: u32,
    act: Act,
    kind: Option<Kind>,
    /// Where the message's bytes begin, and how many there are.
    start: usize,
    bytes: u32,
}

/// What one shard of a tapped farm records.
#[derive(Debug)]
pub(crate) struct Tap {
    /// Which hosts are tapped.
    hosts: Arc<[bool]>,
    kinds: [bool; Kind::COUNT],
    since: Time,
    until: Time,
    records: Vec<Record>,
    bytes: Vec<u8>,
}

/// A connection, as whoever records it sees it.
#[derive(Clone, Copy, Debug)]
struct Line {
    source: u32,
    target: u32,
    ends: [EndRef; 2],
    caller: u32,
}

impl Tap {
    /// A tap of so many hosts.
    pub(crate) fn new(plan: &TapPlan, hosts: usize) -> Tap {
        let tapped = match &plan.hosts {
            None => vec![true; hosts],
            Some(named) => {
                let mut tapped = vec![false; hosts];
                named.iter().for_each(|&host| tapped[host as usize] = true);
                tapped
            }
        };
        let wanted = |kind: Kind| plan.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind));
        Tap {
            hosts: tapped.into(),
            kinds: Kind::ALL.map(wanted),
            since: plan.since,
            until: plan.until,
            records: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// Whether a host is tapped.
    pub(crate) fn has(&self, host: u32) -> bool {
        self.hosts[host as usize]
    }

    /// Whether nothing was recorded that has not been taken.
    pub(crate) const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    const fn is_on(&self, now: Time) -> bool {
        self.since.0 <= now.0 && now.0 < self.until.0
    }

    /// Records what becomes of a connection.
    fn note(&mut self, now: Time, host: u32, line: Line, act: Act) {
        self.put(now, host, line, act, None);
    }

    /// Records a message, if its kind is wanted.
    fn note_message(&mut self, now: Time, host: u32, line: Line, message: &Message) {
        if self.kinds[message.kind().index()] {
            self.put(now, host, line, Act::Message, Some(message));
        }
    }

    fn put(&mut self, time: Time, host: u32, line: Line, act: Act, message: Option<&Message>) {
        if !self.is_on(time) {
            return;
        }
        let start = self.bytes.len();
        if let Some(message) = message {
            message.encode(&mut self.bytes);
        }
        let Line { source, target, ends, caller } = line;
        let (kind, bytes) = (message.map(Message::kind), (self.bytes.len() - start) as u32);
        self.records.push(Record { time, host, source, target, ends, caller, act, kind, start, bytes });
    }
}

/// One thing that went over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// When: see the top of the room.
    pub time: Time,
    /// From whom.
    pub source: u32,
    /// To whom.
    pub target: u32,
    /// Its connection's number: in the order in which the tap first heard of them, from 0.
    pub connection: u32,
    /// What it is.
    pub act: Act,
    /// The kind of the message, if it is one.
    pub kind: Option<Kind>,
    /// The length of the message, header included; 0 if it is none.
    pub bytes: u32,
    start: usize,
}

/// All that a tap has recorded of a farm, in order.
#[derive(Debug)]
pub struct Taped {
    packets: Vec<Packet>,
    bytes: Vec<u8>,
    /// By number: who called.
    callers: Vec<u32>,
    /// The number of the connection to which an end belongs; bound ones by the lower host and the higher.
    ends: HashMap<(u32, u32, bool), u32, FixedState>,
    limit_bytes: u64,
    stopped: Option<Time>,
}

/// What a connection costs besides its packets: two ends and who called.
const CONNECTION_BYTES: u64 = 44;

impl Taped {
    pub(crate) fn new(plan: &TapPlan) -> Taped {
        let ends = HashMap::with_hasher(FixedState::default());
        let limit_bytes = plan.limit_bytes;
        Taped { packets: Vec::new(), bytes: Vec::new(), callers: Vec::new(), ends, limit_bytes, stopped: None }
    }

    /// Takes over what shards have recorded of what happened before `now`. What happens at this instant may not be
    /// complete, and waits.
    pub(crate) fn gather<'a>(&mut self, now: Time, taps: impl Iterator<Item = &'a mut Tap>) {
        let mut taps: Vec<&mut Tap> = taps.filter(|tap| !tap.is_empty()).collect();
        let mut taken: Vec<(Record, usize)> = Vec::new();
        for (number, tap) in taps.iter_mut().enumerate() {
            let before = tap.records.extract_if(.., |record| record.time < now);
            taken.extend(before.map(|record| (record, number)));
        }
        // Those of one host are in order already, and stay so.
        taken.sort_by_key(|(record, _)| (record.time, record.host));
        for (record, number) in taken {
            let bytes = &taps[number].bytes[record.start..record.start + record.bytes as usize];
            self.add(&record, bytes);
        }
        for tap in taps {
            if self.stopped.is_some() {
                (tap.until, tap.records) = (Time::ZERO, Vec::new());
            }
            if tap.is_empty() {
                tap.bytes.clear();
            }
        }
    }

    fn add(&mut self, record: &Record, bytes: &[u8]) {
        if self.stopped.is_some() {
            return;
        }
        if self.held_bytes() + size_of::<Packet>() as u64 + CONNECTION_BYTES + bytes.len() as u64 > self.limit_bytes {
            self.stopped = Some(record.time);
            return;
        }
        let connection = self.number(record);
        let Record { time, source, target, act, kind, bytes: length, .. } = *record;
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.packets.push(Packet { time, source, target, connection, act, kind, bytes: length, start });
    }

    /// The number of a record's connection. An end's name comes round after a while, so a call is always a new one.
    fn number(&mut self, record: &Record) -> u32 {
        let Record { source, target, ends: [source_end, target_end], act, .. } = *record;
        let mut names = [name(source, source_end), name(target, target_end)];
        if source_end == EndRef::BOUND || target_end == EndRef::BOUND {
            names = [Some((source.min(target), source.max(target), true)), None];
        }
        let known = names.into_iter().flatten().find_map(|name| self.ends.get(&name).copied());
        let number = match (act, known) {
            (Act::Connect, _) | (_, None) => {
                let caller = if record.caller == NOBODY { source.min(target) } else { record.caller };
                self.callers.push(caller);
                self.callers.len() as u32 - 1
            }
            (_, Some(known)) => known,
        };
        for name in names.into_iter().flatten() {
            self.ends.insert(name, number);
        }
        number
    }

    /// What was recorded, in order.
    pub fn packets(&self) -> &[Packet] {
        &self.packets
    }

    /// The bytes of a packet's message; nothing if it is none.
    pub fn message(&self, packet: &Packet) -> &[u8] {
        &self.bytes[packet.start..packet.start + packet.bytes as usize]
    }

    /// The bytes of all messages, one behind the other.
    pub fn all_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Who called, by connection. Nobody has called for one with which two hosts began: the lower of them stands for it.
    pub fn callers(&self) -> &[u32] {
        &self.callers
    }

    /// When the first thing happened that was too much for the limit; from there on nothing is recorded.
    pub const fn stopped(&self) -> Option<Time> {
        self.stopped
    }

    /// How many bytes the records take.
    pub const fn held_bytes(&self) -> u64 {
        let (packets, connections) = (self.packets.len() as u64, self.callers.len() as u64);
        packets * size_of::<Packet>() as u64 + self.bytes.len() as u64 + connections * CONNECTION_BYTES
    }
}

const fn name(host: u32, end: EndRef) -> Option<(u32, u32, bool)> {
    if end.is_named() { Some((host, end.0, false)) } else { None }
}
