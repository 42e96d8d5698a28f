"""What `MaxHostAddressCacheEntries` costs when it is smaller than the zone.

IMA Information: a host keeps 512 connections open, and in zones with more hosts they are torn down and set up again and
again unless the setting is raised. This scenario counts how often.
"""

from __future__ import annotations

import trio

from imafarm.farm import Farm
from imafarm.scenario import Journal, Scenario
from imafarm.scenarios import _steps as steps

SETTLING_INTERVALS = 2
"""Keep-alive intervals after the boot's agreement that are not counted."""
STEADY_INTERVALS = 5
"""Keep-alive intervals that are counted."""


async def play(farm: Farm, journal: Journal) -> None:
    """Boots, lets the farm settle, and counts bindings while nothing happens but heartbeats."""
    if not await steps.boot(farm, journal):
        return
    journal.moment(trio.current_time(), "all hosts run, every zone agrees")

    journal.phase("settle")
    interval = steps.keep_alive_seconds(farm)
    await trio.sleep(SETTLING_INTERVALS * interval)

    journal.phase("steady state")
    journal.moment(trio.current_time(), "counting begins")
    before = farm.statistics()
    await trio.sleep(STEADY_INTERVALS * interval)
    journal.moment(trio.current_time(), "counting ends")
    steady = farm.statistics().since(before)
    seconds = STEADY_INTERVALS * interval

    evicted, opened = steady.bindings.evicted, steady.bindings.opened
    journal.figure("bindings evicted in steady state", evicted)
    journal.figure("bindings opened in steady state", opened)
    journal.figure("evictions a minute", round(evicted * 60 / seconds, 1))
    if not steps.check_masters(farm, journal, "every zone still agrees on its collector"):
        return
    tight = [zone for zone in farm.zones if not fits(farm, zone)]
    journal.check(
        "evictions just where a zone outgrows the cache",
        (evicted > 0) == bool(tight),
        f"{evicted:,} in {seconds:g} s; zones that outgrow it: {len(tight)} of {len(farm.zones)}",
    )
    steps.check_power(farm, journal)


def fits(farm: Farm, zone: str) -> bool:
    """Whether the zone's collector can keep a binding to every other host of its zone."""
    master = farm.masters[zone]
    others = len(farm.hosts_of(zone)) - 1
    return master is not None and others <= farm.setting(master, "MaxHostAddressCacheEntries")


SCENARIO = Scenario(
    name="cache-thrash",
    summary="Counts bindings torn down and set up again when MaxHostAddressCacheEntries is too small.",
    hosts=600,
    least_hosts_in_zone=1,
    play=play,
)
