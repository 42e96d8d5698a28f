//! An arrival in 16 bytes, since millions may be on their way, and where the ones are that do not fit.
//!
//! ```text
//! 20 bits  target        the first word alone decides a host's order: see `Event::order`
//! 19 bits  when          nanoseconds since the window began
//! 20 bits  turn          who is first at one instant
//!  5 bits  form          what arrives
//! 32 bits  to            the target's end of the connection
//! 32 bits  detail        what it says, or where in the post office it lies
//! ```

use std::collections::VecDeque;
use std::sync::Arc;

use imafarm_proto::host_record::HostIndex;
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::message::{MagicNumber, Message};
use imafarm_proto::time::Time;

use crate::letter::{Letter, Parcel};
use crate::network::EndRef;

/// The most hosts of a farm: a few turns are not hosts'.
pub const HOSTS_MAX: u32 = (1 << TARGET_BITS) - 8;
/// A window is shorter than this many nanoseconds, as a power of two.
pub const WINDOW_BITS: u32 = 19;

const TARGET_BITS: u32 = 20;
const FORM_BITS: u32 = 5;
const TURN_BITS: u32 = 20;
const WHEN_SHIFT: u32 = FORM_BITS + TURN_BITS;
const TARGET_SHIFT: u32 = WHEN_SHIFT + WINDOW_BITS;

/// Turns: a start, then what comes over the network by who sent it, then deadlines, then users and the data store.
const TURN_START: u32 = 0;
const TURN_FIRST_HOST: u32 = 1;
const TURN_WAKE: u32 = (1 << TURN_BITS) - 2;
const TURN_LATE: u32 = (1 << TURN_BITS) - 1;

/// What arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Form {
    /// [`Parcel::Connect`]; the detail is the caller's end.
    Connect,
    /// [`Parcel::Greeting`] of the farm's own number; the detail is the acceptor's end.
    Greeting,
    /// BIND_RESPONSE of the source itself, with the farm's own number.
    BindResponse,
    /// BIND_COMMIT
    BindCommit,
    /// ELECT_MASTER; the detail is its round.
    ElectMaster,
    /// ELECT_MASTER_ACK; the detail is its round.
    ElectMasterAck,
    /// DECLARE_MASTER of the source itself; the detail is its reign.
    DeclareMaster,
    /// QUERY_MASTER
    QueryMaster,
    /// MASTER_IS; the detail is the host, or nobody.
    MasterIs,
    /// HEARTBEAT; the detail is the number of the last report.
    Heartbeat,
    /// HEARTBEAT_ACK; the detail is 1 from the collector.
    HeartbeatAck,
    /// IMA_PING
    ImaPing,
    /// IMA_PING_ACK; the detail is 1 from a member.
    ImaPingAck,
    /// [`Parcel::Finish`]
    Finish,
    /// [`Parcel::Refused`]
    Refused,
    /// [`Parcel::Broken`]; the detail is the source's end.
    Broken,
    /// [`Parcel::Wake`]
    Wake,
    /// Anything else; the detail says where it lies.
    Stored,
}

impl Form {
    const ALL: [Form; 18] = [
        Form::Connect,
        Form::Greeting,
        Form::BindResponse,
        Form::BindCommit,
        Form::ElectMaster,
        Form::ElectMasterAck,
        Form::DeclareMaster,
        Form::QueryMaster,
        Form::MasterIs,
        Form::Heartbeat,
        Form::HeartbeatAck,
        Form::ImaPing,
        Form::ImaPingAck,
        Form::Finish,
        Form::Refused,
        Form::Broken,
        Form::Wake,
        Form::Stored,
    ];
}

/// One arrival.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    word: u64,
    /// The target's end of the connection, if it has one.
    pub to: EndRef,
    /// What it says; each [`Form`] tells what that is.
    pub detail: u32,
}

impl Event {
    /// What arrives over the network from `source`.
    #[inline]
    pub const fn new(form: Form, target: u32, source: u32, to: EndRef, detail: u32) -> Event {
        Event::in_turn(form, target, source + TURN_FIRST_HOST, to, detail)
    }

    #[inline]
    const fn in_turn(form: Form, target: u32, turn: u32, to: EndRef, detail: u32) -> Event {
        let word = (target as u64) << TARGET_SHIFT | (turn as u64) << FORM_BITS | form as u64;
        Event { word, to, detail }
    }

