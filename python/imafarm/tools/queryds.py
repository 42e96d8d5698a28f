"""`queryds /table:NAME`: a table of a collector's dynamic store, record by record.

The first line and the lines of `Conn_Sessions` are the product's. The other tables' names and lines are our guess, and
so are the empty line before each record and what a record is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from imafarm.tools._asking import Asked, collector_asked

SESSIONS, SERVERS, LOADS, SUBSCRIPTIONS = TABLES = ("Conn_Sessions", "Server_State", "Server_Load", "Subscriptions")
"""What a dynamic store holds. To all but the last, servers can subscribe."""

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


def records(farm: Asked, table: str, host: str | None = None) -> list[Record]:
    """The records of a table that the zones' collectors hold; with `host`, that its collector does, of all zones.

    A server whose load is not known has no record among the loads. Subscriptions are held by nobody but the collector
    to whom they were made.

    Errors: `ConfigurationError` for a host that cannot be asked.
    """
    at = collector_asked(farm, host)
    if table == SUBSCRIPTIONS:
        zones = farm.zones if at is None else (farm.record(at).zone,)
        subscriptions = [(zone, *entry) for zone in zones for entry in farm.subscriptions(zone, at=at)]
        return [subscription_record(host=owner, zone=zone, table=wanted) for zone, owner, wanted in subscriptions]
    if table == SESSIONS:
        sessions = [(zone, row) for zone in farm.zones for row in farm.sessions(zone, at=at)]
        return [session_record(host=row.host, zone=zone, session=row.number, user=row.user) for zone, row in sessions]
    servers = [(zone, row) for zone in farm.zones for row in farm.server_states(zone, at=at)]
    if table == LOADS:
        return [
            load_record(host=row.host, zone=zone, load=row.load)
            for zone, row in servers
            if row.up and row.load is not None
        ]
    return [server_record(host=row.host, zone=zone, up=row.up) for zone, row in servers]


def session_record(*, host: str, zone: str, session: int, user: int) -> Record:
    """A record of `Conn_Sessions`. Our guess: users go by their numbers, and each has a client named after them."""
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
