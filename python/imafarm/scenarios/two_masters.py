"""Two data collectors in one zone: how they come about, and how they are settled.

First by a partition inside the zone (IMA Information, "What happens if a server believes it is the new ZDC but the PZDC
is still alive and has not resigned"), then by a magic number ("How does the ZDC ensure servers communicating with are
in the farm").
"""

from __future__ import annotations

from collections.abc import Iterable

import trio

from imafarm.farm import EventKind, Farm, FarmEvent
from imafarm.scenario import Journal, Scenario
from imafarm.scenarios import _steps as steps

SPLIT_INTERVALS = 2
"""For how many keep-alive intervals both halves of the zone go on by themselves."""


async def play(farm: Farm, journal: Journal) -> None:
    """Has the first zone that two servers can lead split in two, twice, and cured."""
    if not await steps.boot(farm, journal):
        return
    zone, rivals = choose(farm)
    found = f"{zone} has {len(rivals)} besides its collector" if zone else "no zone has one besides its collector"
    if not journal.check("another server could be the collector", zone is not None, found) or zone is None:
        return
    if await by_partition(farm, journal, zone, rivals[0]):
        await by_magic_number(farm, journal, zone, rivals[-1])
    steps.check_power(farm, journal)


def choose(farm: Farm) -> tuple[str | None, list[str]]:
    """The first zone in which a server besides its collector stands in elections; those that do, best first."""
    for zone in farm.zones:
        master = farm.masters[zone]
        others = [farm.record(host) for host in farm.hosts_of(zone) if host != master]
        standing = sorted((other for other in others if not other.session_only), key=lambda record: record.rank)
        if master is not None and standing:
            return zone, [record.name for record in reversed(standing)]
    return None, []


async def by_partition(farm: Farm, journal: Journal, zone: str, rival: str) -> bool:
    """Cuts the zone in two, the best of the other servers in the half without the collector, and heals it."""
    journal.phase("partition")
    master = await farm.wait_master(zone)
    others = [host for host in farm.hosts_of(zone) if host not in (master, rival)]
    near, far = [master, *others[1::2]], [rival, *others[::2]]
    before = farm.statistics()
    async with farm.watch(EventKind.MASTER_ACCEPTED | EventKind.MASTER_DECLARED) as events:
        cut = await farm.partition(far, near)
        journal.moment(trio.current_time(), f"{zone} is cut: {len(near):,} hosts with {master}, {len(far):,} without")
        with trio.move_on_after(steps.AGREEMENT_SECONDS):
            await all_follow(events, frozenset(far), rival)
    journal.moment(trio.current_time(), f"the {len(far):,} have {rival} for their collector")
    await trio.sleep(SPLIT_INTERVALS * steps.keep_alive_seconds(farm))
    split, kept = count(farm, far, rival), count(farm, near, master)
    journal.check(
        "each half has a collector",
        (split, kept, farm.masters[zone]) == (len(far), len(near), None),
        f"{rival} for {split:,} of {len(far):,}, {master} for {kept:,} of {len(near):,}",
    )
    elected = farm.statistics().since(before)
    journal.check("it took an election", elected.elections_won >= 1, f"{elected.elections_won} won")

    journal.phase("healing")
    healed, before = trio.current_time(), farm.statistics()
    await farm.heal(cut)
    journal.moment(healed, "the links stand again")
    with trio.move_on_after(steps.AGREEMENT_SECONDS):
        await farm.wait_master(zone)
    took = trio.current_time() - healed
    settled = farm.statistics().since(before)
    stays = rival if farm.record(rival).rank.unseats(farm.record(master).rank) else master
    journal.moment(trio.current_time(), f"all agree on {farm.masters[zone]}")
    journal.figure("seconds from healing to one collector", round(took, 3))
    journal.figure("DECLARE_MASTERs to settle it", settled.messages["DECLARE_MASTER"].sent)
    one = journal.check(
        "one stays: the incumbent, unless it is less preferred",
        farm.masters[zone] == stays,
        f"{farm.masters[zone]} of {master} and {rival}, {took:,.1f} s after healing",
    )
    told = settled.messages["DECLARE_MASTER"].delivered
    astray = len(far) if stays == master else len(near)
    journal.figure("elections started while they settle it", settled.elections_started)
    journal.check("members are told directly", told >= astray, f"{told:,} DECLARE_MASTERs to {astray:,} hosts")
    check_views(farm, journal, zone, "every host of the zone names it", stays)
    return one


