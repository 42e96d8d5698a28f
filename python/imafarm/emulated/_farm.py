"""A farm of the compiled emulator, on farm time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from time import perf_counter
from typing import BinaryIO, TypeVar

import trio

from imafarm import _imafarm
from imafarm.configuration import ConfigurationLog
from imafarm.emulated._clock import NANOSECONDS
from imafarm.emulated._commands import CommandQueue
from imafarm.emulated._conductor import Conductor
from imafarm.emulated._tap import Tap, untapped
from imafarm.errors import ConfigurationError
from imafarm.farm import Cut, EventKind, Hosts, Recording
from imafarm.farm._engine import EngineFarm
from imafarm.farm._engine_verbs import span_ns
from imafarm.farm._recording import ELECTION_KINDS
from imafarm.farm._verbs import Verb
from imafarm.tables import Table
from imafarm.topology import Topology

T = TypeVar("T")

_MAX_EVENTS_HANDLED = 2
"""What the engine's `advance` answers when it stopped only because it had handled enough events."""
PROGRESS_SECONDS = 0.1
"""Real seconds between two calls of a progress callback."""
BOOT_SECONDS = 60.0
"""Over how many farm seconds the hosts of a new farm start, unless said otherwise. Our guess."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an emulation has come."""

    farm_seconds: float
    events: int
    wall_seconds: float
    """Real seconds since the farm was opened."""


