"""A trace into a file, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from imafarm.errors import ConfigurationError
from imafarm.report.timeline._trace import Trace


def check_timeline(path: Path, *, source: str = "") -> None:
    """Finds out before a run whether a trace can be written there.

    source: the option that names the file.

    Errors: `ConfigurationError`.
    """
    _check_installed(source)
    if os.path.isdir(path):
        raise ConfigurationError([f"{path} is a directory; name a file"], source=source)
    with _beside(path, source) as (_, name):
        os.unlink(name)


def write_trace(trace: Trace, path: Path, *, source: str = "") -> None:
    """Writes a trace in the place of the file; who reads it meanwhile finds the old one whole.

    Errors: `ConfigurationError` if it cannot be written, or `imafarm[timeline]` is not installed.
    """
    _check_installed(source)
    with _beside(path, source) as (file, name):
        trace.write(file)
        file.flush()
        os.replace(name, path)


def _check_installed(source: str) -> None:
    try:
        import perfetto.protos.perfetto.trace.perfetto_trace_pb2  # noqa: F401
    except ImportError:
        raise ConfigurationError(["a timeline needs imafarm[timeline]"], source=source) from None


@contextmanager
def _beside(path: Path, source: str) -> Iterator[tuple[IO[bytes], Path]]:
    """A file beside another, which is gone if anything goes wrong."""
    name = path.with_name(f".timeline-{os.getpid()}")
    try:
        with suppress(FileNotFoundError):
            path.stat()
        with name.open("wb") as file:
            try:
                yield file, name
            except BaseException:
                name.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise ConfigurationError([f"cannot write {path}: {error.strerror or error}"], source=source) from None
