"""A farm before it is opened."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from imafarm import _imafarm
from imafarm.errors import ConfigurationError
from imafarm.settings import check_settings
from imafarm.topology._checks import name_mistake, repeated
from imafarm.topology._link import Link
from imafarm.topology._live_plan import LivePlan
from imafarm.topology._store_plan import StorePlan
from imafarm.topology._workload import Workload

LARGEST_FARM = 1_000_000
"""Hosts in one farm, at most. Our guess: a thousand times the largest the product was tested with."""
DEFAULT_MAGIC = 0x1A4A
"""The magic number of a farm that nobody gave one. Our guess: any would do, as long as all hosts have it."""
LARGEST_MAGIC = 2**32 - 1


class Product(enum.StrEnum):
    """The product whose figures a farm goes by."""

    XP = "XP"
    """MetaFrame XP"""
    MF30 = "MF30"
    """MetaFrame Presentation Server 3.0"""
    PS40 = "PS40"
    """Presentation Server 4.0"""
    PS45 = "PS45"
    """Presentation Server 4.5"""


@dataclass(frozen=True, slots=True)
class Topology:
    """What a farm is made of.

    Errors: `ConfigurationError` with every name that the farm does not have, and every number out of range.
    """

    resolver: _imafarm.HostResolver
    product: Product = Product.PS45
    settings: Mapping[str, int] = field(default_factory=dict)
    """What every host has that is not the default."""
    host_settings: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By host name: what this host has that the others do not."""
    inside: Link = field(default_factory=Link)
    """The links inside a zone."""
    between: Link = field(default_factory=Link)
    """The links between zones."""
    links: Mapping[tuple[str, str], Link] = field(default_factory=dict)
    """By two zones, in either order: the links between these. What one leaves out is as `between` has it."""
    applications: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    """By name: the hosts that an application is published on; `None`: on all."""
    workload: Mapping[str, Workload] = field(default_factory=dict)
    """By zone: what its users do."""
    store: StorePlan | None = None
    """The data store as a place in the emulated network; `None`: the farm has none to talk to."""
    magic: int = DEFAULT_MAGIC
    """The farm's magic number (IMA Information, how a collector knows who belongs to the farm)."""
    host_magic: Mapping[str, int] = field(default_factory=dict)
    """By host name: the magic number of a host that has another, and so takes itself for a farm of its own."""
    session_only: frozenset[str] = frozenset()
    """The names of the hosts that only run sessions: they never stand in an election.

    The records of `resolver` say it too. Told in one place, both have it: in a resolver of their own, if need be."""
    live: LivePlan = field(default_factory=LivePlan)
    """Where the hosts listen when the farm is live."""

    def __post_init__(self) -> None:
        mistakes = []
        if (hosts := len(self.resolver)) > LARGEST_FARM:
            mistakes.append(f"hosts: {hosts} are too many, a farm has at most {LARGEST_FARM}")
        mistakes += [f"host_settings: {said}" for said in self._unknown_hosts(self.host_settings)]
        mistakes += self._link_mistakes()
        mistakes += self._application_mistakes()
        mistakes += self._workload_mistakes()
        if self.store is not None:
            mistakes += [f"store.replicas: {said}" for said in self._unknown_zones(self.store.replicas)]
        if said := magic_mistake(self.magic):
            mistakes.append(f"magic: {said}")
        mistakes += [f"host_magic: {said}" for said in self._unknown_hosts(self.host_magic)]
        mistakes += [
            f"host_magic: {host!r}: {said}" for host, m in self.host_magic.items() if (said := magic_mistake(m))
        ]
        mistakes += [f"session_only: {said}" for said in self._unknown_hosts(sorted(self.session_only))]
        mistakes += self._live_mistakes()
        if mistakes:
            raise ConfigurationError(mistakes)
        resolver, session_only = _with_modes(self.resolver, self.session_only)
        object.__setattr__(self, "resolver", resolver)
        object.__setattr__(self, "session_only", session_only)

    @classmethod
    def of(
        cls,
        hosts: int | _imafarm.HostResolver,
        zones: int = 1,
        *,
        product: Product = Product.PS45,
        settings: Mapping[str, int] | None = None,
        host_settings: Mapping[str, Mapping[str, int]] | None = None,
        inside: Link | None = None,
        between: Link | None = None,
        links: Mapping[tuple[str, str], Link] | None = None,
        applications: Mapping[str, tuple[str, ...] | None] | None = None,
        workload: Mapping[str, Workload] | None = None,
        store: StorePlan | None = None,
        magic: int = DEFAULT_MAGIC,
        host_magic: Mapping[str, int] | None = None,
        session_only: Collection[str] = (),
        live: LivePlan | None = None,
    ) -> Topology:
        """A farm of generated hosts (H1 to Hn in zones Z1 to Zk), or of the hosts of a `HostResolver`.

        Errors: `ConfigurationError` with everything that is wrong.
        """
        if isinstance(hosts, int):
            resolver = generate_hosts(hosts, zones)
        elif zones != 1:
            raise ConfigurationError(["zones: the records of a HostResolver say themselves which zone they are in"])
        else:
            resolver = hosts
        return cls(
            resolver=resolver,
            product=product,
            settings=check_settings(settings or {}),
            host_settings={name: check_settings(own) for name, own in (host_settings or {}).items()},
            inside=inside or Link(),
            between=between or Link(),
            links=dict(links or {}),
            applications=dict(applications or {}),
            workload=dict(workload or {}),
            store=store,
            magic=magic,
            host_magic=dict(host_magic or {}),
            session_only=frozenset(session_only),
            live=live or LivePlan(),
        )

    def live_addresses(self) -> list[str]:
        """By index: the address at which each host of the live farm listens.

        Errors: `ConfigurationError` if the network is too small for the farm, or a host has one port for two things.
        """
        records = self.resolver.records()
        mistakes = []
        lost = [record.name for record in records[self.live.room :] if record.name not in self.live.addresses]
        if lost:
            said = f"{self.live.network} has room for {_hosts(self.live.room)}, the farm has {len(records)}"
            mistakes.append(f"live.network: {said}; {lost[0]!r} has no address")
        mistakes += [
            f"hosts: the ima_port and the admin_port of {record.name!r} are both {record.ima_port}"
            for record in records
            if len(_ports(record)) == 1 and not record.session_only
        ]
        if mistakes:
            raise ConfigurationError(mistakes)
        return [self.live.address_of(index, record.name) for index, record in enumerate(records)]

    # -- what the engine takes: indexes for names, whole numbers for all else

    def zone_indexes(self) -> dict[str, int]:
        """The index of each zone, by name."""
        return {zone: index for index, zone in enumerate(self.resolver.zones())}

    def application_indexes(self) -> dict[str, int]:
        """The number of each application, by name: its place among them."""
        return {name: index for index, name in enumerate(self.applications)}

    def links_for_engine(self) -> dict[tuple[int, int], dict[str, int]]:
        """By the indexes of two zones, the lower first: what the links between these have of their own."""
        zones = self.zone_indexes()
        pairs = {(min(zones[a], zones[b]), max(zones[a], zones[b])): link for (a, b), link in self.links.items()}
        return {pair: pairs[pair].for_engine() for pair in sorted(pairs)}

    def applications_for_engine(self) -> list[tuple[str, list[int] | None]]:
        """The applications in the order of their numbers: name, and indexes of hosts in rising order."""
        return [
            (name, None if servers is None else sorted(self.resolver.by_names(servers)))
            for name, servers in self.applications.items()
        ]

    def workload_for_engine(self) -> dict[int, dict[str, int | list[int] | list[tuple[int, int]]]]:
        """By the index of a zone, in rising order: its workload under the engine's keys."""
        zones, applications = self.zone_indexes(), self.application_indexes()
        by_index = {zones[zone]: workload for zone, workload in self.workload.items()}
        return {zone: by_index[zone].for_engine(applications) for zone in sorted(by_index)}

    def store_for_engine(self) -> dict[str, int | list[int]] | None:
        """The place of the data store under the engine's keys; `None` if there is none."""
        return None if self.store is None else self.store.for_engine(self.zone_indexes())

    def host_settings_for_engine(self) -> dict[int, Mapping[str, int]]:
        """By the index of a host: the settings that it has of its own."""
        return {self.resolver.by_name(host): own for host, own in self.host_settings.items()}

    def host_magic_for_engine(self) -> dict[int, int]:
        """By the index of a host: its own magic number."""
        return {self.resolver.by_name(host): magic for host, magic in self.host_magic.items()}

    # -- what can be wrong

    def _unknown_hosts(self, names: Collection[str]) -> list[str]:
        return [f"no host is named {name!r}" for name in names if name not in self.resolver]

    def _unknown_zones(self, names: Collection[str]) -> list[str]:
        zones = self.zone_indexes()
        return [f"no zone is named {name!r}" for name in names if name not in zones]

    def _link_mistakes(self) -> Iterator[str]:
        for first, second in self.links:
            place = f"links[{first!r}, {second!r}]"
            if first == second:
                yield f"{place}: a link of a zone to itself; links inside zones stand under `inside`"
            elif (second, first) in self.links and first > second:
                yield f"{place}: stands there in the other order too"
            for said in self._unknown_zones(dict.fromkeys((first, second))):
                yield f"{place}: {said}"

    def _application_mistakes(self) -> Iterator[str]:
        for name, servers in self.applications.items():
            place = f"applications[{name!r}]"
            if said := name_mistake(name):
                yield f"applications: {said}"
            if servers is None:
                continue
            if not servers:
                yield f"{place}: published on no host; `None` stands for all"
            for said in self._unknown_hosts(servers):
                yield f"{place}: {said}"
            for server in repeated(servers):
                yield f"{place}: {server!r} stands there twice"

    def _workload_mistakes(self) -> Iterator[str]:
        for said in self._unknown_zones(self.workload):
            yield f"workload: {said}"
        for zone, workload in self.workload.items():
            for name in workload.applications:
                if name not in self.applications:
                    yield f"workload[{zone!r}].applications: no application is named {name!r}"

    def _live_mistakes(self) -> Iterator[str]:
        """Hosts that there are not, and two that would listen in one place. Looks only at who has an address of its own
        and at who would have that address anyway, so that it costs nothing in a large farm that names none."""
        own = self.live.addresses
        for said in self._unknown_hosts(own):
            yield f"live.addresses: {said}"
        at: dict[str, list[str]] = {}
        for host, address in own.items():
            if host in self.resolver:
                at.setdefault(address, []).append(host)
        for address, hosts in at.items():
            index = self.live.index_at(address)
            if index is not None and index < len(self.resolver):
                name = self.resolver.name_of(index)
                hosts += [] if name in own else [name]
            listening: dict[int, str] = {}
            for host in hosts:
                for port in sorted(_ports(self.resolver.record(self.resolver.by_name(host)))):
                    if (other := listening.setdefault(port, host)) != host:
                        yield f"live.addresses: {other!r} and {host!r} would both listen on {address}:{port}"


