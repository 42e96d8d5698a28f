//! The connections that a host begins with, where its farm begins bound: one to every other host of its zone.
//!
//! They are streams like all others: what is sent on one arrives in order, what is lost severs it, and whoever has closed
//! it, or has come back from a crash, disowns what still comes. But nothing is kept of one on which nothing is under way:
//! it is open unless it is among the exceptions, and both its ends have the same name.

use std::sync::Arc;

use imafarm_proto::host_record::HostIndex;
use imafarm_proto::host_resolver::EntryIndex;
use imafarm_proto::input::{Ending, Input};
use imafarm_proto::message::Message;
use imafarm_proto::outbox::{self, Outbox, Verb};
use imafarm_proto::time::{Span, Time};
use imafarm_proto::zone::Stance;

use crate::hands::over_the_wire;
use crate::letter::{Letter, Parcel};
use crate::network::{End, EndRef, EndState, GIVE_UP, Network};
use crate::seat::Seat;
use crate::storm::{Fan, many};
use crate::world::World;

/// A host's ends of the connections that it began with.
#[derive(Debug, Default)]
pub(crate) struct BoundEnds {
    /// Those that are not open: severed, closed by this side, or gone. By peer.
    exceptions: Vec<(u32, EndState)>,
    /// When what was sent last arrives, where that may still matter; but for what was sent to many.
    recent: Recent,
    /// What was sent to many, and may still be under way.
    flights: Vec<Flight>,
    /// Whether a fan of this host is under way.
    has_fan: bool,
}

/// A message that was sent to hosts side by side in the order of the sender's zone. When it arrives at which follows from
/// that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight {
    pub(crate) sent: Time,
    /// How long it is under way at least.
    pub(crate) least: Span,
    /// The positions of those to whom it was sent.
    pub(crate) first: u32,
    pub(crate) end: u32,
}

impl Flight {
    /// Whether any of it can be under way.
    fn is_under_way(&self, most: Span, now: Time) -> bool {
        self.sent + self.least + most > now
    }

    /// When it arrives, if it has been sent to the host at this position.
    #[inline]
    fn arrival(&self, network: &Network, source: u32, target: u32, position: u32) -> Option<Time> {
        let covers = self.first <= position && position < self.end;
        covers.then(|| network.inside_arrival(source, target, self.sent, self.least))
    }
}

impl BoundEnds {
    fn place_of(&self, peer: u32) -> Result<usize, usize> {
        match self.exceptions.last() {
            Some(&(last, _)) if last < peer => Err(self.exceptions.len()),
            Some(_) | None => self.exceptions.binary_search_by_key(&peer, |&(exception, _)| exception),
        }
    }

    /// How far the end to a peer is; free if it is gone.
    #[inline]
    pub(crate) fn state(&self, peer: u32) -> EndState {
        self.place_of(peer).map_or(EndState::Open, |place| self.exceptions[place].1)
    }

    fn set(&mut self, peer: u32, state: EndState) {
        match self.place_of(peer) {
            Ok(place) => self.exceptions[place].1 = state,
            Err(place) => self.exceptions.insert(place, (peer, state)),
        }
    }

    /// When the last thing arrives that was sent from here to a peer, as far as that may matter.
    fn last_arrival(&self, network: &Network, me: u32, peer: u32, position: impl FnOnce() -> u32) -> Time {
        let last = self.recent.get(peer);
        if self.flights.is_empty() {
            return last;
        }
        let position = position();
        self.flights.iter().filter_map(|flight| flight.arrival(network, me, peer, position)).fold(last, Time::max)
    }

    /// The bytes held.
    pub(crate) fn memory(&self) -> usize {
        size_of::<BoundEnds>()
            + self.exceptions.capacity() * size_of::<(u32, EndState)>()
            + self.recent.slots.capacity() * size_of::<(u32, Time)>()
            + self.flights.capacity() * size_of::<Flight>()
    }
}

/// When the last thing that was sent to a peer arrives, for a few peers: a table that forgets what has arrived.
#[derive(Debug, Default)]
struct Recent {
    /// As many as a power of two, at most half of them taken, each as near behind its place as it can be.
    slots: Vec<(u32, Time)>,
    taken: usize,
    /// When the last of all arrives.
    latest: Time,
}

