"""What no table of a farm file can know by itself: names and numbers that must agree.

Works on the raw file, so that a wrong table does not hide these mistakes. What is not of the type it should be is left
to the table it stands in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from imafarm.settings import setting_mistake
from imafarm.topology._tables import LARGEST_HOST_ID, numbered, subnet_address, valid_subnet
from imafarm.topology._topology import LARGEST_FARM

Raw = dict[str, object]
Entries = list[tuple[int, Raw]]
"""The tables of an array, and the place of each."""

_GENERATED = re.compile(r"H([1-9][0-9]{0,14})")


def mistakes_across(raw: Raw) -> Iterator[str]:
    """Every name that nobody has, every name and number that two have, and every wrong setting."""
    hosts, zones = tables(raw.get("hosts")), tables(raw.get("zones"))
    yield from _setting_mistakes("settings", raw.get("settings"))
    for position, host in hosts:
        yield from _setting_mistakes(f"hosts[{position}].settings", host.get("settings"))
    listed = [(position, zone_name(zone)) for position, zone in zones]
    yield from _taken_names("zones", listed)
    populated = texts(host.get("zone") for _, host in hosts)
    known_zones = texts(name for _, name in listed) if zones else populated
    for position, host in hosts:
        yield from _unknown(f"hosts[{position}].zone", host.get("zone"), known_zones, "zone")
    for position, zone in zones:
        if not zone.get("hosts") and zone_name(zone) not in populated:
            yield f"zones[{position}]: the zone has no hosts"
    yield from _link_mistakes(zones, known_zones)
    if isinstance(store := raw.get("store"), dict):
        yield from _unknown_each("store.replicas", store.get("replicas"), known_zones, "zone")
    applications = tables(raw.get("applications"))
    live = raw.get("live")
    addresses = live.get("addresses") if isinstance(live, dict) else None
    yield from _host_mistakes(hosts, zones, applications, addresses if isinstance(addresses, dict) else {})
    yield from _taken_names("applications", [(position, text_of(table, "name")) for position, table in applications])
    for position, application in applications:
        yield from _unknown_each(f"applications[{position}].zones", application.get("zones"), known_zones, "zone")
    yield from _workload_mistakes(tables(raw.get("workloads")), applications, known_zones)


def tables(raw: object) -> Entries:
    """The tables of an array of tables."""
    return [(i, table) for i, table in enumerate(raw) if isinstance(table, dict)] if isinstance(raw, list) else []


def text_of(table: Raw, key: str) -> str | None:
    """The text under a key, if it is one."""
    value = table.get(key)
    return value if isinstance(value, str) else None


def texts(values: Iterable[object]) -> set[str]:
    """Those that are texts."""
    return {value for value in values if isinstance(value, str)}


def zone_name(zone: Raw) -> str | None:
    """The name of a zone's table, if it has one."""
    name, subnet = text_of(zone, "name"), text_of(zone, "subnet")
    if name is not None or subnet is None:
        return name
    try:
        return subnet_address(valid_subnet(subnet))
    except ValueError:
        return None


def _whole(value: object, least: int = 1) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= least else None


def _setting_mistakes(place: str, raw: object) -> Iterator[str]:
    for name, value in raw.items() if isinstance(raw, dict) else ():
        if said := setting_mistake(name, value):
            yield f"{place}.{quoted(name)}: {said.removeprefix(f'{name}: ')}"


def _taken_names(array: str, names: Sequence[tuple[int, str | None]]) -> Iterator[str]:
    first: dict[str, int] = {}
    for position, name in names:
        if name is not None and first.setdefault(name, position) != position:
            yield f"{array}[{position}].name: {name!r} is taken by {array}[{first[name]}] already"


def _unknown(place: str, name: object, known: set[str], kind: str) -> Iterator[str]:
    if isinstance(name, str) and name not in known:
        yield f"{place}: no {kind} is named {name!r}"


def _unknown_each(place: str, names: object, known: set[str], kind: str) -> Iterator[str]:
    for position, name in enumerate(names) if isinstance(names, list) else ():
        yield from _unknown(f"{place}[{position}]", name, known, kind)


