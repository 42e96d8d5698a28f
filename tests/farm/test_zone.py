"""Zones whose servers differ: session-host-only servers, magic numbers, links by pair of zones, and work that takes
time. What IMA Information says of them is shown on hosts themselves; here it is what a farm makes of it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import trio

import imafarm
from imafarm import EventKind, Farm, Link, Topology

Story = Callable[[imafarm.EmulatedFarm], Awaitable[None]]


def on_a_farm(story: Story, topology: Topology) -> None:
    """Plays a story on a farm of this make."""

    async def main() -> None:
        async with imafarm.open_emulated_farm(topology=topology, seed=7, boot_seconds=5.0) as farm:
            await story(farm)

    imafarm.run(main)


def test_session_hosts_follow_and_never_lead() -> None:
    async def story(farm: Farm) -> None:
        assert farm.led_zones == ("Z1",)
        assert await farm.wait_converged() == {"Z1": "H1"}
        assert farm.masters == {"Z1": "H1", "Z2": None}
        assert farm.host_state("H5").master is None
        await farm.crash("H1")
        assert await farm.wait_master("Z1", other_than="H1") == "H2", "H3 and H4 rank below it by their mode"
        await farm.crash("H2")
        await trio.sleep(1_000)
        assert {farm.host_state(host).role for host in ("H3", "H4")} <= {"candidate", "joining"}
        await farm.start("H2")
        assert await farm.wait_master("Z1") == "H2"

    on_a_farm(story, Topology.of(8, 2, session_only=["H3", "H4", "H5", "H6", "H7", "H8"]))


def test_the_records_of_a_farm_say_what_its_session_hosts_are() -> None:
    topology = Topology.of(3, session_only=["H2"])
    assert [record.session_only for record in topology.resolver.records()] == [False, True, False]
    assert replace(topology, magic=7).session_only == {"H2"}


def test_a_host_with_another_number_is_a_farm_of_its_own_until_it_is_cured() -> None:
    """IMA Information, "How does the ZDC ensure servers communicating with are in the farm"."""

    async def story(farm: Farm) -> None:
        async with farm.watch(EventKind.MASTER_DECLARED) as events:
            async for event in events:
                if event.host == "H3":
                    break
        assert (farm.host_state("H3").master, farm.host_state("H2").master) == ("H3", "H1")
        assert (farm.magic("H3"), farm.magic("H2")) == (99, 98)
        await farm.set_magic("H3", 98)
        await trio.sleep(300)
        assert farm.masters == {"Z1": None}, "a number turned while the service runs is none yet"
        await farm.restart("H3")
        await farm.wait_event(EventKind.MASTER_ACCEPTED, host="H3")
        assert await farm.wait_master() == "H1"
        with pytest.raises(imafarm.ConfigurationError, match="4294967296 is out of range"):
            await farm.set_magic("H3", 2**32)

    on_a_farm(story, Topology.of(4, magic=98, host_magic={"H3": 99}))


def test_the_links_of_two_zones_are_their_own() -> None:
    """Three collectors announce themselves to each other. Where two of them are far apart, it takes longer."""

    async def announced(links: dict[tuple[str, str], Link]) -> list[int]:
        counts = []
        topology = Topology.of(3, 3, links=links)
        async with imafarm.open_emulated_farm(topology=topology, seed=7, boot_seconds=0.0) as farm:
            for seconds in (1.0, 30.0):
                await trio.sleep(seconds)
                counts.append(farm.statistics().messages["GATEWAY_UPDATE_ACK"].delivered)
        return counts

    (near, near_later), (far, far_later) = (
        imafarm.run(announced, links) for links in ({}, {("Z3", "Z1"): Link(latency_seconds=0.5)})
    )
    assert 0 < far < near == near_later
    assert far < far_later


def test_a_link_of_a_pair_is_refused_where_there_is_none() -> None:
    none: dict[str, int] = {}
    for links, said in [
        ({(0, 3): none}, "links: 3"),
        ({(1, 1): none}, "itself"),
        ({(0, 1): none, (1, 0): none}, "already"),
    ]:
        with pytest.raises(ValueError, match=said):
            imafarm._imafarm.EmulatedFarm(imafarm.HostResolver.generate(3, 3), seed=7, links=links)


def test_a_busy_collector_says_how_busy_it_is() -> None:
    async def story(farm: Farm) -> None:
        await farm.wait_master()
        await trio.sleep(60)
        before = farm.statistics()
        await trio.sleep(600)
        work, state = farm.statistics().since(before).work["Z1"], farm.host_state("H1").work
        assert work.hosts == 5
        assert work.busy_seconds == pytest.approx(4 * 600 * 0.1, rel=0.01), "four heartbeats a second, a tenth each"
        assert work.busy_share == pytest.approx(0.4 / 5, rel=0.01)
        assert 0.3 < state.busy_share < 0.4
        assert farm.host_state("H2").work.busy_seconds < 1.0, "it was the collector for a moment of the boot"
        assert farm.check_conservation() == []

    on_a_farm(story, Topology.of(5, settings={"KeepAliveInterval": 1_000, "WorkCostHeartbeat": 100_000}))


def test_what_waits_for_a_host_is_counted() -> None:
    async def story(farm: Farm) -> None:
        await farm.wait_event(EventKind.MASTER_ACCEPTED)
        await trio.sleep(90)
        waiting = farm.statistics().counters["Z1"]
        assert waiting["WorkItemQueueExecutingCount"] == 1
        assert waiting["WorkItemQueueReadyCount"] > 0
        assert waiting["WorkItemQueuePendingCount"] == 0
        await farm.pause("H1")
        paused = farm.statistics().counters["Z1"]
        assert paused["WorkItemQueueExecutingCount"] == paused["WorkItemQueueReadyCount"] == 0
        assert paused["WorkItemQueuePendingCount"] == waiting["WorkItemQueueReadyCount"] + 1
        await farm.crash("H1")
        assert farm.statistics().counters["Z1"]["WorkItemQueuePendingCount"] == 0

    costs = {"WorkCostHeartbeat": 3_600_000_000, "KeepAliveTimeout": 3_600_000}
    on_a_farm(story, Topology.of(5, host_settings={"H1": costs}, settings={"KeepAliveTimeout": 3_600_000}))
