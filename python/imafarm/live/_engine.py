"""What the driver asks of the compiled engine in which live hosts are: `imafarm._imafarm.LiveFarm`.

Hosts by index in the directory, connections by the engine's own numbers, times in whole nanoseconds since the farm was
opened. The engine touches no socket: it is told what arrived, and says what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, Protocol, TypeAlias

ACT_OPEN: Final = 0
ACT_ACCEPT: Final = 1
ACT_REFUSE: Final = 2
ACT_WRITE: Final = 3
ACT_CLOSE: Final = 4
ACT_ABORT: Final = 5
ACT_BOUND: Final = 6
ACT_CONSULT: Final = 7
ACT_STARTED: Final = 8
ACT_STOPPED: Final = 9

Acts: TypeAlias = Sequence[tuple[int, int, int, Any]]
"""What hosts want done, in order: (act, host, connection, what)."""
Ending: TypeAlias = Literal["finished", "refused", "broken"]
"""How a connection ended: in good order, because nobody listens there, or in any other way."""


class Engine(Protocol):
    """The part of the engine that moves hosts. What their farm is asked for is `imafarm.farm`'s affair."""

    def advance(self, now_ns: int, /) -> None: ...
    def next_deadline_ns(self) -> int | None: ...
    def take_acts(self) -> Acts: ...

    # -- reports

    def incoming(self, host: int, now_ns: int, /, *, pair: int | None = None) -> int: ...
    def connected(self, conn: int, /, *, pair: int | None = None) -> None: ...
    def receive(self, conn: int, data: bytes, now_ns: int, /) -> tuple[Acts, bool]: ...
    def ended(self, conn: int, how: str, now_ns: int, /) -> str | None: ...
    def answered(self, host: int, ticket: int, latest: int, bytes: int, now_ns: int, /) -> None: ...
    def wrote(self, host: int, ticket: int, change: int, now_ns: int, /) -> None: ...
    def store_is_down(self, host: int, ticket: int, now_ns: int, /) -> None: ...

    # -- commands

    def start(self, hosts: Iterable[int], /) -> None: ...
    def crash(self, hosts: Iterable[int], /) -> None: ...
    def pause(self, hosts: Iterable[int], /) -> None: ...
    def resume(self, hosts: Iterable[int], /) -> None: ...
