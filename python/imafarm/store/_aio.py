"""The data store for Trio: each call in a thread, writers one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

import trio

from imafarm.configuration import ConfigurationChange
from imafarm.store._store import WAIT_SECONDS, DataStore, FarmSummary
from imafarm.store._tree import StoreChange, StoreObject
from imafarm.topology import Topology

T = TypeVar("T")


class AsyncDataStore:
    """A `DataStore` whose calls let other tasks run. Made by `open_data_store`.

    For real time: farm time does not wait for threads, so under `imafarm.run` use `open_emulated_farm(store=...)`, or
    `DataStore` itself.
    """

    def __init__(self, store: DataStore) -> None:
        """The same store, for tasks."""
        self.sync = store
        self._one_writer = trio.CapacityLimiter(1)

    async def summary(self) -> FarmSummary:
        """As `DataStore.summary`."""
        return await self._read(self.sync.summary)

    async def topology(self) -> Topology:
        """As `DataStore.topology`."""
        return await self._read(self.sync.topology)

    async def objects(self, context: str | None = None) -> list[StoreObject]:
        """As `DataStore.objects`."""
        return await self._read(partial(self.sync.objects, context))

    async def changes_since(self, number: int) -> list[StoreChange]:
        """As `DataStore.changes_since`."""
        return await self._read(partial(self.sync.changes_since, number))

    async def change(self, *changes: ConfigurationChange) -> int:
        """As `DataStore.change`. Once it has begun it is not cancelled: it is written, or it is not."""
        return await self._write(partial(self.sync.change, *changes))

    async def replace(self, topology: Topology) -> int:
        """As `DataStore.replace`, and as little cancelled."""
        return await self._write(partial(self.sync.replace, topology))

    async def _read(self, call: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(call)

    async def _write(self, call: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(call, limiter=self._one_writer)


@asynccontextmanager
async def open_data_store(url: str, *, wait_seconds: float = WAIT_SECONDS) -> AsyncIterator[AsyncDataStore]:
    """The store at a URL, for Trio: `async with open_data_store("farm.db") as store: ...`.

    Errors: as `DataStore.open`.
    """
    store = await trio.to_thread.run_sync(partial(DataStore.open, url, wait_seconds=wait_seconds))
    try:
        yield AsyncDataStore(store)
    finally:
        store.close()
