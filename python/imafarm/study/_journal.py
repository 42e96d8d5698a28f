"""`points.jsonl`: what is done of a study, one line a point, on the disk before the next is waited for."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from imafarm.errors import ConfigurationError
from imafarm.study._point import Key, Outcome

FILE = "points.jsonl"
FORMAT = "imafarm study points 1"
MADE_OF = "farm made of"
"""Under this key the first line has the farm's fingerprint."""
FILES_OF_RUNS = ("run.json", "verdict.json", "load.json")
"""By these a directory is known to hold a run."""
STUDY_FILES = (FILE, "study.json")


class PointsJournal:
    """The points that are done, of one study in one directory. Nobody else may write there meanwhile."""

    def __init__(self, directory: Path, asked: Mapping[str, Any], *, resume: bool) -> None:
        """Begins the journal, or goes on with the one that is there.

        asked: what the study is, as far as it decides what a point comes to.
        resume: whether a study that is there may be gone on with, if it was asked for the same.

        Errors: `ConfigurationError` for a directory that holds a run or another study, or cannot be written to, and for
        a journal that is none.
        """
        self.path = directory / FILE
        self.done: dict[Key, Outcome] = {}
        _check_directory(directory, resume=resume)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            # Closed in __exit__: the file is the journal's own, and holds its lock.
            self._file: IO[bytes] = self.path.open("a+b", buffering=0)
        except OSError as error:
            raise ConfigurationError([f"out: cannot write to {directory}: {error.strerror or error}"]) from None
        try:
            self._lock()
            self._end = self._read(asked)
            if self._end == 0:
                self._append({"format": FORMAT, "asked": asked})
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, names: Sequence[str], key: Key, outcome: Outcome) -> None:
        """A point is done, and on the disk when this comes back.

        A point that came to no end by itself is not kept: who goes on tries it again.

        Errors: `OSError` if it cannot be written; the journal is as it was.
        """
        values, seed = key
        if outcome.error is None:
            self._append(
                {
                    "vary": dict(zip(names, values, strict=True)),
                    "seed": seed,
                    "passed": outcome.passed,
                    "measures": dict(outcome.measures),
                    "digest": outcome.digest,
                }
            )
        self.done[key] = outcome

    def _append(self, line: Mapping[str, Any]) -> None:
        data = json.dumps(line).encode() + b"\n"
        try:
            written = 0
            while written < len(data):
                written += self._file.write(data[written:])
            os.fsync(self._file.fileno())
        except OSError:
            # What is torn is taken back, if that can be done; whoever reads leaves a torn line aside anyway.
            self._file.truncate(self._end)
            raise
        self._end += len(data)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigurationError([f"out: another process is at work on the study in {self.path.parent}"]) from None

    def _read(self, asked: Mapping[str, Any]) -> int:
        """Reads what is there; where it ends, without a last line that is torn, which is cut off."""
        self._file.seek(0)
        data = self._file.read()
        end = data.rfind(b"\n") + 1
        if end == 0 and data and not b'{"format": "imafarm'.startswith(data[:18]):
            raise ConfigurationError([f"out: {self.path} is no journal of a study"])
        if end < len(data):
            self._file.truncate(end)
        lines = data[:end].splitlines()
        for number, line in enumerate(lines, 1):
            try:
                entry = json.loads(line)
                if number == 1:
                    self._check_same(entry, asked)
                else:
                    key, outcome = _outcome(entry)
                    self.done[key] = outcome
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                if isinstance(error, ConfigurationError):
                    raise
                said = f"out: {self.path}, line {number}: no line of a study's journal"
                raise ConfigurationError([said]) from None
        return end

    def _check_same(self, header: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
        if header.get("format") != FORMAT:
            raise ConfigurationError([f"out: {self.path} is no journal of a study"])
        # As JSON has it: what is asked now has tuples where what is read has lists.
        now, then, where = json.loads(json.dumps(asked)), header["asked"], self.path.parent
        differ = [key for key in dict.fromkeys((*now, *then)) if now.get(key) != then.get(key)]
        mistakes = [
            f"{key}: the study in {where} was asked for {json.dumps(then.get(key))}, not {json.dumps(now.get(key))}"
            for key in differ
            if key != MADE_OF
        ]
        if differ == [MADE_OF]:
            what = "farm" if now.get("farm") is None else "farm file"
            mistakes = [f"farm: the {what} has changed since the study in {where} began"]
        if mistakes:
            raise ConfigurationError(mistakes)


def _outcome(entry: Mapping[str, Any]) -> tuple[Key, Outcome]:
    outcome = Outcome(passed=bool(entry["passed"]), measures=dict(entry["measures"]), digest=entry["digest"])
    return (tuple(int(value) for value in entry["vary"].values()), int(entry["seed"])), outcome


def _check_directory(directory: Path, *, resume: bool) -> None:
    if held := [name for name in FILES_OF_RUNS if (directory / name).exists()]:
        raise ConfigurationError([f"out: {directory} holds a run ({held[0]}); take another directory"])
    held = [name for name in STUDY_FILES if (directory / name).exists()]
    if held and not resume:
        said = f"out: {directory} holds a study ({held[0]}); go on with it by --resume, or take another directory"
        raise ConfigurationError([said])
    if held == ["study.json"]:
        raise ConfigurationError([f"out: {directory} holds a study whose {FILE} is gone; take another directory"])