    /// The host named a deadline.
    #[inline]
    pub const fn wake(target: u32) -> Event {
        Event::in_turn(Form::Wake, target, TURN_WAKE, EndRef::NONE, 0)
    }

    /// Whom it concerns.
    #[inline]
    pub const fn target(&self) -> u32 {
        (self.word >> TARGET_SHIFT) as u32
    }

    /// Nanoseconds since the window began.
    #[inline]
    pub const fn when(&self) -> u32 {
        (self.word >> WHEN_SHIFT) as u32 & ((1 << WINDOW_BITS) - 1)
    }

    /// The same event, so many nanoseconds after the beginning of its window.
    #[inline]
    pub const fn at(self, when: u32) -> Event {
        let word = self.word & !(((1 << WINDOW_BITS) - 1) << WHEN_SHIFT) | (when as u64) << WHEN_SHIFT;
        Event { word, ..self }
    }

    /// Who sent it, if it came over the network.
    #[inline]
    pub const fn source(&self) -> u32 {
        self.turn().wrapping_sub(TURN_FIRST_HOST)
    }

    #[inline]
    const fn turn(&self) -> u32 {
        (self.word >> FORM_BITS) as u32 & ((1 << TURN_BITS) - 1)
    }

    /// What arrives.
    #[inline]
    pub const fn form(&self) -> Form {
        Form::ALL[(self.word & ((1 << FORM_BITS) - 1)) as usize]
    }

    /// The order in which a host takes its events: by time; at one instant a start first, then what comes over the
    /// network by who sent it, then deadlines, then users and answers of the data store. What one host sent to another is
    /// taken in the order in which it was sent: equal events have to stay as they were put in. Those of the last turn have
    /// an order of their own, [`Letter::late_order`].
    #[inline]
    pub const fn order(&self) -> u64 {
        self.word >> FORM_BITS & ((1 << (WINDOW_BITS + TURN_BITS)) - 1)
    }

    /// The same, of all hosts: each host's events together.
    #[inline]
    pub const fn order_of_all(&self) -> u64 {
        self.word >> FORM_BITS
    }

    /// Whether it is of the last turn.
    #[inline]
    pub const fn is_late(&self) -> bool {
        self.turn() == TURN_LATE
    }
}

/// Where the parcels lie that do not fit in an event.
#[derive(Debug)]
pub struct PostOffice {
    directory: Arc<Directory>,
    /// The number of most hosts' farm.
    magic: MagicNumber,
    parcels: Vec<(u32, Parcel)>,
    free: Vec<u32>,
}

impl PostOffice {
    /// An empty one.
    pub const fn new(directory: Arc<Directory>, magic: MagicNumber) -> PostOffice {
        PostOffice { directory, magic, parcels: Vec::new(), free: Vec::new() }
    }

    /// The number of most hosts' farm.
    pub const fn magic(&self) -> MagicNumber {
        self.magic
    }

    /// Who is in the farm.
    pub const fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// A letter as an event; what does not fit is kept.
    #[inline(always)]
    pub fn pack(&mut self, letter: Letter) -> Event {
        match self.form_of(&letter) {
            Some((form, detail)) => Event::new(form, letter.target, letter.source, letter.to, detail),
            None => self.store(letter),
        }
    }

    /// What a letter over the network is in short, if it fits.
    #[inline(always)]
    #[expect(clippy::wildcard_enum_match_arm, reason = "whatever has no form of its own is stored")]
    fn form_of(&self, letter: &Letter) -> Option<(Form, u32)> {
        let source = HostIndex(letter.source);
        let own = |host| self.directory.id(source) == host;
        Some(match &letter.parcel {
            Parcel::Connect { end } => (Form::Connect, end.0),
            Parcel::Greeting { end, magic } if *magic == self.magic => (Form::Greeting, end.0),
            Parcel::Finish => (Form::Finish, 0),
            Parcel::Refused => (Form::Refused, 0),
            Parcel::Broken { end } => (Form::Broken, end.0),
            Parcel::Message(message) => match *message {
                Message::BindResponse { magic, host } if magic == self.magic && own(host) => (Form::BindResponse, 0),
                Message::BindCommit => (Form::BindCommit, 0),
                Message::ElectMaster { round } => (Form::ElectMaster, round),
                Message::ElectMasterAck { round } => (Form::ElectMasterAck, round),
                Message::DeclareMaster { master, reign_ms } if own(master) => (Form::DeclareMaster, reign_ms),
                Message::QueryMaster => (Form::QueryMaster, 0),
                Message::MasterIs { master: None } => (Form::MasterIs, u32::MAX),
                Message::MasterIs { master: Some(id) } => (Form::MasterIs, self.directory.by_id(id)?.0),
                Message::Heartbeat { seq } => (Form::Heartbeat, seq),
                Message::HeartbeatAck { collector } => (Form::HeartbeatAck, collector as u32),
                Message::ImaPing => (Form::ImaPing, 0),
                Message::ImaPingAck { member } => (Form::ImaPingAck, member as u32),
                _ => return None,
            },
            _ => return None,
        })
    }

