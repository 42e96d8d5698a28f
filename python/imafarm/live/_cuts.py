"""Who is cut off from whom (`Farm.partition`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Cut:
    """Hosts that are cut off from hosts."""

    near: frozenset[int]
    far: frozenset[int]
    both_ways: bool

    def parts(self, source: int, target: int) -> bool:
        there = source in self.near and target in self.far
        return there or (self.both_ways and source in self.far and target in self.near)


class Cuts:
    """The cuts that there are now, by number. Hosts go by their index."""

    def __init__(self) -> None:
        self._cuts: dict[int, _Cut] = {}
        self._last = 0

    def add(self, near: Iterable[int], far: Iterable[int], *, both_ways: bool) -> int:
        """Cuts hosts off from hosts; the cut's number."""
        self._last += 1
        self._cuts[self._last] = _Cut(frozenset(near), frozenset(far), both_ways)
        return self._last

    def heal(self, number: int | None) -> None:
        """Heals a cut, or all. Errors: `ValueError` for a number that no cut has (any more)."""
        if number is None:
            self._cuts.clear()
        elif self._cuts.pop(number, None) is None:
            raise ValueError(f"no cut has the number {number}")

    def part(self, source: int, target: int | None) -> bool:
        """Whether what one host sends another gets lost; `None` is somebody who is not known."""
        if not self._cuts or target is None:
            return False
        return any(cut.parts(source, target) for cut in self._cuts.values())
