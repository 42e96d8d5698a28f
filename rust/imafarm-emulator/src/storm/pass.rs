//! The inner loop of a storm: one fan-out, many targets, and nothing that depends on anything else.
//!
//! For each target: when the ELECT_MASTER arrives, whether that is in the window, what it adds to the target's history,
//! when the answer arrives at the sender, and what that adds to the sender's. Nothing but operations that a processor does
//! for many targets at once; so it is compiled for processors that can do more of them, too, and chosen at run time.

use imafarm_proto::dice::{Dice, Quick};
use imafarm_proto::time::Time;
use imafarm_records::digest::Mark;

/// How many targets are gone through for all fan-outs before the next are: what is kept of them stays at hand.
pub(super) const BLOCK: usize = 1_024;

/// What all messages of one fan-out have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beam {
    pub(super) source: u32,
    /// Its draws.
    pub(super) quick: Quick,
    /// The farm's dice, for the answers.
    pub(super) dice: Dice,
    /// One more than the most that chance adds to the least time under way.
    pub(super) bound: u32,
    /// What an ELECT_MASTER of it is in a history.
    pub(super) mark: Mark,
    /// When the first could arrive.
    pub(super) base: Time,
    /// How long an answer is under way at least.
    pub(super) back: u32,
    /// The window: those that arrive so long after `base` or later, and before the end.
    pub(super) from: u32,
    pub(super) until: u32,
}

/// What is kept of targets side by side.
#[derive(Debug)]
pub(super) struct Lanes<'a> {
    /// Which hosts they are.
    pub(super) hosts: &'a [u32],
    /// What an answer of theirs is in a history.
    pub(super) marks: &'a [Mark],
    /// What is to be added to their histories.
    pub(super) chains: &'a mut [u64],
    /// How many answers they have sent.
    pub(super) hits: &'a mut [u32],
}

/// What has come of it for the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sum {
    /// How many were in the window.
    pub(super) count: u32,
    /// What their answers add to its history.
    pub(super) chain: u64,
    /// When the first of their answers arrives, since `base`.
    pub(super) soonest: u32,
}

impl Sum {
    pub(super) const NONE: Sum = Sum { count: 0, chain: 0, soonest: u32::MAX };
}

impl Beam {
    /// How long after `base` the message arrives at a host.
    #[inline(always)]
    pub(super) const fn late(&self, host: u32) -> u32 {
        ((self.quick.to(host) as u64 * self.bound as u64) >> 32) as u32
    }

    /// How long after `base` the answer arrives that a host sends so long after it.
    #[inline(always)]
    pub(super) const fn answered(&self, host: u32, late: u32, at: Time) -> u32 {
        let word = self.dice.quick_from(host, at.0).to(self.source);
        late + self.back + ((word as u64 * self.bound as u64) >> 32) as u32
    }

    /// Whether a message that arrives so late is in the window.
    #[inline(always)]
    pub(super) const fn is_inside(&self, late: u32) -> bool {
        late >= self.from && late < self.until
    }

    /// Whether the upper half of the time is the same for all arrivals.
    const fn is_even(&self) -> bool {
        (self.base.0 as u32).checked_add(self.bound.saturating_mul(2).saturating_add(self.back)).is_some()
    }

    /// So long after `base`. `EVEN`: the upper half of it is known.
    #[inline(always)]
    const fn time<const EVEN: bool>(&self, late: u32) -> Time {
        if EVEN {
            Time(self.base.0 >> 32 << 32 | (self.base.0 as u32).wrapping_add(late) as u64)
        } else {
            Time(self.base.0 + late as u64)
        }
    }
}

#[inline(always)]
fn settle_each<const EVEN: bool>(beam: &Beam, lanes: Lanes<'_>) -> Sum {
    let Lanes { hosts, marks, chains, hits } = lanes;
    let count = hosts.len();
    let (marks, chains, hits) = (&marks[..count], &mut chains[..count], &mut hits[..count]);
    let mut sum = Sum::NONE;
    for place in 0..count {
        let host = hosts[place];
        let late = beam.late(host);
        let at = beam.time::<EVEN>(late);
        let answered = beam.answered(host, late, at);
        let inside = beam.is_inside(late);
        chains[place] = chains[place].wrapping_add(if inside { beam.mark.at(at) } else { 0 });
        hits[place] += u32::from(inside);
        let answer = marks[place].at(beam.time::<EVEN>(answered));
        sum.chain = sum.chain.wrapping_add(if inside { answer } else { 0 });
        sum.count += u32::from(inside);
        sum.soonest = sum.soonest.min(if inside { answered } else { u32::MAX });
    }
    sum
}

