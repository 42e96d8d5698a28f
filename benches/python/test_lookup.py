"""Look-ups of hosts, beside dicts of dataclasses: one at a time and in bulk, by name, by host id and by binding.

A dict keeps a name's hash in the string itself, so a second look-up by the same string is cheaper for it. `kept` names
are the very strings that the dict has as keys, its best case; `fresh` ones have just come, as from a wire or a file.
All keys come in random order.
"""

import random
from array import array
from dataclasses import dataclass
from typing import Any

import pytest

from imafarm._imafarm import HostResolver

SIZES = [1_000, 10_000, 100_000]


@dataclass(slots=True)
class Record:
    """A host record in plain Python."""

    name: str
    zone: str
    host_id: int
    ima_port: int
    admin_port: int
    version: int
    preference: int
    index: int
    binding: int


class Farm:
    """One farm, both ways, and what to ask of it."""

    def __init__(self, hosts: int) -> None:
        self.resolver = HostResolver.generate(hosts, 1)
        handles = self.resolver.bind_many(range(hosts))
        self.records = [
            Record(f"H{i + 1}", "Z1", i + 1, 2512, 2513, 1, 3, i, handle) for i, handle in enumerate(handles)
        ]
        self.by_name = {record.name: record for record in self.records}
        self.by_id = {record.host_id: record for record in self.records}
        self.by_binding = {record.binding: record for record in self.records}
        asked = random.Random(7).sample(self.records, hosts)
        self.names = [record.name for record in asked]
        self.ids = [record.host_id for record in asked]
        self.bindings = [record.binding for record in asked]
        self.indexes = array("I", (record.index for record in asked))

    def fresh_names(self) -> list[str]:
        """The names again, in strings that nobody has hashed."""
        return [(name + "_")[:-1] for name in self.names]


_farms: dict[int, Farm] = {}


@pytest.fixture(params=SIZES, ids="{:,}".format)
def farm(request: pytest.FixtureRequest) -> Farm:
    hosts: int = request.param
    if hosts not in _farms:
        _farms[hosts] = Farm(hosts)
    return _farms[hosts]


def plain(table: dict[Any, Record], keys: list[Any]) -> list[int]:
    """The look-up in bulk, in plain Python."""
    return [table[key].index for key in keys]


@pytest.mark.benchmark(group="by id, bulk")
@pytest.mark.parametrize("side", ["dict", "list", "buffer"])
def test_by_id_in_bulk(benchmark: Any, farm: Farm, side: str) -> None:
    if side == "dict":
        found = benchmark(plain, farm.by_id, farm.ids)
    else:
        found = benchmark(farm.resolver.by_ids, farm.ids if side == "list" else array("Q", farm.ids))
    assert list(found) == list(farm.indexes)


@pytest.mark.benchmark(group="by binding, bulk")
@pytest.mark.parametrize("side", ["dict", "list", "buffer"])
def test_by_binding_in_bulk(benchmark: Any, farm: Farm, side: str) -> None:
    if side == "dict":
        found = benchmark(plain, farm.by_binding, farm.bindings)
    else:
        found = benchmark(farm.resolver.hosts_of, farm.bindings if side == "list" else array("Q", farm.bindings))
    assert list(found) == list(farm.indexes)


@pytest.mark.benchmark(group="by kept name, bulk")
@pytest.mark.parametrize("side", ["dict", "resolver"])
def test_by_kept_name_in_bulk(benchmark: Any, farm: Farm, side: str) -> None:
    if side == "dict":
        found = benchmark(plain, farm.by_name, farm.names)
    else:
        found = benchmark(farm.resolver.by_names, farm.names)
    assert list(found) == list(farm.indexes)


@pytest.mark.benchmark(group="by fresh name, bulk")
@pytest.mark.parametrize("side", ["dict", "resolver"])
def test_by_fresh_name_in_bulk(benchmark: Any, farm: Farm, side: str) -> None:
    look_up = (lambda names: plain(farm.by_name, names)) if side == "dict" else farm.resolver.by_names
    found = benchmark.pedantic(look_up, setup=lambda: ((farm.fresh_names(),), {}), rounds=30)
    assert list(found) == list(farm.indexes)


@pytest.mark.benchmark(group="by name, single")
@pytest.mark.parametrize("side", ["dict", "subscript", "method"])
def test_by_name_one_by_one(benchmark: Any, farm: Farm, side: str) -> None:
    table, resolver = farm.by_name, farm.resolver

    def with_dict() -> None:
        for name in farm.names:
            _ = table[name].index

    def with_subscript() -> None:
        for name in farm.names:
            _ = resolver[name]

    def with_method() -> None:
        for name in farm.names:
            _ = resolver.by_name(name)

    benchmark({"dict": with_dict, "subscript": with_subscript, "method": with_method}[side])
    assert resolver[farm.names[0]] == resolver.by_name(farm.names[0]) == table[farm.names[0]].index


@pytest.mark.benchmark(group="by id and binding, single")
@pytest.mark.parametrize("side", ["dict", "by_id", "host_of"])
def test_by_id_and_binding_one_by_one(benchmark: Any, farm: Farm, side: str) -> None:
    table, resolver = farm.by_id, farm.resolver

    def with_dict() -> None:
        for host_id in farm.ids:
            _ = table[host_id].index

    def with_by_id() -> None:
        for host_id in farm.ids:
            _ = resolver.by_id(host_id)

    def with_host_of() -> None:
        for binding in farm.bindings:
            _ = resolver.host_of(binding)

    benchmark({"dict": with_dict, "by_id": with_by_id, "host_of": with_host_of}[side])
    assert resolver.by_id(farm.ids[0]) == resolver.host_of(farm.bindings[0]) == farm.indexes[0]
