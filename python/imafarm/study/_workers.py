"""Worker processes of our own: each plays one point at a time, and its death costs nobody else's.

Every worker is an executor of one process. So it is known of which point a process died, another process takes its
place, and all others go on.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import parent_process, resource_tracker
from multiprocessing.connection import wait as wait_for_sentinel
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import Any

from imafarm.settings import default_settings
from imafarm.study._knee import CACHE_ENTRIES
from imafarm.study._point import Key, Outcome, Point, run_point

MOST_WORKERS = 1_024
DEATHS = 2
"""So many workers may die of a point before it is given up."""
SHARE_OF_MEMORY = 0.85
"""So much of the memory that is free at first may be taken by points that run at once. Our guess."""
END_SECONDS = 5.0
"""How long a process may take to end when it is told to, before it is killed."""
PAIR_BYTES, HOST_BYTES, PROCESS_BYTES = 110, 4_096, 96 << 20
"""What a point holds at most: for each two hosts that may be bound, for each host, and besides. Measured."""

Done = Callable[[Point, Outcome], None]


class WorkersUseless(Exception):
    """Processes can be started, and die before they do anything."""


class _Process(SpawnProcess):
    """A process that does not hear of Ctrl-C, not even before it is ready to work."""

    def start(self) -> None:
        """Starts it with the signal held back, which it inherits. Whoever starts it hears of it a moment later."""
        # It would let the signal through again, where it is not there yet.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Context(SpawnContext):
    """Starts processes as `spawn` does, and knows which."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[SpawnProcess] = []

    def Process(self, *args: Any, **kwargs: Any) -> SpawnProcess:  # type: ignore[override]
        """A process, which is noted."""
        process = _Process(*args, **kwargs)
        self.started.append(process)
        return process

    def end(self) -> None:
        """Ends every process that was started, and waits until it is gone."""
        alive = [process for process in self.started if process.is_alive()]
        for process in alive:
            process.terminate()
        for process in alive:
            process.join(END_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()
        self.started.clear()


@dataclass(slots=True)
class _Lane:
    """One worker."""

    context: _Context = field(default_factory=_Context)
    executor: ProcessPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self.executor = self._new()

    def _new(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, mp_context=self.context, initializer=_begin_work)

    def submit(self, point: Point) -> Future[Outcome]:
        """Has the process play a point; another process, if it died while it had nothing to do."""
        try:
            return self.executor.submit(run_point, point)
        except BrokenProcessPool:
            self.replace()
            return self.executor.submit(run_point, point)

    def replace(self) -> None:
        """Another process takes the place of one that died."""
        self.end()
        self.executor = self._new()

    def end(self) -> None:
        """Ends the process, whatever it is at."""
        self.context.end()
        self.executor.shutdown(cancel_futures=True)


class Workers:
    """So many processes."""

    def __init__(self, count: int) -> None:
        self._lanes = [_Lane() for _ in range(count)]

    def __len__(self) -> int:
        return len(self._lanes)

    def _begin(self, count: int) -> None:
        """Starts so many processes, if they are not there yet.

        Errors: `WorkersUseless`.
        """
        begun = [lane.executor.submit(os.getpid) for lane in self._lanes[:count] if not lane.context.started]
        try:
            for future in begun:
                future.result()
        except BrokenProcessPool:
            why = 'a script that starts a study does so under `if __name__ == "__main__":`'
            raise WorkersUseless(f"worker processes die before they do anything: {why}") from None

    def run(self, points: Sequence[Point], done: Done) -> None:
        """Plays points, in this order as far as there is memory; `done` hears of each as it ends, in this thread.

        Errors: `WorkersUseless`.
        """
        self._begin(len(points))
        waiting = list(points)
        room = _free_bytes()
        deaths: dict[Key, int] = {}
        running: dict[Future[Outcome], tuple[_Lane, Point]] = {}
        idle = self._lanes[: max(1, len(points))]
        while waiting or running:
            while idle and (point := _first_that_fits(waiting, [at[1] for at in running.values()], room)) is not None:
                waiting.remove(point)
                lane = idle.pop(0)
                running[lane.submit(point)] = lane, point
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                lane, point = running.pop(future)
                idle.append(lane)
                try:
                    outcome = future.result()
                except BrokenProcessPool:
                    lane.replace()
                    deaths[point.key] = deaths.get(point.key, 0) + 1
                    if deaths[point.key] < DEATHS:
                        waiting.insert(0, point)
                        continue
                    outcome = died(f"its worker died, {DEATHS} times")
                done(point, outcome)

    def end(self) -> None:
        """Ends all processes, whatever they are at."""
        for lane in self._lanes:
            lane.end()


def died(why: str) -> Outcome:
    """The outcome of a point that takes its worker with it."""
    return Outcome(passed=False, measures={}, digest=None, error=why)


def _begin_work() -> None:
    """Whoever began the study decides when it ends: Ctrl-C is theirs, and a worker does not outlive them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait_for_sentinel([sentinel])
    os._exit(1)


def _first_that_fits(waiting: Sequence[Point], running: Sequence[Point], room: int | None) -> Point | None:
    """The first point for which there is memory beside those that run; any, if none runs."""
    if room is None or not running:
        return waiting[0] if waiting else None
    left = room - sum(map(memory_of, running))
    return next((point for point in waiting if memory_of(point) <= left), None)


def memory_of(point: Point) -> int:
    """About how many bytes a point takes at most: an election binds each host of a zone to every other, as far as its
    connection cache has room."""
    values: Mapping[str, int] = dict(zip(point.names, point.values, strict=True))
    hosts, in_zone = zone_of(point)
    settings = {**default_settings(), **point.farm.rest["settings"], **values}
    entries = settings[CACHE_ENTRIES]
    pairs = in_zone * min(in_zone, entries) if point.failover else 0
    return PROCESS_BYTES + HOST_BYTES * hosts + PAIR_BYTES * pairs


def zone_of(point: Point) -> tuple[int, int]:
    """How many hosts there are, and about how many in the largest zone."""
    values = dict(zip(point.names, point.values, strict=True))
    hosts, zones = values.get("hosts", point.farm.hosts), values.get("zones", point.farm.zones)
    return hosts, -(-hosts // zones) if point.farm.records is None else point.farm.in_largest_zone


def cost_of(point: Point) -> float:
    """About how long a point takes, beside others of its study: an election is as many messages as a zone has pairs."""
    hosts, in_zone = zone_of(point)
    return in_zone**2 * 2.0 + hosts * 50.0 if point.failover else hosts * 50.0


def _free_bytes() -> int | None:
    """The memory that may be taken; `None` where nobody tells."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(int(line.split()[1]) * 1_024 * SHARE_OF_MEMORY)
    except (OSError, ValueError):
        pass
    return None
