"""The management ports of live hosts: open while their hosts run, for those who may ask, and gone with them."""

import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trustme

from imafarm import ConfigurationError, HostRecord, HostResolver
from imafarm.errors import ManagementError
from imafarm.keys import FarmKeys
from imafarm.live import LiveFarm
from imafarm.live._admin import open_admin_ports
from imafarm.live._tls import TlsFiles, client_context
from imafarm.management import connect_management
from imafarm.topology import LivePlan, Topology

Play = Callable[..., None]
KEY, OTHER = bytes(range(32)), bytes(range(1, 33))


def at(farm: LiveFarm, host: str) -> str:
    return farm.address(host)[0]


async def until_reachable(address: str) -> None:
    """Waits until somebody listens at a management port."""
    while True:
        try:
            await (await trio.open_tcp_stream(address, 2513)).aclose()
            return
        except OSError:
            await trio.sleep(0.01)


async def until_refused(address: str) -> None:
    """Waits until nobody does."""
    while True:
        try:
            await (await trio.open_tcp_stream(address, 2513)).aclose()
            await trio.sleep(0.01)
        except OSError:
            return


def asked(story: Callable[[LiveFarm], Awaitable[None]], **ports: object) -> Callable[[LiveFarm], Awaitable[None]]:
    """The story, on a farm with its management ports."""

    async def with_ports(farm: LiveFarm) -> None:
        async with open_admin_ports(farm, **ports):  # type: ignore[arg-type]
            await farm.wait_converged()
            await until_reachable(at(farm, farm.host_names[-1]))
            await story(farm)

    return with_ports


def test_every_host_tells_of_itself_and_of_the_farm(play: Play) -> None:
    async def story(farm: LiveFarm) -> None:
        async with connect_management(at(farm, "H1")) as first, connect_management(at(farm, "H3")) as third:
            assert ((await first.state()).role, (await third.state()).role) == ("master", "member")
            assert (await third.state()).master == "H1"
            assert {name: address for name, (_, address) in (await third.hosts()).items()} == {
                host: at(farm, host) for host in farm.host_names
            }
            session = await third.logon(user=7)
            assert await third.logoff(session)
            assert not await third.logoff(session)

    play(asked(story), hosts=3)


def test_a_host_that_is_told_to_stop_answers_before_it_goes(play: Play) -> None:
    async def story(farm: LiveFarm) -> None:
        async with connect_management(at(farm, "H1")) as first:
            await first.stop()
        await until_refused(at(farm, "H1"))
        assert farm.host_state("H1").power == "off"
        await farm.start("H1")
        await until_reachable(at(farm, "H1"))
        async with connect_management(at(farm, "H1")) as first:
            assert (await first.state()).power == "up"

    play(asked(story), hosts=3)


def test_a_crashed_host_cuts_off_who_asks_it(play: Play) -> None:
    async def story(farm: LiveFarm) -> None:
        async with connect_management(at(farm, "H2")) as second:
            await second.state()
            await farm.crash("H2")
            await until_refused(at(farm, "H2"))
            with pytest.raises(ManagementError):
                await second.state()

    play(asked(story), hosts=3)


def test_who_has_not_the_farms_key_is_told_nothing(play: Play) -> None:
    keys = FarmKeys([KEY])

    async def story(farm: LiveFarm) -> None:
        async with connect_management(at(farm, "H1"), keys=[KEY]) as first:
            assert (await first.state()).power == "up"
        for wrong in ([], [OTHER]):
            with pytest.raises(ManagementError):
                async with connect_management(at(farm, "H1"), keys=wrong) as first:
                    await first.state()

    play(asked(story, keys=keys), hosts=2, keys=keys)


def test_the_ports_speak_tls_if_the_others_do(play: Play, tmp_path: Path) -> None:
    authority = trustme.CA()
    its = authority.issue_cert("host.farm")
    files = TlsFiles(tmp_path / "host.pem", tmp_path / "host.key", tmp_path / "ca.pem")
    its.cert_chain_pems[0].write_to_path(files.certificate)
    its.private_key_pem.write_to_path(files.key)
    files.key.chmod(0o600)
    authority.cert_pem.write_to_path(files.authority)

    async def story(farm: LiveFarm) -> None:
        async with connect_management(at(farm, "H1"), tls=client_context(files)) as first:
            assert (await first.state()).role == "master"
        with pytest.raises(ManagementError):
            async with connect_management(at(farm, "H1")) as first:
                await first.state()

    play(asked(story, tls=files), hosts=2, tls=files)


def test_a_port_that_is_taken_is_named_and_none_is_kept(play: Play, network: str) -> None:
    base = network.removesuffix("0/24")

    async def story(farm: LiveFarm) -> None:
        with socket.socket() as other:
            other.bind((f"{base}2", 2513))
            other.listen()
            with pytest.raises(ConfigurationError, match=rf"H2 cannot listen on {base}2:2513: Address already in use"):
                async with open_admin_ports(farm):
                    pass

    play(story, hosts=3, boot_seconds=None)
    for last in (1, 2, 3):
        with socket.socket() as free:
            free.bind((f"{base}{last}", 2513))


def test_a_server_that_only_runs_sessions_has_no_such_port(play: Play, network: str) -> None:
    records = [HostRecord("A", "Z", 1), HostRecord("S", "Z", 2, session_only=True)]
    topology = Topology.of(HostResolver(records), live=LivePlan(network))

    async def story(farm: LiveFarm) -> None:
        async with open_admin_ports(farm):
            await farm.wait_started()
            await until_reachable(at(farm, "A"))
            with pytest.raises(OSError):
                await trio.open_tcp_stream(at(farm, "S"), 2513)

    play(story, topology=replace(topology))
