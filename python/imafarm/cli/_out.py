"""The directory in which a command leaves files."""

from __future__ import annotations

import tempfile
from pathlib import Path


def check_writable(out: Path) -> None:
    """Finds out before the run whether a file can be put there."""
    from imafarm.errors import ConfigurationError

    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=out):
            pass
    except OSError as error:
        raise ConfigurationError([f"--out: cannot write to {out}: {error.strerror or error}"]) from None
