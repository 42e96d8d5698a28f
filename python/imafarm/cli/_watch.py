"""`imafarm watch SCENARIO`."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from imafarm.cli._errors import FAILED, INTERRUPTED, PASSED
from imafarm.cli._options import Assignments, Bound, ExactQueue, FarmFile, Hosts, Seed, StoreUrl, Threads, Zones
from imafarm.cli._played import Product, RegistryFile, farm_for, scenario_named, told_to


def watch(
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
    speed: Annotated[
        str, Parameter(name="--speed", help="Farm seconds in a real second at first, 1/1000 to 1000, or max (10).")
    ] = "10",
) -> int:
    """Play a scenario and look at the farm meanwhile, in the terminal.

    Parameters
    ----------
    scenario
        One of those that `imafarm list` names.
    """
    from imafarm.report.text import print_verdict
    from imafarm.settings import check_seed, check_threads
    from imafarm.watch import Pace, Play, speed_of, watch_farm

    pace = Pace(speed_of(speed))
    chosen = scenario_named(scenario)
    check_seed(seed)
    check_threads(threads)
    topology = farm_for(chosen, farm, hosts, zones, store, product=product, registry=settings, assignments=set_)
    _check_terminal()
    with told_to(store) as log:
        ended = watch_farm(Play(chosen, topology, seed, log, threads, bound, exact_queue), pace)
    if ended.error is not None:
        raise ended.error
    if ended.verdict is None:
        print(f"imafarm: left at farm second {ended.farm_seconds:,.3f}, before the end: no verdict", file=sys.stderr)
        return INTERRUPTED
    print_verdict(ended.verdict, Console())
    return PASSED if ended.verdict.passed else FAILED


def _check_terminal() -> None:
    from imafarm.errors import ConfigurationError

    streams = {"standard input": sys.stdin, "standard output": sys.stdout, "standard error": sys.stderr}
    without = [name for name, stream in streams.items() if not stream.isatty()]
    if without:
        said = f"{' and '.join(without)} {'is' if len(without) == 1 else 'are'} none"
        raise ConfigurationError([f"watch: needs a terminal, and {said}; use imafarm run"])
