"""What a farm is made of: hosts and zones, settings, links, addresses, applications, data store, and its users."""

from __future__ import annotations

from pathlib import Path

from imafarm.topology._link import Link
from imafarm.topology._live_plan import LivePlan
from imafarm.topology._shape import Shape
from imafarm.topology._store_plan import StorePlan
from imafarm.topology._topology import DEFAULT_MAGIC, LARGEST_FARM, Product, Topology, generate_hosts
from imafarm.topology._workload import Workload

__all__ = [
    "DEFAULT_MAGIC",
    "LARGEST_FARM",
    "Link",
    "LivePlan",
    "Product",
    "Shape",
    "StorePlan",
    "Topology",
    "Workload",
    "generate_hosts",
    "read_registry_settings",
    "read_topology",
]


def read_topology(path: Path | str) -> Topology:
    """The farm that a TOML file describes.

    Errors: `ConfigurationError` with every mistake and its place (`hosts[2].host_id: ...`).
    """
    from imafarm.topology.farm_file import read_topology

    return read_topology(Path(path))


def read_registry_settings(path: Path | str) -> dict[str, int]:
    """The settings that a Windows registry export (`.reg`) holds, their names in the registry's spelling.

    Errors: `ConfigurationError` with every mistake and its line.
    """
    from imafarm.topology.registry_file import read_registry_settings

    return read_registry_settings(path)
