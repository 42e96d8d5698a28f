"""A farm, as scenarios see it: verbs, waits, events and figures, whatever world the hosts live in.

Hosts and zones go by name. Times are seconds of the running Trio clock: farm time in an emulated farm.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import trio

from imafarm.errors import ConfigurationError
from imafarm.farm._facts import (
    GAUGES,
    Assignment,
    Bindings,
    Cut,
    Election,
    EventKind,
    FarmEvent,
    FarmStatistics,
    Hosts,
    HostState,
    Power,
    Role,
    ServerRow,
    Session,
    SessionRow,
    Traffic,
    Users,
    Work,
)
from imafarm.farm._recording import Recording

if TYPE_CHECKING:
    from imafarm._imafarm import HostRecord
    from imafarm.tables import Table

__all__ = [
    "GAUGES",
    "Assignment",
    "Bindings",
    "Cut",
    "Election",
    "EventKind",
    "Farm",
    "FarmEvent",
    "FarmStatistics",
    "HostState",
    "Hosts",
    "Power",
    "Recording",
    "Role",
    "ServerRow",
    "Session",
    "SessionRow",
    "Traffic",
    "Users",
    "Work",
]


@dataclass(slots=True)
class _Waits:
    """Which task waits for what, for whoever has to explain why nothing moves."""

    by_task: dict[trio.lowlevel.Task, str] = field(default_factory=dict)

    @contextmanager
    def for_(self, what: str) -> Iterator[None]:
        task = trio.lowlevel.current_task()
        self.by_task[task] = what
        try:
            yield
        finally:
            del self.by_task[task]


class Farm(ABC):
    """Servers that share one control plane, and what an experimenter may do to them.

    Verbs take effect at the current instant. What several tasks ask for at one instant is done in one order, which
    does not depend on the order in which Trio ran them. A verb that is cancelled has done nothing.
    """

    def __init__(self) -> None:
        """A farm for which nobody waits yet."""
        self._waits = _Waits()

    # -- who is in it

    @property
    @abstractmethod
    def host_names(self) -> tuple[str, ...]:
        """Every host, in the order of the records."""

    @property
    @abstractmethod
    def zones(self) -> tuple[str, ...]:
        """Every zone, in the order in which records first name them."""

    @property
    @abstractmethod
    def product(self) -> str:
        """The product whose figures the hosts go by: XP, MF30, PS40 or PS45."""

    @abstractmethod
    def hosts_of(self, zone: str) -> tuple[str, ...]:
        """A zone's hosts, in the order of the records. `KeyError` for an unknown zone."""

    @abstractmethod
    def record(self, host: str) -> HostRecord:
        """A host's record. `KeyError` for an unknown host."""

    @cached_property
    def led_zones(self) -> tuple[str, ...]:
        """The zones that can have a data collector: those with a server that stands in elections."""
        led = {record.zone for record in map(self.record, self.host_names) if not record.session_only}
        return tuple(zone for zone in self.zones if zone in led)

    @abstractmethod
    def setting(self, host: str, name: str) -> int:
        """What a host's setting says, in the setting's own unit."""

    # -- verbs

    @abstractmethod
    async def start(self, hosts: Hosts, *, spread_seconds: float = 0.0) -> None:
        """Starts hosts, each at a moment drawn from the `spread_seconds` that begin now."""

    @abstractmethod
    async def stop(self, hosts: Hosts) -> None:
        """Shuts hosts down cleanly: a data collector triggers the election before it goes."""

    @abstractmethod
    async def crash(self, hosts: Hosts) -> None:
        """Ends hosts without a word to anybody."""

    @abstractmethod
    async def restart(self, hosts: Hosts) -> None:
        """Crashes hosts and starts them again at once; their memory is lost."""

    @abstractmethod
    async def pause(self, hosts: Hosts) -> None:
        """Freezes hosts: they handle nothing, their bindings stay."""

    @abstractmethod
    async def resume(self, hosts: Hosts) -> None:
        """Lets paused hosts go on."""

    @abstractmethod
    async def elect(self, host: str) -> None:
        """Makes a host start an election, as an administrator does by hand."""

    @abstractmethod
    async def logon(self, host: str, *, app: str | None = None, user: int = 0) -> Session:
        """A user logs on to a server. `ConfigurationError` if it does not run; `KeyError` for unknown applications."""

    @abstractmethod
    async def disconnect(self, session: Session) -> bool:
        """A session's user goes, the session stays. Whether it was there, and active."""

    @abstractmethod
    async def reconnect(self, session: Session) -> bool:
        """A disconnected session gets its user back. Whether it was there, and disconnected."""

    @abstractmethod
    async def logoff(self, session: Session) -> bool:
        """A session ends. Whether it was there."""

    @abstractmethod
    async def resolve(self, app: str, *, at: str | None = None, zones: Sequence[str] = ()) -> Assignment | None:
        """Which server should run a session of an application: the least loaded; `None` if no server can take it.

        app: its name.
        at: the host that a user's client asks; the first that runs, unless said.
        zones: those in which it should rather run, the best first; all others are tried after them.

        `KeyError` for an unknown application, host or zone; `ConfigurationError` for more zones than can be preferred,
        and for a farm of which no host runs.
        """

    @abstractmethod
    async def set_load(self, hosts: Hosts, load: int | None) -> None:
        """Sets the load of running servers; `None` leaves it to their evaluators again."""

    @abstractmethod
    async def subscribe(self, host: str, table: str, *, on: bool = True) -> None:
        """A running host wants `EventKind.TABLE_CHANGED` for a table of its collector's, or no more.

        `ConfigurationError` for a table that there is not.
        """

    @abstractmethod
    async def partition(self, hosts: Hosts, others: Hosts | None = None, *, both_ways: bool = True) -> Cut:
        """Cuts the links from `hosts` to `others` (to everybody else, if not given)."""

    @abstractmethod
    async def heal(self, cut: Cut | None = None) -> None:
        """Takes one cut back, or all."""

    @abstractmethod
    async def set_setting(self, hosts: Hosts, name: str, value: int) -> None:
        """Turns a setting of some hosts, who go by it from their next start on, as with a registry value.

        `ConfigurationError` for an unknown name or a value out of range.
        """

    @abstractmethod
    async def set_magic(self, hosts: Hosts, number: int) -> None:
        """Gives some hosts another magic number, 0 to 2**32 - 1, from their next start on. With one that is not their
        farm's they take themselves for a farm of their own (IMA Information, "How does the ZDC ensure servers
        communicating with are in the farm"). `ConfigurationError` for a number out of range.
        """

    @abstractmethod
    async def publish(self, app: str, servers: Hosts | None = None, *, at: str | None = None) -> int:
        """Publishes an application on these servers, or on all, in a console on the host `at` (the first that runs).

        Comes back when the change is in the data store; its number.

        Errors: `StoreDown`; `ConfigurationError` if the host does not run.
        """

    @abstractmethod
    async def change_configuration(self, size_bytes: int, *, at: str | None = None) -> int:
        """Changes something else, for the sake of its length; otherwise as `publish`."""

    @abstractmethod
    async def store_down(self) -> None:
        """Takes the data store down, and all copies of it."""

    @abstractmethod
    async def store_up(self) -> None:
        """Brings the data store back."""

    # -- what is

    @abstractmethod
    def magic(self, host: str) -> int:
        """The magic number that a host has, or will have from its next start on."""

    @property
    @abstractmethod
    def masters(self) -> Mapping[str, str | None]:
        """By zone: the living collector on whom all running hosts of the zone agree, else `None`."""

    @abstractmethod
    def host_state(self, host: str) -> HostState:
        """What a host is doing now."""

    @abstractmethod
    def statistics(self) -> FarmStatistics:
        """The farm's figures, counted since it was opened."""

    @abstractmethod
    def elections(self) -> list[Election]:
        """The chronicle of elections so far, oldest first."""

    @abstractmethod
    def sessions(self, zone: str | None = None, *, at: str | None = None) -> list[SessionRow]:
        """The sessions of a zone, or of all, by server: as the zone's own collector holds them, or as `at` does.

        Empty where nobody collects. `KeyError` for an unknown zone or host.
        """

    @abstractmethod
    def server_states(self, zone: str, *, at: str | None = None) -> list[ServerRow]:
        """The servers of a zone that its collector, or the collector `at`, has heard of. `KeyError` as above."""

    @abstractmethod
    def subscriptions(self, zone: str, *, at: str | None = None) -> list[tuple[str, str]]:
        """Who has subscribed to which table at a zone's collector, or at `at`: (host, table). `KeyError` as above."""

    @abstractmethod
    def peers(self, host: str) -> tuple[str, ...]:
        """The other zones' collectors that a host knows, as a collector; else none. `KeyError` as above."""

    @abstractmethod
    def links(self) -> Mapping[tuple[str, str], Mapping[str, Traffic]]:
        """What went from zone to zone so far, by (from, to) and by kind; what had no messages is left out."""

    @abstractmethod
    def check_stores(self) -> list[str]:
        """What the collectors hold that is not so. Empty once all is quiet; reports under way may show here."""

    @abstractmethod
    def change_of(self, host: str) -> int:
        """The number of the change up to which a host's local host cache has all."""

    @abstractmethod
    def event_log(self) -> list[FarmEvent]:
        """What hosts have written to their event logs: starts that took long, and those without the data store."""

    @abstractmethod
    def check_caches(self) -> list[str]:
        """Running hosts whose local host caches lack what the data store has; empty if there are none.

        While a notice is under way there may be some; who missed one lacks it until its next poll.
        """

    @abstractmethod
    def check_conservation(self) -> list[str]:
        """What breaks `sent = delivered + dropped + in flight`, by kind, in messages and bytes; empty if nothing."""

    @abstractmethod
    def digest(self) -> str:
        """A fingerprint of all that has happened: equal for equal farms, scenarios and seeds. 32 hex digits."""

    # -- tables

    @abstractmethod
    def events(self) -> Table:
        """Every event so far, in order, of the kinds that are recorded. Columns, units and meanings: `Table.schema`.

        `ConfigurationError` if none are.
        """

    @abstractmethod
    def traffic(self) -> Table:
        """What became of messages so far by bins of farm time, link and kind, where anything did.

        `ConfigurationError` if it is not recorded; on real sockets it cannot be.
        """

    @abstractmethod
    def bindings(self) -> Table:
        """What the hosts of each zone did with their bindings so far by bins of farm time, where they did anything, and
        how many were active at the end of each.

        `ConfigurationError` if it is not recorded; on real sockets it cannot be.
        """

    @abstractmethod
    def hosts(self) -> Table:
        """Every host as it is now, and what it has done so far. Needs no recording."""

    # -- waits

    @abstractmethod
    def watch(self, kinds: EventKind = EventKind.ALL) -> trio.MemoryReceiveChannel[FarmEvent]:
        """What happens from now on, in order: `async with farm.watch() as events: async for event in events: ...`.

        Nothing is lost between two looks; close it (leave the `async with`) when done.
        """

    @abstractmethod
    async def wait_started(self) -> None:
        """Waits until every host that has been told to start so far has done so."""

    @abstractmethod
    async def wait_change(self, number: int, hosts: Hosts | None = None) -> None:
        """Waits until a change is in the local host caches of all these hosts that run (of all hosts, if not given)."""

    async def wait_event(
        self, kinds: EventKind, *, host: str | None = None, where: Callable[[FarmEvent], bool] | None = None
    ) -> FarmEvent:
        """The next event of these kinds, on this host if given, for which `where` holds if given."""
        with self._waits.for_(f"an event {kinds.name}" + (f" on {host}" if host else "")):
            async with self.watch(kinds) as events:
                while True:
                    event = await receive(events)
                    if (host is None or event.host == host) and (where is None or where(event)):
                        return event

    async def wait_master(self, zone: str | None = None, *, other_than: str | None = None) -> str:
        """Waits until all hosts of a zone are started and agree on one living collector; its name.

        `zone` may be left out in a farm of one zone. With `other_than`, that host does not count as an answer.
        `KeyError` for an unknown zone.
        """
        zone = self._known_zone(zone)
        but = f" other than {other_than}" if other_than else ""
        with self._waits.for_(f"zone {zone} to agree on a collector{but}"):
            async with self.watch(EventKind.ZONE_AGREED) as agreements:
                await self.wait_started()
                while True:
                    master = self.masters[zone]
                    if master is not None and master != other_than:
                        return master
                    await receive(agreements)

    async def wait_converged(self) -> dict[str, str]:
        """Waits until all hosts are started and every zone agrees on a living collector at once; by zone.

        Zones of session-host-only servers have none, and are not waited for.
        """
        with self._waits.for_("all zones to agree on their collectors"):
            async with self.watch(EventKind.ZONE_AGREED) as agreements:
                await self.wait_started()
                while True:
                    masters = {zone: master for zone, master in self.masters.items() if master is not None}
                    if len(masters) == len(self.led_zones):
                        return masters
                    await receive(agreements)

    def waits(self) -> Mapping[trio.lowlevel.Task, str]:
        """Which tasks wait for something of this farm, and for what."""
        return self._waits.by_task

    def _known_zone(self, zone: str | None) -> str:
        if zone is None:
            if len(self.zones) != 1:
                raise ConfigurationError([f"zone: this farm has {len(self.zones)}, so say which one"])
            return self.zones[0]
        if zone not in self.zones:
            raise KeyError(f"zone {zone!r}")
        return zone


async def receive(events: trio.MemoryReceiveChannel[FarmEvent]) -> FarmEvent:
    """The next event of a stream. `trio.ClosedResourceError` once the farm is closed."""
    try:
        return await events.receive()
    except trio.EndOfChannel:
        raise trio.ClosedResourceError("the farm was closed") from None
