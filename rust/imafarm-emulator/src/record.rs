//! What is written down of a farm while it goes on, if it is to be: traffic and bindings, by bins of time.
//!
//! No message costs anything for it. The farm stops at the end of each bin in which something may have happened, which
//! changes nothing of what does, and looks at what is counted anyway. Where it stops otherwise, and how many threads work,
//! changes nothing of what is written: a look that comes too early finds less, and the next one in the same bin the rest.

use imafarm_proto::bindings::BindingCounts;
use imafarm_proto::host_record::{HostIndex, ZoneIndex};
use imafarm_proto::message::Kind;
use imafarm_proto::time::{Span, Time};
use imafarm_records::Observed;
use imafarm_records::bins::{Bins, Part, Width};
use imafarm_records::ledger::{Ledger, Tally};

use crate::farm::Farm;

/// How wide the first bins of traffic are, and how many of them and of their rows there are at most. Our guess.
pub const TRAFFIC: Width = Width::Growing { first: Span::from_millis(10), bins: 2_048, rows: 1 << 19 };
/// The same of bindings: a look at them goes through all hosts. Our guess.
pub const BINDINGS: Width = Width::Growing { first: Span::from_millis(320), bins: 256, rows: 1 << 16 };

/// What became of one kind of message on one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrafficPart {
    /// The sender's zone.
    pub from: u32,
    /// The receiver's zone.
    pub to: u32,
    /// The kind.
    pub kind: Kind,
    /// How many messages and bytes.
    pub tally: Tally,
}

impl Part for TrafficPart {
    type Key = (u32, u32, Kind);

    fn key(&self) -> (u32, u32, Kind) {
        (self.from, self.to, self.kind)
    }

    fn add(&mut self, later: &TrafficPart) {
        self.tally.merge(&later.tally);
    }
}

/// What the hosts of one zone did with their bindings, and how they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BindingsPart {
    /// The zone.
    pub zone: u32,
    /// What was done.
    pub counts: BindingCounts,
    /// For how long was worked.
    pub busy: Span,
    /// How many bindings are active at all hosts, at the end.
    pub active: u64,
    /// How many are at the collector on whom the zone agrees at the end, if it does.
    pub collector_active: Option<u64>,
    /// How many hosts are at work at the end.
    executing: u64,
}

impl Part for BindingsPart {
    type Key = u32;

    fn key(&self) -> u32 {
        self.zone
    }

    fn add(&mut self, later: &BindingsPart) {
        let mut counts = self.counts;
        counts.merge(&later.counts);
        *self = BindingsPart { counts, busy: self.busy + later.busy, ..*later };
    }
}

impl BindingsPart {
    /// What was done since an earlier look; `None` if nothing was, and all is as it was.
    fn since(&self, before: &BindingsPart) -> Option<BindingsPart> {
        let counts = self.counts.since(&before.counts);
        let busy = Span(self.busy.0 - before.busy.0);
        let is_new = counts != BindingCounts::ZERO || busy != Span::ZERO;
        let has_changed = self.active != before.active || self.collector_active != before.collector_active;
        (is_new || has_changed).then_some(BindingsPart { counts, busy, ..*self })
    }
}

/// The bins of a farm, and how it was when it was last looked at.
#[derive(Debug)]
pub(crate) struct Record {
    traffic: Option<(Bins<TrafficPart>, Ledger)>,
    bindings: Option<(Bins<BindingsPart>, Vec<BindingsPart>)>,
}

impl Record {
    /// When the farm has to be looked at next.
    fn due(&self) -> Time {
        let traffic = self.traffic.as_ref().map(|(bins, _)| bins.due());
        let bindings = self.bindings.as_ref().map(|(bins, _)| bins.due());
        traffic.into_iter().chain(bindings).min().unwrap_or(Time::NEVER)
    }
}

impl Farm {
    /// Writes down traffic and bindings from now on, by bins of these widths, instead of what was written down so far.
    pub fn record(&mut self, traffic: Option<Width>, bindings: Option<Width>) {
        self.gather();
        let now = self.now;
        let record = Record {
            traffic: traffic.map(|width| (Bins::new(width, now), self.ledger())),
            bindings: bindings.map(|width| (Bins::new(width, now), self.look_at_bindings())),
        };
        self.shards.iter_mut().for_each(|shard| shard.world.ledger.begin_look());
        self.record = Some(Box::new(record));
    }

