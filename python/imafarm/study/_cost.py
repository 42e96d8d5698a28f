"""What it costs to stay below the knee."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from imafarm.study._knee import Knee
from imafarm.study._words import readable

TOLD = (
    ("update_delay_p99", "99 of 100 updates arrive within", "ms"),
    ("handshake_bytes", "handshakes take", "bytes a minute"),
    ("converge_seconds", "converging in a failover takes", "s"),
)
"""Measures that tell it, and how."""
Measured = Mapping[int, Sequence[Mapping[str, float | None]]]
"""By value: the measures of each seed."""


def cost_of_less(knee: Knee, measured: Measured) -> str | None:
    """Below against at the knee, in one sentence, means over the seeds; `None` if there is nothing to tell.

    A measure that was not taken at the knee itself, or just below, is told of the next value further off where it was.
    """
    told = [part for name, title, unit in TOLD if (part := _part(knee, _means(measured, name), title, unit))]
    return f"At {knee.below} instead of {knee.value}: {'; '.join(told)}." if told else None


def _part(knee: Knee, means: Mapping[int, float], title: str, unit: str) -> str | None:
    low = max((value for value in means if knee.below is not None and value <= knee.below), default=None)
    high = min((value for value in means if value >= knee.value), default=None)
    if low is None or high is None:
        return None
    less, enough = readable(means[low]), readable(means[high])
    where = "" if (low, high) == (knee.below, knee.value) else f" (at {low} and {high})"
    if less == enough:
        return f"{title} {less} {unit} at both{where}"
    return f"{title} {less} instead of {enough} {unit}{where}"


def _means(measured: Measured, name: str) -> dict[int, float]:
    found = {value: [v for one in some if (v := one.get(name)) is not None] for value, some in measured.items()}
    return {value: fmean(some) for value, some in found.items() if some}
