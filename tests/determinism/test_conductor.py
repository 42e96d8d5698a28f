"""What the conductor does that no emulated farm can be brought to do on order: stand still, be slow, be interrupted.

The farm here is a list of moments at which something happens.
"""

import signal
from collections.abc import Mapping

import pytest
import trio

import imafarm
from imafarm.emulated._conductor import Player, current_conductor

TICK_NS = 16


class Moments:
    """A farm that does nothing but come to its moments; a task may wait for one."""

    def __init__(self, *moments_ns: int, log: list[tuple[str, int]] | None = None, name: str = "farm") -> None:
        self.now_ns = current_conductor().clock.now_ns
        self.name = name
        self.log = [] if log is None else log
        self.news = trio.Event()
        self.watched = False
        self._moments = sorted(moments_ns)

    def apply_commands(self) -> bool:
        return False

    def next_news_ns(self) -> int | None:
        return (self._moments[0] // TICK_NS + 1) * TICK_NS if self._moments else None

    def is_watched(self) -> bool:
        return self.watched

    def advance(self, until_ns: int, max_events: int) -> bool:
        assert max_events > 0
        while self._moments and self._moments[0] < until_ns:
            happened_ns = self._moments.pop(0)
            self.log.append((self.name, happened_ns))
            if self.watched:
                self.watched = False
                self.news.set()
                self.now_ns = min(until_ns, (happened_ns // TICK_NS + 1) * TICK_NS)
                return False
        self.now_ns = until_ns
        return False

    def deliver_events(self) -> None:
        pass

    def waits(self) -> Mapping[trio.lowlevel.Task, str]:
        return {}

    async def wait_news(self) -> None:
        self.watched, self.news = True, trio.Event()
        await self.news.wait()


def join(player: Player) -> None:
    current_conductor().join(player)


def test_nothing_left_to_do_is_said_and_who_waits_for_what() -> None:
    async def waiter() -> None:
        await trio.sleep_forever()

    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=2, boot_seconds=None) as farm, trio.open_nursery() as nursery:
            nursery.start_soon(waiter)
            await farm.wait_master("Z1")

    with pytest.raises(imafarm.FarmDeadlock) as stuck:
        imafarm.run(main)
    first, second = stuck.value.waits
    assert first.startswith(
        f"{__name__}.{main.__qualname__} waits for zone Z1 to agree on a collector (test_conductor.py, line "
    )
    assert second.startswith(
        f"{__name__}.{waiter.__qualname__} waits for something outside the farm (test_conductor.py, line "
    )


def test_a_run_that_stands_still_cleans_up_before_it_says_so() -> None:
    closed: list[float] = []

    async def main() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(3)
                closed.append(trio.current_time())

    with pytest.raises(imafarm.FarmDeadlock):
        imafarm.run(main)
    assert closed == [3.0]


def test_a_task_wakes_at_the_end_of_the_tick_of_its_event() -> None:
    async def main() -> tuple[int, list[tuple[str, int]]]:
        farm = Moments(5, 40, 41, 90)
        join(farm)
        await trio.sleep(20e-9)
        await farm.wait_news()
        return current_conductor().clock.now_ns, farm.log

    assert imafarm.run(main) == (48, [("farm", 5), ("farm", 40)])


@pytest.mark.parametrize("opened_ns", [0, 7])
def test_farms_that_are_open_at_once_keep_step(opened_ns: int) -> None:
    """When a task wakes for one farm, no other farm has run past that instant."""

    async def main() -> list[tuple[int, int]]:
        await trio.sleep(opened_ns * 1e-9)
        log: list[tuple[str, int]] = []
        slow = Moments(1_000, 5_000, log=log, name="slow")
        quick = Moments(*range(100, 6_000, 100), log=log, name="quick")
        join(quick)
        join(slow)
        seen = []
        for _ in range(2):
            await slow.wait_news()
            seen.append((quick.now_ns, slow.now_ns))
            assert max(ns for name, ns in log if name == "quick") <= slow.now_ns
        return seen

    assert imafarm.run(main) == [(1_008, 1_008), (5_008, 5_008)]


def test_an_interrupt_lands_between_two_slices() -> None:
    class Endless(Moments):
        slices = 0

        def next_news_ns(self) -> int | None:
            return self.now_ns + 1

        def advance(self, until_ns: int, max_events: int) -> bool:
            self.slices += 1
            self.now_ns += 1
            if self.slices == 3:
                signal.raise_signal(signal.SIGINT)
            return True

    farms: list[Endless] = []

    async def main() -> None:
        farms.append(Endless())
        join(farms[0])
        await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        imafarm.run(main)
    assert 3 <= farms[0].slices <= 4


def test_a_farm_that_fails_stops_the_run_with_its_own_error() -> None:
    class Broken(Moments):
        def advance(self, until_ns: int, max_events: int) -> bool:
            raise ZeroDivisionError("broken")

    async def main() -> None:
        join(Broken(3))
        await trio.sleep(1)

    with pytest.raises(ZeroDivisionError, match="broken"):
        imafarm.run(main)


def test_a_farm_needs_farm_time() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=1):
            raise AssertionError("opened on another clock")

    with pytest.raises(RuntimeError, match=r"imafarm\.run"):
        trio.run(main)
