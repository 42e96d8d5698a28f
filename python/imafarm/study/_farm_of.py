"""The farm of a study, as plain data that goes to any process."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from imafarm import _imafarm
from imafarm.errors import ConfigurationError
from imafarm.settings import check_settings, default_settings
from imafarm.study._values import SHAPE
from imafarm.study._words import unknown
from imafarm.topology import Product, Topology, generate_hosts, read_topology


@dataclass(frozen=True, slots=True)
class FarmOf:
    """A `Topology` without its resolver, which cannot travel; or a farm of generated hosts."""

    hosts: int
    zones: int
    records: tuple[_imafarm.HostRecord, ...] | None
    """`None`: they are generated."""
    rest: Mapping[str, Any]
    """All other fields of the topology."""
    in_largest_zone: int
    """Hosts."""

    @classmethod
    def of(cls, topology: Topology, *, generated: bool) -> FarmOf:
        """The farm of a topology; `generated` if `hosts` and `zones` say all of its resolver."""
        resolver = topology.resolver
        sizes = Counter(resolver.zones_of(range(len(resolver))))
        return cls(
            hosts=len(resolver),
            zones=len(sizes),
            records=None if generated else tuple(resolver.records()),
            rest={f.name: getattr(topology, f.name) for f in fields(topology) if f.name != "resolver"},
            in_largest_zone=max(sizes.values()),
        )

    def with_values(self, values: Mapping[str, int]) -> Topology:
        """The farm in which these settings, and `hosts` and `zones`, have these values.

        A setting goes for every host, those that have their own value among them.

        Errors: `ConfigurationError`, as `Topology`.
        """
        hosts, zones = (values.get(name, own) for name, own in zip(SHAPE, (self.hosts, self.zones), strict=True))
        settings = {name: value for name, value in values.items() if name not in SHAPE}
        resolver = generate_hosts(hosts, zones) if self.records is None else _imafarm.HostResolver(self.records)
        own = {
            host: {name: value for name, value in its.items() if name not in settings}
            for host, its in self.rest["host_settings"].items()
        }
        topology = Topology(resolver=resolver, **self.rest)
        return replace(topology, settings={**topology.settings, **settings}, host_settings=own)

    def fingerprint(self) -> str:
        """32 hex digits: equal for farms that are made of the same."""
        rest = {name: sorted(value) if isinstance(value, frozenset) else value for name, value in self.rest.items()}
        said = repr((self.hosts, self.zones, self.records, sorted(rest.items())))
        return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Asked:
    """The farm that a caller describes."""

    topology: Topology
    generated: bool
    file: str | None
    """The name of the file that it came from."""
    fixed: Mapping[str, str]
    """By setting, `hosts` or `zones`: the key under which the caller gave it one value."""

    @classmethod
    def of(
        cls,
        *,
        topology: Topology | None,
        farm: Path | str | None,
        hosts: int | None,
        zones: int | None,
        product: Product | str | None,
        settings: Mapping[str, int],
        default_hosts: int,
        default_zones: int,
    ) -> Asked:
        """Checks that the farm is described once.

        Errors: `ConfigurationError`.
        """
        chosen = _product(product)
        whole = {"topology": topology, "farm": farm}
        if topology is not None and farm is not None:
            raise ConfigurationError(["farm: the topology says this already"])
        for key, value in (("hosts", hosts), ("zones", zones)):
            if value is not None and (given := [name for name, one in whole.items() if one is not None]):
                raise ConfigurationError([f"{key}: the {given[0]} says this already"])
        generated = topology is None and farm is None
        if farm is not None:
            topology = read_topology(farm)
        elif topology is None:
            count = default_hosts if hosts is None else hosts
            topology = Topology.of(count, max(1, min(default_zones, count)) if zones is None else zones)
        checked = check_settings(settings)
        topology = replace(
            topology,
            product=chosen or topology.product,
            settings={**topology.settings, **checked},
        )
        fixed = {key: key for key, value in zip(SHAPE, (hosts, zones), strict=True) if value is not None}
        fixed |= {name: f"settings.{name}" for name in checked}
        return cls(topology, generated, None if farm is None else Path(farm).name, fixed)

    def changed_settings(self) -> dict[str, int]:
        """The settings of every host that are not the default."""
        defaults = default_settings()
        return {name: value for name, value in sorted(self.topology.settings.items()) if value != defaults[name]}


def _product(product: Product | str | None) -> Product | None:
    if product is None or isinstance(product, Product):
        return product
    if product.upper() not in Product.__members__:
        raise ConfigurationError([f"product: {unknown(product, Product.__members__)}"])
    return Product[product.upper()]
