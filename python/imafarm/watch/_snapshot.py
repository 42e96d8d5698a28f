"""A farm at one moment, as far as a screen shows it. Whoever has a snapshot may keep it: nothing in it changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from imafarm.farm import Bindings, Election, Power, Role
from imafarm.scenario import Verdict

Stage = Literal["unled", "off", "lost", "joining", "agreed", "in doubt", "electing", "declared"]
"""How far a zone is with its data collector:

- unled: it has session-host-only servers, and so never a collector;
- off: no host runs;
- lost: most take a host for their collector that does not run, and none has noticed;
- joining: there is no election, and not all running hosts know the collector yet;
- agreed: all running hosts have the same living collector;
- in doubt: a host could not reach the collector, and nobody stands yet;
- electing: hosts stand for election;
- declared: one has sent DECLARE_MASTER, and not all have heard it.
"""
Tone = Literal["plain", "quiet", "good", "bad", "notable"]
"""What kind of news a line is. Whoever shows it in colour does so besides the words."""


@dataclass(frozen=True, slots=True)
class ZoneView:
    """A zone, in one line."""

    name: str
    hosts: int
    up: int
    master: str | None
    """The collector on whom all running hosts agree, or else the one who has declared itself, if anybody has."""
    stage: Stage
    candidates: int
    """How many have stood in the election that is under way."""
    agreeing: int
    """How many running hosts have taken `master` for their collector."""
    messages_per_second: float
    """Sent by its hosts in a farm second, over about the last real second; so are the next two."""
    kinds_per_second: Mapping[str, float]
    evicted_per_second: float
    bindings: Bindings


@dataclass(frozen=True, slots=True)
class HostView:
    """A host of the selected zone."""

    rank: int
    """1 is the highest of its zone."""
    name: str
    power: Power
    role: Role
    master: str | None
    bindings: int
    entries: int
    """How many bindings it may have."""


@dataclass(frozen=True, slots=True)
class KindView:
    """Messages of one kind that the selected zone's hosts sent."""

    kind: str
    sent: int
    per_second: float
    history: tuple[float, ...]
    """The rates of the last looks, oldest first, in messages a farm second."""


@dataclass(frozen=True, slots=True)
class ZoneDetail:
    """What there is to say of the selected zone."""

    zone: str
    hosts: tuple[HostView, ...]
    """The highest-ranked, and its collector."""
    kinds: tuple[KindView, ...]
    """Those that were sent most, lately and all in all."""
    elections: int
    """How many there have been."""
    election: Election | None
    """The last of them."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """Something that happened; like events of one zone are one line."""

    seconds: float
    zone: str | None
    text: str
    tone: Tone
    times: int = 1
    """How many events it stands for."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A farm at one moment."""

    seconds: float
    """Farm time."""
    wall_seconds: float
    """Real seconds since the farm was opened."""
    working_seconds: float
    """Of these, those in which farm time was not kept waiting."""
    phase: str
    events: int
    events_per_second: float
    """Worked through in a real second, over about the last one."""
    speed: float
    """Farm seconds in a real second, over about the last one."""
    zones: tuple[ZoneView, ...]
    detail: ZoneDetail | None
    log: tuple[LogLine, ...]
    """The last lines, oldest first."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended."""

    verdict: Verdict | None = None
    error: BaseException | None = None
    """What stopped it; with neither, whoever watched has left before the end."""
    farm_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which zone a screen shows, and what it has room for."""

    zone: str | None = None
    """The first, if not said."""
    hosts: int = 8
    kinds: int = 6
    lines: int = 40
