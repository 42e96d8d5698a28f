"""Where a store is: the path of a SQLite file, or a URL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from imafarm.errors import StoreError
from imafarm.words import nearest

SCHEMES = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "postgresql+psycopg": "postgresql",
}
"""By the scheme of a URL: which database it means."""
SECRETS = {"password", "sslpassword", "passfile"}
"""What a query may hold that nobody should read in a message."""
_PASSWORD = re.compile(r"(?<=://)([^:/@]*):[^/]*@")
_QUERY_SECRET = re.compile(rf"(?<=[?&])({'|'.join(sorted(SECRETS))})=[^&]*")


@dataclass(frozen=True, slots=True)
class Address:
    """A store's place."""

    shown: str
    """As it was given, secrets masked."""
    path: Path | None
    """The SQLite file, or `None`: a server."""
    url: URL


def read_address(text: str) -> Address:
    """The place that a URL names; what has no scheme is the path of a SQLite file.

    Errors: `StoreError`.
    """
    shown = masked(text)
    if not text or "\0" in text:
        raise StoreError(shown or "''", "no place for a store; give the path of a SQLite file or a URL")
    if "://" not in text:
        return _file(shown, text)
    scheme = text.partition("://")[0].lower()
    if scheme not in SCHEMES:
        raise StoreError(
            shown, f"unknown scheme {scheme!r}; did you mean {nearest(scheme, SCHEMES)!r}? Others are not supported"
        )
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise StoreError(shown, "this is no URL of the form scheme://user:password@host:port/database") from None
    if SCHEMES[scheme] == "postgresql":
        return Address(shown, None, url.set(drivername="postgresql+psycopg"))
    if url.host or url.query:
        raise StoreError(shown, "a SQLite file is named as sqlite:///relative.db or sqlite:////absolute.db, no more")
    return _file(shown, url.database or "")


def masked(text: str) -> str:
    """The URL with three stars for each secret in it."""
    return _QUERY_SECRET.sub(r"\1=***", _PASSWORD.sub(r"\1:***@", text))


def _file(shown: str, path: str) -> Address:
    if path in {"", ":memory:"}:
        raise StoreError(shown, "a store in memory would be gone when it is closed; name a file")
    return Address(shown, Path(path), URL.create("sqlite", database=path))