/// A slot that is free.
const FREE: (u32, Time) = (u32::MAX, Time::ZERO);

impl Recent {
    /// Where a peer is, or would be.
    #[inline]
    fn slot(&self, peer: u32) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = peer.wrapping_mul(0x9E37_79B1) as usize >> 7 & mask;
        while self.slots[slot].0 != peer && self.slots[slot].0 != FREE.0 {
            slot = (slot + 1) & mask;
        }
        slot
    }

    #[inline]
    fn get(&self, peer: u32) -> Time {
        if self.taken == 0 { Time::ZERO } else { self.slots[self.slot(peer)].1 }
    }

    fn note(&mut self, now: Time, peer: u32, arrival: Time) {
        if self.latest <= now && self.taken > 0 {
            *self = Recent::default();
        }
        if self.taken * 2 >= self.slots.len() {
            self.make_room(now);
        }
        let slot = self.slot(peer);
        self.taken += usize::from(self.slots[slot].0 == FREE.0);
        self.slots[slot] = (peer, arrival);
        self.latest = self.latest.max(arrival);
    }

    /// Forgets what has arrived, and takes more room if that was too little.
    fn make_room(&mut self, now: Time) {
        let still = |&(peer, arrival): &(u32, Time)| peer != FREE.0 && arrival > now;
        let count = self.slots.iter().filter(|slot| still(slot)).count();
        let room = vec![FREE; (count * 4).max(4).next_power_of_two()];
        for (peer, arrival) in core::mem::replace(&mut self.slots, room).into_iter().filter(still) {
            let slot = self.slot(peer);
            self.slots[slot] = (peer, arrival);
        }
        self.taken = count;
    }
}

impl Recent {
    /// Those to whom something arrives after `now`, and when.
    fn after(&self, now: Time) -> impl Iterator<Item = (u32, Time)> + '_ {
        let slots = if self.latest <= now { &[][..] } else { &self.slots };
        slots.iter().copied().filter(move |&(peer, arrival)| peer != FREE.0 && arrival > now)
    }
}

impl Seat {
    /// The host's first life is to begin with connections to all hosts of its zone.
    pub(crate) fn begin_bound(&mut self) {
        self.host.begin_bound();
        self.bound = Some(Box::default());
    }

    /// A peer has found that the host is not there; if it has not been started yet, neither begins with this connection.
    #[cold]
    pub(crate) fn begin_without(&mut self, peer: u32) {
        if self.host.begins_bound() {
            self.host.begin_without(HostIndex(peer));
            self.set_bound(peer, EndState::Free);
        }
    }

    /// The end to a peer, if it still stands and this name is that of an end the host began with.
    #[inline]
    pub(crate) fn stands_bound(&self, to: EndRef, peer: u32) -> bool {
        to == EndRef::BOUND && self.bound.as_ref().is_some_and(|bound| bound.state(peer) != EndState::Free)
    }

    /// Carries out what the host wants done on a connection that it began with.
    #[cold]
    pub(crate) fn carry_out_bound(&mut self, world: &mut World, now: Time, verb: Verb, peer: HostIndex) {
        let HostIndex(peer) = peer;
        match verb {
            Verb::Send(_, message) => {
                if let Some((arrival, _)) = self.send_bound(world, now, peer, message) {
                    self.note_bound(now, peer, arrival);
                }
            }
            Verb::Close(_) => {
                if self.post_bound(world, now, peer, Parcel::Finish, 0).is_some() {
                    self.set_bound(peer, EndState::Finished);
                }
            }
            Verb::Abort(_) => {
                if self.state_bound(peer) == EndState::Open {
                    self.post_bound(world, now, peer, Parcel::Broken { end: EndRef::BOUND }, 0);
                }
                self.set_bound(peer, EndState::Free);
            }
            Verb::Open { .. }
            | Verb::Accept { .. }
            | Verb::Refuse(_)
            | Verb::Fan(_)
            | Verb::Direct { .. }
            | Verb::Notify(_)
            | Verb::Consult(..) => unreachable!("{verb:?} is not of a connection"),
        }
    }

    pub(crate) fn state_bound(&self, peer: u32) -> EndState {
        self.bound.as_ref().map_or(EndState::Free, |bound| bound.state(peer))
    }

