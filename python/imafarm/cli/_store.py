"""The command line of the data store: `imafarm store create | import | show | change`.

A store is named by the path of a SQLite file, or a URL: `sqlite:///farm.db`, `postgresql://user@host/database`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from imafarm.cli._options import Json

if TYPE_CHECKING:
    from imafarm.configuration import ConfigurationChange
    from imafarm.store import DataStore, StoreObject

What = Literal["farm", "zones", "hosts", "applications", "settings", "links", "workloads", "objects"]
Verb = Literal["set", "unset", "add-host", "remove-host", "move-host", "prefer", "publish", "unpublish"]

store = App(name="store", help="Keep a farm's configuration in a database.", help_format="plaintext")


@store.command
def create(
    url: str,
    /,
    *,
    name: Annotated[str, Parameter(help="The farm's name.")] = "farm",
    product: Annotated[str, Parameter(help="MF30, PS40 or PS45.")] = "PS45",
    magic: Annotated[int | None, Parameter(help="The magic number (the first server that joins sets it).")] = None,
) -> int:
    """Make a store for a farm that has no hosts yet.

    Parameters
    ----------
    url
        The path of a SQLite file, or the URL of a database.
    """
    from imafarm.errors import ConfigurationError
    from imafarm.store import DataStore
    from imafarm.topology import Product

    if product.upper() not in Product.__members__:
        raise ConfigurationError([f"--product: unknown {product!r}; there are {', '.join(Product)}"])
    with DataStore.create(url, name=name, product=Product[product.upper()], magic=magic):
        return 0


@store.command(name="import")
def import_(url: str, farm: Path, /, *, json_: Json = False) -> int:
    """Make a store hold the farm that a file describes, and nothing else. Prints the number of the change.

    Parameters
    ----------
    url
        The path of a SQLite file, or the URL of a database.
    farm
        A TOML file that describes the farm.
    """
    from imafarm.store import DataStore
    from imafarm.topology import read_topology

    topology = read_topology(farm)
    with DataStore.open(url) as opened:
        _print_number(opened.replace(topology), json_)
    return 0


@store.command
def show(
    url: str,
    what: What = "farm",
    /,
    *,
    table: Annotated[str | None, Parameter(help="A table as it stands in the database: KeyTable, ...")] = None,
    since: Annotated[int | None, Parameter(help="What became of each object after the change of this number.")] = None,
    json_: Json = False,
) -> int:
    """Print what a store holds.

    Parameters
    ----------
    url
        The path of a SQLite file, or the URL of a database.
    what
        Which objects.
    """
    from imafarm.store import DataStore

    with DataStore.open(url) as opened:
        if table is not None:
            found = _table(opened, table)
            _print(table, found, _aligned(found), json_)
        elif since is not None:
            changes = [
                {"change": it.number, "kind": it.kind, "name": it.name, "attributes": it.attributes}
                for it in opened.changes_since(since)
            ]
            _print("changes", changes, _aligned(changes), json_)
        elif what == "farm":
            _print_summary(opened, json_)
        else:
            objects = [
                {"name": it.name, "change": it.change, **({"attributes": it.attributes} if it.attributes else {})}
                for it in _objects(opened, what)
            ]
            _print(what, objects, _aligned(objects), json_)
    return 0


@store.command
def change(
    url: str,
    verb: Verb,
    /,
    *words: str,
    host: Annotated[str | None, Parameter(help="set, unset: of this host alone.")] = None,
    zone: Annotated[str | None, Parameter(help="add-host, move-host: the zone.")] = None,
    host_id: Annotated[
        int | None, Parameter(help="add-host: the id of the first; others follow (the next free).")
    ] = None,
    version: Annotated[int | None, Parameter(help="add-host: what an election compares first (1).")] = None,
    preference: Annotated[int | None, Parameter(help="add-host, prefer: 1 Most Preferred to 4 Not Preferred.")] = None,
    session_only: Annotated[
        bool,
        Parameter(negative=(), show_default=False, help="add-host: it runs sessions and never stands in elections."),
    ] = False,
    json_: Json = False,
) -> int:
    """Change a farm's configuration, all of it or nothing. Prints the number of the change.

    set NAME=VALUE..., unset NAME..., add-host HOST... --zone ZONE, remove-host HOST..., move-host HOST... --zone ZONE,
    prefer HOST... --preference N, publish APPLICATION [SERVER...] (on all, if none is named), unpublish APPLICATION...

    Parameters
    ----------
    url
        The path of a SQLite file, or the URL of a database.
    verb
        What to do.
    words
        To what.
    """
    from imafarm.store import DataStore

    options = {"host": host, "zone": zone, "host_id": host_id, "version": version, "preference": preference}
    given: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    if session_only:
        given["session_only"] = True
    _check_call(verb, words, given)
    with DataStore.open(url) as opened:
        _print_number(opened.change(*_CHANGES[verb](opened, words, given)), json_)
    return 0


Maker = Callable[["DataStore", Sequence[str], Mapping[str, Any]], "Iterable[ConfigurationChange]"]


def _set(_opened: DataStore, words: Sequence[str], given: Mapping[str, Any]) -> Iterable[ConfigurationChange]:
    from imafarm.configuration import SetSettings
    from imafarm.settings import parse_settings

    yield SetSettings(parse_settings(words, source="set"), given.get("host"))


def _unset(_opened: DataStore, words: Sequence[str], given: Mapping[str, Any]) -> Iterable[ConfigurationChange]:
    from imafarm.configuration import SetSettings

    yield SetSettings(dict.fromkeys(words), given.get("host"))


def _add_hosts(opened: DataStore, words: Sequence[str], given: Mapping[str, Any]) -> Iterable[ConfigurationChange]:
    from imafarm._imafarm import HostRecord
    from imafarm.configuration import AddHost
    from imafarm.errors import ConfigurationError

    first_id = given.get("host_id")
    if first_id is None:
        first_id = 1 + max((it.attributes.get("host_id", 0) for it in opened.objects("farm/servers")), default=0)
    others = {key: given[key] for key in ("version", "preference", "session_only") if key in given}
    if "preference" not in others:
        # The first server of a zone is its Most Preferred, as in a farm file.
        others["preference"] = 3 if opened.find("zone", given["zone"]) else 1
    for place, name in enumerate(words):
        try:
            record = HostRecord(name, given["zone"], first_id + place, **others)
        except (ValueError, OverflowError) as error:
            raise ConfigurationError([f"add-host: {error}"]) from None
        yield AddHost(record)
        if "preference" not in given:
            others["preference"] = 3


def _remove_hosts(_opened: DataStore, words: Sequence[str], _given: Mapping[str, Any]) -> Iterable[ConfigurationChange]:
    from imafarm.configuration import RemoveHost

    return [RemoveHost(name) for name in words]


def _move_hosts(_opened: DataStore, words: Sequence[str], given: Mapping[str, Any]) -> Iterable[ConfigurationChange]:
    from imafarm.configuration import MoveHost

    return [MoveHost(name, given["zone"]) for name in words]


def _prefer(_opened: DataStore, words: Sequence[str], given: Mapping[str, Any]) -> Iterable[ConfigurationChange]:
    from imafarm.configuration import SetPreference

    return [SetPreference(name, given["preference"]) for name in words]


def _publish(_opened: DataStore, words: Sequence[str], _given: Mapping[str, Any]) -> Iterable[ConfigurationChange]:
    from imafarm.configuration import Publish

    yield Publish(words[0], words[1:] or None)


def _unpublish(_opened: DataStore, words: Sequence[str], _given: Mapping[str, Any]) -> Iterable[ConfigurationChange]:
    from imafarm.configuration import Unpublish

    return [Unpublish(name) for name in words]


_CHANGES: dict[str, Maker] = {
    "set": _set,
    "unset": _unset,
    "add-host": _add_hosts,
    "remove-host": _remove_hosts,
    "move-host": _move_hosts,
    "prefer": _prefer,
    "publish": _publish,
    "unpublish": _unpublish,
}
_WORDS = {
    "set": "NAME=VALUE",
    "unset": "NAME",
    "publish": "APPLICATION",
    "unpublish": "APPLICATION",
}
_NEEDS = {"add-host": {"zone"}, "move-host": {"zone"}, "prefer": {"preference"}}
_TAKES = {
    "set": {"host"},
    "unset": {"host"},
    "add-host": {"zone", "host_id", "version", "preference", "session_only"},
    "move-host": {"zone"},
    "prefer": {"preference"},
}


def _check_call(verb: str, words: Sequence[str], given: Mapping[str, Any]) -> None:
    from imafarm.errors import ConfigurationError

    mistakes = [] if words else [f"{verb}: it needs {_WORDS.get(verb, 'HOST')}"]
    mistakes += [f"{verb}: it needs {_option(key)}" for key in sorted(_NEEDS.get(verb, set()) - given.keys())]
    mistakes += [f"{_option(key)}: {verb} does not take it" for key in given if key not in _TAKES.get(verb, set())]
    if mistakes:
        raise ConfigurationError(mistakes)


def _option(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def _objects(opened: DataStore, what: str) -> Iterable[StoreObject]:
    contexts = {"zones": "farm/zones", "hosts": "farm/servers", "applications": "farm/applications"}
    contexts |= {"workloads": "farm/workloads"}
    if what == "objects":
        return opened.objects()
    if what == "settings":
        found = opened.get("farm/settings")
        return [found] if found else []
    if what == "links":
        return [*opened.objects("farm/links"), *opened.objects("farm/links/pairs")]
    return opened.objects(contexts[what])


def _table(opened: DataStore, name: str) -> list[dict[str, Any]]:
    from imafarm.errors import ConfigurationError

    try:
        rows = opened.rows(name)
    except KeyError:
        from imafarm.store import TABLE_NAMES

        raise ConfigurationError([f"--table: unknown {name!r}; there are {', '.join(TABLE_NAMES)}"]) from None
    return [{key: _readable(value) for key, value in row.items()} for row in rows]


def _readable(value: Any) -> Any:
    """A packed value as what is in it."""
    import msgpack

    return msgpack.unpackb(value) if isinstance(value, bytes) else value


def _print_summary(opened: DataStore, as_json: bool) -> None:
    from dataclasses import asdict

    summary = asdict(opened.summary())
    lines = [f"{key:<13}{'not set yet' if value is None else value}" for key, value in summary.items()]
    _print("farm", summary, lines, as_json)


def _print_number(number: int, as_json: bool) -> None:
    _print("change", number, [str(number)], as_json)


def _print(key: str, value: Any, lines: Iterable[str], as_json: bool) -> None:
    if as_json:
        print(json.dumps({key: value}))
        return
    for line in lines:
        print(line)


def _aligned(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rows as text, each column as wide as it has to be; a line of names first."""
    if not rows:
        return []
    keys = list(dict.fromkeys(key for row in rows for key in row))
    cells = [keys, *([_cell(row.get(key)) for key in keys] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(keys))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
