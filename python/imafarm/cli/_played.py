"""What a command that plays a scenario needs before it does: the scenario, a farm in which it can be played, a log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from imafarm.cli._errors import unknown
from imafarm.cli._farm import product_of, topology_of

if TYPE_CHECKING:
    from imafarm.configuration import ConfigurationLog
    from imafarm.scenario import Scenario
    from imafarm.topology import Topology

Product = Annotated[str | None, Parameter(help="XP, MF30, PS40 or PS45 (PS45).")]
RegistryFile = Annotated[
    Path | None, Parameter(name="--settings", help="A Windows registry export (.reg) with settings of every host.")
]


def scenario_named(name: str) -> Scenario:
    from imafarm.errors import ConfigurationError
    from imafarm.scenarios import SCENARIOS

    if name == "cache":
        raise ConfigurationError(["SCENARIO: `cache` is a study: imafarm study cache"])
    if name not in SCENARIOS:
        raise unknown("SCENARIO", name, list(SCENARIOS))
    return SCENARIOS[name]


def farm_for(
    scenario: Scenario,
    farm: Path | None,
    hosts: int | None,
    zones: int | None,
    store: str | None,
    *,
    product: str | None,
    registry: Path | None,
    assignments: tuple[str, ...],
) -> Topology:
    """The farm that the options describe, prepared for the scenario.

    Errors: `ConfigurationError`, also if the scenario cannot be played in it.
    """
    topology = topology_of(
        farm,
        hosts,
        zones,
        store,
        default_hosts=scenario.hosts,
        default_zones=scenario.zones,
        product=product_of(product),
        registry=registry,
        assignments=assignments,
    )
    scenario.check_fits(topology)
    return topology if scenario.prepare is None else scenario.prepare(topology)


@contextmanager
def told_to(store: str | None) -> Iterator[ConfigurationLog | None]:
    """What changes of the farm's configuration are told to, if it came from a store."""
    if store is None:
        yield None
        return
    from imafarm.store import DataStore, StoreLog

    with DataStore.open(store) as opened, StoreLog(opened) as log:
        yield log
