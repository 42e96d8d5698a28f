"""The same work in other engines: what counts as the same, and that nothing else is compared."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import imafarm
from peers import _chart, _harness, _latencies, _report
from peers._case import peak_bytes
from peers._engines import ENGINES, Engine
from peers._harness import Limits, Result, Runner, run_apart
from peers._work import (
    CannotDo,
    Measured,
    Outcome,
    UnequalWork,
    Work,
    check,
    check_same,
    expected_messages,
    fingerprint,
    latency,
    phase,
    total_messages,
)
from peers.engines import bulk, farm, heap, heap_in_order

HEAPQ = next(engine for engine in ENGINES if engine.name == "heapq")
NUMPY = next(engine for engine in ENGINES if engine.name == "NumPy, in bulk")


def took(outcome: Outcome, seconds: float = 2.0) -> Measured:
    times = fingerprint(outcome.times) if len(outcome.times) else None
    return Measured(replace(outcome, times=()), times, seconds, busy_share=1.0, peak_bytes=30_000_000)


def measure(
    run: Runner, sizes: Sequence[int] = (50,), engines: Sequence[Engine] = (NUMPY, HEAPQ), limits: Limits | None = None
) -> list[Result]:
    return _harness.measure(engines, ["storm"], sizes, limits or Limits(), lambda _: None, run)


def running(change: Callable[[Engine, Outcome], Outcome]) -> Runner:
    """NumPy's work under any engine's name, after a change."""
    return lambda engine, work, hosts, times: [took(change(engine, bulk.storm(hosts)))] * times


def of_heapq(**fields: object) -> Callable[[Engine, Outcome], Outcome]:
    """Other fields in what heapq did."""
    return lambda engine, outcome: replace(outcome, **fields) if engine is HEAPQ else outcome  # type: ignore[arg-type]


@pytest.mark.parametrize("hosts", [3, 4, 50, 300])
def test_a_storm_is_the_same_host_by_host_whatever_settles_it(hosts: int) -> None:
    outcomes = [engine.storm(hosts) for engine in (heap, heap_in_order, bulk)]
    for outcome in outcomes:
        check("storm", hosts, outcome)
        assert list(outcome.times) == list(outcomes[0].times)
        assert (outcome.ended, outcome.winner) == (outcomes[0].ended, hosts - 2)


@pytest.mark.parametrize("hosts", [1, 50])
def test_a_heartbeat_is_the_same_member_by_member(hosts: int) -> None:
    on_heap, at_once = heap.heartbeat(hosts), bulk.heartbeat(hosts)
    check("heartbeat", hosts, on_heap)
    assert on_heap == at_once


def test_the_first_host_starts_all_others_within_a_message() -> None:
    first, *others = bulk.storm(50).times
    assert first == 0 and others[-1] <= latency(0, 48)
    assert all(200_000 <= start < 300_000 for start in others)


def test_latencies_are_the_same_one_by_one_and_at_once() -> None:
    assert _latencies.from_source(5, 7, 90).tolist() == [latency(5, target) for target in range(7, 90)]
    assert _latencies.to_target(5, 7, 90).tolist() == [latency(source, 5) for source in range(7, 90)]
    assert _latencies.phases(90).tolist() == [phase(member) for member in range(90)]


def test_latencies_are_spread_over_their_range() -> None:
    drawn = [int(way) for source in range(100) for way in _latencies.from_source(source, 0, 100)]
    assert 200_000 <= min(drawn) < 200_100 and 299_900 < max(drawn) < 300_000
    assert abs(sum(drawn) / len(drawn) - 250_000) < 1_000


def test_messages_in_closed_form() -> None:
    assert expected_messages("storm", 1_000) == {"ELECT": 499_500, "ACK": 498_501, "DECLARE": 999}
    assert total_messages("heartbeat", 7) == 140


@pytest.mark.parametrize("kind", ["ELECT", "ACK", "DECLARE"])
def test_one_message_less_ends_the_run(kind: str) -> None:
    fewer = {**expected_messages("storm", 50), kind: expected_messages("storm", 50)[kind] - 1}
    with pytest.raises(UnequalWork, match="heapq: storm of 50: sent"):
        measure(running(of_heapq(messages=fewer)))


def test_another_winner_ends_the_run() -> None:
    with pytest.raises(UnequalWork, match="host 47 won, and 48 is"):
        measure(running(of_heapq(winner=47)))


@pytest.mark.parametrize("ended", [1_000_399_999, 1_000_600_001])
def test_a_storm_that_ends_at_another_time_ends_the_run(ended: int) -> None:
    with pytest.raises(UnequalWork, match="and it takes 1,000,400,000 to"):
        measure(running(of_heapq(ended=ended)))


def test_one_host_that_starts_at_another_time_ends_the_run() -> None:
    times = list(bulk.storm(50).times)
    times[20] += 1
    with pytest.raises(UnequalWork, match="not start or hear at the same times in NumPy"):
        measure(running(of_heapq(times=times)))


def test_an_engine_with_latencies_of_its_own_is_held_to_its_messages_alone() -> None:
    outcome = bulk.storm(50)
    check_same("storm", 50, ("NumPy", took(outcome)), ("S4U", took(replace(outcome, times=()))))
    assert len(measure(running(of_heapq(times=())))) == 2


def test_what_is_not_compared_may_send_what_it_likes() -> None:
    other = replace(HEAPQ, compared=False)

    def run(engine: Engine, work: Work, hosts: int, times: int) -> list[Measured]:
        return [took(Outcome({"ELECT": 1}, ended=5))]

    (result,) = measure(run, engines=[other])
    assert result.measured is not None and result.measured.outcome.messages == {"ELECT": 1}


def test_what_would_take_too_long_is_left_out() -> None:
    results = measure(running(lambda _, outcome: outcome), sizes=[300, 50, 100], limits=Limits(case_seconds=20.0))
    assert [(it.hosts, it.why_not) for it in results if it.engine is HEAPQ] == [
        (50, None),
        (100, None),
        (300, "would take about 24 s at 300"),
    ]


def test_when_the_time_is_up_nothing_more_is_begun() -> None:
    results = measure(running(lambda _, outcome: outcome), sizes=[50, 100], limits=Limits(100.0, total_seconds=5.0))
    assert [it.why_not for it in results if it.hosts == 100] == [
        "would take about 11 s at 100, and the time was up"
    ] * 2


def test_an_engine_that_cannot_is_left_out_and_says_why() -> None:
    def run(engine: Engine, work: Work, hosts: int, times: int) -> list[Measured]:
        raise CannotDo("it is not installed")

    results = measure(run, sizes=[50, 100])
    page = _report.page(results, "peers.svg")
    assert "| heapq | - | - |" in page and "- heapq: it is not installed." in page


def test_a_short_case_is_done_again_and_its_median_counts() -> None:
    seconds = iter([0.01, 0.5, 0.1, 0.3, 0.2, 0.4])

    def run(engine: Engine, work: Work, hosts: int, times: int) -> list[Measured]:
        return [took(bulk.storm(hosts), next(seconds)) for _ in range(times)]

    (result,) = measure(run, engines=[NUMPY])
    assert result.times == 5 and result.measured is not None and result.measured.seconds == 0.3


def test_a_case_runs_in_a_process_of_its_own() -> None:
    (apart,) = run_apart(60.0)(HEAPQ, "storm", 50, 1)
    assert apart.fingerprint == fingerprint(bulk.storm(50).times)
    assert apart.peak_bytes > 1_000_000 and apart.peak_bytes != peak_bytes()


def test_a_case_that_fails_says_so() -> None:
    nowhere = replace(HEAPQ, works={"storm": "no_such_work"})
    with pytest.raises(CannotDo, match="failed: AttributeError: .* 'no_such_work'"):
        run_apart(60.0)(nowhere, "storm", 50, 1)


@pytest.mark.parametrize("hosts", [3, 40])
def test_imafarm_does_the_work_too(hosts: int) -> None:
    failover = farm.storm_with_bindings(hosts)
    assert failover.messages == expected_messages("storm", hosts) and failover.winner == hosts - 2
    check("heartbeat", hosts, farm.heartbeat(hosts))


@pytest.mark.parametrize("work", [farm.storm, farm.storm_one_by_one])
def test_imafarm_begins_bound_or_says_that_it_cannot(work: Callable[[int], Outcome]) -> None:
    if "bound" in inspect.signature(imafarm.open_emulated_farm).parameters:
        check("storm", 40, work(40))
    else:
        with pytest.raises(CannotDo, match="opens no farm with bound"):
            work(40)


def test_the_page_has_every_figure_and_the_picture_is_drawn(tmp_path: Path) -> None:
    results = measure(running(lambda _, outcome: outcome), sizes=[50, 100])
    page = _report.page(results, "peers.svg")
    assert "| NumPy, in bulk | **816,327** | **202,020** |" in page
    assert "| heapq | 100 | 202,020 | 4,950 | 30 | 2.00 |" in page
    assert "| n = 100 | 4,950 | 4,851 | 99 |" in page
    _chart.write(results, tmp_path / "peers.svg")
    assert "heapq" in (tmp_path / "peers.svg").read_text(encoding="utf-8")


def test_imafarm_is_set_beside_the_fastest_and_the_fastest_simulator() -> None:
    seconds = {"imafarm": 1.0, "NumPy, in bulk": 0.5, "ns-3": 30.0, "SimPy, callbacks": 60.0}
    engines = [engine for engine in ENGINES if engine.name in seconds]

    def run(engine: Engine, work: Work, hosts: int, times: int) -> list[Measured]:
        return [took(bulk.storm(hosts), seconds[engine.name])]

    results = measure(run, engines=engines)
    assert "- n = 50: 2.00 times as long as NumPy, in bulk; 30.0 times faster than ns-3." in _report.ratios(results)


def test_the_short_table_goes_between_its_marks() -> None:
    text = "before <!-- peers -->old<!-- /peers --> after"
    assert _report.between(text, "peers", "new") == "before <!-- peers -->\nnew\n<!-- /peers --> after"
    with pytest.raises(ValueError, match="are missing"):
        _report.between("nothing", "peers", "new")
