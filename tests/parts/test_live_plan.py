"""Where the hosts of a live farm listen: by their place in the network, or where they are said to."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imafarm import ConfigurationError, HostRecord, HostResolver, LivePlan, Topology


def mistakes_of(make: Callable[[], object]) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as wrong:
        make()
    return wrong.value.mistakes


def test_each_host_has_the_next_address_of_the_network() -> None:
    plan = LivePlan()
    assert [plan.address_of(k, f"H{k + 1}") for k in (0, 1, 253, 254, 255, 65_533)] == [
        "127.77.0.1",
        "127.77.0.2",
        "127.77.0.254",
        "127.77.0.255",
        "127.77.1.0",
        "127.77.255.254",
    ]
    assert Topology.of(3, live=LivePlan("10.0.0.0/29")).live_addresses() == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]


def test_a_host_that_is_elsewhere_is_where_it_is_said_to_be() -> None:
    topology = Topology.of(3, live=LivePlan(addresses={"H2": "192.168.1.9"}))
    assert topology.live_addresses() == ["127.77.0.1", "192.168.1.9", "127.77.0.3"]


@given(st.integers(0, 2**16 - 3))
def test_a_host_is_found_by_its_address(index: int) -> None:
    plan = LivePlan()
    assert plan.index_at(plan.address_of(index, "H")) == index


def test_no_host_has_the_address_of_the_network_or_of_all_or_one_outside() -> None:
    plan = LivePlan("10.0.0.0/29")
    assert plan.room == 6
    assert [plan.index_at(f"10.0.0.{last}") for last in (0, 1, 6, 7, 8)] == [None, 0, 5, None, None]
    assert plan.index_at("9.255.255.255") is None


def test_a_network_too_small_is_told_of_when_addresses_are_asked_for() -> None:
    """The same farm may be emulated, where nobody needs addresses."""
    large = Topology.of(100_000)
    assert mistakes_of(large.live_addresses) == (
        "live.network: 127.77.0.0/16 has room for 65534 hosts, the farm has 100000; 'H65535' has no address",
    )
    assert large.live.address_of(65_533, "H65534") == "127.77.255.254"
    assert mistakes_of(lambda: large.live.address_of(65_534, "H65535")) == (
        "live.network: 127.77.0.0/16 has room for 65534 hosts; 'H65535' has the index 65534 and no address",
    )
    assert LivePlan("10.0.0.1/32").room == 0


def test_a_host_beyond_the_network_may_have_an_address_of_its_own() -> None:
    topology = Topology.of(3, live=LivePlan("10.0.0.0/30", {"H3": "10.0.1.3"}))
    assert topology.live_addresses() == ["10.0.0.1", "10.0.0.2", "10.0.1.3"]


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("127.77.0.1/16", "network: '127.77.0.1/16' is no IPv4 network"),
        ("fd00::/64", "network: 'fd00::/64' is no IPv4 network"),
        ("", "network: '' is no IPv4 network"),
        (7, "network: 7 is no text"),
        ("224.0.0.0/8", "network: 224.0.0.0/8 holds addresses that no host can have"),
    ],
)
def test_what_is_no_network_is_refused(network: str, said: str) -> None:
    assert mistakes_of(lambda: LivePlan(network)) == (said,)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("localhost", "addresses: 'H1': 'localhost' is no IPv4 address"),
        ("10.0.0.01", "addresses: 'H1': '10.0.0.01' is no IPv4 address"),
        ("10.0.0.1/32", "addresses: 'H1': '10.0.0.1/32' is no IPv4 address"),
        (167772161, "addresses: 'H1': 167772161 is no text"),
        ("255.255.255.255", "addresses: 'H1': 255.255.255.255 is an address that no host can have"),
        ("224.0.0.1", "addresses: 'H1': 224.0.0.1 is an address that no host can have"),
    ],
)
def test_what_is_no_address_is_refused(address: str, said: str) -> None:
    assert mistakes_of(lambda: LivePlan(addresses={"H1": address})) == (said,)


def test_everything_is_told_at_once() -> None:
    assert len(mistakes_of(lambda: LivePlan("here", {"H1": "there", "H2": "10.0.0.2", "H3": ""}))) == 3


def test_the_address_of_a_host_that_there_is_not_is_refused() -> None:
    assert mistakes_of(lambda: Topology.of(2, live=LivePlan(addresses={"H3": "10.0.0.1"}))) == (
        "live.addresses: no host is named 'H3'",
    )


def test_two_hosts_cannot_listen_in_one_place() -> None:
    both = LivePlan(addresses={"H1": "10.0.0.1", "H3": "10.0.0.1"})
    assert mistakes_of(lambda: Topology.of(3, live=both)) == (
        "live.addresses: 'H1' and 'H3' would both listen on 10.0.0.1:2512",
        "live.addresses: 'H1' and 'H3' would both listen on 10.0.0.1:2513",
    )
    # H2 is there by its place in the network.
    assert mistakes_of(lambda: Topology.of(3, live=LivePlan(addresses={"H1": "127.77.0.2"}))) == (
        "live.addresses: 'H1' and 'H2' would both listen on 127.77.0.2:2512",
        "live.addresses: 'H1' and 'H2' would both listen on 127.77.0.2:2513",
    )


def test_two_hosts_may_change_places() -> None:
    swapped = Topology.of(2, live=LivePlan(addresses={"H1": "127.77.0.2", "H2": "127.77.0.1"}))
    assert swapped.live_addresses() == ["127.77.0.2", "127.77.0.1"]


def test_hosts_of_one_address_are_told_apart_by_their_ports() -> None:
    def farm(*, second_admin_port: int, session_only: bool = False) -> Topology:
        records = [
            HostRecord("A", "Z", 1),
            HostRecord("B", "Z", 2, ima_port=12512, admin_port=second_admin_port, session_only=session_only),
        ]
        return Topology.of(HostResolver(records), live=LivePlan(addresses={"A": "10.0.0.1", "B": "10.0.0.1"}))

    assert farm(second_admin_port=12513).live_addresses() == ["10.0.0.1", "10.0.0.1"]
    # A server that only runs sessions has no Management Console, so its port there is nobody's.
    assert farm(second_admin_port=2513, session_only=True).live_addresses() == ["10.0.0.1", "10.0.0.1"]
    assert mistakes_of(lambda: farm(second_admin_port=2512)) == (
        "live.addresses: 'A' and 'B' would both listen on 10.0.0.1:2512",
    )


def test_a_host_cannot_listen_for_two_things_on_one_port() -> None:
    topology = Topology.of(HostResolver([HostRecord("A", "Z", 1, ima_port=7, admin_port=7)]))
    assert mistakes_of(topology.live_addresses) == ("hosts: the ima_port and the admin_port of 'A' are both 7",)
