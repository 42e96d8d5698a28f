"""An application is published on all servers, and everybody hears of it (CTX114843, "Farm Communication" and the tables
of console operations)."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import trio

from imafarm.farm import Farm, Traffic
from imafarm.published import FIGURES, Direction, Figure
from imafarm.scenario import Journal, Scenario
from imafarm.scenarios import _steps as steps

KNOWN_WITHIN_SECONDS = 1.0
"""How soon all have to know it. Our guess: the text only says that it is broadcast."""
QUIET_SECONDS = 10.0
"""After which no word about it is on its way any more."""
PUBLISHING, EACH_SERVER = "application publishing", "application publishing, each additional server"

Links = Mapping[tuple[str, str], Mapping[str, Traffic]]


async def play(farm: Farm, journal: Journal) -> None:
    """Publishes on the first zone's collector, and counts what passes on each link between zones."""
    if not await steps.boot(farm, journal):
        return
    at = await farm.wait_master(farm.zones[0])
    before = farm.links()

    journal.phase("publish")
    began = trio.current_time()
    journal.moment(began, f"Notepad is published on all servers, in the console of {at}")
    number = await farm.publish("Notepad", at=at)
    with trio.move_on_after(KNOWN_WITHIN_SECONDS) as limit:
        await farm.wait_change(number)
    took = trio.current_time() - began
    journal.check(
        f"all servers know it within {KNOWN_WITHIN_SECONDS:g} s",
        not limit.cancelled_caught,
        f"change {number}, {took:.3f} s",
    )
    if not limit.cancelled_caught:
        journal.moment(trio.current_time(), f"all {len(farm.host_names):,} servers know it")
    journal.figure("seconds until all know it", f"{took:.3f}")

    journal.phase("count")
    await trio.sleep(QUIET_SECONDS)
    check_links(farm, journal, before, farm.links())
    check_members(farm, journal, before, farm.links())
    behind = farm.check_caches()
    journal.check("all local host caches agree", not behind, "; ".join(behind[:3]) or f"{len(farm.host_names):,} hosts")


def check_links(farm: Farm, journal: Journal, before: Links, after: Links) -> None:
    """Between zones, it is told once to each other collector and answered once, in as many bytes as published."""
    home, *others = farm.zones
    for direction, kind in ((Direction.TRANSMITTED, "CONFIG_CHANGE"), (Direction.RECEIVED, "CONFIG_CHANGE_ACK")):
        pairs = [(home, zone) if direction is Direction.TRANSMITTED else (zone, home) for zone in others]
        passed = [counted(before, after, pair, kind) for pair in pairs]
        if not passed:
            return
        journal.check(
            f"one {kind} on each link between zones",
            all(sent == 1 for sent, _ in passed),
            f"{sum(sent for sent, _ in passed)} on {len(others)} links",
        )
        figure = published(farm, PUBLISHING, direction)
        if figure is None:
            continue
        worst = max((each for _, each in passed), key=lambda each: abs(measured(figure, each) - figure.value))
        journal.figure(f"{direction} on each link, in bytes", worst)
        journal.check(
            f"as many bytes {direction} as published",
            abs(measured(figure, worst) - figure.value) <= figure.within,
            f"{worst:,} bytes, {figure.printed} {figure.unit} published",
        )


def check_members(farm: Farm, journal: Journal, before: Links, after: Links) -> None:
    """Inside the zones, each server but the collectors is told, in as many bytes as each server is said to cost."""
    told = [counted(before, after, (zone, zone), "CONFIG_CHANGE") for zone in farm.zones]
    servers, messages = len(farm.host_names) - len(farm.zones), sum(sent for sent, _ in told)
    journal.check("each member is told once", messages == servers, f"{messages:,} notices to {servers:,} members")
    figure = published(farm, EACH_SERVER, None)
    if figure is not None and messages:
        each = Fraction(sum(total for _, total in told), messages)
        journal.figure("bytes to each member", round(float(each)))
        journal.check(
            "as many bytes to each as published",
            abs(measured(figure, each) - figure.value) <= figure.within,
            f"{float(each):g} bytes, {figure.printed} published",
        )


def counted(before: Links, after: Links, pair: tuple[str, str], kind: str) -> tuple[int, int]:
    """Messages of a kind that went over a link meanwhile, and their bytes."""
    then = before.get(pair, {}).get(kind, Traffic())
    now = after.get(pair, {}).get(kind, Traffic())
    return now.sent - then.sent, now.bytes - then.bytes


def published(farm: Farm, operation: str, direction: Direction | None) -> Figure | None:
    """What is published of this operation for the farm's product; `None` if nothing is."""
    found = (
        figure
        for figure in FIGURES
        if figure.product == farm.product and figure.operation == operation and direction in (None, figure.direction)
    )
    return next(found, None)


def measured(figure: Figure, number: int | Fraction) -> Fraction:
    """A number of bytes in the unit of a figure."""
    return Fraction(number) / figure.unit.size


SCENARIO = Scenario(
    name="publish-application",
    summary="An application is published, and every server of the farm hears of it.",
    hosts=1_000,
    least_hosts_in_zone=1,
    play=play,
)
