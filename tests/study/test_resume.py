"""A study that was broken off goes on where it was: nothing is lost, and no point is played twice."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from imafarm import ConfigurationError
from imafarm.study import StudyProgress, study

from .conftest import START_SECONDS, Here

ASKED: dict[str, Any] = {"hosts": 24, "repeat": 2}
FILES = ("study.json", "study.parquet")


def files(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in FILES}


def keys(out: Path) -> list[tuple[int, int]]:
    """Values and seeds of the journal, in its order."""
    lines = (out / "points.jsonl").read_bytes().splitlines()
    entries = [json.loads(line) for line in lines[1:]]
    return [(entry["vary"]["MaxHostAddressCacheEntries"], entry["seed"]) for entry in entries]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], list[tuple[int, int]]]:
    """The files, and which points, of a study that nobody broke off."""
    out = tmp_path_factory.mktemp("whole")
    study("cache", **ASKED, out=out, executor=Here())
    return files(out), sorted(keys(out))


def break_off(out: Path, after: int) -> Here:
    def enough(how_far: StudyProgress) -> None:
        if how_far.done == after:
            raise KeyboardInterrupt

    here = Here()
    with pytest.raises(KeyboardInterrupt):
        study("cache", **ASKED, out=out, executor=here, progress=enough)
    return here


@pytest.mark.parametrize("after", [1, 7, 16, 17])
def test_each_point_is_played_once(
    tmp_path: Path, whole: tuple[dict[str, bytes], list[tuple[int, int]]], after: int
) -> None:
    first, second = break_off(tmp_path, after), Here()
    partial = json.loads((tmp_path / "study.json").read_text())
    assert partial["complete"] is False and partial["knee"] is None and len(partial["rows"]) == after
    study("cache", **ASKED, out=tmp_path, resume=True, executor=second)
    assert files(tmp_path) == whole[0]
    assert sorted(keys(tmp_path)) == whole[1]
    played = [(point.values[0], point.seed) for point in [*first.points[:after], *second.points]]
    assert sorted(played) == whole[1]


def test_a_study_that_is_complete_is_written_again_and_not_played(
    tmp_path: Path, whole: tuple[dict[str, bytes], list[tuple[int, int]]]
) -> None:
    break_off(tmp_path, 3)
    here = Here()
    for _ in range(2):
        here.points.clear()
        study("cache", **ASKED, out=tmp_path, resume=True, executor=here)
        assert files(tmp_path) == whole[0]
    assert here.points == []


@pytest.mark.parametrize("torn", [b'{"vary": {"MaxHost', b"{", b'{"vary": {}, "seed": 1}'])
def test_a_line_that_is_torn_is_left_aside(
    tmp_path: Path, whole: tuple[dict[str, bytes], list[tuple[int, int]]], torn: bytes
) -> None:
    break_off(tmp_path, 4)
    with (tmp_path / "points.jsonl").open("ab") as journal:
        journal.write(torn)
    study("cache", **ASKED, out=tmp_path, resume=True, executor=Here())
    assert (files(tmp_path), sorted(keys(tmp_path))) == whole


def test_a_first_line_that_is_torn_is_a_study_that_has_not_begun(
    tmp_path: Path, whole: tuple[dict[str, bytes], list[tuple[int, int]]]
) -> None:
    (tmp_path / "points.jsonl").write_bytes(b'{"format": "imafarm study poi')
    study("cache", **ASKED, out=tmp_path, resume=True, executor=Here())
    assert (files(tmp_path), sorted(keys(tmp_path))) == whole


def test_to_go_on_with_nothing_is_to_begin(tmp_path: Path) -> None:
    found = study("cold-boot", hosts=3, vary={"LoadBias": [1]}, out=tmp_path / "new", resume=True, executor=Here())
    assert found.complete


# -- directories


def refused(out: Path, **asked: Any) -> str:
    here = Here()
    with pytest.raises(ConfigurationError) as told:
        study("cache", **{**ASKED, **asked}, out=out, executor=here)
    assert here.points == []
    return str(told.value)


def test_a_study_is_not_written_over(tmp_path: Path) -> None:
    break_off(tmp_path, 1)
    before = (tmp_path / "points.jsonl").read_bytes()
    said = f"out: {tmp_path} holds a study (points.jsonl); go on with it by --resume, or take another directory"
    assert refused(tmp_path) == said
    assert (tmp_path / "points.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"hosts": 25}, "hosts: the study in {out} was asked for 24, not 25"),
        ({"repeat": 3}, "repeat: the study in {out} was asked for 2, not 3"),
        ({"seed": 1}, "seed: the study in {out} was asked for 0, not 1"),
        ({"settings": {"LoadBias": 7}}, 'settings: the study in {out} was asked for {{}}, not {{"LoadBias": 7}}'),
        ({"product": "MF30"}, 'product: the study in {out} was asked for "PS45", not "MF30"'),
        ({"measures": ["memory"]}, "measures: the study in {out} was asked for ["),
        ({"vary": {"MaxHostAddressCacheEntries": [9]}}, "vary: the study in {out} was asked for ["),
    ],
)
def test_only_the_same_study_is_gone_on_with(tmp_path: Path, other: dict[str, Any], said: str) -> None:
    break_off(tmp_path, 1)
    told = refused(tmp_path, resume=True, **other)
    # The fingerprint of the farm, which differs with some of these, is told to nobody.
    assert told.startswith(said.format(out=tmp_path)) and "\n" not in told


def test_a_farm_file_that_has_changed_is_another_study(tmp_path: Path) -> None:
    farm, out = tmp_path / "farm.toml", tmp_path / "out"
    for bias, resume in ((1, False), (1, True), (2, True)):
        farm.write_text(f'[[hosts]]\nname = "S{{n}}"\ncount = 4\nzone = "A"\nsettings = {{ LoadBias = {bias} }}\n')
        if bias == 1:
            study("cold-boot", farm=farm, vary={"BindTimeout": [5000]}, out=out, resume=resume, executor=Here())
    with pytest.raises(ConfigurationError, match="^farm: the farm file has changed since the study in"):
        study("cold-boot", farm=farm, vary={"BindTimeout": [5000]}, out=out, resume=True, executor=Here())


@pytest.mark.parametrize("name", ["run.json", "verdict.json"])
@pytest.mark.parametrize("resume", [False, True])
def test_a_directory_that_holds_a_run_is_left_alone(tmp_path: Path, name: str, resume: bool) -> None:
    (tmp_path / name).write_text("{}")
    said = f"out: {tmp_path} holds a run ({name}); take another directory"
    assert refused(tmp_path, resume=resume) == said
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"a diary\n", "points.jsonl, line 1: no line of a study's journal"),
        (b"a diary without end", "points.jsonl is no journal of a study"),
        (b'{"format": "imafarm run 1"}\n', "points.jsonl is no journal of a study"),
        (b"[]\n", "points.jsonl, line 1: no line of a study's journal"),
    ],
)
def test_a_journal_that_is_none(tmp_path: Path, text: bytes, said: str) -> None:
    (tmp_path / "points.jsonl").write_bytes(text)
    assert said in refused(tmp_path, resume=True)
    assert (tmp_path / "points.jsonl").read_bytes() == text


def test_a_line_that_is_wrong_is_named(tmp_path: Path) -> None:
    break_off(tmp_path, 2)
    lines = (tmp_path / "points.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "points.jsonl").write_bytes(lines[0] + b'{"seed": 0}\n' + lines[1])
    assert "points.jsonl, line 2: no line of a study's journal" in refused(tmp_path, resume=True)


def test_a_study_whose_journal_is_gone_cannot_go_on(tmp_path: Path) -> None:
    break_off(tmp_path, 1)
    (tmp_path / "points.jsonl").unlink()
    assert "holds a study whose points.jsonl is gone" in refused(tmp_path, resume=True)


def test_two_do_not_write_to_one_directory(tmp_path: Path) -> None:
    said: list[str] = []

    def meanwhile(how_far: StudyProgress) -> None:
        if how_far.done == 1 and not said:
            said.append(refused(tmp_path, resume=True))

    study("cache", **ASKED, out=tmp_path, executor=Here(), progress=meanwhile)
    assert said == [f"out: another process is at work on the study in {tmp_path}"]


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert f"out: cannot write to {tmp_path / 'file'}: " in refused(tmp_path / "file")


# -- processes that are broken off

COMMAND = ["study", "cache", "--hosts", "60", "--repeat", "20", "--workers", "2"]
COMMAND += ["--vary", "MaxHostAddressCacheEntries=16,58,59", "--measure", "binding_churn"]


def start(out: Path, *options: str) -> "subprocess.Popen[str]":
    """The command, in a process group of its own, as a terminal has it."""
    command = [sys.executable, "-m", "imafarm", *COMMAND, "--out", str(out), *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def wait_for_points(process: "subprocess.Popen[str]", out: Path, count: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not (out / "points.jsonl").exists() or len(keys_so_far(out)) < count:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.01)


def keys_so_far(out: Path) -> list[bytes]:
    return (out / "points.jsonl").read_bytes().splitlines()[1:]


def wait_until_nobody_is_left(group: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    os.killpg(group, signal.SIGKILL)
    pytest.fail("workers outlive their study")


def test_ctrl_c_and_a_crash(tmp_path: Path) -> None:
    process = start(tmp_path)
    wait_for_points(process, tmp_path, 5)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 130 and out == ""
    done = len(keys(tmp_path))
    # The last may have got to the disk just as it was broken off.
    after = "of 60 points done; --resume goes on with them\nimafarm: interrupted\n"
    assert err in (f"imafarm: {done} {after}", f"imafarm: {done - 1} {after}")
    wait_until_nobody_is_left(process.pid)

    process = start(tmp_path, "--resume")
    wait_for_points(process, tmp_path, done + 5)
    process.kill()
    process.communicate(timeout=START_SECONDS)
    wait_until_nobody_is_left(process.pid)

    process = start(tmp_path, "--resume", "--json")
    out, err = process.communicate(timeout=10 * START_SECONDS)
    assert process.returncode == 0, err
    made = json.loads(out)
    assert made == json.loads((tmp_path / "study.json").read_text())
    assert made["complete"] and made["knee"]["value"] == 59 == made["knee"]["theory"]
    assert len(keys(tmp_path)) == len(set(keys(tmp_path))) == 60


def test_ctrl_c_while_workers_start(tmp_path: Path) -> None:
    process = start(tmp_path)
    wait_for_points(process, tmp_path, 0)
    time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 130 and out == ""
    assert all(line.startswith("imafarm: ") for line in err.splitlines()), err
    wait_until_nobody_is_left(process.pid)


SMALL_DISK = """
import resource, sys
from imafarm import cli
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
if __name__ == "__main__":
    cli.main(sys.argv[2:])
"""


def test_a_disk_that_is_full_stops_it_with_what_is_done_intact(
    tmp_path: Path, whole: tuple[dict[str, bytes], list[tuple[int, int]]]
) -> None:
    script, out = tmp_path / "small_disk.py", tmp_path / "out"
    script.write_text(SMALL_DISK)
    asked = ["study", "cache", "--hosts", "24", "--repeat", "2", "--workers", "1", "--out", str(out)]
    said = subprocess.run([sys.executable, script, "3500", *asked], capture_output=True, text=True, check=False)
    assert said.returncode == 2 and said.stdout == ""
    done = len(keys(out))
    assert 1 <= done < len(whole[1])
    first, last = said.stderr.splitlines()
    assert first == f"imafarm: {out / 'points.jsonl'}: File too large"
    assert last == f"  {done} of 16 points done; --resume goes on with them"
    # There is room for the journal, and none for what is made of it.
    room = str(len(whole[0]["study.json"]) - 1)
    said = subprocess.run(
        [sys.executable, script, room, *asked, "--resume"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 2 and "study.json: File too large" in said.stderr, said.stderr
    study("cache", **ASKED, out=out, resume=True, executor=Here())
    assert (files(out), sorted(keys(out))) == whole
