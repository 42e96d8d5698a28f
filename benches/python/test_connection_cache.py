"""The connection cache under skewed use, beside an OrderedDict."""

import random
from array import array
from collections import OrderedDict
from typing import Any

import pytest

from imafarm._imafarm import ConnectionCache

CAPACITY = 1_000
PEERS = [int(random.Random(7 + use).paretovariate(0.5)) % 5_000 for use in range(20_000)]


def with_ordered_dict() -> int:
    """How many uses found an open binding, in plain Python."""
    entries: OrderedDict[int, None] = OrderedDict()
    hits = 0
    for peer in PEERS:
        if peer in entries:
            entries.move_to_end(peer)
            hits += 1
        else:
            if len(entries) >= CAPACITY:
                entries.popitem(last=False)
            entries[peer] = None
    return hits


def with_use() -> int:
    """The same by single calls."""
    cache = ConnectionCache(CAPACITY)
    for peer in PEERS:
        cache.use(peer)
    return int(cache.statistics()["hit"])


def with_use_many() -> int:
    """The same in bulk."""
    cache = ConnectionCache(CAPACITY)
    cache.use_many(_BUFFER)
    return int(cache.statistics()["hit"])


_BUFFER = array("I", PEERS)


@pytest.mark.benchmark(group="connection cache")
@pytest.mark.parametrize("way", [with_ordered_dict, with_use, with_use_many], ids=lambda way: way.__name__[5:])
def test_connection_cache(benchmark: Any, way: Any) -> None:
    assert benchmark(way) == with_ordered_dict()
