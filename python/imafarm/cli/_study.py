"""`imafarm study SCENARIO` and `imafarm study cache`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console

from imafarm.cli._errors import FAILED, PASSED
from imafarm.cli._options import Assignments, FarmFile, Hosts, Json, Repeat, Seed, Workers, Zones
from imafarm.cli._out import draw_report
from imafarm.cli._played import Product, RegistryFile

if TYPE_CHECKING:
    from imafarm.study import Study, StudyProgress

LOOK_SECONDS = 0.5
"""How often the best so far is looked for."""
OPTIONS = {
    "scenario": "SCENARIO",
    "measures": "--measure",
    "settings": "--set",
    **{
        name: f"--{name}"
        for name in ("vary", "repeat", "hosts", "zones", "seed", "product", "farm", "workers", "on", "out", "resume")
    },
}
"""By which argument a key of a study is given."""


def study(
    scenario: str,
    /,
    *,
    vary: Annotated[
        tuple[str, ...],
        Parameter(
            negative=(),
            show_default=False,
            help="NAME=VALUES: a setting, hosts or zones, and 16,32,64 or LO..HI[:log][:STEPS]. May be repeated.",
        ),
    ] = (),
    measure: Annotated[
        tuple[str, ...],
        Parameter(negative=(), show_default=False, help="What to measure, A,B (the usual). May be repeated."),
    ] = (),
    repeat: Repeat = None,
    hosts: Hosts = None,
    zones: Zones = None,
    seed: Seed = 0,
    product: Product = None,
    set_: Assignments = (),
    registry: RegistryFile = None,
    farm: FarmFile = None,
    workers: Workers = None,
    on: Annotated[str | None, Parameter(help="A cluster to play points on: dask://HOST:PORT.")] = None,
    out: Annotated[
        Path | None, Parameter(help="A directory for points.jsonl, study.json, study.parquet and report.html.")
    ] = None,
    resume: Annotated[bool, Parameter(negative=(), show_default=False, help="Go on with the study in --out.")] = False,
    json_: Json = False,
) -> int:
    """Play a scenario at many values of some settings, with several seeds each.

    `imafarm study cache` finds out how large MaxHostAddressCacheEntries has to be,
    and says what to set and why. It knows by itself which values to try.

    Parameters
    ----------
    scenario
        One of those that `imafarm list` names, or `cache`.
    """
    from imafarm.settings import parse_settings
    from imafarm.study import study as make
    from imafarm.study._plan import REPEAT
    from imafarm.study._values import parse_vary

    asked_vary, settings = parse_vary(vary), parse_settings(set_)
    names = [name for given in measure for part in given.split(",") if (name := part.strip())]
    _check_where(workers, on, out, resume=resume)
    with _under_options(asked_vary), _on(on) as executor, _watched(out, quiet=json_) as watch:
        made = make(
            scenario,
            vary=asked_vary,
            measures=names if measure else None,
            repeat=REPEAT if repeat is None else repeat,
            farm=farm,
            hosts=hosts,
            zones=zones,
            product=product,
            settings=_registry_settings(registry, scenario, asked_vary) | settings,
            seed=seed,
            executor=executor,
            workers=workers,
            out=out,
            resume=resume,
            progress=watch.hear,
        )
    if out is not None:
        draw_report(out)
    _print(made, as_json=json_)
    return PASSED if made.passed else FAILED


def _check_where(workers: int | None, on: str | None, out: Path | None, *, resume: bool) -> None:
    """Errors: `ConfigurationError` for options that do not go together."""
    from imafarm.errors import ConfigurationError

    if on is not None and workers is not None:
        raise ConfigurationError(["--workers: the cluster given by --on has its own"])
    if resume and out is None:
        raise ConfigurationError(["--resume: say by --out in which directory the study is"])


def _registry_settings(file: Path | None, scenario: str, varied: Collection[str]) -> dict[str, int]:
    """The settings of a registry export, but for those that are varied: it is exported whole, so it holds them, too."""
    if file is None:
        return {}
    from imafarm.study._knee import CACHE_ENTRIES
    from imafarm.study._measures import CACHE
    from imafarm.topology import read_registry_settings

    names = {name.lower() for name in (*varied, *([CACHE_ENTRIES] if scenario == CACHE else []))}
    return {name: value for name, value in read_registry_settings(file).items() if name.lower() not in names}


@contextmanager
def _under_options(varied: Collection[str]) -> Iterator[None]:
    """Tells what is wrong with a study under the options that say it. Those of a file keep the file's keys."""
    from imafarm.errors import ConfigurationError

    try:
        yield
    except ConfigurationError as error:
        if error.source:
            raise
        raise ConfigurationError([_under_its_option(mistake, varied) for mistake in error.mistakes]) from None


