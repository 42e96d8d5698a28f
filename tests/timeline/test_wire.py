"""What is drawn of packets, from rows made by hand."""

from typing import Any

import pytest
from tests.timeline.conftest import ReadTrace, as_read

from imafarm.report.timeline import _wire
from imafarm.report.timeline._trace import Trace
from imafarm.report.timeline._wire import Packet, draw_wire


def drawn(packets: list[Packet], hosts: list[str], **downs: list[int]) -> ReadTrace:
    trace = Trace()
    tracks = {host: trace.track(host) for host in ("A", "B", "C")}
    left_out = draw_wire(trace, tracks, packets, hosts, downs=downs, end_ns=100)
    assert left_out == (0, 0)
    return as_read(trace)


def talk(connection: int, at: int, source: str, target: str) -> list[Packet]:
    """A connection that is opened, asked on, answered on and closed."""
    return [
        Packet(at, "connect", source, target, connection, None),
        Packet(at + 1, "accept", target, source, connection, None),
        Packet(at + 2, "message", source, target, connection, "ELECT_MASTER"),
        Packet(at + 3, "message", target, source, connection, "ELECT_MASTER_ACK"),
        Packet(at + 4, "finish", source, target, connection, None),
        Packet(at + 5, "finish", target, source, connection, None),
    ]


def test_a_binding_is_a_slice_at_each_end_that_is_looked_at() -> None:
    read = drawn(talk(7, 10, "A", "B"), ["A", "B"])
    assert read.spans("A/bindings") == [("B", 10, 14)]
    assert read.spans("B/bindings") == [("A", 11, 15)]
    assert [one.args for one in read.slices] == [{"opened by": "A", "ended by": "finish", "connection": 7}] * 2
    alone = drawn(talk(7, 10, "A", "B"), ["B"])
    assert alone.spans("B/bindings") == [("A", 10, 14)]
    assert "A/bindings" not in alone.tracks


def test_an_arrow_goes_from_an_elect_master_to_its_answer() -> None:
    read = drawn([*talk(1, 10, "A", "B"), *talk(2, 30, "A", "C")], ["A", "B"])
    asked, answered, other, other_answer = read.instants
    assert (asked.track, asked.name, asked.start_ns, asked.args) == (
        "A/bindings",
        "ELECT_MASTER",
        12,
        {"from": "A", "to": "B"},
    )
    assert (answered.track, answered.name, answered.start_ns) == ("B/bindings", "ELECT_MASTER_ACK", 13)
    assert asked.flows == answered.flows_to and len(asked.flows) == 1
    assert (asked.depth, answered.depth) == (1, 1)
    # C is not looked at, so that what it says stands where it comes to.
    assert (other.track, other_answer.track) == ("A/bindings", "A/bindings")
    assert not other.flows and not other_answer.flows_to


def test_those_at_once_lie_on_lanes_and_a_lane_is_used_again() -> None:
    packets = sorted([*talk(1, 10, "A", "B"), *talk(2, 12, "A", "C"), *talk(3, 20, "B", "A")])
    read = drawn(packets, ["A"])
    assert read.tracks["A/bindings"] == 2
    assert [(one.name, one.start_ns, one.end_ns, one.depth) for one in read.on("A/bindings")] == [
        ("B", 10, 14, 0),
        ("C", 12, 16, 0),
        ("B", 20, 24, 0),
    ]


@pytest.mark.parametrize("how", ["refused", "broken", "finish"])
def test_how_it_ended_is_told(how: str) -> None:
    read = drawn([Packet(10, "connect", "A", "B", 0, None), Packet(12, how, "B", "A", 0, None)], ["A"])
    assert read.spans("A/bindings") == [("B", 10, 12)]
    assert read.slices[0].args["ended by"] == how


def test_a_host_that_goes_down_takes_its_bindings_along() -> None:
    opened = [Packet(10, "connect", "A", "B", 0, None), Packet(11, "accept", "B", "A", 0, None)]
    read = drawn([*opened, Packet(60, "broken", "B", "A", 0, None)], ["A", "B"], A=[5, 30, 50])
    assert read.spans("A/bindings") == [("B", 10, 30)]
    assert read.slices[0].args["ended by"] == "host down"
    assert read.spans("B/bindings") == [("A", 11, 60)]
    # It was paused at 30, since it went on with it.
    later = drawn([*opened, Packet(40, "message", "A", "B", 0, "HEARTBEAT")], ["A"], A=[5, 30, 50])
    assert later.spans("A/bindings") == [("B", 10, 50)]


def test_the_far_end_s_word_is_taken_where_there_is_no_other_and_else_the_farm_s_end() -> None:
    opened = [Packet(10, "connect", "A", "B", 0, None), Packet(11, "accept", "B", "A", 0, None)]
    read = drawn([*opened, Packet(20, "finish", "B", "A", 0, None)], ["A", "B"])
    assert read.spans("A/bindings") == [("B", 10, 20)]
    assert drawn(opened, ["A"]).spans("A/bindings") == [("B", 10, 100)]
    assert "ended by" not in drawn(opened, ["A"]).slices[0].args


def test_a_binding_that_nobody_opened_begins_with_the_first_that_is_heard_of_it() -> None:
    read = drawn([Packet(10, "message", "B", "A", 4, "ELECT_MASTER")], ["A"])
    assert read.spans("A/bindings") == [("B", 10, 100)]
    assert read.slices[0].args == {"connection": 4}
    assert read.marks("A/bindings") == [("ELECT_MASTER", 10)]


def test_too_many_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_wire, "MOST_BINDINGS", 3)
    monkeypatch.setattr(_wire, "MOST_MESSAGES", 2)
    packets = [packet for number in range(5) for packet in talk(number, 10 * number, "A", "B")]
    trace = Trace()
    tracks: dict[str, Any] = {host: trace.track(host) for host in "AB"}
    assert draw_wire(trace, tracks, packets, ["A"], downs={}, end_ns=100) == (2, 4)
    read = as_read(trace)
    assert (len(read.slices), len(read.instants)) == (3, 2)
