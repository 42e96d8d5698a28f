//! Bindings that a host begins with: one to every other host of its zone, without a word of memory for any of them.
//!
//! Where a farm begins bound, the first life of each host starts with an active binding to every other host of its zone,
//! as if the handshakes had passed long ago. Nothing is kept of one that is still as it began. One that is closing or gone
//! is an exception, and a host that is bound to anew has an entry in the cache like any other. From a host's second life
//! on there is nothing left of this.
//!
//! There is no order of use among them, since a cache that has room for all of them need not choose. If it is full all
//! the same, of hosts of other zones or of callers, those have to go first.

use super::{AttemptIndex, Binding, Bindings, State, Wanted};
use crate::host_record::HostIndex;
use crate::host_resolver::{Directory, EntryIndex, Standing};
use crate::message::Kind;
use crate::outbox::{Fan, Sink, Verb};
use crate::time::Time;
use crate::turn::{Identity, Turn};

/// The entry of a binding that its host began with says whom it is with.
const BOUND: u32 = 1 << 31;

impl EntryIndex {
    /// The entry of the binding with a peer that its host began with.
    #[inline]
    pub const fn bound(peer: HostIndex) -> EntryIndex {
        EntryIndex(BOUND | peer.0)
    }

    /// The peer, if this is the entry of a binding that its host began with.
    #[inline]
    pub const fn bound_peer(self) -> Option<HostIndex> {
        if self.0 & BOUND == 0 { None } else { Some(HostIndex(self.0 & !BOUND)) }
    }
}

/// What a host began with, and what has become of it.
#[derive(Debug, Default)]
pub(super) struct Bound {
    /// Since when its service runs; before that, it has no binding.
    since: Option<Time>,
    /// How many bindings it began with.
    peers: u32,
    /// Those that are not active any more, by peer, and whether they are closing.
    exceptions: Vec<(u32, bool)>,
}

impl Bound {
    const fn active_count(&self) -> u32 {
        if self.since.is_some() { self.peers - self.exceptions.len() as u32 } else { 0 }
    }

    fn place_of(&self, peer: HostIndex) -> Result<usize, usize> {
        match self.exceptions.last() {
            Some(&(last, _)) if last < peer.0 => Err(self.exceptions.len()),
            Some(_) | None => self.exceptions.binary_search_by_key(&peer.0, |&(exception, _)| exception),
        }
    }

    fn set(&mut self, peer: HostIndex, closing: bool) {
        match self.place_of(peer) {
            Ok(place) => self.exceptions[place].1 = closing,
            Err(place) => self.exceptions.insert(place, (peer.0, closing)),
        }
    }

    /// Whether the binding to a host of the own zone is as it began.
    #[inline]
    fn has(&self, who: &Identity<'_>, peer: HostIndex) -> bool {
        self.since.is_some() && peer != who.me && who.is_in_zone(peer) && self.place_of(peer).is_err()
    }
}

impl Bindings {
    /// The host's first life is to begin with a binding to every other host of its zone.
    pub fn begin_bound(&mut self) {
        self.bound = Some(Box::default());
    }

    /// A peer has found that the host is not there yet: it will not begin with a binding to that one.
    pub fn begin_without(&mut self, peer: HostIndex) {
        if let Some(bound) = self.bound.as_mut().filter(|bound| bound.since.is_none()) {
            bound.set(peer, false);
        }
    }

    /// Whether the host will begin with bindings, and has not begun.
    pub fn begins_bound(&self) -> bool {
        self.bound.as_ref().is_some_and(|bound| bound.since.is_none())
    }

    /// The service starts: the bindings that it is to begin with are there.
    pub fn start<S: Sink>(&mut self, turn: &Turn<'_, S>) {
        if let Some(bound) = &mut self.bound
            && bound.since.is_none()
        {
            let directory = turn.who.directory;
            bound.since = Some(turn.now);
            bound.peers = directory.zone_hosts(directory.zone(turn.who.me)).len() as u32 - 1;
            self.counts.opened += u64::from(bound.active_count());
        }
    }

    /// The peers with whom the binding is as it began, by index.
    pub(super) fn bound_peers(&self, directory: &Directory, me: HostIndex) -> Vec<HostIndex> {
        let Some(bound) = self.bound.as_ref().filter(|bound| bound.since.is_some()) else { return Vec::new() };
        let peers = directory.zone_hosts(directory.zone(me)).iter().copied();
        let mut peers: Vec<HostIndex> = peers.filter(|&peer| peer != me && bound.place_of(peer).is_err()).collect();
        peers.sort_unstable();
        peers
    }

    /// How many more bindings may be open before one has to go.
    pub fn room(&self) -> u32 {
        self.cache.capacity().saturating_sub(self.cache.open_count() + self.bound_count())
    }

    /// Whether nothing waits to be sent but ELECT_MASTERs, which go to hosts ranked higher.
    pub fn sends_only_up(&self) -> bool {
        let goes_up =
            |wanted: &Wanted| matches!(wanted, Wanted::Fan(fan_out) if fan_out.message().kind() == Kind::ElectMaster);
        self.wanted.iter().all(goes_up)
    }

