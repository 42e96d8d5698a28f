"""Nothing of a farm is lost in the store, and what comes back is the same farm."""

from dataclasses import replace
from string import ascii_lowercase

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imafarm import HostRecord, HostResolver, Link, LivePlan, Product, Shape, StorePlan, Topology, Workload
from imafarm.store import DataStore, StoreObject
from imafarm.store import _layout as layout
from imafarm.store._tree import component

FULL = Topology(
    resolver=HostResolver(
        [
            HostRecord("FTLDTERRYDU02", "10.22.44.0", 8022, 12512, 12513, 2, 1),
            HostRecord("Fjärås/1&2%", "10.22.45.0", 3),
            HostRecord("C", "10.22.44.0", 2**48 - 1, preference=4, session_only=True),
        ]
    ),
    product=Product.PS40,
    settings={"MaxHostAddressCacheEntries": 1024, "KeepAliveInterval": 30_000},
    host_settings={"C": {"KeepAliveInterval": 20_000}, "FTLDTERRYDU02": {}},
    inside=Link(latency_seconds=0.000_2),
    between=Link(latency_seconds=0.05, bandwidth_bits_per_second=1_500_000, loss=0.01),
    links={("10.22.44.0", "10.22.45.0"): Link(latency_seconds=0.1)},
    applications={"Word": None, "A/B & C%26": ("Fjärås/1&2%", "C")},
    workload={
        "10.22.45.0": Workload(logons_per_hour=60.5, applications=("A/B & C%26", "Word"), shape=Shape.day(3600.0)),
        "10.22.44.0": Workload(logons_per_hour=1, applications=("Word",)),
    },
    store=StorePlan(round_trip_seconds=0.1, bandwidth_bits_per_second=256_000, replicas=("10.22.45.0",)),
    magic=0xFFFF_FFFF,
    host_magic={"C": 0},
    live=LivePlan("10.0.0.0/8", {"C": "192.168.0.1"}),
)
"""A farm in which no part is as it is by default."""


def assert_same(one: Topology, other: Topology) -> None:
    """Equal in every part, and in the order of all that is numbered."""
    assert one.resolver.records() == other.resolver.records()
    assert one.resolver.zones() == other.resolver.zones()
    assert list(one.applications) == list(other.applications)
    assert replace(one, resolver=other.resolver) == other


def through_the_tree(topology: Topology) -> Topology:
    """The farm out of the objects it is stored as, each packed and unpacked."""
    objects = (
        StoreObject(entry.name, key, 1, 1, msgpack.unpackb(msgpack.packb(dict(entry.attributes))))
        for key, entry in enumerate(layout.entries_of(topology, {"name": "Corp"}))
    )
    return layout.topology_of(objects)


def test_every_field_of_a_farm_has_a_place() -> None:
    assert layout.unplaced() == set(), "say in _layout.py where it stands in the tree"


def test_a_full_farm_comes_back(store: DataStore) -> None:
    store.replace(FULL)
    assert_same(store.topology(), FULL)


def test_a_plain_farm_comes_back(store: DataStore) -> None:
    plain = Topology.of(7, 3)
    store.replace(plain)
    assert_same(store.topology(), plain)


def test_another_farm_takes_the_place_of_the_first_in_every_part(store: DataStore) -> None:
    plain = Topology.of(7, 3)
    store.replace(FULL)
    store.replace(plain)
    assert_same(store.topology(), plain)
    store.replace(FULL)
    assert_same(store.topology(), FULL)
    assert store.summary().name == "Corp"


def test_the_order_of_hosts_is_that_of_the_file_that_came_last(store: DataStore) -> None:
    records = FULL.resolver.records()
    store.replace(FULL)
    before = store.change_number
    turned = replace(FULL, resolver=HostResolver(records[::-1]))
    store.replace(turned)
    assert_same(store.topology(), turned)
    # Who polls has nothing to learn from an order.
    assert store.changes_since(before) == []


def test_the_same_again_is_no_change(store: DataStore) -> None:
    number = store.replace(FULL)
    assert store.replace(FULL) == number
    assert store.changes_since(number) == []