def _ports(record: _imafarm.HostRecord) -> set[int]:
    """Where a host listens; one that only runs sessions has no Management Console."""
    return {record.ima_port} if record.session_only else {record.ima_port, record.admin_port}


def _with_modes(
    resolver: _imafarm.HostResolver, session_only: frozenset[str]
) -> tuple[_imafarm.HostResolver, frozenset[str]]:
    """The same hosts, of which those named and those whose records say so only run sessions; and the names of these."""
    records = resolver.records()
    names = session_only | {record.name for record in records if record.session_only}
    if all(record.session_only == (record.name in names) for record in records):
        return resolver, names
    return _imafarm.HostResolver(_session_host(record) if record.name in names else record for record in records), names


def _session_host(record: _imafarm.HostRecord) -> _imafarm.HostRecord:
    return _imafarm.HostRecord(
        name=record.name,
        zone=record.zone,
        host_id=record.host_id,
        ima_port=record.ima_port,
        admin_port=record.admin_port,
        version=record.version,
        preference=record.preference,
        session_only=True,
    )


def magic_mistake(magic: object) -> str | None:
    """What is wrong with a magic number; `None` if nothing is."""
    if isinstance(magic, bool) or not isinstance(magic, int):
        return f"{magic!r} is no whole number"
    if not 0 <= magic <= LARGEST_MAGIC:
        return f"{magic} is out of range, 0 to {LARGEST_MAGIC}"
    return None


def generate_hosts(hosts: int, zones: int = 1) -> _imafarm.HostResolver:
    """Hosts H1 to Hn in zones Z1 to Zk, as even as possible; the first of a zone is its Most Preferred.

    Errors: `ConfigurationError`.
    """
    mistakes = []
    for key, count in (("hosts", hosts), ("zones", zones)):
        if isinstance(count, bool) or not isinstance(count, int):
            mistakes.append(f"{key}: {count!r} is no whole number")
        elif not 1 <= count <= LARGEST_FARM:
            mistakes.append(f"{key}: {count} is out of range, 1 to {LARGEST_FARM}")
    if not mistakes and zones > hosts:
        mistakes.append(f"zones: {zones} zones cannot share {_hosts(hosts)}; a zone has at least one")
    if mistakes:
        raise ConfigurationError(mistakes)
    return _imafarm.HostResolver.generate(hosts, zones)


def _hosts(count: int) -> str:
    return "1 host" if count == 1 else f"{count} hosts"
