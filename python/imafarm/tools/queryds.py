"""`queryds /table:NAME`: a table of a collector's dynamic store, record by record.

The first line and the lines of `Conn_Sessions` are the product's. The other tables' names and lines are our guess, and
so is the empty line before each record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

SESSIONS, SERVERS, LOADS, SUBSCRIPTIONS = TABLES = ("Conn_Sessions", "Servers", "Loads", "Subscriptions")
"""What a dynamic store holds."""

SESSION_VERSION = 1
PRODUCT_TYPE = 12
"""What a published record of `Conn_Sessions` says of these two."""

Record = Mapping[str, str | int]
"""A record's lines: what stands before the colon, and after it."""


def listed_table(table: str, records: Sequence[Record]) -> Iterator[str]:
    """The lines of `queryds /table:NAME`."""
    yield f"[{table}]: {len(records)} records."
    for record in records:
        yield ""
        for name, value in record.items():
            yield f"{name}: {value}"


def session_record(*, host: str, zone: str, session: int, user: str) -> Record:
    """A record of `Conn_Sessions`. Our guess: what it is named, and that each user has a client named after them."""
    return {
        **_named(f"{host}.{session}", host, zone),
        "Version[Session] ": SESSION_VERSION,
        "ProductType": PRODUCT_TYPE,
        "SessionId": session,
        "ClientName": f"WKS-{user}",
        "UserName": user,
    }


def server_record(*, host: str, zone: str, up: bool) -> Record:
    """A record of `Servers`: whether a server is there, as the collector has it."""
    return {**_named(host, host, zone), "State": "Up" if up else "Down"}


def load_record(*, host: str, zone: str, load: int) -> Record:
    """A record of `Loads`."""
    return {**_named(host, host, zone), "Load": load}


def subscription_record(*, host: str, zone: str, table: str) -> Record:
    """A record of `Subscriptions`: whose it is, and to which table."""
    return {**_named(f"{host}.{table}", host, zone), "Table": table}


def _named(name: str, host: str, zone: str) -> Record:
    return {"name": name, "host": host, "zone": zone}
