"""What is written down of a farm while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from imafarm.errors import ConfigurationError
from imafarm.farm._facts import EventKind
from imafarm.topology._checks import NANOSECONDS

LEAST_BIN_SECONDS = 1e-6
"""The narrowest bin. Our guess: no message is under way for so short a time."""
MOST_BIN_SECONDS = 1e9

TableName = Literal["events", "traffic", "bindings", "messages"]
ELECTION_KINDS = ("ELECT_MASTER", "ELECT_MASTER_ACK", "DECLARE_MASTER", "QUERY_MASTER", "MASTER_IS")
"""The messages by which hosts come to agree on a collector."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What is written down of a farm while it runs, to be read as tables: `Farm.events`, `traffic` and `bindings`.

    Events are kept one by one, about 21 bytes each. Traffic and bindings are kept by bins of farm time, of which only
    those are kept in which something happened; they follow from farm time alone, whatever the speed.
    """

    kinds: EventKind = EventKind.ALL
    """Which events; `EventKind(0)` for none."""
    traffic: bool = True
    """Whether traffic is: messages by link and kind."""
    bindings: bool = True
    """Whether bindings are, and work, by zone."""
    bin_seconds: float | None = None
    """How wide the bins of traffic are, in farm seconds. `None`: 10 ms, and twice as wide whenever there are more than
    2,048 bins, so that a run of any length takes no more room."""
    sample_seconds: float | None = None
    """How wide the bins of bindings are, in farm seconds; a look at them goes through all hosts. `None`: 320 ms, and
    twice as wide whenever there are more than 256."""

    message_hosts: Sequence[str] = ()
    """Among which hosts the messages of elections are kept one by one, for pictures of few hosts
    (`EmulatedFarm.messages`). An election of a zone that began bound is settled in bulk only without them."""

    def __post_init__(self) -> None:
        """Errors: `ConfigurationError`, naming the width that no bin can have."""
        widths = {"bin_seconds": self.bin_seconds, "sample_seconds": self.sample_seconds}
        mistakes = [
            f"{key}: {seconds} is out of range, {LEAST_BIN_SECONDS:g} to {MOST_BIN_SECONDS:g} seconds"
            for key, seconds in widths.items()
            if seconds is not None and not LEAST_BIN_SECONDS <= seconds <= MOST_BIN_SECONDS
        ]
        if mistakes:
            raise ConfigurationError(mistakes)

    @classmethod
    def of(cls, record: Recording | bool | None) -> Recording | None:
        """What `record=` says: `True` for everything, `False` or `None` for nothing."""
        if isinstance(record, bool):
            return cls() if record else None
        return record

    @property
    def traffic_ns(self) -> int | None:
        """The width of traffic's bins as the engine takes it: 0 for growing ones, `None` for no bins."""
        return _width_ns(self.bin_seconds) if self.traffic else None

    @property
    def bindings_ns(self) -> int | None:
        """The same of bindings' bins."""
        return _width_ns(self.sample_seconds) if self.bindings else None


def _width_ns(seconds: float | None) -> int:
    return 0 if seconds is None else round(seconds * NANOSECONDS)


def not_recorded(table: TableName) -> ConfigurationError:
    """The error for a table that nobody asked to be written down."""
    how = {
        "events": "Recording(kinds=...)",
        "traffic": "Recording(traffic=True)",
        "bindings": "Recording(bindings=True)",
        "messages": "Recording(message_hosts=...)",
    }[table]
    all_of_it = "" if table == "messages" else "record=True, or with "
    said = f"{table}: this farm records none; open it with {all_of_it}record={how}"
    return ConfigurationError([said])
