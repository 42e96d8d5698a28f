"""A farm that was recorded, as a trace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from imafarm.farm import Election
from imafarm.report.timeline._farm import NANOSECONDS, Happened, Story, draw_farm
from imafarm.report.timeline._file import write_trace
from imafarm.report.timeline._rows import Columns, bound, happened, packets, sent
from imafarm.report.timeline._trace import Trace
from imafarm.report.timeline._wire import draw_wire
from imafarm.topology import Topology

BEST_OF_A_ZONE = 3
"""How many of each zone's hosts are tapped unless somebody says which: those ranked highest, one of whom collects."""
MOST_TAPPED = 48
"""How many hosts are tapped at most, unless somebody says which."""


class Ranked(Protocol):
    """A host's record, as far as it matters."""

    @property
    def rank(self) -> Rank:
        """What an election compares."""


class Rank(Protocol):
    """What an election compares."""

    @property
    def key(self) -> int:
        """It as one number."""


class RecordedFarm(Protocol):
    """A farm of which everything was recorded."""

    @property
    def zones(self) -> tuple[str, ...]:
        """Every zone."""

    def hosts_of(self, zone: str) -> tuple[str, ...]:
        """A zone's hosts."""

    def record(self, host: str) -> Ranked:
        """A host's record."""

    def elections(self) -> list[Election]:
        """The elections so far."""

    def events(self) -> Columns:
        """What has happened."""

    def traffic(self) -> Columns:
        """What was sent."""

    def bindings(self) -> Columns:
        """What became of bindings."""

    def packets(self) -> Columns:
        """What tapped hosts put on the wire."""


def hosts_to_tap(topology: Topology) -> tuple[str, ...]:
    """The hosts whose bindings a timeline shows unless somebody says which: the three of each zone that are ranked
    highest, of whom one collects and the next may follow it; 48 in all at most, the best of every zone first."""
    by_zone = defaultdict(list)
    for record in topology.resolver.records():
        by_zone[record.zone].append((record.rank.key, record.name))
    best = [sorted(members, reverse=True)[:BEST_OF_A_ZONE] for members in by_zone.values()]
    chosen = [members[place][1] for place in range(BEST_OF_A_ZONE) for members in best if place < len(members)]
    return tuple(chosen[:MOST_TAPPED])


def timeline_of(
    farm: RecordedFarm,
    *,
    title: str,
    seconds: float,
    moments: Sequence[tuple[float, str]] = (),
    tapped: Collection[str] = (),
) -> Trace:
    """The trace of a farm that was recorded.

    title: what the whole run is called.
    seconds: how far the farm has come.
    moments: what else is worth telling, with its farm second.
    tapped: the hosts that were tapped; their bindings are drawn.
    """
    end_ns = round(seconds * NANOSECONDS)
    events = happened(farm.events())
    trace = Trace()
    story = Story(
        title=title,
        # Collectors, and who may become one, stand at the top.
        zones={
            zone: sorted(farm.hosts_of(zone), key=lambda host: farm.record(host).rank.key, reverse=True)
            for zone in farm.zones
        },
        end_ns=end_ns,
        events=events,
        elections=farm.elections(),
        moments=moments,
        sent=sent(farm.traffic()),
        bound=bound(farm.bindings()),
    )
    tracks = draw_farm(trace, story)
    if tapped:
        too_many = draw_wire(trace, tracks, packets(farm.packets()), tapped, downs=_downs(events), end_ns=end_ns)
        for number, what in zip(too_many, ("bindings", "messages"), strict=True):
            if number:
                trace.instant(trace.track("left out"), 0, f"{number:,} {what} are not drawn")
    return trace


def write_timeline(
    farm: RecordedFarm,
    path: Path,
    *,
    title: str,
    seconds: float,
    moments: Sequence[tuple[float, str]] = (),
    tapped: Collection[str] = (),
) -> None:
    """Writes the trace of a farm that was recorded, for https://ui.perfetto.dev. All else is as for `timeline_of`.

    Errors: `ConfigurationError` if the file cannot be written, or `imafarm[timeline]` is not installed.
    """
    write_trace(timeline_of(farm, title=title, seconds=seconds, moments=moments, tapped=tapped), path)


def _downs(events: Sequence[Happened]) -> dict[str, list[int]]:
    """By host: when it went down."""
    downs = defaultdict(list)
    for event in events:
        if event.kind == "HOST_DOWN":
            downs[event.host].append(event.time_ns)
    return dict(downs)
