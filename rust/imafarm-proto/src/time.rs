//! Farm time: whole nanoseconds since the farm was opened.
//!
//! [`Time`] is a point, [`Span`] a distance. Neither knows a clock: the emulator and the live driver hand the time in.

use core::fmt;
use core::ops::{Add, AddAssign, Sub};

/// A point in farm time, in nanoseconds since the farm was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

/// A distance in farm time, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub u64);

impl Time {
    /// When the farm was opened.
    pub const ZERO: Time = Time(0);
    /// A point no farm reaches.
    pub const NEVER: Time = Time(u64::MAX);

    /// How long it is since `earlier`; nothing when `earlier` lies ahead.
    pub const fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// Seconds, for people.
    pub fn as_secs_f64(self) -> f64 {
        Span(self.0).as_secs_f64()
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// A span of whole microseconds.
    pub const fn from_micros(micros: u64) -> Span {
        Span(micros.saturating_mul(1_000))
    }

    /// A span of whole milliseconds.
    pub const fn from_millis(millis: u64) -> Span {
        Span(millis.saturating_mul(1_000_000))
    }

    /// A span of whole seconds.
    pub const fn from_secs(secs: u64) -> Span {
        Span(secs.saturating_mul(1_000_000_000))
    }

    /// Seconds, for people.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// This span doubled `times` times, at most `ceiling`: how time-outs grow.
    pub const fn doubled(self, times: u32, ceiling: Span) -> Span {
        let factor = 1u64 << if times < 32 { times } else { 32 };
        let grown = self.0.saturating_mul(factor);
        Span(if grown < ceiling.0 { grown } else { ceiling.0 })
    }
}

impl Add<Span> for Time {
    type Output = Time;
    fn add(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Span> for Time {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Sub for Time {
    type Output = Span;
    fn sub(self, earlier: Time) -> Span {
        self.since(earlier)
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Span(self.0), f)
    }
}

impl fmt::Display for Span {
    /// Seconds with all nine decimals cut to microseconds: `12.000250`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000_000, self.0 / 1_000 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_double_up_to_their_ceiling() {
        let base = Span::from_millis(500);
        assert_eq!(base.doubled(0, Span::from_secs(60)), base);
        assert_eq!(base.doubled(3, Span::from_secs(60)), Span::from_secs(4));
        assert_eq!(base.doubled(40, Span::from_secs(60)), Span::from_secs(60));
    }

    #[test]
    fn times_print_as_seconds_to_the_microsecond() {
        assert_eq!(Time(12_000_250_999).to_string(), "12.000250");
    }

    #[test]
    fn never_stays_never() {
        assert_eq!(Time::NEVER + Span::from_secs(1), Time::NEVER);
    }
}
