"""`report.html`: what is in it, what it is made of, and what it bears."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from html import escape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from imafarm.errors import ConfigurationError
from imafarm.report.comparison import compare
from imafarm.report.html import _run_page, _study_page, make_comparison, make_report
from imafarm.report.html._draw import Pen
from imafarm.report.html._theme import LIGHT

MOST_BYTES = 2_000_000
PAINTS = {f"var(--{name})" for name in LIGHT}
VOID = {"br", "col", "hr", "img", "link", "meta"}
HEADINGS = ("h1", "h2", "h3", "h4")


class Page(HTMLParser):
    """A page, taken apart; anything that does not nest is a mistake."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.mistakes: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.parents: list[list[str]] = []
        self.text = ""
        self.feed(text)
        self.close()
        self.mistakes += [f"<{tag}> stays open" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.mistakes += [
            f"<{tag}> has {name} twice" for name, count in Counter(n for n, _ in attrs).items() if count > 1
        ]
        self.tags.append((tag, dict(attrs)))
        self.parents.append(list(self.open))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.parents.append(list(self.open))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.mistakes.append(f"</{tag}> within {self.open[-3:]}")
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data

    def all(self, name: str) -> list[dict[str, str | None]]:
        """The attributes of every such element."""
        return [attributes for tag, attributes in self.tags if tag == name]


def check(text: str) -> Page:
    """A page that any browser reads as it was meant, and nobody is shut out of."""
    page = Page(text)
    assert page.mistakes == []
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert [name for name, count in Counter(ids).items() if count > 1] == []
    assert {str(each["href"])[1:] for each in page.all("a")} <= set(ids)
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("title")) == len(page.all("main")) == len(page.all("h1")) == 1
    levels = [HEADINGS.index(tag) for tag, _ in page.tags if tag in HEADINGS]
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(each["scope"] in {"row", "col"} for each in page.all("th"))
    pictures = [each for _, each in page.tags if each.get("role") == "img"]
    assert len(pictures) == len(page.all("figure")) == len(page.all("figcaption"))
    assert all(each["aria-label"] for each in pictures)
    # No picture is drawn in a colour that does not turn with the page.
    drawn = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert set(re.findall(r'(?:fill|stroke)="([^"]*)"', drawn)) <= {"none", "transparent", *PAINTS}
    assert not page.all("script") and not page.all("img") and not page.all("iframe")
    assert [each["href"] for each in page.all("link")] == ["data:,"]
    assert "http:" not in text and "https:" not in text and "@import" not in text and "url(http" not in text
    assert len(text.encode()) < MOST_BYTES
    return page


def page_of(directory: Path) -> Page:
    path = make_report(directory)
    assert path == directory / "report.html"
    return check(path.read_text("utf-8"))


