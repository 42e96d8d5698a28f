"""Small farms of one product, and what goes over their links while something happens in them.

Nothing moves in these farms by itself: heartbeats, pings, load requests and polls are a day apart. So all that passes
while an operation is carried out belongs to it, and no kind of message has to be left out of the count.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

import trio

from imafarm.farm import Farm, Traffic
from imafarm.published._figures import Direction
from imafarm.settings import default_settings
from imafarm.topology import Product, StorePlan, Topology

Opener = Callable[[Topology], AbstractAsyncContextManager[Farm]]
"""Opens a farm in which nobody is started yet."""

Links = Mapping[tuple[str, str], Mapping[str, Traffic]]
"""What a ledger says, by (from zone, to zone) and by kind."""

Amount = Fraction | int | None
"""Bytes or times; `None` where an operation did not come about."""

Amounts = dict[tuple[str, Direction], Amount]
"""By operation and direction."""

HERE, THERE = "Z1", "Z2"
"""The zone in which an operation is carried out, and another."""

DAY_MS = 86_400_000
SHARING = "ShareLoadInformation"
RHYTHMS = ("KeepAliveInterval", "PeerPingInterval", "LoadRequestInterval", "DCNChangePollingInterval")
"""The settings by which hosts send something although nothing has happened."""
NOTICING = {"KeepAliveInterval": default_settings()["KeepAliveInterval"]}
"""With it members notice that their collector is gone."""

BOOT_SECONDS = 10.0
"""Over how long the hosts of a farm start."""
STILL_SECONDS = 10.0
"""For so long nothing is sent in a farm that is at rest: twice as long as hosts wait for an answer."""
PATIENCE_SECONDS = 600.0
"""Whatever takes longer does not come about."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What was sent in a farm while something happened in it."""

    before: Links
    after: Links

    def bytes(self, source: str | None = None, target: str | None = None, kinds: Collection[str] = ()) -> int:
        """Bytes from one zone to another, of these kinds; of all where none is named."""
        return self._total(source, target, kinds, lambda traffic: traffic.bytes)

    def sent(self, source: str | None = None, target: str | None = None, kinds: Collection[str] = ()) -> int:
        """Messages, likewise."""
        return self._total(source, target, kinds, lambda traffic: traffic.sent)

    def both_ways(self) -> tuple[int, int]:
        """Bytes from the one zone to the other, and back."""
        return self.bytes(HERE, THERE), self.bytes(THERE, HERE)

    def _total(
        self, source: str | None, target: str | None, kinds: Collection[str], amount: Callable[[Traffic], int]
    ) -> int:
        total = 0
        for (sender, receiver), by_kind in self.after.items():
            if source not in (None, sender) or target not in (None, receiver):
                continue
            then = self.before.get((sender, receiver), {})
            for kind, traffic in by_kind.items():
                if not kinds or kind in kinds:
                    total += amount(traffic) - amount(then.get(kind, Traffic()))
        return total


@dataclass(frozen=True, slots=True)
class Running:
    """A farm at rest."""

    farm: Farm
    collectors: Mapping[str, str]
    """By zone."""

    def members(self, zone: str = HERE) -> list[str]:
        """The zone's hosts, its collector left out."""
        return [host for host in self.farm.hosts_of(zone) if host != self.collectors[zone]]

    async def during(self, act: Callable[[], Awaitable[object]]) -> Flow:
        """Has something done, waits until all is still, and tells what was sent."""
        before = self.farm.links()
        with trio.move_on_after(PATIENCE_SECONDS):
            await act()
        await settle(self.farm)
        return Flow(before, self.farm.links())

    def store_bytes(self) -> int:
        """Bytes that all hosts have read from the data store so far."""
        return sum(zone["DataStore bytes read"] for zone in self.farm.statistics().counters.values())


@dataclass(frozen=True, slots=True)
class Bench:
    """Where farms of one product are set up."""

    product: Product
    wanted: frozenset[str]
    """The operations that are published of it."""
    open_farm: Opener

    @asynccontextmanager
    async def farm(
        self,
        hosts: int,
        zones: int = 1,
        *,
        off: Iterable[str] = (),
        settings: Mapping[str, int] = MappingProxyType({}),
        applications: Iterable[str] = (),
    ) -> AsyncIterator[Running]:
        """A farm at rest, some hosts of which are not started. The applications are published on all."""
        async with self.unstarted(hosts, zones, settings=settings, applications=applications) as farm:
            idle = set(off)
            await farm.start([host for host in farm.host_names if host not in idle], spread_seconds=BOOT_SECONDS)
            collectors = await _agreed(farm)
            await settle(farm)
            yield Running(farm, collectors)

    def unstarted(
        self,
        hosts: int,
        zones: int = 1,
        *,
        settings: Mapping[str, int] = MappingProxyType({}),
        applications: Iterable[str] = (),
        store: StorePlan | None = None,
    ) -> AbstractAsyncContextManager[Farm]:
        """A farm in which nobody runs, and whose data store is beside every host unless it is said where."""
        known = default_settings()
        quiet = {name: DAY_MS for name in RHYTHMS if name in known}
        topology = Topology.of(
            hosts,
            zones,
            product=self.product,
            settings=quiet | dict(settings),
            applications=dict.fromkeys(applications),
            store=store,
        )
        return self.open_farm(topology)


async def _agreed(farm: Farm) -> Mapping[str, str]:
    with trio.move_on_after(PATIENCE_SECONDS):
        return await farm.wait_converged()
    raise RuntimeError(f"the farm's zones have not agreed on their collectors within {PATIENCE_SECONDS:.0f} s")


async def settle(farm: Farm) -> None:
    """Waits until nothing is sent any more. `RuntimeError` if that does not come."""
    with trio.move_on_after(PATIENCE_SECONDS):
        before = farm.links()
        while True:
            await trio.sleep(STILL_SECONDS)
            now = farm.links()
            if now == before:
                return
            before = now
    raise RuntimeError(f"the farm has not come to rest within {PATIENCE_SECONDS:.0f} s")
