"""The data store of a live farm: what hosts read of it while they run, what they write, and when it counts as down."""

from __future__ import annotations

import math
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imafarm import ConfigurationError, StoreError, Topology
from imafarm.configuration import (
    ConfigurationChange,
    OtherChange,
    Publication,
    Publish,
    SetSettings,
    StoreReading,
    Unpublish,
    open_live_store,
)
from imafarm.errors import StoreDown
from imafarm.store import DataStore, LiveDataStore
from imafarm.store._address import read_address
from imafarm.store._live import THREADS, CacheFiles

if TYPE_CHECKING:
    from tests.conftest import Server

FARM = Topology.of(4, 2, applications={"Notepad": None, "Word": ("H1", "H3")})


@pytest.fixture
def filled(store: DataStore, url: str) -> str:
    """The URL of a store that holds `FARM`."""
    store.replace(FARM)
    return url


def read(store: Any, known: int) -> StoreReading:
    reading: StoreReading = trio.run(store.read, known)
    return reading


def write(store: Any, change: ConfigurationChange, known: int) -> StoreReading:
    reading: StoreReading = trio.run(store.write, change, known)
    return reading


def test_a_farm_is_opened_with_all_that_the_store_has(filled: str, store: DataStore) -> None:
    opened = open_live_store(filled)
    assert opened.topology.applications == FARM.applications
    assert opened.latest == store.change_number
    assert opened.publications == (
        Publication("Notepad", None, opened.latest),
        Publication("Word", ("H1", "H3"), opened.latest),
    )
    assert (opened.cached, opened.from_cache, opened.troubles) == ({}, False, ())


def test_what_others_change_is_read(filled: str, store: DataStore) -> None:
    opened = open_live_store(filled)
    published = store.change(Publish("Calc", ["H4"]))
    store.change(SetSettings({"StartElection": 1}))
    gone = store.change(Unpublish("Notepad"))
    reading = read(opened.store, opened.latest)
    assert reading.latest == gone == store.change_number
    assert reading.publications == (Publication("Notepad", (), gone), Publication("Calc", ("H4",), published))
    assert 0 < read(opened.store, published).size_bytes < reading.size_bytes
    assert read(opened.store, gone) == StoreReading(gone, (), 0)


def test_a_change_that_is_not_looked_at_is_as_long_as_it_says(filled: str, store: DataStore) -> None:
    opened = open_live_store(filled)
    store.change(OtherChange(123_456))
    assert read(opened.store, opened.latest).size_bytes == 123_456


def test_a_change_has_the_number_that_the_store_gives_it(filled: str, store: DataStore) -> None:
    """Two processes on one store: whoever writes reads first what the other has written."""
    one, other = open_live_store(filled), open_live_store(filled)
    first = write(one.store, Publish("Calc", ["H4"]), one.latest)
    assert first.latest == one.latest + 1 == store.change_number
    second = write(other.store, Publish("Excel"), other.latest)
    assert second.publications == (*first.publications, Publication("Excel", None, first.latest + 1))
    again = write(one.store, Publish("Excel"), first.latest)
    assert (again.latest, again.publications) == (second.latest, second.publications[1:]), "it was so already"
    assert store.change_number == second.latest


def test_a_change_that_does_not_fit_is_refused(filled: str, store: DataStore) -> None:
    opened = open_live_store(filled)
    with pytest.raises(ConfigurationError, match="host: none is named 'H9'"):
        write(opened.store, Publish("Calc", ["H9"]), opened.latest)
    assert store.change_number == opened.latest


