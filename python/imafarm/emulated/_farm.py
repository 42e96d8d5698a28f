"""A farm of the compiled emulator, on farm time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from time import perf_counter
from types import MappingProxyType
from typing import Any, TypeVar, cast

import trio

from imafarm import _imafarm
from imafarm.configuration import ConfigurationChange, ConfigurationLog
from imafarm.emulated._clock import NANOSECONDS
from imafarm.emulated._commands import CommandQueue, Verb
from imafarm.emulated._conductor import Conductor
from imafarm.emulated._console import ConsoleFarm
from imafarm.errors import ConfigurationError
from imafarm.farm import (
    Assignment,
    Bindings,
    Cut,
    Election,
    EventKind,
    FarmEvent,
    FarmStatistics,
    Hosts,
    HostState,
    ServerRow,
    Session,
    SessionRow,
    Traffic,
    Users,
    Work,
    receive,
)
from imafarm.settings import check_settings
from imafarm.topology import Topology
from imafarm.topology._topology import magic_mistake

T = TypeVar("T")

_MAX_EVENTS_HANDLED = 2
"""What the engine's `advance` answers when it stopped only because it had handled enough events."""
PROGRESS_SECONDS = 0.1
"""Real seconds between two calls of a progress callback."""
BOOT_SECONDS = 60.0
"""Over how many farm seconds the hosts of a new farm start, unless said otherwise. Our guess."""
NO_APPLICATION = 2**32 - 1
"""What the engine takes for a session that runs none."""
LARGEST_LOAD = 99_990
"""The greatest of the product's special loads."""
COUNTERS = MappingProxyType(
    {
        ("elections", "started"): "ZoneElections",
        ("elections", "won"): "ZoneElectionsWon",
        ("work", "ready"): "WorkItemQueueReadyCount",
        ("work", "pending"): "WorkItemQueuePendingCount",
        ("work", "executing"): "WorkItemQueueExecutingCount",
    }
)
"""What the engine counts of a zone, and the performance counters of the product that they are."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an emulation has come."""

    farm_seconds: float
    events: int
    wall_seconds: float
    """Real seconds since the farm was opened."""


