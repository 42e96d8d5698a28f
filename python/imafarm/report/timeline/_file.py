"""A trace into a file, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from imafarm.errors import ConfigurationError
from imafarm.report.timeline._trace import Trace
from imafarm.tables import trouble_writing, write_whole


def check_timeline(path: Path, *, source: str = "") -> None:
    """Finds out before a run whether a trace can be written there.

    source: the option that names the file.

    Errors: `ConfigurationError`.
    """
    _check_installed(source)
    if os.path.isdir(path):
        raise ConfigurationError([f"{path} is a directory; name a file"], source=source)
    if (why := trouble_writing(path)) is not None:
        raise ConfigurationError([f"cannot write {path}: {why}"], source=source)


def write_trace(trace: Trace, path: Path) -> None:
    """Writes a trace in the place of the file; who reads it meanwhile finds the old one whole.

    Errors: `ConfigurationError` if it cannot be written, or `imafarm[timeline]` is not installed.
    """
    _check_installed("")
    write_whole(path, trace.write)


def _check_installed(source: str) -> None:
    try:
        import perfetto.protos.perfetto.trace.perfetto_trace_pb2  # noqa: F401
    except ImportError:
        raise ConfigurationError(["a timeline needs imafarm[timeline]"], source=source) from None
