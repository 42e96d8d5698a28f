"""For how long a live farm runs: until a signal, until its time is over, or until whoever started it has gone."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import trio

from imafarm.errors import ImafarmError

Result = TypeVar("Result")

STANDARD_INPUT = 0


async def until_told(
    work: Callable[[trio.Event], Awaitable[Result]], *, seconds: float | None = None, with_parent: bool = False
) -> Result | None:
    """Does `work`, which ends in good order when the event that it is given is set; what comes of it.

    SIGINT and SIGTERM set it. One that comes later cancels the work: then `None`. The next finds Python's own handlers.

    seconds: the event is set after so long.
    with_parent: it is set when standard input ends.

    Errors: an `ImafarmError` of the work's, by itself and not in a group.
    """
    stop = trio.Event()
    results: list[Result] = []
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_hear, signals, stop, nursery.cancel_scope)
                if seconds is not None:
                    nursery.start_soon(_wait, seconds, stop)
                if with_parent:
                    nursery.start_soon(_read_to_the_end, STANDARD_INPUT, stop)
                results.append(await work(stop))
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise _alone(group) from None
    return results[0] if results else None


async def _hear(signals: AsyncIterator[int], stop: trio.Event, scope: trio.CancelScope) -> None:
    async for _ in signals:
        if stop.is_set():
            scope.cancel()
            return
        stop.set()


async def _wait(seconds: float, stop: trio.Event) -> None:
    await trio.sleep(seconds)
    stop.set()


async def _read_to_the_end(descriptor: int, stop: trio.Event) -> None:
    """Reads standard input away, if there is any: a process can be started without."""
    if sys.stdin is not None:
        # A copy, since the stream closes what it reads. That it does not block is of both, and nobody else reads it.
        async with trio.lowlevel.FdStream(os.dup(descriptor)) as stream:
            with suppress(trio.BrokenResourceError):
                async for _ in stream:
                    pass
    stop.set()


def _alone(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that a group is about, if it is one of ours and nothing else is in there."""
    ours, others = group.split(ImafarmError)
    if ours is None or others is not None:
        return group
    error: BaseException = ours
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