names = st.sampled_from(["A", "B", "C", "D"])
deeds = st.lists(
    st.one_of(
        st.builds(Publish, names, st.none() | st.just(["H2"])),
        st.builds(Unpublish, names),
        st.lists(names, unique=True).map(lambda some: Topology.of(4, 2, applications=dict.fromkeys(some))),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(deeds, st.sets(st.integers(0, 11)))
def test_all_processes_number_applications_alike(deeds: list[Any], polls: set[int]) -> None:
    """Messages name an application by its number. One that reads each change, one that polls now and then and one that
    is opened at the end mean the same by it."""
    with tempfile.TemporaryDirectory() as directory:
        url = f"{directory}/farm.db"
        with DataStore.create(url) as store:
            store.replace(FARM)
            processes = [open_live_store(url), open_live_store(url)]
            seen = [{it.name: it for it in opened.publications} for opened in processes]
            known = [opened.latest for opened in processes]
            for turn, deed in enumerate(deeds):
                try:
                    store.replace(deed) if isinstance(deed, Topology) else store.change(deed)
                except ConfigurationError:
                    continue
                for which in [0, *([1] if turn in polls else [])]:
                    reading = read(processes[which].store, known[which])
                    seen[which].update({it.name: it for it in reading.publications})
                    known[which] = reading.latest
            last = read(processes[1].store, known[1])
            seen[1].update({it.name: it for it in last.publications})
            late = open_live_store(url)
            assert list(seen[0].values()) == list(seen[1].values()) == list(late.publications)
            here = {it.name: it.servers for it in late.publications if it.servers != ()}
            assert here == late.topology.applications


def test_a_store_that_is_down_says_why(start_postgresql: Callable[[], Server], tmp_path: Path) -> None:
    path, server = tmp_path / "farm.db", start_postgresql()

    for url, take_away, why in (
        (str(path), path.unlink, "there is no such file"),
        (server.new_database(), server.stop, "the database cannot be reached"),
    ):
        with DataStore.create(url) as store:
            store.replace(FARM)
        opened = open_live_store(url)
        take_away()
        for question in (partial(read, opened.store, 0), partial(write, opened.store, Unpublish("Word"), 0)):
            with pytest.raises(StoreDown) as down:
                question()
            assert isinstance(down.value.__cause__, StoreError)
            assert down.value.__cause__.reason.startswith(why)
        with pytest.raises(StoreError, match=why):
            open_live_store(url)


@pytest.mark.parametrize("url", ["", "farm.db?x=\0", "mysql://127.0.0.1/farm"])
def test_a_place_that_no_store_can_have_is_refused(url: str) -> None:
    with pytest.raises(StoreError):
        open_live_store(url)


class Hanging(DataStore):
    """A store whose database does not answer until it is let go on."""

    def __init__(self, store: DataStore) -> None:
        super().__init__(store._database)
        self.goes_on = threading.Event()
        self.has_ended = threading.Event()
        """Whether a change is made, or will never be."""

    def read_since(self, number: int) -> StoreReading:
        assert self.goes_on.wait(60)
        return super().read_since(number)

    def change_and_read(self, change: ConfigurationChange, number: int, confirm: Callable[[], None]) -> StoreReading:
        def hang_and_confirm() -> None:
            assert self.goes_on.wait(60)
            confirm()

        try:
            return super().change_and_read(change, number, hang_and_confirm)
        finally:
            self.has_ended.set()


def on_jumping_clock(main: Callable[[trio.testing.MockClock], Any]) -> None:
    """Runs it in a time that jumps to the next deadline whenever all tasks wait."""
    clock = trio.testing.MockClock(autojump_threshold=0.01)
    trio.run(main, clock, clock=clock)


def test_a_database_that_hangs_is_down_after_a_while(filled: str, store: DataStore) -> None:
    hanging = Hanging(store)
    live = LiveDataStore(hanging, CacheFiles(read_address(filled), {}))

    async def down() -> None:
        with pytest.raises(StoreDown) as error:
            await live.read(0)
        assert "the database has not answered for 10 s" in str(error.value.__cause__)

    async def main(clock: trio.testing.MockClock) -> None:
        began = trio.current_time()
        # More than there are threads for: those that wait for one are told as soon.
        async with trio.open_nursery() as nursery:
            for _ in range(THREADS + 2):
                nursery.start_soon(down)
        assert trio.current_time() - began == pytest.approx(10.0, abs=0.001)
        clock.autojump_threshold = math.inf
        hanging.goes_on.set()
        assert (await live.read(0)).latest == store.change_number, "and up again as soon as it answers"

    on_jumping_clock(main)


def test_a_change_that_nobody_waits_for_any_more_is_not_made(filled: str, store: DataStore) -> None:
    hanging = Hanging(store)
    live = LiveDataStore(hanging, CacheFiles(read_address(filled), {}))
    number = store.change_number

    async def main(clock: trio.testing.MockClock) -> None:
        with pytest.raises(StoreDown):
            await live.write(Publish("Calc"), number)
        hanging.goes_on.set()

    on_jumping_clock(main)
    assert hanging.has_ended.wait(60)
    assert store.change_number == number
    assert "Calc" not in store.topology().applications
