"""A live farm, or one host of it, in this process, from its opening to its end."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import trio
from rich.console import Console

from imafarm.cli._errors import FAILED, INTERRUPTED, PASSED
from imafarm.cli._until_told import until_told
from imafarm.report.live import LiveLine, counted, live_line, live_status, named_masters

if TYPE_CHECKING:
    from imafarm.cli._live_options import Access, Course
    from imafarm.configuration import OpenedLiveStore
    from imafarm.keys import FarmKeys
    from imafarm.live import LiveFarm
    from imafarm.live._tls import TlsFiles
    from imafarm.topology import Topology

STOP_SECONDS = 20.0
"""How long a farm may take to stop in good order. Our guess: an election, and a few tries of it."""
ADMIN_PORT = 2513
"""Where the tools ask, unless they are told otherwise."""
LAST_WORDS_SECONDS = 1.0
"""How long a process without hosts stays: whoever has told its last one to stop is still answered."""
LOOK_SECONDS = 0.5
"""How often what is shown of a farm is brought up to date."""


@dataclass(frozen=True, slots=True)
class Call:
    """What `live up` and `live host` were called for."""

    topology: Topology
    seed: int
    access: Access
    course: Course
    store: str | None = None
    """The URL of the data store in which the farm is, for processes to be told."""
    assignments: Sequence[str] = ()
    """The settings that go before those of the store, for the same."""
    opened: OpenedLiveStore | None = None
    """The data store that the hosts of this process ask."""
    only: str | None = None
    """The one host that lives in this process; `None`: all of them."""
    with_parent: bool = False
    """Whether it stops when standard input ends."""

    def say(self, said: str) -> None:
        """Tells the user something, unless only a JSON object is wanted."""
        if not self.course.as_json:
            print(said, flush=True)

    def say_how_to_go_on(self, host: str) -> None:
        """Tells the user how to ask this host, and how to stop the farm."""
        index = self.topology.resolver.by_name(host)
        address, port = self.topology.live.address_of(index, host), self.topology.resolver.record(index).admin_port
        where = address if port == ADMIN_PORT else f"{address}:{port}"
        self.say(f"To ask:  imafarm querydc --connect {where}{self.access.asking()}")
        self.say("To stop: Ctrl-C, which takes a moment; Ctrl-C again, at once.")


def run_here(call: Call) -> int:
    """Runs it until it is told to stop; the exit code."""
    keys, tls = call.access.keys(), call.access.tls()
    log_to_standard_error()
    with live_line(Console(stderr=True)) as line:
        result = trio.run(_run, call, keys, tls, line)
    return ended(call, result)


def ended(call: Call, result: dict[str, Any] | None) -> int:
    """Says how it ended; the exit code."""
    if result is None:
        print("imafarm: ended at once, as told", file=sys.stderr)
        return INTERRUPTED
    if call.course.as_json:
        print(json.dumps(result))
    elif result["stopped"]:
        call.say(f"Stopped in good order after {result['seconds']:.1f} s.")
    else:
        print("imafarm: it did not start, or not stop, in good order", file=sys.stderr)
    return PASSED if result["stopped"] else FAILED


def log_to_standard_error() -> None:
    """Has what live hosts log written there, a line each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("imafarm.live")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


async def _run(call: Call, keys: FarmKeys | None, tls: TlsFiles | None, line: LiveLine | None) -> dict[str, Any] | None:
    work = partial(_live, call, keys, tls, line)
    return await until_told(work, seconds=call.course.seconds, with_parent=call.with_parent)


