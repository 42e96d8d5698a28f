"""Open bindings, and those torn down, over time: the collector's beside what it may hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from imafarm.report.html._columns import Columns
from imafarm.report.html._documents import Moment
from imafarm.report.html._draw import TOLD, Data, Key, Pen, Sheet
from imafarm.report.html._markup import Safe
from imafarm.report.html._scales import Bins, Unit, amount, bins_over, unit_of
from imafarm.report.html._theme import PAINT
from imafarm.report.html._traffic import MOST_BINS, Mark, marks_of, moment_layers, time_axis

BINDINGS = ("start_ns", "end_ns", "zone", "opened", "evicted", "active", "collector_active", "busy_ns")
LIMIT = "MaxHostAddressCacheEntries"


@dataclass(frozen=True, slots=True)
class Course:
    """How bindings came and went."""

    bins: Bins
    active: Sequence[float]
    """All hosts together, at a bin's end."""
    fullest: Sequence[float | None]
    """The most that any zone's collector held at a bin's end; `None` where no zone had one."""
    emptiest: Sequence[float | None]
    opened: Sequence[float]
    """In a second."""
    evicted: Sequence[float]
    zones: int
    busy: Sequence[float]
    """How many hosts' whole time went into work."""


def course_of(bindings: Columns) -> Course | None:
    """The course of a run; `None` if no bin was counted."""
    bins = bins_over(bindings["start_ns"], bindings["end_ns"], MOST_BINS)
    if bins is None:
        return None
    opened, evicted, busy = ([0.0] * bins.count for _ in range(3))
    last: list[dict[str, tuple[int, int, int | None]]] = [{} for _ in range(bins.count)]
    zones = set()
    for start, end, zone, opens, evicts, active, collector, worked in zip(
        *(bindings[name] for name in BINDINGS), strict=True
    ):
        zones.add(zone)
        for place, part in bins.spread(start, end):
            opened[place] += opens * part
            evicted[place] += evicts * part
            busy[place] += worked * part
        # What is at the end of a bin is what is at the end of the last of those that it is made of.
        ending = last[bins.at(end - 1)]
        if zone not in ending or ending[zone][0] < end:
            ending[zone] = (end, active, collector)
    # A zone of which nothing is told has stayed as it was.
    now: dict[str, tuple[int, int | None]] = {}
    active_, fullest, emptiest = [], [], []
    for ending in last:
        now.update({zone: (active, collector) for zone, (_, active, collector) in ending.items()})
        active_.append(float(sum(active for active, _ in now.values())))
        held = [float(collector) for _, collector in now.values() if collector is not None]
        fullest.append(max(held) if held else None)
        emptiest.append(min(held) if held else None)
    seconds = bins.width_seconds
    return Course(
        bins,
        active_,
        fullest,
        emptiest,
        [value / seconds for value in opened],
        [value / seconds for value in evicted],
        len(zones),
        [value / bins.width_ns for value in busy],
    )


def draw_bindings(pen: Pen, course: Course, limit: int | None, moments: Sequence[Moment]) -> list[Safe]:
    """The collector's bindings, those of all hosts, and how many are made and torn down in a second."""
    bins = course.bins
    unit = unit_of(bins.end_ns - bins.start_ns)
    marks = marks_of(moments, bins, unit)
    held = [value for value in course.fullest if value is not None]
    figures = []
    if held:
        figures.append(_collector(pen, course, limit, marks, unit, max(held)))
    figures.append(_all(pen, course, marks, unit))
    if any(course.busy):
        figures.append(_busy(pen, course, marks, unit))
    return figures


def _collector(pen: Pen, course: Course, limit: int | None, marks: Sequence[Mark], unit: Unit, most: float) -> Safe:
    bins, several = course.bins, course.zones > 1
    rows = [
        {"x": unit.of(bins.edge(at) + bins.width_ns), "y": fullest, "y2": emptiest}
        for at, (fullest, emptiest) in enumerate(zip(course.fullest, course.emptiest, strict=True))
        # While a farm boots a zone disagrees for moments. Only where it is without a collector for long is there a gap.
        if fullest is not None or all(value is None for value in course.fullest[max(0, at - 3) : at + 4])
    ]
    top = max(most, limit or 0)

    def draw(sheet: Sheet) -> Any:
        import altair as alt

        y = alt.Y("y:Q", title=None, scale=alt.Scale(domain=[0, top * 1.12], nice=False)).axis(
            tickCount=4, format=",d", minExtent=sheet.left, maxExtent=sheet.left
        )
        x = time_axis(bins, unit, sheet)
        plot = alt.Chart(sheet.rows(rows))
        layers: list[Any] = []
        if several:
            layers.append(plot.mark_area(color=PAINT["one"], opacity=0.25).encode(x=x, y=y, y2="y2:Q"))
        layers.append(plot.mark_line(color=PAINT["one"], strokeWidth=2.5).encode(x=x, y=y))
        if limit is not None:
            rule = alt.Chart(sheet.rows([{"y": limit, "text": f"{LIMIT} = {limit:,}"}]))
            layers.append(rule.mark_rule(color=PAINT["two"], strokeDash=[6, 4], strokeWidth=2).encode(y=y))
            layers.append(
                rule.mark_text(align="right", baseline="bottom", dy=-4, color=PAINT["ink"]).encode(
                    y=y, x=alt.value("width"), text="text:N"
                )
            )
        layers += moment_layers(marks, bins, unit, sheet)
        return alt.layer(*layers).properties(width=sheet.plot, height=190 if sheet.narrow else 240)

    share = f", {most / limit:.0%} of the {limit:,} that it may hold" if limit else ""
    label = f"At most {most:,.0f} at once{share}."
    if several:
        label = (
            f"The fullest of {course.zones} zones' collectors held at most {most:,.0f} at once{share}; "
            "the band reaches down to the emptiest."
        )
    keys = [Key("line", "one", "the fullest collector" if several else "the collector")]
    if limit is not None:
        keys.append(Key("dash", "two", LIMIT))
    data = Data(
        (f"farm time, {unit.name}", "fullest", "emptiest") if several else (f"farm time, {unit.name}", "open bindings"),
        [
            (
                f"{row['x']:,.4g}",
                *(("-" if v is None else f"{v:,.0f}") for v in ((row["y"], row["y2"]) if several else (row["y"],))),
            )
            for row in rows
        ],
    )
    return pen.figure("collector", "Open bindings of the data collector", label, draw, data, keys)


