"""`imafarm run --timeline FILE`: the run as a trace for Perfetto."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from imafarm.cli._out import say_written

if TYPE_CHECKING:
    from imafarm.emulated import EmulatedFarm, Tap
    from imafarm.report.timeline import Trace
    from imafarm.scenario import Verdict
    from imafarm.topology import Topology

OPTION = "--timeline"
TimelineFile = Annotated[
    Path | None, Parameter(name=OPTION, help="A file for a trace of the run, which Perfetto (ui.perfetto.dev) shows.")
]


@dataclass(slots=True)
class Timeline:
    """A trace that is asked for, and then is there."""

    path: Path
    tapped: tuple[str, ...]
    """The hosts whose bindings it shows."""
    trace: Trace | None = field(default=None)

    @classmethod
    def asked(cls, path: Path | None, topology: Topology, tap: Tap | None) -> Timeline | None:
        """What `--timeline` asks for; `None` for nothing.

        tap: what is tapped for a capture, if there is one: then no host is shown that is not in it.

        Errors: `ConfigurationError` if it cannot be written.
        """
        if path is None:
            return None
        from imafarm.report.timeline import MOST_TAPPED, check_timeline, hosts_to_tap

        check_timeline(path, source=OPTION)
        shown = hosts_to_tap(topology)
        if tap is not None and tap.hosts is not None:
            shown = tuple(tap.hosts)[:MOST_TAPPED]
        return cls(path, shown)

    @property
    def tap(self) -> Tap:
        """What has to be recorded of single hosts."""
        from imafarm.emulated import Tap
        from imafarm.report.timeline import SHOWN

        return Tap(hosts=self.tapped, kinds=SHOWN)

    def draw(self, farm: EmulatedFarm, verdict: Verdict) -> None:
        """Draws what a farm has recorded, while it is open."""
        from imafarm.report.timeline import timeline_of
        from imafarm.words import counted

        hosts, zones = counted(verdict.hosts, "host"), counted(verdict.zones, "zone")
        self.trace = timeline_of(
            farm,
            title=f"{verdict.scenario}: {hosts} in {zones}, {verdict.product}, seed {verdict.seed}",
            seconds=verdict.virtual_seconds,
            moments=[(moment.seconds, moment.what) for moment in verdict.moments],
            tapped=self.tapped,
            taped=farm.packets(),
        )

    def write(self) -> None:
        """Writes the file.

        Errors: `ConfigurationError` if it cannot be written.
        """
        from imafarm.report.timeline import write_trace

        if self.trace is not None:
            write_trace(self.trace, self.path)
            say_written(self.path)
