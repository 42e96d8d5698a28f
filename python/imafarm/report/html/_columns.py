"""The tables beside a run, read as lists of what a picture needs of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imafarm.errors import ConfigurationError
from imafarm.tables import Damaged, read_parquet


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of equal length, by name."""

    names: Sequence[str]
    lists: Sequence[list[Any]]

    def __len__(self) -> int:
        return len(self.lists[0]) if self.lists else 0

    def __getitem__(self, name: str) -> list[Any]:
        return self.lists[self.names.index(name)]


def read_columns(path: Path, names: Sequence[str]) -> Columns | None:
    """These columns of a Parquet file; `None` if there is no such file.

    Raises `ConfigurationError` that names the file if it is none, or lacks a column.
    """
    if not path.is_file():
        return None
    table = _read(path)
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise ConfigurationError([f"{name}: there is no such column" for name in missing], source=str(path))
    return Columns(tuple(names), [_values(path, name, table[name]) for name in names])


def _read(path: Path) -> Any:
    try:
        return read_parquet(path)
    except OSError as error:
        raise ConfigurationError([f"cannot be read: {error.strerror}"], source=str(path)) from None
    except Damaged as error:
        raise ConfigurationError([f"cannot be read: {str(error).splitlines()[0]}"], source=str(path)) from None


def _values(path: Path, name: str, column: Any) -> list[Any]:
    from arro3.core import DataType, dictionary_dictionary, dictionary_indices

    values: list[Any] = []
    try:
        for chunk in column.chunks:
            if DataType.is_dictionary(chunk.type):
                words = dictionary_dictionary(chunk).to_pylist()
                places = dictionary_indices(chunk).to_pylist()
                values += [None if place is None else words[place] for place in places]
            else:
                values += chunk.to_pylist()
    except Exception as error:
        raise ConfigurationError([f"{name}: cannot be read: {error}"], source=str(path)) from None
    return values
