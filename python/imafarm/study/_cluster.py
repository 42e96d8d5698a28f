"""Points on a Dask cluster, through its executor."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from imafarm.errors import ConfigurationError

ANSWER_SECONDS = 6.0
"""How long the scheduler may take to answer."""
WORKERS_SECONDS = 3.0
"""How long a scheduler without workers is waited for to have one."""


@contextmanager
def cluster(place: str) -> Iterator[Executor]:
    """The executor of the cluster whose scheduler is at `dask://HOST:PORT`; the connection is closed in the end.

    imafarm has to be installed on its workers, in the same version.

    Errors: `ConfigurationError` for an address that is none, a scheduler that does not answer or has no workers, and
    where the extra `cluster` is not installed.
    """
    address = _address(place)
    try:
        import distributed
    except ImportError:
        raise ConfigurationError([f"on: {place} needs imafarm[cluster], which is not installed"]) from None
    connect: Any = distributed.Client
    # What it has to say of a scheduler that cannot be reached is said here.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client = connect(address, timeout=ANSWER_SECONDS, name="imafarm study", set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise ConfigurationError([f"on: the scheduler at {place} does not answer ({_first_line(error)})"]) from None
    try:
        try:
            client.wait_for_workers(1, timeout=WORKERS_SECONDS)
        except TimeoutError:
            raise ConfigurationError([f"on: the scheduler at {place} has no workers"]) from None
        executor: Executor = client.get_executor()
        yield executor
        executor.shutdown(wait=False)
    finally:
        client.close(timeout=ANSWER_SECONDS)


def _address(place: str) -> str:
    """Where Dask finds it."""
    try:
        parts = urlsplit(place)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme != "dask" or not parts.hostname or port is None or parts.path not in ("", "/"):
        raise ConfigurationError([f"on: {place!r} is no place for a study; write it as dask://HOST:PORT"])
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"tcp://{host}:{port}"


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
