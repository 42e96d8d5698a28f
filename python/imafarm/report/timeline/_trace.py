"""A trace as Perfetto reads it: tracks below tracks, and on them slices, instants, counts and arrows.

Whoever fills one says only what was when. Here it is put in order: the slices of one track lie beside or within one
another and never across, each has its end, and equal fillings make equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import TracePacket

Value = str | int | float | bool

SEQUENCE = 1
"""The one sequence of packets: whatever is said by number is said within one."""
PACKETS_AT_ONCE = 4_096
"""How many packets are put together before they go to the file."""

# The numbers of perfetto's TrackEvent.Type, TrackDescriptor.ChildTracksOrdering, its SiblingMergeBehavior, and
# TracePacket.SequenceFlags.
_SLICE_BEGIN, _SLICE_END, _INSTANT, _COUNTER = 1, 2, 3, 4
_EXPLICIT = 3
_BY_NAME, _NOT_MERGED = 1, 2
_BEGINNING, _GOES_ON = 1, 2


@dataclass(frozen=True, slots=True)
class Track:
    """A line of the picture."""

    number: int
    name: str
    above: int | None
    rank: int
    """Its place among those with the same track above them, from the top."""
    unit: str | None = None
    """What is counted on it, if it is a counter."""
    lane: bool = False
    """Whether it and its neighbours of the same name are shown as one."""


@dataclass(slots=True)
class _Event:
    """Something at one moment of a track; of a slice its beginning, or its end."""

    time_ns: int
    type: int
    track: int
    name: str = ""
    args: Mapping[str, Value] = field(default_factory=dict)
    flows: tuple[int, ...] = ()
    """The arrows that go through it."""
    flows_to: tuple[int, ...] = ()
    """The arrows that end in it."""
    count: int = 0


@dataclass(slots=True)
class _Slice:
    start_ns: int
    end_ns: int
    begin: _Event


class Trace:
    """What is to be shown. Times are nanoseconds, and not below zero."""

    def __init__(self) -> None:
        self._tracks: list[Track] = []
        self._slices: dict[int, list[_Slice]] = {}
        self._others: list[_Event] = []

    def track(self, name: str, above: Track | None = None, *, rank: int = 0, lane: bool = False) -> Track:
        """One more track, below another or at the root."""
        return self._add(name, above, rank, None, lane)

    def counter(self, name: str, above: Track, *, unit: str, rank: int = 0) -> Track:
        """One more track, on which a number is drawn."""
        return self._add(name, above, rank, unit, False)

    def slice(
        self,
        track: Track,
        start_ns: int,
        end_ns: int,
        name: str,
        args: Mapping[str, Value | None] | None = None,
        *,
        flows: tuple[int, ...] = (),
        flows_to: tuple[int, ...] = (),
    ) -> None:
        """Something that lasts. What begins within another of the track has to end within it, too, or is cut there. Of
        two that are equally long the one that came first is around the other."""
        begin = _Event(start_ns, _SLICE_BEGIN, track.number, name, _known(args), flows, flows_to)
        self._slices.setdefault(track.number, []).append(_Slice(start_ns, max(start_ns, end_ns), begin))

    def instant(
        self,
        track: Track,
        time_ns: int,
        name: str,
        args: Mapping[str, Value | None] | None = None,
        *,
        flows: tuple[int, ...] = (),
        flows_to: tuple[int, ...] = (),
    ) -> None:
        """Something that happens at once."""
        self._others.append(_Event(time_ns, _INSTANT, track.number, name, _known(args), flows, flows_to))

    def count(self, track: Track, time_ns: int, value: int) -> None:
        """From this moment on a counter is at `value`."""
        self._others.append(_Event(time_ns, _COUNTER, track.number, count=value))

    def write(self, file: IO[bytes]) -> None:
        """Writes all of it down."""
        events = [event for number in sorted(self._slices) for event in _in_order(self._slices[number])]
        events += self._others
        # Python's sort leaves equal moments in this order, and Perfetto goes by it.
        events.sort(key=lambda event: event.time_ns)
        writer = _Writer(file)
        for track in self._tracks:
            writer.describe(track)
        for event in events:
            writer.tell(event)
        writer.flush()

    def _add(self, name: str, above: Track | None, rank: int, unit: str | None, lane: bool) -> Track:
        track = Track(len(self._tracks) + 1, name, above.number if above else None, rank, unit, lane)
        self._tracks.append(track)
        return track


def in_lanes(spans: Iterable[tuple[int, int]]) -> list[int]:
    """For each span, from the earliest on, the first lane that is free. A span's end is free for the next."""
    busy: list[tuple[int, int]] = []
    free: list[int] = []
    lanes = []
    for start, end in spans:
        while busy and busy[0][0] <= start:
            heappush(free, heappop(busy)[1])
        lane = heappop(free) if free else len(busy)
        heappush(busy, (end, lane))
        lanes.append(lane)
    return lanes


