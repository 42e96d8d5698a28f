"""The tree of objects: reading it, and writing it under one change number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import msgpack
from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select, update

from imafarm.store._schema import DATA, DELETED, INDEX, KEYS, STATE

MANY = 500
"""From so many objects on, it is quicker to read the whole tree than to ask for each."""

Attributes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoreObject:
    """One object of the store."""

    name: str
    """The distinguished name: the contexts it is in and its own, parted by `/`."""
    key: int
    created: int
    """The number of the change that made it."""
    change: int
    """The number of the last change of it."""
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class StoreChange:
    """What a host that polls the store learns of one object."""

    number: int
    """The change number."""
    kind: Literal["added", "changed", "deleted"]
    name: str
    attributes: Attributes | None
    """As they are by now; `None`: it is gone."""


class Entry(NamedTuple):
    """What is to stand in the store: an object, and what it can be found by."""

    name: str
    attributes: Attributes
    found_by: tuple[tuple[str, str], ...] = ()
    """Attribute and value, for the table of look-ups."""


class _Known(NamedTuple):
    key: int
    position: int
    data: bytes


def component(name: str) -> str:
    """A name as one part of a distinguished name."""
    return name.replace("%", "%25").replace("/", "%2F").replace("&", "%26")


def plain_name(part: str) -> str:
    """The name that is written so in a distinguished name."""
    return part.replace("%26", "&").replace("%2F", "/").replace("%25", "%")


def parent_of(name: str) -> str:
    """The context that an object is in; of the topmost, nothing."""
    return name.rpartition("/")[0]


def read_object(connection: Connection, name: str) -> StoreObject | None:
    """The object of this name, if there is one."""
    return next(_objects(connection, _SELECT.where(KEYS.c.distinguished_name == name)), None)


def read_objects(connection: Connection, context: str | None = None) -> Iterator[StoreObject]:
    """The objects right below a context, or all, each context's in their order."""
    query = _SELECT
    if context is not None:
        above = KEYS.alias()
        query = query.join(above, above.c.id == KEYS.c.parent).where(above.c.distinguished_name == context)
    return _objects(connection, query.order_by(KEYS.c.parent, KEYS.c.position, KEYS.c.id))


def find(connection: Connection, attribute: str, value: str) -> list[str]:
    """The names of the objects that can be found by this."""
    query = select(KEYS.c.distinguished_name).join(INDEX, INDEX.c.key == KEYS.c.id)
    query = query.where(INDEX.c.attribute == attribute, INDEX.c.value == value).order_by(KEYS.c.position, KEYS.c.id)
    return list(connection.scalars(query))


def changes_since(connection: Connection, number: int) -> list[StoreChange]:
    """What became of each object after that change, in the order of the changes; of one change, deletions first."""
    changed = [
        (it.change, 1, it.key, StoreChange(it.change, _kind(it, number), it.name, it.attributes))
        for it in _objects(connection, _SELECT.where(KEYS.c.change_number > number))
    ]
    query = select(DELETED.c.change_number, DELETED.c.key, DELETED.c.distinguished_name)
    deleted = [
        (change, 0, key, StoreChange(change, "deleted", name, None))
        for change, key, name in connection.execute(query.where(DELETED.c.change_number > number))
    ]
    return [change for *_, change in sorted(changed + deleted, key=lambda entry: entry[:3])]


def _kind(it: StoreObject, number: int) -> Literal["added", "changed"]:
    return "added" if it.created > number else "changed"


_SELECT: Select[Any] = select(
    KEYS.c.distinguished_name, KEYS.c.id, KEYS.c.created, KEYS.c.change_number, DATA.c.data
).join(DATA, DATA.c.key == KEYS.c.id)


def _objects(connection: Connection, query: Select[Any]) -> Iterator[StoreObject]:
    for name, key, created, change, data in connection.execute(query):
        yield StoreObject(name, key, created, change, _unpack(data, name))


def _unpack(data: bytes, name: str) -> dict[str, Any]:
    try:
        attributes = msgpack.unpackb(data)
    except (TypeError, ValueError, msgpack.UnpackException):
        attributes = None
    if not isinstance(attributes, dict):
        raise ValueError(f"{name}: its attributes cannot be read")
    return attributes


