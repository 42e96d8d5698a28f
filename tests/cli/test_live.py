"""`imafarm live`: what is refused before anything listens, key files, and a farm that really runs and ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import trio

from imafarm import cli
from imafarm.keys import FarmKeys, new_key_file, read_keys
from imafarm.management import connect_management
from imafarm.store import DataStore
from imafarm.topology import read_topology

HOSTS = 3


class Answer(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Call = Callable[..., Answer]


@pytest.fixture
def imafarm(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command `imafarm live`, in this process."""
    monkeypatch.delenv("IMAFARM_FARM_KEY", raising=False)

    def call(*arguments: str | Path) -> Answer:
        if arguments[0] != "key" and "--for" not in arguments:
            # Should it not be refused, it is over soon.
            arguments += ("--for", "0")
        with pytest.raises(SystemExit) as left:
            cli.main(["live", *(str(argument) for argument in arguments)])
        assert isinstance(left.value.code, int)
        return Answer(left.value.code, *capsys.readouterr())

    return call


@pytest.fixture
def network() -> str:
    """Loopback addresses that no other run of these tests uses at the same time."""
    pid = os.getpid()
    return f"127.{100 + pid // 256 % 100}.{pid % 256}.0/24"


@pytest.fixture
def farm(tmp_path: Path, network: str) -> Path:
    """A farm file: a zone of three hosts that do not dawdle."""
    path = tmp_path / "farm.toml"
    path.write_text(
        f'live.network = "{network}"\nsettings.KeepAliveInterval = 3_000\n[[zones]]\nname = "Z1"\nhosts = {HOSTS}\n'
    )
    return path


# -- wrong calls

WRONG_CALLS = {
    "which farm": (["host", "--name", "H1"], "--farm: missing; say with it or with --store which farm the host is in"),
    "which host": (["host", "--farm", "FARM"], "--name"),
    "a cache of no store": (
        ["host", "--farm", "FARM", "--name", "H1", "--cache", "h1.cache"],
        "--cache: only with --store, of which it is a copy",
    ),
    "no such store": (["up", "--store", "nowhere.db"], "nowhere.db: there is no such file"),
    "two stores of a farm": (
        ["up", "--store", "nowhere.db", "--hosts", "3"],
        "--hosts: the store given by --store says",
    ),
    "unknown host": (["host", "--farm", "FARM", "--name", "H4"], "--name: no host of this farm is named 'H4'"),
    "two farms": (["up", "--farm", "FARM", "--hosts", "3"], "--hosts: the file given by --farm says this already"),
    "no time": (["up", "--for", "-1"], "--for: -1.0 is out of range, 0 to 1e9 seconds"),
    "no time at all": (["up", "--for", "nan"], "--for: nan is out of range, 0 to 1e9 seconds"),
    "no time for a host": (["host", "--farm", "FARM", "--name", "H1", "--for", "-1"], "--for: -1.0 is out of range"),
    "nobody to restart": (["up", "--restart"], "--restart: only with --processes"),
    "a negative seed": (["up", "--seed", "-1"], "seed: -1 is out of range"),
    "a farm too large": (["up", "--hosts", "70000"], "live.network: 127.77.0.0/16 has room for 65534 hosts, the farm"),
    "a farm too large for processes": (["up", "--hosts", "70000", "--processes"], "live.network: 127.77.0.0/16 has"),
    "figures nowhere": (["up", "--metrics", "here"], "--metrics: 'here' is no IPv4 address with a port, as in"),
    "figures of processes": (["up", "--processes", "--metrics", "127.0.0.1:9100"], "--metrics: not with --processes"),
    "no key there": (["up", "--key", "nowhere.key"], "nowhere.key: No such file or directory"),
    "half of TLS": (
        ["up", "--tls-cert", "a.pem", "--tls-ca", "b.pem"],
        "--tls-key: missing; TLS takes all three files",
    ),
    "no such certificate": (
        ["up", "--tls-cert", "no.pem", "--tls-key", "no.key", "--tls-ca", "no-ca.pem"],
        ".pem: No such file or directory",
    ),
    "two steps at once": (["key", "x.key", "--add", "--drop"], "--drop: not together with --add; each is a step by"),
    "a cache of nothing": (
        ["host", "--farm", "FARM", "--name", "H1", "--cache", "H1.db"],
        "--cache: only with --store",
    ),
    "no key for processes": (["up", "--processes", "--key", "nowhere.key"], "nowhere.key: No such file or directory"),
    "a step of no file": (["key", "nowhere.key", "--add"], "nowhere.key: No such file or directory"),
}


