"""Ranking of hosts by version, preference and host id, beside `sorted` with a key."""

import random
from array import array
from typing import Any

import pytest

from imafarm._imafarm import HostRecord, HostResolver, Rank, rank_columns, rank_hosts


class Farm:
    """Hosts in random order, four preferences, one version."""

    def __init__(self, hosts: int) -> None:
        dice = random.Random(7)
        ids = dice.sample(range(1, 2 * hosts), hosts)
        self.records = [HostRecord(f"H{i}", "Z1", i, preference=dice.randint(1, 4)) for i in ids]
        self.resolver = HostResolver(self.records)
        self.plain = [(record.version, -record.preference, record.host_id) for record in self.records]
        self.columns = (
            array("Q", ids),
            array("B", [record.version for record in self.records]),
            array("B", [record.preference for record in self.records]),
        )

    def with_sorted(self) -> list[int]:
        """The order in plain Python, at its best: the keys are tuples that exist already."""
        return sorted(range(len(self.plain)), key=self.plain.__getitem__, reverse=True)

    def with_sorted_records(self) -> list[int]:
        """The order in plain Python, from the records themselves."""
        records = self.records

        def key(i: int) -> tuple[int, int, int]:
            return (records[i].version, -records[i].preference, records[i].host_id)

        return sorted(range(len(records)), key=key, reverse=True)


_farms: dict[int, Farm] = {}


@pytest.fixture(params=[10_000, 100_000], ids="{:,}".format)
def farm(request: pytest.FixtureRequest) -> Farm:
    hosts: int = request.param
    if hosts not in _farms:
        _farms[hosts] = Farm(hosts)
    return _farms[hosts]


@pytest.mark.benchmark(group="ranking")
@pytest.mark.parametrize("side", ["sorted", "sorted records", "records", "columns", "resolver"])
def test_ranking(benchmark: Any, farm: Farm, side: str) -> None:
    ways = {
        "sorted": farm.with_sorted,
        "sorted records": farm.with_sorted_records,
        "records": lambda: rank_hosts(farm.records),
        "columns": lambda: rank_columns(*farm.columns),
        "resolver": lambda: rank_hosts(farm.resolver),
    }
    order = benchmark(ways[side])
    assert list(order) == farm.with_sorted()


@pytest.mark.benchmark(group="ranking of five")
@pytest.mark.parametrize("side", ["sorted", "rank_hosts"])
def test_ranking_a_few(benchmark: Any, side: str) -> None:
    """What one call costs when there is next to nothing to rank."""
    ranks = [Rank(1, 3, host_id) for host_id in (4, 2, 5, 1, 3)]
    if side == "sorted":
        order = benchmark(lambda: sorted(range(5), key=ranks.__getitem__, reverse=True))
    else:
        order = benchmark(rank_hosts, ranks)
    assert list(order) == [2, 0, 4, 1, 3]
