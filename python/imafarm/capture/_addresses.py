"""Which IPv4 address a host has in a capture."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address

from imafarm.errors import ConfigurationError
from imafarm.topology import LivePlan

FIRST = int(IPv4Address("10.0.0.1"))
"""The address of the first host, where the farm says nothing of addresses."""


def addresses_of(host_names: Sequence[str], live: LivePlan | None = None) -> bytes:
    """The address of each host of a farm, four bytes each, in the order of their names.

    The address that the farm file has for a host under `live.addresses` is its own; else it has the one that it would
    have in a live farm, if the file names a `live.network`; else 10.0.0.1 and on, in the order of the hosts.

    Errors: `ConfigurationError` if two hosts have one address.
    """
    plan = LivePlan() if live is None else live
    named = plan.network != LivePlan().network
    addresses = bytearray()
    owners: dict[bytes, str] = {}
    for index, name in enumerate(host_names):
        if name in plan.addresses or (named and index < plan.room):
            address = IPv4Address(plan.address_of(index, name)).packed
        else:
            address = (FIRST + index).to_bytes(4)
        if (other := owners.setdefault(address, name)) != name:
            raise ConfigurationError([f"live: {other!r} and {name!r} have the same address, {IPv4Address(address)}"])
        addresses += address
    return bytes(addresses)
