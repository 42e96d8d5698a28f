"""A line on the terminal that says how far an emulation has come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class HowFar(Protocol):
    """How far an emulation has come."""

    @property
    def farm_seconds(self) -> float:
        """Farm seconds since the farm was opened."""

    @property
    def events(self) -> int:
        """Events worked through."""

    @property
    def wall_seconds(self) -> float:
        """Real seconds since the farm was opened."""


class ProgressLine:
    """Phase, farm time and speed."""

    def __init__(self, progress: Progress) -> None:
        """A line of its own among those of `progress`."""
        self._progress = progress
        self._task = progress.add_task("start", total=None, farm_seconds=0.0, speed=0.0)

    def phase(self, name: str) -> None:
        """A new phase begins."""
        self._progress.update(self._task, description=name)

    def tell(self, how_far: HowFar) -> None:
        """It has come so far."""
        speed = how_far.events / how_far.wall_seconds if how_far.wall_seconds else 0.0
        self._progress.update(self._task, farm_seconds=how_far.farm_seconds, speed=speed / 1e6)


@contextmanager
def progress_line(console: Console) -> Iterator[ProgressLine | None]:
    """A progress line on this console while the block runs; `None` if it is no terminal."""
    if not console.is_terminal:
        yield None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<14}"),
        TextColumn("{task.fields[farm_seconds]:>10,.1f} farm s"),
        TextColumn("{task.fields[speed]:>7.2f} M events/s"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield ProgressLine(progress)
