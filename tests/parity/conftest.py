"""The worlds there are, each as a way to run something on a farm of its."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, TypeVar

import pytest
import trio

import imafarm
from imafarm.farm import Farm
from imafarm.live import open_live_farm
from imafarm.scenario import Journal, Scenario, Verdict, play
from imafarm.settings import default_settings
from imafarm.topology import Topology

T = TypeVar("T")
World = Literal["emulated", "live"]

BOOT_SECONDS = 1.0
"""Over how long hosts start, in either world: in the live one it passes."""
SEED = 7
QUICK: Mapping[str, int] = {
    "KeepAliveInterval": 2_000,
    "KeepAliveTimeout": 1_000,
    "PeerPingInterval": 2_000,
    "GatewayValidationInterval": 4_000,
}
LIMIT_SECONDS = 240.0
"""What takes longer has gone wrong: a live farm would wait for ever."""


@pytest.fixture
def quick() -> Mapping[str, int]:
    """Settings with which a story takes seconds, and which a busy machine still keeps."""
    return QUICK


class Worlds:
    """The same thing in either world."""

    ALL: tuple[World, ...] = ("emulated", "live")

    def run(self, world: World, main: Callable[[Farm], Awaitable[T]], topology: Topology) -> T:
        """Runs `main` on a farm of this world, which boots when it begins."""
        return _run(world, main, topology)

    def play(self, world: World, scenario: Scenario, topology: Topology) -> Verdict:
        """Plays a scenario to its verdict."""
        return _play(world, scenario, topology)


@pytest.fixture
def worlds() -> Worlds:
    """Both worlds."""
    return Worlds()


def _run(world: World, main: Callable[[Farm], Awaitable[T]], topology: Topology) -> T:

    async def emulated() -> T:
        async with imafarm.open_emulated_farm(topology=topology, seed=SEED, boot_seconds=BOOT_SECONDS) as farm:
            return await main(farm)

    async def live() -> T:
        with trio.fail_after(LIMIT_SECONDS):
            async with open_live_farm(topology=topology, seed=SEED, boot_seconds=BOOT_SECONDS) as farm:
                return await main(farm)

    return imafarm.run(emulated) if world == "emulated" else trio.run(live)


def _play(world: World, scenario: Scenario, topology: Topology) -> Verdict:

    async def main(farm: Farm) -> Verdict:
        return await play(
            scenario,
            farm,
            Journal(),
            seed=SEED,
            product=topology.product,
            settings={**default_settings(), **topology.settings},
            wall_clock=lambda: 0.0,
        )

    prepared = scenario.prepare(topology) if scenario.prepare else topology
    return _run(world, main, prepared)
