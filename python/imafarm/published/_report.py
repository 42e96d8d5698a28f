"""A published figure beside what was measured, and the verdict over all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from imafarm.published._figures import Direction, Figure, Kind
from imafarm.topology import Product

Key = tuple[Product, str, Direction]
"""A product, an operation and a direction: together they name one figure."""

Measurements = Mapping[Key, Fraction | int | None]
"""What was measured, in bytes or in times; `None` where the operation did not come about."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, and what a farm made of it."""

    figure: Figure
    measured: Fraction | None
    """In the figure's unit; `None` if the operation did not come about."""

    @property
    def difference(self) -> Fraction | None:
        """By how much more was measured than is published."""
        return None if self.measured is None else self.measured - self.figure.value

    @property
    def holds(self) -> bool:
        """Whether the two agree, as far as the figure is known."""
        return self.difference is not None and abs(self.difference) <= self.figure.within

    def as_json(self) -> dict[str, Any]:
        """The row as `imafarm compare published --json` prints it."""
        return {
            "source": self.figure.source,
            "product": self.figure.product.value,
            "operation": self.figure.operation,
            "direction": self.figure.direction.value,
            "published": float(self.figure.value),
            "measured": None if self.measured is None else float(self.measured),
            "unit": self.figure.unit.value,
            "kind": self.figure.kind.value,
            "holds": self.holds,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All rows."""

    rows: tuple[Row, ...]

    @property
    def holds(self) -> bool:
        """Whether every row does."""
        return all(row.holds for row in self.rows)

    def count(self, kind: Kind) -> int:
        """How many rows are of a kind."""
        return sum(row.figure.kind is kind for row in self.rows)

    def as_json(self) -> dict[str, Any]:
        """The object that `imafarm compare published --json` prints."""
        return {"rows": [row.as_json() for row in self.rows]}


def key_of(figure: Figure) -> Key:
    """What names the figure among all."""
    return figure.product, figure.operation, figure.direction


def judge(figures: Iterable[Figure], measurements: Measurements) -> Report:
    """Puts figures and measurements side by side.

    `ValueError` if a figure was not measured, or something was measured that is no figure: then the rows would say less
    than they seem to.
    """
    by_key = {key_of(figure): figure for figure in figures}
    unlike = [" ".join(key) for key in sorted(by_key.keys() ^ measurements.keys())]
    if unlike:
        raise ValueError(f"published or measured, but not both: {'; '.join(unlike)}")
    return Report(tuple(Row(figure, _in_unit(figure, measurements[key])) for key, figure in by_key.items()))


def _in_unit(figure: Figure, measured: Fraction | int | None) -> Fraction | None:
    return None if measured is None else Fraction(measured) / figure.unit.size
