"""What the tools that ask a running farm have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import trio

from imafarm.errors import ConfigurationError
from imafarm.farm import Farm, HostState, ServerRow, SessionRow

if TYPE_CHECKING:
    from imafarm._imafarm import HostRecord

AGREEMENT_SECONDS = 3_600.0
"""Farm seconds after which a tool asks even a farm that does not agree. Our guess."""
NOBODY = "(none)"
"""Stands where a collector's name would, if there is none."""


class Asked(Protocol):
    """What the tools ask of a farm: a `Farm`, or a `RemoteFarm` whose hosts were asked over the wire.

    Each member is as in `Farm`.
    """

    @property
    def host_names(self) -> tuple[str, ...]:
        """Every host."""

    @property
    def zones(self) -> tuple[str, ...]:
        """Every zone."""

    @property
    def masters(self) -> Mapping[str, str | None]:
        """By zone, its collector."""

    def hosts_of(self, zone: str) -> tuple[str, ...]:
        """A zone's hosts."""

    def record(self, host: str) -> HostRecord:
        """A host's record."""

    def host_state(self, host: str) -> HostState:
        """What a host is doing now."""

    def sessions(self, zone: str | None = None, *, at: str | None = None) -> list[SessionRow]:
        """The sessions of a zone, as its own collector holds them, or as `at` does."""

    def server_states(self, zone: str, *, at: str | None = None) -> list[ServerRow]:
        """The servers of a zone, likewise."""

    def subscriptions(self, zone: str, *, at: str | None = None) -> list[tuple[str, str]]:
        """Who has subscribed to which table, likewise."""


def check_after(seconds: float | None) -> float | None:
    """The farm second at which to ask, if it is one.

    Errors: `ConfigurationError`.
    """
    if seconds is not None and not 0.0 <= seconds <= 1e9:
        raise ConfigurationError([f"--after: {seconds} is out of range, 0 to 1e9 seconds"])
    return seconds


async def settle(farm: Farm, after_seconds: float | None) -> None:
    """Lets a farm run for so many seconds; by default until it has booted and all zones agree."""
    if after_seconds is not None:
        await trio.sleep(after_seconds)
        return
    with trio.move_on_after(AGREEMENT_SECONDS):
        await farm.wait_converged()


def check_known(farm: Asked, host: str) -> str:
    """The host, if the farm has it. Errors: `ConfigurationError`."""
    if host not in farm.host_names:
        raise ConfigurationError([f"HOST: no host of this farm is named {host!r}"])
    return host


def check_running(farm: Asked, host: str) -> str:
    """The host, if a tool can be run on it.

    Errors: `ConfigurationError` for a host that is unknown or not up.
    """
    power = farm.host_state(check_known(farm, host)).power
    if power != "up":
        raise ConfigurationError([f"HOST: {host} is {power}{_moment(farm)}, so it cannot be asked"])
    return host


def collector_asked(farm: Asked, host: str | None) -> str | None:
    """Who answers when `host` is asked for dynamic data: the collector that it knows of. `None`: each zone's own.

    Errors: `ConfigurationError` for a host that is unknown or not up, or knows of no collector that is.
    """
    if host is None:
        return None
    collector = farm.host_state(check_running(farm, host)).master
    if collector is None:
        raise ConfigurationError([f"HOST: {host} knows of no data collector{_moment(farm)}, so it cannot be asked"])
    return check_running(farm, collector)


def running_collectors(farm: Asked, zone: str) -> list[str]:
    """Every running host of a zone that takes itself for its collector. A zone that is split has several."""
    states = {host: farm.host_state(host) for host in farm.hosts_of(zone)}
    return [host for host, state in states.items() if state.power == "up" and state.role == "master"]


def _moment(farm: Asked) -> str:
    """When it was asked, where that says anything: over the wire it is always now."""
    return f" at {trio.current_time():,.3f} s" if isinstance(farm, Farm) else " now"
