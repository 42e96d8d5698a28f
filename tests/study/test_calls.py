"""What is wrong with a study is said before anything runs, and names what it is about."""

from pathlib import Path
from typing import Any

import pytest

from imafarm import ConfigurationError, Topology
from imafarm.scenarios import SCENARIOS
from imafarm.study import known_measures, study
from imafarm.study._values import parse_vary, varied
from imafarm.study._words import unknown

from .conftest import Here

CACHE = "MaxHostAddressCacheEntries"
WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "unknown scenario": ("cachee", {}, "scenario: unknown 'cachee'; did you mean 'cache'?"),
    "unknown measure": (
        "cache",
        {"measures": ["binding_churns"]},
        "measures: unknown 'binding_churns'; did you mean 'binding_churn'?",
    ),
    "a measure of another scenario": ("cache", {"measures": ["candidates"]}, "measures: unknown 'candidates'"),
    "a measure twice": ("cache", {"measures": ["memory", "memory"]}, "measures: 'memory' stands there twice"),
    "no measure": ("cache", {"measures": []}, "measures: none"),
    "nothing varied": ("cold-boot", {}, "vary: missing"),
    "unknown setting": (
        "cold-boot",
        {"vary": {"MaxHostAdressCacheEntry": [1]}},
        "vary: unknown 'MaxHostAdressCacheEntry'; did you mean 'MaxHostAddressCacheEntries'?",
    ),
    "unknown shape": ("cold-boot", {"vary": {"host": [1]}}, "vary: unknown 'host'; did you mean 'hosts'?"),
    "seeds are repeats": ("cold-boot", {"vary": {"seed": [1]}}, "vary.seed: every value is tried with several seeds"),
    "no values": ("cold-boot", {"vary": {CACHE: []}}, f"vary.{CACHE}: no values"),
    "no values in text": ("cold-boot", {"vary": {CACHE: ""}}, f"vary.{CACHE}: no values"),
    "a missing value": ("cold-boot", {"vary": {CACHE: "8,,16"}}, f"vary.{CACHE}: '8,,16' lacks a number"),
    "an empty range": ("cold-boot", {"vary": {CACHE: "10..5"}}, f"vary.{CACHE}: '10..5' is empty: 10 is above 5"),
    "a range without beginning": ("cold-boot", {"vary": {CACHE: "..200"}}, "'..200' has no beginning; write LO..HI"),
    "a range without end": ("cold-boot", {"vary": {CACHE: "100.."}}, "'100..' has no end; write LO..HI"),
    "an unknown option": (
        "cold-boot",
        {"vary": {CACHE: "100..200:lg"}},
        f"vary.{CACHE}: 'lg': write :log, or a number of steps",
    ),
    "steps that are none": ("cold-boot", {"vary": {CACHE: "100..200:log:x"}}, "'x': write a number of steps"),
    "a setting fixed and varied": (
        "cold-boot",
        {"vary": {CACHE: [8, 9]}, "settings": {CACHE.lower(): 7}},
        f"settings.{CACHE} and vary.{CACHE}: one fixes what the other varies; leave one of them out",
    ),
    "hosts fixed and varied": ("cold-boot", {"vary": {"hosts": [8, 9]}, "hosts": 7}, "hosts and vary.hosts: one fixes"),
    "zones fixed and varied": ("cold-boot", {"vary": {"zones": [1, 2]}, "zones": 2}, "zones and vary.zones: one fixes"),
    "the cache's entries fixed": (
        "cache",
        {"settings": {CACHE: 3}},
        f"settings.{CACHE}: the study 'cache' varies it",
    ),
    "nothing like any name": ("cold-boot", {"vary": {"Foo": [1]}}, "vary: unknown 'Foo'; there are "),
    "no number": ("cold-boot", {"vary": {CACHE: "few"}}, f"vary.{CACHE}: 'few' is no whole number"),
    "half a number": ("cold-boot", {"vary": {CACHE: [2.5]}}, f"vary.{CACHE}: 2.5 is no whole number"),
    "an option that there is not": ("cold-boot", {"vary": {CACHE: "4..8:log:3:4"}}, "write it as LO..HI"),
    "one step": ("cold-boot", {"vary": {CACHE: "4..8:1"}}, "1 step will not do; 2 to 10,000 can be made"),
    "ratios from nothing": ("cold-boot", {"vary": {"LoadBias": "0..8:log"}}, "equal ratios begin at 1"),
    "out of bounds": ("cold-boot", {"vary": {CACHE: [1, 8]}}, f"vary.{CACHE}: 1 is out of range, 2 to 131072 entries"),
    "a name in two spellings": (
        "cold-boot",
        {"vary": {CACHE: [8], CACHE.lower(): [9]}},
        f"vary.{CACHE}: stands there twice",
    ),
    "no repeat": ("cache", {"repeat": 0}, "repeat: 0 is out of range, 1 to 10000"),
    "half a repeat": ("cache", {"repeat": 1.5}, "repeat: 1.5 is no whole number"),
    "no workers": ("cache", {"workers": 0, "executor": None}, "workers: 0 is out of range, 1 to 1024"),
    "workers beside an executor": ("cache", {"workers": 2}, "workers: the executor that is given has its own"),
    "a seed that is none": ("cache", {"seed": -1}, "seed: -1 is out of range"),
    "seeds beyond the last": ("cache", {"seed": 2**64 - 2}, "has no 3 seeds from it on"),
    "an unknown setting of all": ("cache", {"settings": {"BindTimout": 1}}, 'did you mean "BindTimeout"?'),
    "an unknown product": ("cache", {"product": "PS46"}, "product: unknown 'PS46'"),
    "the cache study of something else": (
        "cache",
        {"vary": {"hosts": [10, 20]}},
        f"vary.hosts: the study of the connection cache varies {CACHE} alone",
    ),
    "hosts of a farm that is given": (
        "cold-boot",
        {"topology": Topology.of(4), "vary": {"hosts": [10, 20]}},
        "vary.hosts: the farm that is given says this already",
    ),
    "the number of hosts twice": ("cache", {"topology": Topology.of(4), "hosts": 9}, "hosts: the topology says this"),
    "two farms": ("cache", {"topology": Topology.of(4), "farm": "farm.toml"}, "farm: the topology says this already"),
    "a farm that is not there": ("cache", {"farm": "nowhere.toml"}, "nowhere.toml: No such file"),
    "more zones than hosts": (
        "cold-boot",
        {"hosts": 3, "vary": {"zones": [1, 9]}},
        "zones: 9 zones cannot share 3 hosts",
    ),
    "too few for the scenario": (
        "master-failover",
        {"vary": {"hosts": [2, 1]}},
        "hosts: master-failover needs 2 in every zone, Z1 has 1",
    ),
    "too many points": (
        "cold-boot",
        {"vary": {CACHE: "2..9999:9000", "LoadBias": "1..9999:9000"}},
        "points are too many",
    ),
    "to go on nowhere": ("cache", {"resume": True}, "resume: say by out in which directory"),
}


