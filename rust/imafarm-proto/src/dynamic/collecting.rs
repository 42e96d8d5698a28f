//! A collector at work: it holds what its members report, and relays each change to all other collectors at once (IMA
//! Information, "What is a Zone Data Collector"; CTX114843, "Farm Communication").

use crate::bindings::Bindings;
use crate::dynamic_store::{Applied, DynamicStore};
use crate::host_record::HostIndex;
use crate::host_resolver::{Directory, EntryIndex};
use crate::message::{Filler, Message, Question, ServerUpdate, Table};
use crate::outbox::Notice;
use crate::settings::Settings;
use crate::time::Time;
use crate::turn::Turn;

use super::DynamicCounts;
use super::gateways::Gateways;
use super::resolution::{Desk, Searches};
use super::update::{Update, gateway_figures, shares_load};

/// A collector's dynamic data.
#[derive(Debug)]
pub(super) struct Collecting {
    store: DynamicStore,
    gateways: Gateways,
    /// Who wants to hear of changes of what, in the order in which they asked.
    subscribers: Vec<(HostIndex, Table)>,
    /// By position in the zone's order.
    members: Vec<Reporting>,
    searches: Searches,
}

/// How a member reports.
#[derive(Clone, Copy, Debug)]
struct Reporting {
    /// When it last told its load.
    load_told: Time,
    /// Whether a full update was asked of it that has not begun yet.
    asked: bool,
}

impl Collecting {
    /// An empty store, and no peers known.
    pub(super) fn new(turn: &Turn<'_>) -> Collecting {
        let directory = turn.who.directory;
        let members = directory.zone_hosts(directory.zone(turn.who.me)).len();
        Collecting {
            store: DynamicStore::new(directory),
            gateways: Gateways::new(turn),
            subscribers: Vec::new(),
            members: vec![Reporting { load_told: turn.now, asked: false }; members],
            searches: Searches::default(),
        }
    }

    pub(super) const fn store(&self) -> &DynamicStore {
        &self.store
    }

    pub(super) fn subscribers(&self) -> &[(HostIndex, Table)] {
        &self.subscribers
    }

