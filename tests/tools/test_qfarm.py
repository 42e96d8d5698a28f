"""`qfarm`: the servers of a farm, its zones, and their load."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trio

import imafarm
from imafarm import cli
from imafarm.tools import qfarm

Ask = Callable[..., str]

FARM = """
[[zones]]
name = "10.22.44.0"

[[zones]]
name = "10.22.45.0"

[[hosts]]
name = "FTLDTERRYDU02"
zone = "10.22.44.0"
host_id = 8022

[[hosts]]
name = "a-server-of-a-long-name"
zone = "10.22.45.0"
host_id = 281_474_976_710_655
"""


@pytest.fixture
def farm_file(tmp_path: Path) -> Path:
    path = tmp_path / "farm.toml"
    path.write_text(FARM)
    return path


def test_servers_are_listed_and_collectors_marked(ask: Ask, farm_file: Path) -> None:
    assert ask("qfarm", "--farm", farm_file, "--after", 100) == (
        "\n"
        "Server Name          Zone Name            Host ID\n"
        "-------------------- -------------------- ---------------\n"
        "FTLDTERRYDU02        10.22.44.0           8022            D\n"
        "a-server-of-a-long-name 10.22.45.0           281474976710655 D\n"
    )


def test_only_servers_that_are_up_are_listed(ask: Ask) -> None:
    some = ask("qfarm", "--hosts", 40, "--after", 30).splitlines()[3:]
    assert 0 < len(some) < 40


@pytest.mark.parametrize("switch", ["--zone", "/zone", "/ZONE"])
def test_zones_are_listed_with_their_collectors(ask: Ask, switch: str) -> None:
    assert ask("qfarm", switch, "--hosts", 5, "--zones", 2) == (
        "\n"
        "Zone Name            Data Collector\n"
        "-------------------- --------------------\n"
        "Z1                   H1\n"
        "Z2                   H4\n"
    )


@pytest.mark.parametrize("tool", ["querydc", "qfarm"])
def test_a_farm_in_a_store_can_be_asked(ask: Ask, farm_file: Path, tmp_path: Path, tool: str) -> None:
    store = tmp_path / "farm.db"
    ask("store", "create", store)
    ask("store", "import", store, farm_file)
    answer = ask(tool, "--store", store, "--after", 100)
    assert answer == ask(tool, "--farm", farm_file, "--after", 100)
    assert "FTLDTERRYDU02" in answer


def test_a_switch_is_no_switch_where_a_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["qfarm", "--farm", "/zone"])
    assert left.value.code == 2
    assert "/zone: No such file" in capsys.readouterr().err


def test_two_masters_are_seen_as_the_server_asked_sees_them() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=6, zones=2, seed=7) as farm:
            await farm.wait_converged()
            cut = await farm.partition("H1", ["H2", "H3"])
            await trio.sleep(600)
            assert qfarm.zones(farm) == [("Z1", "H1"), ("Z1", "H3"), ("Z2", "H4")]
            assert qfarm.zones(farm, "H1") == [("Z1", "H1"), ("Z2", "H4")]
            assert qfarm.zones(farm, "H2") == [("Z1", "H3"), ("Z2", "H4")]
            assert [server.host for server in qfarm.servers(farm) if server.collector] == ["H1", "H3", "H4"]
            assert [server.host for server in qfarm.servers(farm, "H2") if server.collector] == ["H3", "H4"]
            await farm.heal(cut)
            await farm.elect("H1")
            await farm.wait_converged()
            assert qfarm.zones(farm) == qfarm.zones(farm, "H2") == [("Z1", "H1"), ("Z2", "H4")]

    imafarm.run(main)


def test_a_zone_without_collector_is_listed_as_such() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=3, boot_seconds=None) as farm:
            assert qfarm.zones(farm) == [("Z1", None)]
            assert list(qfarm.listed_zones(qfarm.zones(farm)))[3:] == ["Z1                   (none)"]
            assert qfarm.servers(farm) == []
            with pytest.raises(imafarm.ConfigurationError, match="HOST: H1 is off"):
                qfarm.servers(farm, "H1")

    imafarm.run(main)


def test_loads_have_the_products_columns() -> None:
    """Rules of 20, 11, 20 and 19 dashes; the first row is on line 4."""
    lines = list(qfarm.listed_loads([("FTLDTERRYDU02", 0), ("H2", 10_000), ("H3", 10_002), ("H4", None)]))
    assert [line.rstrip() for line in lines] == lines
    assert "\n".join(lines) == (
        "\n"
        "Server Name          Server Load Load Throttling Load Logon Mode\n"
        "-------------------- ----------- -------------------- -------------------\n"
        "FTLDTERRYDU02        0           0                    AllowLogons\n"
        "H2                   10000       0                    AllowLogons\n"
        "H3                   10002       0                    ProhibitLogons\n"
        "H4                   unknown     0                    AllowLogons"
    )
    assert [len(rule) for rule in lines[2].split()] == [20, 11, 20, 19]


@pytest.mark.parametrize("switch", ["--load", "/load", "/Load"])
def test_loads_are_listed_as_the_collectors_hold_them(ask: Ask, switch: str) -> None:
    assert ask("qfarm", switch, "--hosts", 3, "--zones", 2, "--after", 120).splitlines()[3:] == [
        "H1                   0           0                    AllowLogons",
        "H2                   0           0                    AllowLogons",
        "H3                   0           0                    AllowLogons",
    ]


@pytest.mark.parametrize("shares", [0, 1])
def test_loads_of_other_zones_are_known_only_if_they_are_shared(shares: int) -> None:
    async def main() -> None:
        settings = {"ShareLoadInformation": shares}
        async with imafarm.open_emulated_farm(hosts=4, zones=2, seed=7, settings=settings) as farm:
            await farm.wait_converged()
            await trio.sleep(60)
            await farm.set_load("H2", 700)
            await farm.set_load("H4", 10_002)
            await farm.stop("H3")
            await trio.sleep(60)
            assert qfarm.loads(farm) == [("H1", 0), ("H2", 700), ("H4", 10_002)]
            of_others = [("H4", 10_002 if shares else None)]
            assert qfarm.loads(farm, "H2") == [("H1", 0), ("H2", 700), *of_others]
            await farm.crash(["H1", "H2"])
            await trio.sleep(60)
            assert qfarm.loads(farm) == [("H4", 10_002)], "nobody is left to tell of the other zone"

    imafarm.run(main)


def test_loads_and_zones_are_not_asked_for_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["qfarm", "/load", "/zone"])
    assert left.value.code == 2
    assert "--load: not together with --zone" in capsys.readouterr().err


def test_the_readme_shows_what_is_printed(ask: Ask, pytestconfig: pytest.Config) -> None:
    readme = (pytestconfig.rootpath / "README.md").read_text(encoding="utf-8")
    assert f"$ imafarm qfarm --hosts 4 --zones 2\n{ask('qfarm', '--hosts', 4, '--zones', 2)}```\n" in readme
