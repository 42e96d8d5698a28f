"""docs/data.md lists every column of every table, every file of a run and every key of its document; here it is held
to it."""

import json
import re
from pathlib import Path

import pytest

import imafarm
from imafarm import Recording, Table
from imafarm.cli import main
from imafarm.farm import EventKind
from imafarm.results import RUN_FILES
from imafarm.tables import Column


@pytest.fixture
def page(pytestconfig: pytest.Config) -> str:
    path: Path = pytestconfig.rootpath / "docs/data.md"
    return path.read_text(encoding="utf-8")


def rows(page: str, heading: str, *, head: str) -> list[list[str]]:
    """The cells of the table that begins with `head`, under a heading; its head left out."""
    section = re.split(r"\n#+ ", page.partition(f"# {heading}\n")[2])[0]
    lines = section.partition(f"| {head} |")[2].splitlines()[2:]
    table = lines[: next((place for place, line in enumerate(lines) if not line.startswith("|")), len(lines))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


async def _tables() -> dict[str, Table]:
    async with imafarm.open_emulated_farm(hosts=3, record=Recording(message_hosts=["H1", "H2"])) as farm:
        return {
            "events": farm.events(),
            "traffic": farm.traffic(),
            "bindings": farm.bindings(),
            "hosts": farm.hosts(),
            "messages": farm.messages(),
        }


@pytest.fixture(scope="module")
def tables() -> dict[str, Table]:
    return imafarm.run(_tables)


@pytest.mark.parametrize("name", ["events", "traffic", "bindings", "hosts", "messages"])
def test_every_column_is_listed_with_its_unit_and_meaning(page: str, tables: dict[str, Table], name: str) -> None:
    listed = [
        Column(column.strip("`"), kind.removesuffix(" or null"), unit, meaning, kind.endswith(" or null"))
        for column, kind, unit, meaning in rows(page, name, head="column")
    ]
    assert tuple(listed) == tables[name].schema


def test_every_file_and_every_key_of_a_run_is_listed(page: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        main(["run", "cold-boot", "--hosts", "5", "--out", str(tmp_path)])
    assert left.value.code == 0
    files = {name for row in rows(page, "A run's directory", head="file") for name in re.findall(r"`([^`]+)`", row[0])}
    assert files == set(RUN_FILES)
    assert files >= {path.name for path in tmp_path.iterdir()} >= files - {"report.html"}
    document = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    keys = {row[0].strip("`"): row[1] for row in rows(page, "A run's directory", head="key")}
    assert list(keys) == list(document)
    assert re.findall(r"`(\w+)`", keys["asked"]) == list(document["asked"])
    assert re.findall(r"`(\w+)`", keys["elections"]) == list(document["elections"][0])
    assert re.findall(r"`(\w+)`", keys["moments"]) == list(document["moments"][0])


def test_the_names_of_events_are_those_of_event_kinds(tables: dict[str, Table]) -> None:
    import pyarrow as pa

    batches = pa.table(tables["events"]).schema
    assert batches.field("kind").type == pa.dictionary(pa.int8(), pa.string())
    from imafarm import _imafarm

    engine = _imafarm.EmulatedFarm(imafarm.Topology.of(2).resolver, seed=1)
    engine.write_down_events(EventKind.ALL.value)
    engine.crash([0])
    engine.start([0, 1])
    engine.advance(10**9)
    named = pa.table(Table(engine.events_table() or pytest.fail("it is written down")))
    words = named["kind"].chunk(0).dictionary.to_pylist()
    by_bit = sorted(EventKind, key=lambda kind: kind.value)
    assert words == [kind.name for kind in by_bit]
