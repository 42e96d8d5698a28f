"""What a farm tells: events, figures, and how a host, an election or a session is."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

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
    zone_bindings: Mapping[str, Bindings] = field(default_factory=dict)
    """By zone: what became of the bindings of its hosts."""
    zone_sent: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By zone: how many messages its hosts sent, by kind, of those kinds of which they sent any."""

    def since(self, earlier: FarmStatistics) -> FarmStatistics:
        """What was counted after `earlier`; messages in flight, active bindings, sessions and `GAUGES` are as now."""
        then = earlier.messages
        return FarmStatistics(
            seconds=self.seconds,
            events=self.events - earlier.events,
            messages={kind: _traffic_since(now, then.get(kind, Traffic())) for kind, now in self.messages.items()},
            bindings=_bindings_since(self.bindings, earlier.bindings),
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
            zone_bindings={
                zone: _bindings_since(bindings, earlier.zone_bindings.get(zone, Bindings()))
                for zone, bindings in self.zone_bindings.items()
            },
            zone_sent={
                zone: {kind: count - earlier.zone_sent.get(zone, {}).get(kind, 0) for kind, count in sent.items()}
                for zone, sent in self.zone_sent.items()
            },
        )


def _bindings_since(now: Bindings, then: Bindings) -> Bindings:
    return Bindings(
        opened=now.opened - then.opened,
        hit=now.hit - then.hit,
        evicted=now.evicted - then.evicted,
        closed=now.closed - then.closed,
        refused=now.refused - then.refused,
        active=now.active,
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
