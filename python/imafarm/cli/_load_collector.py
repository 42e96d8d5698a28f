"""A data collector as a process of its own: started, looked at and ended."""

from __future__ import annotations

import os
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from imafarm.errors import ConfigurationError

if TYPE_CHECKING:
    from imafarm.live._supervisor import Supervisor

START_SECONDS = 60.0
"""How long a collector that is started here may take to listen. Our guess: a second on an idle machine."""
REACH_SECONDS = 5.0
"""How long any other may take to answer a call. Our guess."""
STOP_SECONDS = 5.0
"""How long it may take to stop: all its members are gone by then."""
LOOK_SECONDS = 0.05
LAST_LINES = 3
"""What a collector said last is told when it dies."""
TICKS = os.sysconf("SC_CLK_TCK")


class CollectorProcess:
    """A collector that was started here."""

    def __init__(self, name: str, supervisor: Supervisor, lines: deque[str]) -> None:
        """name: the host's."""
        self.ended = trio.Event()
        self._name = name
        self._supervisor = supervisor
        self._lines = lines

    def last_words(self) -> str:
        """How it has ended, and what it said before."""
        return f"{self._name} {'; '.join(reversed(self._lines)) or 'has ended'}"

    def cpu_seconds(self) -> float | None:
        """The processor time that it has taken; `None` once it has ended."""
        try:
            stat = Path(f"/proc/{self._pid()}/stat").read_text(encoding="ascii")
        except OSError:
            return None
        # The name, which may hold anything, is in parentheses; user and system time are the 14th and 15th of all.
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / TICKS

    def descriptors(self) -> int:
        """How many files it has open; 0 once it has ended."""
        try:
            return len(os.listdir(f"/proc/{self._pid()}/fd"))
        except OSError:
            return 0

    def _pid(self) -> int | None:
        process = self._supervisor.running.get(self._name)
        return None if process is None else process.pid


@asynccontextmanager
async def collector_process(farm_file: str, name: str, options: list[str]) -> AsyncIterator[CollectorProcess]:
    """Runs the collector of a farm while the block does; afterwards it is gone.

    options: of `imafarm live host`, besides those that say which host of which farm.
    """
    from imafarm.live._supervisor import Child, Patience, Supervisor

    lines: deque[str] = deque(maxlen=LAST_LINES)
    with tempfile.TemporaryDirectory(prefix="imafarm-load-") as directory:
        path = Path(directory) / "farm.toml"
        path.write_text(farm_file, encoding="utf-8")
        command = [sys.executable, "-m", "imafarm", "live", "host", "--until-input-ends", "--log-json", "--json"]
        child = Child(name, [*command, f"--farm={path}", f"--name={name}", *options])
        supervisor = Supervisor([child], lambda _, line: lines.append(line), patience=Patience(STOP_SECONDS))
        process = CollectorProcess(name, supervisor, lines)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_keep, supervisor, process)
            try:
                yield process
            finally:
                supervisor.stop()
                with trio.CancelScope(shield=True):
                    await process.ended.wait()


async def _keep(supervisor: Supervisor, process: CollectorProcess) -> None:
    with trio.CancelScope(shield=True):
        await supervisor.run()
    process.ended.set()


async def reach(name: str, address: tuple[str, int], process: CollectorProcess | None) -> None:
    """Waits until a collector lets itself be called.

    process: it, if it was started here, and so may take its time.

    Errors: `ConfigurationError` says why it cannot be.
    """
    where, why = "{}:{}".format(*address), "no answer"
    with trio.move_on_after(REACH_SECONDS if process is None else START_SECONDS):
        while process is None or not process.ended.is_set():
            try:
                await _call(address)
            except OSError as error:
                # Trio adds the address, which is told anyway.
                why = os.strerror(error.errno) if error.errno else str(error)
                if process is None:
                    break
                await trio.sleep(LOOK_SECONDS)
            else:
                return
    if process is not None and process.ended.is_set():
        raise ConfigurationError([f"--collector: {process.last_words()}"])
    raise ConfigurationError([f"--collector: {name} cannot be reached at {where}: {why}"])


async def _call(address: tuple[str, int]) -> None:
    """Calls, and hangs up. Errors: `OSError`."""
    with trio.socket.socket() as caller:
        await caller.connect(address)
