"""Scaling benches: a case in its process, series that end in time, and the page that they write."""

import json
from pathlib import Path

import pytest

import scaling
from _cases import Case, Measured, Unmeasured, measure
from _tables import exponent, queue_table, replaced, scaling_tables, time_exponent, write_chart
from _targets import TARGETS, Bound, Target, target_row


def took(seconds: float, peak_mib: float = 100.0) -> Measured:
    return Measured(
        seconds=seconds,
        processor_seconds=seconds,
        before_seconds=0.0,
        peak_mib=peak_mib,
        empty_mib=40.0,
        events=0,
        messages=0,
        storm_messages=0,
    )


@pytest.mark.parametrize(
    ("case", "sent"),
    [
        (Case("boot", 20), "messages"),
        (Case("steady", 20, seconds=300.0), "messages"),
        (Case("failover", 20, zones=2), "storm_messages"),
    ],
)
def test_each_work_is_done_in_its_own_process(case: Case, sent: str) -> None:
    measured = measure(case, within_seconds=300.0)
    assert isinstance(measured, Measured), measured
    assert getattr(measured, sent) > 0
    assert measured.peak_mib > measured.empty_mib > 0


def test_a_case_that_takes_too_long_is_given_up() -> None:
    assert measure(Case("boot", 10), within_seconds=0.0) == Unmeasured("more than 0 s", 0.0)


def test_a_case_that_fails_says_why() -> None:
    failed = measure(Case("dance", 10), within_seconds=300.0)
    assert isinstance(failed, Unmeasured)
    assert "no such work: dance" in failed.why


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_the_exponent_of_a_power_is_its_power(power: float) -> None:
    assert exponent([(n, 3e-6 * n**power) for n in (100, 300, 10_000)]) == pytest.approx(power)


def test_no_exponent_is_made_of_noise() -> None:
    runs = {10: took(0.004), 100: took(0.001), 1_000: took(0.1), 10_000: took(10.0)}
    assert time_exponent(runs) == pytest.approx(2.0)
    assert time_exponent({1_000: took(0.1), 10_000: Unmeasured("why")}) is None


def test_a_series_ends_before_it_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """1 s, 9 s, and then 81 s, which 10 s are not worth a try."""
    monkeypatch.setattr(scaling, "measure", lambda case, budget: took((case.hosts / 100) ** 2))
    runs = scaling.run_series(lambda n: Case("boot", n), (100, 300, 900, 2_700), 10.0, lambda n, what: None)
    assert list(runs) == [100, 300]


def test_a_series_ends_with_what_took_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "measure", lambda case, budget: Unmeasured("more than 10 s", budget))
    runs = scaling.run_series(lambda n: Case("boot", n), (100, 300), 10.0, lambda n, what: None)
    assert runs == {100: Unmeasured("more than 10 s", 10.0)}


def test_the_tables_have_a_row_for_each_n_and_the_exponent() -> None:
    tables = scaling_tables({"boot": {100: took(0.02), 1_000: took(0.2)}, "day": {100: Unmeasured("more than 9 s")}})
    assert tables.splitlines() == [
        "| wall time, hosts | boot | day |",
        "| --- | --- | --- |",
        "| 100 | 20 ms | more than 9 s |",
        "| 1,000 | 0.2 s |  |",
        "| exponent | 1.00 |  |",
        "",
        "| peak memory, hosts | boot | day |",
        "| --- | --- | --- |",
        "| 100 | 100 MiB | more than 9 s |",
        "| 1,000 | 100 MiB |  |",
    ]


@pytest.mark.parametrize(
    ("bound", "value", "verdict"),
    [
        (Bound(2.0, 1.0), 1.0, "goal"),
        (Bound(2.0, 1.0), 2.0, "met"),
        (Bound(2.0, 1.0), 2.1, "missed"),
        (Bound(2.0), 1.9, "goal"),
        (Bound(1.6, 1.9, at_least=True), 1.5, "missed"),
        (Bound(1.6, 1.9, at_least=True), 1.6, "met"),
        (Bound(1.6, 1.9, at_least=True), 2.0, "goal"),
    ],
)
def test_a_bound_judges(bound: Bound, value: float, verdict: str) -> None:
    assert bound.verdict(value) == verdict


