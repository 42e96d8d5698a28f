"""The tables, after those of the original: keys in a tree, look-ups, deletions, and one value for each object."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

SCHEMA_VERSION = 1
"""Goes up when the tables, or what stands in them, could be misread by another version."""

METADATA = MetaData()
ID = BigInteger().with_variant(Integer(), "sqlite")

STATE = Table(
    "StoreState",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="always 1"),
    Column("schema_version", Integer, nullable=False),
    Column("change_number", ID, nullable=False, comment="of the last change"),
    Column("next_key", ID, nullable=False, comment="no key is given twice, not even after a deletion"),
)

KEYS = Table(
    "KeyTable",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("distinguished_name", Text, nullable=False, unique=True),
    Column("parent", ID, ForeignKey("KeyTable.id"), comment="the hierarchy: the context this is in"),
    Column(
        "position", ID, nullable=False, comment="among its siblings; the order of hosts is that of a farm's records"
    ),
    Column("created", ID, nullable=False, comment="the change that made it"),
    Column("change_number", ID, nullable=False, comment="sync data: the last change of it"),
    Index("KeyTable_parent", "parent", "position"),
    Index("KeyTable_change_number", "change_number"),
)

DATA = Table(
    "DataTable",
    METADATA,
    Column("key", ID, ForeignKey("KeyTable.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False, comment="attributes and values, one MessagePack map"),
)

INDEX = Table(
    "IndexTable",
    METADATA,
    Column("attribute", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("key", ID, ForeignKey("KeyTable.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Index("IndexTable_key", "key"),
)

DELETED = Table(
    "DeleteTracker",
    METADATA,
    Column("key", ID, primary_key=True, autoincrement=False),
    Column("distinguished_name", Text, nullable=False),
    Column("change_number", ID, nullable=False, index=True),
)

TABLES = {table.name: table for table in (STATE, KEYS, DATA, INDEX, DELETED)}
TABLE_NAMES = tuple(TABLES)
"""As an administrator may ask for them."""
