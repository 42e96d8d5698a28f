"""The tree, as the fences look at it."""

import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tree(pytestconfig: pytest.Config) -> Path:
    """Where the tree stands."""
    return pytestconfig.rootpath


@pytest.fixture(scope="session")
def files(tree: Path) -> list[Path]:
    """Every file that is, or is about to be, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=tree,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return [tree / name for name in listed.stdout.split("\0") if name and (tree / name).is_file()]
