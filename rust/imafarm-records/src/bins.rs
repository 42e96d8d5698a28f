//! What was done in a time, by bins of it: the difference between two looks at what is counted anyway.
//!
//! Nothing is counted a second time. Whoever drives the farm stops at the ends of bins in which something happened, and
//! hands over what has changed since it last stopped. Bins are as wide as asked for; or they begin narrow and become twice
//! as wide whenever there are too many of them, or of their rows, so that a run of any length takes no more room. How wide
//! they are follows from farm time and from what happened, and from nothing else.

use imafarm_proto::time::{Span, Time};

/// How wide bins are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// So wide.
    Fixed(Span),
    /// At first so wide; then twice as wide whenever more than `bins` of them, or `rows` rows, are in use.
    Growing {
        /// The width that they begin with.
        first: Span,
        /// How many bins there are at most.
        bins: usize,
        /// How many rows there are at most.
        rows: usize,
    },
}

/// What happened of one thing in one bin.
pub trait Part: Copy {
    /// Of what it is. Rows of one bin are in the order of it.
    type Key: Ord + Copy;

    /// Of what it is.
    fn key(&self) -> Self::Key;

    /// What happened later in the same bin, of the same thing.
    fn add(&mut self, later: &Self);
}

/// Rows by bin, the earliest first.
#[derive(Clone, Debug)]
pub struct Bins<P> {
    width: Span,
    growth: Option<(usize, usize)>,
    /// The number of the bin, and the row.
    rows: Vec<(u64, P)>,
    /// How many bins have rows.
    used: usize,
    /// When the next look is to be taken.
    due: Time,
}

impl<P: Part> Bins<P> {
    /// No rows yet; the first look is to be taken at the end of the bin of `now`.
    pub fn new(width: Width, now: Time) -> Bins<P> {
        let (width, growth) = match width {
            Width::Fixed(width) => (width, None),
            Width::Growing { first, bins, rows } => (first, Some((bins, rows))),
        };
        let width = width.max(Span(1));
        let mut bins = Bins { width, growth, rows: Vec::new(), used: 0, due: Time::NEVER };
        bins.wait_for(now);
        bins
    }

    /// When the next look is to be taken: everything until then belongs to one bin.
    #[inline]
    pub const fn due(&self) -> Time {
        self.due
    }

    /// Something may happen at `time`: a look has to be taken at the end of its bin at the latest.
    pub fn expect(&mut self, time: Time) {
        self.due = self.due.min(self.end_of(time));
    }

    /// A look was taken. Nothing happens before `next`.
    pub fn wait_for(&mut self, next: Time) {
        self.due = self.end_of(next);
    }

    /// The first moment that lies behind the bin of `time`.
    fn end_of(&self, time: Time) -> Time {
        let number = time.0 / self.width.0;
        number.checked_add(1).and_then(|next| next.checked_mul(self.width.0)).map_or(Time::NEVER, Time)
    }

    /// Notes what has happened since the last look, at the end of its bin.
    pub fn close(&mut self, now: Time, parts: impl IntoIterator<Item = P>) {
        self.note(now.0.saturating_sub(1) / self.width.0, parts);
        while self.growth.is_some_and(|(bins, rows)| self.used > bins || self.rows.len() > rows && self.used > 1) {
            self.width = Span(self.width.0 * 2);
            self.rows.iter_mut().for_each(|(number, _)| *number /= 2);
            self.join(0);
            self.used = self.rows.chunk_by(|one, next| one.0 == next.0).count();
        }
    }

    /// The same bins, and what has happened since the last look in that of `now`, which is not over.
    #[must_use]
    pub fn so_far(&self, now: Time, parts: impl IntoIterator<Item = P>) -> Bins<P> {
        let mut bins = self.clone();
        bins.note(now.0 / self.width.0, parts);
        bins
    }

    fn note(&mut self, number: u64, parts: impl IntoIterator<Item = P>) {
        let count = self.rows.len();
        self.rows.extend(parts.into_iter().map(|part| (number, part)));
        if self.rows.len() == count {
            return;
        }
        let first = self.rows[..count].partition_point(|row| row.0 < number);
        self.used += usize::from(first == count);
        self.join(first);
    }

    /// Makes one row of those that are of one thing in one bin, and puts them in order; from the row `first` on.
    fn join(&mut self, first: usize) {
        let mut rows = self.rows.split_off(first);
        rows.sort_by_key(|(number, part)| (*number, part.key()));
        rows.dedup_by(|later, first| {
            let same = later.0 == first.0 && later.1.key() == first.1.key();
            if same {
                first.1.add(&later.1);
            }
            same
        });
        self.rows.append(&mut rows);
    }

