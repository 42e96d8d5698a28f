"""A trace into a file, whole or not at all, and before the run if it cannot be."""

import os
import sys
from io import BytesIO
from pathlib import Path
from typing import IO

import pytest

from imafarm.errors import ConfigurationError
from imafarm.report.timeline import Trace, check_timeline, write_trace


def a_trace() -> Trace:
    trace = Trace()
    trace.slice(trace.track("farm"), 0, 1, "a run")
    return trace


def test_what_is_written_is_the_trace_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "trace of \u202ea run.pftrace"
    path.write_text("what was there before")
    check_timeline(path)
    assert path.read_text() == "what was there before"
    write_trace(a_trace(), path)
    file = BytesIO()
    a_trace().write(file)
    assert path.read_bytes() == file.getvalue()
    assert list(tmp_path.iterdir()) == [path]
    # As any file of the user's, not as a secret.
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize(
    ("place", "mistake"),
    [
        ("missing/trace", "cannot write {}: No such file or directory"),
        ("file/trace", "cannot write {}: Not a directory"),
        ("directory", "{} is a directory; name a file"),
        (f"{'x' * 300}", "cannot write {}: File name too long"),
    ],
)
def test_what_cannot_be_written_is_said(tmp_path: Path, place: str, mistake: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "directory").mkdir()
    path = tmp_path / place
    with pytest.raises(ConfigurationError) as refused:
        check_timeline(path, source="--timeline")
    assert str(refused.value) == f"--timeline: {mistake.format(path)}"
    with pytest.raises(ConfigurationError):
        write_trace(a_trace(), path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["directory", "file"]


def test_a_trace_that_cannot_be_finished_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "trace"
    path.write_text("what was there before")

    def write(_: Trace, file: IO[bytes]) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Trace, "write", write)
    with pytest.raises(ConfigurationError, match="No space left on device"):
        write_trace(a_trace(), path)
    assert path.read_text() == "what was there before"
    assert list(tmp_path.iterdir()) == [path]


def test_without_the_extra_it_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name == "perfetto" or name.startswith("perfetto.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "perfetto", None)
    with pytest.raises(ConfigurationError) as refused:
        check_timeline(tmp_path / "trace", source="--timeline")
    assert str(refused.value) == "--timeline: a timeline needs imafarm[timeline]"
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigurationError, match=r"imafarm\[timeline\]"):
        write_trace(a_trace(), tmp_path / "trace")
    assert list(tmp_path.iterdir()) == []
