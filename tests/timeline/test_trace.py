"""Slices, instants, counts and arrows, as they come out of a file."""

from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st
from tests.timeline.conftest import as_read

from imafarm.report.timeline._trace import PACKETS_AT_ONCE, Trace, Value, in_lanes

SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)).map(lambda at: (at[0], at[0] + at[1])), max_size=40)


def written(trace: Trace) -> bytes:
    file = BytesIO()
    trace.write(file)
    return file.getvalue()


def test_tracks_stand_in_the_order_of_their_ranks() -> None:
    trace = Trace()
    farm = trace.track("farm")
    second = trace.track("second", farm, rank=2)
    trace.counter("count", farm, unit="things/s", rank=1)
    trace.track("below", second)
    read = as_read(trace)
    assert list(read.tracks) == ["farm", "farm/count", "farm/second", "farm/second/below"]
    assert read.units == {"farm/count": "things/s"}


def test_what_begins_and_ends_together_is_nested_and_what_follows_is_beside() -> None:
    trace = Trace()
    track = trace.track("host")
    trace.slice(track, 10, 20, "outer")
    trace.slice(track, 10, 15, "inner")
    trace.slice(track, 15, 15, "nothing long")
    trace.slice(track, 15, 20, "inner")
    trace.slice(track, 20, 30, "next")
    read = as_read(trace)
    assert [(one.name, one.start_ns, one.end_ns, one.depth) for one in read.slices] == [
        ("outer", 10, 20, 0),
        ("inner", 10, 15, 1),
        ("inner", 15, 20, 1),
        ("nothing long", 15, 15, 2),
        ("next", 20, 30, 0),
    ]


def test_what_lies_across_is_cut() -> None:
    trace = Trace()
    track = trace.track("host")
    trace.slice(track, 0, 10, "first")
    trace.slice(track, 5, 15, "second")
    assert as_read(trace).spans("host") == [("first", 0, 10), ("second", 5, 10)]


def test_arguments_and_arrows_come_through() -> None:
    trace = Trace()
    track = trace.track("host")
    args: dict[str, Value | None] = {"text": "H1", "number": -7, "yes": True, "part": 0.5, "unknown": None}
    trace.slice(track, 0, 1, "asks", args, flows=(3,))
    trace.instant(track, 2, "answers", {"text": "H1"}, flows_to=(3,))
    read = as_read(trace)
    assert read.slices[0].args == {"text": "H1", "number": -7, "yes": True, "part": 0.5}
    assert (read.slices[0].flows, read.slices[0].flows_to) == ([3], [])
    assert (read.instants[0].args, read.instants[0].flows_to) == ({"text": "H1"}, [3])


def test_hostile_names_survive() -> None:
    names = ["farm/../..", "\x00", '"}]', "\u202eevil\u202c", "<script>", "名前\U0001f4a5", "x" * 10_000, " "]
    trace = Trace()
    track = trace.track("farm")
    for place, name in enumerate(names):
        below = trace.track(name, track, rank=place)
        trace.slice(below, place, place + 1, name, {name: name})
    read = as_read(trace)
    assert list(read.tracks) == ["farm", *(f"farm/{name}" for name in names)]
    assert [(one.name, one.args) for one in read.slices] == [(name, {name: name}) for name in names]


def test_more_packets_than_are_put_together_at_once() -> None:
    trace = Trace()
    track = trace.track("host")
    for number in range(PACKETS_AT_ONCE):
        trace.slice(track, number, number + 1, f"slice {number % 7}", {"number": number})
    read = as_read(trace)
    assert [one.args["number"] for one in read.slices] == list(range(PACKETS_AT_ONCE))
    assert {one.depth for one in read.slices} == {0}


def test_an_empty_trace_can_be_written() -> None:
    assert written(Trace()) == b""


@given(SPANS)
def test_whatever_lies_on_a_track_is_balanced(spans: list[tuple[int, int]]) -> None:
    trace, again = Trace(), Trace()
    for each in (trace, again):
        track = each.track("host")
        for number, (start, end) in enumerate(spans):
            each.slice(track, start, end, f"{number}")
    read = as_read(trace)
    assert written(trace) == written(again)
    assert sorted(one.name for one in read.slices) == sorted(f"{number}" for number in range(len(spans)))
    for one in read.slices:
        start, end = spans[int(one.name)]
        assert one.start_ns == start and one.end_ns is not None and one.end_ns <= end
        # It is cut short only by what lies around it.
        around = [other for other in read.slices if other.depth < one.depth and other.start_ns <= start]
        assert one.end_ns == end or any(other.end_ns == one.end_ns for other in around)


@given(SPANS.map(sorted))
def test_nothing_lies_across_on_a_lane_and_there_are_no_more_lanes_than_needed(spans: list[tuple[int, int]]) -> None:
    lanes = in_lanes(spans)
    last: dict[int, int] = {}
    for lane, (start, end) in zip(lanes, spans, strict=True):
        assert last.get(lane, 0) <= start
        last[lane] = end
    at_once = max((sum(start <= moment < end for start, end in spans) for moment in range(50)), default=0)
    assert len(last) <= at_once + 1
