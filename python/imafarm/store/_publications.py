"""What live hosts read of a store while their farm runs: its applications, and how much is new."""

from __future__ import annotations

from itertools import chain

import msgpack
from sqlalchemy import Connection, func, select

from imafarm.configuration import Publication, StoreReading
from imafarm.store import _layout as layout
from imafarm.store._codec import from_plain
from imafarm.store._schema import DELETED, STATE
from imafarm.store._tree import StoreChange, changes_since, read_objects


def publications(connection: Connection) -> list[Publication]:
    """Every application that the farm ever had, in the order in which it has come to know their names.

    No key is given twice, and the lowest that a name ever had says when it came. So whoever reads the store later, or
    bit by bit, finds the same order.

    Errors: `ValueError` names an object that cannot be understood.
    """
    place = len(layout.APPLICATIONS) + 1
    query = select(DELETED.c.distinguished_name, DELETED.c.key, DELETED.c.change_number)
    in_context = func.substr(DELETED.c.distinguished_name, 1, place) == f"{layout.APPLICATIONS}/"
    gone = (
        (key, Publication(_own(name), (), change)) for name, key, change in connection.execute(query.where(in_context))
    )
    here = (
        (it.key, Publication(_own(it.name), _servers(it.name, it.attributes.get("servers", ())), it.change))
        for it in read_objects(connection, layout.APPLICATIONS)
    )
    # By rising key, so the last of a name is how it is now.
    latest: dict[str, Publication] = {}
    for _, publication in sorted(chain(gone, here), key=lambda entry: entry[0]):
        latest[publication.name] = publication
    return list(latest.values())


def read_since(connection: Connection, number: int) -> StoreReading:
    """What a live host reads that has everything up to that change. Errors: as `publications`."""
    return StoreReading(
        latest=connection.scalars(select(STATE.c.change_number)).one(),
        publications=tuple(it for it in publications(connection) if it.change > number),
        size_bytes=sum(map(_size_bytes, changes_since(connection, number))),
    )


def _own(name: str) -> str:
    return layout.own_names(name)[0]


def _servers(name: str, plain: object) -> tuple[str, ...] | None:
    servers: tuple[str, ...] | None = from_plain(tuple[str, ...] | None, plain, f"{name}: servers")
    return servers


def _size_bytes(change: StoreChange) -> int:
    """How long an object is: its name, and its attributes as they are stored.

    Of what the emulation does not look at it is the length that it is said to have.
    """
    if change.attributes is None:
        return len(change.name.encode())
    if change.name == layout.OTHER:
        return int(change.attributes.get("size_bytes", 0))
    return len(change.name.encode()) + len(msgpack.packb(dict(change.attributes)))
