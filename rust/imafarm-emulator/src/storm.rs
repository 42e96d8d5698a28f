//! A short cut through storms: fan-outs of ELECT_MASTER among hosts that are bound, held as one entry each.
//!
//! Of the n^2 messages of an election nearly all change nothing: they reach a host that is in the election already, and
//! their answers reach a host that has been answered. When each of them arrives is a pure function of who sent it to whom
//! and when, so they need no place in the schedule. A [`Fan`] stands for all of them; at the beginning of each window those
//! that arrive in it are gone through in one loop (`pass`), which adds them to ledgers, counts and histories. Whatever
//! decides anything becomes an event of its own before that, and is handled like all others:
//!
//! - the first ELECT_MASTER that reaches a host which is not in the election yet, and the first answer to a candidate;
//! - whatever reaches a host to which anything else happens in the window, or of which it is not certain that it stays in
//!   the election: one that does not run, a collector, one whose deadline comes;
//! - whatever would overtake, or be overtaken, on its connection.
//!
//! A fan whose own sender is in such a state becomes events as a whole, and so do all of them before anything is done to
//! the farm from outside. Whoever only looks is told what there would be if they were events: [`Fan::fates`].

mod pass;
mod window;

use std::sync::Arc;

use imafarm_proto::dice::Dice;
use imafarm_proto::host_record::HostIndex;
use imafarm_proto::message::{Kind, Message};
use imafarm_proto::time::{Span, Time};
use imafarm_records::digest::Mark;

use crate::farm::Farm;
use crate::letter::{Letter, Parcel};
use crate::network::{EndRef, Network};
use crate::world::World;

pub(crate) use window::Scratch;

/// One fan-out that is under way.
#[derive(Clone, Debug)]
pub(crate) struct Fan {
    pub(crate) source: u32,
    pub(crate) round: u32,
    pub(crate) sent: Time,
    /// How long an ELECT_MASTER of it, and an answer, is under way at least.
    pub(crate) least: Span,
    pub(crate) back: Span,
    /// The positions, in the zone's order, of those to whom it was sent.
    pub(crate) first: u32,
    pub(crate) end: u32,
    /// Those of them to whom the message is an event of its own, or was; in order.
    pub(crate) apart: Vec<u32>,
    /// Those of the others whose answer is one.
    pub(crate) answered_apart: Vec<u32>,
    /// The answers that are on their way or have arrived, but for those: how many, and what they add to the sender's
    /// history.
    pub(crate) answers: u64,
    pub(crate) chain: u64,
    /// When the first of those arrives that are events of their own.
    pub(crate) first_answer: Time,
}

/// What has become of one message of a fan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It will arrive then.
    Coming(Time),
    /// It has arrived, and the answer will then.
    Answered(Time),
    /// The answer has arrived, then.
    Done(Time),
    /// It has arrived; the answer is an event of its own, or was, that arrives then.
    Apart(Time),
}

impl Fan {
    /// When the message arrives at a host.
    #[inline]
    pub(crate) fn arrival(&self, network: &Network, target: u32) -> Time {
        network.inside_arrival(self.source, target, self.sent, self.least)
    }

    /// When the answer arrives that a host sends then.
    #[inline]
    pub(crate) fn answer(&self, network: &Network, target: u32, at: Time) -> Time {
        network.inside_arrival(target, self.source, at, self.back)
    }

    /// When the first and the last of its messages can arrive, and when every answer has arrived.
    const fn stages(&self, most: Span) -> [Time; 3] {
        let first = Time(self.sent.0 + self.least.0);
        let last = Time(first.0 + most.0);
        [first, last, Time(last.0 + self.back.0 + most.0 + 1)]
    }

    /// Whether the message to the host at this position is not an event of its own.
    #[inline]
    pub(crate) fn holds(&self, position: u32) -> bool {
        self.first <= position && position < self.end && self.apart.binary_search(&position).is_err()
    }

