"""The data store itself: one farm's configuration in one database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Table, func, insert, inspect, select

from imafarm.configuration import ConfigurationChange, Publication, StoreReading
from imafarm.errors import ConfigurationError, StoreError
from imafarm.store import _layout as layout
from imafarm.store._address import Address, read_address
from imafarm.store._changes import Changer
from imafarm.store._database import Database, new_file
from imafarm.store._publications import publications, read_since
from imafarm.store._schema import INDEX, METADATA, SCHEMA_VERSION, STATE, TABLES
from imafarm.store._tree import Editor, Entry, StoreChange, StoreObject, changes_since, find, read_object, read_objects
from imafarm.topology import Product, Topology
from imafarm.topology._checks import name_mistake
from imafarm.topology._topology import magic_mistake

WAIT_SECONDS = 5.0
"""How long to wait for another writer, or for a server to answer. Our guess."""


@dataclass(frozen=True, slots=True)
class StoreCopy:
    """All that a store holds, as of one moment."""

    name: str
    """The farm's."""
    topology: Topology
    publications: tuple[Publication, ...]
    """Every application that the farm ever had."""
    latest: int
    """The number of the last change."""
    rows: Mapping[str, list[dict[str, Any]]]
    """Every table, by its name."""


@dataclass(frozen=True, slots=True)
class FarmSummary:
    """What a store holds, in a few figures."""

    name: str
    product: str
    magic: int | None
    """The farm's magic number; `None` until the first server has joined."""
    zones: int
    hosts: int
    applications: int
    change: int
    """The number of the last change."""


class DataStore:
    """A farm's configuration in a database. May be used from several threads; each call is a transaction of its own.

    Errors: `StoreError` says what is wrong with the database, whatever the call. Nothing is ever written by halves.
    """

    def __init__(self, database: Database) -> None:
        """Use `open` or `create`."""
        self._database = database

    @classmethod
    def open(cls, url: str, *, wait_seconds: float = WAIT_SECONDS) -> DataStore:
        """The store at a URL, `postgresql://...` or `sqlite:///...`, or in a SQLite file.

        wait_seconds: how long to wait for another writer, or for a server to answer.

        Errors: `StoreError` if there is none, it is of another schema, or cannot be reached.
        """
        address = read_address(url)
        if address.path is not None and address.path.is_dir():
            raise StoreError(address.shown, "this is a directory")
        store = cls(Database(address, wait_seconds=wait_seconds))
        with store._database.reading() as connection:
            _check_schema(connection, address)
        return store

    @classmethod
    def at(cls, address: Address, *, wait_seconds: float = WAIT_SECONDS) -> DataStore:
        """The store at this place, whether it can be reached now or not."""
        return cls(Database(address, wait_seconds=wait_seconds))

    @classmethod
    def create(
        cls,
        url: str,
        *,
        name: str = "farm",
        product: Product = Product.PS45,
        magic: int | None = None,
        wait_seconds: float = WAIT_SECONDS,
    ) -> DataStore:
        """A new store for a farm without hosts.

        magic: the farm's magic number; `None`: the first server that joins sets it.

        Errors: `ConfigurationError` for a bad name or number; `StoreError` if there is something already.
        """
        mistakes = [f"name: {said}"] if (said := name_mistake(name)) else []
        mistakes += [f"magic: {said}"] if magic is not None and (said := magic_mistake(magic)) else []
        if mistakes:
            raise ConfigurationError(mistakes)
        farm: dict[str, Any] = {"name": name, "product": product.value}
        if magic is not None:
            farm["magic"] = magic
        address = read_address(url)
        if address.path is None:
            _fill(Database(address, wait_seconds=wait_seconds), farm)
        else:
            with new_file(address, address.path, wait_seconds=wait_seconds) as database:
                _fill(database, farm)
        return cls.open(url, wait_seconds=wait_seconds)

    def __enter__(self) -> DataStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the database. Nothing waits to be written."""
        self._database.close()

    @property
    def url(self) -> str:
        """Where it is, secrets masked."""
        return self._database.address.shown

    # -- what is

    def summary(self) -> FarmSummary:
        """What the store holds, in a few figures."""
        with self._database.reading() as connection, self._readable():
            found = read_object(connection, layout.ROOT)
            farm: Mapping[str, Any] = found.attributes if found else {}
            counted = select(INDEX.c.attribute, func.count(INDEX.c.key.distinct())).group_by(INDEX.c.attribute)
            counts: dict[str, int] = dict(connection.execute(counted).all())
            return FarmSummary(
                name=farm.get("name", ""),
                product=farm.get("product", ""),
                magic=farm.get("magic"),
                zones=counts.get("zone name", 0),
                hosts=counts.get("host name", 0),
                applications=counts.get("application", 0),
                change=_change_number(connection),
            )

    @property
    def change_number(self) -> int:
        """The number of the last change."""
        with self._database.reading() as connection:
            return _change_number(connection)

    def topology(self) -> Topology:
        """The farm that the store describes.

        Errors: `StoreError` too if it has no hosts yet, or something in it cannot be understood.
        """
        with self._database.reading() as connection:
            return self._topology(connection)

    def objects(self, context: str | None = None) -> list[StoreObject]:
        """The objects right below a context (`farm/servers`), or all there are; each context's in their order."""
        with self._database.reading() as connection, self._readable():
            return list(read_objects(connection, context))

    def get(self, name: str) -> StoreObject | None:
        """The object of this distinguished name, if there is one."""
        with self._database.reading() as connection, self._readable():
            return read_object(connection, name)

    def find(self, attribute: str, value: str) -> list[str]:
        """The distinguished names that the table of look-ups has for this: `find("zone", "Z1")`."""
        with self._database.reading() as connection:
            return find(connection, attribute, value)

    def changes_since(self, number: int) -> list[StoreChange]:
        """What a host whose local host cache is as of that change reads at its next poll, in the order of the changes.

        An object that changed several times is there once, as it is by now. Deletions come before all else of the same
        change.
        """
        with self._database.reading() as connection, self._readable():
            return changes_since(connection, number)

    def read_since(self, number: int) -> StoreReading:
        """What a live host reads that has everything up to that change."""
        with self._database.reading() as connection, self._readable():
            _check_schema(connection, self._database.address)
            return read_since(connection, number)

    def copy(self) -> StoreCopy:
        """All that the store holds, as of one moment.

        Errors: as `topology`.
        """
        with self._database.reading() as connection, self._readable():
            _check_schema(connection, self._database.address)
            farm = read_object(connection, layout.ROOT)
            return StoreCopy(
                name=farm.attributes.get("name", "") if farm else "",
                topology=self._topology(connection),
                publications=tuple(publications(connection)),
                latest=_change_number(connection),
                rows={name: _rows(connection, table) for name, table in TABLES.items()},
            )

    def rows(self, table: str) -> list[dict[str, Any]]:
        """A table as it stands in the database (`KeyTable`, ...). `KeyError` for an unknown one."""
        which = TABLES[table]
        with self._database.reading() as connection:
            return _rows(connection, which)

    # -- what changes it

    def change(self, *changes: ConfigurationChange) -> int:
        """Makes these changes, all or none, under one number; returns it, or the last one if nothing is different.

        Errors: `ConfigurationError` names the key that is wrong, and what would not fit together afterwards.
        """
        with self._editing() as editor:
            self._apply(editor, changes)
            return editor.finish()

    def change_and_read(self, change: ConfigurationChange, number: int, confirm: Callable[[], None]) -> StoreReading:
        """Makes a change, and reads what came after another, this one included: what the store holds has its number.

        confirm: called when all is ready to be written; if it raises, nothing is.

        Errors: as `change`.
        """
        with self._editing() as editor:
            self._apply(editor, (change,))
            editor.finish()
            reading = read_since(editor.connection, number)
            confirm()
            return reading

    def replace(self, topology: Topology) -> int:
        """Makes the store hold this farm and nothing else; its name stays. Returns the number of the change.

        Objects that are as they were before are left alone, so hosts that poll learn only what is different.
        """
        with self._editing() as editor:
            with self._readable():
                farm = read_object(editor.connection, layout.ROOT)
            name = farm.attributes.get("name", "") if farm else ""
            editor.replace(layout.entries_of(topology, {"name": name}))
            return editor.finish()

    def _apply(self, editor: Editor, changes: Iterable[ConfigurationChange]) -> None:
        changer = Changer(editor)
        for change in changes:
            changer.apply(change)
        if changer.is_whole_in_doubt and _has_hosts(editor.connection):
            self._topology(editor.connection)

    @contextmanager
    def _editing(self) -> Iterator[Editor]:
        with self._database.writing() as connection, self._readable():
            _check_schema(connection, self._database.address)
            yield Editor(connection)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """What stands in the database and is no farm of ours is the database's mistake."""
        try:
            yield
        except ConfigurationError:
            raise
        except ValueError as error:
            raise StoreError(self.url, str(error)) from None

    def _topology(self, connection: Connection) -> Topology:
        with self._readable():
            topology = layout.topology_of(read_objects(connection))
        if not len(topology.resolver):
            raise StoreError(self.url, "the farm has no hosts yet; `imafarm store import` gives it some")
        return topology


