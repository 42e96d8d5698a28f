"""Counts of a zone that follow from events alone, so that nobody has to ask ten thousand hosts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from imafarm.farm import EventKind, FarmEvent

_DOUBTING = EventKind.MASTER_UNREACHABLE | EventKind.ELECTION_STARTED
KINDS = EventKind.HOST_UP | EventKind.HOST_DOWN | _DOUBTING | EventKind.MASTER_DECLARED | EventKind.MASTER_ACCEPTED
"""What it has to hear of."""


@dataclass(slots=True)
class ZoneCount:
    """Who runs in a zone, and whom those take for their collector."""

    up: set[str] = field(default_factory=set)
    opinions: dict[str, str] = field(default_factory=dict)
    """By running host, as far as it has taken anybody for its collector since it is up."""
    votes: Counter[str] = field(default_factory=Counter)

    def think(self, host: str, master: str | None) -> None:
        """A host takes another for its collector from now on, or nobody."""
        if (before := self.opinions.pop(host, None)) is not None:
            self.votes[before] -= 1
        if master is not None:
            self.opinions[host] = master
            self.votes[master] += 1


class Census:
    """The counts of every zone."""

    def __init__(self, zones: tuple[str, ...]) -> None:
        """A farm in which no host runs yet."""
        self.zones: Mapping[str, ZoneCount] = {zone: ZoneCount() for zone in zones}

    def hear(self, event: FarmEvent) -> None:
        """Something has happened."""
        zone, host, kind = self.zones[event.zone], event.host, event.kind
        if kind is EventKind.HOST_UP:
            zone.up.add(host)
        elif kind is EventKind.HOST_DOWN:
            zone.up.discard(host)
            zone.think(host, None)
        elif kind in _DOUBTING:
            zone.think(host, None)
        elif kind is EventKind.MASTER_DECLARED:
            zone.think(host, host)
        elif kind is EventKind.MASTER_ACCEPTED:
            zone.think(host, event.other)