    /// What has become by `now` of each message that it holds.
    pub(crate) fn fates<'a>(
        &'a self,
        network: &'a Network,
        order: &'a [HostIndex],
        now: Time,
    ) -> impl Iterator<Item = (u32, Fate)> + 'a {
        let mut apart = self.apart.iter().copied().peekable();
        (self.first..self.end).filter(move |&position| apart.next_if_eq(&position).is_none()).map(move |position| {
            let HostIndex(target) = order[position as usize];
            let at = self.arrival(network, target);
            if at >= now {
                return (position, Fate::Coming(at));
            }
            let answer = self.answer(network, target, at);
            let fate = match self.answered_apart.contains(&position) {
                true => Fate::Apart(answer),
                false if answer >= now => Fate::Answered(answer),
                false => Fate::Done(answer),
            };
            (position, fate)
        })
    }

    /// How many answers have arrived by `now`, and what they add to the sender's history.
    pub(crate) fn arrived(&self, network: &Network, order: &[HostIndex], now: Time) -> (u64, u64) {
        let (mut count, mut chain) = (0, 0u64);
        if now.since(self.sent) < Span(self.least.0 + self.back.0) {
            return (count, chain);
        }
        for (position, fate) in self.fates(network, order, now) {
            if let Fate::Done(at) = fate {
                count += 1;
                chain = chain.wrapping_add(self.answer_mark(order[position as usize]).at(at));
            }
        }
        (count, chain)
    }

    fn answer_mark(&self, target: HostIndex) -> Mark {
        Mark::message(target.0, Kind::ElectMasterAck, self.round.into())
    }

    pub(crate) const fn elect(&self) -> Message {
        Message::ElectMaster { round: self.round }
    }

    pub(crate) const fn ack(&self) -> Message {
        Message::ElectMasterAck { round: self.round }
    }

    /// The message to a host, as an event.
    const fn elect_letter(&self, target: u32) -> Letter {
        Letter { target, to: EndRef::BOUND, source: self.source, parcel: Parcel::Message(self.elect()) }
    }

    /// A host's answer, as an event.
    const fn ack_letter(&self, target: u32) -> Letter {
        Letter { target: self.source, to: EndRef::BOUND, source: target, parcel: Parcel::Message(self.ack()) }
    }
}

/// All fans that are under way: one of a host at most.
#[derive(Debug, Default)]
pub(crate) struct OpenFans {
    pub(crate) fans: Vec<Fan>,
    /// By host: its fan's place and 1, or 0.
    places: Vec<u32>,
    /// How many messages and answers have been settled that never were events.
    pub(crate) settled: u64,
}

impl OpenFans {
    /// The fan of a host.
    #[inline]
    pub(crate) fn of(&self, source: u32) -> Option<&Fan> {
        let place = self.places.get(source as usize).copied()?;
        self.fans.get((place as usize).wrapping_sub(1))
    }

    fn place_of(&self, source: u32) -> Option<usize> {
        self.places.get(source as usize).and_then(|&place| (place as usize).checked_sub(1))
    }

    fn add(&mut self, fan: Fan, hosts: usize) {
        if self.places.is_empty() {
            self.places = vec![0; hosts];
        }
        debug_assert_eq!(self.places[fan.source as usize], 0, "a host has one fan at most");
        self.places[fan.source as usize] = self.fans.len() as u32 + 1;
        self.fans.push(fan);
    }

    /// Takes out all of which this is true.
    fn extract(&mut self, mut which: impl FnMut(&Fan) -> bool) -> Vec<Fan> {
        let out: Vec<Fan> = self.fans.extract_if(.., |fan| which(fan)).collect();
        if !out.is_empty() {
            out.iter().for_each(|fan| self.places[fan.source as usize] = 0);
            for (place, fan) in (1..).zip(&self.fans) {
                self.places[fan.source as usize] = place;
            }
        }
        out
    }

    /// The bytes held.
    pub(crate) fn memory(&self) -> usize {
        let lists = self.fans.iter().map(|fan| (fan.apart.capacity() + fan.answered_apart.capacity()) * 4);
        self.fans.capacity() * size_of::<Fan>() + self.places.capacity() * 4 + lists.sum::<usize>()
    }
}

/// What a host has made an event of its own, since something of its own is to go behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Whose fan it is.
    source: u32,
    /// The message to whom, or whose answer.
    target: u32,
    /// Whether it is the answer.
    answer: bool,
}

/// What hosts of a shard see and say of fans.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// Whether fan-outs may be held as one.
    pub(crate) is_open: bool,
    /// Those under way when the window began, if there are any.
    pub(crate) fans: Option<Arc<OpenFans>>,
    /// Those begun since.
    pub(crate) begun: Vec<Fan>,
    pub(crate) claims: Vec<Claim>,
}

