"""Tables of farms that go on, that are gone, that came late; many chunks, many readers, many threads."""

import gc
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import imafarm
from imafarm import EventKind, Recording, Table
from imafarm.tables import Column

NAMES = ("events", "traffic", "bindings", "hosts")
SECOND_NS = 1_000_000_000


def tables(farm: imafarm.EmulatedFarm) -> dict[str, Table]:
    return {name: getattr(farm, name)() for name in NAMES}


def rows(of: dict[str, Table]) -> dict[str, list[dict[str, Any]]]:
    return {name: table.rows() for name, table in of.items()}


async def restless(farm: imafarm.EmulatedFarm) -> None:
    """A collector crashes, comes back, and is cut off for a while."""
    collector = await farm.wait_master("Z1")
    await farm.crash(collector)
    await trio.sleep(70)
    await farm.start(collector)
    cut = await farm.partition(farm.hosts_of("Z1")[:3])
    await trio.sleep(70)
    await farm.heal(cut)
    await trio.sleep(70)


# -- the farm goes on, or is gone


def test_a_table_stays_as_it_was_while_its_farm_goes_on() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=30, zones=2, seed=3, record=True) as farm:
            await farm.wait_converged()
            read, unread = tables(farm), tables(farm)
            before = rows(read)
            exported = {name: pa.table(table) for name, table in read.items()}
            await restless(farm)
            later = tables(farm)
            # Those that were not looked at until now as well.
            assert rows(read) == rows(unread) == before
            assert {name: table.to_pylist() for name, table in exported.items()} == before
            assert len(later["events"]) > len(before["events"])
            assert later["events"].rows(0, len(before["events"])) == before["events"]

    imafarm.run(main)


def test_a_table_can_be_read_when_its_farm_is_closed_and_gone() -> None:
    async def main() -> tuple[dict[str, Table], dict[str, Any]]:
        async with imafarm.open_emulated_farm(hosts=30, zones=2, seed=3, record=True) as farm:
            await farm.wait_converged()
            return tables(farm), rows(tables(farm))

    taken, expected = imafarm.run(main)
    gc.collect()
    assert rows(taken) == expected


def test_a_closed_farm_still_gives_tables() -> None:
    async def main() -> tuple[dict[str, Any], dict[str, Any]]:
        async with imafarm.open_emulated_farm(hosts=30, zones=2, seed=3, record=True) as farm:
            await farm.wait_converged()
            opened = rows(tables(farm))
        return opened, rows(tables(farm))

    opened, closed = imafarm.run(main)
    assert opened == closed


def test_times_count_from_when_the_farm_was_opened() -> None:
    """Of a farm that was opened late, too: what a table says, a watcher hears and an election tells is one moment."""

    async def main() -> None:
        await trio.sleep(1_000.25)
        async with imafarm.open_emulated_farm(hosts=10, seed=3, record=Recording(bin_seconds=1)) as farm:
            async with farm.watch() as events:
                await farm.wait_master()
                heard = [events.receive_nowait() for _ in range(events.statistics().current_buffer_used)]
            assert farm.opened_seconds == 1_000.25

            def since_opened(seconds: float | None) -> int:
                assert seconds is not None
                return round(seconds * SECOND_NS) - 1_000_250_000_000

            assert farm.events().column("time_ns") == [since_opened(event.seconds) for event in heard]
            agreed = {row["time_ns"] for row in farm.events().rows() if row["kind"] == "ZONE_AGREED"}
            assert {since_opened(election.converged_seconds) for election in farm.elections()} <= agreed
            for name in ("traffic", "bindings"):
                table: Table = getattr(farm, name)()
                assert 0 <= min(table.column("start_ns")) < 61 * SECOND_NS, name
                assert max(table.column("end_ns")) <= since_opened(trio.current_time()) + SECOND_NS, name

    imafarm.run(main)


def test_two_farms_of_one_run_have_tables_of_their_own() -> None:
    async def main() -> None:
        async with (
            imafarm.open_emulated_farm(hosts=5, seed=3, record=True) as one,
            imafarm.open_emulated_farm(hosts=7, seed=4) as other,
        ):
            await one.wait_master()
            await other.wait_master()
            assert set(one.events().column("host")) == {f"H{n}" for n in range(1, 6)}
            assert len(other.hosts()) == 7
            for name in NAMES[:3]:
                with pytest.raises(imafarm.ConfigurationError, match=f"{name}: .*record"):
                    getattr(other, name)()

    imafarm.run(main)