def _all(pen: Pen, course: Course, marks: Sequence[Mark], unit: Unit) -> Safe:
    bins = course.bins
    ends = [unit.of(bins.edge(at) + bins.width_ns) for at in range(bins.count)]
    begins = [unit.of(bins.edge(at)) for at in range(bins.count)]
    active = [{"x": x, "y": y} for x, y in zip(ends, course.active, strict=True)]
    panels = [
        ("opened in a second", "three", course.opened),
        ("torn down to make room, in a second", "two", course.evicted),
    ]

    def draw(sheet: Sheet) -> Any:
        import altair as alt

        def y_axis(values: Sequence[float], count: int) -> Any:
            return alt.Y("y:Q", title=None, scale=alt.Scale(domain=[0, max(max(values), 1) * 1.1], nice=False)).axis(
                tickCount=count, labelExpr=TOLD, minExtent=sheet.left, maxExtent=sheet.left
            )

        def titled(text: str) -> Any:
            return (
                alt.Chart(sheet.rows([{"text": text}]))
                .mark_text(align="left", baseline="bottom", color=PAINT["ink"])
                .encode(
                    x=alt.value(0),
                    y=alt.value(-6 if text != "open at both ends together" or not marks else -22),
                    text="text:N",
                )
            )

        tall = 110 if sheet.narrow else 130
        x = time_axis(bins, unit, sheet)
        bare = time_axis(bins, unit, sheet).axis(None)
        parts = [
            alt.layer(
                alt.Chart(sheet.rows(active))
                .mark_area(color=PAINT["one"], opacity=0.85)
                .encode(x=bare, y=y_axis(course.active, 3)),
                *moment_layers(marks, bins, unit, sheet),
                titled("open at both ends together"),
            ).properties(width=sheet.plot, height=tall)
        ]
        for place, (title, colour, values) in enumerate(panels):
            steps = [{"x": at, "y": value} for at, value in zip(begins, values, strict=True)]
            steps.append({"x": unit.of(bins.end_ns), "y": values[-1]})
            parts.append(
                alt.layer(
                    alt.Chart(sheet.rows(steps))
                    .mark_area(color=PAINT[colour], interpolate="step-after")
                    .encode(x=x if place == len(panels) - 1 else bare, y=y_axis(values, 2)),
                    titled(title),
                ).properties(width=sheet.plot, height=tall * 0.5)
            )
        return alt.vconcat(*parts, spacing=34)

    data = Data(
        (f"farm time, {unit.name}", "open", "opened/s", "torn down/s"),
        [
            (f"{x:,.4g}", f"{open_:,.0f}", amount(opened), amount(evicted))
            for x, open_, opened, evicted in zip(ends, course.active, course.opened, course.evicted, strict=True)
        ],
    )
    torn = sum(course.evicted) * bins.width_seconds
    label = f"At most {max(course.active):,.0f} ends of bindings open at once; {torn:,.0f} torn down to make room."
    return pen.figure("bindings-all", "Bindings of all hosts", label, draw, data)


def _busy(pen: Pen, course: Course, marks: Sequence[Mark], unit: Unit) -> Safe:
    bins = course.bins
    steps = [{"x": unit.of(bins.edge(at)), "y": value} for at, value in enumerate(course.busy)]
    steps.append({"x": unit.of(bins.end_ns), "y": course.busy[-1]})

    def draw(sheet: Sheet) -> Any:
        import altair as alt

        y = alt.Y("y:Q", title=None).axis(tickCount=3, labelExpr=TOLD, minExtent=sheet.left, maxExtent=sheet.left)
        area = alt.Chart(sheet.rows(steps)).mark_area(color=PAINT["four"], interpolate="step-after")
        return alt.layer(
            area.encode(x=time_axis(bins, unit, sheet), y=y), *moment_layers(marks, bins, unit, sheet)
        ).properties(width=sheet.plot, height=130)

    data = Data((f"farm time, {unit.name}", "hosts"), [(f"{row['x']:,.4g}", amount(row["y"])) for row in steps[:-1]])
    label = (
        f"Work done in a second, as the number of hosts whose whole time it takes: at most {amount(max(course.busy))}."
    )
    return pen.figure("busy", "Busy hosts", label, draw, data)
