"""The data store is down for four days: elections, logons and starts go on without it (CTX114843, "Farm Communication":
neither connections nor elections depend on it; IMA Information, "New Data Collector Election Process")."""

from __future__ import annotations

import trio

from imafarm.errors import StoreDown
from imafarm.farm import EventKind, Farm
from imafarm.scenario import Journal, Scenario
from imafarm.scenarios import _steps as steps

SETTLE_SECONDS = 10.0
"""After which updates have come to all collectors."""
START_SECONDS = 7_200.0
"""How long a start may take."""
OUTAGE_HOURS = 97.0
"""Longer than any product bears that does not bear it for ever."""
BOUNDED = "XP"
"""The product that starts without the data store for 96 hours only."""


async def play(farm: Farm, journal: Journal) -> None:
    """Takes the data store down, and does with the farm what must work all the same, and what must not."""
    if not await steps.boot(farm, journal):
        return
    zone = farm.zones[0]
    old = await farm.wait_master(zone)
    before = reads(farm)
    await farm.store_down()
    journal.moment(trio.current_time(), "the data store goes down")

    journal.phase("election")
    await farm.crash(old)
    new = None
    with trio.move_on_after(steps.AGREEMENT_SECONDS):
        new = await farm.wait_master(zone, other_than=old)
    journal.check("a collector is elected without the data store", new is not None, new or f"none in {zone}")
    if new is None:
        return
    running = [host for host in farm.hosts_of(zone) if host != old]
    sessions = [await farm.logon(host, user=number) for number, host in enumerate(running[:10])]
    await trio.sleep(SETTLE_SECONDS)
    astray = farm.check_stores()
    journal.check(
        "logons reach all collectors without the data store",
        not astray and len(farm.sessions(zone)) == len(sessions),
        "; ".join(astray[:3]) or f"{len(sessions)} sessions",
    )
    journal.check("and read nothing of it", reads(farm) == before, f"{before:,} reads, as before the outage")
    try:
        refused = f"change {await farm.change_configuration(1_000, at=new)} was made"
    except StoreDown as down:
        refused = str(down)
    journal.check("a change is refused", "not made" in refused, refused)

    journal.phase("starts")
    # Members, so that the collector stays.
    members = [host for host in running if host != new]
    cached, strict = members[0], members[-1]
    await farm.set_setting(strict, "PsRequired", 1)
    journal.check("a server starts from its local host cache", await starts(farm, cached), cached)
    journal.check("one that requires the data store (PsRequired) does not", not await starts(farm, strict), strict)
    await farm.set_setting(strict, "PsRequired", 0)

    journal.phase("four days")
    await trio.sleep(OUTAGE_HOURS * 3_600)
    starts_late = await starts(farm, cached)
    journal.check(
        f"after {OUTAGE_HOURS:g} hours it {'does not start any more' if farm.product == BOUNDED else 'still starts'}",
        starts_late == (farm.product != BOUNDED),
        f"{cached} of a {farm.product} farm",
    )
    failing = sum(counters["DataStoreConnectionFailure"] for counters in farm.statistics().counters.values())
    journal.figure("minutes without the data store, all servers together", failing)

    journal.phase("back")
    await farm.store_up()
    journal.moment(trio.current_time(), "the data store is back")
    await farm.start([host for host in farm.host_names if farm.host_state(host).power != "up"])
    with trio.move_on_after(steps.AGREEMENT_SECONDS) as limit:
        await farm.wait_converged()
        number = await farm.publish("Notepad")
        await farm.wait_change(number)
    steps.check_power(farm, journal)
    behind = farm.check_caches()
    journal.check(
        "a change comes to all again", not limit.cancelled_caught and not behind, "; ".join(behind[:3]) or "all know it"
    )


def reads(farm: Farm) -> int:
    """How often hosts have read the data store."""
    return sum(counters["DataStore reads"] for counters in farm.statistics().counters.values())


async def starts(farm: Farm, host: str) -> bool:
    """Restarts a server; whether it starts, from its local host cache."""
    kinds = EventKind.STARTED_FROM_CACHE | EventKind.START_REFUSED
    async with farm.watch(kinds) as events:
        await farm.restart(host)
        with trio.move_on_after(START_SECONDS):
            while (event := await events.receive()).host != host:
                pass
            return event.kind is EventKind.STARTED_FROM_CACHE
    return False


SCENARIO = Scenario(
    name="store-outage",
    summary="The data store is down for four days, and the farm works on.",
    hosts=20,
    least_hosts_in_zone=4,
    play=play,
)
