"""`imafarm.Table`: columns put together in Python, and the files that they become."""

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from inline_snapshot import snapshot

from imafarm import ConfigurationError, Table
from imafarm.tables import Column

SCHEMA = (
    Column("time_ns", "int64", "ns", "when it was measured"),
    Column("load", "float64", "", "how loaded the server was", nullable=True),
    Column("server", "dictionary<utf8>", "", "which server"),
    Column("note", "utf8", "", "what was said of it", nullable=True),
    Column("up", "bool", "", "whether it ran"),
)


def small() -> Table:
    columns: dict[str, list[object]] = {
        "time_ns": [1, 2, 3],
        "load": [0.5, None, 2.0],
        "server": ["A", "B", "A"],
        "note": ["<b>&", None, ""],
        "up": [True, False, True],
    }
    return Table.of(columns, SCHEMA)


def test_a_table_is_what_it_was_put_together_from() -> None:
    table = small()
    assert len(table) == 3
    assert table.column_names == ["time_ns", "load", "server", "note", "up"]
    assert table.schema == SCHEMA
    assert table.column("load") == [0.5, None, 2.0]
    assert table.rows(1, 1) == [{"time_ns": 2, "load": None, "server": "B", "note": None, "up": False}]
    assert table.rows(3) == []
    assert repr(table) == snapshot(
        "<Table of 3 rows: time_ns: int64, load: float64, server: dictionary<utf8>, note: utf8, up: bool>"
    )


def test_its_arrow_schema_says_what_columns_mean() -> None:
    field = pa.schema(small()).field("time_ns")
    assert field.metadata == {b"unit": b"ns", b"meaning": b"when it was measured"}
    assert pa.schema(small()).field("server").type == pa.dictionary(pa.int32(), pa.string())


def test_a_notebook_shows_its_ends_and_takes_no_name_for_a_tag() -> None:
    assert small()._repr_html_() == snapshot(
        '<table><caption>3 rows</caption><thead><tr><th title="when it was measured">time_ns<br><small>ns</small></th>'
        '<th title="how loaded the server was">load</th><th title="which server">server</th>'
        '<th title="what was said of it">note</th><th title="whether it ran">up</th></tr></thead><tbody><tr><td>1</td>'
        "<td>0.5</td><td>A</td><td>&lt;b&gt;&amp;</td><td>True</td></tr><tr><td>2</td><td></td><td>B</td><td></td>"
        "<td>False</td></tr><tr><td>3</td><td>2.0</td><td>A</td><td></td><td>True</td></tr></tbody></table>"
    )
    long = Table.of({"n": range(1000)}, [Column("n", "int64")])
    shown = long._repr_html_()
    assert "1,000 rows" in shown and shown.count("<tr><td") == 11
    assert all(f"<td>{n}</td>" in shown for n in (0, 4, 995, 999)) and "<td>5</td>" not in shown


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"n": [1]}, "columns: n, where the schema has n, m"),
        ({"n": [1], "m": ["x", "y"]}, "columns: they differ in length: n 1, m 2"),
        ({"n": [None], "m": ["x"]}, "n: row 0 holds nothing"),
        ({"n": [2**70], "m": [None]}, "n: Python int too large"),
        ({"n": [1], "m": [7]}, "m: 'int' object"),
    ],
)
def test_columns_that_do_not_fit_are_named(columns: dict[str, list[object]], said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Table.of(columns, [Column("n", "int64"), Column("m", "utf8", nullable=True)])
    assert said in str(raised.value)


def test_a_column_that_there_is_not_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="weight"):
        small().column("weight")


def test_a_parquet_file_holds_the_table_and_what_it_means(tmp_path: Path) -> None:
    small().write_parquet(tmp_path / "small.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["small.parquet"]
    back = pq.read_table(tmp_path / "small.parquet")
    assert back.to_pylist() == small().rows()
    assert Table(back).schema == SCHEMA


def test_a_file_is_overwritten_whole(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    Table.of({"n": range(100_000)}, [Column("n", "int64")]).write_parquet(path)
    Table.of({"n": [7]}, [Column("n", "int64")]).write_parquet(path)
    assert pq.read_table(path).to_pylist() == [{"n": 7}]


def test_where_nothing_can_be_written_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing/t\.parquet: No such file or directory"):
        small().write_parquet(tmp_path / "missing/t.parquet")


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """Lets no file of this process grow beyond that, as a disk that is full would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_is_full_leaves_the_old_file_and_no_half_one(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    small().write_parquet(path)
    before = path.read_bytes()
    large = Table.of({"n": os.urandom(1_000_000)}, [Column("n", "int64")])
    with files_of_at_most(100_000), pytest.raises(ConfigurationError, match=r"t\.parquet: File too large"):
        large.write_parquet(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.parquet"]
