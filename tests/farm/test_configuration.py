"""CTX114843, "Farm Communication" and "Bandwidth of Server to Data Store Communication", as administrators see them:
changes, local host caches, and a data store that is far away or down."""

from collections.abc import Awaitable, Callable

import pytest
import trio

import imafarm
from imafarm.configuration import ConfigurationChange, OtherChange, Publish
from imafarm.errors import ConfigurationError, StoreDown
from imafarm.farm import EventKind, Farm
from imafarm.topology import Product, StorePlan, Topology

Story = Callable[[Farm], Awaitable[None]]


def play(story: Story, topology: Topology | None = None, log: "Log | None" = None) -> None:
    """A farm of two zones of three, or another, and a story that is told of it."""

    async def main() -> None:
        chosen = topology or Topology.of(6, 2)
        async with imafarm.open_emulated_farm(topology=chosen, seed=7, boot_seconds=5, log=log) as farm:
            await story(farm)

    imafarm.run(main)


class Log:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.changes: list[ConfigurationChange] = []

    def record(self, change: ConfigurationChange) -> None:
        self.changes.append(change)


def counted(farm: Farm, name: str) -> int:
    return sum(counters[name] for counters in farm.statistics().counters.values())


def test_a_published_application_is_known_to_all_within_a_second() -> None:
    """CTX114843, "Farm Communication"."""
    log = Log()

    async def story(farm: Farm) -> None:
        await farm.wait_converged()
        with trio.fail_after(1.0):
            first = await farm.publish("Word", at="H2")
            second = await farm.publish("Excel", ["H3", "H1"])
            await farm.wait_change(first)
            await farm.wait_change(second, "H6")
        assert (first, second) == (1, 2)
        await trio.sleep(1)
        assert [farm.change_of(host) for host in farm.host_names] == [2] * 6
        assert farm.check_caches() == []
        session = await farm.logon("H1", app="Excel")
        assert session.app == "Excel"
        with pytest.raises(KeyError, match="PowerPoint"):
            await farm.logon("H1", app="PowerPoint")

    play(story, log=log)
    assert log.changes == [Publish("Word"), Publish("Excel", ["H1", "H3"])]


def test_changes_of_one_instant_are_made_in_one_order() -> None:
    """Whatever order Trio runs the tasks in."""

    def numbers() -> dict[int, int]:
        made: dict[int, int] = {}

        async def story(farm: Farm) -> None:
            async def change(size: int) -> None:
                made[size] = await farm.change_configuration(size, at="H1")

            await farm.wait_converged()
            async with trio.open_nursery() as nursery:
                for size in (500, 100, 300, 200, 400):
                    nursery.start_soon(change, size)

        play(story)
        return made

    assert numbers() == {100: 1, 200: 2, 300: 3, 400: 4, 500: 5}


def test_a_change_is_refused_while_the_data_store_is_down() -> None:
    log = Log()

    async def story(farm: Farm) -> None:
        await farm.wait_converged()
        await farm.store_down()
        with pytest.raises(StoreDown, match="the change was not made"):
            await farm.publish("Word")
        await farm.store_up()
        assert await farm.change_configuration(70_000) == 1

    play(story, log=log)
    assert log.changes == [OtherChange(70_000)]


def test_what_cannot_be_changed_says_why() -> None:
    async def story(farm: Farm) -> None:
        with pytest.raises(ConfigurationError, match="at: no host runs"):
            await farm.publish("Word")
        await farm.wait_converged()
        await farm.crash("H2")
        with pytest.raises(ConfigurationError, match="at: H2 does not run"):
            await farm.publish("Word", at="H2")
        with pytest.raises(ConfigurationError, match="size_bytes: 0 is out of range"):
            await farm.change_configuration(0)
        with pytest.raises(KeyError, match="H9"):
            await farm.publish("Word", ["H9"])
        with pytest.raises(ConfigurationError, match="app: an application has a name"):
            await farm.publish("")

    play(story)


def test_a_slow_start_is_waited_for_and_leaves_an_error_that_is_benign() -> None:
    """CTX114843, "Bandwidth of Server to Data Store Communication": 8,673 round trips of 60 ms take longer than the
    service manager waits; the error is benign."""

    async def story(farm: Farm) -> None:
        await farm.wait_started()
        started = trio.current_time()
        assert 8_673 * 0.06 < started < 8_673 * 0.06 + 60
        assert [event.kind for event in farm.event_log()] == [EventKind.SERVICE_TIMED_OUT] * 6
        await farm.wait_converged()
        assert all(farm.host_state(host).power == "up" for host in farm.host_names)

    play(story, Topology.of(6, 2, store=StorePlan(round_trip_seconds=0.06)))


def test_a_product_has_its_own_time_between_polls() -> None:
    """Known of the products: 30 minutes, and 10 in the days of MetaFrame XP."""
    for product, millis in ((Product.PS45, 1_800_000), (Product.XP, 600_000)):

        async def story(farm: Farm, product: Product = product, millis: int = millis) -> None:
            assert (farm.product, farm.setting("H1", "DCNChangePollingInterval")) == (product, millis)
            await farm.set_setting("H1", "DCNChangePollingInterval", 5_000)
            assert farm.setting("H1", "DCNChangePollingInterval") == 5_000

        play(story, Topology.of(2, product=product))


def test_the_data_store_and_the_cache_are_counted() -> None:
    """CTX114843, "Bandwidth of Server to Data Store Communication": what starts read, by the formula of version 4.5."""

    async def story(farm: Farm) -> None:
        await farm.wait_converged()
        each = round((416.8 + 2.04 * 5) * 1_024)
        assert counted(farm, "DataStore reads") == 6
        assert abs(counted(farm, "DataStore bytes read") - 6 * each) <= 6
        await farm.change_configuration(70_000)
        await trio.sleep(1_800)
        assert counted(farm, "DataStore reads") == 12
        assert abs(counted(farm, "DataStore bytes read") - 6 * each - 5 * 70_000) <= 6
        await farm.store_down()
        await farm.restart("H5")
        await trio.sleep(0.5)
        assert farm.statistics().counters["Z2"]["LocalHostCache bytes read/sec"] == pytest.approx(each, abs=1)
        await trio.sleep(0.5)
        assert counted(farm, "LocalHostCache bytes read/sec") == 0
        await trio.sleep(599)
        assert farm.statistics().counters["Z2"]["DataStoreConnectionFailure"] >= 10
        assert [event.kind for event in farm.event_log() if event.host == "H5"] == [
            EventKind.STORE_UNREACHABLE,
            EventKind.STARTED_FROM_CACHE,
        ]

    play(story)