class EmulatedFarm(EngineFarm[_imafarm.EmulatedFarm]):
    """Hosts in virtual time; made by `open_emulated_farm`."""

    def __init__(
        self,
        topology: Topology,
        *,
        seed: int,
        wire: bool,
        threads: int,
        bound: bool,
        exact_queue: bool,
        conductor: Conductor,
        progress: Callable[[Progress], object] | None,
        log: ConfigurationLog | None = None,
        record: Recording | None = None,
        trace: Sequence[str] = (),
        tap: Tap | None = None,
    ) -> None:
        resolver = topology.resolver
        self._opened_at = self._told_at = perf_counter()
        engine = _imafarm.EmulatedFarm(
            resolver,
            seed=seed,
            magic=topology.magic,
            host_magic=topology.host_magic_for_engine(),
            product=topology.product,
            settings=topology.settings,
            host_settings=topology.host_settings_for_engine(),
            inside=topology.inside.for_engine(),
            between=topology.between.for_engine(),
            links=topology.links_for_engine(),
            applications=topology.applications_for_engine(),
            workload=topology.workload_for_engine(),
            store=topology.store_for_engine(),
            wire=wire,
            threads=threads,
            bound=bound,
            exact_queue=exact_queue,
            tap=None if tap is None else tap.for_engine(resolver),
            trace=_traced(trace, record),
        )
        super().__init__(topology, engine, origin_ns=conductor.clock.now_ns, log=log)
        if record is not None:
            if record.kinds:
                engine.write_down_events(record.kinds.value)
            engine.record(traffic_ns=record.traffic_ns, bindings_ns=record.bindings_ns)
            if record.message_hosts:
                engine.trace_among(self._indices(record.message_hosts))
        self._is_tapped = tap is not None
        self._traces = record is not None and bool(record.message_hosts)
        self._progress = progress
        self._has_store = topology.store is not None
        self._commands = CommandQueue()
        self._stop_at = EventKind(0)
        self._started_seconds = trio.current_time()

    @property
    def _engine(self) -> _imafarm.EmulatedFarm:
        # Between two slices of the engine's work zones may stand apart, and a task may be there by Ctrl-C.
        self._driven.gather()
        return self._driven

    # -- what only the emulator can tell

    def deliveries(self) -> list[tuple[float, str, str, str, int]]:
        """The messages of the traced kinds that have been handled: when, in seconds, kind, sender, receiver and bytes.

        In order of time, then of receiver, then of sender. Empty unless `open_emulated_farm` was given `trace`.
        """
        return [
            (self._seconds(time_ns), kind, self._hosts[source], self._hosts[target], size)
            for time_ns, kind, source, target, size in self._engine.trace()
        ]

    @property
    def memory_bytes(self) -> int:
        """What hosts, connections and events hold in memory now: the same for equal farms, seeds and threads."""
        return self._engine.memory()

    # -- verbs

    async def _do(
        self, verb: Verb, hosts: Sequence[int], arguments: tuple[str | int, ...], action: Callable[[], T]
    ) -> T:
        return await self._commands.do(verb, hosts, arguments, action)

    async def _start(self, hosts: Sequence[int], spread_ns: int) -> None:
        await self._do(Verb.START, hosts, (spread_ns,), lambda: self._start_now(hosts, spread_ns))

    async def restart(self, hosts: Hosts) -> None:
        which = self._indices(hosts)
        await self._do(Verb.RESTART, which, (), lambda: self._engine.restart(which))

    async def partition(self, hosts: Hosts, others: Hosts | None = None, *, both_ways: bool = True) -> Cut:
        near = self._indices(hosts)
        far = self._others(near) if others is None else self._indices(others)
        number = await self._do(
            Verb.PARTITION, near, (int(both_ways), *far), lambda: self._engine.cut(near, far, both=both_ways)
        )
        return Cut(number)

    async def heal(self, cut: Cut | None = None) -> None:
        number = None if cut is None else cut.number
        await self._do(Verb.HEAL, (), () if number is None else (number,), lambda: self._engine.heal(number))

    async def store_down(self) -> None:
        await self._do(Verb.STORE_DOWN, (), (), lambda: self._engine.set_store_up(False))

    async def store_up(self) -> None:
        await self._do(Verb.STORE_UP, (), (), lambda: self._engine.set_store_up(True))

    def boot(self, spread_seconds: float) -> None:
        """Starts every host within so many seconds from now."""
        self._start_now(range(len(self._hosts)), span_ns("boot_seconds", spread_seconds))

    def _start_now(self, hosts: Sequence[int], spread_ns: int) -> None:
        self._engine.start(hosts, spread_ns=spread_ns)
        self._started_seconds = max(self._started_seconds, trio.current_time() + spread_ns / NANOSECONDS)

    def _others(self, near: Sequence[int]) -> tuple[int, ...]:
        inside = set(near)
        return tuple(index for index in range(len(self._hosts)) if index not in inside)

    # -- tables

    def traffic(self) -> Table:
        return self._table("traffic", self._engine.traffic_table())

    def bindings(self) -> Table:
        return self._table("bindings", self._engine.bindings_table())

    def messages(self) -> Table:
        """The messages of elections so far that went from one of `Recording.message_hosts` to another, one by one.

        `ConfigurationError` if there are no such hosts.
        """
        return self._table("messages", self._engine.messages_table() if self._traces else None)

    # -- waits

    async def wait_started(self) -> None:
        if trio.current_time() < self._started_seconds:
            await trio.sleep_until(self._started_seconds)
        if self._has_store:
            # Who was told to start at this instant reads the data store by the end of the tick.
            await trio.sleep(self._engine.tick_ns / NANOSECONDS)
            await self._wait_until_nobody_starts()

    # -- what tapped hosts put on the wire

    def packets(self) -> Table:
        """What was recorded at the tapped hosts before this instant, in order of time; see `Tap`.

        `time_ns` since the farm was opened; `what`: connect, accept, message, finish, refused or broken; `source` and
        `target`: hosts; `connection`: one number a connection, the same at both ends; `kind`, `bytes` and `message`: of
        a message its kind, its length and all its bytes; else null, 0 and null.

        Errors: `ConfigurationError` for a farm that was opened without a tap.
        """
        table = self._engine.packets_table()
        if table is None:
            raise untapped()
        return Table(table)

    def packets_stopped_seconds(self) -> float | None:
        """From which farm second on nothing was recorded, since the tap came to its limit; `None` if it has not."""
        stopped_ns = self._engine.packets_stopped_ns()
        return None if stopped_ns is None else stopped_ns / NANOSECONDS

    def write_packets(
        self,
        file: BinaryIO,
        *,
        addresses: bytes,
        comments: Sequence[str],
        only_spoken: bool,
    ) -> tuple[int, int]:
        """Writes what was recorded before this instant to an open file, as pcapng: `imafarm.capture.write_capture`.

        addresses: four bytes for each host, in the order of `host_names`.

        Returns how many packets, and how many frames they make.

        Errors: `ConfigurationError` for a farm that was opened without a tap; what the file raises.
        """
        if not self._is_tapped:
            raise untapped()
        return self._engine.write_capture(
            file,
            addresses=addresses,
            application=f"imafarm {version('imafarm')}",
            comments=comments,
            only_spoken=only_spoken,
        )

    # -- for a pacer

    def stop_at(self, kinds: EventKind) -> None:
        """Has farm time stop for its pacer at the end of each tick in which such an event happens."""
        self._stop_at = kinds

    # -- for the conductor

    @property
    def now_ns(self) -> int:
        """How far the farm has come, in nanoseconds of the farm clock."""
        return self._origin_ns + self._driven.now_ns

    def apply_commands(self) -> bool:
        """Does what tasks asked for at this instant, in canonical order; whether there was anything."""
        return self._commands.apply()

    def next_news_ns(self) -> int | None:
        """The end of the tick of the farm's next event, which is when observers hear of it; `None`: never again.

        Inside a tick, there may be something they have not been told yet.
        """
        now_ns, tick_ns = self._driven.now_ns, self._driven.tick_ns
        own_ns = now_ns if now_ns % tick_ns else self._driven.next_event_ns()
        return None if own_ns is None else self._origin_ns + (own_ns // tick_ns + 1) * tick_ns

    def is_watched(self) -> bool:
        """Whether a task waits for an event of this farm."""
        return self._watched_kinds() != EventKind(0)

    def advance(self, until_ns: int, max_events: int) -> bool:
        """Runs to `until_ns`, or less: until a task's event, or `max_events`. Whether it was the latter."""
        reason = self._driven.advance(
            until_ns - self._origin_ns,
            wake_on=(self._watched_kinds() | self._stop_at).value,
            max_events=max_events,
            loosely=True,
        )
        now = perf_counter()
        if self._progress is not None and now - self._told_at >= PROGRESS_SECONDS:
            self._told_at = now
            self._progress(self._how_far(now))
        return reason == _MAX_EVENTS_HANDLED

    def _how_far(self, now: float) -> Progress:
        return Progress(
            farm_seconds=self._driven.now_ns / NANOSECONDS,
            events=self._driven.handled,
            wall_seconds=now - self._opened_at,
        )


def _traced(kinds: Sequence[str], record: Recording | None) -> Sequence[str]:
    """The kinds of messages whose deliveries are kept: those asked for, or those of which a recording makes a table."""
    if record is None or not record.message_hosts:
        return kinds
    if kinds:
        raise ConfigurationError(["trace: not together with Recording.message_hosts, whose messages are kept already"])
    return ELECTION_KINDS
