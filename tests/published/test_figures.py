"""The figures as they are printed, and docs/published.md, which lists them."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest

from imafarm import ConfigurationError, Product
from imafarm.published import FIGURES, Direction, Figure, Kind, Unit, figures_of
from imafarm.published._figures import CONSOLE_TABLES, SESSION_TABLES, half_a_digit
from imafarm.published._report import key_of

PAGE = (Path(__file__).parents[2] / "docs" / "published.md").read_text(encoding="utf-8")


def the(product: Product, operation: str, direction: Direction) -> Figure:
    (figure,) = (figure for figure in FIGURES if key_of(figure) == (product, operation, direction))
    return figure


def test_a_product_an_operation_and_a_direction_name_one_figure() -> None:
    assert len({key_of(figure) for figure in FIGURES}) == len(FIGURES)


@pytest.mark.parametrize(
    ("printed", "half"),
    [
        ("466", Fraction(1, 2)),
        ("1.1", Fraction(1, 20)),
        (".0", Fraction(1, 20)),
        (".19", Fraction(1, 200)),
        ("0.50", Fraction(1, 200)),
        (".0013", Fraction(1, 20_000)),
    ],
)
def test_a_figure_is_as_exact_as_its_last_digit(printed: str, half: Fraction) -> None:
    assert half_a_digit(printed) == half


def test_each_row_of_each_table_is_a_figure() -> None:
    """CTX114843, its five tables of session events and its three of console operations: 40 numbers."""
    tables = [rows for _, _, _, rows in SESSION_TABLES] + [rows for _, _, rows in CONSOLE_TABLES]
    assert [len(rows) for rows in tables] == [4, 4, 4, 4, 4, 3, 3, 3]
    printed = [number for rows in tables for row in rows for number in row]
    assert len(printed) == 40
    of_tables = [figure for figure in FIGURES if "Server 4." in figure.source or "Server 3." in figure.source]
    assert [figure.printed for figure in of_tables] == printed


def test_what_is_rounder_than_its_last_digit_says_so() -> None:
    """CTX114843, "Farm Communication": approximately 300 bytes."""
    saved = the(Product.PS45, "a session event, less for load not shared", Direction.BOTH)
    assert (saved.value, saved.within, saved.unit) == (Fraction(300), Fraction(50), Unit.BYTES)


def test_what_is_counted_or_does_not_happen_is_exact() -> None:
    exact = {figure.operation for figure in FIGURES if not figure.within}
    assert exact == {"a logon", "an election", *(f"relaying an update, {zones} zones" for zones in (2, 3, 5))}


def test_only_what_no_profile_says_is_called_emergent() -> None:
    emergent = {figure.operation for figure in FIGURES if figure.kind is Kind.EMERGENT}
    assert emergent == {
        "server query",
        "a logon",
        "an election",
        *(f"relaying an update, {zones} zones" for zones in (2, 3, 5)),
    }


def test_a_product_has_its_own_figures() -> None:
    by_product = [figures_of(product) for product in (Product.PS45, Product.PS40, Product.MF30)]
    assert sum(map(len, by_product)) == len(figures_of()) == len(FIGURES)
    assert {figure.product for figure in by_product[1]} == {Product.PS40}


def test_a_product_of_which_nothing_is_published_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="--product: nothing is published of XP; there are MF30, PS40, PS45"):
        figures_of(Product.XP)


def test_the_page_lists_every_figure() -> None:
    row = re.compile(r"^\| (\w+) \| ([^|]+) \| (\w+) \| ([\d.]+) (\w+) \| (\w+) \|$", re.MULTILINE)
    assert row.findall(PAGE) == [
        (
            figure.product.value,
            figure.operation,
            figure.direction.value,
            figure.printed,
            figure.unit.value,
            figure.kind.value,
        )
        for figure in FIGURES
    ]


def test_the_page_names_every_source() -> None:
    headings = re.findall(r"^### (.+)$", PAGE, re.MULTILINE)
    assert headings == list(dict.fromkeys(figure.source for figure in FIGURES))
