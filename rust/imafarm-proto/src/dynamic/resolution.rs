//! Application resolution: which server runs a session.
//!
//! ```text
//! any host     asks its collector, and tells the user's client the answer
//! a collector  picks the least loaded server that publishes the application and takes one more session
//!   load shared      among all zones', for it knows them
//!   not shared       among its own; and it asks the other zones' collectors: all of them, or, if the user's client
//!                    prefers zones, one after the other until one has a server
//! ```
//!
//! New sessions begin during an election as at any other time (IMA Information, "New Data Collector Election Process").
//! How is our guess: a host that has no collector, or gets no answer in time, takes the session itself if it can.

use std::collections::VecDeque;

use crate::applications::Servers;
use crate::bindings::Bindings;
use crate::dynamic_store::DynamicStore;
use crate::host_record::{HostIndex, ZoneIndex};
use crate::host_resolver::EntryIndex;
use crate::load;
use crate::message::{Message, Preference, Question, Resolve, Resolved};
use crate::outbox::Verb;
use crate::time::{Span, Time};
use crate::turn::Turn;

use super::DynamicCounts;
use super::gateways::Gateways;
use super::update::shares_load;

// ---- who asks --------------------------------------------------------------------------------------------------

/// What a host has asked its collector and is not answered, in the order in which it asked.
#[derive(Debug, Default)]
pub(super) struct Questions {
    open: Vec<(Question, Time)>,
}

impl Questions {
    pub(super) fn next_deadline(&self) -> Option<(Time, &'static str)> {
        self.open.first().map(|&(_, until)| (until, "no RESOLVED"))
    }

    pub(super) const fn memory(&self) -> usize {
        self.open.capacity() * size_of::<(Question, Time)>()
    }

    /// Asks the collector.
    pub(super) fn ask(
        &mut self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        collector: HostIndex,
        question: Question,
    ) {
        self.open.push((question, turn.now + turn.who.settings.resolution_timeout));
        bindings.send(turn, collector, resolve(question, false));
    }

    /// The collector has answered; what nobody waits for any more is void.
    pub(super) fn answered(&mut self, turn: &mut Turn<'_>, resolved: &Resolved) {
        let Some(place) = self.open.iter().position(|(question, _)| question.request == resolved.request) else {
            return;
        };
        self.open.remove(place);
        let server = resolved.server.and_then(|id| turn.who.directory.by_id(id));
        turn.out.push(Verb::Direct { request: resolved.request, server, load: resolved.load });
    }

    /// One that has waited too long, if there is one.
    pub(super) fn take_overdue(&mut self, now: Time) -> Option<Question> {
        let overdue = self.open.first().is_some_and(|&(_, until)| until <= now);
        overdue.then(|| self.open.remove(0).0)
    }

    /// All of them, to be asked elsewhere.
    pub(super) fn take_all(&mut self) -> Vec<Question> {
        core::mem::take(&mut self.open).into_iter().map(|(question, _)| question).collect()
    }
}

/// A host on its own takes a session itself, if it publishes the application and is not full.
pub(super) fn take_oneself(turn: &mut Turn<'_>, question: Question, load: u32) {
    let can = turn.who.publishes(turn.who.me, question.app) && load::takes_more(load);
    let server = can.then_some(turn.who.me);
    turn.out.push(Verb::Direct { request: question.request, server, load: if can { load } else { 0 } });
}

/// Nobody takes the session.
pub(super) fn refuse(turn: &mut Turn<'_>, question: Question) {
    turn.out.push(Verb::Direct { request: question.request, server: None, load: 0 });
}

fn resolve(question: Question, relayed: bool) -> Message {
    let Question { request, app, preference } = question;
    Message::Resolve(Box::new(Resolve { request, app, preference, relayed }))
}

// ---- who answers -----------------------------------------------------------------------------------------------

/// What a collector has asked the other zones' collectors, for a member or for itself.
#[derive(Debug, Default)]
pub(super) struct Searches {
    open: Vec<Search>,
    /// The number of the last question to the others.
    last: u32,
    /// None is overdue before.
    look: Time,
    /// The servers of this zone that were offered to others, and until when those may assign them a session.
    offered: VecDeque<(Time, HostIndex)>,
}

#[derive(Debug)]
struct Search {
    /// The number under which the others were asked.
    number: u32,
    question: Question,
    asker: HostIndex,
    best: Option<Offer>,
    /// How many answers are outstanding.
    waiting: u32,
    /// Where the client prefers zones: whose answer is outstanding.
    turn_of: Option<ZoneIndex>,
    /// Where the client prefers zones: how many of them have had their turn.
    tried: usize,
    until: Time,
}

/// A server that takes one more session. The least is the best: the least loaded; of equals one of this zone, then the one
/// that was first named to the farm. (Our guess: any order would do that does not depend on who answers first.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Offer {
    load: u32,
    far: bool,
    server: HostIndex,
}

/// What a search needs of its collector.
pub(super) struct Desk<'a, 't> {
    pub(super) turn: &'a mut Turn<'t>,
    pub(super) bindings: &'a mut Bindings,
    pub(super) counts: &'a mut DynamicCounts,
    pub(super) store: &'a mut DynamicStore,
    pub(super) gateways: &'a Gateways,
}

