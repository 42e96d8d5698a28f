//! What all hosts of a shard have in common: the schedule, the links, the ledger, and what is to be told.

use std::sync::Arc;

use imafarm_proto::input::{Answer, Ticket};
use imafarm_proto::message::Kind;
use imafarm_proto::time::Time;
use imafarm_records::chronicle::{FarmEvent, What};
use imafarm_records::ledger::Ledger;
use imafarm_records::totals::Visits;

use crate::event::{PostOffice, Sack};
use crate::letter::{Letter, Parcel};
use crate::network::{End, EndRef, Network, Way};
use crate::prefetch::Lines;
use crate::schedule::Schedule;
use crate::shard::Share;
use crate::store_link::{Question, StoreView};
use crate::storm::Desk;
use crate::tap::Tap;
use crate::users::Users;

/// Everything that the hosts of a shard share.
#[derive(Debug)]
pub(crate) struct World {
    /// Which hosts these are.
    pub(crate) share: Share,
    pub(crate) network: Arc<Network>,
    /// The hosts, while so little happens that the next event may well come to whom a parcel is sent.
    pub(crate) near: Lines,
    /// Who has just sent what is being handled: its memory is at hand.
    pub(crate) partner: u32,
    pub(crate) schedule: Schedule,
    /// What the schedule's events stand for, where they do not say it themselves.
    pub(crate) post: PostOffice,
    /// What is on its way to hosts of other shards, by shard. It arrives in a later window.
    pub(crate) away: Vec<Sack>,
    /// Whether there is any.
    pub(crate) has_sent: bool,
    /// Whether any has sent something.
    pub(crate) has_mail: bool,
    /// What other shards have sent, by shard.
    pub(crate) inbox: Vec<Sack>,
    /// What comes to a shared link between zones, when, and how long it is.
    pub(crate) piped: Vec<(Time, Letter, u32)>,
    pub(crate) ledger: Ledger,
    pub(crate) users: Arc<Users>,
    /// What became of users, by the zone in which they came.
    pub(crate) visits: Vec<Visits>,
    /// The data store, as it was when the window began.
    pub(crate) store: Arc<StoreView>,
    /// What is asked of the data store, and is not answered at once.
    pub(crate) questions: Vec<Question>,
    /// What the data store has answered at once; empty between acts.
    pub(crate) answers: Vec<(Ticket, Answer)>,
    /// What observers are to be told at the end of the window.
    pub(crate) notices: Vec<FarmEvent>,
    /// Whether every message is encoded and decoded on its way.
    pub(crate) wire: bool,
    /// Which kinds are traced, by [`Kind::index`].
    pub(crate) traced: [bool; Kind::COUNT],
    /// Among which hosts; all, unless said.
    pub(crate) traced_hosts: Option<Arc<[bool]>>,
    pub(crate) trace: Vec<TraceRecord>,
    /// What tapped hosts put on the wire, if any are.
    pub(crate) tap: Option<Tap>,
    /// The short cut through storms.
    pub(crate) storm: Desk,
    /// Whether no short cut is to be taken: every message is an event of its own.
    pub(crate) exact: bool,
}

/// One message that was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TraceRecord {
    /// When it arrived.
    pub time: Time,
    /// At whom.
    pub target: u32,
    /// From whom.
    pub source: u32,
    /// What it was.
    pub kind: Kind,
    /// Its length, header included.
    pub bytes: u32,
}

impl World {
    /// A letter is to arrive then, at a host of this shard or of another.
    #[inline(always)]
    pub(crate) fn put(&mut self, time: Time, letter: Letter) {
        if self.share.has(letter.target) {
            if letter.target != self.partner {
                self.near.call(self.share.place(letter.target));
            }
            self.put_here(time, letter);
        } else {
            self.has_sent = true;
            self.away[self.share.of(letter.target)].put(&self.post, time, letter);
        }
    }

    /// A letter is to arrive then, at a host of this shard.
    #[inline(always)]
    pub(crate) fn put_here(&mut self, time: Time, letter: Letter) {
        self.schedule.push(time, self.post.pack(letter));
    }

