//! The connection cache: at most `MaxHostAddressCacheEntries` open bindings, exact least-recently-used order.
//!
//! An entry is in progress, active or closing. In progress and active ones count as open. Only active ones are ordered
//! by use, and only the oldest of them may be torn down to make room; one in progress is never the victim. A closing
//! entry has left the cache: it is kept, uncounted and unnamed, until the other side has closed too.
//!
//! The lists are threaded through one slab by index, so an open binding costs no allocation. A slab that empties begins
//! anew at its first entry; while it is short it lies in the cache itself and is searched as it is, without a table.

use super::open_peers::{Found, OpenPeers};
use crate::few::Few;

/// An entry's place in the slab. Reused once the entry is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryIndex(pub u32);

impl EntryIndex {
    /// As an index into arrays by entry.
    #[inline]
    pub const fn at(self) -> usize {
        self.0 as usize
    }
}

/// How far an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Open, not usable yet, never the victim.
    InProgress,
    /// Open and usable; the least recently used one is the victim.
    Active,
    /// Torn down on this side; waits for the other.
    Closing,
    /// Nobody's.
    Free,
}

const NIL: u32 = u32::MAX;
/// How long a slab is short. Our guess: a member's binding to its collector, and one that is closing.
const SHORT: usize = 2;
/// A slab of so many entries is looked through for a peer; in a longer one it is noted who has any. Our guess: where a host
/// has spoken with a few others that came on-line with it, what is noted would take more room than they.
const SHORT_SLAB: usize = 8;

/// An entry's neighbours in its list.
#[derive(Clone, Copy, Debug)]
struct Links {
    older: u32,
    newer: u32,
}

impl Default for Links {
    fn default() -> Self {
        Links { older: NIL, newer: NIL }
    }
}

/// Whose an entry is, and what the owner keeps for it.
#[derive(Clone, Copy, Debug)]
struct Entry<T> {
    /// The host at the other end; `NIL` while an incoming binding has not said who calls.
    peer: u32,
    standing: Standing,
    value: T,
}

impl<T: Default> Default for Entry<T> {
    fn default() -> Self {
        Entry { peer: NIL, standing: Standing::Free, value: T::default() }
    }
}

/// A list threaded through the slab, oldest first.
#[derive(Clone, Copy, Debug)]
struct List {
    oldest: u32,
    newest: u32,
    len: u32,
}

const EMPTY: List = List { oldest: NIL, newest: NIL, len: 0 };

/// The open bindings of one host, by peer. `T` is what the owner keeps for each.
#[derive(Clone, Debug)]
pub struct ConnectionCache<T> {
    capacity: u32,
    // By entry. Apart, because each use moves three entries' links and looks at nothing else of two of them.
    links: Few<Links, SHORT>,
    entries: Few<Entry<T>, SHORT>,
    /// The entry that was freed last; those before it follow by their `newer`.
    free: u32,
    free_count: u32,
    /// Which peers have an open entry, once the slab is not short any more.
    by_peer: OpenPeers,
    in_progress: List,
    active: List,
}

impl<T: Default> ConnectionCache<T> {
    /// An empty cache for `capacity` open bindings. It allocates as it fills.
    pub fn new(capacity: u32) -> Self {
        Self::with(capacity, OpenPeers::table())
    }

    /// The same, for an owner that mostly asks for peers which are not in it, as a host does in a storm: that costs a look at
    /// one bit, and to find one that is there, in a cache of ordinary size, a walk through the entries.
    pub fn mostly_missed(capacity: u32) -> Self {
        Self::with(capacity, OpenPeers::new(capacity))
    }

    fn with(capacity: u32, by_peer: OpenPeers) -> Self {
        ConnectionCache {
            capacity,
            links: Few::default(),
            entries: Few::default(),
            free: NIL,
            free_count: 0,
            by_peer,
            in_progress: EMPTY,
            active: EMPTY,
        }
    }

    /// How many bindings may be open.
    pub const fn capacity(&self) -> u32 {
        self.capacity
    }

    /// How many bindings are open: in progress or active.
    #[inline]
    pub const fn open_count(&self) -> u32 {
        self.in_progress.len + self.active.len
    }

    /// How many bindings are in progress.
    #[inline]
    pub const fn in_progress_count(&self) -> u32 {
        self.in_progress.len
    }

    /// How many bindings are active.
    #[inline]
    pub const fn active_count(&self) -> u32 {
        self.active.len
    }

