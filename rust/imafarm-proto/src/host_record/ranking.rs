//! Many ranks at once.

use super::Rank;

/// The places of `ranks`, highest rank first; equal ranks stay in the order in which they came.
///
/// A rank is one word, so this is a radix sort, byte by byte from the lowest. A byte that all ranks share costs nothing,
/// and in a sane farm all share the version and most of the host id.
///
/// Panics: for 2^32 ranks or more.
pub fn highest_first(ranks: &[Rank]) -> Vec<u32> {
    let len = u32::try_from(ranks.len()).expect("fewer than 2^32 ranks");
    // Turned over, the highest rank is the least word.
    let mut from: Vec<(u64, u32)> = ranks.iter().map(|rank| !rank.key()).zip(0..len).collect();
    let mut to = vec![(0, 0); from.len()];
    let (all, any) = from.iter().fold((!0, 0), |(all, any), &(word, _)| (all & word, any | word));
    for shift in (0..u64::BITS).step_by(8).filter(|shift| (all ^ any) >> shift & 0xFF != 0) {
        let byte = |word: u64| (word >> shift) as usize & 0xFF;
        let mut next = [0u32; 256];
        for &(word, _) in &from {
            next[byte(word)] += 1;
        }
        let mut start = 0;
        for count in &mut next {
            start += core::mem::replace(count, start);
        }
        for &entry in &from {
            let place = &mut next[byte(entry.0)];
            to[*place as usize] = entry;
            *place += 1;
        }
        core::mem::swap(&mut from, &mut to);
    }
    from.into_iter().map(|(_, place)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host_record::{HostId, Preference};
    use proptest::prelude::*;

    fn ranks() -> impl Strategy<Value = Vec<Rank>> {
        let id = prop_oneof![1..20u64, 1..=HostId::MAX];
        let rank = (0..=2u8, 1..=4u8, id).prop_filter_map("valid by construction", |(version, preference, id)| {
            Some(Rank::new(version, Preference::from_number(preference)?, HostId::new(id)?))
        });
        proptest::collection::vec(rank, 0..300)
    }

    proptest! {
        #[test]
        fn ranks_come_highest_first_and_equal_ones_as_they_came(ranks in ranks()) {
            let mut expected: Vec<u32> = (0..ranks.len() as u32).collect();
            expected.sort_by_key(|&place| core::cmp::Reverse(ranks[place as usize]));
            prop_assert_eq!(highest_first(&ranks), expected);
        }
    }
}
