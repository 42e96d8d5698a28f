"""A map: rows and columns by name, each cell as dark as its number is large, and the number in it if there is room."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from imafarm.report.html._draw import Draw, Key, Sheet
from imafarm.report.html._theme import PAINT, STEPS

LABELLED = 12
"""Cells of a map with more columns than that have no room for a number."""


@dataclass(frozen=True, slots=True)
class Grid:
    """What a map shows."""

    columns: Sequence[str]
    rows: Sequence[str]
    cells: Mapping[tuple[int, int], float]
    """By column and row."""
    told: Callable[[float], str]
    """A cell's number, in a word of a few letters."""
    column_title: str | None = None
    row_title: str | None = None
    outlined: frozenset[tuple[int, int]] = frozenset()

    @property
    def edges(self) -> list[float]:
        """The bounds of the steps: even in the logarithm where amounts are far apart, else in the amounts."""
        some = [value for value in self.cells.values() if value > 0]
        if not some:
            return [float(at) for at in range(len(STEPS) + 1)]
        least, most = min(some), max(some)
        if min(self.cells.values()) <= 0 and most / least < 1e3:
            least = 0.0
        if least <= 0 or most / least < 4:
            low = least if most > least else 0.0
            return [low + (most - low) * at / len(STEPS) for at in range(len(STEPS) + 1)]
        return [least * (most / least) ** (at / len(STEPS)) for at in range(len(STEPS) + 1)]

    @property
    def keys(self) -> list[Key]:
        """What each shade stands for."""
        edges = self.edges
        return [
            Key("area", STEPS[step], f"{self.told(low)} to {self.told(high)}")
            for step, (low, high) in enumerate(pairwise(edges))
        ]


def draw_grid(grid: Grid) -> Draw:
    """The picture of a map."""
    inner = grid.edges[1:-1]
    across, down = len(grid.columns), len(grid.rows)

    def draw(sheet: Sheet) -> Any:
        import altair as alt

        left = (66 if sheet.narrow else 100) + (18 if grid.row_title else 0)
        most = 26 if sheet.narrow and across > LABELLED else 78
        wide = min((sheet.width - left - 16) / across, most)
        tall = min(wide, 44)
        every = max(1, math.ceil((34 if sheet.narrow else 48) / wide))
        lines = max(1, math.ceil(15 / tall))
        x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, across], nice=False))
        y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[0, down], nice=False, reverse=True))
        boxes, words, rims = [], [], []
        for (column, row), value in sorted(grid.cells.items()):
            step = sum(value > edge for edge in inner)
            box = {"x": column + 0.03, "x2": column + 0.97, "y": row + 0.03, "y2": row + 0.97}
            boxes.append({**box, "fill": PAINT[STEPS[step]]})
            words.append({
                "x": column + 0.5, "y": row + 0.5, "text": grid.told(value), "on": PAINT[f"on{step + 1}"],
            })  # fmt: skip
            if (column, row) in grid.outlined:
                rims.append(box)
        heads = [{"x": at + 0.5, "name": name} for at, name in enumerate(grid.columns)]
        sides = [{"y": at + 0.5, "name": name} for at, name in enumerate(grid.rows)]
        layers: list[Any] = [
            alt.Chart(sheet.rows(boxes))
            .mark_rect()
            .encode(x=x, x2="x2:Q", y=y, y2="y2:Q", fill=alt.Fill("fill:N", scale=None)),
            alt.Chart(sheet.rows(rims))
            .mark_rect(filled=False, stroke=PAINT["ink"], strokeWidth=2)
            .encode(x=x, x2="x2:Q", y=y, y2="y2:Q"),
            alt.Chart(sheet.rows(sides[::lines]))
            .mark_text(align="right", baseline="middle", color=PAINT["ink"])
            .encode(x=alt.value(-8), y=y, text="name:N"),
            alt.Chart(sheet.rows(heads[::every]))
            .mark_text(align="center", baseline="bottom", color=PAINT["ink"])
            .encode(x=x, y=alt.value(-8), text="name:N"),
        ]
        if across <= LABELLED and wide > 24:
            layers.append(
                alt.Chart(sheet.rows(words))
                .mark_text(baseline="middle", fontSize=9 if wide < 34 else 11 if sheet.narrow else 13)
                .encode(x=x, y=y, text="text:N", color=alt.Color("on:N", scale=None))
            )
        for title, place, turn in (
            (grid.column_title, {"x": 0, "y": -28}, 0),
            (grid.row_title, {"x": -left + 12, "y": 0}, 270),
        ):
            if title is not None:
                layers.append(
                    alt.Chart(sheet.rows([{"text": title}]))
                    .mark_text(align="right" if turn else "left", baseline="bottom", angle=turn, color=PAINT["soft"])
                    .encode(x=alt.value(place["x"]), y=alt.value(place["y"]), text="text:N")
                )
        return alt.layer(*layers).properties(width=wide * across, height=tall * down)

    return draw
