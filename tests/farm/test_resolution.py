"""`Farm.resolve` and workloads, from a scenario's side (IMA Information, "New Data Collector Election Process";
CTX114843, "Farm Communication")."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
import trio

import imafarm
from imafarm import Assignment, ConfigurationError, EmulatedFarm, Shape, Topology, Workload

Story = Callable[[EmulatedFarm], Awaitable[None]]


def on_a_farm(story: Story, *, seed: int = 7, **parts: object) -> None:
    """Plays a story on a booted farm of three zones with four hosts each; CAD is published on three of them."""

    async def main() -> None:
        applications = {"Desktop": None, "CAD": ("H2", "H6", "H10")}
        topology = Topology.of(12, 3, applications=applications, **parts)  # type: ignore[arg-type]
        async with imafarm.open_emulated_farm(topology=topology, seed=seed) as farm:
            await farm.wait_converged()
            await trio.sleep(30)
            await story(farm)

    imafarm.run(main)


async def set_loads(farm: EmulatedFarm, loads: dict[str, int]) -> None:
    for host, load in loads.items():
        await farm.set_load(host, load)
    await trio.sleep(1)


@pytest.mark.parametrize("share", [0, 1])
def test_the_least_loaded_server_of_the_farm_is_found(share: int) -> None:
    async def story(farm: EmulatedFarm) -> None:
        await set_loads(farm, {host: 1_000 + number for number, host in enumerate(farm.host_names)} | {"H11": 500})
        assert await farm.resolve("Desktop") == Assignment("H11", 500, "Z3")
        assert await farm.resolve("CAD", at="H3") == Assignment("H2", 1_001, "Z1")
        await set_loads(farm, dict.fromkeys(farm.host_names, 10_000))
        assert await farm.resolve("Desktop") is None, "all are full"

    on_a_farm(story, settings={"ShareLoadInformation": share})


def test_a_preferred_zone_comes_first() -> None:
    async def story(farm: EmulatedFarm) -> None:
        for zones in (["Z2"], ["Z3", "Z1"], ["Z1"]):
            found = await farm.resolve("Desktop", at="H3", zones=zones)
            assert found is not None
            assert found.zone == zones[0]
        await set_loads(farm, dict.fromkeys(farm.hosts_of("Z3"), 10_000))
        found = await farm.resolve("Desktop", at="H3", zones=["Z3", "Z2"])
        assert found is not None
        assert found.zone == "Z2"

    on_a_farm(story)


def test_a_question_waits_for_the_other_collectors() -> None:
    """Across zones an answer takes two ways, and meanwhile the question is counted as waiting."""
    ready = "ResolutionWorkItemQueueReadyCount"

    async def story(farm: EmulatedFarm) -> None:
        asked = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(farm.resolve, "Desktop")
            await trio.sleep(0.02)
            assert {zone: counters[ready] for zone, counters in farm.statistics().counters.items()} == {
                "Z1": 1,
                "Z2": 0,
                "Z3": 0,
            }
        assert 0.04 < trio.current_time() - asked < 0.06
        assert farm.statistics().counters["Z1"]["ResolutionWorkItemQueueReadyCount"] == 0

    on_a_farm(story)


def test_the_counters_of_questions_tell_the_bytes_that_went_by() -> None:
    async def story(farm: EmulatedFarm) -> None:
        before = farm.statistics()
        await farm.resolve("Desktop", at="H3")
        counted = farm.statistics().since(before)
        zones = counted.counters.values()
        assert [zone["DynamicStoreQueryCount"] for zone in zones] == [1, 1, 1]
        asked, answered = counted.messages["RESOLVE"], counted.messages["RESOLVED"]
        assert (asked.sent, answered.sent) == (3, 3)
        assert sum(zone["DynamicStoreQueryRequestBytesReceived"] for zone in zones) == asked.bytes
        assert sum(zone["DynamicStoreQueryResponseBytesSent"] for zone in zones) == answered.bytes

    on_a_farm(story)


def test_a_host_that_goes_down_answers_nobody() -> None:
    async def story(farm: EmulatedFarm) -> None:
        found: list[Assignment | None] = []

        async def ask() -> None:
            found.append(await farm.resolve("Desktop", at="H3"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await trio.sleep(0.01)
            await farm.crash("H3")
        assert found == [None]
        assert await farm.resolve("Desktop", at="H3") is None
        await farm.crash(farm.host_names)
        with pytest.raises(ConfigurationError, match="at: no host of the farm runs"):
            await farm.resolve("Desktop")

    on_a_farm(story)


def test_what_nobody_can_ask_for_is_refused() -> None:
    async def story(farm: EmulatedFarm) -> None:
        with pytest.raises(KeyError, match="application 'Excel'"):
            await farm.resolve("Excel")
        with pytest.raises(KeyError, match="zone 'Z9'"):
            await farm.resolve("Desktop", zones=["Z9"])
        with pytest.raises(KeyError, match="H99"):
            await farm.resolve("Desktop", at="H99")
        with pytest.raises(ConfigurationError, match="zones: at most 4"):
            await farm.resolve("Desktop", zones=["Z1", "Z2", "Z3", "Z2", "Z1"])

    on_a_farm(story)


def test_users_come_are_counted_and_are_seen_by_the_collectors() -> None:
    async def story(farm: EmulatedFarm) -> None:
        await trio.sleep_until(3_600)
        users = farm.statistics().users
        assert 80 < users.arrived < 170
        assert users.arrived - users.logged_on <= 2
        assert users.refused == users.lost == 0
        assert 0 < users.sessions < users.logged_on
        for _ in range(100):
            if not farm.check_stores():
                break
            await trio.sleep(0.1)
        assert farm.check_stores() == []
        rows = farm.sessions()
        assert len(rows) == farm.statistics().users.sessions
        assert {row.app for row in rows} == {"Desktop", "CAD"}
        assert {row.host for row in rows if row.app == "CAD"} <= {"H2", "H6", "H10"}
        assert farm.check_conservation() == []

    workload = Workload(
        logons_per_hour=60,
        applications=("Desktop", "CAD"),
        session_seconds=900,
        disconnect_share=0.5,
        shape=Shape(points=((90.0, 0.0), (90.0, 2.0))),
    )
    on_a_farm(story, workload={"Z2": workload})


def test_users_of_a_full_farm_are_refused() -> None:
    async def story(farm: EmulatedFarm) -> None:
        await farm.set_load(farm.host_names, 10_000)
        await trio.sleep_until(1_200)
        before = farm.statistics()
        await trio.sleep_until(2_400)
        users = farm.statistics().since(before).users
        assert users.refused > 15
        assert users.logged_on == 0

    on_a_farm(story, workload={"Z2": Workload(logons_per_hour=90, applications=("Desktop",))})


def test_a_question_that_is_given_up_changes_nothing_later() -> None:
    async def story(farm: EmulatedFarm) -> None:
        with trio.move_on_after(0.01):
            await farm.resolve("Desktop", at="H3")
        await trio.sleep(1)
        with suppress(KeyError):
            await farm.resolve("None")
        assert await farm.resolve("Desktop", at="H3") is not None

    on_a_farm(story)
