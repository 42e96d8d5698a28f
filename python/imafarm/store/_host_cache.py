"""The local host cache file: what a host has read of the data store, on its own disk. It outlasts the process.

It is a data store itself, in SQLite: a copy of the farm's as of one moment, and a table that says of which store, and
when the host last was in step with it. Its header names it as ours, so that no other file is ever written over. Behind
its last page, where SQLite does not look, stands a digest of it all: what is damaged is found before SQLite reads it.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import struct
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Column, Double, MetaData, StaticPool, Table, Text, create_engine, insert

from imafarm.errors import StoreError
from imafarm.store._address import Address
from imafarm.store._schema import METADATA, TABLES
from imafarm.store._store import DataStore, StoreCopy

FORMAT = 1
"""Goes up when a cache could be misread by another version, besides what the tables' own version says."""
APPLICATION_ID = 0x494D_4C48
"""SQLite's header has it: `IMLH`. Any number of ours will do."""

_ORIGIN = Table(
    "LocalHostCache",
    MetaData(),
    Column("store", Text, nullable=False, comment="where the data store is, secrets masked"),
    Column("in_step_at", Double, nullable=False, comment="when it was last read, in seconds of the epoch"),
)
_HEADER = struct.Struct(">16s44xI4xI")
"""SQLite's: its name, the user version, the application's id."""
_SQLITE = b"SQLite format 3\0"
_DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class HostCache:
    """What a local host cache file holds."""

    copy: StoreCopy
    store: str
    """Where the data store is that it is a copy of, secrets masked."""
    in_step_at: float
    """When it was last read, in seconds of the epoch."""


def place_of(address: Address) -> str:
    """What a cache says of the place of its store, so that two names of one file are the same."""
    return address.shown if address.path is None else os.path.abspath(address.path)


def read_host_cache(path: Path) -> HostCache:
    """What the local host cache file at `path` holds.

    Errors: `StoreError` if there is none, it is damaged, of a newer version, or no such file at all.
    """
    shown = str(path)
    if said := mistake_of_header(path):
        raise StoreError(shown, said)
    content = path.read_bytes()
    if _digest(content[:-_DIGEST_BYTES]) != content[-_DIGEST_BYTES:]:
        raise StoreError(shown, "this local host cache is damaged: it is not what was written")
    copy = DataStore.at(Address(shown, path, URL.create("sqlite", database=shown))).copy()
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        store, in_step_at = connection.execute("SELECT store, in_step_at FROM LocalHostCache").fetchone()
    return HostCache(copy, store, in_step_at)


def mistake_of_header(path: Path) -> str | None:
    """Why a file is no local host cache of this version, or none at all; `None` if it is one, or the rest of one."""
    try:
        if not path.is_file():
            return "this is no file"
        with path.open("rb") as file:
            found = file.read(_HEADER.size)
    except OSError as error:
        return f"the file cannot be read: {error.strerror}"
    name, version, application = _HEADER.unpack(found) if len(found) == _HEADER.size else (b"", 0, 0)
    if name != _SQLITE or application != APPLICATION_ID:
        return "this is no local host cache"
    if version > FORMAT:
        return f"this local host cache is of a newer version, {version}; this imafarm reads and writes {FORMAT}"
    return None


def image_of(copy: StoreCopy, store: str, in_step_at: float) -> bytes:
    """The bytes of a file that holds this."""
    # A database in memory lives as long as its one connection.
    engine = create_engine("sqlite://", poolclass=StaticPool)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
            connection.exec_driver_sql(f"PRAGMA user_version={FORMAT}")
            METADATA.create_all(connection)
            _ORIGIN.create(connection)
            for name, rows in copy.rows.items():
                if rows:
                    connection.execute(insert(TABLES[name]), rows)
            connection.execute(insert(_ORIGIN), [{"store": store, "in_step_at": in_step_at}])
            connection.commit()
            database = connection.connection.driver_connection
            assert isinstance(database, sqlite3.Connection)
            image = database.serialize()
            return image + _digest(image)
    finally:
        engine.dispose()


def write_file(path: Path, image: bytes) -> None:
    """Puts the bytes in the place of the file, whole or not at all; only its owner may read it.

    Errors: `OSError`.
    """
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(image)
            file.flush()
            os.fsync(number)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    # The name too is to outlast a power cut.
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _digest(image: bytes) -> bytes:
    return hashlib.blake2b(image, digest_size=_DIGEST_BYTES).digest()
