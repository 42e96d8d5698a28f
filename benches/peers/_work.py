"""The two works, the latencies they share, and the check that two engines have done the same.

The storm. `hosts` hosts are ranked by their number, 0 to `hosts` - 1, in one zone; the collector, the highest of them,
has just died. At time 0 the lowest starts an election. Whoever starts sends ELECT to every host ranked higher, the dead
one included, which never answers. A live host that gets an ELECT answers ACK and, if it has not started yet, starts.
Who has no ACK a second after its start declares itself and sends DECLARE to all others. The storm ends when every live
host has that.

The heartbeat. `hosts` members send UPDATE to their collector every 60 s, each in its own phase, for ten minutes; the
collector answers each with REPLY.

A message from `source` to `target` takes `latency(source, target)`, which is a pure function, so that the time at which
each host starts is the same in every engine that goes by it, whatever order it works in. All times are whole
nanoseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Work = Literal["storm", "heartbeat"]
WORKS: tuple[Work, ...] = ("storm", "heartbeat")

LEAST_LATENCY, JITTER_STEPS, JITTER_SCALE = 200_000, 1 << 16, 1_562
"""A message takes 0.2 ms and up to 65,535 steps of 1,562/1,024 ns more, which is 0.1 ms."""
SOURCE_FACTOR, TARGET_FACTOR, MIX = 0x9E37_79B1, 0x85EB_CA77, 0x7FEB_352D
"""Odd numbers with their bits well spread: the first two of xxHash, the last of a well-known 32-bit mixer."""
WORD = 0xFFFF_FFFF

SECOND = 1_000_000_000
PATIENCE = SECOND
"""How long a host waits for an ACK."""
PERIOD, BEATS = 60 * SECOND, 10
"""How far a member's updates are apart, and how many it sends."""

FINGERPRINT_SEED, FINGERPRINT_FACTOR, FINGERPRINT_WORD = 0xCBF2_9CE4_8422_2325, 0x100_0000_01B3, (1 << 64) - 1
"""FNV-1a, of whole numbers instead of bytes."""


def latency(source: int, target: int) -> int:
    """How long a message takes, in ns: 200,000 to 299,965."""
    mixed = (source * SOURCE_FACTOR + target * TARGET_FACTOR) & WORD
    mixed = (mixed ^ mixed >> 16) * MIX & WORD
    return LEAST_LATENCY + (((mixed ^ mixed >> 15) >> 16) * JITTER_SCALE >> 10)


def phase(member: int) -> int:
    """When a member sends its first update, in ns: less than 60 s, in whole microseconds."""
    mixed = member * SOURCE_FACTOR & WORD
    mixed = (mixed ^ mixed >> 16) * MIX & WORD
    return ((mixed ^ mixed >> 15) * (PERIOD // 1_000) >> 32) * 1_000


def fingerprint(numbers: Iterable[int]) -> int:
    """One number of 64 bits for many of 0 to 2**64 - 1, in their order."""
    print_ = FINGERPRINT_SEED
    for number in numbers:
        print_ = (print_ ^ number) * FINGERPRINT_FACTOR & FINGERPRINT_WORD
    return print_


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a work: enough to see whether two engines did the same."""

    messages: Mapping[str, int]
    """By kind, how many were sent."""
    ended: int
    """When the last message arrived that the work waits for, in ns after its begin."""
    winner: int | None = None
    """The host that declared itself; storm alone."""
    times: Sequence[int] = ()
    """Of each live host when it started, or of each member when its last reply came, by number of the host; in ns. None
    from an engine that has latencies of its own."""
    beyond: Mapping[str, int] = field(default_factory=dict)
    """What else the engine sent in the same time, by kind, since it cannot do with less."""
    seconds: float | None = None
    """Real time from the work's first event to its last; `None` if the engine did nothing else."""
    busy_seconds: float | None = None
    """How long the process had a core in that time; `None` if the same is."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A work done once."""

    outcome: Outcome
    """Without its times."""
    fingerprint: int | None
    """Of its times, if it had any."""
    seconds: float
    """Real time from the work's first event to its last."""
    busy_share: float
    """The part of that in which the process had a core: less than 1 if the machine had other things to do."""
    peak_bytes: int
    """The most memory that the process had, with interpreter and libraries."""


class CannotDo(Exception):
    """An engine cannot do a work, and why."""


class UnequalWork(Exception):
    """An engine did something else than the work, so its time says nothing."""


def expected_messages(work: Work, hosts: int) -> dict[str, int]:
    """The messages of a work by kind, in closed form."""
    if work == "storm":
        return {
            "ELECT": hosts * (hosts - 1) // 2,
            "ACK": (hosts - 1) * (hosts - 2) // 2,
            "DECLARE": hosts - 1,
        }
    return {"UPDATE": BEATS * hosts, "REPLY": BEATS * hosts}


def total_messages(work: Work, hosts: int) -> int:
    """All messages of a work."""
    return sum(expected_messages(work, hosts).values())


def check(work: Work, hosts: int, outcome: Outcome) -> None:
    """Whether an engine did the work: its messages by kind, who won, and when it ended.

    It ends after one way to the winner, its patience and one way back; or with the reply to the last member's last
    update. `UnequalWork` if anything differs.
    """
    expected = expected_messages(work, hosts)
    if dict(outcome.messages) != expected:
        raise UnequalWork(f"{work} of {hosts:,}: sent {dict(outcome.messages)}, and the work is {expected}")
    most_latency = LEAST_LATENCY + (JITTER_STEPS * JITTER_SCALE >> 10)
    earliest, latest = 2 * LEAST_LATENCY, 2 * most_latency
    if work == "storm":
        if outcome.winner != hosts - 2:
            raise UnequalWork(f"storm of {hosts:,}: host {outcome.winner} won, and {hosts - 2} is the highest alive")
        earliest, latest = earliest + PATIENCE, latest + PATIENCE
    else:
        earliest, latest = earliest + (BEATS - 1) * PERIOD, latest + BEATS * PERIOD
    if not earliest <= outcome.ended <= latest:
        raise UnequalWork(
            f"{work} of {hosts:,}: ended after {outcome.ended:,} ns, and it takes {earliest:,} to {latest:,}"
        )


def check_same(work: Work, hosts: int, one: tuple[str, Measured], other: tuple[str, Measured]) -> None:
    """Whether two engines, each with its name, came to the same host by host. `UnequalWork` if not.

    Nothing is said of engines with latencies of their own.
    """
    if one[1].fingerprint is None or other[1].fingerprint is None:
        return
    if one[1].fingerprint != other[1].fingerprint or one[1].outcome.ended != other[1].outcome.ended:
        raise UnequalWork(
            f"{work} of {hosts:,}: on the same latencies hosts do not start or hear at the same times in {one[0]} (to "
            f"{one[1].outcome.ended:,} ns) and in {other[0]} (to {other[1].outcome.ended:,} ns)"
        )
