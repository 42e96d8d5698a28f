"""What it costs to write down all that happens: a day of users as it is, and recorded and written as Parquet.

`python benches/recording.py --rows 10000000`, with the project's own Python. Users log on to a zone of 300 servers,
833 a second, until so many events have happened. Processor time is what is compared, since others may be at work.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from tempfile import TemporaryDirectory
from time import process_time

import trio

import imafarm

HOSTS = 300
LOGONS_PER_HOUR = 3_000_000.0
ROWS_PER_SECOND = 2_490
"""How many events happen in a farm second, each user counted from logon to logoff."""
TABLES = ("events", "traffic", "bindings", "hosts")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took. Seconds are the processor's."""

    rows: int
    engine_events: int
    run_seconds: float
    write_seconds: float
    file_bytes: int
    memory_bytes: int
    """The most that the process has held by then."""
    digest: str


def busy() -> imafarm.Topology:
    """A zone in which users come for some twenty seconds each."""
    topology = replace(imafarm.Topology.of(HOSTS), applications={"Desktop": None})
    users = imafarm.Workload(
        logons_per_hour=LOGONS_PER_HOUR,
        applications=("Desktop",),
        session_seconds=20.0,
        disconnect_share=0.5,
        disconnected_seconds=5.0,
    )
    return replace(topology, workload={"Z1": users})


def cost(rows: int, *, record: bool, directory: Path) -> Cost:
    """Runs the zone until about so many events have happened, and writes them down if it is recorded."""

    async def main() -> Cost:
        began = process_time()
        async with imafarm.open_emulated_farm(
            topology=busy(), seed=7, boot_seconds=10.0, threads=1, record=record
        ) as farm:
            await trio.sleep(rows / ROWS_PER_SECOND)
            ran = process_time()
            size, written = 0, 0
            if record:
                for name in TABLES:
                    table: imafarm.Table = getattr(farm, name)()
                    table.write_parquet(directory / f"{name}.parquet")
                    size += (directory / f"{name}.parquet").stat().st_size
                written = len(farm.events())
            wrote = process_time()
            memory = getrusage(RUSAGE_SELF).ru_maxrss * 1024
            engine_events = farm.statistics().events
            return Cost(written, engine_events, ran - began, wrote - ran, size, memory, farm.digest())

    return imafarm.run(main)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints what both runs took. Exit code 1 if they did not do the same."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="about how many events are written (1000000)")
    rows = parser.parse_args(arguments).rows
    with TemporaryDirectory() as directory:
        plain = cost(rows, record=False, directory=Path(directory))
        recorded = cost(rows, record=True, directory=Path(directory))
    print(f"{recorded.rows:,} events written, of {recorded.engine_events:,} that the engine handled")
    print(f"{'':<22}{'run s':>8}{'write s':>9}{'MB on disk':>12}{'MB held':>9}")
    for title, one in (("plain", plain), ("recorded and written", recorded)):
        print(
            f"{title:<22}{one.run_seconds:>8.2f}{one.write_seconds:>9.2f}"
            f"{one.file_bytes / 1e6:>12.1f}{one.memory_bytes / 1e6:>9.0f}"
        )
    added = (recorded.run_seconds + recorded.write_seconds) / plain.run_seconds - 1
    print(f"recording and writing add {added:.0%} of processor time")
    return 0 if plain.digest == recorded.digest else 1


if __name__ == "__main__":
    sys.exit(main())
