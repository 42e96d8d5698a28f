"""Keeps Trio and the emulated farms in step.

All tasks run until they are blocked; what they asked of the farms meanwhile is done, in an order of its own; only then
does time go on, to the earliest of Trio's next deadline and the next farm event that a task waits for. So the order in
which Trio runs tasks of one instant, which is random on purpose, leaves no trace.
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from time import perf_counter
from typing import Protocol, TypeVar, TypeVarTuple

import trio

from imafarm.emulated._clock import NANOSECONDS, FarmClock
from imafarm.emulated._hosted import hosted
from imafarm.errors import FarmDeadlock

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

SLICE_SECONDS = 0.05
"""Real seconds for which the engine runs before Python is heard again: Ctrl-C has to land within 0.2 s."""
FIRST_SLICE_EVENTS = 100_000
"""Events in the first slice; later ones follow the measured speed."""
LEAST_SLICE_EVENTS = 1_000
"""Events in the shortest slice."""
HORIZON_NS = 60 * NANOSECONDS
"""How far a farm may run ahead of its next event when Trio has no deadline."""


class Player(Protocol):
    """An emulated farm, as its conductor sees it. Times are nanoseconds of the farm clock."""

    @property
    def now_ns(self) -> int:
        """How far the farm has come."""

    def apply_commands(self) -> bool:
        """Does what tasks asked for at this instant; whether there was anything."""

    def next_news_ns(self) -> int | None:
        """The earliest moment at which observers can hear of something new; `None`: never again."""

    def is_watched(self) -> bool:
        """Whether a task waits for an event of this farm."""

    def advance(self, until_ns: int, max_events: int) -> bool:
        """Runs to `until_ns`, or less: until a task's event, or `max_events`. Whether it was the latter."""

    def deliver_events(self) -> None:
        """Hands what happened to those who watch."""

    def waits(self) -> Mapping[trio.lowlevel.Task, str]:
        """Which tasks wait for what."""


class Pacer(Protocol):
    """Decides how fast farm time goes. That changes when something is emulated, never what happens."""

    def limit_ns(self, now_ns: int, until_ns: int, news_ns: int | None) -> int:
        """How far farm time may go on from `now_ns`, `until_ns` at most; `now_ns` itself means: ask again.

        It is asked before each step, while all tasks are blocked and the farms stand still, so it may look at them. It
        may keep the thread for a moment; Ctrl-C waits for it. What it raises ends the run: then it is not asked again,
        and what tasks still do to clean up they do without it.

        news_ns: the earliest moment at which observers can hear of something new; `None`: never again.
        """


