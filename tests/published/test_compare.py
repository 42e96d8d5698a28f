"""`imafarm compare published`: every figure beside what an emulated farm makes of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from time import perf_counter
from typing import NamedTuple

import pytest

import imafarm
from imafarm import Farm, Product, Topology, cli, open_emulated_farm
from imafarm.published import FIGURES, Direction, Kind, Report, _figures, compare_with
from imafarm.published._bench import Bench, Opener
from imafarm.published._report import key_of

LONGEST_SECONDS = 20.0


class Answer(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> Answer:
    with pytest.raises(SystemExit) as left:
        cli.main(["compare", "published", *arguments])
    assert isinstance(left.value.code, int)
    return Answer(left.value.code, *capsys.readouterr())


def opener(product: Product | None = None, *, cut: bool = False) -> Opener:
    """Opens farms of small size; of another product than asked for, or with their zones cut off from one another."""

    @asynccontextmanager
    async def opened(topology: Topology) -> AsyncIterator[Farm]:
        topology = replace(topology, product=product or topology.product)
        async with open_emulated_farm(topology=topology, boot_seconds=None, threads=1) as farm:
            if cut and len(farm.zones) > 1:
                await farm.partition(farm.hosts_of("Z1"))
            yield farm

    return opened


def test_every_row_holds_and_soon(capsys: pytest.CaptureFixture[str]) -> None:
    began = perf_counter()
    answer = call(capsys)
    assert perf_counter() - began < LONGEST_SECONDS
    assert answer.code == 0, answer.out
    assert f"all rows hold: {len(FIGURES)} rows" in answer.out
    assert answer.err == ""


def test_the_json_is_one_object_with_a_row_for_each_figure(capsys: pytest.CaptureFixture[str]) -> None:
    answer = call(capsys, "--json")
    told = json.loads(answer.out)
    assert list(told) == ["rows"]
    keys = ["source", "product", "operation", "direction", "published", "measured", "unit", "kind", "holds"]
    assert all(list(row) == keys for row in told["rows"])
    assert [row["operation"] for row in told["rows"]] == [figure.operation for figure in FIGURES]
    assert all(row["holds"] for row in told["rows"])
    assert {row["kind"] for row in told["rows"]} == {"calibrated", "emergent"}
    assert (answer.code, answer.err) == (0, "")


def test_only_the_rows_of_the_product_that_is_asked_for_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(call(capsys, "--product", "mf30", "--json").out)["rows"]
    assert len(rows) == sum(figure.product is Product.MF30 for figure in FIGURES)
    assert {row["product"] for row in rows} == {"MF30"}


@pytest.mark.parametrize(
    ("product", "said"),
    [
        ("XP", "--product: nothing is published of XP; there are MF30, PS40, PS45"),
        ("PS46", "--product: unknown 'PS46'; did you mean 'PS45'? There are XP, MF30, PS40, PS45"),
    ],
)
def test_a_product_of_which_nothing_is_published_is_a_wrong_call(
    capsys: pytest.CaptureFixture[str], product: str, said: str
) -> None:
    for json_ in ([], ["--json"]):
        assert call(capsys, "--product", product, *json_) == (2, "", f"imafarm: {said}\n")


@pytest.mark.parametrize(
    ("operation", "direction", "printed"),
    [
        ("connect, load shared", Direction.TRANSMITTED, ".20"),
        ("application publishing, each additional server", Direction.TRANSMITTED, "467"),
        ("relaying an update, 3 zones", Direction.TRANSMITTED, "3"),
        ("a logon", Direction.READ, "1"),
        ("a start, each other server", Direction.READ, "2.05"),
    ],
)
def test_a_figure_that_is_wrong_by_its_last_digit_is_found(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    direction: Direction,
    printed: str,
) -> None:
    wrong = [
        replace(figure, printed=printed) if key_of(figure) == (Product.PS45, operation, direction) else figure
        for figure in FIGURES
    ]
    monkeypatch.setattr(_figures, "FIGURES", tuple(wrong))
    answer = call(capsys, "--product", "PS45", "--json")
    off = [row for row in json.loads(answer.out)["rows"] if not row["holds"]]
    assert [(row["operation"], row["direction"]) for row in off] == [(operation, direction)]
    assert answer.code == 1


@pytest.fixture(scope="module")
def of_another_product() -> Report:
    """Version 4.5's figures beside farms that go by another profile."""
    return imafarm.run(compare_with, Product.PS45, opener(Product.MF30))


def test_farms_that_go_by_another_profile_are_found(of_another_product: Report) -> None:
    off = {row.figure.operation for row in of_another_product.rows if not row.holds}
    assert {"connect, load shared", "connect, load not shared", "a start, each other server"} <= off
    assert {"the least change that is not broadcast", "a session event, less for load not shared"} <= off


def test_emergent_rows_hold_whatever_the_profile_says(of_another_product: Report) -> None:
    emergent = [row for row in of_another_product.rows if row.figure.kind is Kind.EMERGENT]
    assert len(emergent) == 7
    assert all(row.holds for row in emergent)


def test_what_does_not_come_about_does_not_hold() -> None:
    """In farms whose zones cannot reach one another nothing is transmitted, and nothing to nobody is not 0 KB."""
    report = imafarm.run(compare_with, Product.PS40, opener(cut=True))
    held = {row.figure.operation for row in report.rows if row.holds}
    assert held == {"a start, one server in the farm", "a start, each other server", "an election"}
    unseen = {row.figure.operation for row in report.rows if row.measured is None}
    assert {"connect, load shared", "server query", "starting a new server", "application publishing"} <= unseen


def test_a_comparison_is_the_same_twice(of_another_product: Report) -> None:
    assert imafarm.run(compare_with, Product.PS45, opener(Product.MF30)) == of_another_product


def test_a_farm_that_never_comes_to_rest_is_no_bench() -> None:
    """What would go on by itself could not be told from what an operation sends."""

    async def main() -> None:
        bench = Bench(Product.PS45, frozenset(), opener())
        async with bench.farm(3, settings={"KeepAliveInterval": 1_000}):
            pytest.fail("heartbeats go to and fro")

    with pytest.raises(RuntimeError, match="the farm has not come to rest within 600 s"):
        imafarm.run(main)
