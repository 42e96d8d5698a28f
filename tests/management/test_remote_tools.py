"""The tools over the wire print of a farm what they print of it where it is at hand."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol

import pytest
import trio
from trio.testing import memory_stream_pair

import imafarm
from imafarm import HostRecord, HostResolver, Topology
from imafarm.errors import ConfigurationError, ManagementError
from imafarm.farm import Farm
from imafarm.management import FarmView, RemoteHost, ask_over, serve_management
from imafarm.tools import qfarm, querydc, queryds, queryhr
from imafarm.tools._asking import Asked
from imafarm.tools._remote import RemoteFarm, open_remote_farm

KEY = b"k" * 32
QUIET_SECONDS = 90.0


class Question(Protocol):
    """What a tool prints of a farm, or of it as a host sees it."""

    def __call__(self, farm: Asked, host: str | None) -> Iterable[str]: ...


def of_table(table: str) -> Question:
    return lambda farm, host: queryds.listed_table(table, queryds.records(farm, table, host))


QUESTIONS: dict[str, Question] = {
    "querydc": lambda farm, host: querydc.named_collectors(querydc.collectors(farm, host)),
    "qfarm": lambda farm, host: qfarm.listed_servers(qfarm.servers(farm, host)),
    "qfarm /load": lambda farm, host: qfarm.listed_loads(qfarm.loads(farm, host)),
    "qfarm /zone": lambda farm, host: qfarm.listed_zones(qfarm.zones(farm, host)),
    **{f"queryds /table:{table}": of_table(table) for table in queryds.TABLES},
}


class Ports:
    """The management ports of an emulated farm's hosts, on streams in memory: a host that is not up refuses."""

    def __init__(self, farm: Farm, nursery: trio.Nursery, keys: Sequence[bytes] = (KEY,)) -> None:
        self.farm = farm
        self.keys = keys
        self.called: list[str] = []
        """Which hosts were called, in order."""
        self._nursery = nursery
        self.addresses = {host: f"10.0.0.{number}" for number, host in enumerate(farm.host_names, 1)}

    @asynccontextmanager
    async def dial(self, address: str, port: int) -> AsyncIterator[RemoteHost]:
        (host,) = (host for host, its in self.addresses.items() if its == address)
        self.called.append(host)
        where = f"{address}:{port}"
        if self.farm.host_state(host).power != "up":
            raise ManagementError(where, "connection refused", code="unreachable")
        ours, theirs = memory_stream_pair()
        view = FarmView(self.farm, host, self.addresses)
        self._nursery.start_soon(partial(serve_management, theirs, view, self.keys))
        async with ask_over(ours, self.keys, where=where) as asked:
            yield asked

    async def farm_at(self, entry: str, host: str | None = None) -> RemoteFarm:
        """The farm, asked at one of its hosts."""
        return await open_remote_farm(self.dial, self.addresses[entry], 2513, host=host)


def on_farm(scenario: Callable[[Farm, Ports], Awaitable[None]], topology: Topology) -> None:
    """Runs a scenario on an emulated farm, once it agrees, whose hosts can be asked."""

    async def main() -> None:
        async with imafarm.open_emulated_farm(topology=topology, seed=7) as farm, trio.open_nursery() as nursery:
            await farm.wait_converged()
            await scenario(farm, Ports(farm, nursery))
            nursery.cancel_scope.cancel()

    imafarm.run(main)


async def busy(farm: Farm) -> None:
    """Sessions, loads, a subscription, one host stopped and one collector crashed; then all is quiet."""
    await farm.logon("H2", user=7)
    gone = await farm.logon("H5", user=8)
    await farm.disconnect(gone)
    await farm.logon("H9", user=9)
    await farm.subscribe("H3", "Server_Load")
    await farm.set_load("H6", 10_002)
    await farm.stop("H8")
    await farm.crash("H4")
    await farm.wait_master("Z2", other_than="H4")
    await trio.sleep(QUIET_SECONDS)


@pytest.mark.parametrize("entry", ["H1", "H3", "H6", "H9"])
def test_a_running_farm_says_the_same_over_the_wire(entry: str) -> None:
    """Whichever host is called, and as whomever it is to be seen."""

    async def scenario(farm: Farm, ports: Ports) -> None:
        await busy(farm)
        for host in (None, "H1", "H2", "H5", "H6", "H9"):
            for name, question in QUESTIONS.items():
                here = list(question(farm, host))
                remote = await ports.farm_at(entry, host)
                there = list(await remote.answer(partial(question, host=host)))
                assert there == here, (name, host)
                assert len(here) > 1 or name.endswith("Subscriptions"), (name, host)
        assert list(queryhr.host_records((await ports.farm_at(entry)).resolver)) == list(
            queryhr.host_records(Topology.of(9, 3).resolver)
        )

    on_farm(scenario, Topology.of(9, 3))


