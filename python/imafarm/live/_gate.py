"""Who may call whom next: so many calls at once in one process, and every host in its turn.

When a collector goes, all members of its zone may call all others at the same moment. In one process they share one
processor, so thousands of calls that are all under way come through at the same time, all late, and hosts take that for
silence. A few hundred at once come through one after the other, in a moment each; and since hosts take turns, each soon
has its first answer, which in an election is the one that counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class Gate:
    """Lets so many calls pass at once. Calls go by anything that can be told apart, such as their links."""

    def __init__(self, most: int) -> None:
        """most: calls that are under way at once."""
        self._most = most
        self._passed: set[object] = set()
        # By host, those who have to wait; hosts in the order of their turns.
        self._waiting: dict[int, deque[tuple[object, Callable[[], bool]]]] = {}

    def enter(self, host: int, call: object, begin: Callable[[], bool]) -> None:
        """A host wants to call: `begin` is called when it may, maybe at once, and says whether it still wants to."""
        self._waiting.setdefault(host, deque()).append((call, begin))
        self._admit()

    def leave(self, call: object) -> None:
        """A call has come through, or has ended; or it need not be made any more."""
        if call in self._passed:
            self._passed.discard(call)
            self._admit()

    def _admit(self) -> None:
        while self._waiting and len(self._passed) < self._most:
            host = next(iter(self._waiting))
            queue = self._waiting.pop(host)
            call, begin = queue.popleft()
            if queue:
                self._waiting[host] = queue
            if begin():
                self._passed.add(call)
