"""All servers are restarted at once over a slow line to the data store, and then in groups (CTX114843, "Bandwidth of
Server to Data Store Communication")."""

from __future__ import annotations

from dataclasses import dataclass, replace

import trio

from imafarm.farm import EventKind, Farm, FarmEvent
from imafarm.scenario import Journal, Scenario
from imafarm.scenarios import _steps as steps
from imafarm.topology import StorePlan, Topology

GROUP, GROUP_OF_LARGE_FARM, LARGE_FARM = 100, 50, 1_000
"""How many servers are restarted together, and in farms of more than so many."""
INTERVAL_SECONDS = 600.0
"""How far apart groups are restarted."""
START_SECONDS = 24 * 3_600.0
"""How long starts may take before the scenario gives up."""
SLOW_LINE = StorePlan(round_trip_seconds=0.02, bandwidth_bits_per_second=10_000_000)
"""The line to the data store, where the farm does not say another. Our guess at a wide one of the time."""
TICK_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Boot:
    """What came of starting all servers."""

    took: dict[str, float]
    """By server: how long its service took to start."""
    late: dict[str, float]
    """By server: when the service manager took it for hung."""
    lasted: float

    @property
    def longest(self) -> float:
        """The longest start."""
        return max(self.took.values(), default=0.0)


async def play(farm: Farm, journal: Journal) -> None:
    """Measures each start, and holds the event log to it."""
    if not await steps.boot(farm, journal):
        return

    journal.phase("all at once")
    journal.moment(trio.current_time(), f"all {len(farm.host_names):,} servers restart")
    at_once = await measure(farm, [farm.host_names])
    check_boot(farm, journal, "all at once", at_once)

    journal.phase("in groups")
    size = GROUP if len(farm.host_names) <= LARGE_FARM else GROUP_OF_LARGE_FARM
    groups = [farm.host_names[first : first + size] for first in range(0, len(farm.host_names), size)]
    journal.moment(trio.current_time(), f"{len(groups)} groups of {size} restart, {INTERVAL_SECONDS:g} s apart")
    grouped = await measure(farm, groups)
    check_boot(farm, journal, "in groups", grouped)
    journal.check(
        "groups leave no more errors, and no longer starts",
        len(grouped.late) <= len(at_once.late) and grouped.longest <= at_once.longest + TICK_SECONDS,
        f"{len(grouped.late):,} to {len(at_once.late):,} errors, {grouped.longest:,.0f} to {at_once.longest:,.0f} s",
    )
    with trio.move_on_after(steps.AGREEMENT_SECONDS):
        await farm.wait_converged()
    steps.check_masters(farm, journal, "every zone agrees on a collector again")
    steps.check_power(farm, journal)


async def measure(farm: Farm, groups: list[tuple[str, ...]]) -> Boot:
    """Restarts these groups, one after the other, and watches them start."""
    kinds = EventKind.HOST_STARTING | EventKind.HOST_UP | EventKind.SERVICE_TIMED_OUT
    began = trio.current_time()
    async with farm.watch(kinds) as events:
        for number, group in enumerate(groups):
            if number:
                await trio.sleep(INTERVAL_SECONDS)
            await farm.restart(group)
        with trio.move_on_after(START_SECONDS):
            # Those that restart at this instant are seen to start when it has passed.
            await trio.sleep(1.0)
            await farm.wait_started()
        seen: list[FarmEvent] = []
        while events.statistics().current_buffer_used:
            seen.append(events.receive_nowait())
    begun = {event.host: event.seconds for event in seen if event.kind is EventKind.HOST_STARTING}
    up = {event.host: event.seconds for event in seen if event.kind is EventKind.HOST_UP}
    late = {event.host: event.seconds for event in seen if event.kind is EventKind.SERVICE_TIMED_OUT}
    took = {host: up[host] - start for host, start in begun.items() if host in up}
    return Boot(took=took, late=late, lasted=max(up.values(), default=began) - began)


def check_boot(farm: Farm, journal: Journal, name: str, boot: Boot) -> None:
    """Checks that every server starts, and that just those that took longer than the service manager waits are logged.

    Such an error is benign: they have started.
    """
    journal.figure(f"{name}: seconds until all run", f"{boot.lasted:,.0f}")
    journal.figure(f"{name}: longest start, in seconds", f"{boot.longest:,.0f}")
    journal.figure(f"{name}: services taken for hung", len(boot.late))
    started = len(boot.took)
    journal.check(
        f"{name}: every server starts", started == len(farm.host_names), f"{started:,} of {len(farm.host_names):,}"
    )
    patience = {host: farm.setting(host, "ServiceStartTimeout") / 1_000 for host in boot.took}
    slow = {host for host, took in boot.took.items() if took > patience[host] + TICK_SECONDS}
    logged = {event.host for event in farm.event_log() if event.kind is EventKind.SERVICE_TIMED_OUT}
    journal.check(
        f"{name}: an error for each start that takes long, and for no other",
        slow <= set(boot.late) and all(boot.took[host] >= patience[host] for host in boot.late) and slow <= logged,
        f"{len(boot.late):,} errors, {len(slow):,} long starts",
    )


def with_a_slow_line(topology: Topology) -> Topology:
    """The same farm, with a slow line to the data store unless it says where that is."""
    return topology if topology.store is not None else replace(topology, store=SLOW_LINE)


SCENARIO = Scenario(
    name="cycle-boot",
    summary="All servers restart at once over a slow line to the data store, then in groups.",
    hosts=500,
    least_hosts_in_zone=1,
    play=play,
    prepare=with_a_slow_line,
)
