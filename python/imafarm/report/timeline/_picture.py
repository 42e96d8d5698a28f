"""A farm that was recorded, as a trace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from imafarm.errors import ConfigurationError
from imafarm.farm._engine import EngineFarm
from imafarm.report.timeline._farm import NANOSECONDS, Happened, Story, draw_farm
from imafarm.report.timeline._file import write_trace
from imafarm.report.timeline._rows import bound, happened, packets, sent
from imafarm.report.timeline._trace import Trace
from imafarm.report.timeline._wire import draw_wire
from imafarm.tables import ArrowStream, Table
from imafarm.topology import Topology

BEST_OF_A_ZONE = 3
"""How many of each zone's hosts are tapped unless somebody says which: those ranked highest, one of whom collects."""
MOST_TAPPED = 48
"""How many hosts are tapped at most, unless somebody says which."""


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
    farm: EngineFarm[Any],
    *,
    title: str,
    seconds: float,
    moments: Sequence[tuple[float, str]] = (),
    tapped: Collection[str] = (),
    taped: ArrowStream | None = None,
) -> Trace:
    """The trace of a farm of which events were recorded (`record=True`); with its traffic and its bindings, if those
    were. Times are those of `trio.current_time()`.

    title: what the whole run is called.
    seconds: how far the farm has come.
    moments: what else is worth telling, with its second.
    tapped, taped: the hosts that were tapped (`tap=Tap(hosts=..)`), and what was recorded of them (`farm.packets()`);
      their bindings are drawn.

    Errors: `ConfigurationError` for a farm that was not recorded.
    """
    start_ns, end_ns = round(farm.opened_seconds * NANOSECONDS), round(seconds * NANOSECONDS)
    events = happened(farm.events(), start_ns)
    trace = Trace()
    story = Story(
        title=title,
        # Collectors, and who may become one, stand at the top.
        zones={
            zone: sorted(farm.hosts_of(zone), key=lambda host: farm.record(host).rank.key, reverse=True)
            for zone in farm.zones
        },
        start_ns=start_ns,
        end_ns=end_ns,
        events=events,
        elections=farm.elections(),
        moments=moments,
        sent=[] if (traffic := _if_recorded(farm.traffic)) is None else sent(traffic, start_ns),
        bound=[] if (bindings := _if_recorded(farm.bindings)) is None else bound(bindings, start_ns),
    )
    tracks = draw_farm(trace, story)
    if taped is not None:
        too_many = draw_wire(trace, tracks, packets(taped), tapped, downs=_downs(events), end_ns=end_ns)
        for number, what in zip(too_many, ("bindings", "messages"), strict=True):
            if number:
                trace.instant(trace.track("left out"), start_ns, f"{number:,} {what} are not drawn")
    return trace


def write_timeline(
    farm: EngineFarm[Any],
    path: Path,
    *,
    title: str,
    seconds: float,
    moments: Sequence[tuple[float, str]] = (),
    tapped: Collection[str] = (),
    taped: ArrowStream | None = None,
) -> None:
    """Writes the trace of a farm that was recorded, for https://ui.perfetto.dev. All else is as for `timeline_of`.

    Errors: `ConfigurationError` if the file cannot be written, or `imafarm[timeline]` is not installed.
    """
    write_trace(timeline_of(farm, title=title, seconds=seconds, moments=moments, tapped=tapped, taped=taped), path)


def _if_recorded(table: Callable[[], Table]) -> Table | None:
    try:
        return table()
    except ConfigurationError:
        return None


def _downs(events: Sequence[Happened]) -> dict[str, list[int]]:
    """By host: when it went down."""
    downs = defaultdict(list)
    for event in events:
        if event.kind == "HOST_DOWN":
            downs[event.host].append(event.time_ns)
    return dict(downs)
