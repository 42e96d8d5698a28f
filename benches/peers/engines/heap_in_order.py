"""Plain Python and `heapq`, with only the next message of each fan-out in the heap: the best form for a storm.

A message's latency depends on nothing but its two ends, so all arrivals of a fan-out are known when it is sent, and so
are those of its answers. NumPy sorts them, and the heap merges what is sorted. It stays as small as the zone, and each
message is still handled alone, in strict order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush, heapreplace

import numpy as np

from peers import _latencies
from peers._latencies import Times
from peers._work import PATIENCE, Outcome


def storm(hosts: int) -> Outcome:
    """A message is its arrival, then the host that is asked, then the stream that it is of.

    A host has two streams: its ELECTs, by twice its number, and the ACKs to them, by one more.
    """
    bits = hosts.bit_length() + 1
    of_stream, to_time = (1 << bits) - 1, 2 * bits
    alive = hosts - 1
    heap: list[int] = []
    following: list[Callable[[], int]] = [iter([0]).__next__] * (2 * alive)
    starts = [-1] * alive
    acknowledged = bytearray(alive)
    patience: deque[tuple[int, int]] = deque()
    elects = acks = 0

    def stream(number: int, arrivals: Times, asked: Times) -> None:
        messages = arrivals << to_time | asked << bits | number
        messages.sort()
        following[number] = iter(messages.data).__next__
        heappush(heap, following[number]())

    def start(host: int, now: int) -> None:
        nonlocal elects
        starts[host] = now
        elects += alive - host
        patience.append((now + PATIENCE << to_time, host))
        if host + 1 < alive:
            arrivals = _latencies.from_source(host, host + 1, alive).astype(np.int64) + now
            asked = np.arange(host + 1, alive, dtype=np.int64)
            stream(2 * host, arrivals, asked)
            stream(2 * host + 1, arrivals + _latencies.to_target(host, host + 1, alive), asked)

    start(0, 0)
    winner = -1
    while winner < 0:
        until, waits = patience[0]
        while heap and heap[0] < until:
            message = heap[0]
            number = message & of_stream
            try:
                heapreplace(heap, following[number]())
            except StopIteration:
                heappop(heap)
            if number & 1:
                acknowledged[number >> 1] = True
            else:
                acks += 1
                host = message >> bits & of_stream
                if starts[host] < 0:
                    start(host, message >> to_time)
        patience.popleft()
        if not acknowledged[waits]:
            winner = waits

    now = until >> to_time
    heard = sorted((_latencies.from_source(winner, 0, winner).astype(np.int64) + now).tolist())
    # The dead one is told too, and does not hear it.
    messages = {"ELECT": elects, "ACK": acks, "DECLARE": len(heard) + 1}
    return Outcome(messages, ended=heard[-1], winner=winner, times=starts)