impl Searches {
    /// How many questions wait for other zones' collectors.
    pub(super) const fn count(&self) -> usize {
        self.open.len()
    }

    /// Those that this host has asked itself.
    pub(super) fn questions_of(&self, me: HostIndex) -> impl Iterator<Item = Question> + '_ {
        self.open.iter().filter(move |search| search.asker == me).map(|search| search.question)
    }

    pub(super) fn next_deadline(&self) -> Option<(Time, &'static str)> {
        (!self.open.is_empty()).then_some((self.look, "no RESOLVED from another zone"))
    }

    pub(super) fn memory(&self) -> usize {
        self.open.capacity() * size_of::<Search>() + self.offered.capacity() * size_of::<(Time, HostIndex)>()
    }

    /// A host of this zone asks.
    pub(super) fn begin(&mut self, desk: &mut Desk<'_, '_>, question: Question, asker: HostIndex) {
        desk.counts.queries += 1;
        self.withdraw_offers(desk);
        if shares_load(desk.turn) {
            let zones = desk.zones_by(question.preference);
            let mut offers = zones.into_iter().filter_map(|zone| desk.offer(zone, question.app));
            let best = if question.preference == Preference::NONE { offers.min() } else { offers.next() };
            desk.answer(question, asker, best);
            return;
        }
        self.last = self.last.wrapping_add(1);
        let until = desk.turn.now + desk.patience(question.preference);
        let number = self.last;
        let mut search = Search { number, question, asker, best: None, waiting: 0, turn_of: None, tried: 0, until };
        let open = if question.preference == Preference::NONE {
            search.waiting = desk.ask_all(number, question);
            search.waiting > 0
        } else {
            search.go_on(desk)
        };
        if open {
            self.look = if self.open.is_empty() { search.until } else { self.look.min(search.until) };
            self.open.push(search);
        } else {
            search.answer(desk);
        }
    }

    /// Another zone's collector has answered.
    pub(super) fn answered(&mut self, desk: &mut Desk<'_, '_>, from: HostIndex, resolved: &Resolved) {
        let Some(place) = self.open.iter().position(|search| search.number == resolved.request) else { return };
        let directory = desk.turn.who.directory;
        let zone = directory.zone(from);
        let server = resolved.server.and_then(|id| directory.by_id(id)).filter(|&host| directory.zone(host) == zone);
        let offer = server.map(|server| Offer { load: resolved.load, far: true, server });
        let search = &mut self.open[place];
        if search.turn_of.is_some_and(|awaited| awaited != zone) {
            // It took too long, and the next has been asked.
            return;
        }
        search.best = search.best.into_iter().chain(offer).min();
        search.waiting = search.waiting.saturating_sub(1);
        self.settle(desk, place);
    }

    /// Looks after the questions that wait: who has not answered by now is not waited for any longer.
    pub(super) fn mind(&mut self, desk: &mut Desk<'_, '_>) {
        if self.open.is_empty() || self.look > desk.turn.now {
            return;
        }
        for place in (0..self.open.len()).rev() {
            if self.open[place].until <= desk.turn.now {
                self.open[place].waiting = 0;
                self.settle(desk, place);
            }
        }
        self.look = self.open.iter().map(|search| search.until).min().unwrap_or(Time::NEVER);
    }

    /// Answers a question, or takes it a zone further, if nothing is outstanding.
    fn settle(&mut self, desk: &mut Desk<'_, '_>, place: usize) {
        let search = &mut self.open[place];
        if search.waiting > 0 {
            return;
        }
        let prefers = search.question.preference != Preference::NONE;
        if prefers && search.best.is_none() && search.go_on(desk) {
            self.look = self.look.min(search.until);
            return;
        }
        self.open.remove(place).answer(desk);
    }

    /// A server of this zone is offered to another zone's collector, who decides in its own time. Our guess: until then it
    /// counts as a bias more loaded. Else, while one collector is dead, all that wait for it would choose the same few.
    fn note_offer(&mut self, desk: &mut Desk<'_, '_>, server: HostIndex) {
        let who = desk.turn.who;
        desk.store.offer(who.directory, server, who.settings.load_bias);
        self.offered.push_back((desk.turn.now + desk.patience(Preference::NONE), server));
    }

    /// Forgets the offers of which nothing has come by now.
    fn withdraw_offers(&mut self, desk: &mut Desk<'_, '_>) {
        let who = desk.turn.who;
        while let Some(&(until, server)) = self.offered.front()
            && until <= desk.turn.now
        {
            self.offered.pop_front();
            desk.store.withdraw(who.directory, server, who.settings.load_bias);
        }
    }
}

impl Search {
    /// Answers it, with the best of the others' servers and, if any zone is as good as another, of this zone's: as that
    /// is, and not as it was when the question came.
    fn answer(self, desk: &mut Desk<'_, '_>) {
        let Search { question, asker, best, .. } = self;
        let own = (question.preference == Preference::NONE).then(|| desk.offer(desk.my_zone(), question.app)).flatten();
        desk.answer(question, asker, own.into_iter().chain(best).min());
    }