def test_what_is_the_same_is_left_alone(store: DataStore) -> None:
    number = store.replace(FULL)
    store.replace(replace(FULL, applications={**FULL.applications, "Word": ("C",)}))
    assert [(it.kind, it.name) for it in store.changes_since(number)] == [("changed", "farm/applications/Word")]


names = st.text(st.sampled_from([*ascii_lowercase, *"/&%26ä "]), min_size=1, max_size=6)
links = st.builds(Link, latency_seconds=st.none() | st.floats(1e-6, 60.0), loss=st.none() | st.floats(0.0, 0.9))


@st.composite
def farms(draw: st.DrawFn) -> Topology:
    zones = draw(st.lists(names, min_size=2, max_size=3, unique=True))
    hosts = draw(st.lists(names, min_size=2, max_size=6, unique=True))
    records = [
        HostRecord(name, draw(st.sampled_from(zones)) if place > 1 else zones[place], place + 1)
        for place, name in enumerate(hosts)
    ]
    some_hosts = st.lists(st.sampled_from(hosts), min_size=1, unique=True).map(tuple)
    applications = draw(st.dictionaries(names, st.none() | some_hosts, min_size=1, max_size=3))
    rates = st.builds(
        Workload,
        logons_per_hour=st.floats(1.0, 1e6),
        applications=st.lists(st.sampled_from(list(applications)), min_size=1, unique=True).map(tuple),
        shape=st.sampled_from([Shape(), Shape.ramp(5.0), Shape.step(9.0, 2.0), Shape.day()]),
    )
    return Topology(
        resolver=HostResolver(records),
        product=draw(st.sampled_from(Product)),
        host_settings=draw(st.dictionaries(st.sampled_from(hosts), st.just({"StartElection": 1}))),
        inside=draw(links),
        links=draw(st.dictionaries(st.just((zones[0], zones[1])), links)),
        applications=applications,
        workload=draw(st.dictionaries(st.sampled_from(zones[:2]), rates)),
        magic=draw(st.integers(0, 2**32 - 1)),
        host_magic=draw(st.dictionaries(st.sampled_from(hosts), st.integers(0, 2**32 - 1))),
        session_only=draw(st.frozensets(st.sampled_from(hosts))),
    )


@given(farms())
def test_any_farm_comes_back_out_of_its_objects(farm: Topology) -> None:
    assert_same(through_the_tree(farm), farm)


@given(st.lists(names, min_size=1, max_size=2))
def test_a_name_is_one_part_of_a_distinguished_name_whatever_is_in_it(parts: list[str]) -> None:
    name = "farm/context/" + "&".join(map(component, parts))
    assert name.count("/") == 2
    assert layout.own_names(name) == tuple(parts)


@pytest.mark.parametrize(
    ("name", "attributes", "said"),
    [
        ("farm", {"product": "PS46"}, "farm: product: 'PS46' is no Product"),
        ("farm/servers/H1", {"zone": "Z1"}, "farm/servers/H1: the attribute 'host_id' is missing"),
        (
            "farm/servers/H1",
            {"zone": "Z1", "host_id": 0, "ima_port": 1, "admin_port": 1, "version": 1, "preference": 1},
            "farm/servers/H1: host_id",
        ),
        ("farm/settings", {"KeepAliveInterval": "soon"}, "farm/settings.KeepAliveInterval: 'soon' is no int"),
        ("farm/links/inside", {"speed": 3}, "farm/links/inside: unknown attribute 'speed'"),
        ("farm/applications/A", {}, "farm/applications/A: servers: the attribute is missing"),
        ("farm/workloads/Z1", {"applications": []}, "farm/workloads/Z1: the attribute 'logons_per_hour' is missing"),
        ("farm/live", {"addresses": {"H1": 7}}, "farm/live.addresses.H1: 7 is no str"),
        ("farm/store", {"replicas": "Z1"}, "farm/store.replicas: 'Z1' is no list"),
    ],
)
def test_an_object_that_cannot_be_understood_is_named(name: str, attributes: dict[str, object], said: str) -> None:
    objects = {"farm": StoreObject("farm", 1, 1, 1, {}), name: StoreObject(name, 2, 1, 1, attributes)}
    with pytest.raises(ValueError) as wrong:
        layout.topology_of(objects.values())
    assert said in str(wrong.value)
