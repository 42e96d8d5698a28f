"""`report.html`: what came of a run or a study, as a page that stands by itself.

One file without script, drawn from nothing but the files of a directory; the same files make the same page, to the
byte. It needs the extra `report` (`pip install imafarm[report]`), which is imported when a page is made and not before.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["make_comparison", "make_report"]

NAME = "report.html"


def make_report(directory: Path | str) -> Path:
    """Writes `report.html` into what `imafarm run --out` or `imafarm study --out` has left, and tells where it is.

    Tables that are not there are said to be missing in the page. Raises `ConfigurationError` if the directory is
    neither a run's nor a study's, if a file in it is broken, which it names, if the page cannot be written, or if the
    extra `report` is not installed. A page that was there stays as it was then.
    """
    from imafarm.report.html._documents import kind_of
    from imafarm.report.html._draw import require_drawing

    directory = Path(directory)
    kind = kind_of(directory)
    require_drawing()
    if kind == "run":
        from imafarm.report.html._run_page import run_page

        made = run_page(directory)
    else:
        from imafarm.report.html._study_page import study_page

        made = study_page(directory)
    return _written(made, directory / NAME)


def make_comparison(first: Path | str, second: Path | str, out: Path | str) -> Path:
    """Writes a page that sets two runs, or two studies, side by side, their curves laid over each other.

    Raises `ConfigurationError` as `make_report` does, and if one directory is a run's and the other a study's.
    """
    from imafarm.report.html._compare_page import compare_page
    from imafarm.report.html._draw import require_drawing

    require_drawing()
    return _written(compare_page(Path(first), Path(second)), Path(out))


def _written(page: str, path: Path) -> Path:
    from imafarm.errors import ConfigurationError
    from imafarm.tables import put_whole

    try:
        put_whole(path, lambda file: file.write(page.encode()))
    except OSError as error:
        raise ConfigurationError([f"cannot be written: {error.strerror}"], source=str(path)) from None
    return path
