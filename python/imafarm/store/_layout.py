"""Where each part of a farm stands in the tree.

farm                            name, product, magic number
farm/zones/ZONE                 one for each zone that has hosts
farm/servers/HOST               the host record, and what is this host's own
farm/applications/APPLICATION   its servers
farm/settings                   of every host
farm/links/inside, between, pairs/ZONE&ZONE
farm/workloads/ZONE
farm/store                      the data store as a place in the emulated network
farm/live                       where hosts listen when the farm is live
farm/other                      what the emulation does not look at

IMA Information and CTX114843 do not name the contexts; these are our guess. A field that `Topology` gets needs a line
in one of the four tables here, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any, get_args, get_type_hints

from imafarm._imafarm import HostRecord, HostResolver
from imafarm.store._codec import from_plain, to_plain
from imafarm.store._tree import Attributes, Entry, StoreObject, component, parent_of, plain_name
from imafarm.topology import Topology

ROOT = "farm"
ZONES = "farm/zones"
SERVERS = "farm/servers"
APPLICATIONS = "farm/applications"
SETTINGS = "farm/settings"
LINKS = "farm/links"
PAIRS = "farm/links/pairs"
WORKLOADS = "farm/workloads"
STORE = "farm/store"
LIVE = "farm/live"
OTHER = "farm/other"
CONTEXTS = (ZONES, SERVERS, APPLICATIONS, LINKS, PAIRS, WORKLOADS)
"""The upper ones first."""

OF_FARM = {"product": "product", "magic": "magic"}
"""By field of `Topology`: an attribute of the farm's own object."""
OF_SERVER = {"host_settings": "settings", "host_magic": "magic"}
"""By field: an attribute of those servers that have it."""
OBJECTS = {
    "settings": SETTINGS,
    "inside": "farm/links/inside",
    "between": "farm/links/between",
    "store": STORE,
    "live": LIVE,
}
"""By field: an object by itself; none stands for `None`."""
CONTEXT_OF = {"applications": (APPLICATIONS, "servers"), "workload": (WORKLOADS, None), "links": (PAIRS, None)}
"""By field: a context of objects by name or names, and the one attribute that each has, if it is no table itself."""

_RECORD = ("host_id", "ima_port", "admin_port", "version", "preference")
"""The parts of a host record that are numbers, as attributes of a server."""
_OF_RECORDS = {"resolver", "session_only"}
"""The fields that the host records say."""
_HINTS = get_type_hints(Topology)


def unplaced() -> set[str]:
    """The fields of `Topology` that no table here has a place for. A test holds that there are none."""
    return {field.name for field in fields(Topology)} - {*_OF_RECORDS, *OF_FARM, *OF_SERVER, *OBJECTS, *CONTEXT_OF}


def server_name(host: str) -> str:
    """The distinguished name of a host."""
    return f"{SERVERS}/{component(host)}"


def zone_name(zone: str) -> str:
    """The distinguished name of a zone."""
    return f"{ZONES}/{component(zone)}"


def application_name(application: str) -> str:
    """The distinguished name of an application."""
    return f"{APPLICATIONS}/{component(application)}"


def workload_name(zone: str) -> str:
    """The distinguished name of a zone's workload."""
    return f"{WORKLOADS}/{component(zone)}"


def own_names(name: str) -> tuple[str, ...]:
    """What an object is called by itself: one name, or a pair's two."""
    return tuple(plain_name(part) for part in name.rpartition("/")[2].split("&"))


def zone_entry(zone: str) -> Entry:
    """The object of a zone. That it is there is all it says."""
    return Entry(zone_name(zone), {}, (("zone name", zone),))


def record_entry(record: HostRecord, own: Attributes) -> Entry:
    """The object of a host; `own`: what it has besides its record."""
    attributes = {"zone": record.zone, **{part: getattr(record, part) for part in _RECORD}}
    mode = {"session_only": True} if record.session_only else {}
    return server_entry(record.name, {**attributes, **mode, **own})


def server_entry(host: str, attributes: Attributes) -> Entry:
    """The object of a host with all these attributes."""
    found_by = (("host name", host), ("host id", str(attributes["host_id"])), ("zone", attributes["zone"]))
    return Entry(server_name(host), attributes, found_by)


def application_entry(application: str, servers: Iterable[str] | None) -> Entry:
    """The object of an application."""
    named = None if servers is None else list(servers)
    found_by = [("application", application), *(("server", server) for server in named or ())]
    return Entry(application_name(application), {"servers": named}, tuple(found_by))


