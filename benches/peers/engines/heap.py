"""Plain Python and `heapq`, one entry for each message on its way.

A message is one whole number, which the heap orders by itself. The latencies of a fan-out and of its answers are drawn
at once by NumPy. All time-outs are equally long, so they need no heap, only a queue.
"""

from __future__ import annotations

from collections import deque
from heapq import heapify, heappop, heappush, heapreplace

from peers import _latencies
from peers._work import BEATS, PATIENCE, PERIOD, Outcome, latency


def storm(hosts: int) -> Outcome:
    """A message is its arrival, then whether it is an ACK, then its target and its source."""
    bits = hosts.bit_length()
    of_host, is_ack, to_time = (1 << bits) - 1, 1 << 2 * bits, 2 * bits + 1
    alive = hosts - 1
    heap: list[int] = []
    starts = [-1] * alive
    acknowledged = bytearray(alive)
    ways_back: list[memoryview[int]] = [memoryview(bytearray())] * alive
    patience: deque[tuple[int, int]] = deque()
    elects = acks = 0

    def start(host: int, now: int) -> None:
        nonlocal elects
        starts[host] = now
        elects += alive - host
        patience.append((now + PATIENCE << to_time, host))
        arrivals = _latencies.from_source(host, host + 1, alive).astype("int64") + now
        for target, arrival in enumerate(arrivals.tolist(), host + 1):
            heappush(heap, arrival << to_time | target << bits | host)
        ways_back[host] = _latencies.to_target(host, host + 1, alive).data

    start(0, 0)
    winner = -1
    while winner < 0:
        until, waits = patience[0]
        while heap and heap[0] < until:
            message = heap[0]
            host = message >> bits & of_host
            if message & is_ack:
                acknowledged[host] = True
                heappop(heap)
                continue
            source, now = message & of_host, message >> to_time
            acks += 1
            heapreplace(heap, now + ways_back[source][host - source - 1] << to_time | is_ack | source << bits | host)
            if starts[host] < 0:
                start(host, now)
        patience.popleft()
        if not acknowledged[waits]:
            winner = waits

    now = until >> to_time
    heap = (_latencies.from_source(winner, 0, winner).astype("int64") + now).tolist()
    heapify(heap)
    heard = 0
    while heap:
        now = heappop(heap)
        heard += 1
    # The dead one is told too, and does not hear it.
    messages = {"ELECT": elects, "ACK": acks, "DECLARE": heard + 1}
    return Outcome(messages, ended=now, winner=winner, times=starts)


def heartbeat(hosts: int) -> Outcome:
    """A message is its arrival, then its kind, then the member it is from or to."""
    bits = hosts.bit_length()
    of_host, to_time = (1 << bits) - 1, bits + 2
    beat, update, reply = 0, 1 << bits, 2 << bits
    there = [latency(member, hosts) << to_time for member in range(hosts)]
    back = [latency(hosts, member) << to_time for member in range(hosts)]
    heap = [phase << to_time | beat | member for member, phase in enumerate(_latencies.phases(hosts).tolist())]
    heapify(heap)
    last_beats = PERIOD * (BEATS - 1) << to_time
    last_replies = [0] * hosts
    updates = replies = 0
    while heap:
        message = heap[0]
        member = message & of_host
        if message & reply:
            heappop(heap)
            last_replies[member] = message >> to_time
        elif message & update:
            replies += 1
            heapreplace(heap, message + back[member] + (reply - update))
        else:
            updates += 1
            if message < last_beats:
                heapreplace(heap, message + (PERIOD << to_time))
                heappush(heap, message + there[member] + update)
            else:
                heapreplace(heap, message + there[member] + update)
    messages = {"UPDATE": updates, "REPLY": replies}
    return Outcome(messages, ended=max(last_replies), times=last_replies)
