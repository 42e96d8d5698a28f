"""The data store of a live farm, and the local host cache files of its hosts."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import trio

from imafarm.configuration import CachedHost, ConfigurationChange, OpenedLiveStore, StoreReading
from imafarm.errors import ConfigurationError, StoreDown, StoreError
from imafarm.store._address import Address, read_address
from imafarm.store._host_cache import HostCache, image_of, mistake_of_header, place_of, read_host_cache, write_file
from imafarm.store._store import DataStore, StoreCopy

T = TypeVar("T")

ANSWER_SECONDS = 10.0
"""How long a question to the store may take before the store counts as down. Our guess: twice as long as another writer
is waited for."""
THREADS = 4
"""How many questions one process asks at a time; those that a database does not answer hold one each. Our guess."""
IN_STEP_SECONDS = 3600.0
"""How often a cache to which nothing is new is written for the sake of its time. Our guess: little beside 96 hours, how
long some products let a host start from it."""


class CacheFiles:
    """The local host cache files of the hosts of one process."""

    def __init__(self, address: Address, paths: Mapping[str, Path]) -> None:
        """address: of the store that they are copies of; paths: by host name."""
        self._place = place_of(address)
        self._paths = dict(paths)
        self._latest = -1
        self._written_at = 0.0
        self._one_writer = threading.Lock()

    def read(self) -> tuple[dict[str, HostCache], list[str]]:
        """By host: what is in the files that can be used; and what is wrong with those that cannot.

        At whose path something else is, that host has no cache from now on: what is there is left as it is.
        """
        caches: dict[str, HostCache] = {}
        troubles = []
        for host, path in list(self._paths.items()):
            if not os.path.exists(path) or _is_empty(path):
                continue
            if said := mistake_of_header(path):
                troubles.append(f"{path}: {said}")
                del self._paths[host]
                continue
            try:
                caches[host] = read_host_cache(path)
            except StoreError as error:
                troubles.append(str(error))
        return caches, troubles

    def of_store(self) -> tuple[dict[str, HostCache], list[str]]:
        """As `read`, and only those that are copies of this very store."""
        caches, troubles = self.read()
        for host, cache in list(caches.items()):
            if cache.store != self._place:
                troubles.append(f"{self._paths[host]}: this local host cache is a copy of another store, {cache.store}")
                del self._paths[host], caches[host]
        return caches, troubles

    def of_farm(self, copy: StoreCopy) -> list[str]:
        """Gives up those that are another farm's than this; what is wrong with these, and as `read`.

        A store that was moved is still the farm's.
        """
        caches, troubles = self.read()
        for host, cache in caches.items():
            if cache.store != self._place and not _is_same_farm(cache.copy, copy):
                troubles.append(f"{self._paths[host]}: this local host cache is another farm's, {cache.copy.name!r}")
                del self._paths[host]
        return troubles

    def are_due(self, latest: int) -> bool:
        """Whether they are to be written when the store's last change has this number."""
        is_old = time.monotonic() - self._written_at > IN_STEP_SECONDS
        return bool(self._paths) and (latest != self._latest or is_old)

    def write(self, copy: StoreCopy) -> tuple[set[str], str | None]:
        """Makes them hold this copy. Of which hosts they do, and what is wrong with the first that does not."""
        if not self._paths:
            return set(), None
        with self._one_writer:
            image = image_of(copy, self._place, time.time())
            written, trouble = set(), None
            for host, path in self._paths.items():
                try:
                    write_file(path, image)
                    written.add(host)
                except OSError as error:
                    trouble = trouble or f"{path}: the local host cache cannot be written: {error.strerror}"
            # Whatever could not be written is not tried again before there is something new.
            self._latest, self._written_at = copy.latest, time.monotonic()
            return written, trouble