    /// Messages were sent on bindings that the host began with.
    pub const fn add_hits(&mut self, hits: u64) {
        self.counts.hit += hits;
    }

    pub(super) fn bound_count(&self) -> u32 {
        self.bound.as_ref().map_or(0, |bound| bound.active_count())
    }

    /// The bytes held for them.
    pub(super) fn bound_memory(&self) -> usize {
        self.bound
            .as_ref()
            .map_or(0, |bound| size_of::<Bound>() + bound.exceptions.capacity() * size_of::<(u32, bool)>())
    }

    /// To how many of these hosts of the zone, from the first on, the binding is as it began.
    fn bound_run(&self, order: &[HostIndex]) -> u32 {
        let Some(bound) = self.bound.as_ref().filter(|bound| bound.since.is_some()) else { return 0 };
        match bound.exceptions.is_empty() {
            true => order.len() as u32,
            false => order.iter().take_while(|&&peer| bound.place_of(peer).is_err()).count() as u32,
        }
    }

    /// The open binding with a host, if there is one.
    #[inline]
    pub(super) fn find(&self, who: &Identity<'_>, peer: HostIndex) -> Option<EntryIndex> {
        match &self.bound {
            Some(bound) if bound.has(who, peer) => Some(EntryIndex::bound(peer)),
            Some(_) | None => self.cache.find(peer.0),
        }
    }

    /// The binding at an entry.
    #[inline]
    pub(super) fn look(&self, entry: EntryIndex) -> Binding {
        match entry.bound_peer() {
            None => *self.cache.value(entry),
            Some(peer) => self.look_bound(peer),
        }
    }

    fn look_bound(&self, peer: HostIndex) -> Binding {
        let Some(bound) = &self.bound else { unreachable!("an entry of a host that began with bindings") };
        let state = match bound.place_of(peer) {
            Err(_) => State::Active,
            Ok(place) => {
                debug_assert!(bound.exceptions[place].1, "the binding to {peer:?} is gone");
                State::Closing
            }
        };
        Binding { state, since: bound.since.unwrap_or_default(), attempt: AttemptIndex::NONE }
    }

    /// A binding that the host began with is in this state.
    pub(super) fn set_bound(&mut self, peer: HostIndex, state: State) {
        if state != State::Active
            && let Some(bound) = &mut self.bound
        {
            bound.set(peer, true);
        }
    }

    /// A binding that the host began with is gone; as it was.
    pub(super) fn forget_bound(&mut self, peer: HostIndex) -> Binding {
        let was = self.look_bound(peer);
        if let Some(bound) = &mut self.bound {
            bound.set(peer, false);
        }
        was
    }

    /// Whether the binding at an entry is active.
    #[inline]
    pub(super) fn is_active(&self, entry: EntryIndex) -> bool {
        match (entry.bound_peer(), &self.bound) {
            (Some(peer), Some(bound)) => bound.place_of(peer).is_err(),
            (Some(_), None) => false,
            (None, _) => self.cache.standing(entry) == Standing::Active,
        }
    }

    /// If what is wanted first is a message to many, sends it to those who come next and to whom the binding is as it
    /// began: to all of them by one verb. Whether it could.
    #[inline]
    pub(super) fn fan_on_bound<S: Sink>(&mut self, turn: &mut Turn<'_, S>) -> bool {
        if self.bound.is_none() {
            return false;
        }
        let Some(Wanted::Fan(fan_out)) = self.wanted.front() else { return false };
        let (first, count) = (fan_out.next_position(), self.bound_run(fan_out.next_hosts(&turn.who)));
        if count == 0 {
            return false;
        }
        turn.out.push(Verb::Fan(Box::new(Fan { first, count, message: fan_out.message().clone() })));
        self.counts.hit += u64::from(count);
        if let Some(Wanted::Fan(fan_out)) = self.wanted.front_mut()
            && fan_out.advance_by(count)
        {
            self.wanted.pop_front();
        }
        true
    }

    /// A binding was used.
    #[inline]
    pub(crate) fn touch(&mut self, entry: EntryIndex) {
        if entry.bound_peer().is_none() {
            self.cache.touch(entry);
        }
    }

    /// The one that has to go when there is no room.
    pub(super) fn victim(&self, who: &Identity<'_>) -> Option<EntryIndex> {
        let other = || self.bound_peers(who.directory, who.me).first().copied().map(EntryIndex::bound);
        self.cache.least_recently_used().or_else(other)
    }

    /// Every binding that is not gone, in a fixed order.
    pub(super) fn all_entries(&self, who: &Identity<'_>) -> Vec<EntryIndex> {
        let exceptions = self.bound.iter().flat_map(|bound| &bound.exceptions);
        let closing = exceptions.filter(|(_, closing)| *closing).map(|&(peer, _)| EntryIndex::bound(HostIndex(peer)));
        let active = self.bound_peers(who.directory, who.me).into_iter().map(EntryIndex::bound);
        active.chain(closing).chain(self.cache.entries()).collect()
    }
}
