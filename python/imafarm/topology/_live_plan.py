"""Where the hosts of a farm listen when they live on real sockets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network

from imafarm.errors import ConfigurationError

DEFAULT_NETWORK = "127.77.0.0/16"
"""Our guess: loopback, and no part of it that anything else is known by."""
NO_HOSTS = 2
"""The addresses of a network that no host has: its own, and the broadcast's."""


@dataclass(frozen=True, slots=True)
class LivePlan:
    """The address of each host of a live farm; the ports are those of the host records.

    The host with index k (from 0) has the (k + 1)-th address of the network, unless `addresses` gives it its own. So a
    farm needs no list of addresses on one machine, and is spread over several by naming those that are elsewhere.

    Errors: `ConfigurationError` for what is no IPv4 network or no host's address.
    """

    network: str = DEFAULT_NETWORK
    """An IPv4 network: `127.77.0.0/16`."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """By host name: the IPv4 address of a host that has one of its own."""

    def __post_init__(self) -> None:
        mistakes = [f"network: {said}"] if (said := network_mistake(self.network)) else []
        mistakes += [
            f"addresses: {host!r}: {said}"
            for host, address in self.addresses.items()
            if (said := address_mistake(address))
        ]
        if mistakes:
            raise ConfigurationError(mistakes)

    @property
    def room(self) -> int:
        """How many hosts the network has an address for."""
        return max(0, _network(self.network).num_addresses - NO_HOSTS)

    def address_of(self, index: int, name: str) -> str:
        """The address of the host with this index (from 0) and name.

        Errors: `ConfigurationError` if the network has none left for it. A farm that is only emulated may be larger
        than its network, so nobody finds out before.
        """
        if (own := self.addresses.get(name)) is not None:
            return own
        if index >= self.room:
            said = f"{self.network} has room for {self.room} hosts; {name!r} has the index {index} and no address"
            raise ConfigurationError([f"live.network: {said}"])
        return str(_network(self.network)[index + 1])

    def index_at(self, address: str) -> int | None:
        """The index of the host that the network has this address for; `None` if it is for no host."""
        index = int(IPv4Address(address)) - int(_network(self.network).network_address) - 1
        return index if 0 <= index < self.room else None


def network_mistake(text: object) -> str | None:
    """What is wrong with a network; `None` if nothing is."""
    if not isinstance(text, str):
        return f"{text!r} is no text"
    try:
        network = _network(text)
    except ValueError:
        return f"{text!r} is no IPv4 network"
    if _is_no_hosts(network.network_address) or _is_no_hosts(network.broadcast_address):
        return f"{text} holds addresses that no host can have"
    return None


def address_mistake(text: object) -> str | None:
    """What is wrong with a host's address; `None` if nothing is."""
    if not isinstance(text, str):
        return f"{text!r} is no text"
    try:
        address = IPv4Address(text)
    except ValueError:
        return f"{text!r} is no IPv4 address"
    return f"{text} is an address that no host can have" if _is_no_hosts(address) else None


@lru_cache(maxsize=16)
def _network(text: str) -> IPv4Network:
    return IPv4Network(text)


def _is_no_hosts(address: IPv4Address) -> bool:
    """Whether it means nobody, many or all: nobody listens there for others to call."""
    return address.is_unspecified or address.is_multicast or address.is_reserved