@pytest.mark.parametrize(("arguments", "said"), WRONG_CALLS.values(), ids=WRONG_CALLS.keys())
def test_a_wrong_call_is_told_what_is_wrong(imafarm: Call, farm: Path, arguments: list[str], said: str) -> None:
    answer = imafarm(*(farm if argument == "FARM" else argument for argument in arguments))
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("imafarm: ")
    assert said in answer.err
    assert answer.err.count("\n") == 1


def test_beyond_this_machine_nobody_listens_without_a_key_unless_told_so(imafarm: Call, tmp_path: Path) -> None:
    farm = tmp_path / "farm.toml"
    farm.write_text('live.network = "192.0.2.0/24"\n[[zones]]\nname = "Z1"\nhosts = 2\n')
    answer = imafarm("up", "--farm", farm)
    assert (answer.code, answer.out) == (2, "")
    assert "without a farm key" in answer.err and "192.0.2.1" in answer.err
    # Told so, it goes on to find that the address is not ours.
    for permitted in (["--without-key"], ["--key", _key_file(tmp_path)]):
        answer = imafarm("up", "--farm", farm, *permitted)
        assert answer.code == 2
        assert "cannot listen on 192.0.2.1:2512: Cannot assign requested address" in answer.err


def test_a_key_and_none_are_not_wanted_together(imafarm: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = imafarm("up", "--without-key", "--key", _key_file(tmp_path))
    assert (answer.code, answer.err) == (2, "imafarm: --without-key: --key gives one\n")
    monkeypatch.setenv("IMAFARM_FARM_KEY", "5f" * 32)
    answer = imafarm("up", "--without-key")
    assert (answer.code, answer.err) == (2, "imafarm: --without-key: IMAFARM_FARM_KEY holds one\n")


def test_a_key_file_that_others_can_read_is_refused_and_not_shown(imafarm: Call, tmp_path: Path) -> None:
    file = _key_file(tmp_path)
    digits = file.read_text().strip()
    file.chmod(0o644)
    answer = imafarm("up", "--key", file)
    assert answer.code == 2
    assert f"{file}: others may use it (mode 0644)" in answer.err
    assert digits not in answer.err


def test_a_port_that_is_taken_is_named(imafarm: Call, farm: Path, network: str) -> None:
    address = network.replace("0/24", "2")
    with taken(address):
        for command in (["up", "--farm", farm], ["host", "--farm", farm, "--name", "H2"]):
            answer = imafarm(*command)
            assert (answer.code, answer.out) == (2, "")
            assert f"H2 cannot listen on {address}:2512: Address already in use" in answer.err


# -- key files


def _key_file(directory: Path) -> Path:
    file = directory / "farm.key"
    if not file.exists():
        new_key_file(file)
    return file


def test_a_new_key_is_made_and_never_printed(imafarm: Call, tmp_path: Path) -> None:
    file = tmp_path / "farm.key"
    assert imafarm("key", file) == (0, f"{file}: a new key\n", "")
    assert re.fullmatch("[0-9a-f]{64}\n", file.read_text())
    assert imafarm("key", file) == (2, "", f"imafarm: {file}: there already; a key is never written over\n")


def test_a_key_is_changed_in_three_steps(imafarm: Call, tmp_path: Path) -> None:
    file = _key_file(tmp_path)
    seen = [read_keys(file, {})]
    for step in ("--add", "--rotate", "--drop"):
        answer = imafarm("key", file, step)
        assert (answer.code, answer.err) == (0, "")
        assert not re.search("[0-9a-f]{16}", answer.out.removeprefix(str(file)))
        seen.append(read_keys(file, {}))
    old, added, rotated, new = seen
    assert old is not None and added is not None and rotated is not None and new is not None
    assert added.spoken == old.spoken
    assert rotated == added.rotated()
    assert new == FarmKeys([rotated.spoken])
    assert new != old


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (["--rotate"], "--rotate: there is only one key"),
        (["--drop"], "--drop: there is only one key"),
        (["--add", "--add"], "--add: there are two keys already; drop one first"),
    ],
)
def test_a_step_out_of_turn_is_refused_and_changes_nothing(
    imafarm: Call, tmp_path: Path, steps: list[str], said: str
) -> None:
    file = _key_file(tmp_path)
    *before, last = steps
    for step in before:
        assert imafarm("key", file, step).code == 0
    content = file.read_text()
    assert imafarm("key", file, last) == (2, "", f"imafarm: {said}\n")
    assert file.read_text() == content


# -- a farm that runs


