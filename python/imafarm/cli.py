"""The command line: `imafarm list`, `run SCENARIO`, `schema`, `store ...`, and the product's tools.

Exit codes: 0 the scenario's checks passed, 1 a check failed, 2 the call or a file was wrong, 130 interrupted.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

from imafarm.cli_store import store as store_commands

if TYPE_CHECKING:
    from imafarm.configuration import ConfigurationLog
    from imafarm.farm import Farm
    from imafarm.report.progress import ProgressLine
    from imafarm.scenario import Scenario, Verdict
    from imafarm.topology import Product, Topology

PASSED, FAILED, WRONG_CALL, INTERRUPTED = 0, 1, 2, 130
TOOL_HOSTS = 10


def _whole_number(_type: Any, tokens: Sequence[Any]) -> int:
    text = tokens[0].value
    try:
        return int(text, base=0)
    except ValueError:
        raise ValueError(f"{text!r} is no whole number") from None


def _whole(name: str, meaning: str) -> Parameter:
    return Parameter(name=name, help=meaning, converter=_whole_number, allow_leading_hyphen=True)


Hosts = Annotated[int | None, _whole("--hosts", "How many hosts to generate.")]
Zones = Annotated[int | None, _whole("--zones", "Over how many zones to spread them (1).")]
Seed = Annotated[int, _whole("--seed", "0 to 2**64 - 1. Equal seeds make equal runs.")]
Threads = Annotated[int | None, _whole("--threads", "How many work, 1 to 64 (all processors). Changes only the speed.")]
FarmFile = Annotated[Path | None, Parameter(name="--farm", help="A TOML file that describes the farm.")]
After = Annotated[float | None, Parameter(name="--after", help="At which farm second (once all zones agree).")]
Assignments = Annotated[
    tuple[str, ...],
    Parameter(
        name="--set", negative=(), show_default=False, help="A setting of every host, NAME=VALUE. May be repeated."
    ),
]

SWITCHES = {"querydc": {"e": "-e"}, "qfarm": {"zone": "--zone"}}
"""By tool: what the product's own switches, such as `/zone`, are called here besides."""

StoreUrl = Annotated[
    str | None, Parameter(name="--store", help="A data store that holds the farm: a SQLite file, or a URL.")
]

app = App(
    name="imafarm",
    help="Emulates very large server farms under one control plane, the Independent Management Architecture.",
    version=lambda: version("imafarm"),
    help_format="plaintext",
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)
app.command(store_commands)


@app.command(name="list")
def list_scenarios() -> int:
    """List the scenarios."""
    from imafarm.scenarios import SCENARIOS

    for scenario in SCENARIOS.values():
        print(f"{scenario.name:<18}{scenario.summary}")
    return PASSED


@app.command
def run(
    scenario: str,
    /,
    *,
    hosts: Hosts = None,
    zones: Zones = None,
    seed: Seed = 0,
    product: Annotated[str | None, Parameter(help="XP, MF30, PS40 or PS45 (PS45).")] = None,
    set_: Annotated[
        tuple[str, ...],
        Parameter(
            name="--set", negative=(), show_default=False, help="A setting of every host, NAME=VALUE. May be repeated."
        ),
    ] = (),
    settings: Annotated[
        Path | None, Parameter(name="--settings", help="A Windows registry export (.reg) with settings of every host.")
    ] = None,
    farm: FarmFile = None,
    store: StoreUrl = None,
    threads: Threads = None,
    out: Annotated[Path | None, Parameter(help="A directory for verdict.json and verdict.txt.")] = None,
    json_: Annotated[
        bool,
        Parameter(name="--json", negative=(), show_default=False, help="Print one JSON object and nothing else."),
    ] = False,
) -> int:
    """Play a scenario and judge it.

    Parameters
    ----------
    scenario
        One of those that `imafarm list` names.
    """
    from imafarm.report.text import print_verdict
    from imafarm.settings import check_seed, check_threads

    chosen = _scenario(scenario)
    check_seed(seed)
    check_threads(threads)
    topology = _topology(
        farm,
        hosts,
        zones,
        store,
        default_hosts=chosen.hosts,
        product=_product(product),
        registry=settings,
        assignments=set_,
    )
    _check_fits(chosen, topology)
    if out is not None:
        _check_writable(out)
    verdict = _play(chosen, topology, seed, threads, store)
    if out is not None:
        _write(verdict, out)
    if json_:
        print(json.dumps(verdict.as_json()))
    else:
        print_verdict(verdict, Console())
    return PASSED if verdict.passed else FAILED


