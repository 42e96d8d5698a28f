"""What an administrator may change in a farm's configuration, and how a farm tells whoever writes it down.

A world knows no database: it is given a `ConfigurationLog`, or asks `open_store` for one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from imafarm._imafarm import HostRecord
    from imafarm.topology import Topology


@dataclass(frozen=True, slots=True)
class SetSettings:
    """Turns settings, of every host or of one; `None` for a value: as it is by default."""

    settings: Mapping[str, int | None]
    host: str | None = None


@dataclass(frozen=True, slots=True)
class AddHost:
    """A server joins the farm. The first of all sets the farm's magic number, if it has none."""

    record: HostRecord
    settings: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RemoveHost:
    """A server leaves the farm, and every application that is published on it by name."""

    host: str


@dataclass(frozen=True, slots=True)
class MoveHost:
    """A server goes to another zone, which is made if there is none."""

    host: str
    zone: str


@dataclass(frozen=True, slots=True)
class SetPreference:
    """Turns what an election compares second, 1 (Most Preferred) to 4 (Not Preferred)."""

    host: str
    preference: int


@dataclass(frozen=True, slots=True)
class Publish:
    """Publishes an application on these servers, or on all (`None`); one that is published is changed."""

    application: str
    servers: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Unpublish:
    """Takes an application away."""

    application: str


@dataclass(frozen=True, slots=True)
class OtherChange:
    """A change of something that the emulation does not look at, for the sake of its size."""

    size_bytes: int


ConfigurationChange: TypeAlias = (
    SetSettings | AddHost | RemoveHost | MoveHost | SetPreference | Publish | Unpublish | OtherChange
)
"""One change of a farm's configuration."""


class ConfigurationLog(Protocol):
    """Who writes down what an open farm's administrators change."""

    def record(self, change: ConfigurationChange) -> None:
        """Takes one change, in the order in which they are made. Comes back at once; writing is its own affair."""


@dataclass(frozen=True, slots=True)
class OpenedStore:
    """What a farm is opened with when its configuration comes from a store."""

    topology: Topology
    log: ConfigurationLog


StoreOpener: TypeAlias = Callable[[str], AbstractContextManager[OpenedStore]]
"""By a store's URL: its farm, and a log whose changes are all written when the context ends."""

_opener: StoreOpener | None = None


def set_store_opener(opener: StoreOpener) -> None:
    """Says how stores are opened. The package does so when it is imported, so that no world has to know a database."""
    global _opener
    _opener = opener


def open_store(url: str) -> AbstractContextManager[OpenedStore]:
    """Opens the store at a URL: `with open_store(url) as opened: ...`.

    Errors: `StoreError` says what is wrong with it, `RuntimeError` if nobody has said how stores are opened.
    """
    if _opener is None:
        raise RuntimeError("no way to open stores was set: import imafarm itself, not only a part of it")
    return _opener(url)
