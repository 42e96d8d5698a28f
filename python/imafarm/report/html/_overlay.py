"""The curves of two, one over the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from imafarm.report.html._draw import TOLD, Data, Key, Pen, Sheet
from imafarm.report.html._markup import Child, Safe
from imafarm.report.html._scales import PhasedAxis, Unit, amount
from imafarm.report.html._theme import PAINT

COLOURS = ("one", "two")
DASHES = ([1, 0], [6, 4])
GLYPHS = ("line", "dash")

Curve = Sequence[tuple[float, float | None]]


def draw_overlay(
    pen: Pen,
    name: str,
    title: str,
    label: str,
    names: tuple[str, str],
    curves: tuple[Curve, Curve],
    x_title: str,
    *,
    log_x: bool = False,
    log_y: bool = False,
    steps: bool = True,
    large: bool = True,
    phases: tuple[PhasedAxis, Unit] | None = None,
    data: Data | None = None,
) -> Safe:
    """Two curves on one pair of axes: the first drawn through, the second dashed.

    `phases` is an axis that the places are on already, from 0 to 1; `data` says what they are then.
    """
    rows: list[dict[str, Any]] = [
        {"x": x, "y": None if log_y and not y else y, "which": which}
        for which, curve in enumerate(curves)
        for x, y in curve
    ]
    known = [row["y"] for row in rows if row["y"] is not None]
    top, least = max(known, default=1.0), min(known, default=0.0)
    across = [row["x"] for row in rows] or [0.0, 1.0]

    def draw(sheet: Sheet) -> Any:
        import altair as alt

        height = (220 if sheet.narrow else 280) if large else 190
        low, high = min(across), max(across)
        if phases is not None:
            from imafarm.report.html._election import phased_axis

            x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, 1], nice=False))
            under = phased_axis(sheet, *phases, (sheet.plot, height), "the first doubt")
        else:
            x_scale = alt.Scale(type="log" if log_x else "linear", domain=[low, high if high > low else low + 1])
            values = alt.Undefined if steps else sorted(set(across))
            x = alt.X("x:Q", scale=x_scale.copy()).axis(
                title=x_title,
                titleAnchor="end",
                tickCount=4 if sheet.narrow else 8,
                grid=False,
                labelExpr="format(datum.value, ',~f')",
                values=values,
            )
            under = []
        domain = [least / 1.5, top * 1.5] if log_y else [min(0.0, least), top * 1.06 if top > 0 else 1]
        y = alt.Y("y:Q", scale=alt.Scale(type="log" if log_y else "linear", domain=domain, nice=False)).axis(
            title=None,
            tickCount=4,
            values=_decades(*domain) if log_y else alt.Undefined,
            labelExpr=TOLD,
            minExtent=sheet.left,
            maxExtent=sheet.left,
        )
        lines = (
            alt.Chart(sheet.rows(rows))
            .mark_line(strokeWidth=2.5, opacity=0.9, interpolate="step-after" if steps else "linear", point=not steps)
            .encode(
                x=x,
                y=y,
                color=alt.Color("which:N").scale(domain=[0, 1], range=[PAINT[colour] for colour in COLOURS]),
                strokeDash=alt.StrokeDash("which:N").scale(domain=[0, 1], range=DASHES),
            )
        )
        return alt.layer(*under, lines).properties(width=sheet.plot, height=height)

    table: list[list[Child]] = [
        [which, f"{x:,.4g}", "-" if y is None else amount(y)]
        for which, curve in zip(names, curves, strict=True)
        for x, y in curve
    ]
    keys = [Key(glyph, colour, of) for glyph, colour, of in zip(GLYPHS, COLOURS, names, strict=True)]
    drawn = pen.figure if large else pen.small
    return drawn(name, title, label, draw, data or Data(("of", x_title, title.lower()), table), keys)


def _decades(least: float, most: float) -> list[float]:
    """The powers of ten between these, every second of them where there are many."""
    low, high = math.ceil(math.log10(least)), math.floor(math.log10(most))
    return [10.0**power for power in range(low, high + 1, 1 if high - low < 6 else 2)]
