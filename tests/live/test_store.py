"""Live hosts and their data store: two farms in one Trio run stand for two processes that share one."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
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

COLLECTORS, MEMBERS = ["H1", "H3"], ["H2", "H4"]
"""Which hosts are in which process. The first of a zone is its Most Preferred."""
OFTEN_MS = 50
"""How often a host polls that is to find something soon."""
PATIENCE_SECONDS = 60.0


@pytest.fixture
def farm(network: str) -> Topology:
    """Two zones of two."""
    quick = {"KeepAliveInterval": 2_000, "KeepAliveTimeout": 1_000}
    return Topology.of(4, 2, settings=quick, applications={"Notepad": None}, live=LivePlan(network=network))


@pytest.fixture
def filled(store: DataStore, url: str, farm: Topology) -> str:
    """The URL of a store that holds the farm."""
    store.replace(farm)
    return url


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        with trio.fail_after(PATIENCE_SECONDS):
            await main()

    trio.run(limited)


def turned(farm: Topology, **settings: int) -> Topology:
    return replace(farm, settings={**farm.settings, **settings})


@asynccontextmanager
async def two_processes(url: str, caches: Path | None = None) -> AsyncIterator[tuple[LiveFarm, LiveFarm]]:
    """The collectors in one, the members in the other, all of them at work."""
    async with (
        open_live_farm(store=url, cache_directory=caches, local=COLLECTORS, boot_seconds=0.0) as one,
        open_live_farm(store=url, cache_directory=caches, local=MEMBERS, boot_seconds=0.0) as other,
    ):
        await have_collectors(one)
        await have_collectors(other)
        yield one, other


async def have_collectors(farm: LiveFarm, hosts: Collection[str] = ()) -> None:
    """Waits until these hosts know a collector; all of this process, if none is named."""
    async with farm.watch(EventKind.MASTER_ACCEPTED | EventKind.MASTER_DECLARED) as events:
        while any(farm.host_state(host).master is None for host in hosts or farm.local_hosts):
            await events.receive()


# -- changes


def test_what_is_published_in_one_process_is_known_in_the_other(filled: str, store: DataStore) -> None:
    """CTX114843, Farm communication: the notice brings the number, and the store what it stands for."""

    async def main() -> None:
        async with two_processes(filled) as (one, other):
            for farm, app, server, at in (
                (other, "Calc", "H3", "H4"),
                (one, "Word", "H1", "H1"),
                (other, "Excel", "H3", "H4"),
            ):
                number = await farm.publish(app, [server], at=at)
                assert number == store.change_number
                await one.wait_change(number)
                await other.wait_change(number)
                for process, asked in ((one, server), (other, "H4" if server == "H3" else "H2")):
                    found = await process.resolve(app, at=asked)
                    assert found is not None and found.host == server

    run(main)
    assert store.topology().applications == {"Notepad": None, "Calc": ("H3",), "Word": ("H1",), "Excel": ("H3",)}


def test_what_an_administrator_changes_in_the_store_is_found_at_the_next_poll(
    filled: str, store: DataStore, farm: Topology
) -> None:
    """CTX114843, Farm communication: DCNChangePollingInterval."""
    store.replace(turned(farm, DCNChangePollingInterval=OFTEN_MS))

    async def main() -> None:
        async with two_processes(filled) as processes:
            store.change(Publish("Calc", ["H1"]))
            number = store.change(Unpublish("Notepad"))
            for process, asked in zip(processes, ("H1", "H2"), strict=True):
                await process.wait_change(number)
                found = await process.resolve("Calc", at=asked)
                assert found is not None and found.host == "H1"
                assert await process.resolve("Notepad", at=asked) is None

    run(main)


def test_a_host_reads_what_it_has_missed_when_it_starts(filled: str, store: DataStore) -> None:
    async def main() -> None:
        async with open_live_farm(store=filled, boot_seconds=None) as farm:
            number = store.change(Publish("Calc"))
            await farm.start("H1")
            await farm.wait_change(number, "H1")
            await have_collectors(farm, ["H1"])
            assert await farm.resolve("Calc", at="H1") is not None

    run(main)


def test_a_change_that_the_store_does_not_take_is_no_change(filled: str, store: DataStore) -> None:
    """A server that has left the farm meanwhile, of which this process does not know."""

    async def main() -> None:
        async with two_processes(filled) as (one, other):
            number = store.change(RemoveHost("H4"))
            with pytest.raises(ConfigurationError, match="host: none is named 'H4'"):
                await one.publish("Calc", ["H4"])
            assert store.change_number == number
            assert await one.publish("Calc", ["H3"]) == number + 1
            await other.wait_change(number + 1)

    run(main)


def test_those_who_start_at_once_read_at_once(filled: str) -> None:
    opened = open_live_store(filled)
    counting = Counting(opened.store)

    async def main() -> None:
        async with open_live_farm(store=replace(opened, store=counting), boot_seconds=0.0) as farm:
            await farm.wait_started()
            assert 1 <= counting.readings <= 2

    run(main)


class Counting:
    """A store that counts how often it is read."""

    def __init__(self, store: LiveStore) -> None:
        self._store = store
        self.readings = 0

    async def read(self, known: int) -> StoreReading:
        self.readings += 1
        return await self._store.read(known)

    async def write(self, change: ConfigurationChange, known: int) -> StoreReading:
        return await self._store.write(change, known)


# -- outages


def test_a_farm_works_on_while_its_store_is_down(
    filled: str, store: DataStore, farm: Topology, outage: Outage, tmp_path: Path
) -> None:
    """Hosts start from the caches that other processes have left, elect, and have everything once the store is back."""
    store.replace(turned(farm, DCNChangePollingInterval=OFTEN_MS))
    caches = tmp_path / "caches"

    async def before() -> None:
        async with two_processes(filled, caches) as (one, other):
            number = await one.publish("Calc", ["H1"])
            await other.wait_change(number)

    async def during() -> None:
        async with two_processes(filled, caches) as (one, other):
            found = await other.resolve("Calc", at="H2")
            assert found is not None and found.host == "H1"
            with pytest.raises(StoreDown):
                await other.publish("Word")
            await other.restart("H4")
            await other.wait_started()
            await have_collectors(other)
            outage.end()
            number = store.change(Publish("Excel", ["H3"]))
            for process, asked in ((one, "H3"), (other, "H4")):
                await process.wait_change(number)
                found = await process.resolve("Excel", at=asked)
                assert found is not None and found.host == "H3"
            assert await other.publish("Word") == number + 1

    run(before)
    assert sorted(path.name for path in caches.iterdir()) == ["H1.db", "H2.db", "H3.db", "H4.db"]
    outage.begin()
    run(during)


def test_a_host_that_never_read_the_store_does_not_start_without_it(filled: str, outage: Outage) -> None:
    async def main() -> None:
        async with open_live_farm(store=filled, boot_seconds=None) as farm:
            outage.begin()
            async with farm.watch(EventKind.START_REFUSED) as refusals:
                await farm.start("H1")
                await refusals.receive()
            assert farm.host_state("H1").power == "off"
            outage.end()
            await farm.start("H1")
            await farm.wait_started()
            assert farm.host_state("H1").power == "up"

    run(main)


def test_there_is_no_farm_without_a_store_and_without_caches(filled: str, outage: Outage, tmp_path: Path) -> None:
    outage.begin()

    async def main() -> None:
        async with open_live_farm(store=filled, cache_directory=tmp_path / "none"):
            pass

    with pytest.raises(StoreError, match="no such file|does not exist"):
        run(main)


@pytest.mark.parametrize(
    ("product", "settings", "hours", "starts"),
    [
        (Product.PS45, {}, 10_000.0, True),
        (Product.PS45, {"PsRequired": 1}, 0.0, False),
        (Product.XP, {}, 95.9, True),
        (Product.XP, {}, 96.1, False),
    ],
)
def test_how_old_a_cache_may_be_is_the_products_affair(
    filled: str, farm: Topology, outage: Outage, product: Product, settings: dict[str, int], hours: float, starts: bool
) -> None:
    """CTX114843, Farm communication: 96 hours in MetaFrame XP; PsRequired."""
    opened = open_live_store(filled)
    opened = replace(
        opened,
        topology=replace(turned(farm, **settings), product=product),
        cached={"H1": CachedHost(opened.latest, age_seconds=hours * 3600)},
    )
    outage.begin()

    async def main() -> None:
        async with open_live_farm(store=opened, boot_seconds=None) as farm:
            async with farm.watch(EventKind.STARTED_FROM_CACHE | EventKind.START_REFUSED) as ends:
                await farm.start("H1")
                end = await ends.receive()
            assert end.kind == (EventKind.STARTED_FROM_CACHE if starts else EventKind.START_REFUSED)

    run(main)


def test_a_cache_that_is_no_good_stops_nobody(filled: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = tmp_path / "H1.db"
    cache.write_text("To whom it may concern\n" * 20)

    async def main() -> None:
        async with open_live_farm(store=filled, cache_directory=tmp_path, local=["H1"], boot_seconds=0.0) as farm:
            await farm.wait_started()
            assert farm.host_state("H1").power == "up"

    with caplog.at_level(logging.WARNING, logger="imafarm.live"):
        run(main)
    assert caplog.messages == [f'store-trouble why="{cache}: this is no local host cache"']
    assert cache.read_text().startswith("To whom")


def test_all_hosts_of_a_process_have_caches_named_after_them(filled: str, outage: Outage, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_live_farm(store=filled, cache_directory=tmp_path / "caches", boot_seconds=0.0) as farm:
            await farm.wait_started()
            await have_collectors(farm)

    run(main)
    assert len(list((tmp_path / "caches").iterdir())) == 4
    outage.begin()
    run(main)


def test_caches_are_a_stores(farm: Topology, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_live_farm(topology=farm, cache_directory=tmp_path):
            pass

    with pytest.raises(ConfigurationError, match="cache_directory: only for a store"):
        run(main)


def test_a_cache_directory_that_is_a_file_is_a_mistake(filled: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    async def main() -> None:
        async with open_live_farm(store=filled, cache_directory=tmp_path / "file"):
            pass

    with pytest.raises(ConfigurationError, match="cache_directory: .*/file: File exists"):
        run(main)