/// For which processors the loop is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// All of this architecture.
    Plain,
    /// Those that do eight things at once.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Those that do sixteen.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn settle_avx2(beam: &Beam, lanes: Lanes<'_>) -> Sum {
    settle_each::<true>(beam, lanes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn settle_avx512(beam: &Beam, lanes: Lanes<'_>) -> Sum {
    settle_each::<true>(beam, lanes)
}

impl Level {
    /// The best for this processor.
    pub(super) fn best() -> Level {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                return Level::Avx512;
            }
            if is_x86_feature_detected!("avx2") {
                return Level::Avx2;
            }
        }
        Level::Plain
    }

    /// Goes through these targets of a fan-out.
    #[inline]
    pub(super) fn settle(self, beam: &Beam, lanes: Lanes<'_>) -> Sum {
        if !beam.is_even() {
            return settle_each::<false>(beam, lanes);
        }
        match self {
            Level::Plain => settle_each::<true>(beam, lanes),
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "a function for processors that have what it is compiled for")]
            // SAFETY: `best` has seen that this processor has it.
            Level::Avx2 => unsafe { settle_avx2(beam, lanes) },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "a function for processors that have what it is compiled for")]
            // SAFETY: `best` has seen that this processor has it.
            Level::Avx512 => unsafe { settle_avx512(beam, lanes) },
        }
    }
}

#[cfg(test)]
mod tests {
    use imafarm_proto::message::Kind;
    use proptest::prelude::*;

    use super::*;

    /// Every way in which the loop is compiled.
    fn levels() -> Vec<Level> {
        #[cfg(target_arch = "x86_64")]
        {
            let best = Level::best();
            let all = [Level::Plain, Level::Avx2, Level::Avx512];
            all.into_iter()
                .take_while(|&level| level == Level::Plain || best != Level::Plain)
                .take(1 + best as usize)
                .collect()
        }
        #[cfg(not(target_arch = "x86_64"))]
        vec![Level::Plain]
    }

    proptest! {
        /// However many targets it does at once, and however the time is put together, the loop gives what it gives for
        /// one after the other.
        #[test]
        fn every_way_gives_the_same(
            seed in any::<u64>(),
            base in prop_oneof![any::<u64>().prop_map(|time| time >> 4), (0..900_000u64).prop_map(|by| (7 << 32) - by)],
            bound in prop_oneof![Just(1u32), 1..400_000u32],
            window in (0..400_000u32, 0..400_000u32),
            count in 0..70usize,
        ) {
            let dice = Dice::new(seed);
            let (from, until) = (window.0, window.0 + window.1);
            let (quick, mark) = (dice.quick_from(3, base), Mark::message(3, Kind::ElectMaster, 5));
            let beam =
                Beam { source: 3, quick, dice, bound, mark, base: Time(base), back: 300_000, from, until };
            let hosts: Vec<u32> = (0..count as u32).map(|host| host * 7 + 4).collect();
            let marks: Vec<Mark> = hosts.iter().map(|&host| Mark::message(host, Kind::ElectMasterAck, 5)).collect();
            let settle = |level: Option<Level>| {
                let (mut chains, mut hits) = (vec![9; count], vec![1; count]);
                let lanes = Lanes { hosts: &hosts, marks: &marks, chains: &mut chains, hits: &mut hits };
                let sum = match level {
                    Some(level) => level.settle(&beam, lanes),
                    None => settle_each::<false>(&beam, lanes),
                };
                (sum, chains, hits)
            };
            let plain = settle(None);
            for level in levels() {
                prop_assert_eq!(&settle(Some(level)), &plain, "{:?}", level);
            }
        }
    }
}
