"""A farm's story as a trace: a track for the farm, one below it for each zone, and below that one for each host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from imafarm.farm import Election
from imafarm.report.timeline._lives import Life
from imafarm.report.timeline._trace import Trace, Track

NANOSECONDS = 1_000_000_000

ELECTION = "election"
DOUBT, ASKING, TELLING = "doubt", "ELECT_MASTER", "DECLARE_MASTER"
"""The phases of an election: to the first ELECT_MASTER, to the collector's DECLARE_MASTER, to agreement."""
FIRST_HOST_RANK = 10
"""Hosts come below a zone's counters."""


class Happened(NamedTuple):
    """An event of the farm."""

    time_ns: int
    kind: str
    host: str
    other: str | None
    zone: str


class Sent(NamedTuple):
    """Messages that were sent from a zone within a bin."""

    start_ns: int
    end_ns: int
    zone: str
    messages: int


class Bound(NamedTuple):
    """A zone's bindings: how many were torn down to make room within a bin, and how many were open at its end."""

    start_ns: int
    end_ns: int
    zone: str
    evicted: int
    active: int


Row = TypeVar("Row", Sent, Bound)


@dataclass(frozen=True, slots=True)
class Story:
    """All that is drawn of a farm but what single hosts put on the wire. Times are those of the run's clock."""

    title: str
    zones: Mapping[str, Sequence[str]]
    """The hosts of each zone, in the order in which they are to stand."""
    end_ns: int
    """How far the farm has come."""
    events: Sequence[Happened] = ()
    """In the order of time."""
    elections: Sequence[Election] = ()
    moments: Sequence[tuple[float, str]] = ()
    """What is worth telling of the whole farm, with its farm second."""
    sent: Sequence[Sent] = ()
    bound: Sequence[Bound] = ()
    start_ns: int = 0
    """When the farm was opened."""


def draw_farm(trace: Trace, story: Story) -> dict[str, Track]:
    """Draws a story; the track of each host."""
    farm = trace.track("farm")
    trace.slice(farm, story.start_ns, story.end_ns, story.title)
    for seconds, what in story.moments:
        trace.instant(farm, _ns(seconds), what)
    hosts: dict[str, Track] = {}
    zones: dict[str, Track] = {}
    sent, bound = _by_zone(story.sent), _by_zone(story.bound)
    for place, (name, members) in enumerate(story.zones.items()):
        zone = zones[name] = trace.track(name, farm, rank=place)
        _draw_counters(trace, zone, sent.get(name, ()), bound.get(name, ()))
        for number, host in enumerate(members):
            hosts[host] = trace.track(host, zone, rank=FIRST_HOST_RANK + number)
    for election in story.elections:
        _draw_election(trace, zones[election.zone], election, story.end_ns)
    _draw_lives(trace, hosts, zones, story)
    return hosts


def _draw_lives(trace: Trace, hosts: Mapping[str, Track], zones: Mapping[str, Track], story: Story) -> None:
    lives = {host: Life(trace, track) for host, track in hosts.items()}
    for event in story.events:
        lives[event.host].hear(event.time_ns, event.kind, event.other)
        if event.kind == "ZONE_AGREED":
            trace.instant(zones[event.zone], event.time_ns, f"agreed on {event.host}")
    for life in lives.values():
        life.end(story.end_ns)


def _draw_election(trace: Trace, zone: Track, election: Election, end_ns: int) -> None:
    """A slice from the first doubt, or else the first ELECT_MASTER, to agreement; within, one for each phase that took
    any time."""
    doubted, started, acknowledged, declared, converged = (
        None if seconds is None else _ns(seconds)
        for seconds in (
            election.doubted_seconds,
            election.started_seconds,
            election.first_ack_seconds,
            election.declared_seconds,
            election.converged_seconds,
        )
    )
    known = [ns for ns in (doubted, started, declared) if ns is not None]
    if not known:
        return
    args = {
        "master": election.master,
        "candidates": election.candidates,
        "doubted by": election.doubted_by,
        "started by": election.started_by,
        "agreed": converged is not None,
    }
    ends = end_ns if converged is None else converged
    trace.slice(zone, min(known), ends, ELECTION, args)
    for name, begin, end in ((DOUBT, doubted, started), (ASKING, started, declared), (TELLING, declared, ends)):
        if begin is not None and end is not None and begin < end:
            trace.slice(zone, begin, end, name)
    if acknowledged is not None:
        trace.instant(zone, acknowledged, "first ELECT_MASTER_ACK")


def _by_zone(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.zone, []).append(row)
    return found


def _draw_counters(trace: Trace, zone: Track, sent: Sequence[Sent], bound: Sequence[Bound]) -> None:
    if sent:
        rates = ((row.start_ns, row.end_ns, _per_second(row.messages, row.end_ns - row.start_ns)) for row in sent)
        _draw_bins(trace, trace.counter("messages sent", zone, unit="messages/s", rank=0), rates)
    if bound:
        active = trace.counter("open bindings", zone, unit="bindings", rank=1)
        for row in bound:
            trace.count(active, row.end_ns, row.active)
    if any(row.evicted for row in bound):
        rates = ((row.start_ns, row.end_ns, _per_second(row.evicted, row.end_ns - row.start_ns)) for row in bound)
        _draw_bins(trace, trace.counter("evictions", zone, unit="evictions/s", rank=2), rates)


def _draw_bins(trace: Trace, counter: Track, bins: Iterable[tuple[int, int, int]]) -> None:
    """What was within bins, in the order of time; between those that there are, it is nothing."""
    for start_ns, value in _steps(bins):
        trace.count(counter, start_ns, value)


def _steps(bins: Iterable[tuple[int, int, int]]) -> Iterator[tuple[int, int]]:
    last_end: int | None = None
    last = 0
    for start_ns, end_ns, value in bins:
        if last_end is not None and last_end < start_ns and last:
            yield last_end, 0
            last = 0
        if value != last or last_end is None:
            yield start_ns, value
        last, last_end = value, end_ns
    if last_end is not None and last:
        yield last_end, 0


def _per_second(count: int, span_ns: int) -> int:
    return round(count * NANOSECONDS / span_ns) if span_ns else 0


def _ns(seconds: float) -> int:
    return round(seconds * NANOSECONDS)
