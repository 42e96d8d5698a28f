"""What a scenario is, and the verdict on one that was played."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import trio

from imafarm.errors import ConfigurationError
from imafarm.farm import Election, Farm, FarmStatistics
from imafarm.topology import Topology


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a scenario holds a farm to."""

    name: str
    passed: bool
    detail: str
    """What was found, in figures."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Something worth telling, and when it happened, in farm seconds."""

    seconds: float
    what: str


@dataclass(slots=True)
class Journal:
    """What a scenario writes down while it is played."""

    on_phase: Callable[[str], object] | None = None
    """Told each phase as it begins."""
    checks: list[Check] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    figures: dict[str, int | float | str] = field(default_factory=dict)

    def phase(self, name: str) -> None:
        """A new phase begins."""
        if self.on_phase is not None:
            self.on_phase(name)

    def check(self, name: str, passed: bool, detail: str) -> bool:
        """Holds the farm to something; `passed` again, so that a scenario can go by it."""
        self.checks.append(Check(name, passed, detail))
        return passed

    def moment(self, seconds: float | None, what: str) -> None:
        """Something happened at this farm second; nothing is written if it did not (`None`)."""
        if seconds is not None:
            self.moments.append(Moment(seconds, what))

    def figure(self, name: str, value: int | float | str) -> None:
        """A number that the scenario is about."""
        self.figures[name] = value


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story that is played on a farm, whatever world its hosts live in."""

    name: str
    summary: str
    hosts: int
    """How many hosts it is played with unless somebody says otherwise."""
    least_hosts_in_zone: int
    """A zone with fewer hosts has no such story."""
    play: Callable[[Farm, Journal], Awaitable[None]]
    zones: int = 1
    """How many zones it is played with unless somebody says otherwise."""
    prepare: Callable[[Topology], Topology] | None = None
    """What it needs of a farm before that is opened; nothing, if `None`."""

    def check_fits(self, topology: Topology) -> None:
        """Errors: `ConfigurationError` if a zone has fewer hosts than such a story is about."""
        resolver, least = topology.resolver, self.least_hosts_in_zone
        for zone, count in Counter(resolver.zones_of(range(len(resolver)))).items():
            if count < least:
                said = f"{self.name} needs {least} in every zone, {resolver.zone_name(zone)} has {count}"
                raise ConfigurationError([f"hosts: {said}"])


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a scenario."""

    scenario: str
    seed: int
    product: str
    hosts: int
    zones: int
    settings: Mapping[str, int]
    """What every host had, unless it had its own."""
    checks: Sequence[Check]
    moments: Sequence[Moment]
    figures: Mapping[str, int | float | str]
    statistics: FarmStatistics
    masters: Mapping[str, str | None]
    elections: Sequence[Election]
    digest: str
    virtual_seconds: float
    wall_seconds: float

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def converged_seconds(self) -> float | None:
        """How long the last election of a zone took, from the first doubt to agreement; of several zones the longest.

        `None` if no election came to an end.
        """
        last = {election.zone: took for election in self.elections if (took := election.took_seconds) is not None}
        return max(last.values(), default=None)

    def as_json(self) -> dict[str, Any]:
        """The object that `imafarm run --json` prints."""
        bindings = self.statistics.bindings
        return {
            "scenario": self.scenario,
            "seed": self.seed,
            "product": self.product,
            "hosts": self.hosts,
            "zones": self.zones,
            "settings": dict(self.settings),
            "verdict": "passed" if self.passed else "failed",
            "checks": [{"name": c.name, "passed": c.passed, "detail": c.detail} for c in self.checks],
            "virtual_seconds": self.virtual_seconds,
            "wall_seconds": self.wall_seconds,
            "events": self.statistics.events,
            "digest": self.digest,
            "masters": dict(self.masters),
            "messages": {
                kind: {
                    "sent": traffic.sent,
                    "delivered": traffic.delivered,
                    "dropped": traffic.dropped,
                    "in_flight": traffic.in_flight,
                    "bytes": traffic.bytes,
                }
                for kind, traffic in self.statistics.messages.items()
            },
            "bindings": {
                "opened": bindings.opened,
                "hit": bindings.hit,
                "evicted": bindings.evicted,
                "closed": bindings.closed,
                "refused": bindings.refused,
                "active": bindings.active,
            },
            "elections": {
                "started": self.statistics.elections_started,
                "won": self.statistics.elections_won,
                "converged_seconds": self.converged_seconds,
            },
            "users": asdict(self.statistics.users),
            "counters": {zone: dict(counters) for zone, counters in self.statistics.counters.items()},
        }


async def play(
    scenario: Scenario,
    farm: Farm,
    journal: Journal,
    *,
    seed: int,
    product: str,
    settings: Mapping[str, int],
    wall_clock: Callable[[], float],
) -> Verdict:
    """Plays a scenario to its end and judges it: its own checks, and those that hold in every scenario.

    `wall_clock` tells the real seconds that went into it so far; the rest is repeated in the verdict.
    """
    await scenario.play(farm, journal)
    journal.phase("judge")
    broken = farm.check_conservation()
    statistics = farm.statistics()
    sent = sum(traffic.sent for traffic in statistics.messages.values())
    found = f"{sent:,} messages, and their bytes"
    journal.check("sent = delivered + dropped + in flight", not broken, "; ".join(broken) or found)
    return Verdict(
        scenario=scenario.name,
        seed=seed,
        product=product,
        hosts=len(farm.host_names),
        zones=len(farm.zones),
        settings=settings,
        checks=tuple(journal.checks),
        moments=tuple(journal.moments),
        figures=dict(journal.figures),
        statistics=statistics,
        masters=farm.masters,
        elections=tuple(farm.elections()),
        digest=farm.digest(),
        virtual_seconds=trio.current_time(),
        wall_seconds=wall_clock(),
    )
