"""What one host can tell, and be told, through its management port."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from imafarm.errors import ConfigurationError
from imafarm.farm import EventKind, Farm, FarmStatistics, HostState, ServerRow, Session, SessionRow

if TYPE_CHECKING:
    from imafarm._imafarm import HostRecord


class HostView(Protocol):
    """A host, as its management port sees it.

    Verbs raise what those of `Farm` do; `ImafarmError`, `ValueError` and `KeyError` are told to whoever asked.
    """

    @property
    def host(self) -> str:
        """Its name."""

    def hosts(self) -> Iterable[tuple[HostRecord, str | None]]:
        """Every host of its farm, in the order of the records, and the address of each, if it is known."""

    def state(self) -> HostState:
        """What it is doing."""

    def peers(self) -> Iterable[str]:
        """The other zones' collectors that it knows, as a collector; else none."""

    def sessions(self, zone: str) -> Iterable[SessionRow]:
        """A zone's sessions, as it holds them as a collector; else none."""

    def servers(self, zone: str) -> Iterable[ServerRow]:
        """A zone's servers, as it holds them as a collector; else none."""

    def subscriptions(self) -> Iterable[tuple[str, str]]:
        """Who has subscribed with it to which table, as a collector: (host, table)."""

    def statistics(self) -> FarmStatistics:
        """What is counted here: of this host, or of all that share its process."""

    async def elect(self) -> str | None:
        """Has it start an election; the collector that it knows of once the election is over for it."""

    async def logon(self, app: str | None, user: int) -> int:
        """A user logs on to it; the number of the session."""

    async def logoff(self, session: int) -> bool:
        """A session of its own ends. Whether it was there."""

    async def disconnect(self, session: int) -> bool:
        """A session's user goes. Whether it was there, and active."""

    async def reconnect(self, session: int) -> bool:
        """A session gets its user back. Whether it was there, and disconnected."""

    async def set_load(self, load: int | None) -> None:
        """Sets its load; `None` leaves it to its evaluator."""

    async def publish(self, app: str, servers: Sequence[str] | None) -> int:
        """Publishes an application on its console; the number of the change."""

    async def stop(self) -> None:
        """Has it shut down in good order."""


class FarmView:
    """A host of a `Farm`, in whatever world: a `HostView`."""

    def __init__(self, farm: Farm, host: str, addresses: Mapping[str, str]) -> None:
        """`addresses`: by host, where each listens. `KeyError` for an unknown host."""
        farm.record(host)
        self._farm = farm
        self._host = host
        self._addresses = addresses

    @property
    def host(self) -> str:
        return self._host

    def hosts(self) -> list[tuple[HostRecord, str | None]]:
        return [(self._farm.record(host), self._addresses.get(host)) for host in self._farm.host_names]

    def state(self) -> HostState:
        return self._farm.host_state(self._host)

    def peers(self) -> Sequence[str]:
        return self._farm.peers(self._host)

    def sessions(self, zone: str) -> list[SessionRow]:
        return self._farm.sessions(zone, at=self._host)

    def servers(self, zone: str) -> list[ServerRow]:
        return self._farm.server_states(zone, at=self._host)

    def subscriptions(self) -> list[tuple[str, str]]:
        return self._farm.subscriptions(self._farm.record(self._host).zone, at=self._host)

    def statistics(self) -> FarmStatistics:
        return self._farm.statistics()

    async def elect(self) -> str | None:
        """It is over when the host has declared itself or accepted another; `ConfigurationError` if it goes down."""
        over = EventKind.MASTER_DECLARED | EventKind.MASTER_ACCEPTED
        async with self._farm.watch(over | EventKind.HOST_DOWN) as events:
            self._check_running()
            await self._farm.elect(self._host)
            async for event in events:
                if event.host == self._host:
                    break
        self._check_running()
        return self.state().master

    def _check_running(self) -> None:
        state = self.state()
        if state.power != "up" or state.role in {"down", "stopping"}:
            raise ConfigurationError([f"{self._host}: it is not running, so it stands in no election"])

    async def logon(self, app: str | None, user: int) -> int:
        return (await self._farm.logon(self._host, app=app, user=user)).number

    async def logoff(self, session: int) -> bool:
        return await self._farm.logoff(self._session(session))

    async def disconnect(self, session: int) -> bool:
        return await self._farm.disconnect(self._session(session))

    async def reconnect(self, session: int) -> bool:
        return await self._farm.reconnect(self._session(session))

    def _session(self, number: int) -> Session:
        return Session(host=self._host, number=number, user=0, app=None)

    async def set_load(self, load: int | None) -> None:
        await self._farm.set_load(self._host, load)

    async def publish(self, app: str, servers: Sequence[str] | None) -> int:
        return await self._farm.publish(app, servers, at=self._host)

    async def stop(self) -> None:
        await self._farm.stop(self._host)
