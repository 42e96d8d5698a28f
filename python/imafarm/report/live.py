"""How a live farm is, in one line: while it runs on a terminal, and as a sentence anywhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from imafarm.farm import Farm
from imafarm.words import counted

__all__ = ["LiveLine", "LiveStatus", "counted", "live_line", "live_status", "named_masters"]


@dataclass(frozen=True, slots=True)
class LiveStatus:
    """A live farm at a glance."""

    zones: int
    agreed: int
    """Zones that agree on a living collector."""
    hosts: int
    up: int
    bindings: int
    """Active ones, counted at both ends."""


def live_status(farm: Farm, hosts: Sequence[str]) -> LiveStatus:
    """How a farm is now, as far as these hosts go: those that live in this process."""
    zones = {farm.record(host).zone for host in hosts}
    masters = farm.masters
    return LiveStatus(
        zones=len(zones),
        agreed=sum(masters[zone] is not None for zone in zones),
        hosts=len(hosts),
        up=sum(farm.host_state(host).power == "up" for host in hosts),
        bindings=farm.statistics().bindings.active,
    )


def named_masters(masters: Mapping[str, str | None]) -> str:
    """Who collects where, in a few words: of many zones the first few."""
    told = [f"{zone} on {master}" for zone, master in masters.items() if master is not None]
    most = 8
    return ", ".join(told if len(told) <= most else [*told[:most], f"and {len(told) - most} more"])


class LiveLine:
    """A line on the terminal that says how a live farm is."""

    def __init__(self, progress: Progress) -> None:
        """A line of its own among those of `progress`."""
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def tell(self, status: LiveStatus) -> None:
        """It is like this now."""
        said = (
            f"{status.up:,} of {counted(status.hosts, 'host')} up   "
            f"{status.agreed:,} of {counted(status.zones, 'zone')} agreed   "
            f"{counted(status.bindings, 'binding')}"
        )
        self._progress.update(self._task, description=said)

    def say(self, said: str) -> None:
        """Anything else, in the line's place."""
        self._progress.update(self._task, description=said)


@contextmanager
def live_line(console: Console) -> Iterator[LiveLine | None]:
    """A line on this console while the block runs; `None` if it is no terminal."""
    if not console.is_terminal:
        yield None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, refresh_per_second=4) as progress:
        yield LiveLine(progress)
