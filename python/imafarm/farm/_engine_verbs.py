"""What may be done to a farm whose hosts live in an engine, and what there is to wait for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

import trio

from imafarm.configuration import OtherChange, Publish
from imafarm.errors import ConfigurationError, StoreDown
from imafarm.farm import Assignment, EventKind, FarmEvent, Hosts, Session, receive
from imafarm.farm._engine_events import E, T, WatchedFarm
from imafarm.farm._verbs import Verb
from imafarm.settings import check_settings
from imafarm.topology._checks import NANOSECONDS
from imafarm.topology._topology import magic_mistake

LARGEST_LOAD = 99_990
"""The greatest of the product's special loads."""
LARGEST_CHANGE = 2**32 - 1
"""The longest change, in bytes."""
_ON_ITS_WAY, _REFUSED = 0, -1
"""What the engine says of a change that has no number."""


class CommandedFarm(WatchedFarm[E]):
    """The part of an engine's farm that is about doing things to it.

    How hosts restart, how links are cut and what becomes of the data store is each world's own.
    """

    # -- what each world does in its own way

    @abstractmethod
    async def _do(
        self, verb: Verb, hosts: Sequence[int], arguments: tuple[str | int, ...], action: Callable[[], T]
    ) -> T:
        """Has this done, and with it what else is asked for at this instant; what it came to.

        verb, hosts, arguments: by what it is put in order among other wishes; equal ones mean equal wishes.
        action: does it, at the engine's `now_ns`. What it raises is raised here.

        Cancelled: nothing is done.
        """

    @abstractmethod
    async def _start(self, hosts: Sequence[int], spread_ns: int) -> None:
        """Has hosts started, each at a moment drawn within `spread_ns` from now. Comes back before they are."""

    # -- hosts

    async def start(self, hosts: Hosts, *, spread_seconds: float = 0.0) -> None:
        await self._start(self._indices(hosts), span_ns("spread_seconds", spread_seconds))

    async def stop(self, hosts: Hosts) -> None:
        which = self._indices(hosts)
        await self._do(Verb.STOP, which, (), lambda: self._engine.stop(which))

    async def crash(self, hosts: Hosts) -> None:
        which = self._indices(hosts)
        await self._do(Verb.CRASH, which, (), lambda: self._engine.crash(which))

    async def pause(self, hosts: Hosts) -> None:
        which = self._indices(hosts)
        await self._do(Verb.PAUSE, which, (), lambda: self._engine.pause(which))

    async def resume(self, hosts: Hosts) -> None:
        which = self._indices(hosts)
        await self._do(Verb.RESUME, which, (), lambda: self._engine.resume(which))

    async def elect(self, host: str) -> None:
        which = self._index(host)
        await self._do(Verb.ELECT, (which,), (), lambda: self._engine.elect(which))

    async def set_load(self, hosts: Hosts, load: int | None) -> None:
        which = self._indices(hosts)
        if load is not None and not 0 <= load <= LARGEST_LOAD:
            raise ConfigurationError([f"load: {load} is out of range, 0 to {LARGEST_LOAD}"])
        wanted = -1 if load is None else load
        await self._do(Verb.SET_LOAD, which, (wanted,), lambda: self._engine.set_load(which, load))

    async def subscribe(self, host: str, table: str, *, on: bool = True) -> None:
        which = self._index(host)
        try:
            await self._do(
                Verb.SUBSCRIBE, (which,), (table, int(on)), lambda: self._engine.subscribe(which, table, on=on)
            )
        except ValueError as error:
            raise ConfigurationError([str(error)]) from None

    async def set_setting(self, hosts: Hosts, name: str, value: int) -> None:
        which = self._indices(hosts)
        ((name, value),) = check_settings({name: value}).items()
        await self._do(Verb.SET_SETTING, which, (name, value), lambda: self._engine.set_setting(which, name, value))

    async def set_magic(self, hosts: Hosts, number: int) -> None:
        which = self._indices(hosts)
        if said := magic_mistake(number):
            raise ConfigurationError([f"number: {said}"])
        await self._do(Verb.SET_MAGIC, which, (number,), lambda: self._engine.set_magic(which, number))

    # -- users

    async def logon(self, host: str, *, app: str | None = None, user: int = 0) -> Session:
        which, number = self._index(host), self._app_number(app)
        found = await self._do(Verb.LOGON, (which,), (user, number), lambda: self._engine.logon(which, user, number))
        if found is None:
            raise ConfigurationError([f"host: {host} does not run, nobody can log on to it"])
        return Session(host=host, number=found, user=user, app=app)

    async def disconnect(self, session: Session) -> bool:
        return await self._act(session, "disconnect")

    async def reconnect(self, session: Session) -> bool:
        return await self._act(session, "reconnect")

    async def logoff(self, session: Session) -> bool:
        return await self._act(session, "logoff")

    async def _act(self, session: Session, act: str) -> bool:
        which, number = self._index(session.host), session.number
        return await self._do(Verb.SESSION, (which,), (number, act), lambda: self._engine.session(which, number, act))

    async def resolve(self, app: str, *, at: str | None = None, zones: Sequence[str] = ()) -> Assignment | None:
        number, preferred = self._app_number(app), [self._zone_number(zone) for zone in zones]
        which = self._first_up() if at is None else self._index(at)
        with self._waits.for_(f"{self._hosts[which]} to know where {app} should run"):
            async with self.watch(EventKind.RESOLVED) as answers:
                try:
                    request = await self._do(
                        Verb.RESOLVE,
                        (which,),
                        (number, *preferred),
                        lambda: self._engine.resolve(which, number, preferred),
                    )
                except ValueError as error:
                    raise ConfigurationError([str(error)]) from None
                while (answer := self._engine.take_answer(request)) is None:
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

    # -- the configuration

    async def publish(self, app: str, servers: Hosts | None = None, *, at: str | None = None) -> int:
        if not app:
            raise ConfigurationError(["app: an application has a name"])
        which = None if servers is None else self._indices(servers)
        host = self._console(at)
        order = await self._do(
            Verb.PUBLISH,
            (host,),
            (app, -1, *which) if which is not None else (app,),
            lambda: self._engine.publish(host, app, which),
        )
        number = await self._made(host, order)
        self._applications = tuple(self._engine.applications())
        names = None if which is None else [self._hosts[index] for index in which]
        self.write_down(Publish(app, names))
        return number

    async def change_configuration(self, size_bytes: int, *, at: str | None = None) -> int:
        if not 1 <= size_bytes <= LARGEST_CHANGE:
            raise ConfigurationError([f"size_bytes: {size_bytes} is out of range, 1 to {LARGEST_CHANGE}"])
        host = self._console(at)
        order = await self._do(
            Verb.CHANGE, (host,), (size_bytes,), lambda: self._engine.change_configuration(host, size_bytes)
        )
        number = await self._made(host, order)
        self.write_down(OtherChange(size_bytes))
        return number

    def _console(self, at: str | None) -> int:
        """The index of the host on whose console something is done; the first that runs if none is named."""
        if at is not None:
            return self._index(at)
        running = self._engine.next_running()
        if running is None:
            raise ConfigurationError(["at: no host runs, so nobody can change anything"])
        return running

    async def _made(self, host: int, order: int | None) -> int:
        """The number of a change, once it is in the data store."""
        if order is None:
            raise ConfigurationError([f"at: {self._hosts[host]} does not run, so nobody can change anything on it"])
        with self._waits.for_(f"a change made on {self._hosts[host]} to come to the data store"):
            async with self.watch(EventKind.CHANGE_MADE | EventKind.CHANGE_REFUSED) as events:
                while (number := self._engine.order_state(order)) == _ON_ITS_WAY:
                    await _next(events)
        if number == _REFUSED:
            raise StoreDown
        return number

    # -- waits

    async def wait_change(self, number: int, hosts: Hosts | None = None) -> None:
        which: Sequence[int] = range(len(self._hosts)) if hosts is None else self._indices(hosts)
        with self._waits.for_(f"change {number} to be known"):
            async with self.watch(EventKind.CHANGE_LEARNT | EventKind.HOST_DOWN) as events:
                while which := self._engine.hosts_without_change(number, which):
                    await _next(events)

    async def _wait_until_nobody_starts(self) -> None:
        """Waits until every service that reads the data store has started, or has been refused to."""
        ends = EventKind.HOST_UP | EventKind.START_REFUSED | EventKind.HOST_DOWN
        starting = 0
        async with self.watch(ends) as events:
            while (found := self._engine.next_starting(starting)) is not None:
                starting = found
                await _next(events)


async def _next(events: trio.MemoryReceiveChannel[FarmEvent]) -> None:
    """Waits for an event, and takes all that have come with it."""
    await receive(events)
    while events.statistics().current_buffer_used:
        events.receive_nowait()


def span_ns(key: str, seconds: float) -> int:
    """A span of time, 0 to 1e9 seconds, in nanoseconds. `ConfigurationError` names the key of one out of range."""
    if not 0.0 <= seconds <= 1e9:
        raise ConfigurationError([f"{key}: {seconds} is out of range, 0 to 1e9 seconds"])
    return round(seconds * NANOSECONDS)