class Running:
    """A command that runs, and what it has said so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []

    def until(self, pattern: str) -> re.Match[str]:
        """Reads on until a line has this in it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))
            if found := re.search(pattern, line):
                return found
        raise AssertionError("\n".join([f"it has ended, and never said {pattern!r}:", *self.said]))

    def end(self, number: int | None = signal.SIGINT) -> int:
        """Sends a signal, reads on to the end, and gives the exit code."""
        if number is not None:
            self.process.send_signal(number)
        assert self.process.stdout is not None
        self.said += self.process.stdout.read().splitlines()
        return self.process.wait()


@contextmanager
def running(*arguments: str | Path, **environment: str) -> Iterator[Running]:
    """`python -m imafarm live` with both its outputs in one."""
    command = [sys.executable, "-m", "imafarm", "live", *map(str, arguments)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )
    with process:
        try:
            yield Running(process)
        finally:
            if process.poll() is None:
                process.kill()


def asked(tool: str, *where: str) -> str:
    """What one of the product's tools prints of a farm that runs."""
    command = [sys.executable, "-m", "imafarm", tool, "--connect", *where]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


@contextmanager
def taken(address: str, port: int = 2512) -> Iterator[None]:
    """Somebody else listens there."""
    with socket.socket() as other:
        # What another test has just closed there does not matter.
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((address, port))
        other.listen()
        yield


def is_free(address: str, port: int = 2512) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as caller:
        return caller.connect_ex((address, port)) != 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_farm_runs_until_it_is_told_to_stop(farm: Path, network: str, number: int) -> None:
    base = network.replace("0/24", "")
    with running("up", "--farm", farm) as command:
        command.until(r"^All agreed after .* s: Z1 on H1\.$")
        assert command.said[0] == f"3 hosts in 1 zone, on {base}1:2512 to {base}3:2512."
        assert f"To ask:  imafarm querydc --connect {base}1" in command.said
        assert not any(is_free(f"{base}{last}", port) for last in (1, 2, 3) for port in (2512, 2513))
        assert asked("querydc", f"{base}2") == "Zone Name: Z1\nData Collector: H1\n"
        assert command.end(number) == 0
    assert command.said[-1].startswith("Stopped in good order after ")
    assert {f"stopped host=H{k}" for k in (1, 2, 3)} <= set(command.said)
    assert all(is_free(f"{base}{last}", port) for last in (1, 2, 3) for port in (2512, 2513))


def test_a_farm_stops_by_itself_when_its_time_is_over_and_tells_its_figures(farm: Path) -> None:
    with running("up", "--farm", farm, "--for", "3", "--json") as command:
        assert command.end(None) == 0
    told = json.loads(command.said[-1])
    assert (told["hosts"], told["zones"], told["stopped"], told["masters"]) == (3, 1, True, {"Z1": "H1"})
    traffic = told["messages"]["BIND_REQUEST"]
    assert traffic["sent"] == traffic["delivered"] + traffic["dropped"] + traffic["in_flight"] > 0


def test_figures_are_served_while_it_runs(farm: Path, network: str) -> None:
    address = network.replace("0/24", "99")
    with running("up", "--farm", farm, "--metrics", f"{address}:9100") as command:
        command.until("^All agreed")
        with urllib.request.urlopen(f"http://{address}:9100/metrics", timeout=60) as answer:
            figures = answer.read().decode()
        assert 'imafarm_counter{zone="Z1",name="ZoneElectionsWon"} 1' in figures
        assert command.end() == 0
    assert is_free(address, 9100)


def test_a_place_for_figures_that_is_taken_is_named(imafarm: Call, farm: Path, network: str) -> None:
    address = network.replace("0/24", "99")
    with taken(address, 9101):
        answer = imafarm("up", "--farm", farm, "--metrics", f"{address}:9101")
    assert (answer.code, answer.out) == (2, "")
    assert f"metrics: cannot listen on {address}:9101: Address already in use" in answer.err


def test_hosts_started_one_by_one_are_a_farm(farm: Path, tmp_path: Path) -> None:
    """As on several machines: each knows the farm file, and nothing else of the others."""
    farm.write_text(farm.read_text().replace(f"hosts = {HOSTS}", "hosts = 2"))
    key = _key_file(tmp_path)
    with (
        running("host", "--farm", farm, "--name", "H1", "--key", key) as first,
        running("host", "--farm", farm, "--name", "H2", IMAFARM_FARM_KEY=key.read_text()) as second,
    ):
        first.until(r"^All agreed")
        # How to ask it is said with what it takes.
        where = first.said[1].removeprefix("To ask:  imafarm querydc --connect ").split()
        assert asked("querydc", *where) == "Zone Name: Z1\nData Collector: H1\n"
        second.until(r"Z1 .*on H1|is collected by H1")
        # The collector triggers the election before it goes.
        assert first.end() == 0
        second.until(r"^Z1 is collected by H2 now\.$")
        assert second.end() == 0


