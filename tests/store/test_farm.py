"""A farm that is opened from a store: what it reads, what it writes, and that it does without it otherwise."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

import imafarm
from imafarm import ConfigurationError, StoreError, Topology
from imafarm.configuration import ConfigurationChange, Publish, RemoveHost, SetSettings, Unpublish, open_store
from imafarm.store import DataStore, StoreLog

if TYPE_CHECKING:
    from tests.conftest import Server

FARM = Topology.of(8, 2, settings={"KeepAliveInterval": 30_000}, applications={"Notepad": None})


@pytest.fixture
def filled(store: DataStore, url: str) -> str:
    """The URL of a store that holds `FARM`."""
    store.replace(FARM)
    return url


async def _fail_over(farm: imafarm.EmulatedFarm) -> str:
    """A collector is elected, dies, and another is; the digest of it all."""
    with trio.fail_after(600):
        old = await farm.wait_master("Z1")
        await farm.crash(old)
        await farm.wait_master("Z1", other_than=old)
    return farm.digest()


async def _open(url: str | None = None, topology: Topology | None = None) -> str:
    async with imafarm.open_emulated_farm(store=url, topology=topology, seed=7) as farm:
        assert farm.host_names == tuple(FARM.resolver.names_of(range(8)))
        assert farm.setting("H1", "KeepAliveInterval") == 30_000
        return await _fail_over(farm)


def test_a_farm_from_a_store_is_the_farm_that_was_put_there(filled: str) -> None:
    assert imafarm.run(_open, filled) == imafarm.run(_open, None, FARM)


def test_what_is_changed_in_a_farm_is_written_when_it_is_closed(filled: str, store: DataStore) -> None:
    number = store.change_number

    async def main() -> None:
        async with imafarm.open_emulated_farm(store=filled) as farm:
            await farm.wait_converged()
            farm.write_down(Publish("Calc", ["H3"]))
            farm.write_down(Publish("Calc", ["H4"]))
            farm.write_down(Unpublish("Notepad"))

    imafarm.run(main)
    assert store.change_number == number + 3
    assert store.topology().applications == {"Calc": ("H4",)}


def test_it_is_written_too_when_the_scenario_fails(filled: str, store: DataStore) -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(store=filled) as farm:
            farm.write_down(Publish("Calc"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        imafarm.run(main)
    assert "Calc" in store.topology().applications


def test_elections_and_restarts_write_nothing(filled: str, store: DataStore) -> None:
    number = store.change_number

    async def main() -> None:
        async with imafarm.open_emulated_farm(store=filled) as farm:
            await _fail_over(farm)
            await farm.set_setting(farm.host_names, "KeepAliveInterval", 20_000)
            await farm.restart(farm.host_names)
            await farm.wait_converged()

    imafarm.run(main)
    assert store.changes_since(number) == []
    assert store.topology().settings == FARM.settings


def test_elections_do_not_need_the_store(start_postgresql: Callable[[], Server], tmp_path: Path) -> None:
    """IMA Information, on elections, and CTX114843, Farm communication: neither needs the data store."""
    path, server = tmp_path / "farm.db", start_postgresql()

    async def main(url: str, take_away: Callable[[], object]) -> None:
        async with imafarm.open_emulated_farm(store=url) as farm:
            take_away()
            await _fail_over(farm)

    for url, take_away in ((str(path), path.unlink), (server.new_database(), server.stop)):
        with DataStore.create(url) as store:
            store.replace(FARM)
        imafarm.run(main, url, take_away)
        with pytest.raises(StoreError):
            DataStore.open(url, wait_seconds=0.1)


def test_a_change_that_cannot_be_written_is_told_of_when_the_farm_closes(tmp_path: Path) -> None:
    path = tmp_path / "farm.db"
    with DataStore.create(str(path)) as store:
        store.replace(FARM)

    async def main() -> None:
        async with imafarm.open_emulated_farm(store=str(path)) as farm:
            path.unlink()
            farm.write_down(Publish("Calc"))
            farm.write_down(Publish("Word"))
            await _fail_over(farm)

    with pytest.raises(StoreError, match="2 changes of the farm were not written: there is no such file"):
        imafarm.run(main)


def test_after_a_change_that_failed_none_is_written(store: DataStore) -> None:
    store.replace(FARM)
    number = store.change_number
    log = StoreLog(store)
    log.record(Publish("Calc"))
    log.flush()
    log.record(RemoveHost("nobody"))
    log.record(Publish("Word"))
    with pytest.raises(StoreError, match="2 changes of the farm were not written: host: none is named 'nobody'"):
        log.close()
    assert store.change_number == number + 1
    log.close()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("hosts", 3),
        ("zones", 2),
        ("settings", {"StartElection": 1}),
        ("host_settings", {"H1": {}}),
        ("inside", imafarm.Link()),
        ("between", imafarm.Link()),
        ("topology", FARM),
    ],
)
def test_the_store_and_the_call_cannot_both_say_what_the_farm_is(tmp_path: Path, option: str, value: object) -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(store=str(tmp_path / "none.db"), **{option: value}):  # type: ignore[arg-type]
            pass

    with pytest.raises(ConfigurationError, match=f"{option}: the store says this already"):
        imafarm.run(main)


def test_a_farm_without_a_store_may_have_a_log_of_its_own() -> None:
    class Log(list[ConfigurationChange]):
        record = list.append

    log = Log()

    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=2, log=log) as farm:
            farm.write_down(Unpublish("Calc"))
        async with imafarm.open_emulated_farm(hosts=2) as farm:
            farm.write_down(Unpublish("Word"))

    imafarm.run(main)
    assert log == [Unpublish("Calc")]


def test_a_store_that_is_not_there_opens_no_farm(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no such file"):
        imafarm.run(_open, str(tmp_path / "farm.db"))


def test_a_world_opens_a_store_without_knowing_what_it_is(filled: str, store: DataStore) -> None:
    with open_store(filled) as opened:
        assert opened.topology.settings == FARM.settings
        opened.log.record(SetSettings({"StartElection": 1}))
    assert store.topology().settings == {**FARM.settings, "StartElection": 1}


def test_importing_imafarm_does_not_import_a_database() -> None:
    program = "import imafarm, imafarm.cli, sys; print(sorted({'sqlalchemy', 'psycopg', 'sqlite3'} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE, text=True)
    assert shown.stdout == "[]\n"
