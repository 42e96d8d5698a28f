"""A farm of processes: twelve hosts, two zones, a PostgreSQL; a collector is killed, and the store goes and comes."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import pytest
import trio

from imafarm.errors import ManagementError
from imafarm.farm import SessionRow
from imafarm.keys import KEY_VARIABLE
from imafarm.management import RemoteHost, connect_management
from imafarm.store import DataStore
from imafarm.topology import LivePlan, Topology

if TYPE_CHECKING:
    from tests.conftest import Server

HOSTS, ZONES = 12, 2
QUICK = {
    "KeepAliveInterval": 2_000,
    "KeepAliveTimeout": 2_000,
    "PeerPingInterval": 2_000,
    "GatewayValidationInterval": 2_000,
}
"""Settings with which a failure is found in a few seconds."""
PATIENCE_SECONDS = 240.0
"""The story takes a tenth of it, on a machine with little else to do."""
STOP_SECONDS = 60.0
LOOK_AGAIN_SECONDS = 0.1
FARM_KEY = bytes(range(32))
NOBODY = "(none)"
Found = TypeVar("Found")
Session = tuple[str, int]
"""A session's host, and its number there."""


@pytest.fixture
def network() -> str:
    """Loopback addresses that no other run of this test uses at the same time."""
    return f"127.80.{os.getpid() % 256}.0/24"


@dataclass
class HostProcess:
    """`imafarm live host`, and what it has said so far, on either output."""

    name: str
    address: str
    process: trio.Process
    said: list[str] = field(default_factory=list)
    _news: trio.Event = field(default_factory=trio.Event)

    async def listen(self) -> None:
        """Hears it to its end."""
        assert self.process.stdout is not None
        left = ""
        async with self.process.stdout:
            async for some in self.process.stdout:
                *lines, left = (left + some.decode()).split("\n")
                self.said += lines
                self._tell()
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = trio.Event()

    async def until(self, pattern: str) -> re.Match[str]:
        """Waits until a line has this in it."""
        looked_at = 0
        while True:
            for line in self.said[looked_at:]:
                if found := re.search(pattern, line):
                    return found
            looked_at = len(self.said)
            await self._news.wait()


@dataclass
class ProcessFarm:
    """The farm's processes, and how they are started and asked."""

    topology: Topology
    store: str
    directory: Path
    nursery: trio.Nursery
    hosts: dict[str, HostProcess] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return list(self.topology.resolver.names_of(range(HOSTS)))

    def members(self, zone: str, *without: str) -> list[str]:
        """The hosts of a zone but these."""
        records = self.topology.resolver.records()
        return [record.name for record in records if record.zone == zone and record.name not in without]

    @property
    def environment(self) -> dict[str, str]:
        scratch = self.directory / "scratch"
        scratch.mkdir(exist_ok=True)
        return {**os.environ, KEY_VARIABLE: FARM_KEY.hex(), "TMPDIR": str(scratch)}

    @property
    def caches(self) -> Path:
        return self.directory / "caches"

    async def start(self, name: str) -> HostProcess:
        """A new process for a host."""
        options = [f"--store={self.store}", f"--name={name}", f"--cache={self.caches / name}.db"]
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "imafarm", "live", "host", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.environment,
        )
        index = self.topology.resolver.by_name(name)
        host = HostProcess(name, self.topology.live.address_of(index, name), process)
        self.hosts[name] = host
        self.nursery.start_soon(host.listen)
        return host

    def ask(self, name: str) -> AbstractAsyncContextManager[RemoteHost]:
        """A connection to a host's management port. A busy machine may take its time."""
        return connect_management(self.hosts[name].address, keys=[FARM_KEY], seconds=PATIENCE_SECONDS)

    async def tool(self, *arguments: str, at: str) -> str:
        """What one of the product's tools prints, as a user calls it."""
        command = [sys.executable, "-m", "imafarm", *arguments, "--connect", self.hosts[at].address]
        answer = await trio.run_process(command, capture_stdout=True, capture_stderr=True, env=self.environment)
        assert answer.stderr == b""
        return bytes(answer.stdout).decode()

    async def sessions_at(self, collector: str) -> set[Session]:
        """All sessions that a collector holds, of every zone."""
        held: list[SessionRow] = []
        async with self.ask(collector) as host:
            for zone in self.topology.resolver.zones():
                held += await host.sessions(zone)
        return {(row.host, row.number) for row in held}

    async def master_of(self, *names: str) -> str | None:
        """The collector of these hosts, if they agree."""
        known = set()
        for name in names:
            async with self.ask(name) as host:
                known.add((await host.state()).master)
        return known.pop() if len(known) == 1 else None


