"""One database: how its transactions begin, and what its errors mean to a person."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from imafarm.errors import StoreError
from imafarm.store._address import Address

WRITERS_LOCK = 0x1A4A_0001
"""The advisory lock that a writer holds in PostgreSQL until its transaction ends. Any number of ours will do."""

_SQLITE_REASONS = {
    sqlite3.SQLITE_FULL: "the database is full",
    sqlite3.SQLITE_NOTADB: "this is no SQLite database",
    sqlite3.SQLITE_CORRUPT: "the database is damaged",
    sqlite3.SQLITE_READONLY: "the database cannot be written to",
    sqlite3.SQLITE_PERM: "access is denied",
    sqlite3.SQLITE_AUTH: "access is denied",
}
"""By SQLite's primary error code."""
_POSTGRESQL_REASONS = {
    "53100": "the database is full",
    "53200": "the database is out of memory",
    "53300": "the database has too many clients",
    "25006": "the database cannot be written to",
    "28000": "access is denied",
    "28P01": "access is denied",
    "42501": "access is denied",
    "3D000": "there is no such database",
    "57P01": "the database was shut down",
    "57P03": "the database is starting up or shutting down",
}
"""By PostgreSQL's SQLSTATE."""


class Database:
    """Opens a connection for each transaction and keeps none, so nothing of ours blocks others in between."""

    def __init__(self, address: Address, *, wait_seconds: float) -> None:
        """`wait_seconds`: how long to wait for another writer, or for a server to answer."""
        self.address = address
        self.wait_seconds = wait_seconds
        self.engine = _sqlite(address.path, wait_seconds) if address.path else _postgresql(address, wait_seconds)
        self._is_sqlite = address.path is not None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees the store as it is at its beginning, whatever others write meanwhile."""
        options: dict[str, Any] = (
            {} if self._is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        )
        with self._errors(), self.engine.connect() as connection, connection.execution_options(**options).begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that no other writer is in at the same time: all of it is written, or nothing."""
        options = {"imafarm_writes": True}
        with self._errors(), self.engine.connect() as connection, connection.execution_options(**options).begin():
            if not self._is_sqlite:
                wait = f"{round(self.wait_seconds * 1000)}ms"
                connection.execute(text("SELECT set_config('lock_timeout', :wait, true)"), {"wait": wait})
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": WRITERS_LOCK})
            yield connection

    def close(self) -> None:
        """Lets go of the database."""
        self.engine.dispose()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise StoreError(self.address.shown, self._reason(error)) from error
        except SQLAlchemyError as error:
            raise StoreError(self.address.shown, _first_line(error)) from error

    def _reason(self, error: DBAPIError) -> str:
        cause = error.orig
        if isinstance(cause, sqlite3.Error):
            return self._sqlite_reason(cause)
        state = getattr(cause, "sqlstate", None)
        if state == "55P03":
            return self._locked()
        said = _first_line(cause)
        if state is None and isinstance(error, OperationalError):
            # Nobody gives a state to a connection that never was, or is no more.
            return f"the database cannot be reached: {said}"
        return f"{reason}: {said}" if (reason := _POSTGRESQL_REASONS.get(state or "")) else said

    def _sqlite_reason(self, cause: sqlite3.Error) -> str:
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return self._locked()
        if code == sqlite3.SQLITE_CANTOPEN:
            path = self.address.path
            if path is not None and not path.exists():
                return "there is no such file; `imafarm store create` makes a store"
            return f"the file cannot be opened: {_first_line(cause)}"
        return _SQLITE_REASONS.get(code) or _first_line(cause)

    def _locked(self) -> str:
        return f"the store is locked: somebody else has been writing for {self.wait_seconds:g} s"


@contextmanager
def new_file(address: Address, path: Path, *, wait_seconds: float) -> Iterator[Database]:
    """A SQLite database that appears at `path` when all is done, and does not if anything goes wrong.

    Errors: `StoreError` if there is a file already, or none can be made.
    """
    try:
        if path.exists():
            raise FileExistsError
        # Built beside it and linked in at the end: nobody ever sees half a store, and no other file is overwritten.
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as beside:
            built = Path(beside) / path.name
            with sqlite3.connect(built) as first:
                first.execute("PRAGMA journal_mode=WAL")
            first.close()
            database = Database(Address(address.shown, built, address.url), wait_seconds=wait_seconds)
            yield database
            database.close()
            os.link(built, path)
    except FileExistsError:
        raise StoreError(address.shown, "there is a file of this name already") from None
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else _first_line(error)
        raise StoreError(address.shown, f"no file can be made there: {why}") from None


def _sqlite(path: Path, wait_seconds: float) -> Engine:
    def connect() -> sqlite3.Connection:
        # Not `rwc`: a store that is not there is an error, not an empty file.
        uri = f"file:{quote(os.path.abspath(path))}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, timeout=wait_seconds, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA foreign_keys=ON")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes its place at once. Were it to read first, it could be told "locked" half-way, without a wait.
        writes = connection.get_execution_options().get("imafarm_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql(address: Address, wait_seconds: float) -> Engine:
    if find_spec("psycopg") is None:
        raise StoreError(address.shown, "PostgreSQL needs psycopg, which the extra `imafarm[postgresql]` installs")
    seconds = max(2, round(wait_seconds))
    arguments: dict[str, Any] = {
        "application_name": "imafarm",
        "connect_timeout": seconds,
        # A server that is gone from the network does not keep a thread for hours.
        "tcp_user_timeout": 1000 * seconds,
        "keepalives_idle": seconds,
    }
    arguments = {key: value for key, value in arguments.items() if key not in address.url.query}
    return create_engine(address.url, poolclass=NullPool, connect_args=arguments)


def _first_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__