@app.command
def queryhr(
    host: str | None = None,
    /,
    *,
    hosts: Hosts = None,
    zones: Zones = None,
    farm: FarmFile = None,
    store: StoreUrl = None,
) -> int:
    """Print the host records of a farm.

    Parameters
    ----------
    host
        Only the record of this host.
    """
    from imafarm.tools.queryhr import host_records

    topology = _topology(farm, hosts, zones, store, default_hosts=TOOL_HOSTS)
    for line in host_records(topology.resolver, host):
        print(line)
    return PASSED


@app.command
def schema() -> int:
    """Print the JSON schema of farm files."""
    from imafarm.topology.schema import schema_text

    print(schema_text(), end="")
    return PASSED


@app.command
def querydc(
    host: str | None = None,
    /,
    *,
    elect: Annotated[
        bool, Parameter(name=["-e", "--elect"], negative=(), show_default=False, help="Force an election first.")
    ] = False,
    hosts: Hosts = None,
    zones: Zones = None,
    farm: FarmFile = None,
    seed: Seed = 0,
    set_: Assignments = (),
    after: After = None,
) -> int:
    """Boot a farm and print the data collector of each zone.

    Parameters
    ----------
    host
        Ask this host: only its own zone, and the collector that it knows of.
    """
    from imafarm.tools import querydc as tool

    async def question(running: Farm) -> Iterable[str]:
        if elect:
            return tool.named_elections(await tool.elect(running, host))
        return tool.named_collectors(tool.collectors(running, host))

    topology = _topology(farm, hosts, zones, default_hosts=TOOL_HOSTS, assignments=set_)
    return _ask(question, topology, seed, after)


@app.command
def qfarm(
    host: str | None = None,
    /,
    *,
    zone: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Only the zones and their collectors; or /zone.")
    ] = False,
    hosts: Hosts = None,
    zones: Zones = None,
    farm: FarmFile = None,
    seed: Seed = 0,
    set_: Assignments = (),
    after: After = None,
) -> int:
    """Boot a farm and print its servers; D marks a data collector.

    Parameters
    ----------
    host
        Ask this host: in its zone, the collector that it knows of is marked.
    """
    from imafarm.tools import qfarm as tool

    async def question(running: Farm) -> Iterable[str]:
        return (
            tool.listed_zones(tool.zones(running, host)) if zone else tool.listed_servers(tool.servers(running, host))
        )

    topology = _topology(farm, hosts, zones, default_hosts=TOOL_HOSTS, assignments=set_)
    return _ask(question, topology, seed, after)


def _ask(
    question: Callable[[Farm], Awaitable[Iterable[str]]], topology: Topology, seed: int, after: float | None
) -> int:
    """Boots a farm, asks it, and prints the answer."""
    from imafarm.emulated import run
    from imafarm.report.progress import progress_line
    from imafarm.settings import check_seed
    from imafarm.tools._asking import check_after

    check_seed(seed)
    check_after(after)
    with progress_line(Console(stderr=True)) as line:
        answer = run(_ask_emulated, question, topology, seed, after, line)
    for said in answer:
        print(said)
    return PASSED


async def _ask_emulated(
    question: Callable[[Farm], Awaitable[Iterable[str]]],
    topology: Topology,
    seed: int,
    after: float | None,
    line: ProgressLine | None,
) -> list[str]:
    from imafarm.emulated import open_emulated_farm
    from imafarm.tools._asking import settle

    progress = line.tell if line else None
    async with open_emulated_farm(topology=topology, seed=seed, progress=progress) as farm:
        await settle(farm, after)
        return list(await question(farm))


def _with_options(arguments: Sequence[str]) -> list[str]:
    """The call with the product's own switches as options: `/zone` is `--zone`, and `/table:X` would be `--table=X`."""
    tool, *rest = arguments or [""]
    known = SWITCHES.get(tool, {})
    options = []
    for before, argument in zip([tool, *rest], rest, strict=False):
        name, colon, value = argument[1:].partition(":")
        option = known.get(name.lower()) if argument.startswith("/") and before != "--farm" else None
        options.append(argument if option is None else f"{option}={value}" if colon else option)
    return [*arguments[:1], *options]


def _scenario(name: str) -> Scenario:
    from imafarm.scenarios import SCENARIOS

    if name not in SCENARIOS:
        raise _unknown("SCENARIO", name, list(SCENARIOS))
    return SCENARIOS[name]


def _product(name: str | None) -> Product | None:
    from imafarm.topology import Product

    if name is None:
        return None
    if name.upper() not in Product.__members__:
        raise _unknown("--product", name, [known.value for known in Product])
    return Product[name.upper()]


def _unknown(key: str, name: str, known: list[str]) -> Exception:
    from difflib import get_close_matches

    from imafarm.errors import ConfigurationError

    nearest = get_close_matches(name, known, n=1, cutoff=0.0)[0]
    return ConfigurationError([f"{key}: unknown {name!r}; did you mean {nearest!r}? There are {', '.join(known)}"])


