"""What is played at each point of the study of the connection cache: a steady zone, its updates, and a failover.

All three look at one zone, the one whose collector needs the most bindings. The first two are played at every point and
cost next to nothing; the failover, n^2/2 messages among n hosts, is played where it is asked for.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import partial

import trio

from imafarm.emulated import EmulatedFarm
from imafarm.farm import Farm
from imafarm.scenario import Journal, Scenario
from imafarm.scenarios import _steps as steps
from imafarm.settings import default_settings
from imafarm.study._measures import CACHE, ELECTION, HANDSHAKE, sent

SETTLING_PERIODS = 2
"""Periods after the boot's agreement that are not counted. In a period every binding that the zone needs is used: it is
the longest `KeepAliveInterval`, or `PeerPingInterval` where there are other zones."""
STEADY_PERIODS = 2
"""Periods that are counted."""
UPDATES = 200
"""Logons whose way to the collector is timed. Our guess: enough for 99 of 100 to be told from the longest."""
REPORTING = 10
"""Of so many members at most one logs somebody on in a `KeepAliveInterval`, so that heartbeats go on deciding which
bindings are in use. Our guess."""
TRACED = ("SESSION_UPDATE",)
"""The messages whose deliveries have to be told."""
DEFAULT_HOSTS = 1_000


def scenario(*, failover: bool) -> Scenario:
    """What is played at a point, with or without the failover."""
    return Scenario(
        name=CACHE,
        summary="What MaxHostAddressCacheEntries costs, in steady state and when a collector fails.",
        hosts=DEFAULT_HOSTS,
        least_hosts_in_zone=1,
        play=partial(play, failover=failover),
    )


async def play(farm: Farm, journal: Journal, *, failover: bool) -> None:
    """Boots, and writes each measure down under its own name."""
    assert isinstance(farm, EmulatedFarm)
    if not await steps.boot(farm, journal):
        return
    zone = max(farm.led_zones, key=lambda zone: len(farm.hosts_of(zone)), default=None)
    if zone is None:
        return
    await _steady(farm, journal, zone)
    await _updates(farm, journal, zone)
    if failover and sum(not farm.record(host).session_only for host in farm.hosts_of(zone)) > 1:
        await _failover(farm, journal, zone)


async def _steady(farm: EmulatedFarm, journal: Journal, zone: str) -> None:
    """Heartbeats and nothing else, as far as the farm has no users of its own."""
    period = _period_seconds(farm)
    await trio.sleep(SETTLING_PERIODS * period)
    collector = farm.masters[zone]
    before, work = farm.statistics(), None if collector is None else farm.host_state(collector).work
    seconds = STEADY_PERIODS * period
    await trio.sleep(seconds)
    counted, minutes = farm.statistics().since(before), seconds / 60
    journal.figure("binding_churn", counted.messages["BIND_COMMIT"].sent / minutes)
    journal.figure("evictions", counted.bindings.evicted / minutes)
    journal.figure("handshake_bytes", sum(counted.messages[kind].bytes for kind in HANDSHAKE) / minutes)
    journal.figure("heartbeats", counted.messages["HEARTBEAT"].sent / minutes)
    journal.figure("memory", farm.memory_bytes / len(farm.host_names))
    if collector is not None and work is not None and works(farm, collector):
        journal.figure("collector_busy", farm.host_state(collector).work.since(work, seconds).busy_share)
    steps.check_masters(farm, journal, "every zone still agrees on its collector")


async def _updates(farm: EmulatedFarm, journal: Journal, zone: str) -> None:
    """Users log on at members all over the zone; how long until the collector has handled each SESSION_UPDATE."""
    collector = farm.masters[zone]
    members = [host for host in farm.hosts_of(zone) if host != collector and farm.host_state(host).power == "up"]
    if collector is None or not members:
        return
    interval = steps.keep_alive_seconds(farm)
    together = min(UPDATES, max(1, len(members) // REPORTING))
    stride = max(1, len(members) // UPDATES)
    logons: list[tuple[str, float]] = []
    for number in range(UPDATES):
        await trio.sleep(interval / together)
        member = members[number * stride % len(members)]
        logons.append((member, trio.current_time()))
        await farm.logon(member)
    # The last of them have to get through, too.
    await trio.sleep(interval + farm.setting(collector, "KeepAliveTimeout") / 1_000)
    delays = _delays(farm, collector, logons)
    for name, share in (("update_delay_p50", 0.5), ("update_delay_p99", 0.99)):
        if not math.isinf(delay := percentile(delays, share)):
            journal.figure(name, delay * 1_000)
    arrived = sum(not math.isinf(delay) for delay in delays)
    journal.check("every update reaches the collector", arrived == len(delays), f"{arrived} of {len(delays)}")


def _delays(farm: EmulatedFarm, collector: str, logons: Iterable[tuple[str, float]]) -> list[float]:
    """How long each of these took, in seconds; infinite for what never arrived.

    A member's updates arrive in order, so the first that does after a logon, and that no earlier logon has, is its own.
    """
    arrivals: dict[str, list[float]] = {}
    for seconds, _, source, target, _ in farm.deliveries():
        if target == collector:
            arrivals.setdefault(source, []).append(seconds)
    delays, taken = [], dict.fromkeys(arrivals, 0)
    for member, at in logons:
        own = arrivals.get(member, [])
        place = max(bisect_left(own, at), taken.get(member, 0))
        taken[member] = place + 1
        delays.append(own[place] - at if place < len(own) else math.inf)
    return delays


def percentile(values: Sequence[float], share: float) -> float:
    """The least of these values that so large a share of them does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


async def _failover(farm: EmulatedFarm, journal: Journal, zone: str) -> None:
    """The zone's collector crashes, until all running hosts agree on another."""
    old = farm.masters[zone]
    if old is None:
        return
    before, known = farm.statistics(), len(farm.elections())
    await farm.crash(old)
    new = None
    with trio.move_on_after(steps.AGREEMENT_SECONDS):
        new = await farm.wait_master(zone, other_than=old)
    journal.check("a new collector is agreed on", new is not None, new or f"none in {zone}")
    if new is None:
        return
    counted = farm.statistics().since(before)
    elections = [election for election in farm.elections()[known:] if election.zone == zone]
    began = min((e.doubted_seconds for e in elections if e.doubted_seconds is not None), default=None)
    if began is not None:
        journal.figure("converge_seconds", trio.current_time() - began)
    if (ended := elections[-1].converged_seconds) is not None and began is not None:
        journal.figure("converge_seconds", ended - began)
    journal.figure("election_messages", sent(counted, ELECTION))
    journal.figure("failover_bindings", counted.messages["BIND_COMMIT"].sent)
    journal.figure("failover_memory", farm.memory_bytes / len(farm.host_names))


def _period_seconds(farm: Farm) -> float:
    """In so many seconds every binding that a zone needs is used once."""
    if len(farm.led_zones) < 2:
        return steps.keep_alive_seconds(farm)
    pings = max(farm.setting(host, "PeerPingInterval") for host in farm.host_names) / 1_000
    return max(steps.keep_alive_seconds(farm), pings)


def works(farm: Farm, host: str) -> bool:
    """Whether any message costs this host time."""
    return any(farm.setting(host, name) for name in default_settings() if name.startswith("WorkCost"))
