//! Dynamic data: what a server reports of itself, and what a collector does with it.
//!
//! ```text
//! a server         logon, logoff, disconnect, reconnect, load: each change goes to its collector at once
//!   collecting     a collector: holds what its members report, tells the other zones' collectors and subscribers
//!     gateways     who the other zones' collectors are, and whether they are there
//!   resolution     which server runs a session: any host asks, collectors answer
//! ```
//!
//! Each server numbers its reports. Whoever holds them sees by the number that one is missing, and asks for all; and a
//! heartbeat tells the last number, so that even the loss of the last report is found.

mod collecting;
mod gateways;
mod resolution;
mod update;

use collecting::Collecting;
use resolution::Questions;
use update::{Update, registration, session_message};

use crate::bindings::Bindings;
use crate::dynamic_store::DynamicStore;
use crate::host_record::{HostId, HostIndex};
use crate::host_resolver::{Directory, EntryIndex};
use crate::input::SessionAct;
use crate::load;
use crate::message::{Filler, Kind, LoadUpdate, Message, Question, ServerUpdate, SessionEvent, SessionUpdate, Table};
use crate::outbox::Notice;
use crate::sessions::{Session, Sessions};
use crate::settings::Settings;
use crate::time::Time;
use crate::turn::Turn;
use crate::zone::Allegiance;

/// What a host does with dynamic data.
#[derive(Debug, Default)]
pub struct Dynamic {
    sessions: Sessions,
    /// A load that somebody set, in the place of the evaluator's.
    set_load: Option<u32>,
    /// The number of the last report.
    seq: u32,
    /// The number of the registration whose rows wait to be asked for; 0 for none.
    rows_due: u32,
    /// With whom this server is registered, if with anybody.
    registered: Option<HostIndex>,
    /// Whose it was when it was last looked at.
    allegiance: Allegiance,
    /// The tables it wants to hear of, one bit each.
    subscriptions: u8,
    /// What it has asked its collector and is not answered.
    questions: Questions,
    /// While it is the collector.
    collecting: Option<Box<Collecting>>,
    counts: DynamicCounts,
}

/// What a host has done with dynamic data since it was made: the product's counters of the same names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DynamicCounts {
    /// `DynamicStoreGatewayUpdateCount`: updates sent to other zones' collectors.
    pub gateway_updates: u64,
    /// `DynamicStoreGatewayUpdateBytesSent`
    pub gateway_bytes: u64,
    /// `DynamicStoreQueryCount`: questions asked of this collector's store.
    pub queries: u64,
    /// `DynamicStoreQueryRequestBytesReceived`
    pub query_bytes: u64,
    /// `DynamicStoreQueryResponseBytesSent`
    pub query_response_bytes: u64,
    /// `DynamicStoreUpdatePacketsReceived`
    pub updates: u64,
    /// `DynamicStoreUpdateBytesReceived`
    pub update_bytes: u64,
    /// `DynamicStoreUpdateResponseBytesSent`
    pub update_response_bytes: u64,
}

impl DynamicCounts {
    /// Nothing yet.
    pub const ZERO: DynamicCounts = DynamicCounts {
        gateway_updates: 0,
        gateway_bytes: 0,
        queries: 0,
        query_bytes: 0,
        query_response_bytes: 0,
        updates: 0,
        update_bytes: 0,
        update_response_bytes: 0,
    };

    /// Adds what another host has done.
    pub const fn merge(&mut self, other: &DynamicCounts) {
        self.gateway_updates += other.gateway_updates;
        self.gateway_bytes += other.gateway_bytes;
        self.queries += other.queries;
        self.query_bytes += other.query_bytes;
        self.query_response_bytes += other.query_response_bytes;
        self.updates += other.updates;
        self.update_bytes += other.update_bytes;
        self.update_response_bytes += other.update_response_bytes;
    }
}

impl Dynamic {
    /// The server's own sessions.
    pub const fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The server's load now.
    pub fn load(&self) -> u32 {
        self.set_load.unwrap_or_else(|| load::default_evaluator(self.sessions.all().len() as u32))
    }

    /// What it holds as a collector; `None` while it is none.
    pub fn store(&self) -> Option<&DynamicStore> {
        self.collecting.as_deref().map(Collecting::store)
    }

