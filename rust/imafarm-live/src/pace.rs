//! How soon a host hears that a call of its was in vain, when it would call again at once.
//!
//! An acceptor that has asked who calls, and then lets go, was settling a simultaneous open, or is about to stop: the
//! host tries again until it would have given the binding up. One whose directory does not have the host lets go every
//! time. Without a pace that would be as many calls as go there and back in `BindTimeout`: tens of thousands.

use std::collections::BTreeMap;

use imafarm_proto::time::{Span, Time};

/// After the second call in vain; doubled after each. Our guess.
const SHORTEST: Span = Span::from_millis(10);
/// Our guess.
const LONGEST: Span = Span::from_secs(1);

/// The hosts that were called in vain of late.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// By host: how often in a row, and when last.
    in_vain: BTreeMap<u32, (u32, Time)>,
}

impl Pace {
    /// One more call of this host was in vain; how long the caller is to wait. Calls are in a row if they are at most
    /// `apart`. The first is followed by another at once: that is how a simultaneous open ends.
    pub(crate) fn wait_after(&mut self, peer: u32, now: Time, apart: Span) -> Span {
        let (count, last) = self.in_vain.entry(peer).or_insert((0, now));
        *count = if now.since(*last) <= apart { count.saturating_add(1) } else { 1 };
        *last = now;
        match *count {
            1 => Span::ZERO,
            more => SHORTEST.doubled(more - 2, LONGEST),
        }
    }

    /// A call of this host was not in vain.
    pub(crate) fn bound(&mut self, peer: u32) {
        self.in_vain.remove(&peer);
    }

    /// The bytes held.
    pub(crate) fn memory(&self) -> usize {
        self.in_vain.len() * size_of::<(u32, (u32, Time))>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_while_calls_are_in_vain_and_no_longer() {
        let (mut pace, apart) = (Pace::default(), Span::from_secs(5));
        let mut now = Time(7);
        let mut waits = Vec::new();
        for _ in 0..10 {
            waits.push(pace.wait_after(3, now, apart).0 / 1_000_000);
            now += Span::from_secs(1);
        }
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 320, 640, 1_000, 1_000]);
        assert_eq!(pace.wait_after(4, now, apart), Span::ZERO, "another host");
        assert_eq!(pace.wait_after(3, now + apart, apart), Span::ZERO, "long ago");
        assert_eq!(pace.wait_after(3, now + apart, apart), SHORTEST);
        pace.bound(3);
        assert_eq!(pace.wait_after(3, now + apart, apart), Span::ZERO, "it was bound since");
    }
}