def _has_hosts(connection: Connection) -> bool:
    """Whether the farm has hosts."""
    return connection.scalar(select(INDEX.c.key).where(INDEX.c.attribute == "host name").limit(1)) is not None


def _rows(connection: Connection, table: Table) -> list[dict[str, Any]]:
    query = select(table).order_by(*table.primary_key.columns)
    return [dict(row) for row in connection.execute(query).mappings()]


def _change_number(connection: Connection) -> int:
    number: int = connection.execute(select(STATE.c.change_number)).scalar_one()
    return number


def _fill(database: Database, farm: Mapping[str, Any]) -> None:
    with database.writing() as connection:
        if taken := sorted(TABLES.keys() & set(inspect(connection).get_table_names())):
            raise StoreError(
                database.address.shown, f"there is a table {taken[0]} already; a store has its own database"
            )
        METADATA.create_all(connection)
        connection.execute(
            insert(STATE), [{"id": 1, "schema_version": SCHEMA_VERSION, "change_number": 0, "next_key": 1}]
        )
        editor = Editor(connection)
        editor.put([Entry(layout.ROOT, farm)])
        editor.contexts(layout.CONTEXTS)
        editor.finish()


def _check_schema(connection: Connection, address: Address) -> None:
    if not inspect(connection).has_table(STATE.name):
        raise StoreError(address.shown, "there is no data store in it; `imafarm store create` makes one")
    version = connection.scalar(select(STATE.c.schema_version))
    if version is None:
        raise StoreError(address.shown, f"its schema is of no version: the table {STATE.name} is empty")
    if version != SCHEMA_VERSION:
        age = "an older" if version < SCHEMA_VERSION else "a newer"
        raise StoreError(
            address.shown, f"its schema is of {age} version, {version}; this imafarm reads and writes {SCHEMA_VERSION}"
        )
