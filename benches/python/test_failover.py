"""A zone loses its collector and elects another: imafarm, and the same election in plain Python.

The two do not do the same work. imafarm boots the zone, binds, elects, closes and counts every message and byte of it,
through a connection cache of 512 entries. The plain one is the storm alone, bare messages on a heap, everybody bound
already; what it costs to a host more is what imafarm's bindings, cache and ledger have to be set against.

`IMAFARM_BENCH_HOSTS=3000,10000` chooses other sizes than the short ones.
"""

from __future__ import annotations

import os
import random
from heapq import heappop, heappush

import pytest
import trio
from pytest_benchmark.fixture import BenchmarkFixture

import imafarm

SIZES = [int(hosts) for hosts in os.environ.get("IMAFARM_BENCH_HOSTS", "300,1000").split(",")]
PLAIN_MOST = 3_000
"""Beyond so many hosts the plain one takes minutes, and gigabytes."""
LATENCY, JITTER = 0.0003, 0.0001


def emulated(hosts: int) -> int:
    """How many ELECT_MASTERs were sent in a failover of a zone of `hosts`."""

    async def main() -> int:
        async with imafarm.open_emulated_farm(hosts=hosts, seed=7) as farm:
            old = await farm.wait_master("Z1")
            await farm.crash(old)
            with trio.fail_after(300):
                await farm.wait_master("Z1", other_than=old)
            return farm.statistics().messages["ELECT_MASTER"].sent

    return imafarm.run(main)


def plain(hosts: int) -> int:
    """The same of hosts ranked 0 to `hosts` - 1, the highest of which is dead; the lowest finds out."""
    draw = random.Random(7).random
    events: list[tuple[float, int, int, bool]] = [(0.0, 0, -1, False)]
    started = [False] * hosts
    acknowledged = [False] * hosts
    elects = 0
    while events:
        now, target, source, is_ack = heappop(events)
        if is_ack:
            acknowledged[target] = True
            continue
        if source >= 0:
            heappush(events, (now + LATENCY + JITTER * draw(), source, target, True))
        if started[target]:
            continue
        started[target] = True
        for higher in range(target + 1, hosts):
            elects += 1
            if higher < hosts - 1:
                heappush(events, (now + LATENCY + JITTER * draw(), higher, target, False))
    assert [host for host in range(hosts - 1) if not acknowledged[host]] == [hosts - 2]
    return elects


@pytest.mark.benchmark(group="failover")
@pytest.mark.parametrize("hosts", SIZES)
def test_failover_emulated(benchmark: BenchmarkFixture, hosts: int) -> None:
    elects = benchmark(emulated, hosts)
    assert elects > hosts**2 // 4


@pytest.mark.benchmark(group="failover")
@pytest.mark.parametrize("hosts", [hosts for hosts in SIZES if hosts <= PLAIN_MOST])
def test_failover_plain(benchmark: BenchmarkFixture, hosts: int) -> None:
    elects = benchmark(plain, hosts)
    assert elects == hosts * (hosts - 1) // 2
