"""Opening a farm on real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote, unquote

import trio

from imafarm import _imafarm
from imafarm.configuration import ConfigurationLog, OpenedLiveStore, check_not_twice, open_live_store
from imafarm.errors import ConfigurationError
from imafarm.farm import Recording
from imafarm.farm._engine_verbs import span_ns
from imafarm.keys import FarmKeys
from imafarm.live._descriptors import make_room
from imafarm.live._farm import LiveFarm
from imafarm.live._limits import LiveLimits
from imafarm.live._log import LiveLog
from imafarm.live._sockets import Address
from imafarm.live._starts import tell_starts
from imafarm.live._tls import TlsFiles, client_context, server_context
from imafarm.live._tls_link import LiveTls
from imafarm.settings import check_seed
from imafarm.topology import Topology

BOOT_SECONDS = 2.0
"""Over how many seconds the hosts of a new farm start, unless said otherwise. Our guess: time goes on for real here."""


@asynccontextmanager
async def open_live_farm(
    *,
    hosts: int | _imafarm.HostResolver | None = None,
    zones: int = 1,
    seed: int = 0,
    settings: Mapping[str, int] = MappingProxyType({}),
    host_settings: Mapping[str, Mapping[str, int]] = MappingProxyType({}),
    topology: Topology | None = None,
    store: str | OpenedLiveStore | None = None,
    cache_directory: Path | None = None,
    log: ConfigurationLog | None = None,
    boot_seconds: float | None = BOOT_SECONDS,
    keys: FarmKeys | None = None,
    tls: TlsFiles | None = None,
    local: Collection[str] | None = None,
    allow_open: bool = False,
    limits: LiveLimits | None = None,
    live_log: LiveLog | None = None,
    shares_ports: bool = False,
    record: Recording | bool | None = None,
) -> AsyncIterator[LiveFarm]:
    """A farm on real TCP: `async with imafarm.open_live_farm(hosts=20) as farm: ...`, under plain `trio.run`.

    hosts: how many, named H1, H2, ...; or a `HostResolver` with records of your own.
    zones: over how many zones generated hosts are spread, named Z1, Z2, ...
    seed: 0 to 2**64 - 1; when hosts start and report follows from it.
    settings, host_settings: under the registry's value names; the latter by host name.
    topology: all of these at once, instead of them; `Topology.live` says at which addresses hosts listen. Links and
      workloads in it are the emulator's affair.
    store: a data store that holds all of these, instead of them: its URL, or one that `open_live_store` has opened.
      Hosts ask it at their starts and polls; what is changed in the farm's configuration is written there, and read by
      whoever shares the store. Without, there is one beside every host that ends with the farm.
    cache_directory: where each host that lives here keeps its local host cache file, with which it starts while the
      store is down; made if it is not there. For a store that is given by its URL.
    log: who else is told of such changes.
    boot_seconds: every host that lives here starts at a moment drawn from so many seconds; `None`: nobody starts by
      itself.
    keys: the farm's keys; without, whoever reaches a host and knows the farm's magic number may talk to it.
    tls: the certificates by which hosts know one another, if they are to speak TLS.
    local: the names of the hosts that live in this process; all, unless said.
    allow_open: lets hosts without a key listen on addresses that others than this machine may reach.
    limits: deadlines, queues and caps.
    live_log: how the log is written.
    shares_ports: whether hosts that live here and have one port between servers share a listener: for thousands of
      them, on loopback. No host of another process may have the port then, whatever its address.
    record: which events are written down, to be read as a table (`Farm.events`): all, if `True`. Traffic and bindings
      are the emulator's to record.

    Yields as soon as every port is ours: the boot goes on meanwhile, and `wait_master` waits for it. At the end all
    hosts are gone, like the processes of a machine that is switched off; `stop` and `wait_stopped` come before for an
    end in good order. As many files may be open in this process as the operating system lets it have.

    Errors: `ConfigurationError` names every key that is wrong, and ports that cannot be had; nothing was started then.
    `StoreError` says what is wrong with the store.
    """
    if cache_directory is not None and not isinstance(store, str):
        raise ConfigurationError(["cache_directory: only for a store that is given by its URL"])
    opened: OpenedLiveStore | None = None
    if store is not None:
        check_not_twice(
            {
                "hosts": hosts is not None,
                "zones": zones != 1,
                "settings": bool(settings),
                "host_settings": bool(host_settings),
                "topology": topology is not None,
            }
        )
        if isinstance(store, str):
            store = await trio.to_thread.run_sync(_open_store, store, cache_directory, local)
        opened, topology = store, store.topology
    if topology is None:
        if hosts is None:
            raise ConfigurationError(["hosts: missing; say how many, or give a HostResolver"])
        topology = Topology.of(hosts, zones, settings=settings, host_settings=host_settings)
    boot_ns = None if boot_seconds is None else span_ns("boot_seconds", boot_seconds)
    ports = [record.ima_port for record in topology.resolver.records()]
    addresses = list(zip(topology.live_addresses(), ports, strict=True))
    here = _local(topology, local)
    _check_loopback(topology, addresses, here, has_key=keys is not None or allow_open, shares_ports=shares_ports)
    live_log = live_log or LiveLog()
    listeners = len({ports[index] for index in here}) if shares_ports else len(here)
    make_room(topology, here, live_log, listeners=listeners)
    farm = LiveFarm(
        topology,
        addresses,
        here,
        seed=check_seed(seed),
        keys=() if keys is None else keys.understood,
        tls=None if tls is None else LiveTls(server=server_context(tls), client=client_context(tls)),
        limits=limits or LiveLimits(),
        live_log=live_log,
        store=opened,
        log=log,
        shares_ports=shares_ports,
        record=Recording.of(record),
    )
    failure: BaseException | None = None
    with farm.driver.reserved():
        async with trio.open_nursery() as nursery:
            await nursery.start(farm.driver.run)
            await nursery.start(partial(tell_starts, farm, live_log))
            if boot_ns is not None:
                farm.boot(boot_ns)
            try:
                yield farm
            except trio.Cancelled:
                raise
            except BaseException as error:
                # What the caller's own code raises comes out as it is, in no group.
                failure = error
            finally:
                nursery.cancel_scope.cancel()
                farm.close()
    if failure is not None:
        raise failure


def _open_store(url: str, directory: Path | None, local: Collection[str] | None) -> OpenedLiveStore:
    """The store at a URL, and the caches of the hosts that live here."""
    if directory is None:
        return open_live_store(url)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = {unquote(path.stem) for path in directory.glob("*.db")}
    except OSError as error:
        raise ConfigurationError([f"cache_directory: {directory}: {error.strerror}"]) from None
    names = there if local is None else set(local)
    opened = open_live_store(url, {name: _cache_file(directory, name) for name in sorted(names)})
    if local is None:
        # Which hosts there are only the farm says.
        everybody = [record.name for record in opened.topology.resolver.records()]
        if set(everybody) != names:
            opened = open_live_store(url, {name: _cache_file(directory, name) for name in everybody})
    return opened


def _cache_file(directory: Path, host: str) -> Path:
    return directory / f"{quote(host, safe='')}.db"


def _local(topology: Topology, names: Collection[str] | None) -> list[int]:
    """The indexes of the hosts that live here."""
    if names is None:
        return list(range(len(topology.resolver)))
    if not names:
        raise ConfigurationError(["local: no host is to live in this process"])
    if unknown := [name for name in names if name not in topology.resolver]:
        raise ConfigurationError([f"local: no host is named {name!r}" for name in unknown])
    return sorted(set(topology.resolver.by_names(names)))


def _check_loopback(
    topology: Topology, addresses: Sequence[Address], here: Sequence[int], *, has_key: bool, shares_ports: bool
) -> None:
    """Errors: `ConfigurationError` if others than this machine could talk to a host that is for it alone."""
    beyond = next((index for index in here if not IPv4Address(addresses[index][0]).is_loopback), None)
    if beyond is None:
        return
    who = f"{topology.resolver.name_of(beyond)} cannot listen on {addresses[beyond][0]}"
    if not has_key:
        said = f"keys: without a farm key {who}, which is not of this machine alone; allow_open lets it"
        raise ConfigurationError([said])
    if shares_ports:
        raise ConfigurationError([f"shares_ports: {who}, which is not of this machine alone"])