    /// Keeps a letter's parcel, if it is not said by its turn alone.
    #[inline(never)]
    fn store(&mut self, letter: Letter) -> Event {
        let turn = turn_of(&letter);
        let Letter { target, to, source, parcel } = letter;
        match parcel {
            Parcel::Wake => Event::wake(target),
            Parcel::Start
            | Parcel::Connect { .. }
            | Parcel::Greeting { .. }
            | Parcel::Message(_)
            | Parcel::Finish
            | Parcel::Refused
            | Parcel::Broken { .. }
            | Parcel::User(_)
            | Parcel::Consulted(_) => Event::in_turn(Form::Stored, target, turn, to, self.keep(source, parcel)),
        }
    }

    fn keep(&mut self, source: u32, parcel: Parcel) -> u32 {
        match self.free.pop() {
            Some(place) => {
                self.parcels[place as usize] = (source, parcel);
                place
            }
            None => {
                self.parcels.push((source, parcel));
                self.parcels.len() as u32 - 1
            }
        }
    }

    /// Takes what an event stands for, for good.
    #[inline]
    pub fn open(&mut self, event: Event) -> Letter {
        if event.form() != Form::Stored {
            return self.read(&event);
        }
        let (source, parcel) = core::mem::replace(&mut self.parcels[event.detail as usize], (0, Parcel::Wake));
        self.free.push(event.detail);
        Letter { target: event.target(), to: event.to, source, parcel }
    }

    /// Looks at what an event stands for.
    #[inline]
    pub fn read(&self, event: &Event) -> Letter {
        let Event { to, detail, .. } = *event;
        let (target, source) = (event.target(), event.source());
        let id = |host| self.directory.id(HostIndex(host));
        let message = match event.form() {
            Form::Connect => return Letter { target, to, source, parcel: Parcel::Connect { end: EndRef(detail) } },
            Form::Greeting => {
                let parcel = Parcel::Greeting { end: EndRef(detail), magic: self.magic };
                return Letter { target, to, source, parcel };
            }
            Form::Finish => return Letter { target, to, source, parcel: Parcel::Finish },
            Form::Refused => return Letter { target, to, source, parcel: Parcel::Refused },
            Form::Broken => return Letter { target, to, source, parcel: Parcel::Broken { end: EndRef(detail) } },
            Form::Wake => return Letter::wake(target),
            Form::Stored => {
                let (source, parcel) = self.parcels[detail as usize].clone();
                return Letter { target, to, source, parcel };
            }
            Form::BindResponse => Message::BindResponse { magic: self.magic, host: id(source) },
            Form::BindCommit => Message::BindCommit,
            Form::ElectMaster => Message::ElectMaster { round: detail },
            Form::ElectMasterAck => Message::ElectMasterAck { round: detail },
            Form::DeclareMaster => Message::DeclareMaster { master: id(source), reign_ms: detail },
            Form::QueryMaster => Message::QueryMaster,
            Form::MasterIs => Message::MasterIs { master: (detail != u32::MAX).then(|| id(detail)) },
            Form::Heartbeat => Message::Heartbeat { seq: detail },
            Form::HeartbeatAck => Message::HeartbeatAck { collector: detail != 0 },
            Form::ImaPing => Message::ImaPing,
            Form::ImaPingAck => Message::ImaPingAck { member: detail != 0 },
        };
        Letter { target, to, source, parcel: Parcel::Message(message) }
    }

    /// Puts a host's events of the last turn, which are of one instant, in their order.
    #[cold]
    pub fn sort_late(&self, events: &mut [Event]) {
        events.sort_by_key(|event| self.read(event).late_order());
    }

    /// The bytes held.
    pub const fn memory(&self) -> usize {
        self.parcels.capacity() * size_of::<(u32, Parcel)>() + self.free.capacity() * size_of::<u32>()
    }
}

