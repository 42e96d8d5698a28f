"""How a command ends, and how a wrong one is told so."""

from __future__ import annotations

from collections.abc import Sequence

PASSED, FAILED, WRONG_CALL, INTERRUPTED = 0, 1, 2, 130


def unknown(key: str, name: str, known: Sequence[str]) -> Exception:
    """The error for a name that there is not; it tells the nearest of those there are."""
    from imafarm.errors import ConfigurationError
    from imafarm.words import nearest

    return ConfigurationError(
        [f"{key}: unknown {name!r}; did you mean {nearest(name, known)!r}? There are {', '.join(known)}"]
    )
