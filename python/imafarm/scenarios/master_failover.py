"""A zone boots, loses its data collector without warning, and elects another (IMA Information, "Detailed Election
Process")."""

from __future__ import annotations

import trio

from imafarm.farm import Election, Farm, FarmStatistics
from imafarm.scenario import Journal, Scenario
from imafarm.scenarios import _steps as steps


async def play(farm: Farm, journal: Journal) -> None:
    """Crashes the collector of the first zone; the other zones must not notice."""
    zone, *other_zones = farm.zones
    if not await steps.boot(farm, journal):
        return
    masters = dict(farm.masters)
    old = await farm.wait_master(zone)
    before, elections_before = farm.statistics(), len(farm.elections())

    journal.phase("failover")
    journal.moment(trio.current_time(), f"{old}, the collector of {zone}, crashes")
    await farm.crash(old)
    new = None
    with trio.move_on_after(steps.AGREEMENT_SECONDS):
        new = await farm.wait_master(zone, other_than=old)
    counted = farm.statistics().since(before)
    if not journal.check("a new collector is agreed on", new is not None, new or f"none in {zone}"):
        return
    elections = [election for election in farm.elections()[elections_before:] if election.zone == zone]
    tell(journal, elections[0], elections[-1])

    steps.check_ranks(farm, journal, farm.zones)
    check_counts(farm, journal, zone, counted, stood=max(election.candidates for election in elections))
    steps.check_power(farm, journal, crashed=1)

    journal.phase("hold")
    await trio.sleep(steps.keep_alive_seconds(farm))
    kept = [z for z in other_zones if farm.masters[z] == masters[z]] + [zone] * (farm.masters[zone] == new)
    journal.check(
        "it stays, as do the other zones'" if other_zones else "it stays",
        len(kept) == len(farm.zones),
        f"{len(kept)} of {len(farm.zones)} after {steps.keep_alive_seconds(farm):g} s",
    )


def tell(journal: Journal, first: Election, last: Election) -> None:
    """Writes down when the election came to what."""
    journal.moment(first.doubted_seconds, f"{first.doubted_by} cannot reach it")
    journal.moment(first.started_seconds, f"{first.started_by} sends the first ELECT_MASTER")
    journal.moment(first.first_ack_seconds, "the first ELECT_MASTER_ACK")
    journal.moment(last.declared_seconds, f"{last.master} sends DECLARE_MASTER")
    journal.moment(last.converged_seconds, "all running hosts agree")


def check_counts(farm: Farm, journal: Journal, zone: str, counted: FarmStatistics, stood: int) -> None:
    """Checks that there were about as many messages as the four steps of an election make.

    A candidate asks every host ranked higher. The lowest host that doubts decides how many stand: c candidates ask each
    other c(c-1)/2 times, and that is n(n-1)/2 when the whole zone stands. Retries come on top; who gives way early has
    not asked everybody. Session-host-only servers, s of them, ask the others and are not asked: s(n-s) more.
    """
    records = [farm.record(host) for host in farm.hosts_of(zone)]
    hosts, asking = len(records), sum(record.session_only for record in records)
    standing = hosts - asking
    full, among = standing * (standing - 1) // 2 + asking * standing, min(stood, standing)
    least = among * (among - 1) // 4
    elect, ack = counted.messages["ELECT_MASTER"], counted.messages["ELECT_MASTER_ACK"]
    journal.figure("candidates", stood)
    journal.figure("ELECT_MASTERs, of n(n-1)/2", f"{elect.sent / full:.3f}")
    journal.check(
        "ELECT_MASTERs: of the order of n^2/2",
        max(1, least) <= elect.sent <= 2 * full,
        f"{elect.sent:,} by {stood:,} of {hosts:,} hosts",
    )
    journal.check(
        "ACKs do not outnumber ELECT_MASTERs",
        ack.sent <= elect.delivered,
        f"{ack.sent:,} to {elect.delivered:,} delivered",
    )


SCENARIO = Scenario(
    name="master-failover",
    summary="A zone loses its data collector without warning and elects another.",
    hosts=1_000,
    least_hosts_in_zone=2,
    play=play,
)
