"""The data store, as live hosts ask it: what came after a change, and to make one.

Hosts ask by themselves, at their starts, polls and changes. What they share in one process is the catalogue of
applications: it is read once for all of them, up to one change, and in the order of the store's changes, so that every
process knows an application by the same number.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Protocol

import trio

from imafarm.configuration import ConfigurationChange, LiveStore, OpenedLiveStore, OtherChange, StoreReading
from imafarm.errors import ConfigurationError, StoreDown
from imafarm.live._engine import Engine
from imafarm.live._log import LiveLog


class StoreAsker(Protocol):
    """What whoever asks the store needs of the driver."""

    log: LiveLog

    @property
    def now_ns(self) -> int:
        """How late it is on the engine's clock."""

    def spawn(self, task: Callable[[], Awaitable[object]]) -> None:
        """Runs a task for as long as the farm is open."""

    def settle(self) -> None:
        """Does what the engine's hosts want done, after an answer that came later."""

    def has_learnt(self) -> None:
        """Applications were published or taken away elsewhere."""

    def indices_of(self, names: Iterable[str]) -> list[int]:
        """The hosts of these names, without those of whom this process does not know."""


class StoreLink:
    """Has the questions of hosts answered: by a data store, or, where there is none, by one that is beside every host
    of this process, answers at once, and ends with the farm."""

    def __init__(self, engine: Engine, driver: StoreAsker, opened: OpenedLiveStore | None) -> None:
        """opened: the store, whose catalogue the engine has; `None` for one that is beside every host."""
        self._is_up = True
        self._engine = engine
        self._driver = driver
        self._sizes_bytes: list[int] = []
        self._shared = None if opened is None else _SharedStore(engine, driver, opened.store, opened.latest)

    def set_up(self, is_up: bool) -> None:
        """Whether hosts are answered from now on, or find the store down."""
        self._is_up = is_up

    def intend(self, order: int, change: ConfigurationChange) -> None:
        """Says what it is that a host wants written under its number of the wish."""
        if self._shared is not None:
            self._shared.changes[order] = change

    def refusal_of(self, order: int) -> ConfigurationError | None:
        """Why the store has not taken a change, if that is why it was not made."""
        return None if self._shared is None else self._shared.refusals.pop(order, None)

    async def wait_known(self, change: int) -> None:
        """Waits until what this change is about is known in this process."""
        if self._shared is not None:
            await self._shared.wait_known(change)

    def consult(self, host: int, ticket: int, what: tuple[Any, ...]) -> None:
        """A host asks: ("start", round trips, work, bytes), ("poll", known) or ("write", order, bytes)."""
        if not self._is_up:
            self._engine.store_is_down(host, ticket, self._driver.now_ns)
        elif self._shared is not None:
            self._driver.spawn(partial(self._shared.ask, host, ticket, what))
        elif what[0] == "write":
            self._sizes_bytes.append(what[2])
            self._engine.wrote(host, ticket, len(self._sizes_bytes), self._driver.now_ns)
        else:
            read_bytes = what[3] if what[0] == "start" else sum(self._sizes_bytes[what[1] :])
            self._engine.answered(host, ticket, len(self._sizes_bytes), read_bytes, self._driver.now_ns)

    def heard(self, change: int) -> None:
        """A host has heard of a change, and nobody in this process knows what it is."""
        if self._is_up and self._shared is not None:
            self._driver.spawn(partial(self._shared.catch_up, change))


class _SharedStore:
    """A data store that hosts of several processes share."""

    def __init__(self, engine: Engine, driver: StoreAsker, store: LiveStore, known: int) -> None:
        """known: the number of the last change that is in the engine's catalogue."""
        self.changes: dict[int, ConfigurationChange] = {}
        """By wish: what is to be written."""
        self.refusals: dict[int, ConfigurationError] = {}
        """By wish: why it was not."""
        self._engine = engine
        self._driver = driver
        self._store = store
        self._known = known
        self._sizes_bytes: list[tuple[int, int]] = []
        """What was read: up to which change, and how long it was."""
        self._advanced = trio.Event()
        self._turn = trio.Lock()
        self._begun = 0
        self._down: StoreDown | None = None
        """How the last reading ended: with nothing, if it was answered."""

    async def ask(self, host: int, ticket: int, what: tuple[Any, ...]) -> None:
        """Answers a host's question."""
        try:
            if what[0] == "write":
                await self._write(host, ticket, *what[1:])
            else:
                await self._read()
                read_bytes = what[3] if what[0] == "start" else self._size_since(what[1])
                self._engine.answered(host, ticket, self._known, read_bytes, self._driver.now_ns)
        except StoreDown as down:
            self._tell(down)
            self._engine.store_is_down(host, ticket, self._driver.now_ns)
        self._driver.settle()

    async def catch_up(self, change: int) -> None:
        """Reads this change, if nobody has read it yet. If it cannot be had, a poll will bring it."""
        if change > self._known:
            try:
                await self._read()
            except StoreDown as down:
                self._tell(down)
            self._driver.settle()

    async def wait_known(self, change: int) -> None:
        """Waits until this change was read."""
        while self._known < change:
            await self._advanced.wait()

    async def _read(self) -> None:
        """Reads what is new. Those who ask while a reading is under way share the next one, whatever comes of it."""
        begun = self._begun
        async with self._turn:
            if self._begun == begun:
                self._begun += 1
                try:
                    self._take_in(await self._store.read(self._known))
                    self._down = None
                except StoreDown as down:
                    self._down = down
            if self._down is not None:
                raise self._down

    async def _write(self, host: int, ticket: int, order: int, size_bytes: int) -> None:
        change = self.changes.pop(order, None) or OtherChange(size_bytes)
        try:
            async with self._turn:
                reading = await self._store.write(change, self._known)
                self._take_in(reading)
        except ConfigurationError as error:
            self.refusals[order] = error
            self._engine.answered(host, ticket, self._known, 0, self._driver.now_ns)
        else:
            self._engine.wrote(host, ticket, reading.latest, self._driver.now_ns)

    def _take_in(self, reading: StoreReading) -> None:
        for it in reading.publications:
            servers = None if it.servers is None else self._driver.indices_of(it.servers)
            self._engine.learn(it.name, servers, it.change)
        if reading.publications:
            self._driver.has_learnt()
        if reading.latest > self._known:
            self._sizes_bytes.append((reading.latest, reading.size_bytes))
            self._known = reading.latest
            self._advanced.set()
            self._advanced = trio.Event()
        if reading.cache_trouble is not None:
            self._driver.log.warn("cache-not-written", why=reading.cache_trouble)

    def _size_since(self, change: int) -> int:
        """How long everything is that came after a change."""
        return sum(size for latest, size in self._sizes_bytes if latest > change)

    def _tell(self, down: StoreDown) -> None:
        self._driver.log.warn("store-down", why=str(down.__cause__ or down))
