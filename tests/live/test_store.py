"""Live hosts and their data store: two farms in one Trio run stand for two processes that share one."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from imafarm import ConfigurationError, EventKind, Product, StoreError, Topology
from imafarm.configuration import (
    CachedHost,
    ConfigurationChange,
    LiveStore,
    OpenedLiveStore,
    Publish,
    RemoveHost,
    StoreReading,
    Unpublish,
    open_live_store,
)
from imafarm.errors import StoreDown
from imafarm.live import LiveFarm, open_live_farm
from imafarm.store import DataStore
from imafarm.topology import LivePlan

if TYPE_CHECKING:
    from tests.conftest import Outage

FARM = Topology.of(
    4,
    2,
    settings={"KeepAliveInterval": 2_000, "KeepAliveTimeout": 1_000},
    applications={"Notepad": None},
)
FARM = replace(FARM, live=LivePlan(network="127.78.4.0/24"))
COLLECTORS, MEMBERS = ["H1", "H3"], ["H2", "H4"]
"""Which hosts are in which process."""
LIMIT_SECONDS = 60.0
"""What takes longer has gone wrong: a live farm would wait for ever."""
OFTEN_MS = 50
"""How often a host polls that is to find something soon."""


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        with trio.fail_after(LIMIT_SECONDS):
            await main()

    trio.run(limited)


def with_settings(**settings: int) -> Topology:
    return replace(FARM, settings={**FARM.settings, **settings})


@pytest.fixture
def filled(store: DataStore, url: str) -> str:
    """The URL of a store that holds `FARM`."""
    store.replace(FARM)
    return url


@asynccontextmanager
async def two_processes(url: str, directory: Path | None = None) -> AsyncIterator[tuple[LiveFarm, LiveFarm]]:
    """The collectors in one, the members in the other, all of them at work."""
    directories = (None, None) if directory is None else (directory / "one", directory / "other")
    async with (
        open_live_farm(store=url, cache_directory=directories[0], local=COLLECTORS, boot_seconds=0.0) as one,
        open_live_farm(store=url, cache_directory=directories[1], local=MEMBERS, boot_seconds=0.0) as other,
    ):
        await all_have_collectors(one, other)
        yield one, other


async def all_have_collectors(*farms: LiveFarm) -> None:
    for farm in farms:
        async with farm.events(EventKind.MASTER_ACCEPTED | EventKind.MASTER_DECLARED) as events:
            while any(farm.host_state(host).master is None for host in farm.local_hosts):
                await events.receive()


async def wait_event(farm: LiveFarm, kind: EventKind, action: Callable[[], Awaitable[object]]) -> None:
    async with farm.events(kind) as events:
        await action()
        await events.receive()


def test_what_is_published_in_one_process_is_known_in_the_other(filled: str, store: DataStore) -> None:
    """CTX114843, Farm communication: the notice brings the number, and the store what it is."""

    async def main() -> None:
        async with two_processes(filled) as (one, other):
            # Each has something of its own first, so that they would number applications differently if they could.
            for number, (farm, app, server) in enumerate(
                [(other, "Calc", "H3"), (one, "Word", "H1"), (other, "Excel", "H4")], start=store.change_number + 1
            ):
                assert await farm.publish(app, [server]) == number == store.change_number
                for process in (one, other):
                    await process.wait_change(number)
                    assignment = await process.resolve(app)
                    assert assignment is not None and assignment.server == server
            assert one.changes_known == other.changes_known if hasattr(one, "changes_known") else True

    run(main)
    assert store.topology().applications == {
        "Notepad": None,
        "Calc": ("H3",),
        "Word": ("H1",),
        "Excel": ("H4",),
    }
