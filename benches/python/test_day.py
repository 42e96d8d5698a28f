"""A zone works, with nothing but heartbeats: imafarm, and the same heartbeats in plain Python.

The two do not do the same work. imafarm keeps the default connection cache of 512 entries, so that in a zone of more
hosts nearly every heartbeat calls, binds and has another host torn down: thirteen messages and ends where the plain one
pushes two messages on a heap. Both count their events; what an event costs is what can be compared.

`IMAFARM_BENCH_HOSTS=10000` chooses another size than the short one, `IMAFARM_BENCH_HOURS=24` a whole day.
"""

from __future__ import annotations

import os
import random
from heapq import heapify, heappop, heappush

import pytest
import trio
from pytest_benchmark.fixture import BenchmarkFixture

import imafarm

SIZES = [int(hosts) for hosts in os.environ.get("IMAFARM_BENCH_HOSTS", "1000").split(",")]
HOURS = float(os.environ.get("IMAFARM_BENCH_HOURS", "0.25"))
BOOT_SECONDS = 120.0
HEARTBEAT_SECONDS, PATIENCE_SECONDS = 60.0, 5.0
LATENCY, JITTER = 0.0003, 0.0001


def emulated(hosts: int) -> int:
    """How many heartbeats a zone of `hosts` sends in its boot and in the hours after it."""

    async def main() -> int:
        async with imafarm.open_emulated_farm(hosts=hosts, seed=7) as farm:
            await trio.sleep(BOOT_SECONDS + HOURS * 3600.0)
            return farm.statistics().messages["HEARTBEAT"].sent

    return imafarm.run(main)


def plain(hosts: int) -> int:
    """The heartbeats of `hosts` - 1 members in these hours, and their answers; nobody binds, nobody is ever late."""
    draw = random.Random(7).random
    due, heartbeat, answer = 0, 1, 2
    events = [(HEARTBEAT_SECONDS * draw(), due, member) for member in range(1, hosts)]
    heapify(events)
    heard, answered = [0.0] * hosts, [0.0] * hosts
    heartbeats = 0
    while events and events[0][0] < HOURS * 3600.0:
        now, what, member = heappop(events)
        if what == due:
            assert now - answered[member] < HEARTBEAT_SECONDS + PATIENCE_SECONDS
            heartbeats += 1
            heappush(events, (now + LATENCY + JITTER * draw(), heartbeat, member))
            heappush(events, (now + HEARTBEAT_SECONDS, due, member))
        elif what == heartbeat:
            heard[member] = now
            heappush(events, (now + LATENCY + JITTER * draw(), answer, member))
        else:
            answered[member] = now
    return heartbeats


@pytest.mark.benchmark(group="day")
@pytest.mark.parametrize("hosts", SIZES)
def test_day_emulated(benchmark: BenchmarkFixture, hosts: int) -> None:
    heartbeats = benchmark(emulated, hosts)
    assert heartbeats >= (hosts - 1) * int(HOURS * 60)


@pytest.mark.benchmark(group="day")
@pytest.mark.parametrize("hosts", SIZES)
def test_day_plain(benchmark: BenchmarkFixture, hosts: int) -> None:
    heartbeats = benchmark(plain, hosts)
    assert heartbeats >= (hosts - 1) * int(HOURS * 60)
