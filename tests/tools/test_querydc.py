"""`querydc`: who the collector is, to whom, and after an election by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trio

import imafarm
from imafarm.farm import Farm
from imafarm.tools import querydc
from imafarm.topology.farm_file import read_topology

Ask = Callable[..., str]

EQUALS = """
[[zones]]
name = "10.22.44.0"

[[hosts]]
name = "first"
zone = "10.22.44.0"
preference = 3

[[hosts]]
name = "Fjärås"
zone = "10.22.44.0"
preference = 3
"""


def test_each_zone_names_its_collector(ask: Ask) -> None:
    said = "Zone Name: Z1\nData Collector: H1\nZone Name: Z2\nData Collector: H4\n"
    assert ask("querydc", "--hosts", 6, "--zones", 2) == said


def test_a_host_that_is_asked_speaks_for_its_own_zone(ask: Ask) -> None:
    assert ask("querydc", "H5", "--hosts", 6, "--zones", 2) == "Zone Name: Z2\nData Collector: H4\n"


def test_a_farm_can_be_asked_before_it_agrees(ask: Ask) -> None:
    assert ask("querydc", "--after", 0) == "Zone Name: Z1\nData Collector: (none)\n"


@pytest.mark.parametrize("switch", ["-e", "--elect", "/e", "/E"])
def test_a_forced_election_is_told_from_whom_to_whom(ask: Ask, switch: str) -> None:
    said = "Zone Name: Z1\nOld Data Collector: H1\nNew Data Collector: H1\n"
    assert ask("querydc", switch, "--hosts", 4) == said


def test_a_collector_that_is_made_to_stand_again_may_lose_to_a_higher_id(tmp_path: Path) -> None:
    """The second of two equals comes on-line later, and so the first is in office."""
    farm_file = tmp_path / "farm.toml"
    farm_file.write_text(EQUALS, encoding="utf-8")

    async def main() -> None:
        topology = read_topology(farm_file)
        async with imafarm.open_emulated_farm(topology=topology, seed=7, boot_seconds=None) as farm:
            await farm.start("first")
            await farm.wait_master()
            await farm.start("Fjärås")
            await farm.wait_master()
            await trio.sleep(10)
            confirmed = await querydc.elect(farm, "Fjärås")
            assert confirmed == {"10.22.44.0": ("first", "first")}
            assert await querydc.elect(farm) == {"10.22.44.0": ("first", "Fjärås")}
            assert farm.elections()[-1].started_by == "first"

    imafarm.run(main)


def test_a_zone_in_two_halves_names_two_collectors() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=6, seed=7) as farm:
            await split(farm)
            assert querydc.collectors(farm) == {"Z1": None}
            assert list(querydc.named_collectors(querydc.collectors(farm))) == [
                "Zone Name: Z1",
                "Data Collector: (none)",
            ]
            assert querydc.collectors(farm, "H1") == {"Z1": "H1"}
            assert querydc.collectors(farm, "H2") == {"Z1": "H6"}

    imafarm.run(main)


async def split(farm: Farm) -> None:
    """Cuts the collector off until the others have elected."""
    await farm.partition(await farm.wait_master())
    await trio.sleep(600)


def test_a_host_that_is_down_cannot_be_asked() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=6, seed=7) as farm:
            await farm.wait_master()
            await farm.crash("H3")
            with pytest.raises(imafarm.ConfigurationError, match=r"HOST: H3 is crashed at \d"):
                querydc.collectors(farm, "H3")
            with pytest.raises(imafarm.ConfigurationError, match=r"HOST: H3 is crashed at \d"):
                await querydc.elect(farm, "H3")

    imafarm.run(main)