@pytest.mark.parametrize(("scenario", "asked", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_study_is_told_what_is_wrong(
    here: Here, tmp_path: Path, scenario: str, asked: dict[str, Any], said: str
) -> None:
    out = tmp_path / "study"
    call: dict[str, Any] = {"executor": here, **({} if asked.get("resume") else {"out": out}), **asked}
    with pytest.raises(ConfigurationError) as told:
        study(scenario, **call)
    assert said in str(told.value)
    assert here.points == [] and not out.exists()


def test_all_that_is_wrong_is_told_at_once(here: Here) -> None:
    with pytest.raises(ConfigurationError) as told:
        study("cold-boot", vary={"LoadBais": [1], CACHE: "9..2"}, measures=["mesages"], repeat=-1, executor=here)
    assert [line.split(":")[0] for line in told.value.mistakes] == ["vary", f"vary.{CACHE}", "measures", "repeat"]


@pytest.mark.parametrize(
    ("text", "values", "log"),
    [
        ("16", (16,), False),
        ("64, 16,32,16", (16, 32, 64), False),
        ("0x200,1_024", (512, 1024), False),
        ("2..9", (2, 3, 4, 5, 6, 7, 8, 9), False),
        ("2..4", (2, 3, 4), False),
        ("5..5", (5,), False),
        ("100..1000:4", (100, 400, 700, 1000), False),
        ("64..16384:log:9", (64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384), True),
        ("10..1000:log:3,7", (7, 10, 100, 1000), True),
    ],
)
def test_values_as_they_are_written(text: str, values: tuple[int, ...], log: bool) -> None:
    (one,) = varied({CACHE.upper(): text})
    assert (one.name, one.values, one.log) == (CACHE, values, log)


def test_what_is_like_no_name_is_told_all_the_nearest_first() -> None:
    assert unknown("bindtimout", ["LoadBias", "BindTimeout"]) == (
        "unknown 'bindtimout'; did you mean 'BindTimeout'? There are BindTimeout, LoadBias"
    )
    assert unknown("xyz", ["hosts", "fuzzy", "zones"]) == "unknown 'xyz'; there are fuzzy, zones, hosts"
    assert unknown("Q", [f"name{number}" for number in range(20)]).endswith("name15 and 4 more")


def test_assignments_of_a_command_line() -> None:
    assert parse_vary(["hosts=2..4", " BindTimeout = 5 "]) == {"hosts": "2..4", "BindTimeout": "5"}
    with pytest.raises(ConfigurationError) as told:
        parse_vary(["hosts", "=4", "zones=1", "zones=2"])
    assert str(told.value).splitlines() == [
        "--vary: 3 mistakes",
        "  'hosts': write it as NAME=VALUES",
        "  '=4': write it as NAME=VALUES",
        "  zones: stands there twice",
    ]


def test_every_measure_says_what_it_is() -> None:
    for scenario in ("cache", *SCENARIOS):
        for name, measure in known_measures(scenario).items():
            assert measure.name == name and measure.title and measure.meaning
            assert measure.better in {"less", "more", None}
