"""Scenarios that nobody watches, to hold those against that somebody does."""

from collections.abc import Callable
from dataclasses import replace

import pytest

import imafarm
from imafarm.scenario import Journal, Verdict, play
from imafarm.settings import default_settings
from imafarm.watch import Play


def _play_unwatched(played: Play) -> Verdict:
    async def main() -> Verdict:
        async with imafarm.open_emulated_farm(topology=played.topology, seed=played.seed, threads=1) as farm:
            return await play(
                played.scenario,
                farm,
                Journal(),
                seed=played.seed,
                product=played.topology.product,
                settings={**default_settings(), **played.topology.settings},
                wall_clock=lambda: 0.0,
            )

    return imafarm.run(main)


def _same(verdict: Verdict) -> Verdict:
    """All of it that has to be the same each time."""
    return replace(verdict, wall_seconds=0.0)


@pytest.fixture(scope="session")
def unwatched() -> Callable[[Play], Verdict]:
    """Plays a scenario as `imafarm run` does."""
    return _play_unwatched


@pytest.fixture(scope="session")
def same() -> Callable[[Verdict], Verdict]:
    """A verdict without its real seconds."""
    return _same
