"""What a management port puts up with, and who is at it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from imafarm.settings import check_limits


@dataclass(frozen=True, slots=True)
class ManagementLimits:
    """Deadlines and caps of a management port. Each is our guess.

    Errors: `ConfigurationError` naming every limit that is not above 0.
    """

    hello_seconds: float = 5.0
    """From the connection to the end of its first packet, TLS's own handshake included."""
    request_seconds: float = 5.0
    """From a request's first byte to its last."""
    idle_seconds: float = 60.0
    """From a reply to the next request's first byte."""
    work_seconds: float = 60.0
    """For doing what a request asks for."""
    reply_seconds: float = 10.0
    """For taking a reply."""
    linger_seconds: float = 1.0
    """For hearing what is wrong: so long a connection that is closed for a fault is still read, or what it was told
    would be lost with what it has sent."""
    connections: int = 64
    """Connections at once."""
    connections_by_peer: int = 32
    """Connections at once from one address."""
    strangers: int = 16
    """Connections at once that have not said yet who they are."""

    def __post_init__(self) -> None:
        check_limits(self)


class Door:
    """Who is at a management port now; one for each port."""

    def __init__(self, limits: ManagementLimits | None = None) -> None:
        self.limits = limits or ManagementLimits()
        self.connections = 0
        """How many there are."""
        self.strangers = 0
        """How many of them have not said yet who they are."""
        self._by_peer: Counter[str] = Counter()

    def full(self, peer: str) -> str | None:
        """Why nobody from this address can come in now; `None` if somebody can."""
        if self.connections >= self.limits.connections:
            return f"{self.limits.connections} connections at once are the most"
        if self._by_peer[peer] >= self.limits.connections_by_peer:
            return f"{self.limits.connections_by_peer} connections at once from one address are the most"
        if self.strangers >= self.limits.strangers:
            return f"{self.limits.strangers} connections at once that have not said who they are are the most"
        return None

    @contextmanager
    def entered(self, peer: str) -> Iterator[Entry]:
        """Somebody from this address is there, as a stranger to begin with."""
        entry = Entry(self)
        self.connections += 1
        self._by_peer[peer] += 1
        try:
            yield entry
        finally:
            entry.known()
            self.connections -= 1
            self._by_peer[peer] -= 1
            if not self._by_peer[peer]:
                del self._by_peer[peer]


class Entry:
    """One connection at a door."""

    def __init__(self, door: Door) -> None:
        self._door: Door | None = door
        door.strangers += 1

    def known(self) -> None:
        """It has said who it is, or is gone."""
        if self._door is not None:
            self._door.strangers -= 1
            self._door = None
