"""What is recorded is part of the determinism contract: the same files, byte by byte, however a run is driven."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest
import trio

import imafarm
from imafarm import Recording
from imafarm.emulated import _conductor

TABLES = ("events", "traffic", "bindings", "hosts", "messages")


async def story(farm: imafarm.EmulatedFarm) -> None:
    """A boot, sessions, a partition, and a failover in two zones at once."""
    masters = await farm.wait_converged()
    session = await farm.logon("H3", user=1)
    cut = await farm.partition(farm.hosts_of("Z1")[:3])
    await trio.sleep(70.5)
    await farm.heal(cut)
    await farm.crash(list(masters.values())[:2])
    await farm.logoff(session)
    await trio.sleep(200.25)


def recorded(directory: Path, *, record: Recording, threads: int = 1, exact_queue: bool = False) -> Mapping[str, str]:
    """The files of a run, by name: their digests, and the run's own."""

    async def main() -> Mapping[str, str]:
        async with imafarm.open_emulated_farm(
            hosts=60, zones=4, seed=11, boot_seconds=5, threads=threads, exact_queue=exact_queue, record=record
        ) as farm:
            await story(farm)
            digests = {"run": farm.digest()}
            for name in TABLES:
                table = getattr(farm, name)()
                assert len(table) > 0, name
                table.write_parquet(directory / name)
                digests[name] = sha256((directory / name).read_bytes()).hexdigest()
            return digests

    return imafarm.run(main)


@pytest.mark.parametrize("bin_seconds", [None, 0.0123])
def test_threads_slices_and_short_cuts_leave_no_trace_in_what_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bin_seconds: float | None
) -> None:
    record = Recording(bin_seconds=bin_seconds, sample_seconds=bin_seconds, message_hosts=["H1", "H5", "H9", "H57"])
    expected = recorded(tmp_path, record=record)
    assert recorded(tmp_path, record=record, threads=2) == expected
    assert recorded(tmp_path, record=record, threads=3, exact_queue=True) == expected
    monkeypatch.setattr(_conductor, "FIRST_SLICE_EVENTS", 17)
    monkeypatch.setattr(_conductor.Conductor, "_learn_speed", lambda conductor, seconds: None)
    assert recorded(tmp_path, record=record) == expected
    assert recorded(tmp_path, record=record, threads=2) == expected
