"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from imafarm.errors import ConfigurationError

if TYPE_CHECKING:
    from imafarm.tables._table import ArrowStream

COMPRESSION = "zstd(1)"
"""How columns are compressed."""


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Lets `write` fill a file of another name, and gives it its own once it is complete.

    Errors: `ConfigurationError`, naming the file, if it cannot be written, for want of room, say. Then what was there
    before is there still.
    """
    aside = path.with_name(f".{path.name}.part")
    try:
        with aside.open("wb") as file:
            write(file)
        os.replace(aside, path)
    except OSError as error:
        raise ConfigurationError([f"{path}: {error.strerror or error}"]) from None
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def write_parquet(table: ArrowStream, path: Path, *, sorted_columns: tuple[str, ...]) -> None:
    """Writes a table as a Parquet file; as `write_whole`.

    sorted_columns: those whose numbers mostly grow: their steps are what is written.
    """

    def write(file: BinaryIO) -> None:
        from arro3.io import write_parquet

        steps = dict.fromkeys(sorted_columns, "delta_binary_packed")
        patient = _Patient(file)
        write_parquet(
            table,
            cast(BinaryIO, patient),
            compression=COMPRESSION,
            column_dictionary_enabled=dict.fromkeys(sorted_columns, False),
            column_encoding=steps,  # type: ignore[arg-type]
        )
        patient.settle()

    write_whole(path, write)


class _Patient:
    """A file that keeps its first failure to itself until it is asked: the writer panics at one."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._failure: OSError | None = None

    def write(self, data: bytes) -> int:
        if self._failure is None:
            try:
                self._file.write(data)
            except OSError as failure:
                self._failure = failure
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def flush(self) -> None:
        if self._failure is None:
            try:
                self._file.flush()
            except OSError as failure:
                self._failure = failure

    def settle(self) -> None:
        """Errors: `OSError`, the first there was."""
        self.flush()
        if self._failure is not None:
            raise self._failure