    fn set_bound(&mut self, peer: u32, state: EndState) {
        if let Some(bound) = &mut self.bound {
            bound.set(peer, state);
        }
    }

    /// Sends a message; when it arrives, and what was sent before it, if it does.
    fn send_bound(&mut self, world: &mut World, now: Time, peer: u32, message: Message) -> Option<(Time, Time)> {
        let (kind, bytes) = (message.kind(), message.encoded_len());
        world.ledger.tally_mut(world.network.zone(self.me), world.network.zone(peer), kind).sent.add(bytes);
        let message = if world.wire { over_the_wire(&message) } else { message };
        let sent = self.post_bound(world, now, peer, Parcel::Message(message), bytes);
        if sent.is_none() {
            world.settle_message(self.me, peer, kind, bytes, false);
        }
        sent
    }

    /// Notes when the last thing arrives that was sent to a peer.
    pub(crate) fn note_bound(&mut self, now: Time, peer: u32, arrival: Time) {
        if let Some(bound) = &mut self.bound {
            bound.recent.note(now, peer, arrival);
        }
    }

    /// Sends a parcel; when it arrives, and what was sent before it, if it does. If not, the connection is severed.
    fn post_bound(
        &mut self,
        world: &mut World,
        now: Time,
        peer: u32,
        parcel: Parcel,
        bytes: u32,
    ) -> Option<(Time, Time)> {
        let bound = self.bound.as_ref().filter(|bound| bound.state(peer) != EndState::Severed)?;
        let position = || world.post.directory().position(HostIndex(peer)) as u32;
        let before = bound.last_arrival(&world.network, self.me, peer, position);
        let before = before.max(world.behind_fans(now, self.me, peer));
        let mut end = End::bound(peer, before);
        if world.post_in_order(now, self.me, peer, EndRef::BOUND, parcel, bytes, Some(&mut end)) {
            return Some((end.in_order(Time::ZERO), before));
        }
        self.set_bound(peer, EndState::Severed);
        world.break_later(now + GIVE_UP, self.me, EndRef::BOUND, peer);
        None
    }

    /// Sends a message to many.
    #[cold]
    pub(crate) fn send_fan(&mut self, world: &mut World, now: Time, fan: &outbox::Fan) {
        let directory = Arc::clone(world.post.directory());
        let zone = directory.zone(HostIndex(self.me));
        let (first, end) = (fan.first, fan.first + fan.count);
        let least = world.network.inside_least(fan.message.encoded_len());
        let flight = world.network.is_plain_inside().then_some(Flight { sent: now, least, first, end });
        let most = world.network.inside_most();
        if let Some(bound) = &mut self.bound {
            bound.flights.retain(|flight| flight.is_under_way(most, now));
        }
        if let (Some(flight), &Message::ElectMaster { round }) = (flight, &fan.message)
            && self.hold_fan(world, directory.zone_hosts(zone), flight, round)
        {
            return;
        }
        for &HostIndex(peer) in &directory.zone_hosts(zone)[first as usize..end as usize] {
            // What is late because something was sent before it does not follow from the flight.
            if let Some((arrival, before)) = self.send_bound(world, now, peer, fan.message.clone())
                && (arrival <= before || flight.is_none())
            {
                self.note_bound(now, peer, arrival);
            }
        }
        if let (Some(bound), Some(flight)) = (&mut self.bound, flight) {
            bound.flights.push(flight);
        }
    }