def _topology(
    farm: Path | None,
    hosts: int | None,
    zones: int | None,
    store: str | None = None,
    *,
    default_hosts: int,
    product: Product | None = None,
    registry: Path | None = None,
    assignments: Sequence[str] = (),
) -> Topology:
    """The farm that the options describe. `--set` goes before `--settings`, and each option before the farm file."""
    from dataclasses import replace

    from imafarm.errors import ConfigurationError
    from imafarm.settings import parse_settings
    from imafarm.topology import Topology, read_registry_settings

    settings = ({} if registry is None else read_registry_settings(registry)) | parse_settings(assignments)
    if farm is not None and store is not None:
        raise ConfigurationError(["--farm: the store given by --store says this already"])
    if farm is None and store is None:
        topology = Topology.of(default_hosts if hosts is None else hosts, 1 if zones is None else zones)
    elif hosts is not None or zones is not None:
        key = "--hosts" if hosts is not None else "--zones"
        where = "file given by --farm" if farm is not None else "store given by --store"
        raise ConfigurationError([f"{key}: the {where} says this already"])
    elif store is not None:
        from imafarm.store import DataStore

        with DataStore.open(store) as opened:
            topology = opened.topology()
    elif farm is not None:
        from imafarm.topology.farm_file import read_topology

        topology = read_topology(farm)
    return replace(topology, product=product or topology.product, settings={**topology.settings, **settings})


def _check_fits(scenario: Scenario, topology: Topology) -> None:
    from collections import Counter

    from imafarm.errors import ConfigurationError

    resolver, least = topology.resolver, scenario.least_hosts_in_zone
    for zone, count in Counter(resolver.zones_of(range(len(resolver)))).items():
        if count < least:
            name = resolver.zone_name(zone)
            raise ConfigurationError([f"hosts: {scenario.name} needs {least} in every zone, {name} has {count}"])


def _check_writable(out: Path) -> None:
    """Finds out before the run whether a file can be put there."""
    from imafarm.errors import ConfigurationError

    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=out):
            pass
    except OSError as error:
        raise ConfigurationError([f"--out: cannot write to {out}: {error.strerror or error}"]) from None


def _write(verdict: Verdict, out: Path) -> None:
    from imafarm.report.text import print_verdict

    (out / "verdict.json").write_text(json.dumps(verdict.as_json(), indent=2) + "\n", encoding="utf-8")
    with (out / "verdict.txt").open("w", encoding="utf-8") as file:
        print_verdict(verdict, Console(file=file, width=80))


@contextmanager
def _log(store: str | None) -> Iterator[ConfigurationLog | None]:
    """What changes of the farm's configuration are told to, if it came from a store."""
    if store is None:
        yield None
        return
    from imafarm.store import DataStore, StoreLog

    with DataStore.open(store) as opened, StoreLog(opened) as log:
        yield log


def _play(scenario: Scenario, topology: Topology, seed: int, threads: int | None, store: str | None) -> Verdict:
    from imafarm.emulated import run
    from imafarm.report.progress import progress_line

    began = perf_counter()
    with _log(store) as log, progress_line(Console(stderr=True)) as line:
        return run(_play_emulated, scenario, topology, seed, threads, log, line, began)


async def _play_emulated(
    scenario: Scenario,
    topology: Topology,
    seed: int,
    threads: int | None,
    log: ConfigurationLog | None,
    line: ProgressLine | None,
    began: float,
) -> Verdict:
    from imafarm.emulated import open_emulated_farm
    from imafarm.scenario import Journal, play
    from imafarm.settings import default_settings

    journal = Journal(on_phase=line.phase if line else None)
    progress = line.tell if line else None
    async with open_emulated_farm(topology=topology, log=log, seed=seed, threads=threads, progress=progress) as farm:
        return await play(
            scenario,
            farm,
            journal,
            seed=seed,
            product=topology.product,
            settings={**default_settings(), **topology.settings},
            wall_clock=lambda: perf_counter() - began,
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """The command `imafarm`. Leaves with an exit code."""
    sys.exit(_exit_code(sys.argv[1:] if arguments is None else arguments))


def _exit_code(arguments: Sequence[str]) -> int:
    from imafarm.errors import ImafarmError

    try:
        result = app(_with_options(arguments), exit_on_error=False, print_error=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else PASSED
    except (CycloptsError, ImafarmError) as error:
        print(f"imafarm: {str(error).strip()}", file=sys.stderr)
        return WRONG_CALL
    except KeyboardInterrupt:
        print("imafarm: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has seen enough. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PASSED
