"""A morning: everybody logs on within ten minutes, and in the middle of it a data collector crashes.

IMA Information, "New Data Collector Election Process": sessions on other servers do not notice, and neither do users
who come meanwhile.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import trio

from imafarm.farm import Farm, SessionRow, Users
from imafarm.scenario import Journal, Scenario
from imafarm.scenarios import _steps as steps
from imafarm.topology import Shape, Topology, Workload

LOGONS_PER_HOST = 10
"""How many users there are for each server."""
BEGIN_SECONDS, END_SECONDS = 300.0, 900.0
"""When they come: after a boot of a minute, and for ten minutes."""
LAST_SECONDS = 30.0
"""How long the last user may take to get a session."""
CRASH_SECONDS = 600.0
"""When the collector crashes."""
QUIET_SECONDS = 300.0
"""After how long at the most all is quiet again: the election, and then a load request to whoever was silent."""
FEW = 20
"""So few users say nothing about whether some are served within seconds."""
SPREAD_SESSIONS = 5
"""By how many sessions two servers may differ. Our guess: two collectors may choose one server at the same time, and
while a zone has no collector each server takes whoever asks it."""
LOST_SHARE = 0.02
"""What share of the users may be on their way to, or at, the server that crashes. Our guess."""


def prepare(topology: Topology) -> Topology:
    """The farm with a storm of logons in each zone, whatever else its users did."""
    topology = steps.with_application(topology)
    rate = LOGONS_PER_HOST / (END_SECONDS - BEGIN_SECONDS) * 3_600
    on, off = 1.0, 0.0
    storm = ((BEGIN_SECONDS, off), (BEGIN_SECONDS, on), (END_SECONDS, on), (END_SECONDS, off))
    workload = {
        zone: Workload(
            logons_per_hour=hosts * rate,
            applications=tuple(topology.applications),
            session_seconds=10 * 3_600.0,
            session_least_seconds=8 * 3_600.0,
            shape=Shape(storm),
        )
        for zone, hosts in steps.hosts_by_zone(topology).items()
    }
    return replace(topology, workload=workload)


async def play(farm: Farm, journal: Journal) -> None:
    """Boots, lets the users come, crashes the first zone's collector, and counts who was served."""
    zone, *_ = farm.zones
    if not await steps.boot(farm, journal):
        return
    old = await farm.wait_master(zone)

    journal.phase("storm")
    await trio.sleep_until(CRASH_SECONDS)
    before, kept = farm.statistics().users, _known(farm, but=old)
    journal.moment(trio.current_time(), f"{old}, the collector of {zone}, crashes; {before.sessions:,} sessions")
    await farm.crash(old)
    new = None
    with trio.move_on_after(steps.AGREEMENT_SECONDS):
        new = await farm.wait_master(zone, other_than=old)
    journal.moment(trio.current_time(), f"{new} is the collector" if new else "nobody is the collector")
    meanwhile = farm.statistics().users
    if not journal.check("a new collector is agreed on", new is not None, new or f"none in {zone}"):
        return
    await trio.sleep_until(max(END_SECONDS + LAST_SECONDS, trio.current_time()))
    await steps.stores_agree(farm, journal, QUIET_SECONDS)
    users = farm.statistics().users
    journal.moment(trio.current_time(), f"quiet, with {users.sessions:,} sessions")

    journal.figure("users", users.arrived)
    journal.figure("logons", users.logged_on)
    journal.figure("logons while there was no collector", meanwhile.logged_on - before.logged_on)
    journal.figure("users lost with the server that crashed", users.lost)
    _check_users(farm, journal, before, meanwhile, users)
    gone = kept - _known(farm, but=old)
    journal.check("sessions on other servers are untouched", not gone, f"{len(gone):,} of {len(kept):,} are gone")
    _check_spread(farm, journal, but=old)
    steps.check_power(farm, journal, crashed=1)


def _known(farm: Farm, but: str) -> set[tuple[str, int]]:
    """Host and number of every session that a collector holds, but for those of one host."""
    return {_name(row) for row in farm.sessions() if row.host != but}


def _name(row: SessionRow) -> tuple[str, int]:
    return row.host, row.number


def _check_users(farm: Farm, journal: Journal, before: Users, meanwhile: Users, users: Users) -> None:
    came = meanwhile.arrived - before.arrived
    served = meanwhile.logged_on - before.logged_on
    journal.check("logons go on without a collector", served > 0 or came < FEW, f"{served:,} of {came:,} who came")
    settled = users.logged_on + users.refused + users.lost
    journal.check(
        "nobody waits any more", settled == users.arrived, f"{users.arrived - settled:,} of {users.arrived:,}"
    )
    journal.check("nobody is refused", users.refused == 0, f"{users.refused:,} of {users.arrived:,}")
    most = max(len(farm.zones), LOST_SHARE * users.arrived)
    journal.check("hardly anybody is lost", users.lost <= most, f"{users.lost:,} of {users.arrived:,}")


def _check_spread(farm: Farm, journal: Journal, but: str) -> None:
    sessions = Counter(row.host for row in farm.sessions())
    counts = [sessions[host] for host in farm.host_names if host != but]
    spread = max(counts) - min(counts)
    journal.figure("sessions on a server", f"{min(counts)} to {max(counts)}")
    journal.check("servers are loaded alike", spread <= SPREAD_SESSIONS, f"{min(counts)} to {max(counts)} sessions")


SCENARIO = Scenario(
    name="session-storm",
    summary="Everybody logs on within ten minutes, and a data collector crashes in the middle of it.",
    hosts=200,
    zones=4,
    least_hosts_in_zone=2,
    play=play,
    prepare=prepare,
)
