"""What a study is asked for, checked before anything runs; and which points it is made of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import product as every_combination
from typing import Any

from imafarm.errors import ConfigurationError
from imafarm.scenarios import SCENARIOS
from imafarm.settings import LARGEST_SEED, check_seed, default_settings
from imafarm.study._cost import cost_of_less
from imafarm.study._farm_of import Asked, FarmOf
from imafarm.study._journal import MADE_OF
from imafarm.study._knee import CACHE_ENTRIES, MEASURE, Churn, Need, grid, knee_of, need_of, next_value, recommendation
from imafarm.study._measures import CACHE, NEEDS_FAILOVER, check_measures, default_measures, known_measures
from imafarm.study._point import Key, Outcome, Point
from imafarm.study._study import Study, StudyRow
from imafarm.study._values import SHAPE, Varied, varied
from imafarm.study._words import unknown

REPEAT = 3
"""With how many seeds every value is tried, unless said otherwise."""
MOST_REPEATS = 10_000
MOST_POINTS = 1_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """A study before it runs."""

    scenario: str
    farm: FarmOf
    file: str | None
    """The name of the farm file."""
    product: str
    settings: Mapping[str, int]
    """Those of every host that are not the default."""
    vary: tuple[Varied, ...]
    measures: tuple[str, ...]
    seed: int
    repeat: int
    need: Need | None
    """In the study of the connection cache: what the protocol says."""

    @classmethod
    def of(
        cls,
        scenario: str,
        asked: Asked,
        *,
        vary: Mapping[str, Iterable[int] | str],
        measures: Sequence[str] | None,
        repeat: int,
        seed: int,
    ) -> Plan:
        """Checks all of it.

        Errors: `ConfigurationError` naming what is wrong.
        """
        chosen: tuple[Varied, ...] = ()
        mistakes: list[str] = []
        try:
            chosen = varied(vary)
        except ConfigurationError as error:
            mistakes += error.mistakes
        names = default_measures(scenario) if measures is None else tuple(measures)
        mistakes += check_measures(scenario, names)
        mistakes += _count_mistakes("repeat", repeat, MOST_REPEATS)
        if not mistakes:
            check_seed(seed)
            mistakes += [] if seed + repeat - 1 <= LARGEST_SEED else [f"seed: {seed} has no {repeat} seeds from it on"]
            mistakes += _vary_mistakes(scenario, chosen, asked, repeat)
        if mistakes:
            raise ConfigurationError(mistakes)
        need = None
        if scenario == CACHE:
            need = need_of(asked.topology)
            chosen = chosen or (Varied(CACHE_ENTRIES, grid(need.entries), log=True),)
        plan = cls(
            scenario=scenario,
            farm=FarmOf.of(asked.topology, generated=asked.generated),
            file=asked.file,
            product=str(asked.topology.product.value),
            settings=asked.changed_settings(),
            vary=chosen,
            measures=names,
            seed=seed,
            repeat=repeat,
            need=need,
        )
        plan._check_farms()
        return plan

    def _check_farms(self) -> None:
        """Errors: `ConfigurationError` for values of which no farm can be made, or none that the scenario is for."""
        seen = set()
        for values in every_combination(*(one.values for one in self.vary)):
            point = self._point(values, self.seed)
            shape = tuple(value for name, value in zip(point.names, values, strict=True) if name in SHAPE)
            if shape not in seen:
                seen.add(shape)
                point.plays.check_fits(point.topology())

    @property
    def names(self) -> tuple[str, ...]:
        """What is varied."""
        return tuple(one.name for one in self.vary)

    def asked(self) -> dict[str, Any]:
        """What was asked for, as study.json has it."""
        return {
            "scenario": self.scenario,
            "hosts": None if "hosts" in self.names else self.farm.hosts,
            "zones": None if "zones" in self.names else self.farm.zones,
            "seed": self.seed,
            "product": self.product,
            "settings": {name: value for name, value in self.settings.items() if name not in self.names},
            "farm": self.file,
            "vary": [one.as_json() for one in self.vary],
            "measures": list(self.measures),
            "repeat": self.repeat,
        }

    def decisive(self) -> dict[str, Any]:
        """All that decides what a point comes to: what was asked for, of which version, of which farm."""
        return {"version": version("imafarm"), **self.asked(), MADE_OF: self.farm.fingerprint()}

    # -- points

    def rounds(self, done: Mapping[Key, Outcome]) -> Iterator[list[Point]]:
        """The points, round by round: what comes next may depend on what is done by then."""
        yield [
            self._point(values, seed)
            for values in every_combination(*(one.values for one in self.vary))
            for seed in self._seeds()
        ]
        if self.scenario != CACHE:
            return
        tried = set(self.vary[0].values)
        # Of a study that goes on, more may be done than it has come to yet: that must not change what it comes to.
        while (value := next_value(self._churn(done, tried))) is not None and value not in tried:
            tried.add(value)
            yield [self._point((value,), seed, refining=True) for seed in self._seeds()]

    def _seeds(self) -> range:
        return range(self.seed, self.seed + self.repeat)

    def _point(self, values: tuple[int, ...], seed: int, *, refining: bool = False) -> Point:
        needs_failover = self.scenario != CACHE or bool(NEEDS_FAILOVER.intersection(self.measures))
        return Point(self.scenario, self.farm, self.names, values, seed, failover=needs_failover and not refining)

    def _churn(self, done: Mapping[Key, Outcome], tried: Collection[int] | None = None) -> Churn:
        """What was counted at every value, or at those that were tried."""
        found: dict[int, list[tuple[float, float]]] = {}
        for (values, _), outcome in sorted(done.items(), key=lambda item: item[0]):
            churn, beats = outcome.measures.get(MEASURE), outcome.measures.get("heartbeats")
            if churn is not None and beats is not None and (tried is None or values[0] in tried):
                found.setdefault(values[0], []).append((churn, beats))
        return found

    # -- what comes of them

    def study(self, done: Mapping[Key, Outcome], *, complete: bool) -> Study:
        """The study of the points that are done."""
        known = known_measures(self.scenario)
        knee = said = cost = None
        if self.need is not None and complete:
            churn = self._churn(done)
            knee = knee_of(churn, self.need)
            said = recommendation(churn, self.need, default_settings()[CACHE_ENTRIES])
            cost = None if knee is None else cost_of_less(knee, _by_value(done))
        return Study(
            version=version("imafarm"),
            asked=self.asked(),
            measures={name: known[name] for name in self.measures},
            rows=tuple(self._row(key, outcome) for key, outcome in sorted(done.items(), key=lambda item: item[0])),
            knee=knee,
            recommendation=said,
            cost=cost,
            complete=complete,
        )

    def _row(self, key: Key, outcome: Outcome) -> StudyRow:
        values, seed = key
        return StudyRow(
            vary=dict(zip(self.names, values, strict=True)),
            seed=seed,
            verdict="passed" if outcome.passed else "failed",
            measures={name: outcome.measures.get(name) for name in self.measures},
            digest=outcome.digest,
            error=outcome.error,
        )


def _by_value(done: Mapping[Key, Outcome]) -> dict[int, list[Mapping[str, float | None]]]:
    """All that was measured, by the value that is varied, in the order of the seeds."""
    found: dict[int, list[Mapping[str, float | None]]] = {}
    for (values, _), outcome in sorted(done.items(), key=lambda item: item[0]):
        found.setdefault(values[0], []).append(outcome.measures)
    return found


def check_scenario(name: str) -> str:
    """A scenario's name, or `cache`. Errors: `ConfigurationError`, with the nearest name."""
    known = [CACHE, *SCENARIOS]
    if name not in known:
        raise ConfigurationError([f"scenario: {unknown(name, known)}"])
    return name


