"""The product's own tools: `imafarm queryhr`, `querydc`, `queryds`, `qfarm`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console

from imafarm.cli._errors import PASSED, unknown
from imafarm.cli._farm import topology_of
from imafarm.cli._options import After, Assignments, FarmFile, Hosts, SeedIfGiven, StoreUrl, Zones
from imafarm.cli._remote import Remote, ask_remote

if TYPE_CHECKING:
    from imafarm.farm import Farm
    from imafarm.report.progress import ProgressLine
    from imafarm.tools._asking import Asked
    from imafarm.tools._remote import RemoteFarm
    from imafarm.topology import Topology

TOOL_HOSTS = 10

SWITCHES = {
    "querydc": {"e": "-e"},
    "queryds": {"table": "--table"},
    "qfarm": {"load": "--load", "zone": "--zone"},
}
"""By tool: what the product's own switches, such as `/zone`, are called here besides."""
PATHS_FOLLOW = {"--farm", "--store", "--key", "--tls-ca", "--tls-cert", "--tls-key"}
"""After these comes a path, whatever it looks like."""
ALONE = Remote()
"""Nobody is asked over the wire."""


def queryhr(
    host: str | None = None,
    /,
    *,
    hosts: Hosts = None,
    zones: Zones = None,
    farm: FarmFile = None,
    store: StoreUrl = None,
    remote: Remote = ALONE,
) -> int:
    """Print the host records of a farm.

    Parameters
    ----------
    host
        Only the record of this host.
    """
    from imafarm.tools.queryhr import host_records

    if remote.is_wanted(farm=farm, hosts=hosts, zones=zones, store=store):

        async def records(running: RemoteFarm) -> Iterable[str]:
            return host_records(running.resolver, host)

        return _print(ask_remote(remote, None, records))
    topology = topology_of(farm, hosts, zones, store, default_hosts=TOOL_HOSTS)
    return _print(host_records(topology.resolver, host))


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
    store: StoreUrl = None,
    seed: SeedIfGiven = None,
    set_: Assignments = (),
    after: After = None,
    remote: Remote = ALONE,
) -> int:
    """Boot a farm and print the data collector of each zone.

    Parameters
    ----------
    host
        Ask this host: only its own zone, and the collector that it knows of.
    """
    from imafarm.tools import querydc as tool

    def collectors(running: Asked) -> Iterable[str]:
        return tool.named_collectors(tool.collectors(running, host))

    async def election(running: Farm) -> Iterable[str]:
        return tool.named_elections(await tool.elect(running, host))

    async def remote_election(running: RemoteFarm) -> Iterable[str]:
        return tool.named_elections(await running.elect())

    if remote.is_wanted(farm=farm, hosts=hosts, zones=zones, store=store, seed=seed, set_=set_, after=after):
        return _print(ask_remote(remote, host, remote_election if elect else _answer(collectors)))
    topology = topology_of(farm, hosts, zones, store, default_hosts=TOOL_HOSTS, assignments=set_)
    return _ask(election if elect else _at_once(collectors), topology, seed, after)


def queryds(
    host: str | None = None,
    /,
    *,
    table: Annotated[str, Parameter(help="Conn_Sessions, Server_State, Server_Load or Subscriptions; or /table:NAME.")],
    hosts: Hosts = None,
    zones: Zones = None,
    farm: FarmFile = None,
    store: StoreUrl = None,
    seed: SeedIfGiven = None,
    set_: Assignments = (),
    after: After = None,
    remote: Remote = ALONE,
) -> int:
    """Boot a farm and print a table of its collectors' dynamic stores.

    Parameters
    ----------
    host
        Ask this host: what its data collector holds, of its own zone and of the others.
    """
    from imafarm.tools import queryds as tool

    named = next((known for known in tool.TABLES if known.lower() == table.lower()), None)
    if named is None:
        raise unknown("--table", table, tool.TABLES)

    def question(running: Asked) -> Iterable[str]:
        return tool.listed_table(named, tool.records(running, named, host))

    if remote.is_wanted(farm=farm, hosts=hosts, zones=zones, store=store, seed=seed, set_=set_, after=after):
        return _print(ask_remote(remote, host, _answer(question)))
    topology = topology_of(farm, hosts, zones, store, default_hosts=TOOL_HOSTS, assignments=set_)
    return _ask(_at_once(question), topology, seed, after)