    /// Whether one more may be opened without tearing one down.
    #[inline]
    pub const fn has_room(&self) -> bool {
        self.open_count() < self.capacity
    }

    /// The open binding to `peer`, if its peer is known.
    #[inline]
    pub fn find(&self, peer: u32) -> Option<EntryIndex> {
        let found = match self.is_short() {
            true => Found::Somewhere,
            false => self.by_peer.find(peer, |entry| self.entries[entry as usize].peer),
        };
        match found {
            Found::Nowhere => None,
            Found::At(entry) => Some(EntryIndex(entry)),
            Found::Somewhere => {
                let is_it = |entry: &Entry<T>| {
                    entry.peer == peer && matches!(entry.standing, Standing::InProgress | Standing::Active)
                };
                self.entries.iter().position(is_it).map(|place| EntryIndex(place as u32))
            }
        }
    }

    /// Opens a binding, in progress; `peer` is unknown while a caller has not said who it is.
    ///
    /// The caller has made sure of room, and that no open binding has this peer.
    pub fn open(&mut self, peer: Option<u32>, value: T) -> EntryIndex {
        debug_assert!(self.has_room(), "a cache of {} is full", self.capacity);
        let entry = Entry { peer: NIL, standing: Standing::InProgress, value };
        let index = match self.free {
            NIL => {
                self.grow(entry);
                self.entries.len() as u32 - 1
            }
            index => {
                self.free = self.links[index as usize].newer;
                self.free_count -= 1;
                self.entries[index as usize] = entry;
                index
            }
        };
        push_newest(&mut self.links, &mut self.in_progress, index);
        if let Some(peer) = peer {
            self.name(EntryIndex(index), peer);
        }
        EntryIndex(index)
    }

    #[inline]
    const fn is_short(&self) -> bool {
        self.entries.len() <= SHORT_SLAB
    }

    /// One more entry in the slab. The first that is one too many for a short one has them all noted by peer.
    fn grow(&mut self, entry: Entry<T>) {
        let was_short = self.is_short();
        self.links.push(Links::default());
        self.entries.push(entry);
        if was_short && !self.is_short() {
            self.enter_all();
        }
    }

    /// Notes that a peer has an open entry, of a slab that is not short.
    #[inline]
    fn enter(&mut self, place: u32, peer: u32) {
        let entries = &self.entries;
        if !self.by_peer.insert(peer, place, |entry| entries[entry as usize].peer) {
            self.by_peer = OpenPeers::table();
            self.enter_all();
        }
    }

    /// Notes it of every open entry whose peer is known.
    #[cold]
    fn enter_all(&mut self) {
        for place in 0..self.entries.len() as u32 {
            let Entry { peer, standing, .. } = self.entries[place as usize];
            let is_open = matches!(standing, Standing::InProgress | Standing::Active);
            if peer != NIL
                && is_open
                && self.by_peer.find(peer, |entry| self.entries[entry as usize].peer) == Found::Nowhere
            {
                self.enter(place, peer);
            }
        }
    }

    /// Notes who is at the other end of an open binding.
    pub fn name(&mut self, entry: EntryIndex, peer: u32) {
        debug_assert!(self.find(peer).is_none(), "peer {peer} has an open binding already");
        self.entries[entry.at()].peer = peer;
        if !self.is_short() {
            self.enter(entry.0, peer);
        }
    }

    /// A binding in progress becomes active, and the most recently used.
    #[inline]
    pub fn activate(&mut self, entry: EntryIndex) {
        debug_assert_eq!(self.standing(entry), Standing::InProgress);
        unlink(&mut self.links, &mut self.in_progress, entry.0);
        self.entries[entry.at()].standing = Standing::Active;
        push_newest(&mut self.links, &mut self.active, entry.0);
    }

    /// An active binding was used: it becomes the most recently used. Others are left as they are.
    #[inline]
    pub fn touch(&mut self, entry: EntryIndex) {
        if self.entries[entry.at()].standing == Standing::Active && self.active.newest != entry.0 {
            unlink(&mut self.links, &mut self.active, entry.0);
            push_newest(&mut self.links, &mut self.active, entry.0);
        }
    }

    /// The active binding that was used least recently: the victim, when one is needed.
    #[inline]
    pub const fn least_recently_used(&self) -> Option<EntryIndex> {
        some_index(self.active.oldest)
    }

