"""Hosts that connect, fail, die and start again leave nothing behind: a few rounds of `benches/python/soak_live.py`."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "benches" / "python" / "soak_live.py"
ROUNDS = 4
PATIENCE_SECONDS = 300.0


def test_nothing_grows_by_a_few_rounds_of_harm() -> None:
    """Descriptors and tasks are the same in number whenever a farm is as it was before."""
    number = os.getpid() % 256
    networks = [f"127.82.{number}.0/24", f"127.83.{number}.0/24"]
    command = [sys.executable, str(SCRIPT), "--rounds", str(ROUNDS), "--seed", "3", "--networks", *networks]
    soaked = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert soaked.returncode == 0, soaked.stdout + soaked.stderr
    assert soaked.stdout.endswith(f"Nothing has grown in {ROUNDS} rounds.\n")
    assert len(soaked.stdout.splitlines()) == 1 + ROUNDS + 1


@pytest.fixture(scope="module")
def soak() -> dict[str, Any]:
    """The names of the script."""
    return runpy.run_path(str(SCRIPT))


@pytest.mark.parametrize(
    ("key", "values", "said"),
    [
        ("up_descriptors", [40] * 8 + [41], "up_descriptors: 40 in the first round, then 40 to 41"),
        ("off_tasks", [6, 8, 6, 6, 6, 6, 6, 6, 6], "off_tasks: 6 in the first round, then 6 to 8"),
        ("rss_mib", [50, 50, 50, 60, 60, 60, 65, 65, 65], "rss_mib: from 60.0 to 65.0, which is more than 4.0 more"),
        ("engine_kib", [30] * 6 + [40] * 3, "engine_kib: from 30.0 to 40.0, which is more than 3.0 more"),
    ],
)
def test_growth_is_told_of(soak: dict[str, Any], key: str, values: Sequence[float], said: str) -> None:
    growth: Callable[[Sequence[Any]], list[str]] = soak["growth"]
    level = soak["Weighed"](0.0, 40, 30, 50, 10, 6, 30, 50.0, 11, 1, 50.0)
    assert growth([level] * 9) == []
    assert growth([replace(level, **{key: value}) for value in values]) == [said]
    assert growth([level]) == ["only 1 rounds: that is too few to tell"]
