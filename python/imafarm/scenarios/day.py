"""A working day of a company with several zones: users come and go, and nothing else happens.

Its workload is the farm file's. A farm without one gets ours: an office day, which begins an hour later in each zone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import trio

from imafarm.farm import Farm, Traffic
from imafarm.scenario import Journal, Scenario
from imafarm.scenarios import _steps as steps
from imafarm.topology import Shape, Topology, Workload

LOGONS_PER_HOST = 10
"""How many users log on in a day for each server: 100,000 in a farm of 10,000."""
SESSION_SECONDS = 4 * 3_600.0
HOUR_SECONDS = 3_600.0
HOURS = 24
QUIET_SECONDS = 60.0
"""How long it may take at the most until no report is under way."""
SPREAD_SESSIONS = 5
"""By how many sessions two servers may differ at the busiest hour. Our guess: sessions end as they like."""


def prepare(topology: Topology) -> Topology:
    """The farm with an office day in each zone, unless it has a workload already."""
    if topology.workload:
        return topology
    topology = steps.with_application(topology)
    workload = {
        zone: Workload(
            logons_per_hour=hosts * LOGONS_PER_HOST / HOURS,
            applications=tuple(topology.applications),
            session_seconds=SESSION_SECONDS,
            shape=Shape.day(shift_seconds=number * HOUR_SECONDS),
        )
        for number, (zone, hosts) in enumerate(steps.hosts_by_zone(topology).items())
    }
    return replace(topology, workload=workload)


async def play(farm: Farm, journal: Journal) -> None:
    """Boots at midnight and goes on until the next, looking each hour."""
    if not await steps.boot(farm, journal):
        return
    await steps.stores_agree(farm, journal, HOUR_SECONDS, name="every collector knows every server")
    masters, booted = dict(farm.masters), farm.statistics()
    journal.moment(trio.current_time(), "all hosts run, every zone agrees")

    journal.phase("day")
    peak, peak_seconds, spread = -1, 0.0, (0, 0)
    for hour in range(1, HOURS + 1):
        await trio.sleep_until(max(hour * HOUR_SECONDS, trio.current_time()))
        sessions = farm.statistics().users.sessions
        if sessions > peak:
            peak, peak_seconds, spread = sessions, trio.current_time(), _spread(farm)
    day = farm.statistics().since(booted)
    journal.moment(peak_seconds, f"the busiest hour: {peak:,} sessions")
    await steps.stores_agree(farm, journal, QUIET_SECONDS)
    journal.moment(trio.current_time(), "the day is over")

    between = _between_zones(farm)
    journal.figure("logons", day.users.logged_on)
    journal.figure("sessions at the busiest hour", peak)
    journal.figure("sessions on a server then", f"{spread[0]} to {spread[1]}")
    journal.figure("messages between zones", between.sent)
    journal.figure("bytes between zones", between.bytes)
    journal.check("users log on all day", day.users.logged_on > 0, f"{day.users.logged_on:,} logons")
    turned_away = day.users.refused + day.users.lost
    journal.check("nobody is turned away", turned_away == 0, f"{turned_away:,} of {day.users.arrived:,}")
    least, most = spread
    journal.check(
        "servers are loaded alike", most - least <= SPREAD_SESSIONS, f"{least} to {most} sessions at the peak"
    )
    journal.check(
        "a day of work elects nobody",
        day.elections_started == 0 and farm.masters == masters,
        f"{day.elections_started:,} elections started",
    )
    steps.check_power(farm, journal)


def _spread(farm: Farm) -> tuple[int, int]:
    """The fewest and the most sessions of any server."""
    sessions = Counter(row.host for row in farm.sessions())
    counts = [sessions[host] for host in farm.host_names]
    return min(counts), max(counts)


def _between_zones(farm: Farm) -> Traffic:
    """All that has gone from one zone to another."""
    links = [kinds.values() for (source, target), kinds in farm.links().items() if source != target]
    kinds = [traffic for link in links for traffic in link]
    return Traffic(sent=sum(kind.sent for kind in kinds), bytes=sum(kind.bytes for kind in kinds))


SCENARIO = Scenario(
    name="day",
    summary="A working day of 24 hours: users come, stay and go.",
    hosts=200,
    zones=5,
    least_hosts_in_zone=1,
    play=play,
    prepare=prepare,
)
