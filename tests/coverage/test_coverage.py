"""docs/coverage.md says of each statement of the two texts where it is obeyed and which test shows it. Here it is held
to that: rooms and tests are there, each test says which text it follows, and no section is left out."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

SECTIONS = {
    "IMA Information": (
        "II",
        [
            "How does IMA traffic get sent",
            "How does IMA know who the hosts in a farm are",
            "Mapping connections",
            "Connection State Information",
            "How many connections",
            "What is the function of a zone",
            "What is a Zone Data Collector",
            "How does the ZDC keep track",
            "How does the ZDC ensure",
            "What is meant by a Zone Data Collector election",
            "What server is the boss",
            "New Data Collector Election Process",
            "Detailed Election Process",
            "False winner",
            "Supporting data",
            "Communication Events",
            "What happens if a server believes it is the new ZDC",
        ],
    ),
    "CTX114843": (
        "CTX",
        [
            "Summary",
            "Bandwidth of Server to Data Store Communication",
            "Bandwidth of Data Collector Communication",
            "Initial Boot of a Presentation Server Farm",
            "Farm Communication",
        ],
    ),
}
"""By text: what its rows are numbered with, and the beginnings of its section titles in order."""

OPEN = "-"
"""Stands in a cell whose room or test is still to be built."""

COLUMNS = ["row", "section", "statement", "room", "test"]
COLUMNS_NOT_MODELLED = ["text", "section", "statement", "why not"]


class Row(NamedTuple):
    """One statement."""

    number: str
    text: str
    section: str
    statement: str
    room: str
    tests: str


def tables(page: str) -> dict[str, list[list[str]]]:
    """The cells of each heading's table, column names first."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in page.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            if not set(line) <= set("|- "):
                found.setdefault(heading, []).append(cells)
    return found


@pytest.fixture(scope="module")
def page(pytestconfig: pytest.Config) -> dict[str, list[list[str]]]:
    """The tables of the page."""
    return tables((pytestconfig.rootpath / "docs/coverage.md").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rows(page: dict[str, list[list[str]]]) -> list[Row]:
    """Every statement of both texts."""
    found = []
    for text in SECTIONS:
        columns, *lines = page[text]
        assert columns == COLUMNS
        for cells in lines:
            assert len(cells) == len(COLUMNS), cells
            found.append(Row(cells[0], text, *cells[1:]))
    return found


@cache
def source_of(path: Path) -> str:
    """A file's text."""
    return path.read_text(encoding="utf-8")


def rust_test(source: str, name: str) -> str | None:
    """What a Rust test and its file say of themselves; `None` if there is no such test."""
    found = re.search(rf"((?:^ *///.*\n)*)(?:^ *#\[.*\]\n)*^ *#\[test\]\n(?:^ *#\[.*\]\n)*^ *fn {name}\(", source, re.M)
    return None if found is None else "\n".join([*re.findall(r"^//!.*", source, re.M), found[1]])


def python_test(source: str, name: str) -> str | None:
    """What a Python test and its file say of themselves; `None` if there is no such test."""
    module = ast.parse(source)
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name and name.startswith("test_"):
            return f"{ast.get_docstring(module)}\n{ast.get_docstring(node)}"
    return None


def mistakes_of_test(reference: str, text: str, tree: Path) -> list[str]:
    """What is wrong with a `path::name` that is said to show a statement of `text`."""
    written = re.fullmatch(r"`([\w./-]+\.(?:rs|py))::(\w+)`", reference)
    if written is None:
        return [f"{reference} is no `path::name`"]
    path, name = written[1], written[2]
    if not (tree / path).is_file():
        return [f"{path} is not there"]
    told = (rust_test if path.endswith(".rs") else python_test)(source_of(tree / path), name)
    if told is None:
        return [f"{path} has no test {name}"]
    return [] if text in told else [f"neither {name} nor its file says that it follows {text}"]


def test_every_room_and_test_is_there(rows: list[Row], pytestconfig: pytest.Config) -> None:
    tree = pytestconfig.rootpath
    mistakes = []
    for row in rows:
        if row.room != OPEN:
            room = re.fullmatch(r"`([\w./-]+)`", row.room)
            if room is None or not (tree / room[1]).is_file():
                mistakes.append(f"{row.number}: room {row.room} is not there")
        if row.tests != OPEN:
            for reference in row.tests.split(", "):
                mistakes += [f"{row.number}: {mistake}" for mistake in mistakes_of_test(reference, row.text, tree)]
    assert mistakes == []


def test_no_row_is_open(rows: list[Row]) -> None:
    assert [row.number for row in rows if OPEN in (row.room, row.tests)] == []


def test_rows_are_numbered_and_in_the_order_of_the_texts(rows: list[Row]) -> None:
    for text, (letters, sections) in SECTIONS.items():
        ours = [row for row in rows if row.text == text]
        assert [row.number for row in ours] == [f"{letters}-{number}" for number in range(1, len(ours) + 1)]
        places = [sections.index(row.section) for row in ours]
        assert places == sorted(places)


def test_each_section_has_its_rows(rows: list[Row], page: dict[str, list[list[str]]]) -> None:
    columns, *not_modelled = page["Not modelled"]
    assert columns == COLUMNS_NOT_MODELLED
    told = {(row.text, row.section) for row in rows} | {(cells[0], cells[1]) for cells in not_modelled}
    assert told == {(text, section) for text, (_, sections) in SECTIONS.items() for section in sections}


def test_no_statement_has_two_rows(rows: list[Row]) -> None:
    statements = [(row.text, row.section, row.statement) for row in rows]
    assert sorted(statements) == sorted(set(statements))


@pytest.mark.parametrize(
    ("reference", "mistake"),
    [
        ("`tests/coverage/test_coverage.py::test_no_row_is_open`", "neither test_no_row_is_open nor its file says"),
        ("`tests/coverage/test_coverage.py::rust_test`", "has no test rust_test"),
        ("`tests/coverage/test_nothing.py::test_it`", "tests/coverage/test_nothing.py is not there"),
        ("`rust/imafarm-proto/src/settings.rs::the_published_defaults_hold`", ""),
        ("`rust/imafarm-proto/src/settings.rs::the_published_defaults`", "has no test the_published_defaults"),
        ("`rust/imafarm-proto/src/settings.rs::millis`", "has no test millis"),
        ("`rust/imafarm-proto/src/binding.rs::a_binding_is_connecting_active_or_closing`", ""),
        ("tests/parts/test_rank.py", "is no `path::name`"),
    ],
)
def test_a_reference_that_shows_nothing_is_found(reference: str, mistake: str, pytestconfig: pytest.Config) -> None:
    found = mistakes_of_test(reference, "IMA Information", pytestconfig.rootpath)
    assert [mistake in said for said in found] == ([True] if mistake else [])
