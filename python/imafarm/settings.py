"""Settings under the registry's own value names, as calls and command lines give them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

from imafarm import _imafarm
from imafarm.errors import ConfigurationError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

LARGEST_SEED = 2**64 - 1
MOST_THREADS = 64


def default_settings() -> dict[str, int]:
    """Every setting and the value that hosts have when nobody says otherwise, in the setting's own unit."""
    return {spec["name"]: spec["default"] for spec in _imafarm.settings()}


def setting_mistake(name: str, value: object) -> str | None:
    """What is wrong with a setting's name or value; `None` if nothing is."""
    if isinstance(value, bool) or not isinstance(value, int):
        return f"{name}: {value!r} is no whole number"
    try:
        _imafarm.check_setting(name, value)
    except ValueError as error:
        return str(error)
    return None


def check_settings(settings: Mapping[str, int]) -> dict[str, int]:
    """The settings, their names in the registry's spelling.

    Errors: `ConfigurationError` with every unknown name (and the nearest known one) and every value out of range.
    """
    mistakes = [said for name, value in settings.items() if (said := setting_mistake(name, value))]
    if mistakes:
        raise ConfigurationError(mistakes)
    return {_imafarm.check_setting(name, value): value for name, value in settings.items()}


def parse_settings(assignments: Iterable[str], *, source: str = "--set") -> dict[str, int]:
    """Settings written as `NAME=VALUE`; numbers as in Python (`512`, `0x200`, `60_000`). The last of a name counts.

    Errors: `ConfigurationError` with every mistake.
    """
    settings: dict[str, int] = {}
    mistakes: list[str] = []
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = name.strip()
        try:
            value = int(text.strip(), base=0)
        except ValueError:
            wrong = f"{text.strip()!r} is no whole number" if equals else "write it as NAME=VALUE"
            mistakes.append(f"{name or assignment!r}: {wrong}")
            continue
        if said := setting_mistake(name, value):
            mistakes.append(said)
        else:
            settings |= check_settings({name: value})
    if mistakes:
        raise ConfigurationError(mistakes, source=source)
    return settings


def check_seed(seed: int) -> int:
    """The seed, if it is one: 0 to 2**64 - 1.

    Errors: `ConfigurationError`.
    """
    return _check_whole("seed", seed, 0, LARGEST_SEED)


def check_threads(threads: int | None) -> int:
    """How many threads may work, 1 to 64; as many as this process may have processors if nobody says.

    Errors: `ConfigurationError`.
    """
    if threads is None:
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return min(usable or 1, MOST_THREADS)
    return _check_whole("threads", threads, 1, MOST_THREADS)


def check_limits(limits: DataclassInstance) -> None:
    """Checks that every field of these limits is above 0.

    Errors: `ConfigurationError` naming every one that is not.
    """
    mistakes = [
        f"{limit.name}: {value!r} is out of range, above 0"
        for limit in fields(limits)
        if not (value := getattr(limits, limit.name)) > 0
    ]
    if mistakes:
        raise ConfigurationError(mistakes)


def _check_whole(key: str, value: int, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigurationError([f"{key}: {value!r} is no whole number"])
    if not least <= value <= most:
        raise ConfigurationError([f"{key}: {value} is out of range, {least} to {most}"])
    return value
