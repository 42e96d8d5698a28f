"""Words that reports have in common."""

from __future__ import annotations


def counted(count: int, what: str) -> str:
    """`1 host`, `50 hosts`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
