"""What the tests of the tools share."""

from collections.abc import Callable

import pytest

from imafarm import cli

Ask = Callable[..., str]


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    """A tool of the command `imafarm`, in this process: what it prints when nothing is wrong."""

    def call(*arguments: object) -> str:
        with pytest.raises(SystemExit) as left:
            cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert (left.value.code, err) == (0, "")
        return out

    return call
