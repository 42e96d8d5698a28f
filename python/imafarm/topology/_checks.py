"""What the parts of a farm have in common: quantities with bounds, the engine's units for them, and names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

NANOSECONDS = 1_000_000_000
MILLIONTHS = 1_000_000
YEAR_SECONDS = 365 * 86_400.0
"""The longest time that a farm's description may hold. Our guess."""
LONGEST_NAME_BYTES = 255


class Quantity(NamedTuple):
    """A number that a person gives, and the whole number that the engine takes."""

    least: float
    most: float
    engine_key: str
    factor: int
    """How many of the engine's units one of ours is."""

    def mistake(self, value: object) -> str | None:
        """What is wrong with a value; `None` if nothing is."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{value!r} is no number"
        if not self.least <= value <= self.most:
            return f"{value} is out of range, {self.least} to {self.most}"
        return None


def quantity_mistakes(part: object, keys: Mapping[str, Quantity]) -> Iterator[str]:
    """What is wrong with the quantities of a part; what is `None` is left to the emulator."""
    for key, quantity in keys.items():
        value = getattr(part, key)
        if value is not None and (said := quantity.mistake(value)):
            yield f"{key}: {said}"


def engine_quantities(part: object, keys: Mapping[str, Quantity]) -> dict[str, int]:
    """The quantities of a part that are not `None`, in whole units under the engine's keys."""
    return {
        quantity.engine_key: round(value * quantity.factor)
        for key, quantity in keys.items()
        if (value := getattr(part, key)) is not None
    }


def name_mistake(name: object) -> str | None:
    """What is wrong with a name of a host, a zone or an application; `None` if nothing is."""
    if not isinstance(name, str):
        return f"{name!r} is no text"
    length = len(name.encode("utf-8", "surrogatepass"))
    if not 1 <= length <= LONGEST_NAME_BYTES:
        return f"a name has 1 to {LONGEST_NAME_BYTES} bytes of UTF-8, this one has {length}"
    if bad := [character for character in name if not character.isprintable()]:
        return f"a name holds no control characters, this one holds {bad[0]!r}"
    return None


def repeated(names: Iterable[str]) -> list[str]:
    """The names that stand more than once, each once, in the order of the first of each."""
    return [name for name, count in Counter(names).items() if count > 1]
