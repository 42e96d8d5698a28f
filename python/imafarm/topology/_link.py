"""The links between hosts."""

from __future__ import annotations

from dataclasses import dataclass

from imafarm.errors import ConfigurationError
from imafarm.topology._checks import MILLIONTHS, NANOSECONDS, Quantity, engine_quantities, quantity_mistakes

LINK_KEYS: dict[str, Quantity] = {
    "latency_seconds": Quantity(1e-6, 60.0, "latency_ns", NANOSECONDS),
    "jitter_seconds": Quantity(0.0, 60.0, "jitter_ns", NANOSECONDS),
    "bandwidth_bits_per_second": Quantity(0.0, 1e15, "bandwidth_bps", 1),
    "loss": Quantity(0.0, 0.999_999, "loss_ppm", MILLIONTHS),
}


@dataclass(frozen=True, slots=True)
class Link:
    """A class of links; what is `None` is as the emulator has it by default.

    Errors: `ConfigurationError` for values out of range.
    """

    latency_seconds: float | None = None
    """The least time a message takes: 1e-6 to 60."""
    jitter_seconds: float | None = None
    """What comes on top at most, drawn for each message: 0 to 60."""
    bandwidth_bits_per_second: float | None = None
    """0 for without limit."""
    loss: float | None = None
    """The share of messages that get lost on their way: 0 to 0.999999."""

    def __post_init__(self) -> None:
        if mistakes := list(quantity_mistakes(self, LINK_KEYS)):
            raise ConfigurationError(mistakes)

    def for_engine(self) -> dict[str, int]:
        """The link under the engine's keys, in whole nanoseconds, bits per second and millionths."""
        return engine_quantities(self, LINK_KEYS)