    /// The binding that has been in progress longest.
    #[inline]
    pub const fn oldest_in_progress(&self) -> Option<EntryIndex> {
        some_index(self.in_progress.oldest)
    }

    /// An open binding leaves the cache; its entry waits for the other side to close too.
    pub fn begin_closing(&mut self, entry: EntryIndex) {
        self.leave(entry);
        self.entries[entry.at()].standing = Standing::Closing;
    }

    /// A binding is gone on both sides; gives back what the owner kept for it.
    pub fn remove(&mut self, entry: EntryIndex) -> T {
        self.leave(entry);
        let gone = &mut self.entries[entry.at()];
        gone.standing = Standing::Free;
        let value = core::mem::take(&mut gone.value);
        if self.free_count as usize + 1 < self.entries.len() {
            self.links[entry.at()].newer = core::mem::replace(&mut self.free, entry.0);
            self.free_count += 1;
        } else {
            (self.free, self.free_count) = (NIL, 0);
            self.links.clear();
            self.entries.clear();
            self.by_peer.clear();
        }
        value
    }

    /// Whether an entry is open, closing or nobody's.
    #[inline]
    pub fn standing(&self, entry: EntryIndex) -> Standing {
        self.entries.get(entry.at()).map_or(Standing::Free, |entry| entry.standing)
    }

    /// The host at the other end, as far as it is known. A closing binding still knows it.
    #[inline]
    pub fn peer(&self, entry: EntryIndex) -> Option<u32> {
        let peer = self.entries[entry.at()].peer;
        (peer != NIL).then_some(peer)
    }

    /// What the owner keeps for an entry.
    #[inline]
    pub fn value(&self, entry: EntryIndex) -> &T {
        &self.entries[entry.at()].value
    }

    /// What the owner keeps for an entry.
    #[inline]
    pub fn value_mut(&mut self, entry: EntryIndex) -> &mut T {
        &mut self.entries[entry.at()].value
    }

    /// The active bindings, least recently used first.
    pub fn by_use(&self) -> impl Iterator<Item = EntryIndex> + '_ {
        let mut next = self.active.oldest;
        core::iter::from_fn(move || {
            let here = some_index(next)?;
            next = self.links[here.at()].newer;
            Some(here)
        })
    }

    /// Every entry that is not free, in the order of the slab.
    pub fn entries(&self) -> impl Iterator<Item = EntryIndex> + '_ {
        (0..self.entries.len() as u32).map(EntryIndex).filter(|&e| self.standing(e) != Standing::Free)
    }

    /// Shows where in memory an entry is.
    #[inline]
    pub fn warm(&self, entry: EntryIndex, show: impl Fn(*const u8)) {
        if let (Some(links), Some(entry)) = (self.links.get(entry.at()), self.entries.get(entry.at())) {
            show(core::ptr::from_ref(links).cast());
            show(core::ptr::from_ref(entry).cast());
        }
    }

    /// Shows where in memory the neighbours of an entry are, once that is at hand itself; what the owner keeps for it.
    #[inline]
    pub fn warm_neighbours(&self, entry: EntryIndex, show: impl Fn(*const u8)) -> Option<&T> {
        let &Links { older, newer } = self.links.get(entry.at())?;
        for neighbour in [older, newer] {
            if let Some(links) = self.links.get(neighbour as usize) {
                show(core::ptr::from_ref(links).cast());
            }
        }
        self.entries.get(entry.at()).map(|entry| &entry.value)
    }

    /// The active binding that was used next after another active one.
    #[inline]
    pub fn used_after(&self, entry: EntryIndex) -> Option<EntryIndex> {
        some_index(self.links[entry.at()].newer)
    }

    /// The bytes held besides the cache itself.
    pub fn memory(&self) -> usize {
        self.entries.memory() + self.links.memory() + self.by_peer.memory()
    }

    /// Takes an open entry out of its list and out of the table; a closing one is in neither.
    fn leave(&mut self, entry: EntryIndex) {
        let Entry { peer, standing, .. } = self.entries[entry.at()];
        match standing {
            Standing::InProgress => unlink(&mut self.links, &mut self.in_progress, entry.0),
            Standing::Active => unlink(&mut self.links, &mut self.active, entry.0),
            Standing::Closing => return,
            Standing::Free => unreachable!("entry {} is nobody's", entry.0),
        }
        if peer != NIL && !self.is_short() {
            self.by_peer.remove(peer, entry.0);
        }
    }
}

