"""The data store, as live hosts ask it: what its last change is, and to write one down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from imafarm.configuration import ConfigurationChange, OtherChange
from imafarm.errors import StoreDown
from imafarm.live._engine import Engine


class DataStore(Protocol):
    """A data store that all hosts of a farm share. Both may take their time, and raise `StoreDown`."""

    async def latest(self) -> int:
        """The number of the last change that the store has, 0 if it has none."""

    async def write(self, change: ConfigurationChange) -> int:
        """Writes a change down; its number."""


class StoreLink:
    """Has the questions of hosts answered: by a data store, or, where there is none, by one that is beside every host
    of this process, answers at once, and ends with the farm."""

    def __init__(
        self,
        engine: Engine,
        store: DataStore | None,
        *,
        now_ns: Callable[[], int],
        spawn: Callable[[Callable[[], Awaitable[object]]], None],
        settle: Callable[[], None],
    ) -> None:
        """now_ns: how late it is on the engine's clock.
        spawn: runs a task for as long as the farm is open.
        settle: does what the engine's hosts want done after an answer that came later.
        """
        self._is_up = True
        self._engine = engine
        self._store = store
        self._now_ns = now_ns
        self._spawn = spawn
        self._settle = settle
        self._sizes_bytes: list[int] = []
        self._changes: dict[int, ConfigurationChange] = {}

    def set_up(self, is_up: bool) -> None:
        """Whether hosts are answered from now on, or find the store down."""
        self._is_up = is_up

    def intend(self, order: int, change: ConfigurationChange) -> None:
        """Says what it is that a host wants written under its number of the wish."""
        if self._store is not None:
            self._changes[order] = change

    def consult(self, host: int, ticket: int, what: tuple[Any, ...]) -> None:
        """A host asks: ("start", round trips, work, bytes), ("poll", known) or ("write", order, bytes)."""
        if not self._is_up:
            self._engine.store_is_down(host, ticket, self._now_ns())
        elif self._store is None:
            self._answer(host, ticket, what)
        else:
            self._spawn(partial(self._ask, self._store, host, ticket, what))

    def _answer(self, host: int, ticket: int, what: tuple[Any, ...]) -> None:
        if what[0] == "write":
            self._sizes_bytes.append(what[2])
            self._engine.wrote(host, ticket, len(self._sizes_bytes), self._now_ns())
            return
        read_bytes = what[3] if what[0] == "start" else sum(self._sizes_bytes[what[1] :])
        self._engine.answered(host, ticket, len(self._sizes_bytes), read_bytes, self._now_ns())

    async def _ask(self, store: DataStore, host: int, ticket: int, what: tuple[Any, ...]) -> None:
        try:
            if what[0] == "write":
                _, order, size_bytes = what
                change = await store.write(self._changes.pop(order, OtherChange(size_bytes)))
                self._engine.wrote(host, ticket, change, self._now_ns())
            else:
                latest = await store.latest()
                # How long changes are that a poll reads is the store's own affair: it is not counted.
                self._engine.answered(host, ticket, latest, what[3] if what[0] == "start" else 0, self._now_ns())
        except StoreDown:
            self._engine.store_is_down(host, ticket, self._now_ns())
        self._settle()
