"""Opening a farm of the compiled emulator."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType

from imafarm import _imafarm
from imafarm.configuration import ConfigurationLog, check_not_twice, open_store
from imafarm.emulated._conductor import current_conductor
from imafarm.emulated._farm import BOOT_SECONDS, EmulatedFarm, Progress
from imafarm.emulated._tap import Tap
from imafarm.errors import ConfigurationError
from imafarm.farm import Recording
from imafarm.settings import check_seed, check_threads, default_settings
from imafarm.topology import Link, Topology


def _check_room(topology: Topology) -> None:
    """Checks that every host can keep a binding to every other host of its zone.

    Errors: `ConfigurationError`.
    """
    resolver, name = topology.resolver, "MaxHostAddressCacheEntries"
    zones = resolver.zones_of(range(len(resolver)))
    peers = {zone: count - 1 for zone, count in Counter(zones).items()}
    own = topology.host_settings_for_engine()
    common = topology.settings.get(name, default_settings()[name])
    short = [own.get(host, {}).get(name, common) for host, zone in enumerate(zones)]
    for entries, zone in zip(short, zones, strict=True):
        if entries < peers[zone]:
            where = f"zone {resolver.zone_name(zone)} takes {peers[zone]}"
            raise ConfigurationError([f"{name}: {entries} are too few for hosts that begin bound: {where}"])


@asynccontextmanager
async def open_emulated_farm(
    *,
    hosts: int | _imafarm.HostResolver | None = None,
    zones: int = 1,
    seed: int = 0,
    settings: Mapping[str, int] = MappingProxyType({}),
    host_settings: Mapping[str, Mapping[str, int]] = MappingProxyType({}),
    inside: Link | None = None,
    between: Link | None = None,
    topology: Topology | None = None,
    store: str | None = None,
    log: ConfigurationLog | None = None,
    boot_seconds: float | None = BOOT_SECONDS,
    wire: bool = False,
    threads: int | None = None,
    bound: bool = False,
    exact_queue: bool = False,
    record: Recording | bool | None = None,
    trace: Sequence[str] = (),
    tap: Tap | None = None,
    progress: Callable[[Progress], object] | None = None,
) -> AsyncIterator[EmulatedFarm]:
    """A farm in virtual time: `async with imafarm.open_emulated_farm(hosts=300) as farm: ...`.

    hosts: how many, named H1, H2, ...; or a `HostResolver` with records of your own.
    zones: over how many zones generated hosts are spread, named Z1, Z2, ...
    seed: 0 to 2**64 - 1; equal seeds make equal runs.
    settings, host_settings: under the registry's value names; the latter by host name.
    inside, between: the links inside a zone and between zones.
    topology: all of these at once, instead of them (`imafarm.read_topology` reads one from a file).
    store: the URL of a data store that holds all of these, instead of them; what is changed in the farm's
      configuration is written there, at the latest when the farm is closed.
    log: who else is told of such changes; not together with `store`.
    boot_seconds: every host starts at a moment drawn from so many farm seconds; `None`: nobody starts by itself.
    wire: encode and decode every message for real, which changes nothing but the speed.
    threads: how many work, 1 to 64; all processors that there are to be had unless said. Changes nothing but the speed.
    bound: let the first life of each host begin with an active binding to every other host of its zone, as if the
      handshakes had passed long ago. `MaxHostAddressCacheEntries` must have room for them; no order of use is kept.
    exact_queue: let every message be an event of its own, without short cuts, which changes nothing but the speed.
    record: what is written down, to be read as tables (`Farm.events`, `traffic`, `bindings`): everything, if `True`.
      Changes nothing but the speed.
    trace: the kinds of messages that `EmulatedFarm.deliveries` tells of, as IMA Information writes them; each is kept
      in memory.
    tap: what is recorded of single hosts' packets, for `EmulatedFarm.packets`. Changes nothing but the speed.
    progress: called now and then while farm time runs, about ten times a real second.

    Yields at once: the boot goes on in farm time, and `wait_master` waits for it.

    Errors: `ConfigurationError` names every key that is wrong; `StoreError` says what is wrong with the store;
    `RuntimeError` outside `imafarm.run`.
    """
    if store is not None:
        check_not_twice(
            {
                "hosts": hosts is not None,
                "zones": zones != 1,
                "settings": bool(settings),
                "host_settings": bool(host_settings),
                "inside": inside is not None,
                "between": between is not None,
                "topology": topology is not None,
                "log": log is not None,
            }
        )
        # Nothing here waits for Trio, so farm time stands still until the store is read, and again until it is written.
        with open_store(store) as opened:
            async with open_emulated_farm(
                topology=opened.topology,
                log=opened.log,
                seed=seed,
                boot_seconds=boot_seconds,
                wire=wire,
                threads=threads,
                bound=bound,
                exact_queue=exact_queue,
                record=record,
                trace=trace,
                tap=tap,
                progress=progress,
            ) as farm:
                yield farm
        return
    if topology is None:
        if hosts is None:
            raise ConfigurationError(["hosts: missing; say how many, or give a HostResolver"])
        topology = Topology.of(
            hosts, zones, settings=settings, host_settings=host_settings, inside=inside, between=between
        )
    if bound:
        _check_room(topology)
    conductor = current_conductor()
    farm = EmulatedFarm(
        topology,
        seed=check_seed(seed),
        wire=wire,
        threads=check_threads(threads),
        bound=bound,
        exact_queue=exact_queue,
        conductor=conductor,
        progress=progress,
        log=log,
        record=Recording.of(record),
        trace=trace,
        tap=tap,
    )
    if boot_seconds is not None:
        farm.boot(boot_seconds)
    conductor.join(farm)
    try:
        yield farm
    finally:
        conductor.leave(farm)
        farm.close()