# -- what tables say is what the farm says


async def _recorded(
    *, hosts: int, zones: int, seed: int, step_seconds: float = 1_000.0, **how: Any
) -> tuple[dict[str, list[dict[str, Any]]], imafarm.FarmStatistics]:
    record = how.pop("record", True)
    async with imafarm.open_emulated_farm(hosts=hosts, zones=zones, seed=seed, record=record, **how) as farm:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_tick, step_seconds)
            await restless(farm)
            nursery.cancel_scope.cancel()
        return rows(tables(farm)), farm.statistics()


async def _tick(seconds: float) -> None:
    """Stops farm time again and again, which must not be seen."""
    for _ in range(1_000_000):
        await trio.sleep(seconds)


@pytest.mark.parametrize("record", [True, Recording(bin_seconds=0.001, sample_seconds=7), Recording(bin_seconds=500)])
def test_bins_add_up_to_what_the_farm_has_counted(record: Recording | bool) -> None:
    told, statistics = imafarm.run(lambda: _recorded(hosts=40, zones=3, seed=5, record=record))
    for kind, traffic in statistics.messages.items():
        of_kind = [row for row in told["traffic"] if row["kind"] == kind]
        for key in ("sent", "delivered", "dropped"):
            assert sum(row[key] for row in of_kind) == getattr(traffic, key), (kind, key)
        assert sum(row["sent_bytes"] for row in of_kind) == traffic.bytes
    for key in ("opened", "hit", "evicted", "closed", "refused"):
        assert sum(row[key] for row in told["bindings"]) == getattr(statistics.bindings, key), key
        assert sum(row[key] for row in told["hosts"]) == getattr(statistics.bindings, key), key
    last = {row["zone"]: row["active"] for row in told["bindings"]}
    active = Counter[str]()
    for row in told["hosts"]:
        active[row["zone"]] += row["active"]
    assert last == active and sum(last.values()) == statistics.bindings.active


@pytest.mark.parametrize("name", ["traffic", "bindings"])
def test_bins_are_in_order_and_apart(name: str) -> None:
    told, _ = imafarm.run(lambda: _recorded(hosts=40, zones=3, seed=5))
    table = told[name]
    bins = [(row["start_ns"], row["end_ns"]) for row in table]
    assert bins == sorted(bins)
    apart = sorted(set(bins))
    assert all(start < end for start, end in apart)
    assert all(end <= start for (_, end), (start, _) in pairwise(apart))
    keys = ("from_zone", "to_zone", "kind") if name == "traffic" else ("zone",)
    each = Counter((row["start_ns"], *(row[key] for key in keys)) for row in table)
    assert set(each.values()) == {1}, "one row for each thing in a bin"


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**64 - 1),
    step_seconds=st.sampled_from([0.0123456789, 0.25, 3.3]),
    threads=st.integers(1, 4),
    exact_queue=st.booleans(),
    wire=st.booleans(),
)
def test_nothing_that_is_written_down_depends_on_how_the_farm_was_driven(
    seed: int, step_seconds: float, threads: int, exact_queue: bool, wire: bool
) -> None:
    plain, _ = imafarm.run(lambda: _recorded(hosts=24, zones=2, seed=seed))
    driven, _ = imafarm.run(
        lambda: _recorded(
            hosts=24,
            zones=2,
            seed=seed,
            step_seconds=step_seconds,
            threads=threads,
            exact_queue=exact_queue,
            wire=wire,
        )
    )
    assert driven == plain


