"""What a live farm cannot be opened with: one clear error, and nothing was started."""

import logging
import os
import resource
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import trio

from imafarm import ConfigurationError
from imafarm.keys import FarmKeys
from imafarm.live import LiveLimits, LiveLog, open_live_farm
from imafarm.live._descriptors import SPARE_DESCRIPTORS, descriptors, make_room, raise_limit
from imafarm.topology import LivePlan, Topology


def topology(hosts: int, network: str, **options: Any) -> Topology:
    return Topology.of(hosts, live=LivePlan(network=network), **options)


def refusal(**options: Any) -> ConfigurationError:
    """The error with which a farm is not opened; nothing is left open."""

    async def main() -> None:
        async with open_live_farm(**options):
            pytest.fail("it was opened")

    before = len(os.listdir("/dev/fd"))
    with pytest.raises(ConfigurationError) as wrong:
        trio.run(main)
    assert len(os.listdir("/dev/fd")) == before
    return wrong.value


def test_a_port_in_use_names_host_address_and_port(network: str) -> None:
    address = network.replace(".0/24", ".3")
    with socket.create_server((address, 2512)):
        wrong = refusal(topology=topology(5, network))
    assert str(wrong) == f"hosts: H3 cannot listen on {address}:2512: Address already in use"


def test_an_address_of_another_machine_is_refused() -> None:
    wrong = refusal(topology=topology(2, "192.0.2.0/24"), allow_open=True)
    assert str(wrong) == "hosts: H1 cannot listen on 192.0.2.1:2512: Cannot assign requested address"


def test_without_a_key_hosts_listen_on_loopback_only() -> None:
    wrong = refusal(topology=topology(2, "192.0.2.0/24"))
    assert str(wrong) == (
        "keys: without a farm key H1 cannot listen on 192.0.2.1, which is not of this machine alone; allow_open lets it"
    )
    wrong = refusal(topology=topology(2, "192.0.2.0/24"), keys=FarmKeys([b"k" * 32]))
    assert "Cannot assign requested address" in str(wrong)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "hosts: missing; say how many, or give a HostResolver"),
        ({"hosts": 3, "local": ["H9"]}, "local: no host is named 'H9'"),
        ({"hosts": 3, "local": []}, "local: no host is to live in this process"),
        ({"hosts": 3, "seed": -1}, f"seed: -1 is out of range, 0 to {2**64 - 1}"),
        ({"store": "sqlite:///x", "hosts": 3}, "hosts: the store says this already"),
        ({"hosts": 3, "boot_seconds": -1.0}, "boot_seconds: -1.0 is out of range, 0 to 1e9 seconds"),
    ],
)
def test_a_wrong_call_is_one_clear_error(options: dict[str, Any], said: str) -> None:
    assert str(refusal(**options)) == said


def test_a_limit_is_above_zero() -> None:
    with pytest.raises(ConfigurationError, match="frame_seconds: 0 is out of range, above 0"):
        LiveLimits(frame_seconds=0)


# -- descriptors


@pytest.fixture
def few_descriptors() -> Iterator[int]:
    """A process that can have few files open, and no more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    yield 256
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_descriptors_are_bounded_by_the_cache_setting() -> None:
    fixed = 10 + SPARE_DESCRIPTORS
    assert descriptors(topology(10, "127.0.0.0/8"), range(10)) == (fixed + 9 + 9, fixed + 10 * 9)
    small = topology(10, "127.0.0.0/8", settings={"MaxHostAddressCacheEntries": 4})
    assert descriptors(small, range(10)) == (fixed + 9 + 4, fixed + 10 * 4)
    own = topology(10, "127.0.0.0/8", host_settings={"H2": {"MaxHostAddressCacheEntries": 3}})
    assert descriptors(own, [1]) == (1 + SPARE_DESCRIPTORS, 1 + SPARE_DESCRIPTORS + 3)


def test_the_soft_limit_is_raised(few_descriptors: int) -> None:
    assert raise_limit(100) == few_descriptors
    assert raise_limit(300) >= 300
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 300


def test_a_farm_that_cannot_fit_is_refused(monkeypatch: pytest.MonkeyPatch, network: str) -> None:
    monkeypatch.setattr("imafarm.live._descriptors.raise_limit", lambda wanted: 100)
    wrong = refusal(topology=topology(50, network))
    assert str(wrong).startswith("MaxHostAddressCacheEntries: 50 hosts need at least 212 descriptors")


def test_a_farm_that_may_not_fit_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("imafarm.live._descriptors.raise_limit", lambda wanted: 300)

    async def main() -> None:
        make_room(topology(50, "127.0.0.0/8"), range(50), LiveLog())

    caplog.set_level(logging.WARNING, "imafarm.live")
    trio.run(main)
    (line,) = caplog.messages
    assert line.startswith("descriptors-few limit=300 most=2564 ") and "MaxHostAddressCacheEntries" in line
