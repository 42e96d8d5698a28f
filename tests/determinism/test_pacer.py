"""Whoever paces farm time decides when something is emulated, never what happens."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import trio

import imafarm
from imafarm.emulated import Pacer, run
from imafarm.emulated._conductor import current_conductor
from imafarm.farm import EventKind

HOSTS = 60
STORM_HOSTS = 250


@dataclass
class Told:
    """What tasks of a run have seen."""

    digest: str = ""
    woken: list[tuple[float, str]] = field(default_factory=list)


def play(
    pacer: Pacer | None, *, hosts: int = HOSTS, bound: bool = False, exact: bool = False, threads: int = 2
) -> Told:
    """A boot, a failover and a quiet while in two zones, with a task that watches."""
    told = Told()

    async def main() -> None:
        async with (
            imafarm.open_emulated_farm(
                hosts=hosts, zones=2, seed=7, boot_seconds=5, bound=bound, exact_queue=exact, threads=threads
            ) as farm,
            trio.open_nursery() as nursery,
        ):
            if isinstance(pacer, Looking):
                pacer.farm = farm
            nursery.start_soon(watch, farm)
            old = await farm.wait_master("Z1")
            await farm.crash(old)
            await farm.wait_master("Z1", other_than=old)
            await trio.sleep(40)
            told.digest = farm.digest()
            nursery.cancel_scope.cancel()

    async def watch(farm: imafarm.EmulatedFarm) -> None:
        async with farm.watch(EventKind.ZONE_AGREED | EventKind.HOST_DOWN | EventKind.MASTER_DECLARED) as events:
            async for event in events:
                told.woken.append((trio.current_time(), event.host))

    run(main, pacer=pacer)
    return told


class Dawdling:
    """Lets farm time go a little way each time: anywhere within a tick, to its end, or not at all."""

    def __init__(self, longest_ns: int, seed: int = 1) -> None:
        self.dice = random.Random(seed)
        self.longest_ns = longest_ns
        self.asked = 0

    def limit_ns(self, now_ns: int, until_ns: int, news_ns: int | None) -> int:
        self.asked += 1
        assert now_ns <= until_ns
        if news_ns is None or now_ns < news_ns - 1_000_000:
            return until_ns if news_ns is None else min(until_ns, news_ns - 1_000_000)
        return now_ns + self.dice.choice([0, 1, self.dice.randrange(self.longest_ns), news_ns - now_ns])


class Looking(Dawdling):
    """Asks the farm for all there is to be asked, besides, and has it stop at all kinds of events."""

    farm: imafarm.EmulatedFarm | None = None

    def limit_ns(self, now_ns: int, until_ns: int, news_ns: int | None) -> int:
        if self.farm is not None and self.asked % 50 == 0:
            self.farm.stop_at(self.dice.choice([EventKind.ALL, EventKind(0)]))
            assert self.farm.statistics().seconds * 1e9 == pytest.approx(now_ns)
            self.farm.elections()
            self.farm.links()
            self.farm.host_state("H1")
            assert self.farm.check_conservation() == []
        return super().limit_ns(now_ns, until_ns, news_ns)


@pytest.fixture(scope="module")
def expected() -> Told:
    """How it goes when nobody paces it."""
    return play(None)


@pytest.mark.parametrize("pacer", [lambda: Dawdling(300_000), lambda: Dawdling(20_000_000), lambda: Looking(300_000)])
def test_a_pacer_changes_nothing_of_what_happens_or_is_told(expected: Told, pacer: Callable[[], Dawdling]) -> None:
    dawdling = pacer()
    assert play(dawdling) == expected
    assert dawdling.asked > 1_000


@pytest.mark.parametrize("bound", [False, True])
@pytest.mark.parametrize("exact", [False, True])
def test_a_storm_in_parts_is_the_same_storm(bound: bool, exact: bool) -> None:
    """In parts of a window, in which thousands of messages wait."""
    expected = play(None, hosts=STORM_HOSTS, bound=bound, exact=exact)
    assert play(Looking(100_000), hosts=STORM_HOSTS, bound=bound, exact=exact, threads=1) == expected


def test_a_limit_is_taken_for_no_less_than_now_and_no_more_than_asked_for() -> None:
    class Wild:
        asked = 0

        def limit_ns(self, now_ns: int, until_ns: int, news_ns: int | None) -> int:
            self.asked += 1
            return -5 if self.asked < 4 else until_ns + 10**12

    wild, woken = Wild(), []

    async def main() -> None:
        await trio.sleep(3)
        woken.append(current_conductor().clock.now_ns)

    run(main, pacer=wild)
    assert (wild.asked, woken) == (4, [3_000_000_000])


def test_what_a_pacer_raises_ends_the_run_and_tasks_clean_up_without_it() -> None:
    class Ending:
        asked = 0

        def limit_ns(self, now_ns: int, until_ns: int, news_ns: int | None) -> int:
            self.asked += 1
            if self.asked == 3:
                raise ZeroDivisionError("enough")
            return min(until_ns, now_ns + 1_000)

    ending, cleaned = Ending(), []

    async def main() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(3)
                cleaned.append(trio.current_time())

    async def with_farm() -> None:
        async with imafarm.open_emulated_farm(hosts=4):
            await main()

    with pytest.raises(ZeroDivisionError, match="enough"):
        run(with_farm, pacer=ending)
    assert ending.asked == 3
    assert cleaned == [pytest.approx(3.0, abs=1e-4)]


def test_farm_time_stands_for_good_whoever_paces_it() -> None:
    async def main() -> None:
        await trio.sleep_forever()

    with pytest.raises(imafarm.FarmDeadlock):
        run(main, pacer=Dawdling(1_000))
