"""The local host cache file: what a host starts from while its data store is down."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import PASSWORD

from imafarm import ConfigurationError, StoreError, Topology
from imafarm.configuration import CachedHost, Publish, SetSettings, StoreReading, Unpublish, open_live_store
from imafarm.store import DataStore
from imafarm.store._host_cache import read_host_cache

if TYPE_CHECKING:
    from tests.conftest import Outage

FARM = Topology.of(
    4,
    2,
    settings={"KeepAliveInterval": 30_000},
    host_settings={"H2": {"StartElection": 1}},
    applications={"Notepad": None},
    magic=77,
)


@pytest.fixture
def filled(store: DataStore, url: str) -> str:
    """The URL of a store that holds `FARM`."""
    store.replace(FARM)
    return url


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Where H1 has its cache; there is none yet."""
    return tmp_path / "H1 #1?.db"


def as_plain(topology: Topology) -> list[object]:
    return [
        [record.name for record in topology.resolver.records()],
        topology.settings,
        topology.host_settings,
        topology.applications,
        topology.magic,
        topology.live_addresses(),
    ]


def test_a_host_has_the_farm_on_its_own_disk(filled: str, outage: Outage, cache: Path) -> None:
    opened = open_live_store(filled, {"H1": cache})
    assert opened.cached == {"H1": CachedHost(opened.latest)}
    assert cache.stat().st_mode & 0o777 == 0o600
    assert PASSWORD.encode() not in cache.read_bytes()
    outage.begin()
    again = open_live_store(filled, {"H1": cache, "H2": cache.with_name("H2.db")})
    assert (again.from_cache, again.latest, again.publications) == (True, opened.latest, opened.publications)
    assert as_plain(again.topology) == as_plain(FARM)
    assert list(again.cached) == ["H1"]
    assert len(again.troubles) == 1, "that the store is down; a cache that is not there yet is nothing to be told of"
    with pytest.raises(StoreError, match="no such file|does not exist"):
        open_live_store(filled)


def test_what_a_host_reads_is_on_its_disk(filled: str, store: DataStore, outage: Outage, cache: Path) -> None:
    opened = open_live_store(filled, {"H1": cache})
    number = store.change(Publish("Calc", ["H3"]))

    async def read(known: int) -> StoreReading:
        return await opened.store.read(known)

    assert trio.run(read, opened.latest).cache_trouble is None
    assert read_host_cache(cache).copy.latest == number
    number = trio.run(opened.store.write, SetSettings({"StartElection": 1}), number).latest
    assert read_host_cache(cache).copy.topology.settings["StartElection"] == 1
    outage.begin()
    assert open_live_store(filled, {"H1": cache}).latest == number


def test_the_cache_that_is_furthest_stands_in_for_all(
    filled: str, store: DataStore, outage: Outage, tmp_path: Path
) -> None:
    paths = {host: tmp_path / f"{host}.db" for host in ("H1", "H2")}
    first = open_live_store(filled, {"H1": paths["H1"]}).latest
    store.change(Publish("Calc"))
    last = open_live_store(filled, {"H2": paths["H2"]}).latest
    outage.begin()
    opened = open_live_store(filled, paths)
    assert {host: it.latest for host, it in opened.cached.items()} == {"H1": first, "H2": last}
    assert opened.latest == last and "Calc" in opened.topology.applications


def test_once_the_store_is_back_the_cache_follows_it(
    filled: str, store: DataStore, outage: Outage, cache: Path
) -> None:
    known = open_live_store(filled, {"H1": cache}).latest
    outage.begin()
    opened = open_live_store(filled, {"H1": cache})
    outage.end()
    number = store.change(Unpublish("Notepad"))
    reading = trio.run(opened.store.read, known)
    assert [it.name for it in reading.publications] == ["Notepad"]
    assert read_host_cache(cache).copy.latest == number


