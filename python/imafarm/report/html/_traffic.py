"""Messages and bytes in a second, by kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from imafarm.report.html._columns import Columns
from imafarm.report.html._documents import Moment
from imafarm.report.html._draw import TOLD, Data, Key, Pen, Row, Sheet
from imafarm.report.html._markup import Safe, shortened
from imafarm.report.html._scales import SECOND, Bins, Unit, amount, bins_over, size, unit_of
from imafarm.report.html._theme import PAINT, SERIES

TRAFFIC = ("start_ns", "end_ns", "from_zone", "to_zone", "kind", "sent", "sent_bytes")
MOST_BINS = 200
COLOURED = len(SERIES) - 1
MOST_RIDGES = 14
MOST_STACKED = 6
"""Of more kinds than that areas one above the other are stripes that nobody can follow."""
LOG_SPAN = 20.0
"""How many times the median a peak is that an even scale makes a single stroke of."""
OTHER = "all other kinds"
ALL = "all kinds"


@dataclass(frozen=True, slots=True)
class Rates:
    """What was sent in a second, bin by bin."""

    bins: Bins
    messages: Mapping[str, Sequence[float]]
    bytes: Mapping[str, Sequence[float]]
    links: Mapping[tuple[str, str], Sequence[float]]
    """Bytes in a second by the zones that they went from and to."""


def rates_of(traffic: Columns) -> Rates | None:
    """The rates of a run; `None` if nothing was sent."""
    starts, ends = traffic["start_ns"], traffic["end_ns"]
    bins = bins_over(starts, ends, MOST_BINS)
    if bins is None:
        return None
    # Rows of one bin stand together, so what falls where is found once for each bin and not for each row.
    spread: dict[tuple[int, int], list[tuple[int, float]]] = {}
    messages: dict[str, list[float]] = {}
    bytes_: dict[str, list[float]] = {}
    links: dict[tuple[str, str], list[float]] = {}
    for start, end, source, target, kind, sent, sent_bytes in zip(*(traffic[name] for name in TRAFFIC), strict=True):
        parts = spread.get((start, end))
        if parts is None:
            parts = spread[start, end] = bins.spread(start, end)
        if kind not in messages:
            messages[kind], bytes_[kind] = [0.0] * bins.count, [0.0] * bins.count
        if (source, target) not in links:
            links[source, target] = [0.0] * bins.count
        of_kind, of_bytes, of_link = messages[kind], bytes_[kind], links[source, target]
        for place, part in parts:
            of_kind[place] += sent * part
            of_bytes[place] += sent_bytes * part
            of_link[place] += sent_bytes * part
    width = bins.width_seconds
    for group in (messages, bytes_, links):
        for values in group.values():
            values[:] = [value / width for value in values]
    return Rates(bins, messages, bytes_, links)


def draw_traffic(pen: Pen, rates: Rates, moments: Sequence[Moment]) -> list[Safe]:
    """Messages, and bytes."""
    return [
        _figure(pen, "messages", "Messages in a second", rates.bins, rates.messages, moments, amount),
        _figure(pen, "bytes", "Bytes in a second", rates.bins, rates.bytes, moments, size),
    ]


def _figure(
    pen: Pen,
    name: str,
    title: str,
    bins: Bins,
    rates: Mapping[str, Sequence[float]],
    moments: Sequence[Moment],
    told: Callable[[float], str],
) -> Safe:
    rates = {kind: values for kind, values in rates.items() if any(values)}
    total = [sum(values) for values in zip(*rates.values(), strict=True)]
    peak = max(total, default=0.0)
    at = total.index(peak) if total else 0
    unit = unit_of(bins.end_ns - bins.start_ns)
    when = f"{unit.of(bins.edge(at)):,.4g} {unit.name}"
    label = f"At most {told(peak)} in a second, {when} into the run; bins of {bins.width_seconds:,.3g} s."
    order = sorted(rates, key=lambda kind: (-sum(rates[kind]), kind))
    told_moments = marks_of(moments, bins, unit)
    if told_moments:
        label += " Numbers above are those under \u201cWhat happened\u201d."
    data = Data(
        ("kind", "mean", "peak", f"peak at, {unit.name}"),
        [
            (
                kind,
                told(sum(rates[kind]) / bins.count),
                told(max(rates[kind])),
                f"{unit.of(bins.edge(rates[kind].index(max(rates[kind])))):,.4g}",
            )
            for kind in order
        ],
    )
    if len(order) > MOST_STACKED or asks_for_log(total):
        label += " Each kind has a row, all on one logarithmic scale; on the right is the most of each."
        return pen.figure(name, title, label, _ridges(bins, rates, order, unit, told_moments, told), data)
    drawn = order[:COLOURED]
    stacked = {kind: rates[kind] for kind in drawn}
    if len(order) > COLOURED:
        rest = [rates[kind] for kind in order[COLOURED:]]
        stacked[OTHER] = [sum(values) for values in zip(*rest, strict=True)]
    keys = [
        Key("area", SERIES[-1] if kind == OTHER else SERIES[place], f"{place + 1}  {shortened(kind, 40)}")
        for place, kind in enumerate(stacked)
    ]
    # The key is read as the areas lie: the topmost first.
    return pen.figure(name, title, label, _stacked(bins, stacked, unit, told_moments), data, keys[::-1])


def asks_for_log(total: Sequence[float]) -> bool:
    """Whether a peak would make a stroke of all else on an even scale."""
    some = [value for value in total if value > 0]
    return len(some) > 1 and max(some) > LOG_SPAN * max(median(some), 1e-9)


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment, or several that stand too close to be told apart, and its numbers."""

    x: float
    text: str