class EmulatedFarm(ConsoleFarm):
    """Hosts in virtual time; made by `open_emulated_farm`."""

    def __init__(
        self,
        topology: Topology,
        *,
        seed: int,
        wire: bool,
        threads: int,
        conductor: Conductor,
        progress: Callable[[Progress], object] | None,
        log: ConfigurationLog | None = None,
    ) -> None:
        super().__init__()
        self._log = log
        resolver = topology.resolver
        self._origin_ns = conductor.clock.now_ns
        self._progress = progress
        self._opened_at = self._told_at = perf_counter()
        self._resolver = resolver
        self._hosts = tuple(resolver.names_of(range(len(resolver))))
        self._zone_of = resolver.zones_of(range(len(resolver)))
        self._zone_names = tuple(resolver.zones())
        self._zones = tuple(self._zone_names[zone] for zone in dict.fromkeys(self._zone_of))
        self._product = topology.product
        self._has_store = topology.store is not None
        self._engine = _imafarm.EmulatedFarm(
            resolver,
            seed=seed,
            magic=topology.magic,
            host_magic=topology.host_magic_for_engine(),
            product=topology.product,
            settings=topology.settings,
            host_settings={resolver.by_name(name): own for name, own in topology.host_settings.items()},
            inside=topology.inside.for_engine(),
            between=topology.between.for_engine(),
            links=topology.links_for_engine(),
            applications=topology.applications_for_engine(),
            workload=topology.workload_for_engine(),
            store=topology.store_for_engine(),
            wire=wire,
            threads=threads,
        )
        self._applications = tuple(topology.applications)
        self._commands = CommandQueue()
        self._channels: list[tuple[EventKind, trio.MemorySendChannel[FarmEvent]]] = []
        self._keep_watched_events()
        self._started_seconds = trio.current_time()

    # -- who is in it

    @property
    def hosts(self) -> tuple[str, ...]:
        return self._hosts

    @property
    def zones(self) -> tuple[str, ...]:
        return self._zones

    @property
    def product(self) -> str:
        return self._product

    def hosts_of(self, zone: str) -> tuple[str, ...]:
        number = self._zone_names.index(self._known_zone(zone))
        return tuple(host for host, its in zip(self._hosts, self._zone_of, strict=True) if its == number)

    def record(self, host: str) -> _imafarm.HostRecord:
        return self._resolver.record(self._indices(host)[0])

    def setting(self, host: str, name: str) -> int:
        return self._engine.setting(self._indices(host)[0], name)

    # -- verbs

    async def start(self, hosts: Hosts, *, spread_seconds: float = 0.0) -> None:
        which, spread_ns = self._indices(hosts), _span_ns("spread_seconds", spread_seconds)
        await self._commands.do(Verb.START, which, (spread_ns,), lambda: self._start(which, spread_ns))

    async def stop(self, hosts: Hosts) -> None:
        which = self._indices(hosts)
        await self._commands.do(Verb.STOP, which, (), lambda: self._engine.stop(which))

    async def crash(self, hosts: Hosts) -> None:
        which = self._indices(hosts)
        await self._commands.do(Verb.CRASH, which, (), lambda: self._engine.crash(which))

    async def restart(self, hosts: Hosts) -> None:
        which = self._indices(hosts)
        await self._commands.do(Verb.RESTART, which, (), lambda: self._engine.restart(which))

    async def pause(self, hosts: Hosts) -> None:
        which = self._indices(hosts)
        await self._commands.do(Verb.PAUSE, which, (), lambda: self._engine.pause(which))

    async def resume(self, hosts: Hosts) -> None:
        which = self._indices(hosts)
        await self._commands.do(Verb.RESUME, which, (), lambda: self._engine.resume(which))

    async def elect(self, host: str) -> None:
        which = self._indices(host)
        await self._commands.do(Verb.ELECT, which, (), lambda: self._engine.elect(which[0]))

    async def logon(self, host: str, *, app: str | None = None, user: int = 0) -> Session:
        (which,) = self._indices(host)
        number = self._app_number(app)
        found = await self._commands.do(
            Verb.LOGON, (which,), (user, number), lambda: self._engine.logon(which, user, number)
        )
        if found is None:
            raise ConfigurationError([f"host: {host} does not run, nobody can log on to it"])
        return Session(host=host, number=cast(int, found), user=user, app=app)

    async def disconnect(self, session: Session) -> bool:
        return await self._act(session, "disconnect")

    async def reconnect(self, session: Session) -> bool:
        return await self._act(session, "reconnect")

    async def logoff(self, session: Session) -> bool:
        return await self._act(session, "logoff")

    async def _act(self, session: Session, act: str) -> bool:
        (which,) = self._indices(session.host)
        number = session.number
        done = await self._commands.do(
            Verb.SESSION, (which,), (number, act), lambda: self._engine.session(which, number, act)
        )
        return cast(bool, done)

    async def resolve(self, app: str, *, at: str | None = None, zones: Sequence[str] = ()) -> Assignment | None:
        number, preferred = self._app_number(app), [self._zone_names.index(self._known_zone(zone)) for zone in zones]
        which = self._first_up() if at is None else self._indices(at)[0]
        with self._waits.for_(f"{self._hosts[which]} to know where {app} should run"):
            async with self.events(EventKind.RESOLVED) as answers:
                try:
                    request = await self._commands.do(
                        Verb.RESOLVE,
                        (which,),
                        (number, *preferred),
                        lambda: self._engine.resolve(which, number, preferred),
                    )
                except ValueError as error:
                    raise ConfigurationError([str(error)]) from None
                while (answer := self._engine.take_answer(cast(int, request))) is None:
                    await receive(answers)
        server, load = answer
        if server < 0:
            return None
        return Assignment(host=self._hosts[server], load=load, zone=self._zone_names[self._zone_of[server]])

    def _first_up(self) -> int:
        for index in range(len(self._hosts)):
            if self._engine.host_state(index)["power"] == "up":
                return index
        raise ConfigurationError(["at: no host of the farm runs"])

    async def set_load(self, hosts: Hosts, load: int | None) -> None:
        which = self._indices(hosts)
        if load is not None and not 0 <= load <= LARGEST_LOAD:
            raise ConfigurationError([f"load: {load} is out of range, 0 to {LARGEST_LOAD}"])
        wanted = -1 if load is None else load
        await self._commands.do(Verb.SET_LOAD, which, (wanted,), lambda: self._engine.set_load(which, load))

    async def subscribe(self, host: str, table: str, *, on: bool = True) -> None:
        (which,) = self._indices(host)
        try:
            await self._commands.do(
                Verb.SUBSCRIBE, (which,), (table, int(on)), lambda: self._engine.subscribe(which, table, on=on)
            )
        except ValueError as error:
            raise ConfigurationError([str(error)]) from None

    async def partition(self, hosts: Hosts, others: Hosts | None = None, *, both_ways: bool = True) -> Cut:
        near = self._indices(hosts)
        far = self._others(near) if others is None else self._indices(others)
        number = await self._commands.do(
            Verb.PARTITION, near, (int(both_ways), *far), lambda: self._engine.cut(near, far, both=both_ways)
        )
        return Cut(cast(int, number))

    async def heal(self, cut: Cut | None = None) -> None:
        number = None if cut is None else cut.number
        await self._commands.do(Verb.HEAL, (), () if number is None else (number,), lambda: self._engine.heal(number))

    async def set_setting(self, hosts: Hosts, name: str, value: int) -> None:
        which = self._indices(hosts)
        ((name, value),) = check_settings({name: value}).items()
        await self._commands.do(
            Verb.SET_SETTING, which, (name, value), lambda: self._engine.set_setting(which, name, value)
        )

    async def set_magic(self, hosts: Hosts, number: int) -> None:
        which = self._indices(hosts)
        if said := magic_mistake(number):
            raise ConfigurationError([f"number: {said}"])
        await self._commands.do(Verb.SET_MAGIC, which, (number,), lambda: self._engine.set_magic(which, number))

    # -- what is

    def magic(self, host: str) -> int:
        return self._engine.magic(self._indices(host)[0])

    @property
    def masters(self) -> Mapping[str, str | None]:
        return self._by_zone(map(self._name, self._engine.masters()))

    def host_state(self, host: str) -> HostState:
        state = self._engine.host_state(self._indices(host)[0])
        return HostState(
            power=state["power"],
            role=state["role"],
            master=self._name(state["master"]),
            bindings=_bindings(state["bindings"]),
            work=self._work(state["work"], 1),
        )

    def statistics(self) -> FarmStatistics:
        raw = self._engine.statistics()
        return FarmStatistics(
            seconds=trio.current_time(),
            events=raw["events"],
            messages={
                kind: Traffic(
                    sent=traffic["sent"],
                    delivered=traffic["delivered"],
                    dropped=traffic["dropped"],
                    in_flight=traffic["in_flight"],
                    bytes=traffic["sent_bytes"],
                )
                for kind, traffic in raw["messages"].items()
            },
            bindings=_bindings(raw["bindings"]),
            elections_started=raw["elections"]["started"],
            elections_won=raw["elections"]["won"],
            counters={
                zone: {name: figures[room][key] for (room, key), name in COUNTERS.items()} | figures["counters"]
                for zone, figures in self._by_zone(raw["by_zone"]).items()
            },
            work={
                zone: self._work(figures["work"], figures["hosts"])
                for zone, figures in self._by_zone(raw["by_zone"]).items()
            },
            users=Users(**raw["users"]),
        )

    def sessions(self, zone: str | None = None, *, at: str | None = None) -> list[SessionRow]:
        rows = []
        for number, holder in self._holders(zone, at):
            for host, session, user, app, active in self._engine.sessions(holder, number) or ():
                rows.append(SessionRow(self._hosts[host], session, user, self._app_name(app), active))
        return rows

    def server_states(self, zone: str, *, at: str | None = None) -> list[ServerRow]:
        return [
            ServerRow(self._hosts[host], up, None if load < 0 else load, sessions)
            for number, holder in self._holders(zone, at)
            for host, up, load, sessions in self._engine.server_states(holder, number) or ()
        ]

    def subscriptions(self, zone: str, *, at: str | None = None) -> list[tuple[str, str]]:
        return [
            (self._hosts[host], table)
            for _, holder in self._holders(zone, at)
            for host, table in self._engine.subscribers(holder)
        ]

    def _holders(self, zone: str | None, at: str | None) -> list[tuple[int, int]]:
        """The numbers of these zones, and of whose knowledge of them is asked for; none where nobody collects."""
        zones = self._zones if zone is None else (self._known_zone(zone),)
        numbers = [self._zone_names.index(name) for name in zones]
        if at is not None:
            return [(number, self._indices(at)[0]) for number in numbers]
        masters = self._engine.masters()
        return [(number, masters[number]) for number in numbers if masters[number] >= 0]

    def traffic(self) -> Mapping[tuple[str, str], Mapping[str, Traffic]]:
        links: dict[tuple[str, str], dict[str, Traffic]] = {}
        for source, target, kind, sent, delivered, dropped, sent_bytes in self._engine.traffic():
            link = links.setdefault((self._zone_names[source], self._zone_names[target]), {})
            link[kind] = Traffic(
                sent=sent,
                delivered=delivered,
                dropped=dropped,
                in_flight=sent - delivered - dropped,
                bytes=sent_bytes,
            )
        return links

    def check_stores(self) -> list[str]:
        return self._engine.check_stores()

    def elections(self) -> list[Election]:
        return [
            Election(
                zone=self._zone_names[raw["zone"]],
                doubted_seconds=self._seconds(raw["doubted_ns"]),
                doubted_by=self._name(raw["doubted_by"]),
                started_seconds=self._seconds(raw["started_ns"]),
                started_by=self._name(raw["started_by"]),
                first_ack_seconds=self._seconds(raw["first_ack_ns"]),
                declared_seconds=self._seconds(raw["declared_ns"]),
                master=self._name(raw["master"]),
                converged_seconds=self._seconds(raw["converged_ns"]),
                candidates=raw["candidates"] or 0,
            )
            for raw in cast(list[dict[str, Any]], self._engine.elections())
        ]

    def check_conservation(self) -> list[str]:
        return self._engine.check_conservation()

    def digest(self) -> str:
        return self._engine.digest()

    # -- waits

    def events(self, kinds: EventKind = EventKind.ALL) -> trio.MemoryReceiveChannel[FarmEvent]:
        send, receive = trio.open_memory_channel[FarmEvent](math.inf)
        self._channels.append((kinds, send))
        self._keep_watched_events()
        return receive

    async def wait_started(self) -> None:
        if trio.current_time() < self._started_seconds:
            await trio.sleep_until(self._started_seconds)
        if self._has_store:
            # Who was told to start at this instant reads the data store by the end of the tick.
            await trio.sleep(self._engine.tick_ns / NANOSECONDS)
            await self._wait_until_nobody_starts()

    # -- for the conductor

    @property
    def now_ns(self) -> int:
        """How far the farm has come, in nanoseconds of the farm clock."""
        return self._origin_ns + self._engine.now_ns

    def apply_commands(self) -> bool:
        """Does what tasks asked for at this instant, in canonical order; whether there was anything."""
        return self._commands.apply()

    def next_news_ns(self) -> int | None:
        """The end of the tick of the farm's next event, which is when observers hear of it; `None`: never again.

        Inside a tick, there may be something they have not been told yet.
        """
        now_ns, tick_ns = self._engine.now_ns, self._engine.tick_ns
        own_ns = now_ns if now_ns % tick_ns else self._engine.next_event_ns()
        return None if own_ns is None else self._origin_ns + (own_ns // tick_ns + 1) * tick_ns

    def is_watched(self) -> bool:
        """Whether a task waits for an event of this farm."""
        return self._watched_kinds() != EventKind(0)

    def advance(self, until_ns: int, max_events: int) -> bool:
        """Runs to `until_ns`, or less: until a task's event, or `max_events`. Whether it was the latter."""
        reason = self._engine.advance(
            until_ns - self._origin_ns, wake_on=self._watched_kinds().value, max_events=max_events
        )
        now = perf_counter()
        if self._progress is not None and now - self._told_at >= PROGRESS_SECONDS:
            self._told_at = now
            self._progress(self._how_far(now))
        return reason == _MAX_EVENTS_HANDLED

    def deliver_events(self) -> None:
        """Hands what happened to those who watch."""
        if not self._channels:
            return
        for time_ns, bit, host, other, zone in self._engine.take_events():
            event = None
            for kinds, channel in self._channels:
                if bit & kinds.value and channel.statistics().open_receive_channels:
                    event = event or FarmEvent(
                        seconds=(self._origin_ns + time_ns) / NANOSECONDS,
                        kind=EventKind(bit),
                        host=self._hosts[host],
                        other=self._name(other),
                        zone=self._zone_names[zone],
                    )
                    channel.send_nowait(event)
        self._keep_watched_events()

    # -- small things

    def close(self) -> None:
        """Ends every stream of events; the farm's figures can still be read."""
        for _, channel in self._channels:
            channel.close()
        self._channels.clear()

    def write_down(self, change: ConfigurationChange) -> None:
        """Tells whoever keeps this farm's configuration of a change. Elections and sessions have nothing to tell."""
        if self._log is not None:
            self._log.record(change)

    def boot(self, spread_seconds: float) -> None:
        """Starts every host within so many seconds from now."""
        self._start(range(len(self._hosts)), _span_ns("boot_seconds", spread_seconds))

    def _start(self, hosts: Sequence[int], spread_ns: int) -> None:
        self._engine.start(hosts, spread_ns=spread_ns)
        self._started_seconds = max(self._started_seconds, trio.current_time() + spread_ns / NANOSECONDS)

    def _keep_watched_events(self) -> None:
        """Has the engine keep the events of the open streams, and no others."""
        self._channels = [entry for entry in self._channels if entry[1].statistics().open_receive_channels]
        self._engine.keep_events(reduce(or_, (kinds for kinds, _ in self._channels), EventKind(0)).value)

    def _how_far(self, now: float) -> Progress:
        return Progress(
            farm_seconds=self._engine.now_ns / NANOSECONDS,
            events=self._engine.events,
            wall_seconds=now - self._opened_at,
        )

    def _watched_kinds(self) -> EventKind:
        """The kinds of events for which tasks are waiting at this moment."""
        watched = EventKind(0)
        for kinds, channel in self._channels:
            if channel.statistics().tasks_waiting_receive:
                watched |= kinds
        return watched

    def _indices(self, hosts: Hosts) -> tuple[int, ...]:
        """Places of hosts in the directory, sorted, each once. `KeyError` for an unknown host."""
        names = [hosts] if isinstance(hosts, str) else hosts
        try:
            return tuple(sorted({self._resolver.by_name(name) for name in names}))
        except KeyError as unknown:
            raise KeyError(f"host {unknown.args[0]!r}") from None

    def _app_number(self, app: str | None) -> int:
        if app is None:
            return NO_APPLICATION
        if app not in self._applications:
            raise KeyError(f"application {app!r}")
        return self._applications.index(app)

    def _app_name(self, number: int) -> str | None:
        return self._applications[number] if number < len(self._applications) else None

    def _others(self, near: Sequence[int]) -> tuple[int, ...]:
        inside = set(near)
        return tuple(index for index in range(len(self._hosts)) if index not in inside)

    def _by_zone(self, figures: Iterable[T]) -> dict[str, T]:
        """What the engine tells of each zone, by name; zones that have lost their last host are left out."""
        named = dict(zip(self._zone_names, figures, strict=True))
        return {zone: named[zone] for zone in self._zones}

    def _name(self, index: int | None) -> str | None:
        return None if index is None or index < 0 else self._hosts[index]

    def _work(self, raw: Mapping[str, int], hosts: int) -> Work:
        """What the engine tells of so many hosts' work since the farm was opened."""
        busy, seconds = raw["busy_ns"] / NANOSECONDS, self._engine.now_ns / NANOSECONDS
        so_far = Work(hosts, raw["ready"], raw["pending"], raw["executing"], busy_seconds=busy)
        return so_far.since(Work(), seconds)

    def _seconds(self, time_ns: int | None) -> float | None:
        return None if time_ns is None else (self._origin_ns + time_ns) / NANOSECONDS


def _bindings(raw: Mapping[str, int]) -> Bindings:
    return Bindings(
        opened=raw["opened"],
        hit=raw["hit"],
        evicted=raw["evicted"],
        closed=raw["closed"],
        refused=raw["refused"],
        active=raw["active"],
    )


def _span_ns(key: str, seconds: float) -> int:
    if not 0.0 <= seconds <= 1e9:
        raise ConfigurationError([f"{key}: {seconds} is out of range, 0 to 1e9 seconds"])
    return round(seconds * NANOSECONDS)
