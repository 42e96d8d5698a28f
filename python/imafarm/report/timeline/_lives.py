"""What a host did, from the events it is named in: when it was up, what it was meanwhile, and what else befell it."""

from __future__ import annotations

from dataclasses import dataclass, field

from imafarm.report.timeline._trace import Trace, Track

UP = "up"
STARTS = "starts"
COLLECTOR = "data collector"
CANDIDATE = "candidate"
ACKNOWLEDGED = "waits for DECLARE_MASTER"

NOT_SHOWN = frozenset({"SESSION_CHANGED", "TABLE_CHANGED", "ZONE_AGREED", "HOST_STARTING", "HOST_UP", "HOST_DOWN"})
"""Events without a mark of their own: users' are too many, and the others begin or end something."""


@dataclass(slots=True)
class Life:
    """One host, event by event in the order of time. It is at one thing at a time, from one event to the next."""

    trace: Trace
    track: Track
    starting_since: int | None = None
    up_since: int | None = None
    role: str | None = None
    role_since: int = 0
    roles: list[tuple[int, int, str]] = field(default_factory=list)
    """What it was since it came up, and from when to when."""

    def hear(self, time_ns: int, kind: str, other: str | None) -> None:
        """Something happened on the host."""
        match kind:
            case "HOST_STARTING":
                self.starting_since = time_ns
            case "HOST_UP":
                self._up(time_ns)
            case "HOST_DOWN":
                self._down(time_ns)
            case "ELECTION_STARTED":
                self._become(time_ns, CANDIDATE)
            case "ELECTION_ACKNOWLEDGED":
                self._become(time_ns, ACKNOWLEDGED)
            case "MASTER_DECLARED":
                self._become(time_ns, COLLECTOR)
            case "MASTER_ACCEPTED":
                self._become(time_ns, f"member of {other}")
            case "ZONE_AGREED":
                self._has_reigned()
            case "MASTER_RESIGNED":
                self._has_reigned()
                self._become(time_ns, None)
        if kind not in NOT_SHOWN:
            self.trace.instant(self.track, time_ns, kind, {"other": other})

    def end(self, time_ns: int) -> None:
        """Nothing more is known of the host."""
        self._down(time_ns)

    def _up(self, time_ns: int) -> None:
        self._end_start(time_ns)
        if self.up_since is None:
            self.up_since = time_ns

    def _down(self, time_ns: int) -> None:
        self._end_start(time_ns)
        self._become(time_ns, None)
        if self.up_since is not None:
            self.trace.slice(self.track, self.up_since, time_ns, UP)
            self.up_since = None
        # What is as long as its being up lies within that, and so comes after it.
        for began, ended, role in self.roles:
            self.trace.slice(self.track, began, ended, role)
        self.roles.clear()

    def _end_start(self, time_ns: int) -> None:
        if self.starting_since is not None:
            self.trace.slice(self.track, self.starting_since, time_ns, STARTS)
            self.starting_since = None

    def _has_reigned(self) -> None:
        # Of a collector that was paused it is not told that it goes on as one, but others go by it.
        if self.role is None and self.up_since is not None:
            self.role, self.role_since = COLLECTOR, self.up_since

    def _become(self, time_ns: int, role: str | None) -> None:
        # What it was for no time at all has a mark, if it has a name.
        if self.role is not None and self.role_since < time_ns:
            self.roles.append((self.role_since, time_ns, self.role))
        self.role, self.role_since = role, time_ns
