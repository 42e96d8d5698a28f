"""The picture of a run: what a message costs against the number of hosts, both logarithmic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peers._harness import Result
from peers._report import TITLES
from peers._work import WORKS

COLOURS = {
    "imafarm": "#d62728",
    "imafarm, one by one": "#ff9896",
    "NumPy, in bulk": "#2ca02c",
    "ns-3, in order": "#1f77b4",
    "ns-3": "#85b8dd",
    "heapq, in order": "#8c564b",
    "heapq": "#c49c94",
    "SimGrid, kernel timers": "#9467bd",
    "SimGrid, S4U": "#c5b0d5",
    "SimPy, callbacks": "#555555",
    "SimPy, processes": "#aaaaaa",
}
"""Ways of one engine in shades of one colour."""
DECADES = [10.0**exponent for exponent in range(-3, 7)]
WIDTH, HEIGHT = 380, 330


def write(results: Sequence[Result], path: Path) -> None:
    """Draws the engines that are compared, each work beside the other, into an SVG."""
    import altair as alt

    rows = [
        {
            "work": TITLES[result.work],
            "engine": result.engine.name,
            "hosts": result.hosts,
            "ns": result.ns_a_message,
            "ours": result.engine.package == "imafarm",
        }
        for result in results
        if result.engine.compared and result.ns_a_message is not None
    ]
    names = [name for name in COLOURS if any(row["engine"] == name for row in rows)]
    sizes = sorted({result.hosts for result in results})

    def plot(work: str) -> Any:
        return (
            alt.Chart(alt.InlineData(values=[row for row in rows if row["work"] == work]), title=work)
            .mark_line(point=alt.OverlayMarkDef(size=45))
            .encode(
                x=alt.X(
                    "hosts:Q",
                    scale=alt.Scale(type="log", domain=[sizes[0], sizes[-1]], nice=False),
                    axis=alt.Axis(values=sizes, format=",d"),
                    title="hosts",
                ),
                y=alt.Y(
                    "ns:Q",
                    scale=alt.Scale(type="log"),
                    axis=alt.Axis(values=DECADES, format=",~g"),
                    title="ns a message",
                ),
                color=alt.Color(
                    "engine:N", sort=names, scale=alt.Scale(domain=names, range=[COLOURS[name] for name in names])
                ),
                strokeWidth=alt.condition("datum.ours", alt.value(3.5), alt.value(1.8)),
            )
            .properties(width=WIDTH, height=HEIGHT)
        )

    drawn = [TITLES[work] for work in WORKS if any(row["work"] == TITLES[work] for row in rows)]
    chart = (
        alt.hconcat(*map(plot, drawn)).configure(background="white").configure_legend(title=None, symbolStrokeWidth=3)
    )
    chart.save(path)
