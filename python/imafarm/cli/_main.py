"""The command `imafarm` as a process: its arguments, what it says of errors, and its exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import CycloptsError

from imafarm.cli._app import app
from imafarm.cli._errors import INTERRUPTED, PASSED, WRONG_CALL
from imafarm.cli._tools import with_options


def main(arguments: Sequence[str] | None = None) -> None:
    """The command `imafarm`. Leaves with an exit code."""
    sys.exit(_exit_code(sys.argv[1:] if arguments is None else arguments))


def _exit_code(arguments: Sequence[str]) -> int:
    from imafarm.errors import ImafarmError

    try:
        result = app(with_options(arguments), exit_on_error=False, print_error=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else PASSED
    except (CycloptsError, ImafarmError) as error:
        print(f"imafarm: {str(error).strip()}", file=sys.stderr)
        return WRONG_CALL
    except KeyboardInterrupt:
        print("imafarm: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has seen enough. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PASSED