def test_a_row_is_judged_by_its_worst_figure() -> None:
    target = Target("work", Case("boot", 10), {"s": Bound(2.0, 1.0), "MiB": Bound(500)})
    assert target_row(target, {"s": 0.5, "processor s": 0.5, "MiB": 501.0}) == [
        "work",
        "0.5 s, 501 MiB",
        "2 s, 500 MiB",
        "1 s",
        "missed",
    ]


def test_a_row_says_when_the_machine_was_busy_with_something_else() -> None:
    row = target_row(Target("work", Case("boot", 10), {"s": Bound(2.0)}), {"s": 1.0, "processor s": 0.5, "MiB": 9.0})
    assert row[1] == "1 s (0.5 s on a processor), 9 MiB"


@pytest.mark.parametrize(("seconds", "verdict"), [(1.0, "not measured"), (2.0, "missed")])
def test_a_row_that_was_given_up_has_missed_what_it_had_time_for(seconds: float, verdict: str) -> None:
    target = Target("work", Case("boot", 10), {"s": Bound(2.0)})
    assert target_row(target, Unmeasured("too long", seconds))[-1] == verdict


def test_every_target_asks_for_figures_that_a_run_has() -> None:
    known = {"s", "MiB", "B a host", "ns a message", "times"}
    assert {unit for target in TARGETS for unit in target.bounds} <= known


def test_the_page_keeps_all_but_what_stands_between_the_marks() -> None:
    page = "before\n<!-- x: begin -->\nold\n<!-- x: end -->\nafter"
    new = replaced(page, "x", "new")
    assert new == "before\n<!-- x: begin -->\n\nnew\n\n<!-- x: end -->\nafter"
    assert replaced(new, "x", "new") == new
    with pytest.raises(ValueError, match=r"the page has no <!-- y: begin -->"):
        replaced(page, "y", "new")


def test_the_page_in_the_tree_has_all_marks(pytestconfig: pytest.Config) -> None:
    page = (pytestconfig.rootpath / "docs/performance.md").read_text(encoding="utf-8")
    for mark in ("scaling", "targets", "queue"):
        assert "figures" in replaced(page, mark, "figures")


def test_what_is_written_keeps_what_others_wrote(tmp_path: Path) -> None:
    (tmp_path / "performance.md").write_text("<!-- a: begin --><!-- a: end -->\n<!-- b: begin --><!-- b: end -->")
    scaling.write(tmp_path, "a", "table a", {"rows": 1})
    scaling.write(tmp_path, "b", "table b", {"rows": 2})
    page = (tmp_path / "performance.md").read_text(encoding="utf-8")
    assert page.index("table a") < page.index("table b")
    assert page.count("| rustc |") == 2
    kept = json.loads((tmp_path / "performance.json").read_text(encoding="utf-8"))
    assert {mark: figures["rows"] for mark, figures in kept.items()} == {"a": 1, "b": 2}


def test_the_queue_is_read_from_criterion(tmp_path: Path) -> None:
    for name, median in (("schedule", 14.2), ("heap", 112.0)):
        noted = tmp_path / f"queue/{name}/10000/new"
        noted.mkdir(parents=True)
        (noted / "estimates.json").write_text(json.dumps({"median": {"point_estimate": median}}))
    assert queue_table(tmp_path).splitlines()[2:] == ["| 10,000 | 14 ns | 112 ns | 8 times |"]


def test_the_chart_is_a_picture_by_itself(tmp_path: Path) -> None:
    write_chart({"boot": {100: took(0.02), 1_000: took(0.2)}}, tmp_path / "chart.svg")
    chart = (tmp_path / "chart.svg").read_text(encoding="utf-8")
    assert chart.startswith("<svg")
    assert "wall time, s" in chart and "peak memory, MiB" in chart and "boot" in chart
    assert "href" not in chart.replace("xlink", "")
