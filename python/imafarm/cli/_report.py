"""`imafarm report DIRECTORY`."""

from __future__ import annotations

from pathlib import Path

from imafarm.cli._errors import PASSED


def report(directory: Path, /) -> int:
    """Make report.html of a run or a study anew, and print where it is.

    Parameters
    ----------
    directory
        What `imafarm run --out` or `imafarm study --out` has left.
    """
    from imafarm.report.html import make_report

    print(make_report(directory))
    return PASSED
