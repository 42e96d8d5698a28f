"""What a measure is over what was varied: a curve with its knee, or a map."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median, quantiles
from typing import Any

from imafarm.report.html._documents import Scalar, StudyDocument, Varied
from imafarm.report.html._draw import TOLD, Data, Key, Pen, Sheet
from imafarm.report.html._grid import Grid, draw_grid
from imafarm.report.html._markup import Child, Safe, shortened
from imafarm.report.html._scales import amount
from imafarm.report.html._theme import PAINT
from imafarm.words import counted

QUARTILES_FROM = 5
"""With fewer seeds quartiles say nothing."""
MOST_DOTS = 400
ROUND = "format(datum.value, ',~f')"
"""How a tick is labelled. A logarithmic axis by itself leaves all but powers of ten blank."""


def place_of(values: Sequence[Scalar]) -> tuple[dict[Scalar, float], bool]:
    """Where each value stands on the axis: at itself, if all are numbers, else in a row. And whether they are."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return {value: float(value) for value in values if isinstance(value, int | float)}, True
    return {value: float(at) for at, value in enumerate(values)}, False


def draw_curve(pen: Pen, study: StudyDocument, varied: Varied, measure: str, name: str, *, large: bool) -> Safe:
    """A measure over one name: at each value the median of all points, what they reach, each point, and the knee."""
    what = study.measures[measure]
    places, numeric = place_of(study.values(varied.name))
    found: dict[float, list[float]] = {}
    dots: list[dict[str, Any]] = []
    for point in study.rows:
        value, at = point.measures.get(measure), places.get(point.vary.get(varied.name))
        if value is None or at is None:
            continue
        found.setdefault(at, []).append(value)
        dots.append({"x": at, "y": value, "failed": point.verdict != "passed"})
    labels = {at: _told(value) for value, at in places.items()}
    unit = f" {what.unit}" if what.unit else ""
    curve = [_summary(at, values) for at, values in sorted(found.items())]
    data = Data(
        (varied.name, "median", "least", "most", "points"),
        [
            (labels[row["x"]], amount(row["median"]), amount(row["least"]), amount(row["most"]), str(row["points"]))
            for row in curve
        ],
    )
    knee = study.knee if study.knee is not None and study.knee.vary == varied.name and numeric else None
    several = any(row["points"] > 1 for row in curve)
    quartiles = several and all(row["points"] >= QUARTILES_FROM for row in curve)
    said = [_sentence(what.meaning), {"less": "Less is better.", "more": "More is better.", None: ""}[what.better]]
    if knee is not None and knee.measure == measure:
        said.append(f"The knee is at {_told(knee.value)}.")
    if several:
        said.append("Medians at each value, with a band from the least to the most.")
    if curve:
        low, high = curve[0], curve[-1]
        said.append(
            f"The median goes from {amount(low['median'])}{unit} at {labels[low['x']]} "
            f"to {amount(high['median'])}{unit} at "
            f"{labels[high['x']]}."
        )
    else:
        said.append("No point says anything of it.")
    keys = [Key("line", "one", "median")]
    if several:
        keys.append(Key("band", "one", "least to most" + (", darker: the middle half" if quartiles else "")))
    keys.append(Key("dot", "other", "a point"))
    if any(dot["failed"] for dot in dots):
        keys.append(Key("cross", "bad", "a point that failed"))
    rules: list[dict[str, Any]] = []
    if knee is not None:
        rules.append({"x": float(knee.value), "text": f"knee {_told(knee.value)}", "row": 0})
        keys.append(Key("thin", "ink", "the knee"))
        if knee.theory is not None:
            rules.append({"x": float(knee.theory), "text": f"theory {_told(knee.theory)}", "row": 1})
            keys.append(Key("rule", "four", "what theory says"))
    span = [*labels, *(rule["x"] for rule in rules)]
    log = varied.log and numeric and min(span, default=0) > 0
    top = max((dot["y"] for dot in dots), default=1.0)
    bottom = min(0.0, *(dot["y"] for dot in dots)) if dots else 0.0
    shown = dots if len(dots) <= MOST_DOTS else dots[:: len(dots) // MOST_DOTS + 1]

    def draw(sheet: Sheet) -> Any:
        import altair as alt

        height = 300 if large and not sheet.narrow else 220 if large else 190
        scale = alt.Scale(type="log" if log else "linear", domain=_domain(span, log), nice=False)
        at = sorted(labels)
        axis = alt.Axis(
            title=shortened(varied.name, 40),
            titleAnchor="end",
            values=at,
            grid=False,
            labelExpr=ROUND if numeric else _names(labels),
            labelOverlap="greedy",
            labelSeparation=8,
        )
        x = alt.X("x:Q", scale=scale, axis=axis)
        y_scale = alt.Scale(domain=[bottom, top * 1.06 if top > 0 else 1], nice=False)
        y_axis = alt.Axis(title=None, tickCount=4, labelExpr=TOLD, minExtent=sheet.left, maxExtent=sheet.left)

        def y(field: str) -> Any:
            return alt.Y(field, scale=y_scale, axis=y_axis)

        rows = alt.Chart(sheet.rows(curve))
        layers: list[Any] = []
        if several:
            layers.append(rows.mark_area(color=PAINT["one"], opacity=0.16).encode(x=x, y=y("least:Q"), y2="most:Q"))
        if quartiles:
            layers.append(rows.mark_area(color=PAINT["one"], opacity=0.26).encode(x=x, y=y("low:Q"), y2="high:Q"))
        passed, failed = ([dot for dot in shown if dot["failed"] is is_] for is_ in (False, True))
        layers.append(
            alt.Chart(sheet.rows(passed))
            .mark_point(filled=True, size=16, color=PAINT["other"], opacity=0.7)
            .encode(x=x, y=y("y:Q"))
        )
        layers.append(rows.mark_line(color=PAINT["one"], strokeWidth=2.5).encode(x=x, y=y("median:Q")))
        layers.append(
            alt.Chart(sheet.rows(failed))
            .mark_point(shape="M-1,-1L1,1M1,-1L-1,1", size=60, stroke=PAINT["bad"], strokeWidth=2, opacity=1)
            .encode(x=x, y=y("y:Q"))
        )
        layers += _rules(sheet, rules, x, large)
        return alt.layer(*layers).properties(width=sheet.plot, height=height)

    drawn = pen.figure if large else pen.small
    return drawn(
        name,
        what.headed,
        " ".join(filter(None, said)),
        draw,
        data,
        keys if large else (),
    )


def _rules(sheet: Sheet, rules: Sequence[dict[str, Any]], x: Any, large: bool) -> list[Any]:
    """The knee and what theory says, with their names above the plot."""
    import altair as alt

    layers: list[Any] = []
    for rule in rules:
        data = sheet.rows([rule])
        colour, dash = ("ink", [1, 0]) if rule["row"] == 0 else ("four", [4, 3])
        layers.append(alt.Chart(data).mark_rule(color=PAINT[colour], strokeDash=dash, strokeWidth=1.5).encode(x=x))
        if large or rule["row"] == 0:
            layers.append(
                alt.Chart(data)
                .mark_text(color=PAINT["ink"], baseline="bottom", fontWeight="bold" if rule["row"] == 0 else "normal")
                .encode(x=x, y=alt.value(-5 - 16 * rule["row"]), text="text:N")
            )
    return layers


def _summary(at: float, values: list[float]) -> dict[str, Any]:
    low, high = min(values), max(values)
    if len(values) >= QUARTILES_FROM:
        low, _, high = quantiles(values, n=4, method="inclusive")
    return {
        "x": at, "median": median(values), "least": min(values), "most": max(values), "low": low, "high": high,
        "points": len(values),
    }  # fmt: skip


def _domain(span: Sequence[float], log: bool) -> list[float]:
    if not span:
        return [0.0, 1.0]
    low, high = min(span), max(span)
    if log:
        air = (high / low) ** 0.03 if high > low else 1.2
        return [low / air, high * air]
    air = (high - low) * 0.03 or max(abs(high) * 0.1, 1.0)
    return [low - air, high + air]


def _names(labels: dict[float, str]) -> str:
    """The words at which values stand that are no numbers, as the language of the pictures has them."""
    import json

    words = [shortened(labels[at], 16) for at in sorted(labels)]
    return f"{json.dumps(words)}[datum.value]"


def draw_map(pen: Pen, study: StudyDocument, number: int, measure: str) -> Safe:
    """A measure over two names, as a map of means."""
    across, down = study.asked.vary
    what = study.measures[measure]
    columns, rows = study.values(across.name), list(reversed(study.values(down.name)))
    found: dict[tuple[int, int], list[float]] = {}
    for point in study.rows:
        value = point.measures.get(measure)
        one, other = point.vary.get(across.name), point.vary.get(down.name)
        if value is not None and one in columns and other in rows:
            found.setdefault((columns.index(one), rows.index(other)), []).append(value)
    cells = {place: fmean(values) for place, values in found.items()}
    knee = study.knee
    rim = frozenset(
        (column, row)
        for column, row in cells
        if knee is not None
        and knee.measure == measure
        and ((knee.vary == across.name and columns[column] == knee.value)
             or (knee.vary == down.name and rows[row] == knee.value))
    )  # fmt: skip
    grid = Grid(
        [shortened(_told(value), 10) for value in columns],
        [shortened(_told(value), 10) for value in rows],
        cells,
        amount,
        shortened(across.name, 40),
        shortened(down.name, 40),
        rim,
    )
    better = {"less": " Less is better.", "more": " More is better.", None: ""}[what.better]
    means = f"Means over {counted(study.asked.repeat, 'seed')}, {across.name} across and {down.name} up."
    label = f"{_sentence(what.meaning)} {means}{better}"
    if rim and knee is not None:
        label += f" Outlined: the knee, {knee.vary} = {_told(knee.value)}."
    table: list[list[Child]] = [
        [_told(columns[column]), _told(rows[row]), amount(value)] for (column, row), value in sorted(cells.items())
    ]
    title = what.headed
    return pen.figure(
        f"map-{number}", title, label.strip(), draw_grid(grid), Data((across.name, down.name, "mean"), table), grid.keys
    )


def _sentence(meaning: str) -> str:
    return f"{meaning[:1].upper()}{meaning[1:].rstrip('.')}." if meaning else ""


def _told(value: Scalar) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{int(value):,}" if float(value).is_integer() else f"{value:,}"
