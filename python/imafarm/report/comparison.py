"""Two runs, or two studies, side by side: what differs, and how much."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from imafarm.errors import ConfigurationError
from imafarm.report.html._documents import RunDocument, Scalar, StudyDocument, kind_of, read_run, read_study


@dataclass(frozen=True, slots=True)
class Pair:
    """Something of the first, and the same of the second. `None` where one has no such thing."""

    name: str
    first: Scalar
    second: Scalar

    @property
    def ratio(self) -> float | None:
        """The second over the first; `None` unless both are numbers and the first is not zero."""
        one, other = self.first, self.second
        if isinstance(one, bool) or isinstance(other, bool):
            return None
        if not isinstance(one, int | float) or not isinstance(other, int | float) or not one:
            return None
        return other / one

    @property
    def same(self) -> bool:
        """Whether both are equal."""
        return self.first == self.second

    def as_json(self) -> dict[str, Any]:
        """As an object."""
        return {"first": self.first, "second": self.second, "ratio": self.ratio}


@dataclass(frozen=True, slots=True)
class Part:
    """A few pairs that belong together."""

    name: str
    """What it is called in JSON."""
    title: str
    pairs: Sequence[Pair]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two directories beside each other."""

    kind: str
    """`run` or `study`."""
    directories: tuple[Path, Path]
    names: tuple[str, str]
    """What both are called for short."""
    verdicts: tuple[str, str]
    differs: Sequence[Pair]
    """What was asked of one and not of the other."""
    parts: Sequence[Part]
    digests: tuple[str, str] | None
    """Of two runs; of two studies whether all their runs' are equal is in `same`."""
    same: bool
    """Whether all digests are equal: then both are the same, whatever else may be said of them."""

    def as_json(self) -> dict[str, Any]:
        """The object that `imafarm compare FIRST SECOND --json` prints."""
        return {
            "kind": self.kind,
            "directories": [str(directory) for directory in self.directories],
            "verdicts": list(self.verdicts),
            "differs": {pair.name: {"first": pair.first, "second": pair.second} for pair in self.differs},
            **{part.name: {pair.name: pair.as_json() for pair in part.pairs} for part in self.parts},
            "digests": None if self.digests is None else list(self.digests),
            "same": self.same,
        }


def compare(first: Path | str, second: Path | str) -> Comparison:
    """Sets two directories side by side.

    Raises `ConfigurationError` if one is a run's and the other a study's, if one is neither, or if a file is broken.
    """
    first, second = Path(first), Path(second)
    kinds = kind_of(first, "FIRST"), kind_of(second, "SECOND")
    if kinds[0] != kinds[1]:
        raise ConfigurationError(
            [f"SECOND: {first} holds a {kinds[0]} and {second} a {kinds[1]}: only two of a kind can be compared"]
        )
    if kinds[0] == "run":
        return compare_runs((first, second), read_run(first), read_run(second))
    return compare_studies((first, second), read_study(first), read_study(second))


def compare_runs(directories: tuple[Path, Path], one: RunDocument, other: RunDocument) -> Comparison:
    """Two runs that have been read."""
    ours, theirs = one.verdict, other.verdict
    kinds = [kind for kind, each in ours.messages.items() if each.sent]
    kinds += [kind for kind, each in theirs.messages.items() if each.sent and kind not in kinds]

    def of_kind(field: str) -> list[Pair]:
        pairs = []
        for kind in kinds:
            counts = [getattr(found.messages[kind], field) if kind in found.messages else 0 for found in (ours, theirs)]
            pairs.append(Pair(kind, *counts))
        total = [sum(getattr(each, field) for each in found.messages.values()) for found in (ours, theirs)]
        return [*pairs, Pair("all", *total)]

    checks = _pairs(
        {check.name: "passed" if check.passed else "failed" for check in ours.checks},
        {check.name: "passed" if check.passed else "failed" for check in theirs.checks},
    )
    figures = {
        **_of(one.figures),
        "events": ours.events,
        "farm seconds": ours.virtual_seconds,
    }
    figures_there = {**_of(other.figures), "events": theirs.events, "farm seconds": theirs.virtual_seconds}
    return Comparison(
        "run",
        directories,
        _names(directories),
        (ours.verdict, theirs.verdict),
        [
            *(pair for pair in _pairs(_asked(one), _asked(other)) if not pair.same),
            *(pair for pair in _pairs(_of(ours.settings), _of(theirs.settings)) if not pair.same),
        ],
        [
            Part("checks", "Checks that differ", [pair for pair in checks if not pair.same]),
            Part("figures", "Figures", _pairs(figures, figures_there)),
            Part("elections", "Elections", _pairs(ours.elections.model_dump(), theirs.elections.model_dump())),
            Part("messages", "Messages sent, by kind", of_kind("sent")),
            Part("bytes", "Bytes sent, by kind", of_kind("bytes")),
            Part("bindings", "Bindings", _pairs(ours.bindings.model_dump(), theirs.bindings.model_dump())),
        ],
        (ours.digest, theirs.digest),
        ours.digest == theirs.digest,
    )


