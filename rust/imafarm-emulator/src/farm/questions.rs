//! What can be asked of a farm. No answer changes anything.

use std::sync::Arc;

use imafarm_proto::applications::Catalogue;
use imafarm_proto::host::Host;
use imafarm_proto::host_record::HostIndex;
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::message::{Kind, MagicNumber};
use imafarm_proto::settings::Settings;
use imafarm_proto::time::{Span, Time};
use imafarm_records::Observed;
use imafarm_records::chronicle::Chronicle;
use imafarm_records::digest::{Chain, Digest};
use imafarm_records::ledger::{Count, Ledger};
use imafarm_records::totals::{Order, Power, Totals, Visits};

use super::{Farm, TraceRecord};
use crate::event::Sack;
use crate::letter::Letter;
use crate::seat::Seat;
use crate::shard::Shard;
use crate::storm::{Fan, Fate, many};
use crate::tap::Taped;

impl Farm {
    /// How long a window is: how often observers are told.
    pub fn window(&self) -> Span {
        self.shards[0].world.schedule.window()
    }

    /// All that is under way: what the schedule holds, what passes a shared link, and what waits for hosts.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = Letter> + '_ {
        let scheduled = self.shards.iter().flat_map(|shard| {
            let Shard { world, .. } = &**shard;
            debug_assert!(world.inbox.iter().all(Sack::is_empty), "time stands still");
            world.schedule.pending().map(|event| world.post.read(event))
        });
        scheduled.chain(self.pipes.pending().cloned()).chain(self.seats().flat_map(Seat::waiting).cloned())
    }

    /// The deliveries that were traced, in order of time, target and source.
    pub fn trace(&self) -> &[TraceRecord] {
        &self.trace
    }

    /// What was recorded at tapped hosts before this moment, in order; `None` if no host is tapped.
    pub fn taped(&mut self) -> Option<&Taped> {
        self.gather_taps();
        self.taped.as_deref()
    }

    /// Whether the data store is up.
    pub fn is_store_up(&self) -> bool {
        self.store.is_up()
    }

    /// Whether every message goes through the schedule, one by one.
    pub fn is_exact(&self) -> bool {
        self.shards[0].world.exact
    }

    /// How many messages of elections went a short cut: they never were events of their own.
    pub fn settled_count(&self) -> u64 {
        self.fans.settled
    }

    /// The bytes that hosts, connections and events hold. What allocators add, and the directory, is not in it.
    pub fn memory(&self) -> usize {
        let seats = self.seats().map(|seat| size_of::<Seat>() + seat.memory());
        seats.chain(self.shards.iter().map(|shard| shard.world.memory())).sum::<usize>() + self.fans.memory()
    }

    /// The answers to fans that have arrived, and are in no other ledger yet.
    pub(crate) fn ledger_of_fans(&self) -> Ledger {
        let mut ledger = Ledger::new(self.directory.zone_count());
        for (fan, order) in self.fans_and_orders() {
            let zone = self.network.zone(fan.source);
            let (count, _) = fan.arrived(&self.network, order, self.now);
            let tally = ledger.tally_mut(zone, zone, Kind::ElectMasterAck);
            tally.delivered.merge(many(count, fan.ack().encoded_len()));
        }
        ledger
    }

    /// Every fan under way, and the order of its zone.
    fn fans_and_orders(&self) -> impl Iterator<Item = (&Fan, &[HostIndex])> {
        let order = |fan: &Fan| self.directory.zone_hosts(self.directory.zone(HostIndex(fan.source)));
        self.fans.fans.iter().map(move |fan| (fan, order(fan)))
    }
}

impl Observed for Farm {
    fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    fn now(&self) -> Time {
        self.now
    }

    fn host(&self, host: u32) -> (&Host, Power) {
        let seat = self.seat(host);
        (&seat.host, seat.power)
    }

    fn host_totals(&self, host: u32) -> Totals {
        self.seat(host).totals(self.now)
    }

    fn chronicle(&self) -> &Chronicle {
        &self.chronicle
    }

    fn ledger(&self) -> Ledger {
        let mut ledger = self.ledger_of_fans();
        self.shards.iter().for_each(|shard| ledger.merge(&shard.world.ledger));
        ledger
    }

    fn in_flight(&self) -> [Count; Kind::COUNT] {
        let mut counts = [Count::default(); Kind::COUNT];
        for letter in self.under_way() {
            if let Some(kind) = letter.kind() {
                counts[kind.index()].add(self.seat(letter.target).bytes_of(&letter));
            }
        }
        for (fan, order) in self.fans_and_orders() {
            for (_, fate) in fan.fates(&self.network, order, self.now) {
                match fate {
                    Fate::Coming(_) => counts[Kind::ElectMaster.index()].add(fan.elect().encoded_len()),
                    Fate::Answered(_) => counts[Kind::ElectMasterAck.index()].add(fan.ack().encoded_len()),
                    Fate::Done(_) | Fate::Apart(_) => {}
                }
            }
        }
        counts
    }

    fn event_count(&self) -> u64 {
        let fans = self.fans_and_orders().map(|(fan, order)| fan.arrived(&self.network, order, self.now).0);
        self.shards.iter().map(|shard| shard.events).chain(fans).sum()
    }

    fn digest(&self) -> Digest {
        let mut chains: Vec<Chain> = self.seats().map(|seat| seat.chain).collect();
        for (fan, order) in self.fans_and_orders() {
            let (_, chain) = fan.arrived(&self.network, order, self.now);
            let own = &mut chains[fan.source as usize];
            own.0 = own.0.wrapping_add(chain);
        }
        Digest::of_farm(&chains, &self.ledger(), self.now)
    }

    fn visits(&self, zone: Option<u32>) -> Visits {
        let mut visits = Visits::default();
        for shard in &self.shards {
            let by_zone = (0..).zip(&shard.world.visits);
            by_zone
                .filter(|&(number, _)| zone.is_none_or(|zone| zone == number))
                .for_each(|(_, own)| visits.merge(own));
        }
        visits
    }

    fn check_own(&self) -> Option<String> {
        self.check_visits()
    }

    fn applications(&self) -> &Arc<Catalogue> {
        &self.applications
    }

    fn settings(&self, host: u32) -> &Arc<Settings> {
        &self.seat(host).settings
    }

    fn magic(&self, host: u32) -> MagicNumber {
        self.seat(host).magic
    }

    fn latest_change(&self) -> u32 {
        self.store.latest()
    }

    fn order_state(&self, order: u32) -> Option<Order> {
        self.store.order_state(order)
    }
}
