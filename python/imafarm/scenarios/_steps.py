"""What several scenarios do or check in the same way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import trio

from imafarm.farm import Farm
from imafarm.scenario import Journal
from imafarm.topology import Topology

APPLICATION = "Desktop"
"""What users log on to in a farm of which nobody says more."""
STORE_LOOK_SECONDS = 0.5
"""How often collectors are looked at while reports are under way."""
AGREEMENT_SECONDS = 3_600.0
"""Farm seconds that a zone may take to agree before a scenario gives it up."""


async def boot(farm: Farm, journal: Journal) -> bool:
    """Waits until the farm has booted and every zone agrees on a collector; whether it does."""
    journal.phase("boot")
    with trio.move_on_after(AGREEMENT_SECONDS) as limit:
        await farm.wait_converged()
    return check_masters(farm, journal, "every zone agrees on a collector", gave_up=limit.cancelled_caught)


def with_application(topology: Topology) -> Topology:
    """A farm that has something to log on to: one application on all servers, if it has none."""
    return topology if topology.applications else replace(topology, applications={APPLICATION: None})


def hosts_by_zone(topology: Topology) -> dict[str, int]:
    """How many hosts each zone has; zones without any are left out."""
    resolver = topology.resolver
    counts = Counter(resolver.zones_of(range(len(resolver))))
    return {name: counts[number] for number, name in enumerate(resolver.zones()) if counts[number]}


async def stores_agree(
    farm: Farm, journal: Journal, seconds: float, *, name: str = "every collector holds every session"
) -> bool:
    """Waits until what all collectors hold is what is; checks that it takes no longer than so many seconds."""
    wrong = farm.check_stores()
    with trio.move_on_after(seconds):
        while wrong:
            await trio.sleep(STORE_LOOK_SECONDS)
            wrong = farm.check_stores()
    found = f"{farm.statistics().users.sessions:,} sessions of {len(farm.host_names):,} servers"
    return journal.check(name, not wrong, "; ".join(wrong[:3]) or found)


def check_masters(farm: Farm, journal: Journal, name: str, *, gave_up: bool = False) -> bool:
    """Checks that every zone that can have a collector has one all its running hosts agree on."""
    masters = farm.masters
    without = [zone for zone in farm.led_zones if masters[zone] is None]
    agreed = f"{names(master for master in farm.masters.values() if master)} at {trio.current_time():,.3f} s"
    lacking = f"no agreement in {names(without)}" + (f" after {AGREEMENT_SECONDS:,.0f} s" if gave_up else "")
    return journal.check(name, not without, lacking if without else agreed)


def check_ranks(farm: Farm, journal: Journal, zones: Iterable[str]) -> bool:
    """Checks that each zone's collector is its highest-ranked living host, and that each living host says so itself.

    A session-host-only server never stands: a zone in which only such servers live has no collector, and they name
    none.
    """
    astray, dissent, living = [], 0, 0
    for zone in zones:
        states = {host: farm.host_state(host) for host in farm.hosts_of(zone)}
        up = [host for host, state in states.items() if state.power == "up"]
        standing = [record for record in map(farm.record, up) if not record.session_only]
        best = max(standing, key=lambda record: record.rank).name if standing else None
        if not up or farm.masters[zone] != best:
            astray.append(f"{zone} has {farm.masters[zone]}, highest-ranked is {best}")
        living += len(up)
        dissent += sum(states[host].master != best for host in up)
    highest = journal.check(
        "it is the highest-ranked living host",
        not astray,
        "; ".join(astray) or names(master for master in farm.masters.values() if master),
    )
    return journal.check("every living host names it", not dissent, f"{living - dissent:,} of {living:,}") and highest


def check_power(farm: Farm, journal: Journal, *, crashed: int = 0) -> bool:
    """Checks that every host is accounted for: `crashed` are down, all others are up."""
    powers = Counter(farm.host_state(host).power for host in farm.host_names)
    expected = Counter(up=len(farm.host_names) - crashed, crashed=crashed)
    return journal.check(
        "every host is accounted for", powers == expected, ", ".join(f"{n:,} {power}" for power, n in powers.items())
    )


def keep_alive_seconds(farm: Farm) -> float:
    """The longest `KeepAliveInterval` of any host."""
    return max(farm.setting(host, "KeepAliveInterval") for host in farm.host_names) / 1_000


def names(hosts: Iterable[str]) -> str:
    """A few names as they are, many cut short."""
    known = list(hosts)
    return ", ".join(known if len(known) <= 4 else [*known[:3], f"and {len(known) - 3} more"])
