"""What became of a population: a line while it is there, and a report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from imafarm.load import CollectorFigures, Costs, LoadFigures, Prediction


@dataclass(frozen=True, slots=True)
class LoadStatus:
    """A population at a glance."""

    phase: str
    connected: int
    members: int
    bindings: int
    updates_per_second: float
    rebinds_per_second: float
    p50_seconds: float
    p99_seconds: float
    errors: int


class LoadLine:
    """A line on the terminal that says how a population is."""

    def __init__(self, progress: Progress) -> None:
        """A line of its own among those of `progress`."""
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def tell(self, status: LoadStatus) -> None:
        """It is like this now."""
        said = (
            f"{status.phase:<7} {status.connected:,} of {status.members:,} connected  {status.bindings:,} bindings  "
            f"{status.updates_per_second:,.0f} updates/s  {status.rebinds_per_second:,.0f} re-binds/s  "
            f"p50 {milliseconds(status.p50_seconds)}  p99 {milliseconds(status.p99_seconds)}  {status.errors:,} errors"
        )
        self._progress.update(self._task, description=said)

    def say(self, said: str) -> None:
        """Anything else, in the line's place."""
        self._progress.update(self._task, description=said)


@contextmanager
def load_line(console: Console) -> Iterator[LoadLine | None]:
    """A line on this console while the block runs; `None` if it is no terminal."""
    if not console.is_terminal:
        yield None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, refresh_per_second=4) as progress:
        yield LoadLine(progress)


@dataclass(frozen=True, slots=True)
class LoadReport:
    """All that is told of a population."""

    collector: str
    product: str
    seed: int
    settings: dict[str, int]
    figures: LoadFigures
    costs: Costs
    prediction: Prediction | None

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {
            "verdict": "passed" if self.figures.passed else "failed",
            "collector": self.collector,
            "product": self.product,
            "seed": self.seed,
            "settings": self.settings,
            **self.figures.as_json(),
            **self.costs.as_json(),
            "predicted": None if self.prediction is None else self.prediction.as_json(),
        }


def print_load(report: LoadReport, console: Console) -> None:
    """Prints the report; it fits 80 columns."""
    console.print(Group(*_parts(report)), soft_wrap=False)


def milliseconds(seconds: float) -> str:
    """`0.42 ms`, `73 ms`."""
    value = seconds * 1e3
    return f"{value:,.2f} ms" if value < 10 else f"{value:,.0f} ms"


def _parts(report: LoadReport) -> Iterator[RenderableType]:
    figures = report.figures
    yield Text("")
    verdict = ("PASSED", "bold green") if figures.passed else ("FAILED", "bold red")
    yield Text.assemble(
        ("load", "bold"), "  ", verdict, f"   {figures.members:,} members, collector {report.collector}"
    )
    if figures.ended_by is not None:
        yield Text(f"Ended early: {figures.ended_by}.", style="red")
    yield from _section("Members", _members(figures))
    yield from _section("Updates", _updates(figures))
    yield from _section("Bindings", _bindings(report))
    yield from _section("Delays, from the wish to report to the answer", _delays(report.costs))
    if report.costs.collector is not None:
        yield from _section("What the collector says at the end", _said(report.costs.collector))
    yield from _section("Cost of the steady phase", _costs(report.costs))
    if report.prediction is not None:
        yield Text("")
        yield Text("Predicted by the emulator", style="bold")
        yield Padding(_prediction(report.prediction), (0, 0, 0, 2), expand=False)
    yield Text("")


def _section(title: str, rows: list[tuple[str, str]]) -> Iterator[RenderableType]:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, min_width=34)
    table.add_column(justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    yield Text("")
    yield Text(title, style="bold")
    yield Padding(table, (0, 0, 0, 2), expand=False)


def _members(figures: LoadFigures) -> list[tuple[str, str]]:
    return [
        ("connected", f"{figures.connected:,}"),
        ("after", f"{figures.connect_seconds:,.1f} s"),
        ("steady phase", f"{figures.seconds:,.1f} s"),
        ("connected at its end", f"{figures.still_connected:,}"),
    ]


def _updates(figures: LoadFigures) -> list[tuple[str, str]]:
    rows = [(kind, f"{count:,}") for kind, count in figures.updates.items() if count]
    rows.append(("in a second", f"{figures.updates_per_second:,.1f}"))
    if figures.logons:
        rows.append(("logons", f"{figures.logons:,}"))
        rows.append(("logoffs", f"{figures.logoffs:,}"))
    rows += [(f"unanswered {kind}", f"{count:,}") for kind, count in figures.unanswered.items()]
    if not figures.unanswered:
        rows.append(("unanswered", "0"))
    rows.append(("asked again by the collector", f"{figures.asked_again:,}"))
    return rows


def _bindings(report: LoadReport) -> list[tuple[str, str]]:
    return [
        ("re-binds", f"{report.figures.rebinds:,}"),
        ("in a minute", f"{report.figures.rebinds_per_minute:,.1f}"),
        ("torn down by the collector", f"{report.figures.closed:,}"),
        ("connections refused", f"{report.costs.refused:,}"),
        ("connections broken", f"{report.costs.broken:,}"),
    ]


def _delays(costs: Costs) -> list[tuple[str, str]]:
    return [
        ("reports", f"{costs.answers:,}"),
        ("half at most", milliseconds(costs.p50_seconds)),
        ("99 of 100 at most", milliseconds(costs.p99_seconds)),
        ("longest", milliseconds(costs.max_seconds)),
    ]


def _said(figures: CollectorFigures) -> list[tuple[str, str]]:
    return [
        ("servers up", f"{figures.servers:,}"),
        ("sessions", f"{figures.sessions:,}"),
        ("bindings", f"{figures.bindings:,}"),
        ("opened, since it was started", f"{figures.opened:,}"),
        ("torn down for others", f"{figures.evicted:,}"),
    ]


def _costs(costs: Costs) -> list[tuple[str, str]]:
    rows = [("CPU of all members", f"{costs.members_cpu_seconds:,.1f} s")]
    if costs.collector_cpu_seconds is not None:
        rows.append(("CPU of the collector", f"{costs.collector_cpu_seconds:,.1f} s"))
    rows.append(("descriptors of all members", f"{costs.members_descriptors:,}"))
    if costs.collector_descriptors is not None:
        rows.append(("descriptors of the collector", f"{costs.collector_descriptors:,}"))
    return rows


def _prediction(prediction: Prediction) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, min_width=24)
    for _ in range(3):
        table.add_column(justify="right", no_wrap=True, min_width=11)
    table.add_row("", "predicted", "measured", "ratio", style="dim")
    predicted, measured = prediction.predicted, prediction.measured
    for name, one, other, ratio in (
        ("updates a second", predicted.updates_per_second, measured.updates_per_second, prediction.updates_ratio),
        ("re-binds a minute", predicted.rebinds_per_minute, measured.rebinds_per_minute, prediction.rebinds_ratio),
    ):
        table.add_row(name, f"{one:,.1f}", f"{other:,.1f}", "" if ratio is None else f"{ratio:.3f}")
    return table
