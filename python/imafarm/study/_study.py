"""A study and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from imafarm.study._knee import Knee
from imafarm.study._measures import Measure
from imafarm.study._words import readable
from imafarm.tables import Column, Table, write_whole
from imafarm.words import counted

FORMAT = "imafarm study 1"
JSON, PARQUET = "study.json", "study.parquet"


@dataclass(frozen=True, slots=True)
class StudyRow:
    """One point: some values, a seed, and what was measured."""

    vary: Mapping[str, int]
    """By name: the values."""
    seed: int
    verdict: Literal["passed", "failed"]
    measures: Mapping[str, float | None]
    """By name, in the order in which they were asked for; `None` where the point has no such figure."""
    digest: str | None
    """The farm's history in 32 hex digits; `None` for a point that came to no end."""
    error: str | None = None
    """Why it came to no end. It stands in no file, since it may be another reason the next time."""

    def as_json(self) -> dict[str, Any]:
        """What study.json says of it."""
        return {
            "vary": dict(self.vary),
            "seed": self.seed,
            "verdict": self.verdict,
            "measures": dict(self.measures),
            "digest": self.digest or "",
        }


@dataclass(frozen=True, slots=True)
class Mean:
    """What came of some values: means over all seeds."""

    vary: Mapping[str, int]
    points: int
    failed: int
    measures: Mapping[str, float | None]
    """`None` where no seed has the figure."""


@dataclass(frozen=True)
class Study:
    """A study and what came of it."""

    version: str
    """Of imafarm."""
    asked: Mapping[str, Any]
    """What was asked for, as study.json has it."""
    measures: Mapping[str, Measure]
    """What was measured, by name."""
    rows: tuple[StudyRow, ...]
    """Every point that is done, in the order of values and seeds."""
    knee: Knee | None
    """Where more is not better any more; `None` where that was not looked for, or does not lie among the values."""
    recommendation: str | None
    """What to set and why, in one sentence."""
    cost: str | None
    """What it costs to set less, in one sentence: just below the knee against at it. `None` where there is no knee."""
    complete: bool
    """Whether every point is done that was asked for."""

    @property
    def passed(self) -> bool:
        """Whether the verdict on every point is that it passed."""
        return all(row.verdict == "passed" for row in self.rows)

    @property
    def names(self) -> tuple[str, ...]:
        """What was varied."""
        return tuple(one["name"] for one in self.asked["vary"])

    @cached_property
    def means(self) -> tuple[Mean, ...]:
        """By values, in their order: the means over the seeds."""
        groups: dict[tuple[int, ...], list[StudyRow]] = {}
        for row in self.rows:
            groups.setdefault(tuple(row.vary.values()), []).append(row)
        return tuple(self._mean(rows) for rows in groups.values())

    def _mean(self, rows: Sequence[StudyRow]) -> Mean:
        found = {name: [v for row in rows if (v := row.measures.get(name)) is not None] for name in self.measures}
        return Mean(
            vary=rows[0].vary,
            points=len(rows),
            failed=sum(row.verdict == "failed" for row in rows),
            measures={name: fmean(values) if values else None for name, values in found.items()},
        )

    def table(self) -> Table:
        """One row a point: what was varied, `seed`, `verdict`, each measure, `digest`."""
        schema = [
            *(Column(name, "int64", meaning="what was varied") for name in self.names),
            Column("seed", "uint64", meaning="what everything random follows from"),
            Column("verdict", "utf8", meaning="passed or failed"),
            *(Column(m.name, "float64", unit=m.unit, meaning=m.meaning, nullable=True) for m in self.measures.values()),
            Column("digest", "utf8", meaning="the farm's history; null if the point came to no end", nullable=True),
        ]
        columns: dict[str, list[Any]] = {name: [row.vary[name] for row in self.rows] for name in self.names}
        columns |= {name: [row.measures.get(name) for row in self.rows] for name in self.measures}
        for name in ("seed", "verdict", "digest"):
            columns[name] = [getattr(row, name) for row in self.rows]
        return Table.of(columns, schema)

    def as_json(self) -> dict[str, Any]:
        """The object that `imafarm study --json` prints and study.json holds."""
        return {
            "format": FORMAT,
            "version": self.version,
            "asked": dict(self.asked),
            "measures": {name: measure.as_json() for name, measure in self.measures.items()},
            "rows": [row.as_json() for row in self.rows],
            "knee": None if self.knee is None else self.knee.as_json(),
            "recommendation": self.recommendation,
            "cost": self.cost,
            "complete": self.complete,
        }

    def write(self, directory: Path | str) -> None:
        """Writes study.json and study.parquet; each is there whole or as it was.

        Errors: `ConfigurationError`, naming the file that cannot be written.
        """
        text = json.dumps(self.as_json(), indent=1) + "\n"
        write_whole(Path(directory) / JSON, lambda file: file.write(text.encode()))
        self.table().write_parquet(Path(directory) / PARQUET)

    def _repr_html_(self) -> str:
        """Means over the seeds, the knee marked, and the recommendation, for notebooks."""
        shown = [m for m in self.measures.values() if any(mean.measures[m.name] is not None for mean in self.means)]
        titles = [*map(escape, self.names), *(_title(measure) for measure in shown)]
        head = "".join(f"<th>{title}</th>" for title in titles)
        body = []
        for mean in self.means:
            at_knee = self.knee is not None and mean.vary.get(self.knee.vary) == self.knee.value
            cells = [f"{value}" for value in mean.vary.values()]
            cells += [readable(mean.measures[measure.name]) for measure in shown]
            row = "".join(f"<td>{f'<b>{cell}</b>' if at_knee else cell}</td>" for cell in cells)
            body.append(f"<tr>{row}</tr>")
        seeds, scenario = self.asked["repeat"], escape(str(self.asked["scenario"]))
        said = "".join(f"<p>{escape(one)}</p>" for one in (self.recommendation, self.cost) if one is not None)
        caption = f"<caption>{scenario}: means over {counted(seeds, 'seed')}</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>{said}"


def _title(measure: Measure) -> str:
    unit = f"<br><small>{escape(measure.unit)}</small>" if measure.unit else ""
    return f'<span title="{escape(measure.meaning)}">{escape(measure.title)}</span>{unit}'
