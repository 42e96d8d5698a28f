//! One host, and a world around it that does whatever a driver may report. After each input it sees that the host asks for
//! nothing that no driver could do, holds no more than it was told, and counts right.

use std::sync::Arc;

use imafarm_proto::dice::Dice;
use imafarm_proto::host::Host;
use imafarm_proto::host_record::HostIndex;
use imafarm_proto::host_resolver::{Directory, EntryIndex};
use imafarm_proto::input::{Answer, Call, Ending, Input, Ticket};
use imafarm_proto::message::{Message, Question};
use imafarm_proto::outbox::{Consult, Notice, Outbox, Verb};
use imafarm_proto::profile::Profile;
use imafarm_proto::settings::Settings;
use imafarm_proto::time::{Span, Time};
use imafarm_proto::transport::{HEADER_LEN, Limits};
use imafarm_proto::zone::Standing;

use crate::cast::{HOSTS, MAGIC, applications, directory, id};

/// The bytes that a host of this farm holds at most when nobody has told it anything, those it may hold for each input
/// besides, and those of a message that waits.
const MEMORY: usize = 8 << 10;
const MEMORY_OF_AN_INPUT: usize = 512;
const MEMORY_OF_A_MESSAGE: usize = 256;

/// The acts that follow any input at most, besides what one input may make a host send.
const ACTS: usize = 64;

/// One connection, as a driver knows it.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// The host's name for it.
    pub entry: EntryIndex,
    /// Whom the host calls; nobody if it was called.
    pub to: Option<HostIndex>,
    /// Whether it stands: bytes go both ways.
    stands: bool,
    /// Whether the host has closed it, and says no more on it.
    closed: bool,
}

/// One host, and all that is around it.
pub struct World {
    /// The host.
    pub host: Host,
    /// Farm time.
    pub now: Time,
    directory: Arc<Directory>,
    /// Whether the host has power: it was started, and has not stopped since.
    powered: bool,
    lines: Vec<Line>,
    /// Callers that are neither answered nor turned away.
    calls: Vec<Call>,
    last_call: u64,
    /// What the host has asked the data store and is not answered.
    consults: Vec<(Ticket, Consult)>,
    /// What clients have asked the host and is not answered.
    questions: Vec<u32>,
    inputs: usize,
    /// How many messages all inputs together may have made the host send: each at most one or two to every host and, if it
    /// asked for all, all that the host held. They may all wait, and then go out at once.
    owed: usize,
}

impl World {
    /// A host that has not been started yet.
    pub fn new(me: HostIndex, settings: Settings, profile: &'static Profile) -> World {
        let directory = Arc::new(directory());
        let mut host = Host::new(me, MAGIC, Dice::new(7), Arc::clone(&directory), Arc::new(settings), profile);
        host.set_applications(&Arc::new(applications()));
        World {
            host,
            now: Time::ZERO,
            directory,
            powered: false,
            lines: Vec::new(),
            calls: Vec::new(),
            last_call: 0,
            consults: Vec::new(),
            questions: Vec::new(),
            inputs: 0,
            owed: 0,
        }
    }

    /// The host itself.
    pub fn me(&self) -> HostIndex {
        self.host.me()
    }

    /// The connections that stand or are being made, the oldest first.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The connection of this place, if there is any.
    pub fn line(&self, place: usize) -> Option<Line> {
        (!self.lines.is_empty()).then(|| self.lines[place % self.lines.len()])
    }

    /// Whether a connection still is one of the host's.
    pub fn is_live(&self, entry: EntryIndex) -> bool {
        self.lines.iter().any(|line| line.entry == entry)
    }

    // ---- what happens ------------------------------------------------------------------------------------------

    /// The service is started, unless it has been.
    pub fn start(&mut self) {
        if !self.powered {
            self.powered = true;
            self.input(Input::Start);
        }
    }

    /// The host dies, with all it had but its disk.
    pub fn crash(&mut self) {
        self.powered = false;
        self.host = self.host.anew(MAGIC, Arc::clone(self.host.settings()));
        self.lines.clear();
        self.calls.clear();
        self.consults.clear();
        self.questions.clear();
    }

    /// A client asks where a session should run; once at a time under a number.
    pub fn ask(&mut self, question: Question) {
        if !self.questions.contains(&question.request) {
            self.questions.push(question.request);
            self.input(Input::Resolve(question));
        }
    }

