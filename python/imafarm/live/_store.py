"""The data store, as live hosts ask it: what its last change is, and to write one down."""

from __future__ import annotations

from typing import Protocol

from imafarm.configuration import ConfigurationChange, OtherChange
from imafarm.errors import StoreDown


class DataStore(Protocol):
    """A data store that all hosts of a farm share. Both may take their time, and raise `StoreDown`."""

    async def latest(self) -> int:
        """The number of the last change that the store has, 0 if it has none."""

    async def write(self, change: ConfigurationChange) -> int:
        """Writes a change down; its number."""


class StoreBeside:
    """A data store beside every host of this process: it answers at once, keeps the lengths of its changes, and ends
    with the farm."""

    def __init__(self) -> None:
        self._sizes_bytes: list[int] = []
        self.is_up = True

    def latest(self) -> int:
        """The number of the last change."""
        self._check_up()
        return len(self._sizes_bytes)

    def missing_bytes(self, known: int) -> int:
        """How long all changes are together that come after the change `known`."""
        return sum(self._sizes_bytes[known:])

    def write(self, size_bytes: int) -> int:
        """Takes a change of this length; its number."""
        self._check_up()
        self._sizes_bytes.append(size_bytes)
        return len(self._sizes_bytes)

    def _check_up(self) -> None:
        if not self.is_up:
            raise StoreDown


def other_change(size_bytes: int) -> ConfigurationChange:
    """What stands for a change of which only the length is known."""
    return OtherChange(size_bytes)
