"""What the tools that ask a running farm have in common."""

from __future__ import annotations

import trio

from imafarm.errors import ConfigurationError
from imafarm.farm import Farm

AGREEMENT_SECONDS = 3_600.0
"""Farm seconds after which a tool asks even a farm that does not agree. Our guess."""
NOBODY = "(none)"
"""Stands where a collector's name would, if there is none."""


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


def check_running(farm: Farm, host: str) -> str:
    """The host, if a tool can be run on it.

    Errors: `ConfigurationError` for a host that is unknown or not up.
    """
    if host not in farm.hosts:
        raise ConfigurationError([f"HOST: no host of this farm is named {host!r}"])
    power = farm.host_state(host).power
    if power != "up":
        raise ConfigurationError([f"HOST: {host} is {power} at {trio.current_time():,.3f} s, so it cannot be asked"])
    return host


def collector_asked(farm: Farm, host: str | None) -> str | None:
    """Who answers when `host` is asked for dynamic data: the collector that it knows of. `None`: each zone's own.

    Errors: `ConfigurationError` for a host that is unknown or not up, or knows of no collector that is.
    """
    if host is None:
        return None
    collector = farm.host_state(check_running(farm, host)).master
    if collector is None:
        raise ConfigurationError(
            [f"HOST: {host} knows of no data collector at {trio.current_time():,.3f} s, so it cannot be asked"]
        )
    return check_running(farm, collector)


def running_collectors(farm: Farm, zone: str) -> list[str]:
    """Every running host of a zone that takes itself for its collector. A zone that is split has several."""
    states = {host: farm.host_state(host) for host in farm.hosts_of(zone)}
    return [host for host, state in states.items() if state.power == "up" and state.role == "master"]
