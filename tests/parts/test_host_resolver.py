"""HostResolver: the ways to refer to a host, and from each to the others (IMA Information, "Host Resolver")."""

from concurrent.futures import ThreadPoolExecutor
from enum import IntEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imafarm._imafarm import HostRecord, HostResolver

RECORDS = [
    HostRecord("Ä1", "10.0.0.0", 7, preference=1),
    HostRecord("主機", "10.0.0.0", 2**48 - 1),
    HostRecord("H3", "10.1.0.0", 3),
    HostRecord("😀", "10.0.0.0", 8),
]


@pytest.fixture
def hosts() -> HostResolver:
    return HostResolver(RECORDS)


def test_hosts_are_enumerated_in_the_order_of_their_records(hosts: HostResolver) -> None:
    assert len(hosts) == 4
    assert hosts.records() == RECORDS
    assert [hosts.record(host) for host in range(4)] == RECORDS
    assert repr(hosts) == "<HostResolver of 4 hosts in 2 zones>"


def test_a_name_an_id_and_an_index_mean_one_host(hosts: HostResolver) -> None:
    for host, record in enumerate(RECORDS):
        assert hosts.by_name(record.name) == hosts[record.name] == host
        assert hosts.by_id(record.host_id) == host
        assert (hosts.name_of(host), hosts.id_of(host)) == (record.name, record.host_id)
        assert record.name in hosts


def test_names_differ_by_case_and_by_form(hosts: HostResolver) -> None:
    assert "ä1" not in hosts
    assert "A\u03081" not in hosts


def test_threads_may_share_a_resolver(hosts: HostResolver) -> None:
    def move(host: int) -> int:
        for turn in range(200):
            hosts.set_zone(host, f"Z{turn % 3}")
            hosts.unbind(hosts.bind(host))
        return hosts.zone_of(host)

    with ThreadPoolExecutor(4) as threads:
        zones = list(threads.map(move, range(4)))
    assert {hosts.zone_name(zone) for zone in zones} == {"Z1"}
    assert (list(hosts.zone_hosts(zones[0])), hosts.bound) == ([2, 3, 1, 0], 0)


class Name(str):
    """A subtype of str, as templating libraries have."""


class Id(IntEnum):
    """A subtype of int."""

    THIRD = 3


def test_subtypes_of_str_and_int_are_taken_as_such(hosts: HostResolver) -> None:
    assert hosts.by_name(Name("H3")) == hosts.by_id(Id.THIRD) == 2
    assert list(hosts.by_names([Name("H3")])) == list(hosts.by_ids([Id.THIRD])) == [2]


def test_what_is_unknown_is_named(hosts: HostResolver) -> None:
    with pytest.raises(KeyError, match=r"no host has the name .*H9"):
        hosts.by_name("H9")
    for unknown in (4, 0, -3, 2**48, 2**64, 2**200):
        with pytest.raises(KeyError, match="no host has the id"):
            hosts.by_id(unknown)
    for index in (4, -1, 2**32, 2**64):
        with pytest.raises(IndexError, match=f"no host has the index {index}"):
            hosts.record(index)
        with pytest.raises(IndexError):
            hosts.zone_of(index)
        with pytest.raises(IndexError):
            hosts.bind(index)
    with pytest.raises(IndexError, match="no zone has the index 2"):
        hosts.zone_name(2)
    with pytest.raises(KeyError, match="no host has the zone"):
        hosts.zone_by_name("10.2.0.0")


