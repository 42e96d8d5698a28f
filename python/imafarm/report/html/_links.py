"""What goes over the links between zones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imafarm.report.html._draw import Data, Key, Pen, Sheet
from imafarm.report.html._markup import Safe, element, shortened
from imafarm.report.html._scales import amount, size, unit_of
from imafarm.report.html._theme import PAINT, STEPS
from imafarm.report.html._traffic import Rates, time_axis

if TYPE_CHECKING:
    import altair as alt

MOST_CELLS = 32
"""How many rows and columns the map has at the most; of more zones several share one."""
LABELLED_ZONES = 10
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
            element("h3", "Over time" if len(links) <= BUSIEST else f"The {BUSIEST} busiest of {len(links):,}, over time"),
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

    def draw(sheet: Sheet) -> alt.Chart:
        import altair as alt

        y = alt.Y("y:Q", title=None, scale=alt.Scale(domain=[0, top * 1.05], nice=False)).axis(
            tickCount=3, format="~s", minExtent=sheet.left, maxExtent=sheet.left
        )
        plotted = alt.Chart(sheet.rows(rows)).mark_area(interpolate="step-after", color=PAINT["one"])
        return plotted.encode(x=time_axis(bins, unit, sheet), y=y).properties(width=sheet.plot, height=110)

    source, target = (shortened(name, 24) for name in pair)
    mean = sum(values) / bins.count
    label = f"mean {size(mean)}/s, at most {size(max(values))}/s, {size(mean * bins.width_seconds * bins.count)} in all."
    data = Data(
        (f"farm time, {unit.name}", "bytes/s"), [(f"{row['x']:,.4g}", amount(row["y"])) for row in rows[:-1]]
    )
    return pen.small(f"link-{number}", f"{source} to {target}", label, draw, data)


def _map(pen: Pen, rates: Rates, links: dict[tuple[str, str], Sequence[float]]) -> Safe:
    zones = list(dict.fromkeys(zone for pair in rates.links for zone in pair))
    zones.sort(key=_natural)
    together = math.ceil(len(zones) / MOST_CELLS)
    groups = [zones[at : at + together] for at in range(0, len(zones), together)]
    names = [
        shortened(group[0], 12) if len(group) == 1 else f"{shortened(group[0], 6)}\u2013{shortened(group[-1], 6)}"
        for group in groups
    ]
    place = {zone: at for at, group in enumerate(groups) for zone in group}
    count = rates.bins.count
    cells: dict[tuple[int, int], float] = {}
    for (source, target), values in links.items():
        key = place[source], place[target]
        cells[key] = cells.get(key, 0.0) + sum(values) / count
    some = [value for value in cells.values() if value > 0]
    edges = _edges(min(some), max(some))
    fewer = len(groups) <= LABELLED_ZONES
    rows = []
    for (source, target), value in sorted(cells.items()):
        step = sum(value > edge for edge in edges[1:-1]) if value > 0 else 0
        rows.append({
            "x": target, "y": source, "fill": PAINT[STEPS[step]], "on": PAINT[f"on{step + 1}"], "text": _short(value),
        })  # fmt: skip

    def draw(sheet: Sheet) -> alt.LayerChart:
        import altair as alt

        left = 64 if sheet.narrow else 110
        cell = min((sheet.width - left - 16) / len(groups), 24 if sheet.narrow and not fewer else 78)
        tall = min(cell, 44)
        width, height = cell * len(groups), tall * len(groups)
        every = max(1, math.ceil((34 if sheet.narrow else 46) / cell))
        lines = max(1, math.ceil(15 / tall))
        x = alt.X("x0:Q", axis=None, scale=alt.Scale(domain=[0, len(groups)], nice=False))
        y = alt.Y("y0:Q", axis=None, scale=alt.Scale(domain=[0, len(groups)], nice=False, reverse=True))
        gap = 0.03 if fewer else 0.04
        boxes = [
            {"x0": row["x"] + gap, "x1": row["x"] + 1 - gap, "y0": row["y"] + gap, "y1": row["y"] + 1 - gap,
             "fill": row["fill"]}
            for row in rows
        ]  # fmt: skip
        words = [{"x0": row["x"] + 0.5, "y0": row["y"] + 0.5, "text": row["text"], "on": row["on"]} for row in rows]
        heads = [{"x0": at + 0.5, "y0": at + 0.5, "name": name} for at, name in enumerate(names)]
        layers: list[Any] = [
            alt.Chart(sheet.rows(boxes))
            .mark_rect()
            .encode(x=x, x2="x1:Q", y=y, y2="y1:Q", fill=alt.Fill("fill:N", scale=None)),
            alt.Chart(sheet.rows(heads[::lines]))
            .mark_text(align="right", baseline="middle", color=PAINT["ink"])
            .encode(x=alt.value(-8), y=y, text="name:N"),
            alt.Chart(sheet.rows(heads[::every]))
            .mark_text(align="center", baseline="bottom", color=PAINT["ink"])
            .encode(x=x, y=alt.value(-8), text="name:N"),
        ]
        if fewer and cell > 30:
            layers.append(
                alt.Chart(sheet.rows(words))
                .mark_text(baseline="middle", fontSize=11 if sheet.narrow else 13)
                .encode(x=x, y=y, text="text:N", color=alt.Color("on:N", scale=None))
            )
        return alt.layer(*layers).properties(width=width, height=height)

    total = sum(some)
    busiest = max(links, key=lambda pair: (sum(links[pair]), pair))
    shared = f" Each row and column is of {together} zones." if together > 1 else ""
    label = (
        f"Bytes in a second, as a mean over the whole run: {size(total)} in all. Rows send, columns receive.{shared}"
        f" Most goes from {shortened(busiest[0], 24)} to {shortened(busiest[1], 24)}."
    )
    keys = [
        Key("area", STEPS[step], f"{size(low)} to {size(high)}")
        for step, (low, high) in enumerate(zip(edges, edges[1:], strict=False))
    ]
    order = sorted(links, key=lambda pair: (-sum(links[pair]), pair))
    data = Data(
        ("from", "to", "mean", "most"),
        [(source, target, size(sum(v) / count), size(max(v))) for source, target in order for v in [links[source, target]]],
    )
    return pen.figure("links", "Bandwidth from zone to zone", label, draw, data, keys)


def _edges(least: float, most: float) -> list[float]:
    """The bounds of the map's steps: even in the logarithm where the amounts are apart, else in the amounts."""
    if most / least < 4:
        low = 0.0 if most / least > 1.5 else least * 0.98
        return [low + (most - low) * at / len(STEPS) for at in range(len(STEPS) + 1)]
    return [least * (most / least) ** (at / len(STEPS)) for at in range(len(STEPS) + 1)]


def _short(value: float) -> str:
    return size(value).replace(" KiB", "K").replace(" MiB", "M").replace(" GiB", "G").replace(" B", "")


def _natural(name: str) -> tuple[Any, ...]:
    """Z2 before Z10."""
    digits = name[len(name.rstrip("0123456789")) :]
    return (name[: len(name) - len(digits)], int(digits) if digits and len(digits) < 19 else -1, name)
