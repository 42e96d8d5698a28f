"""What the tests of the management port share: a host that tells what it was given, and streams to it."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
import trio
from trio.testing import memory_stream_pair

from imafarm import HostRecord, HostResolver
from imafarm.errors import ConfigurationError
from imafarm.farm import Bindings, Farm, FarmStatistics, HostState, ServerRow, SessionRow, Traffic
from imafarm.management import Door, FarmView, HostView, serve_management

Serving = Callable[..., AbstractAsyncContextManager[trio.abc.Stream]]


@dataclass
class TellingHost:
    """A `HostView` that tells what it was given, and remembers what it was told to do."""

    host: str = "H1"
    resolver: HostResolver = field(default_factory=lambda: HostResolver.generate(4, 2))
    addresses: Mapping[str, str] = field(default_factory=dict)
    its_state: HostState = field(default_factory=lambda: HostState("up", "master", "H1", Bindings(opened=3, active=2)))
    its_peers: Sequence[str] = ("H3",)
    its_sessions: Mapping[str, Sequence[SessionRow]] = field(default_factory=dict)
    its_servers: Mapping[str, Sequence[ServerRow]] = field(default_factory=dict)
    its_subscriptions: Sequence[tuple[str, str]] = ()
    counted: Mapping[str, Traffic] = field(default_factory=dict)
    counters: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    told: list[tuple[object, ...]] = field(default_factory=list)

    def hosts(self) -> list[tuple[HostRecord, str | None]]:
        return [(record, self.addresses.get(record.name)) for record in self.resolver.records()]

    def state(self) -> HostState:
        return self.its_state

    def peers(self) -> Sequence[str]:
        return self.its_peers

    def sessions(self, zone: str) -> Sequence[SessionRow]:
        return self.its_sessions[zone]

    def servers(self, zone: str) -> Sequence[ServerRow]:
        return self.its_servers[zone]

    def subscriptions(self) -> Sequence[tuple[str, str]]:
        return self.its_subscriptions

    def statistics(self) -> FarmStatistics:
        return FarmStatistics(0.0, 0, self.counted, Bindings(), 0, 0, self.counters)

    async def elect(self) -> str | None:
        self.told.append(("elect",))
        return self.its_state.master

    async def logon(self, app: str | None, user: int) -> int:
        self.told.append(("logon", app, user))
        return 7

    async def logoff(self, session: int) -> bool:
        self.told.append(("logoff", session))
        return session == 7

    async def disconnect(self, session: int) -> bool:
        self.told.append(("disconnect", session))
        return session == 7

    async def reconnect(self, session: int) -> bool:
        self.told.append(("reconnect", session))
        return session == 7

    async def set_load(self, load: int | None) -> None:
        if load is not None and load > 99_990:
            raise ConfigurationError([f"load: {load} is out of range, 0 to 99990"])
        self.told.append(("set_load", load))

    async def publish(self, app: str, servers: Sequence[str] | None) -> int:
        self.told.append(("publish", app, servers))
        return 12

    async def stop(self) -> None:
        self.told.append(("stop",))


def freeze(farm: Farm, host: str, addresses: Mapping[str, str]) -> TellingHost:
    """A host as it is now, to be asked when the farm is gone."""
    view = FarmView(farm, host, addresses)
    resolver = HostResolver([record for record, _ in view.hosts()])
    return TellingHost(
        host=host,
        resolver=resolver,
        addresses=addresses,
        its_state=view.state(),
        its_peers=view.peers(),
        its_sessions={zone: view.sessions(zone) for zone in farm.zones},
        its_servers={zone: view.servers(zone) for zone in farm.zones},
        its_subscriptions=view.subscriptions(),
    )


@asynccontextmanager
async def serve(
    view: HostView, keys: Sequence[bytes] = (), door: Door | None = None, faults: list[tuple[str, str]] | None = None
) -> AsyncIterator[trio.abc.Stream]:
    """The caller's end of a stream to a host that is served; at the end the host has let go of it."""
    ours, theirs = memory_stream_pair()
    on_fault = None if faults is None else (lambda code, text: faults.append((code, text)))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(serve_management, theirs, view, keys, door, on_fault=on_fault))
        yield ours
        await ours.aclose()


@pytest.fixture
def telling() -> type[TellingHost]:
    """A host that tells what it is given."""
    return TellingHost


@pytest.fixture
def frozen() -> Callable[..., TellingHost]:
    """Makes such a host of one of a farm's."""
    return freeze


@pytest.fixture
def serving() -> Serving:
    """A stream to a host that is served."""
    return serve
