"""What is drawn of a farm's story, from rows made by hand."""

from dataclasses import replace

from tests.timeline.conftest import ReadTrace, as_read

from imafarm.farm import Election
from imafarm.report.timeline._farm import Bound, Happened, Sent, Story, draw_farm
from imafarm.report.timeline._trace import Trace

SECOND = 1_000_000_000
NEVER = Election("Z1", None, None, None, None, None, None, None, None, 0)


def drawn(story: Story) -> ReadTrace:
    trace = Trace()
    draw_farm(trace, story)
    return as_read(trace)


def of_one(*events: tuple[int, str, str | None], end_ns: int = 100) -> ReadTrace:
    """The farm of H1, H2 and what happened on H1."""
    rows = [Happened(ns, kind, "H1", other, "Z1") for ns, kind, other in events]
    return drawn(Story("a run", {"Z1": ["H1", "H2"]}, end_ns, rows))


def test_a_track_for_the_farm_each_zone_and_each_host() -> None:
    read = drawn(Story("a run", {"Z2": ["H3"], "Z1": ["H2", "H1"]}, 5, moments=[(2e-9, "something"), (3e-9, "else")]))
    assert list(read.tracks) == ["farm", "farm/Z2", "farm/Z2/H3", "farm/Z1", "farm/Z1/H2", "farm/Z1/H1"]
    assert read.spans("farm") == [("a run", 0, 5)]
    assert read.marks("farm") == [("something", 2), ("else", 3)]


def test_a_host_is_one_thing_after_the_other() -> None:
    read = of_one(
        (10, "HOST_UP", None),
        (12, "MASTER_ACCEPTED", "H2"),
        (30, "MASTER_UNREACHABLE", "H2"),
        (30, "ELECTION_STARTED", None),
        (31, "ELECTION_ACKNOWLEDGED", None),
        (40, "ELECTION_STARTED", None),
        (45, "MASTER_DECLARED", None),
        (45, "ZONE_AGREED", None),
        (60, "MASTER_RESIGNED", "H2"),
        (60, "MASTER_ACCEPTED", "H2"),
        (80, "HOST_DOWN", None),
    )
    assert read.spans("farm/Z1/H1") == [
        ("up", 10, 80),
        ("member of H2", 12, 30),
        ("candidate", 30, 31),
        ("waits for DECLARE_MASTER", 31, 40),
        ("candidate", 40, 45),
        ("data collector", 45, 60),
        ("member of H2", 60, 80),
    ]
    assert [one.depth for one in read.on("farm/Z1/H1")] == [0, 1, 1, 1, 1, 1, 1]
    assert read.marks("farm/Z1/H1")[:2] == [("MASTER_ACCEPTED", 12), ("MASTER_UNREACHABLE", 30)]
    assert read.instants[0].args == {"other": "H2"}
    assert read.marks("farm/Z1") == [("agreed on H1", 45)]


def test_what_has_not_ended_ends_with_the_farm() -> None:
    read = of_one((10, "HOST_UP", None), (20, "ELECTION_STARTED", None))
    assert read.spans("farm/Z1/H1") == [("up", 10, 100), ("candidate", 20, 100)]
    assert read.spans("farm/Z1/H2") == []


def test_a_start_that_waits_for_the_data_store() -> None:
    read = of_one((10, "HOST_STARTING", None), (30, "HOST_UP", None), (40, "HOST_DOWN", None))
    assert read.spans("farm/Z1/H1") == [("starts", 10, 30), ("up", 30, 40)]
    refused = of_one((10, "HOST_STARTING", None), (30, "START_REFUSED", None), (30, "HOST_DOWN", None))
    assert refused.spans("farm/Z1/H1") == [("starts", 10, 30)]
    assert refused.marks("farm/Z1/H1") == [("START_REFUSED", 30)]


def test_a_collector_that_was_paused_goes_on_as_one() -> None:
    before = [(10, "HOST_UP", None), (11, "ELECTION_STARTED", None), (11, "MASTER_DECLARED", None)]
    assert of_one(*before).spans("farm/Z1/H1") == [("up", 10, 100), ("data collector", 11, 100)]
    agreed = of_one(*before, (20, "HOST_DOWN", None), (30, "HOST_UP", None), (35, "ZONE_AGREED", None))
    assert agreed.spans("farm/Z1/H1")[1:] == [("data collector", 11, 20), ("up", 30, 100), ("data collector", 30, 100)]
    resigned = of_one(*before, (20, "HOST_DOWN", None), (30, "HOST_UP", None), (32, "MASTER_RESIGNED", "H2"))
    assert resigned.spans("farm/Z1/H1")[1:] == [("data collector", 11, 20), ("up", 30, 100), ("data collector", 30, 32)]


