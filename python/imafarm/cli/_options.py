"""Options that several commands take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter


def _whole_number(_type: Any, tokens: Sequence[Any]) -> int:
    text = tokens[0].value
    try:
        return int(text, base=0)
    except ValueError:
        raise ValueError(f"{text!r} is no whole number") from None


def _whole(name: str, meaning: str) -> Parameter:
    return Parameter(name=name, help=meaning, converter=_whole_number, allow_leading_hyphen=True)


Hosts = Annotated[int | None, _whole("--hosts", "How many hosts to generate.")]
Zones = Annotated[int | None, _whole("--zones", "Over how many zones to spread them (1).")]
Members = Annotated[int | None, _whole("--members", "How many members to generate (500).")]
Seed = Annotated[int, _whole("--seed", "0 to 2**64 - 1. Equal seeds make equal runs.")]
SeedIfGiven = Annotated[int | None, _whole("--seed", "0 to 2**64 - 1. Equal seeds make equal runs (0).")]
Threads = Annotated[int | None, _whole("--threads", "How many work, 1 to 64 (all processors). Changes only the speed.")]
Repeat = Annotated[int | None, _whole("--repeat", "With how many seeds each value is tried (3).")]
Workers = Annotated[int | None, _whole("--workers", "How many processes (one a processor).")]
Bound = Annotated[
    bool,
    Parameter(
        name="--bound",
        negative=(),
        show_default=False,
        help="Let every host begin with a binding to all others of its zone.",
    ),
]
ExactQueue = Annotated[
    bool,
    Parameter(
        name="--exact-queue",
        negative=(),
        show_default=False,
        help="Let every message be an event of its own. Changes only the speed.",
    ),
]
FarmFile = Annotated[Path | None, Parameter(name="--farm", help="A TOML file that describes the farm.")]
StoreUrl = Annotated[
    str | None, Parameter(name="--store", help="A data store that holds the farm: a SQLite file, or a URL.")
]
After = Annotated[float | None, Parameter(name="--after", help="At which farm second (once all zones agree).")]
Assignments = Annotated[
    tuple[str, ...],
    Parameter(
        name="--set", negative=(), show_default=False, help="A setting of every host, NAME=VALUE. May be repeated."
    ),
]
Json = Annotated[
    bool, Parameter(name="--json", negative=(), show_default=False, help="Print one JSON object and nothing else.")
]
