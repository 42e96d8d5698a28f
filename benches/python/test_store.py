"""Farms of 10,000 hosts into a data store and out of it, beside the same farm in a plain file of pickles.

The file is no match, and not meant to be: it has no change numbers, no look-ups and no second reader. It says what
the records themselves cost.
"""

import pickle
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from imafarm import HostResolver, Topology
from imafarm.configuration import Publish
from imafarm.store import DataStore

FARM = Topology.of(10_000, 5, host_settings={f"H{n}": {"StartElection": 1} for n in range(1, 1_001)})


@pytest.fixture
def numbers() -> Iterator[int]:
    return count()


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[DataStore]:
    with DataStore.create(str(tmp_path / "farm.db")) as store:
        store.replace(FARM)
        yield store


@pytest.mark.benchmark(group="store: write 10,000 hosts")
@pytest.mark.parametrize("side", ["store", "pickle"])
def test_writing_a_farm(benchmark: Any, tmp_path: Path, numbers: Iterator[int], side: str) -> None:
    def empty() -> tuple[tuple[DataStore], dict[str, Any]]:
        return (DataStore.create(str(tmp_path / f"{next(numbers)}.db")),), {}

    def into_store(store: DataStore) -> None:
        with store:
            store.replace(FARM)

    def into_file() -> None:
        (tmp_path / "farm.pickle").write_bytes(pickle.dumps((FARM.resolver.records(), FARM.host_settings)))

    if side == "store":
        benchmark.pedantic(into_store, setup=empty, rounds=3)
    else:
        benchmark(into_file)


@pytest.mark.benchmark(group="store: open 10,000 hosts")
@pytest.mark.parametrize("side", ["store", "pickle"])
def test_opening_a_farm(benchmark: Any, tmp_path: Path, filled: DataStore, side: str) -> None:
    path = tmp_path / "farm.pickle"
    path.write_bytes(pickle.dumps((FARM.resolver.records(), FARM.host_settings)))

    def from_store() -> Topology:
        with DataStore.open(filled.url) as store:
            return store.topology()

    def from_file() -> Topology:
        records, host_settings = pickle.loads(path.read_bytes())
        return Topology.of(HostResolver(records), host_settings=host_settings)

    topology: Topology = benchmark(from_store if side == "store" else from_file)
    assert len(topology.resolver) == 10_000
    assert topology.host_settings == FARM.host_settings


@pytest.mark.benchmark(group="store: one change among 10,000 hosts")
def test_one_change(benchmark: Any, filled: DataStore, numbers: Iterator[int]) -> None:
    benchmark(lambda: filled.change(Publish("Notepad", [f"H{1 + next(numbers) % 10_000}"])))


@pytest.mark.benchmark(group="store: one poll among 10,000 hosts")
def test_one_poll(benchmark: Any, filled: DataStore) -> None:
    number = filled.change(Publish("Notepad", ["H1"]))
    assert len(benchmark(filled.changes_since, number - 1)) == 1
