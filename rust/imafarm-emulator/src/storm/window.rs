//! What of fans arrives in one window: first what becomes events, then all the rest in one loop.

use std::sync::{Arc, Mutex, PoisonError};

use imafarm_proto::dice::Dice;
use imafarm_proto::host_record::{HostIndex, ZoneIndex};
use imafarm_proto::message::Kind;
use imafarm_proto::time::{Span, Time};
use imafarm_proto::zone::Stance;
use imafarm_records::digest::Mark;

use super::pass::{BLOCK, Beam, Lanes, Level, Sum};
use super::{Fan, OpenFans, chance, many, set_apart};
use crate::event::Form;
use crate::farm::Farm;
use crate::network::{EndRef, Network};

/// How many messages there are at least, when it is worth to start threads for them. Our guess.
const WORTH_THREADS: u64 = 1 << 20;

/// Room for what is kept of hosts during a window; void between windows.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// By host: what happens to it in the window that is not of an election.
    busy: Vec<Busy>,
    /// By position in the zone's order.
    hosts: Vec<u32>,
    marks: Vec<Mark>,
    chains: Vec<u64>,
    hits: Vec<u32>,
}

/// What happens to a host in a window, besides elections.
#[derive(Clone, Copy, Debug, Default)]
struct Busy {
    /// How much.
    events: u32,
    /// Whether there is anything but calls and the making of bindings.
    other: bool,
    /// Whether one of the connections that it began with may end by it.
    ends: bool,
}

/// How many bindings one event may begin, besides those to hosts of the zone to which there is none. Our guess.
const BEGUN_AT_ONCE: u32 = 64;

/// What has come of a fan in a window.
#[derive(Clone, Copy, Debug)]
struct Part {
    sum: Sum,
    /// Between which positions all are whose answer arrives first.
    first: (u32, u32),
}

const NO_PART: Part = Part { sum: Sum::NONE, first: (0, 0) };

impl Part {
    fn add(&mut self, sum: Sum, targets: (u32, u32)) {
        if sum.soonest < self.sum.soonest {
            (self.sum.soonest, self.first) = (sum.soonest, targets);
        } else if sum.soonest == self.sum.soonest {
            self.first = (self.first.0.min(targets.0), self.first.1.max(targets.1));
        }
        self.sum.count += sum.count;
        self.sum.chain = self.sum.chain.wrapping_add(sum.chain);
    }

    fn merge(&mut self, other: &Part) {
        self.add(other.sum, other.first);
    }
}

impl Farm {
    /// Settles what of fans arrives in the current window before `end`, which is about to be worked through.
    pub(crate) fn settle_fans(&mut self, end: Time) {
        if !self.has_fans() {
            return;
        }
        self.take_in();
        let (now, most) = (self.now, self.network.inside_most());
        let mut open = self.take_fans();
        if let Some(fans) = Arc::get_mut(&mut open) {
            for fan in fans.extract(|fan| fan.stages(most)[2] <= now) {
                self.end_fan(&fan);
            }
            let mut scratch = core::mem::take(&mut self.scratch);
            self.see_who_is_busy(&mut scratch, now);
            let stays = |fan: &Fan| self.is_connected(scratch.busy[fan.source as usize], fan.source, end);
            for fan in fans.extract(|fan| !stays(fan)) {
                self.recall(fan, now);
            }
            let arrives = |fan: &Fan| {
                let [first, last, _] = fan.stages(most);
                first < end && now <= last
            };
            let mut zones: Vec<u32> =
                fans.fans.iter().filter(|fan| arrives(fan)).map(|fan| self.network.zone(fan.source)).collect();
            zones.sort_unstable();
            zones.dedup();
            for zone in zones {
                let mut of_zone: Vec<usize> = (0..fans.fans.len())
                    .filter(|&place| arrives(&fans.fans[place]) && self.network.zone(fans.fans[place].source) == zone)
                    .collect();
                of_zone.sort_by_key(|&place| fans.fans[place].round);
                self.settle_zone(fans, &mut scratch, zone, &of_zone, now, end);
            }
            self.scratch = scratch;
        }
        self.give_fans(open);
    }

