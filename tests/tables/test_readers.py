"""Four libraries that know nothing of imafarm open its tables as they are, and copy nothing that need not be copied."""

from collections.abc import Callable
from contextlib import suppress

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import trio

import imafarm
from imafarm import EventKind, Table, _imafarm
from imafarm.farm import FarmEvent
from imafarm.topology import Topology


async def _booted() -> tuple[list[FarmEvent], dict[str, Table]]:
    heard = []
    async with imafarm.open_emulated_farm(hosts=60, zones=3, seed=3, record=True) as farm:
        async with farm.watch(EventKind.ALL) as events:
            await farm.wait_converged()
            with suppress(trio.WouldBlock):
                while True:
                    heard.append(events.receive_nowait())
        tables = {
            "events": farm.events(),
            "traffic": farm.traffic(),
            "bindings": farm.bindings(),
            "hosts": farm.hosts(),
        }
        return heard, tables


@pytest.fixture(scope="module")
def booted() -> tuple[list[FarmEvent], dict[str, Table]]:
    return imafarm.run(_booted)


def rows_of_polars(table: Table) -> list[dict[str, object]]:
    return pl.DataFrame(table).to_dicts()


def rows_of_pandas(table: Table) -> list[dict[str, object]]:
    frame = pd.DataFrame.from_arrow(table)
    columns = {name: frame[name].astype(object).where(frame[name].notna(), None) for name in frame.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def rows_of_pyarrow(table: Table) -> list[dict[str, object]]:
    return list(pa.table(table).to_pylist())


def rows_of_duckdb(table: Table) -> list[dict[str, object]]:
    rows = table
    read = duckdb.connect().execute("select * from rows")
    del rows
    names = [column[0] for column in read.description or ()]
    return [dict(zip(names, row, strict=True)) for row in read.fetchall()]


READERS = [rows_of_polars, rows_of_pandas, rows_of_pyarrow, rows_of_duckdb]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("name", ["events", "traffic", "bindings", "hosts"])
def test_a_table_opens_as_it_is(
    booted: tuple[list[FarmEvent], dict[str, Table]], name: str, read: Callable[[Table], list[dict[str, object]]]
) -> None:
    table = booted[1][name]
    assert len(table) > 0
    assert read(table) == table.rows()


@pytest.mark.parametrize("read", READERS)
def test_an_empty_table_opens_too(read: Callable[[Table], list[dict[str, object]]]) -> None:
    async def nothing_happens() -> Table:
        async with imafarm.open_emulated_farm(hosts=3, boot_seconds=None, record=True) as farm:
            return farm.events()

    table = imafarm.run(nothing_happens)
    assert len(table) == 0 and read(table) == []


def test_events_are_those_that_a_watcher_hears(booted: tuple[list[FarmEvent], dict[str, Table]]) -> None:
    heard, tables = booted
    told = [
        (round(event.seconds * 1e9), event.kind.name, event.host, event.other, event.zone)
        for event in heard
        if event.kind.name
    ]
    written = [tuple(row.values()) for row in tables["events"].rows()]
    assert told == written[: len(told)] and len(told) > 60


def full_chunk() -> _imafarm.EmulatedFarm:
    """An engine with more events than a chunk holds: hosts that are frozen and go on, again and again."""
    topology = Topology.of(1_000)
    engine = _imafarm.EmulatedFarm(topology.resolver, seed=1)
    engine.write_down_events(EventKind.ALL.value)
    engine.start(range(1_000))
    engine.advance(1_000_000_000)
    while len(engine.events_table() or ()) <= 70_000:
        engine.pause(range(1_000))
        engine.resume(range(1_000))
    return engine


def addresses(table: _imafarm.ArrowTable | None) -> list[list[int]]:
    """Where the columns' data lies, chunk by chunk, as whoever imports the table finds it."""
    assert table is not None
    places = []
    for batch in pa.table(Table(table)).to_batches():
        columns = [column.indices if isinstance(column, pa.DictionaryArray) else column for column in batch.columns]
        places.append([buffer.address for column in columns for buffer in column.buffers() if buffer is not None])
    return places


def test_a_full_chunk_is_never_copied() -> None:
    engine = full_chunk()
    one, other = engine.events_table(), engine.events_table()
    first, second = addresses(one), addresses(other)
    assert len(first) == 2 and len(first[0]) == 6
    assert first[0] == second[0] == addresses(one)[0]
    assert first[1] != second[1], "the chunk that still grows is copied for each table"


def test_columns_outlive_the_farm_and_do_not_grow_with_it() -> None:
    engine = full_chunk()
    table = engine.events_table()
    assert table is not None
    read, count = pa.table(Table(table)), len(table)
    engine.pause(range(1_000))
    assert len(engine.events_table() or ()) == count + 1_000
    del engine, table
    assert read.num_rows == count and set(read["zone"].to_pylist()) == {"Z1"}
