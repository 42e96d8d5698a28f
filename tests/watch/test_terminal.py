"""The command in a terminal, and where there is none."""

import fcntl
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from imafarm import cli

PATIENCE_SECONDS = 60
LEFT = "before the end: no verdict"


class Terminal:
    """A terminal of 80 columns and 24 lines in which the command runs."""

    def __init__(self, *arguments: str) -> None:
        self.ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color"}
        for name in ("CI", "NO_COLOR", "COLUMNS", "LINES"):
            environment.pop(name, None)

        def take_terminal() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [sys.executable, "-m", "imafarm", "watch", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
            preexec_fn=take_terminal,
        )
        os.close(theirs)
        self.said = ""
        self.seen = 0

    def read(self, seconds: float = 0.05) -> bool:
        """Takes in what was written meanwhile; whether there may be more."""
        if not select.select([self.ours], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.ours, 65_536)
        except OSError:
            return False
        self.said += data.decode(errors="replace")
        return bool(data)

    def until(self, text: str) -> None:
        """Waits until this is written, after what was waited for before."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := self.said.find(text, self.seen)) < 0:
            more = self.read()
            assert more and time.monotonic() < deadline, f"{text!r} is to be seen in {self.said[self.seen :]!r}"
        self.seen = found + len(text)

    def press(self, keys: str) -> None:
        os.write(self.ours, keys.encode())

    def exit_code(self) -> int:
        """Waits until the command has ended."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.process.poll() is None:
            self.read()
            assert time.monotonic() < deadline, f"it does not end: {self.said[-3000:]!r}"
        while select.select([self.ours], [], [], 0.1)[0] and self.read():
            pass
        assert self.process.returncode is not None
        return self.process.returncode

    @property
    def after_the_screen(self) -> str:
        """What stands on the terminal once the screen is gone."""
        return self.said.rpartition("\x1b[?1049l")[2]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.ours)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Each that is put in is gone after the test."""
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def test_a_scenario_is_watched_in_a_terminal(terminals: list[Terminal], capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal("master-failover", "--hosts", "50", "--speed", "max", "--seed", "7")
    terminals.append(terminal)
    terminal.until("50 hosts in 1 zone")
    terminal.until("Z1")
    terminal.until("PASSED")
    terminal.until("q: quit")
    terminal.press("\x1b")
    # A key that comes right behind escape would be one with it.
    terminal.until("ENDED: passed")
    terminal.press("q")
    assert terminal.exit_code() == 0
    with pytest.raises(SystemExit):
        cli.main(["run", "master-failover", "--hosts", "50", "--seed", "7", "--json"])
    verdict = json.loads(capsys.readouterr().out)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.after_the_screen)
    assert "master-failover  PASSED" in plain
    assert f"digest {verdict['digest']}" in plain
    # The terminal is as it was: the screen has gone, and what is typed is seen again.
    assert "\x1b[?1049h" in terminal.said and termios.tcgetattr(terminal.ours)[3] & termios.ECHO


@pytest.mark.parametrize("how", ["q", "\x03", signal.SIGINT, signal.SIGTERM])
def test_it_can_be_left_early(terminals: list[Terminal], how: str | signal.Signals) -> None:
    terminal = Terminal("master-failover", "--hosts", "50", "--speed", "1/100")
    terminals.append(terminal)
    terminal.until("boot")
    if isinstance(how, str):
        terminal.press(how)
    else:
        os.kill(terminal.process.pid, how)
    assert terminal.exit_code() == 130
    assert LEFT in terminal.after_the_screen
    assert "Traceback" not in terminal.said
    assert termios.tcgetattr(terminal.ours)[3] & termios.ECHO


@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
def test_without_a_terminal_nothing_begins(stream: str) -> None:
    ours, theirs = os.openpty()
    try:
        place = {"stdin": theirs, "stdout": theirs, "stderr": theirs, stream: subprocess.PIPE}
        process = subprocess.Popen(
            [sys.executable, "-m", "imafarm", "watch", "cold-boot", "--hosts", "5"],
            stdin=place["stdin"],
            stdout=place["stdout"],
            stderr=place["stderr"],
        )
        os.close(theirs)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
        said = (out or b"") + (err or b"")
        with suppress(OSError):
            while select.select([ours], [], [], 0.1)[0] and (data := os.read(ours, 65_536)):
                said += data
    finally:
        os.close(ours)
    name = {"stdin": "input", "stdout": "output", "stderr": "error"}[stream]
    assert process.returncode == 2
    assert f"imafarm: watch: needs a terminal, and standard {name} is none" in said.decode()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["master-failovr"], "did you mean 'master-failover'?"),
        (["cold-boot", "--speed", "fast"], "--speed: 'fast' is no speed"),
        (["cold-boot", "--speed", "0"], "--speed: 0 is out of range, 1/1000 to 1000"),
        (["cold-boot", "--hosts", "0"], "hosts: 0 is out of range"),
        (["master-failover", "--hosts", "1"], "hosts: master-failover needs 2 in every zone, Z1 has 1"),
        (["cold-boot", "--farm", "nowhere.toml"], "nowhere.toml: No such file"),
        (["cold-boot", "--json"], "--json"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["watch", *arguments])
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_without_the_extra_it_is_said_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from imafarm.cli import _watch

    monkeypatch.setattr(_watch, "_check_terminal", lambda: None)
    for name in [name for name in sys.modules if name.partition(".")[0] == "textual"]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("_app", "_panels", "_screens"):
        monkeypatch.delitem(sys.modules, f"imafarm.watch.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "textual", None)
    with pytest.raises(SystemExit) as left:
        cli.main(["watch", "cold-boot", "--hosts", "5"])
    assert (left.value.code, capsys.readouterr().err) == (2, "imafarm: imafarm watch needs imafarm[tui]\n")
