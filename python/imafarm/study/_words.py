"""How numbers and unknown names are told to people."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

NEAR = 0.35
"""From this likeness on a known name may be what was meant. Our guess: less has little in common but single letters."""
MOST_NAMES = 16
"""So many known names are listed."""


def readable(value: float | None) -> str:
    """A measure for people: four digits that count, none of a large number's left out."""
    if value is None:
        return ""
    if value == 0 or abs(value) >= 1_000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.4g}"


def unknown(name: str, known: Iterable[str]) -> str:
    """What is said of a name that there is not: which may have been meant, and those there are, the nearest first."""

    def likeness(one: str) -> float:
        return SequenceMatcher(None, one.lower(), name.lower()).ratio()

    names = sorted(known, key=likeness, reverse=True)
    listed = ", ".join(names[:MOST_NAMES]) + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")
    if likeness(names[0]) >= NEAR:
        return f"unknown {name!r}; did you mean {names[0]!r}? There are {listed}"
    return f"unknown {name!r}; there are {listed}"
