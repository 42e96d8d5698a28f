"""A live farm runs until it is told to stop, in one of four ways."""

import os
import signal

import pytest
import trio

from imafarm import ConfigurationError
from imafarm.cli import _until_told
from imafarm.cli._until_told import until_told

MOST_SECONDS = 60
"""A test that has hung."""


def told_by(number: int) -> None:
    os.kill(os.getpid(), number)


async def wait_stop(stop: trio.Event) -> str:
    with trio.fail_after(MOST_SECONDS):
        await stop.wait()
    return "stopped in good order"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_it_stop_in_good_order(number: int) -> None:
    async def work(stop: trio.Event) -> str:
        told_by(number)
        return await wait_stop(stop)

    before = signal.getsignal(number)
    assert trio.run(until_told, work) == "stopped in good order"
    assert signal.getsignal(number) == before


def test_a_second_signal_ends_it_at_once() -> None:
    cancelled = False

    async def work(stop: trio.Event) -> str:
        nonlocal cancelled
        told_by(signal.SIGTERM)
        await wait_stop(stop)
        told_by(signal.SIGINT)
        try:
            await trio.sleep(MOST_SECONDS)
        except trio.Cancelled:
            cancelled = True
            raise
        return "had all the time in the world"

    assert trio.run(until_told, work) is None
    assert cancelled


def test_what_is_done_by_itself_is_over() -> None:
    async def work(_stop: trio.Event) -> int:
        return 7

    assert trio.run(until_told, work) == 7


def test_its_time_may_be_over() -> None:
    async def main() -> str | None:
        return await until_told(wait_stop, seconds=0.01)

    assert trio.run(main) == "stopped in good order"


def test_whoever_started_it_may_be_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    monkeypatch.setattr(_until_told, "STANDARD_INPUT", reader)

    async def work(stop: trio.Event) -> str:
        os.write(writer, b"what is written there is not looked at")
        os.close(writer)
        return await wait_stop(stop)

    async def main() -> str | None:
        return await until_told(work, with_parent=True)

    assert trio.run(main) == "stopped in good order"
    os.close(reader)


def test_there_may_be_no_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)

    async def main() -> str | None:
        return await until_told(wait_stop, with_parent=True)

    assert trio.run(main) == "stopped in good order"


def test_our_own_errors_come_out_of_groups() -> None:
    async def fail() -> None:
        raise ConfigurationError(["hosts: wrong"])

    async def work(_stop: trio.Event) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)

    with pytest.raises(ConfigurationError, match="hosts: wrong"):
        trio.run(until_told, work)


def test_other_errors_stay_as_they_are() -> None:
    async def work(_stop: trio.Event) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_raise, ConfigurationError(["hosts: wrong"]))
            nursery.start_soon(_raise, RuntimeError("broken"))

    async def _raise(error: Exception) -> None:
        raise error

    with pytest.raises(BaseExceptionGroup) as failed:
        trio.run(until_told, work)
    assert failed.value.subgroup(RuntimeError) is not None
