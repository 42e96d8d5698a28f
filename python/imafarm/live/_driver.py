"""Drives the engine: tells it what has arrived and how late it is, and does what its hosts want done.

All of it happens in one thread, and each report and the acts that follow from it in one step, so no two tasks are ever
at odds about a host. A message costs a read, a call of the engine and a write, and no task switch besides the one that
Trio needs to notice that something has come.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import trio

from imafarm._imafarm import (
    ACT_ABORT,
    ACT_ACCEPT,
    ACT_BOUND,
    ACT_CLOSE,
    ACT_CONSULT,
    ACT_HEARD,
    ACT_OPEN,
    ACT_REFUSE,
    ACT_STARTED,
    ACT_STOPPED,
    ACT_WRITE,
)
from imafarm.configuration import OpenedLiveStore
from imafarm.errors import ConfigurationError
from imafarm.live._cuts import Cuts
from imafarm.live._engine import Acts, Ending, Engine
from imafarm.live._gate import Gate
from imafarm.live._host import LiveHost
from imafarm.live._limits import LiveLimits
from imafarm.live._link import Link
from imafarm.live._log import LiveLog
from imafarm.live._shared_port import SharedPort
from imafarm.live._sockets import Address
from imafarm.live._store import StoreLink
from imafarm.live._tls_link import LiveTls
from imafarm.topology._checks import NANOSECONDS

QUIET_ROUNDS = 6
"""After so many rounds of Trio's in which nothing came, nothing waits: a call is a task in one round, stands in the
next, is taken in a third and answered in a fourth."""
NEVER_NS = 1 << 63
"""Later than any deadline."""
ROOM_SHARE = 1 / 8
"""Of all idle bindings, those that go when there is no descriptor left. Our guess."""


class Driver:
    """The hosts that live in this process, and the engine in which they are."""

    def __init__(
        self,
        engine: Engine,
        *,
        names: Sequence[str],
        addresses: Sequence[Address],
        local: Iterable[int],
        limits: LiveLimits,
        log: LiveLog,
        tls: LiveTls | None = None,
        store: OpenedLiveStore | None = None,
        told: Callable[[], None],
        learnt: Callable[[], None],
        shares_ports: bool = False,
    ) -> None:
        """A driver at whose making the engine's clock stands at zero.

        names, addresses: of every host of the farm, by index; the addresses with the ports between servers.
        local: those of them that may be started here.
        tls: how hosts speak it; `None` if they do not.
        store: the data store that all hosts share; `None` for one that is beside every host and ends with the farm.
        told: called whenever something may have happened that observers want to hear of.
        learnt: called when applications were published or taken away elsewhere.
        shares_ports: whether those of one port here share a listener.
        """
        self.limits = limits
        self.log = log
        self.gate = Gate(limits.calls, self._wait_for_room)
        self.cuts = Cuts()
        self.tls = tls
        self.lingering: set[tuple[Address, Address]] = set()
        self.hosts: dict[int, LiveHost] = {}
        """Those that live here, by index."""
        self.endings: Counter[Ending] = Counter()
        """How connections have ended that the engine knew."""
        self.origin_seconds = trio.current_time()
        """What the Trio clock showed when the engine's stood at zero."""
        self._engine = engine
        self._addresses = addresses
        self._peers = _owners(addresses)
        self._indices = {name: index for index, name in enumerate(names)}
        self.store = StoreLink(engine, self, store)
        self._told = told
        self.has_learnt = learnt
        self._nursery: trio.Nursery | None = None
        self._timer = trio.CancelScope()
        self._due_ns = NEVER_NS
        self._reports = 0
        self._uses = 0
        self._room_seconds = -math.inf
        self._starting: set[int] = set()
        self._nobody_starts = trio.Event()
        self._nobody_starts.set()
        for index in local:
            self.hosts[index] = LiveHost(self, index, names[index], addresses[index], shares_port=shares_ports)
        self._shares_ports = shares_ports
        self._shared_ports: list[SharedPort] = []

    # -- time and tasks

    @property
    def now_ns(self) -> int:
        """How late it is, on the engine's clock."""
        return int((trio.current_time() - self.origin_seconds) * NANOSECONDS)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keeps the engine's time, and all tasks of links and ports, until cancelled. Nothing is left then."""
        try:
            async with trio.open_nursery() as self._nursery:
                for shared in self._shared_ports:
                    self._nursery.start_soon(shared.serve)
                task_status.started()
                await self._keep_time()
        finally:
            self._nursery = None

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Takes the ports of all hosts that live here, and gives them back.

        Errors: `ConfigurationError` for the first that cannot be had; none is taken then.
        """
        try:
            for host in self.hosts.values():
                host.reserve()
            if self._shares_ports:
                self._share_ports()
            yield
        finally:
            for host in self.hosts.values():
                host.deafen()
            for shared in self._shared_ports:
                shared.close()
            self._shared_ports.clear()

    def _share_ports(self) -> None:
        for port in sorted({host.port for host in self.hosts.values()}):
            hosts = [host for host in self.hosts.values() if host.port == port]
            self._shared_ports.append(SharedPort(port, hosts, self.limits, self.log))

    async def _keep_time(self) -> None:
        while True:
            self._due_ns = self._next_due_ns()
            with trio.CancelScope(deadline=self._seconds(self._due_ns)) as self._timer:
                await trio.sleep_forever()
            await self._hear_out()
            if trio.current_time() < self._seconds(self._due_ns) + self.limits.lag_seconds:
                self._engine.advance_a_step(self.now_ns)
            else:
                self._engine.advance(self.now_ns)
            self.settle()

    async def _hear_out(self) -> None:
        """Waits until what has come is handled, so that no host takes for silent whom it has only not listened to yet.

        What has arrived comes before a deadline, and what follows from one deadline before the next, as in the
        emulator. Between hosts of this process that goes on until they have said all they had to say: whoever is late,
        we are. A process that has too much to do meets its deadlines late by this, `lag_seconds` at the most; then it
        meets all that are due at once, or it would fall behind for good. Of what others say, only what is there by now
        is waited for: on a busy host something always comes.
        """
        latest = self._seconds(self._due_ns) + self.limits.lag_seconds
        quiet = 0
        while quiet < QUIET_ROUNDS and trio.current_time() < latest:
            reports = self._reports
            await trio.lowlevel.checkpoint()
            quiet = quiet + 1 if reports == self._reports else 0

    def catch_up(self) -> None:
        """Meets the deadlines that are due. Errors: `trio.ClosedResourceError` once the farm is closed."""
        self._open_nursery()
        self._engine.advance(self.now_ns)
        self.settle()

    def settle(self) -> None:
        """Does what hosts want done, and sees when they next want to be asked; to be called after each command."""
        self._carry_out(self._engine.take_acts())
        self._after()

    def _after(self) -> None:
        due_ns = self._next_due_ns()
        if due_ns < self._due_ns:
            self._due_ns = due_ns
            self._timer.deadline = self._seconds(due_ns)
        self._told()

    def _next_due_ns(self) -> int:
        due_ns = self._engine.next_deadline_ns()
        return NEVER_NS if due_ns is None else due_ns

    def _seconds(self, time_ns: int) -> float:
        return math.inf if time_ns == NEVER_NS else self.origin_seconds + time_ns / NANOSECONDS

    def spawn(self, task: Callable[[], Awaitable[object]]) -> None:
        """Runs a task for as long as the farm is open."""
        self._open_nursery().start_soon(task)

    def _open_nursery(self) -> trio.Nursery:
        if self._nursery is None:
            raise trio.ClosedResourceError("the farm was closed")
        return self._nursery

    # -- what connections report

    def called(self, link: Link) -> None:
        """A caller waits for a host's answer."""
        self._reports += link.peer in self.hosts
        here = (link.host.address, link.host.port)
        pair = _pair(link.remote, here) if link.peer in self.hosts else None
        link.host.know(link, self._engine.incoming(link.host.index, self.now_ns, pair=pair))
        self.settle()

    def connecting(self, link: Link, local: Address) -> None:
        """A call is under way, from this address."""
        if link.peer in self.hosts:
            self._engine.connected(link.conn, pair=_pair(local, link.remote))

    def hear(self, link: Link, data: bytes) -> bool:
        """Bytes have come. Whether they end within a frame."""
        self._reports += link.peer in self.hosts
        self._uses = link.last_use = self._uses + 1
        acts, is_cut = self._engine.receive(link.conn, data, self.now_ns)
        if acts:
            self._carry_out(acts)
        self._after()
        return is_cut

    def ended(self, link: Link, how: Ending) -> None:
        """A connection that the engine knows is at its end."""
        link.host.forget(link)
        self.endings[how] += 1
        said = self._engine.ended(link.conn, how, self.now_ns)
        if said is not None:
            self.log.warn("bad-end", host=link.host.name, peer=link.remote[0], why=said)
        self.settle()

    # -- what hosts want done

    def _carry_out(self, acts: Acts) -> None:
        while acts:
            has_asked = False
            for act, index, conn, what in acts:
                host = self.hosts[index]
                if act == ACT_WRITE:
                    link = host.links[conn]
                    self._uses = link.last_use = self._uses + 1
                    link.write(what)
                elif act == ACT_OPEN:
                    host.call(conn, what)
                elif act == ACT_ACCEPT:
                    host.links[conn].answer()
                elif act == ACT_BOUND:
                    host.know_peer(host.links[conn], what)
                elif act == ACT_CLOSE:
                    host.links[conn].close()
                elif act in (ACT_ABORT, ACT_REFUSE):
                    self._abort(host, conn, what)
                elif act == ACT_CONSULT:
                    self.store.consult(index, conn, what)
                    has_asked = True
                elif act == ACT_HEARD:
                    self.store.heard(what)
                elif act == ACT_STARTED:
                    self.log.info("started", host=host.name)
                    self._is_through(index)
                elif act == ACT_STOPPED:
                    self.log.info("stopped", host=host.name)
                    host.go_off()
                    self._is_through(index)
                else:
                    raise AssertionError(f"the engine wants act {act}, of which its driver knows nothing")
            # A store that is beside its hosts has answered at once.
            acts = self._engine.take_acts() if has_asked else ()

    def _abort(self, host: LiveHost, conn: int, why: str | None) -> None:
        link = host.links[conn]
        if why is not None:
            self.log.warn("dropped", host=host.name, peer=link.remote[0], why=why)
        host.forget(link)
        link.abort()

    # -- descriptors

    def make_room(self) -> None:
        """The operating system has nothing left. Those bindings of this process that were used least recently are torn
        down, as the cache of one host does it when it is full: hosts bind again when they have something to say.
        """
        now = trio.current_time()
        if now < self._room_seconds + self.limits.retry_seconds:
            return
        self._room_seconds = now
        idle = [link for host in self.hosts.values() if not host.is_paused for link in host.links.values()]
        idle = [link for link in idle if link.is_idle]
        least_used = heapq.nsmallest(math.ceil(len(idle) * ROOM_SHARE), idle, key=lambda link: link.last_use)
        for link in least_used:
            link.retire()
        self.log.warn("descriptors-out", retired=len(least_used), links=len(idle))

    def _wait_for_room(self) -> None:
        self.make_room()
        self.spawn(self._reopen_gate)

    async def _reopen_gate(self) -> None:
        await trio.sleep(self.limits.retry_seconds)
        self.gate.reopen()

    # -- power

    def start(self, indices: Sequence[int]) -> None:
        """Starts hosts that do not run.

        Errors: `ConfigurationError` if a port cannot be had; none of them has started then.
        """
        off = [host for host in map(self.hosts.__getitem__, indices) if not host.is_on]
        try:
            for host in off:
                host.go_on()
        except ConfigurationError:
            for host in off:
                host.deafen()
            raise
        self._expect(host.index for host in off)
        self._engine.start([host.index for host in off])
        self.settle()

    def start_later(self, moments: Mapping[int, float]) -> None:
        """Starts hosts that do not run, each after so many seconds, unless it is stopped or crashed before."""
        off = {index: seconds for index, seconds in moments.items() if not self.hosts[index].is_on}
        self._expect(off)
        for index, seconds in off.items():
            self.spawn(partial(self._start_after, index, seconds))

    async def _start_after(self, index: int, seconds: float) -> None:
        await trio.sleep(seconds)
        if index in self._starting:
            try:
                self.start([index])
            except ConfigurationError as error:
                self.log.warn("start-failed", host=self.hosts[index].name, why=str(error))
                self._is_through(index)

    def _expect(self, indices: Iterable[int]) -> None:
        """From now on `wait_started` waits for these."""
        self._starting.update(indices)
        if self._starting and self._nobody_starts.is_set():
            self._nobody_starts = trio.Event()

    def call_off(self, indices: Iterable[int]) -> None:
        """Hosts that were to start later will not."""
        for index in indices:
            if not self.hosts[index].is_on:
                self._is_through(index)

    def _is_through(self, index: int) -> None:
        self._starting.discard(index)
        if not self._starting:
            self._nobody_starts.set()

    async def wait_started(self) -> None:
        """Waits until every host that was told to start has done so, or has given up."""
        await self._nobody_starts.wait()

    def crash(self, indices: Sequence[int]) -> None:
        """Ends hosts without a word: their connections break, their ports are closed."""
        self._engine.crash(indices)
        for index in indices:
            self.hosts[index].crash()
            self._is_through(index)
        self.settle()

    def pause(self, indices: Sequence[int]) -> None:
        """Freezes hosts that run: nothing that comes to them is read."""
        self._engine.pause(indices)
        for index in indices:
            if self.hosts[index].is_on:
                self.hosts[index].pause()

    def resume(self, indices: Sequence[int]) -> None:
        """Lets frozen hosts go on."""
        self._engine.resume(indices)
        for index in indices:
            self.hosts[index].resume()

    # -- who is where

    def is_cut(self, source: int, target: int | None) -> bool:
        """Whether what one host sends another gets lost."""
        return self.cuts.part(source, target)

    def indices_of(self, names: Iterable[str]) -> list[int]:
        """The hosts of these names; one that has joined the farm since this process began is none of them."""
        return [self._indices[name] for name in names if name in self._indices]

    def address_of(self, peer: int) -> Address:
        """Where a host is called."""
        return self._addresses[peer]

    def peer_at(self, address: str) -> int | None:
        """Whose address this is, if it is one host's alone."""
        return self._peers.get(address)


def _owners(addresses: Sequence[Address]) -> dict[str, int]:
    """Hosts by their addresses; without those addresses that several share."""
    owners: dict[str, int] = {}
    shared = set()
    for index, (address, _) in enumerate(addresses):
        if owners.setdefault(address, index) != index:
            shared.add(address)
    return {address: index for address, index in owners.items() if address not in shared}


def _pair(caller: Address, called: Address) -> int:
    """What both ends of a connection in this process know it by: 64 bits of where it comes from and goes to."""
    return hash((caller, called)) & 0xFFFF_FFFF_FFFF_FFFF
