"""Bindings, and the messages of elections, as single hosts put them on the wire."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from imafarm.report.timeline._trace import Trace, Track, in_lanes

MOST_BINDINGS = 200_000
"""How many bindings are drawn, the first ones; with many more the picture would not open."""
MOST_MESSAGES = 100_000
"""How many messages are drawn, the first ones."""
SHOWN = ("ELECT_MASTER", "ELECT_MASTER_ACK", "DECLARE_MASTER")
"""The messages that are drawn. A capture has all."""
QUESTION, ANSWER = "ELECT_MASTER", "ELECT_MASTER_ACK"
BINDINGS = "bindings"
ENDS = frozenset({"finish", "refused", "broken"})


class Packet(NamedTuple):
    """Something on the wire: of a host that is looked at when it sends it, of another when it comes to one that is."""

    time_ns: int
    what: str
    """connect, accept, message, finish, refused or broken."""
    source: str
    target: str
    connection: int
    kind: str | None
    """What message, if it is one."""


@dataclass(slots=True)
class _Binding:
    """A connection, as one of its ends has it."""

    other: str
    start_ns: int
    last_ns: int
    end_ns: int = -1
    """Not known yet, if below zero."""
    end: str | None = None
    lane: Track | None = None


Ends = dict[tuple[str, int], _Binding]
"""Bindings by host and connection, in the order in which they begin."""


def draw_wire(
    trace: Trace,
    tracks: Mapping[str, Track],
    packets: Iterable[Packet],
    hosts: Collection[str],
    *,
    downs: Mapping[str, Sequence[int]],
    end_ns: int,
) -> tuple[int, int]:
    """Below each of `hosts`, lanes with a slice for each binding, and on these the messages of elections. From an
    ELECT_MASTER an arrow goes to its answer, if both ends are among `hosts`.

    downs: by host, when it went down, in order.

    How many bindings, and messages, there was no room for.
    """
    packets = list(packets)
    bindings, callers, too_many = _bindings(packets, frozenset(hosts))
    _end(bindings, packets, downs, end_ns)
    by_host: dict[str, list[tuple[int, _Binding]]] = defaultdict(list)
    for (host, connection), binding in bindings.items():
        by_host[host].append((connection, binding))
    for host in hosts:
        _draw_bindings(trace, host, tracks[host], by_host[host], callers)
    return too_many, _draw_messages(trace, packets, bindings)


def _bindings(packets: Iterable[Packet], hosts: Collection[str]) -> tuple[Ends, dict[int, str], int]:
    """The bindings of these hosts; who opened each, if somebody did; and how many more there were."""
    found: Ends = {}
    callers: dict[int, str] = {}
    beyond: set[tuple[str, int]] = set()
    for packet in packets:
        if packet.what == "connect":
            callers[packet.connection] = packet.source
        # A packet is of its sender, if that is looked at, else of its receiver.
        near, far = (packet.source, packet.target) if packet.source in hosts else (packet.target, packet.source)
        if near not in hosts:
            continue
        key = (near, packet.connection)
        binding = found.get(key)
        if binding is None:
            if len(found) >= MOST_BINDINGS:
                beyond.add(key)
                continue
            binding = found[key] = _Binding(far, packet.time_ns, packet.time_ns)
        binding.last_ns = packet.time_ns
        if packet.what in ENDS and binding.end_ns < 0:
            binding.end_ns, binding.end = packet.time_ns, packet.what
    return found, callers, len(beyond)


def _end(bindings: Ends, packets: Iterable[Packet], downs: Mapping[str, Sequence[int]], end_ns: int) -> None:
    """Ends those of which the host itself has said nothing: it went down, or only the other end has said something."""
    far_ends = {packet.connection: (packet.time_ns, packet.what) for packet in packets if packet.what in ENDS}
    for (host, connection), binding in bindings.items():
        if binding.end_ns >= 0:
            continue
        whens = downs.get(host, ())
        down = bisect_left(whens, binding.last_ns)
        if down < len(whens):
            binding.end_ns, binding.end = whens[down], "host down"
        elif connection in far_ends:
            binding.end_ns, binding.end = far_ends[connection]
        else:
            binding.end_ns = end_ns


def _draw_bindings(
    trace: Trace, host: str, track: Track, bindings: list[tuple[int, _Binding]], callers: Mapping[int, str]
) -> None:
    lanes: list[Track] = []
    numbers = in_lanes((binding.start_ns, binding.end_ns) for _, binding in bindings)
    for (connection, binding), number in zip(bindings, numbers, strict=True):
        if number == len(lanes):
            lanes.append(trace.track(BINDINGS, track, rank=number, lane=True))
        binding.lane = lanes[number]
        args = {"opened by": callers.get(connection), "ended by": binding.end, "connection": connection}
        trace.slice(lanes[number], binding.start_ns, binding.end_ns, binding.other, args)


def _draw_messages(trace: Trace, packets: Iterable[Packet], bindings: Ends) -> int:
    drawn = left_out = 0
    asked: dict[tuple[int, str], deque[int]] = defaultdict(deque)
    """By connection and who has to answer: the arrows under way."""
    for packet in packets:
        if packet.kind not in SHOWN:
            continue
        source = bindings.get((packet.source, packet.connection))
        target = bindings.get((packet.target, packet.connection))
        near = source or target
        if near is None or near.lane is None:
            continue
        if drawn == MOST_MESSAGES:
            left_out += 1
            continue
        drawn += 1
        flows: tuple[int, ...] = ()
        flows_to: tuple[int, ...] = ()
        if source and target:
            if packet.kind == QUESTION:
                flows = (drawn,)
                asked[packet.connection, packet.target].append(drawn)
            elif packet.kind == ANSWER and asked[packet.connection, packet.source]:
                flows_to = (asked[packet.connection, packet.source].popleft(),)
        args = {"from": packet.source, "to": packet.target}
        trace.instant(near.lane, packet.time_ns, packet.kind, args, flows=flows, flows_to=flows_to)
    return left_out
