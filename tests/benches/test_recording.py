"""The bench of recording compares runs that do the same, and counts what it writes."""

import pytest

from recording import main


def test_both_runs_do_the_same_and_what_was_written_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rows", "20000"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert int(lines[0].split(" events written")[0].replace(",", "")) > 1_000
    assert [line[:22].strip() for line in lines[1:4]] == ["", "plain", "recorded and written"]
    assert lines[4].endswith("of processor time")
