"""Farm time, as Trio reads it."""

from __future__ import annotations

import math

import trio

NANOSECONDS = 1_000_000_000


class FarmClock(trio.abc.Clock):
    """Stands still until the conductor moves it.

    The truth is a whole number of nanoseconds; Trio sees seconds. A deadline means the nanosecond nearest to it, and
    once that is reached the clock shows at least the deadline itself, so that rounding never leaves a task to sleep on.
    """

    def __init__(self) -> None:
        self.now_ns = 0
        self._seconds = 0.0
        self._deadline = math.inf

    def start_clock(self) -> None:
        """Nothing to set up."""

    def current_time(self) -> float:
        """Farm seconds since the run began."""
        return self._seconds

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Real seconds until `deadline`: none once it is reached, else for ever, since only the conductor moves us.

        Trio asks each time it has nothing to run, with its next deadline, which is how we come to know it exactly.
        """
        self._deadline = deadline
        return 0.0 if deadline <= self._seconds else math.inf

    def next_deadline_ns(self) -> int | None:
        """The nanosecond of Trio's next deadline; `None` if it has none. Only true while all tasks are blocked."""
        if math.isinf(self._deadline):
            return None
        return max(self.now_ns, round(self._deadline * NANOSECONDS))

    def move_to(self, now_ns: int) -> None:
        """Farm time is now `now_ns`, which is not before what it was."""
        if now_ns < self.now_ns:
            raise ValueError(f"farm time cannot go back from {self.now_ns} ns to {now_ns} ns")
        self.now_ns = now_ns
        seconds = max(self._seconds, now_ns / NANOSECONDS)
        if self.next_deadline_ns() == now_ns:
            seconds = max(seconds, self._deadline)
        self._seconds = seconds
