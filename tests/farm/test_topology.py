"""What a topology says of links, magic numbers and session hosts happens in the farm that is opened with it."""

import trio

import imafarm
from imafarm import Link, Topology


def after(topology: Topology, seconds: float) -> imafarm.FarmStatistics:
    """What a farm has counted so long after its boot began."""

    async def main() -> imafarm.FarmStatistics:
        async with imafarm.open_emulated_farm(topology=topology, seed=7, boot_seconds=1.0) as farm:
            await trio.sleep(seconds)
            return farm.statistics()

    return imafarm.run(main)


def test_the_link_of_two_zones_is_theirs_alone() -> None:
    """Collectors of three zones tell one another who they are; where a message takes a minute, nobody has heard yet."""
    far = Link(latency_seconds=60.0)
    plain = after(Topology.of(6, 3), 30.0).messages["GATEWAY_UPDATE"].delivered
    one_far = after(Topology.of(6, 3, links={("Z3", "Z1"): far}), 30.0).messages["GATEWAY_UPDATE"].delivered
    all_far = after(Topology.of(6, 3, between=far), 30.0).messages["GATEWAY_UPDATE"].delivered
    assert plain > one_far > all_far == 0


def test_a_host_with_another_magic_number_takes_itself_for_a_farm_of_its_own() -> None:
    """IMA Information, magic numbers: it declares itself data collector, and the zone has two."""

    async def main() -> None:
        topology = Topology.of(4, magic=3, host_magic={"H4": 5})
        async with imafarm.open_emulated_farm(topology=topology, seed=7, boot_seconds=1.0) as farm:
            await trio.sleep(120)
            assert {host: farm.host_state(host).master for host in farm.host_names} == {
                "H1": "H1",
                "H2": "H1",
                "H3": "H1",
                "H4": "H4",
            }

    imafarm.run(main)


def test_a_session_host_never_collects() -> None:
    async def main() -> None:
        topology = Topology.of(4, session_only=["H1", "H4"])
        async with imafarm.open_emulated_farm(topology=topology, seed=7, boot_seconds=1.0) as farm:
            assert await farm.wait_master("Z1") == "H3"
            await farm.crash(["H2", "H3"])
            await trio.sleep(600)
            assert {farm.host_state(host).master for host in ("H1", "H4")} <= {None, "H2", "H3"}

    imafarm.run(main)
