"""Studies of small farms, and where their points are played."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, TypeVar

import pytest

from imafarm import cli

T = TypeVar("T")
START_SECONDS = 60.0


class Here(Executor):
    """Plays points in this process, one after the other, and keeps them."""

    def __init__(self) -> None:
        self.points: list[Any] = []

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        self.points += args
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.fixture
def here() -> Here:
    return Here()


@pytest.fixture
def imafarm(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """The command `imafarm`, in this process: its exit code, and what it wrote to both streams."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            cli.main([str(argument) for argument in arguments])
        assert isinstance(left.value.code, int)
        return left.value.code, *capsys.readouterr()

    return call


def ended(process: "subprocess.Popen[bytes]") -> None:
    """Ends a process that a test has started."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=START_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Dask scheduler with two workers, as `--on` takes it."""
    place = tmp_path_factory.mktemp("dask")
    said = place / "scheduler.json"
    environment = {**os.environ, "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__DISK": "false"}
    processes: list[subprocess.Popen[bytes]] = []

    def start(module: str, *arguments: str | Path) -> None:
        command = [sys.executable, "-m", f"distributed.cli.{module}", *map(str, arguments)]
        with (place / f"{module}.log").open("ab") as log:
            processes.append(subprocess.Popen(command, cwd=place, env=environment, stdout=log, stderr=log))

    try:
        start(
            "dask_scheduler",
            *("--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0", "--no-jupyter"),
            *("--scheduler-file", said),
        )
        deadline = time.monotonic() + START_SECONDS
        while not said.exists():
            assert processes[0].poll() is None, (place / "dask_scheduler.log").read_text()
            assert time.monotonic() < deadline, "the scheduler does not start"
            time.sleep(0.05)
        for name in ("a", "b"):
            start(
                "dask_worker",
                *("--scheduler-file", said, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny"),
                *("--no-dashboard", "--name", name, "--local-directory", place),
            )
        address = _address(said)
        _wait_for_workers(address, 2)
        yield f"dask://{address.removeprefix('tcp://')}"
    finally:
        for process in reversed(processes):
            ended(process)


def _address(file: Path) -> str:
    import json

    address: str = json.loads(file.read_text())["address"]
    return address


def _wait_for_workers(address: str, count: int) -> None:
    import distributed

    connect: Any = distributed.Client
    with connect(address, timeout=START_SECONDS, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=START_SECONDS)