impl Desk {
    /// A desk for these links and what is traced of them.
    pub(crate) fn new(network: &Network, window: Span, wire: bool, traced: &[Kind], exact: bool) -> Desk {
        let [most, least] = [network.inside_most(), network.inside_least(0)].map(|span| span.0);
        // A message is late by a number of 32 bits, and its arrival is not spread over many windows.
        let fits = (least + most + most).checked_mul(2).is_some_and(|all| all < 1 << 32) && most <= 4 * window.0;
        let looked_at = traced.iter().any(|kind| matches!(kind, Kind::ElectMaster | Kind::ElectMasterAck));
        Desk { is_open: !exact && !wire && !looked_at && fits && network.is_plain_inside(), ..Desk::default() }
    }

    /// Whether any are under way.
    #[inline]
    pub(crate) const fn has_fans(&self) -> bool {
        self.fans.is_some() || !self.begun.is_empty()
    }

    /// The fan of a host, which may have begun it just now.
    fn own(&self, me: u32) -> Option<&Fan> {
        let open = self.fans.as_ref().and_then(|fans| fans.of(me));
        open.or_else(|| self.begun.last().filter(|fan| fan.source == me))
    }
}

impl World {
    /// What fans hold that goes from one host to another, if it has been sent by now: the message of the one's own fan, and
    /// the answer to the other's. When it arrives, and what would make an event of it, unless that has been done.
    fn held(&self, now: Time, me: u32, peer: u32) -> impl Iterator<Item = (Time, Option<(Letter, Claim)>)> + use<> {
        let at = |host: u32| self.post.directory().position(HostIndex(host)) as u32;
        let message = self.storm.own(me).filter(|fan| fan.holds(at(peer))).map(|fan| {
            let claim = Claim { source: me, target: peer, answer: false };
            (fan.arrival(&self.network, peer), Some((fan.elect_letter(peer), claim)))
        });
        let theirs = self.storm.fans.as_ref().and_then(|fans| fans.of(peer)).filter(|fan| fan.holds(at(me)));
        let answer = theirs.and_then(|fan| {
            let arrival = fan.arrival(&self.network, me);
            let claim = Claim { source: peer, target: me, answer: true };
            let apart = fan.answered_apart.contains(&at(me));
            let event = (!apart).then(|| (fan.ack_letter(me), claim));
            (arrival <= now).then(|| (fan.answer(&self.network, me, arrival), event))
        });
        message.into_iter().chain(answer)
    }

    /// A host is about to send something to another on a connection that it began with, so it must not overtake what fans
    /// hold of that connection. If it might, that becomes an event of its own, which is put in before what is sent now.
    /// When the last of what they hold arrives.
    pub(crate) fn behind_fans(&mut self, now: Time, me: u32, peer: u32) -> Time {
        if !self.storm.has_fans() {
            return Time::ZERO;
        }
        // What arrives before that is in the window that is being worked through, or can be overtaken by nothing.
        let soon = now + self.network.inside_least(0);
        let mut last = Time::ZERO;
        for (arrival, event) in self.held(now, me, peer) {
            last = last.max(arrival);
            if arrival >= soon {
                self.claim(arrival, event);
            }
        }
        last
    }

    /// Something that one host sends to another now arrives at `time`. What fans hold that was sent before and arrives at
    /// the same instant becomes an event of its own, so that it comes first.
    #[cold]
    pub(crate) fn give_way_to_fans(&mut self, now: Time, time: Time, me: u32, peer: u32) {
        for (arrival, event) in self.held(now, me, peer) {
            if arrival == time {
                self.claim(arrival, event);
            }
        }
    }

    fn claim(&mut self, arrival: Time, event: Option<(Letter, Claim)>) {
        if let Some((letter, claim)) = event
            && !self.storm.claims.contains(&claim)
        {
            self.storm.claims.push(claim);
            self.put(arrival, letter);
        }
    }
}

impl Farm {
    /// Whether fans are under way.
    pub(crate) fn has_fans(&self) -> bool {
        !self.fans.fans.is_empty()
    }

