"""How fast farm time goes, as somebody at a keyboard wants it. One thread sets it, the farm's own keeps to it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from threading import Condition
from time import monotonic

from imafarm.errors import ConfigurationError

NANOSECONDS = 1_000_000_000

SPEEDS = tuple(
    mantissa * Fraction(10) ** exponent
    for exponent in range(-3, 4)
    for mantissa in (1, 2, 5)
    if mantissa * Fraction(10) ** exponent <= 1000
)
"""Farm seconds in a real second, from slow motion to fast; `faster` and `slower` go from one to the next."""
FULL_SPEED = math.inf
"""As fast as the machine can."""
BEGIN_SPEED = 10.0
"""Farm seconds in a real second unless somebody says otherwise."""
SLOW_SPEED = 1 / 100
"""How fast it goes, at most, around what it slows down for. Our guess: a storm of a thousand takes a second or two."""
SLOW_NS = 15_000_000
"""How long after each such event it stays slow, in farm time."""

FRAME_SECONDS = 1 / 30
"""Real seconds between two steps of farm time that is slower than the machine."""
LAG_SECONDS = 0.25
"""How many real seconds farm time may fall behind before what it lacks is given up."""


class Left(Exception):
    """Whoever watched has left before the end."""


@dataclass(frozen=True, slots=True)
class PaceNow:
    """What somebody wants of farm time, at one moment."""

    speed: float
    """Farm seconds in a real second; `FULL_SPEED`: as fast as it goes."""
    paused: bool
    seeking: bool
    """Whether farm time runs on to the next notable event, to be paused there."""
    slows: bool
    """Whether it goes slowly around elections."""
    slow: bool
    """Whether it does so at this moment."""


def speed_of(text: str) -> float:
    """The speed that somebody wrote: farm seconds in a real second, as 10, 0.5 or 1/100, or `max`.

    Errors: `ConfigurationError`.
    """
    if text.strip().lower() == "max":
        return FULL_SPEED
    try:
        speed = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ConfigurationError([f"--speed: {text!r} is no speed; write 10, 0.5, 1/100 or max"]) from None
    if not SPEEDS[0] <= speed <= SPEEDS[-1]:
        raise ConfigurationError([f"--speed: {text} is out of range, 1/1000 to 1000, or max"])
    return float(speed)


class Pace:
    """Farm time's brakes. Every method but `limit_ns` may be called from any thread."""

    def __init__(self, speed: float = BEGIN_SPEED, *, clock: Callable[[], float] = monotonic) -> None:
        """Farm time that runs so many farm seconds in a real second of `clock`'s."""
        self._clock = clock
        self._changed = Condition()
        self._speed = speed
        self._paused = False
        self._steps = 0
        self._seeking = False
        self._slows = True
        self._slow_until_ns = -1
        self._now_ns = 0
        self._left = False
        self._anchor: tuple[float, int] | None = None
        self._waited = 0.0

    # -- for whoever sets it

    @property
    def now(self) -> PaceNow:
        """What is wanted at this moment."""
        with self._changed:
            return PaceNow(self._speed, self._paused, self._seeking, self._slows, self._is_slow())

    def toggle_pause(self) -> None:
        """Stops farm time, or lets it go on."""
        with self._changed:
            self._paused = self._seeking or not self._paused
            self._seeking, self._steps = False, 0
            self._renew()

    def step(self) -> None:
        """Pauses, and lets farm time go to the end of the next tick in which anything happens."""
        with self._changed:
            self._paused, self._seeking = True, False
            self._steps += 1
            self._renew()

    def seek(self) -> None:
        """Lets farm time run as fast as it can to the next event that `notice` is told of, and pauses it there."""
        with self._changed:
            self._paused, self._seeking, self._steps = False, True, 0
            self._renew()

    def faster(self) -> None:
        """The next higher speed; after the highest, as fast as it goes."""
        with self._changed:
            self._speed = next((float(speed) for speed in SPEEDS if speed > self._speed * 1.001), FULL_SPEED)
            self._renew()

    def slower(self) -> None:
        """The next lower speed."""
        with self._changed:
            lower = (float(speed) for speed in reversed(SPEEDS) if speed < self._speed * 0.999)
            self._speed = next(lower, float(SPEEDS[0]))
            self._renew()

    def set_speed(self, speed: float) -> None:
        """So many farm seconds in a real second."""
        with self._changed:
            self._speed = speed
            self._renew()

    def toggle_slows(self) -> None:
        """Whether farm time goes slowly around elections."""
        with self._changed:
            self._slows = not self._slows
            self._renew()

    def leave(self) -> None:
        """Ends the run: `limit_ns` raises `Left`."""
        with self._changed:
            self._left = True
            self._renew()

    def look(self) -> None:
        """Has whoever waits in `limit_ns` come back."""
        with self._changed:
            self._changed.notify_all()

    # -- for the farm's own thread

    @property
    def waited_seconds(self) -> float:
        """Real seconds for which farm time was kept waiting."""
        return self._waited

    @property
    def wants_events(self) -> bool:
        """Whether farm time should stop at each notable event."""
        with self._changed:
            return self._seeking or (self._slows and not self._paused and self._speed != FULL_SPEED)

    def notice(self, now_ns: int, *, notable: bool, slow: bool) -> None:
        """Something has just happened; `slow`: go slowly for a while, `notable`: `seek` ends here."""
        with self._changed:
            if notable and self._seeking:
                self._seeking, self._paused = False, True
                self._renew()
            if slow and self._slow_until_ns < now_ns + SLOW_NS:
                began = not self._is_slow()
                self._slow_until_ns, self._now_ns = now_ns + SLOW_NS, now_ns
                if began:
                    self._renew()

    def limit_ns(self, now_ns: int, until_ns: int, news_ns: int | None) -> int:
        """How far farm time may go from `now_ns`; keeps the thread for a moment if that is nowhere.

        Errors: `Left`.
        """
        with self._changed:
            if self._left:
                raise Left
            was_slow, self._now_ns = self._is_slow(), now_ns
            if was_slow and not self._is_slow():
                self._renew()
            if self._steps:
                self._steps -= 1
                return until_ns if news_ns is None else min(until_ns, max(news_ns, now_ns + 1))
            if self._paused:
                self._wait(FRAME_SECONDS)
                return now_ns
            speed = self._actual_speed()
            if speed == FULL_SPEED:
                return until_ns
            return self._keep_to(speed, now_ns, until_ns)

    def _keep_to(self, speed: float, now_ns: int, until_ns: int) -> int:
        real, rate = self._clock(), speed * NANOSECONDS
        began, began_ns = self._anchor or (real, now_ns)
        due_ns = began_ns + int((real - began) * rate)
        if self._anchor is None or due_ns > now_ns + LAG_SECONDS * rate:
            # It begins, or the machine cannot keep up.
            self._anchor, due_ns = (real, now_ns), now_ns
        wanted_ns = min(until_ns, now_ns + max(1, int(FRAME_SECONDS * rate)))
        if due_ns < wanted_ns:
            self._wait(min(FRAME_SECONDS, (wanted_ns - due_ns) / rate))
            return now_ns
        return min(until_ns, due_ns)

    def _actual_speed(self) -> float:
        if self._seeking:
            return FULL_SPEED
        return min(self._speed, SLOW_SPEED) if self._is_slow() else self._speed

    def _is_slow(self) -> bool:
        return self._slows and self._speed != FULL_SPEED and self._now_ns < self._slow_until_ns

    def _wait(self, seconds: float) -> None:
        began = self._clock()
        self._changed.wait(seconds)
        self._waited += self._clock() - began

    def _renew(self) -> None:
        """What was wanted before does not count."""
        self._anchor = None
        self._changed.notify_all()