    /// The traffic by bins, if it is written down. The last bin need not be over.
    pub fn traffic(&self) -> Option<Bins<TrafficPart>> {
        let (bins, before) = self.record.as_ref()?.traffic.as_ref()?;
        Some(bins.so_far(self.now, self.traffic_since(before)))
    }

    /// What hosts did with their bindings by bins, if it is written down. The last bin need not be over.
    pub fn bindings(&self) -> Option<Bins<BindingsPart>> {
        let (bins, before) = self.record.as_ref()?.bindings.as_ref()?;
        Some(bins.so_far(self.now, bindings_since(&self.look_at_bindings(), before)))
    }

    /// When the farm has to be looked at next.
    #[inline]
    pub(crate) fn next_look(&self) -> Time {
        self.record.as_ref().map_or(Time::NEVER, |record| record.due())
    }

    /// Something may have been done to the farm at this moment: the bin of it has to be looked at.
    pub(crate) fn expect_look(&mut self) {
        if let Some(record) = &mut self.record {
            if let Some((bins, _)) = &mut record.traffic {
                bins.expect(self.now);
            }
            if let Some((bins, _)) = &mut record.bindings {
                bins.expect(self.now);
            }
        }
    }

    /// Looks at the farm, if it is time.
    #[inline]
    pub(crate) fn look(&mut self) {
        if self.next_look() <= self.now {
            self.write_down();
        }
    }

    #[cold]
    fn write_down(&mut self) {
        let Some(mut record) = self.record.take() else { return };
        let now = self.now;
        // The answers to a fan arrive without being events: each bin may have some.
        let next = if self.has_fans() { now } else { self.next_event().unwrap_or(Time::NEVER) };
        if let Some((bins, before)) = record.traffic.as_mut().filter(|(bins, _)| bins.due() <= now) {
            let parts = self.traffic_since(before);
            for part in &parts {
                before.tally_mut(part.from, part.to, part.kind).merge(&part.tally);
            }
            self.shards.iter_mut().for_each(|shard| shard.world.ledger.begin_look());
            bins.close(now, parts);
            bins.wait_for(next);
        }
        if let Some((bins, before)) = record.bindings.as_mut().filter(|(bins, _)| bins.due() <= now) {
            let zones = self.look_at_bindings();
            bins.close(now, bindings_since(&zones, before));
            // Whoever is at work is so in the next bin, too, whether or not anything happens in it.
            let at_work = zones.iter().any(|zone| zone.executing > 0);
            *before = zones;
            bins.wait_for(if at_work { now } else { next });
        }
        self.record = Some(record);
    }

    /// What became of messages since the ledger was `before`.
    fn traffic_since(&self, before: &Ledger) -> Vec<TrafficPart> {
        let fans = self.has_fans().then(|| self.ledger_of_fans());
        let ledgers: Vec<&Ledger> = self.shards.iter().map(|shard| &shard.world.ledger).chain(&fans).collect();
        let changes = Ledger::changes(&ledgers, before).into_iter();
        changes.map(|(from, to, kind, tally)| TrafficPart { from, to, kind, tally }).collect()
    }

    /// What the hosts of each zone have done with their bindings so far, and how they are.
    fn look_at_bindings(&self) -> Vec<BindingsPart> {
        let zones = self.directory.zone_count() as u32;
        let look = |zone: u32| {
            let collector = self.chronicle.agreed(zone).map(|host| self.seat(host).host.active_bindings().into());
            let mut part = BindingsPart { zone, collector_active: collector, ..BindingsPart::default() };
            for &HostIndex(host) in self.directory.zone_hosts(ZoneIndex(zone)) {
                self.seat(host).add_bindings(self.now, &mut part);
            }
            part
        };
        (0..zones).map(look).collect()
    }
}

impl crate::seat::Seat {
    /// Adds what the host has done with its bindings in all its lives.
    fn add_bindings(&self, now: Time, part: &mut BindingsPart) {
        let work = self.work_totals(now);
        part.counts.merge(&self.host.binding_counts());
        part.active += u64::from(self.host.active_bindings());
        part.executing += work.executing;
        part.busy = part.busy + work.busy;
        if let Some(past) = &self.past {
            part.counts.merge(&past.bindings);
            part.busy = part.busy + past.work.busy;
        }
    }
}

fn bindings_since<'a>(
    zones: &'a [BindingsPart],
    before: &'a [BindingsPart],
) -> impl Iterator<Item = BindingsPart> + 'a {
    zones.iter().zip(before).filter_map(|(zone, before)| zone.since(before))
}
