"""Minutes of connect, fail, kill and restart: whether a live farm grows by them.

`python benches/python/soak_live.py --minutes 10`, with the project's own Python. It prints a table and a verdict; exit
code 1 means that something grew.

Two farms run at the same time. The hosts of the first share this process, and it is weighed here: in each round all
that can happen to hosts happens to some of them, drawn from the seed; then all harm is healed, and two states are
waited for that are the same in every round. *Up*: every host runs, all agree, no session is left, nothing is under way.
*Off*: every host has crashed. The hosts of the second are processes that share a data store. One after the other is
killed and started again, but for one witness, which is weighed from outside.

At equal states there have to be exactly as many descriptors and tasks as in the first round. Where bindings stand, one
descriptor and one task belong to each. Memory is given a bound, since allocators keep pages and a farm remembers every
election: the median of the last third of the rounds against that of the second.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeVar

import trio

from imafarm.errors import ManagementError
from imafarm.farm import Session
from imafarm.keys import FarmKeys
from imafarm.live import LiveFarm, LiveLimits, open_admin_ports, open_live_farm
from imafarm.management import RemoteHost, connect_management
from imafarm.store import DataStore
from imafarm.topology import LivePlan, Topology

T = TypeVar("T")

HOSTS, ZONES = 16, 2
WITNESSES = 4
"""Hosts of the farm of processes; the first of them is never killed."""
QUICK = {
    "KeepAliveInterval": 1_000,
    "KeepAliveTimeout": 1_000,
    "PeerPingInterval": 1_000,
    "GatewayValidationInterval": 1_000,
    "DeclareMasterTimeout": 2_000,
    "BindTimeout": 2_000,
    "MaxHostAddressCacheEntries": 8,
}
"""So that failures are found soon, and bindings are let go for others all the time."""
LIMITS = LiveLimits(give_up_seconds=1.0, frame_seconds=1.0)
DEEDS_IN_ROUND = 12
LONGEST_PAUSE_SECONDS = 0.3
LOOK_SECONDS = 0.1
QUIET_LOOKS = 15
"""After so many looks at which all was as before nothing is under way: it takes longer than any connection's end."""
PATIENCE_SECONDS = 120.0
KEY = bytes(range(1, 33))
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MOST_RSS_MIB, MOST_ENGINE_SHARE = 4.0, 0.1
"""What counts as no growth: of a process, and of what the engine holds of its hosts."""
LEAST_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Weighed:
    """What was there at the end of a round."""

    seconds: float
    up_descriptors: int
    """Without those of bindings."""
    up_tasks: int
    """The same."""
    bindings: int
    """How many ends of bindings there were, with those that only one side still holds for a binding."""
    off_descriptors: int
    off_tasks: int
    engine_kib: int
    """What the engine says that it holds, with every host crashed."""
    rss_mib: float
    witness_descriptors: int
    """Without those of bindings."""
    witness_threads: int
    witness_rss_mib: float


COLUMNS = {
    "seconds": "s",
    "up_descriptors": "up: fds",
    "up_tasks": "tasks",
    "bindings": "(bound)",
    "off_descriptors": "off: fds",
    "off_tasks": "tasks",
    "engine_kib": "engine KiB",
    "rss_mib": "RSS MiB",
    "witness_descriptors": "process: fds",
    "witness_threads": "threads",
    "witness_rss_mib": "RSS MiB",
}
EXACT = ("up_descriptors", "up_tasks", "off_descriptors", "off_tasks", "witness_descriptors")


def growth(rounds: Sequence[Weighed]) -> list[str]:
    """What has grown, a line each; none if nothing has."""
    if len(rounds) < LEAST_ROUNDS:
        return [f"only {len(rounds)} rounds: that is too few to tell"]
    said = []
    for name in EXACT:
        values = [getattr(it, name) for it in rounds]
        if len(set(values)) > 1:
            said.append(f"{name}: {values[0]} in the first round, then {min(values)} to {max(values)}")
    for name, most in (
        ("rss_mib", MOST_RSS_MIB),
        ("witness_rss_mib", MOST_RSS_MIB),
        ("engine_kib", MOST_ENGINE_SHARE * median(it.engine_kib for it in rounds)),
    ):
        before, after = _thirds([getattr(it, name) for it in rounds])
        if after - before > most:
            said.append(f"{name}: from {before:.1f} to {after:.1f}, which is more than {most:.1f} more")
    return said