    /// The other zones' collectors that it knows, while it is a collector.
    pub fn peers(&self) -> impl Iterator<Item = HostIndex> + '_ {
        self.collecting.iter().flat_map(|collecting| collecting.peers())
    }

    /// Who subscribed to what, while it is a collector.
    pub fn subscribers(&self) -> &[(HostIndex, Table)] {
        self.collecting.as_deref().map_or(&[], Collecting::subscribers)
    }

    /// What it has done.
    pub const fn counts(&self) -> DynamicCounts {
        self.counts
    }

    /// To whom it last reported, and the number of that report: what heartbeats tell. Rows that nobody has asked for yet
    /// count as reported, so that a collector whose answer was lost asks anew.
    pub fn reported(&self) -> (Option<HostIndex>, u32) {
        let rows = if self.rows_due == 0 { 0 } else { self.sessions.all().len() as u32 };
        (self.registered, self.seq + rows)
    }

    /// When this room next has something to do by itself, and why.
    #[inline]
    pub fn next_deadline(&self) -> Option<(Time, &'static str)> {
        let asked = self.questions.next_deadline();
        let collecting = self.collecting.as_deref().and_then(Collecting::next_deadline);
        asked.into_iter().chain(collecting).min_by_key(|(when, _)| *when)
    }

    /// `ResolutionWorkItemQueueReadyCount`: questions for which this collector waits for other zones' collectors.
    pub fn open_searches(&self) -> usize {
        self.collecting.as_deref().map_or(0, |collecting| collecting.searches().count())
    }

    /// Shows where in memory what a collector keeps of a server is.
    #[inline]
    pub fn warm(&self, directory: &Directory, server: HostIndex, show: impl Fn(*const u8)) {
        if let Some(collecting) = &self.collecting {
            collecting.warm(directory, server, show);
        }
    }

    /// The bytes held besides this itself.
    pub fn memory(&self) -> usize {
        self.sessions.memory() + self.questions.memory() + self.collecting.as_deref().map_or(0, Collecting::memory)
    }

    // ---- what happens on this server ---------------------------------------------------------------------------

    /// A user logs on to this server.
    pub fn logon(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, user: u32, app: u32) {
        let session = self.sessions.begin(user, app);
        self.report_session(turn, bindings, SessionEvent::Connect, session);
    }

    /// Something happens to a session of this server; nothing does if it is not there, or is so already.
    pub fn act(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, number: u32, act: SessionAct) {
        let (event, session) = match act {
            SessionAct::Disconnect => (SessionEvent::Disconnect, self.sessions.set_active(number, false)),
            SessionAct::Reconnect => (SessionEvent::Reconnect, self.sessions.set_active(number, true)),
            SessionAct::Logoff => (SessionEvent::Logoff, self.sessions.end(number)),
        };
        if let Some(session) = session {
            self.report_session(turn, bindings, event, session);
        }
    }

    /// The server's load changes for another reason than sessions; `None` leaves it to the evaluator again.
    pub fn set_load(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, load: Option<u32>) {
        self.set_load = load;
        self.report_load(turn, bindings);
    }

    /// A user's client asks where its session should run.
    pub fn resolve(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, question: Question) {
        match (&mut self.collecting, self.allegiance) {
            (Some(collecting), _) => collecting.resolve(turn, bindings, &mut self.counts, question),
            (None, Allegiance::Member(collector)) => self.questions.ask(turn, bindings, collector, question),
            (None, Allegiance::Nobody | Allegiance::Master(_)) => {
                resolution::take_oneself(turn, question, self.load());
            }
        }
    }

    /// A user's client asks a host that does not take part any more, or not yet.
    pub fn refuse(turn: &mut Turn<'_>, question: Question) {
        resolution::refuse(turn, question);
    }

    /// This host wants to hear of changes of a table, or no more.
    pub fn subscribe(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, table: Table, on: bool) {
        if on {
            self.subscriptions |= bit(table);
        } else {
            self.subscriptions &= !bit(table);
        }
        match (&mut self.collecting, self.allegiance) {
            (Some(collecting), _) => collecting.subscribe(turn.who.me, table, on),
            (None, Allegiance::Member(collector)) => bindings.send(turn, collector, Message::Subscribe { table, on }),
            (None, Allegiance::Nobody | Allegiance::Master(_)) => self.registered = None,
        }
    }

    /// The server is about to stop in good order: its collector hears that it goes.
    pub fn sign_off(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings) {
        for question in self.questions.take_all() {
            resolution::refuse(turn, question);
        }
        self.seq += 1;
        let update =
            ServerUpdate { up: false, sessions: 0, disconnected: 0, filler: Filler(0), ..self.registration(turn) };
        self.report(turn, bindings, &Update::Server(Box::new(update)));
    }

    /// Every change of a session triggers an update at once (IMA Information, "Supporting data").
    fn report_session(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, event: SessionEvent, session: Session) {
        self.seq += 1;
        turn.out.notify(Notice::SessionChanged(session.number, event));
        let update = self.row(turn, event, session);
        // With nobody to tell, whoever becomes the collector is told all.
        self.report(turn, bindings, &Update::Session(Box::new(update)));
    }

    fn report_load(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings) {
        let update = LoadUpdate { server: my_id(turn), seq: self.seq, load: self.load() };
        if !self.report(turn, bindings, &Update::Load(Box::new(update))) {
            // It has no number of its own, so no heartbeat would show that it was not told.
            self.registered = None;
        }
    }

    /// Tells this server's collector, which may be this host itself. Whether there is one.
    fn report(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, update: &Update) -> bool {
        match (&mut self.collecting, self.allegiance) {
            (Some(collecting), _) => collecting.own(turn, bindings, &mut self.counts, update),
            (None, Allegiance::Member(collector)) => bindings.send(turn, collector, update.told(turn, true)),
            (None, Allegiance::Nobody | Allegiance::Master(_)) => return false,
        }
        true
    }

    fn row(&self, turn: &Turn<'_>, event: SessionEvent, session: Session) -> SessionUpdate {
        SessionUpdate {
            server: my_id(turn),
            seq: self.seq,
            event,
            session: session.number,
            user: session.user,
            app: session.app,
            load: Some(self.load()),
            filler: Filler(0),
        }
    }

    // ---- whose it is -------------------------------------------------------------------------------------------

    /// Looks at whose this host is now. A member of a changed collector sends it all it has, that of an unchanged one
    /// does not (IMA Information, "New Data Collector Election Process", 3).
    #[inline]
    pub fn follow(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, allegiance: Allegiance) {
        if allegiance != self.allegiance {
            self.allegiance = allegiance;
            self.change_allegiance(turn, bindings);
        }
    }

    fn change_allegiance(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings) {
        let mut questions = self.questions.take_all();
        if let Some(collecting) = self.collecting.take() {
            bindings.cancel(Kind::GatewayUpdate);
            questions.extend(collecting.searches().questions_of(turn.who.me));
        }
        match self.allegiance {
            Allegiance::Nobody => {}
            Allegiance::Member(collector) if self.registered == Some(collector) => {}
            Allegiance::Member(collector) => self.register(turn, bindings, collector),
            Allegiance::Master(_) => {
                self.registered = None;
                self.seq += 1;
                let mut collecting = Collecting::new(turn);
                for table in self.wanted_tables() {
                    collecting.subscribe(turn.who.me, table, true);
                }
                let update = self.registration(turn);
                collecting.own(turn, bindings, &mut self.counts, &Update::Server(Box::new(update)));
                for place in 0..self.sessions.all().len() {
                    let session = self.sessions.all()[place];
                    self.seq += 1;
                    let row = self.row(turn, present(session), session);
                    collecting.own(turn, bindings, &mut self.counts, &Update::Session(Box::new(row)));
                }
                collecting.look_for_peers(turn, bindings);
                self.collecting = Some(Box::new(collecting));
            }
        }
        // Whoever waits for an answer of the old collector's gets one of the new one's, or of this host's own.
        for question in questions {
            self.resolve(turn, bindings, question);
        }
    }

    /// The tables it wants to hear of.
    fn wanted_tables(&self) -> impl Iterator<Item = Table> + use<> {
        let subscriptions = self.subscriptions;
        Table::ALL.into_iter().filter(move |&table| subscriptions & bit(table) != 0)
    }

    /// The first half of a full update, with what this host wants to hear of; its rows follow when it is answered.
    fn register(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, collector: HostIndex) {
        self.seq += 1;
        self.rows_due = self.seq;
        self.registered = Some(collector);
        let update = self.registration(turn);
        bindings.send(turn, collector, Message::ServerUpdate(Box::new(update)));
        for table in self.wanted_tables() {
            bindings.send(turn, collector, Message::Subscribe { table, on: true });
        }
    }

    fn registration(&self, turn: &Turn<'_>) -> ServerUpdate {
        let update = ServerUpdate {
            server: my_id(turn),
            seq: self.seq,
            up: true,
            load: Some(self.load()),
            sessions: self.sessions.active(),
            disconnected: self.sessions.disconnected(),
            applications: turn.who.applications.count_on(turn.who.me, turn.who.knows),
            filler: Filler(0),
        };
        registration(turn, update, self.seq == 1)
    }

    // ---- what others say ---------------------------------------------------------------------------------------

    /// The deadline has come.
    pub fn on_deadline(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings) {
        while let Some(question) = self.questions.take_overdue(turn.now) {
            resolution::take_oneself(turn, question, self.load());
        }
        if let Some(collecting) = &mut self.collecting {
            collecting.mind_peers(turn, bindings);
            collecting.mind_searches(turn, bindings, &mut self.counts);
        }
    }

    /// A member's heartbeat has come, and tells the number of its last report.
    #[inline]
    pub fn on_heartbeat(
        &mut self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        on: EntryIndex,
        from: HostIndex,
        seq: u32,
    ) {
        if let Some(collecting) = &mut self.collecting {
            collecting.on_heartbeat(turn, bindings, on, from, seq);
        }
    }

    /// Whether a member's heartbeat that tells this number leaves nothing to ask of it.
    #[inline]
    pub fn is_in_step(
        &self,
        directory: &Directory,
        settings: &Settings,
        now: Time,
        me: HostIndex,
        from: HostIndex,
        seq: u32,
    ) -> bool {
        let Some(collecting) = &self.collecting else { return true };
        seq == 0 || !directory.are_neighbours(me, from) || collecting.is_in_step(directory, settings, now, from, seq)
    }

    /// A host cannot be contacted.
    pub fn on_unreachable(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, host: HostIndex) {
        if let Some(collecting) = &mut self.collecting {
            collecting.on_unreachable(turn, bindings, host);
        }
    }

    /// The zone has given a member up.
    pub fn on_member_lost(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, host: HostIndex) {
        if let Some(collecting) = &mut self.collecting {
            collecting.on_member_lost(turn, bindings, &mut self.counts, host);
        }
    }

    /// A message about dynamic data. Who is no collector hears only its own.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a member hears few of all messages")]
    pub fn on_message(
        &mut self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        on: EntryIndex,
        from: HostIndex,
        message: Message,
    ) {
        if let Some(collecting) = &mut self.collecting {
            collecting.on_message(turn, bindings, &mut self.counts, on, from, message);
            return;
        }
        let mine = self.registered == Some(from) && self.allegiance == Allegiance::Member(from);
        match message {
            Message::ServerUpdateAck { seq, .. } if mine && self.rows_due != 0 && seq == self.rows_due => {
                self.rows_due = 0;
                for place in 0..self.sessions.all().len() {
                    let session = self.sessions.all()[place];
                    self.seq += 1;
                    let row = self.row(turn, present(session), session);
                    bindings.reply(turn, on, from, session_message(turn, row, true));
                }
            }
            Message::Resolved(resolved) if mine => self.questions.answered(turn, &resolved),
            Message::LoadRequest if mine => self.report_load(turn, bindings),
            Message::FullUpdateRequest if mine => self.register(turn, bindings, from),
            Message::TableChanged { table } if mine && self.subscriptions & bit(table) != 0 => {
                turn.out.notify(Notice::TableChanged(table));
            }
            // Nobody here wants that any more, and the collector was not told.
            Message::TableChanged { table } if mine => {
                bindings.reply(turn, on, from, Message::Subscribe { table, on: false });
            }
            // Another zone's collector takes this host for its peer: it is told who is.
            Message::GatewayUpdate { .. } | Message::PeerPing { .. } => {
                let master = match self.allegiance {
                    Allegiance::Member(collector) => Some(turn.who.directory.id(collector)),
                    Allegiance::Nobody | Allegiance::Master(_) => None,
                };
                bindings.reply(turn, on, from, Message::MasterIs { master });
            }
            // Meant for a collector, or from one that is ours no more.
            _ => {}
        }
    }
}

/// A table's place among subscriptions.
const fn bit(table: Table) -> u8 {
    1 << table as u8
}

fn my_id(turn: &Turn<'_>) -> HostId {
    turn.who.directory.id(turn.who.me)
}

/// What a full update says of a session.
const fn present(session: Session) -> SessionEvent {
    if session.active { SessionEvent::Present } else { SessionEvent::PresentDisconnected }
}