@pytest.mark.parametrize("step_seconds", [0.0007, 0.05])
def test_a_storm_in_bulk_is_written_down_as_one_message_after_the_other(step_seconds: float) -> None:
    async def storm(step_seconds: float, exact_queue: bool) -> Any:
        async with imafarm.open_emulated_farm(
            hosts=150,
            seed=9,
            boot_seconds=1,
            bound=True,
            exact_queue=exact_queue,
            record=Recording(bin_seconds=0.0005, sample_seconds=0.003),
        ) as farm:
            await farm.wait_master()
            await trio.sleep(5)
            await farm.elect("H2")
            began = trio.current_time()
            for part in range(1, round(2 / step_seconds) + 1):
                await trio.sleep_until(began + part * step_seconds)
            return rows(tables(farm))

    whole = imafarm.run(storm, 2.0, True)
    assert sum(row["sent"] for row in whole["traffic"] if row["kind"] == "ELECT_MASTER") > 1_000
    assert imafarm.run(storm, 2.0, False) == whole
    assert imafarm.run(storm, step_seconds, False) == whole


# -- many chunks, many readers


@pytest.fixture(scope="module")
def long() -> Table:
    """Events of more than three chunks, with others and without, from a farm whose hosts freeze and go on."""

    async def main() -> Table:
        async with imafarm.open_emulated_farm(
            hosts=1_000, seed=1, boot_seconds=0.1, record=Recording(traffic=False, bindings=False)
        ) as farm:
            await farm.wait_master()
            hosts = farm.host_names[1:]
            while len(farm.events()) < 200_000:
                await farm.pause(hosts)
                await farm.resume(hosts)
                await trio.sleep(0.001)
            return farm.events()

    return imafarm.run(main)


def test_every_reader_has_the_same_rows_of_many_chunks(long: Table) -> None:
    columns = {name: long.column(name) for name in long.column_names}
    assert len(long) >= 200_000 and {len(values) for values in columns.values()} == {len(long)}
    assert None in columns["other"] and "H1" in columns["other"]
    read = pa.table(long)
    read.validate(full=True)
    assert len(read.to_batches()) >= 4
    frame, pandas = pl.DataFrame(long), pd.DataFrame.from_arrow(long)
    for name, values in columns.items():
        assert read[name].to_pylist() == values
        assert frame[name].to_list() == values
        assert pandas[name].astype(object).where(pandas[name].notna(), None).tolist() == values


@pytest.mark.parametrize(
    ("start", "count"), [(0, 1), (65_535, 2), (65_536, 1), (131_000, 200), (199_999, 9), (10**9, 1)]
)
def test_rows_across_chunks_are_the_same_as_values(long: Table, start: int, count: int) -> None:
    expected = [
        dict(zip(long.column_names, row, strict=True))
        for row in zip(*(long.column(name)[start : start + count] for name in long.column_names), strict=True)
    ]
    assert long.rows(start, count) == expected


def test_many_threads_read_one_table_at_once(long: Table) -> None:
    gate = threading.Barrier(8)
    expected = pa.table(long)

    def read(number: int) -> bool:
        gate.wait()
        if number % 2:
            return bool(pa.table(long).equals(expected))
        return pl.DataFrame(long).height == len(long) and len(long.column("host")) == len(long)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(8)))


def test_threads_read_while_the_farm_goes_on() -> None:
    """Farm time does not wait for threads: they read what was, while it works on what comes next."""
    seen: list[int] = []
    enough = threading.Event()

    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=300, seed=3, record=True) as farm:
            await farm.wait_master()
            taken = tables(farm)
            expected = {name: pa.table(table).to_pylist() for name, table in taken.items()}

            def read() -> None:
                while not enough.is_set():
                    for name, table in taken.items():
                        assert pa.table(table).to_pylist() == expected[name]
                    seen.append(len(expected["events"]))

            with ThreadPoolExecutor(2) as pool:
                readers = [pool.submit(read) for _ in range(2)]
                try:
                    for _ in range(20):
                        await farm.restart(farm.host_names[:50])
                        await trio.sleep(30)
                        tables(farm)
                finally:
                    enough.set()
                for reader in readers:
                    reader.result()
            assert len(farm.events()) > len(expected["events"])

    imafarm.run(main)
    assert seen


def test_exports_that_nobody_takes_or_only_half_cost_nothing_and_break_nothing(long: Table) -> None:
    for _ in range(200):
        long.__arrow_c_stream__()
        long.__arrow_c_schema__()
    reader = pa.RecordBatchReader.from_stream(long)
    first = reader.read_next_batch()
    del reader
    gc.collect()
    assert first.to_pylist()[:3] == long.rows(0, 3)
    assert pa.table(long).num_rows == len(long)


