"""The determinism contract: the same version, farm, scenario and seed give the same digest, however it is run."""

import itertools
import os
import random
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest
import trio

import imafarm
from imafarm import Progress
from imafarm.emulated import _conductor, _farm

HOSTS = 60

Story = Callable[[imafarm.EmulatedFarm], Awaitable[None]]


def digest_of(
    story: Story,
    *,
    seed: int = 7,
    wire: bool = False,
    threads: int = 1,
    watch: Callable[[Progress], object] | None = None,
) -> str:
    """How a story on a farm that boots for ten seconds ends."""

    async def main() -> str:
        async with imafarm.open_emulated_farm(
            hosts=HOSTS, zones=2, seed=seed, boot_seconds=10, wire=wire, threads=threads, progress=watch
        ) as farm:
            await story(farm)
            return farm.digest()

    return imafarm.run(main)


async def in_zone_one(farm: imafarm.EmulatedFarm) -> None:
    """A boot, a failover and a quiet while."""
    old = await farm.wait_master("Z1")
    await farm.crash(old)
    await farm.wait_master("Z1", other_than=old)
    await trio.sleep(90)


@pytest.fixture(scope="module")
def expected() -> str:
    """How the story ends when nothing is special."""
    return digest_of(in_zone_one)


def test_fifty_tasks_that_act_at_one_instant_leave_no_trace_of_their_order() -> None:
    """Trio runs them in another order each time; verbs meet on the same hosts, and some follow on others."""

    async def story(farm: imafarm.EmulatedFarm) -> None:
        async def act(number: int) -> None:
            await trio.sleep_until(30)
            order.append(number)
            mine = [f"H{number + 1}", f"H{HOSTS - number}"]
            verb = (farm.crash, farm.restart, farm.pause, farm.resume, farm.stop)[number % 5]
            await verb(mine)
            await (farm.start, farm.crash)[number % 2](mine[number % 2])

        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(act, number)
        await trio.sleep(120)

    digests, orders = set(), set()
    for _ in range(20):
        order: list[int] = []
        digests.add(digest_of(story))
        orders.add(tuple(order))
    assert len(digests) == 1
    assert len(orders) > 1


def test_what_tasks_ask_for_at_one_instant_is_done_healing_first() -> None:
    async def story(farm: imafarm.EmulatedFarm) -> None:
        await farm.wait_master("Z1")
        async with trio.open_nursery() as nursery:
            verbs = [farm.pause, farm.resume]
            random.shuffle(verbs)
            for verb in verbs:
                nursery.start_soon(verb, "H3")
        assert farm.host_state("H3").power == "paused"

    for _ in range(10):
        digest_of(story)


def test_another_seed_is_another_run(expected: str) -> None:
    assert digest_of(in_zone_one, seed=8) != expected


def test_watching_changes_nothing(expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_farm, "PROGRESS_SECONDS", 0.0)
    seen: list[Progress] = []

    async def watched(farm: imafarm.EmulatedFarm) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen, farm)
            await in_zone_one(farm)
            nursery.cancel_scope.cancel()

    async def listen(farm: imafarm.EmulatedFarm) -> None:
        async with farm.watch() as events:
            async for event in events:
                assert event.seconds <= trio.current_time()

    assert digest_of(watched, watch=seen.append) == expected
    assert [tell.farm_seconds for tell in seen] == sorted(tell.farm_seconds for tell in seen)
    assert seen[-1].events > seen[0].events


def test_the_length_of_slices_changes_nothing(expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_conductor, "FIRST_SLICE_EVENTS", 1)
    monkeypatch.setattr(_conductor, "LEAST_SLICE_EVENTS", 1)
    monkeypatch.setattr(_conductor, "SLICE_SECONDS", 0.0)
    assert digest_of(in_zone_one) == expected


def test_so_many_threads_as_one_likes_change_nothing(expected: str) -> None:
    assert [digest_of(in_zone_one, threads=threads) for threads in (2, 3, 64)] == [expected] * 3


def test_ctrl_c_finds_a_farm_whose_zones_are_at_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even between slices in which zones have run ahead of one another; and what follows is what would have been."""
    monkeypatch.setattr(_conductor, "FIRST_SLICE_EVENTS", 1)
    monkeypatch.setattr(_conductor, "LEAST_SLICE_EVENTS", 1)
    monkeypatch.setattr(_conductor, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(_farm, "PROGRESS_SECONDS", 0.0)
    interrupted: list[float] = []

    async def undisturbed(farm: imafarm.EmulatedFarm) -> None:
        await trio.sleep_until(60)

    async def story(farm: imafarm.EmulatedFarm) -> None:
        while trio.current_time() < 60:
            try:
                await trio.sleep_until(60)
            except KeyboardInterrupt:
                assert farm.check_conservation() == []
                interrupted.append(trio.current_time())

    slices = itertools.count()

    def interrupt(_: Progress) -> None:
        if next(slices) % 31 == 30:
            signal.raise_signal(signal.SIGINT)

    assert digest_of(story, threads=2, watch=interrupt) == digest_of(undisturbed)
    assert len(interrupted) > 10


def test_a_run_in_two_halves_is_one_run(expected: str) -> None:
    async def halved(farm: imafarm.EmulatedFarm) -> None:
        with trio.move_on_after(2.345678901):
            await trio.sleep_forever()
        for _ in range(7):
            await trio.sleep(0.1)
        await in_zone_one(farm)

    assert digest_of(halved) == expected


def test_a_storm_that_is_stopped_again_and_again_is_one_storm() -> None:
    """Thousands of events lie in each window, and deadlines come in the middle of them."""

    async def storm(parts: int) -> tuple[str, list[str]]:
        async with imafarm.open_emulated_farm(hosts=600, seed=7, boot_seconds=1) as farm:
            await farm.crash(await farm.wait_master())
            # Who has just come out of an election does not begin another.
            await trio.sleep(5)
            await farm.elect("H2")
            began = trio.current_time()
            for part in range(1, parts + 1):
                await trio.sleep_until(began + 2 * part / parts)
            return farm.digest(), farm.check_conservation()

    whole = imafarm.run(storm, 1)
    assert whole[1] == []
    assert imafarm.run(storm, 6_311) == whole


def test_encoding_every_message_changes_nothing(expected: str) -> None:
    assert digest_of(in_zone_one, wire=True) == expected


def test_another_farm_at_the_same_time_changes_nothing(expected: str) -> None:
    async def accompanied(farm: imafarm.EmulatedFarm) -> None:
        async with imafarm.open_emulated_farm(hosts=7, seed=1, boot_seconds=3) as other, trio.open_nursery() as nursery:
            nursery.start_soon(other.wait_master)
            await in_zone_one(farm)

    assert digest_of(accompanied) == expected


def test_another_process_comes_to_the_same_end() -> None:
    command = [sys.executable, "-c", "from imafarm.cli import main; main()"]
    run = ["run", "master-failover", "--hosts", "40", "--seed", "7", "--json"]
    answers = {
        subprocess.run(
            [*command, *run], env={**os.environ, "PYTHONHASHSEED": seed}, check=True, stdout=subprocess.PIPE, text=True
        ).stdout.partition('"digest": ')[2][:34]
        for seed in ("0", "1", "random")
    }
    assert len(answers) == 1
    assert len(answers.pop()) == 34
