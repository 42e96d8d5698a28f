"""Farm time inside somebody else's event loop. A cell of a notebook is run by asyncio, in the main thread.

Trio's loop is nested in that one: it begins and ends within one call, in the same thread, so whatever the cell has made
can be used. What both loops want is the process's signals.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio

NOT_TWICE = (
    "imafarm.run was called inside a Trio loop, and a thread has one at a time. If that is imafarm.run's, farm time is "
    "there already: await main(). If it is another's, give farm time a thread of its own: "
    "await trio.to_thread.run_sync(imafarm.run, main)"
)


@contextmanager
def hosted() -> Iterator[Callable[[], object]]:
    """Within it Trio may run, whatever else runs in this thread, and Ctrl-C stops it.

    Gives what Trio has to call as soon as it runs: it leaves the wake-ups by signal to whose they were. Farm time never
    sleeps, so it has no use for them, and their owner goes on to hear of signals.

    Errors: `RuntimeError` inside a running Trio loop.
    """
    if trio.lowlevel.in_trio_run():
        raise RuntimeError(NOT_TWICE)
    if threading.current_thread() is not threading.main_thread():
        # Signals are the main thread's.
        yield lambda: None
        return
    wakeups = signal.set_wakeup_fd(-1)
    handler = signal.getsignal(signal.SIGINT)
    # What a loop does at Ctrl-C it does when it is next at work, which is after us. Trio hears of Ctrl-C itself where
    # Python's own handler stands.
    deaf = callable(handler) and handler is not signal.default_int_handler and _in_asyncio()
    try:
        if deaf:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        yield lambda: signal.set_wakeup_fd(wakeups) if wakeups != -1 else None
    finally:
        if deaf:
            signal.signal(signal.SIGINT, handler)
        if wakeups != -1:
            signal.set_wakeup_fd(wakeups)


def _in_asyncio() -> bool:
    """Whether asyncio runs in this thread; it need not be imported to know that it does not."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
