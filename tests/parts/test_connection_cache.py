"""ConnectionCache: exact order of use, bindings in progress, and an oracle that agrees at every step."""

from array import array
from collections import Counter, OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imafarm._imafarm import ConnectionCache

HIT, OPENED, WAITS = ConnectionCache.HIT, ConnectionCache.OPENED, ConnectionCache.WAITS


def test_a_host_keeps_512_open_bindings_unless_told_otherwise() -> None:
    """IMA Information, "How many connections to servers in the farm"."""
    cache = ConnectionCache()
    assert cache.capacity == 512
    assert set(cache.use_many(range(512))) == {OPENED}
    assert cache.use(512) == 0


def test_the_least_recently_used_binding_makes_room() -> None:
    cache = ConnectionCache(2)
    assert [cache.use(peer) for peer in (7, 8, 7, 9, 8)] == [OPENED, OPENED, HIT, 8, 7]
    assert list(cache.peers()) == [9, 8]
    assert 9 in cache and 7 not in cache
    assert repr(cache) == "<ConnectionCache of 2: 2 open>"


def test_a_binding_in_progress_is_never_the_victim() -> None:
    cache = ConnectionCache(2)
    assert cache.begin(1) == OPENED
    assert cache.use(2) == OPENED
    assert cache.use(3) == 2
    assert (len(cache), cache.in_progress) == (2, 1)
    cache.complete(1)
    assert list(cache.peers()) == [3, 1]


def test_when_all_are_in_progress_a_further_one_waits() -> None:
    cache = ConnectionCache(2)
    assert [cache.begin(1), cache.begin(2), cache.use(3), cache.begin(4)] == [OPENED, OPENED, WAITS, WAITS]
    assert 3 not in cache
    assert cache.use(1) == HIT
    assert cache.in_progress == 2
    cache.close(2)
    assert cache.use(3) == OPENED


def test_a_use_of_a_binding_in_progress_does_not_complete_it() -> None:
    cache = ConnectionCache(2)
    cache.begin(1)
    assert cache.use(1) == cache.begin(1) == HIT
    assert cache.in_progress == 1


def test_what_is_not_there_cannot_be_completed_or_closed() -> None:
    cache = ConnectionCache(2)
    cache.use(1)
    with pytest.raises(KeyError, match="peer 1 has no binding in progress"):
        cache.complete(1)
    for peer in (2, -1, 2**40):
        with pytest.raises(KeyError, match=f"peer {peer} has no binding open"):
            cache.close(peer)
        assert peer not in cache


def test_everything_that_happens_is_counted() -> None:
    cache = ConnectionCache(2)
    for peer in (1, 1, 2, 3):
        cache.use(peer)
    cache.close(3)
    cache.begin(4)
    cache.begin(5)
    cache.use(6)
    assert cache.statistics() == {
        "opened": 5, "hit": 1, "evicted": 2, "closed": 1, "waited": 1, "active": 0, "in_progress": 2,
    }  # fmt: skip


@pytest.mark.parametrize("capacity", [0, -1, 2**20 + 1])
def test_a_capacity_out_of_range_is_refused(capacity: int) -> None:
    with pytest.raises(ValueError, match=f"capacity: {capacity} is out of range, 1 to 1048576"):
        ConnectionCache(capacity)


def test_a_peer_out_of_range_is_refused_and_nothing_is_used() -> None:
    cache = ConnectionCache(2)
    for peer in (-1, 2**32 - 1, 2**70):
        with pytest.raises(ValueError, match=f"peer: {peer} is out of range, 0 to 4294967294"):
            cache.use(peer)
    with pytest.raises(ValueError, match=r"peers\[1\]: -1 is out of range"):
        cache.use_many(array("q", [1, -1]))
    assert (len(cache), cache.use(2**32 - 2)) == (0, OPENED)


class Oracle:
    """The same cache as a few lines of Python."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.active: OrderedDict[int, None] = OrderedDict()
        self.in_progress: set[int] = set()
        self.counts: Counter[str] = Counter()

    def reach(self, peer: int, complete: bool) -> int:
        if peer in self.active or peer in self.in_progress:
            if peer in self.active:
                self.active.move_to_end(peer)
            self.counts["hit"] += 1
            return HIT
        outcome = OPENED
        if len(self.active) + len(self.in_progress) == self.capacity:
            if not self.active:
                self.counts["waited"] += 1
                return WAITS
            outcome, _ = self.active.popitem(last=False)
            self.counts["evicted"] += 1
        self.counts["opened"] += 1
        if complete:
            self.active[peer] = None
        else:
            self.in_progress.add(peer)
        return outcome


steps = st.lists(
    st.tuples(st.sampled_from(["use", "use", "begin", "complete", "close"]), st.integers(0, 12)), max_size=120
)


@given(capacity=st.integers(1, 6), steps=steps)
def test_the_cache_does_as_its_oracle(capacity: int, steps: list[tuple[str, int]]) -> None:
    cache, oracle = ConnectionCache(capacity), Oracle(capacity)
    for verb, peer in steps:
        match verb:
            case "use":
                assert cache.use(peer) == oracle.reach(peer, complete=True)
            case "begin":
                assert cache.begin(peer) == oracle.reach(peer, complete=False)
            case "complete" if peer in oracle.in_progress:
                cache.complete(peer)
                oracle.in_progress.remove(peer)
                oracle.active[peer] = None
            case "close" if peer in cache:
                cache.close(peer)
                oracle.active.pop(peer, None)
                oracle.in_progress.discard(peer)
                oracle.counts["closed"] += 1
        assert list(cache.peers()) == list(oracle.active)
        assert len(cache) == len(oracle.active) + len(oracle.in_progress)
        assert cache.in_progress == len(oracle.in_progress)
    counted = cache.statistics()
    assert {key: counted[key] for key in ("opened", "hit", "evicted", "closed", "waited")} == {
        key: oracle.counts[key] for key in ("opened", "hit", "evicted", "closed", "waited")
    }


@given(capacity=st.integers(1, 20), peers=st.lists(st.integers(0, 40), max_size=200))
def test_bulk_says_what_single_calls_say(capacity: int, peers: list[int]) -> None:
    single, bulk = ConnectionCache(capacity), ConnectionCache(capacity)
    assert list(bulk.use_many(array("I", peers))) == [single.use(peer) for peer in peers]
    assert (bulk.peers(), bulk.statistics()) == (single.peers(), single.statistics())
