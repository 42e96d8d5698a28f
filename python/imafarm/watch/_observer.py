"""Looks at a farm, on the farm's own thread, at moments when it stands still."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import or_
from time import monotonic

import trio

from imafarm.emulated import EmulatedFarm
from imafarm.farm import EventKind, FarmEvent
from imafarm.scenario import Journal
from imafarm.watch._census import KINDS
from imafarm.watch._log import SAYINGS
from imafarm.watch._pace import Pace
from imafarm.watch._sight import Sight
from imafarm.watch._snapshot import Snapshot, Wanted

LOOK_SECONDS = 1 / 15
"""Real seconds between two looks, at least."""
COST_SHARE = 10
"""And so many times what the last look took."""
HEARD_KINDS = reduce(or_, SAYINGS, KINDS)
"""The events that an observer has to be given."""
NOTABLE_KINDS = reduce(or_, (kind for kind, saying in SAYINGS.items() if saying.notable), EventKind(0))
"""Those at which farm time stops where that is wanted."""


class Observer:
    """The pacer of a watched farm: it hears what happens, takes snapshots, and leaves the speed to a `Pace`."""

    def __init__(self, pace: Pace, *, clock: Callable[[], float] = monotonic) -> None:
        """Nothing to look at yet."""
        self._pace = pace
        self._clock = clock
        self._farm: EmulatedFarm | None = None
        self._sight: Sight | None = None
        self._wanted, self._looked_for = Wanted(), Wanted()
        self._latest: Snapshot | None = None
        self._began = self._next_look = 0.0
        self._waited_before = 0.0
        self._moved_ns = -1
        self._went = pace.now

    # -- for other threads

    @property
    def latest(self) -> Snapshot | None:
        """The last snapshot; `None` before the first."""
        return self._latest

    def want(self, wanted: Wanted) -> None:
        """What the next snapshots shall show."""
        self._wanted = wanted
        self._pace.look()

    # -- for the farm's own

    def watch(self, farm: EmulatedFarm, journal: Journal, events: trio.MemoryReceiveChannel[FarmEvent]) -> None:
        """Looks at this farm from now on. `events` are those of `HEARD_KINDS`."""
        self._farm, self._sight = farm, Sight(farm, journal, events)
        self._began, self._waited_before = self._clock(), self._pace.waited_seconds

    def phase(self, name: str) -> None:
        """The scenario has come to this phase."""
        if self._sight is not None:
            self._hear(self._sight)
            self._sight.phase(name)

    def limit_ns(self, now_ns: int, until_ns: int, news_ns: int | None) -> int:
        """How far farm time may go, as `emulated.Pacer` has it."""
        if self._farm is not None and self._sight is not None:
            self._hear(self._sight)
            asked = self._wanted is not self._looked_for
            if asked or (now_ns != self._moved_ns and self._clock() >= self._next_look):
                self._moved_ns = now_ns
                self.look()
            self._farm.stop_at(NOTABLE_KINDS if self._pace.wants_events else EventKind(0))
        return self._pace.limit_ns(now_ns, until_ns, news_ns)

    def look(self) -> None:
        """Takes a snapshot now, if there is a farm to look at."""
        if (sight := self._sight) is None:
            return
        began = self._clock()
        self._hear(sight)
        wanted = self._looked_for = self._wanted
        if (went := self._pace.now) != self._went:
            self._went = went
            sight.begin_anew(began)
        wall = began - self._began
        working = wall - (self._pace.waited_seconds - self._waited_before)
        self._latest = sight.snapshot(began, wanted, wall_seconds=wall, working_seconds=working)
        done = self._clock()
        self._next_look = done + max(LOOK_SECONDS, COST_SHARE * (done - began))

    def _hear(self, sight: Sight) -> None:
        notable, slow = sight.hear(self._wanted)
        if notable or slow:
            self._pace.notice(round(trio.current_time() * 1e9), notable=notable, slow=slow)
