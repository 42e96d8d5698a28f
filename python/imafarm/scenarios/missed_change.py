"""A change that a server does not hear of: its notice is lost, or it is too long for one.

CTX114843, "Farm Communication": both are found at the server's next poll of the data store, and not before.
"""

from __future__ import annotations

import trio

from imafarm.farm import EventKind, Farm, FarmEvent
from imafarm.scenario import Journal, Scenario
from imafarm.scenarios import _steps as steps

LONG_BYTES, SHORT_BYTES = 65_536, 1_024
"""At the limit of every product or over it, and under it."""
NOTICE_SECONDS = 60.0
"""How long notices may be on their way."""
TICK_SECONDS = 0.01
"""How exactly the moment of a poll is told."""


async def play(farm: Farm, journal: Journal) -> None:
    """First a long change, which shows when each server polls; then a short one, from which a server is cut off."""
    if not await steps.boot(farm, journal):
        return
    zone = farm.zones[0]
    console = await farm.wait_master(zone)
    interval = max(farm.setting(host, "DCNChangePollingInterval") for host in farm.host_names) / 1_000

    journal.phase("a long change")
    before, began = farm.statistics(), trio.current_time()
    polls = await learn(farm, await farm.change_configuration(LONG_BYTES, at=console), interval)
    polls.pop(console, None)
    told = farm.statistics().since(before).messages["CONFIG_CHANGE"].sent
    journal.check("nobody is told of a change over the limit", told == 0, f"{told} notices of {LONG_BYTES:,} bytes")
    last = max(polls.values(), default=began) - began
    journal.check(
        "every server reads it at its next poll",
        len(polls) == len(farm.host_names) - 1 and last <= interval + TICK_SECONDS,
        f"{len(polls):,} servers in {last:,.0f} s, a poll every {interval:,.0f} s",
    )
    others = [host for host in farm.hosts_of(zone) if host != console and host in polls]
    if not others:
        return

    journal.phase("a missed notice")
    # Whoever polled last is the one that has to wait longest now.
    deaf = max(others, key=lambda host: (polls[host], host))
    cut = await farm.partition(deaf)
    journal.moment(trio.current_time(), f"{deaf} is cut off")
    number = await farm.change_configuration(SHORT_BYTES, at=console)
    with trio.move_on_after(NOTICE_SECONDS) as limit:
        await farm.wait_change(number, [host for host in farm.host_names if host != deaf])
    await farm.heal(cut)
    journal.moment(trio.current_time(), "all others know of a change, and the cut is healed")
    journal.check(
        "all others hear of it",
        not limit.cancelled_caught and farm.change_of(deaf) < number,
        f"change {number}, {deaf} knows up to {farm.change_of(deaf)}",
    )
    healed = trio.current_time()
    found = (await learn(farm, number, interval, deaf)).get(deaf)
    journal.moment(found, f"{deaf} polls the data store and finds it")
    due = polls[deaf] + interval
    journal.check(
        "who missed it finds it at the next poll, and not before",
        found is not None and abs(found - due) <= TICK_SECONDS,
        f"{deaf} at {found:,.3f} s, due at {due:,.3f} s" if found is not None else f"{deaf} never",
    )
    journal.figure("seconds without it", f"{(found or due) - healed:,.0f}")
    behind = farm.check_caches()
    journal.check("all local host caches agree", not behind, "; ".join(behind[:3]) or f"{len(farm.host_names):,} hosts")


async def learn(farm: Farm, number: int, interval: float, host: str | None = None) -> dict[str, float]:
    """Waits until this server knows a change, or all do, for one poll at the most; by server: when it came to know."""
    async with farm.watch(EventKind.CHANGE_LEARNT) as events:
        with trio.move_on_after(interval + TICK_SECONDS):
            await farm.wait_change(number, host)
        learnt: list[FarmEvent] = []
        while events.statistics().current_buffer_used:
            learnt.append(events.receive_nowait())
    return {event.host: event.seconds for event in reversed(learnt)}


SCENARIO = Scenario(
    name="missed-change",
    summary="Changes that servers do not hear of are found at their next poll of the data store.",
    hosts=200,
    least_hosts_in_zone=2,
    play=play,
)
