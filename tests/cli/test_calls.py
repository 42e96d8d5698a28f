"""A wrong call ends with exit code 2 and one message that names the key, and before anything runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from imafarm import ConfigurationError, cli
from imafarm.results import read_run
from imafarm.scenarios import SCENARIOS


class Answer(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Call = Callable[..., Answer]


@pytest.fixture
def imafarm(capsys: pytest.CaptureFixture[str]) -> Call:
    """The command `imafarm`, in this process."""

    def call(*arguments: str | Path) -> Answer:
        with pytest.raises(SystemExit) as left:
            cli.main([str(argument) for argument in arguments])
        assert isinstance(left.value.code, int)
        return Answer(left.value.code, *capsys.readouterr())

    return call


WRONG_CALLS = {
    "no scenario": (["run"], "SCENARIO"),
    "unknown scenario": (["run", "master-failovr"], "did you mean 'master-failover'?"),
    "unknown command": (["rum"], '"rum"'),
    "unknown option": (["run", "cold-boot", "--host", "3"], "--host"),
    "no hosts": (["run", "cold-boot", "--hosts", "0"], "hosts: 0 is out of range, 1 to 1000000"),
    "fewer than no hosts": (["run", "cold-boot", "--hosts", "-4"], "hosts: -4 is out of range"),
    "too many hosts": (["run", "cold-boot", "--hosts", "1000001"], "hosts: 1000001 is out of range"),
    "half a host": (["run", "cold-boot", "--hosts", "2.5"], "--hosts: '2.5' is no whole number"),
    "hosts left out": (["run", "cold-boot", "--hosts"], "--hosts"),
    "no zones": (["run", "cold-boot", "--zones", "0"], "zones: 0 is out of range"),
    "more zones than hosts": (["run", "cold-boot", "--hosts", "2", "--zones", "3"], "zones: 3 zones cannot share 2"),
    "nobody to succeed": (
        ["run", "master-failover", "--hosts", "3", "--zones", "2"],
        "needs 2 in every zone, Z2 has 1",
    ),
    "a seed that is no number": (["run", "cold-boot", "--seed", "seven"], "--seed: 'seven' is no whole number"),
    "a bin without a place for it": (["run", "cold-boot", "--bin", "1"], "--bin: only with --out DIR"),
    "a bin of no width": (
        ["run", "cold-boot", "--bin", "0", "--out", "nowhere"],
        "--bin: 0.0 is out of range, 1e-06 to 1e+09 seconds",
    ),
    "a negative seed": (["run", "cold-boot", "--seed", "-1"], "seed: -1 is out of range"),
    "a seed of 65 bits": (["run", "cold-boot", "--seed", str(2**64)], "seed: 18446744073709551616 is out of range"),
    "unknown product": (["run", "cold-boot", "--product", "PS46"], "--product: unknown 'PS46'; did you mean 'PS4"),
    "unknown setting": (
        ["run", "cold-boot", "--set", "MaxHostAdressCacheEntries=9"],
        'did you mean "MaxHostAddressCacheEntries"?',
    ),
    "a cache of no entries": (
        ["run", "cache-thrash", "--set", "MaxHostAddressCacheEntries=0"],
        "MaxHostAddressCacheEntries: 0 is out of range, 2 to ",
    ),
    "a setting that is no number": (["run", "cold-boot", "--set", "BindTimeout=soon"], "'soon' is no whole number"),
    "a setting without value": (["run", "cold-boot", "--set", "BindTimeout"], "write it as NAME=VALUE"),
    "a farm that is not there": (["run", "cold-boot", "--farm", "nowhere.toml"], "nowhere.toml: No such file"),
    "an export that is not there": (["run", "cold-boot", "--settings", "nowhere.reg"], "nowhere.reg: No such file"),
    "unknown host": (["queryhr", "H11"], "no host of this farm is named 'H11'"),
    "unknown host, asked": (["querydc", "H11"], "HOST: no host of this farm is named 'H11'"),
    "unknown switch": (["qfarm", "/lod"], "HOST: no host of this farm is named '/lod'"),
    "a host that is not up yet": (["qfarm", "H1", "--after", "0"], "HOST: H1 is off at 0.000 s"),
    "a time before the first": (["querydc", "--after", "-1"], "--after: -1.0 is out of range, 0 to 1e9 seconds"),
    "a time that is no number": (["qfarm", "--after", "nan"], "--after: nan is out of range, 0 to 1e9 seconds"),
}


@pytest.mark.parametrize(("arguments", "said"), WRONG_CALLS.values(), ids=WRONG_CALLS.keys())
def test_a_wrong_call_is_told_what_is_wrong(imafarm: Call, arguments: list[str], said: str) -> None:
    answer = imafarm(*arguments)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith("imafarm: ")
    assert said in answer.err
    assert answer.err.count("\n") == 1


def test_all_wrong_settings_are_told_at_once(imafarm: Call) -> None:
    answer = imafarm("run", "cold-boot", "--set", "A=1", "--set", "BindTimeout=0", "--set", "x")
    assert answer.code == 2
    assert answer.err.splitlines()[0] == "imafarm: --set: 3 mistakes"
    assert len(answer.err.splitlines()) == 4


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_an_out_that_cannot_be_written_is_found_before_the_run(imafarm: Call, tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("in the way")
    answer = imafarm("run", "cold-boot", "--hosts", "1000000", "--out", tmp_path / where)
    assert answer.code == 2
    assert answer.err.startswith("imafarm: --out: cannot write to ")


@pytest.mark.parametrize(
    ("name", "what"),
    [("study.json", "a study"), ("points.jsonl", "a study"), ("load.json", "what `imafarm load` has left")],
)
def test_a_directory_that_holds_something_else_is_not_a_runs(
    imafarm: Call, tmp_path: Path, name: str, what: str
) -> None:
    (tmp_path / name).write_text("{}")
    answer = imafarm("run", "cold-boot", "--hosts", "1000000", "--out", tmp_path)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == f"imafarm: --out: {tmp_path} holds {what}; give the run a directory of its own\n"


def test_a_wrong_call_leaves_no_directory(imafarm: Call, tmp_path: Path) -> None:
    call = ("run", "cold-boot", "--out", tmp_path / "new" / "out", "--capture", tmp_path / "c.pcapng")
    answer = imafarm(*call, "--capture-kinds", "HEARTBEET")
    assert answer.code == 2 and "did you mean 'HEARTBEAT'?" in answer.err
    assert list(tmp_path.iterdir()) == []


def test_a_study_is_no_scenario(imafarm: Call) -> None:
    answer = imafarm("run", "cache")
    assert (answer.code, answer.err) == (2, "imafarm: SCENARIO: `cache` is a study: imafarm study cache\n")


def test_a_disk_that_is_full_is_told_in_one_line_and_leaves_no_files(
    imafarm: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, write: object) -> None:
        raise ConfigurationError([f"{path}: No space left on device"])

    monkeypatch.setattr("imafarm.tables._parquet.write_whole", full)
    answer = imafarm("run", "cold-boot", "--hosts", "10", "--out", tmp_path)
    assert answer.code == 2 and answer.out.split()[:2] == ["cold-boot", "PASSED"]
    assert answer.err == f"imafarm: --out: {tmp_path / 'events.parquet'}: No space left on device\n"
    assert list(tmp_path.iterdir()) == []


def test_a_capture_that_cannot_be_written_costs_nothing_else(
    imafarm: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise ConfigurationError(["c.pcapng: No space left on device"])

    monkeypatch.setattr("imafarm.capture.write_capture", full)
    out = tmp_path / "out"
    answer = imafarm("run", "cold-boot", "--hosts", "5", "--out", out, "--capture", tmp_path / "c.pcapng", "--json")
    assert answer.code == 2
    assert answer.err.splitlines()[-1] == "imafarm: --capture: c.pcapng: No space left on device"
    assert read_run(out).verdict == json.loads(answer.out)


def test_a_run_leaves_all_that_was_measured(imafarm: Call, tmp_path: Path) -> None:
    answer = imafarm("run", "cold-boot", "--hosts", "10", "--seed", "3", "--bin", "0.5", "--out", tmp_path, "--json")
    assert (answer.code, answer.err) == (0, f"imafarm: {tmp_path / 'report.html'}\n")
    read = read_run(tmp_path)
    assert read.verdict == json.loads(answer.out) == json.loads((tmp_path / "verdict.json").read_text())
    assert read.asked["scenario"] == "cold-boot" and read.asked["settings"] == {}
    assert "cold-boot  PASSED" in (tmp_path / "verdict.txt").read_text()
    traffic = read.traffic.rows()
    assert {row["end_ns"] - row["start_ns"] for row in traffic} == {500_000_000}
    assert sum(row["sent"] for row in traffic) == sum(kind["sent"] for kind in read.verdict["messages"].values())
    assert read.events.column("kind").count("HOST_UP") == 10 == len(read.hosts)


def test_the_file_and_the_options_cannot_both_say_how_many(imafarm: Call, tmp_path: Path) -> None:
    farm = tmp_path / "farm.toml"
    farm.write_text('[[zones]]\nname = "A"\nhosts = 2\n')
    answer = imafarm("queryhr", "--farm", farm, "--hosts", "3")
    assert (answer.code, answer.err) == (2, "imafarm: --hosts: the file given by --farm says this already\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"Windows Registry Editor Version 4.00", "line 1: wrong header"),
        ("Windows Registry Editor Version 5.00\n".encode("utf-16")[:-1], "line 1: odd byte count"),
        (b'Windows Registry Editor Version 5.00\n[HKEY_USERS]\n"A"=qword:1', "line 3: unknown type 'qword'"),
    ],
)
def test_an_export_that_is_wrong_is_named_with_its_line(
    imafarm: Call, tmp_path: Path, content: bytes, said: str
) -> None:
    export = tmp_path / "ima.reg"
    export.write_bytes(content)
    answer = imafarm("run", "cold-boot", "--settings", export, "--out", tmp_path / "out")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"imafarm: {export}: {said}")
    assert not (tmp_path / "out").exists()


def test_a_farm_file_that_is_wrong_is_named_with_every_mistake(imafarm: Call, tmp_path: Path) -> None:
    farm = tmp_path / "farm.toml"
    farm.write_text('[[hosts]]\nname = "A"\nzone = "Z"\n[[workloads]]\nzones = ["Y"]\nlogons_per_hour = -1\n')
    answer = imafarm("run", "cold-boot", "--farm", farm, "--out", tmp_path / "out")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.splitlines() == [
        f"imafarm: {farm}: 3 mistakes",
        "  workloads[0].applications: Field required",
        "  workloads[0].logons_per_hour: it should be greater than or equal to 0",
        "  workloads[0].zones[0]: no zone is named 'Y'",
    ]
    assert not (tmp_path / "out").exists()


def test_an_option_goes_before_an_export_and_that_before_the_farm_file(imafarm: Call, tmp_path: Path) -> None:
    farm, export = tmp_path / "farm.toml", tmp_path / "ima.reg"
    farm.write_text(
        "settings = { BindTimeout = 1_000, KeepAliveTimeout = 1_001, ElectMasterTimeout = 1_002 }\n"
        '[[zones]]\nname = "A"\nhosts = 2\n'
    )
    export.write_bytes(
        (
            "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Citrix\\IMA\\Runtime]\r\n"
            '"KeepAliveTimeout"=dword:000007d0\r\n"ElectMasterTimeout"=dword:000007d1\r\n'
        ).encode("utf-16")
    )
    options = ("--farm", farm, "--settings", export, "--set", "ElectMasterTimeout=3000", "--json")
    answer = imafarm("run", "cold-boot", *options)
    assert answer.code == 0
    settings = json.loads(answer.out)["settings"]
    names = ("BindTimeout", "KeepAliveTimeout", "ElectMasterTimeout")
    assert [settings[name] for name in names] == [1_000, 2_000, 3_000]


def test_list_names_every_scenario(imafarm: Call) -> None:
    answer = imafarm("list")
    assert answer.code == 0
    named = [line.split()[0] for line in answer.out.splitlines()]
    assert named[:3] == ["master-failover", "cold-boot", "cache-thrash"]
    assert named == list(SCENARIOS)


def test_queryhr_prints_as_the_product_does(imafarm: Call, tmp_path: Path) -> None:
    """IMA Information, "What server is the boss": the sample."""
    farm = tmp_path / "farm.toml"
    farm.write_text(
        """
        [[hosts]]
        name = "FTLDTERRYDU02"
        zone = "10.22.44.0"
        host_id = 8022

        [[hosts]]
        name = "Fjärås"
        zone = "10.22.45.0"
        host_id = 8023
        """,
        encoding="utf-8",
    )
    first = """\
---- Showing Hosts for "10.22.44.0" ----
Host 1:
-----------------------------
Zone Name: 10.22.44.0
Host Name: FTLDTERRYDU02
Admin Port: 2513
Ima Port: 2512
Host ID: 8022
Master Ranking: 1
Master Version: 1
-----------------------------
--- Show Host Records Completed ---
"""
    assert imafarm("queryhr", "--farm", farm, "FTLDTERRYDU02").out == first
    both = imafarm("queryhr", "--farm", farm).out
    assert both.startswith(first)
    assert "Host Name: Fjärås\n" in both


def test_queryhr_prints_no_console_and_no_ranking_of_a_session_host(imafarm: Call, tmp_path: Path) -> None:
    """Our guess: such a server has neither."""
    farm = tmp_path / "farm.toml"
    farm.write_text(
        '[[hosts]]\nname = "CTX1"\nzone = "Z"\n[[hosts]]\nname = "CTX2"\nzone = "Z"\nmode = "session-host"\n'
    )
    printed = imafarm("queryhr", "--farm", farm, "CTX2").out
    keys = [line.split(":")[0] for line in printed.splitlines() if ": " in line]
    assert keys == ["Zone Name", "Host Name", "Ima Port", "Host ID", "Master Version"]