def marks_of(moments: Sequence[Moment], bins: Bins, unit: Unit) -> list[Mark]:
    """Where the moments of a run stand on its time axis; those within a fortieth of it stand together."""
    span = bins.end_ns - bins.start_ns
    marks: list[tuple[float, int, int]] = []
    for number, moment in enumerate(moments, 1):
        ns = moment.seconds * SECOND
        if not bins.start_ns <= ns <= bins.end_ns:
            continue
        if marks and ns - marks[-1][0] < span / 40:
            marks[-1] = (marks[-1][0], marks[-1][1], number)
        else:
            marks.append((ns, number, number))
    return [Mark(unit.of(ns), str(first) if first == last else f"{first}\u2013{last}") for ns, first, last in marks]


def time_axis(bins: Bins, unit: Unit, sheet: Sheet) -> Any:
    """The horizontal axis of all pictures that go over a whole run."""
    import altair as alt

    domain = [unit.of(bins.start_ns), unit.of(bins.end_ns)]
    return alt.X("x:Q", scale=alt.Scale(domain=domain, nice=False)).axis(
        title=f"farm time, {unit.name}", titleAnchor="end", tickCount=4 if sheet.narrow else 8, grid=False, format=",~f"
    )


def moment_layers(marks: Sequence[Mark], bins: Bins, unit: Unit, sheet: Sheet) -> list[Any]:
    """Thin lines at which something happened, with their numbers above the plot."""
    import altair as alt

    if not marks:
        return []
    data = sheet.rows([{"x": mark.x, "text": mark.text} for mark in marks])
    x = alt.X("x:Q", scale=alt.Scale(domain=[unit.of(bins.start_ns), unit.of(bins.end_ns)], nice=False))
    return [
        alt.Chart(data).mark_rule(color=PAINT["soft"], strokeDash=[2, 3], opacity=0.7).encode(x=x),
        alt.Chart(data)
        .mark_text(color=PAINT["soft"], baseline="bottom", fontSize=12)
        .encode(x=x, y=alt.value(-5), text="text:N"),
    ]