    /// The last answer to a fan has arrived.
    fn end_fan(&mut self, fan: &Fan) {
        self.settle_answers(fan, fan.answers, fan.chain);
    }

    /// Notes what happens to whom in the current window that is not of an election.
    fn see_who_is_busy(&self, scratch: &mut Scratch, now: Time) {
        scratch.busy.clear();
        scratch.busy.resize(self.directory.len(), Busy::default());
        for event in self.shards.iter().flat_map(|shard| shard.world.schedule.of_window(now)) {
            let busy = &mut scratch.busy[event.target() as usize];
            let form = event.form();
            busy.events += u32::from(!matches!(form, Form::ElectMaster | Form::ElectMasterAck | Form::Wake));
            match form {
                Form::ElectMaster | Form::ElectMasterAck | Form::Wake => {}
                Form::Connect | Form::Greeting | Form::BindCommit => {}
                // If the host has a binding to the caller, it may close it.
                Form::BindResponse => {
                    busy.ends |= self.seat(event.target()).stands_bound(EndRef::BOUND, event.source())
                }
                Form::Finish | Form::Refused | Form::Broken => {
                    busy.other = true;
                    busy.ends |= event.to == EndRef::BOUND || event.detail == EndRef::BOUND.0;
                }
                Form::DeclareMaster
                | Form::QueryMaster
                | Form::MasterIs
                | Form::Heartbeat
                | Form::HeartbeatAck
                | Form::ImaPing
                | Form::ImaPingAck
                | Form::Stored => busy.other = true,
            }
        }
    }

    /// Whether the connections stay that a host began with, as far as they stand, whatever happens to it before `end`: then
    /// an answer that decides nothing leaves no trace in it.
    fn is_connected(&self, busy: Busy, host: u32, end: Time) -> bool {
        let seat = self.seat(host);
        seat.is_plainly_up() && !busy.ends && (busy.events == 0 && !seat.is_due(end) || self.has_room(busy, host))
    }

    /// Whether a host has room for all bindings that may be begun in a window, so that none has to go.
    fn has_room(&self, busy: Busy, host: u32) -> bool {
        let seat = self.seat(host);
        let others = BEGUN_AT_ONCE + 8 * self.directory.zone_count() as u32;
        seat.host.room() >= others + 2 * (busy.events + seat.amiss_count())
    }

    /// What an ELECT_MASTER from below means to the host at this position, whenever it comes before `end`.
    fn stance(&self, busy: Busy, host: u32, position: u32, end: Time) -> Stance {
        let seat = self.seat(host);
        if busy.other || seat.is_due(end) || !self.is_connected(busy, host, end) {
            return Stance::Other;
        }
        match seat.stance_below(self.now, position) {
            Stance::Ready if seat.amiss_count() > 0 && !self.has_room(busy, host) => Stance::Other,
            stance @ (Stance::Ready | Stance::Settled | Stance::Other) => stance,
        }
    }

