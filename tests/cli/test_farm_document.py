"""docs/farm-file.md, the examples and the JSON schema say what the code does."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import imafarm
from imafarm import cli
from imafarm.topology import _tables as tables
from imafarm.topology.farm_file import parse_topology
from imafarm.topology.registry_file import parse_registry_settings
from imafarm.topology.schema import SHIPPED, farm_schema, schema_text

TREE = Path(__file__).parents[2]
PAGE = (TREE / "docs" / "farm-file.md").read_text(encoding="utf-8")
EXAMPLES = sorted((TREE / "examples").glob("*.toml"))

ROOMS: dict[str, tuple[type[tables.Table], ...]] = {
    "The file": (tables.FarmTable,),
    "`links`": (tables.LinksTable,),
    "`links.inside`, `links.between`, `zones.links.ZONE`": (tables.LinkTable,),
    "`store`": (tables.StoreTable,),
    "`live`": (tables.LiveTable,),
    "`zones`": (tables.ZoneTable,),
    "`hosts`": (tables.HostTable,),
    "`applications`": (tables.ApplicationTable,),
    "`workloads`": (tables.WorkloadTable,),
    "`shape`": (tables.RampTable, tables.StepTable, tables.DayTable, tables.PointsTable),
}
"""By the title of a section: the tables whose keys it lists."""


def block_of_the_page(language: str) -> str:
    """The one example in this language."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert isinstance(block, str)
    return block


def rows_of_the_page(title: str) -> Iterator[tuple[list[str], str]]:
    """The keys of each row of a section, and their default."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    for keys, default in re.findall(r"^\| (`.*?`) \| (.*?) ?\| ", section, re.MULTILINE):
        yield re.findall(r"`(\w+)`", keys), default


def keys_in(part: Any) -> Iterator[str]:
    """Every key that a parsed file uses."""
    if isinstance(part, dict):
        for key, value in part.items():
            yield key
            yield from keys_in(value)
    elif isinstance(part, list):
        for item in part:
            yield from keys_in(item)


@pytest.mark.parametrize("title", ROOMS)
def test_the_page_lists_every_key_and_no_other(title: str) -> None:
    fields = [key for table in ROOMS[title] for key in table.model_fields]
    assert [key for keys, _ in rows_of_the_page(title) for key in keys] == fields


@pytest.mark.parametrize("title", ROOMS)
def test_the_page_gives_the_defaults(title: str) -> None:
    fields = {key: field for table in ROOMS[title] for key, field in table.model_fields.items()}
    for keys, said in rows_of_the_page(title):
        for key in keys:
            if re.fullmatch(r"`.*`", said):
                assert tomllib.loads(f"value = {said.strip('`')}")["value"] == fields[key].default
            else:
                assert (said == "required") == (fields[key].is_required() and title != "`shape`")
                assert fields[key].is_required() or fields[key].default in (
                    None,
                    [],
                    {},
                    tables.LinkTable(),
                    tables.LinksTable(),
                    tables.LiveTable(),
                )


def test_the_page_names_every_product() -> None:
    (row,) = re.findall(r"^\| `product` .*$", PAGE, re.MULTILINE)
    named = re.findall(r'`"(\w+)"`', row)
    assert named == [named[0], *imafarm.Product.__members__]
    assert named[0] == tables.FarmTable().product


def test_the_example_of_the_page_uses_every_key_but_those_of_other_shapes() -> None:
    raw = tomllib.loads(block_of_the_page("toml"))
    every = {key for room in ROOMS.values() for table in room for key in table.model_fields}
    others = {"step_at_minutes", "factor", "day_shift_hours", "points", "period_minutes"}
    assert every - set(keys_in(raw)) == others


def test_the_example_of_the_page_is_a_farm() -> None:
    topology = parse_topology(block_of_the_page("toml"))
    assert len(topology.resolver) == 353
    assert topology.resolver.zones() == ["10.22.44.0", "branch"]
    assert topology.workload["10.22.44.0"].for_engine(topology.application_indexes())["logons_per_day"] == 5_000


def test_the_registry_export_of_the_page_is_read() -> None:
    assert parse_registry_settings(block_of_the_page("reg").encode()) == {"MaxHostAddressCacheEntries": 1_024}


def test_the_examples_are_farms() -> None:
    sizes = {path.name: len(imafarm.read_topology(path).resolver) for path in EXAMPLES}
    assert sizes == {"company.toml": 222, "office.toml": 10}
    assert imafarm.read_registry_settings(TREE / "examples" / "ima.reg") == {
        "MaxHostAddressCacheEntries": 1_024,
        "KeepAliveInterval": 60_000,
        "GatewayValidationInterval": 300_000,
    }


def test_the_farm_of_an_example_runs() -> None:
    async def main() -> None:
        topology = imafarm.read_topology(TREE / "examples" / "company.toml")
        async with imafarm.open_emulated_farm(topology=topology, seed=3) as farm:
            assert await farm.wait_master("Frankfurt") == "FRADC01"
            assert farm.setting("FRADC02", "MaxHostAddressCacheEntries") == 1_024

    imafarm.run(main)


def test_the_shipped_schema_is_that_of_the_code() -> None:
    assert SHIPPED.read_text(encoding="utf-8") == schema_text(), "make stubs writes it anew"


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["schema"])
    assert left.value.code == 0
    assert json.loads(capsys.readouterr().out) == farm_schema()


@pytest.fixture(scope="module")
def validator() -> Any:
    """A judge of parsed files that knows the schema alone."""
    schema = json.loads(SHIPPED.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("text", [block_of_the_page("toml"), *(path.read_text("utf-8") for path in EXAMPLES)])
def test_the_schema_agrees_to_every_example(validator: Any, text: str) -> None:
    validator.validate(tomllib.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        "colour = 1",
        'product = "PS46"',
        "magic = -1",
        "[settings]\nKeepAliveInterval = 1",
        '[settings]\nKeepAliveInterval = "1"',
        "[links.between]\nloss = 1",
        "[live]\nnetworks = []",
        "[live.addresses]\nH1 = 1",
        "[[zones]]\nhosts = 1",
        '[[zones]]\nname = ""',
        '[[hosts]]\nname = "X"',
        '[[hosts]]\nname = "X"\nzone = "Z"\nmode = "both"',
        '[[applications]]\nname = "X"\nservers = ["A"]\nzones = ["B"]',
        '[[workloads]]\napplications = ["X"]',
        '[[workloads]]\napplications = ["X"]\nlogons_per_hour = 1\nlogons_per_day = 1',
        "[[workloads]]\napplications = []\nlogons_per_hour = 1",
        '[[workloads]]\napplications = ["X"]\nlogons_per_hour = 1\nshape = "night"',
        '[[workloads]]\napplications = ["X"]\nlogons_per_hour = 1\nshape = { ramp_minutes = 1, factor = 1 }',
    ],
)
def test_the_schema_and_the_reader_refuse_the_same(validator: Any, text: str) -> None:
    assert not validator.is_valid(tomllib.loads(text))
    with pytest.raises(imafarm.ConfigurationError):
        parse_topology(text)


def test_every_setting_is_in_the_schema() -> None:
    assert list(farm_schema()["$defs"]["Settings"]["properties"]) == [
        row["name"] for row in imafarm._imafarm.settings()
    ]
