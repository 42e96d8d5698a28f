//! `imafarm.ConnectionCache`

use imafarm_proto::host_resolver as proto;
use imafarm_proto::host_resolver::Standing;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::columns::{Column, Whole, array_of_i64, array_of_u32};

/// The largest number a peer can have; one more stands for a peer that is not known yet.
const PEER_MAX: u64 = u32::MAX as u64 - 1;
const CAPACITY_MAX: u64 = 1 << 20;

const HIT: i64 = -1;
const OPENED: i64 = -2;
const WAITS: i64 = -3;

/// The open bindings of one host, `MaxHostAddressCacheEntries` at most (IMA Information, "How many connections to
/// servers in the farm"); the one used least recently makes room, exactly.
///
/// A binding is in progress or active. Both count as open; only an active one may be torn down. Peers are numbers, 0 to
/// 2**32 - 2, such as the indexes of a HostResolver.
///
/// What a use of a peer came to is one number: HIT, OPENED, WAITS, or else, 0 and above, the peer whose binding was
/// torn down to open this one.
///
/// capacity: open bindings, 1 to 2**20
///
/// Raises ValueError for a capacity or peer out of range.
#[pyclass(module = "imafarm")]
pub struct ConnectionCache {
    cache: proto::ConnectionCache<()>,
    counts: Counts,
}

/// What happened so far, in bindings.
#[derive(Default)]
struct Counts {
    opened: u64,
    hit: u64,
    evicted: u64,
    closed: u64,
    waited: u64,
}

impl ConnectionCache {
    /// Uses the binding to `peer`; opens one, in progress, when there is none.
    fn reach(&mut self, peer: u32) -> (i64, Option<proto::EntryIndex>) {
        if let Some(entry) = self.cache.find(peer) {
            self.cache.touch(entry);
            self.counts.hit += 1;
            return (HIT, None);
        }
        let mut outcome = OPENED;
        if !self.cache.has_room() {
            let Some(victim) = self.cache.least_recently_used() else {
                self.counts.waited += 1;
                return (WAITS, None);
            };
            outcome = self.cache.peer(victim).map_or(OPENED, i64::from);
            self.cache.remove(victim);
            self.counts.evicted += 1;
        }
        self.counts.opened += 1;
        (outcome, Some(self.cache.open(Some(peer), ())))
    }

    fn reach_active(&mut self, peer: u32) -> i64 {
        let (outcome, opened) = self.reach(peer);
        if let Some(entry) = opened {
            self.cache.activate(entry);
        }
        outcome
    }

    /// The open binding to `peer`, if it stands so.
    fn open_entry(&self, peer: Whole, wanted: &[Standing], what: &str) -> PyResult<proto::EntryIndex> {
        let entry = u32::try_from(peer.0).ok().and_then(|peer| self.cache.find(peer));
        let entry = entry.filter(|&entry| wanted.contains(&self.cache.standing(entry)));
        entry.ok_or_else(|| PyKeyError::new_err(format!("peer {} has no binding {what}", peer.0)))
    }
}

fn peer(peer: Whole) -> PyResult<u32> {
    Ok(peer.within("peer", 0, PEER_MAX)? as u32)
}

#[pymethods]
impl ConnectionCache {
    /// The peer had an open binding.
    #[classattr]
    const HIT: i64 = HIT;
    /// There was room for a new binding.
    #[classattr]
    const OPENED: i64 = OPENED;
    /// All entries are in progress: nothing was opened, the peer has to wait its turn.
    #[classattr]
    const WAITS: i64 = WAITS;

    #[new]
    #[pyo3(signature = (capacity=Whole(512)), text_signature = "(capacity=512)")]
    fn new(capacity: Whole) -> PyResult<ConnectionCache> {
        let capacity = capacity.within("capacity", 1, CAPACITY_MAX)? as u32;
        Ok(ConnectionCache { cache: proto::ConnectionCache::new(capacity), counts: Counts::default() })
    }

    /// Uses the binding to a peer, which becomes the most recently used; opens one, active at once, if there is none.
    fn r#use(&mut self, peer: Whole) -> PyResult<i64> {
        Ok(self.reach_active(self::peer(peer)?))
    }

    /// As use, for each of these peers in turn. When one is out of range, none is used.
    ///
    /// peers: a buffer of integers (`array.array`, NumPy), a list or an iterable
    ///
    /// Returns an array of type code 'q', with what each use came to.
    #[pyo3(signature = (peers: "Buffer | Iterable[int]") -> "array.array[int]")]
    fn use_many<'py>(slf: &Bound<'py, Self>, peers: Column<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(position) = peers.numbers.iter().position(|&peer| peer > PEER_MAX) {
            peers.within("peers", position, 0, PEER_MAX)?;
        }
        let this = &mut *slf.try_borrow_mut()?;
        let outcomes: Vec<i64> = peers.numbers.iter().map(|&peer| this.reach_active(peer as u32)).collect();
        array_of_i64(slf.py(), &outcomes)
    }

    /// As use, but a new binding stays in progress, where it cannot be torn down, until it is completed or closed.
    fn begin(&mut self, peer: Whole) -> PyResult<i64> {
        Ok(self.reach(self::peer(peer)?).0)
    }

    /// The binding to a peer, in progress, becomes active and the most recently used. Raises KeyError.
    fn complete(&mut self, peer: Whole) -> PyResult<()> {
        let entry = self.open_entry(peer, &[Standing::InProgress], "in progress")?;
        self.cache.activate(entry);
        Ok(())
    }

    /// Closes the binding to a peer. Raises KeyError.
    fn close(&mut self, peer: Whole) -> PyResult<()> {
        let entry = self.open_entry(peer, &[Standing::InProgress, Standing::Active], "open")?;
        self.cache.remove(entry);
        self.counts.closed += 1;
        Ok(())
    }

    /// How many bindings are open, in progress or active.
    fn __len__(&self) -> usize {
        self.cache.open_count() as usize
    }

    /// Whether a peer has an open binding.
    fn __contains__(&self, peer: Whole) -> bool {
        self.open_entry(peer, &[Standing::InProgress, Standing::Active], "open").is_ok()
    }

    fn __repr__(&self) -> String {
        format!("<ConnectionCache of {}: {} open>", self.cache.capacity(), self.cache.open_count())
    }

    /// How many bindings may be open.
    #[getter]
    fn capacity(&self) -> u32 {
        self.cache.capacity()
    }

    /// How many bindings are in progress.
    #[getter]
    fn in_progress(&self) -> u32 {
        self.cache.in_progress_count()
    }

    /// The peers of the active bindings, least recently used first.
    #[pyo3(signature = () -> "array.array[int]")]
    fn peers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let peers: Vec<u32> = self.cache.by_use().filter_map(|entry| self.cache.peer(entry)).collect();
        array_of_u32(py, &peers)
    }

    /// Bindings opened, hit, evicted, closed and waited for since the cache was made, and active and in_progress now.
    #[pyo3(signature = () -> "dict[str, int]")]
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let row = PyDict::new(py);
        row.set_item("opened", self.counts.opened)?;
        row.set_item("hit", self.counts.hit)?;
        row.set_item("evicted", self.counts.evicted)?;
        row.set_item("closed", self.counts.closed)?;
        row.set_item("waited", self.counts.waited)?;
        row.set_item("active", self.cache.active_count())?;
        row.set_item("in_progress", self.cache.in_progress_count())?;
        Ok(row)
    }
}
