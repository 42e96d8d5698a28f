"""Which files make a directory one of a run, and which it cannot be besides."""

from __future__ import annotations

from pathlib import Path

from imafarm.errors import ConfigurationError

FORMAT = "imafarm run 1"
"""What `run.json` says that it is."""
DOCUMENT = "run.json"
TABLES = ("events", "traffic", "bindings", "hosts", "messages")
"""Every table that may lie there, as NAME.parquet."""
RUN_FILES = (
    DOCUMENT,
    "verdict.json",
    "verdict.txt",
    *(f"{table}.parquet" for table in TABLES),
    "report.html",
)
"""All that a run leaves in its directory."""
OTHERS = {"study.json": "a study", "points.jsonl": "a study", "load.json": "what `imafarm load` has left"}
"""By which files a directory is known to hold something else."""


def check_directory(directory: Path) -> None:
    """Checks that a run may be written there: a directory that holds something else is not a run's.

    Errors: `ConfigurationError`.
    """
    for name, what in OTHERS.items():
        if (directory / name).exists():
            raise ConfigurationError([f"--out: {directory} holds {what}; give the run a directory of its own"])
    if directory.exists() and not directory.is_dir():
        raise ConfigurationError([f"--out: cannot write to {directory}: it is no directory"])


def clear(directory: Path) -> None:
    """Takes away what an older run has left, its document first: what remains is no run.

    Errors: `ConfigurationError`, naming the file that cannot be taken away.
    """
    for name in RUN_FILES:
        try:
            (directory / name).unlink(missing_ok=True)
        except OSError as error:
            raise ConfigurationError([f"--out: {directory / name}: {error.strerror or error}"]) from None
