"""Every figure of CTX114843 and of IMA Information as it is printed, and what was published elsewhere.

A row of a table is a line here, in the order of the text. How exact a figure is shows in its last digit.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from imafarm.errors import ConfigurationError
from imafarm.topology import Product

KILOBYTE = 1_024
"""Our guess, as in the engine: the text says `KB` and `Kb`, and not how much that is."""


class Unit(enum.StrEnum):
    """What a figure counts."""

    KILOBYTES = "KB"
    BYTES = "bytes"
    TIMES = "times"
    MILLISECONDS = "ms"
    SECONDS = "s"
    MINUTES = "minutes"
    CONNECTIONS = "connections"

    @property
    def size(self) -> int:
        """How much it is of what is measured: of bytes, or of itself."""
        return KILOBYTE if self is Unit.KILOBYTES else 1


class Direction(enum.StrEnum):
    """Which way the bytes go."""

    TRANSMITTED = "transmitted"
    """Out of the zone in which it happens, or to another host of it."""
    RECEIVED = "received"
    """Back into it."""
    BOTH = "both"
    """Both together."""
    READ = "read"
    """Out of the data store."""


class Kind(enum.StrEnum):
    """Why a farm of ours should measure as published."""

    CALIBRATED = "calibrated"
    """A number of ours says so: a message is filled up to a figure of the profile, or a setting has it as default."""
    EMERGENT = "emergent"
    """It follows from what hosts do. No number of ours says it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A published figure."""

    source: str
    """The text, and the table or section."""
    product: Product
    operation: str
    direction: Direction
    printed: str
    """The number, as it is printed."""
    unit: Unit
    kind: Kind
    within: Fraction
    """By how much it may be off, in its unit: half of its last printed digit, unless the text says it is rounder."""

    @property
    def value(self) -> Fraction:
        """The number."""
        return Fraction(self.printed)


def half_a_digit(printed: str) -> Fraction:
    """Half of the last digit of a number as it is printed."""
    _, _, behind = printed.partition(".")
    return Fraction(1, 2 * 10 ** len(behind))


EVENTS = ("connect", "disconnect", "reconnect", "logoff")
SHARED, NOT_SHARED, ANYHOW = ", load shared", ", load not shared", ""

SERVER_QUERY = "server query"
PUBLISHING = "application publishing"
CHANGING_COLLECTOR = "changing a zone's data collector"
EACH_SERVER = "application publishing, each additional server"
NEW_SERVER = "starting a new server"
SAVED = "a session event, less for load not shared"
FIRST_READ = "a start, one server in the farm"
EACH_READ = "a start, each other server"
LOGON_READS = "a logon"
ELECTION_READS = "an election"
LIMIT = "the least change that is not broadcast"
UPDATE_SERVER = "a full update, each server"
UPDATE_SESSION = "a full update, each session"
UPDATE_DISCONNECTED = "a full update, each disconnected session"
UPDATE_APPLICATION = "a full update, each application"
UPDATE_ROUND_TRIP = "a full update, there and back"
START_NEAR = "a start, 2 ms to the data store and back"
START_FAR = "a start, 100 ms to the data store and back"
MOST_CONNECTIONS = "connections that a host keeps open"
SILENT_MEMBER = "silence after which a member is pinged"
LOST_PEER = "wait before a lost collector is called again"
HEARTBEAT = "from one heartbeat of a member to the next"

ZONES = (2, 3, 5)
"""Farms in which replication is counted. The text tells of two and three zones; the rule it gives is Z - 1."""


def replication(zones: int) -> str:
    """The operation of relaying one update in a farm of so many zones."""
    return f"relaying an update, {zones} zones"


# Session events: by table, the rows from connect to logoff, each as transmitted and, where it is printed, received.
SESSION_TABLES: tuple[tuple[Product, str, str, tuple[tuple[str, ...], ...]], ...] = (
    (
        Product.PS45,
        "Citrix Presentation Server 4.5 Sharing load information",
        SHARED,
        ((".19", ".32"), (".51", ".43"), (".29", ".30"), (".31", ".43")),
    ),
    (
        Product.PS45,
        "Citrix Presentation Server 4.5 NOT Sharing load information",
        NOT_SHARED,
        (("0.07", ".17"), (".16", ".21"), (".14", ".26"), (".22", ".43")),
    ),
    (
        Product.PS40,
        "Citrix Presentation Server 4.0 Sharing load information",
        SHARED,
        (("1.15",), ("0.92",), ("1.1",), ("0.66",)),
    ),
    (
        Product.PS40,
        "Citrix Presentation Server 4.0 NOT Sharing load information",
        NOT_SHARED,
        (("0.87",), ("0.50",), ("0.80",), ("0.36",)),
    ),
    (Product.MF30, "MetaFrame Presentation Server 3.0 (events)", ANYHOW, ((".51",), (".48",), (".47",), (".30",))),
)

# Console operations, likewise. Version 4.0's first row bears the product's name where the others say server query.
CONSOLE_TABLES: tuple[tuple[Product, str, tuple[tuple[str, ...], ...]], ...] = (
    (
        Product.PS45,
        "Citrix Presentation Server 4.5 (console)",
        ((".0", ".0"), ("2.47", "1.87"), ("2.19", ".54")),
    ),
    (Product.PS40, "Citrix Presentation Server 4.0 (console)", ((".0",), ("2.47",), ("2.19",))),
    (Product.MF30, "MetaFrame Presentation Server 3.0 (console)", ((".0",), ("2.47",), ("2.19",))),
)

# The formulas of what a start reads, in kilobytes: the first server, and each other server of the farm.
STORE_FORMULAS: tuple[tuple[Product, str, str], ...] = (
    (Product.PS45, "416.8", "2.04"),
    (Product.PS40, "436", "3.15"),
    (Product.MF30, "431", "3.15"),
)

# In kilobytes: changes under it are broadcast.
LIMITS: tuple[tuple[Product, str], ...] = ((Product.PS45, "64"), (Product.PS40, "64"), (Product.MF30, "10"))

PRODUCTS = tuple(product for product, _ in LIMITS)
"""The products that the text covers."""

STORE_SECTION = "CTX114843, Bandwidth of Server to Data Store Communication"
COLLECTOR_SECTION = "CTX114843, Bandwidth of Data Collector Communication"
BOOT_SECTION = "CTX114843, Initial Boot of a Presentation Server Farm"
FARM_SECTION = "CTX114843, Farm Communication"
CONNECTIONS_SECTION = "IMA Information, How many connections to servers in the farm"
TRACK_SECTION = "IMA Information, How does the ZDC keep track of all of the hosts"
EVENTS_SECTION = "IMA Information, Communication Events"
ELSEWHERE = "the vendor, elsewhere"
OTHERS = "others"


def _row(
    source: str,
    product: Product,
    operation: str,
    direction: Direction,
    printed: str,
    unit: Unit = Unit.KILOBYTES,
    kind: Kind = Kind.CALIBRATED,
    *,
    within: Fraction | None = None,
) -> Figure:
    exact = half_a_digit(printed) if within is None else within
    return Figure(source, product, operation, direction, printed, unit, kind, exact)


def _figures() -> Iterator[Figure]:
    yield from _store()
    yield from _session_events()
    yield from _console()
    yield from _collectors()
    yield from _keeping_track()
    yield from _elsewhere()


def _store() -> Iterator[Figure]:
    for product, first, each in STORE_FORMULAS:
        yield _row(STORE_SECTION, product, FIRST_READ, Direction.READ, first)
        yield _row(STORE_SECTION, product, EACH_READ, Direction.READ, each)


def _session_events() -> Iterator[Figure]:
    for product, table, sharing, rows in SESSION_TABLES:
        for event, printed in zip(EVENTS, rows, strict=True):
            yield from _exchange(f"CTX114843, {table}", product, event + sharing, printed, Kind.CALIBRATED)


def _console() -> Iterator[Figure]:
    operations = {
        SERVER_QUERY: Kind.EMERGENT,
        PUBLISHING: Kind.CALIBRATED,
        CHANGING_COLLECTOR: Kind.CALIBRATED,
    }
    for product, table, rows in CONSOLE_TABLES:
        for (operation, kind), printed in zip(operations.items(), rows, strict=True):
            yield from _exchange(f"CTX114843, {table}", product, operation, printed, kind)


def _exchange(source: str, product: Product, operation: str, printed: tuple[str, ...], kind: Kind) -> Iterator[Figure]:
    for direction, number in zip((Direction.TRANSMITTED, Direction.RECEIVED), printed, strict=False):
        yield _row(source, product, operation, direction, number, kind=kind)


def _collectors() -> Iterator[Figure]:
    """What the text says of collectors outside its tables, of every product alike."""
    exact = Fraction(0)
    for product in PRODUCTS:
        yield _row(COLLECTOR_SECTION, product, EACH_SERVER, Direction.TRANSMITTED, "466", Unit.BYTES)
        yield _row(COLLECTOR_SECTION, product, NEW_SERVER, Direction.TRANSMITTED, "4.56")
    for product in PRODUCTS:
        for zones in ZONES:
            relayed, times = replication(zones), str(zones - 1)
            out = Direction.TRANSMITTED
            yield _row(BOOT_SECTION, product, relayed, out, times, Unit.TIMES, Kind.EMERGENT, within=exact)
    for product, limit in LIMITS:
        if product is not Product.MF30:
            # Version 3.0 has one table for both. "Approximately 300": to the hundred.
            yield _row(FARM_SECTION, product, SAVED, Direction.BOTH, "300", Unit.BYTES, within=Fraction(50))
        for operation in (LOGON_READS, ELECTION_READS):
            yield _row(FARM_SECTION, product, operation, Direction.READ, "0", kind=Kind.EMERGENT, within=exact)
        yield _row(FARM_SECTION, product, LIMIT, Direction.TRANSMITTED, limit)


def _keeping_track() -> Iterator[Figure]:
    """What IMA Information says of every product alike."""
    out = Direction.TRANSMITTED
    for product in PRODUCTS:
        yield _row(CONNECTIONS_SECTION, product, MOST_CONNECTIONS, Direction.BOTH, "512", Unit.CONNECTIONS)
    for product in PRODUCTS:
        yield _row(TRACK_SECTION, product, SILENT_MEMBER, out, "1", Unit.MINUTES)
        yield _row(TRACK_SECTION, product, LOST_PEER, out, "5", Unit.MINUTES)
    for product in PRODUCTS:
        yield _row(EVENTS_SECTION, product, HEARTBEAT, out, "60000", Unit.MILLISECONDS)


def _elsewhere() -> Iterator[Figure]:
    """A full update of version 4.5, load not shared, and how long starts took."""
    product = Product.PS45
    yield _row(ELSEWHERE, product, UPDATE_SERVER, Direction.TRANSMITTED, "3.43")
    yield _row(ELSEWHERE, product, UPDATE_SESSION, Direction.TRANSMITTED, ".05")
    yield _row(ELSEWHERE, product, UPDATE_DISCONNECTED, Direction.TRANSMITTED, ".04")
    yield _row(ELSEWHERE, product, UPDATE_APPLICATION, Direction.TRANSMITTED, ".0013")
    # Of which version is not told.
    yield _row(ELSEWHERE, product, START_NEAR, Direction.READ, "50", Unit.SECONDS)
    yield _row(ELSEWHERE, product, START_FAR, Direction.READ, "15", Unit.MINUTES)
    yield _row(OTHERS, product, UPDATE_ROUND_TRIP, Direction.BOTH, "1.5", Unit.TIMES)


FIGURES: tuple[Figure, ...] = tuple(_figures())
"""Every figure, in the order of the texts."""


def figures_of(product: Product | None = None) -> tuple[Figure, ...]:
    """The figures of a product, or all.

    `ConfigurationError` for a product that the text does not cover.
    """
    if product is None:
        return FIGURES
    of_it = tuple(figure for figure in FIGURES if figure.product is product)
    if not of_it:
        covered = ", ".join(sorted({figure.product.value for figure in FIGURES}))
        raise ConfigurationError([f"--product: nothing is published of {product}; there are {covered}"])
    return of_it
