"""A population on real sockets: what is counted is what the emulator counts, and nothing of it is left."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from imafarm import cli
from imafarm.cli import _load_run
from imafarm.keys import new_key_file
from imafarm.live import _descriptors
from imafarm.load import Phase, _population, members_of
from imafarm.topology.farm_file import parse_topology, read_topology

TREE = Path(__file__).parents[2]
NETWORK = f"127.{128 + os.getpid() % 100}.0.0/16"
"""Another for each run of the tests, so that two at once do not find each other's ports taken."""
COLLECTOR_ADDRESS = (NETWORK.replace("0.0/16", "0.1"), 2512)
COLLECTOR = "{}:{}".format(*COLLECTOR_ADDRESS)
MEMBERS = 60
INTERVAL_SECONDS = 0.5
WITHIN = 0.1
"""How far what is measured may be from what was predicted."""
SMALL_CACHE = 16


class Answer(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The JSON object that was printed."""
        report: dict[str, Any] = json.loads(self.out)
        return report


Load = Callable[..., Answer]


@pytest.fixture
def load(capsys: pytest.CaptureFixture[str]) -> Load:
    """The command `imafarm load`, in this process."""

    def call(*arguments: str | Path) -> Answer:
        with pytest.raises(SystemExit) as left:
            cli.main(["load", *(str(argument) for argument in arguments)])
        assert isinstance(left.value.code, int)
        return Answer(left.value.code, *capsys.readouterr())

    return call


def generated(*more: str, cache: int = 512, seconds: float = 3.0) -> list[str]:
    """The options of a small population with a collector of its own."""
    return [
        f"--members={MEMBERS}",
        f"--network={NETWORK}",
        f"--set=KeepAliveInterval={INTERVAL_SECONDS * 1_000:.0f}",
        f"--set=MaxHostAddressCacheEntries={cache}",
        f"--for={seconds}",
        "--connect-seconds=0.5",
        "--json",
        *more,
    ]


def listening() -> set[str]:
    """Who listens in the population's network, by address and port as /proc has them."""
    first_two = "".join(f"{int(part):02X}" for part in reversed(NETWORK.split(".")[:2]))
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return {line.split()[1] for line in lines if line.split()[1][4:8] == first_two and line.split()[3] == "0A"}


def children() -> set[str]:
    """The processes that this one has started and that have not gone."""
    return {
        child
        for task in Path("/proc/self/task").iterdir()
        for child in (task / "children").read_text(encoding="ascii").split()
    }


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """However a population ends: no process, port or descriptor is left."""
    before = children(), len(os.listdir("/proc/self/fd"))
    yield
    assert listening() == set()
    assert (children(), len(os.listdir("/proc/self/fd"))) == before


# -- what is counted


def test_a_cache_that_holds_all_members_keeps_their_bindings(load: Load) -> None:
    answer = load(*generated("--predict"))
    report = answer.report
    assert answer.code == 0, report
    assert (report["verdict"], report["unanswered"], report["asked_again"]) == ("passed", {}, 0)
    assert report["connected"] == report["still_connected"] == MEMBERS
    assert (report["rebinds"], report["predicted"]["rebinds_per_minute"]) == (0, 0.0)
    assert report["predicted"]["rebinds_ratio"] is None
    assert abs(report["predicted"]["updates_ratio"] - 1) < WITHIN
    assert abs(report["updates"]["HEARTBEAT"] - MEMBERS * report["seconds"] / INTERVAL_SECONDS) <= MEMBERS
    assert report["delays"]["count"] > 0
    assert report["descriptors"]["collector"] > MEMBERS
    said = report["collector_figures"]
    assert (said["servers"], said["bindings"], said["evicted"]) == (MEMBERS + 1, MEMBERS, 0)


def test_a_cache_that_is_too_small_churns_as_the_emulator_predicts(load: Load) -> None:
    answer = load(*generated("--predict", cache=SMALL_CACHE))
    report = answer.report
    assert answer.code == 0, report
    # Whoever reports was torn down since it did last: more than the cache holds have reported meanwhile.
    assert abs(report["rebinds"] / report["updates"]["HEARTBEAT"] - 1) < WITHIN
    assert abs(report["predicted"]["rebinds_ratio"] - 1) < WITHIN
    assert abs(report["predicted"]["updates_ratio"] - 1) < WITHIN
    assert abs(report["closed_by_collector"] - report["rebinds"]) <= SMALL_CACHE
    assert report["collector_figures"]["bindings"] <= SMALL_CACHE


def test_members_that_share_a_listener_are_as_others(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_load_run, "shares_ports", lambda _: True)
    answer = load(*generated("--predict", cache=SMALL_CACHE))
    report = answer.report
    assert answer.code == 0, report
    assert abs(report["predicted"]["rebinds_ratio"] - 1) < WITHIN
    assert report["descriptors"]["members"] < 2 * MEMBERS


def test_a_listener_is_shared_where_there_are_too_few_descriptors(
    farm_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topology = read_topology(farm_file)
    target = _load_run.Target(topology, "H1", members_of(topology, "H1"), farm_file=None)
    assert not _load_run.shares_ports(target)
    monkeypatch.setattr(_descriptors, "raise_limit", lambda wanted: wanted - 1)
    assert _load_run.shares_ports(target)
    text = farm_file.read_text().replace("2514", "2512")
    topology = parse_topology(text)
    assert not _load_run.shares_ports(_load_run.Target(topology, "H1", members_of(topology, "H1"), farm_file=None))


def test_each_logon_and_logoff_is_reported_and_answered(load: Load) -> None:
    answer = load(*generated("--logons=40", "--session-seconds=0.5", "--predict"))
    report = answer.report
    assert answer.code == 0, report
    assert report["logons"] > report["logoffs"] > 0
    assert report["updates"]["SESSION_UPDATE"] == report["logons"] + report["logoffs"]
    assert report["collector_figures"]["sessions"] == report["logons"] - report["logoffs"]
    assert abs(report["predicted"]["updates_ratio"] - 1) < WITHIN


def test_the_report_is_left_in_a_directory(load: Load, tmp_path: Path) -> None:
    answer = load(*generated(f"--out={tmp_path / 'new'}", seconds=0.2))
    assert answer.code == 0, answer.out
    assert json.loads((tmp_path / "new/load.json").read_text()) == answer.report
    text = (tmp_path / "new/load.txt").read_text()
    assert f"PASSED   {MEMBERS} members, collector H1" in text
    assert max(map(len, text.splitlines())) <= 80


# -- a collector that somebody else has started


@pytest.fixture
def farm_file(load: Load, tmp_path: Path) -> Path:
    path = tmp_path / "load.toml"
    answer = load(*generated(f"--write-farm={path}"))
    assert (answer.code, answer.err) == (0, "")
    assert f"imafarm load --farm {path} --collector H1" in answer.out
    return path


@pytest.fixture
def collector(farm_file: Path) -> Iterator[Path]:
    """A farm file whose collector runs."""
    command = [
        sys.executable,
        "-m",
        "imafarm",
        "live",
        "host",
        "--until-input-ends",
        "--name=H1",
        f"--farm={farm_file}",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        assert f"H1 listens on {COLLECTOR}" in process.stdout.readline()
        yield farm_file
        process.stdin.close()
        process.stdout.read()
        assert process.wait() == 0


def test_any_collector_can_be_aimed_at_twice(load: Load, collector: Path) -> None:
    for _ in range(2):
        answer = load("--farm", collector, "--collector=H1", "--for=1", "--connect-seconds=0.2", "--json")
        report = answer.report
        assert answer.code == 0, report
        assert (report["connected"], report["settings"]["KeepAliveInterval"]) == (MEMBERS, 500)
        assert (report["cpu_seconds"]["collector"], report["descriptors"]["collector"]) == (None, None)


def test_a_collector_that_is_not_there_is_told_at_once(load: Load, farm_file: Path) -> None:
    answer = load("--farm", farm_file, "--collector=H1")
    said = f"imafarm: --collector: H1 cannot be reached at {COLLECTOR}: Connection refused\n"
    assert answer == (2, "", said)


def test_whoever_takes_no_member_in_is_given_up(load: Load, farm_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_population, "FIRST_SECONDS", 0.5)
    monkeypatch.setattr(_population, "ASK_SECONDS", 0.2)
    with closing(socket.create_server(COLLECTOR_ADDRESS)):
        answer = load("--farm", farm_file, "--collector=H1")
    assert (answer.code, answer.out) == (2, "")
    assert "--collector: H1 has not taken M1 in within 0.5 s: it may be of another farm" in answer.err


def test_a_key_lets_members_in_and_no_other_does(load: Load, tmp_path: Path) -> None:
    for name in ("ours", "others"):
        new_key_file(tmp_path / name)
    key = f"--key={tmp_path / 'ours'}"
    assert load(*generated(key, seconds=0.5)).code == 0
    path = tmp_path / "load.toml"
    assert load(*generated(f"--write-farm={path}")).code == 0
    which = ["--name=H1", f"--farm={path}", key]
    command = [sys.executable, "-m", "imafarm", "live", "host", "--until-input-ends", *which]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_population, "FIRST_SECONDS", 0.5)
            answer = load(f"--farm={path}", "--collector=H1", f"--key={tmp_path / 'others'}")
        assert (answer.code, answer.out) == (2, "")
        assert "--collector: H1 has not taken M1 in" in answer.err
        process.stdin.close()
        process.stdout.read()


# -- ends that nobody planned


def at_the_steady_phase(monkeypatch: pytest.MonkeyPatch, do: Callable[[_load_run._Meter], object]) -> None:
    """Has this happen as soon as all members are connected."""
    begin_phase = _load_run._Meter.begin_phase

    def begin(meter: _load_run._Meter, phase: Phase) -> None:
        begin_phase(meter, phase)
        if phase is Phase.STEADY:
            do(meter)

    monkeypatch.setattr(_load_run._Meter, "begin_phase", begin)


def test_a_collector_that_dies_is_told_and_ends_it(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(meter: _load_run._Meter) -> None:
        assert meter._process is not None
        pid = meter._process._pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    at_the_steady_phase(monkeypatch, kill)
    answer = load(*generated(seconds=600))
    report = answer.report
    assert (answer.code, report["verdict"], report["connected"]) == (1, "failed", MEMBERS)
    assert report["collector_figures"] is None
    assert report["ended_by"].startswith("H1 ended by itself: killed by SIGKILL")


def test_ctrl_c_ends_it_with_a_report(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    at_the_steady_phase(monkeypatch, lambda _: os.kill(os.getpid(), signal.SIGINT))
    answer = load(*generated(seconds=600))
    assert (answer.code, answer.report["ended_by"]) == (1, "interrupted")
    assert answer.report["still_connected"] == MEMBERS


def test_a_port_in_use_is_what_the_collector_could_not_have(load: Load) -> None:
    with closing(socket.create_server(COLLECTOR_ADDRESS)) as other:
        other.listen()
        answer = load(*generated())
    assert (answer.code, answer.out) == (2, "")
    assert f"H1 cannot listen on {COLLECTOR}: Address already in use" in answer.err


WRONG_CALLS = {
    "no members": (["--members=0"], "--members: 0 is out of range, 1 to 60000"),
    "half a member": (["--members=2.5"], "--members: '2.5' is no whole number"),
    "no time": (["--for=0"], "--for: 0 is out of range, 0.001 to 1e\\+06"),
    "users who never came": (["--logons=-1"], "--logons: -1 is out of range, 0 to 100000"),
    "sessions of no time": (["--session-seconds=0"], "--session-seconds: 0 is out of range"),
    "a start before time": (["--connect-seconds=-3"], "--connect-seconds: -3 is out of range"),
    "no number at all": (["--for=nan"], "--for: nan is out of range"),
    "a seed of 65 bits": ([f"--seed={2**64}"], "seed: 18446744073709551616 is out of range"),
    "unknown setting": (["--set=KeepAliveIntervall=9"], 'did you mean "KeepAliveInterval"'),
    "no network": (["--network=127.83.0.1.5/16"], "live.network: '127.83.0.1.5/16' is no IPv4 network"),
    "a network too small": (["--members=300", "--network=127.83.0.0/24"], "has room for 254 hosts, the farm has 301"),
    "a collector of a farm not given": (["--collector=H1"], "--collector: only with --farm"),
    "no such file": (["--farm=nowhere.toml", "--collector=H1"], "nowhere.toml"),
    "nobody to aim at": (["--farm=examples/office.toml"], "--collector: missing"),
    "nobody to aim": (["--farm=examples/office.toml", "--collector=H9"], "--collector: no host of this farm"),
    "members twice": (["--farm=examples/office.toml", "--members=3"], "--members: the file given by --farm says this"),
    "a farm that is there already": (["--farm=FARM", "--collector=H1", "--write-farm=x"], "--write-farm: not together"),
    "a collector that never is one": (["--farm=FARM", "--collector=M1"], "M1 only runs sessions, so it never collects"),
    "nowhere to write": (["--write-farm=/dev/null/x"], "--write-farm: cannot write /dev/null/x: Not a directory"),
    "nowhere to leave a report": (["--out=/dev/null/x"], "--out: cannot write to /dev/null/x"),
    "no key": (["--key=nowhere.key"], "nowhere.key"),
}


@pytest.mark.parametrize(("arguments", "said"), WRONG_CALLS.values(), ids=WRONG_CALLS)
def test_a_wrong_call_starts_nothing(
    load: Load, farm_file: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(TREE)
    answer = load(*(argument.replace("FARM", str(farm_file)) for argument in arguments))
    assert (answer.code, answer.out) == (2, "")
    assert re.search(said, answer.err), answer.err
