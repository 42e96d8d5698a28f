"""Where points are played, and what happens to those who play them, changes nothing of a study."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest

from imafarm import ConfigurationError
from imafarm.errors import StudyStopped
from imafarm.study import Outcome, Point, Study, StudyProgress, _cluster, study
from imafarm.study._cluster import cluster
from imafarm.study._farm_of import FarmOf
from imafarm.study._workers import Workers, _first_that_fits, cost_of, memory_of
from imafarm.topology import Topology

from .conftest import START_SECONDS, Here

FILES = ("study.json", "study.parquet")


def small(out: Path, **where: Any) -> dict[str, bytes]:
    """A study of a small farm, and the files that it leaves."""
    found = study("cache", hosts=24, zones=2, repeat=2, seed=3, out=out, **where)
    assert found.complete and found.passed and found.knee is not None
    return {name: (out / name).read_bytes() for name in FILES}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What that study leaves when it is played in this process."""
    return small(tmp_path_factory.mktemp("here") / "study", executor=Here())


@pytest.mark.parametrize("workers", [1, 2])
def test_processes(tmp_path: Path, expected: dict[str, bytes], workers: int) -> None:
    assert small(tmp_path, workers=workers) == expected
    assert active_children() == []


def test_threads(tmp_path: Path, expected: dict[str, bytes]) -> None:
    with ThreadPoolExecutor(2) as executor:
        assert small(tmp_path, executor=executor) == expected


def test_a_dask_cluster(tmp_path: Path, expected: dict[str, bytes], dask: str) -> None:
    with cluster(dask) as executor:
        assert small(tmp_path, executor=executor) == expected


def test_a_worker_that_is_killed_half_way(tmp_path: Path, expected: dict[str, bytes]) -> None:
    killed: list[int] = []

    def kill_one(how_far: StudyProgress) -> None:
        if how_far.done >= 2 and not killed:
            victim = active_children()[0].pid
            assert victim is not None
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)

    assert small(tmp_path, workers=2, progress=kill_one) == expected
    assert len(killed) == 1


class Deadly:
    """A farm of which a process dies that is sent it."""

    hosts = zones = in_largest_zone = 1
    records = None
    rest: dict[str, Any] = {"settings": {}}  # noqa: RUF012

    def __reduce__(self) -> tuple[Callable[[int], object], tuple[int]]:
        return os._exit, (3,)


@contextmanager
def workers(count: int) -> Iterator[Workers]:
    started = Workers(count)
    try:
        yield started
    finally:
        started.end()


def test_a_point_that_kills_its_workers_costs_nobody_elses() -> None:
    farm = FarmOf.of(Topology.of(4), generated=True)
    deadly: Any = Deadly()
    points = [Point("cold-boot", farm if seed != 2 else deadly, (), (), seed) for seed in range(5)]
    outcomes: dict[int, Outcome] = {}
    with workers(2) as started:
        started.run(points, lambda point, outcome: outcomes.update({point.seed: outcome}))
    assert outcomes.pop(2) == Outcome(passed=False, measures={}, digest=None, error="its worker died, 2 times")
    assert sorted(outcomes) == [0, 1, 3, 4] and all(outcome.passed for outcome in outcomes.values())
    assert active_children() == []