def _link_mistakes(zones: Entries, known: set[str]) -> Iterator[str]:
    first: dict[frozenset[str | None], int] = {}
    for position, zone in zones:
        links = zone.get("links")
        for other in links if isinstance(links, dict) else ():
            place, name = f"zones[{position}].links.{quoted(other)}", zone_name(zone)
            if other == name:
                yield f"{place}: a link of a zone to itself; links inside zones stand under links.inside"
            elif (earlier := first.setdefault(frozenset((name, other)), position)) != position:
                yield f"{place}: the link between the two stands at zones[{earlier}] already"
            yield from _unknown(place, other, known, "zone")


def _host_mistakes(hosts: Entries, zones: Entries, applications: Entries, addresses: Raw) -> Iterator[str]:
    """Names and ids of hosts, each of which one host has; then those that applications and addresses name."""
    listed = sum(_whole(host.get("count")) or 1 for _, host in hosts)
    generated = sum(_whole(zone.get("hosts")) or 0 for _, zone in zones)
    if listed + generated > LARGEST_FARM:
        yield f"hosts: {listed + generated} are too many, a farm has at most {LARGEST_FARM}"
        return
    if not hosts and not zones:
        yield "hosts: the farm has none; list [[hosts]], or [[zones]] with hosts = N"
    names, ids = _Taken("hosts", "name"), _Taken("hosts", "host_id")
    groups = texts(host.get("name") for _, host in hosts)
    place = last_id = 0
    for position, host in hosts:
        name, count = text_of(host, "name"), _whole(host.get("count"))
        yield from names.take(position, () if name is None else numbered(name, count))
        first_id = _whole(host.get("host_id")) or place + 1
        place += count or 1
        last_id = max(last_id, first_id + (count or 1) - 1)
        if last_id > LARGEST_HOST_ID:
            if first_id <= LARGEST_HOST_ID:
                yield f"hosts[{position}].host_id: {last_id} is out of range, 1 to {LARGEST_HOST_ID}"
            return
        yield from ids.take(position, range(first_id, first_id + (count or 1)))
    if last_id + generated > LARGEST_HOST_ID:
        yield f"hosts: the ids of generated hosts would go on from {last_id} and beyond {LARGEST_HOST_ID}"

    def is_generated(name: str) -> bool:
        found = _GENERATED.fullmatch(name)
        return found is not None and last_id < int(found[1]) <= last_id + generated

    for taken, position in names.by.items():
        if isinstance(taken, str) and is_generated(taken):
            yield f"hosts[{position}].name: {taken!r} is the name of a host that a zone generates"
    for position, application in applications:
        servers = application.get("servers")
        for number, server in enumerate(servers) if isinstance(servers, list) else ():
            if isinstance(server, str) and server not in names.by and server not in groups and not is_generated(server):
                yield f"applications[{position}].servers[{number}]: no host is named {server!r}"
    for name in addresses:
        if name not in names.by and not is_generated(name):
            yield f"live.addresses.{quoted(name)}: no host is named {name!r}"


class _Taken:
    """Which table was the first to take a name or a number."""

    def __init__(self, array: str, key: str) -> None:
        self.array, self.key = array, key
        self.by: dict[str | int, int] = {}

    def take(self, position: int, wanted: Iterable[str | int]) -> Iterator[str]:
        """The first that another table has already, if any."""
        told = False
        for one in wanted:
            earlier = self.by.setdefault(one, position)
            if earlier != position and not told:
                told = True
                yield f"{self.array}[{position}].{self.key}: {one!r} is taken by {self.array}[{earlier}] already"


def _workload_mistakes(workloads: Entries, applications: Entries, known_zones: set[str]) -> Iterator[str]:
    known = texts(application.get("name") for _, application in applications)
    first: dict[str, int] = {}
    for position, workload in workloads:
        yield from _unknown_each(f"workloads[{position}].zones", workload.get("zones"), known_zones, "zone")
        yield from _unknown_each(
            f"workloads[{position}].applications", workload.get("applications"), known, "application"
        )
        zones = workload.get("zones", sorted(known_zones))
        for zone in zones if isinstance(zones, list) else ():
            if isinstance(zone, str) and (earlier := first.setdefault(zone, position)) != position:
                yield f"workloads[{position}].zones: {zone!r} has the workload of workloads[{earlier}] already"


def quoted(key: str) -> str:
    """A key as TOML writes it."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)
