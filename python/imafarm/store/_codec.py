"""Values of a farm as the plain things a MessagePack map can hold, and back by their type."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

Plain = None | bool | int | float | str | list[Any] | dict[str, Any]
"""What can be packed."""


def to_plain(value: object) -> Plain:
    """The value in plain things. `TypeError` for what has no plain form."""
    match value:
        case enum.Enum():
            return to_plain(value.value)
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {_name(key): to_plain(its) for key, its in value.items()}
        case frozenset():
            return sorted(to_plain(its) for its in value)
        case tuple() | list():
            return [to_plain(its) for its in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} cannot be stored")


def _name(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a key that is {type(key).__name__} cannot be stored")
    return key


def from_plain(hint: Any, plain: Any, place: str) -> Any:
    """The value of type `hint`. `ValueError` names the place of what is none.

    An attribute that is left out is as its class has it by default, so that an older store can be read.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        if plain is None and NoneType in inner:
            return None
        (hint,) = (other for other in inner if other is not NoneType)
        return from_plain(hint, plain, place)
    if origin is tuple:
        return tuple(_items(inner, _expect(list, plain, place), place))
    if origin is frozenset:
        return frozenset(_items((inner[0], ...), _expect(list, plain, place), place))
    if origin is not None and issubclass(origin, Mapping):
        table = _expect(dict, plain, place)
        return {key: from_plain(inner[1], its, f"{place}.{key}") for key, its in table.items()}
    if is_dataclass(hint) and isinstance(hint, type):
        return _dataclass(hint, _expect(dict, plain, place), place)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        try:
            return hint(plain)
        except ValueError:
            raise ValueError(f"{place}: {plain!r} is no {hint.__name__}") from None
    if hint is float and isinstance(plain, int) and not isinstance(plain, bool):
        return plain
    return _expect(hint, plain, place)


def _items(inner: tuple[Any, ...], values: list[Any], place: str) -> Collection[Any]:
    hints = [inner[0]] * len(values) if inner[-1] is ... else list(inner)
    if len(hints) != len(values):
        raise ValueError(f"{place}: it has {len(values)} values instead of {len(hints)}")
    both = zip(hints, values, strict=True)
    return [from_plain(hint, value, f"{place}[{position}]") for position, (hint, value) in enumerate(both)]


def _dataclass(cls: type, table: dict[str, Any], place: str) -> Any:
    hints, known = get_type_hints(cls), {field.name: field for field in fields(cls)}
    if unknown := table.keys() - known.keys():
        raise ValueError(f"{place}: unknown attribute {min(unknown)!r}")
    for name, field in known.items():
        if name not in table and field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{place}: the attribute {name!r} is missing")
    return cls(**{name: from_plain(hints[name], plain, f"{place}.{name}") for name, plain in table.items()})


def _expect(hint: Any, plain: Any, place: str) -> Any:
    if not isinstance(plain, hint) or (isinstance(plain, bool) and hint is not bool):
        raise ValueError(f"{place}: {plain!r} is no {hint.__name__}")
    return plain
