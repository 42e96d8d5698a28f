//! Randomness without state: a number is a pure function of the seed and of what it is drawn for.
//!
//! The function is Philox 4x32-7 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011):
//! seven rounds, the fewest that pass every test its authors put it to. The seed is the key; what the number is drawn for is the counter. So a draw depends neither on how many were
//! drawn before it nor on the order in which hosts are emulated.
//!
//! How long a message is on its way is drawn for every message of a storm, so [`Dice::quick`] is there for that: a
//! tenth of the work, 32 bits, and nothing but operations that a processor does for many targets at once.

/// What a number is drawn for. Each purpose has numbers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
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

    /// One 32-bit word for what passes from `a` to `b` at `when`.
    #[inline]
    pub const fn quick(&self, a: u32, b: u32, when: u64) -> u32 {
        self.quick_from(a, when).to(b)
    }

    /// The part of [`Dice::quick`] that all targets have in common.
    #[inline]
    pub const fn quick_from(&self, a: u32, when: u64) -> Quick {
        let word = when as u32 ^ ((when >> 32) as u32).wrapping_mul(0x9E37_79B9);
        let word = word ^ a.wrapping_mul(0x85EB_CA6B).wrapping_add(self.seed as u32);
        Quick { word: (word ^ word >> 16).wrapping_mul(0x21F0_AAAD), salt: (self.seed >> 32) as u32 }
    }

    /// A number in `0..bound`, or 0 when `bound` is 0.
    #[inline]
    pub const fn below(&self, bound: u64, purpose: Purpose, a: u32, b: u32, when: u64) -> u64 {
        let w = self.words(purpose, a, b, when);
        scale(((w[0] as u64) << 32) | w[1] as u64, bound)
    }
}

/// A draw of [`Dice::quick`] that still has to be told for whom.
#[derive(Clone, Copy, Debug)]
pub struct Quick {
    word: u32,
    salt: u32,
}

impl Quick {
    /// The word for `b`. The multipliers are those of a mixer that was searched for, `lowbias32`.
    #[inline]
    pub const fn to(self, b: u32) -> u32 {
        let word = self.word ^ b.wrapping_mul(0xC2B2_AE35).wrapping_add(self.salt);
        let word = (word ^ word >> 15).wrapping_mul(0x735A_2D97);
        word ^ word >> 15
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
        assert_ne!(dice.words(Purpose::Loss, 1, 2, 3), dice.words(Purpose::Boot, 1, 2, 3));
    }

    /// Each of the four things that a quick draw depends on, counted up by itself: every bit of the word is set half of
    /// the time, and follows neither its neighbour's nor the bit before.
    #[test]
    fn quick_draws_are_even_along_every_axis() {
        const DRAWS: u32 = 1 << 16;
        type Axis = (&'static str, fn(u32) -> u32);
        let axes: [Axis; 5] = [
            ("source", |i| Dice::new(7).quick(i, 5, 1 << 36)),
            ("target", |i| Dice::new(7).quick(5, i, 1 << 36)),
            ("time", |i| Dice::new(7).quick(5, 6, (1 << 36) + u64::from(i))),
            ("seconds", |i| Dice::new(7).quick(5, 6, u64::from(i) * 1_000_000_000)),
            ("seed", |i| Dice::new(u64::from(i)).quick(5, 6, 1 << 36)),
        ];
        let near_half = |count: u32| count.abs_diff(DRAWS / 2) < 5 * 128;
        for (axis, draw) in axes {
            let words: Vec<u32> = (0..=DRAWS).map(draw).collect();
            for bit in 0..32 {
                let count = |of: &dyn Fn(usize) -> u32| (0..DRAWS as usize).map(|i| of(i) >> bit & 1).sum::<u32>();
                assert!(near_half(count(&|i| words[i])), "{axis}: bit {bit}");
                assert!(near_half(count(&|i| words[i] ^ words[i + 1])), "{axis}: bit {bit} and the next draw's");
                assert!(
                    near_half(count(&|i| words[i] ^ words[i].rotate_right(1))),
                    "{axis}: bit {bit} and the next bit"
                );
            }
        }
    }

    /// There and back are different draws.
    #[test]
    fn quick_draws_have_a_direction() {
        let dice = Dice::new(7);
        let alike = (0..1_000u32).filter(|&i| dice.quick(i, i + 1, 9) >> 20 == dice.quick(i + 1, i, 9) >> 20).count();
        assert!(alike < 8, "{alike}");
    }

    #[test]
    fn a_bound_is_kept_and_zero_gives_zero() {
        let dice = Dice::new(7);
        assert_eq!(dice.below(0, Purpose::Boot, 1, 0, 0), 0);
        assert!((0..1_000).all(|host| dice.below(10, Purpose::Boot, host, 0, 0) < 10));
        assert_eq!(scale(u64::MAX, 10), 9);
    }
}
