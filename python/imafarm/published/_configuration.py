"""The published operations that have to do with the data store, or should not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from fractions import Fraction

import trio

from imafarm.farm import EventKind
from imafarm.published._bench import HERE, NOTICING, THERE, Amounts, Bench, Flow, Running
from imafarm.published._figures import (
    EACH_READ,
    EACH_SERVER,
    ELECTION_READS,
    FIRST_READ,
    KILOBYTE,
    LIMIT,
    LOGON_READS,
    PUBLISHING,
    START_FAR,
    START_NEAR,
    Direction,
)
from imafarm.topology import StorePlan

OUT, BACK, READ = Direction.TRANSMITTED, Direction.RECEIVED, Direction.READ
NOTICE = ("CONFIG_CHANGE",)
FURTHER = 10
"""By how many servers one farm is larger than another, where what each adds is measured."""
NEAR_SECONDS, FAR_SECONDS = 0.002, 0.1
"""The round trips to the data store for which it was published how long a start took."""
MOST_SECONDS = 3_600.0
"""After which a start is given up."""
SHORTEST, LONGEST = 1, 128 * KILOBYTE
"""Between these is the limit of what is broadcast."""


async def starts(bench: Bench) -> Amounts:
    """What a server reads when it starts, in a farm of one and in one of several."""
    async with bench.farm(1) as running:
        first = running.store_bytes()
    last = f"H{FURTHER + 1}"
    async with bench.farm(FURTHER + 1, off=[last]) as running:
        later = await _read_during(running, lambda: running.farm.start(last))
        is_up = running.farm.host_state(last).role == "member"
    return {
        (FIRST_READ, READ): first or None,
        (EACH_READ, READ): Fraction(later - first, FURTHER) if first and is_up else None,
    }


async def start_times(bench: Bench) -> Amounts:
    """How long a start takes when the data store is near, and when it is far."""
    if START_NEAR not in bench.wanted:
        return {}
    near, far = await _start(bench, NEAR_SECONDS), await _start(bench, FAR_SECONDS)
    return {(START_NEAR, READ): near, (START_FAR, READ): None if far is None else far / 60}


async def _start(bench: Bench, round_trip_seconds: float) -> Fraction | None:
    """The seconds that one server's start takes, to the millisecond."""
    plan = StorePlan(round_trip_seconds=round_trip_seconds)
    async with bench.unstarted(1, store=plan) as farm:
        began = trio.current_time()
        with trio.move_on_after(MOST_SECONDS):
            await farm.start("H1")
            up = await farm.wait_event(EventKind.HOST_UP, host="H1")
            return Fraction(round((up.seconds - began) * 1_000), 1_000)
        return None


# ---- changes -----------------------------------------------------------------------------------------------------


async def publishing(bench: Bench) -> Amounts:
    """An application is published on all servers of a farm, and of a larger one."""
    small, large = 2, 2 + FURTHER // 2
    little, much = await _publish(bench, small), await _publish(bench, large)
    if little is None or much is None:
        return {(PUBLISHING, OUT): None, (PUBLISHING, BACK): None, (EACH_SERVER, OUT): None}
    transmitted, received = little.both_ways()
    return {
        (PUBLISHING, OUT): transmitted,
        (PUBLISHING, BACK): received,
        (EACH_SERVER, OUT): Fraction(much.bytes() - little.bytes(), FURTHER),
    }


async def _publish(bench: Bench, hosts_in_zone: int) -> Flow | None:
    """What is sent in a farm of two zones; `None` if not all have heard of it."""
    async with bench.farm(2 * hosts_in_zone, 2) as running:
        farm, made = running.farm, list[int]()

        async def publish() -> None:
            made.append(await farm.publish("Winword", at=running.members()[0]))

        flow = await running.during(publish)
        return flow if all(farm.change_of(host) == made[0] for host in farm.host_names) else None


async def limit(bench: Bench) -> Amounts:
    """The length from which on a change is not broadcast, by halving: it is told below and not above."""
    async with bench.farm(4, 2) as running:
        told, untold = SHORTEST, LONGEST
        if not await _is_broadcast(running, told) or await _is_broadcast(running, untold):
            return {(LIMIT, OUT): None}
        while untold - told > 1:
            middle = (told + untold) // 2
            if await _is_broadcast(running, middle):
                told = middle
            else:
                untold = middle
        return {(LIMIT, OUT): untold}


async def _is_broadcast(running: Running, size_bytes: int) -> bool:
    """Whether the other zone hears of a change of this length."""
    console = running.members()[0]
    flow = await running.during(lambda: running.farm.change_configuration(size_bytes, at=console))
    return flow.sent(HERE, THERE, NOTICE) > 0


# ---- without the data store --------------------------------------------------------------------------------------


async def logons(bench: Bench) -> Amounts:
    """What is read from the data store when a user logs on; they do, too, while it is down."""
    async with bench.farm(4, 2) as running:
        farm, host = running.farm, running.members()[0]
        read = await _read_during(running, lambda: farm.logon(host))
        await farm.store_down()
        read += await _read_during(running, lambda: farm.logon(host))
        are_known = len(farm.sessions(HERE, at=running.collectors[THERE])) == 2
        return {(LOGON_READS, READ): read if are_known else None}


async def elections(bench: Bench) -> Amounts:
    """What is read from the data store when a collector is lost and another elected; one is, too, while it is down."""
    async with bench.farm(4, settings=NOTICING) as running:
        farm, first = running.farm, running.collectors[HERE]
        read = await _read_during(running, lambda: _lose(running, first))
        await farm.store_down()
        second = farm.masters[HERE]
        if second is None:
            return {(ELECTION_READS, READ): None}
        read += await _read_during(running, lambda: _lose(running, second))
        return {(ELECTION_READS, READ): read if farm.masters[HERE] not in (None, first, second) else None}


async def _lose(running: Running, collector: str) -> None:
    await running.farm.crash(collector)
    await running.farm.wait_master(HERE, other_than=collector)


async def _read_during(running: Running, act: Callable[[], Awaitable[object]]) -> int:
    """The bytes that all hosts read from the data store while something happens."""
    before = running.store_bytes()
    await running.during(act)
    return running.store_bytes() - before
