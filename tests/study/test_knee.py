"""The knee that experiments find is the one that the protocol's rules ask for, and what is recommended names it."""

import pytest

from imafarm import HostRecord, HostResolver, Link, Topology
from imafarm.study import study
from imafarm.study._cost import cost_of_less
from imafarm.study._knee import CACHE_ENTRIES, Knee, Need, bracket, grid, need_of, next_value, recommendation

from .conftest import Here

STEADY = ["binding_churn", "evictions", "handshake_bytes", "update_delay_p50", "update_delay_p99"]


@pytest.mark.parametrize(
    ("hosts", "zones", "need"), [(40, 1, 39), (120, 1, 119), (120, 2, 60), (121, 4, 33), (41, 20, 21), (2, 1, 1)]
)
def test_it_is_where_the_rules_say(here: Here, hosts: int, zones: int, need: int) -> None:
    found = study("cache", hosts=hosts, zones=zones, measures=STEADY, executor=here, repeat=2 if zones < 10 else 1)
    assert found.complete and found.passed
    if need < 2:
        # The least that the setting takes is enough.
        assert found.knee is None
        assert found.recommendation is not None and "Leave" in found.recommendation
        return
    assert found.knee is not None
    assert (found.knee.value, found.knee.below, found.knee.theory) == (need, need - 1, need)
    assert found.recommendation is not None and f"at {need} or more" in found.recommendation
    churn = {mean.vary[CACHE_ENTRIES]: mean.measures["binding_churn"] for mean in found.means}
    assert all((rate or 0) > 0 for value, rate in churn.items() if value < need)
    assert all(rate == 0 for value, rate in churn.items() if value >= need)


def test_beyond_the_default_it_says_what_to_set_and_on_whom(here: Here) -> None:
    found = study("cache", hosts=700, measures=STEADY, repeat=2, executor=here)
    assert found.knee is not None and found.knee.value == 699 == found.knee.theory
    assert found.recommendation is not None
    assert found.recommendation.startswith(
        "Set MaxHostAddressCacheEntries to at least 699 on every host that can become data collector (all 700): "
        "below it members have to bind anew, 69"
    )
    assert " times a minute at 698; above it nothing is gained; " in found.recommendation
    assert found.recommendation.endswith("ask for 699 (the 699 other hosts of Z1).")
    assert "\n" not in found.recommendation


def test_session_hosts_are_members_and_need_nothing_themselves(here: Here) -> None:
    records = [
        HostRecord(name=f"S{number}", zone="Office", host_id=number, session_only=number > 3) for number in range(1, 41)
    ]
    found = study("cache", topology=Topology.of(HostResolver(records)), executor=here, repeat=1)
    assert found.knee is not None and (found.knee.value, found.knee.theory) == (39, 39)
    assert found.knee.hosts == "every host that can become data collector (3 of 40 hosts)"
    assert all(mean.measures["converge_seconds"] for mean in found.means if mean.vary[CACHE_ENTRIES] == 512)


def test_zones_without_a_collector_and_strangers_need_no_binding() -> None:
    records = [HostRecord(name=f"A{number}", zone="A", host_id=number) for number in range(1, 11)]
    records += [HostRecord(name=f"B{number}", zone="B", host_id=20 + number, session_only=True) for number in range(5)]
    records += [HostRecord(name="C", zone="C", host_id=30), HostRecord(name="Stray", zone="A", host_id=31)]
    need = need_of(Topology.of(HostResolver(records), host_magic={"Stray": 7}))
    assert (need.entries, need.zone, need.others, need.peers) == (10, "A", 9, 1)
    assert (need.hosts, need.session_only) == (11, 5)


def test_a_host_with_a_value_of_its_own_gets_the_value_that_is_tried(here: Here) -> None:
    topology = Topology.of(40, host_settings={"H1": {CACHE_ENTRIES: 4096, "KeepAliveInterval": 30_000}})
    found = study("cache", topology=topology, measures=["binding_churn"], repeat=1, executor=here)
    assert found.knee is not None and found.knee.value == 39


def test_pings_that_are_rare_still_need_their_binding(here: Here) -> None:
    found = study("cache", hosts=40, zones=2, settings={"PeerPingInterval": 600_000}, measures=STEADY, executor=here)
    assert found.knee is not None and found.knee.value == 20 == found.knee.theory


