//! The data collector and its members: whoever is silent is pinged (IMA Information, "How does the ZDC keep track").

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::bindings::{Audience, Bindings};
use crate::host_record::HostIndex;
use crate::message::{Kind, Message};
use crate::outbox::Notice;
use crate::settings::Settings;
use crate::time::{Span, Time};
use crate::turn::Turn;

use super::{Role, Zone, election};

/// What a collector keeps of its zone.
#[derive(Debug)]
pub(super) struct Collector {
    since: Time,
    /// When it last told the whole zone that it stays, and when it will tell it again, if it has reason to.
    told_at: Option<Time>,
    tell_at: Option<Time>,
    /// By position in the zone's order; behind them all, where the ring begins and ends.
    members: Vec<Watched>,
    /// When to look again at a member that was pinged, soonest first. An entry is void that is not its member's `look`.
    looks: BinaryHeap<Reverse<(Time, u32)>>,
}

/// One member. All that were heard since they were last pinged stand in a ring, the longest silent first, so that
/// hearing one costs no search.
#[derive(Clone, Copy, Debug)]
struct Watched {
    /// When to look at it, unless it is heard before.
    look: Time,
    before: u32,
    after: u32,
    standing: Presence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    /// In the ring.
    Heard,
    Pinged,
    /// Still pinged now and then.
    Lost,
}

impl Collector {
    /// A collector from now on. It takes every other host of its zone for a member until it knows better.
    pub(super) fn new(turn: &Turn<'_>) -> Collector {
        let directory = turn.who.directory;
        let hosts = directory.zone_hosts(directory.zone(turn.who.me)).len() as u32;
        let me = directory.position(turn.who.me) as u32;
        let alone = |place| Watched { look: Time::NEVER, before: place, after: place, standing: Presence::Heard };
        let members = (0..=hosts).map(alone).collect();
        let mut collector =
            Collector { since: turn.now, told_at: None, tell_at: None, members, looks: BinaryHeap::new() };
        for position in (0..hosts).filter(|&position| position != me) {
            collector.join_ring(position, turn.now + patience(turn.who.settings));
        }
        collector
    }

    /// Shows where in memory what is kept of a member is.
    #[inline]
    pub(super) fn warm(&self, position: usize, show: impl Fn(*const u8)) {
        if let Some(member) = self.members.get(position) {
            show(core::ptr::from_ref(member).cast());
        }
    }

    /// The bytes held.
    pub(super) fn memory(&self) -> usize {
        size_of::<Collector>()
            + self.members.capacity() * size_of::<Watched>()
            + self.looks.capacity() * size_of::<(Time, u32)>()
    }

    pub(super) fn next_deadline(&self) -> Option<(Time, &'static str)> {
        let silent = self.members[self.members[self.ring() as usize].after as usize].look;
        let look = self.looks.peek().map_or(silent, |Reverse((when, _))| silent.min(*when));
        let look = (look < Time::NEVER).then_some((look, "is a member silent"));
        let tell = self.tell_at.map(|when| (when, "another has declared itself"));
        match (look, tell) {
            (Some(look), Some(tell)) => Some(if tell.0 < look.0 { tell } else { look }),
            (one, None) | (None, one) => one,
        }
    }

    /// The collector stays, though another has told members otherwise: everyone hears from the collector itself.
    ///
    /// Once in `ElectMasterTimeout` at most. Two that hear of each other late, because they are busy or far apart, may
    /// both stay for a while; if each answered each declaration by one to all, declarations would breed.
    pub(super) fn stay(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings) {
        match self.told_at.map(|told_at| told_at + turn.who.settings.elect_master_timeout) {
            Some(not_before) if turn.now < not_before => self.tell_at = Some(not_before),
            Some(_) | None => {
                (self.told_at, self.tell_at) = (Some(turn.now), None);
                bindings.cancel(Kind::DeclareMaster);
                bindings.fan_out(turn, Audience::Zone, self.declaration(turn));
            }
        }
    }

    /// The deadline of a collector has come.
    pub(super) fn on_deadline(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, lost: &mut Vec<HostIndex>) {
        if self.tell_at.is_some_and(|when| when <= turn.now) {
            self.stay(turn, bindings);
        }
        self.mind_members(turn, bindings, lost);
    }

    /// What the collector says of itself.
    pub(super) fn declaration(&self, turn: &Turn<'_>) -> Message {
        let master = turn.who.directory.id(turn.who.me);
        Message::DeclareMaster { master, reign_ms: election::reign_ms(self.since, turn.now) }
    }

    /// Two collectors have met (IMA Information, last answer): the one that reigns longer stays, unless it is less
    /// preferred or of a lower version. Equal reigns are settled by rank.
    ///
    /// A reign that we hear of is as old as its message, so both might think that they reign longer, and stay. Our
    /// guess: reigns count as equal to the lower-ranked host unless they differ by more than an answer may take. At
    /// worst both give way, and the zone elects again.
    pub(super) fn yields_to(&self, turn: &Turn<'_>, other: HostIndex, their_reign: Span) -> bool {
        let (mine, theirs) = (turn.rank(), turn.who.directory.rank(other));
        if theirs.unseats(mine) || mine.unseats(theirs) {
            return theirs.unseats(mine);
        }
        let my_reign = Span::from_millis(election::reign_ms(self.since, turn.now).into());
        let on_the_way = turn.who.settings.keep_alive_timeout;
        if theirs > mine { their_reign + on_the_way >= my_reign } else { their_reign > my_reign }
    }