def test_a_key_of_another_type_is_an_error_of_type(hosts: HostResolver) -> None:
    with pytest.raises(TypeError):
        hosts.by_name(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        hosts.by_id("7")  # type: ignore[arg-type]
    with pytest.raises(UnicodeEncodeError):
        hosts.by_name("\udc80")


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (
            [HostRecord("A", "Z", 1), HostRecord("B", "Z", 2), HostRecord("A", "Y", 3)],
            'hosts[2].name: "A" is the name of hosts[0] already',
        ),
        (
            [HostRecord("A", "Z", 1), HostRecord("B", "Z", 1)],
            "hosts[1].host_id: 1 is the id of hosts[0] already",
        ),
    ],
)
def test_two_hosts_of_one_name_or_id_make_no_farm(records: list[HostRecord], message: str) -> None:
    with pytest.raises(ValueError) as refused:
        HostResolver(records)
    assert str(refused.value) == message


def test_only_records_make_a_farm() -> None:
    with pytest.raises(TypeError, match=r"hosts\[1\]: a HostRecord is wanted, not str"):
        HostResolver([RECORDS[0], "H2"])  # type: ignore[list-item]
    assert len(HostResolver(iter(RECORDS))) == 4
    assert len(HostResolver([])) == 0


def test_zones_are_ordered_by_rank_lowest_first(hosts: HostResolver) -> None:
    assert hosts.zones() == ["10.0.0.0", "10.1.0.0"]
    assert [hosts.zone_of(host) for host in range(4)] == list(hosts.zones_of(range(4))) == [0, 0, 1, 0]
    assert (hosts.zone_name(1), hosts.zone_by_name("10.1.0.0")) == ("10.1.0.0", 1)
    assert list(hosts.zone_hosts(0)) == [3, 1, 0]


def test_a_host_moves_to_another_zone_and_to_a_new_one(hosts: HostResolver) -> None:
    hosts.set_zone(3, "10.1.0.0")
    hosts.set_zone(2, "北")
    assert hosts.zones() == ["10.0.0.0", "10.1.0.0", "北"]
    assert [list(hosts.zone_hosts(zone)) for zone in range(3)] == [[1, 0], [3], [2]]
    assert hosts.record(3).zone == "10.1.0.0"
    with pytest.raises(ValueError, match="zone: a name has 1 to 255 bytes"):
        hosts.set_zone(0, "")
    assert hosts.zone_of(0) == 0


def test_a_binding_is_one_handle_for_one_host(hosts: HostResolver) -> None:
    handle = hosts.bind(2)
    assert hosts.bind(2) == handle
    assert (hosts.host_of(handle), hosts.binding_of(2), hosts.bound) == (2, handle, 1)
    with pytest.raises(KeyError, match="host 1 has no binding"):
        hosts.binding_of(1)
    assert hosts.unbind(handle) == 2
    assert hosts.bound == 0


def test_a_handle_means_nobody_once_its_binding_has_ended(hosts: HostResolver) -> None:
    first = hosts.bind(0)
    hosts.unbind(first)
    second = hosts.bind(1)
    assert second != first
    for stale in (first, 0, -1, 2**64):
        with pytest.raises(KeyError, match=f"no host has the binding {stale}"):
            hosts.host_of(stale)
        with pytest.raises(KeyError):
            hosts.unbind(stale)
    assert hosts.host_of(second) == 1


def test_handles_do_not_leak() -> None:
    """Four days of connects must not grow anything: slots are used again, with new handles."""
    hosts = HostResolver.generate(2, 1)
    handles = {
        hosts.bind(turn % 2) for turn in range(2_000) if turn < 2 or hosts.unbind(hosts.binding_of(turn % 2)) >= 0
    }
    assert len(handles) == 2_000
    assert {handle % 2**32 for handle in handles} == {1, 2}


def test_a_bulk_bind_of_an_unknown_host_binds_none(hosts: HostResolver) -> None:
    with pytest.raises(IndexError, match=r"\[2\]: no host has the index 4"):
        hosts.bind_many([0, 1, 4])
    assert hosts.bound == 0


