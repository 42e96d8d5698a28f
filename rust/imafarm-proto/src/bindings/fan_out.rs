//! A message to many hosts, held as one: who it is for, and how far it has come.

use crate::host_record::HostIndex;
use crate::message::Message;
use crate::turn::Identity;

/// Whom a fan-out is for. The sender itself is never among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Every host of the zone that is ranked higher than the sender and stands in elections.
    RankedAbove,
    /// Every host of the zone.
    Zone,
}

/// A message on its way to many, lowest rank first.
///
/// From the sender's own place upwards, so that the fan-outs of many hosts at once fall on different targets.
#[derive(Clone, Debug)]
pub struct FanOut {
    message: Message,
    /// The next target's position in the zone's order.
    next: u32,
    /// The sender's own position, which is passed over.
    mine: u32,
    end: u32,
}

impl FanOut {
    /// A fan-out that has not begun.
    pub fn new(who: &Identity<'_>, audience: Audience, message: Message) -> FanOut {
        let zone = who.directory.zone(who.me);
        let mine = who.directory.position(who.me) as u32;
        let end = who.directory.zone_hosts(zone).len() as u32;
        let next = match audience {
            Audience::RankedAbove => (mine + 1).max(who.directory.session_only_count(zone) as u32),
            Audience::Zone => u32::from(mine == 0),
        };
        FanOut { message, next, mine, end }
    }

    /// What is sent.
    pub const fn message(&self) -> &Message {
        &self.message
    }

    /// Whether nobody is left.
    pub const fn is_done(&self) -> bool {
        self.next >= self.end
    }

    /// Who is next.
    pub fn next_host(&self, who: &Identity<'_>) -> HostIndex {
        who.directory.zone_hosts(who.directory.zone(who.me))[self.next as usize]
    }

    /// The next target's position in the zone's order.
    pub const fn next_position(&self) -> u32 {
        self.next
    }

    /// Who is next, and who after that, as far as they stand side by side in the zone's order.
    pub fn next_hosts<'a>(&self, who: &Identity<'a>) -> &'a [HostIndex] {
        let end = if self.next < self.mine { self.mine.min(self.end) } else { self.end };
        &who.directory.zone_hosts(who.directory.zone(who.me))[self.next as usize..end as usize]
    }

    /// Goes on by so many, of those who stand side by side; whether nobody is left.
    pub const fn advance_by(&mut self, count: u32) -> bool {
        self.next += count - 1;
        self.advance()
    }

    /// Goes on to the next; whether nobody is left.
    pub const fn advance(&mut self) -> bool {
        self.next += 1;
        if self.next == self.mine {
            self.next += 1;
        }
        self.is_done()
    }
}
