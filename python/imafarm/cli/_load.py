"""`imafarm load`: a population of members on real sockets, towards one real collector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console

from imafarm.cli._errors import FAILED, INTERRUPTED, PASSED
from imafarm.cli._live import NO_ACCESS
from imafarm.cli._live_options import Access
from imafarm.cli._options import Assignments, FarmFile, Json, Members, Seed
from imafarm.cli._out import check_writable

if TYPE_CHECKING:
    from imafarm.cli._load_run import Target
    from imafarm.report.load import LoadReport

LOAD_MEMBERS = 500


def load(
    *,
    members: Members = None,
    for_: Annotated[
        float, Parameter(name="--for", allow_leading_hyphen=True, help="For how many seconds, once all are connected.")
    ] = 60.0,
    set_: Assignments = (),
    logons: Annotated[float, Parameter(allow_leading_hyphen=True, help="Users who log on in a second.")] = 0.0,
    session_seconds: Annotated[
        float, Parameter(allow_leading_hyphen=True, help="How long a session lasts, in the mean.")
    ] = 60.0,
    connect_seconds: Annotated[
        float | None,
        Parameter(allow_leading_hyphen=True, help="Within how many seconds members start (250 in a second)."),
    ] = None,
    seed: Seed = 0,
    network: Annotated[
        str | None, Parameter(help="Where a generated farm's hosts listen, an IPv4 network (127.77.0.0/16).")
    ] = None,
    farm: FarmFile = None,
    collector: Annotated[
        str | None, Parameter(help="With --farm: the host that is aimed at. It runs already, wherever it is.")
    ] = None,
    predict: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Have the emulator say what should come of it.")
    ] = False,
    write_farm: Annotated[
        Path | None, Parameter(help="Only write a farm file of a collector and such members.")
    ] = None,
    out: Annotated[Path | None, Parameter(help="A directory for load.json and load.txt.")] = None,
    json_: Json = False,
    access: Access = NO_ACCESS,
) -> int:
    """Put a data collector under load: members that behave as a zone's servers do.

    Members are real hosts on real sockets, all in this process: they register
    with the collector, send heartbeats, and report users who log on and off. The
    collector is a process of its own, started here and ended again; or any that
    runs already, with --farm and --collector.

    It succeeds if all members were connected all the time, and none of their
    updates was lost or left unanswered.
    """
    from imafarm.load import LoadPlan

    plan = LoadPlan(
        seconds=for_,
        connect_seconds=connect_seconds,
        logons_per_second=logons,
        session_seconds=session_seconds,
        seed=seed,
    )
    target = _target(members, farm, collector, network, set_)
    if write_farm is not None:
        _write_farm(write_farm, target)
        return PASSED
    if out is not None:
        check_writable(out)
    from imafarm.cli._load_run import run_load

    report = run_load(target, plan, access, predicts=predict)
    if report is None:
        return INTERRUPTED
    if out is not None:
        _write(report, out)
    _print(report, as_json=json_)
    return PASSED if report.figures.passed else FAILED


def _target(
    members: int | None, farm: Path | None, collector: str | None, network: str | None, assignments: tuple[str, ...]
) -> Target:
    """Who is aimed at by whom.

    Errors: `ConfigurationError`.
    """
    from dataclasses import replace

    from imafarm.cli._load_run import Target
    from imafarm.errors import ConfigurationError
    from imafarm.load import load_farm_file, members_of
    from imafarm.load._plan import COLLECTOR
    from imafarm.settings import parse_settings
    from imafarm.topology._live_plan import DEFAULT_NETWORK
    from imafarm.topology.farm_file import parse_topology, read_topology

    settings = parse_settings(assignments)
    if farm is None:
        if collector is not None:
            raise ConfigurationError(["--collector: only with --farm; without, the collector is started here"])
        text = load_farm_file(LOAD_MEMBERS if members is None else members, settings, network or DEFAULT_NETWORK)
        topology = parse_topology(text)
        return Target(topology, COLLECTOR, members_of(topology, COLLECTOR), farm_file=text)
    for option, value in (("--members", members), ("--network", network)):
        if value is not None:
            raise ConfigurationError([f"{option}: the file given by --farm says this already"])
    if collector is None:
        raise ConfigurationError(["--collector: missing; say which host of the farm is aimed at"])
    topology = read_topology(farm)
    topology = replace(topology, settings={**topology.settings, **settings})
    return Target(topology, collector, members_of(topology, collector), farm_file=None)


def _write_farm(path: Path, target: Target) -> None:
    from imafarm.errors import ConfigurationError

    if target.farm_file is None:
        raise ConfigurationError(["--write-farm: not together with --farm"])
    try:
        path.write_text(target.farm_file, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError([f"--write-farm: cannot write {path}: {error.strerror or error}"]) from None
    print(f"{path}: a collector {target.collector} and {len(target.members):,} members")
    print(f"  imafarm live host --farm {path} --name {target.collector}")
    print(f"  imafarm load --farm {path} --collector {target.collector}")


def _print(report: LoadReport, *, as_json: bool) -> None:
    from imafarm.report.load import print_load

    if as_json:
        print(json.dumps(report.as_json()))
    else:
        print_load(report, Console())


def _write(report: LoadReport, out: Path) -> None:
    from imafarm.report.load import print_load

    (out / "load.json").write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")
    with (out / "load.txt").open("w", encoding="utf-8") as file:
        print_load(report, Console(file=file, width=80))
