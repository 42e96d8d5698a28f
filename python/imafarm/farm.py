"""A farm, as scenarios see it: verbs, waits, events and figures, whatever world the hosts live in.

Hosts and zones go by name. Times are seconds of the running Trio clock: farm time in an emulated farm.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import trio

from imafarm.errors import ConfigurationError

if TYPE_CHECKING:
    from imafarm._imafarm import HostRecord

Hosts = str | Iterable[str]
"""One host's name, or several."""

Power = Literal["off", "up", "crashed", "paused"]
Role = Literal["down", "joining", "candidate", "acknowledged", "member", "master", "stopping"]


GAUGES = frozenset(
    {
        "LocalHostCache bytes read/sec",
        "WorkItemQueueReadyCount",
        "WorkItemQueuePendingCount",
        "WorkItemQueueExecutingCount",
        "ResolutionWorkItemQueueReadyCount",
    }
)
"""The counters that say what is now. All others count from the farm's opening on."""


class EventKind(enum.Flag):
    """What a farm tells its observers."""

    HOST_UP = 1
    HOST_DOWN = 2
    MASTER_UNREACHABLE = 4
    """A host failed to reach its zone's data collector."""
    ELECTION_STARTED = 8
    MASTER_DECLARED = 16
    MASTER_RESIGNED = 32
    ZONE_AGREED = 64
    """All running hosts of a zone have come to agree on one living collector, the event's host."""
    BINDING_REFUSED = 128
    """Two hosts met whose magic numbers differ."""
    MASTER_ACCEPTED = 256
    """A host took another for its collector."""
    ELECTION_ACKNOWLEDGED = 512
    """A candidate was told to leave it to a higher-ranked host."""
    MEMBER_LOST = 1024
    """A collector pinged a silent member in vain."""

    PEER_LOST = 2048
    """A collector pinged another zone's collector in vain."""
    SESSION_CHANGED = 4096
    """Something has happened to a session of the host."""
    TABLE_CHANGED = 8192
    """A table to which the host subscribed has changed."""
    RESOLVED = 1 << 20
    """The host was asked by `Farm.resolve` where a session should run, and has an answer."""

    HOST_STARTING = 1 << 28
    """A host's service is about to start: it reads the data store."""
    STARTED_FROM_CACHE = 1 << 21
    """A host's service started from its local host cache, since the data store is down."""
    START_REFUSED = 1 << 22
    """A host's service did not start, since the data store is down."""
    SERVICE_TIMED_OUT = 1 << 23
    """A host's service still starts, and the service manager takes it for hung, which is benign."""
    STORE_UNREACHABLE = 1 << 24
    """A host could not reach the data store, which it could before."""
    CHANGE_MADE = 1 << 25
    """A change of the configuration, made on the host, is in the data store."""
    CHANGE_REFUSED = 1 << 26
    """A change of the configuration, made on the host, could not be written."""
    CHANGE_LEARNT = 1 << 27
    """The host's local host cache has a change that it did not have."""

    ALL = 16_383 | RESOLVED | 255 << 21


@dataclass(frozen=True, slots=True)
class FarmEvent:
    """Something that happened on a host."""

    seconds: float
    """When, on the clock of `trio.current_time()`."""
    kind: EventKind
    host: str
    other: str | None
    """The other host it is about, if there is one."""
    zone: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """Messages of one kind. `sent == delivered + dropped + in_flight`, always."""

    sent: int = 0
    delivered: int = 0
    dropped: int = 0
    in_flight: int = 0
    bytes: int = 0
    """Bytes of the messages sent, headers included."""


@dataclass(frozen=True, slots=True)
class Bindings:
    """What became of bindings. `active` is how many are now; all others count since the farm opened."""

    opened: int = 0
    hit: int = 0
    evicted: int = 0
    closed: int = 0
    refused: int = 0
    active: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """What waits for a host, or for the hosts of a zone, to work on it, where work takes time (`WorkCostHeartbeat` and
    its like). An item is whatever comes over a connection."""

    hosts: int = 1
    ready: int = 0
    """Items that wait their turn."""
    pending: int = 0
    """Items that wait for a paused host to go on, the one it was at among them."""
    executing: int = 0
    """Items that are worked on, one at most for each host."""
    busy_seconds: float = 0.0
    """How long was worked, all hosts together."""
    busy_share: float = 0.0
    """The part of the time that went into work; of several hosts, the mean."""

    def since(self, earlier: Work, seconds: float) -> Work:
        """The work that was done after `earlier`, which is so many seconds ago; what waits is what waits now."""
        busy = self.busy_seconds - earlier.busy_seconds
        return replace(self, busy_seconds=busy, busy_share=busy / (seconds * self.hosts) if seconds else 0.0)


@dataclass(frozen=True, slots=True)
class Users:
    """What became of the users of workloads. `arrived == logged_on + refused + lost` + those on their way, always."""

    arrived: int = 0
    logged_on: int = 0
    refused: int = 0
    """Those who were told that no server takes them."""
    lost: int = 0
    """Those who found no host to ask, or whose host or server was gone before they had a session."""
    sessions: int = 0
    """How many sessions there are now, whoever began them."""