    /// Takes in what other shards have sent.
    #[inline]
    pub(crate) fn take_in(&mut self) {
        if !core::mem::take(&mut self.has_mail) {
            return;
        }
        let World { inbox, schedule, post, .. } = self;
        for sack in inbox.iter_mut().filter(|sack| !sack.is_empty()) {
            sack.empty(post, |time, event| schedule.push(time, event));
        }
    }

    /// When something next happens, or may happen.
    #[inline]
    pub(crate) fn next(&self) -> Option<Time> {
        let sent = self.inbox.iter().filter_map(Sack::first).map(|time| self.schedule.window_start(time));
        self.schedule.next_window().into_iter().chain(sent).min()
    }

    /// How many events lie in the window of `time`, as far as is known yet.
    pub(crate) fn count(&self, time: Time) -> usize {
        self.schedule.count(time) + self.inbox.iter().map(|sack| sack.events().len()).sum::<usize>()
    }

    /// Whether the window of `time` is known to hold nothing.
    #[inline]
    pub(crate) fn is_idle(&self, time: Time) -> bool {
        !self.has_mail && self.schedule.is_idle(time)
    }

    /// Whether anything waits that goes to observers, to the data store or through a shared link, or is a fan-out.
    #[inline]
    pub(crate) fn concerns_others(&self) -> bool {
        let fans = !(self.storm.begun.is_empty() && self.storm.claims.is_empty());
        let news = !(self.notices.is_empty() && self.trace.is_empty());
        let taped = self.tap.as_ref().is_some_and(|tap| !tap.is_empty());
        fans || news || taped || !(self.piped.is_empty() && self.questions.is_empty())
    }

    /// The bytes that what is on its way holds.
    pub(crate) fn memory(&self) -> usize {
        let sacks = self.away.iter().chain(&self.inbox).map(Sack::memory);
        self.schedule.memory() + self.post.memory() + sacks.sum::<usize>()
    }

    /// Sends a parcel that is no message. Whether it will arrive.
    #[inline(always)]
    pub(crate) fn post(&mut self, now: Time, source: u32, target: u32, to: EndRef, parcel: Parcel) -> bool {
        self.post_in_order(now, source, target, to, parcel, 0, None)
    }

    /// Sends a parcel, behind whatever was sent from `end` before. Whether it will arrive.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "a parcel, its address, its length and its stream: one of each")]
    pub(crate) fn post_in_order(
        &mut self,
        now: Time,
        source: u32,
        target: u32,
        to: EndRef,
        parcel: Parcel,
        bytes: u32,
        end: Option<&mut End>,
    ) -> bool {
        let letter = Letter { target, to, source, parcel };
        let in_order = |time: Time| end.map_or(time, |end| end.in_order(time));
        match self.network.way(source, target, now, bytes) {
            Way::Arrives(time) => {
                let time = in_order(time);
                if self.storm.has_fans() {
                    self.give_way_to_fans(now, time, source, target);
                }
                self.put(time, letter);
            }
            Way::Queues(time) => self.piped.push((in_order(time), letter, bytes)),
            Way::Lost => return false,
        }
        true
    }

    /// The connection of which `end` is the source's end is no more: tell the source, as if the target had.
    pub(crate) fn break_later(&mut self, at: Time, source: u32, end: EndRef, target: u32) {
        let parcel = Parcel::Broken { end: EndRef::NONE };
        self.put(at, Letter { target: source, to: end, source: target, parcel });
    }

    /// A message is delivered or dropped.
    #[inline]
    pub(crate) fn settle_message(&mut self, source: u32, target: u32, kind: Kind, bytes: u32, delivered: bool) {
        let tally = self.ledger.tally_mut(self.network.zone(source), self.network.zone(target), kind);
        if delivered { tally.delivered.add(bytes) } else { tally.dropped.add(bytes) }
    }

    /// A message of a traced kind is delivered.
    pub(crate) fn trace(&mut self, record: TraceRecord) {
        let among = self.traced_hosts.as_ref();
        if among.is_none_or(|hosts| hosts[record.source as usize] && hosts[record.target as usize]) {
            self.trace.push(record);
        }
    }

    /// Tells observers.
    pub(crate) fn note(&mut self, time: Time, host: u32, what: What) {
        self.notices.push(FarmEvent { time, host, what });
    }
}