    fn settle_zone(
        &mut self,
        fans: &mut OpenFans,
        scratch: &mut Scratch,
        zone: u32,
        which: &[usize],
        now: Time,
        end: Time,
    ) {
        let directory = Arc::clone(&self.directory);
        let order = directory.zone_hosts(ZoneIndex(zone));
        self.set_events_apart(fans, scratch, order, which, now, end);
        scratch.hosts.clear();
        scratch.hosts.extend(order.iter().map(|host| host.0));
        scratch.chains.clear();
        scratch.chains.resize(order.len(), 0);
        scratch.hits.clear();
        scratch.hits.resize(order.len(), 0);
        let by_round: Vec<(u32, usize)> = which.iter().map(|&place| (fans.fans[place].round, place)).collect();
        for of_round in by_round.chunk_by(|one, next| one.0 == next.0) {
            let round = of_round[0].0;
            scratch.marks.clear();
            scratch.marks.extend(order.iter().map(|host| Mark::message(host.0, Kind::ElectMasterAck, round.into())));
            let beams: Vec<(Beam, &Fan)> = of_round
                .iter()
                .map(|&(_, place)| (beam(&self.network, &fans.fans[place], now, end), &fans.fans[place]))
                .collect();
            let parts = pass(&beams, scratch, self.threads);
            let firsts: Vec<Option<(u32, Time)>> = beams
                .iter()
                .zip(&parts)
                .map(|((beam, fan), part)| {
                    let answer = beam.base + Span(part.sum.soonest.into());
                    let decides = part.sum.count > 0
                        && answer < fan.first_answer
                        && self.seat(fan.source).host.awaits_answer(fan.round);
                    decides.then(|| (first_of(beam, fan, part, &scratch.hosts), answer))
                })
                .collect();
            fans.settled += parts.iter().map(|part| 2 * u64::from(part.sum.count)).sum::<u64>();
            for ((&(_, place), part), first) in of_round.iter().zip(&parts).zip(firsts) {
                self.settle_part(&mut fans.fans[place], zone, part, first, order);
            }
        }
        for (place, (chain, hits)) in scratch.chains.iter().zip(&scratch.hits).enumerate() {
            if *hits > 0 {
                let (seat, _) = self.seat_mut(order[place].0);
                seat.chain.0 = seat.chain.0.wrapping_add(*chain);
                seat.host.add_hits(u64::from(*hits));
            }
        }
    }

    /// Books what has come of a fan in a window. The first answer, if it decides something, becomes an event.
    fn settle_part(&mut self, fan: &mut Fan, zone: u32, part: &Part, first: Option<(u32, Time)>, order: &[HostIndex]) {
        let count = u64::from(part.sum.count);
        if count == 0 {
            return;
        }
        fan.answers += count;
        fan.chain = fan.chain.wrapping_add(part.sum.chain);
        let shard = &mut self.shards[0];
        shard.events += count;
        let ledger = &mut shard.world.ledger;
        ledger.tally_mut(zone, zone, Kind::ElectMaster).delivered.merge(many(count, fan.elect().encoded_len()));
        ledger.tally_mut(zone, zone, Kind::ElectMasterAck).sent.merge(many(count, fan.ack().encoded_len()));
        if let Some((position, answer)) = first {
            let target = order[position as usize];
            fan.first_answer = answer;
            fan.answers -= 1;
            fan.chain = fan.chain.wrapping_sub(fan.answer_mark(target).at(answer));
            fan.answered_apart.push(position);
            self.shard_mut(fan.source).world.put_here(answer, fan.ack_letter(target.0));
        }
    }

    /// Makes events of all messages that arrive in the window and decide something, or might.
    fn set_events_apart(
        &mut self,
        fans: &mut OpenFans,
        scratch: &Scratch,
        order: &[HostIndex],
        which: &[usize],
        now: Time,
        end: Time,
    ) {
        let network = Arc::clone(&self.network);
        let first = which.iter().map(|&place| fans.fans[place].first).min().unwrap_or(0);
        let last = which.iter().map(|&place| fans.fans[place].end).max().unwrap_or(0);
        let mut apart: Vec<(usize, u32, Time)> = Vec::new();
        for position in first..last {
            let HostIndex(target) = order[position as usize];
            let arrival = |place: usize| {
                let fan = &fans.fans[place];
                let at = fan.holds(position).then(|| fan.arrival(&network, target));
                at.filter(|at| (now..end).contains(at))
            };
            let arrivals = || which.iter().filter_map(|&place| arrival(place).map(|at| (place, position, at)));
            let stance = self.stance(scratch.busy[target as usize], target, position, end);
            if stance == Stance::Other {
                apart.extend(arrivals());
                continue;
            }
            let before = apart.len();
            for (peer, last) in self.seat(target).unlike(now) {
                if let Some(place) = fans.place_of(peer)
                    && let Some(at) = arrival(place)
                    && fans.fans[place].answer(&network, target, at) <= last
                {
                    apart.push((place, position, at));
                }
            }
            if stance == Stance::Ready {
                // Of those that are sure to be heard.
                let heard = |other: &(usize, u32, Time)| !apart[before..].contains(other);
                apart.extend(arrivals().filter(heard).min_by_key(|&(place, _, at)| (at, fans.fans[place].source)));
            }
        }
        apart.sort_unstable();
        apart.dedup();
        for of_fan in apart.chunk_by(|one, next| one.0 == next.0) {
            let fan = &mut fans.fans[of_fan[0].0];
            for &(_, position, at) in of_fan {
                let target = order[position as usize].0;
                self.shard_mut(target).world.put_here(at, fan.elect_letter(target));
            }
            set_apart(&mut fan.apart, of_fan.iter().map(|&(_, position, _)| position));
        }
    }
}

