"""Bins, round numbers, and the axis without waits."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imafarm.report.html._scales import (
    SECOND,
    UNITS,
    Bins,
    PhasedAxis,
    amount,
    bins_over,
    round_steps,
    seconds,
    size,
    staircase,
    unit_of,
)

TIMES = st.lists(st.integers(0, 10**15), min_size=1, max_size=60)


@given(st.integers(0, 10**9), st.integers(300, 10**12), st.integers(1, 300), st.data())
def test_all_of_a_span_falls_somewhere(start: int, length: int, count: int, data: st.DataObject) -> None:
    bins = Bins(start, start + length, count)
    first = data.draw(st.integers(start, start + length - 1))
    last = data.draw(st.integers(first + 1, start + length))
    parts = bins.spread(first, last)
    assert sum(part for _, part in parts) == pytest.approx(1)
    assert all(0 <= place < count for place, _ in parts)


@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=50), st.integers(1, 200))
def test_bins_hold_whole_ones(places: list[int], most: int) -> None:
    starts, ends = [place * SECOND for place in places], [(place + 1) * SECOND for place in places]
    bins = bins_over(starts, ends, most)
    assert bins is not None and bins.count <= most
    assert bins.start_ns == min(starts) and bins.end_ns >= max(ends)
    assert all(len(bins.spread(start, end)) == 1 for start, end in zip(starts, ends, strict=True))


def test_no_bins_over_nothing() -> None:
    assert bins_over([], [], 10) is None
    assert bins_over([5], [5], 10) is None


@given(TIMES, st.integers(1, 7))
def test_an_axis_keeps_the_order_of_time(times: list[int], most: int) -> None:
    axis = PhasedAxis(times, most)
    places = [axis.place(ns) for ns in sorted(times)]
    assert all(before <= after for before, after in pairwise(places))
    assert all(0 <= place <= 1 for place in places)
    assert 1 <= len(axis.phases) <= most
    assert all(before.right < after.left for before, after in pairwise(axis.phases))


@given(TIMES, st.integers(2, 12), st.sampled_from(UNITS))
def test_ticks_stand_apart(times: list[int], most: int, unit: object) -> None:
    ticks = PhasedAxis(times).ticks(next(each for each in UNITS if each is unit), most)
    assert ticks
    assert all(after - before > 0.5 / most for (before, _), (after, _) in pairwise(ticks))


def test_waits_are_left_out() -> None:
    # Asking, a second of waiting, telling.
    asking = [n * 100_000 for n in range(50)]
    telling = [SECOND + n * 100_000 for n in range(90)]
    axis = PhasedAxis([*asking, *telling])
    first, second = axis.phases
    assert (first.right - first.left) > 0.3 and (second.right - second.left) > 0.3
    assert first.start_ns <= 0 < asking[-1] <= first.end_ns < second.start_ns <= SECOND
    # An hour does not hide a second; and what is drawn around a span is less than the wait beside it.
    axis = PhasedAxis([*asking, *telling, 3_600 * SECOND])
    assert [(each.first_ns, each.last_ns) for each in axis.phases] == [
        (asking[0], asking[-1]),
        (telling[0], telling[-1]),
        (3_600 * SECOND, 3_600 * SECOND),
    ]
    assert all(before.end_ns < after.start_ns for before, after in pairwise(axis.phases))
    # Time that goes on evenly stays in one piece.
    assert len(PhasedAxis([n * SECOND for n in range(100)]).phases) == 1


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e9), st.integers(1, 20))
def test_round_numbers(start: float, span: float, most: int) -> None:
    steps = round_steps(start, start + span, most)
    assert len(steps) <= most + 1
    assert all(start - span * 1e-6 <= step <= start + span * (1 + 1e-6) for step in steps)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (0.00001, "1.0e-05"),
        (0.5, "0.5"),
        (999.4, "999"),
        (4_321, "4,321"),
        (43_210, "43.2k"),
        (999_999, "1,000k"),
        (1_234_567, "1.23M"),
        (-2e9, "-2G"),
    ],
)
def test_amounts(value: float, said: str) -> None:
    assert amount(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0 B"), (17.5, "17.5 B"), (1_024, "1 KiB"), (5 * 2**20, "5 MiB"), (3 * 2**41, "6 TiB")]
)
def test_sizes(value: float, said: str) -> None:
    assert size(value) == said


def test_time_is_told_in_its_unit() -> None:
    assert [unit_of(span * SECOND).name for span in (0.2, 120, 3_600, 86_400, 10**6)] == ["ms", "s", "min", "h", "days"]
    assert [seconds(value) for value in (None, 1.0094, 86_400.0, 350_000.0)] == [
        "-",
        "1.009 s",
        "86,400.000 s",
        "350,000.0 s",
    ]


@given(st.lists(st.tuples(st.floats(0, 700), st.floats(1, 90)), max_size=7))
def test_flags_cover_neither_flags_nor_poles(flags: list[tuple[float, float]]) -> None:
    starts = sorted(start for start, _ in flags)
    ends = [start + length for start, (_, length) in zip(starts, flags, strict=True)]
    steps = staircase(starts, ends)
    assert all(
        # A pole reaches from the plot to its flag: it must not go through a flag that hangs lower, or as high.
        higher > lower or starts[right] >= ends[left]
        for left, higher in enumerate(steps)
        for right, lower in enumerate(steps)
        if left < right
    )
    apart = all(end <= after for end, after in zip(ends, starts[1:], strict=False))
    assert not any(steps) or not apart


def test_labels_of_times_do_not_run_into_one_another() -> None:
    times = [0, 2_000_000, 2_600_000, 3_800_000, 1_001_775_000, 1_002_140_000, 1_003_500_000]
    axis, letter = PhasedAxis(times), 0.028
    ticks = axis.ticks(UNITS[0], 5, letter)
    ends = [(at - len(text) * letter / 2, at + len(text) * letter / 2) for at, text in ticks]
    assert 2 < len(ticks) < len(axis.ticks(UNITS[0], 5))
    assert all(before[1] < after[0] for before, after in pairwise(ends))
