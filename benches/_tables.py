"""Figures as people read them: tables in a page, between marks, and a chart."""

from __future__ import annotations

import datetime
import json
import math
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from _cases import Measured, Unmeasured

NOISE_SECONDS = 0.005
"""What takes less says more about the machine's moment than about n: no exponent is fitted to it. Our guess."""


def machine() -> dict[str, str]:
    """What figures were measured on, and when."""

    def field(path: str, name: str) -> str:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "unknown")

    compiler = subprocess.run(["rustc", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    cores = sum(line.startswith("processor") for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines())
    return {
        "date": datetime.date.today().isoformat(),
        "processor": f"{field('/proc/cpuinfo', 'model name')}, {cores} cores",
        "memory": f"{int(field('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.0f} GiB",
        "rustc": compiler.split()[1],
        "python": platform.python_version(),
    }


def seconds(value: float) -> str:
    """`1.2 ms`, `0.83 s`, `12.4 s`: three digits at the most."""
    return f"{value * 1e3:.3g} ms" if value < 0.0995 else f"{value:.3g} s"


def on_processor(wall: float, processor: float) -> str:
    """The wall time of one thread, and how much of it the thread had, where others had more than a tenth."""
    return seconds(wall) if processor > 0.9 * wall else f"{seconds(wall)} ({seconds(processor)} on a processor)"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def exponent(points: Sequence[tuple[float, float]]) -> float | None:
    """The k for which n^k fits (n, value) best: the slope of a straight line by least squares through their logarithms.

    `None` if there are fewer than two different n.
    """
    if len({n for n, _ in points}) < 2:
        return None
    xs, ys = [math.log(n) for n, _ in points], [math.log(value) for _, value in points]
    middle_x, middle_y = sum(xs) / len(xs), sum(ys) / len(ys)
    slope = sum((x - middle_x) * (y - middle_y) for x, y in zip(xs, ys, strict=True))
    return slope / sum((x - middle_x) ** 2 for x in xs)


def time_exponent(runs: Mapping[int, Measured | Unmeasured]) -> float | None:
    """The exponent of what is no noise, in processor time: n decides that, and not what else the machine had to do."""
    measured = [(n, run.processor_seconds) for n, run in runs.items() if isinstance(run, Measured)]
    return exponent([(n, value) for n, value in measured if value >= NOISE_SECONDS])


def scaling_tables(scaling: Mapping[str, Mapping[int, Measured | Unmeasured]]) -> str:
    """Wall time and memory against n, by series: two tables."""
    sizes = sorted({n for runs in scaling.values() for n in runs})

    def cell(run: Measured | Unmeasured | None, of_time: bool) -> str:
        if not isinstance(run, Measured):
            return run.why if run is not None else ""
        return on_processor(run.seconds, run.processor_seconds) if of_time else f"{run.peak_mib:,.0f} MiB"

    parts = []
    for of_time in (True, False):
        rows = [[f"{n:,}", *(cell(runs.get(n), of_time) for runs in scaling.values())] for n in sizes]
        if of_time:
            fitted = [time_exponent(runs) for runs in scaling.values()]
            rows.append(["exponent", *("" if k is None else f"{k:.2f}" for k in fitted)])
        parts.append(table(["wall time, hosts" if of_time else "peak memory, hosts", *scaling], rows))
    return "\n\n".join(parts)


def queue_table(criterion: Path) -> str:
    """What criterion has noted of the event queue and the heap: the median, by how many events are on their way."""
    medians = {}
    for noted in criterion.glob("queue/*/*/new/estimates.json"):
        estimates = json.loads(noted.read_text(encoding="utf-8"))
        medians[noted.parts[-4], int(noted.parts[-3])] = float(estimates["median"]["point_estimate"])
    rows = []
    for n in sorted({n for _, n in medians}):
        schedule, heap = medians["schedule", n], medians["heap", n]
        rows.append([f"{n:,}", f"{schedule:.0f} ns", f"{heap:.0f} ns", f"{heap / schedule:.0f} times"])
    return table(["on their way", "schedule", "heap", "ratio"], rows)


def replaced(page: str, mark: str, text: str) -> str:
    """The page with `text` between its marks, `<!-- mark: begin -->` and `<!-- mark: end -->`.

    Raises `ValueError` if it has none.
    """
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no {begin} .. {end}")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


def write_chart(scaling: Mapping[str, Mapping[int, Measured | Unmeasured]], path: Path) -> None:
    """Wall time and memory against n, both axes logarithmic, as an SVG."""
    import altair as alt

    rows = [
        {"series": series, "hosts": n, "wall time, s": run.seconds, "peak memory, MiB": run.peak_mib}
        for series, runs in scaling.items()
        for n, run in runs.items()
        if isinstance(run, Measured)
    ]
    base = alt.Chart(alt.InlineData(values=rows)).mark_line(point=True)

    def plot(field: str) -> Any:
        axis = alt.Axis(format="~s") if field.endswith("MiB") else alt.Axis(format="~g")
        return base.encode(
            x=alt.X("hosts:Q", scale=alt.Scale(type="log"), axis=alt.Axis(format="~s", tickCount=4)),
            y=alt.Y(f"{field}:Q", scale=alt.Scale(type="log"), axis=axis),
            color=alt.Color("series:N", title=None, sort=list(scaling)),
        ).properties(width=330, height=300)

    alt.hconcat(plot("wall time, s"), plot("peak memory, MiB")).save(path)
