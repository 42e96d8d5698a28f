"""`imafarm compare FIRST SECOND` and `imafarm report DIRECTORY`, as they are called."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from imafarm.cli import main


def call(capsys: pytest.CaptureFixture[str], arguments: Sequence[str | Path]) -> tuple[int, str, str]:
    """Exit code, and what was said on both outputs."""
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    assert isinstance(left.value.code, int)
    return left.value.code, said.out, said.err


@pytest.fixture
def runs(made_run: Callable[..., Any], tmp_path: Path) -> tuple[Path, Path]:
    return (
        made_run(hosts=60).write(tmp_path / "small"),
        made_run(hosts=60, limit=48, seed=2, passed=False).write(tmp_path / "large"),
    )


def test_two_runs(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, ["compare", *runs])
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    for said in (
        ["first", "small", "PASSED"],
        ["second", "large", "FAILED"],
        ["seed", "1", "2"],
        ["MaxHostAddressCacheEntries", "512", "48"],
        ["it", "stays", "passed", "failed"],
        ["started", "1", "1", "="],
    ):
        assert said in lines, said
    assert "The digests differ" in out
    assert max(map(len, out.splitlines())) <= 80


def test_two_runs_as_json(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, ["compare", *runs, "--json"])
    assert (code, err) == (0, "")
    told = json.loads(out)
    ours, theirs = (json.loads((each / "run.json").read_text())["verdict"] for each in runs)
    assert told["kind"] == "run" and told["verdicts"] == ["passed", "failed"] and told["same"] is False
    assert told["digests"] == [ours["digest"], theirs["digest"]]
    assert told["differs"]["seed"] == {"first": 1, "second": 2}
    for kind, counts in ours["messages"].items():
        second = theirs["messages"][kind]["sent"]
        assert told["messages"][kind] == {"first": counts["sent"], "second": second, "ratio": second / counts["sent"]}
    assert told["messages"]["all"]["first"] == sum(counts["sent"] for counts in ours["messages"].values())
    opened = [each["bindings"]["opened"] for each in (ours, theirs)]
    assert told["bindings"]["opened"] == {"first": opened[0], "second": opened[1], "ratio": opened[1] / opened[0]}


def test_a_run_beside_itself(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, ["compare", runs[0], runs[0]])
    assert code == 0
    assert "The same to the last event: the digests are equal." in out
    assert "The same was asked of both." in out
    assert json.loads(call(capsys, ["compare", runs[0], runs[0], "--json"])[1])["differs"] == {}


def test_kinds_that_only_one_of_them_sends(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    path = runs[1] / "run.json"
    document = json.loads(path.read_text())
    document["verdict"]["messages"]["RESOLVE"] = document["verdict"]["messages"].pop("HEARTBEAT")
    path.write_text(json.dumps(document))
    told = json.loads(call(capsys, ["compare", *runs, "--json"])[1])["messages"]
    assert told["RESOLVE"]["first"] == 0 and told["RESOLVE"]["ratio"] is None
    assert told["HEARTBEAT"]["second"] == 0 and told["HEARTBEAT"]["ratio"] == 0


def test_two_studies(made_study: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = made_study(repeat=3).write(tmp_path / "one")
    other = made_study(repeat=3, factor=2.0, hosts=900).write(tmp_path / "other")
    code, out, _ = call(capsys, ["compare", one, other])
    assert code == 0 and "The digests of their points differ." in out and "bindings torn down in a minute, means" in out
    told = json.loads(call(capsys, ["compare", one, other, "--json"])[1])
    assert told["differs"] == {"hosts": {"first": 1_000, "second": 900}}
    at = told["measure rebinds"]["MaxHostAddressCacheEntries = 512"]
    rows = [json.loads((each / "study.json").read_text())["rows"] for each in (one, other)]
    found = [
        [row["measures"]["rebinds"] for row in each if row["vary"]["MaxHostAddressCacheEntries"] == 512]
        for each in rows
    ]
    assert [at["first"], at["second"]] == pytest.approx([sum(values) / 3 for values in found])


def test_a_run_is_no_study(
    runs: tuple[Path, Path],
    made_study: Callable[..., Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = made_study().write(tmp_path / "study")
    code, out, err = call(capsys, ["compare", runs[0], study, "--out", tmp_path / "both.html"])
    assert (code, out) == (2, "")
    assert "only two of a kind can be compared" in err and "holds a run" in err and "a study" in err
    assert "SECOND: " in err
    assert not (tmp_path / "both.html").exists()


@pytest.mark.parametrize(("place", "word"), [(0, "FIRST"), (1, "SECOND")])
def test_an_error_names_the_argument_as_the_help_does(
    runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], place: int, word: str
) -> None:
    directories = list(runs)
    directories[place] = tmp_path / "nowhere"
    code, out, err = call(capsys, ["compare", *directories])
    assert (code, out) == (2, "") and f"{word}: there is no directory" in err
    assert word in call(capsys, ["compare", "--help"])[1]
    assert "DIRECTORY" in call(capsys, ["report", "--help"])[1]


def test_a_page_of_both(runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "both.html"
    code, out, _ = call(capsys, ["compare", *runs, "--out", page])
    assert code == 0 and "The digests differ" in out
    assert "Two runs side by side" in page.read_text("utf-8")
    before = page.read_bytes()
    call(capsys, ["compare", *runs, "--out", page])
    assert page.read_bytes() == before
    code, _, err = call(capsys, ["compare", *runs, "--out", tmp_path / "no/both.html"])
    assert code == 2 and "cannot be written" in err


def test_published_is_still_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, ["compare", "published", "--product", "MF30"])
    assert code == 0 and "all rows hold" in out


@pytest.mark.parametrize("arguments", [["compare"], ["compare", "one"], ["compare", "a", "b", "c"], ["report"]])
def test_a_wrong_call(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, arguments)
    assert (code, out) == (2, "") and err


def test_a_report_is_made_anew(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, ["report", runs[0]])
    assert (code, out, err) == (0, f"{runs[0] / 'report.html'}\n", "")
    assert (runs[0] / "report.html").is_file()


def test_a_report_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, ["report", tmp_path])
    assert (code, out) == (2, "") and "holds neither run.json nor study.json" in err


def test_a_real_run_leaves_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    code, _, err = call(
        capsys, ["run", "master-failover", "--hosts", "60", "--out", out, "--set", "MaxWaitingCalls=99"]
    )
    assert (code, err) == (0, f"imafarm: {out / 'report.html'}\n")
    page = (out / "report.html").read_bytes()
    text = page.decode()
    for said in ("Who asked whom in Z1", "ELECT_MASTER_ACK", "MaxWaitingCalls = 99", "There is no"):
        assert (said in text) == (said != "There is no"), said
    assert call(capsys, ["report", out])[0] == 0
    assert (out / "report.html").read_bytes() == page
