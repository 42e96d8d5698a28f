"""How hosts keep track of one another while nothing happens: how often, after how long, and how many of them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import trio

from imafarm.farm import EventKind
from imafarm.published._bench import HERE, NOTICING, PATIENCE_SECONDS, THERE, Amount, Amounts, Bench, Flow, Running
from imafarm.published._figures import HEARTBEAT, LOST_PEER, MOST_CONNECTIONS, SILENT_MEMBER, Direction
from imafarm.settings import default_settings

OUT, BOTH = Direction.TRANSMITTED, Direction.BOTH
HEARTBEATS = 1_000
"""Over so many a tenth of a second is a tenth of a millisecond for each: less than the figure is exact to."""
MINUTE_SECONDS = 60
CROWD = 600
"""Hosts of a zone that has more than a host keeps connections open."""


async def heartbeats(bench: Bench) -> Amounts:
    """A member and its collector are left to themselves, and its heartbeats counted."""
    async with bench.farm(2, settings=NOTICING) as running:
        farm, began = running.farm, trio.current_time()
        first = await _seconds_until(running, is_heartbeat, step_seconds=0.1)
        before = farm.links()
        await trio.sleep(MINUTE_SECONDS * (HEARTBEATS - 0.5))
        last = await _seconds_until(running, is_heartbeat, step_seconds=0.1)
        if first is None or last is None:
            return {(HEARTBEAT, OUT): None}
        milliseconds = round((trio.current_time() - began - first) * 1_000)
        return {(HEARTBEAT, OUT): Fraction(milliseconds, Flow(before, farm.links()).sent(kinds=["HEARTBEAT"]))}


async def silent_member(bench: Bench) -> Amounts:
    """A member freezes just after it was heard, and is pinged."""
    async with bench.farm(2, settings=NOTICING) as running:
        await _seconds_until(running, is_heartbeat)
        await running.farm.pause(running.members()[0])
        waited = await _seconds_until(running, lambda flow: flow.sent(kinds=["IMA_PING"]) > 0)
        return {(SILENT_MEMBER, OUT): _minutes(waited)}


async def lost_peer(bench: Bench) -> Amounts:
    """Another zone's collector freezes, with nobody to follow it, is pinged in vain, and later called again."""
    pinging = {"PeerPingInterval": default_settings()["PeerPingInterval"]}
    async with bench.farm(2, 2, settings=pinging) as running:
        farm = running.farm
        await farm.pause(running.collectors[THERE])
        waited = None
        with trio.move_on_after(PATIENCE_SECONDS):
            await farm.wait_event(EventKind.PEER_LOST, host=running.collectors[HERE])
            waited = await _seconds_until(running, lambda flow: flow.sent(HERE, THERE) > 0)
        return {(LOST_PEER, OUT): _minutes(waited)}


async def connections(bench: Bench) -> Amounts:
    """A zone boots in which each member has to reach the collector, and the collector has no room for all."""
    async with bench.farm(CROWD) as running:
        return {(MOST_CONNECTIONS, BOTH): running.farm.host_state(running.collectors[HERE]).bindings.active}


def is_heartbeat(flow: Flow) -> bool:
    """Whether a member has told its collector that it is there."""
    return flow.sent(kinds=["HEARTBEAT"]) > 0


async def _seconds_until(running: Running, is_so: Callable[[Flow], bool], *, step_seconds: float = 1.0) -> float | None:
    """How long it takes until something was sent, up to a step more; `None` if it never is."""
    before = running.farm.links()
    for step in range(round(PATIENCE_SECONDS / step_seconds)):
        if is_so(Flow(before, running.farm.links())):
            return step * step_seconds
        await trio.sleep(step_seconds)
    return None


def _minutes(seconds: float | None) -> Amount:
    return None if seconds is None else Fraction(round(seconds), MINUTE_SECONDS)
