"""A farm whose hosts are on real sockets, or the part of one that lives in this process."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import trio

from imafarm import _imafarm
from imafarm.configuration import ConfigurationLog, OpenedLiveStore, OtherChange, Publish
from imafarm.errors import ConfigurationError, StoreDown
from imafarm.farm import Cut, EventKind, Hosts, Recording
from imafarm.farm._engine import EngineFarm
from imafarm.farm._verbs import Verb
from imafarm.live._driver import Driver
from imafarm.live._engine import Ending
from imafarm.live._limits import LiveLimits
from imafarm.live._log import LiveLog
from imafarm.live._sockets import Address
from imafarm.live._tls_link import LiveTls
from imafarm.tables import Table
from imafarm.topology import Topology
from imafarm.topology._checks import NANOSECONDS

T = TypeVar("T")


class LiveFarm(EngineFarm[_imafarm.LiveFarm]):
    """Hosts on real TCP, in real time; made by `open_live_farm`.

    Of a farm that is spread over several processes each has its own hosts, and knows of the others what these hear of
    them. Verbs are for its own: for any other they raise `ConfigurationError`.
    """

    def __init__(
        self,
        topology: Topology,
        addresses: Sequence[Address],
        local: Iterable[int],
        *,
        seed: int,
        keys: Sequence[bytes],
        tls: LiveTls | None,
        limits: LiveLimits,
        live_log: LiveLog,
        store: OpenedLiveStore | None,
        log: ConfigurationLog | None,
        shares_ports: bool,
        record: Recording | None = None,
    ) -> None:
        """addresses: of every host by index, with the ports between servers; local: those that live here.

        store: where `topology` comes from, if hosts are to ask it.
        """
        resolver = topology.resolver
        local = list(local)
        engine = _imafarm.LiveFarm(
            resolver,
            seed=seed,
            magic=topology.magic,
            host_magic=topology.host_magic_for_engine(),
            product=topology.product,
            settings=topology.settings,
            host_settings=topology.host_settings_for_engine(),
            applications=topology.applications_for_engine() if store is None else _catalogue(resolver, store),
            latest_change=0 if store is None else store.latest,
            keys=keys,
            # Challenges that anybody could foresee would let recordings of other farms' pass.
            entropy=secrets.token_bytes(32),
        )
        super().__init__(topology, engine, origin_ns=round(trio.current_time() * NANOSECONDS), log=log)
        if record is not None and record.kinds:
            engine.write_down_events(record.kinds.value)
        self._name_applications()
        self._addresses = addresses
        self._moments = random.Random(seed)
        self.driver = Driver(
            engine,
            names=self._hosts,
            addresses=addresses,
            local=local,
            limits=limits,
            log=live_log,
            tls=tls,
            store=store,
            told=self._tell,
            learnt=self._name_applications,
            shares_ports=shares_ports,
        )
        if store is not None:
            for index in local:
                if (cached := store.cached.get(self._hosts[index])) is not None:
                    engine.fill_cache(index, cached.latest, age_ns=round(cached.age_seconds * NANOSECONDS))
            for trouble in store.troubles:
                live_log.warn("store-trouble", why=trouble)

    # -- who is in it

    @property
    def local_hosts(self) -> tuple[str, ...]:
        """The hosts that live in this process, in the order of the records."""
        return tuple(self._hosts[index] for index in sorted(self.driver.hosts))

    def address(self, host: str) -> Address:
        """Where a host is called by others: address and port. `KeyError` for an unknown host."""
        return self._addresses[self._index(host)]

    # -- tables

    def traffic(self) -> Table:
        """Errors: `ConfigurationError`, always: in real time nobody stops at the end of a bin. `links` has the sums."""
        raise ConfigurationError(["traffic: a farm on real sockets records events alone; links() has the sums so far"])

    def bindings(self) -> Table:
        """Errors: `ConfigurationError`, always, as `traffic`; `statistics` and `hosts` have the sums."""
        raise ConfigurationError(
            ["bindings: a farm on real sockets records events alone; statistics() and hosts() have the sums so far"]
        )

    # -- verbs

    async def _do(
        self, verb: Verb, hosts: Sequence[int], arguments: tuple[str | int, ...], action: Callable[[], T]
    ) -> T:
        self._check_here(hosts)
        await trio.lowlevel.checkpoint()
        self.driver.catch_up()
        try:
            result = action()
            if isinstance(result, int):
                self._intend(verb, arguments, result)
        finally:
            self.driver.settle()
        return result

    def _intend(self, verb: Verb, arguments: tuple[str | int, ...], order: int) -> None:
        """Tells the data store what is about to be written there."""
        if verb is Verb.PUBLISH:
            name, servers = str(arguments[0]), [self._hosts[int(index)] for index in arguments[2:]]
            self.driver.store.intend(order, Publish(name, servers if len(arguments) > 1 else None))
        elif verb is Verb.CHANGE:
            self.driver.store.intend(order, OtherChange(int(arguments[0])))

    async def _made(self, host: int, order: int | None) -> int:
        try:
            return await super()._made(host, order)
        except StoreDown:
            if order is not None and (refusal := self.driver.store.refusal_of(order)) is not None:
                raise refusal from None
            raise

    async def _start(self, hosts: Sequence[int], spread_ns: int) -> None:
        if spread_ns:
            self._check_here(hosts)
            await trio.lowlevel.checkpoint()
            self._start_spread(hosts, spread_ns)
        else:
            await self._do(Verb.START, hosts, (0,), lambda: self.driver.start(hosts))

    def _start_spread(self, hosts: Sequence[int], spread_ns: int) -> None:
        self.driver.start_later({index: self._moments.uniform(0, spread_ns / NANOSECONDS) for index in hosts})

    async def stop(self, hosts: Hosts) -> None:
        which = self._indices(hosts)

        def stop() -> None:
            self.driver.call_off(which)
            self._engine.stop(which)

        await self._do(Verb.STOP, which, (), stop)

    async def crash(self, hosts: Hosts) -> None:
        which = self._indices(hosts)
        await self._do(Verb.CRASH, which, (), lambda: self.driver.crash(which))

    async def restart(self, hosts: Hosts) -> None:
        which = self._indices(hosts)

        def restart() -> None:
            self.driver.crash(which)
            self.driver.start(which)

        await self._do(Verb.RESTART, which, (), restart)

    async def pause(self, hosts: Hosts) -> None:
        which = self._indices(hosts)
        await self._do(Verb.PAUSE, which, (), lambda: self.driver.pause(which))

    async def resume(self, hosts: Hosts) -> None:
        which = self._indices(hosts)
        await self._do(Verb.RESUME, which, (), lambda: self.driver.resume(which))

    async def partition(self, hosts: Hosts, others: Hosts | None = None, *, both_ways: bool = True) -> Cut:
        near = self._indices(hosts)
        inside = set(near)
        far = [i for i in range(len(self._hosts)) if i not in inside] if others is None else self._indices(others)

        def cut() -> int:
            return self.driver.cuts.add(near, far, both_ways=both_ways)

        number = await self._do(Verb.PARTITION, (*near, *far), (int(both_ways),), cut)
        return Cut(number)

    async def heal(self, cut: Cut | None = None) -> None:
        number = None if cut is None else cut.number
        await self._do(Verb.HEAL, (), (), lambda: self.driver.cuts.heal(number))

    async def store_down(self) -> None:
        await self._do(Verb.STORE_DOWN, (), (), lambda: self.driver.store.set_up(False))

    async def store_up(self) -> None:
        await self._do(Verb.STORE_UP, (), (), lambda: self.driver.store.set_up(True))

    def _check_here(self, hosts: Sequence[int]) -> None:
        if elsewhere := [self._hosts[index] for index in hosts if index not in self.driver.hosts]:
            raise ConfigurationError([f"hosts: {name} does not live in this process" for name in elsewhere])

    # -- what is

    def delays(self) -> dict[str, int]:
        """How long reports waited for their answers, in nanoseconds: `count`, `p50_ns`, `p99_ns` and `max_ns`."""
        return self._engine.delays()

    def reset_delays(self) -> None:
        """Measures delays anew."""
        self._engine.reset_delays()

    @property
    def endings(self) -> Mapping[Ending, int]:
        """How many connections have ended in good order, were refused, or broke, as their hosts here saw it."""
        return self.driver.endings

    # -- waits

    async def wait_started(self) -> None:
        await self.driver.wait_started()

    async def wait_change(self, number: int, hosts: Hosts | None = None) -> None:
        await super().wait_change(number, hosts)
        # A notice from another process names the change; what it is about has to be read.
        with self._waits.for_(f"change {number} to be read"):
            await self.driver.store.wait_known(number)

    async def wait_stopped(self, hosts: Hosts | None = None) -> None:
        """Waits until none of these hosts runs (none of this process, if not given)."""
        which = sorted(self.driver.hosts) if hosts is None else self._indices(hosts)
        self._check_here(which)
        with self._waits.for_("hosts to stop"):
            async with self.watch(EventKind.HOST_DOWN | EventKind.START_REFUSED) as events:
                while any(self.driver.hosts[index].is_on for index in which):
                    await events.receive()

    def _name_applications(self) -> None:
        self._applications = tuple(self._engine.applications())

    def _tell(self) -> None:
        if self._channels:
            self.deliver_events()

    # -- its life

    def boot(self, spread_ns: int) -> None:
        """Starts every host that lives here, each at a moment drawn within the span from now."""
        self._start_spread(sorted(self.driver.hosts), spread_ns)


def _catalogue(resolver: _imafarm.HostResolver, store: OpenedLiveStore) -> list[tuple[str, list[int] | None]]:
    """The applications as the engine takes them, in the order by which messages name them in every process."""
    return [
        (it.name, None if it.servers is None else sorted(resolver.by_names(it.servers))) for it in store.publications
    ]
