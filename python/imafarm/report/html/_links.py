"""What goes over the links between zones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from imafarm.report.html._draw import TOLD, Data, Pen, Sheet
from imafarm.report.html._grid import Grid, draw_grid
from imafarm.report.html._markup import Safe, element, shortened
from imafarm.report.html._scales import amount, size, unit_of
from imafarm.report.html._theme import PAINT
from imafarm.report.html._traffic import Rates, time_axis

MOST_CELLS = 32
"""How many rows and columns the map has at the most; of more zones several share one."""
BUSIEST = 6


def draw_links(pen: Pen, rates: Rates) -> list[Safe]:
    """A map of all links, if there are more than two, and the busiest of them over time."""
    links = {pair: values for pair, values in rates.links.items() if pair[0] != pair[1] and any(values)}
    if not links:
        return []
    figures = []
    if len(links) > 2:
        figures.append(_map(pen, rates, links))
    busiest = sorted(links, key=lambda pair: (-sum(links[pair]), pair))[:BUSIEST]
    top = max(max(links[pair]) for pair in busiest)
    unit = unit_of(rates.bins.end_ns - rates.bins.start_ns)
    multiples = [_small(pen, number, rates, pair, links[pair], top, unit) for number, pair in enumerate(busiest, 1)]
    figures.append(
        element(
            "div",
            element(
                "h3", "Over time" if len(links) <= BUSIEST else f"The {BUSIEST} busiest of {len(links):,}, over time"
            ),
            element("p", f"Bytes in a second, all on one scale, which ends at {size(top)}.", class_="note"),
            element("div", multiples, class_="multiples"),
        )
    )
    return figures


def _small(
    pen: Pen, number: int, rates: Rates, pair: tuple[str, str], values: Sequence[float], top: float, unit: Any
) -> Safe:
    bins = rates.bins
    rows = [{"x": unit.of(bins.edge(at)), "y": value} for at, value in enumerate(values)]
    rows.append({"x": unit.of(bins.end_ns), "y": values[-1]})

    def draw(sheet: Sheet) -> Any:
        import altair as alt

        y = alt.Y("y:Q", title=None, scale=alt.Scale(domain=[0, top * 1.05], nice=False)).axis(
            tickCount=3, labelExpr=TOLD, minExtent=sheet.left, maxExtent=sheet.left
        )
        plotted = alt.Chart(sheet.rows(rows)).mark_area(interpolate="step-after", color=PAINT["one"])
        return plotted.encode(x=time_axis(bins, unit, sheet), y=y).properties(width=sheet.plot, height=110)

    source, target = (shortened(name, 24) for name in pair)
    mean = sum(values) / bins.count
    label = (
        f"mean {size(mean)}/s, at most {size(max(values))}/s, {size(mean * bins.width_seconds * bins.count)} in all."
    )
    data = Data((f"farm time, {unit.name}", "bytes/s"), [(f"{row['x']:,.4g}", amount(row["y"])) for row in rows[:-1]])
    return pen.small(f"link-{number}", f"{source} to {target}", label, draw, data)


def _map(pen: Pen, rates: Rates, links: dict[tuple[str, str], Sequence[float]]) -> Safe:
    zones = sorted({zone for pair in rates.links for zone in pair}, key=_natural)
    together = math.ceil(len(zones) / MOST_CELLS)
    groups = [zones[at : at + together] for at in range(0, len(zones), together)]
    names = [
        shortened(group[0], 10) if len(group) == 1 else f"{shortened(group[0], 5)}\u2013{shortened(group[-1], 5)}"
        for group in groups
    ]
    place = {zone: at for at, group in enumerate(groups) for zone in group}
    count = rates.bins.count
    means = {pair: sum(values) / count for pair, values in links.items()}
    cells: dict[tuple[int, int], float] = {}
    for (source, target), mean in means.items():
        key = place[target], place[source]
        cells[key] = cells.get(key, 0.0) + mean
    grid = Grid(names, names, cells, _short)
    order = sorted(links, key=lambda pair: (-means[pair], pair))
    shared = f" Each row and column is of {together} zones." if together > 1 else ""
    source, target = (shortened(name, 24) for name in order[0])
    label = (
        f"Bytes in a second, as a mean over the whole run: {size(sum(means.values()))} in all. "
        f"Rows send, columns receive.{shared} Most goes from {source} to {target}."
    )
    data = Data(
        ("from", "to", "mean, in a second", "most"),
        [(source, target, size(means[source, target]), size(max(links[source, target]))) for source, target in order],
    )
    return pen.figure("links", "Bandwidth from zone to zone", label, draw_grid(grid), data, grid.keys)


def _short(value: float) -> str:
    return size(value).replace(" KiB", "K").replace(" MiB", "M").replace(" GiB", "G").replace(" B", "")


def _natural(name: str) -> tuple[Any, ...]:
    """Z2 before Z10."""
    digits = name[len(name.rstrip("0123456789")) :]
    return (name[: len(name) - len(digits)], int(digits) if digits and len(digits) < 19 else -1, name)