    /// Somebody calls the host, which answers at once, lets the caller wait or turns it away.
    pub fn call(&mut self) -> Option<EntryIndex> {
        self.last_call += 1;
        let call = Call(self.last_call);
        self.calls.push(call);
        let verbs = self.input(Input::Incoming(call));
        verbs.iter().find_map(|verb| match verb {
            Verb::Accept { call: answered, entry } if *answered == call => Some(*entry),
            Verb::Open { .. }
            | Verb::Accept { .. }
            | Verb::Refuse(_)
            | Verb::Send(..)
            | Verb::Fan(_)
            | Verb::Close(_)
            | Verb::Abort(_)
            | Verb::Direct { .. }
            | Verb::Notify(_)
            | Verb::Consult(..) => None,
        })
    }

    /// A host calls and says who it is: the connection, which is an active binding if the host took it for one.
    pub fn called_by(&mut self, peer: HostIndex) -> Option<EntryIndex> {
        let entry = self.call()?;
        self.receive(entry, Message::BindResponse { magic: MAGIC, host: id(peer) });
        Some(entry)
    }

    /// A call of the host is answered; a driver says so once.
    pub fn connect(&mut self, entry: EntryIndex) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.entry == entry && !line.stands) {
            line.stands = true;
            self.input(Input::Connected(entry));
        }
    }

    /// A call of the host is answered by the host it is for, as far as the host lets it.
    pub fn answer(&mut self, line: Line) {
        if let Some(to) = line.to {
            self.connect(line.entry);
            self.receive(line.entry, Message::BindRequest { magic: MAGIC, host: id(to) });
            self.receive(line.entry, Message::BindCommit);
        }
    }

    /// A message arrives on a connection, if it still is one and the message is short enough to arrive at all. Whoever
    /// speaks has answered.
    pub fn receive(&mut self, entry: EntryIndex, message: Message) -> Vec<Verb> {
        if body_len(&message) > Limits::DEFAULT_BODY_BYTES {
            return Vec::new();
        }
        self.connect(entry);
        if self.is_live(entry) { self.input(Input::Received(entry, message)) } else { Vec::new() }
    }

    /// What comes on a connection is not the speech of the farm.
    pub fn estrange(&mut self, entry: EntryIndex) {
        if self.is_live(entry) {
            let verbs = self.input(Input::Stranger(entry));
            assert!(verbs.contains(&Verb::Abort(entry)), "{verbs:?}");
        }
    }

    /// A connection ends, if it still is one.
    pub fn end(&mut self, entry: EntryIndex, ending: Ending) {
        if self.is_live(entry) {
            self.lines.retain(|line| line.entry != entry);
            self.input(Input::Closed(entry, ending));
        }
    }

    /// Every connection breaks that there is now.
    pub fn hang_up(&mut self) {
        for entry in self.lines.iter().map(|line| line.entry).collect::<Vec<_>>() {
            self.end(entry, Ending::Broken);
        }
    }

    /// The data store answers the question of this place, if there is any, with what such a question can be answered with.
    pub fn answer_consult(&mut self, place: usize, up: bool, number: u32) {
        if self.consults.is_empty() {
            return;
        }
        let (ticket, consult) = self.consults.remove(place % self.consults.len());
        let answer = match consult {
            _ if !up => Answer::Down,
            Consult::Start { bytes, .. } => Answer::Read { latest: number, bytes },
            Consult::Poll { .. } => Answer::Read { latest: number, bytes: number.into() },
            Consult::Write { .. } => Answer::Written { change: number },
        };
        self.input(Input::Consulted(ticket, answer));
    }

    /// The host's next deadline comes, if it has any.
    pub fn next_deadline(&mut self) {
        if let Some((when, _)) = self.host.next_deadline() {
            self.now = self.now.max(when);
            self.meet_deadlines();
        }
    }

    /// Time passes, and the host does not notice: it is paused, or its machine is.
    pub fn late(&mut self, span: Span) {
        self.now += span;
    }

    /// All that is due by now is met, and then the host is at rest. One that wakes late makes up for what it has missed, one
    /// heartbeat and one poll at a time; callers who do not say who they are it gives up one at a time, too.
    pub fn meet_deadlines(&mut self) {
        let mut patience = self.host.settings().max_host_address_cache_entries + 1;
        while let Some((due, why)) = self.host.next_deadline().filter(|(when, _)| *when <= self.now) {
            self.input(Input::Deadline);
            let next = self.host.next_deadline();
            patience -= u32::from(next.is_some_and(|(when, _)| when <= due));
            assert!(patience > 0, "{why}: due at {due}, and then {next:?}");
        }
    }

    /// Hands an input over; what the host wants done, which is seen to be possible.
    pub fn input(&mut self, input: Input) -> Vec<Verb> {
        self.inputs += 1;
        let mut out = Outbox::default();
        let evicted = self.host.binding_counts().evicted;
        self.host.handle(input, self.now, &mut out);
        let verbs: Vec<Verb> = out.drain().collect();
        self.owed += 2 * HOSTS as usize + self.rows();
        assert!(verbs.len() <= ACTS + self.owed, "{} acts, {} owed", verbs.len(), self.owed);
        for verb in &verbs {
            self.carry_out(verb);
        }
        let closes = verbs.iter().filter(|verb| matches!(verb, Verb::Close(_))).count() as u64;
        assert!(self.host.binding_counts().evicted - evicted <= closes, "who has to go goes in good order: {verbs:?}");
        self.check();
        if verbs.iter().any(|verb| matches!(verb, Verb::Notify(Notice::Stopped | Notice::StartRefused))) {
            assert_eq!((self.host.standing(), self.host.active_bindings()), (Standing::Down, 0));
            self.crash();
        }
        verbs
    }

    /// The service is asked to stop, if it has been started.
    pub fn stop(&mut self) {
        if self.powered {
            self.input(Input::Stop);
        }
    }

    // ---- what the host may ask for -----------------------------------------------------------------------------

    fn carry_out(&mut self, verb: &Verb) {
        match verb {
            Verb::Open { entry, to } => {
                assert_ne!(*to, self.me(), "a host calls itself");
                self.begin(*entry, Some(*to));
            }
            Verb::Accept { call, entry } => {
                self.settle_call(*call);
                self.begin(*entry, None);
            }
            Verb::Refuse(call) => self.settle_call(*call),
            Verb::Send(entry, message) => {
                let line = self.find(*entry);
                assert!(line.stands && !line.closed, "{message:?} on {line:?}");
                let length = body_len(message);
                assert!(length <= Limits::DEFAULT_BODY_BYTES, "no host takes a body of {length} bytes: {message:?}");
            }
            Verb::Fan(fan) => panic!("this host began with no bindings: {fan:?}"),
            Verb::Close(entry) => {
                let line = self.find(*entry);
                assert!(!line.closed, "closed twice: {line:?}");
                line.closed = true;
            }
            Verb::Abort(entry) => {
                self.find(*entry);
                self.lines.retain(|line| line.entry != *entry);
            }
            Verb::Direct { request, server, .. } => {
                let place = self.questions.iter().position(|asked| asked == request);
                self.questions.remove(place.expect("a client that has asked is answered, and once"));
                assert!(server.is_none_or(|server| server.0 < HOSTS), "{server:?}");
            }
            Verb::Notify(_) => {}
            Verb::Consult(ticket, consult) => {
                assert!(self.consults.iter().all(|(asked, _)| asked != ticket), "{ticket:?} is asked already");
                self.consults.push((*ticket, **consult));
            }
        }
    }

    fn begin(&mut self, entry: EntryIndex, to: Option<HostIndex>) {
        assert!(!self.is_live(entry), "{entry:?} has a connection");
        self.lines.push(Line { entry, to, stands: to.is_none(), closed: false });
    }

    fn settle_call(&mut self, call: Call) {
        let place = self.calls.iter().position(|waiting| *waiting == call);
        self.calls.remove(place.expect("a caller that waits is answered or turned away, and once"));
    }

    fn find(&mut self, entry: EntryIndex) -> &mut Line {
        let lines = &mut self.lines;
        lines.iter_mut().find(|line| line.entry == entry).expect("an act names a connection that there is")
    }

    /// How many sessions the host knows of, its own and those it holds as a collector.
    fn rows(&self) -> usize {
        let dynamic = self.host.dynamic();
        let server = |host| dynamic.store().and_then(|store| store.server(&self.directory, host));
        let held = self.directory.hosts().filter_map(server).map(|server| server.sessions.len()).sum::<usize>();
        dynamic.sessions().all().len() + held
    }

    /// What always holds.
    fn check(&self) {
        let (host, settings) = (&self.host, self.host.settings());
        let counts = host.binding_counts();
        let active = host.active_bindings();
        assert_eq!(counts.opened, counts.evicted + counts.closed + u64::from(active), "{counts:?}");
        assert_eq!(host.peers_by_use().count(), active as usize);
        let open = self.lines.iter().filter(|line| !line.closed).count();
        assert!(open <= settings.max_host_address_cache_entries as usize, "{open} open: {:?}", self.lines);
        assert!(self.calls.len() <= settings.max_waiting_calls as usize);
        let (memory, inputs) = (host.memory(), MEMORY_OF_AN_INPUT * self.inputs);
        let most = MEMORY + inputs + MEMORY_OF_A_MESSAGE * self.owed;
        assert!(memory <= most, "{memory} bytes after {} inputs, {} messages owed", self.inputs, self.owed);

        assert_eq!(host.master() == Some(self.me()), host.standing() == Standing::Master);
        assert_eq!(host.dynamic().store().is_some(), host.standing() == Standing::Master);
        if let Some(master) = host.master() {
            assert_eq!(host.zone_of(master), host.zone_of(self.me()), "another zone's collector");
            assert!(self.directory.stands(master), "{master:?} never stands");
        }
        let dynamic = host.dynamic();
        if let Some(own) = dynamic.store().and_then(|store| store.server(&self.directory, self.me())) {
            assert_eq!(own.sessions, dynamic.sessions().all(), "nobody else knows better");
        }
        assert!(dynamic.peers().all(|peer| host.zone_of(peer) != host.zone_of(self.me())));
        assert!(dynamic.subscribers().len() <= 3 * HOSTS as usize);
        assert!(host.configuration().open_tickets().all(|open| self.consults.iter().any(|(asked, _)| *asked == open)));
    }

    // ---- healing -----------------------------------------------------------------------------------------------

    /// After all harm: everybody else is gone and the data store is there. Then a host that can be its zone's collector
    /// becomes it, calls every host of its zone to say so, and answers whoever calls.
    pub fn heal(&mut self) {
        self.hang_up();
        self.settle_down();
        self.input(Input::Elect);
        let dialled = self.settle_down();
        if self.host.standing() == Standing::Master {
            let mut zone = self.directory.zone_hosts(self.host.zone_of(self.me())).iter();
            assert!(zone.all(|host| *host == self.me() || dialled.contains(host)), "called {dialled:?} alone");
        }

        self.meet_deadlines();
        let caller = HostIndex(if self.me().0 == 0 { 3 } else { 0 });
        let Some(entry) = self.called_by(caller) else { panic!("a caller is not answered: {:?}", self.lines) };
        let master = (self.host.standing() == Standing::Master).then(|| id(self.me()));
        let verbs = self.receive(entry, Message::QueryMaster);
        assert!(verbs.contains(&Verb::Send(entry, Message::MasterIs { master })), "{verbs:?}");
    }

    /// Nobody answers any more but the data store, until the host has come to what it can come to by itself and nothing
    /// waits; whom it has called meanwhile.
    fn settle_down(&mut self) -> Vec<HostIndex> {
        let healed = if self.directory.stands(self.me()) { Standing::Master } else { Standing::Candidate };
        // Whatever waits for any host has to find out that it is gone.
        let rounds = 200 + self.owed;
        let mut dialled = Vec::new();
        for _ in 0..rounds {
            let idle = self.lines.is_empty() && self.calls.is_empty() && self.questions.is_empty();
            if idle && self.host.standing() == healed {
                return dialled;
            }
            self.start();
            if !self.consults.is_empty() {
                self.answer_consult(0, true, 0);
            } else if let Some(line) = self.line(0) {
                dialled.extend(line.to);
                self.end(line.entry, if line.stands { Ending::Broken } else { Ending::Refused });
            } else {
                self.next_deadline();
            }
        }
        panic!("the host does not heal: {:?} {:?}", self.host.standing(), self.lines);
    }
}

fn body_len(message: &Message) -> u32 {
    message.encoded_len() - HEADER_LEN as u32
}