def test_values_that_are_all_enough(here: Here) -> None:
    found = study("cache", hosts=30, vary={CACHE_ENTRIES: [29, 64]}, measures=STEADY, repeat=1, executor=here)
    assert found.knee is None
    assert found.recommendation == (
        "Leave MaxHostAddressCacheEntries at its default of 512: even with 29, the least tried, no binding that a data "
        "collector needs is torn down; the protocol's rules ask for 29 (the 29 other hosts of Z1)."
    )
    above = study("cache", hosts=30, vary={CACHE_ENTRIES: [1000]}, measures=STEADY, repeat=1, executor=here)
    assert above.recommendation is not None and above.recommendation.startswith(
        "Set MaxHostAddressCacheEntries to at least 1000, the least tried, on every host"
    )


def test_values_that_are_all_too_small(here: Here) -> None:
    found = study("cache", hosts=30, vary={CACHE_ENTRIES: "4..28"}, measures=STEADY, repeat=1, executor=here)
    assert found.knee is None
    assert found.recommendation == (
        "Set MaxHostAddressCacheEntries to at least 29 on every host that can become data collector (all 30), as the "
        "protocol's rules ask (the 29 other hosts of Z1): 28, the most tried, is not enough, 29 bindings a minute are "
        "torn down and set up again."
    )
    assert found.cost is None


SHORT = [(5.0, 10.0)]


@pytest.mark.parametrize(
    ("tried", "need", "said"),
    [
        (
            64,
            Need(39, "Z1", 39, 0, 40, 0),
            "Set MaxHostAddressCacheEntries to more than 64, the most tried, on every host that can become data "
            "collector (all 40): even with that, 5 bindings a minute are torn down and set up again, though the "
            "protocol's rules ask for 39 alone (the 39 other hosts of Z1).",
        ),
        (
            131_072,
            Need(199_999, "Z1", 199_999, 0, 200_000, 0),
            "Split Z1 or set MaxHostAddressCacheEntries to 131072, the largest there is, on every host that can become "
            "data collector (all 200,000): the protocol's rules ask for 199999 (the 199,999 other hosts of Z1), and "
            "with 131072, the most tried, 5 bindings a minute are torn down and set up again.",
        ),
    ],
)
def test_too_small_for_what_the_rules_do_not_say(tried: int, need: Need, said: str) -> None:
    assert recommendation({tried: SHORT}, need, 512) == said


@pytest.mark.parametrize(
    ("need", "told", "who"),
    [
        (Need(0, "Z1", 0, 0, 1, 0), "there is no other host", "the one host that can become data collector"),
        (Need(1, "Z1", 0, 1, 2, 0), "the other zone's collector", "every host that can become data collector (all 2)"),
        (
            Need(2_999, "Z1", 1_999, 1_000, 3_000, 9_000),
            "the 1,999 other hosts of Z1 and the 1,000 other zones' collectors",
            "every host that can become data collector (3,000 of 12,000 hosts)",
        ),
        (
            Need(3, "Z1", 1, 2, 1, 5),
            "the other host of Z1 and the 2 other zones' collectors",
            "the one host that can become data collector",
        ),
    ],
)
def test_numbers_are_told_as_people_do(need: Need, told: str, who: str) -> None:
    assert (need.told, need.who) == (told, who)


def test_the_value_is_told_as_it_is_typed() -> None:
    said = recommendation({1998: SHORT, 1999: [(0.0, 10.0)]}, Need(1_999, "Z1", 1_999, 0, 2_000, 0), 512)
    assert said is not None and said.startswith("Set MaxHostAddressCacheEntries to at least 1999 on every host")
    assert (
        "(all 2,000)" in said and "5 times a minute at 1998" in said and said.endswith("(the 1,999 other hosts of Z1).")
    )


def test_what_it_costs_to_set_less() -> None:
    knee = Knee(CACHE_ENTRIES, 29, 28, 29, "binding_churn", "all")
    steady = {"update_delay_p99": 1.5, "handshake_bytes": 1_740.0}
    measured: dict[int, list[dict[str, float | None]]] = {
        24: [{**steady, "converge_seconds": 1.25}],
        28: [{**steady, "converge_seconds": None}, {"update_delay_p99": 2.5, "handshake_bytes": 1_740.0}],
        29: [{"update_delay_p99": 0.5, "handshake_bytes": 0.0}],
        32: [{"update_delay_p99": 9.0, "handshake_bytes": 9.0, "converge_seconds": 1.25}],
        64: [{"converge_seconds": 9.0}],
    }
    assert cost_of_less(knee, measured) == (
        "At 28 instead of 29: 99 of 100 updates arrive within 2 instead of 0.5 ms; handshakes take 1,740 instead of 0 "
        "bytes a minute; converging in a failover takes 1.25 s at both (at 24 and 32)."
    )
    assert cost_of_less(knee, {28: [{"evictions": 1.0}], 29: [{}]}) is None