def test_two_exports_at_once_do_not_take_rows_from_one_another(long: Table) -> None:
    one, other = pa.RecordBatchReader.from_stream(long), pa.RecordBatchReader.from_stream(long)
    taken: list[list[int]] = [[], []]
    for _ in range(4):
        for place, reader in enumerate((one, other)):
            taken[place].append(reader.read_next_batch().num_rows)
    assert taken[0] == taken[1] and sum(taken[0]) == len(long)


def test_a_capsule_is_taken_once() -> None:
    table = Table.of({"n": [1, 2]}, [Column("n", "int64")])
    for source in (table, _events_of_a_small_farm()):
        capsule = source.__arrow_c_stream__()

        class Once:
            def __init__(self, capsule: object) -> None:
                self.capsule = capsule

            def __arrow_c_stream__(self, requested_schema: object = None) -> object:
                return self.capsule

        assert pa.table(Once(capsule)).num_rows == len(source)
        with pytest.raises((ValueError, pa.ArrowInvalid)):
            pa.table(Once(capsule))
        assert pa.table(source).num_rows == len(source)


def _events_of_a_small_farm() -> Table:
    async def main() -> Table:
        async with imafarm.open_emulated_farm(hosts=3, seed=3, record=True) as farm:
            await farm.wait_master()
            return farm.events()

    return imafarm.run(main)


def test_a_table_of_a_table_is_the_same(long: Table) -> None:
    assert pa.table(Table(Table(long))).equals(pa.table(long))
    assert Table(Table(long)).schema == long.schema


def test_many_chunks_in_a_file_and_many_who_write_it(long: Table, tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    for _ in range(2):
        long.write_parquet(path)
        assert pq.read_table(path).num_rows == len(long)
    read = pq.read_table(path)
    assert all(read[name].to_pylist() == long.column(name) for name in long.column_names)
    assert [entry.name for entry in tmp_path.iterdir()] == ["events.parquet"]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: long.write_parquet(tmp_path / f"{number}.parquet"), range(4)))
    assert len({(tmp_path / f"{number}.parquet").read_bytes() for number in range(4)}) == 1


# -- nothing, and very little


@pytest.mark.parametrize("name", ["events", "traffic", "bindings"])
def test_tables_of_a_farm_in_which_nothing_happens(name: str, tmp_path: Path) -> None:
    async def main() -> Table:
        async with imafarm.open_emulated_farm(hosts=3, boot_seconds=None, record=True) as farm:
            await trio.sleep(1_000)
            table: Table = getattr(farm, name)()
            return table

    table = imafarm.run(main)
    assert len(table) == 0 and table.rows() == [] and table.rows(5, 5) == []
    assert all(table.column(column) == [] for column in table.column_names)
    assert "0 rows" in table._repr_html_() and repr(table).startswith("<Table of 0 rows: ")
    schema, read = pa.schema(table), pa.table(table)
    assert read.num_rows == 0 and read.schema.equals(schema, check_metadata=True)
    table.write_parquet(tmp_path / "empty.parquet")
    assert pq.read_table(tmp_path / "empty.parquet").num_rows == 0
    assert Table(pq.read_table(tmp_path / "empty.parquet")).column_names == table.column_names


def test_kinds_that_were_not_asked_for_are_not_there() -> None:
    async def main() -> set[str]:
        kinds = EventKind.HOST_UP | EventKind.ZONE_AGREED
        async with imafarm.open_emulated_farm(
            hosts=10, seed=3, record=Recording(kinds=kinds, traffic=False, bindings=False)
        ) as farm:
            # Who watches hears everything all the same.
            heard = await farm.wait_event(EventKind.MASTER_DECLARED)
            assert heard.kind is EventKind.MASTER_DECLARED
            await farm.wait_master()
            with pytest.raises(imafarm.ConfigurationError, match="traffic"):
                farm.traffic()
            return set(farm.events().column("kind"))

    assert imafarm.run(main) == {"HOST_UP", "ZONE_AGREED"}