def _known(args: Mapping[str, Value | None] | None) -> dict[str, Value]:
    return {name: value for name, value in (args or {}).items() if value is not None}


def _in_order(slices: list[_Slice]) -> list[_Event]:
    """Beginnings and ends of one track's slices: each end is that of the last that was begun and has not ended."""
    events: list[_Event] = []
    open_until: list[int] = []

    def end_until(time_ns: int) -> None:
        while open_until and open_until[-1] <= time_ns:
            events.append(_Event(open_until.pop(), _SLICE_END, slices[0].begin.track))

    for one in sorted(slices, key=lambda one: (one.start_ns, -one.end_ns)):
        end_until(one.start_ns)
        events.append(one.begin)
        open_until.append(min(one.end_ns, open_until[-1]) if open_until else one.end_ns)
    end_until(max(one.end_ns for one in slices))
    return events


class _Writer:
    """Packets into a file. What is said often is said once by name, and then by number."""

    def __init__(self, file: IO[bytes]) -> None:
        # Some tenths of a second, for those alone who write a trace.
        from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace as Packets

        self._packets = Packets()
        self._file = file
        self._waiting = 0
        self._begun = False
        self._event_names: dict[str, int] = {}
        self._arg_names: dict[str, int] = {}
        self._strings: dict[str, int] = {}

    def describe(self, track: Track) -> None:
        """A track is there."""
        descriptor = self._packet().track_descriptor
        descriptor.uuid = track.number
        descriptor.name = track.name
        descriptor.child_ordering = _EXPLICIT
        descriptor.sibling_merge_behavior = _BY_NAME if track.lane else _NOT_MERGED
        if track.above is not None:
            descriptor.parent_uuid = track.above
            descriptor.sibling_order_rank = track.rank
        if track.unit is not None:
            descriptor.counter.unit_name = track.unit

    def tell(self, event: _Event) -> None:
        """Something is on a track."""
        packet = self._packet()
        packet.timestamp = event.time_ns
        told = packet.track_event
        told.type = event.type
        told.track_uuid = event.track
        if event.type == _COUNTER:
            told.counter_value = event.count
            return
        if event.name:
            told.name_iid = self._number(packet, event.name, self._event_names, "event_names")
        for name, value in event.args.items():
            arg = told.debug_annotations.add()
            arg.name_iid = self._number(packet, name, self._arg_names, "debug_annotation_names")
            if isinstance(value, bool):
                arg.bool_value = value
            elif isinstance(value, int):
                arg.int_value = value
            elif isinstance(value, float):
                arg.double_value = value
            else:
                arg.string_value_iid = self._number(packet, value, self._strings, "debug_annotation_string_values")
        told.flow_ids.extend(event.flows)
        told.terminating_flow_ids.extend(event.flows_to)

    def flush(self) -> None:
        """What is left goes to the file."""
        self._file.write(self._packets.SerializeToString(deterministic=True))
        self._packets.Clear()
        self._waiting = 0

    def _packet(self) -> TracePacket:
        if self._waiting == PACKETS_AT_ONCE:
            self.flush()
        self._waiting += 1
        packet = self._packets.packet.add()
        packet.trusted_packet_sequence_id = SEQUENCE
        packet.sequence_flags = _GOES_ON if self._begun else _BEGINNING
        self._begun = True
        return packet

    def _number(self, packet: TracePacket, text: str, known: dict[str, int], table: str) -> int:
        """The number of a text, which the packet says if it is the first to need it."""
        number = known.get(text)
        if number is None:
            number = known[text] = len(known) + 1
            entry = getattr(packet.interned_data, table).add()
            entry.iid = number
            if table == "debug_annotation_string_values":
                entry.str = text.encode()
            else:
                entry.name = text
        return number
