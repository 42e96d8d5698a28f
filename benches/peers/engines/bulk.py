"""NumPy, with fan-outs settled in bulk.

No message is faster than `LEAST_LATENCY`, so a host whose start, as far as is known, is less than that after the
earliest one's will not start sooner: it is final. All that are final are settled as one batch: of each ELECT the
arrival, and its minimum into the target's start; of each ACK the arrival, and its minimum into the source's first ACK.
Every message is evaluated; none is on a queue.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peers import _latencies
from peers._latencies import Times
from peers._work import (
    BEATS,
    LEAST_LATENCY,
    PATIENCE,
    PERIOD,
    SOURCE_FACTOR,
    TARGET_FACTOR,
    WORD,
    Outcome,
)

FOREVER = np.int64(1 << 62)
BLOCK_MESSAGES = 1 << 14
"""So many ELECTs are evaluated by one call, so that they stay in a core's own cache."""


class Storm:
    """What is known of the hosts that are alive. A start or an ACK that is not known yet is `FOREVER`."""

    def __init__(self, alive: int) -> None:
        self.starts: Times = np.full(alive, FOREVER)
        self.starts[0] = 0
        self.first_acks: Times = np.full(alive, FOREVER)
        self.elects = self.acks = 0
        numbers = np.arange(alive, dtype=np.uint32)
        self._as_source, self._as_target = numbers * np.uint32(SOURCE_FACTOR), numbers * np.uint32(TARGET_FACTOR)
        most = max(BLOCK_MESSAGES, alive)
        self._arrivals, self._ways_back, self._spare = (np.empty(most, dtype=np.uint32) for _ in range(3))

    def settle(self, batch: NDArray[np.intp]) -> None:
        """Settles hosts whose starts are final, neighbours together."""
        alive = len(self.starts)
        for run in np.split(batch, np.flatnonzero(np.diff(batch) != 1) + 1):
            first, last = int(run[0]), int(run[-1])
            while first <= last:
                end = min(last + 1, first + max(1, BLOCK_MESSAGES // (alive - first)))
                self._settle_neighbours(first, end)
                first = end

    def _settle_neighbours(self, first: int, end: int) -> None:
        """Settles the hosts `first` to `end` - 1. In a table, a row is what one host sends."""
        alive, rows = len(self.starts), end - first
        columns = alive - first - 1
        # The dead one is asked too, and does not answer.
        self.elects += rows * (columns + 1) - rows * (rows - 1) // 2
        if columns == 0:
            return
        shape, size = (rows, columns), rows * columns
        arrivals, ways_back, spare = (
            table[:size].reshape(shape) for table in (self._arrivals, self._ways_back, self._spare)
        )
        starts = self.starts[first:end]
        begin = starts.min()
        np.add(self._as_source[first:end, np.newaxis], self._as_target[np.newaxis, first + 1 :], out=arrivals)
        np.add(self._as_source[np.newaxis, first + 1 :], self._as_target[first:end, np.newaxis], out=ways_back)
        _latencies.mix(arrivals, spare)
        _latencies.mix(ways_back, spare)
        arrivals += (starts - begin).astype(np.uint32)[:, np.newaxis]
        # Nobody asks a neighbour ranked lower.
        arrivals[:, :rows][np.tri(rows, min(rows, columns), -1, dtype=np.bool_)] = WORD >> 1
        ways_back += arrivals
        self.acks += size - rows * (rows - 1) // 2
        asked = self.starts[first + 1 :]
        np.minimum(asked, arrivals.min(axis=0) + begin, out=asked)
        self.first_acks[first:end] = ways_back.min(axis=1) + begin


def storm(hosts: int) -> Outcome:
    """The first host's ELECTs make the second batch, which is all others."""
    alive = hosts - 1
    known = Storm(alive)
    settled = np.zeros(alive, dtype=np.bool_)
    while not settled.all():
        waiting = np.where(settled, FOREVER, known.starts)
        batch = np.flatnonzero(waiting < waiting.min() + LEAST_LATENCY)
        settled[batch] = True
        known.settle(batch)
    patience_over = known.starts + PATIENCE
    (alone,) = np.flatnonzero(known.first_acks > patience_over)
    winner = int(alone)
    heard = patience_over[winner] + _latencies.from_source(winner, 0, winner)
    # The dead one is told too, and does not hear it.
    messages = {"ELECT": known.elects, "ACK": known.acks, "DECLARE": heard.size + 1}
    return Outcome(messages, ended=int(heard.max()), winner=winner, times=known.starts.tolist())


def heartbeat(hosts: int) -> Outcome:
    """Nothing that one message does changes another, so each is a sum."""
    round_trips = _latencies.to_target(hosts, 0, hosts) + _latencies.from_source(hosts, 0, hosts)
    firsts = _latencies.phases(hosts) + round_trips
    replies = firsts[np.newaxis, :] + (np.arange(BEATS, dtype=np.int64) * PERIOD)[:, np.newaxis]
    messages = {"UPDATE": replies.size, "REPLY": replies.size}
    return Outcome(messages, ended=int(replies.max()), times=replies.max(axis=0).tolist())