def test_users_leave_no_marks() -> None:
    read = of_one(
        (10, "HOST_UP", None), (11, "SESSION_CHANGED", None), (12, "TABLE_CHANGED", None), (13, "RESOLVED", "H2")
    )
    assert read.marks("farm/Z1/H1") == [("RESOLVED", 13)]


def election(**seconds: float | None) -> list[tuple[str, int, int | None, int]]:
    rows = [replace(NEVER, **seconds)]  # type: ignore[arg-type]
    read = drawn(Story("a run", {"Z1": ["H1"]}, 100 * SECOND, elections=rows))
    return [(one.name, one.start_ns, one.end_ns, one.depth) for one in read.on("farm/Z1")]


def test_an_election_and_its_phases() -> None:
    one = replace(
        NEVER,
        doubted_seconds=10.5,
        doubted_by="H7",
        started_seconds=11.0,
        started_by="H8",
        first_ack_seconds=11.25,
        declared_seconds=12.0,
        master="H9",
        converged_seconds=13.123456789,
        candidates=4,
    )
    read = drawn(Story("a run", {"Z1": ["H1"]}, 100 * SECOND, elections=[one]))
    assert read.spans("farm/Z1") == [
        ("election", 10_500_000_000, 13_123_456_789),
        ("doubt", 10_500_000_000, 11_000_000_000),
        ("ELECT_MASTER", 11_000_000_000, 12_000_000_000),
        ("DECLARE_MASTER", 12_000_000_000, 13_123_456_789),
    ]
    assert [part.depth for part in read.on("farm/Z1")] == [0, 1, 1, 1]
    assert read.slices[1].args == {
        "master": "H9",
        "candidates": 4,
        "doubted by": "H7",
        "started by": "H8",
        "agreed": True,
    }
    assert read.marks("farm/Z1") == [("first ELECT_MASTER_ACK", 11_250_000_000)]


def test_an_election_of_which_parts_are_missing() -> None:
    assert election() == []
    assert election(started_seconds=5.0) == [("election", 5 * SECOND, 100 * SECOND, 0)]
    assert election(doubted_seconds=5.0) == [("election", 5 * SECOND, 100 * SECOND, 0)]
    assert election(declared_seconds=5.0, converged_seconds=6.0) == [
        ("election", 5 * SECOND, 6 * SECOND, 0),
        ("DECLARE_MASTER", 5 * SECOND, 6 * SECOND, 1),
    ]
    # Somebody began without doubt, and others doubted later.
    assert election(started_seconds=5.0, doubted_seconds=6.0, declared_seconds=7.0) == [
        ("election", 5 * SECOND, 100 * SECOND, 0),
        ("ELECT_MASTER", 5 * SECOND, 7 * SECOND, 1),
        ("DECLARE_MASTER", 7 * SECOND, 100 * SECOND, 1),
    ]


def test_counters_are_rates_within_bins_and_nothing_between_them() -> None:
    sent = [
        Sent(0, SECOND, "Z1", 10),
        Sent(0, SECOND, "Z2", 3),
        Sent(SECOND, 2 * SECOND, "Z1", 10),
        Sent(4 * SECOND, 5 * SECOND, "Z1", 7),
        Sent(5 * SECOND, 5 * SECOND + SECOND // 2, "Z1", 2),
    ]
    bound = [Bound(0, SECOND, "Z1", 0, 5), Bound(SECOND, 2 * SECOND, "Z1", 4, 3)]
    read = drawn(Story("a run", {"Z1": ["H1"], "Z2": ["H2"]}, 9 * SECOND, sent=sent, bound=bound))
    assert read.counts["farm/Z1/messages sent"] == [
        (0, 10),
        (2 * SECOND, 0),
        (4 * SECOND, 7),
        (5 * SECOND, 4),
        (5 * SECOND + SECOND // 2, 0),
    ]
    assert read.counts["farm/Z2/messages sent"] == [(0, 3), (SECOND, 0)]
    assert read.counts["farm/Z1/open bindings"] == [(SECOND, 5), (2 * SECOND, 3)]
    assert read.counts["farm/Z1/evictions"] == [(0, 0), (SECOND, 4), (2 * SECOND, 0)]
    assert read.units["farm/Z1/messages sent"] == "messages/s"
    # Nothing is drawn of a zone that has nothing.
    assert "farm/Z2/open bindings" not in read.tracks
    assert list(read.tracks)[2:6] == [
        f"farm/Z1/{name}" for name in ("messages sent", "open bindings", "evictions", "H1")
    ]