def qfarm(
    host: str | None = None,
    /,
    *,
    load: Annotated[
        bool,
        Parameter(negative=(), show_default=False, help="Each server's load, as its collector holds it; or /load."),
    ] = False,
    zone: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Only the zones and their collectors; or /zone.")
    ] = False,
    hosts: Hosts = None,
    zones: Zones = None,
    farm: FarmFile = None,
    store: StoreUrl = None,
    seed: SeedIfGiven = None,
    set_: Assignments = (),
    after: After = None,
    remote: Remote = ALONE,
) -> int:
    """Boot a farm and print its servers; D marks a data collector.

    Parameters
    ----------
    host
        Ask this host: in its zone, the collector that it knows of is marked; and that one tells the loads.
    """
    from imafarm.errors import ConfigurationError
    from imafarm.tools import qfarm as tool

    if load and zone:
        raise ConfigurationError(["--load: not together with --zone"])

    def question(running: Asked) -> Iterable[str]:
        if load:
            return tool.listed_loads(tool.loads(running, host))
        if zone:
            return tool.listed_zones(tool.zones(running, host))
        return tool.listed_servers(tool.servers(running, host))

    if remote.is_wanted(farm=farm, hosts=hosts, zones=zones, store=store, seed=seed, set_=set_, after=after):
        return _print(ask_remote(remote, host, _answer(question)))
    topology = topology_of(farm, hosts, zones, store, default_hosts=TOOL_HOSTS, assignments=set_)
    return _ask(_at_once(question), topology, seed, after)


def _ask(
    question: Callable[[Farm], Awaitable[Iterable[str]]], topology: Topology, seed: int | None, after: float | None
) -> int:
    """Boots a farm, asks it, and prints the answer."""
    from imafarm.emulated import run
    from imafarm.report.progress import progress_line
    from imafarm.settings import check_seed
    from imafarm.tools._asking import check_after

    seed = check_seed(0 if seed is None else seed)
    check_after(after)
    with progress_line(Console(stderr=True)) as line:
        answer = run(_ask_emulated, question, topology, seed, after, line)
    return _print(answer)


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


def _at_once(question: Callable[[Asked], Iterable[str]]) -> Callable[[Farm], Awaitable[Iterable[str]]]:
    """A question that takes no time, for a farm of this process."""

    async def ask(running: Farm) -> Iterable[str]:
        return question(running)

    return ask


def _answer(question: Callable[[Asked], Iterable[str]]) -> Callable[[RemoteFarm], Awaitable[Iterable[str]]]:
    """The same for a farm that is asked over the wire."""

    async def ask(running: RemoteFarm) -> Iterable[str]:
        return await running.answer(question)

    return ask


def _print(lines: Iterable[str]) -> int:
    for line in lines:
        print(line)
    return PASSED


def with_options(arguments: Sequence[str]) -> list[str]:
    """The call with the product's own switches as options: `/zone` is `--zone`, and `/table:X` is `--table=X`."""
    tool, *rest = arguments or [""]
    known = SWITCHES.get(tool, {})
    options = []
    for before, argument in zip([tool, *rest], rest, strict=False):
        name, colon, value = argument[1:].partition(":")
        option = known.get(name.lower()) if argument.startswith("/") and before not in PATHS_FOLLOW else None
        options.append(argument if option is None else f"{option}={value}" if colon else option)
    return [*arguments[:1], *options]
