"""Many latencies at once, for engines in Python: what `latency` and `phase` give one by one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peers._work import (
    JITTER_SCALE,
    LEAST_LATENCY,
    MIX,
    PERIOD,
    SOURCE_FACTOR,
    TARGET_FACTOR,
    WORD,
)

Words = NDArray[np.uint32]
Times = NDArray[np.int64]


def from_source(source: int, first: int, end: int) -> Words:
    """The latencies from one host to the hosts `first` to `end` - 1, in ns."""
    words = _factors(TARGET_FACTOR, first, end) + np.uint32(source * SOURCE_FACTOR & WORD)
    mix(words, np.empty_like(words))
    return words


def to_target(target: int, first: int, end: int) -> Words:
    """The latencies from the hosts `first` to `end` - 1 to one host, in ns."""
    words = _factors(SOURCE_FACTOR, first, end) + np.uint32(target * TARGET_FACTOR & WORD)
    mix(words, np.empty_like(words))
    return words


def phases(members: int) -> Times:
    """When each of the first so many members sends its first update, in ns."""
    words = _factors(SOURCE_FACTOR, 0, members)
    _mix(words, np.empty_like(words))
    return (words.astype(np.uint64) * np.uint64(PERIOD // 1_000) >> np.uint64(32)).astype(np.int64) * 1_000


def mix(words: Words, spare: Words) -> None:
    """Makes latencies in place of what `latency` mixes; `spare` is as large, and written over."""
    _mix(words, spare)
    words >>= np.uint32(16)
    words *= np.uint32(JITTER_SCALE)
    words >>= np.uint32(10)
    words += np.uint32(LEAST_LATENCY)


def _factors(factor: int, first: int, end: int) -> Words:
    return np.arange(first, end, dtype=np.uint32) * np.uint32(factor)


def _mix(words: Words, spare: Words) -> None:
    np.right_shift(words, np.uint32(16), out=spare)
    words ^= spare
    words *= np.uint32(MIX)
    np.right_shift(words, np.uint32(15), out=spare)
    words ^= spare
