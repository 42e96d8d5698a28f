//! What the users of a zone do, as numbers: when they come, for how long they stay, what they do then.
//!
//! The texts have events and what each costs, but not how often they happen, so all of this is our guess: users come
//! independently of one another (a Poisson process whose rate follows a shape), and what they do lasts as long as an
//! exponential distribution says. Each draw is a pure function of the seed and of whom it is for.
//!
//! Whole numbers alone, so that it is the same everywhere: logarithms are found by squaring, areas by bisection.

use imafarm_proto::dice::{Dice, Purpose, scale};
use imafarm_proto::time::{Span, Time};

/// What the users of one zone do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Logons of all users of the zone in a day in which the shape's factor is 1.
    pub logons_per_day: u64,
    /// How long a session is connected, on average.
    pub session: Span,
    /// How long it is connected at least.
    pub session_least: Span,
    /// Of a million sessions, how many are disconnected, instead of logged off, when their time is over.
    pub disconnect_ppm: u32,
    /// Of a million disconnected sessions, how many are reconnected; the others are logged off.
    pub reconnect_ppm: u32,
    /// How long a session is disconnected, on average.
    pub disconnected: Span,
    /// How the rate goes on over time.
    pub shape: Shape,
    /// What the users log on to, each as often as the others; at least one.
    pub applications: Vec<u32>,
}

const MILLION: u64 = 1_000_000;
const DAY: Span = Span::from_secs(86_400);
/// The least time between two users of one host, and between two steps of a session: whoever does something does it in a
/// later window than what led to it.
pub const LEAST_STEP: Span = Span(1 << 21);

impl Workload {
    /// When the next user comes to a host, one of `hosts` among whom the zone's users are shared out evenly, after
    /// `from`; `None` if none ever will. `number` is how many came before.
    pub fn next_arrival(&self, dice: Dice, hosts: u64, host: u32, number: u32, from: Time) -> Option<Time> {
        if self.logons_per_day == 0 {
            return None;
        }
        let [high, low, ..] = dice.words(Purpose::Arrival, host, number, 0);
        // As much area under the shape as, on average, one user of this host takes.
        let mean = u128::from(DAY.0) * u128::from(hosts) * u128::from(MILLION) / u128::from(self.logons_per_day);
        let area = exponential(wide(high, low), mean);
        let at = self.shape.after_area(from.0, area)?;
        (at < u64::MAX >> 1).then(|| Time(at).max(from + LEAST_STEP))
    }

    /// Which application a user wants, and which of the zone's users it is, so many as there are logons in a day.
    pub fn user(&self, dice: Dice, host: u32, number: u32) -> (u32, u32) {
        let [which, high, low, _] = dice.words(Purpose::User, host, number, 0);
        let app = scale(u64::from(which) << 32, self.applications.len() as u64);
        let users = self.logons_per_day.clamp(1, u32::MAX.into());
        (self.applications[app as usize], scale(wide(high, low), users) as u32)
    }

    /// For how long a session is connected.
    pub fn stay(&self, draw: &Draw) -> Span {
        let least = self.session_least.0.min(self.session.0);
        let rest = exponential(draw.length, (self.session.0 - least).into());
        Span(clamp(u128::from(least) + rest)).max(LEAST_STEP)
    }

    /// For how long it is disconnected.
    pub fn absence(&self, draw: &Draw) -> Span {
        Span(clamp(exponential(draw.length, self.disconnected.0.into()))).max(LEAST_STEP)
    }
}

/// What chance has to say at one step of a session.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    length: u64,
    choice: u32,
}

impl Draw {
    /// For a session of a server, now.
    pub fn new(dice: Dice, server: u32, session: u32, now: Time) -> Draw {
        let [high, low, choice, _] = dice.words(Purpose::Stay, server, session, now.0);
        Draw { length: wide(high, low), choice }
    }

