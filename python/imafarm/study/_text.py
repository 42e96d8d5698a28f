"""A study that a person reads on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from imafarm.study._measures import NEEDS, Measure
from imafarm.study._study import Mean, Study
from imafarm.study._words import readable
from imafarm.words import counted

MOST_FAILURES = 5
"""So many points that came to no end are told one by one."""


def print_study(study: Study, console: Console) -> None:
    """Prints means over the seeds, the knee marked, and the recommendation."""
    console.print(Group(*_parts(study, console.width)))


def _parts(study: Study, width: int) -> Iterator[RenderableType]:
    asked = study.asked
    hosts, zones = asked["hosts"], asked["zones"]
    shape = (
        "" if hosts is None else counted(hosts, "host") + ("" if zones in (None, 1) else f" in {zones:,} zones") + ", "
    )
    seeds = f"{asked['repeat']:,} seeds from {asked['seed']} on" if asked["repeat"] > 1 else f"seed {asked['seed']}"
    verdict = ("PASSED", "bold green") if study.passed else ("FAILED", "bold red")
    yield Text.assemble("\n", (f"study of {asked['scenario']}", "bold"), "  ", verdict if study.complete else "", "  ")
    yield Text(f"{shape}{asked['product']}, {seeds}: means over the seeds\n")
    yield from _tables(study, width)
    yield from _failures(study)
    if study.recommendation is not None:
        yield Text(f"\n{study.recommendation}")
        yield Text("" if study.cost is None else f"{study.cost}\n")


def _tables(study: Study, width: int) -> Iterator[RenderableType]:
    """The means, in as many tables one below the other as the console is too narrow for one."""
    means = study.means
    left = [_Column(name, [str(mean.vary[name]) for mean in means]) for name in study.names]
    right = [_failed_column(means)] if any(mean.failed for mean in means) else []
    if study.knee is not None:
        right.append(_Column("", ["knee" if _is_knee(study, mean) else "" for mean in means]))
    shown = [
        _Column(_titled(measure), [readable(mean.measures[measure.name]) or "-" for mean in means])
        for measure in study.measures.values()
        if any(mean.measures[measure.name] is not None for mean in means)
    ]
    room = width - sum(column.width for column in (*left, *right))
    while shown:
        count = 1
        while count < len(shown) and sum(column.width for column in shown[: count + 1]) <= room:
            count += 1
        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
        for column in (*left, *shown[:count], *right):
            table.add_column(column.title, justify="right", width=column.width - 2)
        for place, mean in enumerate(means):
            cells = (column.cells[place] for column in (*left, *shown[:count], *right))
            table.add_row(*cells, style="bold green" if _is_knee(study, mean) else "")
        yield table
        shown = shown[count:]
        if shown:
            yield Text("")


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table."""

    title: str
    cells: Sequence[str]

    @property
    def width(self) -> int:
        """What it takes at least, with the space after it; titles may be broken between words."""
        return max(map(len, (*self.title.split(), *self.cells)), default=0) + 2


def _titled(measure: Measure) -> str:
    unit = "" if not measure.unit or measure.unit.split("/")[0] in measure.title else f", {measure.unit}"
    return measure.title + unit


def _failed_column(means: Sequence[Mean]) -> _Column:
    return _Column("failed", [f"{mean.failed} of {mean.points}" if mean.failed else "" for mean in means])


def _is_knee(study: Study, mean: Mean) -> bool:
    return study.knee is not None and mean.vary.get(study.knee.vary) == study.knee.value


def _failures(study: Study) -> Iterator[RenderableType]:
    """Measures that nothing was found for, and points that came to no end."""
    nothing = [m for m in study.measures.values() if all(mean.measures[m.name] is None for mean in study.means)]
    if nothing and study.rows:
        told = (m.title + (f" ({NEEDS[m.name]})" if m.name in NEEDS else "") for m in nothing)
        yield Text(f"\nno figures here: {', '.join(told)}", style="dim")
    ended = [row for row in study.rows if row.error is not None]
    for row in ended[:MOST_FAILURES]:
        values = ", ".join(f"{name} {value}" for name, value in row.vary.items())
        yield Text(f"no end with {values}, seed {row.seed}: {row.error}", style="red")
    if len(ended) > MOST_FAILURES:
        yield Text(f"and {counted(len(ended) - MOST_FAILURES, 'more point')} without end", style="red")
