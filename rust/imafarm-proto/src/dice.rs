//! Randomness without state: a number is a pure function of the seed and of what it is drawn for.
//!
//! The function is Philox 4x32-7 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011):
//! seven rounds, the fewest that pass every test its authors put it to. The seed is the key; what the number is drawn for is the counter. So a draw depends neither on how many were
//! drawn before it nor on the order in which hosts are emulated.

/// What a number is drawn for. Each purpose has numbers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// How long one message is on its way over a link.
    Way = 1,
    /// The moment at which a host starts within its boot window.
    Boot = 2,
    /// The phase of a host's heartbeat within its interval.
    Phase = 3,
    /// Whether a transmission is lost.
    Loss = 4,
    /// The phase of a host's polls of the data store within their interval.
    Poll = 9,
    /// When the next user comes to a host.
    Arrival = 16,
    /// Who a user is, and what it wants.
    User = 17,
    /// How long a user stays, and what it does then.
    Stay = 18,
}

/// The farm's dice: one seed, any number of independent draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dice {
    seed: u64,
}

impl Dice {
    /// The dice of a farm with this seed.
    pub const fn new(seed: u64) -> Self {
        Dice { seed }
    }

    /// Four independent 32-bit words for `purpose`, concerning `a` and `b`, at `when`.
    #[inline]
    pub const fn words(&self, purpose: Purpose, a: u32, b: u32, when: u64) -> [u32; 4] {
        let key = [self.seed as u32, (self.seed >> 32) as u32 ^ (purpose as u32).wrapping_mul(0x9E37_79B9)];
        philox([when as u32, (when >> 32) as u32, a, b], key)
    }

    /// A number in `0..bound`, or 0 when `bound` is 0.
    #[inline]
    pub const fn below(&self, bound: u64, purpose: Purpose, a: u32, b: u32, when: u64) -> u64 {
        let w = self.words(purpose, a, b, when);
        scale(((w[0] as u64) << 32) | w[1] as u64, bound)
    }
}

/// Scales a uniform 64-bit word to `0..bound`, without division.
#[inline]
pub const fn scale(word: u64, bound: u64) -> u64 {
    ((word as u128 * bound as u128) >> 64) as u64
}

const ROUNDS: u32 = 7;

#[inline]
const fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    let mut round = 0;
    while round < ROUNDS {
        let left = counter[0] as u64 * 0xD251_1F53;
        let right = counter[2] as u64 * 0xCD9E_8D57;
        counter = [
            (right >> 32) as u32 ^ counter[1] ^ key[0],
            right as u32,
            (left >> 32) as u32 ^ counter[3] ^ key[1],
            left as u32,
        ];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
        round += 1;
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers that the authors publish with Random123 for philox4x32-7.
    #[test]
    fn philox_gives_the_published_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x5f6f_b709, 0x0d89_3f64, 0x4f12_1f81, 0x4f73_0a48]);
        assert_eq!(philox([!0; 4], [!0; 2]), [0x5207_ddc2, 0x4516_5e59, 0x4d8e_e751, 0x8c52_f662]);
        assert_eq!(
            philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0x4dfc_caba, 0x190a_87f0, 0xc473_62ba, 0xb6b5_242a]
        );
    }

    #[test]
    fn purposes_do_not_share_numbers() {
        let dice = Dice::new(7);
        assert_ne!(dice.words(Purpose::Way, 1, 2, 3), dice.words(Purpose::Boot, 1, 2, 3));
    }

    #[test]
    fn a_bound_is_kept_and_zero_gives_zero() {
        let dice = Dice::new(7);
        assert_eq!(dice.below(0, Purpose::Boot, 1, 0, 0), 0);
        assert!((0..1_000).all(|host| dice.below(10, Purpose::Boot, host, 0, 0) < 10));
        assert_eq!(scale(u64::MAX, 10), 9);
    }
}
