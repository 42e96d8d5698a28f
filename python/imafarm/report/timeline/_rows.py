"""The tables of a farm as rows for a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from imafarm.report.timeline._farm import Bound, Happened, Sent
from imafarm.report.timeline._wire import Packet
from imafarm.tables import ArrowStream


def happened(table: ArrowStream, start_ns: int) -> list[Happened]:
    """The rows of `farm.events()`, in the order of time, of a farm that was opened at `start_ns`."""
    named = _rows(table, ("time_ns", "kind", "host", "other", "zone"))
    rows = [Happened(start_ns + time_ns, *what) for time_ns, *what in named]
    # What happens at one instant stays in its order.
    rows.sort(key=lambda row: row.time_ns)
    return rows


def sent(table: ArrowStream, start_ns: int) -> list[Sent]:
    """The rows of `farm.traffic()`, by the zone that has sent, whatever it was and whereto."""
    counted: Counter[tuple[int, int, str]] = Counter()
    for begins, ends, zone, messages in _rows(table, ("start_ns", "end_ns", "from_zone", "sent")):
        counted[start_ns + begins, start_ns + ends, zone] += messages
    return [Sent(*key, messages) for key, messages in sorted(counted.items())]


def bound(table: ArrowStream, start_ns: int) -> list[Bound]:
    """The rows of `farm.bindings()`."""
    rows = _rows(table, ("start_ns", "end_ns", "zone", "evicted", "active"))
    return sorted(Bound(start_ns + begins, start_ns + ends, *what) for begins, ends, *what in rows)


def packets(table: ArrowStream) -> list[Packet]:
    """The rows of `farm.packets()`, whose times are the run's."""
    return [Packet(*row) for row in _rows(table, ("time_ns", "what", "source", "target", "connection", "kind"))]


def _rows(table: ArrowStream, names: Sequence[str]) -> list[tuple[Any, ...]]:
    import arro3.core

    columns = arro3.core.Table.from_arrow(table)
    return list(zip(*(columns.column(name).to_pylist() for name in names), strict=True))