async def by_magic_number(farm: Farm, journal: Journal, zone: str, stray: str) -> None:
    """Has one server come back with another farm's magic number, and cures it."""
    journal.phase("magic number")
    master = await farm.wait_master(zone)
    right, before = farm.magic(stray), farm.statistics()
    rest = [host for host in farm.hosts_of(zone) if host != stray]
    refusing: set[str] = set()
    async with farm.watch(EventKind.BINDING_REFUSED | EventKind.MASTER_DECLARED) as events:
        await farm.set_magic(stray, right ^ 1)
        await farm.restart(stray)
        journal.moment(trio.current_time(), f"{stray} comes back with another magic number")
        # The collector finds out when it pings the server: once it is silent, or as one that was lost.
        with trio.move_on_after(steps.AGREEMENT_SECONDS):
            async for event in events:
                if event.kind is EventKind.BINDING_REFUSED:
                    refusing.add(event.host)
                elif event.host == stray:
                    journal.moment(event.seconds, f"{stray} declares itself the collector")
                if stray in refusing and len(refusing) > 1 and farm.host_state(stray).role == "master":
                    break
    journal.check(
        "it takes itself for a farm of its own",
        farm.host_state(stray).role == "master" and farm.masters[zone] is None,
        f"{stray} is {farm.host_state(stray).role}, {zone} agrees on {farm.masters[zone]}",
    )
    check_views(farm, journal, zone, "asked elsewhere, the zone has its collector still", master, but=stray)
    both = stray in refusing and not refusing.isdisjoint(rest)
    journal.check("both sides refuse the other", both, f"refusing: {steps.names(sorted(refusing))}")
    started = farm.statistics().since(before).elections_started
    journal.check("it caused a further election", started >= 1, f"{started} started")

    journal.phase("cure")
    async with farm.watch(EventKind.MASTER_ACCEPTED | EventKind.MASTER_DECLARED) as events:
        await farm.set_magic(stray, right)
        await farm.restart(stray)
        began = trio.current_time()
        journal.moment(began, f"{stray} comes back with the right one")
        with trio.move_on_after(steps.AGREEMENT_SECONDS):
            async for event in events:
                if event.host == stray:
                    break
    with trio.move_on_after(steps.AGREEMENT_SECONDS):
        await farm.wait_master(zone)
    journal.figure("seconds from the cure to agreement", round(trio.current_time() - began, 3))
    check_views(farm, journal, zone, "the right number and a restart cure it", master)


async def all_follow(events: trio.MemoryReceiveChannel[FarmEvent], hosts: frozenset[str], master: str) -> None:
    """Waits until all of these hosts, who follow others at first, take this one for their collector."""
    others = set(hosts)
    async for event in events:
        follows = event.host if event.kind is EventKind.MASTER_DECLARED else event.other
        if follows == master:
            others.discard(event.host)
        elif event.host in hosts:
            others.add(event.host)
        if not others:
            return


def count(farm: Farm, hosts: Iterable[str], master: str) -> int:
    """How many of these hosts take this one for their collector."""
    return sum(farm.host_state(host).master == master for host in hosts)


def check_views(farm: Farm, journal: Journal, zone: str, name: str, master: str, *, but: str | None = None) -> None:
    """Checks that each host of a zone, but for one, takes this one for the collector."""
    hosts = [host for host in farm.hosts_of(zone) if host != but]
    agreeing = count(farm, hosts, master)
    journal.check(name, agreeing == len(hosts), f"{master} for {agreeing:,} of {len(hosts):,}")


SCENARIO = Scenario(
    name="two-masters",
    summary="A zone has two data collectors, by a cut and by a magic number, and gets over it.",
    hosts=300,
    least_hosts_in_zone=2,
    play=play,
)