async def _live(
    call: Call, keys: FarmKeys | None, tls: TlsFiles | None, line: LiveLine | None, stop: trio.Event
) -> dict[str, Any]:
    from imafarm.live import BOOT_SECONDS, LiveLog, exposition, open_admin_ports, open_live_farm, serve_metrics

    began = trio.current_time()
    masters: dict[str, str | None] = {}
    opened = open_live_farm(
        topology=call.topology if call.opened is None else None,
        store=call.opened,
        seed=call.seed,
        # Hosts of a farm come up one after the other; one by itself does so at once.
        boot_seconds=BOOT_SECONDS if call.only is None else 0.0,
        keys=keys,
        tls=tls,
        local=None if call.only is None else [call.only],
        allow_open=call.access.without_key,
        live_log=LiveLog(json_lines=call.course.log_json),
    )
    async with opened as farm, open_admin_ports(farm, keys=keys, tls=tls):
        async with trio.open_nursery() as nursery:
            if (address := call.course.metrics_address()) is not None:
                await nursery.start(partial(serve_metrics, partial(exposition, farm), address))
            _tell_opened(call, farm)
            if line is not None:
                nursery.start_soon(_keep_line, farm, line)
            nursery.start_soon(_tell_masters, call, farm, masters, began)
            nursery.start_soon(_stop_when_none_runs, farm, stop)
            await stop.wait()
            nursery.cancel_scope.cancel()
        if line is not None:
            line.say("stopping")
        with trio.move_on_after(STOP_SECONDS) as patience:
            await farm.stop(farm.local_hosts)
            await farm.wait_stopped()
        statistics = farm.statistics()
        return {
            "hosts": len(farm.local_hosts),
            "zones": len(farm.zones),
            "seed": call.seed,
            "seconds": round(trio.current_time() - began, 3),
            # A farm of which nobody was to start is no good order.
            "stopped": not patience.cancelled_caught and len(_refused(farm)) < len(farm.local_hosts),
            "masters": masters,
            "messages": {kind: asdict(traffic) for kind, traffic in statistics.messages.items()},
            "bindings": asdict(statistics.bindings),
            "elections": {"started": statistics.elections_started, "won": statistics.elections_won},
        }


def _tell_opened(call: Call, farm: LiveFarm) -> None:
    hosts = farm.local_hosts
    first, last = (":".join(map(str, farm.address(host))) for host in (hosts[0], hosts[-1]))
    if call.only is not None:
        call.say(f"{call.only} listens on {first}.")
    else:
        where = first if first == last else f"{first} to {last}"
        call.say(f"{counted(len(hosts), 'host')} in {counted(len(farm.zones), 'zone')}, on {where}.")
    if not call.with_parent:
        call.say_how_to_go_on(hosts[0])


async def _stop_when_none_runs(farm: LiveFarm, stop: trio.Event) -> None:
    """Ends the process once all its hosts were told to stop at their management ports, or none of them was to start."""
    await farm.wait_started()
    await farm.wait_stopped()
    await trio.sleep(LAST_WORDS_SECONDS)
    stop.set()


def _refused(farm: LiveFarm) -> set[str]:
    """The hosts of which a start was refused, since the data store was down."""
    from imafarm.farm import EventKind

    return {event.host for event in farm.event_log() if event.kind is EventKind.START_REFUSED}


async def _keep_line(farm: LiveFarm, line: LiveLine) -> None:
    while True:
        line.tell(live_status(farm, farm.local_hosts))
        await trio.sleep(LOOK_SECONDS)


async def _tell_masters(call: Call, farm: LiveFarm, told: dict[str, str | None], began: float) -> None:
    """Says who collects: first when all zones have a collector, then whenever one has another."""
    is_first = True
    while True:
        now = _masters(farm, call.only)
        if not is_first:
            for zone, master in now.items():
                if master is not None and master != told.get(zone):
                    call.say(f"{zone} is collected by {master} now.")
            told.update({zone: master for zone, master in now.items() if master is not None})
        elif all(now.get(zone) is not None for zone in _led(farm, call.only)):
            is_first = False
            told.update(now)
            call.say(f"All agreed after {trio.current_time() - began:.1f} s: {named_masters(now)}.")
        await trio.sleep(LOOK_SECONDS)


def _led(farm: LiveFarm, only: str | None) -> Sequence[str]:
    """The zones of which a collector is to be told."""
    return farm.led_zones if only is None else [farm.record(only).zone]


def _masters(farm: LiveFarm, only: str | None) -> dict[str, str | None]:
    """By zone: the collector on whom all agree; of one host's zone, the one that it knows of."""
    if only is None:
        return dict(farm.masters)
    return {farm.record(only).zone: farm.host_state(only).master}
