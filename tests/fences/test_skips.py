"""Under CI nothing is skipped in silence."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

A_TOOL_THAT_IS_MISSING = """
import pytest

def test_it():
    pytest.importorskip("no_such_tool")

@pytest.mark.skip(reason="no_such_tool")
def test_it_by_a_mark():
    pass

@pytest.mark.xfail(reason="known")
def test_what_is_known_to_fail():
    assert False
"""

A_WHOLE_FILE = """
import pytest

pytest.importorskip("no_such_tool")
"""


@pytest.fixture
def skipping(pytester: pytest.Pytester, tree: Path) -> pytest.Pytester:
    """A tree with the project's own conftest, whose tests skip themselves in each of the ways there are."""
    pytester.makeconftest((tree / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile(test_tool=A_TOOL_THAT_IS_MISSING, test_file=A_WHOLE_FILE)
    return pytester


def test_a_skip_fails_under_ci(skipping: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    result = skipping.runpytest("--continue-on-collection-errors")
    result.assert_outcomes(failed=1, errors=2, xfailed=1)
    result.stdout.fnmatch_lines("CI skips nothing*")


def test_a_skip_is_a_skip_elsewhere(skipping: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    skipping.runpytest().assert_outcomes(skipped=3, xfailed=1)