class Conductor:
    """Moves the clock of one Trio run, and with it every farm that is open there."""

    def __init__(self, pacer: Pacer | None = None) -> None:
        self.clock = FarmClock()
        self._pacer = pacer
        self._players: list[Player] = []
        self._scope = trio.CancelScope()
        self._main: trio.lowlevel.Task | None = None
        self._failure: Exception | None = None
        self._slice_events = FIRST_SLICE_EVENTS

    def join(self, player: Player) -> None:
        """From now on this farm keeps step."""
        self._players.append(player)

    def leave(self, player: Player) -> None:
        """This farm stays where it is."""
        self._players.remove(player)

    async def conduct(self, main: Callable[[*Ts], Awaitable[T]], args: tuple[*Ts]) -> T:
        """Runs `main` on farm time; what stops farm time stops `main`, and is raised here."""
        _CONDUCTOR.set(self)
        self._main = trio.lowlevel.current_task()
        self._main.name = f"{main.__module__}.{main.__qualname__}" if hasattr(main, "__qualname__") else repr(main)
        trio.lowlevel.spawn_system_task(self._keep_time, name="imafarm farm time")
        with self._scope:
            result = await main(*args)
        if self._failure is not None:
            raise self._failure
        return result

    async def _keep_time(self) -> None:
        # Where pytest is installed this imports all of it, so only those pay who run farm time.
        from trio.testing import wait_all_tasks_blocked

        while True:
            await wait_all_tasks_blocked()
            try:
                commanded = [player.apply_commands() for player in self._players]
                if not any(commanded):
                    self._advance()
                for player in self._players:
                    player.deliver_events()
            except Exception as failure:
                if self._failure is not None:
                    raise
                self._failure = failure
                self._scope.cancel()

    def _advance(self) -> None:
        """Moves time on by one step: to the next deadline or awaited event, or by one slice of the engine's work."""
        until_ns = self._paced(self._target_ns())
        for player in self._players:
            if player.now_ns < until_ns:
                began = perf_counter()
                if player.advance(until_ns, self._slice_events):
                    self._learn_speed(perf_counter() - began)
        self.clock.move_to(min((player.now_ns for player in self._players), default=until_ns))

    def _target_ns(self) -> int:
        deadline_ns = self.clock.next_deadline_ns()
        if deadline_ns is not None:
            until_ns = deadline_ns
        elif news_ns := _news_ns(self._players):
            until_ns = min(news_ns) + HORIZON_NS
        else:
            raise FarmDeadlock(list(self._explain_waits()))
        # One farm stops by itself when a task's event happens. Several go together, no farther than the first of them
        # can have news, so that none has run past the instant at which a task wakes.
        if len(self._players) > 1:
            until_ns = min([until_ns, *_news_ns(player for player in self._players if player.is_watched())])
        return until_ns

    def _paced(self, until_ns: int) -> int:
        pacer, now_ns = self._pacer, self.clock.now_ns
        if pacer is None:
            return until_ns
        # One that raises is not asked again.
        self._pacer = None
        limit_ns = pacer.limit_ns(now_ns, until_ns, min(_news_ns(self._players), default=None))
        self._pacer = pacer
        return max(now_ns, min(until_ns, limit_ns))

    def _learn_speed(self, seconds: float) -> None:
        """A full slice took this long. Slices decide how often Python is asked, never what happens."""
        ratio = min(2.0, max(0.5, SLICE_SECONDS / max(seconds, 1e-6)))
        self._slice_events = max(LEAST_SLICE_EVENTS, int(self._slice_events * ratio))

    def _explain_waits(self) -> Iterator[str]:
        told = {task: what for player in self._players for task, what in player.waits().items()}
        pending = [self._main] if self._main is not None else []
        while pending:
            task = pending.pop()
            children = [child for nursery in task.child_nurseries for child in nursery.child_tasks]
            pending.extend(sorted(children, key=lambda child: child.name, reverse=True))
            if task in told or not children:
                yield f"{task.name} waits for {told.get(task, 'something outside the farm')}{_place(task)}"


def _news_ns(players: Iterable[Player]) -> list[int]:
    """When these farms can next have news, as far as they ever can."""
    return [ns for player in players if (ns := player.next_news_ns()) is not None]


def _place(task: trio.lowlevel.Task) -> str:
    """Where in its own code, outside Trio and this package, a task stands."""
    ours = {Path(trio.__file__).parent, Path(__file__).parent.parent}
    place = ""
    for frame in traceback.StackSummary.extract(task.iter_await_frames(), lookup_lines=False):
        if not ours.intersection(Path(frame.filename).parents):
            place = f" ({Path(frame.filename).name}, line {frame.lineno})"
    return place


_CONDUCTOR: trio.lowlevel.RunVar[Conductor] = trio.lowlevel.RunVar("imafarm conductor")


def current_conductor() -> Conductor:
    """The conductor of the running Trio loop.

    Errors: `RuntimeError` if this is not farm time.
    """
    try:
        return _CONDUCTOR.get()
    except (LookupError, RuntimeError):
        raise RuntimeError("an emulated farm needs farm time: call imafarm.run(main), not trio.run(main)") from None


def run(main: Callable[[*Ts], Awaitable[T]], *args: *Ts, pacer: Pacer | None = None) -> T:
    """Runs `main(*args)` under Trio on farm time and gives back its result.

    `main` is plain Trio; its seconds are farm seconds: `trio.sleep(60)` takes as long as the farm's minute takes to
    emulate. Farm time stands still while any task can run, and does not wait for threads or sockets.

    It may be called where asyncio runs, so in a cell of a notebook as it is; that loop waits meanwhile.

    pacer: who decides how fast; farm time goes as fast as it can, unless said.

    Errors: `FarmDeadlock` if farm time cannot go on; `RuntimeError` inside a Trio loop; `KeyboardInterrupt` soon after
    Ctrl-C, or a notebook's stop; whatever `main` or the pacer raises.
    """
    conductor = Conductor(pacer)
    with hosted() as begin:

        async def conduct() -> T:
            begin()
            return await conductor.conduct(main, args)

        return trio.run(conduct, clock=conductor.clock)