@pytest.mark.parametrize("need", [1, 2, 39, 60, 512, 513, 1_999, 9_999, 99_999, 10**6])
def test_the_values_to_begin_with_hold_the_default_and_lie_on_both_sides(need: int) -> None:
    values = grid(need)
    assert 512 in values and len(values) <= 9 and values == tuple(sorted(set(values)))
    assert min(values) >= 2 and max(values) <= 1 << 17
    if 4 <= need <= 1 << 17:
        assert min(values) <= need / 2 and max(values) >= need


def test_the_knee_is_looked_for_between_neighbours() -> None:
    short, enough = [(10.0, 10.0)], [(0.0, 10.0)]
    assert next_value({8: short, 16: enough}) == 12
    assert next_value({8: short, 12: short, 13: enough, 16: enough}) is None
    assert bracket({8: short, 12: [], 16: enough}) == (8, 16)
    # What is enough once and too small above that is too small.
    assert bracket({8: enough, 12: short, 16: enough}) == (12, 16)
    assert next_value({8: short}) is None and next_value({8: enough}) is None and next_value({}) is None
    # A binding now and then is no thrashing.
    assert bracket({8: short, 16: [(0.009, 10.0)]}) == (8, 16)


def test_an_update_takes_the_links_it_has_to_and_five_where_its_binding_was_torn_down(here: Here) -> None:
    link = Link(latency_seconds=0.01, jitter_seconds=0.0, bandwidth_bits_per_second=0.0)
    found = study(
        "cache",
        topology=Topology.of(40, inside=link),
        vary={CACHE_ENTRIES: [4, 64]},
        measures=STEADY,
        executor=here,
        repeat=1,
    )
    delays = {
        mean.vary[CACHE_ENTRIES]: (mean.measures["update_delay_p50"], mean.measures["update_delay_p99"])
        for mean in found.means
    }
    assert delays[64] == (10.0, 10.0)
    # Connect, BIND_REQUEST, BIND_RESPONSE, BIND_COMMIT, SESSION_UPDATE.
    assert delays[4] == (50.0, 50.0)


def test_failover_is_played_where_it_is_asked_for_and_never_to_find_the_knee(here: Here) -> None:
    study("cache", hosts=40, measures=STEADY, repeat=1, executor=here)
    assert not any(point.failover for point in here.points)
    here.points.clear()
    found = study("cache", hosts=40, repeat=1, executor=here)
    tried = {one["name"]: one["values"] for one in found.asked["vary"]}[CACHE_ENTRIES]
    assert sorted(point.values[0] for point in here.points if point.failover) == sorted(tried)
    for mean in found.means:
        played = mean.vary[CACHE_ENTRIES] in tried
        for name in ("converge_seconds", "election_messages", "failover_memory"):
            assert (mean.measures[name] is not None) == played


def test_what_else_is_asked_for_changes_no_measure(here: Here) -> None:
    whole = study("cache", hosts=30, repeat=2, executor=here)
    some = study("cache", hosts=30, repeat=2, measures=["election_messages", "binding_churn"], executor=here)
    for one, other in zip(whole.rows, some.rows, strict=True):
        assert other.measures == {name: one.measures[name] for name in other.measures}
        assert one.digest == other.digest


def test_the_collectors_busy_share_needs_work_that_costs_something(here: Here) -> None:
    names = ["collector_busy", "binding_churn"]
    idle = study("cache", hosts=20, measures=names, repeat=1, executor=here)
    assert all(row.measures["collector_busy"] is None for row in idle.rows)
    costs = {"WorkCostHeartbeat": 10_000, "WorkCostBindResponse": 5_000}
    busy = study("cache", hosts=20, measures=names, repeat=1, settings=costs, executor=here)
    share = {row.vary[CACHE_ENTRIES]: row.measures["collector_busy"] for row in busy.rows}
    # 19 heartbeats a minute, and as many BIND_RESPONSEs where each has to bind first.
    assert share[512] == pytest.approx(19 * 0.01 / 60)
    assert share[4] == pytest.approx(19 * 0.015 / 60)
