"""One point of a study: a farm, a seed, and what came of it. It runs in whatever process it is sent to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version

from imafarm.emulated import EmulatedFarm, open_emulated_farm, run
from imafarm.errors import ImafarmError
from imafarm.scenario import Journal, Scenario, Verdict, play
from imafarm.scenarios import SCENARIOS
from imafarm.settings import default_settings
from imafarm.study import _cache
from imafarm.study._farm_of import FarmOf
from imafarm.study._measures import CACHE, measured
from imafarm.topology import Topology

Key = tuple[tuple[int, ...], int]
"""Which point it is: the values, in the order in which their names are varied, and the seed."""


@dataclass(frozen=True, slots=True)
class Point:
    """All that a process needs to know to play it."""

    scenario: str
    farm: FarmOf
    names: tuple[str, ...]
    """What is varied."""
    values: tuple[int, ...]
    seed: int
    failover: bool = True
    """In the study of the connection cache: whether a collector crashes at the end."""
    version: str = field(default_factory=lambda: version("imafarm"))
    """Of whoever asks. Another version would play something else."""

    @property
    def key(self) -> Key:
        """Which point it is."""
        return self.values, self.seed

    def topology(self) -> Topology:
        """The farm, with what the scenario needs. Errors: `ConfigurationError`."""
        topology = self.farm.with_values(dict(zip(self.names, self.values, strict=True)))
        prepare = self.plays.prepare
        return topology if prepare is None else prepare(topology)

    @property
    def plays(self) -> Scenario:
        """What is played."""
        return scenario_of(self.scenario, failover=self.failover)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a point."""

    passed: bool
    measures: Mapping[str, float | None]
    """All that there are, asked for or not."""
    digest: str | None
    """`None` if it came to no end."""
    error: str | None = None
    """Why it came to no end."""


def scenario_of(name: str, *, failover: bool = True) -> Scenario:
    """The scenario of this name, or what the study of the connection cache plays."""
    return _cache.scenario(failover=failover) if name == CACHE else SCENARIOS[name]


def run_point(point: Point) -> Outcome:
    """Plays a point on one thread. What the farm itself brings to no end is an outcome too.

    Errors: `RuntimeError` where another version of imafarm is installed than where the study was begun.
    """
    here = version("imafarm")
    if here != point.version:
        raise RuntimeError(f"imafarm {here} is installed where a point of a study of imafarm {point.version} is to run")
    try:
        return run(_run, point)
    except ImafarmError as error:
        return Outcome(passed=False, measures={}, digest=None, error=str(error))


async def _run(point: Point) -> Outcome:
    topology = point.topology()
    trace = _cache.TRACED if point.scenario == CACHE else ()
    async with open_emulated_farm(topology=topology, seed=point.seed, threads=1, trace=trace) as farm:
        verdict = await play(
            point.plays,
            farm,
            Journal(),
            seed=point.seed,
            product=topology.product,
            settings={**default_settings(), **topology.settings},
            wall_clock=lambda: 0.0,
        )
        return _outcome(farm, verdict)


def _outcome(farm: EmulatedFarm, verdict: Verdict) -> Outcome:
    collectors = [host for host in farm.masters.values() if host is not None and _cache.works(farm, host)]
    found = measured(
        verdict,
        collector_busy=max((farm.host_state(host).work.busy_share for host in collectors), default=None),
        memory=farm.memory_bytes / len(farm.host_names),
    )
    return Outcome(passed=verdict.passed, measures=found, digest=verdict.digest)
