"""What is measured of a point is what the scenario's verdict says, for every scenario."""

import pytest

from imafarm import Link, Topology, open_emulated_farm, run
from imafarm.scenario import Journal, Scenario, Verdict, play
from imafarm.scenarios import SCENARIOS
from imafarm.settings import default_settings
from imafarm.study import known_measures, study
from imafarm.study._cache import percentile
from imafarm.study._measures import FIGURES, as_number, default_measures, slug

from .conftest import Here

ZONES = {"publish-application": 2, "day": 2, "session-storm": 2}


async def _play(scenario: Scenario, topology: Topology, seed: int) -> Verdict:
    async with open_emulated_farm(topology=topology, seed=seed, threads=1) as farm:
        return await play(
            scenario,
            farm,
            Journal(),
            seed=seed,
            product=topology.product,
            settings={**default_settings(), **topology.settings},
            wall_clock=lambda: 0.0,
        )


def verdict_of(name: str, seed: int) -> Verdict:
    scenario, zones = SCENARIOS[name], ZONES.get(name, 1)
    topology = Topology.of(8 * zones, zones)
    return run(_play, scenario, topology if scenario.prepare is None else scenario.prepare(topology), seed)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_study_of_any_scenario_measures_what_a_run_of_it_shows(here: Here, name: str) -> None:
    zones = ZONES.get(name, 1)
    found = study(
        name,
        hosts=8 * zones,
        zones=zones,
        vary={"LoadBias": [200]},
        seed=4,
        repeat=1,
        measures=list(known_measures(name)),
        executor=here,
    )
    (row,) = found.rows
    verdict = verdict_of(name, 4)
    assert (row.verdict, row.digest) == ("passed" if verdict.passed else "failed", verdict.digest)
    assert row.measures["converge_seconds"] == pytest.approx(verdict.converged_seconds, abs=1e-9)
    assert row.measures["messages"] == sum(traffic.sent for traffic in verdict.statistics.messages.values())
    assert row.measures["bindings_evicted"] == verdict.statistics.bindings.evicted
    assert row.measures["users_logged_on"] == verdict.statistics.users.logged_on
    assert row.measures["farm_seconds"] == verdict.virtual_seconds
    assert (row.measures["memory"] or 0) > 0
    # Every number that the scenario writes down is a measure, and no other is one.
    numbers = {figure: number for figure, value in verdict.figures.items() if (number := as_number(value)) is not None}
    assert set(numbers) == set(FIGURES[name])
    assert {slug(figure): number for figure, number in numbers.items()} == {
        name: row.measures[name] for name in map(slug, numbers)
    }
    steady = {"binding_churn", "evictions"}
    assert all((row.measures[one] is not None) == (name == "cache-thrash") for one in steady)
    assert row.measures["update_delay_p99"] is None and row.measures["collector_busy"] is None


def test_the_usual_measures_are_known_ones() -> None:
    assert set(FIGURES) == set(SCENARIOS)
    assert "evictions" in default_measures("cache-thrash")
    assert "evictions_a_minute" not in known_measures("cache-thrash")
    for name in ("cache", *SCENARIOS):
        assert set(default_measures(name)) <= set(known_measures(name))


def test_the_churn_of_the_scenario_of_the_cache_is_that_of_the_study(here: Here) -> None:
    asked = {"MaxHostAddressCacheEntries": [16]}
    names = ["binding_churn", "evictions"]
    scenario = study("cache-thrash", hosts=30, vary=asked, measures=names, repeat=2, executor=here)
    cache = study("cache", hosts=30, vary=asked, measures=names, repeat=2, executor=here)
    assert [dict(row.measures) for row in scenario.rows] == [dict(row.measures) for row in cache.rows]
    assert scenario.rows[0].measures == {"binding_churn": 29.0, "evictions": 29.0}


def test_every_combination_is_played_with_the_same_seeds(here: Here) -> None:
    found = study(
        "cold-boot",
        vary={"zones": [1, 2], "hosts": "4..6:2", "LoadBias": [1]},
        measures=["messages"],
        seed=7,
        repeat=2,
        executor=here,
    )
    rows = [(row.vary["zones"], row.vary["hosts"], row.seed) for row in found.rows]
    assert rows == [(zones, hosts, seed) for zones in (1, 2) for hosts in (4, 6) for seed in (7, 8)]
    assert (found.asked["hosts"], found.asked["zones"]) == (None, None)
    assert found.knee is None and found.recommendation is None
    table = found.table()
    assert table.column_names == ["zones", "hosts", "LoadBias", "seed", "verdict", "messages", "digest"]
    assert len(table) == 8 and table.column("seed") == [7, 8] * 4
    assert [column.unit for column in table.schema if column.name == "messages"] == ["messages"]
    means = {(mean.vary["zones"], mean.vary["hosts"]): mean.measures["messages"] for mean in found.means}
    assert means[(1, 4)] == sum(row.measures["messages"] or 0 for row in found.rows[:2]) / 2
    assert len({row.digest for row in found.rows}) == 8


def test_a_point_whose_farm_fails_a_check_is_failed_and_keeps_its_measures(here: Here) -> None:
    # No answer comes within a millisecond, so nobody keeps a collector.
    topology = Topology.of(3, inside=Link(latency_seconds=0.02))
    found = study("cold-boot", topology=topology, vary={"KeepAliveTimeout": [1, 5000]}, repeat=1, executor=here)
    assert [row.verdict for row in found.rows] == ["failed", "passed"] and not found.passed
    assert all(row.digest and row.measures["messages"] and row.error is None for row in found.rows)


def test_a_notebook_shows_the_means_and_what_to_do(here: Here) -> None:
    found = study("cache", hosts=30, repeat=1, executor=here)
    shown = found._repr_html_()
    assert "<b>29</b>" in shown and "means over 1 seed<" in shown
    assert "<p>At 28 instead of 29: 99 of 100 updates" in shown
    assert "Keep MaxHostAddressCacheEntries at 29 or more" in shown and "the protocol&#x27;s rules" in shown
    assert shown.count("<tr>") == len(found.means) + 1


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([3.0], 0.5, 3.0), ([1.0, 2.0], 0.5, 1.0), ([5.0, 1.0, 3.0], 0.5, 3.0), (list(range(1, 201)), 0.99, 198)],
)
def test_percentiles(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected
