"""A farm that is asked over the wire: at one host's management port, and from there at those of others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TypeVar

import trio

from imafarm._imafarm import HostRecord, HostResolver
from imafarm.errors import ManagementError
from imafarm.farm import Bindings, HostState, ServerRow, SessionRow
from imafarm.management import RemoteHost
from imafarm.tools._asking import Asked
from imafarm.tools.querydc import before_and_after, collectors

T = TypeVar("T")
Row = TypeVar("Row")

Dial = Callable[[str, int], AbstractAsyncContextManager[RemoteHost]]
"""Connects to the management port at an address, as `connect_management` does."""
Place = tuple[str, int]

AT_ONCE = 32
"""How many hosts are asked at once."""
ELECTION_SECONDS = 60.0
"""How long a zone without a collector is waited for. Our guess."""
LOOK_AGAIN_SECONDS = 0.5
"""How long until a zone is looked at again that had none."""


class _NotAskedYet(Exception):
    """A question needs what no host has been asked for so far; `ask` asks for it."""

    def __init__(self, ask: Callable[[], Awaitable[None]]) -> None:
        super().__init__("not asked yet")
        self.ask = ask


async def open_remote_farm(dial: Dial, address: str, port: int, *, host: str | None = None) -> RemoteFarm:
    """The farm of the host at an address.

    host: the name of the host as which the farm is to be seen, if any.

    Errors: `ManagementError` if it cannot be asked.
    """
    async with dial(address, port) as asked:
        hosts = await asked.hosts()
        try:
            resolver = HostResolver([record for record, _ in hosts.values()])
        except ValueError as error:
            raise ManagementError(asked.where, f"its reply is wrong: {error}", code="malformed") from None
        places = {name: (there, record.admin_port) for name, (record, there) in hosts.items() if there is not None}
        # Whoever was reached is there, wherever it thinks it is.
        return RemoteFarm(dial, resolver, places | {asked.host: (address, port)}, entry=asked.host, host=host)


class RemoteFarm:
    """What the hosts of a farm tell of it: an `Asked`. Made by `open_remote_farm`, and asked by `answer`.

    Dynamic data are those of each zone's collector, which the entry's collector knows or any host of the zone names.
    A server is up if its zone's collector holds it as up; where none can be reached, if it answers itself. The named
    host, and the collector that it knows of, are asked themselves.

    Nobody is asked twice for the same, so all answers are of about one moment.
    """

    def __init__(
        self, dial: Dial, resolver: HostResolver, places: Mapping[str, Place], *, entry: str, host: str | None
    ) -> None:
        """places: by host, address and port; entry: the host at which to begin; host: the named one."""
        self.resolver = resolver
        self._dial = dial
        self._places = places
        self._entry = entry
        self._host = host
        self._records = {record.name: record for record in resolver.records()}
        self._of_zone: dict[str, list[str]] = {}
        for record in self._records.values():
            self._of_zone.setdefault(record.zone, []).append(record.name)
        self._own: dict[str, HostState | None] = {}
        """What hosts said of themselves; `None`: nothing."""
        self._collectors: dict[str, str | None] | None = None
        self._up: dict[str, set[str]] = {}
        """By zone, the servers that its collector holds for up."""
        self._servers: dict[str | None, dict[str, list[ServerRow]]] = {}
        self._sessions: dict[str | None, dict[str, list[SessionRow]]] = {}
        self._subscriptions: dict[str | None, dict[str, list[tuple[str, str]]]] = {}
        """By who was asked, `None` being each zone's own collector, and by zone."""

    async def answer(self, question: Callable[[Asked], T]) -> T:
        """What a question comes to, once all has been asked that it needs.

        Errors: `ManagementError` if a host that is needed cannot be asked, and whatever the question raises.
        """
        while True:
            try:
                return question(self)
            except _NotAskedYet as more:
                ask = more.ask
            await ask()

    # -- who is in it

    @property
    def host_names(self) -> tuple[str, ...]:
        return tuple(self._records)

    @property
    def zones(self) -> tuple[str, ...]:
        return tuple(self._of_zone)

    def hosts_of(self, zone: str) -> tuple[str, ...]:
        return tuple(self._of_zone[zone])

    def record(self, host: str) -> HostRecord:
        return self._records[host]

    # -- what is

    @property
    def masters(self) -> Mapping[str, str | None]:
        """By zone, the collector that says itself that it is; `None` where none does."""
        if self._collectors is None:
            raise _NotAskedYet(self._find_collectors)
        return self._collectors

    def host_state(self, host: str) -> HostState:
        """Its own word if it was asked itself; else what its zone's collector holds, who knows no bindings."""
        if host in self._own:
            return self._own[host] or _silent()
        if host == self._host or (self._host is not None and host == self.host_state(self._host).master):
            raise _NotAskedYet(partial(self._ask_itself, host))
        zone = self._records[host].zone
        if (collector := self.masters[zone]) is None:
            raise _NotAskedYet(partial(self._ask_each, self._of_zone[zone]))
        if zone not in self._up:
            self._up[zone] = {row.host for row in self.server_states(zone) if row.up}
        if host not in self._up[zone]:
            return _silent()
        return HostState("up", "member", collector, Bindings())

    def sessions(self, zone: str | None = None, *, at: str | None = None) -> list[SessionRow]:
        zones = self.zones if zone is None else (zone,)
        if at not in self._sessions:
            raise _NotAskedYet(partial(self._fill, self._sessions, at, lambda asked, zone: asked.sessions(zone)))
        return [row for its in zones for row in self._sessions[at][its]]

    def server_states(self, zone: str, *, at: str | None = None) -> list[ServerRow]:
        if at not in self._servers:
            raise _NotAskedYet(partial(self._fill, self._servers, at, lambda asked, zone: asked.servers(zone)))
        return self._servers[at][zone]

    def subscriptions(self, zone: str, *, at: str | None = None) -> list[tuple[str, str]]:
        if at not in self._subscriptions:
            raise _NotAskedYet(partial(self._fill, self._subscriptions, at, lambda asked, zone: asked.subscriptions()))
        return self._subscriptions[at][zone]

    # -- asking

    @asynccontextmanager
    async def _at(self, host: str) -> AsyncIterator[RemoteHost]:
        """A connection to a host. Errors: `ManagementError`, naming host and address."""
        if host not in self._places or self._records[host].session_only:
            said = "has no management port" if host in self._places else "is at no address that is known"
            raise ManagementError(host, f"it {said}", code="unreachable")
        try:
            async with self._dial(*self._places[host]) as asked:
                if asked.host != host:
                    raise ManagementError(asked.where, f"{asked.host} answers there", code="unreachable")
                yield asked
        except ManagementError as error:
            raise ManagementError(f"{host} at {error.where}", error.reason, code=error.code) from None

    async def _ask_itself(self, host: str) -> None:
        async with self._at(host) as asked:
            self._own[host] = await asked.state()

    async def _ask_each(self, hosts: Iterable[str]) -> None:
        """Asks hosts for their own word, and takes silence for an answer."""
        free = trio.CapacityLimiter(AT_ONCE)

        async def ask(host: str) -> None:
            async with free:
                try:
                    await self._ask_itself(host)
                except ManagementError:
                    self._own[host] = None

        async with trio.open_nursery() as nursery:
            for host in hosts:
                if host not in self._own:
                    nursery.start_soon(ask, host)

    async def _fill(
        self,
        table: dict[str | None, dict[str, list[Row]]],
        at: str | None,
        question: Callable[[RemoteHost, str], Awaitable[list[Row]]],
    ) -> None:
        """Asks for a table: one host for all zones, or each zone's collector for its own, if there is one.

        A collector that cannot be asked any more is none.
        """
        found: dict[str, list[Row]] = {zone: [] for zone in self.zones}
        if at is not None:
            async with self._at(at) as asked:
                for zone in self.zones:
                    found[zone] = await question(asked, zone)
        else:
            if self._collectors is None:
                await self._find_collectors()
            free = trio.CapacityLimiter(AT_ONCE)

            async def ask(zone: str, collector: str) -> None:
                try:
                    async with free, self._at(collector) as asked:
                        found[zone] = await question(asked, zone)
                except ManagementError:
                    self._collectors = {**self.masters, zone: None}
                    self._own[collector] = None

            async with trio.open_nursery() as nursery:
                for zone, collector in self.masters.items():
                    if collector is not None:
                        nursery.start_soon(ask, zone, collector)
        table[at] = found

    # -- collectors

    async def _find_collectors(self) -> None:
        """The entry leads to its collector, and that one knows the other zones'."""
        own = self._records[self._entry].zone
        found: dict[str, str | None] = dict.fromkeys(self.zones)
        found[own] = await self._collector_of(own, [self._entry])
        named: dict[str, list[str]] = {zone: [] for zone in self.zones}
        if (first := found[own]) is not None:
            async with self._at(first) as asked:
                for peer in await asked.peers():
                    if peer in self._records:
                        named[self._records[peer].zone].append(peer)

        async def find(zone: str) -> None:
            found[zone] = await self._collector_of(zone, named[zone])

        async with trio.open_nursery() as nursery:
            for zone in self.zones:
                if zone != own:
                    nursery.start_soon(find, zone)
        self._collectors = found

    async def _collector_of(self, zone: str, named: Iterable[str]) -> str | None:
        """A zone's collector: the first that says so itself, of those that are named and those whom these name.

        Where nobody is named who is, the zone's hosts are asked; the first few that answer speak for all.
        """
        known = [host for host in self._of_zone[zone] if host in self._own]
        if (found := await self._first_collector(zone, [*named, *known])) is not None:
            return found
        others = [host for host in self._of_zone[zone] if host not in self._own]
        for first in range(0, len(others), AT_ONCE):
            some = others[first : first + AT_ONCE]
            await self._ask_each(some)
            if any(self._own[host] is not None for host in some):
                return await self._first_collector(zone, some)
        return None

    async def _first_collector(self, zone: str, named: Iterable[str]) -> str | None:
        left = [*named]
        seen: set[str] = set()
        while left:
            host = left.pop(0)
            if host in seen or host not in self._of_zone[zone]:
                continue
            seen.add(host)
            await self._ask_each([host])
            if (state := self._own[host]) is None:
                continue
            if state.role == "master":
                return host
            if state.master is not None:
                left.append(state.master)
        return None

    # -- elections

    async def elect(self) -> dict[str, tuple[str | None, str | None]]:
        """As `querydc.elect`: forces an election in each zone, or in the named host's and by it.

        Errors: `ManagementError` if a host that is needed cannot be asked.
        """
        before = await self.answer(lambda farm: collectors(farm, self._host))
        return await before_and_after(before, self._host, self._elect_in)

    async def _elect_in(self, zone: str, by: str | None) -> str | None:
        if by is not None:
            async with self._at(by) as asked:
                return await asked.elect()
        if all(self._records[host].session_only for host in self._of_zone[zone]):
            return None
        with trio.move_on_after(ELECTION_SECONDS):
            while True:
                for host in self._of_zone[zone]:
                    self._own.pop(host, None)
                if (found := await self._collector_of(zone, [])) is not None:
                    return found
                await trio.sleep(LOOK_AGAIN_SECONDS)
        return None


def _silent() -> HostState:
    """What is known of a host that nobody holds for up, and that does not answer."""
    return HostState("off", "down", None, Bindings())
