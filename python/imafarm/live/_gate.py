"""Who may call whom next: so many calls at once in one process, and every host in its turn.

When a collector goes, all members of its zone may call all others at the same moment. In one process they share one
processor, so thousands of calls that are all under way come through at the same time, all late, and hosts take that for
silence. A few hundred at once come through one after the other, in a moment each; and since hosts take turns, each soon
has its first answer, which in an election is the one that counts.

They also share the process's descriptors, and so do those who answer. Once there is none left for a call, fewer are let
through at once, so that what becomes free is left for answers, and calls that have begun come to an end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum, auto


class Begun(Enum):
    """What became of a call that was let through."""

    YES = auto()
    VOID = auto()
    """Nobody wants it any more."""
    LATER = auto()
    """The operating system has nothing left for it."""


class Gate:
    """Lets so many calls pass at once. Calls go by anything that can be told apart, such as their links."""

    def __init__(self, most: int, on_shut: Callable[[], object]) -> None:
        """most: calls that are under way at once.
        on_shut: called when the operating system has nothing left; nothing passes until `reopen`.
        """
        self._most = self._now = most
        self._on_shut = on_shut
        self._is_shut = False
        self._passed: set[object] = set()
        # By host, those who have to wait; hosts in the order of their turns.
        self._waiting: dict[int, deque[tuple[object, Callable[[], Begun]]]] = {}

    def enter(self, host: int, call: object, begin: Callable[[], Begun]) -> None:
        """A host wants to call: `begin` is called when it may, maybe at once."""
        self._waiting.setdefault(host, deque()).append((call, begin))
        self._admit()

    def leave(self, call: object) -> None:
        """A call has come through, or has ended. One that is not under way is not missed."""
        if call in self._passed:
            self._passed.discard(call)
            self._now = min(self._now + 1, self._most)
            self._admit()

    def reopen(self) -> None:
        """There may be something left again."""
        self._is_shut = False
        self._admit()

    def _admit(self) -> None:
        while self._waiting and len(self._passed) < self._now and not self._is_shut:
            host = next(iter(self._waiting))
            queue = self._waiting.pop(host)
            call, begin = queue.popleft()
            begun = begin()
            if begun is Begun.YES:
                self._passed.add(call)
            elif begun is Begun.LATER:
                queue.appendleft((call, begin))
                self._now = max(1, len(self._passed) // 2)
                self._is_shut = True
                self._on_shut()
            if queue:
                self._waiting[host] = queue
