"""`imafarm live up | host | key`: a farm on real sockets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from imafarm.cli._errors import PASSED
from imafarm.cli._farm import topology_of
from imafarm.cli._live_options import Access, Course
from imafarm.cli._options import Assignments, FarmFile, Hosts, Seed, StoreUrl, Zones

if TYPE_CHECKING:
    from imafarm.configuration import OpenedLiveStore
    from imafarm.keys import FarmKeys

LIVE_HOSTS = 10
NO_ACCESS, NO_COURSE = Access(), Course()
"""What nobody has said anything about."""

live = App(
    name="live",
    help="Run a farm for real: each server listens on an address of its own, and they talk over TCP.",
    help_format="plaintext",
)


@live.command
def up(
    *,
    hosts: Annotated[Hosts, Parameter(help=f"How many hosts to generate ({LIVE_HOSTS}).")] = None,
    zones: Zones = None,
    farm: FarmFile = None,
    store: StoreUrl = None,
    set_: Assignments = (),
    seed: Seed = 0,
    processes: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Run each host in a process of its own.")
    ] = False,
    restart: Annotated[
        bool, Parameter(negative=(), show_default=False, help="With --processes: start those again that die.")
    ] = False,
    access: Access = NO_ACCESS,
    course: Course = NO_COURSE,
) -> int:
    """Start every host of a farm on this machine, and run it until Ctrl-C or SIGTERM.

    The farm is generated, or comes from a file or a data store. The first host
    listens on 127.77.0.1, the second on 127.77.0.2, and so on, unless the farm
    file's table [live] says otherwise: port 2512 for the other servers, port 2513
    for tools (`imafarm querydc --connect 127.77.0.1`).

    Told to stop, it does so in good order: a data collector first triggers the
    election of another. Told again, it stops at once.
    """
    from imafarm.cli._live_processes import run_processes
    from imafarm.cli._live_up import Call, run_here
    from imafarm.errors import ConfigurationError
    from imafarm.settings import check_seed

    if restart and not processes:
        raise ConfigurationError(["--restart: only with --processes"])
    if course.metrics is not None and processes:
        raise ConfigurationError(["--metrics: not with --processes; `imafarm live host` serves those of one host"])
    check_seed(seed)
    course.check()
    if processes or store is None or not (farm is None and hosts is None and zones is None):
        topology = topology_of(farm, hosts, zones, store, default_hosts=LIVE_HOSTS, assignments=set_)
        call = Call(topology, seed, access, course)
    else:
        opened = _open_store(store, set_)
        call = Call(opened.topology, seed, access, course, store=opened)
    return run_processes(call, store, set_, restarts=restart) if processes else run_here(call)


@live.command
def host(
    *,
    name: Annotated[str, Parameter(help="Which host of the farm.")],
    farm: FarmFile = None,
    store: StoreUrl = None,
    set_: Assignments = (),
    seed: Seed = 0,
    cache: Annotated[
        Path | None,
        Parameter(help="A file for its local host cache: with it, it starts while the data store is down."),
    ] = None,
    access: Access = NO_ACCESS,
    course: Course = NO_COURSE,
    until_input_ends: Annotated[
        bool,
        Parameter(
            negative=(),
            show_default=False,
            help="Stop when standard input ends, too: whoever started it through a pipe is gone then.",
        ),
    ] = False,
) -> int:
    """Start one host of a farm on this machine, and run it until Ctrl-C or SIGTERM.

    The others may be on other machines, each started by this command with the
    same farm file, or from the same data store.
    """
    from imafarm.cli._live_up import Call, run_here
    from imafarm.errors import ConfigurationError
    from imafarm.settings import check_seed

    if farm is None and store is None:
        raise ConfigurationError(["--farm: missing; say with it or with --store which farm the host is in"])
    if cache is not None and store is None:
        raise ConfigurationError(["--cache: only with --store, of which it is a copy"])
    check_seed(seed)
    course.check()
    opened = None
    if store is None or farm is not None:
        topology = topology_of(farm, None, None, store, default_hosts=LIVE_HOSTS, assignments=set_)
    else:
        opened = _open_store(store, set_, {} if cache is None else {name: cache})
        topology = opened.topology
    if name not in topology.resolver:
        raise ConfigurationError([f"--name: no host of this farm is named {name!r}"])
    return run_here(Call(topology, seed, access, course, store=opened, only=name, with_parent=until_input_ends))


def _open_store(url: str, assignments: Sequence[str], caches: Mapping[str, Path] | None = None) -> OpenedLiveStore:
    """A data store that hosts ask while they run. What `--set` says goes before what the farm's settings say there."""
    from dataclasses import replace

    from imafarm.configuration import open_live_store
    from imafarm.settings import parse_settings

    settings = parse_settings(assignments)
    opened = open_live_store(url, caches or {})
    topology = replace(opened.topology, settings={**opened.topology.settings, **settings})
    return replace(opened, topology=topology)


@live.command
def key(
    file: Path,
    /,
    *,
    add: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Change the key, step 1: add a new one, not spoken yet.")
    ] = False,
    rotate: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Step 2: let the two change places.")
    ] = False,
    drop: Annotated[bool, Parameter(negative=(), show_default=False, help="Step 3: drop the old one.")] = False,
) -> int:
    """Make a file with a new farm key, or change the key in one.

    Who has the farm's key may talk to its hosts, and nobody else; hosts and tools
    take it with --key FILE. Only its owner can read the file, and the key is never
    printed.

    To change the key while the farm runs, take the three steps one after the
    other. Before the next, copy the file to every machine and start every host
    anew, one at a time: at each step those that have it and those that have not
    understand one another.

    Parameters
    ----------
    file
        The key file.
    """
    from imafarm.errors import ConfigurationError
    from imafarm.keys import new_key_file, read_keys, replace_keys

    steps = {"--add": add, "--rotate": rotate, "--drop": drop}
    taken = [option for option, is_given in steps.items() if is_given]
    if len(taken) > 1:
        raise ConfigurationError([f"{taken[1]}: not together with {taken[0]}; each is a step by itself"])
    if not taken:
        new_key_file(file)
        print(f"{file}: a new key")
        return PASSED
    keys = read_keys(file, {})
    assert keys is not None
    changed = _changed(keys, taken[0])
    replace_keys(file, changed)
    print(f"{file}: {_SAID[taken[0]]}")
    return PASSED


_SAID = {
    "--add": "two keys, of which the old one is spoken",
    "--rotate": "two keys, of which the other is spoken now",
    "--drop": "one key",
}


def _changed(keys: FarmKeys, step: str) -> FarmKeys:
    from imafarm.errors import ConfigurationError

    if step == "--add":
        if len(keys) > 1:
            raise ConfigurationError(["--add: there are two keys already; drop one first"])
        return keys.with_next()
    if len(keys) < 2:
        raise ConfigurationError([f"{step}: there is only one key"])
    return keys.rotated() if step == "--rotate" else keys.without_last()
