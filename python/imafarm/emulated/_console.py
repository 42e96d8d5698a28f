"""What administrators do to the configuration of an emulated farm, and to its data store."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import cast

import trio

from imafarm import _imafarm
from imafarm.configuration import ConfigurationChange, OtherChange, Publish
from imafarm.emulated._clock import NANOSECONDS
from imafarm.emulated._commands import CommandQueue, Verb
from imafarm.errors import ConfigurationError, StoreDown
from imafarm.farm import EventKind, Farm, FarmEvent, Hosts

LARGEST_CHANGE = 2**32 - 1
"""The longest change, in bytes."""
_ON_ITS_WAY, _REFUSED = 0, -1
"""What the engine says of a change that has no number."""


class ConsoleFarm(Farm):
    """The part of an emulated farm that is about its configuration."""

    _engine: _imafarm.EmulatedFarm
    _hosts: tuple[str, ...]
    _zone_of: Sequence[int]
    _zone_names: tuple[str, ...]
    _applications: tuple[str, ...]
    _origin_ns: int
    _commands: CommandQueue

    # -- what the rest of the farm does for this

    @abstractmethod
    def write_down(self, change: ConfigurationChange) -> None: ...

    @abstractmethod
    def _indices(self, hosts: Hosts) -> tuple[int, ...]: ...

    # -- verbs

    async def publish(self, app: str, servers: Hosts | None = None, *, at: str | None = None) -> int:
        if not app:
            raise ConfigurationError(["app: an application has a name"])
        which = None if servers is None else self._indices(servers)
        host = self._console(at)
        order = await self._commands.do(
            Verb.PUBLISH,
            (host,),
            (app, -1, *which) if which is not None else (app,),
            lambda: self._engine.publish(host, app, which),
        )
        number = await self._made(host, order)
        self._applications = tuple(self._engine.applications())
        names = None if which is None else [self._hosts[index] for index in which]
        self.write_down(Publish(app, names))
        return number

    async def change_configuration(self, size_bytes: int, *, at: str | None = None) -> int:
        if not 1 <= size_bytes <= LARGEST_CHANGE:
            raise ConfigurationError([f"size_bytes: {size_bytes} is out of range, 1 to {LARGEST_CHANGE}"])
        host = self._console(at)
        order = await self._commands.do(
            Verb.CHANGE, (host,), (size_bytes,), lambda: self._engine.change_configuration(host, size_bytes)
        )
        number = await self._made(host, order)
        self.write_down(OtherChange(size_bytes))
        return number

    def _console(self, at: str | None) -> int:
        """The index of the host on whose console something is done; the first that runs if none is named."""
        if at is not None:
            return self._indices(at)[0]
        running = self._engine.next_running()
        if running is None:
            raise ConfigurationError(["at: no host runs, so nobody can change anything"])
        return running

    async def _made(self, host: int, order: object) -> int:
        """The number of a change, once it is in the data store."""
        if order is None:
            raise ConfigurationError([f"at: {self._hosts[host]} does not run, so nobody can change anything on it"])
        with self._waits.for_(f"a change made on {self._hosts[host]} to come to the data store"):
            async with self.events(EventKind.CHANGE_MADE | EventKind.CHANGE_REFUSED) as events:
                while (number := self._engine.order_state(cast(int, order))) == _ON_ITS_WAY:
                    await _next(events)
        if number == _REFUSED:
            raise StoreDown
        return number

    async def store_down(self) -> None:
        await self._commands.do(Verb.STORE_DOWN, (), (), lambda: self._engine.set_store_up(False))

    async def store_up(self) -> None:
        await self._commands.do(Verb.STORE_UP, (), (), lambda: self._engine.set_store_up(True))

    # -- what is

    def change_of(self, host: str) -> int:
        return self._engine.change_of(self._indices(host)[0])

    def event_log(self) -> list[FarmEvent]:
        return [
            FarmEvent(
                seconds=(self._origin_ns + time_ns) / NANOSECONDS,
                kind=EventKind(bit),
                host=self._hosts[host],
                other=None,
                zone=self._zone_names[self._zone_of[host]],
            )
            for time_ns, bit, host in self._engine.event_log()
        ]

    def check_caches(self) -> list[str]:
        return self._engine.check_caches()

    # -- waits

    async def wait_change(self, number: int, hosts: Hosts | None = None) -> None:
        which: Sequence[int] = range(len(self._hosts)) if hosts is None else self._indices(hosts)
        with self._waits.for_(f"change {number} to be known"):
            async with self.events(EventKind.CHANGE_LEARNT | EventKind.HOST_DOWN) as events:
                while which := self._engine.hosts_without_change(number, which):
                    await _next(events)

    async def _wait_until_nobody_starts(self) -> None:
        """Waits until every service that reads the data store has started, or has been refused to."""
        ends = EventKind.HOST_UP | EventKind.START_REFUSED | EventKind.HOST_DOWN
        starting = 0
        async with self.events(ends) as events:
            while (found := self._engine.next_starting(starting)) is not None:
                starting = found
                await _next(events)


async def _next(events: trio.MemoryReceiveChannel[FarmEvent]) -> None:
    """Waits for an event, and takes all that have come with it."""
    try:
        await events.receive()
    except trio.EndOfChannel:
        raise trio.ClosedResourceError("the farm was closed") from None
    while events.statistics().current_buffer_used:
        events.receive_nowait()
