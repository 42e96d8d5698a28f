"""docs/management.md says what is so."""

import re
from dataclasses import asdict
from pathlib import Path

import pytest

from imafarm.management import ManagementLimits
from imafarm.management._requests import REQUESTS
from imafarm.management._shapes import NAME, NOTHING, TEXT, TRUTH, U16, U32, U48, U64, Kind

WORDS = {"name": NAME, "text": TEXT, "truth": TRUTH, "u16": U16, "u32": U32, "u48": U48, "u64": U64}
OF_FARM = {"power", "role"}
"""Entries that are one of the words that the Python type lists."""


@pytest.fixture
def page(pytestconfig: pytest.Config) -> str:
    path: Path = pytestconfig.rootpath / "docs/management.md"
    return path.read_text(encoding="utf-8")


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, its head left out."""
    _, _, section = page.partition(f"\n## {heading}\n")
    lines = [line for line in section.split("\n## ")[0].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def listed(cell: str) -> dict[str, str]:
    """Each entry that a cell names, and its type: the one that is said next."""
    found, waiting = {}, []
    for name, said in re.findall(r"`(\w+)`(?:: ([\w? -]+))?", cell):
        waiting.append(name)
        if said:
            found.update(dict.fromkeys(waiting, said))
            waiting.clear()
    return found


def meant(said: str, kind: Kind) -> bool:
    wanted = WORDS[said.removesuffix("?")]
    return kind.name == (f"{wanted.name} or {NOTHING.name}" if said.endswith("?") else wanted.name)


def test_every_request_is_listed_with_what_it_holds_and_what_comes_back(page: str) -> None:
    documented = {}
    for names, entries, reply in rows(page, "Requests"):
        for name in re.findall(r"`(\w+)`", names):
            documented[name] = (listed(entries), listed(reply))
    assert list(documented) == list(REQUESTS)
    for name, shapes in REQUESTS.items():
        for said, shape in zip(documented[name], shapes, strict=True):
            kinds = {**shape.fields, **(shape.columns or {})}
            assert list(said) == list(kinds), name
            wrong = [entry for entry in kinds if entry not in OF_FARM and not meant(said[entry], kinds[entry])]
            assert wrong == [], name


def test_every_limit_is_listed_with_its_default(page: str) -> None:
    said = {limit.strip("`"): float(default) for limit, default, _ in rows(page, "Limits")}
    assert said == asdict(ManagementLimits())