    /// Where the ring of members begins and ends. There is no look at that.
    const fn ring(&self) -> u32 {
        self.members.len() as u32 - 1
    }

    /// A member joins the ring at its end; whoever is there is looked at sooner.
    #[inline]
    fn join_ring(&mut self, position: u32, look: Time) {
        let ring = self.ring();
        let last = core::mem::replace(&mut self.members[ring as usize].before, position);
        self.members[last as usize].after = position;
        self.members[position as usize] = Watched { look, before: last, after: ring, standing: Presence::Heard };
    }

    #[inline]
    fn leave_ring(&mut self, position: u32) {
        let Watched { before, after, .. } = self.members[position as usize];
        self.members[before as usize].after = after;
        self.members[after as usize].before = before;
    }

    /// A member was heard.
    #[inline]
    pub(super) fn heard(&mut self, position: usize, now: Time, patience: Span) {
        let standing = self.members[position].standing;
        let position = position as u32;
        if standing == Presence::Heard {
            self.leave_ring(position);
        }
        self.join_ring(position, now + patience);
    }

    /// Looks again at a member that was pinged.
    fn look_at(&mut self, position: u32, standing: Presence, look: Time) {
        let member = &mut self.members[position as usize];
        (member.standing, member.look) = (standing, look);
        self.looks.push(Reverse((look, position)));
    }

    /// Looks at every member whose time has come: pings the silent, gives up those that a ping did not wake, and pings
    /// them again after a long while. Two halves of a zone that was cut find each other so.
    fn mind_members(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, lost: &mut Vec<HostIndex>) {
        let directory = turn.who.directory;
        let order = directory.zone_hosts(directory.zone(turn.who.me));
        let settings = turn.who.settings;
        let ring = self.ring();
        loop {
            let silent = self.members[ring as usize].after;
            if self.members[silent as usize].look > turn.now {
                break;
            }
            self.leave_ring(silent);
            self.look_at(silent, Presence::Pinged, turn.now + settings.keep_alive_timeout);
            bindings.send(turn, order[silent as usize], Message::ImaPing);
        }
        while let Some(&Reverse((when, position))) = self.looks.peek()
            && when <= turn.now
        {
            self.looks.pop();
            let host = order[position as usize];
            let Watched { look, standing, .. } = self.members[position as usize];
            match standing {
                Presence::Pinged if look == when => {
                    lost.push(host);
                    turn.out.notify(Notice::MemberLost(host));
                }
                Presence::Lost if look == when => bindings.send(turn, host, Message::ImaPing),
                Presence::Heard | Presence::Pinged | Presence::Lost => continue,
            }
            self.look_at(position, Presence::Lost, turn.now + settings.gateway_validation_interval);
        }
    }

    /// A member cannot be contacted. If it was pinged, that is the answer.
    pub(super) fn unreachable(&mut self, turn: &mut Turn<'_>, host: HostIndex, lost: &mut Vec<HostIndex>) {
        if !turn.who.is_in_zone(host) {
            return;
        }
        let position = turn.who.directory.position(host);
        if self.members[position].standing == Presence::Pinged {
            lost.push(host);
            turn.out.notify(Notice::MemberLost(host));
            let look = turn.now + turn.who.settings.gateway_validation_interval;
            self.look_at(position as u32, Presence::Lost, look);
        }
    }
}

/// How long a member may be silent. Our guess: as long as its heartbeats are apart, and as long again as an answer may
/// take; at the bare interval, half of all heartbeats would cross a ping on the way.
fn patience(settings: &Settings) -> Span {
    settings.keep_alive_interval + settings.keep_alive_timeout
}

impl Zone {
    /// A member reports.
    pub(super) fn on_heartbeat(&mut self, turn: &Turn<'_>, from: HostIndex) -> bool {
        let Role::Master(collector) = &mut self.role else { return false };
        if !turn.who.is_in_zone(from) {
            return false;
        }
        collector.heard(turn.who.directory.position(from), turn.now, patience(turn.who.settings));
        true
    }

    /// As [`Zone::on_heartbeat`], at a collector, for a member at this position.
    #[inline]
    pub(crate) fn heard(&mut self, position: usize, now: Time, settings: &Settings) {
        if let Role::Master(collector) = &mut self.role {
            collector.heard(position, now, patience(settings));
        }
    }

    /// A pinged host is there. If it does not take us for its collector, it is told directly (IMA Information, "false
    /// winner").
    pub(super) fn on_ping_ack(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, from: HostIndex, member: bool) {
        if self.on_heartbeat(turn, from)
            && !member
            && let Role::Master(collector) = &self.role
        {
            let declaration = collector.declaration(turn);
            bindings.send(turn, from, declaration);
        }
    }
}
