"""Farms on real sockets for tests: each test has loopback addresses of its own, and leaves nothing behind."""

import os
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import Any

import pytest
import trio

from imafarm.live import LiveFarm, open_live_farm
from imafarm.topology import LivePlan, Topology

PATIENCE_SECONDS = 60
"""No story here takes so long, even on a machine that has much else to do."""
NETWORKS = (f"127.{100 + os.getpid() % 100}.{number}.0/24" for number in count())

Story = Callable[[LiveFarm], Awaitable[None]]
Play = Callable[..., None]


@pytest.fixture
def network() -> str:
    """Addresses that no other test has."""
    return next(NETWORKS)


@pytest.fixture
def play(network: str) -> Iterator[Play]:
    """Plays a story on a live farm: `play(story, hosts=5, zones=1, settings=..., open=...)`."""

    def play(
        story: Story, *, hosts: int = 5, zones: int = 1, settings: dict[str, int] | None = None, **options: Any
    ) -> None:
        topology = Topology.of(hosts, zones, settings=settings, live=LivePlan(network=network))

        async def main() -> None:
            with trio.fail_after(PATIENCE_SECONDS):
                async with open_live_farm(**{"topology": topology, "seed": 7, "boot_seconds": 0.0, **options}) as farm:
                    await story(farm)

        trio.run(main)

    before = set(os.listdir("/dev/fd"))
    yield play
    assert set(os.listdir("/dev/fd")) == before
