"""Instruction counts, held against a baseline."""

import json
import tomllib
from pathlib import Path

import pytest

import counts

BASELINE = {"failover.roomy": 1_000, "rank.hosts_10000": 2_000}
HERE = {"rustc": "rustc 1.95.0", "processor": "x86_64 avx2"}


def line(case: str, instructions: int, before: int | None = None) -> str:
    """A case as gungraun prints it, after an earlier run or without one."""
    function, case_id = case.split(".")
    values = {"new": instructions} if before is None else {"new": instructions, "old": before}
    total = {"metrics": {"Ir": {"values": values}}}
    profile = {"tool": "Callgrind", "data": {"total": total}}
    return json.dumps({"function_name": function, "id": case_id, "profiles": [profile]})


def test_a_run_is_read_case_by_case() -> None:
    lines = ["   Compiling imafarm", line("failover.roomy", 7, before=9), line("rank.hosts_10000", 5), ""]
    assert counts.parse_run(lines) == {"failover.roomy": 7, "rank.hosts_10000": 5}


def test_a_case_counts_once() -> None:
    with pytest.raises(ValueError, match=r"rank\.all was counted twice"):
        counts.parse_run([line("rank.all", 5), line("rank.all", 5)])


@pytest.mark.parametrize(("instructions", "passed"), [(1_100, True), (1_101, False), (1_000, True), (1, True)])
def test_a_tenth_more_is_the_limit(instructions: int, passed: bool) -> None:
    assert counts.compared(BASELINE | {"failover.roomy": instructions}, BASELINE)[1] is passed


@pytest.mark.parametrize(("instructions", "told"), [(949, True), (950, False), (1_100, False)])
def test_a_baseline_that_is_too_high_is_told(instructions: int, told: bool) -> None:
    lines, passed = counts.compared(BASELINE | {"failover.roomy": instructions}, BASELINE)
    assert passed
    assert [line.split()[0] for line in lines if line.endswith("should be lowered")] == ["failover.roomy"] * told


def test_every_case_has_a_baseline_and_every_baseline_a_case() -> None:
    lines, passed = counts.compared({"failover.roomy": 1_000, "decode.all": 5}, BASELINE)
    assert not passed
    assert [line.split()[0] for line in lines if "FAILED" in line] == ["rank.hosts_10000", "decode.all"]


def test_what_is_written_is_what_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "counts.toml"
    path.write_text(counts.written(BASELINE, HERE), encoding="utf-8")
    assert counts.compare(BASELINE, path, HERE)
    assert "another" not in capsys.readouterr().out


def test_another_compiler_is_told_before_the_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "counts.toml"
    path.write_text(counts.written(BASELINE, HERE), encoding="utf-8")
    assert not counts.compare(BASELINE | {"rank.hosts_10000": 3_000}, path, HERE | {"rustc": "rustc 1.96.0"})
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "counts: the baseline is of another rustc: rustc 1.95.0; here it is rustc 1.96.0"
    assert "they may differ because of another rustc, and not because of the code" in told[-2]


def test_the_baseline_in_the_tree_has_the_cases_of_the_benches(pytestconfig: pytest.Config) -> None:
    """A case whose baseline is forgotten would else be found by `make counts` alone, which takes a while."""
    benches = pytestconfig.rootpath / "benches"
    baseline = tomllib.loads((benches / "counts.toml").read_text(encoding="utf-8"))
    source = (benches / "rust/counts.rs").read_text(encoding="utf-8")
    ids = [word.split("(")[0].strip() for word in source.split("#[bench::")[1:]]
    assert sorted(case.split(".")[1] for case in baseline["instructions"]) == sorted(ids)
