"""A farm from a scenario's side: what its verbs do, what its waits wait for, what its streams tell."""

from collections.abc import Awaitable, Callable

import pytest
import trio

import imafarm
from imafarm import EventKind, Farm, _imafarm

HOSTS = 12

Story = Callable[[imafarm.EmulatedFarm], Awaitable[None]]


def on_a_farm(story: Story, *, hosts: int = HOSTS, zones: int = 1, boot_seconds: float | None = 5.0) -> None:
    """Plays a story on a farm."""

    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=hosts, zones=zones, seed=7, boot_seconds=boot_seconds) as farm:
            await story(farm)

    imafarm.run(main)


def test_kinds_of_events_are_numbered_as_in_the_engine() -> None:
    for kind in EventKind:
        assert getattr(_imafarm, f"EVENT_{kind.name}") == kind.value


def test_a_farm_opens_at_once_and_boots_in_farm_time() -> None:
    async def story(farm: Farm) -> None:
        assert trio.current_time() == 0.0
        assert farm.host_names == tuple(f"H{number}" for number in range(1, HOSTS + 1))
        assert farm.zones == ("Z1",)
        assert farm.masters == {"Z1": None}
        assert await farm.wait_master() == "H1"
        assert trio.current_time() >= 5.0
        assert all(farm.host_state(host).power == "up" for host in farm.host_names)

    on_a_farm(story)


def test_a_farm_that_is_opened_dark_stays_dark() -> None:
    async def story(farm: Farm) -> None:
        await trio.sleep(1_000)
        assert {farm.host_state(host).power for host in farm.host_names} == {"off"}
        assert farm.statistics().events == 0
        await farm.start("H3")
        assert await farm.wait_master("Z1") == "H3"
        assert trio.current_time() >= 1_000

    on_a_farm(story, boot_seconds=None)


def test_a_crash_is_noticed_and_the_highest_ranked_host_takes_over() -> None:
    """IMA Information, "What is meant by a Zone Data Collector election"."""

    async def story(farm: Farm) -> None:
        old = await farm.wait_master("Z1")
        crashed = trio.current_time()
        await farm.crash(old)
        assert trio.current_time() == crashed
        assert farm.host_state(old).power == "crashed"
        assert await farm.wait_master("Z1", other_than=old) == f"H{HOSTS}"
        election = farm.elections()[-1]
        assert election.doubted_seconds is not None
        assert election.started_seconds is not None
        assert election.converged_seconds is not None
        assert crashed < election.doubted_seconds <= election.started_seconds < election.converged_seconds
        assert election.converged_seconds <= trio.current_time()
        assert (election.zone, election.master) == ("Z1", f"H{HOSTS}")

    on_a_farm(story)


def test_a_collector_that_is_stopped_has_itself_replaced() -> None:
    async def story(farm: Farm) -> None:
        old = await farm.wait_master("Z1")
        stopped = trio.current_time()
        await farm.stop(old)
        await farm.wait_master("Z1", other_than=old)
        assert trio.current_time() - stopped < farm.setting(old, "KeepAliveInterval") / 1_000
        assert farm.host_state(old).power == "off"

    on_a_farm(story)


def test_a_restarted_host_comes_back_with_nothing() -> None:
    async def story(farm: Farm) -> None:
        await farm.wait_master()
        async with farm.watch(EventKind.HOST_UP | EventKind.HOST_DOWN) as events:
            await farm.restart("H5")
            told = [await events.receive() for _ in range(2)]
        assert [(event.kind, event.host) for event in told] == [(EventKind.HOST_DOWN, "H5"), (EventKind.HOST_UP, "H5")]
        assert await farm.wait_master() == "H1"
        assert farm.host_state("H5").master == "H1"

    on_a_farm(story)


