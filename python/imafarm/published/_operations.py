"""Each published operation, carried out in a farm, and what it took.

An operation is done on a member of zone Z1, so that it goes the whole way: from the member to its collector, and from
that to the collectors of the other zones. *Transmitted* is what goes from Z1 to Z2, *received* what comes back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from fractions import Fraction

from imafarm.farm import Farm, Session
from imafarm.published._bench import HERE, NOTICING, SHARING, THERE, Amount, Amounts, Bench, Running, settle
from imafarm.published._figures import (
    ANYHOW,
    CHANGING_COLLECTOR,
    EVENTS,
    NEW_SERVER,
    NOT_SHARED,
    SAVED,
    SERVER_QUERY,
    SHARED,
    UPDATE_APPLICATION,
    UPDATE_DISCONNECTED,
    UPDATE_ROUND_TRIP,
    UPDATE_SERVER,
    UPDATE_SESSION,
    ZONES,
    Direction,
    replication,
)

OUT, BACK, BOTH = Direction.TRANSMITTED, Direction.RECEIVED, Direction.BOTH
UPDATES = ("SERVER_UPDATE", "SESSION_UPDATE")
ANSWERS = ("SERVER_UPDATE_ACK", "SESSION_UPDATE_ACK")
SESSIONS = 20
"""Of how many sessions a full update tells, where what one of them adds is measured."""
APPLICATIONS = 1_000
"""And of how many applications, each of which adds a byte and a bit."""

BothWays = tuple[int, int]
"""Bytes out and back."""

# ---- session events ----------------------------------------------------------------------------------------------


async def session_events(bench: Bench) -> Amounts:
    """The tables of session events, and by how much events are shorter where load is not shared."""
    taken: dict[str, list[BothWays | None]] = {}
    measured: Amounts = {}
    for sharing, settings in ((SHARED, {SHARING: 1}), (NOT_SHARED, {SHARING: 0}), (ANYHOW, {})):
        if EVENTS[0] + sharing not in bench.wanted:
            continue
        async with bench.farm(4, 2, settings=settings) as running:
            taken[sharing] = await _one_session(running)
        for event, amounts in zip(EVENTS, taken[sharing], strict=True):
            measured[event + sharing, OUT], measured[event + sharing, BACK] = amounts or (None, None)
    if SAVED in bench.wanted:
        measured[SAVED, BOTH] = _saved(taken[SHARED], taken[NOT_SHARED])
    return measured


async def _one_session(running: Running) -> list[BothWays | None]:
    """A session's life, event by event; `None` where the other zone's collector does not hold what came of it."""
    farm = running.farm
    begun: list[Session] = []

    async def logon() -> None:
        begun.append(await farm.logon(running.members()[0], user=7))

    life: list[tuple[Callable[[], Awaitable[object]], list[bool]]] = [
        (logon, [True]),
        (lambda: farm.disconnect(begun[0]), [False]),
        (lambda: farm.reconnect(begun[0]), [True]),
        (lambda: farm.logoff(begun[0]), []),
    ]
    taken: list[BothWays | None] = []
    for act, active in life:
        flow = await running.during(act)
        held = farm.sessions(HERE, at=running.collectors[THERE])
        taken.append(flow.both_ways() if [row.active for row in held] == active else None)
    return taken


def _saved(shared: list[BothWays | None], not_shared: list[BothWays | None]) -> Amount:
    """The mean over the events of what both ways together take less."""
    less = [sum(more) - sum(rest) for more, rest in zip(shared, not_shared, strict=True) if more and rest]
    return Fraction(sum(less), len(less)) if len(less) == len(EVENTS) else None


# ---- servers and collectors --------------------------------------------------------------------------------------


async def new_server_and_query(bench: Bench) -> Amounts:
    """A server is started, and then its zone's servers are asked for in another zone.

    The question is put to the collector there, which answers out of what it holds. It counts only if the answer is
    right, the server just started included.
    """
    new = "H3"
    async with bench.farm(6, 2, off=[new]) as running:
        farm = running.farm
        started = await running.during(lambda: farm.start(new))
        answers: list[str] = []

        async def query() -> None:
            states = farm.server_states(HERE, at=running.collectors[THERE])
            answers.extend(row.host for row in states if row.up)

        asked = await running.during(query)
        if sorted(answers) != sorted(farm.hosts_of(HERE)):
            return {(NEW_SERVER, OUT): None, (SERVER_QUERY, OUT): None, (SERVER_QUERY, BACK): None}
        transmitted, received = asked.both_ways()
        return {
            (NEW_SERVER, OUT): started.bytes(HERE, THERE),
            (SERVER_QUERY, OUT): transmitted,
            (SERVER_QUERY, BACK): received,
        }


async def changing_collector(bench: Bench) -> Amounts:
    """A zone's collector leaves, and another makes itself known to the other zone's.

    The servers' full updates, which the new one relays then, are as long as the zone has servers and sessions. They
    are rows of their own.
    """
    async with bench.farm(6, 2) as running:
        farm, old = running.farm, running.collectors[HERE]

        async def change() -> None:
            await farm.stop(old)
            await farm.wait_master(HERE, other_than=old)

        flow = await running.during(change)
        return {
            (CHANGING_COLLECTOR, OUT): flow.bytes(HERE, THERE, ["GATEWAY_UPDATE"]),
            (CHANGING_COLLECTOR, BACK): flow.bytes(THERE, HERE, ["GATEWAY_UPDATE_ACK"]),
        }


async def replications(bench: Bench) -> Amounts:
    """How often a collector sends on what a member of its zone reports once: that it is there, and that a user is."""
    measured: Amounts = {}
    for zones in ZONES:
        new = "H2"
        async with bench.farm(2 * zones, zones, off=[new]) as running:
            farm = running.farm

            async def happen(farm: Farm = farm, new: str = new) -> None:
                await farm.start(new)
                await settle(farm)
                await farm.logon(new)

            flow = await running.during(happen)
            told = flow.sent(HERE, HERE, UPDATES)
            relayed = sum(flow.sent(HERE, zone, UPDATES) for zone in farm.zones if zone != HERE)
            measured[replication(zones), OUT] = Fraction(relayed, told) if told else None
    return measured


# ---- full updates ------------------------------------------------------------------------------------------------


async def full_updates(bench: Bench) -> Amounts:
    """What a member tells a collector that it has newly met, and what each thing it has adds to that."""
    if UPDATE_SERVER not in bench.wanted:
        return {}
    bare = await _full_update(bench)
    sessions = await _full_update(bench, active=SESSIONS)
    disconnected = await _full_update(bench, disconnected=SESSIONS)
    applications = await _full_update(bench, applications=APPLICATIONS)
    return {
        (UPDATE_SERVER, OUT): bare and bare[0],
        (UPDATE_SESSION, OUT): _each(bare, sessions, SESSIONS),
        (UPDATE_DISCONNECTED, OUT): _each(bare, disconnected, SESSIONS),
        (UPDATE_APPLICATION, OUT): _each(bare, applications, APPLICATIONS),
        (UPDATE_ROUND_TRIP, BOTH): Fraction(sum(sessions), sessions[0]) if sessions else None,
    }


def _each(without: BothWays | None, together: BothWays | None, things: int) -> Amount:
    return Fraction(together[0] - without[0], things) if without and together else None


async def _full_update(
    bench: Bench, *, active: int = 0, disconnected: int = 0, applications: int = 0
) -> BothWays | None:
    """One member's full update after a collector's crash, and the answers to it; `None` if the next collector does not
    hold what the member has."""
    names = [f"A{number}" for number in range(applications)]
    async with bench.farm(3, settings=NOTICING, applications=names) as running:
        farm, old = running.farm, running.collectors[HERE]
        # Of the two that are left the one with the higher id becomes the collector, and tells itself nothing.
        server = running.members()[0]
        sessions = [await farm.logon(server, user=user) for user in range(active + disconnected)]
        for session in sessions[active:]:
            await farm.disconnect(session)
        await settle(farm)

        async def crash() -> None:
            await farm.crash(old)
            await farm.wait_master(HERE, other_than=old)

        flow = await running.during(crash)
        held = sorted(row.active for row in farm.sessions(HERE) if row.host == server)
        if held != [False] * disconnected + [True] * active or farm.masters[HERE] in (None, server):
            return None
        return flow.bytes(kinds=UPDATES), flow.bytes(kinds=ANSWERS)