def test_all_of_one_question_is_of_one_moment_and_nobody_is_asked_twice() -> None:
    async def scenario(farm: Farm, ports: Ports) -> None:
        remote = await ports.farm_at("H2")
        assert ports.called == ["H2"], "host records are those of the host that is called"
        await remote.answer(querydc.collectors)
        assert ports.called[:4] == ["H2", "H2", "H1", "H1"], "it leads to its collector"
        assert sorted(ports.called[4:]) == ["H4", "H7"], "and that to the others"
        ports.called.clear()
        await remote.answer(qfarm.servers)
        assert sorted(ports.called) == ["H1", "H4", "H7"], "no member is asked"
        ports.called.clear()
        await remote.answer(qfarm.loads)
        await remote.answer(qfarm.zones)
        assert ports.called == []

    on_farm(scenario, Topology.of(9, 3))


def test_as_a_host_it_is_that_host_and_its_collector_who_are_asked() -> None:
    async def scenario(farm: Farm, ports: Ports) -> None:
        remote = await ports.farm_at("H2", "H5")
        await remote.answer(lambda asked: querydc.collectors(asked, "H5"))
        assert ports.called == ["H2", "H5"]
        ports.called.clear()
        await remote.answer(lambda asked: queryds.records(asked, "Conn_Sessions", "H5"))
        assert ports.called == ["H4", "H4"], "whether it runs, and what it holds of every zone"

    on_farm(scenario, Topology.of(9, 3))


def test_without_a_collector_servers_answer_for_themselves() -> None:
    async def scenario(farm: Farm, ports: Ports) -> None:
        await trio.sleep(QUIET_SECONDS)
        await farm.crash(["H1", "H3"])
        remote = await ports.farm_at("H2")
        assert await remote.answer(querydc.collectors) == {"Z1": None, "Z2": "H4"}
        assert [line.host for line in await remote.answer(qfarm.servers)] == ["H2", "H4", "H5", "H6"]
        assert await remote.answer(qfarm.zones) == [("Z1", None), ("Z2", "H4")]
        assert await remote.answer(qfarm.loads) == [("H4", 0), ("H5", 0), ("H6", 0)]
        assert await remote.answer(qfarm.zones) == qfarm.zones(farm)

    on_farm(scenario, Topology.of(6, 2))


def test_a_collector_that_goes_between_two_questions_leaves_its_zone_without() -> None:
    async def scenario(farm: Farm, ports: Ports) -> None:
        await trio.sleep(QUIET_SECONDS)
        remote = await ports.farm_at("H2")
        assert await remote.answer(querydc.collectors) == {"Z1": "H1", "Z2": "H4"}
        await farm.crash("H4")
        assert [line.host for line in await remote.answer(qfarm.servers)] == ["H1", "H2", "H3", "H5", "H6"]
        assert await remote.answer(querydc.collectors) == {"Z1": "H1", "Z2": None}

    on_farm(scenario, Topology.of(6, 2))


def test_a_farm_in_two_halves_is_seen_as_whoever_is_called_sees_it() -> None:
    async def scenario(farm: Farm, ports: Ports) -> None:
        await farm.partition(await farm.wait_master())
        await trio.sleep(600)
        assert await (await ports.farm_at("H1")).answer(querydc.collectors) == {"Z1": "H1"}
        assert await (await ports.farm_at("H2")).answer(querydc.collectors) == {"Z1": "H6"}
        for host in ("H1", "H2"):
            remote = await ports.farm_at("H5", host)
            assert await remote.answer(partial(querydc.collectors, host=host)) == querydc.collectors(farm, host)

    on_farm(scenario, Topology.of(6))


@pytest.mark.parametrize("host", [None, "H1", "H5"])
def test_an_election_by_hand_comes_to_the_same(host: str | None) -> None:
    async def scenario(farm: Farm, ports: Ports) -> None:
        before = len(farm.elections())
        there = await (await ports.farm_at("H2", host)).elect()
        assert len(farm.elections()) > before
        assert there == await querydc.elect(farm, host)
        assert all(old == new is not None for old, new in there.values())

    on_farm(scenario, Topology.of(6, 2))


def test_an_election_that_is_under_way_is_waited_for() -> None:
    async def scenario(farm: Farm, ports: Ports) -> None:
        await farm.crash("H1")
        await farm.elect("H2")
        remote = await ports.farm_at("H2")
        assert await remote.elect() == {"Z1": (None, "H6")}
        assert farm.masters == {"Z1": "H6"}

    on_farm(scenario, Topology.of(6))