def test_a_paused_host_goes_on_where_it_was() -> None:
    async def story(farm: Farm) -> None:
        await farm.wait_master()
        await farm.pause(["H4", "H5"])
        assert farm.host_state("H4").power == "paused"
        await trio.sleep(1)
        await farm.resume(["H5", "H4"])
        assert farm.host_state("H4").power == "up"
        assert await farm.wait_master() == "H1"

    on_a_farm(story)


def test_a_cut_zone_has_two_collectors_until_it_is_healed() -> None:
    """IMA Information, last answer: two collectors for a finite time, then one."""

    async def story(farm: Farm) -> None:
        assert await farm.wait_master() == "H1"
        cut = await farm.partition("H1")
        await trio.sleep(600)
        assert farm.masters == {"Z1": None}
        assert farm.host_state("H1").role == "master"
        assert farm.host_state("H2").master == f"H{HOSTS}"
        await farm.heal(cut)
        await farm.elect("H1")
        assert await farm.wait_master() == "H1"

    on_a_farm(story)


def test_an_election_by_hand_confirms_the_collector() -> None:
    async def story(farm: Farm) -> None:
        master = await farm.wait_master()
        before = farm.statistics()
        await farm.elect("H2")
        await farm.wait_event(EventKind.ELECTION_STARTED, host="H2")
        await trio.sleep(10)
        assert await farm.wait_master() == master
        assert farm.statistics().since(before).messages["ELECT_MASTER"].sent >= 1

    on_a_farm(story)


def test_zones_are_told_apart() -> None:
    """IMA Information, "What is a Zone Data Collector": each zone has its own."""

    async def story(farm: Farm) -> None:
        assert farm.hosts_of("Z2") == ("H5", "H6", "H7", "H8")
        assert await farm.wait_converged() == {"Z1": "H1", "Z2": "H5", "Z3": "H9"}
        with pytest.raises(imafarm.ConfigurationError, match="3"):
            await farm.wait_master()
        with pytest.raises(KeyError, match="Z4"):
            await farm.wait_master("Z4")

    on_a_farm(story, zones=3)


def test_events_come_in_order_and_none_is_lost() -> None:
    async def story(farm: Farm) -> None:
        async with farm.watch(EventKind.HOST_UP | EventKind.ZONE_AGREED) as events:
            await farm.wait_master()
            up, seconds = set[str](), [0.0]
            async for event in events:
                seconds.append(event.seconds)
                if event.kind is EventKind.HOST_UP:
                    up.add(event.host)
                elif up == set(farm.host_names):
                    break
        assert seconds == sorted(seconds)
        assert event.host == "H1"

    on_a_farm(story)


def test_a_task_that_waits_for_an_event_wakes_when_it_happens() -> None:
    async def story(farm: Farm) -> None:
        event = await farm.wait_event(EventKind.HOST_UP, host="H7")
        assert event.host == "H7"
        assert event.zone == "Z1"
        assert 0.0 <= trio.current_time() - event.seconds < 0.001

    on_a_farm(story)


def test_a_verb_that_is_cancelled_has_done_nothing() -> None:
    async def story(farm: Farm) -> None:
        await farm.wait_master()
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(farm.crash, "H3")
                nursery.start_soon(farm.pause, "H4")
                scope.cancel()
        await trio.sleep(1)
        assert farm.host_state("H3").power == farm.host_state("H4").power == "up"

    on_a_farm(story)


def test_a_setting_is_turned_on_one_host_alone() -> None:
    async def story(farm: Farm) -> None:
        await farm.set_setting("H3", "keepaliveinterval", 10_000)
        assert farm.setting("H3", "KeepAliveInterval") == 10_000
        assert farm.setting("H4", "KeepAliveInterval") == 60_000
        with pytest.raises(imafarm.ConfigurationError, match="did you mean"):
            await farm.set_setting("H3", "KeepAlive", 1)
        with pytest.raises(imafarm.ConfigurationError, match="out of range"):
            await farm.set_setting("H3", "KeepAliveInterval", 1)

    on_a_farm(story)


