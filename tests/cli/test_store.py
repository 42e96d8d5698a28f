"""`imafarm store`, and the commands that open a farm from one."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from imafarm import cli
from imafarm.store import DataStore


class Answer(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Call = Callable[..., Answer]

FARM = """
[settings]
KeepAliveInterval = 30_000

[[zones]]
name = "A"
hosts = 2

[[zones]]
name = "B"
hosts = 1
"""


@pytest.fixture
def imafarm(capsys: pytest.CaptureFixture[str]) -> Call:
    """The command `imafarm`, in this process."""

    def call(*arguments: str | Path) -> Answer:
        with pytest.raises(SystemExit) as left:
            cli.main([str(argument) for argument in arguments])
        assert isinstance(left.value.code, int)
        return Answer(left.value.code, *capsys.readouterr())

    return call


@pytest.fixture
def store(imafarm: Call, tmp_path: Path) -> Path:
    """A store that holds `FARM`."""
    (tmp_path / "farm.toml").write_text(FARM)
    path = tmp_path / "farm.db"
    assert imafarm("store", "create", path, "--name", "Corp", "--product", "ps40") == (0, "", "")
    assert imafarm("store", "import", path, tmp_path / "farm.toml") == (0, "2\n", "")
    return path


def test_a_store_is_shown(imafarm: Call, store: Path) -> None:
    assert imafarm("store", "show", store).out == (
        "name         Corp\n"
        "product      PS45\n"
        "magic        6730\n"
        "zones        2\n"
        "hosts        3\n"
        "applications 0\n"
        "change       2\n"
    )
    shown = json.loads(imafarm("store", "show", store, "--json").out)
    assert shown["farm"]["hosts"] == 3
    assert imafarm("store", "show", store, "zones").out == ("name          change\nfarm/zones/A  2\nfarm/zones/B  2\n")
    hosts = json.loads(imafarm("store", "show", store, "hosts", "--json").out)["hosts"]
    assert [(host["name"], host["attributes"]["zone"]) for host in hosts] == [
        ("farm/servers/H1", "A"),
        ("farm/servers/H2", "A"),
        ("farm/servers/H3", "B"),
    ]
    assert '{"KeepAliveInterval": 30000}' in imafarm("store", "show", store, "settings").out
    assert imafarm("store", "show", store, "applications") == (0, "", "")
    assert [line.split()[0] for line in imafarm("store", "show", store, "links").out.splitlines()] == [
        "name",
        "farm/links/inside",
        "farm/links/between",
    ]
    assert len(json.loads(imafarm("store", "show", store, "objects", "--json").out)["objects"]) == 10


def test_a_table_is_shown_as_it_stands(imafarm: Call, store: Path) -> None:
    rows = json.loads(imafarm("store", "show", store, "--table", "StoreState", "--json").out)["StoreState"]
    assert [(row["schema_version"], row["change_number"]) for row in rows] == [(1, 2)]
    data = json.loads(imafarm("store", "show", store, "--table", "DataTable", "--json").out)["DataTable"]
    assert {"KeepAliveInterval": 30_000} in [row["data"] for row in data]
    assert "zone name  A " in imafarm("store", "show", store, "--table", "IndexTable").out


def test_changes_have_numbers_and_are_shown_since_one(imafarm: Call, store: Path) -> None:
    assert imafarm("store", "change", store, "set", "BindTimeout=2_000", "StartElection=1").out == "3\n"
    assert imafarm("store", "change", store, "unset", "starteLection").out == "4\n"
    assert imafarm("store", "change", store, "set", "BindTimeout=3000", "--host", "H2").out == "5\n"
    assert imafarm("store", "change", store, "add-host", "X", "Y", "--zone", "C", "--session-only").out == "6\n"
    assert imafarm("store", "change", store, "publish", "Notepad", "X", "H1").out == "7\n"
    assert imafarm("store", "change", store, "publish", "Word").out == "8\n"
    assert imafarm("store", "change", store, "remove-host", "H1").out == "9\n"
    assert imafarm("store", "change", store, "move-host", "H2", "--zone", "B").out == "10\n"
    assert imafarm("store", "change", store, "prefer", "Y", "--preference", "1").out == "11\n"
    assert json.loads(imafarm("store", "change", store, "unpublish", "Word", "--json").out) == {"change": 12}
    changes = json.loads(imafarm("store", "show", store, "--since", "2", "--json").out)["changes"]
    assert [(it["change"], it["kind"], it["name"]) for it in changes] == [
        (4, "changed", "farm/settings"),
        (6, "added", "farm/zones/C"),
        (6, "added", "farm/servers/X"),
        (9, "deleted", "farm/servers/H1"),
        (9, "added", "farm/applications/Notepad"),
        (10, "deleted", "farm/zones/A"),
        (10, "changed", "farm/servers/H2"),
        (11, "added", "farm/servers/Y"),
        (12, "deleted", "farm/applications/Word"),
    ]
    by_name = {it["name"]: it["attributes"] for it in changes}
    assert by_name["farm/settings"] == {"KeepAliveInterval": 30_000, "BindTimeout": 2_000}
    assert by_name["farm/applications/Notepad"] == {"servers": ["X"]}
    assert (by_name["farm/servers/X"]["host_id"], by_name["farm/servers/X"]["preference"]) == (4, 1)
    assert (by_name["farm/servers/Y"]["host_id"], by_name["farm/servers/Y"]["preference"]) == (5, 1)
    assert by_name["farm/servers/Y"]["session_only"] is True
    assert by_name["farm/servers/H2"]["settings"] == {"BindTimeout": 3_000}


def test_a_farm_is_played_from_a_store(imafarm: Call, store: Path, tmp_path: Path) -> None:
    from_store = imafarm("run", "cold-boot", "--store", store, "--json")
    from_file = imafarm("run", "cold-boot", "--farm", tmp_path / "farm.toml", "--json")
    assert from_store.code == from_file.code == 0
    assert json.loads(from_store.out)["digest"] == json.loads(from_file.out)["digest"]
    turned = json.loads(imafarm("run", "cold-boot", "--store", store, "--set", "KeepAliveInterval=20000", "--json").out)
    assert turned["settings"]["KeepAliveInterval"] == 20_000
    assert "Host Name: H3" in imafarm("queryhr", "--store", f"sqlite:///{store}", "H3").out
    # What --set says is for this run alone.
    assert imafarm("store", "show", store, "--since", "2") == (0, "", "")


WRONG_CALLS = {
    "no store": (["show", "none.db"], "none.db: there is no such file"),
    "no scheme": (["show", "mysql://me:pass@host/db"], "mysql://me:***@host/db: unknown scheme 'mysql'"),
    "no server": (["show", "postgresql://me:pass@127.0.0.1:1/db"], "postgresql://me:***@127.0.0.1:1/db: the database "),
    "made already": (["create", "{store}"], "farm.db: there is a file of this name already"),
    "unknown product": (["create", "new.db", "--product", "PS46"], "--product: unknown 'PS46'"),
    "no such farm file": (["import", "{store}", "none.toml"], "none.toml: No such file"),
    "unknown objects": (["show", "{store}", "host"], 'Invalid value "host" for WHAT'),
    "unknown table": (
        ["show", "{store}", "--table", "Keys"],
        "--table: unknown 'Keys'; there are StoreState, KeyTable",
    ),
    "unknown change": (["change", "{store}", "move-hots", "H1"], 'Did you mean "move-host"?'),
    "no change": (["change", "{store}"], "VERB"),
    "nothing to change": (["change", "{store}", "set"], "set: it needs NAME=VALUE"),
    "no zone": (["change", "{store}", "move-host", "H1"], "move-host: it needs --zone"),
    "an option of another": (["change", "{store}", "publish", "A", "--zone", "B"], "--zone: publish does not take it"),
    "unknown host": (["change", "{store}", "publish", "A", "H7"], "host: none is named 'H7'"),
    "unknown setting": (["change", "{store}", "set", "BindTimeoot=1"], 'did you mean "BindTimeout"?'),
    "a setting without value": (["change", "{store}", "set", "BindTimeout"], "write it as NAME=VALUE"),
    "a bad preference": (["change", "{store}", "prefer", "H1", "--preference", "9"], "preference"),
    "host id 0": (["change", "{store}", "add-host", "X", "--zone", "A", "--host-id", "0"], "add-host: host_id"),
    "an id that is taken": (["change", "{store}", "add-host", "X", "--zone", "A", "--host-id", "2"], "taken by 'H2'"),
}


@pytest.mark.parametrize(("arguments", "said"), WRONG_CALLS.values(), ids=WRONG_CALLS.keys())
def test_a_wrong_call_is_told_what_is_wrong_and_changes_nothing(
    imafarm: Call, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = imafarm("store", *(argument.replace("{store}", str(store)) for argument in arguments))
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith("imafarm: ")
    assert said in answer.err
    assert answer.err.count("\n") == 1
    assert imafarm("store", "show", store, "--since", "2") == (0, "", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["farm.db", "farm.toml"]


@pytest.mark.parametrize("option", [["--hosts", "3"], ["--zones", "1"], ["--farm", "farm.toml"]])
def test_the_store_and_the_options_cannot_both_say_what_the_farm_is(
    imafarm: Call, store: Path, option: list[str]
) -> None:
    answer = imafarm("run", "cold-boot", "--store", store, *option)
    assert (answer.code, answer.err) == (2, f"imafarm: {option[0]}: the store given by --store says this already\n")


def test_a_store_that_somebody_is_writing_to_is_told_of(
    imafarm: Call, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DataStore.open.__func__, "__kwdefaults__", {"wait_seconds": 0.1})  # type: ignore[attr-defined]
    other = sqlite3.connect(store, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answer = imafarm("store", "change", store, "publish", "Notepad")
    other.close()
    assert answer.code == 2
    assert answer.err == f"imafarm: {store}: the store is locked: somebody else has been writing for 0.1 s\n"


def test_every_mistake_of_a_call_is_told_at_once(imafarm: Call, store: Path) -> None:
    answer = imafarm("store", "change", store, "add-host", "--preference", "1", "--host", "H1")
    assert answer.err.splitlines() == [
        "imafarm: 3 mistakes",
        "  add-host: it needs HOST",
        "  add-host: it needs --zone",
        "  --host: add-host does not take it",
    ]


def test_the_commands_of_the_document_work(
    imafarm: Call, pytestconfig: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "farm.toml").write_text(FARM)
    document = (pytestconfig.rootpath / "docs/store.md").read_text(encoding="utf-8")
    commands = [line.split()[1:] for line in document.splitlines() if line.startswith("imafarm ")]
    assert len(commands) == 11
    for command in commands:
        answer = imafarm(*command)
        assert (answer.code, answer.err) == (0, ""), command
