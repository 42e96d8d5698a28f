//! How loaded a server is: the product's numbers, and how its rules make one of several.

/// The most that a server reports while it takes sessions.
pub const BUSIEST: u32 = 9_998;
/// No evaluator is attached to the server: it takes sessions, but after all others.
pub const NO_EVALUATOR: u32 = 9_999;
/// A server that takes no more.
pub const FULL: u32 = 10_000;
/// A server that has run out of licences.
pub const OUT_OF_LICENCES: u32 = 10_001;
/// A server to which no connection can be made.
pub const NO_CONNECTION: u32 = 10_002;
/// A server whose licence does not fit the farm's.
pub const LICENCE_MISMATCH: u32 = 20_000;
/// Not a load: who asked may not know it.
pub const NOT_ALLOWED: u32 = 99_990;
/// Users at which the default evaluator reports [`FULL`].
pub const FULL_USERS: u32 = 100;

/// Whether a server of this load takes one more session.
pub const fn takes_more(load: u32) -> bool {
    load < FULL
}

/// The load that an evaluator's rules make together: the highest, and a tenth of the mean of the others. One rule at its
/// maximum is a full load, and nothing short of that is one. A server without a rule has no evaluator.
pub fn of_rules(rules: &[u32]) -> u32 {
    let Some(&highest) = rules.iter().max() else { return NO_EVALUATOR };
    if highest >= FULL {
        return FULL;
    }
    // Of several that are highest, one is, and the rest are others.
    let others = rules.iter().map(|&rule| u64::from(rule)).sum::<u64>() - u64::from(highest);
    let tenth = others.checked_div(rules.len() as u64 - 1).unwrap_or(0) / 10;
    (highest + tenth as u32).min(BUSIEST)
}

/// The default evaluator has one rule: a hundred users are a full load.
pub fn default_evaluator(users: u32) -> u32 {
    of_rules(&[users.saturating_mul(FULL / FULL_USERS)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_users_are_a_full_load() {
        assert_eq!([0, 1, 99, 100, 101, u32::MAX].map(default_evaluator), [0, 100, 9_900, FULL, FULL, FULL]);
    }

    #[test]
    fn a_load_is_the_highest_rule_and_a_tenth_of_the_mean_of_the_others() {
        assert_eq!(of_rules(&[3_000]), 3_000);
        assert_eq!(of_rules(&[1_000, 3_000, 2_000]), 3_150);
        assert_eq!(of_rules(&[3_000, 3_000]), 3_300, "one of two equal rules is the highest");
    }

    #[test]
    fn one_rule_at_its_maximum_is_a_full_load() {
        assert_eq!(of_rules(&[0, FULL, 0]), FULL);
        assert_eq!(of_rules(&[9_900, 9_900]), BUSIEST, "no rule is at its maximum");
    }

    #[test]
    fn who_takes_more() {
        assert_eq!(of_rules(&[]), NO_EVALUATOR);
        assert!([0, BUSIEST, NO_EVALUATOR].into_iter().all(takes_more));
        let none = [FULL, OUT_OF_LICENCES, NO_CONNECTION, LICENCE_MISMATCH, NOT_ALLOWED];
        assert!(!none.into_iter().any(takes_more));
    }
}
