"""One case of the scaling benches, in a process of its own: so its memory is its own, and it can be ended.

    python benches/_cases.py '{"work": "failover", "hosts": 1000}'

prints what was measured as one JSON object. `measure` runs that, and gives it up when it takes too long.
"""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SETTLED_SECONDS = 120.0
"""Farm seconds after which a farm has booted: its hosts start within the first minute."""
ELECTION_SECONDS = 3_600.0
"""How long a zone may take to agree, in farm seconds. Our guess: far longer than any does."""
STORM = ("ELECT_MASTER", "ELECT_MASTER_ACK", "DECLARE_MASTER")
"""What an election itself consists of: bindings aside, they are the storm that other simulators are given, too."""


@dataclass(frozen=True)
class Case:
    """What is measured."""

    work: str
    """`boot`: all hosts start. `steady`: after that, `seconds` pass. `failover`: after that, each zone's collector
    crashes, and it goes on until each has another."""
    hosts: int
    zones: int = 1
    entries: int = 512
    """`MaxHostAddressCacheEntries`"""
    seconds: float = 0.0
    """Farm seconds of `steady`."""
    threads: int = 1
    bound: bool = False
    """All hosts of a zone are bound to one another from the start."""


@dataclass(frozen=True)
class Measured:
    """What one run took."""

    seconds: float
    """Wall time of the work itself."""
    processor_seconds: float
    """Processor time of the work itself, of all threads. With one thread it is less than the wall time where the
    machine had other things to do."""
    before_seconds: float
    """Wall time of what came before it: the farm is made, and boots."""
    peak_mib: float
    """The most memory that the process had at once."""
    empty_mib: float
    """What it had before the farm was made: interpreter and library."""
    events: int
    """Events that the farm worked through."""
    messages: int
    """Messages of the work itself that were sent, of all kinds."""
    storm_messages: int
    """Those of `STORM` among them."""

    def bytes_a_host(self, hosts: int) -> float:
        """What the farm itself had at its most, over its hosts."""
        return (self.peak_mib - self.empty_mib) * 2**20 / hosts


@dataclass(frozen=True)
class Unmeasured:
    """Why there is nothing."""

    why: str
    over_seconds: float | None = None
    """How long it had, if that was not enough."""


def measure(case: Case, within_seconds: float) -> Measured | Unmeasured:
    """Runs a case in a process of its own, for so long at the most."""
    command = [sys.executable, __file__, json.dumps(asdict(case))]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=within_seconds)
    except subprocess.TimeoutExpired:
        return Unmeasured(f"more than {within_seconds:.0f} s", within_seconds)
    if run.returncode != 0:
        last = run.stderr.strip().splitlines()[-1:] or [f"exit code {run.returncode}"]
        return Unmeasured(last[0])
    return Measured(**json.loads(run.stdout))


def resident_mib(which: str) -> float:
    """`VmRSS`, the memory that this process has, or `VmHWM`, the most it has had.

    Not `getrusage`: what that says begins with the memory of the process that started this one.
    """
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(which):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {which}: this takes Linux")


def options(case: Case) -> dict[str, Any]:
    """What `open_emulated_farm` is called with. A farm that can be bound from the start is one of later versions."""
    import imafarm

    called: dict[str, Any] = {"hosts": case.hosts, "zones": case.zones, "seed": 7, "threads": case.threads}
    called["settings"] = {"MaxHostAddressCacheEntries": case.entries}
    if case.bound:
        if "bound" not in inspect.signature(imafarm.open_emulated_farm).parameters:
            raise SystemExit("no bound=True yet")
        called["bound"] = True
    return called


def run(case: Case) -> Measured:
    """Runs a case here."""
    import trio
    import trio.testing  # It brings pytest along, where there is one; else the first wait would pay for that.

    import imafarm

    async def boot(farm: imafarm.EmulatedFarm) -> None:
        await trio.sleep(SETTLED_SECONDS)
        for zone in farm.zones:
            await farm.wait_master(zone)

    async def fail_over(farm: imafarm.EmulatedFarm) -> None:
        old = dict(farm.masters)
        await farm.crash([master for master in old.values() if master is not None])
        with trio.fail_after(ELECTION_SECONDS):
            for zone in farm.zones:
                await farm.wait_master(zone, other_than=old[zone])

    async def main() -> Measured:
        empty_mib = resident_mib("VmRSS")
        began = time.perf_counter()
        async with imafarm.open_emulated_farm(**options(case)) as farm:
            if case.work != "boot":
                await boot(farm)
            before, clock, processor = farm.statistics(), time.perf_counter(), time.process_time()
            match case.work:
                case "boot":
                    await boot(farm)
                case "steady":
                    await trio.sleep(case.seconds)
                case "failover":
                    await fail_over(farm)
                case unknown:
                    raise ValueError(f"no such work: {unknown}")
            seconds, processor_seconds = time.perf_counter() - clock, time.process_time() - processor
            counted = farm.statistics().since(before)
            return Measured(
                seconds=seconds,
                processor_seconds=processor_seconds,
                before_seconds=clock - began,
                peak_mib=resident_mib("VmHWM"),
                empty_mib=empty_mib,
                events=counted.events,
                messages=sum(traffic.sent for traffic in counted.messages.values()),
                storm_messages=sum(counted.messages[kind].sent for kind in STORM),
            )

    return imafarm.run(main)


if __name__ == "__main__":
    print(json.dumps(asdict(run(Case(**json.loads(sys.argv[1]))))))
