"""Processes of a farm: started, listened to and ended; nothing of them is left, whatever they do."""

import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from imafarm.live._supervisor import LONGEST_LINE_BYTES, Child, Patience, Supervisor, ending

QUICK = Patience(stop_seconds=30.0, restart_seconds=0.0)
MOST_SECONDS = 60
"""A test that has hung."""

OBEDIENT = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped in good order"))
print("up", flush=True)
sys.stdin.read()
print("nobody there")
"""
"""A host that goes when it is told to, or when whoever started it has gone."""
STUBBORN = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: print("no", flush=True))
print("up", flush=True)
while True:
    signal.pause()
"""


class Heard:
    """What a supervisor tells, as it comes."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self._changed = trio.Event()

    def tell(self, name: str, line: str) -> None:
        self.lines.append((name, line))
        self._changed.set()
        self._changed = trio.Event()

    async def wait(self, *wanted: tuple[str, str]) -> None:
        """Until all of these have been said."""
        while not set(wanted) <= set(self.lines):
            await self.changed()

    async def changed(self) -> None:
        """Until something more has been said."""
        await self._changed.wait()


def script(name: str, text: str, *arguments: str) -> Child:
    return Child(name, (sys.executable, "-c", text, *arguments))


def play(
    story: Callable[[Supervisor, Heard], Awaitable[object]],
    *children: Child,
    restarts: bool = False,
    patience: Patience = QUICK,
) -> tuple[Supervisor, Heard]:
    """Runs children while a story does something to them; the story is over when they are, and they when it is."""
    heard = Heard()
    supervisor = Supervisor(children, heard.tell, restarts=restarts, patience=patience)

    async def main() -> None:
        with trio.fail_after(MOST_SECONDS):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(supervisor.run)
                await story(supervisor, heard)

    trio.run(main)
    assert not supervisor.running
    return supervisor, heard


def is_there(pid: int) -> bool:
    """Whether there is such a process, or what is left of one."""
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def test_children_are_started_heard_and_stopped() -> None:
    pids: list[int] = []

    async def story(supervisor: Supervisor, heard: Heard) -> None:
        await heard.wait(("H1", "up"), ("H2", "up"))
        pids.extend(process.pid for process in supervisor.running.values())
        supervisor.stop()

    supervisor, heard = play(story, script("H1", OBEDIENT), script("H2", OBEDIENT))
    assert sorted(heard.lines[2:]) == [("H1", "stopped in good order"), ("H2", "stopped in good order")]
    assert (supervisor.died, supervisor.killed) == (set(), set())
    assert len(pids) == 2 and not any(map(is_there, pids))


def test_one_that_does_not_stop_is_killed() -> None:
    async def story(supervisor: Supervisor, heard: Heard) -> None:
        await heard.wait(("H1", "up"), ("H2", "up"))
        supervisor.stop()

    supervisor, heard = play(story, script("H1", STUBBORN), script("H2", OBEDIENT), patience=Patience(stop_seconds=0.5))
    assert supervisor.killed == {"H1"}
    assert ("H1", "no") in heard.lines
    assert heard.lines[-1] == ("H1", "did not stop within 0.5 s: killed")


def test_one_that_dies_is_told_of_and_the_others_go_on() -> None:
    async def story(supervisor: Supervisor, heard: Heard) -> None:
        await heard.wait(("H1", "up"), ("H2", "up"))
        os.kill(supervisor.running["H1"].pid, signal.SIGKILL)
        await heard.wait(("H1", "ended by itself: killed by SIGKILL"))
        assert set(supervisor.running) == {"H2"}
        supervisor.stop()

    supervisor, _ = play(story, script("H1", OBEDIENT), script("H2", OBEDIENT))
    assert supervisor.died == {"H1"}


def test_when_all_have_died_it_is_over() -> None:
    async def story(_supervisor: Supervisor, _heard: Heard) -> None:
        return None

    _, heard = play(story, script("H1", "raise SystemExit(7)"), Child("H2", ("/no/such/program",)))
    assert sorted(heard.lines) == [
        ("H1", "ended by itself: exit code 7"),
        ("H2", "cannot be started: No such file or directory"),
    ]


def test_one_that_dies_is_started_again(tmp_path: Path) -> None:
    """Twice; the third one stays."""
    text = """
import os, sys
open(f"{sys.argv[1]}/{os.getpid()}", "x").close()
lives = len(os.listdir(sys.argv[1]))
print(lives, flush=True)
if lives < 3:
    sys.exit(1)