/// What is on its way from one shard to another.
#[derive(Debug, Default)]
pub struct Sack {
    events: Vec<(Time, Event)>,
    /// The parcels of the events that do not fit, in order.
    stored: VecDeque<(u32, Parcel)>,
    first: Option<Time>,
}

impl Sack {
    /// Whether nothing is in it.
    pub const fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// When the first of what is in it happens.
    pub const fn first(&self) -> Option<Time> {
        self.first
    }

    /// Whom it is for, and from whom it is, as it lies there.
    pub fn events(&self) -> &[(Time, Event)] {
        &self.events
    }

    /// Puts a letter in, to arrive then.
    #[inline(always)]
    pub fn put(&mut self, post: &PostOffice, time: Time, letter: Letter) {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        let event = match post.form_of(&letter) {
            Some((form, detail)) => Event::new(form, letter.target, letter.source, letter.to, detail),
            None => {
                let event = Event::in_turn(Form::Stored, letter.target, turn_of(&letter), letter.to, 0);
                self.stored.push_back((letter.source, letter.parcel));
                event
            }
        };
        self.events.push((time, event));
    }

    /// Empties it; its room is kept.
    #[inline]
    pub fn empty(&mut self, post: &mut PostOffice, mut each: impl FnMut(Time, Event)) {
        self.first = None;
        for (time, event) in self.events.drain(..) {
            let event = match event.form() {
                Form::Stored => match self.stored.pop_front() {
                    Some((source, parcel)) => Event { detail: post.keep(source, parcel), ..event },
                    None => unreachable!("as many parcels as events that do not fit"),
                },
                Form::Connect
                | Form::Greeting
                | Form::BindResponse
                | Form::BindCommit
                | Form::ElectMaster
                | Form::ElectMasterAck
                | Form::DeclareMaster
                | Form::QueryMaster
                | Form::MasterIs
                | Form::Heartbeat
                | Form::HeartbeatAck
                | Form::ImaPing
                | Form::ImaPingAck
                | Form::Finish
                | Form::Refused
                | Form::Broken
                | Form::Wake => event,
            };
            each(time, event);
        }
    }

    /// The bytes held.
    pub fn memory(&self) -> usize {
        self.events.capacity() * size_of::<(Time, Event)>() + self.stored.capacity() * size_of::<(u32, Parcel)>()
    }
}

/// When it is a letter's turn, among what happens at one instant.
const fn turn_of(letter: &Letter) -> u32 {
    match &letter.parcel {
        Parcel::Start => TURN_START,
        Parcel::Wake => TURN_WAKE,
        Parcel::User(_) | Parcel::Consulted(_) => TURN_LATE,
        Parcel::Connect { .. }
        | Parcel::Greeting { .. }
        | Parcel::Message(_)
        | Parcel::Finish
        | Parcel::Refused
        | Parcel::Broken { .. } => letter.source + TURN_FIRST_HOST,
    }
}

#[cfg(test)]
mod tests {
    use imafarm_proto::host_record::HostId;
    use imafarm_proto::message::LoadUpdate;
    use proptest::prelude::*;

    use super::*;
    use crate::users::Errand;

    const FARM: MagicNumber = MagicNumber(7);

    fn post() -> PostOffice {
        PostOffice::new(Arc::new(Directory::generate(9, 2)), FARM)
    }

    fn id(number: u64) -> HostId {
        HostId::new(number).expect("from 1")
    }

    /// Letters of every form, and of those that have none.
    fn parcels() -> impl Strategy<Value = Parcel> {
        let host = || (1..12u64).prop_map(id);
        let magic = || (6..8u32).prop_map(MagicNumber);
        let message = prop_oneof![
            (magic(), host()).prop_map(|(magic, host)| Message::BindResponse { magic, host }),
            Just(Message::BindCommit),
            any::<u32>().prop_map(|round| Message::ElectMaster { round }),
            any::<u32>().prop_map(|round| Message::ElectMasterAck { round }),
            (host(), any::<u32>()).prop_map(|(master, reign_ms)| Message::DeclareMaster { master, reign_ms }),
            Just(Message::QueryMaster),
            proptest::option::of(host()).prop_map(|master| Message::MasterIs { master }),
            any::<u32>().prop_map(|seq| Message::Heartbeat { seq }),
            any::<bool>().prop_map(|collector| Message::HeartbeatAck { collector }),
            Just(Message::ImaPing),
            any::<bool>().prop_map(|member| Message::ImaPingAck { member }),
            Just(Message::PeerPingAck),
            (host(), any::<u32>(), any::<u32>())
                .prop_map(|(server, seq, load)| { Message::LoadUpdate(Box::new(LoadUpdate { server, seq, load })) }),
        ];
        prop_oneof![
            Just(Parcel::Start),
            any::<u32>().prop_map(|end| Parcel::Connect { end: EndRef(end) }),
            (any::<u32>(), magic()).prop_map(|(end, magic)| Parcel::Greeting { end: EndRef(end), magic }),
            message.prop_map(Parcel::Message),
            Just(Parcel::Finish),
            Just(Parcel::Refused),
            any::<u32>().prop_map(|end| Parcel::Broken { end: EndRef(end) }),
            any::<u32>().prop_map(|number| Parcel::User(Errand::Arrive { number })),
        ]
    }