@pytest.fixture(autouse=True)
def held_against_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every picture of these tests is one that its language has."""
    for module in (_run_page, _study_page):
        monkeypatch.setattr(module, "Pen", partial(Pen, checked=True))


def test_a_run_as_a_page(made_run: Callable[..., Any], tmp_path: Path) -> None:
    directory = made_run(hosts=60, limit=48).write(tmp_path)
    page = page_of(directory)
    run = json.loads((directory / "run.json").read_text())
    for said in (
        "master-failover",
        "All 2 checks passed.",
        "60 hosts in 1 zone, PS45, seed 1, MaxHostAddressCacheEntries = 48.",
        "imafarm run master-failover --hosts 60 --zones 1 --seed 1 --set MaxHostAddressCacheEntries=48",
        run["verdict"]["digest"],
        "H60 became collector.",
        "H1 crashes",
        "Who asked whom in Z1",
        "How Z1 came to agree",
        "100% of the 48 that it may hold",
        *(f"{counts['sent']:,}" for counts in run["verdict"]["messages"].values()),
    ):
        assert said in page.text, said
    assert "Between zones" not in page.text


def test_a_failed_run_says_what_failed(made_run: Callable[..., Any], tmp_path: Path) -> None:
    page = page_of(made_run(hosts=8, passed=False).write(tmp_path))
    assert "1 of 2 checks failed: it stays." in page.text


@pytest.mark.parametrize(
    ("what", "there", "not_there"),
    [
        ({"hosts": 1, "election": False}, [], ["Who asked", "All elections", "Bandwidth"]),
        ({"hosts": 2}, ["Host by host in Z1"], ["How Z1 came to agree"]),
        ({"hosts": 24, "tapped": False}, ["Host by host in Z1"], ["Who asked", "Arrows"]),
        ({"hosts": 40, "zones": 2, "election": False}, ["Z1 to Z2", "Z2 to Z1"], ["Bandwidth from zone to zone"]),
        ({"hosts": 50, "zones": 5, "busy": True}, ["Bandwidth from zone to zone", "Busy hosts"], []),
        ({"hosts": 20, "seconds": 90_000, "bin_seconds": 600.0, "election": False}, ["farm time, h"], []),
        ({"hosts": 20, "seconds": 1, "bin_seconds": 0.01}, ["farm time, s"], []),
    ],
)
def test_farms_of_all_shapes(
    made_run: Callable[..., Any], tmp_path: Path, what: dict[str, Any], there: list[str], not_there: list[str]
) -> None:
    text = page_of(made_run(**what).write(tmp_path)).text
    assert [said for said in there if said not in text] == []
    assert [said for said in not_there if said in text] == []


@pytest.mark.parametrize("what", [{"hosts": 10_000, "limit": 16_384}, {"hosts": 300, "zones": 100, "seconds": 40}])
def test_pictures_do_not_grow_with_the_farm(made_run: Callable[..., Any], tmp_path: Path, what: dict[str, Any]) -> None:
    text = make_report(made_run(**what).write(tmp_path)).read_text("utf-8")
    page = check(text)
    assert max(map(len, re.findall(r"<svg.*?</svg>", text, re.DOTALL))) < 250_000
    rows = [len(re.findall("<tr>", found)) for found in re.findall(r"<table.*?</table>", text, re.DOTALL)]
    assert max(rows) < 120
    assert len(page.tags) < 12_000


HOSTILE = "<script>alert({})</script>\"'&\u202e</svg>]]>"


def test_names_stay_text(made_run: Callable[..., Any], tmp_path: Path) -> None:
    def name(number: int) -> str:
        return HOSTILE.format(number)

    made = made_run(
        hosts=30,
        name=name,
        zone_name='</style><b onclick="x()">{}'.format,
        zones=3,
        scenario="<i>x",
        detail="a\x00b<u>",
    )
    directory = made.write(tmp_path)
    text = make_report(directory).read_text("utf-8")
    page = check(text)
    assert not {"b", "i", "u", "script"} & {tag for tag, _ in page.tags}
    assert not [each for _, each in page.tags if "onclick" in each]
    assert "<script" not in text and escape("<script>alert(2)</script>") in text
    assert "\u202e" not in text and "\x00" not in text
    assert "<script>alert(30)</script>" in page.text


def test_a_name_that_looks_like_paint_is_no_paint(made_run: Callable[..., Any], tmp_path: Path) -> None:
    page = page_of(made_run(hosts=5, name='#fe00ef" opacity="1" {}'.format).write(tmp_path))
    assert "#fe00ef" in page.text and 'opacity="1"' in page.text


@pytest.mark.parametrize("table", ["events", "traffic", "bindings", "hosts", "messages"])
def test_what_is_missing_is_said_to_be(made_run: Callable[..., Any], tmp_path: Path, table: str) -> None:
    text = page_of(made_run(hosts=30, without=[table]).write(tmp_path)).text
    said = f"There is no {table}.parquet beside this page"
    # Without ranks the hosts stand by name, and without messages there are no arrows; nothing else is wanting.
    assert (said in text) == (table not in {"hosts", "messages"})


def test_tables_without_rows(made_run: Callable[..., Any], write_table: Callable[..., Any], tmp_path: Path) -> None:
    directory = made_run(hosts=30).write(tmp_path)
    for table in ("events", "traffic", "bindings", "hosts", "messages"):
        write_table(directory, table, [])
    text = page_of(directory).text
    assert "Who asked" not in text and "In all, by kind" in text


def test_a_run_with_nothing_but_its_document(made_run: Callable[..., Any], tmp_path: Path) -> None:
    made_run(hosts=30).write(tmp_path / "whole")
    (tmp_path / "bare").mkdir()
    shutil.copy(tmp_path / "whole/run.json", tmp_path / "bare")
    text = page_of(tmp_path / "bare").text
    assert "There is no traffic.parquet" in text and "There is no bindings.parquet" in text


def test_equal_files_make_equal_pages(made_run: Callable[..., Any], tmp_path: Path) -> None:
    pages = []
    for number in range(2):
        directory = made_run(hosts=40, zones=4).write(tmp_path / str(number))
        command = "import sys, pathlib, imafarm.report.html as h; h.make_report(pathlib.Path(sys.argv[1]))"
        environment = {**os.environ, "PYTHONHASHSEED": str(number)}
        subprocess.run([sys.executable, "-c", command, str(directory)], check=True, env=environment)
        pages.append((directory / "report.html").read_bytes())
    assert pages[0] == pages[1]
    # And anew in a process that has drawn others before.
    assert make_report(directory).read_bytes() == pages[0]


def test_a_page_is_made_anew(made_run: Callable[..., Any], tmp_path: Path) -> None:
    directory = made_run(hosts=5).write(tmp_path)
    first = make_report(directory).read_bytes()
    made_run(hosts=5, passed=False).write(tmp_path)
    assert make_report(directory).read_bytes() != first


def refused(directory: Path, *said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make_report(directory)
    assert [each for each in said if each not in str(caught.value)] == [], str(caught.value)
    assert not (directory / "report.html").exists()


def test_a_directory_of_neither_kind(tmp_path: Path) -> None:
    refused(tmp_path, "DIRECTORY: ", str(tmp_path), "run.json", "study.json")
    refused(tmp_path / "nowhere", "DIRECTORY: ", "there is no directory")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "the document"),
        ('{"format": "imafarm run 2"}', "format: 'imafarm run 2' is not 'imafarm run 1'"),
        ('{"format": "imafarm run 1"}', "verdict: Field required"),
        ("\udcff", "is no JSON"),
    ],
)
def test_a_broken_document(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "run.json").write_text(text, "utf-8", "surrogateescape")
    refused(tmp_path, "run.json", said)


def test_every_key_that_is_wrong_is_named(made_run: Callable[..., Any], tmp_path: Path) -> None:
    directory = made_run(hosts=5).write(tmp_path)
    document = json.loads((directory / "run.json").read_text())
    document["verdict"]["messages"]["HEARTBEAT"]["sent"] = "many"
    document["elections"][0]["zone"] = None
    del document["asked"]["seed"]
    (directory / "run.json").write_text(json.dumps(document))
    refused(directory, "3 mistakes", "verdict.messages.HEARTBEAT.sent: ", "elections[0].zone: ", "asked.seed: ")


@pytest.mark.parametrize("keep", [0, 3, 100, -1])
def test_a_table_that_was_cut_off(made_run: Callable[..., Any], tmp_path: Path, keep: int) -> None:
    directory = made_run(hosts=5).write(tmp_path)
    path = directory / "traffic.parquet"
    path.write_bytes(path.read_bytes()[:keep])
    refused(directory, "traffic.parquet", "is no Parquet file, or not all of one")


def test_a_table_that_is_broken_inside(made_run: Callable[..., Any], tmp_path: Path) -> None:
    directory = made_run(hosts=5).write(tmp_path)
    path = directory / "events.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + bytes(len(whole) - 12) + whole[-8:])
    refused(directory, "events.parquet", "cannot be read")


def test_a_table_that_lacks_a_column(
    made_run: Callable[..., Any], write_table: Callable[..., Any], tmp_path: Path
) -> None:
    directory = made_run(hosts=5).write(tmp_path)
    write_table(directory, "bindings", [], without=["evicted", "active"])
    refused(directory, "bindings.parquet", "2 mistakes", "evicted: there is no such column", "active: ")


@pytest.mark.parametrize("module", ["altair", "vl_convert"])
def test_without_what_draws(
    made_run: Callable[..., Any], tmp_path: Path, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = made_run(hosts=5).write(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    refused(directory, "report.html needs imafarm[report]")


def test_where_nothing_can_be_written(made_run: Callable[..., Any], tmp_path: Path) -> None:
    directory = made_run(hosts=5).write(tmp_path)
    (directory / "report.html").mkdir()
    with pytest.raises(ConfigurationError, match="report.html: cannot be written"):
        make_report(directory)


def test_a_page_stays_as_it_was_where_the_disk_is_full(
    made_run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = made_run(hosts=5).write(tmp_path)
    before = make_report(directory).read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(ConfigurationError, match="report.html: cannot be written: No space left on device"):
        make_report(directory)
    assert (directory / "report.html").read_bytes() == before
    assert not list(directory.glob(".report.html*"))


def test_a_study_as_a_page(made_study: Callable[..., Any], tmp_path: Path) -> None:
    text = page_of(made_study().write(tmp_path)).text
    for said in (
        "Set MaxHostAddressCacheEntries to 1,024 on the data collector",
        "The knee is at 1,024.",
        "1 of 40 points failed",
        "5 seeds for each value, from seed 0 on",
        "points: each value with each seed",
        "Medians at each value, with a band from the least to the most.",
        "Means over 5 seeds; a dash where no point says anything",
        "theory 1,000",
        "Bindings torn down in a minute, 1/min",
        "Memory of the collector, MiB",
        "1 of 40 points",
        "imafarm study cache-thrash --vary MaxHostAddressCacheEntries=256,384,512,768,1024,1536,2048,4096",
    ):
        assert said in text, said


CACHE = {"name": "MaxHostAddressCacheEntries", "values": [256, 1_024], "log": True}


@pytest.mark.parametrize(
    ("what", "there", "not_there"),
    [
        (
            {"vary": [CACHE, {"name": "hosts", "values": [250, 500, 1_000], "log": False}]},
            ["Outlined", "across and"],
            [],
        ),
        ({"vary": [CACHE], "repeat": 1, "knee": False}, ["cache-thrash by Max"], ["least to most", "knee"]),
        ({"vary": [{"name": "product", "values": ["XP", "MF30"], "log": False}], "knee": False}, ["XP", "MF30"], []),
        ({"vary": [{"name": "hosts", "values": [100], "log": True}], "complete": False}, ["not finished"], []),
        (
            {"vary": [CACHE, *({"name": name, "values": [1, 2], "log": False} for name in ("x", "y"))], "repeat": 1},
            ["By x", "By y"],
            ["Outlined"],
        ),
        ({"vary": [{"name": "x", "values": [], "log": False}], "knee": False}, ["No point of this study"], []),
        ({"vary": [{"name": "<u>", "values": ["</text><u>'\"]", 2], "log": True}], "knee": False}, ["<u>"], []),
    ],
)
def test_studies_of_all_shapes(
    made_study: Callable[..., Any], tmp_path: Path, what: dict[str, Any], there: list[str], not_there: list[str]
) -> None:
    page = page_of(made_study(**what).write(tmp_path))
    assert [said for said in there if said not in page.text] == []
    assert [said for said in not_there if said in page.text] == []
    assert not page.all("u")


def test_a_study_of_which_some_numbers_are_none(made_study: Callable[..., Any], tmp_path: Path) -> None:
    directory = made_study(vary=[CACHE], repeat=2).write(tmp_path)
    document = json.loads((directory / "study.json").read_text())
    for row in document["rows"]:
        row["measures"] = {"rebinds": float("nan"), "converged": None}
    (directory / "study.json").write_text(json.dumps(document))
    assert (
        "No point says anything of: bindings torn down in a minute; from doubt to agreement; mess"
        in page_of(directory).text
    )


def test_two_runs_as_a_page(made_run: Callable[..., Any], tmp_path: Path) -> None:
    one = made_run(hosts=60).write(tmp_path / "one")
    other = made_run(hosts=60, limit=40, seed=2).write(tmp_path / "other")
    page = check(make_comparison(one, other, tmp_path / "both.html").read_text("utf-8"))
    for said in ("Two runs side by side", "one", "other", "Hosts that have named the new collector", "512", "40"):
        assert said in page.text, said


def test_two_studies_as_a_page(made_study: Callable[..., Any], tmp_path: Path) -> None:
    one, other = made_study().write(tmp_path / "one"), made_study(factor=2.0).write(tmp_path / "other")
    page = check(make_comparison(one, other, tmp_path / "both.html").read_text("utf-8"))
    assert "Two studies side by side" in page.text and "Means over all seeds." in page.text


def test_paths_may_be_strings(made_run: Callable[..., Any], tmp_path: Path) -> None:
    directory = str(made_run(hosts=5).write(tmp_path / "one"))
    assert make_report(directory) == tmp_path / "one/report.html"
    assert make_comparison(directory, directory, str(tmp_path / "both.html")) == tmp_path / "both.html"
    assert compare(directory, directory).same


def test_what_it_costs_to_be_below_the_knee(made_study: Callable[..., Any], tmp_path: Path) -> None:
    directory = made_study(vary=[CACHE | {"values": [512, 768, 1_024, 2_048]}], repeat=2).write(tmp_path)
    document = json.loads((directory / "study.json").read_text())
    document["cost"] = "Below it <b>updates</b> take five times as long."
    told = {"unit": "ms", "title": "update delay, 99 of 100", "better": "less"}
    document["measures"]["update_delay_p99"] = told
    document["measures"]["handshake_bytes"] = told | {"unit": "bytes/min", "title": "handshake bytes a minute"}
    document["measures"]["converge_seconds"] = told | {"unit": "s", "title": "time to converge"}
    for row in document["rows"]:
        value, second = row["vary"]["MaxHostAddressCacheEntries"], row["seed"] == 1
        # At 768 nobody measured the bytes, nor below the knee how long agreement takes.
        row["measures"] |= {
            "update_delay_p99": {512: 90.0, 768: 10.0, 1_024: 2.0, 2_048: 1.0}[value] + 4 * second,
            "handshake_bytes": None if value == 768 else 2_048.0 if value < 768 else 1_024.0,
            "converge_seconds": 1.5 if value == 2_048 else None,
        }
    (directory / "study.json").write_text(json.dumps(document))
    page = page_of(directory)
    for said in (
        "Below it <b>updates</b> take five times as long.",
        "update delay, 99 of 100, below / at the knee: means at 768 / 1,02412 / 4 ms",
        "handshake bytes a minute, below / at the knee: means at 512 / 1,0242 KiB / 1 KiB a minute",
    ):
        assert said in page.text, said
    assert "time to converge, below" not in page.text and not page.all("b")


def test_why_a_measure_is_nowhere(made_study: Callable[..., Any], tmp_path: Path) -> None:
    directory = made_study(vary=[CACHE], repeat=1).write(tmp_path)
    document = json.loads((directory / "study.json").read_text())
    meaning = "the part of the time; null where no WorkCost.. setting says what work costs it"
    document["measures"]["collector_busy"] = {"title": "collector's busy share", "meaning": meaning}
    document["measures"]["other"] = {"title": "another", "meaning": "a thing; null where there is none"}
    document["measures"]["third"] = {"title": "a third", "meaning": "a thing"}
    (directory / "study.json").write_text(json.dumps(document))
    assert (
        "No point says anything of: collector's busy share (it needs a WorkCost.. setting, for example "
        "--set WorkCostHeartbeat=200); another (null where there is none); a third."
    ) in page_of(directory).text
