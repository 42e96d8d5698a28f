"""Hosts that share a listener: each is called at its own address, and nobody beyond this machine can call at all."""

import os
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import trio

from imafarm import ConfigurationError
from imafarm.keys import FarmKeys
from imafarm.live import LiveFarm, LiveLimits, LiveLog, open_live_farm
from imafarm.live._descriptors import SPARE_DESCRIPTORS, descriptors
from imafarm.live._host import LiveHost
from imafarm.live._listener import LOOPBACK
from imafarm.live._shared_port import SharedPort
from imafarm.topology import LivePlan, Topology
from imafarm.topology.farm_file import parse_topology

Play = Callable[..., None]
PORT = 20_000 + os.getpid() % 10_000
"""Another for each run of the tests: a shared port is taken from the whole machine."""
ANYWHERE = f"00000000:{PORT:04X}"


def hosts_at(port: int, count: int) -> Topology:
    """A zone whose hosts are all called at one port."""
    return parse_topology(
        f"""
        [live]
        network = "127.84.0.0/24"
        [[hosts]]
        name = "H{{n}}"
        count = {count}
        zone = "Z1"
        ima_port = {port}
        """
    )


def listening() -> list[str]:
    """Who listens at the port, by address and port as /proc has them."""
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    there = [line.split()[1] for line in lines if line.split()[3] == "0A"]
    return [address for address in there if address.endswith(f":{PORT:04X}")]


def test_hosts_find_one_another_at_one_port(play: Play) -> None:
    async def story(farm: LiveFarm) -> None:
        assert await farm.wait_master() == "H1"
        assert listening() == [ANYWHERE]
        await farm.crash("H1")
        assert await farm.wait_master(other_than="H1") == "H5"
        await farm.start("H1")
        await farm.wait_started()
        assert await farm.wait_master() in {"H1", "H5"}

    play(story, topology=hosts_at(PORT, 5), shares_ports=True)
    assert listening() == []


def test_whoever_calls_nobody_or_a_host_that_is_off_is_turned_away(play: Play) -> None:
    async def story(farm: LiveFarm) -> None:
        await farm.wait_master()
        await farm.crash("H2")
        for address in ("127.84.0.2", "127.84.0.200"):
            # A RST may come before the caller has seen that it was let in.
            with pytest.raises((trio.BrokenResourceError, OSError)):
                async with await trio.open_tcp_stream(address, PORT) as caller:
                    await caller.receive_some()
        async with await trio.open_tcp_stream("127.84.0.3", PORT) as caller:
            assert await caller.receive_some(), "whoever runs speaks first"

    play(story, topology=hosts_at(PORT, 3), shares_ports=True)


def test_a_port_that_another_process_has_cannot_be_shared() -> None:
    async def main() -> None:
        async with open_live_farm(topology=hosts_at(PORT, 3), shares_ports=True):
            pytest.fail("the port was not ours")

    with closing(socket.create_server(("127.0.0.1", PORT))):
        said = rf"hosts: H1 to H3 cannot listen on 0\.0\.0\.0:{PORT}: Address already in use"
        with pytest.raises(ConfigurationError, match=said):
            trio.run(main)
    assert listening() == []


def test_hosts_beyond_this_machine_share_nothing() -> None:
    topology = Topology.of(3, live=LivePlan(addresses={"H2": "10.0.0.7"}))

    async def main() -> None:
        async with open_live_farm(topology=topology, shares_ports=True, keys=FarmKeys([bytes(range(32))])):
            pytest.fail("others than this machine cannot call there")

    with pytest.raises(
        ConfigurationError, match=r"shares_ports: H2 cannot listen on 10\.0\.0\.7, which is not of this"
    ):
        trio.run(main)


def test_only_this_machine_reaches_a_shared_port(monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[bytes] = []
    bind = socket.socket.bind

    def note(sock: socket.socket, address: tuple[str, int]) -> None:
        bound.append(sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0"))
        bind(sock, address)

    class Anybody(LiveHost):
        def __init__(self) -> None:
            self.name, self.address = "H1", "127.84.0.1"

    async def main() -> None:
        SharedPort(PORT, [Anybody()], LiveLimits(), LiveLog()).close()

    monkeypatch.setattr(socket.socket, "bind", note)
    trio.run(main)
    assert bound == [LOOPBACK], "before it has an address: at no moment can anybody else call"


def test_a_shared_listener_takes_one_descriptor() -> None:
    own, _ = descriptors(hosts_at(PORT, 50), range(50))
    shared, _ = descriptors(hosts_at(PORT, 50), range(50), listeners=1)
    assert own - shared == 49
    assert shared > 50 + SPARE_DESCRIPTORS