def compare_studies(directories: tuple[Path, Path], one: StudyDocument, other: StudyDocument) -> Comparison:
    """Two studies that have been read."""
    parts = [Part("knee", "The knee", _pairs(_knee(one), _knee(other)))]
    shared = [name for name in one.measures if name in other.measures]
    for name in shared:
        ours, theirs = means(one, name), means(other, name)
        values = [*ours, *(each for each in theirs if each not in ours)]
        parts.append(
            Part(
                f"measure {name}",
                f"{one.measures[name].title}, means" + (f", {unit}" if (unit := one.measures[name].unit) else ""),
                [Pair(each, ours.get(each), theirs.get(each)) for each in values],
            )
        )
    digests = [
        {(str(sorted(point.vary.items())), point.seed): point.digest for point in each.rows} for each in (one, other)
    ]
    return Comparison(
        "study",
        directories,
        _names(directories),
        (_verdict(one), _verdict(other)),
        [pair for pair in _pairs(_studied(one), _studied(other)) if not pair.same],
        parts,
        None,
        digests[0] == digests[1],
    )


def means(study: StudyDocument, measure: str) -> dict[str, float | None]:
    """A measure's mean over all seeds at each of a study's values, by names and values."""
    found: dict[str, list[float]] = {}
    for point in study.rows:
        name = ", ".join(f"{key} = {value}" for key, value in point.vary.items())
        values = found.setdefault(name, [])
        value = point.measures.get(measure)
        if value is not None:
            values.append(value)
    return {name: fmean(values) if values else None for name, values in found.items()}


def _of(values: Mapping[str, Any]) -> dict[str, Scalar]:
    return dict(values)


def _pairs(ours: Mapping[str, Scalar], theirs: Mapping[str, Scalar]) -> list[Pair]:
    names: Iterable[str] = dict.fromkeys([*ours, *theirs])
    return [Pair(name, ours.get(name), theirs.get(name)) for name in names]


def _asked(run: RunDocument) -> dict[str, Scalar]:
    verdict, asked = run.verdict, run.asked
    return {
        "version": run.version,
        "scenario": verdict.scenario,
        "hosts": verdict.hosts,
        "zones": verdict.zones,
        "seed": verdict.seed,
        "product": verdict.product,
        "farm": asked.farm,
        "store": asked.store,
        "bound": asked.bound,
    }


def _studied(study: StudyDocument) -> dict[str, Scalar]:
    asked = study.asked
    said: dict[str, Scalar] = {
        "version": study.version,
        "scenario": asked.scenario,
        "hosts": asked.hosts,
        "zones": asked.zones,
        "seed": asked.seed,
        "repeat": asked.repeat,
        "product": asked.product,
        "farm": asked.farm,
    }
    said |= {f"vary {each.name}": ", ".join(str(value) for value in each.values) for each in asked.vary}
    return said | _of(asked.settings)


def _knee(study: StudyDocument) -> dict[str, Scalar]:
    knee = study.knee
    if knee is None:
        return {"knee": None}
    return {f"{knee.vary}, by {knee.measure}": knee.value, "worse below": knee.below, "theory": knee.theory}


def _verdict(study: StudyDocument) -> str:
    if not study.complete:
        return "unfinished"
    return "passed" if all(point.verdict == "passed" for point in study.rows) else "failed"


def _names(directories: tuple[Path, Path]) -> tuple[str, str]:
    """The last parts of both paths from where on they differ."""
    ours, theirs = (directory.resolve().parts for directory in directories)
    for length in range(1, max(len(ours), len(theirs)) + 1):
        one, other = "/".join(ours[-length:]), "/".join(theirs[-length:])
        if one != other:
            return one, other
    return str(directories[0]), str(directories[1])
