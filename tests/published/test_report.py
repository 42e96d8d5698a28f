"""Published beside measured: the verdict, its JSON and its print. The measurements are made up."""

from __future__ import annotations

import io
import json
from fractions import Fraction

import pytest
from rich.console import Console

from imafarm import Product
from imafarm.published import FIGURES, Direction, Figure, Kind, Report, Unit, figures_of, judge
from imafarm.published._report import Key, key_of
from imafarm.report.published import print_report


def as_published(figures: tuple[Figure, ...] = FIGURES) -> dict[Key, Fraction | int | None]:
    """Measurements that agree: the whole number of bytes nearest to each figure."""
    measured: dict[Key, Fraction | int | None] = {}
    for figure in figures:
        amount = figure.value * figure.unit.size
        measured[key_of(figure)] = amount if figure.unit is Unit.TIMES else round(amount)
    application = (Product.PS45, "a full update, each application", Direction.TRANSMITTED)
    if application in measured:
        # Less than one byte and a half, so it is measured over many.
        measured[application] = Fraction(1_331, 1_000)
    return measured


def printed(report: Report, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    print_report(report, Console(file=file, width=80))
    file.flush()
    return raw.getvalue().decode(encoding)


CONNECT: Key = (Product.PS45, "connect, load shared", Direction.TRANSMITTED)


def test_whole_bytes_nearest_to_every_figure_hold() -> None:
    report = judge(FIGURES, as_published())
    assert report.holds
    assert [row.figure for row in report.rows] == list(FIGURES)


@pytest.mark.parametrize(
    "figure", FIGURES, ids=lambda figure: f"{figure.product} {figure.operation} {figure.direction}"
)
def test_no_row_holds_whatever_is_measured(figure: Figure) -> None:
    """Beyond the last digit printed, above and below, a row is off; and so it is when nothing is seen."""
    beyond = figure.within + Fraction(1, 1_000)
    for measured in (figure.value + beyond, figure.value - beyond, None):
        scaled = None if measured is None else measured * figure.unit.size
        (row,) = judge([figure], {key_of(figure): scaled}).rows
        assert not row.holds
    for measured in (figure.value + figure.within, figure.value - figure.within):
        (row,) = judge([figure], {key_of(figure): measured * figure.unit.size}).rows
        assert row.holds


def test_one_row_that_is_off_fails_the_report() -> None:
    report = judge(FIGURES, as_published() | {CONNECT: 201})
    (off,) = (row for row in report.rows if not row.holds)
    assert key_of(off.figure) == CONNECT
    assert off.difference == Fraction(201, 1_024) - Fraction(".19")
    assert not report.holds


def test_a_figure_nobody_measured_and_a_measurement_nobody_published_are_refused() -> None:
    measured = as_published()
    del measured[CONNECT]
    with pytest.raises(ValueError, match="PS45 connect, load shared transmitted"):
        judge(FIGURES, measured)
    with pytest.raises(ValueError, match="PS45 connect, load shared transmitted"):
        judge(figures_of(Product.MF30), as_published(figures_of(Product.MF30)) | {CONNECT: 195})


def test_the_json_has_a_row_for_each_figure_and_nothing_else() -> None:
    told = json.loads(json.dumps(judge(FIGURES, as_published() | {CONNECT: 195}).as_json()))
    assert list(told) == ["rows"]
    assert len(told["rows"]) == len(FIGURES)
    (connect,) = (
        row
        for row in told["rows"]
        if (row["product"], row["operation"], row["direction"]) == ("PS45", "connect, load shared", "transmitted")
    )
    assert connect == {
        "source": "CTX114843, Citrix Presentation Server 4.5 Sharing load information",
        "product": "PS45",
        "operation": "connect, load shared",
        "direction": "transmitted",
        "published": 0.19,
        "measured": 195 / 1_024,
        "unit": "KB",
        "kind": "calibrated",
        "holds": True,
    }


def test_what_was_not_seen_is_null_in_json() -> None:
    rows = judge(FIGURES, as_published() | {CONNECT: None}).as_json()["rows"]
    assert [row["measured"] for row in rows].count(None) == 1
    assert [row["holds"] for row in rows].count(False) == 1


def test_the_print_tells_each_row_and_fits_80_columns() -> None:
    text = printed(judge(FIGURES, as_published() | {CONNECT: 201}))
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("\u2713") == len(FIGURES) - 1
    assert text.count("\u2717") == 1
    assert "\u2026" not in text
    assert "connect, load shared     transmitted    .19 KB    0.1963  +0.0063 calibrated" in text
    assert f"1 of {len(FIGURES)} rows are off" in text
    for source in {figure.source for figure in FIGURES}:
        assert source in text


def test_the_print_says_what_was_not_seen_and_does_without_marks_it_cannot_write() -> None:
    text = printed(judge(FIGURES, as_published() | {CONNECT: None}), encoding="ascii")
    assert "NO connect" in text
    assert "not seen" in text


def test_the_print_counts_both_kinds() -> None:
    report = judge(FIGURES, as_published())
    told = f"all rows hold: {len(FIGURES)} rows, {report.count(Kind.CALIBRATED)} calibrated"
    assert told in printed(report)
    assert report.count(Kind.CALIBRATED) + report.count(Kind.EMERGENT) == len(FIGURES)
