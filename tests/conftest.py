"""Stores to try things on: in SQLite, and in a PostgreSQL that is started for these tests and gone after them."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from imafarm.store import DataStore

PASSWORD = "s3cret"
UNPRIVILEGED = ("postgres", "nobody")
"""As whom the server runs when the tests are root's, whom it refuses."""
START_SECONDS = 60


@dataclass
class Server:
    """A PostgreSQL of our own."""

    programs: Path
    directory: Path
    account: dict[str, Any]
    port: int
    _process: subprocess.Popen[bytes] | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def url(self, database: str, password: str = PASSWORD) -> str:
        return f"postgresql://imafarm:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"farm{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def start(self) -> None:
        """Has it run, with all that it held when it ran last."""
        command: list[str | Path] = [self.programs / "postgres", "-D", self.directory / "data"]
        command += ["-k", self.directory, "-p", str(self.port)]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        with (self.directory / "log").open("ab") as log:
            process = subprocess.Popen[bytes](command, stdout=log, stderr=log, cwd=self.directory, **self.account)
        self._process = process
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
                return
            except psycopg.OperationalError as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    said = (self.directory / "log").read_text(errors="replace")
                    raise RuntimeError(f"PostgreSQL does not start: {error}\n{said}") from None
                time.sleep(0.05)

    def stop(self) -> None:
        """Has it gone, if it runs."""
        if self._process is None:
            return
        if self._process.poll() is None:
            # Fast shutdown: it does not wait for clients.
            self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=START_SECONDS)
        self._process = None


def _programs() -> Path | None:
    """Where PostgreSQL's programs are; Debian keeps them out of the path."""
    if (found := shutil.which("initdb")) and shutil.which("postgres"):
        return Path(found).parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((path.parent for path in versions), key=lambda path: float(path.parent.name), default=None)


def _account() -> dict[str, Any]:
    """Who runs the server, as `subprocess` takes it."""
    if os.geteuid() != 0:
        return {}
    for name in UNPRIVILEGED:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError(f"the tests are root's, whom PostgreSQL refuses, and there is no user {UNPRIVILEGED}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="session")
def start_postgresql() -> Iterator[Callable[[], Server]]:
    """Starts a server; each is stopped in the end, if it still runs."""
    programs = _programs()
    if programs is None:
        pytest.skip("there is no PostgreSQL (initdb and postgres) on this machine")
    account = _account()
    # Not pytest's own directory, which an unprivileged user may not enter; and a socket's path has to be short.
    with tempfile.TemporaryDirectory(prefix="imafarm-pg-", ignore_cleanup_errors=True) as name:
        servers: list[Server] = []

        def start() -> Server:
            directory = Path(name) / str(len(servers))
            directory.mkdir()
            secret = directory / "password"
            secret.write_text(PASSWORD)
            if account:
                for path in (Path(name), directory, secret):
                    os.chown(path, account["user"], account["group"])
            initdb: list[str | Path] = [
                programs / "initdb",
                "-D",
                directory / "data",
                "-U",
                "imafarm",
                "-A",
                "scram-sha-256",
            ]
            initdb += ["--pwfile", secret, "-E", "UTF8", "--locale=C", "--no-sync"]
            made = subprocess.run(initdb, cwd=directory, capture_output=True, text=True, **account)
            assert made.returncode == 0, made.stderr
            server = Server(programs, directory, account, _free_port())
            server.start()
            servers.append(server)
            return server

        yield start
        for server in servers:
            server.stop()


@pytest.fixture(scope="session")
def postgresql(start_postgresql: Callable[[], Server]) -> Server:
    """The server that the tests share."""
    return start_postgresql()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store can be made, in each kind of database."""
    if request.param == "sqlite":
        return str(tmp_path / "farm.db")
    server: Server = request.getfixturevalue("postgresql")
    return server.new_database()


@pytest.fixture
def store(url: str) -> Iterator[DataStore]:
    """An empty store in each kind of database."""
    with DataStore.create(url, name="Corp") as created:
        yield created


class Outage:
    """A store that can be taken away, and comes back as it was."""

    def __init__(self, url: str, server: Server | None) -> None:
        self._url = url
        self._server = server

    def begin(self) -> None:
        self._move("", "_gone")

    def end(self) -> None:
        self._move("_gone", "")

    def _move(self, before: str, after: str) -> None:
        if self._server is None:
            os.rename(self._url + before, self._url + after)
            return
        name = self._url.rpartition("/")[2]
        names = sql.Identifier(name + before), sql.Identifier(name + after)
        with psycopg.connect(self._server.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*names))


@pytest.fixture
def outage(url: str, request: pytest.FixtureRequest) -> Outage:
    """Takes the store at `url` away."""
    return Outage(url, None if "://" not in url else request.getfixturevalue("postgresql"))
