"""The deliveries of single kinds of messages, and the memory that a farm takes."""

import pytest
import trio

import imafarm
from imafarm import ConfigurationError
from imafarm.farm import Recording

SETTLED = 120.0


def test_each_delivery_of_a_traced_kind_is_told() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=6, seed=3, trace=["SESSION_UPDATE", "HEARTBEAT"]) as farm:
            collector = await farm.wait_master()
            await trio.sleep(SETTLED)
            member = next(host for host in farm.host_names if host != collector)
            at = trio.current_time()
            await farm.logon(member)
            await trio.sleep(1.0)
            told = farm.deliveries()
            assert told == sorted(told, key=lambda row: row[0])
            ((seconds, _, source, target, size),) = [row for row in told if row[1] == "SESSION_UPDATE"]
            assert (source, target) == (member, collector)
            assert at < seconds < at + 0.1 and size > 0
            messages = farm.statistics().messages
            assert sum(row[1] == "HEARTBEAT" for row in told) == messages["HEARTBEAT"].delivered > 0
            assert sum(row[4] for row in told if row[1] == "SESSION_UPDATE") == messages["SESSION_UPDATE"].bytes

    imafarm.run(main)


def test_nothing_is_told_unless_asked_for_and_what_happens_is_the_same() -> None:
    async def main(trace: tuple[str, ...]) -> tuple[str, int, int]:
        async with imafarm.open_emulated_farm(hosts=30, seed=3, threads=1, trace=trace) as farm:
            await farm.wait_master()
            await trio.sleep(SETTLED)
            return farm.digest(), len(farm.deliveries()), farm.memory_bytes

    digest, told, memory = imafarm.run(main, ())
    assert told == 0 and memory > 0
    traced = imafarm.run(main, ("HEARTBEAT",))
    assert traced[0] == digest and traced[1] > 0 and traced[2] == memory


def test_a_kind_that_there_is_not_and_a_recording_that_traces_itself_are_refused() -> None:
    async def main(trace: tuple[str, ...], record: Recording | None) -> None:
        async with imafarm.open_emulated_farm(hosts=2, trace=trace, record=record):
            pytest.fail("it was opened")

    with pytest.raises(ValueError, match="HARTBEAT"):
        imafarm.run(main, ("HARTBEAT",), None)
    with pytest.raises(ConfigurationError, match="^trace: not together with Recording.message_hosts"):
        imafarm.run(main, ("HEARTBEAT",), Recording(message_hosts=("H1",)))
