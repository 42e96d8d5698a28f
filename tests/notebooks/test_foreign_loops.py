"""Farm time inside asyncio's loop, and inside Trio's. Here warnings are errors, Trio's of signals among them."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable

import pytest
import sniffio
import trio

import imafarm


async def farm_of_two() -> str:
    async with imafarm.open_emulated_farm(hosts=2, seed=7) as farm:
        assert sniffio.current_async_library() == "trio"
        return await farm.wait_master("Z1")


async def interrupted() -> None:
    async with imafarm.open_emulated_farm(hosts=200, seed=7) as farm:
        await farm.wait_master("Z1")
        threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGINT]).start()
        for _ in range(1_000_000):
            await trio.sleep(3_600)


def test_it_runs_inside_asyncio_and_leaves_all_as_it_was() -> None:
    async def main() -> None:
        loop, heard = asyncio.get_running_loop(), asyncio.Event()
        # Who wants to hear of a signal has wake-ups by signal come to the loop.
        loop.add_signal_handler(signal.SIGUSR1, heard.set)
        before = signal.getsignal(signal.SIGINT)
        for _ in range(2):
            assert imafarm.run(farm_of_two) == "H1"
            assert signal.getsignal(signal.SIGINT) is before
            assert sniffio.current_async_library() == "asyncio"
            assert asyncio.get_running_loop() is loop
        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.wait_for(heard.wait(), 60)

    asyncio.run(main())


def test_a_signal_that_comes_meanwhile_is_not_lost_on_the_loop() -> None:
    async def signalled() -> str:
        os.kill(os.getpid(), signal.SIGUSR1)
        return await farm_of_two()

    async def main() -> None:
        heard = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, heard.set)
        assert imafarm.run(signalled) == "H1"
        await asyncio.wait_for(heard.wait(), 60)

    asyncio.run(main())


def test_ctrl_c_stops_it_inside_asyncio_too() -> None:
    async def main() -> str:
        # asyncio's own handler would only cancel a task that cannot run before farm time is over.
        handler = signal.getsignal(signal.SIGINT)
        assert handler is not signal.default_int_handler
        with pytest.raises(KeyboardInterrupt):
            imafarm.run(interrupted)
        assert signal.getsignal(signal.SIGINT) is handler
        return imafarm.run(farm_of_two)

    assert asyncio.run(main()) == "H1"


def test_a_handler_of_ones_own_is_left_alone_outside_asyncio() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))

    async def main() -> str:
        signal.raise_signal(signal.SIGINT)
        return await farm_of_two()

    try:
        assert imafarm.run(main) == "H1"
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]


def test_it_runs_in_a_thread_beside_asyncio() -> None:
    async def main() -> list[str]:
        return await asyncio.gather(*(asyncio.to_thread(imafarm.run, farm_of_two) for _ in range(3)))

    assert asyncio.run(main()) == ["H1"] * 3


@pytest.mark.parametrize("run", [trio.run, imafarm.run], ids=["trio", "farm time"])
def test_inside_a_trio_loop_it_says_how(run: Callable[..., object]) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError) as refused:
            imafarm.run(farm_of_two)
        assert "await main()" in str(refused.value)
        assert "await trio.to_thread.run_sync(imafarm.run, main)" in str(refused.value)

    run(main)


def test_what_it_says_works_in_trio() -> None:
    async def main() -> str:
        return await trio.to_thread.run_sync(imafarm.run, farm_of_two)

    assert trio.run(main) == "H1"


def test_what_it_says_works_in_farm_time() -> None:
    async def main() -> str:
        return await farm_of_two()

    assert imafarm.run(main) == "H1"
