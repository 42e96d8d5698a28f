"""A database that cannot be used is told of in one line that names it, without its secrets; nothing is half done."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import Engine, event

from imafarm import ConfigurationError, StoreError, Topology
from imafarm.configuration import Publish
from imafarm.store import SCHEMA_VERSION, DataStore
from imafarm.store._database import WRITERS_LOCK

if TYPE_CHECKING:
    from tests.conftest import Server

FARM = Topology.of(6, 2, applications={"Notepad": None})
BIGGER = Topology.of(3_000, 3)


def run_sql(url: str, *statements: str) -> None:
    """Somebody else's hand in the database."""
    if url.startswith("postgresql"):
        with psycopg.connect(url) as connection:
            for statement in statements:
                connection.execute(statement)
    else:
        lite = sqlite3.connect(url)
        for statement in statements:
            lite.execute(statement)
        lite.commit()
        lite.close()


@contextmanager
def somebody_writing(url: str) -> Iterator[Callable[[], object]]:
    """Another writer, in the middle of it; gives what ends its transaction."""
    if url.startswith("postgresql"):
        with psycopg.connect(url) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [WRITERS_LOCK])
            yield connection.rollback
    else:
        lite = sqlite3.connect(url, isolation_level=None, check_same_thread=False)
        lite.execute("BEGIN IMMEDIATE")
        yield lite.rollback
        lite.close()


def failing_at(url: str, code: str, rows: int) -> tuple[str, ...]:
    """What makes the database refuse an object when it has so many, as PostgreSQL's error `code` in PostgreSQL."""
    if url.startswith("postgresql"):
        return (
            f"""CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF (SELECT count(*) FROM "DataTable") > {rows} THEN
                    RAISE EXCEPTION 'could not extend file' USING ERRCODE = '{code}';
                END IF;
                RETURN NEW; END $$""",
            'CREATE TRIGGER refuse BEFORE INSERT ON "DataTable" FOR EACH ROW EXECUTE FUNCTION refuse()',
        )
    return (
        f"""CREATE TRIGGER refuse BEFORE INSERT ON "DataTable" WHEN (SELECT count(*) FROM "DataTable") > {rows}
            BEGIN SELECT RAISE(FAIL, 'could not extend file'); END""",
    )


def everything(store: DataStore) -> dict[str, object]:
    return {
        table: store.rows(table) for table in ("StoreState", "KeyTable", "DataTable", "IndexTable", "DeleteTracker")
    }


def mistake_of(call: Callable[..., object], *arguments: object, **options: object) -> str:
    with pytest.raises(StoreError) as wrong:
        call(*arguments, **options)
    assert "\n" not in str(wrong.value)
    assert str(wrong.value) == f"{wrong.value.url}: {wrong.value.reason}"
    return str(wrong.value)


def test_an_import_that_fails_in_the_middle_leaves_the_store_as_it_was(store: DataStore, url: str) -> None:
    store.replace(FARM)
    before = everything(store)
    run_sql(url, *failing_at(url, "53100", 1_000))
    said = mistake_of(store.replace, BIGGER)
    assert "could not extend file" in said
    assert everything(store) == before
    assert store.topology().resolver.records() == FARM.resolver.records()


def test_a_full_sqlite_database_is_told_of_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "farm.db"
    with DataStore.create(str(path)) as store:
        store.replace(FARM)
        before = everything(store)

        def limit(connection: sqlite3.Connection, _record: object) -> None:
            connection.execute("PRAGMA max_page_count = 40")

        event.listen(Engine, "connect", limit)
        try:
            assert mistake_of(store.replace, BIGGER) == f"{path}: the database is full"
            mistake_of(store.replace, BIGGER)
        finally:
            event.remove(Engine, "connect", limit)
        assert everything(store) == before


def test_a_full_postgresql_database_is_told_of(postgresql: Server) -> None:
    url = postgresql.new_database()
    with DataStore.create(url) as store:
        run_sql(url, *failing_at(url, "53100", 100))
        assert "the database is full: could not extend file" in mistake_of(store.replace, BIGGER)


def test_a_store_that_somebody_is_writing_to_is_locked(store: DataStore, url: str) -> None:
    store.replace(FARM)
    before = everything(store)
    with DataStore.open(url, wait_seconds=0.2) as other, somebody_writing(url):
        said = mistake_of(other.change, Publish("Calc"))
        assert said == f"{other.url}: the store is locked: somebody else has been writing for 0.2 s"
        # Who only reads is not kept out.
        assert other.topology().applications == FARM.applications
    assert everything(store) == before


def test_a_writer_waits_for_another_that_ends_in_time(store: DataStore, url: str) -> None:
    number = store.replace(FARM)
    with DataStore.open(url, wait_seconds=60) as other, somebody_writing(url) as let_go:
        timer = threading.Timer(0.2, let_go)
        timer.start()
        assert other.change(Publish("Calc")) == number + 1
        timer.join()


@pytest.mark.parametrize(("version", "age"), [(SCHEMA_VERSION - 1, "an older"), (SCHEMA_VERSION + 1, "a newer")])
def test_a_store_of_another_schema_is_neither_read_nor_written(
    store: DataStore, url: str, version: int, age: str
) -> None:
    run_sql(url, f'UPDATE "StoreState" SET schema_version = {version}')
    before = everything(store)
    wanted = f"its schema is of {age} version, {version}; this imafarm reads and writes {SCHEMA_VERSION}"
    assert mistake_of(DataStore.open, url).endswith(wanted)
    # One that was open when somebody else brought the schema up to date writes no more either.
    assert mistake_of(store.replace, FARM).endswith(wanted)
    assert everything(store) == before


