"""What a packet may hold: kinds of values, and shapes made of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Value = str | bytes | int | bool | None

MOST_VALUES = 16
"""How many entries a map has, or values a row."""
LONGEST_TEXT = 4_096
"""The longest text, in bytes of UTF-8."""
LONGEST_NAME = 255
"""The longest name of a host or zone, in bytes of UTF-8."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value may be."""

    name: str
    fits: Callable[[object], bool]

    def __or__(self, other: Kind) -> Kind:
        """Either of two."""
        return Kind(f"{self.name} or {other.name}", lambda value: self.fits(value) or other.fits(value))


@dataclass(frozen=True, slots=True)
class Shape:
    """What a packet holds: by name what its map has, and by name the values of each of its rows."""

    fields: Mapping[str, Kind] = field(default_factory=dict)
    columns: Mapping[str, Kind] | None = None
    """`None`: it has no rows."""


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value.encode()) <= LONGEST_NAME and not _CONTROL.search(value)


def number(most: int) -> Kind:
    """A whole number, 0 to `most`."""

    def fits(value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most

    return Kind(f"a number, 0 to {most:,}", fits)


def bytes_of(size: int) -> Kind:
    """So many bytes."""
    return Kind(f"{size} bytes", lambda value: isinstance(value, bytes) and len(value) == size)


def one_of(known: tuple[str, ...]) -> Kind:
    """One of these words."""
    return Kind(f"one of {', '.join(known)}", lambda value: isinstance(value, str) and value in known)


NOTHING = Kind("nothing", lambda value: value is None)
TRUTH = Kind("true or false", lambda value: isinstance(value, bool))
NAME = Kind(f"a name of 1 to {LONGEST_NAME} bytes without control characters", _is_name)
TEXT = Kind(f"a text of at most {LONGEST_TEXT:,} bytes", lambda value: isinstance(value, str))
U16, U32, U48, U64 = (number(2**bits - 1) for bits in (16, 32, 48, 64))
