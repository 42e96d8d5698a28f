"""What has to be reached, row by row: the work, the least that is asked of it, and the goal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from _cases import Case, Measured, Unmeasured, measure
from _tables import on_processor, seconds, table

DAY_SECONDS, HOUR_SECONDS = 86_400.0, 3_600.0
VERDICTS = ("missed", "met", "goal")
"""From the worst: not what is asked, what is asked, the goal."""


@dataclass(frozen=True)
class Bound:
    """What is asked of a figure."""

    asked: float
    goal: float | None = None
    at_least: bool = False
    """Else the figure may be so large at most."""

    def verdict(self, value: float) -> str:
        """One of `VERDICTS`."""

        def reaches(bound: float) -> bool:
            return value >= bound if self.at_least else value <= bound

        if not reaches(self.asked):
            return "missed"
        return "goal" if self.goal is None or reaches(self.goal) else "met"


FIGURES: Mapping[str, Callable[[float], str]] = {
    "s": seconds,
    "MiB": lambda mib: f"{mib:,.0f} MiB",
    "ns a message": lambda ns: f"{ns:.3g} ns a message",
    "B a host": lambda size: f"{size:,.0f} B a host",
    "times": lambda times: f"{times:.2f} times",
}
"""Every figure that may be asked for, by its unit, and how it is shown."""


@dataclass(frozen=True)
class Target:
    """A row."""

    work: str
    case: Case
    bounds: Mapping[str, Bound]
    """By unit; one of `times` has the case run with one thread, too."""
    short: bool = False
    """Takes less than some 20 s, and so is a part of `make bench`."""
    runs: int = 1
    """The best of so many counts: for work so short that another program's slice is a part of it."""

    def run(self, within_seconds: float) -> dict[str, float] | Unmeasured:
        """The figures, by unit; each run is given so many seconds."""
        best: Measured | None = None
        for _ in range(self.runs):
            run = measure(self.case, within_seconds)
            if isinstance(run, Unmeasured):
                return run
            if best is None or run.seconds < best.seconds:
                best = run
        assert best is not None
        figures = {
            "s": best.seconds,
            "processor s": best.processor_seconds,
            "MiB": best.peak_mib,
            "B a host": best.bytes_a_host(self.case.hosts),
        }
        if best.storm_messages:
            figures["ns a message"] = best.seconds * 1e9 / best.storm_messages
        if "times" in self.bounds:
            alone = measure(replace(self.case, threads=1), within_seconds)
            if isinstance(alone, Unmeasured):
                return alone
            figures["times"] = alone.seconds / best.seconds
        return figures

    def verdict(self, figures: Mapping[str, float]) -> str:
        """That of the figure that is furthest from its bound."""
        return min((bound.verdict(figures[unit]) for unit, bound in self.bounds.items()), key=VERDICTS.index)


def _failover(hosts: int, entries: int, *, threads: int = 1, bound: bool = False) -> Case:
    return Case("failover", hosts, entries=entries, threads=threads, bound=bound)


TARGETS = (
    Target(
        "failover, 10,000 hosts, 512 entries",
        _failover(10_000, 512, threads=2),
        {"s": Bound(15.0, 5.0), "MiB": Bound(768)},
        short=True,
    ),
    Target(
        "failover, 10,000 hosts, 16,384 entries",
        _failover(10_000, 16_384, threads=2),
        {"s": Bound(8.0, 1.0), "MiB": Bound(1_024)},
        short=True,
    ),
    Target(
        "failover, 1,000 hosts, 512 entries",
        _failover(1_000, 512, threads=2),
        {"s": Bound(0.15, 0.05)},
        short=True,
        runs=3,
    ),
    Target(
        "storm, all bound already, 10,000 hosts",
        _failover(10_000, 16_384, bound=True),
        {"s": Bound(2.0, 0.1), "ns a message": Bound(20.0, 1.0)},
        short=True,
        runs=3,
    ),
    Target(
        "storm, all bound already, 100,000 hosts",
        _failover(100_000, 131_072, threads=2, bound=True),
        {"s": Bound(120.0, 10.0), "MiB": Bound(4_096)},
    ),
    Target(
        "a steady day, 10,000 members",
        Case("steady", 10_001, seconds=DAY_SECONDS),
        {"s": Bound(10.0, 3.0)},
        short=True,
    ),
    Target(
        "a steady hour, 1,000,000 hosts in 100 zones",
        Case("steady", 1_000_000, zones=100, seconds=HOUR_SECONDS, threads=2),
        {"s": Bound(120.0, 30.0), "B a host": Bound(1_024, 512)},
    ),
    Target(
        "two threads against one, a steady hour, 10 zones of 5,000",
        Case("steady", 50_000, zones=10, seconds=HOUR_SECONDS, threads=2),
        {"times": Bound(1.6, 1.9, at_least=True)},
    ),
)


def target_row(target: Target, figures: Mapping[str, float] | Unmeasured) -> list[str]:
    """A row of the table: work, measured, asked, goal, verdict; memory too where nothing is asked of it."""
    bounds = target.bounds
    asked = ", ".join(FIGURES[unit](bound.asked) for unit, bound in bounds.items())
    goal = ", ".join(FIGURES[unit](bound.goal) for unit, bound in bounds.items() if bound.goal is not None)
    if isinstance(figures, Unmeasured):
        missed = figures.over_seconds is not None and "s" in bounds and figures.over_seconds >= bounds["s"].asked
        return [target.work, figures.why, asked, goal, "missed" if missed else "not measured"]
    shown = [*bounds, *(["MiB"] if "MiB" not in bounds else [])]
    measured = ", ".join(FIGURES[unit](figures[unit]) for unit in shown)
    if "s" in bounds and target.case.threads == 1:
        measured = measured.replace(seconds(figures["s"]), on_processor(figures["s"], figures["processor s"]), 1)
    return [target.work, measured, asked, goal, target.verdict(figures)]


def target_table(rows: list[list[str]]) -> str:
    """The rows under their heads."""
    return table(["work", "measured", "asked", "goal", "reached"], rows)