def record_of(host: str, attributes: Attributes) -> HostRecord:
    """The host record in a server's attributes. `ValueError` names the attribute that is wrong."""
    try:
        numbers = {part: attributes[part] for part in _RECORD}
        mode = attributes.get("session_only", False)
        return HostRecord(host, attributes["zone"], session_only=mode, **numbers)
    except KeyError as missing:
        raise ValueError(f"{server_name(host)}: the attribute {missing} is missing") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{server_name(host)}: {error}") from None


def entries_of(topology: Topology, farm: Attributes) -> Iterator[Entry]:
    """The farm as objects, those that others are in first. `farm` is what its own object says besides."""
    of_farm = {attribute: to_plain(getattr(topology, field)) for field, attribute in OF_FARM.items()}
    yield Entry(ROOT, {**farm, **of_farm})
    for field, name in OBJECTS.items():
        value = getattr(topology, field)
        if value is not None:
            yield Entry(name, _table(value))
    records = topology.resolver.records()
    for zone in dict.fromkeys(record.zone for record in records):
        yield zone_entry(zone)
    own: dict[str, dict[str, Any]] = {}
    for field, attribute in OF_SERVER.items():
        for host, value in getattr(topology, field).items():
            own.setdefault(host, {})[attribute] = to_plain(value)
    for record in records:
        yield record_entry(record, own.get(record.name, {}))
    for field, (context, single) in CONTEXT_OF.items():
        for names, value in getattr(topology, field).items():
            if context == APPLICATIONS:
                yield application_entry(names, value)
                continue
            parts = (names,) if isinstance(names, str) else names
            name = f"{context}/{'&'.join(map(component, parts))}"
            yield Entry(name, _table(value) if single is None else {single: to_plain(value)})


def topology_of(objects: Iterable[StoreObject]) -> Topology:
    """The farm that the objects make up, each context's in their order.

    Errors: `ValueError` names the object that is wrong; `ConfigurationError` says what does not fit together.
    """
    by_name: dict[str, StoreObject] = {}
    by_context: dict[str, list[StoreObject]] = {}
    for it in objects:
        by_name[it.name] = it
        by_context.setdefault(parent_of(it.name), []).append(it)
    if ROOT not in by_name:
        raise ValueError(f"{ROOT}: the farm's own object is missing")
    parts: dict[str, Any] = {}
    for field, attribute in OF_FARM.items():
        if attribute in by_name[ROOT].attributes:
            plain = by_name[ROOT].attributes[attribute]
            parts[field] = from_plain(_HINTS[field], plain, f"{ROOT}: {attribute}")
    for field, name in OBJECTS.items():
        if name in by_name:
            parts[field] = from_plain(_HINTS[field], by_name[name].attributes, name)
    for field, (context, single) in CONTEXT_OF.items():
        parts[field] = dict(_named(field, by_context.get(context, ()), single))
    servers = [(own_names(it.name)[0], it.attributes) for it in by_context.get(SERVERS, ())]
    parts["resolver"] = HostResolver([record_of(host, attributes) for host, attributes in servers])
    for field, attribute in OF_SERVER.items():
        parts[field] = _of_servers(field, attribute, servers)
    return Topology(**parts)


def _table(value: object) -> dict[str, Any]:
    plain = to_plain(value)
    if not isinstance(plain, dict):
        raise TypeError(f"{type(value).__name__} has no attributes")
    return plain


def _named(field: str, objects: Iterable[StoreObject], single: str | None) -> Iterator[tuple[Any, Any]]:
    by, hint = get_args(_HINTS[field])
    for it in objects:
        names = own_names(it.name)
        plain: Any = it.attributes
        place = it.name
        if single is not None:
            place = f"{it.name}: {single}"
            if single not in it.attributes:
                raise ValueError(f"{place}: the attribute is missing")
            plain = it.attributes[single]
        yield names[0] if by is str else names, from_plain(hint, plain, place)


def _of_servers(field: str, attribute: str, servers: Iterable[tuple[str, Attributes]]) -> dict[str, Any]:
    having = [(host, attributes[attribute]) for host, attributes in servers if attribute in attributes]
    _, hint = get_args(_HINTS[field])
    return {host: from_plain(hint, plain, f"{server_name(host)}: {attribute}") for host, plain in having}
