"""A farm that was dark boots, agrees on its data collectors, and holds a steady minute."""

from __future__ import annotations

import trio

from imafarm.farm import Farm
from imafarm.scenario import Journal, Scenario
from imafarm.scenarios import _steps as steps

STEADY_SECONDS = 60.0


async def play(farm: Farm, journal: Journal) -> None:
    """Boots, then counts what a minute without events costs."""
    if not await steps.boot(farm, journal):
        return
    booted = trio.current_time()
    journal.moment(booted, "all hosts run, every zone agrees")
    steps.check_ranks(farm, journal, farm.zones)

    journal.phase("steady minute")
    masters, before = dict(farm.masters), farm.statistics()
    await trio.sleep(STEADY_SECONDS)
    minute = farm.statistics().since(before)
    journal.moment(trio.current_time(), f"{STEADY_SECONDS:g} s later")
    journal.figure("messages in the steady minute", sum(traffic.sent for traffic in minute.messages.values()))
    journal.figure("bytes in the steady minute", sum(traffic.bytes for traffic in minute.messages.values()))
    journal.figure("bindings evicted in the steady minute", minute.bindings.evicted)
    journal.check(
        "a steady minute elects nobody",
        minute.elections_started == 0 and farm.masters == masters,
        f"{minute.elections_started:,} elections started",
    )
    steps.check_power(farm, journal)


SCENARIO = Scenario(
    name="cold-boot",
    summary="A dark farm boots, agrees on its data collectors and holds a steady minute.",
    hosts=1_000,
    least_hosts_in_zone=1,
    play=play,
)
