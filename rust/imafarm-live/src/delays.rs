//! How long reports wait for their answers.

use hdrhistogram::Histogram;
use imafarm_proto::message::Kind;
use imafarm_proto::time::Span;

/// The longest delay that is told apart from longer ones.
const LONGEST: Span = Span::from_secs(3_600);
/// Delays are known to this many significant digits.
const DIGITS: u8 = 2;

/// Delays, of however many reports, in memory that does not grow with them.
#[derive(Debug)]
pub struct Delays {
    histogram: Histogram<u64>,
}

/// Some delays in a few numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many there were.
    pub count: u64,
    /// Half of them were at most so long.
    pub p50: Span,
    /// 99 of 100 were at most so long.
    pub p99: Span,
    /// The longest.
    pub max: Span,
}

impl Default for Delays {
    fn default() -> Delays {
        let Ok(histogram) = Histogram::new_with_bounds(1, LONGEST.0, DIGITS) else {
            unreachable!("these bounds and digits are a histogram's")
        };
        Delays { histogram }
    }
}

impl Delays {
    /// One more.
    pub fn add(&mut self, delay: Span) {
        self.histogram.saturating_record(delay.0.max(1));
    }

    /// What there was so far.
    pub fn summary(&self) -> Summary {
        if self.histogram.is_empty() {
            return Summary::default();
        }
        let at = |quantile| Span(self.histogram.value_at_quantile(quantile));
        Summary { count: self.histogram.len(), p50: at(0.5), p99: at(0.99), max: Span(self.histogram.max()) }
    }

    /// Begins anew.
    pub fn reset(&mut self) {
        self.histogram.reset();
    }
}

/// The kind of message that answers a report, if this is one.
pub const fn answer_to(kind: Kind) -> Option<Kind> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other kind is a report")]
    match kind {
        Kind::Heartbeat => Some(Kind::HeartbeatAck),
        Kind::ServerUpdate => Some(Kind::ServerUpdateAck),
        Kind::SessionUpdate => Some(Kind::SessionUpdateAck),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_what_was_added_to_two_digits() {
        let mut delays = Delays::default();
        assert_eq!(delays.summary(), Summary::default());
        (1..=1_000).for_each(|ms| delays.add(Span::from_millis(ms)));
        let Summary { count, p50, p99, max } = delays.summary();
        assert_eq!(count, 1_000);
        for (found, ms) in [(p50, 500.0), (p99, 990.0), (max, 1_000.0)] {
            assert!((found.as_secs_f64() * 1_000.0 / ms - 1.0).abs() < 0.01, "{found:?}, {ms} ms");
        }
        delays.reset();
        assert_eq!(delays.summary().count, 0);
    }

    #[test]
    fn a_delay_beyond_the_longest_counts_as_the_longest() {
        let mut delays = Delays::default();
        delays.add(Span(u64::MAX));
        assert!(delays.summary().p50 >= LONGEST);
    }
}
