//! Both ends of every connection.

use imafarm_proto::few::Few;
use imafarm_proto::time::Time;

/// One end of a connection, for the other: the entry in its host's cache, and which of the connections that have stood
/// there it is.
///
/// 18 bits of entry, 14 of generation. A generation comes round after 16,384 connections in one entry, each at least
/// two latencies long; nothing is under way for that long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndRef(pub u32);

const ENTRY_BITS: u32 = 18;
/// How many entries a host's ends can have: the cache and what is closing.
pub const ENTRIES_MAX: u32 = 1 << ENTRY_BITS;

impl EndRef {
    /// No end.
    pub const NONE: EndRef = EndRef(u32::MAX);
    /// The end of a connection that its host began with: the one to whoever the parcel is from.
    pub const BOUND: EndRef = EndRef(u32::MAX - 1);
    /// No end, of a host that has not answered for too long.
    pub const SILENT: EndRef = EndRef(u32::MAX - 2);

    const fn new(entry: u32, generation: u16) -> EndRef {
        EndRef((generation as u32) << ENTRY_BITS | entry)
    }

    /// Whether it is an end's own name.
    pub const fn is_named(self) -> bool {
        self.0 < EndRef::SILENT.0
    }

    /// Whether it stands for no end.
    pub const fn is_none(self) -> bool {
        self.0 == EndRef::NONE.0 || self.0 == EndRef::SILENT.0
    }

    /// The entry in the host's cache.
    pub const fn entry(self) -> u32 {
        self.0 & (ENTRIES_MAX - 1)
    }

    const fn generation(self) -> u16 {
        (self.0 >> ENTRY_BITS) as u16
    }
}

/// How far one end of a connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndState {
    /// Nobody's.
    #[default]
    Free,
    /// Called; nobody has answered yet.
    Opening,
    /// Established.
    Open,
    /// Something sent from here was lost, so nothing that is sent after it can arrive.
    Severed,
    /// This side has closed.
    Finished,
}

/// One end of a connection, as its own host's driver keeps it.
#[derive(Clone, Copy, Debug, Default)]
pub struct End {
    /// When the last thing that was sent from here arrives: nothing overtakes it.
    last_arrival: Time,
    /// The host at the other end.
    pub peer: u32,
    /// The other end; `NONE` while opening.
    peer_end: u32,
    generation: u16,
    /// How far it is.
    pub state: EndState,
    /// Whether its host called.
    called: bool,
}

impl End {
    /// The other end.
    pub const fn peer_end(&self) -> EndRef {
        EndRef(self.peer_end)
    }

    /// An end of a connection that its host began with.
    pub const fn bound(peer: u32, last_arrival: Time) -> End {
        End { last_arrival, peer, peer_end: EndRef::BOUND.0, generation: 0, state: EndState::Open, called: false }
    }

    /// Whether its host called; else the other did.
    pub const fn called(&self) -> bool {
        self.called
    }

    /// The call was answered, from this end.
    pub const fn answered(&mut self, peer_end: EndRef) {
        self.peer_end = peer_end.0;
        self.state = EndState::Open;
    }

    /// When something that would arrive at `arrival` does arrive, after all that was sent before it.
    #[inline]
    pub fn in_order(&mut self, arrival: Time) -> Time {
        self.last_arrival = self.last_arrival.max(arrival);
        self.last_arrival
    }
}

/// The ends that one host has, by entry of its cache.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    ends: Few<End, 2>,
}

impl Ends {
    /// A new connection at this entry.
    #[inline]
    pub fn open(&mut self, entry: u32, peer: u32, peer_end: EndRef, state: EndState) -> EndRef {
        debug_assert!(entry < EndRef::SILENT.entry(), "more connections than an end can be named by");
        while self.ends.len() <= entry as usize {
            self.ends.push(End::default());
        }
        let end = &mut self.ends[entry as usize];
        let generation = (end.generation + 1) & ((1 << (32 - ENTRY_BITS)) - 1);
        let called = state == EndState::Opening;
        *end = End { last_arrival: Time::ZERO, peer, peer_end: peer_end.0, generation, state, called };
        EndRef::new(entry, generation)
    }

    /// Shows where in memory an end is.
    #[inline]
    pub fn warm(&self, name: EndRef, show: impl Fn(*const u8)) {
        self.warm_at(name.entry(), show);
    }

    /// Shows where in memory the end at an entry is.
    #[inline]
    pub fn warm_at(&self, entry: u32, show: impl Fn(*const u8)) {
        if let Some(end) = self.ends.get(entry as usize) {
            show(core::ptr::from_ref(end).cast());
        }
    }

    /// The end at an entry.
    #[inline]
    pub fn at(&mut self, entry: u32) -> &mut End {
        &mut self.ends[entry as usize]
    }

    /// What names the end at an entry.
    #[inline]
    pub fn name(&self, entry: u32) -> EndRef {
        EndRef::new(entry, self.ends[entry as usize].generation)
    }

    /// The end of this name, if it still stands.
    #[inline]
    pub fn find(&mut self, name: EndRef) -> Option<&mut End> {
        self.ends
            .get_mut(name.entry() as usize)
            .filter(|end| end.generation == name.generation() && end.state != EndState::Free)
    }

    /// The end of this name, also when it stands no more, as long as no other has taken its place.
    pub fn recall(&self, name: EndRef) -> Option<&End> {
        self.ends.get(name.entry() as usize).filter(|end| name.is_named() && end.generation == name.generation())
    }

    /// Whether the end of this name still stands.
    pub fn stands(&self, name: EndRef) -> bool {
        self.recall(name).is_some_and(|end| end.state != EndState::Free)
    }

    /// The host at the other end of the connection at an entry.
    pub fn peer(&self, entry: u32) -> u32 {
        self.ends[entry as usize].peer
    }

    /// The end that is connected to this end of a peer.
    pub fn connected_to(&self, peer: u32, peer_end: EndRef) -> Option<EndRef> {
        let entry = self.ends.iter().position(|end| {
            end.peer == peer && end.peer_end == peer_end.0 && !matches!(end.state, EndState::Free | EndState::Opening)
        })?;
        Some(self.name(entry as u32))
    }

    /// The connection at this entry is no more.
    #[inline]
    pub fn close(&mut self, entry: u32) {
        self.ends[entry as usize].state = EndState::Free;
    }

    /// The host is gone, and all its connections with it.
    pub fn close_all(&mut self) {
        self.ends.iter_mut().for_each(|end| end.state = EndState::Free);
    }

    /// The bytes held.
    pub fn memory(&self) -> usize {
        self.ends.memory()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_name_finds_nothing() {
        let mut ends = Ends::default();
        let first = ends.open(3, 9, EndRef::NONE, EndState::Opening);
        ends.close(3);
        let second = ends.open(3, 9, EndRef(5), EndState::Open);
        assert!(ends.find(first).is_none());
        assert!(ends.find(second).is_some());
        assert_eq!(ends.connected_to(9, EndRef(5)), Some(second));
        ends.close_all();
        assert!(ends.find(second).is_none());
    }
}