class LiveDataStore:
    """A `LiveStore` in a database: each question in a thread, and none waited for longer than it may take."""

    def __init__(self, store: DataStore, caches: CacheFiles, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        """caches: what is kept up to date with it; answer_seconds: how long a question may take."""
        self._store = store
        self._caches = caches
        self._answer_seconds = answer_seconds
        self._threads = trio.CapacityLimiter(THREADS)

    async def read(self, known: int) -> StoreReading:
        """As `LiveStore.read`."""
        return await self._keep(await self._ask(partial(self._store.read_since, known)))

    async def write(self, change: ConfigurationChange, known: int) -> StoreReading:
        """As `LiveStore.write`."""
        given_up = threading.Event()

        def confirm() -> None:
            if given_up.is_set():
                raise StoreError(self._store.url, "nobody waits for this change any more")

        try:
            reading = await self._ask(partial(self._store.change_and_read, change, known, confirm))
        finally:
            given_up.set()
        return await self._keep(reading)

    async def _ask(self, question: Callable[[], T]) -> T:
        with trio.move_on_after(self._answer_seconds):
            try:
                return await trio.to_thread.run_sync(question, abandon_on_cancel=True, limiter=self._threads)
            except StoreError as error:
                raise StoreDown from error
        raise StoreDown from _silence(self._store.url, self._answer_seconds)

    async def _keep(self, reading: StoreReading) -> StoreReading:
        """Brings the caches up to date; the reading, with what is wrong with them."""
        if not self._caches.are_due(reading.latest):
            return reading
        try:
            copy = await self._ask(self._store.copy)
            _, trouble = await trio.to_thread.run_sync(self._caches.write, copy)
        except StoreDown as down:
            trouble = f"the local host caches are not up to date: {down.__cause__}"
        except ConfigurationError as error:
            trouble = f"the local host caches are not up to date: {error.mistakes[0]}"
        return replace(reading, cache_trouble=trouble)


def open_for_a_live_farm(
    url: str, caches: Mapping[str, Path], *, answer_seconds: float = ANSWER_SECONDS
) -> OpenedLiveStore:
    """The farm in the store at `url`, or in a local host cache file while the store is down.

    caches: by host name: its local host cache file.

    Errors: `StoreError`; `ConfigurationError` for a file in a directory that is not there.
    """
    address = read_address(url)
    if astray := [path for path in caches.values() if not path.parent.is_dir()]:
        raise ConfigurationError([f"cache: {path}: there is no directory {path.parent}" for path in astray])
    files = CacheFiles(address, caches)
    store = DataStore.at(address)
    live = LiveDataStore(store, files, answer_seconds=answer_seconds)
    try:
        copy = _within(answer_seconds, store.copy, store.url)
    except StoreError as error:
        return _stand_in(live, files, error)
    troubles = files.of_farm(copy)
    written, trouble = files.write(copy)
    return OpenedLiveStore(
        store=live,
        topology=copy.topology,
        publications=copy.publications,
        latest=copy.latest,
        cached={host: CachedHost(copy.latest) for host in caches if host in written},
        troubles=(*troubles, trouble) if trouble else tuple(troubles),
    )


def _stand_in(live: LiveDataStore, files: CacheFiles, error: StoreError) -> OpenedLiveStore:
    """The farm of the cache that is furthest; where there is none, the error."""
    caches, troubles = files.of_store()
    if not caches:
        raise StoreError(error.url, "; ".join([error.reason, *troubles])) from error
    copy = max((cache.copy for cache in caches.values()), key=lambda copy: copy.latest)
    now = time.time()
    return OpenedLiveStore(
        store=live,
        topology=copy.topology,
        publications=copy.publications,
        latest=copy.latest,
        # A clock that was set back says nothing of an age.
        cached={host: CachedHost(it.copy.latest, max(0.0, now - it.in_step_at)) for host, it in caches.items()},
        from_cache=True,
        troubles=(str(error), *troubles),
    )


def _is_same_farm(one: StoreCopy, other: StoreCopy) -> bool:
    """Whether two copies are of one farm, as far as its name and its magic number tell."""
    return (one.name, one.topology.magic) == (other.name, other.topology.magic)


def _is_empty(path: Path) -> bool:
    """Whether a file is there of which nothing can be lost."""
    return path.is_file() and path.stat().st_size == 0


def _within(seconds: float, question: Callable[[], T], url: str) -> T:
    """The answer to a question, if it comes so soon. Errors: the question's, and `StoreError` if it does not."""
    answer: Future[T] = Future()

    def ask() -> None:
        try:
            answer.set_result(question())
        except Exception as error:
            answer.set_exception(error)

    # A thread that nobody waits for, not even at the end of the process.
    threading.Thread(target=ask, name="imafarm store", daemon=True).start()
    try:
        return answer.result(timeout=seconds)
    except TimeoutError:
        raise _silence(url, seconds) from None


def _silence(url: str, seconds: float) -> StoreError:
    return StoreError(url, f"the database has not answered for {seconds:g} s")
