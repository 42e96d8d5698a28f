"""`qfarm`: the servers of a farm, their load (`/load`), and the collectors of its zones (`/zone`).

That `D` marks a collector, and the columns of `/load`, are the product's. All else about the layout is our guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from imafarm.tools._asking import NOBODY, Asked, check_running, collector_asked, running_collectors

NO_CONNECTION = 10_002
"""The load of a server that has no connection left to give."""

SERVER_COLUMNS = {"Server Name": 20, "Zone Name": 20, "Host ID": 15}
LOAD_COLUMNS = {"Server Name": 20, "Server Load": 11, "Load Throttling Load": 20, "Logon Mode": 19}
ZONE_COLUMNS = {"Zone Name": 20, "Data Collector": 20}
"""By name of column: how wide it is. Longer entries are not cut short."""


@dataclass(frozen=True, slots=True)
class ServerLine:
    """A line of `qfarm`."""

    host: str
    zone: str
    host_id: int
    collector: bool


def listed_servers(servers: Iterable[ServerLine]) -> Iterator[str]:
    """The lines of `qfarm`."""
    yield from _head(SERVER_COLUMNS)
    for server in servers:
        mark = ["D"] if server.collector else []
        yield _line(SERVER_COLUMNS, [server.host, server.zone, str(server.host_id), *mark])


def listed_loads(loads: Iterable[tuple[str, int | None]]) -> Iterator[str]:
    """The lines of `qfarm /load`, from each server's name and its load as a collector holds it, if it does.

    Load throttling counts logons that take time. Here a logon takes none, so nothing is ever added for it.
    """
    yield from _head(LOAD_COLUMNS)
    for host, load in loads:
        mode = "ProhibitLogons" if load == NO_CONNECTION else "AllowLogons"
        yield _line(LOAD_COLUMNS, [host, "unknown" if load is None else str(load), "0", mode])


def listed_zones(zones: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    """The lines of `qfarm /zone`, from each zone's name and its collector's; a zone that is split comes twice."""
    yield from _head(ZONE_COLUMNS)
    for zone, collector in zones:
        yield _line(ZONE_COLUMNS, [zone, collector or NOBODY])


def servers(farm: Asked, host: str | None = None) -> list[ServerLine]:
    """The servers that are up, zone by zone. With `host`, as it sees them: in its zone, the collector it knows of.

    Errors: `ConfigurationError` for a host that is unknown or not up.
    """
    marked = {collector for _, collector in zones(farm, host)}
    return [
        ServerLine(server, zone, farm.record(server).host_id, collector=server in marked)
        for zone in farm.zones
        for server in farm.hosts_of(zone)
        if farm.host_state(server).power == "up"
    ]


def loads(farm: Asked, host: str | None = None) -> list[tuple[str, int | None]]:
    """The servers that are up and their loads, as their zones' collectors hold them; with `host`, as its own does.

    A collector knows the loads of other zones' servers only if load is shared across zones.

    Errors: `ConfigurationError` for a host that cannot be asked.
    """
    at = collector_asked(farm, host)
    return [(row.host, row.load) for zone in farm.zones for row in farm.server_states(zone, at=at) if row.up]


def zones(farm: Asked, host: str | None = None) -> list[tuple[str, str | None]]:
    """Each zone and every running host that takes itself for its collector. With `host`, as it sees them.

    A zone with two masters shows different collectors when asked at different servers, and both when asked at none.

    Errors: `ConfigurationError` for a host that is unknown or not up.
    """
    own = None if host is None else farm.record(check_running(farm, host)).zone
    found: list[tuple[str, str | None]] = []
    for zone in farm.zones:
        if host is not None and zone == own:
            found.append((zone, farm.host_state(host).master))
        else:
            found += [(zone, collector) for collector in running_collectors(farm, zone)] or [(zone, None)]
    return found


def _head(columns: dict[str, int]) -> Iterator[str]:
    """An empty line, the names, and a rule under each: the first row is on line 4."""
    yield ""
    yield _line(columns, columns)
    yield _line(columns, ["-" * width for width in columns.values()])


def _line(columns: dict[str, int], entries: Iterable[str]) -> str:
    widths = [*columns.values(), 0]
    return " ".join(f"{entry:<{width}}" for entry, width in zip(entries, widths, strict=False)).rstrip()