/// What the inner loop needs of a fan.
fn beam(network: &Network, fan: &Fan, now: Time, end: Time) -> Beam {
    let (dice, bound): (Dice, u32) = chance(network);
    let base = Time(fan.sent.0 + fan.least.0);
    let since = |time: Time| u32::try_from(time.since(base).0).unwrap_or(u32::MAX);
    Beam {
        source: fan.source,
        quick: dice.quick_from(fan.source, fan.sent.0),
        dice,
        bound,
        mark: Mark::message(fan.source, Kind::ElectMaster, fan.round.into()),
        base,
        back: fan.back.0 as u32,
        from: since(now),
        until: since(end),
    }
}

/// The targets of a fan between two positions, but for those whose message is an event: runs of positions.
fn runs(fan: &Fan, from: u32, until: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
    let (from, until) = (fan.first.max(from), fan.end.min(until));
    let start = fan.apart.partition_point(|&position| position < from);
    let between = fan.apart[start..].iter().copied().take_while(move |&position| position < until);
    let mut next = from;
    between.chain([until]).filter_map(move |position| {
        let run = (next, position);
        next = position + 1;
        (run.0 < run.1).then_some(run)
    })
}

/// Goes through all targets of all these fans.
fn pass(beams: &[(Beam, &Fan)], scratch: &mut Scratch, threads: usize) -> Vec<Part> {
    let Scratch { hosts, marks, chains, hits, .. } = scratch;
    let level = Level::best();
    let blocks = hosts.chunks(BLOCK).zip(marks.chunks(BLOCK)).zip(chains.chunks_mut(BLOCK)).zip(hits.chunks_mut(BLOCK));
    let blocks = Mutex::new((0..).step_by(BLOCK).zip(blocks));
    let messages: u64 = beams.iter().map(|(_, fan)| u64::from(fan.end - fan.first)).sum();
    let work = || {
        let mut parts = vec![NO_PART; beams.len()];
        loop {
            let next = blocks.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((start, (((hosts, marks), chains), hits))) = next else { return parts };
            for ((beam, fan), part) in beams.iter().zip(&mut parts) {
                for (from, until) in runs(fan, start, start + hosts.len() as u32) {
                    let here = (from - start) as usize..(until - start) as usize;
                    let lanes = Lanes {
                        hosts: &hosts[here.clone()],
                        marks: &marks[here.clone()],
                        chains: &mut chains[here.clone()],
                        hits: &mut hits[here],
                    };
                    part.add(level.settle(beam, lanes), (from, until));
                }
            }
        }
    };
    if threads < 2 || messages < WORTH_THREADS {
        return work();
    }
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut parts = work();
        for other in others {
            let theirs = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            parts.iter_mut().zip(&theirs).for_each(|(part, theirs)| part.merge(theirs));
        }
        parts
    })
}

/// The target whose answer arrives first; of several at one instant the one that its receiver takes first.
fn first_of(beam: &Beam, fan: &Fan, part: &Part, hosts: &[u32]) -> u32 {
    let (from, until) = part.first;
    let is_first = |&position: &u32| {
        let host = hosts[position as usize];
        let late = beam.late(host);
        let answered = beam.answered(host, late, beam.base + Span(late.into()));
        beam.is_inside(late) && answered == part.sum.soonest && fan.holds(position)
    };
    let found = (from..until).filter(is_first).min_by_key(|&position| hosts[position as usize]);
    debug_assert!(found.is_some(), "the first answer is one of the fan's");
    found.unwrap_or(from)
}
