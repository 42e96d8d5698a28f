"""Time and amounts, for people: units, bins, and an axis that leaves out the time in which nothing happens."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Unit:
    """What farm time is told in."""

    name: str
    ns: int

    def of(self, ns: float) -> float:
        """Nanoseconds in this unit."""
        return ns / self.ns


UNITS = (
    Unit("ms", SECOND // 1_000),
    Unit("s", SECOND),
    Unit("min", 60 * SECOND),
    Unit("h", 3_600 * SECOND),
    Unit("days", 86_400 * SECOND),
)


def unit_of(span_ns: float) -> Unit:
    """The unit in which such a span is neither a tiny number nor a long one."""
    for unit, most in zip(UNITS, (5, 600, 180, 96), strict=False):
        if span_ns <= most * unit.ns * (100 if unit.name == "ms" else 1):
            return unit
    return UNITS[-1]


def lasting(ns: float) -> str:
    """A span of time, in the unit that suits it."""
    unit = unit_of(ns)
    return f"{amount(unit.of(ns))} {unit.name}"


def amount(value: float) -> str:
    """A number for people: three digits or so, in thousands and millions where it is large."""
    size = abs(value)
    if size == 0:
        return "0"
    for least, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= least:
            scaled = value / (1e3 if letter == "k" else least)
            return f"{scaled:,.3g}{letter}" if abs(scaled) < 999.5 else f"{scaled:,.0f}{letter}"
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:,.3g}" if size >= 0.001 else f"{value:.1e}"


def size(value: float) -> str:
    """Bytes for people, in powers of 1024."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            whole = abs(value) >= 999.5 or (unit == "B" and float(value).is_integer())
            return f"{value:,.0f} {unit}" if whole else f"{value:,.3g} {unit}"
        value /= 1024
    return f"{value:,.4g} TiB"


def seconds(value: float | None) -> str:
    """Farm seconds for people, to the millisecond where that says anything."""
    if value is None:
        return "-"
    return f"{value:,.3f} s" if abs(value) < 100_000 else f"{value:,.1f} s"


@dataclass(frozen=True, slots=True)
class Bins:
    """Equal parts of a span of time."""

    start_ns: int
    end_ns: int
    count: int

    @property
    def width_ns(self) -> float:
        """How long one is."""
        return (self.end_ns - self.start_ns) / self.count

    @property
    def width_seconds(self) -> float:
        """How long one is, in farm seconds."""
        return self.width_ns / SECOND

    def edge(self, place: int) -> float:
        """When a bin begins."""
        return self.start_ns + place * self.width_ns

    def at(self, ns: float) -> int:
        """The bin of a moment; the last one holds its end too."""
        return min(max(int((ns - self.start_ns) / self.width_ns), 0), self.count - 1)

    def spread(self, start_ns: int, end_ns: int) -> list[tuple[int, float]]:
        """Which bins a span touches, and what part of it falls to each."""
        first, last = self.at(start_ns), self.at(max(end_ns - 1, start_ns))
        if first == last:
            return [(first, 1.0)]
        length = end_ns - start_ns
        parts = []
        left = 1.0
        for place in range(first, last):
            begins, ends = max(self.edge(place), start_ns), min(self.edge(place + 1), end_ns)
            parts.append((place, max(ends - begins, 0.0) / length))
            left -= parts[-1][1]
        # The last has what is left, so that nothing is lost to rounding.
        return [*parts, (last, left)]


def bins_over(starts: Sequence[int], ends: Sequence[int], most: int) -> Bins | None:
    """At most so many bins over spans that were counted in bins of their own; each holds whole ones where it can."""
    if not starts:
        return None
    start, end = min(starts), max(ends)
    if end <= start:
        return None
    narrowest = max(1, min(e - s for s, e in zip(starts, ends, strict=True) if e > s))
    count = max(1, math.ceil((end - start) / narrowest))
    if count > most:
        together = math.ceil(count / most)
        width = narrowest * together
        count = math.ceil((end - start) / width)
        return Bins(start, start + count * width, count)
    return Bins(start, start + count * narrowest, count)


def round_steps(start: float, end: float, most: int) -> list[float]:
    """At most so many round numbers from `start` to `end`."""
    span = end - start
    if span <= 0 or most < 1:
        return [start]
    raw = span / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * times for times in (1, 2, 2.5, 5, 10, 20) if power * times >= raw * 0.999)
    first = math.ceil(start / step - 1e-9)
    return [place * step for place in range(first, math.floor(end / step + 1e-9) + 1)]


@dataclass(frozen=True, slots=True)
class Phase:
    """A span in which things happen, and where it stands on the axis, from 0 to 1."""

    first_ns: int
    last_ns: int
    """Of what happens in it."""
    start_ns: float
    end_ns: float
    """With some air on both sides."""
    left: float
    right: float


LONG_WAIT = 0.1
"""In which part of the time nothing has to happen for it to be left out."""


