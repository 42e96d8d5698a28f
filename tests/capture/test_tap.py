"""What a tap records, as Python sees it: against the ledger, and against itself."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import trio

import imafarm
from imafarm import ConfigurationError, EmulatedFarm, Tap


@dataclass
class Seen:
    """A farm that was tapped, at its end."""

    rows: list[dict[str, Any]]
    sent: dict[str, tuple[int, int]]
    digest: str
    stopped: float | None


async def failover(farm: EmulatedFarm) -> None:
    """The collector crashes, and another is elected."""
    old = await farm.wait_master("Z1")
    await farm.crash(old)
    await farm.wait_master("Z1", other_than=old)
    await trio.sleep(30)


def play(tap: Tap | None, story: Callable[[EmulatedFarm], Awaitable[None]] = failover, **options: Any) -> Seen:
    async def main() -> Seen:
        async with imafarm.open_emulated_farm(**{"hosts": 30, "seed": 7, "tap": tap, **options}) as farm:
            await story(farm)
            rows: list[dict[str, Any]] = []
            stopped = None
            if tap is not None:
                rows = farm.packets().rows()
                stopped = farm.packets_stopped_seconds()
            messages = farm.statistics().messages.items()
            sent = {kind: (one.sent, one.bytes) for kind, one in messages if one.sent}
            return Seen(rows, sent, farm.digest(), stopped)

    return imafarm.run(main)


def by_kind(rows: list[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """How many messages there are of each kind, and their bytes."""
    count, length = Counter[str](), Counter[str]()
    for row in rows:
        if row["what"] == "message":
            count[row["kind"]] += 1
            length[row["kind"]] += row["bytes"]
    return {kind: (count[kind], length[kind]) for kind in count}


@pytest.mark.parametrize("bound", [False, True])
def test_with_all_hosts_tapped_everything_that_was_sent_is_there(bound: bool) -> None:
    seen = play(Tap(), bound=bound)
    assert by_kind(seen.rows) == seen.sent
    assert seen.digest == play(None, bound=bound).digest
    assert [row["time_ns"] for row in seen.rows] == sorted(row["time_ns"] for row in seen.rows)
    assert {row["what"] for row in seen.rows} >= {"message", "connect", "accept"}
    assert all((row["kind"] is None) == (row["what"] != "message") == (row["bytes"] == 0) for row in seen.rows)
    assert seen.stopped is None
    framer = imafarm.Framer()
    for row in seen.rows:
        if row["what"] == "message":
            assert len(row["message"]) == row["bytes"]
            [message] = framer.feed(row["message"])
            assert message[0] == row["kind"]
        else:
            assert row["message"] is None


@pytest.mark.parametrize("options", [{"threads": 1}, {"threads": 4}, {"exact_queue": True}, {"wire": True}])
def test_it_is_the_same_whoever_works(options: dict[str, Any]) -> None:
    some = Tap(hosts=["H1", "H7", "H30"], since_seconds=1.0)
    whole = play(some, threads=2)
    assert whole.rows
    assert play(some, **options) == whole


def test_hosts_kinds_and_times_are_kept_to() -> None:
    whole = play(Tap()).rows
    asked = [row for row in whole if row["kind"] == "ELECT_MASTER"]
    candidate, until_ns = asked[0]["source"], asked[-1]["time_ns"] + 1_000_000_000
    assert until_ns < whole[-1]["time_ns"]
    part = play(Tap(hosts=[candidate], kinds=["ELECT_MASTER", "HEARTBEAT"], until_seconds=until_ns / 1e9)).rows
    assert all(candidate in (row["source"], row["target"]) and row["time_ns"] < until_ns for row in part)
    assert {row["kind"] for row in part if row["what"] == "message"} == {"ELECT_MASTER", "HEARTBEAT"}

    def sent_by_it(rows: list[dict[str, Any]]) -> list[tuple[int, str, str | None]]:
        own = (row for row in rows if row["source"] == candidate and row["time_ns"] < until_ns)
        wanted = (None, "ELECT_MASTER", "HEARTBEAT")
        return [(row["time_ns"], row["what"], row["kind"]) for row in own if row["kind"] in wanted]

    assert sent_by_it(part) == sent_by_it(whole)


def test_beyond_its_limit_it_stops_and_says_when() -> None:
    whole, part = play(Tap()), play(Tap(limit_bytes=10_000))
    assert part.rows == whole.rows[: len(part.rows)]
    assert part.stopped == whole.rows[len(part.rows)]["time_ns"] / 1e9


def test_a_tap_of_a_farm_opened_later_counts_from_there() -> None:
    async def main() -> list[int]:
        await trio.sleep(100)
        tap = Tap(since_seconds=10.0, until_seconds=30.0)
        async with imafarm.open_emulated_farm(hosts=5, seed=7, tap=tap) as farm:
            await trio.sleep(60)
            return [row["time_ns"] for row in farm.packets().rows()]

    times = imafarm.run(main)
    assert times
    assert all(10e9 <= time < 30e9 for time in times)


@pytest.mark.parametrize(
    ("tap", "said"),
    [
        (Tap(hosts=["H1", "H77"]), ["tap.hosts: unknown 'H77'; did you mean 'H7'?"]),
        (Tap(kinds=["ELECT"]), ["tap.kinds: unknown 'ELECT'; did you mean 'ELECT_MASTER'?"]),
        (Tap(hosts=[], kinds=[]), ["tap.hosts: empty; nothing would be", "tap.kinds: empty; nothing would be"]),
        (Tap(since_seconds=-1.0), ["tap.since_seconds: -1.0 is out of range"]),
        (Tap(since_seconds=5.0, until_seconds=5.0), ["tap.until_seconds: 5.0 does not lie after 5.0"]),
        (Tap(since_seconds=float("nan")), ["tap.since_seconds: nan is out of range"]),
        (Tap(limit_bytes=0), ["tap.limit_bytes: 0 is out of range"]),
    ],
)
def test_a_wrong_tap_is_refused_by_name(tap: Tap, said: list[str]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        play(tap)
    assert len(refused.value.mistakes) == len(said)
    for mistake, beginning in zip(refused.value.mistakes, said, strict=True):
        assert mistake.startswith(beginning)


def test_a_farm_without_a_tap_has_no_packets() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=2) as farm:
            with pytest.raises(ConfigurationError, match="tap: the farm was opened without one"):
                farm.packets()
            assert farm.packets_stopped_seconds() is None

    imafarm.run(main)