def _stacked(
    bins: Bins, rates: Mapping[str, Sequence[float]], unit: Unit, marks: Sequence[Mark]
) -> Callable[[Sheet], Any]:
    """Areas one above the other: the kind of which there is most lies at the bottom."""
    areas: list[Row] = []
    base = [0.0] * bins.count
    numbers: list[dict[str, Any]] = []
    for place, (kind, values) in enumerate(rates.items()):
        top = [low + value for low, value in zip(base, values, strict=True)]
        # Each bin is level from its beginning to its end.
        for at in range(bins.count):
            areas.append({"x": unit.of(bins.edge(at)), "y": base[at], "y2": top[at], "kind": place})
        areas.append({"x": unit.of(bins.end_ns), "y": base[-1], "y2": top[-1], "kind": place})
        # Not at the edges, where half of the number would be cut off.
        inner = range(bins.count // 20, max(bins.count - bins.count // 20, 1))
        thickest = max(inner, key=values.__getitem__)
        numbers.append({
            "x": unit.of(bins.edge(thickest) + bins.width_ns / 2), "y": base[thickest] + values[thickest] / 2,
            "thick": values[thickest], "text": str(place + 1), "kind": kind,
        })  # fmt: skip
        base = top
    most = max(base) or 1.0
    paints = [PAINT[SERIES[-1] if kind == OTHER else SERIES[place]] for place, kind in enumerate(rates)]

    def draw(sheet: Sheet) -> Any:
        import altair as alt

        height = 200 if sheet.narrow else 260
        y = alt.Y("y:Q", scale=alt.Scale(domain=[0, most * 1.05], nice=False)).axis(
            title=None, tickCount=4, labelExpr=TOLD, minExtent=sheet.left, maxExtent=sheet.left
        )
        plotted = alt.Chart(sheet.rows(areas)).mark_area(
            interpolate="step-after", stroke=PAINT["paper"], strokeWidth=0.6
        )
        # Only where there is room for it is an area's number written into it.
        roomy = [each for each in numbers if each["thick"] / most * height > 15]
        return alt.layer(
            plotted.encode(
                x=time_axis(bins, unit, sheet),
                y=y,
                y2="y2:Q",
                color=alt.Color("kind:O", scale=alt.Scale(domain=list(range(len(paints))), range=paints)),
            ),
            *moment_layers(marks, bins, unit, sheet),
            alt.Chart(sheet.rows(roomy))
            .mark_text(color=PAINT["paper"], fontWeight="bold", fontSize=12)
            .encode(x=time_axis(bins, unit, sheet), y=y, text="text:N"),
        ).properties(width=sheet.plot, height=height)

    return draw


def _ridges(
    bins: Bins,
    rates: Mapping[str, Sequence[float]],
    order: Sequence[str],
    unit: Unit,
    marks: Sequence[Mark],
    told: Callable[[float], str],
) -> Callable[[Sheet], Any]:
    """A row for each kind, in the order in which they come; all on one logarithmic scale."""
    kept = list(order[:MOST_RIDGES])
    rows = {kind: rates[kind] for kind in kept}
    if len(order) > MOST_RIDGES:
        rest = [rates[kind] for kind in order[MOST_RIDGES - 1 :]]
        rows = {kind: rates[kind] for kind in kept[:-1]}
        rows[OTHER] = [sum(values) for values in zip(*rest, strict=True)]
    if len(rows) > 1:
        rows = {ALL: [sum(values) for values in zip(*rates.values(), strict=True)], **rows}
    some = [value for values in rows.values() for value in values if value > 0]
    ceiling = math.ceil(math.log10(max(some)))
    floor = max(math.floor(math.log10(min(some))), ceiling - 7)
    decades = max(1, ceiling - floor)

    def high(value: float) -> float:
        return 0.0 if value <= 0 else min(1.0, max(0.02, (math.log10(value) - floor) / decades))

    def draw(sheet: Sheet) -> Any:
        import altair as alt

        step, tall = (46, 28) if sheet.narrow else (36, 30)
        left = 0 if sheet.narrow else 172
        height = step * len(rows)
        areas: list[Row] = []
        words: list[dict[str, Any]] = []
        for place, (kind, values) in enumerate(rows.items()):
            base = (place + 1) * step - 4
            ups = [high(value) * tall for value in values]
            of = {"kind": place, "paint": PAINT["other" if kind == ALL else "one"]}
            for at, up in enumerate(ups):
                if up or (at and ups[at - 1]) or at == 0:
                    areas.append({"x": unit.of(bins.edge(at)), "y": base, "y2": base - up, **of})
            areas.append({"x": unit.of(bins.end_ns), "y": base, "y2": base - ups[-1], **of})
            words.append({"y": base, "name": shortened(kind, 22), "peak": f"{told(max(values))}/s"})
        y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[0, height], reverse=True, nice=False))
        named = alt.Chart(sheet.rows(words))
        return alt.layer(
            alt.Chart(sheet.rows([{"y": each["y"]} for each in words]))
            .mark_rule(color=PAINT["line"])
            .encode(y=y, x=alt.value(0), x2=alt.value("width")),
            alt.Chart(sheet.rows(areas))
            .mark_area(interpolate="step-after")
            .encode(
                x=time_axis(bins, unit, sheet), y=y, y2="y2:Q", detail="kind:N", color=alt.Color("paint:N", scale=None)
            ),
            *moment_layers(marks, bins, unit, sheet),
            named.mark_text(
                align="left" if sheet.narrow else "right",
                baseline="bottom",
                color=PAINT["ink"],
                dy=-tall - 1 if sheet.narrow else -6,
            ).encode(y=y, x=alt.value(0 if sheet.narrow else -12), text="name:N"),
            named.mark_text(
                align="right" if sheet.narrow else "left",
                baseline="bottom",
                color=PAINT["soft"],
                dy=-tall - 1 if sheet.narrow else -6,
            ).encode(
                y=y, x=alt.value("width") if sheet.narrow else alt.value(sheet.width - left - 110 + 8), text="peak:N"
            ),
        ).properties(width=sheet.width - left - (12 if sheet.narrow else 110), height=height)

    return draw


def by_bin(values: Sequence[float], bins: Bins) -> list[tuple[float, float]]:
    """Where a curve changes, and to what."""
    told = [(bins.edge(0), values[0])]
    told += [(bins.edge(at + 1), after) for at, (before, after) in enumerate(pairwise(values)) if before != after]
    return told
