"""Which cases are run, and how often: each in a process of its own, so that its memory is its own.

Of each work the sizes go upwards, and at each size every engine has its turn. What a size will take is foretold from
the one before, and what would take too long is left out. What an engine did is checked before its time counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import monotonic

from peers import _programs
from peers._engines import Engine
from peers._work import CannotDo, Measured, Outcome, UnequalWork, Work, check, check_same, total_messages

BENCHES = Path(__file__).parents[1]
GROWTH = 1.3
"""By how much a message costs more at the next size, as a rule."""
REPEAT_SECONDS, MOST_TIMES = 1.0, 5
"""A case is done again while all of it takes no more than about so long."""
GRACE = 3.0
"""After so many times of what one case may take it is ended."""
SET_UP_SECONDS = 60.0
"""What an engine may take besides for what is not timed."""

Runner = Callable[[Engine, Work, int, int], list[Measured]]
"""Does an engine's work at a size so many times."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long it may take, in real seconds."""

    case_seconds: float = 100.0
    total_seconds: float = 570.0


@dataclass(frozen=True, slots=True)
class Result:
    """One engine at one work and size."""

    engine: Engine
    work: Work
    hosts: int
    measured: Measured | None
    """The median of all times that it was done, by real time; the most memory of all."""
    times: int = 0
    why_not: str | None = None
    """Why it was not measured."""

    @property
    def ns_a_message(self) -> float | None:
        """What a message cost."""
        if self.measured is None:
            return None
        return self.measured.seconds * 1e9 / total_messages(self.work, self.hosts)


def measure(
    engines: Sequence[Engine],
    works: Sequence[Work],
    sizes: Sequence[int],
    limits: Limits,
    tell: Callable[[Result], object],
    run: Runner | None = None,
) -> list[Result]:
    """Runs every case that fits into the limits, the shorter work first; results are in the order of `works`.

    `UnequalWork` as soon as an engine does something else.
    """
    end = monotonic() + limits.total_seconds
    results: list[Result] = []
    run = run or run_apart(limits.case_seconds * GRACE + SET_UP_SECONDS)
    for work in sorted(works, key=lambda work: total_messages(work, max(sizes))):
        for hosts in sorted(sizes):
            reference: tuple[str, Measured] | None = None
            for engine in engines:
                if work not in engine.works:
                    continue
                result = _case(engine, work, hosts, results, limits, end - monotonic(), run)
                if result.measured is not None and engine.compared:
                    this = engine.name, result.measured
                    check_all(work, hosts, this, reference)
                    if reference is None and result.measured.fingerprint is not None:
                        reference = this
                results.append(result)
                tell(result)
    return sorted(results, key=lambda result: works.index(result.work))


def check_all(work: Work, hosts: int, this: tuple[str, Measured], reference: tuple[str, Measured] | None) -> None:
    """Whether an engine did the work, and came to the same as the reference. `UnequalWork` names it if not."""
    name, measured = this
    try:
        check(work, hosts, measured.outcome)
    except UnequalWork as error:
        raise UnequalWork(f"{name}: {error}") from None
    if reference is not None:
        check_same(work, hosts, reference, this)


def _case(
    engine: Engine, work: Work, hosts: int, before: list[Result], limits: Limits, left: float, run: Runner
) -> Result:
    skipped = Result(engine, work, hosts, None)
    earlier = [it for it in before if it.engine is engine and it.work == work]
    foretold = 0.0
    if earlier:
        last = earlier[-1]
        if last.measured is None:
            return replace(skipped, why_not=last.why_not)
        foretold = last.measured.seconds * GROWTH * total_messages(work, hosts) / total_messages(work, last.hosts)
    if foretold > limits.case_seconds:
        return replace(skipped, why_not=f"would take about {foretold:,.0f} s at {hosts:,}")
    if foretold > left:
        return replace(skipped, why_not=f"would take about {foretold:,.0f} s at {hosts:,}, and the time was up")
    try:
        done = run(engine, work, hosts, 1)
        more = min(MOST_TIMES, int(REPEAT_SECONDS / max(1e-9, done[0].seconds)))
        if more > 1:
            done = run(engine, work, hosts, more)
    except CannotDo as reason:
        return replace(skipped, why_not=str(reason))
    for measured in done[1:]:
        check_same(work, hosts, (engine.name, done[0]), (f"{engine.name} once more", measured))
    seconds = median(measured.seconds for measured in done)
    nearest = min(done, key=lambda measured: abs(measured.seconds - seconds))
    peak = max(measured.peak_bytes for measured in done)
    return Result(engine, work, hosts, replace(nearest, peak_bytes=peak), len(done))


def run_apart(most_seconds: float) -> Runner:
    """Runs a case in a process of its own, or a program several times. `CannotDo` if it does not come to an end."""

    def run(engine: Engine, work: Work, hosts: int, times: int) -> list[Measured]:
        if engine.program is None:
            case = [sys.executable, "-m", "peers._case", engine.module, engine.works[work], str(hosts), str(times)]
            return [measured(line) for line in _lines_of(case, most_seconds)]
        try:
            program = _programs.program(engine.module, engine.program)
        except _programs.CannotBuild as reason:
            raise CannotDo(str(reason)) from None
        case = [str(program), work, str(hosts)]
        return [measured(line) for _ in range(times) for line in _lines_of(case, most_seconds)]

    return run


def measured(line: str) -> Measured:
    """What a case has written. `CannotDo` if it says so."""
    said = json.loads(line)
    if "cannot" in said:
        raise CannotDo(said["cannot"])
    outcome = Outcome(said["messages"], said["ended"], said["winner"], beyond=said["beyond"])
    return Measured(outcome, said["fingerprint"], said["seconds"], said["busy_share"], said["peak_bytes"])


def _lines_of(case: list[str], most_seconds: float) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(BENCHES)}
    try:
        done = subprocess.run(case, capture_output=True, text=True, timeout=most_seconds, env=environment)
    except subprocess.TimeoutExpired:
        raise CannotDo(f"took more than {most_seconds:,.0f} s") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise CannotDo(f"failed: {said[-1] if said else f'exit code {done.returncode}'}")
    return done.stdout.splitlines()
