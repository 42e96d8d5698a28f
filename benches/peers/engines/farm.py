"""imafarm itself: a zone of its hosts, driven as any user of the library drives one.

Three ways to the storm. `storm` begins with every pair of hosts bound, as the work has it. `storm_one_by_one` is the
same with the emulator's short cuts turned off, so that each message is an entry of its queue. `storm_with_bindings` is
the failover as it comes: who was not bound yet calls, binds and waits in line first. That is other work than the storm,
so its figures are told, and compared with nothing.

In each, imafarm does more than the others, and what it sends besides is told: a message has bytes, is written into a
ledger and goes into the digest; a host whose collector is new sends it a heartbeat and registers with it.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from time import perf_counter, process_time
from typing import Any

import trio

import imafarm
from imafarm.farm import FarmStatistics
from peers._work import BEATS, PERIOD, SECOND, CannotDo, Outcome

ZONE = "Z1"
SETTLE_SECONDS = 130.0
"""After so long every member has told its collector all, and has begun to beat in its rhythm."""
PATIENCE_SECONDS = 600.0
BOUND = {"bound": True, "boot_seconds": 0.0}
"""All hosts start at one instant, since whoever is called before it has started lets its bindings go."""
STORM_KINDS = {"ELECT": "ELECT_MASTER", "ACK": "ELECT_MASTER_ACK", "DECLARE": "DECLARE_MASTER"}
LINK = imafarm.Link(latency_seconds=0.0002, jitter_seconds=0.0001, bandwidth_bits_per_second=0.0)


class Watch:
    """Takes the time of the work alone, without the boot."""

    def __init__(self) -> None:
        """Begins."""
        self._busy, self._begin = process_time(), perf_counter()

    def stop(self) -> dict[str, Any]:
        """Real time, and how long this process had a core in it, under their names in an `Outcome`."""
        return {"seconds": perf_counter() - self._begin, "busy_seconds": process_time() - self._busy}


def storm(hosts: int) -> Outcome:
    """Every pair bound."""
    return _storm(hosts, **BOUND)


def storm_one_by_one(hosts: int) -> Outcome:
    """Every pair bound, and no short cuts."""
    return _storm(hosts, **BOUND, exact_queue=True)


def storm_with_bindings(hosts: int) -> Outcome:
    """Whoever was bound when the collector died, and nobody else."""
    return _storm(hosts)


def heartbeat(hosts: int) -> Outcome:
    """Ten minutes of a zone at rest, with the default settings and no binding evicted."""

    async def main() -> Outcome:
        async with imafarm.open_emulated_farm(**_zone_of(hosts + 1)) as farm:
            await farm.wait_master(ZONE)
            await trio.sleep(SETTLE_SECONDS)
            before = farm.statistics()
            watch = Watch()
            await trio.sleep(BEATS * PERIOD / SECOND)
            took = watch.stop()
            sent = farm.statistics().since(before)
        beats, answers = (sent.messages[kind] for kind in ("HEARTBEAT", "HEARTBEAT_ACK"))
        # Each heartbeat is answered once it has arrived; those that were on their way before are not this time's.
        unanswered = beats.in_flight - before.messages["HEARTBEAT"].in_flight
        messages = {"UPDATE": beats.sent, "REPLY": answers.sent + unanswered}
        ended = round(sent.seconds * SECOND) - round(before.seconds * SECOND)
        return replace(_told(sent, messages, {"HEARTBEAT", "HEARTBEAT_ACK"}), ended=ended, **took)

    return imafarm.run(main)


def _storm(hosts: int, **how: Any) -> Outcome:
    unknown = sorted(set(how) - set(inspect.signature(imafarm.open_emulated_farm).parameters))
    if unknown:
        raise CannotDo(f"this imafarm opens no farm with {' and '.join(unknown)}")

    async def main() -> Outcome:
        async with imafarm.open_emulated_farm(**_zone_of(hosts), **how) as farm:
            ranked = [farm.host_names[place] for place in imafarm.rank_hosts(map(farm.record, farm.host_names))][::-1]
            lowest, highest = ranked[0], ranked[-1]
            old = await farm.wait_master(ZONE)
            # Who is up first collects first; the work is the death of the highest.
            if old != highest:
                await farm.elect(old)
                await farm.wait_master(ZONE, other_than=old)
            await trio.sleep(SETTLE_SECONDS)
            await farm.crash(highest)
            before = farm.statistics()
            watch = Watch()
            await farm.elect(lowest)
            with trio.fail_after(PATIENCE_SECONDS):
                new = await farm.wait_master(ZONE, other_than=highest)
            took = watch.stop()
            sent = farm.statistics().since(before)
            election = farm.elections()[-1]
        messages = {kind: sent.messages[name].sent for kind, name in STORM_KINDS.items()}
        if election.converged_seconds is None:
            raise CannotDo("its zone never agreed")
        ended = round((election.converged_seconds - before.seconds) * SECOND)
        winner = ranked.index(new)
        return replace(_told(sent, messages, set(STORM_KINDS.values())), ended=ended, winner=winner, **took)

    try:
        return imafarm.run(main)
    except trio.TooSlowError:
        raise CannotDo("its zone did not agree in time") from None


def _zone_of(hosts: int) -> dict[str, Any]:
    """One zone whose hosts may all be bound to one another, on one core like everybody else's."""
    settings = {"MaxHostAddressCacheEntries": max(2, hosts), "MaxBindingsInProgress": max(2, hosts)}
    return {"hosts": hosts, "seed": 7, "settings": settings, "inside": LINK, "threads": 1}


def _told(sent: FarmStatistics, messages: dict[str, int], counted: set[str]) -> Outcome:
    beyond = {kind: traffic.sent for kind, traffic in sent.messages.items() if traffic.sent and kind not in counted}
    return Outcome(messages, ended=0, beyond=beyond)
