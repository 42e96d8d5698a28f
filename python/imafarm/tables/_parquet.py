"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from os import SEEK_END
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from imafarm.errors import ConfigurationError

if TYPE_CHECKING:
    import arro3.core

    from imafarm.tables._table import ArrowStream

COMPRESSION = "zstd(1)"
"""How columns are compressed."""
ROWS_AT_ONCE = 65_536
MAGIC = b"PAR1"
"""How a Parquet file begins and ends."""


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """As `put_whole`. Errors: `ConfigurationError`, naming the file, if it cannot be written, for want of room, say."""
    try:
        put_whole(path, write)
    except OSError as error:
        raise ConfigurationError([f"{path}: {error.strerror or error}"]) from None


def put_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Lets `write` fill a file of another name, and gives it its own once it is complete.

    Errors: `OSError` if it cannot be written. Then what was there before is there still.
    """
    aside = path.with_name(f".{path.name}.part")
    try:
        with aside.open("wb") as file:
            write(file)
        os.replace(aside, path)
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def trouble_writing(path: Path) -> str | None:
    """Why no file can be written there, found out by putting another beside it; `None` if one can be."""
    try:
        # The name may be too long for a file, wherever it is.
        with suppress(FileNotFoundError):
            path.stat()
        with tempfile.NamedTemporaryFile(dir=path.parent):
            return None
    except OSError as error:
        return error.strerror or str(error)


class Damaged(Exception):
    """A Parquet file's inside is not what its ends say."""


def read_parquet(path: Path) -> arro3.core.Table:
    """All rows of a Parquet file.

    Errors: `ConfigurationError`, naming the file, if it is none, or not all of one; `Damaged`; `OSError` if it cannot
    be read.
    """
    from arro3.io import read_parquet

    _check_ends(path)
    try:
        return read_parquet(path, batch_size=ROWS_AT_ONCE).read_all()
    except (OSError, KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:
        # What the reader makes of a file whose inside is damaged is a panic of Rust's, which is no `Exception`.
        raise Damaged(str(error) or type(error).__name__) from None


def _check_ends(path: Path) -> None:
    """Checks that a file begins and ends as Parquet does: one that was cut off does not.

    Errors: `ConfigurationError`; `OSError` if it cannot be read.
    """
    with path.open("rb") as file:
        begins = file.read(len(MAGIC))
        size = file.seek(0, SEEK_END)
        file.seek(max(0, size - 8))
        tail = file.read()
    footer = int.from_bytes(tail[:4], "little")
    if begins != MAGIC or tail[4:] != MAGIC or footer + 12 > size:
        raise ConfigurationError([f"{path}: is no Parquet file, or not all of one"])


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