class PhasedAxis:
    """Time from 0 to 1, without the long waits in which nothing happens.

    An election is a few milliseconds of asking, a second of waiting, and a few milliseconds of telling. On an even axis
    that is two strokes. So spans between which nothing happens are drawn apart, each to a scale of its own.
    """

    def __init__(self, times_ns: Sequence[int], most: int = 7) -> None:
        """`times_ns` is when anything happens, in any order; `most` is how many spans there may be."""
        times = sorted(set(times_ns)) or [0, 1]
        if len(times) == 1:
            times.append(times[0] + SECOND // 1_000)
        self.origin_ns = times[0]
        spans = _apart(times, most)
        # A span with nothing but one moment in it gets some air around it, but no more than there is.
        least = max(sum(end - start for start, end in spans) * 0.04, 1_000)
        waits = [after[0] - before[1] for before, after in pairwise(spans)]
        weights = []
        for start, end in spans:
            inside = bisect_right(times, end) - bisect_right(times, start - 1)
            weights.append(1.0 if len(spans) == 1 else 0.6 + math.log10(1 + inside))
        gap = 0.035 if len(spans) < 4 else 0.024
        room = 1 - gap * (len(spans) - 1)
        self.phases: list[Phase] = []
        left = 0.0
        for place, ((start, end), weight) in enumerate(zip(spans, weights, strict=True)):
            air = min(
                [
                    max((end - start) * 0.06, least if start == end else 1),
                    *(w / 4 for w in waits[max(0, place - 1) : place + 1]),
                ]
            )
            width = room * weight / sum(weights)
            self.phases.append(Phase(start, end, start - air, end + air, left, left + width))
            left += width + gap

    def place(self, ns: float) -> float:
        """Where a moment stands; what is in no span stands at the nearest end of one."""
        for phase in self.phases:
            if ns <= phase.end_ns:
                inside = max(0.0, (ns - phase.start_ns) / (phase.end_ns - phase.start_ns))
                return phase.left + inside * (phase.right - phase.left)
        return self.phases[-1].right

    def ticks(self, unit: Unit, most: int, letter: float = 0.0) -> list[tuple[float, str]]:
        """Places and labels of round times since the first moment, at most so many over the whole axis.

        `letter` is the part of the axis that a letter of a label takes: none runs into another.
        """
        told: list[tuple[float, str]] = []
        for phase in self.phases:
            start, end = (unit.of(ns - self.origin_ns) for ns in (phase.start_ns, phase.end_ns))
            share = max(1, round(most * (phase.right - phase.left)))
            steps = [at for at in round_steps(start, end, max(share, 3)) if at > -1e-9] or [max(start, 0.0)]
            step = steps[1] - steps[0] if len(steps) > 1 else end - start
            if share == 1:
                # The one in the middle is farthest from those of the spans beside it.
                steps = [min(steps, key=lambda at: abs(at - (start + end) / 2))]
            elif len(steps) > share:
                steps = steps[:: math.ceil(len(steps) / share)]
            digits = max(0, math.ceil(-math.log10(step) - 1e-9)) if step < 1 else 0
            if step < 1 and round(step, digits) != round(step, digits + 2):
                digits += 1
            for at in steps:
                place = self.place(at * unit.ns + self.origin_ns)
                # On both sides of a wait two may come too close to be read.
                text = f"{at + 0.0:,.{digits}f}"
                text = text.rstrip("0").rstrip(".") if "." in text else text
                if told and place - told[-1][0] <= max(0.5 / most, letter * ((len(told[-1][1]) + len(text)) / 2 + 1)):
                    continue
                told.append((place, text))
        return told


def staircase(starts: Sequence[float], ends: Sequence[float]) -> list[int]:
    """On which step each of some flags hangs, 0 the lowest, so that none covers another, nor the pole of another.

    The poles stand at `starts`, in rising order, and each flag goes to the right from its pole's top.
    """
    steps: list[int] = []
    for place, end in reversed(list(enumerate(ends))):
        covered = [step for start, step in zip(starts[place + 1 :], reversed(steps), strict=True) if start < end]
        steps.append(max(covered, default=-1) + 1)
    return steps[::-1]


def _apart(times: Sequence[int], most: int) -> list[tuple[int, int]]:
    """Spans of time between which there are waits that are long beside what they part."""
    total = times[-1] - times[0]
    waits = sorted(((times[n + 1] - times[n], n) for n in range(len(times) - 1)), reverse=True)[: most - 1]
    cuts = []
    for wait, n in waits:
        if wait <= LONG_WAIT * total:
            break
        cuts.append(n)
        # The next is measured by what is left: an hour of waiting must not hide that of a second.
        total -= wait
    cuts.sort()
    spans, first = [], 0
    for cut in cuts:
        spans.append((times[first], times[cut]))
        first = cut + 1
    spans.append((times[first], times[-1]))
    return spans