def test_nobody_can_crash_a_host_that_is_not_there() -> None:
    async def story(farm: Farm) -> None:
        with pytest.raises(KeyError, match="H13"):
            await farm.crash(["H1", "H13"])
        assert farm.record("H1").preference == 1
        with pytest.raises(KeyError, match="H13"):
            farm.record("H13")

    on_a_farm(story)


def test_figures_of_a_part_are_differences() -> None:
    async def story(farm: Farm) -> None:
        await farm.wait_master()
        before = farm.statistics()
        assert farm.statistics().since(before).messages["HEARTBEAT"].sent == 0
        await trio.sleep(600)
        after = farm.statistics()
        part = after.since(before)
        heartbeats = part.messages["HEARTBEAT"]
        assert 9 * (HOSTS - 1) <= heartbeats.sent <= 11 * (HOSTS - 1)
        assert part.events == after.events - before.events
        assert farm.check_conservation() == []
        for traffic in after.messages.values():
            assert traffic.sent == traffic.delivered + traffic.dropped + traffic.in_flight
        assert after.counters["Z1"]["ZoneElectionsWon"] == after.elections_won

    on_a_farm(story)


def test_a_closed_farm_lets_go_of_those_who_wait() -> None:
    async def main() -> list[str]:
        ended = []

        async def listen(farm: Farm) -> None:
            async with farm.watch(EventKind.BINDING_REFUSED) as events:
                async for _ in events:
                    raise AssertionError("nobody was refused")
            ended.append("stream")

        async def wait(farm: Farm) -> None:
            with pytest.raises(trio.ClosedResourceError):
                await farm.wait_event(EventKind.BINDING_REFUSED)
            ended.append("wait")

        async with trio.open_nursery() as nursery, imafarm.open_emulated_farm(hosts=3) as farm:
            nursery.start_soon(listen, farm)
            nursery.start_soon(wait, farm)
            await trio.sleep(1)
        return ended

    assert sorted(imafarm.run(main)) == ["stream", "wait"]


def test_two_farms_keep_one_time() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=5, seed=1, boot_seconds=1) as one:
            await one.wait_master()
            async with imafarm.open_emulated_farm(hosts=5, seed=2, boot_seconds=1) as other:
                opened = trio.current_time()
                assert other.masters == {"Z1": None}
                await other.wait_master()
                assert trio.current_time() >= opened + 1
                await one.crash("H1")
                await one.wait_master(other_than="H1")
                assert other.masters == {"Z1": "H1"}
                assert one.now_ns == other.now_ns
        assert one.masters == {"Z1": "H5"}

    imafarm.run(main)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "hosts: missing"),
        ({"hosts": 0}, "hosts: 0"),
        ({"hosts": True}, "hosts: True"),
        ({"hosts": 2, "zones": 3}, "zones: 3"),
        ({"hosts": 2, "seed": -1}, "seed: -1"),
        ({"hosts": 2, "seed": 1.5}, "seed: 1.5"),
        ({"hosts": 2, "settings": {"Nothing": 1}}, "did you mean"),
        ({"hosts": 2, "host_settings": {"H3": {"BindTimeout": 1}}}, "no host is named 'H3'"),
        ({"hosts": 2, "boot_seconds": -1.0}, "boot_seconds: -1.0"),
    ],
)
def test_a_farm_that_cannot_be_is_not_opened(options: dict[str, object], said: str) -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(**options):  # type: ignore[arg-type]
            raise AssertionError("opened")

    with pytest.raises(imafarm.ConfigurationError, match=said):
        imafarm.run(main)


def test_a_link_that_cannot_be_is_not_made() -> None:
    with pytest.raises(imafarm.ConfigurationError) as wrong:
        imafarm.Link(latency_seconds=0.0, loss=1.5)
    assert [mistake.split(":")[0] for mistake in wrong.value.mistakes] == ["latency_seconds", "loss"]
