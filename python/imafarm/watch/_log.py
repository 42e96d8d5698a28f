"""What happened, in lines that a person reads: a storm of a thousand candidates is one of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from imafarm.farm import EventKind, FarmEvent
from imafarm.scenario import Moment
from imafarm.watch._snapshot import LogLine, Tone

KEPT_LINES = 400
NEAR_LINES = 8
"""How many lines back an event may join one of its kind and zone."""
NEAR_SECONDS = 30.0
"""And how many farm seconds."""


@dataclass(frozen=True, slots=True)
class _Saying:
    """How a kind of event is told."""

    text: str
    tone: Tone = "plain"
    notable: bool = True
    slow: bool = False
    """Whether it belongs to an election that is worth slow motion."""


SAYINGS: Mapping[EventKind, _Saying] = MappingProxyType(
    {
        EventKind.HOST_UP: _Saying("hosts come up, {host} first", "quiet", notable=False),
        EventKind.HOST_DOWN: _Saying("{host} is down", "bad"),
        EventKind.MASTER_UNREACHABLE: _Saying("{host} cannot reach {other}, its collector", "bad", slow=True),
        EventKind.ELECTION_STARTED: _Saying("{host} stands: ELECT_MASTER to all ranked higher", "notable", slow=True),
        EventKind.MASTER_DECLARED: _Saying("{host} sends DECLARE_MASTER", "notable", slow=True),
        EventKind.MASTER_RESIGNED: _Saying("{host} gives way to {other}", "notable", slow=True),
        EventKind.ZONE_AGREED: _Saying("all running hosts agree on {host}", "good"),
        EventKind.BINDING_REFUSED: _Saying("{host} turns a stranger away", "bad"),
        EventKind.MEMBER_LOST: _Saying("{host} takes {other} for lost", "bad"),
        EventKind.PEER_LOST: _Saying("{host} takes {other}, another zone's collector, for lost", "bad"),
        EventKind.STARTED_FROM_CACHE: _Saying("{host} starts from its local host cache", "notable"),
        EventKind.START_REFUSED: _Saying("{host} does not start: the data store is down", "bad"),
        EventKind.SERVICE_TIMED_OUT: _Saying("{host} is slow to start", "quiet", notable=False),
        EventKind.STORE_UNREACHABLE: _Saying("{host} cannot reach the data store", "bad"),
        EventKind.CHANGE_MADE: _Saying("{host}: a change is in the data store", "plain"),
        EventKind.CHANGE_REFUSED: _Saying("{host}: a change could not be written", "bad"),
    }
)
"""The events that are told."""

ELECTION_KINDS = (
    EventKind.MASTER_UNREACHABLE
    | EventKind.ELECTION_STARTED
    | EventKind.MASTER_DECLARED
    | EventKind.MASTER_RESIGNED
    | EventKind.ZONE_AGREED
)


@dataclass(slots=True)
class _Line:
    """A line to which like events may be added."""

    number: int
    kind: EventKind
    seconds: float
    last_seconds: float
    zone: str | None
    text: str
    tone: Tone
    times: int = 1

    def frozen(self) -> LogLine:
        return LogLine(self.seconds, self.zone, self.text, self.tone, self.times)


class Log:
    """The last lines. Events come in the order in which they happened."""

    def __init__(self) -> None:
        """Nothing has happened."""
        self._lines: deque[_Line] = deque(maxlen=KEPT_LINES)
        self._latest: dict[tuple[str | None, EventKind], _Line] = {}
        self._count = 0
        self._open: set[str] = set()

    def hear(self, event: FarmEvent) -> tuple[bool, bool]:
        """Something has happened: whether that is notable, and whether it is worth slow motion."""
        saying = SAYINGS.get(event.kind)
        if saying is None:
            return False, False
        if event.kind is EventKind.ZONE_AGREED:
            # While hosts join, a zone agrees anew each time one has. What is told is the end of an election.
            if event.zone not in self._open:
                return False, False
            self._open.discard(event.zone)
        elif event.kind in ELECTION_KINDS:
            self._open.add(event.zone)
        # A farm that boots would fill the log, zone by zone.
        zone = None if event.kind is EventKind.HOST_UP else event.zone
        line = self._latest.get((zone, event.kind))
        if line is not None and self._is_near(line, event.seconds):
            line.times += 1
            line.last_seconds = event.seconds
            return False, saying.slow
        text = saying.text.format(host=event.host, other=event.other)
        self._latest[zone, event.kind] = self._put(event.kind, event.seconds, zone, text, saying.tone)
        return saying.notable, saying.slow

    def phase(self, seconds: float, name: str) -> None:
        """A phase of the scenario begins."""
        self._put(EventKind(0), seconds, None, f"phase: {name}", "notable")

    def moment(self, moment: Moment) -> None:
        """The scenario has written something down."""
        self._put(EventKind(0), moment.seconds, None, moment.what, "plain")

    def last(self, lines: int) -> tuple[LogLine, ...]:
        """The last so many lines, oldest first."""
        return tuple(line.frozen() for line in list(self._lines)[-lines:])

    def _is_near(self, line: _Line, seconds: float) -> bool:
        return self._count - line.number <= NEAR_LINES and seconds - line.last_seconds <= NEAR_SECONDS

    def _put(self, kind: EventKind, seconds: float, zone: str | None, text: str, tone: Tone) -> _Line:
        self._count += 1
        line = _Line(self._count, kind, seconds, seconds, zone, text, tone)
        self._lines.append(line)
        return line
