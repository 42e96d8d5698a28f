//! What can be asked of a farm. No answer changes anything.

use std::sync::Arc;

use imafarm_proto::bindings::BindingCounts;
use imafarm_proto::dynamic::Dynamic;
use imafarm_proto::host::Host;
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::message::{Kind, MagicNumber};
use imafarm_proto::time::{Span, Time};
use imafarm_proto::zone::Standing;

use crate::chronicle::{Chronicle, FarmEvent};
use crate::digest::{Chain, Digest};
use crate::ledger::{Count, Ledger};
use crate::seat::Seat;

use super::{Farm, Power, Totals, TraceRecord};

impl Farm {
    /// The magic number that a host has, or will have from its next start on.
    pub fn magic(&self, host: u32) -> MagicNumber {
        self.seat(host).magic
    }

    /// Farm time.
    pub const fn now(&self) -> Time {
        self.now
    }

    /// How long a window is: how often observers are told.
    pub fn window(&self) -> Span {
        self.shards[0].world.schedule.window()
    }

    /// Who is in the farm.
    pub const fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// How many events were handled so far.
    pub fn event_count(&self) -> u64 {
        self.shards.iter().map(|shard| shard.events).sum()
    }

    /// A host, to look at.
    pub fn host(&self, host: u32) -> (&Host, Power) {
        let seat = self.seat(host);
        (&seat.host, seat.power)
    }

    /// A host's sessions and load, and what it holds as a collector.
    pub fn dynamic_of(&self, host: u32) -> &Dynamic {
        self.seat(host).host.dynamic()
    }

    /// What became of all messages.
    pub fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::new(self.directory.zone_count());
        self.shards.iter().for_each(|shard| ledger.merge(&shard.world.ledger));
        ledger
    }

    /// What happened.
    pub const fn chronicle(&self) -> &Chronicle {
        &self.chronicle
    }

    /// Which events are kept for [`Farm::take_events`], by class.
    pub const fn keep_events(&mut self, classes: u32) {
        self.chronicle.keep(classes);
    }

    /// The events since they were last taken, in order.
    pub fn take_events(&mut self) -> Vec<FarmEvent> {
        self.chronicle.take_events()
    }

    /// The deliveries that were traced, in order of time, target and source.
    pub fn trace(&self) -> &[TraceRecord] {
        &self.trace
    }

    /// What all hosts of a zone, or of the farm, have done.
    pub fn totals(&self, zone: Option<u32>) -> Totals {
        let mut totals = Totals::ZERO;
        for seat in self.seats() {
            if zone.is_none_or(|zone| self.network.zone(seat.me) == zone) {
                totals.merge(&seat.totals(self.now));
            }
        }
        totals
    }

    /// What one host has done, in all its lives.
    pub fn host_totals(&self, host: u32) -> Totals {
        self.seat(host).totals(self.now)
    }

    /// The messages under way now, by [`Kind::index`]: counted one by one, not calculated.
    pub fn in_flight(&self) -> [Count; Kind::COUNT] {
        let mut counts = [Count::default(); Kind::COUNT];
        let waiting = self.seats().flat_map(Seat::waiting);
        let scheduled = self.shards.iter().flat_map(|shard| shard.world.schedule.pending());
        for event in scheduled.chain(self.pipes.pending()).chain(waiting) {
            if let Some(kind) = event.kind() {
                counts[kind.index()].add(self.seat(event.target).bytes_of(event));
            }
        }
        counts
    }

    /// Checks that `sent = delivered + dropped + in flight`, by kind, in messages and in bytes; what does not hold.
    pub fn check_conservation(&self) -> Vec<String> {
        let (in_flight, ledger) = (self.in_flight(), self.ledger());
        let mut broken = Vec::new();
        for kind in Kind::ALL {
            let tally = ledger.total(kind);
            let mut accounted = tally.delivered;
            accounted.merge(tally.dropped);
            accounted.merge(in_flight[kind.index()]);
            if accounted != tally.sent {
                broken.push(format!("{}: sent {:?}, accounted for {accounted:?}", kind.name(), tally.sent));
            }
        }
        broken.extend(self.check_visits());
        let totals = self.totals(None);
        let BindingCounts { opened, evicted, closed, .. } = totals.bindings;
        if opened != evicted + closed + totals.active {
            broken.push(format!(
                "bindings: opened {opened}, evicted {evicted}, closed {closed}, active {}",
                totals.active
            ));
        }
        broken
    }

    /// The bytes that hosts, connections and events hold. What allocators add, and the directory, is not in it.
    pub fn memory(&self) -> usize {
        let seats = self.seats().map(|seat| size_of::<Seat>() + seat.memory());
        seats.chain(self.shards.iter().map(|shard| shard.world.schedule.memory())).sum()
    }

    /// The farm's history so far.
    pub fn digest(&self) -> Digest {
        let chains: Vec<Chain> = self.seats().map(|seat| seat.chain).collect();
        let ledger = self.ledger();
        let figures = Kind::ALL.into_iter().flat_map(|kind| {
            let tally = ledger.total(kind);
            [tally.sent.messages, tally.sent.bytes, tally.delivered.messages, tally.dropped.messages]
        });
        Digest::of(&chains, figures.chain([self.now.0]))
    }

    /// What a host is to its zone, unless it does not run.
    pub fn standing(&self, host: u32) -> Standing {
        let seat = self.seat(host);
        match seat.power {
            Power::Up | Power::Paused => seat.host.standing(),
            Power::Off | Power::Crashed => Standing::Down,
        }
    }
}
