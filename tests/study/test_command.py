"""`imafarm study` as a person or a program calls it."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import polars
import pytest
from rich.console import Console

from imafarm.cli._study import _line
from imafarm.study import study
from imafarm.study._text import print_study

from .conftest import Here

Call = Callable[..., tuple[int, str, str]]
CACHE = "MaxHostAddressCacheEntries"


def test_json_is_all_that_is_printed_and_what_the_files_hold(imafarm: Call, tmp_path: Path) -> None:
    code, out, err = imafarm(
        "study", "cache", "--hosts", "30", "--zones", "2", "--repeat", "2", "--seed", "5", "--workers", "1",
        "--set", "LoadBias=100", "--product", "mf30", "--out", tmp_path, "--json",
    )  # fmt: skip
    assert code == 0 and "points" not in err
    made = json.loads(out)
    assert made == json.loads((tmp_path / "study.json").read_text())
    assert set(made) == {
        "format", "version", "asked", "measures", "rows", "knee", "recommendation", "cost", "complete",
    }  # fmt: skip
    assert made["format"] == "imafarm study 1" and made["complete"] is True
    asked = made["asked"]
    assert asked.pop("vary") == [{"name": CACHE, "values": [2, 3, 4, 6, 8, 12, 16, 512], "log": True}]
    assert asked.pop("measures") == list(made["measures"])
    assert asked == {
        "scenario": "cache",
        "hosts": 30,
        "zones": 2,
        "seed": 5,
        "product": "MF30",
        "settings": {"LoadBias": 100},
        "farm": None,
        "repeat": 2,
    }
    assert set(made["measures"]["binding_churn"]) == {"title", "unit", "better", "meaning"}
    assert made["knee"] == {
        "vary": CACHE,
        "value": 15,
        "below": 14,
        "theory": 15,
        "measure": "binding_churn",
        "hosts": "every host that can become data collector (all 30)",
    }
    order = [(row["vary"][CACHE], row["seed"]) for row in made["rows"]]
    assert order == sorted(order) and {seed for _, seed in order} == {5, 6}
    assert all(set(row) == {"vary", "seed", "verdict", "measures", "digest"} for row in made["rows"])

    table = polars.read_parquet(tmp_path / "study.parquet")
    assert table.columns == [CACHE, "seed", "verdict", *made["measures"], "digest"]
    for row, read in zip(made["rows"], table.to_dicts(), strict=True):
        assert read == {**row["vary"], **row["measures"], **{key: row[key] for key in ("seed", "verdict", "digest")}}
    lines = (tmp_path / "points.jsonl").read_text().splitlines()
    assert len(lines) == 1 + len(made["rows"])
    page = (tmp_path / "report.html").read_text()
    assert "Keep MaxHostAddressCacheEntries at 15 or more" in page


def test_a_person_reads_means_and_one_sentence(imafarm: Call) -> None:
    code, out, _ = imafarm("study", "cache", "--hosts", "30", "--repeat", "1", "--workers", "1")
    assert code == 0
    assert "study of cache  PASSED" in out and "30 hosts, PS45, seed 0: means over the seeds" in out
    (knee,) = {line.split()[0] for line in out.splitlines() if line.endswith("knee")}
    assert knee == "29"
    assert "Keep MaxHostAddressCacheEntries at 29 or more" in out
    told = " ".join(out.split())
    assert "no figures here: collector's busy share (it needs a WorkCost.. setting, for example --set Work" in told
    # Just below the knee no failover was played, so it is told of the values next to it where one was.
    assert told.endswith(" s (at 24 and 32).") and "29 other hosts of Z1). At 28 instead of 29: 99 of 100 upd" in told
    assert max(map(len, out.splitlines())) <= 80


def test_a_scenario_over_two_things(imafarm: Call) -> None:
    code, out, _ = imafarm(
        "study", "master-failover", "--vary", "hosts=10,20", "--vary", "ElectMasterTimeout=500..2000:log:3",
        "--measure", "converge_seconds, candidates", "--measure", "messages",
        "--repeat", "1", "--workers", "1", "--json",
    )  # fmt: skip
    made = json.loads(out)
    assert code == 0 and len(made["rows"]) == 6
    assert made["asked"]["vary"] == [
        {"name": "hosts", "values": [10, 20], "log": False},
        {"name": "ElectMasterTimeout", "values": [500, 1000, 2000], "log": True},
    ]
    took = {row["vary"]["ElectMasterTimeout"]: row["measures"]["converge_seconds"] for row in made["rows"]}
    assert took[500] < took[1000] < took[2000]
    assert made["asked"]["measures"] == ["converge_seconds", "candidates", "messages"]
    assert made["knee"] is None and made["recommendation"] is None and made["cost"] is None


def test_a_farm_file(imafarm: Call, tmp_path: Path) -> None:
    farm = tmp_path / "office.toml"
    farm.write_text('[[zones]]\nname = "Office"\nhosts = 12\n\n[[zones]]\nname = "Branch"\nhosts = 5\n')
    code, out, err = imafarm("study", "cache", "--farm", farm, "--repeat", "1", "--workers", "1", "--json")
    made = json.loads(out)
    assert code == 0, err
    assert (made["asked"]["farm"], made["asked"]["hosts"], made["asked"]["zones"]) == ("office.toml", 17, 2)
    assert made["knee"]["value"] == 12 == made["knee"]["theory"]
    assert made["recommendation"].endswith("(the 11 other hosts of Office and the other zone's collector).")


EXPORT = r"""Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\SOFTWARE\Wow6432Node\Citrix\IMA\RUNTIME]
"MaxHostAddressCacheEntries"=dword:00000800
"KeepAliveInterval"=dword:00007530
"LoadBias"=dword:00000007
"""


def test_a_registry_export_goes_below_set_and_without_what_is_varied(imafarm: Call, tmp_path: Path) -> None:
    export = tmp_path / "ima.reg"
    export.write_text(EXPORT)
    call = ["--hosts", "6", "--repeat", "1", "--workers", "1", "--json", "--settings", export]
    for asked, left in (
        (["cache"], {"KeepAliveInterval": 30_000, "LoadBias": 7}),
        (["cache", "--set", "LoadBias=9"], {"KeepAliveInterval": 30_000, "LoadBias": 9}),
        (["cold-boot", "--vary", "loadbias=1"], {"KeepAliveInterval": 30_000, CACHE: 2048}),
    ):
        code, out, err = imafarm("study", *asked, *call)
        assert code == 0, err
        assert json.loads(out)["asked"]["settings"] == left


def test_what_stands_in_a_directory_is_told_under_its_option(imafarm: Call, tmp_path: Path) -> None:
    call = ["study", "cold-boot", "--vary", "LoadBias=1", "--repeat", "1", "--workers", "1", "--out", tmp_path]
    assert imafarm(*call, "--hosts", "3")[0] == 0
    code, _, err = imafarm(*call, "--hosts", "3")
    assert code == 2 and err.startswith(f"imafarm: --out: {tmp_path} holds a study (points.jsonl); go on with it by")
    code, _, err = imafarm(*call, "--hosts", "4", "--resume")
    assert (code, err) == (2, f"imafarm: --hosts: the study in {tmp_path} was asked for 3, not 4\n")


WRONG_CALLS = {
    "no scenario": (["study"], "SCENARIO"),
    "unknown scenario": (["study", "cash"], "SCENARIO: unknown 'cash'; did you mean 'cache'?"),
    "unknown measure": (
        ["study", "cache", "--measure", "churn"],
        "--measure: unknown 'churn'; did you mean 'binding_churn'?",
    ),
    "unknown setting": (
        ["study", "cold-boot", "--vary", "BindTimout=1"],
        "--vary: unknown 'BindTimout'; did you mean 'BindTimeout'?",
    ),
    "no assignment": (["study", "cold-boot", "--vary", "hosts"], "--vary: 'hosts': write it as NAME=VALUES"),
    "twice": (["study", "cold-boot", "--vary", "hosts=2", "--vary", "hosts=3"], "--vary: hosts: stands there twice"),
    "no values": (["study", "cold-boot", "--vary", "hosts="], "--vary hosts: no values"),
    "an empty range": (["study", "cold-boot", "--vary", "hosts=10..5"], "--vary hosts: '10..5' is empty"),
    "no repeat": (["study", "cache", "--repeat", "0"], "--repeat: 0 is out of range"),
    "fewer than no workers": (["study", "cache", "--workers", "-1"], "--workers: -1 is out of range"),
    "workers of a cluster": (
        ["study", "cache", "--workers", "2", "--on", "dask://127.0.0.1:1"],
        "--workers: the cluster given by --on has its own",
    ),
    "nobody at the scheduler": (["study", "cache", "--on", "dask://127.0.0.1:1"], "--on: the scheduler at dask://127."),
    "no place": (["study", "cache", "--on", "mpi://here"], "--on: 'mpi://here' is no place for a study"),
    "to go on nowhere": (["study", "cache", "--resume"], "--resume: say by --out in which directory"),
    "a number of hosts and a farm": (
        ["study", "cache", "--farm", "farm.toml", "--hosts", "3"],
        "--hosts: the farm says this already",
    ),
    "hosts that are too few": (
        ["study", "master-failover", "--vary", "hosts=1,2"],
        "--vary hosts: master-failover needs 2 in every zone, Z1 has 1",
    ),
    "zones that are too many": (
        ["study", "cold-boot", "--hosts", "3", "--vary", "zones=1,9"],
        "--vary zones: 9 zones cannot",
    ),
    "hosts fixed and varied": (
        ["study", "cold-boot", "--hosts", "3", "--vary", "hosts=3,4"],
        "--hosts and --vary hosts: one fixes what the other varies",
    ),
    "a setting fixed and varied": (
        ["study", "cold-boot", "--set", "BindTimeout=9", "--vary", "bindtimeout=8,9"],
        "--set BindTimeout and --vary BindTimeout: one fixes what the other varies",
    ),
    "the cache's entries fixed": (
        ["study", "cache", "--set", f"{CACHE}=3"],
        f"--set {CACHE}: the study 'cache' varies it",
    ),
    "a farm file that is not there": (["study", "cache", "--farm", "nowhere.toml"], "imafarm: nowhere.toml: No such"),
    "an export that is not there": (["study", "cache", "--settings", "nowhere.reg"], "nowhere.reg"),
}


@pytest.mark.parametrize(("arguments", "said"), WRONG_CALLS.values(), ids=WRONG_CALLS.keys())
def test_a_wrong_call_ends_with_2_and_says_what_is_wrong(imafarm: Call, arguments: list[str], said: str) -> None:
    code, out, err = imafarm(*arguments)
    assert (code, out) == (2, "") and said in err


def test_points_on_a_cluster(imafarm: Call, dask: str) -> None:
    call = ["study", "cold-boot", "--hosts", "5", "--vary", "LoadBias=1,2", "--repeat", "2", "--json"]
    assert imafarm(*call, "--on", dask) == imafarm(*call, "--workers", "1")


def test_a_terminal_is_told_how_far_it_is(here: Here) -> None:
    told = StringIO()
    with _line(Console(file=told, force_terminal=True, width=100), quiet=False) as line:
        study("cold-boot", hosts=3, vary={"LoadBias": [7, 8]}, repeat=2, executor=here, progress=line)
    assert "4 of 4 points" in told.getvalue() and "0:00:00 left" in told.getvalue()
    assert "best: LoadBias 7" in told.getvalue()
    for console, quiet in (
        (Console(file=(file := StringIO())), False),
        (Console(file=file, force_terminal=True), True),
    ):
        with _line(console, quiet=quiet) as line:
            study("cold-boot", hosts=3, vary={"LoadBias": [7]}, repeat=1, executor=here, progress=line)
        assert file.getvalue() == ""


def test_what_failed_is_told() -> None:
    class Dying(Here):
        def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
            future = super().submit(fn, *args, **kwargs)
            if len(self.points) % 2:
                return future
            raised = type(future)()
            raised.set_exception(type("KilledWorker", (Exception,), {})("gone"))
            return raised

    found = study("cold-boot", hosts=3, vary={"LoadBias": "1..4"}, repeat=4, executor=Dying())
    told = StringIO()
    print_study(found, Console(file=told, width=80))
    lines = told.getvalue().splitlines()
    assert "FAILED" in told.getvalue()
    assert sum("2 of 4" in line for line in lines) >= 4
    assert "no end with LoadBias 1, seed 1: its workers died: gone" in lines
    assert "and 3 more points without end" in lines
