"""Points on a Dask cluster, through its executor."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread
from typing import Any, TypeVar
from urllib.parse import urlsplit

from imafarm.errors import ConfigurationError

T = TypeVar("T")
CALL_SECONDS = 3.0
"""How long the scheduler's port may take to take a call."""
ANSWER_SECONDS = 5.0
"""How long the scheduler may take to answer."""
WORKERS_SECONDS = 3.0
"""How long a scheduler without workers is waited for to have one."""
CLOSE_SECONDS = 2.0
"""How long taking leave of it may take."""


@contextmanager
def cluster(place: str) -> Iterator[Executor]:
    """The executor of the cluster whose scheduler is at `dask://HOST:PORT`; the connection is closed in the end.

    imafarm has to be installed on its workers, in the same version.

    Errors: `ConfigurationError` for an address that is none, a scheduler that does not answer or has no workers, and
    where the extra `cluster` is not installed.
    """
    host, port = _address(place)
    try:
        # Whether anybody listens is known before Dask is read, and sooner than Dask would give up.
        socket.create_connection((host, port), timeout=CALL_SECONDS).close()
    except OSError as error:
        raise _no_answer(place, error) from None
    try:
        import distributed
    except ImportError:
        raise ConfigurationError([f"on: {place} needs imafarm[cluster], which is not installed"]) from None
    connect: Any = distributed.Client

    def opened() -> Any:
        return connect(
            f"tcp://{f'[{host}]' if ':' in host else host}:{port}",
            timeout=ANSWER_SECONDS,
            name="imafarm study",
            set_as_default=False,
        )

    def closed(client: Any) -> None:
        client.close(timeout=CLOSE_SECONDS)

    # What it has to say of a scheduler that cannot be reached is said here.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client = _within(ANSWER_SECONDS, opened, late=closed)
    except (OSError, TimeoutError, ValueError) as error:
        raise _no_answer(place, error) from None
    try:
        try:
            _within(WORKERS_SECONDS + 0.5, lambda: client.wait_for_workers(1, timeout=WORKERS_SECONDS))
        except TimeoutError:
            raise ConfigurationError([f"on: the scheduler at {place} has no workers"]) from None
        executor: Executor = client.get_executor()
        yield executor
        executor.shutdown(wait=False)
    finally:
        with suppress(TimeoutError):
            _within(CLOSE_SECONDS, lambda: closed(client))


def _within(seconds: float, do: Callable[[], T], late: Callable[[T], object] = lambda _: None) -> T:
    """What `do` comes to, on a thread that nobody waits for any longer than this.

    Dask's own limits do not hold where the other side takes the call and stays silent, so no call into it is waited for
    without one. `late` is given what comes after that.

    Errors: `TimeoutError`; whatever `do` raises in time.
    """
    results: list[T] = []
    errors: list[BaseException] = []
    ended, given_up, either = Event(), Event(), Lock()

    def run() -> None:
        try:
            results.append(do())
        except BaseException as error:
            errors.append(error)
        with either:
            ended.set()
        if given_up.is_set() and results:
            late(results[0])

    Thread(target=run, name="imafarm cluster", daemon=True).start()
    ended.wait(seconds)
    with either:
        if not ended.is_set():
            given_up.set()
            raise TimeoutError(f"nothing came within {seconds:g} seconds")
    if errors:
        raise errors[0]
    return results[0]


def _address(place: str) -> tuple[str, int]:
    """Host and port of the scheduler."""
    try:
        parts = urlsplit(place)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme != "dask" or not parts.hostname or port is None or parts.path not in ("", "/"):
        raise ConfigurationError([f"on: {place!r} is no place for a study; write it as dask://HOST:PORT"])
    return parts.hostname, port


def _no_answer(place: str, error: BaseException) -> ConfigurationError:
    why = (str(error) or type(error).__name__).splitlines()[0]
    return ConfigurationError([f"on: the scheduler at {place} does not answer ({why})"])
