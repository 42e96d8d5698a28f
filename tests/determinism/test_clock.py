"""Farm time as Trio reads it: whole nanoseconds below, seconds above, and no deadline missed or met twice."""

import math

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

import imafarm
from imafarm.emulated._clock import NANOSECONDS, FarmClock


@given(
    now_ns=st.integers(min_value=0, max_value=400 * 86_400 * NANOSECONDS),
    wait=st.floats(min_value=0.0, max_value=1e7),
)
def test_a_deadline_is_met_once_its_nanosecond_is_reached(now_ns: int, wait: float) -> None:
    clock = FarmClock()
    clock.move_to(now_ns)
    deadline = clock.current_time() + wait
    slept = clock.deadline_to_sleep_time(deadline)
    assert slept == (0.0 if deadline <= clock.current_time() else math.inf)
    due_ns = clock.next_deadline_ns()
    assert due_ns is not None
    assert due_ns >= now_ns
    clock.move_to(due_ns)
    assert clock.current_time() >= deadline
    assert clock.deadline_to_sleep_time(deadline) == 0.0


def test_a_clock_without_deadlines_has_none() -> None:
    clock = FarmClock()
    clock.deadline_to_sleep_time(math.inf)
    assert clock.next_deadline_ns() is None


def test_farm_time_does_not_go_back() -> None:
    clock = FarmClock()
    clock.move_to(5)
    with pytest.raises(ValueError, match="from 5 ns to 4 ns"):
        clock.move_to(4)


def test_many_small_sleeps_make_one_long_one() -> None:
    async def main() -> float:
        for _ in range(1_000):
            await trio.sleep(0.1)
        return trio.current_time()

    assert imafarm.run(main) == pytest.approx(100.0, abs=1e-9)


def test_days_pass_at_once_and_in_order() -> None:
    woken: list[float] = []

    async def sleeper(days: float) -> None:
        await trio.sleep(days * 86_400)
        woken.append(days)

    async def main() -> float:
        async with trio.open_nursery() as nursery:
            for days in (30, 1, 365, 7):
                nursery.start_soon(sleeper, days)
        return trio.current_time()

    assert imafarm.run(main) == 365 * 86_400
    assert woken == [1, 7, 30, 365]


def test_a_time_out_ends_at_its_second() -> None:
    async def main() -> float:
        with trio.move_on_after(12.5):
            await trio.sleep_forever()
        return trio.current_time()

    assert imafarm.run(main) == 12.5


def test_a_run_gives_back_what_main_gives() -> None:
    async def main(left: int, right: int) -> int:
        await trio.lowlevel.checkpoint()
        return left + right

    assert imafarm.run(main, 3, 4) == 7


def test_a_run_raises_what_main_raises() -> None:
    async def main() -> None:
        await trio.sleep(1)
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        imafarm.run(main)