def test_a_farm_is_used_by_hand_through_its_ports() -> None:
    async def scenario(farm: Farm, ports: Ports) -> None:
        async with ports.dial(ports.addresses["H2"], 2513) as host:
            session = await host.logon(user=7)
            assert await host.disconnect(session) and await host.reconnect(session)
            await host.set_load(300)
            change = await host.publish("Notepad", ["H2", "H3"])
            with pytest.raises(ManagementError, match="logon: unknown application 'Paint'"):
                await host.logon(app="Paint")
            await farm.wait_change(change)
            await trio.sleep(10)
            assert [(row.host, row.user, row.active) for row in farm.sessions()] == [("H2", 7, True)]
            assert [row.load for row in farm.server_states("Z1") if row.host == "H2"] == [300]
            assert await host.logoff(session) and not await host.logoff(session)
            assert {kind: it.sent for kind, it in (await host.traffic()).items() if kind == "SESSION_UPDATE"} == {
                "SESSION_UPDATE": 4
            }
            assert (await host.counters())["Z1"] == farm.statistics().counters["Z1"]
            await host.stop()
        await trio.sleep(QUIET_SECONDS)
        assert farm.host_state("H2").power == "off"
        view = FarmView(farm, "H2", {})
        with pytest.raises(ConfigurationError, match="^H2: it is not running, so it stands in no election$"):
            await view.elect()
        with pytest.raises(KeyError):
            FarmView(farm, "H99", {})

    on_farm(scenario, Topology.of(3))


def test_hosts_that_cannot_be_asked_are_named_with_their_address() -> None:
    async def scenario(farm: Farm, ports: Ports) -> None:
        await farm.crash("H3")
        with pytest.raises(ManagementError, match=r"^10\.0\.0\.3:2513: connection refused$"):
            await ports.farm_at("H3")
        remote = await ports.farm_at("H2", "H3")
        with pytest.raises(ManagementError, match=r"^H3 at 10\.0\.0\.3:2513: connection refused$"):
            await remote.answer(partial(querydc.collectors, host="H3"))
        with pytest.raises(ConfigurationError, match=r"^HOST: no host of this farm is named 'H99'$"):
            await (await ports.farm_at("H2", "H99")).answer(partial(querydc.collectors, host="H99"))
        ports.addresses["H4"], ports.addresses["H5"] = ports.addresses["H5"], ports.addresses["H4"]
        places = {"H5": ("10.0.0.4", 2513)}
        wrong = RemoteFarm(ports.dial, remote.resolver, places, entry="H5", host="H5")
        ports.addresses["H4"], ports.addresses["H5"] = ports.addresses["H5"], ports.addresses["H4"]
        with pytest.raises(ManagementError, match=r"^H5 at 10\.0\.0\.4:2513: H4 answers there$"):
            await wrong.answer(partial(querydc.collectors, host="H5"))
        nowhere = RemoteFarm(ports.dial, remote.resolver, places, entry="H5", host="H6")
        with pytest.raises(ManagementError, match="^H6: it is at no address that is known$"):
            await nowhere.answer(partial(querydc.collectors, host="H6"))

    on_farm(scenario, Topology.of(6))


def test_a_host_without_a_collector_cannot_be_asked_for_its_tables() -> None:
    async def scenario(farm: Farm, ports: Ports) -> None:
        await farm.crash("H1")
        await farm.elect("H2")
        remote = await ports.farm_at("H3", "H2")
        said = "^HOST: H2 knows of no data collector now, so it cannot be asked$"
        with pytest.raises(ConfigurationError, match=said):
            await remote.answer(lambda asked: queryds.records(asked, "Conn_Sessions", "H2"))

    on_farm(scenario, Topology.of(3))


def test_servers_that_only_serve_sessions_are_told_of_and_not_called() -> None:
    records = [HostRecord(f"H{number}", "Z1", number, session_only=number > 2) for number in range(1, 5)]

    async def scenario(farm: Farm, ports: Ports) -> None:
        await trio.sleep(QUIET_SECONDS)
        remote = await ports.farm_at("H2")
        assert await remote.answer(qfarm.servers) == qfarm.servers(farm)
        assert len(qfarm.servers(farm)) == 4
        assert not {"H3", "H4"} & set(ports.called)
        as_one = await ports.farm_at("H2", "H3")
        with pytest.raises(ManagementError, match="^H3: it has no management port$"):
            await as_one.answer(partial(querydc.collectors, host="H3"))

    on_farm(scenario, Topology(HostResolver(records)))