@asynccontextmanager
async def opened(topology: Topology, store: str, directory: Path) -> AsyncIterator[ProcessFarm]:
    """A farm of which no process runs yet; whatever runs at the end is killed, and told of if the test has failed."""
    (directory / "caches").mkdir()
    async with trio.open_nursery() as nursery:
        farm = ProcessFarm(topology, store, directory, nursery)
        try:
            yield farm
        except BaseException:
            for host in farm.hosts.values():
                print("\n".join(f"{host.name} | {line}" for line in host.said))
            raise
        finally:
            with trio.CancelScope(shield=True):
                for host in farm.hosts.values():
                    host.process.kill()
                    await host.process.wait()


async def found(look: Callable[[], Awaitable[Found | None]]) -> Found:
    """What there is to be seen, once there is something. Who is just ending or electing may not answer."""
    while True:
        with suppress(ManagementError):
            if (seen := await look()) is not None:
                return seen
        await trio.sleep(LOOK_AGAIN_SECONDS)


def is_free(address: str, port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as caller:
        return caller.connect_ex((address, port)) != 0


# -- what the tools print


def collectors_in(printed: str) -> dict[str, str]:
    """By zone, what `querydc` has printed."""
    return dict(re.findall(r"^Zone Name: (\S+)\nData Collector: (.+)$", printed, re.MULTILINE))


def sessions_in(printed: str) -> set[Session]:
    """The sessions in `queryds /table:Conn_Sessions`."""
    numbers = re.findall(r"^SessionId: (\d+)$", printed, re.MULTILINE)
    hosts = re.findall(r"^host: (\S+)$", printed, re.MULTILINE)
    return {(host, int(number)) for host, number in zip(hosts, numbers, strict=True)}


def servers_in(printed: str) -> dict[str, bool]:
    """By server that is up, what `qfarm` has printed: whether it is marked as a collector."""
    lines = [line.split() for line in printed.splitlines() if re.match(r"H\d", line)]
    return {host: mark == ["D"] for host, _, _, *mark in lines}


# -- the story


def test_a_farm_of_processes_outlives_its_collector_and_its_store(
    start_postgresql: Callable[[], Server], network: str, tmp_path: Path
) -> None:
    """No session of a server that lives is lost, and nothing is left of the farm in the end."""
    server = start_postgresql()
    topology = Topology.of(HOSTS, ZONES, settings=QUICK, live=LivePlan(network=network))
    url = server.new_database()
    with DataStore.create(url, name="Corp") as store:
        number = store.replace(topology)

    async def main() -> None:
        with trio.fail_after(PATIENCE_SECONDS):
            async with opened(topology, url, tmp_path) as farm:
                collectors = await boot(farm)
                sessions = await lose_a_collector(farm, collectors)
                await lose_the_store(farm, server, collectors["Z1"], sessions, number)
                await publish(farm, number + 1)
                await end(farm)

    trio.run(main)
    assert all(is_free(address, port) for address in topology.live_addresses() for port in (2512, 2513))
    assert sorted(path.name for path in (tmp_path / "caches").iterdir()) == sorted(f"H{k}.db" for k in range(1, 13))
    assert list((tmp_path / "scratch").iterdir()) == []


async def boot(farm: ProcessFarm) -> dict[str, str]:
    """All start at once; by zone, the collector that `querydc` names."""
    for name in farm.names:
        await farm.start(name)
    for name in farm.names:
        await farm.hosts[name].until(r"^started host=")

    async def named() -> dict[str, str] | None:
        collectors = collectors_in(await farm.tool("querydc", at=farm.names[-1]))
        return collectors if collectors.keys() == {"Z1", "Z2"} and NOBODY not in collectors.values() else None

    collectors = await found(named)
    assert all(collector in farm.members(zone) for zone, collector in collectors.items())
    return collectors


async def log_on(farm: ProcessFarm, *hosts: str, app: str | None = None) -> set[Session]:
    """A session on each of these hosts."""
    sessions: set[Session] = set()
    for name in hosts:
        async with farm.ask(name) as host:
            sessions.add((name, await host.logon(app=app, user=len(sessions) + 1)))
    return sessions


async def lose_a_collector(farm: ProcessFarm, collectors: dict[str, str]) -> set[Session]:
    """The collector of Z1 dies; the sessions of those that live, which the new one has and the other zone's."""
    old = collectors["Z1"]
    near, far = farm.members("Z1", old), farm.members("Z2", collectors["Z2"])
    sessions = await log_on(farm, *near, *far[:2], collectors["Z2"])
    lost = await log_on(farm, old)

    async def has_all() -> bool | None:
        return await farm.sessions_at(collectors["Z2"]) == sessions | lost or None

    await found(has_all)
    os.kill(farm.hosts[old].process.pid, signal.SIGKILL)
    assert await farm.hosts[old].process.wait() == -signal.SIGKILL
    # While they elect, users come and go.
    sessions |= await log_on(farm, *near, *far[2:])

    async def agreed() -> str | None:
        master = await farm.master_of(*near)
        return None if master == old else master

    new = await found(agreed)
    assert new in near

    async def have_them() -> bool | None:
        held = [await farm.sessions_at(collector) for collector in (new, collectors["Z2"])]
        return held == [sessions, sessions] or None

    await found(have_them)
    # A tool may ask any host; what it tells is what the collectors hold.
    assert collectors_in(await farm.tool("querydc", at=near[-1])) == {"Z1": new, "Z2": collectors["Z2"]}
    assert re.findall(r"^Host Name: (\S+)$", await farm.tool("queryhr", at=new), re.MULTILINE) == [*farm.names]
    for host, at in ((near[0], far[0]), (far[0], near[0])):
        assert sessions_in(await farm.tool("queryds", "/table:Conn_Sessions", host, at=at)) == sessions
    assert servers_in(await farm.tool("qfarm", at=far[-1])) == {
        name: name in (new, collectors["Z2"]) for name in farm.names if name != old
    }
    return sessions


async def lose_the_store(farm: ProcessFarm, server: Server, dead: str, sessions: set[Session], number: int) -> None:
    """The store is down, after so many changes; the host that had died starts from its cache, and users come."""
    await trio.to_thread.run_sync(server.stop)
    host = await farm.start(dead)
    await host.until(rf"^started-from-cache host={dead} change={number}$")
    await host.until(r"^(All agreed|Z1 is collected by)")
    assert any(line.startswith("store-trouble ") and "the database cannot be reached" in line for line in host.said)
    password = urlsplit(farm.store).password
    assert password and password not in "".join(line for it in farm.hosts.values() for line in it.said)
    async with farm.ask(dead) as asked:
        with pytest.raises(ManagementError, match="the data store is down: the change was not made"):
            await asked.publish("Calc")
    expected = sessions | await log_on(farm, *farm.names)

    async def have_them() -> bool | None:
        for zone in farm.topology.resolver.zones():
            collector = await farm.master_of(*farm.members(zone))
            if collector is None or await farm.sessions_at(collector) != expected:
                return None
        return True

    await found(have_them)
    await trio.to_thread.run_sync(server.start)


async def publish(farm: ProcessFarm, number: int) -> None:
    """What is published on one host runs on all, in whatever process."""
    async with farm.ask(f"H{HOSTS}") as host:
        assert await host.publish("Calc") == number

    for name in farm.names:

        async def runs(name: str = name) -> set[Session] | None:
            return await log_on(farm, name, app="Calc")

        await found(runs)


async def end(farm: ProcessFarm) -> None:
    """All are told at once to stop."""
    with trio.fail_after(STOP_SECONDS):
        for host in farm.hosts.values():
            host.process.terminate()
        for host in farm.hosts.values():
            assert await host.process.wait() == 0, host.said
            await host.until(r"^Stopped in good order")
