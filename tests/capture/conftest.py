"""Captures of played farms, and tshark to look at them with."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imafarm import cli

TREE = Path(__file__).parents[2]
DISSECTOR = TREE / "contrib/wireshark/ima.lua"
TSHARK_SECONDS = 120
REFUSED = ("Lua: Error", "Lua: syntax error", "isn't a valid", "is neither a field")
"""What tshark says on standard error when it does not understand the dissector or the question."""


@dataclass(frozen=True)
class Tshark:
    """tshark with the dissector of the tree, and with nobody's own settings."""

    program: str
    home: Path

    def __call__(self, capture: Path, *arguments: str) -> str:
        """What it prints. As root it warns on standard error, which is not looked at but for complaints."""
        command = [self.program, "-X", f"lua_script:{DISSECTOR}", "-r", str(capture), *arguments]
        environment = {"WIRESHARK_CONFIG_DIR": str(self.home), "HOME": str(self.home), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=TSHARK_SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr
        assert not [said for said in REFUSED if said in done.stderr], done.stderr
        return done.stdout

    def rows(self, capture: Path, names: list[str], *arguments: str) -> list[list[str]]:
        """These fields of every frame."""
        fields = [part for name in names for part in ("-e", name)]
        table = self(capture, "-T", "fields", "-E", "separator=/t", *fields, *arguments)
        return [line.split("\t") for line in table.splitlines()]

    def frames(self, capture: Path, wanted: str, *arguments: str) -> list[str]:
        """The frames that pass a display filter, a line each."""
        return self(capture, "-Y", wanted, *arguments).splitlines()


@pytest.fixture(scope="session")
def tshark(tmp_path_factory: pytest.TempPathFactory) -> Tshark:
    """Skips where there is none."""
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("tshark is not installed")
    return Tshark(program, tmp_path_factory.mktemp("wireshark"))


@dataclass(frozen=True)
class Played:
    """A scenario that was played, and the capture of it."""

    path: Path
    verdict: dict[str, Any]
    """What `imafarm run --json` printed."""
    said: str
    """What it said on standard error."""

    @property
    def sent(self) -> dict[str, tuple[int, int]]:
        """Of each kind that was sent: how many messages, and how many bytes."""
        messages = self.verdict["messages"].items()
        return {kind: (traffic["sent"], traffic["bytes"]) for kind, traffic in messages if traffic["sent"]}


Play = Callable[..., Played]


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[tuple[str, ...], Played]]:
    """What has been played so far, by its arguments, and where captures lie."""
    return tmp_path_factory.mktemp("captures"), {}


@pytest.fixture
def play(played: tuple[Path, dict[tuple[str, ...], Played]], capsys: pytest.CaptureFixture[str]) -> Play:
    """Plays a scenario by the command line and captures it; the same one once."""
    directory, before = played

    def call(*arguments: str) -> Played:
        if arguments not in before:
            path = directory / f"{len(before)}.pcapng"
            with pytest.raises(SystemExit) as left:
                cli.main(["run", *arguments, "--capture", str(path), "--json"])
            out, err = capsys.readouterr()
            assert left.value.code == 0, err
            before[arguments] = Played(path, json.loads(out), err)
        return before[arguments]

    return call
