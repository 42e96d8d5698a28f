"""Names for what an engine knows by number, and who hears of what happens in it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Generic, TypeVar

import trio

from imafarm import _imafarm
from imafarm.configuration import ConfigurationChange, ConfigurationLog
from imafarm.farm import EventKind, Farm, FarmEvent, Hosts
from imafarm.topology import Topology
from imafarm.topology._checks import NANOSECONDS

T = TypeVar("T")
E = TypeVar("E", bound=_imafarm.ObservedFarm)
"""The engine of one world."""

NO_APPLICATION = 2**32 - 1
"""What the engine takes for a session that runs none."""


class WatchedFarm(Farm, Generic[E]):
    """The part of an engine's farm that gives names to numbers, and tells of events."""

    def __init__(self, topology: Topology, engine: E, *, origin_ns: int, log: ConfigurationLog | None = None) -> None:
        """A farm of these hosts.

        engine: in which they live, made of this topology.
        origin_ns: what the running Trio clock showed when the engine's own clock stood at zero.
        log: who is told of changes of the configuration.
        """
        super().__init__()
        resolver = topology.resolver
        self._driven = engine
        self._origin_ns = origin_ns
        self._log = log
        self._resolver = resolver
        self._hosts = tuple(resolver.names_of(range(len(resolver))))
        self._zone_of = resolver.zones_of(range(len(resolver)))
        self._zone_names = tuple(resolver.zones())
        self._zones = tuple(self._zone_names[zone] for zone in dict.fromkeys(self._zone_of))
        self._product = topology.product
        self._applications = tuple(topology.applications)
        self._channels: list[tuple[EventKind, trio.MemorySendChannel[FarmEvent]]] = []
        self._keep_watched_events()

    @property
    def _engine(self) -> E:
        """The engine, to be asked and told anything."""
        return self._driven

    # -- who is in it

    @property
    def host_names(self) -> tuple[str, ...]:
        return self._hosts

    @property
    def zones(self) -> tuple[str, ...]:
        return self._zones

    @property
    def product(self) -> str:
        return self._product

    def hosts_of(self, zone: str) -> tuple[str, ...]:
        number = self._zone_number(zone)
        return tuple(host for host, its in zip(self._hosts, self._zone_of, strict=True) if its == number)

    def record(self, host: str) -> _imafarm.HostRecord:
        return self._resolver.record(self._index(host))

    @property
    def opened_seconds(self) -> float:
        """When it was opened, on the clock of `trio.current_time()`. The times of its tables count from then."""
        return self._origin_ns / NANOSECONDS

    # -- events

    def watch(self, kinds: EventKind = EventKind.ALL) -> trio.MemoryReceiveChannel[FarmEvent]:
        send, receive = trio.open_memory_channel[FarmEvent](math.inf)
        self._channels.append((kinds, send))
        self._keep_watched_events()
        return receive

    def deliver_events(self) -> None:
        """Hands what happened to those who watch."""
        if not self._channels or not (news := self._driven.take_events()):
            return
        for time_ns, bit, host, other, zone in news:
            event = None
            for kinds, channel in self._channels:
                if bit & kinds.value and channel.statistics().open_receive_channels:
                    event = event or FarmEvent(
                        seconds=self._seconds(time_ns),
                        kind=EventKind(bit),
                        host=self._hosts[host],
                        other=self._name(other),
                        zone=self._zone_names[zone],
                    )
                    channel.send_nowait(event)
        self._keep_watched_events()

    def close(self) -> None:
        """Ends every stream of events; the farm's figures can still be read."""
        for _, channel in self._channels:
            channel.close()
        self._channels.clear()

    def _keep_watched_events(self) -> None:
        """Has the engine keep the events of the open streams, and no others."""
        self._channels = [entry for entry in self._channels if entry[1].statistics().open_receive_channels]
        self._engine.keep_events(reduce(or_, (kinds for kinds, _ in self._channels), EventKind(0)).value)

    def _watched_kinds(self) -> EventKind:
        """The kinds of events for which tasks are waiting at this moment."""
        watched = EventKind(0)
        for kinds, channel in self._channels:
            if channel.statistics().tasks_waiting_receive:
                watched |= kinds
        return watched

    def write_down(self, change: ConfigurationChange) -> None:
        """Tells whoever keeps this farm's configuration of a change. Elections and sessions have nothing to tell."""
        if self._log is not None:
            self._log.record(change)

    # -- names and numbers

    def _index(self, host: str) -> int:
        """A host's place in the directory. `KeyError` for an unknown one."""
        return self._indices(host)[0]

    def _indices(self, hosts: Hosts) -> tuple[int, ...]:
        """Places of hosts in the directory, sorted, each once. `KeyError` for an unknown host."""
        names = [hosts] if isinstance(hosts, str) else hosts
        try:
            return tuple(sorted({self._resolver.by_name(name) for name in names}))
        except KeyError as unknown:
            raise KeyError(f"host {unknown.args[0]!r}") from None

    def _name(self, index: int | None) -> str | None:
        return None if index is None or index < 0 else self._hosts[index]

    def _zone_number(self, zone: str) -> int:
        return self._zone_names.index(self._known_zone(zone))

    def _by_zone(self, figures: Iterable[T]) -> dict[str, T]:
        """What the engine tells of each zone, by name; zones that have lost their last host are left out."""
        named = dict(zip(self._zone_names, figures, strict=True))
        return {zone: named[zone] for zone in self._zones}

    def _app_number(self, app: str | None) -> int:
        if app is None:
            return NO_APPLICATION
        if app not in self._applications:
            raise KeyError(f"application {app!r}")
        return self._applications.index(app)

    def _app_name(self, number: int) -> str | None:
        return self._applications[number] if number < len(self._applications) else None

    def _seconds(self, time_ns: int) -> float:
        """A time of the engine's, on the Trio clock."""
        return (self._origin_ns + time_ns) / NANOSECONDS