def test_a_host_that_is_told_so_over_the_wire_stops_with_its_process(farm: Path, network: str) -> None:
    async def stop() -> None:
        async with connect_management(network.replace("0/24", "1")) as host:
            await host.stop()

    with running("host", "--farm", farm, "--name", "H1") as command:
        command.until("^All agreed")
        trio.run(stop)
        assert command.end(None) == 0
    assert command.said[-1].startswith("Stopped in good order after ")


def test_a_host_that_is_not_to_start_without_its_store_ends(farm: Path, tmp_path: Path) -> None:
    """PsRequired: the local host cache stands in for nothing."""
    store = tmp_path / "farm.db"
    with DataStore.create(str(store)) as created:
        created.replace(read_topology(farm))
    call = ("host", "--store", store, "--name", "H1", "--cache", tmp_path / "h1.cache", "--set", "PsRequired=1")
    with running(*call, "--for", "0") as command:
        assert command.end(None) == 0
    store.unlink()
    with running(*call) as command:
        command.until("^start-refused host=H1 ")
        assert command.end(None) == 1
    assert command.said[-1] == "imafarm: it did not start, or not stop, in good order"


def test_a_host_starts_from_its_cache_while_the_store_is_down(farm: Path, tmp_path: Path) -> None:
    store, cache = tmp_path / "farm.db", tmp_path / "h1.cache"
    with DataStore.create(str(store)) as created:
        created.replace(read_topology(farm))
    call = ("host", "--store", store, "--name", "H1", "--cache", cache, "--set", "StartElection=1")
    with running(*call) as command:
        command.until(r"^All agreed after .*: Z1 on H1\.$")
        assert command.end() == 0
    store.rename(tmp_path / "away.db")
    with running(*call) as command:
        command.until(r"^store-down .*there is no such file")
        command.until(r"^started-from-cache host=H1 ")
        command.until(r"^All agreed after .*: Z1 on H1\.$")
        assert command.end() == 0


def test_each_host_may_be_a_process(farm: Path, network: str, tmp_path: Path) -> None:
    base = network.replace("0/24", "")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with running("up", "--farm", farm, "--processes", TMPDIR=str(scratch)) as command:
        waiting = {f"H{k}" for k in range(1, HOSTS + 1)}
        while waiting:
            waiting.discard(command.until(r"^(H\d) \| (?:All agreed|Z1 is collected).* H1\b")[1])
        collector = _child(command.process.pid, "--name=H1")
        os.kill(collector, signal.SIGKILL)
        command.until(r"^H1 \| ended by itself: killed by SIGKILL$")
        command.until(r"^H[23] \| Z1 is collected by H[23] now\.$")
        assert re.search(r"Data Collector: H[23]$", asked("querydc", f"{base}2"), re.MULTILINE)
        assert len(list(scratch.iterdir())) == 1
        assert command.end(signal.SIGTERM) == 0
    assert command.said[-1].startswith("Stopped in good order after ")
    assert all(is_free(f"{base}{last}") for last in (1, 2, 3))
    assert list(scratch.iterdir()) == []


def test_processes_that_do_not_stop_are_ended_at_once_when_that_is_asked_for(farm: Path, network: str) -> None:
    with running("up", "--farm", farm, "--processes") as command:
        for _ in range(HOSTS):
            command.until(r"\| H\d listens on ")
        frozen = _child(command.process.pid, "--name=H2")
        os.kill(frozen, signal.SIGSTOP)
        command.process.send_signal(signal.SIGTERM)
        command.until(r"^H[13] \| ")
        assert command.end(signal.SIGTERM) == 130
    assert command.said[-1] == "imafarm: ended at once, as told"
    assert not Path(f"/proc/{frozen}").exists()
    assert is_free(network.replace("0/24", "2"))


def test_processes_that_all_end_are_no_farm(farm: Path, network: str) -> None:
    """Each says what is wrong; started again, it would be the same."""
    with ExitStack() as ports:
        for last in range(1, HOSTS + 1):
            ports.enter_context(taken(network.replace("0/24", str(last))))
        with running("up", "--farm", farm, "--processes", "--restart") as command:
            assert command.end(None) == 1
    assert sum("Address already in use" in line for line in command.said) == HOSTS
    assert sum("ended by itself: exit code 2" in line for line in command.said) == HOSTS


def _child(parent: int, argument: str) -> int:
    """The child of a process that was called with this argument."""
    # A thread of the parent's may have started it.
    for children in Path(f"/proc/{parent}/task").glob("*/children"):
        for pid in children.read_text().split():
            if argument in Path(f"/proc/{pid}/cmdline").read_text().split("\0"):
                return int(pid)
    raise AssertionError(f"no child of {parent} was called with {argument}")