def test_bulk_says_what_single_calls_say() -> None:
    hosts = HostResolver.generate(1_000, 7)
    some = [host * 37 % 1_000 for host in range(1_500)]
    names, ids = hosts.names_of(some), hosts.ids_of(some)
    handles = hosts.bind_many(some)
    assert names == [hosts.name_of(host) for host in some]
    assert list(ids) == [hosts.id_of(host) for host in some]
    assert list(handles) == [hosts.binding_of(host) for host in some] == list(hosts.bindings_of(some))
    assert list(hosts.zones_of(some)) == [hosts.zone_of(host) for host in some]
    assert list(hosts.by_names(names)) == list(hosts.by_ids(ids)) == list(hosts.hosts_of(handles)) == some


def test_bulk_names_the_first_unknown_and_its_position(hosts: HostResolver) -> None:
    with pytest.raises(KeyError, match=r"\[1\]: no host has the name 'H9'"):
        hosts.by_names(["H3", "H9", "H8"])
    with pytest.raises(KeyError, match=r"\[2\]: no host has the id -1"):
        hosts.by_ids([7, 3, -1])
    with pytest.raises(KeyError, match=r"\[0\]: no host has the binding 99"):
        hosts.hosts_of([99])
    with pytest.raises(IndexError, match=r"\[1\]: no host has the index 4"):
        hosts.ids_of([0, 4])
    with pytest.raises(KeyError, match="host 0 has no binding"):
        hosts.bindings_of([hosts.by_id(7)])


def test_bulk_takes_a_default_for_the_unknown(hosts: HostResolver) -> None:
    nobody = 2**32 - 1
    assert list(hosts.by_names(["H3", "H9"], default=nobody)) == [2, nobody]
    assert list(hosts.by_ids([2**64, 7], default=nobody)) == [nobody, 0]
    assert list(hosts.hosts_of([hosts.bind(1), 5], default=0)) == [1, 0]
    assert list(hosts.bindings_of([0, 1, 0], default=0)) == [0, hosts.bind(1), 0]


def test_names_in_bulk_are_strings_in_any_iterable(hosts: HostResolver) -> None:
    assert list(hosts.by_names(name for name in ("H3", "Ä1"))) == [2, 0]
    assert list(hosts.by_names({"😀": 1})) == [3]
    assert list(hosts.by_names([])) == []
    with pytest.raises(TypeError, match="one name"):
        hosts.by_names("H3")
    with pytest.raises(TypeError):
        hosts.by_names(["H3", 7])  # type: ignore[list-item]


@given(hosts=st.integers(1, 300), data=st.data())
def test_a_generated_farm_is_even_and_led_by_the_first_of_each_zone(hosts: int, data: st.DataObject) -> None:
    zones = data.draw(st.integers(1, hosts))
    farm = HostResolver.generate(hosts, zones)
    assert farm.names_of(range(hosts)) == [f"H{i + 1}" for i in range(hosts)]
    assert list(farm.ids_of(range(hosts))) == list(range(1, hosts + 1))
    assert farm.zones() == [f"Z{zone + 1}" for zone in range(zones)]
    of = list(farm.zones_of(range(hosts)))
    assert of == sorted(of)
    sizes = [of.count(zone) for zone in range(zones)]
    assert max(sizes) - min(sizes) <= 1
    firsts = {of.index(zone) for zone in range(zones)}
    assert [record.preference for record in farm.records()] == [1 if h in firsts else 3 for h in range(hosts)]


@pytest.mark.parametrize(
    ("hosts", "zones", "message"),
    [
        (0, 1, "hosts: 0 is out of range, 1 to 16777216"),
        (-5, 1, "hosts: -5 is out of range, 1 to 16777216"),
        (2**24 + 1, 1, "hosts: 16777217 is out of range, 1 to 16777216"),
        (3, 4, "zones: 4 is out of range, 1 to 3"),
        (3, 0, "zones: 0 is out of range, 1 to 3"),
    ],
)
def test_a_farm_of_no_size_is_refused(hosts: int, zones: int, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        HostResolver.generate(hosts, zones)
    assert str(refused.value) == message
