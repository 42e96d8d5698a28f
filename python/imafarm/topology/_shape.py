"""How a rate goes on over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from imafarm.errors import ConfigurationError
from imafarm.topology._checks import MILLIONTHS, NANOSECONDS, YEAR_SECONDS, Quantity

HOUR_SECONDS = 3_600.0
DAY_SECONDS = 24 * HOUR_SECONDS
MOST_POINTS = 1_000
"""Our guess: three years of days need fewer, since a day repeats itself."""

OFFICE_DAY = ((0, 0.1), (6, 0.1), (9, 4.5), (11, 2.0), (12, 1.0), (13, 2.4), (16, 1.0), (18, 0.1), (24, 0.1))
"""A working day: hour, and how many times the day's mean rate. Our guess, since no text has a curve.

Few at night, a steep morning until nine, a dip at noon, a second and lower rise after it, the last at six. Its mean is
1, so that a day has as many logons as its rate says."""

_SECONDS = Quantity(0.0, YEAR_SECONDS, "at_ns", NANOSECONDS)
_FACTOR = Quantity(0.0, 1_000.0, "factor_ppm", MILLIONTHS)


@dataclass(frozen=True, slots=True)
class Shape:
    """By what factor a rate is multiplied as farm time goes on: straight lines between points.

    Before the first point and after the last the factor stays as it is there. Of two points at one instant the first
    ends a line and the second begins one: a jump.

    Errors: `ConfigurationError` for points that are not in order or out of range.
    """

    points: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    """Farm seconds and factor, in order of time."""
    period_seconds: float = 0.0
    """After so long it begins again; 0: it never does."""

    def __post_init__(self) -> None:
        mistakes = list(_point_mistakes(self.points))
        if said := _SECONDS.mistake(self.period_seconds):
            mistakes.append(f"period_seconds: {said}")
        elif not mistakes and 0 < self.period_seconds < self.points[-1][0]:
            mistakes.append(f"period_seconds: {self.period_seconds} ends before the last point")
        elif 0 < self.period_seconds < 1:
            mistakes.append(f"period_seconds: {self.period_seconds} is less than a second")
        if mistakes:
            raise ConfigurationError(mistakes)

    @classmethod
    def constant(cls) -> Shape:
        """Always the rate itself."""
        return cls()

    @classmethod
    def ramp(cls, seconds: float) -> Shape:
        """From nothing to the whole rate within so many seconds, then the rate itself."""
        return cls(points=((0.0, 0.0), (seconds, 1.0)))

    @classmethod
    def step(cls, at_seconds: float, factor: float) -> Shape:
        """The rate itself until that moment, from then on so many times the rate."""
        return cls(points=((0.0, 1.0), (at_seconds, 1.0), (at_seconds, factor)))

    @classmethod
    def day(cls, shift_seconds: float = 0.0) -> Shape:
        """A working day (`OFFICE_DAY`), each day again. Farm time 0 is midnight, unless the zone's clock is shifted.

        shift_seconds: by how much the zone's day comes later; negative: earlier.
        """
        day = cls(tuple((hour * HOUR_SECONDS, factor) for hour, factor in OFFICE_DAY), DAY_SECONDS)
        if not shift_seconds % DAY_SECONDS:
            return day
        # The last point is the first of the next day. Where the turned curve is cut open, both ends have one factor.
        turned = sorted(((at + shift_seconds) % DAY_SECONDS, factor) for at, factor in day.points[:-1])
        cut = day.factor_at(-shift_seconds)
        inner = [(at, factor) for at, factor in turned if at > 0]
        return cls(((0.0, cut), *inner, (DAY_SECONDS, cut)), DAY_SECONDS)

    def factor_at(self, seconds: float) -> float:
        """The factor at a moment of farm time."""
        if self.period_seconds:
            seconds %= self.period_seconds
        if seconds < self.points[0][0]:
            return self.points[0][1]
        for (begin, first), (end, last) in pairwise(self.points):
            if begin <= seconds < end:
                return first + (last - first) * (seconds - begin) / (end - begin)
        return self.points[-1][1]

    def for_engine(self) -> dict[str, int | list[tuple[int, int]]]:
        """The points in whole nanoseconds and millionths, and the period in nanoseconds."""
        points = [(round(at * NANOSECONDS), round(factor * MILLIONTHS)) for at, factor in self.points]
        return {"shape": points, "period_ns": round(self.period_seconds * NANOSECONDS)}


def _point_mistakes(points: tuple[tuple[float, float], ...]) -> list[str]:
    if not 1 <= len(points) <= MOST_POINTS:
        return [f"points: there are 1 to {MOST_POINTS}, not {len(points)}"]
    mistakes = [
        f"points[{position}]: {key}: {said}"
        for position, (at, factor) in enumerate(points)
        for key, said in (("seconds", _SECONDS.mistake(at)), ("factor", _FACTOR.mistake(factor)))
        if said
    ]
    if not mistakes:
        mistakes = [f"points{said}" for said in order_mistakes([at for at, _ in points])]
    return mistakes


def order_mistakes(times: Sequence[float]) -> Iterator[str]:
    """Which points do not come after those before them: `[2]: 4 does not come after 5`."""
    for position, (before, at) in enumerate(pairwise(times), 1):
        if at < before or (position > 1 and at == times[position - 2]):
            yield f"[{position}]: {at} does not come after {before}"
