//! Links between zones that are narrow, and shared.

use std::collections::BTreeMap;

use imafarm_proto::time::Time;

use super::Network;
use crate::letter::Letter;

/// The shared links between zones, where bandwidth is scarce: one queue for each direction of each pair of zones.
#[derive(Debug)]
pub struct Pipes {
    zones: u32,
    free_at: Vec<Time>,
    /// By when they come to the link, who sent them, and the order in which they did.
    waiting: BTreeMap<(Time, u32, u64), (Letter, u32)>,
    count: u64,
}

impl Pipes {
    /// Idle pipes.
    pub fn new(zones: u32) -> Pipes {
        let free_at = vec![Time::ZERO; (zones * zones) as usize];
        Pipes { zones, free_at, waiting: BTreeMap::new(), count: 0 }
    }

    /// A parcel of `bytes` comes to its link at `time`.
    pub fn push(&mut self, time: Time, letter: Letter, bytes: u32) {
        self.count += 1;
        self.waiting.insert((time, letter.source, self.count), (letter, bytes));
    }

    /// The next parcel that comes to its link before `end`, and when it arrives at its target.
    pub fn pop(&mut self, end: Time, network: &Network) -> Option<(Time, Letter)> {
        let first = self.waiting.first_entry().filter(|entry| entry.key().0 < end)?;
        let ((time, ..), (letter, bytes)) = first.remove_entry();
        let (from, to) = (network.zone(letter.source), network.zone(letter.target));
        let (link, free_at) = (network.link(from, to), &mut self.free_at[(from * self.zones + to) as usize]);
        *free_at = (*free_at).max(time) + link.transmission(bytes);
        Some((*free_at + link.latency, letter))
    }

    /// When the next parcel comes to its link.
    pub fn next(&self) -> Option<Time> {
        self.waiting.keys().next().map(|key| key.0)
    }

    /// Every parcel that waits.
    pub fn pending(&self) -> impl Iterator<Item = &Letter> {
        self.waiting.values().map(|(letter, _)| letter)
    }
}

#[cfg(test)]
mod tests {
    use imafarm_proto::dice::Dice;
    use imafarm_proto::time::Span;

    use super::*;
    use crate::network::{Link, Way};

    /// 1,000 bytes over 8 kbit/s take a second each, one after the other.
    #[test]
    fn a_pipe_is_shared() {
        let link = Link { latency: Span::from_millis(10), jitter: Span::ZERO, bandwidth_bps: 8_000, loss_ppm: 0 };
        let net = Network::new(Dice::new(7), vec![0, 0, 1], Link::INSIDE, link);
        let mut pipes = Pipes::new(2);
        for source in [1, 0] {
            assert_eq!(net.way(source, 2, Time(0), 1_000), Way::Queues(Time(0)));
            pipes.push(Time(0), Letter { source, ..Letter::wake(2) }, 1_000);
        }
        let arrivals: Vec<(u64, u32)> = core::iter::from_fn(|| pipes.pop(Time(1), &net))
            .map(|(time, letter)| (time.0 / 1_000_000, letter.source))
            .collect();
        assert_eq!(arrivals, [(1_010, 0), (2_010, 1)]);
    }

    /// Only the narrow pair queues, and each direction of it by itself.
    #[test]
    fn a_narrow_pair_has_pipes_of_its_own() {
        let narrow = Link { latency: Span::from_millis(10), jitter: Span::ZERO, bandwidth_bps: 8_000, ..Link::BETWEEN };
        let wide = Network::new(Dice::new(7), vec![0, 1, 2], Link::INSIDE, Link::BETWEEN);
        let net = wide.with_links(&[(0, 1, narrow)]);
        assert!(matches!(net.way(0, 2, Time(0), 1_000), Way::Arrives(_)));
        let mut pipes = Pipes::new(3);
        for (source, target) in [(0, 1), (1, 0)] {
            assert_eq!(net.way(source, target, Time(0), 1_000), Way::Queues(Time(0)));
            pipes.push(Time(0), Letter { source, ..Letter::wake(target) }, 1_000);
        }
        let arrivals: Vec<u64> = core::iter::from_fn(|| pipes.pop(Time(1), &net)).map(|(time, _)| time.0).collect();
        assert_eq!(arrivals, [1_010_000_000, 1_010_000_000]);
    }
}