def _under_its_option(mistake: str, varied: Collection[str]) -> str:
    """`KEY: ...` or `KEY and KEY: ...`, with options for keys."""
    head, colon, said = mistake.partition(": ")
    keys = head.split(" and ")
    # Which of its values is wrong with a name that is varied has not been said: the option that gave them is.
    if keys[0] in varied and len(keys) == 1:
        keys = [f"vary.{keys[0]}"]
    options = []
    for key in keys:
        name, _, rest = key.partition(".")
        if name not in OPTIONS or (rest and name not in ("vary", "settings")):
            return mistake
        options.append(f"{OPTIONS[name]} {rest}".rstrip())
    return f"{' and '.join(options)}{colon}{said}"


@contextmanager
def _on(place: str | None) -> Iterator[Executor | None]:
    """The executor at this place; `None`: processes of this machine."""
    if place is None:
        yield None
        return
    from imafarm.study._cluster import cluster

    with cluster(place) as executor:
        yield executor


@dataclass(slots=True)
class _Watch:
    """How far the study has come, for whoever breaks it off, and for the line on the terminal."""

    out: Path | None
    line: Callable[[StudyProgress], object]
    how_far: StudyProgress | None = None

    def hear(self, how_far: StudyProgress) -> None:
        self.how_far = how_far
        self.line(how_far)


@contextmanager
def _watched(out: Path | None, *, quiet: bool) -> Iterator[_Watch]:
    """Tells of the study on the terminal while it runs, and where it stands if Ctrl-C ends it."""
    with _line(Console(stderr=True), quiet=quiet) as line:
        watch = _Watch(out, line)
        try:
            yield watch
            return
        except KeyboardInterrupt:
            pass
    if watch.how_far is not None:
        after = "; --resume goes on with them" if out is not None else ""
        print(f"imafarm: {watch.how_far.done:,} of {watch.how_far.total:,} points done{after}", file=sys.stderr)
    raise KeyboardInterrupt


@contextmanager
def _line(console: Console, *, quiet: bool) -> Iterator[Callable[[StudyProgress], object]]:
    """Points done, time left and the best so far, on one line, if this is a terminal."""
    if quiet or not console.is_terminal:
        yield lambda how_far: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        BarColumn(24),
        TextColumn("{task.fields[points]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.fields[best]}", style="dim"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task, looked_at = bar.add_task("", total=None, points="", left="", best=""), -LOOK_SECONDS

        def tell(how_far: StudyProgress) -> None:
            nonlocal looked_at
            if how_far.done == how_far.total or monotonic() - looked_at >= LOOK_SECONDS:
                looked_at = monotonic()
                bar.update(task, best=_best(how_far.so_far()))
            seconds = how_far.seconds_left
            left = "" if seconds is None else f"{timedelta(seconds=round(seconds))} left"
            bar.update(
                task,
                completed=how_far.done,
                total=how_far.total,
                points=f"{how_far.done:,} of {how_far.total:,} points",
                left=left,
            )

        yield tell


def _best(study: Study) -> str:
    """The values that are the best so far, by the first measure that has a better way."""
    measure = next((measure for measure in study.measures.values() if measure.better is not None), None)
    means = [] if measure is None else [mean for mean in study.means if mean.measures[measure.name] is not None]
    if measure is None or not means:
        return ""
    sign = 1 if measure.better == "less" else -1
    best = min(means, key=lambda mean: sign * (mean.measures[measure.name] or 0.0))
    values = ", ".join(f"{name} {value}" for name, value in best.vary.items())
    return f"best: {values}"


def _print(made: Study, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(made.as_json()))
        return
    from imafarm.study._text import print_study

    print_study(made, Console())