    /// Holds a fan-out of ELECT_MASTER as one, if nothing speaks against it; but for those targets on whose connection
    /// something is amiss or under way. Whether it does.
    fn hold_fan(&mut self, world: &mut World, order: &[HostIndex], flight: Flight, round: u32) -> bool {
        let Flight { sent, least, first, end } = flight;
        let Some(bound) = &mut self.bound else { return false };
        if !world.storm.is_open || self.is_tapped || bound.has_fan || !bound.flights.is_empty() || self.work.is_some() {
            return false;
        }
        let mut apart = Vec::new();
        let amiss = bound.exceptions.iter().map(|&(peer, _)| (peer, Time::NEVER));
        for (peer, last) in amiss.chain(bound.recent.after(sent)) {
            let position = world.post.directory().position(HostIndex(peer)) as u32;
            if let Some(arrival) = flight.arrival(&world.network, self.me, peer, position)
                && arrival <= last
            {
                apart.push(position);
            }
        }
        apart.sort_unstable();
        apart.dedup();
        let message = Message::ElectMaster { round };
        let bytes = message.encoded_len();
        let zone = world.network.zone(self.me);
        let held = u64::from(end - first) - apart.len() as u64;
        world.ledger.tally_mut(zone, zone, message.kind()).sent.merge(many(held, bytes));
        for &position in &apart {
            let HostIndex(peer) = order[position as usize];
            if let Some((arrival, _)) = self.send_bound(world, sent, peer, message.clone()) {
                self.note_bound(sent, peer, arrival);
            }
        }
        let back = world.network.inside_least(Message::ElectMasterAck { round }.encoded_len());
        let (source, first_answer, answered_apart) = (self.me, Time::NEVER, Vec::new());
        let (answers, chain) = (0, 0);
        let fan =
            Fan { source, round, sent, least, back, first, end, apart, answered_apart, answers, chain, first_answer };
        world.storm.begun.push(fan);
        if let Some(bound) = &mut self.bound {
            bound.has_fan = true;
            bound.flights.push(flight);
        }
        true
    }

    /// The host's fan is not under way any more.
    pub(crate) fn end_fan(&mut self) {
        if let Some(bound) = &mut self.bound {
            bound.has_fan = false;
        }
    }

    /// What an ELECT_MASTER of a host below this position, its own, would mean to the host, unless an answer might overtake
    /// what it has sent to many.
    pub(crate) fn stance_below(&self, now: Time, position: u32) -> Stance {
        let below = |bound: &BoundEnds| bound.flights.iter().any(|flight| flight.first < position);
        if self.bound.as_ref().is_some_and(|bound| below(bound)) { Stance::Other } else { self.host.stance(now) }
    }

    /// To how many peers the connection that it began with does not stand.
    pub(crate) fn amiss_count(&self) -> u32 {
        self.bound.as_ref().map_or(0, |bound| bound.exceptions.len() as u32)
    }

    /// The peers to whom the connection that it began with does not stand, and those to whom something arrives after `now`,
    /// and when.
    pub(crate) fn unlike(&self, now: Time) -> impl Iterator<Item = (u32, Time)> + '_ {
        let bound = self.bound.iter();
        bound.flat_map(move |bound| {
            let amiss = bound.exceptions.iter().map(|&(peer, _)| (peer, Time::NEVER));
            amiss.chain(bound.recent.after(now))
        })
    }

    /// Something arrives on a connection that the host began with, and that still stands.
    #[cold]
    pub(crate) fn receive_bound(&mut self, world: &mut World, out: &mut Outbox, now: Time, letter: Letter) {
        let Letter { to, source, parcel, .. } = letter;
        match parcel {
            Parcel::Message(message) => self.deliver(world, out, now, to, source, message),
            Parcel::Finish => {
                let answered = match self.state_bound(source) {
                    EndState::Open => self.post_bound(world, now, source, Parcel::Finish, 0).is_some(),
                    EndState::Finished => true,
                    EndState::Severed | EndState::Opening | EndState::Free => false,
                };
                if !answered {
                    world.break_later(now + GIVE_UP, source, EndRef::BOUND, self.me);
                }
                self.end_bound(world, out, now, source, Ending::Finished);
            }
            Parcel::Broken { .. } => self.end_bound(world, out, now, source, Ending::Broken),
            Parcel::Refused => self.end_bound(world, out, now, source, Ending::Refused),
            Parcel::Start
            | Parcel::Connect { .. }
            | Parcel::Greeting { .. }
            | Parcel::Wake
            | Parcel::User(_)
            | Parcel::Consulted(_) => unreachable!("{parcel:?} comes on no connection"),
        }
    }

    /// A connection that the host began with has ended.
    fn end_bound(&mut self, world: &mut World, out: &mut Outbox, now: Time, peer: u32, ending: Ending) {
        self.chain.add(now, u64::from(peer) << 8, 2 + ending as u64);
        self.set_bound(peer, EndState::Free);
        self.act(world, out, now, Input::Closed(EntryIndex::bound(HostIndex(peer)), ending));
    }
}