#[inline]
const fn some_index(index: u32) -> Option<EntryIndex> {
    if index == NIL { None } else { Some(EntryIndex(index)) }
}

#[inline]
fn push_newest(links: &mut Few<Links, SHORT>, list: &mut List, index: u32) {
    links[index as usize] = Links { older: list.newest, newer: NIL };
    match list.newest {
        NIL => list.oldest = index,
        newest => links[newest as usize].newer = index,
    }
    list.newest = index;
    list.len += 1;
}

#[inline]
fn unlink(links: &mut Few<Links, SHORT>, list: &mut List, index: u32) {
    let Links { older, newer } = links[index as usize];
    match older {
        NIL => list.oldest = newer,
        older => links[older as usize].newer = newer,
    }
    match newer {
        NIL => list.newest = older,
        newer => links[newer as usize].older = older,
    }
    list.len -= 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same cache as a child would write it: one list, oldest use first.
    #[derive(Default)]
    struct Oracle {
        active: Vec<u32>,
        in_progress: Vec<u32>,
    }

    #[derive(Clone, Debug)]
    enum Step {
        Use(u32),
        Complete,
        Close(u32),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            5 => (0..24u32).prop_map(Step::Use),
            4 => Just(Step::Complete),
            1 => (0..24u32).prop_map(Step::Close),
        ];
        proptest::collection::vec(step, 0..400)
    }

    proptest! {
        #[test]
        fn the_cache_does_as_its_oracle(capacity in 1..20u32, missed in any::<bool>(), steps in steps()) {
            let make = if missed { ConnectionCache::mostly_missed } else { ConnectionCache::new };
            let mut cache: ConnectionCache<u32> = make(capacity);
            let mut oracle = Oracle::default();
            for step in steps {
                match step {
                    Step::Use(peer) => match cache.find(peer) {
                        Some(entry) => {
                            cache.touch(entry);
                            if let Some(place) = oracle.active.iter().position(|&p| p == peer) {
                                oracle.active.remove(place);
                                oracle.active.push(peer);
                            }
                        }
                        None => {
                            if !cache.has_room() && let Some(victim) = cache.least_recently_used() {
                                let last_used = oracle.active.remove(0);
                                prop_assert_eq!(cache.peer(victim), Some(last_used));
                                cache.begin_closing(victim);
                                prop_assert_eq!(cache.peer(victim), Some(last_used));
                                prop_assert_eq!(cache.remove(victim), last_used);
                            }
                            if cache.has_room() {
                                cache.open(Some(peer), peer);
                                oracle.in_progress.push(peer);
                            }
                        }
                    },
                    Step::Complete => if let Some(entry) = cache.oldest_in_progress() {
                        cache.activate(entry);
                        oracle.active.push(oracle.in_progress.remove(0));
                    },
                    Step::Close(peer) => if let Some(entry) = cache.find(peer) {
                        cache.remove(entry);
                        oracle.active.retain(|&p| p != peer);
                        oracle.in_progress.retain(|&p| p != peer);
                    },
                }
                let by_use: Vec<u32> = cache.by_use().filter_map(|e| cache.peer(e)).collect();
                prop_assert_eq!(&by_use, &oracle.active);
                prop_assert_eq!(cache.in_progress_count() as usize, oracle.in_progress.len());
                prop_assert!(cache.open_count() <= capacity);
                for peer in 0..24 {
                    let open = oracle.active.contains(&peer) || oracle.in_progress.contains(&peer);
                    prop_assert_eq!(cache.find(peer).is_some(), open);
                }
            }
        }
    }

    #[test]
    fn an_unnamed_caller_is_found_once_it_says_who_it_is() {
        let mut cache = ConnectionCache::<()>::new(2);
        let entry = cache.open(None, ());
        assert_eq!((cache.find(5), cache.peer(entry)), (None, None));
        cache.name(entry, 5);
        assert_eq!(cache.find(5), Some(entry));
    }

    #[test]
    fn a_closing_entry_leaves_room_but_keeps_its_place() {
        let mut cache = ConnectionCache::<()>::new(1);
        let first = cache.open(Some(1), ());
        cache.activate(first);
        cache.begin_closing(first);
        assert!(cache.has_room());
        let second = cache.open(Some(1), ());
        assert_ne!(first, second);
        cache.remove(first);
        assert_eq!(cache.find(1), Some(second));
    }
}
