"""Each script of `examples/`, alone, as a newcomer would run it."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]
EXAMPLES = TREE / "examples"
MOST_LINES = 80

PRINTS = {
    "cache_sweep.py": r"^ +398 +399\.0 #+\n +399 +0\.0\n[^#]*^399 are enough: one for each other host of the zone$",
    "custom_scenario.py": r"^maintenance +PASSED .*[^#]* another collector within 10 s +the slowest took 1\.\d\d\d s",
    "failover.py": r"^H1000 follows H1, \d+\.\d s after its crash$",
    "host_resolver.py": r"^from the highest rank down: LONDON1, PARIS1, LONDON2, PARIS2$",
    "study_api.py": r"^hosts    50, ElectMasterTimeout   500: 0\.50 s, .*[^~]*27 points, in a table: <Table of 27 rows",
    "tables.py": r"^192 of 200 hosts stood, the last \d+\.\d ms after H154 had begun\n199 had H200 for their collector",
    "two_zones_partition.py": r"H1 knows of 10 sessions in Z1 and 0 in Z2\n[^#]*both know of all 20 after \d+\.\d s$",
}
"""What each has to say."""


def test_each_example_is_tried() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(PRINTS)


@pytest.mark.parametrize("name", PRINTS)
def test_it_runs_and_says_what_it_is_about(name: str, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert re.search(PRINTS[name], run.stdout, re.MULTILINE), run.stdout


@pytest.mark.parametrize("name", PRINTS)
def test_it_is_short_and_says_how_to_run_it(name: str) -> None:
    source = (EXAMPLES / name).read_text(encoding="utf-8")
    assert len(source.splitlines()) <= MOST_LINES
    told = ast.get_docstring(ast.parse(source))
    assert told is not None and told.endswith(f"\n\npython examples/{name}")
