"""A live farm whose hosts are processes of their own: `imafarm live host` for each of them."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio
from rich.console import Console

from imafarm.cli._live_up import STOP_SECONDS, Call, ended
from imafarm.cli._until_told import until_told
from imafarm.report.live import LiveLine, counted, live_line

if TYPE_CHECKING:
    from imafarm.live._supervisor import Child, Supervisor

LOOK_SECONDS = 0.5
LEAVE_SECONDS = 10.0
"""What a host may take to leave on top of its stop, before it is killed."""


def run_processes(call: Call, store: str | None, assignments: Sequence[str], *, restarts: bool) -> int:
    """Runs each host in a process, until told to stop or until none is left; the exit code.

    The farm is handed to them in a data store: the one it came from, or a new one that is gone afterwards. So they
    share their configuration, whoever of them changes it. Their local host caches are in files that are gone
    afterwards, too.

    store: the one it came from; assignments: the settings that go before those in there.
    """
    from imafarm.live._supervisor import Patience, Supervisor

    # What every child would say is said once.
    call.topology.live_addresses()
    call.access.keys()
    call.access.tls()
    with tempfile.TemporaryDirectory(prefix="imafarm-live-") as directory:
        place = Path(directory)
        supervisor = Supervisor(
            list(_children(call, store, assignments, place)),
            _tell_json if call.course.log_json else partial(_tell_text, as_json=call.course.as_json),
            restarts=restarts,
            patience=Patience(stop_seconds=STOP_SECONDS + LEAVE_SECONDS),
        )
        zones = counted(len(call.topology.resolver.zones()), "zone")
        call.say(f"{counted(len(supervisor.children), 'host')} in {zones}, each a process.")
        call.say_how_to_go_on(supervisor.children[0].name)
        with live_line(Console(stderr=True)) as line:
            result = trio.run(_run, call, supervisor, line)
    return ended(call, result)


def _children(call: Call, store: str | None, assignments: Sequence[str], place: Path) -> Iterator[Child]:
    from imafarm.live._supervisor import Child

    if store is None:
        store, assignments = _new_store(call, place), ()
    given = [
        *(f"--set={assignment}" for assignment in assignments),
        *call.access.arguments(),
        *(["--log-json", "--json"] if call.course.log_json else []),
    ]
    command = [sys.executable, "-m", "imafarm", "live", "host", "--until-input-ends", f"--store={store}"]
    for index, name in enumerate(call.topology.resolver.names_of(range(len(call.topology.resolver)))):
        own = [f"--name={name}", f"--cache={place / f'{index}.cache'}", f"--seed={call.seed}"]
        yield Child(name, [*command, *own, *given])


def _new_store(call: Call, place: Path) -> str:
    from imafarm.store import DataStore

    path = str(place / "farm.db")
    topology = call.topology
    with DataStore.create(path, product=topology.product, magic=topology.magic) as store:
        store.replace(topology)
    return path


async def _run(call: Call, supervisor: Supervisor, line: LiveLine | None) -> dict[str, Any] | None:
    return await until_told(partial(_supervise, call, supervisor, line), seconds=call.course.seconds)


async def _supervise(call: Call, supervisor: Supervisor, line: LiveLine | None, stop: trio.Event) -> dict[str, Any]:
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_stop_when_told, supervisor, stop)
        if line is not None:
            nursery.start_soon(_keep_line, supervisor, line)
        await supervisor.run()
        nursery.cancel_scope.cancel()
    return {
        "hosts": len(supervisor.children),
        "zones": len(call.topology.resolver.zones()),
        "seed": call.seed,
        "seconds": round(trio.current_time() - began, 3),
        # That all have gone by themselves is no good order.
        "stopped": stop.is_set() and not supervisor.killed,
        "died": sorted(supervisor.died),
        "killed": sorted(supervisor.killed),
    }


async def _stop_when_told(supervisor: Supervisor, stop: trio.Event) -> None:
    await stop.wait()
    supervisor.stop()


async def _keep_line(supervisor: Supervisor, line: LiveLine) -> None:
    while True:
        line.say(f"{len(supervisor.running):,} of {counted(len(supervisor.children), 'host')} run")
        await trio.sleep(LOOK_SECONDS)


def _tell_text(name: str, said: str, *, as_json: bool) -> None:
    print(f"{name} | {said}", file=sys.stderr if as_json else sys.stdout, flush=True)


def _tell_json(name: str, said: str) -> None:
    """A child's log line as it is, besides the host's name; anything else as a log line."""
    try:
        told = json.loads(said)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        told = {"event": "said", "text": said}
    print(json.dumps({"host": name, **told}, ensure_ascii=False), file=sys.stderr, flush=True)
