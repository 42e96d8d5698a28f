"""The data store as a place in the emulated network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from imafarm.errors import ConfigurationError
from imafarm.topology._checks import NANOSECONDS, Quantity, engine_quantities, quantity_mistakes, repeated

STORE_KEYS: dict[str, Quantity] = {
    "round_trip_seconds": Quantity(1e-6, 60.0, "round_trip_ns", NANOSECONDS),
    "bandwidth_bits_per_second": Quantity(0.0, 1e15, "bandwidth_bps", 1),
}


@dataclass(frozen=True, slots=True)
class StorePlan:
    """Where the emulated data store is; what is `None` is as the emulator has it by default.

    A start is many round trips to it in a row, and servers that start together share its pipe (CTX114843, "Bandwidth
    of Server to Data Store Communication").

    Errors: `ConfigurationError` for values out of range and for a zone that is named twice.
    """

    round_trip_seconds: float | None = None
    """From a host to the store and back: 1e-6 to 60."""
    bandwidth_bits_per_second: float | None = None
    """Of the pipe that all hosts without a replica share; 0 for without limit."""
    replicas: tuple[str, ...] = ()
    """The zones whose hosts read from a replica next to them (CTX114843, the advice on replicated data stores)."""

    def __post_init__(self) -> None:
        mistakes = list(quantity_mistakes(self, STORE_KEYS))
        mistakes += [f"replicas: {zone!r} stands there twice" for zone in repeated(self.replicas)]
        if mistakes:
            raise ConfigurationError(mistakes)

    def for_engine(self, zones: Mapping[str, int]) -> dict[str, int | list[int]]:
        """The plan under the engine's keys, replicas as indexes of zones in rising order."""
        return {**engine_quantities(self, STORE_KEYS), "replicas": sorted(zones[zone] for zone in self.replicas)}
