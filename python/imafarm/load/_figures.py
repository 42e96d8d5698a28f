"""What a population's steady phase came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

UPDATES = ("HEARTBEAT", "SERVER_UPDATE", "SESSION_UPDATE", "LOAD_UPDATE")
"""What a member sends its collector by itself."""


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """What was counted at the members, from the moment when all were connected."""

    members: int
    connected: int
    """Members that the collector held when the steady phase began."""
    still_connected: int
    """And when it ended."""
    connect_seconds: float
    seconds: float
    """How long the steady phase was."""
    updates: Mapping[str, int]
    """Sent, by kind."""
    logons: int
    logoffs: int
    rebinds: int
    """Bindings that stood anew: each member had one before."""
    closed: int
    """Bindings that the collector tore down."""
    unanswered: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Updates without an answer when the end phase was over, by kind; kinds without any are left out."""
    asked_again: int = 0
    """How often the collector asked for a full update: it missed a report."""
    ended_by: str | None = None
    """What ended the steady phase before its time."""

    @property
    def updates_per_second(self) -> float:
        """All kinds together."""
        return sum(self.updates.values()) / self.seconds if self.seconds else 0.0

    @property
    def rebinds_per_minute(self) -> float:
        """Bindings that stood anew."""
        return self.rebinds * 60 / self.seconds if self.seconds else 0.0

    @property
    def passed(self) -> bool:
        """Whether all were connected all the time, and no update was lost or unanswered."""
        all_there = self.connected == self.still_connected == self.members
        return all_there and not self.unanswered and not self.asked_again and self.ended_by is None

    def as_json(self) -> dict[str, Any]:
        """All of it, under the names that the report's JSON object has for it."""
        return {
            "members": self.members,
            "connected": self.connected,
            "still_connected": self.still_connected,
            "connect_seconds": round(self.connect_seconds, 3),
            "seconds": round(self.seconds, 3),
            "updates": dict(self.updates),
            "updates_per_second": round(self.updates_per_second, 3),
            "logons": self.logons,
            "logoffs": self.logoffs,
            "rebinds": self.rebinds,
            "rebinds_per_minute": round(self.rebinds_per_minute, 3),
            "closed_by_collector": self.closed,
            "unanswered": dict(self.unanswered),
            "asked_again": self.asked_again,
            "ended_by": self.ended_by,
        }


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the same population came to in farm time, beside what was measured."""

    predicted: LoadFigures
    measured: LoadFigures

    def as_json(self) -> dict[str, Any]:
        """The figures that are compared, and their ratios: measured to predicted."""
        return {
            "updates_per_second": round(self.predicted.updates_per_second, 3),
            "updates_ratio": _rounded(self.updates_ratio),
            "rebinds_per_minute": round(self.predicted.rebinds_per_minute, 3),
            "rebinds_ratio": _rounded(self.rebinds_ratio),
        }

    @property
    def updates_ratio(self) -> float | None:
        """Updates in a second; `None` where none was predicted."""
        return _ratio(self.measured.updates_per_second, self.predicted.updates_per_second)

    @property
    def rebinds_ratio(self) -> float | None:
        """Bindings that stood anew in a minute; `None` where none was predicted."""
        return _ratio(self.measured.rebinds_per_minute, self.predicted.rebinds_per_minute)


@dataclass(frozen=True, slots=True)
class CollectorFigures:
    """What the collector itself says at the end, over its management port."""

    servers: int
    """Those of its zone that it holds to be up, itself included."""
    sessions: int
    """That it holds of them."""
    bindings: int
    """Active ones."""
    opened: int
    """Since it was made, as the next two."""
    evicted: int
    refused: int


@dataclass(frozen=True, slots=True)
class Costs:
    """What the steady phase took of the machine, and how its connections fared."""

    answers: int
    """Reports whose delay was measured: from the wish to send to the answer."""
    p50_seconds: float
    p99_seconds: float
    max_seconds: float
    refused: int
    """Connections that members wanted and that the other side refused."""
    broken: int
    """Connections that ended otherwise than in good order."""
    members_cpu_seconds: float
    collector_cpu_seconds: float | None
    """`None` if the collector is no process of ours."""
    members_descriptors: int
    """Open in the members' process, at most; looked at once a second."""
    collector_descriptors: int | None
    collector: CollectorFigures | None = None
    """`None` if it could not be asked."""

    def as_json(self) -> dict[str, Any]:
        """All of it, under the names that the report's JSON object has for it; delays in ms."""
        return {
            "delays": {
                "count": self.answers,
                "p50_ms": round(self.p50_seconds * 1e3, 3),
                "p99_ms": round(self.p99_seconds * 1e3, 3),
                "max_ms": round(self.max_seconds * 1e3, 3),
            },
            "connections": {"refused": self.refused, "broken": self.broken},
            "cpu_seconds": {
                "members": round(self.members_cpu_seconds, 3),
                "collector": _rounded(self.collector_cpu_seconds),
            },
            "descriptors": {"members": self.members_descriptors, "collector": self.collector_descriptors},
            "collector_figures": None if self.collector is None else asdict(self.collector),
        }


def _ratio(measured: float, predicted: float) -> float | None:
    return measured / predicted if predicted else None


def _rounded(ratio: float | None) -> float | None:
    return None if ratio is None else round(ratio, 4)
