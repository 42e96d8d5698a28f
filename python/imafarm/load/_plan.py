"""Who is in a population, and what it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from imafarm.errors import ConfigurationError
from imafarm.settings import check_seed
from imafarm.topology import Topology
from imafarm.topology._live_plan import DEFAULT_NETWORK
from imafarm.topology.farm_file import parse_topology

COLLECTOR = "H1"
"""The collector of a generated farm. Its members are M1, M2, .."""
MEMBERS_PORT = 2514
"""Where members of a generated farm are called: not where their collector is, so that they may share a listener."""
LARGEST_POPULATION = 60_000
"""Members of a generated farm. Its usual network has addresses for a few thousand more."""
LEAST_SECONDS, MOST_SECONDS = 0.001, 1e6
MOST_LOGONS = 1e5
CONNECTED_PER_SECOND = 250
"""Members that come up in a second, unless said otherwise. Our guess: each costs a collector three bindings if its
cache is small, one if it is not."""


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What a population does, besides sending heartbeats.

    Errors: `ConfigurationError` naming every option that is out of range.
    """

    seconds: float = 60.0
    """How long its figures are taken, once all are connected."""
    connect_seconds: float | None = None
    """Its members start within so many seconds; `None`: `CONNECTED_PER_SECOND` of them in each."""
    logons_per_second: float = 0.0
    """Users who log on in a second, to all members together; they come by a Poisson process."""
    session_seconds: float = 60.0
    """How long a session lasts in the mean; exponentially distributed."""
    seed: int = 0
    """When members start and report, and what users do, follows from it."""

    def __post_init__(self) -> None:
        check_seed(self.seed)
        mistakes = [
            f"--{option}: {value:g} is out of range, {least:g} to {most:g}"
            for option, value, least, most in (
                ("for", self.seconds, LEAST_SECONDS, MOST_SECONDS),
                ("connect-seconds", self.connect_seconds or 0.0, 0.0, MOST_SECONDS),
                ("logons", self.logons_per_second, 0.0, MOST_LOGONS),
                ("session-seconds", self.session_seconds, LEAST_SECONDS, MOST_SECONDS),
            )
            if not least <= value <= most
        ]
        if mistakes:
            raise ConfigurationError(mistakes)

    def connect_within(self, members: int) -> float:
        """The seconds within which so many members start."""
        return members / CONNECTED_PER_SECOND if self.connect_seconds is None else self.connect_seconds


def load_farm_file(members: int, settings: Mapping[str, int], network: str = DEFAULT_NETWORK) -> str:
    """A farm file of a collector and so many servers that only run sessions, in one zone.

    settings: every host's, under the registry's value names.

    Errors: `ConfigurationError` for too few or too many members, and for a network without room for them.
    """
    if not 1 <= members <= LARGEST_POPULATION:
        raise ConfigurationError([f"--members: {members} is out of range, 1 to {LARGEST_POPULATION}"])
    lines = [
        "# A collector, and members for `imafarm load`. docs/load.md says how to use it.",
        "",
        *(["[settings]", *(f"{name} = {value}" for name, value in settings.items()), ""] if settings else []),
        "[live]",
        f'network = "{network}"',
        "",
        "[[hosts]]",
        f'name = "{COLLECTOR}"',
        'zone = "Z1"',
        "",
        "[[hosts]]",
        'name = "M{n}"',
        f"count = {members}",
        'zone = "Z1"',
        'mode = "session-host"',
        f"ima_port = {MEMBERS_PORT}",
    ]
    text = "\n".join(lines) + "\n"
    parse_topology(text).live_addresses()
    return text


def load_topology(members: int, settings: Mapping[str, int], network: str = DEFAULT_NETWORK) -> Topology:
    """The farm that `load_farm_file` describes. Errors: as there."""
    return parse_topology(load_farm_file(members, settings, network))


def members_of(topology: Topology, collector: str) -> tuple[str, ...]:
    """The population of a farm: all servers of the collector's zone that only run sessions, and so never stand against
    it, by name.

    Errors: `ConfigurationError` if there is no such collector, if it never stands in an election, or if there is nobody
    besides.
    """
    resolver = topology.resolver
    if collector not in resolver:
        raise ConfigurationError([f"--collector: no host of this farm is named {collector!r}"])
    if collector in topology.session_only:
        raise ConfigurationError([f"--collector: {collector} only runs sessions, so it never collects"])
    zone = resolver.zones_of([resolver.by_name(collector)])[0]
    everybody = range(len(resolver))
    members = tuple(
        name
        for name, own in zip(resolver.names_of(everybody), resolver.zones_of(everybody), strict=True)
        if own == zone and name in topology.session_only
    )
    if not members:
        said = f'no host of its zone has the mode "session-host", so {collector} has nobody to collect from'
        raise ConfigurationError([f"--farm: {said}"])
    return members
