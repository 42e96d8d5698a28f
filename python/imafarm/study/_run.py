"""Running a study: round by round, wherever its points are played."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from types import MappingProxyType

from imafarm.errors import ConfigurationError, ImafarmError, StudyStopped
from imafarm.study._farm_of import Asked
from imafarm.study._journal import PointsJournal
from imafarm.study._plan import REPEAT, Plan, check_count, check_scenario
from imafarm.study._point import Key, Outcome, Point, run_point, scenario_of
from imafarm.study._study import Study
from imafarm.study._workers import MOST_WORKERS, Done, Workers, WorkersUseless, cost_of, died, memory_of
from imafarm.topology import Product, Topology

KILLED = ("KilledWorker",)
"""What executors call it when a point has taken several workers with it: Dask's word."""


@dataclass(frozen=True, slots=True)
class StudyProgress:
    """How far a study has come."""

    done: int
    """Points that are done."""
    total: int
    """Points that are known to be asked for; a study that looks for a knee finds more of them on the way."""
    seconds_left: float | None
    """About how long those will take; `None` before there is anything to go by."""
    so_far: Callable[[], Study] = field(repr=False, compare=False)
    """What has come of it by the time this is called."""


Progress = Callable[[StudyProgress], object]


def study(
    scenario: str,
    *,
    vary: Mapping[str, Iterable[int] | str] = MappingProxyType({}),
    measures: Sequence[str] | None = None,
    repeat: int = REPEAT,
    topology: Topology | None = None,
    farm: Path | str | None = None,
    hosts: int | None = None,
    zones: int | None = None,
    product: Product | str | None = None,
    settings: Mapping[str, int] = MappingProxyType({}),
    seed: int = 0,
    executor: Executor | None = None,
    workers: int | None = None,
    out: Path | str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Study:
    """Plays a scenario at every combination of some values, with several seeds each, and measures.

    scenario: one of `imafarm.scenarios.SCENARIOS` by name, or "cache", which looks for the least
      `MaxHostAddressCacheEntries` that is enough.
    vary: by name, the values to try: numbers, or text such as "16,32", "100..1000:5" or "64..16384:log". A name is a
      setting's, which then goes for every host, or `hosts` or `zones`. Only "cache" knows values by itself.
    measures: names of `known_measures(scenario)`; the usual ones unless said.
    repeat: every combination is played with the seeds `seed`, `seed + 1`, .. `seed + repeat - 1`, the same for all.
    topology, farm: the farm, or the file that describes it; or generated `hosts` in `zones`.
    product, settings: of every host, before what the farm says.
    executor: where points are played; only `submit` and its futures are used, and it is not shut down. Unless said,
      processes of this machine, `workers` of them, one a processor. Each point runs on one thread. A script that starts
      processes does so under `if __name__ == "__main__":`.
    out: a directory for points.jsonl, study.json and study.parquet.
    resume: go on with the study that is there; points that are done are not played again.
    progress: called as the study begins and after each point.

    Rows, table and files follow from what was asked for alone: not from the executor, the number of workers, or what
    ended when. A point that kills its worker twice, or whose farm comes to no end, counts as failed, without measures.

    Errors: `ConfigurationError` names everything that is wrong before anything runs; `StudyStopped` where the study
    cannot go on. After either, and after Ctrl-C, what is done is in `out`.
    """
    usual = scenario_of(check_scenario(scenario))
    if executor is not None and workers is not None:
        raise ConfigurationError(["workers: the executor that is given has its own"])
    count = check_count("workers", _processors() if workers is None else workers, MOST_WORKERS)
    if resume and out is None:
        raise ConfigurationError(["resume: say by out in which directory the study is"])
    asked = Asked.of(
        topology=topology,
        farm=farm,
        hosts=hosts,
        zones=zones,
        product=product,
        settings=settings,
        default_hosts=usual.hosts,
        default_zones=usual.zones,
    )
    plan = Plan.of(scenario, asked, vary=vary, measures=measures, repeat=repeat, seed=seed)
    where = None if out is None else Path(out)
    opened = nullcontext() if where is None else PointsJournal(where, plan.decisive(), resume=resume)
    with opened as journal, _played_on(executor, count) as play:
        return _Course(plan, journal, where, progress).run(play)


Play = Callable[[Sequence[Point], Done], None]


@contextmanager
def _played_on(executor: Executor | None, count: int) -> Iterator[Play]:
    """How points are played; what was started for it has ended in the end."""
    if executor is not None:
        yield lambda points, done: _play_on(executor, points, done)
        return
    workers = Workers(count)
    try:
        yield workers.run
    finally:
        workers.end()


def _play_on(executor: Executor, points: Sequence[Point], done: Done) -> None:
    """Plays points on somebody's executor.

    Errors: whatever the executor raises that is not a point's own.
    """
    running: dict[Future[Outcome], Point] = {}

    def hear(futures: Iterable[Future[Outcome]]) -> None:
        for future in futures:
            point = running.pop(future)
            try:
                outcome = future.result()
            except Exception as error:
                if type(error).__name__ not in KILLED:
                    raise
                outcome = died(f"its workers died: {error}")
            done(point, outcome)

    try:
        for point in points:
            running[executor.submit(run_point, point)] = point
            hear([future for future in running if future.done()])
        while running:
            hear(wait(running, return_when=FIRST_COMPLETED).done)
    finally:
        for future in running:
            future.cancel()


class _Course:
    """One study on its way."""

    def __init__(self, plan: Plan, journal: PointsJournal | None, out: Path | None, progress: Progress | None) -> None:
        self._plan = plan
        self._journal = journal
        self._out = out
        self._progress = progress
        self._done: dict[Key, Outcome] = {} if journal is None else journal.done
        self._total = len(self._done)
        """Points that are done, or known to be asked for."""
        self._left = self._paid = 0.0
        """What the points cost that are yet to be played, and those that were."""
        self._began = perf_counter()

    def run(self, play: Play) -> Study:
        """Plays what is not done yet, and writes down what came of it."""
        try:
            for points in self._plan.rounds(self._done):
                left = [point for point in points if point.key not in self._done]
                self._total = len(self._done) + len(left)
                self._left = sum(map(cost_of, left))
                self._tell()
                # The longest first, so that workers end together; of these the largest, beside which few find room.
                play(sorted(left, key=lambda point: (cost_of(point), memory_of(point)), reverse=True), self._hear)
        except BaseException as error:
            # What is done is in the journal; this is for whoever looks at it before the study goes on.
            with suppress(ImafarmError):
                self._write(complete=False)
            if isinstance(error, ImafarmError) or not isinstance(error, Exception):
                raise
            raise self._stopped(_reason(error)) from error
        try:
            return self._write(complete=True)
        except ConfigurationError as error:
            raise self._stopped(str(error)) from None

    def _hear(self, point: Point, outcome: Outcome) -> None:
        if self._journal is None:
            self._done[point.key] = outcome
        else:
            try:
                self._journal.add(point.names, point.key, outcome)
            except OSError as error:
                raise self._stopped(f"{self._journal.path}: {error.strerror or error}") from None
        self._paid += cost_of(point)
        self._left -= cost_of(point)
        self._tell()

    def _write(self, *, complete: bool) -> Study:
        made = self._plan.study(self._done, complete=complete)
        if self._out is not None:
            made.write(self._out)
        return made

    def _tell(self) -> None:
        if self._progress is None:
            return
        seconds = (perf_counter() - self._began) * self._left / self._paid if self._paid else None
        so_far = partial(self._plan.study, self._done, complete=False)
        self._progress(StudyProgress(len(self._done), self._total, seconds, so_far))

    def _stopped(self, reason: str) -> StudyStopped:
        return StudyStopped(reason, done=len(self._done), total=self._total, kept=self._journal is not None)


def _reason(error: Exception) -> str:
    if isinstance(error, WorkersUseless):
        return str(error)
    if isinstance(error, BrokenExecutor):
        return f"the executor is broken, and only its owner can replace it: {error}"
    return f"points cannot be played: {type(error).__name__}: {error}"


def _processors() -> int:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(usable or 1, MOST_WORKERS)
