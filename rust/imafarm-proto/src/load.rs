//! How loaded a server is: the product's numbers.

/// A server that takes no more.
pub const FULL: u32 = 10_000;
/// Users at which the default evaluator reports [`FULL`].
pub const FULL_USERS: u32 = 100;

/// The default evaluator: a hundred users are a full load.
pub const fn default_evaluator(users: u32) -> u32 {
    let load = users.saturating_mul(FULL / FULL_USERS);
    if load < FULL { load } else { FULL }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_users_are_a_full_load() {
        assert_eq!([0, 1, 99, 100, 101, u32::MAX].map(default_evaluator), [0, 100, 9_900, FULL, FULL, FULL]);
    }
}