    /// Whether this is one of so many in a million.
    pub fn is_of(&self, ppm: u32) -> bool {
        scale(u64::from(self.choice) << 32, MILLION) < u64::from(ppm)
    }
}

const fn wide(high: u32, low: u32) -> u64 {
    (high as u64) << 32 | low as u64
}

/// The longest that anything lasts.
fn clamp(nanos: u128) -> u64 {
    nanos.min(u128::from(u64::MAX >> 2)) as u64
}

/// A number of an exponential distribution with this mean, out of a uniform word.
fn exponential(word: u64, mean: u128) -> u128 {
    let ln = u128::from(minus_ln(word));
    // A mean of more bits than leave room for a factor of 38 loses what it cannot show anyhow.
    if mean < 1 << 88 { (mean * ln) >> 32 } else { (mean >> 32) * ln }
}

/// -ln((word + 1) / 2^64), in units of 2^-32.
fn minus_ln(word: u64) -> u64 {
    /// ln 2 in units of 2^-32.
    const LN_2: u128 = 2_977_044_472;
    let value = u128::from(word) + 1;
    let whole = value.ilog2();
    // The mantissa, from 1 to 2, in units of 2^-63. Squaring it doubles its logarithm: the bit that is carried out of it is
    // the next one of the fraction.
    let mut mantissa = value << 63 >> whole;
    let mut fraction = 0;
    for _ in 0..32 {
        mantissa = (mantissa * mantissa) >> 63;
        let carried = mantissa >> 64;
        mantissa >>= carried;
        fraction = fraction << 1 | carried;
    }
    let log2 = u128::from(whole) << 32 | fraction;
    ((((64 << 32) - log2) * LN_2) >> 32) as u64
}

/// By what factor a rate is multiplied as time goes on: straight lines between points, in millionths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// From the beginning to the end of the period, or to the last point, without gaps.
    lines: Vec<Line>,
    /// After how long it begins again; 0: it goes on as it ended.
    period: u64,
    /// The factor at the end.
    last: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line {
    begin: u64,
    end: u64,
    first: u32,
    last: u32,
}

impl Line {
    /// The area, in millionths times nanoseconds, from the beginning to `offset` behind it.
    fn area(&self, offset: u64) -> u128 {
        let (first, last) = (i128::from(self.first), i128::from(self.last));
        let here = first + (last - first) * i128::from(offset) / i128::from(self.end - self.begin);
        (first + here).unsigned_abs() * u128::from(offset) / 2
    }

    fn whole_area(&self) -> u128 {
        self.area(self.end - self.begin)
    }

    /// The least offset to which there is at least this area.
    fn offset_of(&self, area: u128) -> u64 {
        let (mut low, mut high) = (0, self.end - self.begin);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.area(middle) < area { low = middle + 1 } else { high = middle }
        }
        low
    }
}

impl Shape {
    /// Always the rate itself.
    pub fn constant() -> Shape {
        Shape { lines: Vec::new(), period: 0, last: MILLION as u32 }
    }

    /// Straight lines between points: nanoseconds and millionths, in order of time. Before the first and after the last
    /// the factor is as it is there. `None` if there is no point, if they are out of order, or if the last lies beyond the
    /// period.
    pub fn new(points: &[(u64, u32)], period: u64) -> Option<Shape> {
        let (&(begin, first), &(end, last)) = (points.first()?, points.last()?);
        if !points.is_sorted_by_key(|&(at, _)| at) || period > 0 && end > period {
            return None;
        }
        let ends = (period > end).then_some((period, last));
        let all = core::iter::once((0, first)).chain(points.iter().copied()).chain(ends);
        let lines = all.clone().zip(all.skip(1)).filter(|((begin, _), (end, _))| begin < end);
        let lines = lines.map(|((begin, first), (end, last))| Line { begin, end, first, last });
        debug_assert!(begin <= end);
        Some(Shape { lines: lines.collect(), period, last })
    }

