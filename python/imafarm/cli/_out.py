"""The files and directories that a command leaves."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def directory_for(out: Path | None) -> Iterator[None]:
    """Makes the directory, before whatever else has to be found out about a call: if that is wrong, it is gone again.

    Errors: `ConfigurationError` if no file can be put there.
    """
    if out is None:
        yield
        return
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    check_writable(out)
    try:
        yield
    except BaseException:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise


def check_writable(out: Path) -> None:
    """Finds out before the run whether a file can be put there."""
    from imafarm.errors import ConfigurationError

    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=out):
            pass
    except OSError as error:
        raise ConfigurationError([f"--out: cannot write to {out}: {error.strerror or error}"]) from None


def say_written(path: Path, what: str = "") -> None:
    """Tells on standard error that a file is there."""
    print(f"imafarm: {path}{what and ': '}{what}", file=sys.stderr)


def draw_report(out: Path) -> None:
    """Writes report.html beside what a run or a study has left, and says so; where that cannot be, says why."""
    from imafarm.errors import ConfigurationError
    from imafarm.report.html import make_report

    try:
        say_written(make_report(out))
    except ConfigurationError as error:
        print(f"imafarm: {error}", file=sys.stderr)
