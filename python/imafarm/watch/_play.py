"""A scenario that is played in a thread of its own while somebody looks at it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from time import perf_counter

from imafarm.configuration import ConfigurationLog
from imafarm.emulated import open_emulated_farm, run
from imafarm.scenario import Journal, Scenario, Verdict, play
from imafarm.settings import default_settings
from imafarm.topology import Topology
from imafarm.watch._observer import HEARD_KINDS, Observer
from imafarm.watch._pace import Left, Pace
from imafarm.watch._snapshot import Ended, Snapshot, Wanted


@dataclass(frozen=True, slots=True)
class Play:
    """What is played, and how the emulator works."""

    scenario: Scenario
    topology: Topology
    """As the scenario needs it: see `Scenario.prepare`."""
    seed: int = 0
    log: ConfigurationLog | None = None
    """Who is told of changes of the farm's configuration."""
    threads: int | None = None
    bound: bool = False
    exact_queue: bool = False


class Watched:
    """A farm that runs in a thread of its own. What is done here changes how fast, never what happens."""

    def __init__(self, played: Play, pace: Pace | None = None) -> None:
        """Nothing runs before `start`.

        played: what happens.
        pace: how fast, at first; ten farm seconds in a real second unless said.
        """
        self.played = played
        self.pace = Pace() if pace is None else pace
        self._observer = Observer(self.pace)
        self._thread = Thread(target=self._run, name="imafarm watched farm", daemon=True)
        self._ended: Ended | None = None

    @property
    def latest(self) -> Snapshot | None:
        """The farm as it was a moment ago; `None` before it is open."""
        return self._observer.latest

    @property
    def ended(self) -> Ended | None:
        """How it ended; `None` while it runs."""
        return self._ended

    def want(self, wanted: Wanted) -> None:
        """What the next snapshots shall show. They come by themselves, also of a farm that is paused."""
        self._observer.want(wanted)

    def start(self) -> None:
        """Begins to play."""
        self._thread.start()

    def leave(self) -> Ended:
        """Ends it, if it has not ended by itself; waits until all is closed, a slice of the engine's work at most."""
        self.pace.leave()
        if self._thread.ident is not None:
            self._thread.join()
        return self._ended or Ended()

    def _run(self) -> None:
        try:
            self._ended = Ended(run(self._play, pacer=self._observer), farm_seconds=self._farm_seconds())
        except Left:
            self._ended = Ended(farm_seconds=self._farm_seconds())
        except BaseException as error:
            self._ended = Ended(error=error, farm_seconds=self._farm_seconds())

    def _farm_seconds(self) -> float:
        return 0.0 if self.latest is None else self.latest.seconds

    async def _play(self) -> Verdict:
        played, began = self.played, perf_counter()
        journal = Journal(on_phase=self._observer.phase)
        async with (
            open_emulated_farm(
                topology=played.topology,
                log=played.log,
                seed=played.seed,
                threads=played.threads,
                bound=played.bound,
                exact_queue=played.exact_queue,
            ) as farm,
            farm.watch(HEARD_KINDS) as events,
        ):
            self._observer.watch(farm, journal, events)
            verdict = await play(
                played.scenario,
                farm,
                journal,
                seed=played.seed,
                product=played.topology.product,
                settings={**default_settings(), **played.topology.settings},
                wall_clock=self._working(began),
            )
            self._observer.look()
            return verdict

    def _working(self, began: float) -> Callable[[], float]:
        """Real seconds without those in which farm time was kept waiting."""
        return lambda: perf_counter() - began - self.pace.waited_seconds
