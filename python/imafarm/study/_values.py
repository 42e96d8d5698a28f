"""Values that a study tries, and how they are written: `16,32,64`, `100..1000`, `64..16384:log:9`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from imafarm import _imafarm
from imafarm.errors import ConfigurationError
from imafarm.settings import default_settings, setting_mistake
from imafarm.study._words import unknown
from imafarm.words import counted

STEPS = 8
"""Values between the two ends of a range, both included, unless said otherwise."""
MOST_VALUES = 10_000
"""Of one name."""
SHAPE = ("hosts", "zones")
"""What can be varied besides settings."""


@dataclass(frozen=True, slots=True)
class Varied:
    """A setting, or `hosts` or `zones`, and the values that it takes, in rising order."""

    name: str
    values: tuple[int, ...]
    log: bool = False
    """Whether they were given as a range with equal ratios."""

    def as_json(self) -> dict[str, object]:
        """What study.json says of it."""
        return {"name": self.name, "values": list(self.values), "log": self.log}


def varied(vary: Mapping[str, Iterable[int] | str]) -> tuple[Varied, ...]:
    """What is varied, checked: names in the registry's spelling, values in range.

    Errors: `ConfigurationError` with every mistake.
    """
    found: list[Varied] = []
    mistakes: list[str] = []
    for name, given in vary.items():
        try:
            one = _one(name, given)
        except ConfigurationError as error:
            mistakes += error.mistakes
            continue
        if any(other.name == one.name for other in found):
            mistakes.append(f"vary.{one.name}: stands there twice")
        found.append(one)
    if mistakes:
        raise ConfigurationError(mistakes)
    return tuple(found)


def parse_vary(assignments: Iterable[str], *, source: str = "--vary") -> dict[str, str]:
    """`NAME=VALUES`, each, as `varied` takes them.

    Errors: `ConfigurationError` for one that is no assignment, and for a name that stands there twice.
    """
    vary: dict[str, str] = {}
    mistakes = []
    for assignment in assignments:
        name, equals, values = (part.strip() for part in assignment.partition("="))
        if not (name and equals):
            mistakes.append(f"{assignment!r}: write it as NAME=VALUES")
        elif name in vary:
            mistakes.append(f"{name}: stands there twice")
        else:
            vary[name] = values
    if mistakes:
        raise ConfigurationError(mistakes, source=source)
    return vary


def _one(name: str, given: Iterable[int] | str) -> Varied:
    known = _known(name)
    if isinstance(given, str):
        values, log = _parse(f"vary.{known}", given)
    else:
        values, log = list(given), False
    if not values:
        raise ConfigurationError([f"vary.{known}: no values"])
    mistakes = [f"vary.{known}: {value!r} is no whole number" for value in values if not _is_whole(value)]
    if not mistakes and known not in SHAPE:
        mistakes = [f"vary.{said}" for value in sorted(set(values)) if (said := setting_mistake(known, value))]
    if mistakes:
        raise ConfigurationError(mistakes)
    return Varied(known, tuple(sorted(set(values))), log)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _known(name: str) -> str:
    """The name in its own spelling."""
    if name in SHAPE:
        return name
    if name == "seed":
        raise ConfigurationError(["vary.seed: every value is tried with several seeds; repeat says with how many"])
    names = {known.lower(): known for known in (*default_settings(), *SHAPE)}
    if name.lower() in names:
        return _imafarm.check_setting(name, default_settings()[names[name.lower()]])
    raise ConfigurationError([f"vary: {unknown(name, names.values())}"])


def _parse(key: str, text: str) -> tuple[list[int], bool]:
    """Numbers and ranges with commas between them; and whether a range among them has equal ratios."""
    values: list[int] = []
    log = False
    for item in text.split(","):
        if ".." in item:
            some, equal_ratios = _range(key, item.strip())
            values += some
            log = log or equal_ratios
        elif item.strip():
            values.append(_number(key, item))
        else:
            raise ConfigurationError([f"{key}: no values" if not text.strip() else f"{key}: {text!r} lacks a number"])
    if len(values) > MOST_VALUES:
        raise ConfigurationError([f"{key}: {len(values):,} values are too many, {MOST_VALUES:,} at most"])
    return values, log


def _range(key: str, item: str) -> tuple[list[int], bool]:
    ends, *options = (part.strip() for part in item.split(":"))
    first, _, last = ends.partition("..")
    for end, which in ((first, "beginning"), (last, "end")):
        if not end.strip():
            raise ConfigurationError([f"{key}: {ends!r} has no {which}; write LO..HI"])
    low, high = _number(key, first), _number(key, last)
    log = bool(options) and options[0] == "log"
    steps = STEPS
    match options[log:]:
        case []:
            pass
        case [text]:
            steps = _number(
                key, text, no_number="write a number of steps" if log else "write :log, or a number of steps"
            )
        case _:
            raise ConfigurationError([f"{key}: {item!r}: write it as LO..HI, LO..HI:log or LO..HI:log:STEPS"])
    if low > high:
        raise ConfigurationError([f"{key}: {ends!r} is empty: {low} is above {high}"])
    if not 2 <= steps <= MOST_VALUES:
        raise ConfigurationError([f"{key}: {counted(steps, 'step')} will not do; 2 to {MOST_VALUES:,} can be made"])
    if log and low < 1:
        raise ConfigurationError([f"{key}: {ends!r}: equal ratios begin at 1 or above"])
    return sorted(set(_spread(low, high, steps, log=log))), log


def _spread(low: int, high: int, steps: int, *, log: bool) -> Iterator[int]:
    for step in range(steps):
        if log:
            yield round(math.exp(math.log(low) + (math.log(high) - math.log(low)) * step / (steps - 1)))
        else:
            yield low + (2 * (high - low) * step + steps - 1) // (2 * (steps - 1))


def _number(key: str, text: str, *, no_number: str | None = None) -> int:
    """The number; `no_number` is what is said of text that is none."""
    try:
        return int(text.strip(), base=0)
    except ValueError:
        said = " is no whole number" if no_number is None else f": {no_number}"
        raise ConfigurationError([f"{key}: {text.strip()!r}{said}"]) from None