def test_a_store_without_a_version_is_refused(store: DataStore, url: str) -> None:
    run_sql(url, 'DELETE FROM "StoreState"')
    assert "of no version" in mistake_of(DataStore.open, url)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("""UPDATE "DataTable" SET data = '' WHERE key = 1""", "farm: its attributes cannot be read"),
        ("""DELETE FROM "DataTable" WHERE key = 1""", "farm: the farm's own object is missing"),
    ],
)
def test_a_store_whose_objects_somebody_broke_is_told_of(store: DataStore, url: str, sql: str, said: str) -> None:
    store.replace(FARM)
    run_sql(url, sql)
    assert mistake_of(store.topology).endswith(f": {said}")


def test_a_database_without_a_store_is_told_of(tmp_path: Path, postgresql: Server) -> None:
    sqlite3.connect(tmp_path / "empty.db").close()
    (tmp_path / "empty.db").touch()
    for url in (str(tmp_path / "empty.db"), postgresql.new_database()):
        assert "there is no data store in it; `imafarm store create` makes one" in mistake_of(DataStore.open, url)


def test_a_file_that_is_missing_is_not_made(tmp_path: Path) -> None:
    for url in (str(tmp_path / "farm.db"), f"sqlite:///{tmp_path}/farm.db", str(tmp_path / "no" / "farm.db")):
        assert mistake_of(DataStore.open, url) == f"{url}: there is no such file; `imafarm store create` makes a store"
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_database_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "farm.db"
    path.write_text("[[zones]]\nname = 'A'\n" * 100)
    assert mistake_of(DataStore.open, str(path)) == f"{path}: this is no SQLite database"
    assert mistake_of(DataStore.open, str(tmp_path)) == f"{tmp_path}: this is a directory"


def test_a_damaged_database_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "farm.db"
    with DataStore.create(str(path)) as store:
        store.replace(BIGGER)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 40 * 4096)
    assert mistake_of(DataStore.open, str(path)) == f"{path}: the database is damaged"


def test_a_store_is_made_whole_or_not_at_all(tmp_path: Path, postgresql: Server) -> None:
    taken = tmp_path / "taken.db"
    taken.write_text("mine")
    assert mistake_of(DataStore.create, str(taken)) == f"{taken}: there is a file of this name already"
    assert taken.read_text() == "mine"
    nowhere = tmp_path / "no" / "farm.db"
    assert "no file can be made there: No such file" in mistake_of(DataStore.create, str(nowhere))
    with pytest.raises(ConfigurationError, match="name: a name has 1 to 255 bytes"):
        DataStore.create(str(tmp_path / "a.db"), name="")
    with pytest.raises(ConfigurationError, match="magic: -1 is out of range"):
        DataStore.create(str(tmp_path / "a.db"), magic=-1)
    assert list(tmp_path.iterdir()) == [taken]
    url = postgresql.new_database()
    run_sql(url, 'CREATE TABLE "DataTable" (mine int)')
    assert "there is a table DataTable already" in mistake_of(DataStore.create, url)
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert tables == [("DataTable",)]


def test_a_second_store_is_not_made_over_the_first(store: DataStore, url: str) -> None:
    store.replace(FARM)
    assert "already" in mistake_of(DataStore.create, url)
    assert store.topology().applications == FARM.applications


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "no place for a store"),
        ("mysql://me:s3cret@db/farm", "mysql://me:***@db/farm: unknown scheme 'mysql'"),
        ("postgresq://me:s3c:r@t@db/farm", "postgresq://me:***@db/farm: unknown scheme 'postgresq'; did you mean 'pos"),
        ("postgresql://me:s3cret@db:port/farm", "postgresql://me:***@db:port/farm: this is no URL of the form"),
        ("sqlite://", "a store in memory would be gone"),
        ("sqlite:///:memory:", "a store in memory would be gone"),
        (":memory:", "a store in memory would be gone"),
        ("sqlite://host/farm.db", "a SQLite file is named as"),
        ("sqlite:///farm.db?mode=ro", "a SQLite file is named as"),
        ("farm\0.db", "no place for a store"),
        ("postgresql://me@127.0.0.1:1/farm?password=s3cret", "farm?password=***: the database cannot be reached: "),
        ("postgresql://me:s3cret@127.0.0.1:1/farm", "postgresql://me:***@127.0.0.1:1/farm: the database cannot be re"),
        ("postgresql://me@127.0.0.1:1/farm?no_such=1", "no_such"),
    ],
)
def test_a_place_where_no_store_can_be_is_told_of(url: str, said: str) -> None:
    for call in (DataStore.open, DataStore.create):
        told = mistake_of(call, url, wait_seconds=0.1)
        assert said in told
        assert "s3c" not in told


def test_a_wrong_password_and_a_wrong_database_are_told_of(postgresql: Server) -> None:
    told = mistake_of(DataStore.open, postgresql.url("postgres", password="wr0ng"))
    assert "password authentication failed" in told and "wr0ng" not in told
    assert 'database "nowhere" does not exist' in mistake_of(DataStore.open, postgresql.url("nowhere"))


def test_a_server_that_goes_away_is_told_of(start_postgresql: Callable[[], Server]) -> None:
    server = start_postgresql()
    with DataStore.create(server.new_database(), wait_seconds=0.1) as store:
        store.replace(FARM)
        server.stop()
        assert "the database cannot be reached" in mistake_of(store.change, Publish("Calc"))


def test_psycopg_is_asked_for_by_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imafarm.store._database.find_spec", lambda _name: None)
    assert "which the extra `imafarm[postgresql]` installs" in mistake_of(DataStore.open, "postgresql://me@db/farm")