    pub(super) fn peers(&self) -> impl Iterator<Item = HostIndex> + '_ {
        self.gateways.peers()
    }

    pub(super) fn next_deadline(&self) -> Option<(Time, &'static str)> {
        let deadlines = self.gateways.next_deadline().into_iter().chain(self.searches.next_deadline());
        deadlines.min_by_key(|(when, _)| *when)
    }

    /// Shows where in memory what is kept of a server is.
    #[inline]
    pub(super) fn warm(&self, directory: &Directory, server: HostIndex, show: impl Fn(*const u8)) {
        self.store.warm(directory, server, &show);
        if let Some(member) = self.members.get(directory.position(server)) {
            show(core::ptr::from_ref(member).cast());
        }
    }

    pub(super) fn memory(&self) -> usize {
        size_of::<Collecting>()
            + self.store.memory()
            + self.members.capacity() * size_of::<Reporting>()
            + self.searches.memory()
            + self.subscribers.capacity() * size_of::<(HostIndex, Table)>()
    }

    /// Something has changed on the collector's own server.
    pub(super) fn own(
        &mut self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        counts: &mut DynamicCounts,
        update: &Update,
    ) {
        let (directory, me) = (turn.who.directory, turn.who.me);
        let applied = match update {
            Update::Server(update) => self.store.register(directory, me, update),
            Update::Session(update) => self.store.apply(directory, me, update),
            Update::Load(update) => self.store.apply_load(directory, me, update),
        };
        self.relay(turn, bindings, counts, update);
        self.tell_subscribers(turn, bindings, applied);
    }

    // ---- what members and peers report -------------------------------------------------------------------------

    #[expect(clippy::wildcard_enum_match_arm, reason = "answers need no answer")]
    pub(super) fn on_message(
        &mut self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        counts: &mut DynamicCounts,
        on: EntryIndex,
        from: HostIndex,
        message: Message,
    ) {
        if !turn.who.is_in_zone(from) {
            self.gateways.heard(turn, from);
        }
        if let Message::ServerUpdate(_) | Message::SessionUpdate(_) | Message::LoadUpdate(_) = message {
            counts.updates += 1;
            counts.update_bytes += u64::from(message.encoded_len());
        }
        match message {
            Message::ServerUpdate(update) => self.on_update(turn, bindings, counts, (on, from), Update::Server(update)),
            Message::SessionUpdate(update) => {
                self.on_update(turn, bindings, counts, (on, from), Update::Session(update))
            }
            Message::LoadUpdate(update) => self.on_update(turn, bindings, counts, (on, from), Update::Load(update)),
            Message::FullUpdateRequest => self.gateways.send_all(turn, bindings, counts, &self.store, on, from),
            Message::FullUpdate if self.gateways.is_peer(turn, from) => {
                self.store.forget_zone(turn.who.directory.zone(from));
                self.gateways.begin_receiving(turn, from);
            }
            // Whoever never stands in elections is no zone's collector.
            Message::GatewayUpdate { .. } | Message::GatewayUpdateAck { .. }
                if !turn.who.directory.stands(from) || turn.who.is_in_zone(from) => {}
            Message::GatewayUpdate { .. } => {
                let answer = Message::GatewayUpdateAck { filler: Filler(0) };
                bindings.reply(turn, on, from, answer.lengthened_to(gateway_figures(turn).received.unwrap_or(0)));
                self.gateways.meet(turn, bindings, on, from);
            }
            Message::GatewayUpdateAck { .. } => self.gateways.on_answer(turn, bindings, on, from),
            Message::PeerPing { sum } => {
                bindings.reply(turn, on, from, Message::PeerPingAck);
                self.gateways.on_ping(turn, bindings, &self.store, (on, from), sum);
            }
            Message::MasterIs { master } => self.gateways.on_master_is(turn, bindings, from, master),
            Message::Subscribe { table, on } if turn.who.is_in_zone(from) => self.subscribe(from, table, on),
            Message::Resolve(asked) => {
                let (searches, mut desk) = self.desk(turn, bindings, counts);
                desk.on_resolve(searches, on, from, &asked);
            }
            Message::Resolved(resolved) if !turn.who.is_in_zone(from) => {
                let (searches, mut desk) = self.desk(turn, bindings, counts);
                searches.answered(&mut desk, from, &resolved);
            }
            // Answers, and what only a member hears.
            _ => {}
        }
    }

    /// A report about a server: from itself, if it is of this zone, and from its zone's collector, if it is of another.
    /// Those of this zone are relayed; all are answered, but for loads.
    fn on_update(
        &mut self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        counts: &mut DynamicCounts,
        (on, from): (EntryIndex, HostIndex),
        update: Update,
    ) {
        let directory = turn.who.directory;
        let Some(server) = directory.by_id(update.server()) else { return };
        let own = turn.who.is_in_zone(from);
        let entitled = if own { server == from } else { self.gateways.speaks_for(turn, from, server) };
        if !entitled {
            return;
        }
        if own {
            self.members[directory.position(from)].load_told = turn.now;
        }
        let applied = match &update {
            Update::Server(update) => {
                if own {
                    self.members[directory.position(from)].asked = false;
                    // They end with the life that made them; whoever lives on makes them anew with its registration.
                    self.subscribers.retain(|(subscriber, _)| *subscriber != from);
                }
                self.store.register(directory, server, update)
            }
            Update::Session(update) => self.store.apply(directory, server, update),
            Update::Load(update) => self.store.apply_load(directory, server, update),
        };
        if let Some(answer) = update.answer(turn) {
            counts.update_response_bytes += u64::from(answer.encoded_len());
            bindings.reply(turn, on, from, answer);
        }
        match applied {
            Applied::Gap => self.ask_all(turn, bindings, on, from),
            Applied::Stale => {}
            Applied::Changed(_) => {
                if own {
                    self.relay(turn, bindings, counts, &update);
                }
                self.tell_subscribers(turn, bindings, applied);
            }
        }
    }

    /// A report is missing, so all are asked for, once.
    fn ask_all(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, on: EntryIndex, of: HostIndex) {
        let asked = match turn.who.is_in_zone(of) {
            true => Some(&mut self.members[turn.who.directory.position(of)].asked),
            false => self.gateways.asked_mut(turn, of),
        };
        if let Some(asked) = asked.filter(|asked| !**asked) {
            *asked = true;
            bindings.reply(turn, on, of, Message::FullUpdateRequest);
        }
    }

    /// A heartbeat tells the number of the member's last report; 0 means that its first is on the way. A member that was
    /// silent about its load is asked for it on this occasion: our guess, since a question of its own would cost a
    /// binding.
    #[inline]
    pub(super) fn on_heartbeat(
        &mut self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        on: EntryIndex,
        from: HostIndex,
        seq: u32,
    ) {
        let directory = turn.who.directory;
        if seq == 0 || !turn.who.is_in_zone(from) {
            return;
        }
        let known = self.store.server(directory, from).filter(|server| server.up);
        if known.is_none_or(|server| server.seq != seq) {
            self.members[directory.position(from)].asked = false;
            self.ask_all(turn, bindings, on, from);
            return;
        }
        let told = &mut self.members[directory.position(from)].load_told;
        if turn.now.since(*told) >= turn.who.settings.load_request_interval {
            *told = turn.now;
            bindings.reply(turn, on, from, Message::LoadRequest);
        }
    }

    /// Whether what is held of a member is what it last reported, and its load is not too old.
    #[inline]
    pub(super) fn is_in_step(
        &self,
        directory: &Directory,
        settings: &Settings,
        now: Time,
        from: HostIndex,
        seq: u32,
    ) -> bool {
        let known = self.store.server(directory, from).is_some_and(|server| server.up && server.seq == seq);
        known && now.since(self.members[directory.position(from)].load_told) < settings.load_request_interval
    }

    /// A member is lost: its rows are void, its subscriptions end with it, and all collectors hear of it.
    pub(super) fn on_member_lost(
        &mut self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        counts: &mut DynamicCounts,
        host: HostIndex,
    ) {
        self.subscribers.retain(|(subscriber, _)| *subscriber != host);
        let applied = self.store.lose(turn.who.directory, host);
        if applied == Applied::Stale {
            return;
        }
        let update = ServerUpdate {
            server: turn.who.directory.id(host),
            seq: 0,
            up: false,
            load: None,
            sessions: 0,
            disconnected: 0,
            applications: 0,
            filler: Filler(0),
        };
        self.relay(turn, bindings, counts, &Update::Server(Box::new(update)));
        self.tell_subscribers(turn, bindings, applied);
    }

    // ---- to the other zones ------------------------------------------------------------------------------------

    pub(super) fn look_for_peers(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings) {
        self.gateways.mind(turn, bindings, &self.store);
    }

    pub(super) fn mind_peers(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings) {
        self.gateways.mind(turn, bindings, &self.store);
    }

    pub(super) fn on_unreachable(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, host: HostIndex) {
        self.gateways.on_unreachable(turn, bindings, &self.store, host);
    }

    /// A change goes to every other collector; a load only if load is shared across zones.
    fn relay(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, counts: &mut DynamicCounts, update: &Update) {
        let shares = shares_load(turn);
        if let Some(message) = update.relayed(turn, shares) {
            self.gateways.relay(turn, bindings, counts, &message);
        }
    }

    // ---- resolution --------------------------------------------------------------------------------------------

    /// What waits for other zones' collectors.
    pub(super) const fn searches(&self) -> &Searches {
        &self.searches
    }

    /// A client asks the collector itself.
    pub(super) fn resolve(
        &mut self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        counts: &mut DynamicCounts,
        question: Question,
    ) {
        let me = turn.who.me;
        let (searches, mut desk) = self.desk(turn, bindings, counts);
        searches.begin(&mut desk, question, me);
    }

    pub(super) fn mind_searches(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, counts: &mut DynamicCounts) {
        let (searches, mut desk) = self.desk(turn, bindings, counts);
        searches.mind(&mut desk);
    }

    const fn desk<'a, 't>(
        &'a mut self,
        turn: &'a mut Turn<'t>,
        bindings: &'a mut Bindings,
        counts: &'a mut DynamicCounts,
    ) -> (&'a mut Searches, Desk<'a, 't>) {
        let Collecting { store, gateways, searches, .. } = self;
        (searches, Desk { turn, bindings, counts, store, gateways })
    }

    // ---- subscriptions -----------------------------------------------------------------------------------------

    pub(super) fn subscribe(&mut self, host: HostIndex, table: Table, on: bool) {
        let known = self.subscribers.iter().position(|&entry| entry == (host, table));
        match (known, on) {
            (None, true) => self.subscribers.push((host, table)),
            (Some(place), false) => drop(self.subscribers.remove(place)),
            (None, false) | (Some(_), true) => {}
        }
    }

    fn tell_subscribers(&self, turn: &mut Turn<'_>, bindings: &mut Bindings, applied: Applied) {
        let Applied::Changed(tables) = applied else { return };
        for &(subscriber, table) in self.subscribers.iter().filter(|(_, table)| tables.contains(table)) {
            if subscriber == turn.who.me {
                turn.out.notify(Notice::TableChanged(table));
            } else {
                bindings.send(turn, subscriber, Message::TableChanged { table });
            }
        }
    }
}