    fn letters() -> impl Strategy<Value = Letter> {
        (0..9u32, any::<u32>(), 0..9u32, parcels()).prop_map(|(target, to, source, parcel)| Letter {
            target,
            to: EndRef(to),
            source,
            parcel,
        })
    }

    fn same(one: &Letter, other: &Letter) -> bool {
        (one.target, one.to, one.source, &one.parcel) == (other.target, other.to, other.source, &other.parcel)
    }

    proptest! {
        #[test]
        fn what_is_packed_is_read_and_opened_as_it_was(letters in proptest::collection::vec(letters(), 1..40)) {
            let mut post = post();
            let packed: Vec<Event> = letters.iter().map(|letter| post.pack(letter.clone()).at(77)).collect();
            for (letter, event) in letters.iter().zip(&packed) {
                prop_assert_eq!((event.when(), event.target()), (77, letter.target));
                prop_assert!(same(&post.read(event), letter), "{:?} is read as {:?}", letter, post.read(event));
            }
            for (letter, event) in letters.iter().zip(packed) {
                prop_assert!(same(&post.open(event), letter));
            }
            prop_assert_eq!(post.free.len(), post.parcels.len());
        }

        #[test]
        fn what_goes_in_a_sack_comes_out_as_it_was(letters in proptest::collection::vec(letters(), 1..40)) {
            let (here, mut there) = (post(), post());
            let mut sack = Sack::default();
            for (time, letter) in (5..).zip(&letters) {
                sack.put(&here, Time(time), letter.clone());
            }
            prop_assert_eq!(sack.first(), Some(Time(5)));
            let mut out = Vec::new();
            sack.empty(&mut there, |time, event| out.push((time, event)));
            prop_assert!(sack.is_empty() && sack.first().is_none() && out.len() == letters.len());
            for ((time, event), (number, letter)) in out.into_iter().zip((5..).zip(&letters)) {
                prop_assert_eq!(time, Time(number));
                prop_assert!(same(&there.open(event), letter));
            }
        }
    }

    #[test]
    fn an_event_is_16_bytes() {
        assert_eq!(size_of::<Event>(), 16);
        assert_eq!(Form::ALL.map(|form| form as usize), core::array::from_fn(|place| place));
    }

    #[test]
    fn at_one_instant_starts_come_first_and_users_last() {
        let mut post = post();
        let mut put = |source, parcel| post.pack(Letter { target: 0, to: EndRef::NONE, source, parcel });
        let late = put(3, Parcel::User(Errand::Arrive { number: 1 }));
        let wake = put(0, Parcel::Wake);
        let (four, first) = (put(4, Parcel::Connect { end: EndRef(1) }), put(0, Parcel::Finish));
        let start = put(8, Parcel::Start);
        let mut events = [late, wake, four, first, start];
        events.sort_by_key(Event::order);
        assert_eq!(events.map(|event| event.form()), [start, first, four, wake, late].map(|event| event.form()));
        assert!(late.is_late() && !wake.is_late());
        assert!(wake.at(1).order() < start.at(2).order());
    }

    /// The greatest numbers that fit do not touch one another.
    #[test]
    fn fields_do_not_touch() {
        let last = HOSTS_MAX - 1;
        let event = Event::new(Form::Stored, last, last, EndRef::NONE, u32::MAX).at((1 << WINDOW_BITS) - 1);
        assert_eq!((event.target(), event.source(), event.form()), (last, last, Form::Stored));
        assert_eq!(event.when(), (1 << WINDOW_BITS) - 1);
        assert!(event.turn() < TURN_WAKE);
        assert_eq!(event.at(0).when(), 0);
    }
}