def check_count(key: str, count: int, most: int) -> int:
    """A count from 1 on. Errors: `ConfigurationError`."""
    if mistakes := _count_mistakes(key, count, most):
        raise ConfigurationError(mistakes)
    return count


def _count_mistakes(key: str, count: int, most: int) -> list[str]:
    if isinstance(count, bool) or not isinstance(count, int):
        return [f"{key}: {count!r} is no whole number"]
    return [] if 1 <= count <= most else [f"{key}: {count} is out of range, 1 to {most}"]


def _vary_mistakes(scenario: str, vary: tuple[Varied, ...], asked: Asked, repeat: int) -> list[str]:
    names = [one.name for one in vary]
    if scenario == CACHE and (others := [name for name in names if name != CACHE_ENTRIES]):
        return [f"vary.{name}: the study of the connection cache varies {CACHE_ENTRIES} alone" for name in others]
    if scenario != CACHE and not vary:
        return ["vary: missing; say what is to be varied, NAME=VALUES"]
    if not asked.generated and (shape := [name for name in names if name in SHAPE]):
        return [f"vary.{name}: the farm that is given says this already" for name in shape]
    if scenario == CACHE and not vary and CACHE_ENTRIES in asked.fixed:
        return [f"{asked.fixed[CACHE_ENTRIES]}: the study {CACHE!r} varies it; leave it out, or play another scenario"]
    if fixed := [name for name in names if name in asked.fixed]:
        said = "one fixes what the other varies; leave one of them out"
        return [f"{asked.fixed[name]} and vary.{name}: {said}" for name in fixed]
    points = repeat
    for one in vary:
        points *= len(one.values)
    return [f"vary: {points:,} points are too many, {MOST_POINTS:,} at most"] if points > MOST_POINTS else []
