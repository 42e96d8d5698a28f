"""What an administrator may change in a farm's configuration, and how a farm tells whoever writes it down.

A world knows no database: it is given a `ConfigurationLog`, or asks `open_store` for one. A world in real time, whose
hosts may ask a store while they run, asks `open_live_store`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, TypeAlias

from imafarm.errors import ConfigurationError

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


# -- a store that is asked while its farm runs


@dataclass(frozen=True, slots=True)
class Publication:
    """An application as the data store has it."""

    name: str
    servers: tuple[str, ...] | None
    """The hosts that it is published on; `None`: all. None at all: it was taken away."""
    change: int
    """The number of the change since which it is so."""


@dataclass(frozen=True, slots=True)
class StoreReading:
    """What a host reads of the data store that has everything up to a change."""

    latest: int
    """The number of the store's last change; of a reading after a change: of this change."""
    publications: tuple[Publication, ...]
    """The applications that are different since, in the order in which the farm has come to know their names."""
    size_bytes: int
    """How long everything is that is different since."""
    cache_trouble: str | None = None
    """What is wrong with a local host cache file that could not be brought up to date."""


class LiveStore(Protocol):
    """A data store, as live hosts ask it. All hosts of a farm share one, in whatever processes they are.

    Errors: `StoreDown`, caused by the `StoreError` that says why, if it cannot be reached, or takes too long to answer.
    """

    async def read(self, known: int) -> StoreReading:
        """Reads what came after a change, and brings the local host cache files up to date."""

    async def write(self, change: ConfigurationChange, known: int) -> StoreReading:
        """Makes a change, and reads as `read` does. If it raises, or is cancelled, nothing was changed.

        Departure: a database that fails in the moment in which it makes the change may have made it nevertheless. Then
        hosts learn of it at their next poll.

        Errors: `ConfigurationError` for a change that does not fit.
        """


@dataclass(frozen=True, slots=True)
class CachedHost:
    """What a host's local host cache file holds."""

    latest: int
    """The number of the last change that is in it."""
    age_seconds: float = 0.0
    """How long ago it was in step with the data store."""


@dataclass(frozen=True, slots=True)
class OpenedLiveStore:
    """What a live farm is opened with when its configuration comes from a store."""

    store: LiveStore
    topology: Topology
    publications: tuple[Publication, ...]
    """Every application that the farm ever had, in the order in which it has come to know their names. Messages name an
    application by its place here, so that processes which were opened at different times mean the same by it."""
    latest: int
    """The number of the last change that is in these."""
    cached: Mapping[str, CachedHost]
    """By host: what is in its local host cache file, if that can be used."""
    from_cache: bool = False
    """Whether the store is down, and a local host cache file stood in for it."""
    troubles: tuple[str, ...] = ()
    """A line for each thing that is wrong and does not stop anybody: the store is down, a cache cannot be used."""


class LiveStoreOpener(Protocol):
    """How a store is opened that is asked while its farm runs."""

    def __call__(self, url: str, caches: Mapping[str, Path]) -> OpenedLiveStore:
        """As `open_live_store`."""


_live_opener: LiveStoreOpener | None = None


def set_live_store_opener(opener: LiveStoreOpener) -> None:
    """Says how such stores are opened. The package does so when it is imported."""
    global _live_opener
    _live_opener = opener


def open_live_store(url: str, caches: Mapping[str, Path] = MappingProxyType({})) -> OpenedLiveStore:
    """Reads the farm in the store at a URL, or, while that is down, in a local host cache file of one of its hosts.

    caches: by name, of the hosts that live in this process: its local host cache file, which is made if there is none.

    Takes seconds if the store does not answer. Nothing has to be closed: between two questions no connection is open.

    Errors: `StoreError` if there is no such store, or it is down and no cache can stand in; `ConfigurationError` for a
    cache in a directory that is not there; `RuntimeError` if nobody has said how stores are opened.
    """
    if _live_opener is None:
        raise RuntimeError("no way to open stores was set: import imafarm itself, not only a part of it")
    return _live_opener(url, caches)


def check_not_twice(said: Mapping[str, bool]) -> None:
    """Checks that a farm which is opened from a store is not described besides.

    said: by argument, whether it was given.

    Errors: `ConfigurationError` naming every one that was.
    """
    if twice := [f"{key}: the store says this already" for key, is_said in said.items() if is_said]:
        raise ConfigurationError(twice)