    /// When there is so much area under the shape behind `from`; `None` if there never is.
    fn after_area(&self, from: u64, mut area: u128) -> Option<u64> {
        let (mut base, mut at) = match self.period {
            0 => (0, from),
            period => (from - from % period, from % period),
        };
        loop {
            for line in &self.lines[self.lines.partition_point(|line| line.end <= at)..] {
                let before = line.area(at - line.begin);
                let rest = line.whole_area().saturating_sub(before);
                if area <= rest && rest > 0 {
                    return Some(base + line.begin + line.offset_of(before + area));
                }
                area -= rest.min(area);
                at = line.end;
            }
            if self.period == 0 {
                let ahead = u64::try_from(area.checked_div(self.last.into())?).ok()?;
                return at.checked_add(ahead);
            }
            // Whole periods at once.
            let whole: u128 = self.lines.iter().map(Line::whole_area).sum();
            let periods = u64::try_from(area.checked_div(whole)?).ok()?;
            area -= u128::from(periods) * whole;
            base = base.checked_add(self.period.checked_mul(periods.checked_add(1)?)?)?;
            at = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: u64 = 3_600_000_000_000;

    fn workload(shape: Shape) -> Workload {
        Workload {
            logons_per_day: 24_000,
            session: Span(HOUR / 2),
            session_least: Span(HOUR / 10),
            disconnect_ppm: 100_000,
            reconnect_ppm: 500_000,
            disconnected: Span(HOUR / 6),
            shape,
            applications: vec![3, 5],
        }
    }

    /// When users come to one host of ten, within so many hours.
    fn arrivals(workload: &Workload, hours: u64) -> Vec<u64> {
        let next =
            |&(number, at): &(u32, Time)| Some((number + 1, workload.next_arrival(Dice::new(7), 10, 4, number, at)?));
        let all = core::iter::successors(Some((0, Time::ZERO)), next).skip(1);
        all.map(|(_, at)| at.0).take_while(|&at| at < hours * HOUR).collect()
    }

    #[test]
    fn logarithms_are_right_to_nine_digits() {
        for (word, expected) in [(u64::MAX, 0.0), (u64::MAX / 2, core::f64::consts::LN_2), (0, 44.361_419_555_8)] {
            let found = minus_ln(word) as f64 / (1u64 << 32) as f64;
            assert!((found - expected).abs() < 1e-8, "{found} is not {expected}");
        }
        let words = (1..1_000).map(|k| k << 54);
        assert!(words.clone().zip(words.skip(1)).all(|(less, more)| minus_ln(less) > minus_ln(more)));
    }

    /// The mean of an exponential distribution is its deviation, and as many lie below 0.693 of it as above.
    #[test]
    fn exponential_draws_have_their_mean_deviation_and_median() {
        let dice = Dice::new(7);
        let draws: Vec<f64> = (0..20_000)
            .map(|k| {
                let [high, low, ..] = dice.words(Purpose::Stay, k, 0, 0);
                exponential(wide(high, low), 1_000_000) as f64 / 1e6
            })
            .collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        let below = draws.iter().filter(|&&draw| draw < core::f64::consts::LN_2).count() as f64 / draws.len() as f64;
        assert!((mean - 1.0).abs() < 0.03 && (variance - 1.0).abs() < 0.1 && (below - 0.5).abs() < 0.02);
    }

    /// 24,000 a day over ten hosts: a hundred an hour for each.
    #[test]
    fn users_come_as_often_as_they_should() {
        let came = arrivals(&workload(Shape::constant()), 100);
        assert!((9_700..10_300).contains(&came.len()), "{} in 100 hours", came.len());
        assert!(came.is_sorted());
    }

    /// Twice as many in the second hour as in the first, none in the third, and the same each three hours.
    #[test]
    fn users_come_when_the_shape_says() {
        let steps = [(0, 1_000_000), (HOUR, 1_000_000), (HOUR, 2_000_000), (2 * HOUR, 2_000_000), (2 * HOUR, 0)];
        let shape = Shape::new(&steps, 3 * HOUR).expect("in order");
        let mut by_hour = [0; 3];
        arrivals(&workload(shape), 300).into_iter().for_each(|at| by_hour[(at / HOUR % 3) as usize] += 1);
        assert!((9_700..10_300).contains(&by_hour[0]), "{by_hour:?}");
        assert!((19_500..20_500).contains(&by_hour[1]), "{by_hour:?}");
        assert_eq!(by_hour[2], 0);
    }

    #[test]
    fn nobody_comes_where_the_rate_is_nothing() {
        let mut idle = workload(Shape::constant());
        idle.logons_per_day = 0;
        assert_eq!(arrivals(&idle, 1_000), []);
        for shape in [Shape::new(&[(0, 0)], 0), Shape::new(&[(0, 0), (5, 0)], HOUR)] {
            assert_eq!(arrivals(&workload(shape.expect("in order")), 1_000), []);
        }
        let ended = Shape::new(&[(0, 1_000_000), (HOUR, 0)], 0).expect("in order");
        let came = arrivals(&workload(ended), 1_000);
        assert!(came.len() < 100 && came.iter().all(|&at| at < HOUR), "{came:?}");
    }

    #[test]
    fn shapes_that_cannot_be_are_refused() {
        assert_eq!(Shape::new(&[], 0), None);
        assert_eq!(Shape::new(&[(5, 1), (4, 1)], 0), None);
        assert_eq!(Shape::new(&[(0, 1), (9, 1)], 8), None);
    }

    #[test]
    fn users_stay_for_their_least_and_their_mean() {
        let workload = workload(Shape::constant());
        let stays = (0..10_000).map(|k| workload.stay(&Draw::new(Dice::new(7), 1, k, Time(0))).0);
        assert!(stays.clone().all(|stay| stay >= HOUR / 10));
        let mean = stays.sum::<u64>() / 10_000;
        assert!((HOUR / 2 * 97 / 100..HOUR / 2 * 103 / 100).contains(&mean), "{mean}");
        let chosen = (0..10_000).filter(|&k| Draw::new(Dice::new(7), 1, k, Time(0)).is_of(100_000)).count();
        assert!((900..1_100).contains(&chosen), "{chosen}");
    }

    #[test]
    fn users_want_each_application_as_often_as_the_others() {
        let workload = workload(Shape::constant());
        let apps: Vec<u32> = (0..2_000).map(|k| workload.user(Dice::new(7), 1, k).0).collect();
        let threes = apps.iter().filter(|&&app| app == 3).count();
        assert!((900..1_100).contains(&threes) && apps.iter().all(|app| [3, 5].contains(app)), "{threes}");
    }

    proptest! {
        /// Area by area or all at once: the same moment, but for what rounding takes.
        #[test]
        fn areas_add_up(
            points in proptest::collection::vec((0..100_000u64, 0..5_000_000u32), 1..6),
            period in 0..200_000u64,
            from in 0..1_000_000u64,
            areas in (1..1_000_000_000_000u128, 1..1_000_000_000_000u128),
        ) {
            let mut points = points;
            points.sort_unstable();
            let period = if period == 0 { 0 } else { period.max(points[points.len() - 1].0).max(1) };
            let shape = Shape::new(&points, period).expect("in order");
            let (one, other) = areas;
            if let Some(at_once) = shape.after_area(from, one + other) {
                let first = shape.after_area(from, one).expect("less area");
                let second = shape.after_area(first, other).expect("no more area");
                prop_assert!(first >= from && second >= first);
                // A line that is nearly nothing takes long over one unit of area.
                let steep = points.iter().all(|&(_, factor)| factor > 100_000);
                prop_assert!(!steep || second.abs_diff(at_once) <= 40, "{at_once} and {second}");
            }
        }
    }
}
