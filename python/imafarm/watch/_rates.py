"""Rates, from counts that were looked at now and then."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from itertools import pairwise
from typing import Generic, TypeVar

K = TypeVar("K")

RATE_SECONDS = 1.0
"""Real seconds over which a rate is taken."""


class Rates(Generic[K]):
    """Counts that only grow, by key, at the last few looks."""

    def __init__(self, looks: int) -> None:
        """Nothing was counted; so many looks are kept, two at least."""
        self._since = -math.inf
        self._looks: deque[tuple[float, float, Mapping[K, int]]] = deque(maxlen=max(2, looks))

    def put(self, real: float, farm_seconds: float, counts: Mapping[K, int]) -> None:
        """So much was counted by this moment. A look at which farm time has not gone on is none."""
        if not self._looks or farm_seconds > self._looks[-1][1]:
            self._looks.append((real, farm_seconds, counts))

    def begin_anew(self, real: float) -> None:
        """What was counted before this moment counts for no rate any more, since farm time went at another speed."""
        self._since = real

    def latest(self) -> Mapping[K, int]:
        """The counts at the last look."""
        return self._looks[-1][2] if self._looks else {}

    def per_farm_second(self) -> Mapping[K, float]:
        """What was counted in a farm second, over about the last real second."""
        first, last = self._ends()
        if first is None or last is None:
            return {}
        span = last[1] - first[1]
        return {key: (count - first[2].get(key, 0)) / span for key, count in last[2].items()}

    def per_real_second(self, key: K) -> float:
        """The same in a real second."""
        first, last = self._ends()
        if first is None or last is None or last[0] <= first[0]:
            return 0.0
        return (last[2].get(key, 0) - first[2].get(key, 0)) / (last[0] - first[0])

    def speed(self) -> float:
        """Farm seconds in a real second, over about the last one."""
        first, last = self._ends()
        if first is None or last is None or last[0] <= first[0]:
            return 0.0
        return (last[1] - first[1]) / (last[0] - first[0])

    def history(self, key: K) -> tuple[float, ...]:
        """The rate from each look to the next, oldest first, in a farm second."""
        return tuple((b[2].get(key, 0) - a[2].get(key, 0)) / (b[1] - a[1]) for a, b in pairwise(self._looks))

    def _ends(
        self,
    ) -> tuple[tuple[float, float, Mapping[K, int]] | None, tuple[float, float, Mapping[K, int]] | None]:
        if len(self._looks) < 2:
            return None, None
        last = self._looks[-1]
        since = max(self._since, last[0] - RATE_SECONDS)
        near = (look for look in list(self._looks)[:-1] if look[0] >= since)
        return next(near, self._looks[-2]), last
