"""Scenarios that make sense in both worlds come to the same in both: winners, kinds of messages, and how many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from imafarm.scenario import Verdict
from imafarm.scenarios import SCENARIOS, cold_boot, publish_application
from imafarm.topology import Topology

IN_BOTH: Mapping[str, Mapping[str, int]] = {
    "master-failover": {},
    "cold-boot": {},
    "cache-thrash": {"MaxHostAddressCacheEntries": 6},
    "two-masters": {},
    "publish-application": {},
}
"""Scenarios that are played in both worlds, and what is turned for them besides `quick`."""
IN_ONE: Mapping[str, str] = {
    "session-storm": "its users are drawn inside the emulator; `imafarm load` has those of a live farm",
    "day": "a day takes a day",
    "missed-change": "it tells a poll to 10 ms, which no busy machine keeps",
    "store-outage": "an outage of four days takes four days",
    "cycle-boot": "its data store has a place, and so round trips that only the emulator makes",
}
"""Scenarios that are not, and why."""
HOSTS, ZONES = 12, 2

OFTEN = 30
"""Of fewer messages of a kind it is chance how many there are."""
FACTOR = 2.0
"""By which counts of one kind may differ: who doubts first, and how many stand then, is a matter of milliseconds."""
PINGS = {"IMA_PING", "IMA_PING_ACK", "PEER_PING", "PEER_PING_ACK"}
BY_CHANCE = {*PINGS, "LOAD_UPDATE", "LOAD_REQUEST", "FULL_UPDATE_REQUEST", "FULL_UPDATE"}
"""Kinds that a scenario has or has not by how its messages happened to cross."""


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scenarios' own waits are as long as they have to be for what is compared here."""
    monkeypatch.setattr(cold_boot, "STEADY_SECONDS", 6.0)
    monkeypatch.setattr(publish_application, "QUIET_SECONDS", 2.0)


def test_every_scenario_is_either_played_in_both_worlds_or_says_why_not() -> None:
    assert sorted([*IN_BOTH, *IN_ONE]) == sorted(SCENARIOS)
    assert all(IN_ONE.values())


@pytest.mark.parametrize("name", IN_BOTH)
def test_a_scenario_comes_to_the_same_in_both_worlds(worlds: Any, quick: Mapping[str, int], name: str) -> None:
    topology = Topology.of(HOSTS, ZONES, settings={**quick, **IN_BOTH[name]})
    emulated, live = (worlds.play(world, SCENARIOS[name], topology) for world in worlds.ALL)
    for verdict in (emulated, live):
        assert verdict.passed, [check for check in verdict.checks if not check.passed]
    assert live.masters == emulated.masters
    assert [check.name for check in live.checks] == [check.name for check in emulated.checks]
    assert kinds(live) ^ kinds(emulated) <= BY_CHANCE
    for kind in kinds(emulated) - BY_CHANCE:
        counts = [verdict.statistics.messages[kind].sent for verdict in (emulated, live)]
        assert max(counts) < OFTEN or max(counts) <= FACTOR * min(counts), (kind, counts)


def kinds(verdict: Verdict) -> set[str]:
    """The kinds of which there were messages."""
    return {kind for kind, traffic in verdict.statistics.messages.items() if traffic.sent}