class Editor:
    """Writes objects within one transaction. What it writes has one change number, the next; else nothing has."""

    def __init__(self, connection: Connection) -> None:
        """`connection` is in a transaction of the only writer."""
        self.connection = connection
        state = connection.execute(select(STATE.c.change_number, STATE.c.next_key)).one()
        self._before: int = state.change_number
        self._next_key: int = state.next_key
        self._changed = False

    @property
    def number(self) -> int:
        """The number of this change, or of the last one if nothing is different."""
        return self._before + 1 if self._changed else self._before

    def put(self, entries: Iterable[Entry]) -> None:
        """Makes or changes objects. One that is as it should be is left alone. The context must be there.

        An object that is made comes last in its context.
        """
        self._put(list(entries), positions=None)

    def replace(self, entries: Iterable[Entry]) -> None:
        """Makes these all the objects there are, in this order, contexts first; others are deleted."""
        wanted = list(entries)
        names = {entry.name for entry in wanted}
        gone = select(KEYS.c.distinguished_name).join(DATA, DATA.c.key == KEYS.c.id)
        self.delete(name for name in self.connection.scalars(gone).all() if name not in names)
        self._put(wanted, positions={entry.name: position for position, entry in enumerate(wanted)})

    def delete(self, names: Iterable[str]) -> None:
        """Deletes objects, and remembers that they were there. Those that are not there are no matter."""
        keys = self._keys(list(names))
        if not keys:
            return
        self._changed = True
        rows = [
            {"key": key, "distinguished_name": name, "change_number": self.number} for name, key in sorted(keys.items())
        ]
        self.connection.execute(insert(DELETED), rows)
        # What the key has in other tables goes with it.
        self.connection.execute(
            delete(KEYS).where(KEYS.c.id == bindparam("gone")), [{"gone": row["key"]} for row in rows]
        )

    def contexts(self, names: Iterable[str]) -> None:
        """Makes contexts: places in the tree that hold objects and no attributes. The upper ones first."""
        for name in names:
            parent = self._keys([parent_of(name)]).get(parent_of(name))
            self.connection.execute(insert(KEYS), [self._new_key(name, parent, 0)])

    def finish(self) -> int:
        """Writes the number down; returns it."""
        state = {"change_number": self.number, "next_key": self._next_key}
        self.connection.execute(update(STATE).values(state))
        return self.number

    def _put(self, entries: list[Entry], *, positions: Mapping[str, int] | None) -> None:
        packed = [(entry, msgpack.packb(dict(entry.attributes))) for entry in entries]
        known = self._known([entry.name for entry in entries])
        fresh = [(entry, data) for entry, data in packed if entry.name not in known]
        other = [(entry, data) for entry, data in packed if entry.name in known and known[entry.name].data != data]
        if fresh or other:
            self._changed = True
        keys = self._make([entry for entry, _ in fresh], positions)
        keys |= {entry.name: known[entry.name].key for entry, _ in other}
        self._execute(insert(DATA), [{"key": keys[entry.name], "data": data} for entry, data in fresh])
        self._execute(
            update(DATA).where(DATA.c.key == bindparam("of")).values(data=bindparam("now")),
            [{"of": keys[entry.name], "now": data} for entry, data in other],
        )
        changed = [{"of": keys[entry.name]} for entry, _ in other]
        self._execute(
            update(KEYS).where(KEYS.c.id == bindparam("of")).values(change_number=self.number),
            changed,
        )
        self._execute(delete(INDEX).where(INDEX.c.key == bindparam("of")), changed)
        self._execute(
            insert(INDEX),
            [
                {"attribute": attribute, "value": value, "key": keys[entry.name]}
                for entry, _ in fresh + other
                for attribute, value in dict.fromkeys(entry.found_by)
            ],
        )
        if positions is not None:
            moved = [
                {"of": known[entry.name].key, "now": positions[entry.name]}
                for entry in entries
                if entry.name in known and known[entry.name].position != positions[entry.name]
            ]
            # The order is no attribute: who polls has nothing to learn from it.
            self._execute(update(KEYS).where(KEYS.c.id == bindparam("of")).values(position=bindparam("now")), moved)

    def _make(self, entries: list[Entry], positions: Mapping[str, int] | None) -> dict[str, int]:
        """Keys for new objects, by name. The contexts that they are in are there."""
        parents = self._keys(list({parent_of(entry.name) for entry in entries}))
        query = select(KEYS.c.parent, func.max(KEYS.c.position)).where(KEYS.c.parent.in_(parents.values()))
        last = {} if positions else dict(self.connection.execute(query.group_by(KEYS.c.parent)).all())
        rows = []
        for entry in entries:
            parent = parents.get(parent_of(entry.name))
            position = last.get(parent, 0) + 1 if positions is None else positions[entry.name]
            last[parent] = position
            rows.append(self._new_key(entry.name, parent, position))
        self._execute(insert(KEYS), rows)
        return {row["distinguished_name"]: row["id"] for row in rows}

    def _new_key(self, name: str, parent: int | None, position: int) -> dict[str, Any]:
        key, self._next_key = self._next_key, self._next_key + 1
        return {
            "id": key,
            "distinguished_name": name,
            "parent": parent,
            "position": position,
            "created": self._before + 1,
            "change_number": self._before + 1,
        }

    def _keys(self, names: list[str]) -> dict[str, int]:
        query = select(KEYS.c.distinguished_name, KEYS.c.id)
        if len(names) < MANY:
            query = query.where(KEYS.c.distinguished_name.in_(names))
        asked = set(names)
        return {name: key for name, key in self.connection.execute(query) if name in asked}

    def _known(self, names: list[str]) -> dict[str, _Known]:
        query = select(KEYS.c.distinguished_name, KEYS.c.id, KEYS.c.position, DATA.c.data)
        query = query.join(DATA, DATA.c.key == KEYS.c.id)
        if len(names) < MANY:
            query = query.where(KEYS.c.distinguished_name.in_(names))
        return {name: _Known(key, position, data) for name, key, position, data in self.connection.execute(query)}

    def _execute(self, statement: Any, rows: list[dict[str, Any]]) -> None:
        if rows:
            self.connection.execute(statement, rows)
