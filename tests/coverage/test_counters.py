"""docs/counters.md lists the product's counters. Here a farm is held to it: it gives those and no others, in each zone,
and each of them moves when it should."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
import trio

import imafarm
from imafarm.farm import GAUGES, Bindings, FarmStatistics

PUBLISHED = {
    "DataStore bytes read",
    "DataStore reads",
    "DynamicStoreGatewayUpdateCount",
    "DynamicStoreGatewayUpdateBytesSent",
    "DynamicStoreQueryCount",
    "DynamicStoreQueryRequestBytesReceived",
    "DynamicStoreQueryResponseBytesSent",
    "DynamicStoreUpdatePacketsReceived",
    "DynamicStoreUpdateBytesReceived",
    "DynamicStoreUpdateResponseBytesSent",
    "LocalHostCache bytes read/sec",
    "WorkItemQueueReadyCount",
    "WorkItemQueuePendingCount",
    "WorkItemQueueExecutingCount",
    "ResolutionWorkItemQueueReadyCount",
    "ZoneElections",
    "ZoneElectionsWon",
    "DataStoreConnectionFailure",
}

OPEN = "-"
"""Stands in the cell of a counter that is still to be counted."""


class Counter(NamedTuple):
    """A row of the page."""

    name: str
    unit: str
    is_: str
    meaning: str
    test: str


@pytest.fixture(scope="module")
def rows(pytestconfig: pytest.Config) -> list[Counter]:
    """The counters of the page."""
    page = (pytestconfig.rootpath / "docs/counters.md").read_text(encoding="utf-8")
    found = [Counter(*line.strip("| ").split(" | ")) for line in page.splitlines() if line.startswith("| `")]
    return [counter._replace(name=counter.name.strip("`")) for counter in found]


@pytest.fixture(scope="module")
def listed(rows: list[Counter]) -> dict[str, str]:
    """By counter: its test."""
    return {counter.name: counter.test for counter in rows}


def given() -> set[str]:
    """The counters that every zone of a farm gives."""

    async def main() -> set[str]:
        async with imafarm.open_emulated_farm(hosts=2, zones=2) as farm:
            names = [set(counters) for counters in farm.statistics().counters.values()]
            assert len(names) == 2 and names[0] == names[1]
            return names[0]

    return imafarm.run(main)


def test_every_published_counter_is_listed(rows: list[Counter]) -> None:
    assert sorted(counter.name for counter in rows) == sorted(PUBLISHED)
    assert {counter.is_ for counter in rows} == {"total", "now"}
    assert {counter.name for counter in rows if counter.is_ == "now"} == GAUGES


def test_totals_of_a_part_are_differences_and_what_is_now_stays() -> None:
    def statistics(**counters: int) -> FarmStatistics:
        return FarmStatistics(0.0, 0, {}, Bindings(), 0, 0, {"Z1": counters})

    now = statistics(ZoneElections=5, WorkItemQueueReadyCount=3)
    assert now.since(statistics(ZoneElections=2, WorkItemQueueReadyCount=7)).counters == {
        "Z1": {"ZoneElections": 3, "WorkItemQueueReadyCount": 3}
    }


def test_a_farm_gives_what_is_listed(listed: dict[str, str]) -> None:
    assert given() == {name for name, test in listed.items() if test != OPEN}


def test_the_test_of_each_counter_is_there_and_names_it(listed: dict[str, str], pytestconfig: pytest.Config) -> None:
    for name, test in listed.items():
        if test == OPEN:
            continue
        written = re.fullmatch(r"`(tests/[\w/]+\.py)::(test_\w+)`", test)
        assert written, name
        source = (Path(pytestconfig.rootpath) / written[1]).read_text(encoding="utf-8")
        body = re.search(rf"^def {written[2]}\(.*?(?=^\S)", source + "\nend", re.M | re.S)
        assert body and f'"{name}"' in body[0], name


def test_no_counter_is_open(listed: dict[str, str]) -> None:
    assert [name for name, test in listed.items() if test == OPEN] == []


def test_elections_are_counted_by_zone() -> None:
    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=6, zones=2, seed=7) as farm:
            await farm.wait_converged()
            booted = farm.statistics()
            await trio.sleep(300)
            quiet = farm.statistics()
            await farm.crash("H4")
            await farm.wait_master("Z2", other_than="H4")
            counted = farm.statistics().since(quiet).counters
            assert counted["Z2"]["ZoneElections"] >= 1
            assert counted["Z2"]["ZoneElectionsWon"] == 1
            for unmoved in (counted["Z1"], *quiet.since(booted).counters.values()):
                assert (unmoved["ZoneElections"], unmoved["ZoneElectionsWon"]) == (0, 0)

    imafarm.run(main)
