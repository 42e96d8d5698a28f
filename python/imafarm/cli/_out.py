"""The directory in which a command leaves files."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path


def check_writable(out: Path) -> None:
    """Finds out before the run whether a file can be put there."""
    from imafarm.errors import ConfigurationError

    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=out):
            pass
    except OSError as error:
        raise ConfigurationError([f"--out: cannot write to {out}: {error.strerror or error}"]) from None


def draw_report(out: Path) -> None:
    """Writes report.html beside what a run or a study has left; where that cannot be, one line says why."""
    from imafarm.errors import ConfigurationError
    from imafarm.report.html import make_report

    try:
        make_report(out)
    except ConfigurationError as error:
        print(f"imafarm: {error}", file=sys.stderr)