def _thirds(values: Sequence[float]) -> tuple[float, float]:
    """The medians of the second third and of the last. The first is for warming up."""
    third = len(values) // 3
    return median(values[third : 2 * third] or values[:third]), median(values[-third:])


# -- the farm in this process


class Mischief:
    """What happens to a farm's hosts in a round."""

    def __init__(self, farm: LiveFarm, dice: random.Random) -> None:
        self._farm = farm
        self._dice = dice
        self._sessions: list[Session] = []
        self._deeds: list[Callable[[], Awaitable[None]]] = [
            self._crash,
            self._crash,
            self._restart,
            self._stop,
            self._pause,
            self._cut,
            self._log_on,
            self._log_on,
            self._elect,
            self._strangers,
            self._ask,
            self._lose_the_store,
        ]

    async def play(self) -> None:
        """A round's deeds, one after the other. Some of what they harm is healed on the way."""
        for _ in range(DEEDS_IN_ROUND):
            await self._dice.choice(self._deeds)()
            await trio.sleep(self._dice.uniform(0, LONGEST_PAUSE_SECONDS))
            if self._dice.random() < 0.3:
                await self.heal()

    async def heal(self) -> None:
        """Takes back all harm, and starts those who are off."""
        await self._farm.heal()
        await self._farm.store_up()
        await self._farm.resume([host for host in self._farm.host_names if self._power(host) == "paused"])
        # Whoever is about to stop, and elects another first, is to be started as well.
        await self._farm.wait_stopped([host for host in self._farm.host_names if self._role(host) == "stopping"])
        await self._farm.start([host for host in self._farm.host_names if self._power(host) in {"off", "crashed"}])

    async def log_off(self) -> None:
        """Ends every session; those whose servers have crashed are gone already."""
        for session in self._sessions:
            await self._farm.logoff(session)
        self._sessions.clear()

    def _power(self, host: str) -> str:
        return self._farm.host_state(host).power

    def _role(self, host: str) -> str:
        return self._farm.host_state(host).role

    def _some(self, most: int) -> list[str]:
        running = [host for host in self._farm.host_names if self._power(host) == "up"]
        return self._dice.sample(running, min(len(running), self._dice.randint(1, most)))

    async def _crash(self) -> None:
        await self._farm.crash(self._some(4))

    async def _restart(self) -> None:
        await self._farm.restart(self._some(4))

    async def _stop(self) -> None:
        await self._farm.stop(self._some(3))

    async def _pause(self) -> None:
        await self._farm.pause(self._some(2))

    async def _cut(self) -> None:
        await self._farm.partition(self._some(HOSTS // 2), both_ways=self._dice.random() < 0.5)

    async def _log_on(self) -> None:
        for host in self._some(HOSTS):
            self._sessions.append(await self._farm.logon(host, user=self._dice.randrange(1_000)))

    async def _elect(self) -> None:
        for host in self._some(1):
            await self._farm.elect(host)

    async def _lose_the_store(self) -> None:
        await self._farm.store_down()

    async def _strangers(self) -> None:
        """Callers that say nothing, something wrong, or half of something."""
        for host in self._some(4):
            with suppress(OSError), socket.create_connection(self._farm.address(host), timeout=1) as caller:
                caller.sendall(self._dice.choice([b"", b"\0" * 100, b"GET / HTTP/1.1\r\n\r\n", b"\1"]))
                await trio.sleep(self._dice.uniform(0, LONGEST_PAUSE_SECONDS))

    async def _ask(self) -> None:
        """Tools; one leaves before it is answered."""
        for host in self._some(3):
            with suppress(ManagementError), trio.move_on_after(self._dice.uniform(0, LONGEST_PAUSE_SECONDS)):
                async with connect_management(self._farm.address(host)[0], keys=[KEY]) as asked:
                    await asked.hosts()
                    await asked.sessions(self._farm.record(host).zone)


def _descriptors(pid: int | str = "self") -> int:
    # Less the one of this very look, which is at this process alone.
    return len(os.listdir(f"/proc/{pid}/fd")) - (pid == "self")


def _rss_mib(pid: int | str = "self") -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES / 2**20


def _tasks() -> int:
    return trio.lowlevel.current_statistics().tasks_living


class Restless(Exception):
    """What should have come to rest has not; says why."""


async def _until_still(look: Callable[[], Awaitable[T | str]]) -> T:
    """What so many looks have seen one after the other, each the same, and not why there is nothing to see.

    Errors: `Restless`, with what was seen last, if that takes too long.
    """
    seen: T | str = "nothing"
    looks = 0
    with trio.move_on_after(PATIENCE_SECONDS):
        while True:
            now = await look()
            looks = looks + 1 if now == seen else 0
            seen = now
            if looks >= QUIET_LOOKS and not isinstance(seen, str):
                return seen
            await trio.sleep(LOOK_SECONDS)
    raise Restless(f"nothing has come to rest within {PATIENCE_SECONDS:g} s; at last: {seen}")


async def _up(farm: LiveFarm) -> tuple[int, int, int] | str:
    """Descriptors and tasks besides those of bindings, and how many there are; or what is not at rest."""
    if down := {host: state for host in farm.host_names if (state := farm.host_state(host)).power != "up"}:
        return f"hosts that are not up: {down}"
    if None in farm.masters.values():
        return f"collectors {farm.masters}, of { ({host: farm.host_state(host) for host in farm.host_names}) }"
    if sessions := farm.sessions():
        return f"sessions {sessions}"
    # A call that is under way, or a caller that nobody knows yet, is a link without a binding.
    links = sum(len(host.links) for host in farm.driver.hosts.values())
    if links != (active := farm.statistics().bindings.active):
        return f"{links} links and {active} bindings"
    # An end that was given up across a cut stands until the other says something.
    ends = links + len(farm.driver.lingering)
    return _descriptors() - ends, _tasks() - ends, ends


async def _off() -> tuple[int, int]:
    return _descriptors(), _tasks()


# -- the farm of processes


class Processes:
    """Hosts that are processes and share a data store, of which all but the first are killed now and then."""

    def __init__(self, topology: Topology, directory: Path, dice: random.Random) -> None:
        self._names = list(topology.resolver.names_of(range(WITNESSES)))
        self._addresses = topology.live_addresses()
        self._directory = directory
        self._dice = dice
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        with DataStore.create(str(directory / "farm.db")) as store:
            store.replace(topology)

    def start(self) -> None:
        """Starts those that do not run."""
        for name in self._names:
            if name not in self._processes:
                options = [f"--store={self._directory / 'farm.db'}", f"--cache={self._directory / name}.cache"]
                self._processes[name] = subprocess.Popen(
                    [sys.executable, "-m", "imafarm", "live", "host", f"--name={name}", *options],
                    env={**os.environ, "IMAFARM_FARM_KEY": KEY.hex()},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )

    async def end(self, names: Sequence[str], number: int) -> None:
        """Sends these a signal, and waits until they are gone."""
        processes = [self._processes.pop(name) for name in names if name in self._processes]
        for process in processes:
            process.send_signal(number)
        for process in processes:
            await trio.to_thread.run_sync(process.wait)

    async def end_all(self, number: int) -> None:
        """The same for all, should anything else happen meanwhile or not."""
        with trio.CancelScope(shield=True):
            await self.end(self._names, number)

    async def play(self) -> None:
        """One is killed, or stopped, and comes back; another is asked what everybody may ask, and has a guest."""
        await self.end([self._dice.choice(self._names[1:])], self._dice.choice([signal.SIGKILL, signal.SIGTERM]))
        async with self._ask(self._dice.choice(list(self._processes))) as host:
            session = await host.logon(user=1)
            await host.sessions("Z1")
            await host.logoff(session)
        self.start()

    async def weigh(self) -> tuple[int, int, float]:
        """The witness, when nothing is under way: descriptors without bindings, threads, RSS."""

        async def look() -> int | str:
            try:
                async with self._ask(self._names[0]) as host:
                    state = await host.state()
                    # With the connection over which it is asked.
                    descriptors = _descriptors(pid)
            except ManagementError as error:
                return str(error)
            if state.master is None or state.bindings.active < WITNESSES - 1:
                return f"the witness: {state}"
            return descriptors - state.bindings.active

        pid = self._processes[self._names[0]].pid
        return await _until_still(look), len(os.listdir(f"/proc/{pid}/task")), _rss_mib(pid)

    @asynccontextmanager
    async def _ask(self, name: str) -> AsyncIterator[RemoteHost]:
        async with connect_management(self._addresses[self._names.index(name)], keys=[KEY]) as host:
            yield host


# -- all of it


async def soak(
    *, seed: int, seconds: float, rounds: int, networks: Sequence[str], tell: Callable[[Weighed], None]
) -> list[Weighed]:
    """Plays rounds until one of the two bounds is met; what was weighed after each."""
    here = Topology.of(HOSTS, ZONES, settings=QUICK, live=LivePlan(network=networks[0]))
    there = Topology.of(WITNESSES, settings=QUICK, live=LivePlan(network=networks[1]))
    weighed: list[Weighed] = []
    with tempfile.TemporaryDirectory(prefix="imafarm-soak-") as directory:
        processes = Processes(there, Path(directory), random.Random(seed))
        keys = FarmKeys([KEY])
        opened = open_live_farm(topology=here, seed=seed, keys=keys, limits=LIMITS)
        async with opened as farm, open_admin_ports(farm, keys=keys):
            mischief = Mischief(farm, random.Random(seed))
            began = trio.current_time()
            try:
                processes.start()
                await processes.weigh()
                while len(weighed) < rounds and trio.current_time() - began < seconds:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(mischief.play)
                        nursery.start_soon(processes.play)
                    await mischief.heal()
                    await mischief.log_off()
                    weighed.append(await _weigh(farm, processes, began))
                    tell(weighed[-1])
                    await farm.start(farm.host_names)
                await processes.end_all(signal.SIGTERM)
            finally:
                await processes.end_all(signal.SIGKILL)
    return weighed


async def _weigh(farm: LiveFarm, processes: Processes, began: float) -> Weighed:
    up = await _until_still(partial(_up, farm))
    witness = await processes.weigh()
    await farm.crash(farm.host_names)
    off_descriptors, off_tasks = await _until_still(_off)
    gc.collect()
    return Weighed(
        round(trio.current_time() - began, 1),
        *up,
        off_descriptors,
        off_tasks,
        farm._engine.memory() // 1024,
        round(_rss_mib(), 1),
        witness[0],
        witness[1],
        round(witness[2], 1),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="how long to go on (10)")
    parser.add_argument("--rounds", type=int, default=sys.maxsize, help="after how many rounds to stop, if sooner")
    parser.add_argument("--seed", type=int, default=0, help="what happens to whom follows from this (0)")
    parser.add_argument("--networks", nargs=2, default=["127.81.1.0/24", "127.81.2.0/24"], help="where hosts listen")
    called = parser.parse_args()
    logging.getLogger("imafarm.live").addHandler(logging.NullHandler())
    widths = [max(9, len(title) + 2) for title in COLUMNS.values()]
    print("".join(title.rjust(width) for title, width in zip(COLUMNS.values(), widths, strict=True)), flush=True)

    def tell(it: Weighed) -> None:
        cells = [str(getattr(it, name)) for name in COLUMNS]
        print("".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)), flush=True)

    weighed = trio.run(
        partial(
            soak,
            seed=called.seed,
            seconds=60 * called.minutes,
            rounds=called.rounds,
            networks=called.networks,
            tell=tell,
        )
    )
    grown = growth(weighed)
    print("\n".join(grown) if grown else f"Nothing has grown in {len(weighed)} rounds.")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