    /// How wide bins are now.
    pub const fn width(&self) -> Span {
        self.width
    }

    /// The rows: when their bins begin and end, and what they say.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = (Time, Time, &P)> {
        let width = self.width.0;
        self.rows.iter().map(move |(number, part)| (Time(number * width), Time((number + 1) * width), part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Drops(u32, u64);

    impl Part for Drops {
        type Key = u32;

        fn key(&self) -> u32 {
            self.0
        }

        fn add(&mut self, later: &Drops) {
            self.1 += later.1;
        }
    }

    fn told(bins: &Bins<Drops>) -> Vec<(u64, u64, u32, u64)> {
        bins.rows().map(|(start, end, drops)| (start.0, end.0, drops.0, drops.1)).collect()
    }

    #[test]
    fn a_look_is_due_at_the_end_of_the_bin_in_which_something_happens() {
        let mut bins = Bins::<Drops>::new(Width::Fixed(Span(10)), Time(0));
        assert_eq!(bins.due(), Time(10));
        bins.wait_for(Time(1_234));
        assert_eq!(bins.due(), Time(1_240));
        bins.expect(Time(500));
        assert_eq!(bins.due(), Time(510));
        bins.expect(Time(600));
        assert_eq!(bins.due(), Time(510));
        bins.wait_for(Time::NEVER);
        assert_eq!(bins.due(), Time::NEVER);
    }

    #[test]
    fn what_is_of_one_bin_and_one_thing_is_one_row() {
        let mut bins = Bins::new(Width::Fixed(Span(10)), Time(0));
        bins.close(Time(10), [Drops(2, 1), Drops(1, 5)]);
        bins.close(Time(10), [Drops(2, 3)]);
        bins.close(Time(20), []);
        bins.close(Time(100), [Drops(1, 1)]);
        assert_eq!(told(&bins), [(0, 10, 1, 5), (0, 10, 2, 4), (90, 100, 1, 1)]);
    }

    #[test]
    fn the_bin_that_is_not_over_is_told_too() {
        let mut bins = Bins::new(Width::Fixed(Span(10)), Time(0));
        bins.close(Time(20), [Drops(2, 1)]);
        assert_eq!(told(&bins.so_far(Time(20), [Drops(2, 4)])), [(10, 20, 2, 1), (20, 30, 2, 4)]);
        assert_eq!(told(&bins.so_far(Time(29), [Drops(2, 4)])), [(10, 20, 2, 1), (20, 30, 2, 4)]);
        assert_eq!(told(&bins), [(10, 20, 2, 1)]);
    }

    #[test]
    fn bins_become_twice_as_wide_when_there_are_too_many() {
        let mut bins = Bins::new(Width::Growing { first: Span(10), bins: 4, rows: 100 }, Time(0));
        for end in [10, 20, 30, 40] {
            bins.close(Time(end), [Drops(0, 1)]);
        }
        assert_eq!(bins.width(), Span(10));
        bins.close(Time(50), [Drops(0, 1)]);
        assert_eq!(told(&bins), [(0, 20, 0, 2), (20, 40, 0, 2), (40, 60, 0, 1)]);
        bins.wait_for(Time(50));
        assert_eq!(bins.due(), Time(60));
        bins.close(Time(60), [Drops(0, 1), Drops(3, 9)]);
        assert_eq!(told(&bins)[2..], [(40, 60, 0, 2), (40, 60, 3, 9)]);
    }

    #[test]
    fn too_many_rows_widen_bins_too() {
        let mut bins = Bins::new(Width::Growing { first: Span(10), bins: 100, rows: 3 }, Time(0));
        bins.close(Time(10), [Drops(0, 1), Drops(1, 1)]);
        bins.close(Time(20), [Drops(0, 1), Drops(1, 1)]);
        assert_eq!(told(&bins), [(0, 20, 0, 2), (0, 20, 1, 2)]);
        bins.close(Time(30), (0..5).map(|key| Drops(key, 1)));
        assert_eq!((bins.width(), bins.rows().len()), (Span(40), 5));
    }

    #[test]
    fn looks_that_find_nothing_leave_no_trace() {
        let width = Width::Growing { first: Span(10), bins: 2, rows: 100 };
        let (mut plain, mut nosy) = (Bins::new(width, Time(0)), Bins::new(width, Time(0)));
        for round in 1..200 {
            (1..10).for_each(|step| nosy.close(Time(round * 70 + step), []));
            for bins in [&mut plain, &mut nosy] {
                bins.close(Time(round * 70 + 10), [Drops(0, round)]);
            }
        }
        assert_eq!(told(&plain), told(&nosy));
    }
}
