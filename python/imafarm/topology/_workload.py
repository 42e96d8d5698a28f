"""What the users of a zone do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from imafarm.errors import ConfigurationError
from imafarm.topology._checks import (
    MILLIONTHS,
    NANOSECONDS,
    YEAR_SECONDS,
    Quantity,
    engine_quantities,
    name_mistake,
    quantity_mistakes,
    repeated,
)
from imafarm.topology._shape import Shape

WORKLOAD_KEYS: dict[str, Quantity] = {
    "logons_per_hour": Quantity(0.0, 1e9, "logons_per_day", 24),
    "session_seconds": Quantity(1e-3, YEAR_SECONDS, "session_ns", NANOSECONDS),
    "session_least_seconds": Quantity(0.0, YEAR_SECONDS, "session_least_ns", NANOSECONDS),
    "disconnect_share": Quantity(0.0, 1.0, "disconnect_ppm", MILLIONTHS),
    "reconnect_share": Quantity(0.0, 1.0, "reconnect_ppm", MILLIONTHS),
    "disconnected_seconds": Quantity(1e-3, YEAR_SECONDS, "disconnected_ns", NANOSECONDS),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What the users of a zone do: they log on to applications, disconnect, come back and log off.

    Every default is our guess, since the texts have events and what each costs, but not how often they happen.

    Errors: `ConfigurationError` for values out of range and for a workload without applications.
    """

    logons_per_hour: float
    """Of all users of the zone, where the shape's factor is 1. Rounded to whole logons a day; 0: none."""
    applications: tuple[str, ...]
    """What they log on to, each as often as the others. A workload has at least one."""
    session_seconds: float = 1_800.0
    """How long a session is connected, on average."""
    session_least_seconds: float = 0.0
    """How long it is connected at least."""
    disconnect_share: float = 0.1
    """The share of sessions that are disconnected, instead of logged off, when their time is over."""
    reconnect_share: float = 0.5
    """The share of disconnected sessions whose user comes back; the others are logged off."""
    disconnected_seconds: float = 600.0
    """How long a session stays disconnected until either, on average."""
    shape: Shape = field(default_factory=Shape)
    """By what factor the rate of logons is multiplied as farm time goes on."""

    def __post_init__(self) -> None:
        mistakes = list(quantity_mistakes(self, WORKLOAD_KEYS))
        if not mistakes:
            mistakes += self._rate_and_length_mistakes()
        if not self.applications:
            mistakes.append("applications: the workload has none; a logon is to one of them")
        mistakes += [f"applications: {said}" for name in self.applications if (said := name_mistake(name))]
        mistakes += [f"applications: {name!r} stands there twice" for name in repeated(self.applications)]
        if mistakes:
            raise ConfigurationError(mistakes)

    def _rate_and_length_mistakes(self) -> list[str]:
        mistakes = []
        if said := rate_mistake(self.logons_per_hour, self.logons_per_hour * 24):
            mistakes.append(f"logons_per_hour: {said}")
        if self.session_least_seconds > self.session_seconds:
            least, mean = self.session_least_seconds, self.session_seconds
            mistakes.append(f"session_least_seconds: {least} is more than the average, {mean}")
        return mistakes

    def for_engine(self, applications: Mapping[str, int]) -> dict[str, int | list[int] | list[tuple[int, int]]]:
        """The workload under the engine's keys, in whole logons a day, nanoseconds, millionths and indexes."""
        return {
            **engine_quantities(self, WORKLOAD_KEYS),
            **self.shape.for_engine(),
            "applications": [applications[name] for name in self.applications],
        }


def rate_mistake(rate: float, per_day: float) -> str | None:
    """What is wrong with a rate of logons that is so many a day; `None` if nothing is."""
    return f"{rate} is less than one logon a day, and not 0" if rate and round(per_day) == 0 else None
