"""Traces read back, by Perfetto's own messages and the rules of its trace processor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as pb

from imafarm.report.timeline._trace import Trace

EVENT = pb.TrackEvent


@dataclass
class Slice:
    """A slice, with those that lie within it."""

    track: str
    name: str
    start_ns: int
    args: dict[str, Any]
    depth: int
    flows: list[int]
    flows_to: list[int]
    end_ns: int | None = None
    """`None` if it never ends."""


@dataclass
class ReadTrace:
    """What a trace says. Tracks go by their path, such as `farm/Z1/H1`; of one path may be several."""

    tracks: dict[str, int] = field(default_factory=dict)
    """How many there are of each path, in the order in which a picture shows them."""
    slices: list[Slice] = field(default_factory=list)
    instants: list[Slice] = field(default_factory=list)
    counts: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)

    def on(self, track: str) -> list[Slice]:
        """The slices of a track, in the order in which they begin."""
        return [one for one in self.slices if one.track == track]

    def spans(self, track: str) -> list[tuple[str, int, int | None]]:
        """The same, without what is told of them."""
        return [(one.name, one.start_ns, one.end_ns) for one in self.on(track)]

    def marks(self, track: str) -> list[tuple[str, int]]:
        """The instants of a track."""
        return [(one.name, one.start_ns) for one in self.instants if one.track == track]


def read(data: bytes) -> ReadTrace:
    """Reads a trace. It has to be whole: no slice ends that has not begun, whatever has a number has been named."""
    trace = pb.Trace.FromString(data)
    assert trace.packet[0].sequence_flags & pb.TracePacket.SEQ_INCREMENTAL_STATE_CLEARED
    assert {packet.trusted_packet_sequence_id for packet in trace.packet} == {1}
    found = ReadTrace()
    descriptors = {p.track_descriptor.uuid: p.track_descriptor for p in trace.packet if p.HasField("track_descriptor")}
    paths = _paths(descriptors)
    for number in _as_shown(descriptors):
        found.tracks[paths[number]] = found.tracks.get(paths[number], 0) + 1
        if descriptors[number].HasField("counter"):
            found.units[paths[number]] = descriptors[number].counter.unit_name
    names: dict[int, str] = {}
    arg_names: dict[int, str] = {}
    strings: dict[int, str] = {}
    stacks: dict[int, list[Slice]] = {}
    last_ns = 0
    for packet in trace.packet:
        names |= {entry.iid: entry.name for entry in packet.interned_data.event_names}
        arg_names |= {entry.iid: entry.name for entry in packet.interned_data.debug_annotation_names}
        strings |= {entry.iid: entry.str.decode() for entry in packet.interned_data.debug_annotation_string_values}
        if not packet.HasField("track_event"):
            continue
        assert last_ns <= packet.timestamp
        last_ns = packet.timestamp
        event = packet.track_event
        path, stack = paths[event.track_uuid], stacks.setdefault(event.track_uuid, [])
        if event.type == EVENT.TYPE_COUNTER:
            found.counts.setdefault(path, []).append((packet.timestamp, event.counter_value))
        elif event.type == EVENT.TYPE_SLICE_END:
            stack.pop().end_ns = packet.timestamp
        else:
            args = {arg_names[arg.name_iid]: _value(arg, strings) for arg in event.debug_annotations}
            one = Slice(path, names[event.name_iid], packet.timestamp, args, len(stack), [], [])
            one.flows, one.flows_to = list(event.flow_ids), list(event.terminating_flow_ids)
            if event.type == EVENT.TYPE_SLICE_BEGIN:
                found.slices.append(one)
                stack.append(one)
            else:
                assert event.type == EVENT.TYPE_INSTANT
                found.instants.append(one)
    assert not any(stacks.values()), "slices without an end"
    return found


def _value(arg: Any, strings: dict[int, str]) -> Any:
    which = arg.WhichOneof("value")
    return strings[arg.string_value_iid] if which == "string_value_iid" else getattr(arg, which)


def _paths(descriptors: dict[int, Any]) -> dict[int, str]:
    paths: dict[int, str] = {}
    for number, descriptor in descriptors.items():
        above = f"{paths[descriptor.parent_uuid]}/" if descriptor.HasField("parent_uuid") else ""
        paths[number] = above + descriptor.name
    return paths


def _as_shown(descriptors: dict[int, Any]) -> list[int]:
    below: dict[int, list[int]] = {}
    for number, descriptor in descriptors.items():
        below.setdefault(descriptor.parent_uuid, []).append(number)
    shown: list[int] = []

    def show(number: int) -> None:
        shown.append(number)
        for child in sorted(below.get(number, ()), key=lambda child: descriptors[child].sibling_order_rank):
            show(child)

    for root in below.get(0, ()):
        show(root)
    assert sorted(shown) == sorted(descriptors)
    return shown


def as_read(trace: Trace) -> ReadTrace:
    """What a trace says once it is written."""
    file = BytesIO()
    trace.write(file)
    return read(file.getvalue())


@pytest.fixture
def read_file() -> Callable[[Path], ReadTrace]:
    return lambda path: read(path.read_bytes())
