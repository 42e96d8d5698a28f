"""`imafarm list` and `imafarm run SCENARIO`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console

from imafarm.cli._capture import NO_CAPTURE, CaptureOptions, Capturing, capturing
from imafarm.cli._errors import FAILED, PASSED
from imafarm.cli._options import Assignments, Bound, ExactQueue, FarmFile, Hosts, Json, Seed, StoreUrl, Threads, Zones
from imafarm.cli._out import directory_for
from imafarm.cli._played import Product, RegistryFile, farm_for, scenario_named, told_to
from imafarm.cli._run_out import check_recording, recording_of, tables_of, write_results
from imafarm.cli._timeline import OPTION, Timeline, TimelineFile

if TYPE_CHECKING:
    from imafarm.configuration import ConfigurationLog
    from imafarm.emulated import EmulatedFarm, Tap
    from imafarm.farm import Recording
    from imafarm.report.progress import ProgressLine
    from imafarm.scenario import Scenario, Verdict
    from imafarm.tables import Table
    from imafarm.topology import Topology


def list_scenarios() -> int:
    """List the scenarios."""
    from imafarm.scenarios import SCENARIOS

    for scenario in SCENARIOS.values():
        print(f"{scenario.name:<21}{scenario.summary}")
    return PASSED


def run(
    scenario: str,
    /,
    *,
    hosts: Hosts = None,
    zones: Zones = None,
    seed: Seed = 0,
    product: Product = None,
    set_: Assignments = (),
    settings: RegistryFile = None,
    farm: FarmFile = None,
    store: StoreUrl = None,
    threads: Threads = None,
    bound: Bound = False,
    exact_queue: ExactQueue = False,
    out: Annotated[
        Path | None, Parameter(help="A directory for the verdict, for everything measured, as Parquet, and a report.")
    ] = None,
    bin_: Annotated[
        float | None,
        Parameter(
            name="--bin", help="With --out: how many farm seconds a row of traffic stands for (10 ms, and growing)."
        ),
    ] = None,
    timeline: TimelineFile = None,
    capture: CaptureOptions = NO_CAPTURE,
    json_: Json = False,
) -> int:
    """Play a scenario and judge it.

    Parameters
    ----------
    scenario
        One of those that `imafarm list` names.
    """
    from imafarm.report.text import print_verdict
    from imafarm.settings import check_seed, check_threads

    chosen = scenario_named(scenario)
    check_seed(seed)
    check_threads(threads)
    check_recording(out, bin_)
    topology = farm_for(chosen, farm, hosts, zones, store, product=product, registry=settings, assignments=set_)
    with directory_for(out):
        captured = capturing(capture, topology)
        drawing = Timeline.asked(timeline, topology, None if captured is None else captured.tap)
    recording = None if out is None else recording_of(topology, bin_, bound=bound)
    engine, left = _Engine(threads, bound, exact_queue), _Left(recording, captured, drawing)
    verdict, tables = _play(chosen, topology, seed, store, engine, left)
    if out is not None:
        with left.noting("--out"):
            write_results(out, verdict, tables, farm=farm, store=store, bound=bound)
    if drawing is not None:
        with left.noting(OPTION):
            drawing.write()
    if json_:
        print(json.dumps(verdict.as_json()))
    else:
        print_verdict(verdict, Console())
    left.complain()
    return PASSED if verdict.passed else FAILED


@dataclass(frozen=True, slots=True)
class _Engine:
    """How the emulator is to work."""

    threads: int | None
    bound: bool
    exact_queue: bool


@dataclass(frozen=True, slots=True)
class _Left:
    """What is to be left of a run besides its verdict."""

    recording: Recording | None
    capturing: Capturing | None
    drawing: Timeline | None
    mistakes: list[str] = field(default_factory=list)
    """What could not be written. A run has a verdict all the same, and its other files."""

    @property
    def record(self) -> Recording | bool:
        """What the farm writes down."""
        return self.recording or self.drawing is not None

    @property
    def tap(self) -> Tap | None:
        """What it records of single hosts: for the capture, and else for the timeline, which shows what there is."""
        if self.capturing is not None:
            return self.capturing.tap
        return None if self.drawing is None else self.drawing.tap

    def take(self, farm: EmulatedFarm, verdict: Verdict) -> dict[str, Table]:
        """Takes it from the farm, which is still open; its tables, for whoever writes the directory."""
        if self.capturing is not None:
            with self.noting("--capture"):
                self.capturing.write(farm, verdict)
        if self.drawing is not None:
            self.drawing.draw(farm, verdict)
        return {} if self.recording is None else tables_of(farm, self.recording)

    @contextmanager
    def noting(self, option: str) -> Iterator[None]:
        """Writes something that an option asks for; if it cannot be, that is told at the end."""
        from imafarm.errors import ConfigurationError

        try:
            yield
        except ConfigurationError as error:
            self.mistakes.extend(f"{option}: {mistake.removeprefix(f'{option}: ')}" for mistake in error.mistakes)

    def complain(self) -> None:
        """Errors: `ConfigurationError` says what could not be written."""
        from imafarm.errors import ConfigurationError

        if self.mistakes:
            raise ConfigurationError(self.mistakes)


def _play(
    scenario: Scenario, topology: Topology, seed: int, store: str | None, engine: _Engine, left: _Left
) -> tuple[Verdict, dict[str, Table]]:
    from imafarm.emulated import run
    from imafarm.report.progress import progress_line

    began = perf_counter()
    with told_to(store) as log, progress_line(Console(stderr=True)) as line:
        return run(_play_emulated, scenario, topology, seed, engine, left, log, line, began)


async def _play_emulated(
    scenario: Scenario,
    topology: Topology,
    seed: int,
    engine: _Engine,
    left: _Left,
    log: ConfigurationLog | None,
    line: ProgressLine | None,
    began: float,
) -> tuple[Verdict, dict[str, Table]]:
    """The verdict, and all that was written down."""
    from imafarm.emulated import open_emulated_farm
    from imafarm.scenario import Journal, play
    from imafarm.settings import default_settings

    journal = Journal(on_phase=line.phase if line else None)
    progress = line.tell if line else None
    async with open_emulated_farm(
        topology=topology,
        log=log,
        seed=seed,
        threads=engine.threads,
        bound=engine.bound,
        exact_queue=engine.exact_queue,
        record=left.record,
        tap=left.tap,
        progress=progress,
    ) as farm:
        verdict = await play(
            scenario,
            farm,
            journal,
            seed=seed,
            product=topology.product,
            settings={**default_settings(), **topology.settings},
            wall_clock=lambda: perf_counter() - began,
        )
        return verdict, left.take(farm, verdict)