@dataclass(frozen=True, slots=True)
class FarmStatistics:
    """A farm's figures at one moment, counted since it was opened."""

    seconds: float
    """When they were taken, on the clock of `trio.current_time()`."""
    events: int
    """Events the farm worked through."""
    messages: Mapping[str, Traffic]
    """By kind, named as IMA Information writes them."""
    bindings: Bindings
    elections_started: int
    elections_won: int
    counters: Mapping[str, Mapping[str, int]]
    """By zone: the product's performance counters, by their own names."""
    work: Mapping[str, Work] = field(default_factory=dict)
    """By zone: what waits, and how busy its hosts were."""
    users: Users = field(default_factory=Users)

    def since(self, earlier: FarmStatistics) -> FarmStatistics:
        """What was counted after `earlier`; messages in flight, active bindings, sessions and `GAUGES` are as now."""
        then = earlier.messages
        ours, theirs = self.bindings, earlier.bindings
        return FarmStatistics(
            seconds=self.seconds,
            events=self.events - earlier.events,
            messages={kind: _traffic_since(now, then.get(kind, Traffic())) for kind, now in self.messages.items()},
            bindings=Bindings(
                opened=ours.opened - theirs.opened,
                hit=ours.hit - theirs.hit,
                evicted=ours.evicted - theirs.evicted,
                closed=ours.closed - theirs.closed,
                refused=ours.refused - theirs.refused,
                active=ours.active,
            ),
            elections_started=self.elections_started - earlier.elections_started,
            elections_won=self.elections_won - earlier.elections_won,
            counters={
                zone: _counters_since(counters, earlier.counters.get(zone, {}))
                for zone, counters in self.counters.items()
            },
            work={
                zone: work.since(earlier.work.get(zone, Work()), self.seconds - earlier.seconds)
                for zone, work in self.work.items()
            },
            users=_users_since(self.users, earlier.users),
        )


def _counters_since(now: Mapping[str, int], then: Mapping[str, int]) -> dict[str, int]:
    return {name: value if name in GAUGES else value - then.get(name, 0) for name, value in now.items()}


def _users_since(now: Users, then: Users) -> Users:
    return Users(
        arrived=now.arrived - then.arrived,
        logged_on=now.logged_on - then.logged_on,
        refused=now.refused - then.refused,
        lost=now.lost - then.lost,
        sessions=now.sessions,
    )


def _traffic_since(now: Traffic, then: Traffic) -> Traffic:
    return Traffic(
        sent=now.sent - then.sent,
        delivered=now.delivered - then.delivered,
        dropped=now.dropped - then.dropped,
        in_flight=now.in_flight,
        bytes=now.bytes - then.bytes,
    )


@dataclass(frozen=True, slots=True)
class HostState:
    """One host, now."""

    power: Power
    role: Role
    master: str | None
    """The data collector it knows of, if it knows one."""
    bindings: Bindings
    work: Work = Work()


@dataclass(frozen=True, slots=True)
class Election:
    """One election of a zone, from the first doubt to agreement. Seconds are those of `trio.current_time()`."""

    zone: str
    doubted_seconds: float | None
    """When the first host failed to reach the collector; `None` if nobody did."""
    doubted_by: str | None
    started_seconds: float | None
    """When the first ELECT_MASTER was sent."""
    started_by: str | None
    first_ack_seconds: float | None
    declared_seconds: float | None
    """When DECLARE_MASTER was sent."""
    master: str | None
    converged_seconds: float | None
    """When every running host of the zone agreed."""
    candidates: int
    """How many hosts stood."""

    @property
    def took_seconds(self) -> float | None:
        """From the first doubt, or else the first ELECT_MASTER, to agreement; `None` while there is none."""
        began = self.started_seconds if self.doubted_seconds is None else self.doubted_seconds
        if began is None or self.converged_seconds is None:
            return None
        return self.converged_seconds - began


@dataclass(frozen=True, slots=True)
class Cut:
    """Links that `Farm.partition` cut; `Farm.heal` takes it back."""

    number: int


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


@dataclass(frozen=True, slots=True)
class Session:
    """A user's session on a server."""

    host: str
    number: int
    """The server's number of it."""
    user: int
    app: str | None
    """The application it runs, if the farm publishes any."""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session, as a data collector holds it."""

    host: str
    number: int
    user: int
    app: str | None
    active: bool
    """Whether its user is there; else it is disconnected."""


@dataclass(frozen=True, slots=True)
class ServerRow:
    """A server, as a data collector holds it."""

    host: str
    up: bool
    load: int | None
    """0 to 10,000, or one of the product's special loads; `None` if none is known, as of zones that keep it."""
    sessions: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where a session should run."""

    host: str
    load: int
    """Its load, as far as whoever chose it knew."""
    zone: str


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
    def hosts(self) -> tuple[str, ...]:
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
        led = {record.zone for record in map(self.record, self.hosts) if not record.session_only}
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
    def traffic(self) -> Mapping[tuple[str, str], Mapping[str, Traffic]]:
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

    # -- waits

    @abstractmethod
    def events(self, kinds: EventKind = EventKind.ALL) -> trio.MemoryReceiveChannel[FarmEvent]:
        """What happens from now on, in order: `async with farm.events() as events: async for event in events: ...`.

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
            async with self.events(kinds) as events:
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
            async with self.events(EventKind.ZONE_AGREED) as agreements:
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
            async with self.events(EventKind.ZONE_AGREED) as agreements:
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
