"""A run, and the same run recorded and written as Parquet: users come and go in a zone, so there are many events.

`IMAFARM_BENCH_ROWS=1000000` chooses another number of events than the short one; benches/recording.py measures ten
million.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from recording import cost

ROWS = [int(rows) for rows in os.environ.get("IMAFARM_BENCH_ROWS", "100000").split(",")]


@pytest.mark.benchmark(group="recording")
@pytest.mark.parametrize("rows", ROWS)
def test_run_plain(benchmark: BenchmarkFixture, rows: int, tmp_path: Path) -> None:
    assert benchmark(cost, rows, record=False, directory=tmp_path).rows == 0


@pytest.mark.benchmark(group="recording")
@pytest.mark.parametrize("rows", ROWS)
def test_run_recorded_and_written(benchmark: BenchmarkFixture, rows: int, tmp_path: Path) -> None:
    found = benchmark(cost, rows, record=True, directory=tmp_path)
    assert found.rows > rows / 2 and found.file_bytes > 0
