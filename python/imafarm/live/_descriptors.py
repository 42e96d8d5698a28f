"""How many files a process of live hosts has open: each end of a binding is one."""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from imafarm import _imafarm
from imafarm.errors import ConfigurationError
from imafarm.live._log import LiveLog
from imafarm.topology import Topology

SPARE_DESCRIPTORS = 64
"""What a process has open besides its hosts' sockets, at most. Our guess."""
CACHE = "MaxHostAddressCacheEntries"


def make_room(topology: Topology, here: Sequence[int], log: LiveLog, *, listeners: int | None = None) -> None:
    """Lets this process have as many files open as its hosts need, as far as the operating system permits.

    listeners: at how many sockets they are called; each at one of its own, unless said.

    Errors: `ConfigurationError` if that is too few even for bindings between members and their collectors.
    """
    least, most = descriptors(topology, here, listeners)
    limit = raise_limit(most)
    if limit < least:
        raise ConfigurationError(
            [
                f"{CACHE}: {len(here)} hosts need at least {least} descriptors for their bindings, and {most} to fill "
                f"their caches, but this process can have {limit}; lower it, raise the limit (ulimit -n), or spread "
                "the farm over several processes"
            ]
        )
    if limit < most:
        log.warn("descriptors-few", limit=limit, most=most, why=f"{CACHE} lets hosts open more than there can be")


def descriptors(topology: Topology, here: Sequence[int], listeners: int | None = None) -> tuple[int, int]:
    """How many files the hosts of this process have open: with a binding between each member and its collector and
    none besides, and with full caches."""
    resolver = topology.resolver
    zones = resolver.zones_of(range(len(resolver)))
    entries = {index: _cache_entries(topology, resolver.name_of(index)) for index in here}
    least = most = (len(here) if listeners is None else listeners) + SPARE_DESCRIPTORS
    # Who never collects is bound to those who do.
    standing = Counter(zones[index] for index, record in enumerate(resolver.records()) if not record.session_only)
    session_only = {resolver.by_name(name) for name in topology.session_only}
    for index, own in entries.items():
        most += min(own, standing[zones[index]] if index in session_only else len(resolver) - 1)
    whole, local = Counter(zones), Counter(zones[index] for index in here)
    for zone, count in local.items():
        # Each member's own end; and the collector's too, if whoever may be one is here.
        least += count - 1
        if count == whole[zone]:
            least += min(count - 1, *(own for index, own in entries.items() if zones[index] == zone))
    return least, most


def _cache_entries(topology: Topology, name: str) -> int:
    own = {**topology.settings, **topology.host_settings.get(name, {})}
    if CACHE in own:
        return own[CACHE]
    return next(int(spec["default"]) for spec in _imafarm.settings() if spec["name"] == CACHE)


def raise_limit(wanted: int) -> int:
    """Lets this process have more files open, `wanted` or as many as the operating system permits; how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited or soft >= wanted:
        return wanted if soft == unlimited else soft
    if hard != unlimited and hard < wanted:
        # Only who may administer the machine gets more than the hard limit, and nobody more than the kernel's.
        with suppress(OSError, ValueError):
            target = min(wanted, int(Path("/proc/sys/fs/nr_open").read_text()))
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, target))
            return target
    target = wanted if hard == unlimited else min(hard, max(wanted, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
    return target