    /// Has the next zones' turn, until one has a server or has been asked for one; whether one has been asked.
    fn go_on(&mut self, desk: &mut Desk<'_, '_>) -> bool {
        let zones = desk.zones_by(self.question.preference);
        while let Some(&zone) = zones.get(self.tried) {
            self.tried += 1;
            if zone == desk.my_zone() {
                self.best = desk.offer(zone, self.question.app);
                if self.best.is_some() {
                    return false;
                }
            } else if desk.ask(zone, self.number, self.question) {
                (self.waiting, self.turn_of) = (1, Some(zone));
                self.until = desk.turn.now + desk.patience(self.question.preference);
                return true;
            }
        }
        false
    }
}

impl Desk<'_, '_> {
    fn my_zone(&self) -> ZoneIndex {
        self.turn.who.directory.zone(self.turn.who.me)
    }

    /// All zones, the preferred ones first.
    fn zones_by(&self, preference: Preference) -> Vec<ZoneIndex> {
        let all = (0..self.turn.who.directory.zone_count() as u32).map(ZoneIndex);
        let mut zones: Vec<ZoneIndex> = preference.zones().collect();
        zones.extend(all.filter(|zone| !preference.zones().any(|preferred| preferred == *zone)));
        zones.retain(|zone| zone.at() < self.turn.who.directory.zone_count());
        zones
    }

    /// For how long an answer of the others is waited for: half of the time that the asker waits, shared among the zones
    /// if they are asked one after the other.
    fn patience(&self, preference: Preference) -> Span {
        let others = (self.turn.who.directory.zone_count() as u64).saturating_sub(1).max(1);
        let turns = if preference == Preference::NONE { 1 } else { others };
        Span(self.turn.who.settings.resolution_timeout.0 / 2 / turns)
    }

    /// The least loaded server of a zone that publishes the application, as far as this host knows.
    fn offer(&self, zone: ZoneIndex, app: u32) -> Option<Offer> {
        let who = &self.turn.who;
        let (load, server) = match who.applications.servers(app, who.knows)? {
            Servers::All => self.store.least_loaded(who.directory, zone),
            Servers::Only(servers) => self.store.least_loaded_of(who.directory, zone, servers),
        }?;
        Some(Offer { load, far: zone != self.my_zone(), server })
    }

    /// Asks all other zones' collectors that are there; how many.
    fn ask_all(&mut self, number: u32, question: Question) -> u32 {
        let mut asked = 0;
        for peer in self.gateways.peers() {
            self.bindings.send(self.turn, peer, resolve(Question { request: number, ..question }, true));
            asked += 1;
        }
        asked
    }

    /// Asks the collector of one zone, if it is there.
    fn ask(&mut self, zone: ZoneIndex, number: u32, question: Question) -> bool {
        let directory = self.turn.who.directory;
        let Some(peer) = self.gateways.peers().find(|&peer| directory.zone(peer) == zone) else { return false };
        self.bindings.send(self.turn, peer, resolve(Question { request: number, ..question }, true));
        true
    }

    /// Tells whoever asked, and counts the session as on its way if a server was found.
    fn answer(&mut self, question: Question, asker: HostIndex, best: Option<Offer>) {
        let (who, request) = (self.turn.who, question.request);
        if let Some(offer) = best {
            self.store.assign(who.directory, offer.server, who.settings.load_bias);
        }
        let (server, load) = (best.map(|offer| offer.server), best.map_or(0, |offer| offer.load));
        if asker == who.me {
            self.turn.out.push(Verb::Direct { request, server, load });
        } else {
            let answer = resolved(self.turn, request, server, load);
            self.counts.query_response_bytes += u64::from(answer.encoded_len());
            self.bindings.send(self.turn, asker, answer);
        }
    }

    /// A RESOLVE has come: from a member, for whom the whole farm is searched, or from another collector, that wants to
    /// know the best server of this zone.
    pub(super) fn on_resolve(&mut self, searches: &mut Searches, on: EntryIndex, from: HostIndex, asked: &Resolve) {
        let Resolve { request, app, preference, relayed } = *asked;
        let mine = self.turn.who.is_in_zone(from);
        if mine == relayed {
            return;
        }
        self.counts.query_bytes += u64::from(resolve(Question { request, app, preference }, relayed).encoded_len());
        if mine {
            searches.begin(self, Question { request, app, preference }, from);
            return;
        }
        self.counts.queries += 1;
        searches.withdraw_offers(self);
        let best = self.offer(self.my_zone(), app);
        if let Some(best) = best {
            searches.note_offer(self, best.server);
        }
        let answer = resolved(self.turn, request, best.map(|best| best.server), best.map_or(0, |best| best.load));
        self.counts.query_response_bytes += u64::from(answer.encoded_len());
        self.bindings.reply(self.turn, on, from, answer);
    }
}

fn resolved(turn: &Turn<'_>, request: u32, server: Option<HostIndex>, load: u32) -> Message {
    let server = server.map(|host| turn.who.directory.id(host));
    Message::Resolved(Box::new(Resolved { request, server, load }))
}