def test_a_cache_tells_its_age(filled: str, outage: Outage, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    open_live_store(filled, {"H1": cache})
    outage.begin()
    for passed, age in ((96 * 3600.0, 96 * 3600.0), (-5.0, 0.0)):
        monkeypatch.setattr(time, "time", lambda passed=passed: now + passed)
        assert open_live_store(filled, {"H1": cache}).cached["H1"].age_seconds == pytest.approx(age)


def test_the_time_of_a_cache_follows_its_store(filled: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is in step for days is not as old as its last change."""
    clock = [1000.0]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    opened = open_live_store(filled, {"H1": cache})
    for now, written_at in ((2000.0, 1000.0), (5000.0, 5000.0), (5001.0, 5000.0)):
        clock[0] = now
        trio.run(opened.store.read, opened.latest)
        assert read_host_cache(cache).in_step_at == written_at


# -- files that are none


def _altered(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def _signed(path: Path, statement: str) -> None:
    """As whoever wrote it would have written it."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)
        connection.commit()
        image = connection.serialize()
    path.write_bytes(image + hashlib.blake2b(image, digest_size=32).digest())


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _make_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _flip(path: Path) -> None:
    image = bytearray(path.read_bytes())
    place = image.index(b"KeepAliveInterval")
    image[place] ^= 1
    path.write_bytes(image)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (_truncate, "this local host cache is damaged: it is not what was written"),
    "a letter is another": (_flip, "this local host cache is damaged"),
    "edited": (lambda path: _altered(path, "DELETE FROM IndexTable"), "this local host cache is damaged"),
    "a newer schema": (
        lambda path: _signed(path, "UPDATE StoreState SET schema_version = 9"),
        "its schema is of a newer version, 9; this imafarm reads and writes 1",
    ),
}
"""What can become of a cache: it is refused, and is made anew as soon as the store is read."""
OTHERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda path: path.write_text("To whom it may concern\n" * 20), "this is no local host cache"),
    "short": (lambda path: path.write_bytes(b"SQLite"), "this is no local host cache"),
    "a database": (lambda path: _altered(path, "PRAGMA application_id = 0"), "this is no local host cache"),
    "a newer version": (
        lambda path: _altered(path, "PRAGMA user_version = 2"),
        "this local host cache is of a newer version, 2",
    ),
    "a directory": (_make_directory, "this is no file"),
}
"""What else can be in its place: it is refused, and left as it is."""


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b"no file"


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("way", [*DAMAGES, *OTHERS])
def test_a_file_that_is_no_good_cache_is_refused_in_one_line(
    filled: str, store: DataStore, outage: Outage, cache: Path, way: str
) -> None:
    number = open_live_store(filled, {"H1": cache}).latest
    spoil, said = (DAMAGES | OTHERS)[way]
    spoil(cache)
    before = _content(cache)
    outage.begin()
    with pytest.raises(StoreError) as refused:
        open_live_store(filled, {"H1": cache})
    assert f"; {cache}: " in str(refused.value) and said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert _content(cache) == before
    outage.end()
    opened = open_live_store(filled, {"H1": cache})
    assert not opened.from_cache
    assert opened.latest == number
    (trouble,) = opened.troubles
    assert trouble.startswith(f"{cache}: ") and said in trouble
    if way in DAMAGES:
        assert opened.cached == {"H1": CachedHost(number)}
        assert read_host_cache(cache).copy.latest == number
    else:
        store.change(Publish("Calc"))
        assert trio.run(opened.store.read, number).cache_trouble is None
        assert opened.cached == {}
        assert _content(cache) == before


def test_an_empty_file_is_a_place_for_a_cache(filled: str, cache: Path) -> None:
    cache.touch(0o644)
    opened = open_live_store(filled, {"H1": cache})
    assert (list(opened.cached), opened.troubles) == (["H1"], ())
    assert cache.stat().st_mode & 0o777 == 0o600


def test_the_store_itself_is_no_place_for_a_cache(tmp_path: Path) -> None:
    url = str(tmp_path / "farm.db")
    with DataStore.create(url) as store:
        store.replace(FARM)
        opened = open_live_store(url, {"H1": Path(url)})
        assert opened.troubles == (f"{url}: this is no local host cache",)
        assert len(store.topology().resolver) == 4


def test_the_cache_of_another_farm_is_left_to_it(filled: str, outage: Outage, cache: Path, tmp_path: Path) -> None:
    other = str(tmp_path / "other.db")
    with DataStore.create(other, name="Other") as store:
        store.replace(FARM)
    open_live_store(other, {"H1": cache})
    before = cache.read_bytes()
    opened = open_live_store(filled, {"H1": cache})
    assert opened.troubles == (f"{cache}: this local host cache is another farm's, 'Other'",)
    assert opened.cached == {}
    outage.begin()
    with pytest.raises(StoreError, match=f"this local host cache is a copy of another store, {other}"):
        open_live_store(filled, {"H1": cache})
    assert cache.read_bytes() == before


def test_a_farm_keeps_its_cache_when_its_store_moves(tmp_path: Path, cache: Path) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    with DataStore.create(str(old)) as store:
        store.replace(FARM)
    open_live_store(str(old), {"H1": cache})
    shutil.copy(old, new)
    assert open_live_store(str(new), {"H1": cache}).troubles == ()
    assert read_host_cache(cache).store == str(new)


def test_a_cache_in_no_directory_is_a_mistake(filled: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"cache: .*: there is no directory {tmp_path / 'none'}"):
        open_live_store(filled, {"H1": tmp_path / "none" / "H1.db"})


def test_a_disk_that_is_full_stops_nobody(
    filled: str, store: DataStore, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_live_store(filled, {"H1": cache})
    before = cache.read_bytes()

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    number = store.change(Publish("Calc"))
    reading = trio.run(opened.store.read, opened.latest)
    assert reading.latest == number
    assert reading.cache_trouble == f"{cache}: the local host cache cannot be written: No space left on device"
    assert open_live_store(filled, {"H1": cache}).troubles == (reading.cache_trouble,)
    assert cache.read_bytes() == before
    assert list(cache.parent.glob(".*")) == [], "nothing is left of the attempt"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a good cache."""
    directory = tmp_path_factory.mktemp("image")
    with DataStore.create(str(directory / "farm.db")) as store:
        store.replace(FARM)
    open_live_store(str(directory / "farm.db"), {"H1": directory / "H1.db"})
    return (directory / "H1.db").read_bytes()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_makes_another_farm_of_it(image: bytes, tmp_path: Path, data: st.DataObject) -> None:
    """Whatever bytes are lost, a cache is as it was written, or it is refused."""
    path = tmp_path / "H1.db"
    path.write_bytes(image)
    whole = as_plain(read_host_cache(path).copy.topology)
    damaged = bytearray(image)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(image) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(damaged[: data.draw(st.none() | st.integers(0, len(image)))])
    with suppress(StoreError):
        assert as_plain(read_host_cache(path).copy.topology) == whole