"""

    async def story(supervisor: Supervisor, heard: Heard) -> None:
        await heard.wait(("H1", "up"))
        supervisor.stop()

    supervisor, heard = play(story, script("H1", text + OBEDIENT, str(tmp_path)), restarts=True)
    died = ("H1", "ended by itself: exit code 1")
    assert heard.lines == [
        ("H1", "1"),
        died,
        ("H1", "2"),
        died,
        ("H1", "3"),
        ("H1", "up"),
        ("H1", "stopped in good order"),
    ]
    assert supervisor.died == {"H1"}


def test_one_that_was_called_wrongly_is_not_started_again() -> None:
    async def story(_supervisor: Supervisor, _heard: Heard) -> None:
        return None

    _, heard = play(story, script("H1", "import sys; print('--key: no'); sys.exit(2)"), restarts=True)
    assert heard.lines == [("H1", "--key: no"), ("H1", "ended by itself: exit code 2")]


def test_a_stop_ends_the_pause_before_one_is_started_again() -> None:
    async def story(supervisor: Supervisor, heard: Heard) -> None:
        await heard.wait(("H1", "ended by itself: exit code 1"))
        supervisor.stop()

    patience = Patience(restart_seconds=10 * MOST_SECONDS)
    _, heard = play(story, script("H1", "raise SystemExit(1)"), restarts=True, patience=patience)
    assert len(heard.lines) == 1


def test_a_cancelled_supervisor_leaves_nobody() -> None:
    pids: list[int] = []
    heard = Heard()
    supervisor = Supervisor([script("H1", STUBBORN), script("H2", STUBBORN)], heard.tell)

    async def main() -> None:
        with trio.fail_after(MOST_SECONDS):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(supervisor.run)
                await heard.wait(("H1", "up"), ("H2", "up"))
                pids.extend(process.pid for process in supervisor.running.values())
                nursery.cancel_scope.cancel()

    trio.run(main)
    assert len(pids) == 2 and not any(map(is_there, pids))


SUPERVISOR = """
import sys, trio
from imafarm.live._supervisor import Child, Supervisor
told = lambda name, line: print(line, flush=True)
trio.run(Supervisor([Child("H1", (sys.executable, "-c", sys.argv[1]))], told).run)
"""


def test_children_end_when_their_parent_is_killed() -> None:
    child = "import os, sys; print(os.getpid(), flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", SUPERVISOR, child], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        descriptor = os.pidfd_open(int(parent.stdout.readline()))
        try:
            parent.kill()
            parent.wait()
            # A process that has ended makes its descriptor readable.
            trio.run(_until_readable, descriptor)
        finally:
            os.close(descriptor)


async def _until_readable(descriptor: int) -> None:
    with trio.fail_after(MOST_SECONDS):
        await trio.lowlevel.wait_readable(descriptor)


def test_what_a_child_says_is_told_line_by_line_whatever_it_is() -> None:
    text = f"""
import sys
out = sys.stdout.buffer
out.write(b"one\\r\\ntwo\\n\\n\\xff\\n")
out.write(b"x" * {2 * LONGEST_LINE_BYTES + 3} + b"\\nlast")
"""

    async def story(_supervisor: Supervisor, _heard: Heard) -> None:
        return None

    _, heard = play(story, script("H1", text))
    lines = [line for _, line in heard.lines]
    assert lines[:4] == ["one", "two", "", "\N{REPLACEMENT CHARACTER}"]
    assert "".join(lines[4:-2]) == "x" * (2 * LONGEST_LINE_BYTES + 3)
    assert max(map(len, lines)) == LONGEST_LINE_BYTES
    assert lines[-2:] == ["last", "ended by itself: exit code 0"]


def test_a_childs_own_child_that_holds_its_output_does_not_hold_us() -> None:
    text = "import subprocess, sys; print(subprocess.Popen(['sleep', '600']).pid, flush=True)"
    holders: list[int] = []

    async def story(_supervisor: Supervisor, heard: Heard) -> None:
        while not heard.lines:
            await heard.changed()
        holders.append(int(heard.lines[0][1]))

    try:
        play(story, script("H1", text))
    finally:
        os.kill(holders[0], signal.SIGKILL)


@pytest.mark.parametrize(
    ("code", "said"),
    [(0, "exit code 0"), (2, "exit code 2"), (-15, "killed by SIGTERM"), (-40, "killed by signal 40")],
)
def test_an_ending_is_told_in_words(code: int, said: str) -> None:
    assert ending(code) == said


def test_a_terminals_interrupt_reaches_the_supervisor_alone() -> None:
    groups: list[tuple[int, int]] = []

    async def story(supervisor: Supervisor, heard: Heard) -> None:
        await heard.wait(("H1", "up"))
        groups.append((os.getpgid(supervisor.running["H1"].pid), supervisor.running["H1"].pid))
        supervisor.stop()

    play(story, script("H1", OBEDIENT))
    ((group, pid),) = groups
    assert group == pid != os.getpgid(0)
