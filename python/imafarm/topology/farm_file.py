"""Reads a farm from a TOML file, and says everything that is wrong with it at once.

product = "PS45"

[settings]                          # of every host
MaxHostAddressCacheEntries = 1024

[links.inside]                      # inside a zone; [links.between]: between zones
latency_seconds = 0.0002

[[zones]]
name = "10.22.44.0"
hosts = 300                         # generated, after those that are listed

[[hosts]]
name = "FTLDTERRYDU02"
zone = "10.22.44.0"
host_id = 8022
preference = 1
settings = { KeepAliveInterval = 30_000 }
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from imafarm import _imafarm
from imafarm.errors import ConfigurationError
from imafarm.settings import check_settings, setting_mistake
from imafarm.topology._checks import name_mistake
from imafarm.topology._link import LINK_KEYS, Link
from imafarm.topology._topology import LARGEST_FARM, Product, Topology

LARGEST_HOST_ID = 2**48 - 1
MOST_PREFERRED, DEFAULT_PREFERENCE = 1, 3


def _valid_name(name: str) -> str:
    if said := name_mistake(name):
        raise ValueError(said)
    return name


def _range(key: str) -> Any:
    """The range of a link's value, as `Link` has it."""
    return Field(ge=LINK_KEYS[key].least, le=LINK_KEYS[key].most)


Name = Annotated[str, AfterValidator(_valid_name)]
Port = Annotated[int, Field(ge=1, le=65_535)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _HostTable(_Table):
    name: Name
    zone: Name
    host_id: int | None = Field(default=None, ge=1, le=LARGEST_HOST_ID)
    ima_port: Port = 2512
    admin_port: Port = 2513
    version: int = Field(default=1, ge=0, le=255)
    preference: int | None = Field(default=None, ge=1, le=4)
    settings: dict[str, object] = {}


class _ZoneTable(_Table):
    name: Name
    hosts: int = Field(default=0, ge=0, le=LARGEST_FARM)


class _LinkTable(_Table):
    latency_seconds: Annotated[float, _range("latency_seconds")] | None = None
    jitter_seconds: Annotated[float, _range("jitter_seconds")] | None = None
    bandwidth_bits_per_second: Annotated[float, _range("bandwidth_bits_per_second")] | None = None
    loss: Annotated[float, _range("loss")] | None = None

    def link(self) -> Link:
        return Link(**self.model_dump())


class _LinksTable(_Table):
    inside: _LinkTable = _LinkTable()
    between: _LinkTable = _LinkTable()


class _FarmTable(_Table):
    product: Annotated[Product, Field(strict=False)] = Product.PS45
    settings: dict[str, object] = {}
    links: _LinksTable = _LinksTable()
    zones: list[_ZoneTable] = []
    hosts: list[_HostTable] = []


def read_topology(path: Path) -> Topology:
    """The farm that the file describes.

    Errors: `ConfigurationError` with every mistake and its place (`hosts[2].host_id: ...`).
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigurationError([reason], source=str(path)) from None
    try:
        table = _FarmTable.model_validate(raw)
        mistakes = []
    except ValidationError as error:
        mistakes = [_said(found["loc"], found["type"], found["msg"]) for found in error.errors(include_url=False)]
    mistakes += _mistakes_across(raw)
    if mistakes:
        raise ConfigurationError(mistakes, source=str(path))
    return _build(table, source=str(path))


def _said(place: Iterable[str | int], kind: str, message: str) -> str:
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    said = "unknown key" if kind == "extra_forbidden" else message.removeprefix("Value error, ")
    return f"{path.lstrip('.')}: {said.replace('Input should', 'it should')}"


def _mistakes_across(raw: dict[str, object]) -> Iterator[str]:
    """What no table can know by itself. Works on the raw file, so that a wrong table does not hide these mistakes."""
    hosts, zones = _tables(raw.get("hosts")), _tables(raw.get("zones"))
    yield from _setting_mistakes("settings", raw.get("settings"))
    for position, host in hosts:
        yield from _setting_mistakes(f"hosts[{position}].settings", host.get("settings"))
    yield from _duplicates("hosts", "name", hosts)
    yield from _duplicates("hosts", "host_id", hosts)
    yield from _duplicates("zones", "name", zones)
    listed = {zone.get("name") for _, zone in zones}
    for position, host in hosts if listed else []:
        if isinstance(zone := host.get("zone"), str) and zone not in listed:
            yield f"hosts[{position}].zone: {zone!r} is none of the zones listed"
    populated = {host.get("zone") for _, host in hosts}
    for position, table in zones:
        if not table.get("hosts") and table.get("name") not in populated:
            yield f"zones[{position}]: the zone has no hosts"
    generated = sum(count for _, zone in zones if isinstance(count := zone.get("hosts"), int) and count > 0)
    if len(hosts) + generated > LARGEST_FARM:
        yield f"hosts: {len(hosts) + generated} are too many, a farm has at most {LARGEST_FARM}"
    if not hosts and not zones:
        yield "hosts: the farm has none; list [[hosts]], or [[zones]] with hosts = N"


def _tables(raw: object) -> list[tuple[int, dict[str, object]]]:
    return [(i, table) for i, table in enumerate(raw) if isinstance(table, dict)] if isinstance(raw, list) else []


def _setting_mistakes(place: str, raw: object) -> Iterator[str]:
    for name, value in raw.items() if isinstance(raw, dict) else ():
        if said := setting_mistake(name, value):
            yield f"{place}.{name}: {said.removeprefix(f'{name}: ')}"


def _duplicates(table: str, key: str, tables: list[tuple[int, dict[str, object]]]) -> Iterator[str]:
    first: dict[str | int, int] = {}
    for position, entry in tables:
        value = entry.get(key)
        if isinstance(value, str | int) and first.setdefault(value, position) != position:
            yield f"{table}[{position}].{key}: {value!r} is taken by {table}[{first[value]}] already"


def _build(table: _FarmTable, source: str) -> Topology:
    records = list(_records(table))
    try:
        resolver = _imafarm.HostResolver(records)
    except ValueError as error:
        raise ConfigurationError([str(error)], source=source) from None
    return Topology(
        resolver=resolver,
        product=table.product,
        settings=check_settings(_whole(table.settings)),
        host_settings={host.name: check_settings(_whole(host.settings)) for host in table.hosts if host.settings},
        inside=table.links.inside.link(),
        between=table.links.between.link(),
    )


def _records(table: _FarmTable) -> Iterator[_imafarm.HostRecord]:
    """Listed hosts first, then the generated ones of each zone, whose ids and names go on from there."""
    led: set[str] = set()
    last_id = 0

    def preference(zone: str, chosen: int | None) -> int:
        first = zone not in led
        led.add(zone)
        return chosen if chosen is not None else MOST_PREFERRED if first else DEFAULT_PREFERENCE

    for position, host in enumerate(table.hosts):
        host_id = position + 1 if host.host_id is None else host.host_id
        last_id = max(last_id, host_id)
        yield _imafarm.HostRecord(
            name=host.name,
            zone=host.zone,
            host_id=host_id,
            ima_port=host.ima_port,
            admin_port=host.admin_port,
            version=host.version,
            preference=preference(host.zone, host.preference),
        )
    for zone in table.zones:
        for _ in range(zone.hosts):
            last_id += 1
            yield _imafarm.HostRecord(
                name=f"H{last_id}", zone=zone.name, host_id=last_id, preference=preference(zone.name, None)
            )


def _whole(settings: dict[str, object]) -> dict[str, int]:
    return {name: value for name, value in settings.items() if isinstance(value, int)}
