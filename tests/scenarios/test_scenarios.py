"""Each scenario from the command line to its verdict."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from imafarm import cli
from imafarm.results import RUN_FILES

Play = Callable[..., dict[str, Any]]

KEYS = [
    "scenario",
    "seed",
    "product",
    "hosts",
    "zones",
    "settings",
    "verdict",
    "checks",
    "virtual_seconds",
    "wall_seconds",
    "events",
    "digest",
    "masters",
    "messages",
    "bindings",
    "elections",
    "users",
    "counters",
]


@pytest.fixture
def play(capsys: pytest.CaptureFixture[str]) -> Play:
    """`imafarm run ... --json` in this process: the object it prints, and nothing else; the code fits the verdict."""

    def run(*arguments: str | Path) -> dict[str, Any]:
        with pytest.raises(SystemExit) as left:
            cli.main(["run", *map(str, arguments), "--json"])
        printed, err = capsys.readouterr()
        written = [f"imafarm: {out}/report.html\n" for option, out in pairwise(arguments) if option == "--out"]
        assert err == "".join(written)
        verdict: dict[str, Any] = json.loads(printed)
        assert list(verdict) == KEYS
        assert left.value.code == (0 if verdict["verdict"] == "passed" else 1)
        assert (verdict["verdict"] == "passed") == all(check["passed"] for check in verdict["checks"])
        assert check(verdict, "sent = delivered + dropped + in flight")["passed"]
        for kind, traffic in verdict["messages"].items():
            assert list(traffic) == ["sent", "delivered", "dropped", "in_flight", "bytes"], kind
            assert traffic["sent"] == traffic["delivered"] + traffic["dropped"] + traffic["in_flight"], kind
        return verdict

    return run


def check(verdict: dict[str, Any], name: str) -> dict[str, Any]:
    """A check of a verdict, by its name."""
    (found,) = [check for check in verdict["checks"] if check["name"] == name]
    return dict(found)


@pytest.mark.parametrize(("hosts", "zones"), [(2, 1), (3, 1), (10, 1), (100, 1), (60, 4)])
def test_a_zone_that_loses_its_collector_elects_the_next(play: Play, hosts: int, zones: int) -> None:
    """IMA Information, "New Data Collector Election Process", and CTX114843, "Farm Communication": unasked, at once."""
    verdict = play("master-failover", "--hosts", str(hosts), "--zones", str(zones), "--seed", "7")
    assert verdict["verdict"] == "passed", verdict["checks"]
    assert (verdict["hosts"], verdict["zones"], verdict["seed"]) == (hosts, zones, 7)
    assert verdict["masters"]["Z1"] == f"H{hosts // zones}"
    assert list(verdict["counters"]) == list(verdict["masters"])
    assert sum(zone["ZoneElectionsWon"] for zone in verdict["counters"].values()) == verdict["elections"]["won"]
    assert verdict["elections"]["converged_seconds"] > 0


def test_a_whole_zone_that_stands_asks_n_squared_times(play: Play) -> None:
    """One heartbeat in ten seconds, so that hosts of all ranks doubt before the first of them has won."""
    verdict = play("master-failover", "--hosts", "300", "--seed", "7", "--set", "KeepAliveInterval=10000")
    full = 300 * 299 // 2
    assert 0.8 * full < verdict["messages"]["ELECT_MASTER"]["sent"] < 1.2 * full


def test_the_same_seed_gives_the_same_digest(play: Play) -> None:
    one, same, other = (play("master-failover", "--hosts", "50", "--seed", seed) for seed in ("7", "7", "8"))
    assert one["digest"] == same["digest"] != other["digest"]
    for verdict in (one, same):
        del verdict["wall_seconds"]
    assert one == same


def test_a_cold_boot_ends_in_a_steady_minute(play: Play) -> None:
    verdict = play("cold-boot", "--hosts", "200", "--zones", "3", "--seed", "7")
    assert verdict["verdict"] == "passed", verdict["checks"]
    assert verdict["masters"] == {"Z1": "H1", "Z2": "H68", "Z3": "H135"}
    assert verdict["settings"]["MaxHostAddressCacheEntries"] == 512


@pytest.mark.parametrize(("entries", "thrashes"), [(63, True), (64, False)])
def test_a_zone_that_outgrows_the_cache_thrashes(play: Play, entries: int, thrashes: bool) -> None:
    """IMA Information, "How many connections". 65 hosts: the collector has 64 others to be bound to."""
    verdict = play("cache-thrash", "--hosts", "65", "--set", f"MaxHostAddressCacheEntries={entries}")
    assert verdict["verdict"] == "passed", verdict["checks"]
    said = check(verdict, "evictions just where a zone outgrows the cache")["detail"]
    assert said.startswith("0 in ") != thrashes


SIZES = [(8, 2), (30, 3), (120, 4)]


@pytest.mark.parametrize(("hosts", "zones"), SIZES)
@pytest.mark.parametrize("scenario", ["session-storm", "day"])
def test_what_users_do_is_the_same_for_the_same_seed(play: Play, scenario: str, hosts: int, zones: int) -> None:
    one, same, other = (
        play(scenario, "--hosts", str(hosts), "--zones", str(zones), "--seed", seed) for seed in ("7", "7", "8")
    )
    for verdict in (one, same, other):
        assert verdict["verdict"] == "passed", verdict["checks"]
        del verdict["wall_seconds"]
    assert one["digest"] == same["digest"] != other["digest"]
    assert one == same
    users = one["users"]
    assert users["arrived"] > 8 * hosts
    assert users["arrived"] - users["logged_on"] - users["refused"] - users["lost"] <= zones


def test_a_storm_with_load_sharing_is_weathered_too(play: Play) -> None:
    verdict = play("session-storm", "--hosts", "40", "--zones", "4", "--seed", "7", "--set", "ShareLoadInformation=1")
    assert verdict["verdict"] == "passed", verdict["checks"]
    relayed = verdict["messages"]["RESOLVE"]["sent"]
    assert relayed < 1.1 * verdict["users"]["arrived"], "collectors need not ask one another"


def test_a_day_of_a_farm_file_is_the_day_it_says(play: Play, tmp_path: Path) -> None:
    farm = tmp_path / "farm.toml"
    farm.write_text(
        '[[zones]]\nname = "EAST"\nhosts = 3\n[[zones]]\nname = "WEST"\nhosts = 3\n'
        '[[applications]]\nname = "Word"\nservers = ["H1", "H2", "H5"]\n'
        '[[workloads]]\nzones = ["WEST"]\nlogons_per_hour = 10\nsession_minutes = 30\napplications = ["Word"]\n'
    )
    verdict = play("day", "--farm", farm)
    assert check(verdict, "users log on all day")["passed"]
    assert 180 < verdict["users"]["logged_on"] < 300, "240 a day"
    spread = check(verdict, "servers are loaded alike")["detail"]
    assert spread.startswith("0 to "), "three servers publish nothing"


def test_a_farm_that_cannot_agree_fails(play: Play, tmp_path: Path) -> None:
    farm = tmp_path / "farm.toml"
    farm.write_text('[links.inside]\nloss = 0.999999\n[[zones]]\nname = "deaf"\nhosts = 2\n')
    verdict = play("cold-boot", "--farm", farm)
    assert verdict["verdict"] == "failed"
    assert verdict["masters"] == {"deaf": None}
    assert not check(verdict, "every zone agrees on a collector")["passed"]


def test_a_farm_from_a_file_is_played_as_it_says(play: Play, tmp_path: Path) -> None:
    farm = tmp_path / "farm.toml"
    farm.write_text(
        'product = "MF30"\nsettings = { KeepAliveInterval = 20_000, BindTimeout = 4_000 }\n'
        '[[zones]]\nname = "10.0.0.0"\nhosts = 5\n'
        '[[hosts]]\nname = "Ä"\nzone = "10.0.0.0"\nhost_id = 7\n'
    )
    verdict = play("master-failover", "--farm", farm, "--set", "BindTimeout=3000", "--product", "ps40")
    assert verdict["verdict"] == "passed", verdict["checks"]
    assert verdict["masters"] == {"10.0.0.0": "H12"}
    assert (verdict["product"], verdict["hosts"]) == ("PS40", 6)
    assert verdict["settings"]["KeepAliveInterval"] == 20_000
    assert verdict["settings"]["BindTimeout"] == 3_000


def test_out_keeps_the_verdict(play: Play, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    verdict = play("cold-boot", "--hosts", "5", "--out", out)
    assert json.loads((out / "verdict.json").read_text()) == verdict
    text = (out / "verdict.txt").read_text()
    assert text.split()[:2] == ["cold-boot", "PASSED"]
    assert max(map(len, text.splitlines())) <= 80
    assert {"verdict.json", "verdict.txt", "run.json"} <= {path.name for path in out.iterdir()} <= set(RUN_FILES)


def test_the_text_tells_the_story(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as left:
        cli.main(["run", "master-failover", "--hosts", "30", "--seed", "7"])
    out, err = capsys.readouterr()
    assert (left.value.code, err) == (0, "")
    told = [
        "master-failover  PASSED",
        "H1, the collector of Z1, crashes",
        "cannot reach it",
        "sends the first ELECT_MASTER",
        "the first ELECT_MASTER_ACK",
        "H30 sends DECLARE_MASTER",
        "all running hosts agree",
        "Bindings",
        "events/s",
        "digest ",
    ]
    places = [out.index(said) for said in told]
    assert places == sorted(places)
    assert max(map(len, out.splitlines())) <= 80
