"""The farm that the options of a command describe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from imafarm.cli._errors import unknown

if TYPE_CHECKING:
    from imafarm.configuration import OpenedLiveStore
    from imafarm.topology import Product, Topology


def topology_of(
    farm: Path | None,
    hosts: int | None,
    zones: int | None,
    store: str | None = None,
    *,
    default_hosts: int,
    default_zones: int = 1,
    product: Product | None = None,
    registry: Path | None = None,
    assignments: Sequence[str] = (),
) -> Topology:
    """The farm that the options describe. `--set` goes before `--settings`, and each option before the farm file."""
    from dataclasses import replace

    from imafarm.settings import parse_settings
    from imafarm.topology import Topology, read_registry_settings

    settings = ({} if registry is None else read_registry_settings(registry)) | parse_settings(assignments)
    _check_said_once(farm, hosts, zones, store)
    if farm is None and store is None:
        count = default_hosts if hosts is None else hosts
        topology = Topology.of(count, max(1, min(default_zones, count)) if zones is None else zones)
    elif store is not None:
        from imafarm.store import DataStore

        with DataStore.open(store) as opened:
            topology = opened.topology()
    elif farm is not None:
        from imafarm.topology.farm_file import read_topology

        topology = read_topology(farm)
    return replace(topology, product=product or topology.product, settings={**topology.settings, **settings})


def live_farm_of(
    farm: Path | None,
    hosts: int | None,
    zones: int | None,
    store: str | None,
    *,
    default_hosts: int,
    assignments: Sequence[str] = (),
    caches: Mapping[str, Path] = MappingProxyType({}),
) -> tuple[Topology, OpenedLiveStore | None]:
    """The farm that the options describe, as `topology_of`; and its data store, if it is in one, for hosts to ask.

    caches: by host, its local host cache file, which stands in for a store that is down.
    """
    from dataclasses import replace

    from imafarm.configuration import open_live_store
    from imafarm.settings import parse_settings

    if store is None:
        topology = topology_of(farm, hosts, zones, default_hosts=default_hosts, assignments=assignments)
        return topology, None
    _check_said_once(farm, hosts, zones, store)
    settings = parse_settings(assignments)
    opened = open_live_store(store, caches)
    topology = replace(opened.topology, settings={**opened.topology.settings, **settings})
    return topology, replace(opened, topology=topology)


def _check_said_once(farm: Path | None, hosts: int | None, zones: int | None, store: str | None) -> None:
    """Errors: `ConfigurationError` if two options say which farm it is."""
    from imafarm.errors import ConfigurationError

    if farm is not None and store is not None:
        raise ConfigurationError(["--farm: the store given by --store says this already"])
    if (farm is not None or store is not None) and (hosts is not None or zones is not None):
        key = "--hosts" if hosts is not None else "--zones"
        where = "file given by --farm" if farm is not None else "store given by --store"
        raise ConfigurationError([f"{key}: the {where} says this already"])


def product_of(name: str | None) -> Product | None:
    """The product of this name, in whatever case."""
    from imafarm.topology import Product

    if name is None:
        return None
    if name.upper() not in Product.__members__:
        raise unknown("--product", name, [known.value for known in Product])
    return Product[name.upper()]
