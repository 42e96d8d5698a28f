"""`querydc`: who a zone's data collector is; with `-e`, after an election by hand. What it prints is our guess."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial

import trio

from imafarm.farm import EventKind, Farm
from imafarm.tools._asking import AGREEMENT_SECONDS, NOBODY, Asked, check_running


def named_collectors(masters: Mapping[str, str | None]) -> Iterator[str]:
    """The lines of `querydc`, from each zone's collector."""
    for zone, master in masters.items():
        yield f"Zone Name: {zone}"
        yield f"Data Collector: {master or NOBODY}"


def named_elections(elections: Mapping[str, tuple[str | None, str | None]]) -> Iterator[str]:
    """The lines of `querydc -e`, from each zone's collector before and after."""
    for zone, (before, after) in elections.items():
        yield f"Zone Name: {zone}"
        yield f"Old Data Collector: {before or NOBODY}"
        yield f"New Data Collector: {after or NOBODY}"


def collectors(farm: Asked, host: str | None = None) -> dict[str, str | None]:
    """By zone: the collector on whom all agree; with `host`, of its zone alone, the one that it knows of.

    Errors: `ConfigurationError` for a host that is unknown or not up.
    """
    if host is None:
        return dict(farm.masters)
    return {farm.record(check_running(farm, host)).zone: farm.host_state(host).master}


async def elect(farm: Farm, host: str | None = None) -> dict[str, tuple[str | None, str | None]]:
    """Forces an election in each zone, or with `host` in its zone and by it; each zone's collector before and after.

    Unless a host is named, the collector itself stands again, and so the zone's highest-ranked host wins. One that is
    forced by a member only confirms a collector which is not less preferred (`Farm.elect`).

    Errors: `ConfigurationError` for a host that is unknown or not up.
    """
    return await before_and_after(collectors(farm, host), host, partial(_elect_in, farm))


async def before_and_after(
    before: Mapping[str, str | None], host: str | None, elect_in: Callable[[str, str | None], Awaitable[str | None]]
) -> dict[str, tuple[str | None, str | None]]:
    """Elects in each zone, one after the other: `elect_in(zone, by)` gives the zone's new collector."""
    return {zone: (master, await elect_in(zone, host or master)) for zone, master in before.items()}


async def _elect_in(farm: Farm, zone: str, by: str | None) -> str | None:
    """Has `by` start an election in its zone; the collector on whom the zone agrees then.

    A zone without a collector is in an election as it is: it is waited for.
    """
    with trio.move_on_after(AGREEMENT_SECONDS):
        async with farm.watch(EventKind.ZONE_AGREED) as agreements:
            if by is not None:
                await farm.elect(by)
            async for agreement in agreements:
                if agreement.zone == zone:
                    break
    return farm.masters[zone]
