"""`imafarm compare published`: the figures of CTX114843 and IMA Information beside what emulated farms make of them."""

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
from imafarm.published import FIGURES, Direction, Kind, Report, Row, Unit, _figures, compare_with
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


def opener(product: Product | None = None, *, cut: bool = False, wire: bool = False) -> Opener:
    """Opens small farms: of another product than asked for, with zone Z1 cut off, or with all messages encoded."""

    @asynccontextmanager
    async def opened(topology: Topology) -> AsyncIterator[Farm]:
        topology = replace(topology, product=product or topology.product)
        async with open_emulated_farm(topology=topology, boot_seconds=None, wire=wire, threads=1) as farm:
            if cut and len(farm.zones) > 1:
                await farm.partition(farm.hosts_of("Z1"))
            yield farm

    return opened


def rows_of(report: Report, section: str) -> dict[str, list[Row]]:
    """The rows of a section by operation; every one of them holds."""
    rows = [row for row in report.rows if row.figure.source.startswith(section)]
    off = [row.as_json() for row in rows if not row.holds]
    assert rows, f"nothing is measured of {section}"
    assert off == []
    by_operation: dict[str, list[Row]] = {}
    for row in rows:
        by_operation.setdefault(row.figure.operation, []).append(row)
    return by_operation


@pytest.fixture(scope="module")
def report() -> Report:
    """All figures beside farms of their products."""
    return imafarm.run(compare_with, None, opener())


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("Citrix Presentation Server 4.5 Sharing load information", 2),
        ("Citrix Presentation Server 4.5 NOT Sharing load information", 2),
        ("Citrix Presentation Server 4.0 Sharing load information", 1),
        ("Citrix Presentation Server 4.0 NOT Sharing load information", 1),
        ("MetaFrame Presentation Server 3.0 (events)", 1),
    ],
)
def test_session_events_take_what_their_table_says(report: Report, table: str, columns: int) -> None:
    """CTX114843, "Bandwidth of Data Collector Communication": from collector to collector, and back where printed."""
    events = rows_of(report, f"CTX114843, {table}")
    assert [operation.partition(",")[0] for operation in events] == ["connect", "disconnect", "reconnect", "logoff"]
    assert all(len(rows) == columns for rows in events.values())


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("Citrix Presentation Server 4.5 (console)", 2),
        ("Citrix Presentation Server 4.0 (console)", 1),
        ("MetaFrame Presentation Server 3.0 (console)", 1),
    ],
)
def test_console_operations_take_what_their_table_says(report: Report, table: str, columns: int) -> None:
    """CTX114843, "Bandwidth of Data Collector Communication": what one collector sends another."""
    operations = rows_of(report, f"CTX114843, {table}")
    assert list(operations) == ["server query", "application publishing", "changing a zone's data collector"]
    assert all(len(rows) == columns for rows in operations.values())
    assert all(row.measured == 0 for row in operations["server query"])


def test_a_start_reads_what_the_formula_of_its_product_says(report: Report) -> None:
    """CTX114843, "Bandwidth of Server to Data Store Communication": so much, and so much more for each other server."""
    starts = rows_of(report, "CTX114843, Bandwidth of Server to Data Store Communication")
    assert {operation: len(rows) for operation, rows in starts.items()} == {
        "a start, one server in the farm": 3,
        "a start, each other server": 3,
    }


def test_publishing_and_new_servers_take_what_the_text_says(report: Report) -> None:
    """CTX114843, "Bandwidth of Data Collector Communication": 466 bytes for each additional server, and 4.56 KB for one
    that starts, which is more than anything else sends."""
    operations = rows_of(report, "CTX114843, Bandwidth of Data Collector Communication")
    each, new = operations["application publishing, each additional server"], operations["starting a new server"]
    assert [row.measured for row in each] == [466] * 3
    others = [
        row.measured
        for row in report.rows
        if row.figure.unit is Unit.KILOBYTES and row.figure.direction is Direction.TRANSMITTED
        if row.figure.operation not in ("starting a new server", "the least change that is not broadcast")
    ]
    assert min(row.measured or 0 for row in new) > max(amount or 0 for amount in others)


def test_an_update_goes_to_each_other_zone_once(report: Report) -> None:
    """CTX114843, "Initial Boot of a Presentation Server Farm": once with two zones, twice with three."""
    relayed = rows_of(report, "CTX114843, Initial Boot of a Presentation Server Farm")
    assert [[row.measured for row in rows] for rows in relayed.values()] == [[1] * 3, [2] * 3, [4] * 3]


def test_what_is_said_of_farm_communication_holds(report: Report) -> None:
    """CTX114843, "Farm Communication": about 300 bytes less where load is not shared; connections and elections that do
    without the data store; notices of changes under 64 KB, and under 10 KB in version 3.0."""
    operations = rows_of(report, "CTX114843, Farm Communication")
    assert {operation: len(rows) for operation, rows in operations.items()} == {
        "a session event, less for load not shared": 2,
        "a logon": 3,
        "an election": 3,
        "the least change that is not broadcast": 3,
    }


def test_hosts_keep_track_of_one_another_as_the_text_says(report: Report) -> None:
    """IMA Information, "How many connections", "How does the ZDC keep track", "Communication Events"."""
    operations = rows_of(report, "IMA Information, ")
    assert [rows[0].figure.printed for rows in operations.values()] == ["512", "1", "5", "60000"]
    assert all(len(rows) == 3 for rows in operations.values())


def test_full_updates_and_start_times_are_as_published_elsewhere(report: Report) -> None:
    """What a full update is made of, which CTX114843, "Farm Communication", tells without numbers; and how long starts
    took near the data store and far from it."""
    assert len(rows_of(report, "the vendor, elsewhere")) == 6
    assert len(rows_of(report, "others")) == 1


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
    assert held == {
        "a start, one server in the farm",
        "a start, each other server",
        "an election",
        "connections that a host keeps open",
        "silence after which a member is pinged",
        "from one heartbeat of a member to the next",
    }
    unseen = {row.figure.operation for row in report.rows if row.measured is None}
    assert {"connect, load shared", "server query", "starting a new server", "application publishing"} <= unseen


def test_a_comparison_is_the_same_twice(of_another_product: Report) -> None:
    assert imafarm.run(compare_with, Product.PS45, opener(Product.MF30)) == of_another_product


def test_what_is_counted_are_the_bytes_of_the_wire() -> None:
    plain, encoded = (imafarm.run(compare_with, Product.MF30, opener(wire=wire)) for wire in (False, True))
    assert encoded == plain


def test_a_farm_that_never_comes_to_rest_is_no_bench() -> None:
    """What would go on by itself could not be told from what an operation sends."""

    async def main() -> None:
        bench = Bench(Product.PS45, frozenset(), opener())
        async with bench.farm(3, settings={"KeepAliveInterval": 1_000}):
            pytest.fail("heartbeats go to and fro")

    with pytest.raises(RuntimeError, match="the farm has not come to rest within 600 s"):
        imafarm.run(main)