class Failing(Executor):
    """An executor that fails at its second point."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.cancelled = 0
        self._here = Here()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if not self._here.points:
            return self._here.submit(fn, *args, **kwargs)
        self._here.points += args
        future: Future[Any] = Future()
        if len(self._here.points) == 2:
            future.set_exception(self.error)
        return future


class KilledWorker(Exception):
    """As Dask calls it."""


def of_two(executor: Executor, out: Path | None = None) -> Study:
    return study("cold-boot", hosts=4, vary={"LoadBias": [1]}, repeat=2, executor=executor, out=out)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            BrokenProcessPool("a process died"),
            "the executor is broken, and only its owner can replace it: a process died",
        ),
        (BrokenExecutor("gone"), "the executor is broken, and only its owner can replace it: gone"),
        (ModuleNotFoundError("No module named 'imafarm'"), "ModuleNotFoundError: No module named 'imafarm'"),
    ],
)
def test_an_executor_that_fails_stops_the_study_which_keeps_what_is_done(
    tmp_path: Path, error: Exception, said: str
) -> None:
    with pytest.raises(StudyStopped) as told:
        of_two(Failing(error), tmp_path)
    assert said in told.value.reason and (told.value.done, told.value.total) == (1, 2)
    assert str(told.value).endswith("1 of 2 points done; --resume goes on with them")
    with pytest.raises(StudyStopped) as told:
        of_two(Failing(error))
    assert str(told.value).endswith("1 of 2 points done")


def test_a_point_that_a_cluster_gives_up_counts_as_failed() -> None:
    found = of_two(Failing(KilledWorker("three of them")))
    assert found.complete and not found.passed
    first, second = found.rows
    assert first.verdict == "passed"
    assert (second.verdict, second.digest, second.error) == ("failed", None, "its workers died: three of them")
    assert set(second.measures.values()) == {None}
    assert found.table().column("digest") == [first.digest, None]
    assert [row["digest"] for row in found.as_json()["rows"]] == [first.digest, ""]


def test_a_scheduler_that_does_not_answer_is_told_so() -> None:
    said = "^on: the scheduler at dask://127.0.0.1:1 does not answer"
    with pytest.raises(ConfigurationError, match=said), cluster("dask://127.0.0.1:1"):
        pytest.fail("nobody is there")


def test_a_scheduler_that_takes_the_call_and_stays_silent_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cluster, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"dask://127.0.0.1:{silent.getsockname()[1]}"
        said = f"^on: the scheduler at {place} does not answer \\(nothing came within 0.2 seconds\\)$"
        with pytest.raises(ConfigurationError, match=said), cluster(place):
            pytest.fail("nobody has answered")
        # Nothing is left that the process would have to wait for.
        assert all(thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread())


def test_what_comes_too_late_is_seen_to_and_what_fails_in_time_is_raised() -> None:
    go_on, seen = threading.Event(), threading.Event()
    with pytest.raises(TimeoutError):
        _cluster._within(0.01, go_on.wait, late=lambda _: seen.set())
    go_on.set()
    assert seen.wait(START_SECONDS)
    assert _cluster._within(START_SECONDS, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        _cluster._within(START_SECONDS, lambda: 1 // 0)


@pytest.mark.parametrize("place", ["127.0.0.1:8786", "dask://127.0.0.1", "tcp://127.0.0.1:8786", "dask://a:b", "dask:"])
def test_a_place_that_is_none(place: str) -> None:
    with pytest.raises(ConfigurationError, match="write it as dask://HOST:PORT"), cluster(place):
        pytest.fail("nobody is there")


def test_the_longest_come_first_and_no_more_at_once_than_there_is_memory_for() -> None:
    farm = FarmOf.of(Topology.of(10_000), generated=True)
    points = [
        Point("cache", farm, ("MaxHostAddressCacheEntries",), (entries,), 0, failover=failover)
        for entries, failover in ((512, True), (12_288, True), (9_999, False))
    ]
    small, large, steady = points
    gib = 1 << 30
    assert 0.5 * gib < memory_of(small) < gib and 9 * gib < memory_of(large) < 12 * gib
    assert memory_of(steady) < gib / 4
    assert cost_of(large) == cost_of(small) > 100 * cost_of(steady)
    assert _first_that_fits(points, [], gib) is small
    assert _first_that_fits([large, steady], [small], 4 * gib) is steady
    assert _first_that_fits([large], [small], 4 * gib) is None
    # One that never fits has all memory to itself.
    assert _first_that_fits([large], [], 4 * gib) is large
    assert _first_that_fits([large], [small], None) is large


def test_another_version_at_the_worker_is_no_outcome() -> None:
    farm = FarmOf.of(Topology.of(4), generated=True)
    from imafarm.study import run_point

    with pytest.raises(RuntimeError, match="is installed where a point of a study of imafarm 0.0.0 is to run"):
        run_point(Point("cold-boot", farm, (), (), 0, version="0.0.0"))
