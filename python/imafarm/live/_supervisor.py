"""A farm as processes, one for each host: they are started, listened to, and ended again.

Each child's standard input is a pipe that nobody writes to. It ends when this process does, however that comes about,
and a child ends with it; so none outlives a supervisor that was killed. A child has a process group of its own, since a
terminal sends Ctrl-C to all of a group: it would reach children twice, from the terminal and from here.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from subprocess import PIPE, STDOUT

import trio
from trio.lowlevel import open_process

WRONG_CALL = 2
"""The exit code of a child that cannot do what it was called for: the same call would end in the same way."""
LONGEST_LINE_BYTES = 16_384
"""What a child says in one line. More is told as several."""
LAST_WORDS_SECONDS = 1.0
"""How long a child that has ended is listened to, if one of its own holds its output open."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process for one host."""

    name: str
    """The host."""
    command: Sequence[str]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long children are waited for. All of it is our guess."""

    stop_seconds: float = 30.0
    """From SIGTERM to SIGKILL: an election may be triggered in between."""
    restart_seconds: float = 1.0
    """Before a child that has died is started again; doubled each time, if it dies young."""
    most_restart_seconds: float = 30.0
    young_seconds: float = 60.0


@dataclass(slots=True)
class Supervisor:
    """Runs children until it is told to stop, or none is left."""

    children: Sequence[Child]
    tell: Callable[[str, str], object]
    """What a child says or what becomes of it: the host's name, and a line."""
    restarts: bool = False
    """Whether a child that dies is started again. One that was called wrongly is not."""
    patience: Patience = field(default_factory=Patience)
    running: dict[str, trio.Process] = field(default_factory=dict, init=False)
    """By name: those that run now."""
    killed: set[str] = field(default_factory=set, init=False)
    """Those that did not end when they were asked to."""
    died: set[str] = field(default_factory=set, init=False)
    """Those that have ended by themselves, at least once."""
    _stop: trio.Event = field(default_factory=trio.Event, init=False)

    async def run(self) -> None:
        """Starts all children; comes back when all have ended. Cancelled, it kills them first."""
        async with trio.open_nursery() as nursery:
            for child in self.children:
                nursery.start_soon(self._keep, child)

    def stop(self) -> None:
        """Asks all children to end (SIGTERM), and kills those that have not when patience is at its end."""
        self._stop.set()

    async def _keep(self, child: Child) -> None:
        """One child, and those that take its place."""
        pause = self.patience.restart_seconds
        while not self._stop.is_set():
            began = trio.current_time()
            code = await self._live(child)
            if code is None or self._stop.is_set():
                return
            self.died.add(child.name)
            self.tell(child.name, f"ended by itself: {ending(code)}")
            if not self.restarts or code == WRONG_CALL:
                return
            if trio.current_time() - began >= self.patience.young_seconds:
                pause = self.patience.restart_seconds
            with trio.move_on_after(pause):
                await self._stop.wait()
            pause = min(2 * pause, self.patience.most_restart_seconds)

    async def _live(self, child: Child) -> int | None:
        """From the start of a process to its end; its exit code, or `None` if it could not be started."""
        try:
            process = await open_process(child.command, stdin=PIPE, stdout=PIPE, stderr=STDOUT, process_group=0)
        except OSError as error:
            self.died.add(child.name)
            self.tell(child.name, f"cannot be started: {error.strerror or error}")
            return None
        self.running[child.name] = process
        try:
            async with trio.open_nursery() as listening:
                listening.start_soon(self._relay, child.name, process.stdout)
                async with trio.open_nursery() as ending:
                    ending.start_soon(self._end_when_told, child.name, process)
                    code = await process.wait()
                    ending.cancel_scope.cancel()
                listening.cancel_scope.deadline = trio.current_time() + LAST_WORDS_SECONDS
        finally:
            with trio.CancelScope(shield=True):
                process.kill()
                await process.wait()
                for stream in (process.stdin, process.stdout):
                    if stream is not None:
                        await stream.aclose()
            del self.running[child.name]
        return code

    async def _end_when_told(self, name: str, process: trio.Process) -> None:
        await self._stop.wait()
        process.terminate()
        await trio.sleep(self.patience.stop_seconds)
        self.killed.add(name)
        self.tell(name, f"did not stop within {self.patience.stop_seconds:g} s: killed")
        process.kill()

    async def _relay(self, name: str, output: trio.abc.ReceiveStream | None) -> None:
        """Tells what a child says, line by line."""
        if output is None:
            return
        left = b""
        async for some in output:
            left += bytes(some)
            while b"\n" in left or len(left) > LONGEST_LINE_BYTES:
                line, end, rest = left[: LONGEST_LINE_BYTES + 1].partition(b"\n")
                if not end:
                    line, rest = line[:LONGEST_LINE_BYTES], line[LONGEST_LINE_BYTES:]
                left = rest + left[LONGEST_LINE_BYTES + 1 :]
                self.tell(name, _text(line))
        if left:
            self.tell(name, _text(left))


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")


def ending(code: int) -> str:
    """How a process has ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
