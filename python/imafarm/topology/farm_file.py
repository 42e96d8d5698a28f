"""Reads a farm from a TOML file, and says everything that is wrong with it at once.

product = "PS45"

[settings]                          # of every host
MaxHostAddressCacheEntries = 1024

[links.between]                     # between zones; [links.inside]: inside a zone
latency_seconds = 0.02

[[zones]]
subnet = "10.22.44.0/24"            # the zone's name is 10.22.44.0
hosts = 300                         # generated, after those that are listed

[[hosts]]
name = "FTLDTERRYDU02"
zone = "10.22.44.0"
host_id = 8022
preference = 1
settings = { KeepAliveInterval = 30_000 }

docs/farm-file.md has every key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from imafarm import _imafarm
from imafarm.errors import ConfigurationError
from imafarm.settings import check_settings
from imafarm.topology._across import mistakes_across, quoted
from imafarm.topology._tables import SHAPE_NAME, SHAPES, FarmTable, HostTable, numbered
from imafarm.topology._topology import Topology

DEFAULT_ADMIN_PORT = 2513
MOST_PREFERRED, DEFAULT_PREFERENCE = 1, 3
SESSION_HOST = "session-host"
NO_STEPS = {SHAPE_NAME, *SHAPES.values(), "[key]"}
"""What pydantic puts into a path that is no key of the file: which shape it is, and that a key is meant."""


def read_topology(path: Path) -> Topology:
    """The farm that the file describes.

    Errors: `ConfigurationError` with every mistake and its place (`hosts[2].host_id: ...`).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigurationError([reason], source=str(path)) from None
    return parse_topology(text, source=str(path))


def parse_topology(text: str, *, source: str = "") -> Topology:
    """The farm that a TOML text describes; `source` is where the text came from.

    Errors: `ConfigurationError` with every mistake and its place.
    """
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError([str(error)], source=source) from None
    return topology_of(raw, source=source)


def topology_of(raw: dict[str, object], *, source: str = "") -> Topology:
    """The farm that the tables of a farm file describe; `source` is where these came from.

    Errors: `ConfigurationError` with every mistake and its place.
    """
    try:
        table = FarmTable.model_validate(raw)
        mistakes = []
    except ValidationError as error:
        mistakes = [_said(found["loc"], found["type"], found["msg"]) for found in error.errors(include_url=False)]
    mistakes += mistakes_across(raw)
    if mistakes:
        raise ConfigurationError(mistakes, source=source)
    try:
        return _build(table)
    except ConfigurationError as error:
        raise ConfigurationError(error.mistakes, source=source) from None


def _said(place: Iterable[str | int], kind: str, message: str) -> str:
    steps = [step for step in place if step not in NO_STEPS]
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{quoted(step)}" for step in steps)
    said = "unknown key" if kind == "extra_forbidden" else message.removeprefix("Value error, ")
    return f"{path.lstrip('.')}: {said.replace('Input should', 'it should')}"


def _build(table: FarmTable) -> Topology:
    zone_names = [zone.called for zone in table.zones] or list(dict.fromkeys(host.zone for host in table.hosts))
    groups = {host.name: tuple(numbered(host.name, host.count)) for host in table.hosts}
    try:
        records = list(_records(table, groups))
        resolver = _imafarm.HostResolver(records)
    except ValueError as error:
        raise ConfigurationError([str(error)]) from None
    return Topology(
        resolver=resolver,
        product=table.product,
        settings=check_settings(_whole(table.settings)),
        host_settings={
            name: own
            for host in table.hosts
            if (own := check_settings(_whole(host.settings)))
            for name in groups[host.name]
        },
        inside=table.links.inside.link(),
        between=table.links.between.link(),
        links={(zone.called, other): link.link() for zone in table.zones for other, link in zone.links.items()},
        applications=dict(_applications(table, groups, records)),
        workload={zone: workload.workload() for workload in table.workloads for zone in workload.zones or zone_names},
        store=None if table.store is None else table.store.plan(),
        magic=table.magic,
        host_magic={name: host.magic for host in table.hosts if host.magic is not None for name in groups[host.name]},
        live=table.live.plan(),
    )


def _applications(
    table: FarmTable, groups: dict[str, tuple[str, ...]], records: list[_imafarm.HostRecord]
) -> Iterator[tuple[str, tuple[str, ...] | None]]:
    for application in table.applications:
        if application.zones is not None:
            zones = set(application.zones)
            yield application.name, tuple(record.name for record in records if record.zone in zones)
        elif application.servers is not None:
            servers = (name for server in application.servers for name in groups.get(server, (server,)))
            yield application.name, tuple(dict.fromkeys(servers))
        else:
            yield application.name, None


def _records(table: FarmTable, groups: dict[str, tuple[str, ...]]) -> Iterator[_imafarm.HostRecord]:
    """Listed hosts first, then the generated ones of each zone, whose ids and names go on from there."""
    led: set[str] = set()
    place = last_id = 0

    def preference(zone: str, host: HostTable | None) -> int:
        if host is not None and host.mode == SESSION_HOST:
            return DEFAULT_PREFERENCE
        first = zone not in led
        led.add(zone)
        chosen = None if host is None else host.preference
        return chosen if chosen is not None else MOST_PREFERRED if first else DEFAULT_PREFERENCE

    for host in table.hosts:
        first_id = place + 1 if host.host_id is None else host.host_id
        for host_id, name in enumerate(groups[host.name], first_id):
            place += 1
            last_id = max(last_id, host_id)
            yield _imafarm.HostRecord(
                name=name,
                zone=host.zone,
                host_id=host_id,
                ima_port=host.ima_port,
                admin_port=DEFAULT_ADMIN_PORT if host.admin_port is None else host.admin_port,
                version=host.version,
                preference=preference(host.zone, host),
                session_only=host.mode == SESSION_HOST,
            )
    for zone in table.zones:
        for _ in range(zone.hosts):
            last_id += 1
            yield _imafarm.HostRecord(
                name=f"H{last_id}", zone=zone.called, host_id=last_id, preference=preference(zone.called, None)
            )


def _whole(settings: dict[str, object]) -> dict[str, int]:
    return {name: value for name, value in settings.items() if isinstance(value, int)}
