//! With which peers a connection cache has an open binding, once there are more than a few.
//!
//! A storm asks this of every peer, and the answer is no: so a cache of ordinary size keeps a bit for each peer, and looks
//! through its entries only where the bit is set. A larger cache, or one whose peers are far apart, keeps a table.

use core::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// The largest cache whose entries are looked through. Our guess.
const LOOKED_THROUGH: u32 = 1024;
/// The most words of bits that are kept: peers farther apart are put in a table. Our guess.
const WORDS_MAX: usize = 1024;
const HASHER: FixedState = FixedState::with_seed(0);

/// The open peers of one cache.
#[derive(Clone, Debug)]
pub(super) enum OpenPeers {
    /// A bit for each peer, from the one of the word `first` on.
    Bits { first: u32, words: Vec<u64> },
    /// The entry of each peer.
    Table(HashTable<u32>),
}

/// Where a peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It has no open binding.
    Nowhere,
    /// It has one.
    Somewhere,
    /// It has this one.
    At(u32),
}

impl OpenPeers {
    /// No peers, for a cache of this capacity.
    pub(super) const fn new(capacity: u32) -> OpenPeers {
        match capacity {
            ..=LOOKED_THROUGH => OpenPeers::Bits { first: 0, words: Vec::new() },
            _ => OpenPeers::Table(HashTable::new()),
        }
    }

    /// Where a peer is; `peer_of` tells an entry's.
    #[inline]
    pub(super) fn find(&self, peer: u32, peer_of: impl Fn(u32) -> u32) -> Found {
        match self {
            OpenPeers::Bits { first, words } => match words.get((peer / 64).wrapping_sub(*first) as usize) {
                Some(word) if word >> (peer % 64) & 1 != 0 => Found::Somewhere,
                Some(_) | None => Found::Nowhere,
            },
            OpenPeers::Table(table) => {
                let found = table.find(hash_of(peer), |&entry| peer_of(entry) == peer);
                found.map_or(Found::Nowhere, |&entry| Found::At(entry))
            }
        }
    }

    /// A peer has an open binding from now on. Whether that could be kept: if not, nothing has changed, and all have to go
    /// into a [table](OpenPeers::table).
    #[inline]
    pub(super) fn insert(&mut self, peer: u32, entry: u32, peer_of: impl Fn(u32) -> u32) -> bool {
        match self {
            OpenPeers::Bits { first, words } => {
                let word = peer / 64;
                if word.wrapping_sub(*first) as usize >= words.len() && !reach(first, words, word) {
                    return false;
                }
                words[(word - *first) as usize] |= 1 << (peer % 64);
            }
            OpenPeers::Table(table) => {
                table.insert_unique(hash_of(peer), entry, |&entry| hash_of(peer_of(entry)));
            }
        }
        true
    }

    /// A peer has no open binding any more.
    #[inline]
    pub(super) fn remove(&mut self, peer: u32, entry: u32) {
        match self {
            OpenPeers::Bits { first, words } => words[(peer / 64 - *first) as usize] &= !(1 << (peer % 64)),
            OpenPeers::Table(table) => {
                if let Ok(found) = table.find_entry(hash_of(peer), |&other| other == entry) {
                    found.remove();
                }
            }
        }
    }

    /// A table without peers.
    pub(super) const fn table() -> OpenPeers {
        OpenPeers::Table(HashTable::new())
    }

    /// Forgets all; the room of bits is given back.
    #[inline]
    pub(super) fn clear(&mut self) {
        match self {
            OpenPeers::Bits { words, .. } => *words = Vec::new(),
            OpenPeers::Table(table) => table.clear(),
        }
    }

    /// The bytes held.
    pub(super) fn memory(&self) -> usize {
        match self {
            OpenPeers::Bits { words, .. } => words.capacity() * size_of::<u64>(),
            OpenPeers::Table(table) => table.allocation_size(),
        }
    }
}

/// Makes the bits reach to a word; whether they can.
#[cold]
fn reach(first: &mut u32, words: &mut Vec<u64>, word: u32) -> bool {
    let begin = if words.is_empty() { word } else { *first };
    let (from, to) = (word.min(begin), (begin + words.len() as u32).max(word + 1));
    if (to - from) as usize > WORDS_MAX {
        return false;
    }
    words.reserve_exact((to - from) as usize - words.len());
    words.splice(0..0, core::iter::repeat_n(0, (begin - from) as usize));
    words.resize((to - from) as usize, 0);
    *first = from;
    true
}

#[inline]
fn hash_of(peer: u32) -> u64 {
    HASHER.hash_one(peer)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    fn peer() -> impl Strategy<Value = u32> {
        prop_oneof![0..300u32, 60_000..60_300u32, 900_000..900_009u32]
    }

    proptest! {
        /// Bits and table against a plain set; peers near one another and far apart.
        #[test]
        fn a_peer_is_where_it_was_put(
            small in any::<bool>(),
            steps in proptest::collection::vec((peer(), any::<bool>()), 0..200),
        ) {
            let mut peers = OpenPeers::new(if small { 512 } else { 4_096 });
            let mut plain = BTreeSet::new();
            for (peer, opens) in steps {
                if opens && plain.insert(peer) {
                    // An entry is its peer here.
                    if !peers.insert(peer, peer, |entry| entry) {
                        peers = OpenPeers::table();
                        plain.iter().for_each(|&peer| assert!(peers.insert(peer, peer, |entry| entry)));
                    }
                } else if !opens && plain.remove(&peer) {
                    peers.remove(peer, peer);
                }
                for other in plain.iter().copied().chain([peer, peer + 1, 0, 70_000]) {
                    prop_assert_eq!(peers.find(other, |entry| entry) != Found::Nowhere, plain.contains(&other));
                }
            }
        }
    }
}