    /// Takes in what hosts have begun, and what they have made events of.
    pub(crate) fn gather_fans(&mut self) {
        if self.shards.iter().all(|shard| shard.world.storm.begun.is_empty() && shard.world.storm.claims.is_empty()) {
            return;
        }
        let mut open = self.take_fans();
        let (network, directory) = (Arc::clone(&self.network), Arc::clone(&self.directory));
        if let Some(fans) = Arc::get_mut(&mut open) {
            for shard in &mut self.shards {
                for fan in shard.world.storm.begun.drain(..) {
                    fans.add(fan, directory.len());
                }
            }
            for shard in &mut self.shards {
                for Claim { source, target, answer } in shard.world.storm.claims.drain(..) {
                    let Some(fan) = fans.place_of(source).map(|place| &mut fans.fans[place]) else { continue };
                    let position = directory.position(HostIndex(target)) as u32;
                    if !answer {
                        set_apart(&mut fan.apart, [position]);
                        continue;
                    }
                    let at = fan.answer(&network, target, fan.arrival(&network, target));
                    fan.answers -= 1;
                    fan.chain = fan.chain.wrapping_sub(fan.answer_mark(HostIndex(target)).at(at));
                    fan.answered_apart.push(position);
                }
            }
        }
        self.give_fans(open);
    }

    /// Takes the fans away from the shards, to change them.
    fn take_fans(&mut self) -> Arc<OpenFans> {
        self.shards.iter_mut().for_each(|shard| shard.world.storm.fans = None);
        core::mem::take(&mut self.fans)
    }

    /// Shows the shards what fans there are.
    fn give_fans(&mut self, fans: Arc<OpenFans>) {
        if !fans.fans.is_empty() {
            self.shards.iter_mut().for_each(|shard| shard.world.storm.fans = Some(Arc::clone(&fans)));
        }
        self.fans = fans;
    }

    /// Makes events of all that is under way of every fan: something is done to the farm from outside.
    pub(crate) fn recall_fans(&mut self) {
        if self.has_fans() {
            let mut open = self.take_fans();
            if let Some(fans) = Arc::get_mut(&mut open) {
                for fan in fans.extract(|_| true) {
                    self.recall(fan, self.now);
                }
            }
            self.give_fans(open);
        }
    }

    /// Makes events of all that is under way of one fan, and settles what has arrived.
    fn recall(&mut self, fan: Fan, now: Time) {
        let (network, directory) = (Arc::clone(&self.network), Arc::clone(&self.directory));
        let order = directory.zone_hosts(directory.zone(HostIndex(fan.source)));
        let (mut done, mut chain) = (0, 0u64);
        for (position, fate) in fan.fates(&network, order, now) {
            let HostIndex(target) = order[position as usize];
            match fate {
                Fate::Coming(at) => self.shard_mut(target).world.put_here(at, fan.elect_letter(target)),
                Fate::Answered(at) => {
                    self.shard_mut(fan.source).world.put_here(at, fan.ack_letter(target));
                    self.seat_mut(target).0.note_bound(now, fan.source, at);
                }
                Fate::Apart(at) => self.seat_mut(target).0.note_bound(now, fan.source, at),
                Fate::Done(at) => {
                    done += 1;
                    chain = chain.wrapping_add(fan.answer_mark(order[position as usize]).at(at));
                }
            }
        }
        self.settle_answers(&fan, done, chain);
    }

    /// So many answers to a fan have arrived.
    fn settle_answers(&mut self, fan: &Fan, count: u64, chain: u64) {
        let bytes = fan.ack().encoded_len();
        let (seat, world) = self.seat_mut(fan.source);
        seat.chain.0 = seat.chain.0.wrapping_add(chain);
        seat.end_fan();
        let zone = world.network.zone(fan.source);
        world.ledger.tally_mut(zone, zone, Kind::ElectMasterAck).delivered.merge(many(count, bytes));
        self.shard_mut(fan.source).events += count;
    }

    /// When something next arrives of a fan.
    pub(crate) fn next_of_fans(&self) -> Option<Time> {
        let most = self.network.inside_most();
        let next = |fan: &Fan| {
            let [first, last, end] = fan.stages(most);
            if self.now <= first {
                first
            } else if self.now <= last {
                self.now
            } else {
                end.max(self.now)
            }
        };
        self.fans.fans.iter().map(next).min()
    }
}

/// So many messages of one length.
pub(crate) const fn many(messages: u64, bytes: u32) -> imafarm_records::ledger::Count {
    imafarm_records::ledger::Count { messages, bytes: messages * bytes as u64 }
}

/// Adds positions to a list that is in order.
fn set_apart(apart: &mut Vec<u32>, positions: impl IntoIterator<Item = u32>) {
    apart.extend(positions);
    apart.sort_unstable();
    apart.dedup();
}

/// The dice and the bound of what chance adds to a way inside a zone, as the inner loop needs them.
fn chance(network: &Network) -> (Dice, u32) {
    (network.dice(), network.inside_most().0 as u32 + 1)
}
