"""How counts and unknown names are told to people."""

from __future__ import annotations

from collections.abc import Iterable


def counted(count: int, what: str) -> str:
    """`1 host`, `50 hosts`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def nearest(name: str, known: Iterable[str]) -> str:
    """Which of these names is most like one that is not among them. There is at least one."""
    from difflib import get_close_matches

    return get_close_matches(name, list(known), n=1, cutoff=0.0)[0]
