"""One connection of one host: bytes in, bytes out, and an end.

Reading is one task for each connection, which hands what has come to the engine at once; so nothing waits on this side,
and TCP slows down a sender that is too fast. Writing needs no task: a message goes to the socket as it is made. What
the socket does not take waits in a backlog, and only then a task drains it. A peer that lets the backlog grow beyond
its bound, or takes nothing of it for too long, loses the connection, and nobody else anything.

A connection is closed in good order by ending one's own side once all that was written has gone, and reading on to the
end of the other's. An end can cut a frame off but never stand for one: each frame has its length, and its own seal
where there is a key.

Across a cut (`Farm.partition`) nothing is sent, and nobody is told: it is as if the cable were pulled. Who wrote learns
after `give_up_seconds` that it was in vain. The socket stays open until the other side sends something, and is told
then that nobody here knows this connection any more.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Protocol

import trio
from trio.lowlevel import wait_readable, wait_writable

from imafarm.live._engine import Ending
from imafarm.live._gate import Begun
from imafarm.live._limits import LiveLimits
from imafarm.live._log import LiveLog
from imafarm.live._sockets import EXHAUSTED, Address, begin_call, let_go

if TYPE_CHECKING:
    from imafarm.live._host import LiveHost

READ_BYTES = 1 << 16
"""Read at once, at most."""
SEND_BYTES = 1 << 18
"""Drained at once, at most."""
FRAME_BYTES = 16 + 65_536 + 48
"""The longest frame: header, body and seal."""
GONE = (OSError, trio.BrokenResourceError, trio.ClosedResourceError)
"""How a connection shows that it is no more."""


class Due(Enum):
    """What a connection has to have done by its deadline."""

    NOTHING = ""
    HANDSHAKE = "TLS has not agreed on its keys in time"
    FRAME = "the rest of a frame has not come in time"
    CLOSE = "the peer has not ended its side in time"
    CUT = "what was sent across a cut was in vain"


class Driver(Protocol):
    """What a connection needs of whoever drives the engine."""

    limits: LiveLimits
    log: LiveLog
    lingering: set[tuple[Address, Address]]
    """Ends that were given up across a cut and still stand, each by where it is and where the other one is."""

    def called(self, link: Link) -> None:
        """A caller waits to be answered."""

    def connecting(self, link: Link, local: Address) -> None:
        """A call is under way, from this address."""

    def hear(self, link: Link, data: bytes) -> bool:
        """Bytes have come. Whether they end within a frame."""

    def ended(self, link: Link, how: Ending) -> None:
        """A connection that the engine knows is at its end."""

    def is_cut(self, source: int, target: int | None) -> bool:
        """Whether what one host sends another gets lost."""

    def spawn(self, task: Callable[[], Awaitable[object]]) -> None:
        """Runs a task for as long as the farm is open."""


class Link:
    """A connection on TCP, which `run` serves until it has ended."""

    __slots__ = (
        "_backlog",
        "_due",
        "_frame_bytes",
        "_has_answer",
        "_has_failed",
        "_is_answered",
        "_is_begun",
        "_is_caller",
        "_is_closing",
        "_is_draining",
        "_is_in_frame",
        "_is_over",
        "_is_retired",
        "_is_severed",
        "_scope",
        "_socket",
        "conn",
        "driver",
        "host",
        "is_bound",
        "is_known",
        "last_use",
        "peer",
        "remote",
    )

    def __init__(
        self, driver: Driver, host: LiveHost, remote: Address, *, peer: int | None, sock: socket.socket | None = None
    ) -> None:
        """A connection between a host and `remote`, whose index in the directory is `peer`, if that is known.

        sock: the caller's, not blocking; `None` if the host itself is about to call.
        """
        self.driver = driver
        self.host = host
        self.remote = remote
        self.peer = peer
        self.conn = -1
        """The engine's number of it."""
        self.is_known = False
        """Whether the engine wants to hear of it."""
        self.is_bound = False
        """Whether there is a binding on it."""
        self.last_use = 0
        """When a message last passed, as the driver counts."""
        self._socket = sock
        self._scope = trio.CancelScope()
        self._due = Due.NOTHING
        self._is_begun = False
        self._is_caller = self._is_answered = sock is None
        self._has_answer: trio.Event | None = None
        self._backlog = bytearray()
        self._frame_bytes = 0
        self._is_in_frame = False
        self._is_draining = False
        self._is_closing = False
        self._is_retired = False
        self._is_severed = False
        self._is_over = False
        self._has_failed = False

    # -- what the driver does to it

    def begin(self) -> Begun:
        """Calls the peer, or is called by it."""
        if self._is_begun or not (self.is_known or self._socket):
            return Begun.VOID
        if self._is_caller and not self._is_closing:
            try:
                self._socket = begin_call(self.host.address, self.remote)
            except OSError as error:
                if error.errno in EXHAUSTED:
                    return Begun.LATER
                self._has_failed = True
            else:
                self.driver.connecting(self, self._socket.getsockname())
        self._is_begun = True
        self.driver.spawn(self.run)
        return Begun.YES

    def answer(self) -> None:
        """The host is ready for what a caller says."""
        self._is_answered = True
        if self._has_answer is not None:
            self._has_answer.set()

    def turn_away(self) -> None:
        """Ends the connection here and now; the engine is told that it broke."""
        self._has_failed = True
        self._backlog.clear()
        self._drop(reset=True)
        self._scope.cancel()

    def write(self, data: bytes) -> None:
        """Sends this after all that was written before."""
        if self._has_failed or self._is_severed:
            return
        if self._is_retired:
            self.turn_away()
            return
        if self.driver.is_cut(self.host.index, self.peer):
            self._sever()
            return
        rest = data if self._backlog else self._send_now(data)
        if not rest:
            return
        if len(self._backlog) + len(rest) > self.driver.limits.backlog_bytes:
            self._fail("backlog-full", limit_bytes=self.driver.limits.backlog_bytes)
            return
        self._backlog += rest
        if not self._is_draining:
            self._is_draining = True
            self.driver.spawn(self._drain)

    def close(self) -> None:
        """Ends this side once all that was written has gone, and the connection once the other has ended its own."""
        if self._is_closing:
            return
        self._is_closing = True
        if self._socket is None:
            self._due = Due.CLOSE
            self._scope.cancel()
            self.begin()
        elif self._is_severed or self.driver.is_cut(self.host.index, self.peer):
            self._sever()
        elif self._is_draining:
            self._set_no_due()
        else:
            self._end_writing()

    def retire(self) -> None:
        """Closes the connection though the engine does not want it closed: it sees that the other side closes it."""
        self._is_retired = True
        self.close()

    def leave(self) -> None:
        """Closes the connection, of which the engine knows nothing more."""
        self.is_known = False
        if self._is_answered:
            self.close()
        else:
            self.turn_away()

    def abort(self) -> None:
        """Drops the connection at once, of which the engine knows nothing more; the other side learns it, if it can."""
        self.is_known = False
        if self.driver.is_cut(self.host.index, self.peer):
            self._is_severed = True
            self._backlog.clear()
        if not self._is_severed:
            self._drop(reset=True)
        self._scope.cancel()

    @property
    def is_idle(self) -> bool:
        """Whether it has a binding, and nothing to do for it."""
        return self.is_bound and not self._is_closing and not self._is_severed and not self._backlog

    # -- its life

    async def run(self) -> None:
        """Serves the connection until it has ended, and tells the driver how."""
        ending: Ending | None = None
        try:
            with self._scope:
                ending = await self._live()
            how = ending or self._overdue()
            if self.is_known:
                self.is_known = False
                self.driver.ended(self, how)
            if self._is_severed and self._socket is not None:
                await self._linger(self._socket)
        except trio.ClosedResourceError:
            pass
        finally:
            self._is_over = True
            # Where the other side has ended in good order it reads to the end of ours, so what waits may still go.
            if ending != "finished" or not self._is_draining:
                self._drop(reset=ending != "finished" and not self._is_closing)

    async def _live(self) -> Ending:
        """All there is to it, up to the end of what the other side sends."""
        if (sock := self._socket) is None:
            return "broken" if self._has_failed else "finished"
        try:
            await self._reach(sock)
        except ConnectionRefusedError:
            return "refused"
        except GONE:
            return "broken"
        if not self._is_caller:
            self.driver.called(self)
            await self._wait_answer()
        return await self._read()

    async def _reach(self, sock: socket.socket) -> None:
        """Waits until the peer can be read. Whoever is called speaks first, so there is nothing else to wait for."""

    async def _wait_answer(self) -> None:
        """Waits until the host answers the caller; before, it is not listened to."""
        if not self._is_answered:
            self._has_answer = trio.Event()
            await self._has_answer.wait()

    # -- reading

    async def _read(self) -> Ending:
        """Hands over all that comes, to its end."""
        while (sock := self._socket) is not None:
            try:
                data = await self._receive(sock)
            except ConnectionRefusedError:
                return "refused"
            except GONE:
                return "broken"
            if self.host.is_paused:
                await self.host.wait_resumed()
            if not data:
                return "broken" if self._has_failed else "finished"
            if self.is_known:
                self._hear(data)
        return "broken"

    async def _receive(self, sock: socket.socket) -> bytes:
        """What has come, at least a byte; nothing at the end of what the other side sends."""
        while True:
            await wait_readable(sock)
            try:
                return sock.recv(READ_BYTES)
            except BlockingIOError:
                continue

    def _hear(self, data: bytes) -> None:
        is_cut = self.driver.hear(self, data)
        if self._is_closing or self._is_severed:
            return
        if not is_cut:
            if self._is_in_frame:
                self._is_in_frame = False
                self._set_no_due()
            return
        self._frame_bytes += len(data)
        # After more bytes than any frame has it is another one that is cut now.
        if not self._is_in_frame or self._frame_bytes > FRAME_BYTES:
            self._is_in_frame = True
            self._frame_bytes = 0
            self._set_due(Due.FRAME, self.driver.limits.frame_seconds)

    # -- writing

    def _send_now(self, data: bytes) -> bytes:
        """Sends as much as goes at once; the rest."""
        if self._socket is None:
            return data
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            return data
        except OSError:
            # The reader is about to learn it too, but may take it for an end in good order.
            self._has_failed = True
            return b""
        return data[sent:]

    async def _drain(self) -> None:
        """Sends what waits, in the peer's own time."""
        try:
            while self._backlog:
                with trio.move_on_after(self.driver.limits.stall_seconds) as patience:
                    await self._send_waiting()
                if patience.cancelled_caught:
                    self._fail("peer-stalled", waiting_bytes=len(self._backlog))
            if self._is_closing and not self._is_severed:
                self._end_writing()
        except GONE:
            self._has_failed = True
            self._scope.cancel()
        finally:
            self._is_draining = False
            if self._is_over:
                self._drop(reset=bool(self._backlog))

    async def _send_waiting(self) -> None:
        """Waits until some of what waits goes, and sends it."""
        if (sock := self._socket) is None:
            raise trio.ClosedResourceError
        await wait_writable(sock)
        with memoryview(self._backlog) as waiting, waiting[:SEND_BYTES] as next_bytes:
            try:
                sent = sock.send(next_bytes)
            except BlockingIOError:
                sent = 0
        del self._backlog[:sent]

    def _end_writing(self) -> None:
        """All has gone: the other side is told that nothing more will come."""
        self._set_due(Due.CLOSE, self.driver.limits.give_up_seconds)
        if self._socket is not None:
            # A peer that is gone already has left nobody to tell.
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    # -- the end

    def _sever(self) -> None:
        """Something has got lost on the way, so nothing that comes after it can arrive."""
        if not self._is_severed:
            self._is_severed = True
            self._backlog.clear()
            self._set_due(Due.CUT, self.driver.limits.give_up_seconds)

    async def _linger(self, sock: socket.socket) -> None:
        """Stands, though given up, until the other end says something: as with TCP, only then does it learn that this
        one is gone. If the other one was given up too it never will, and both can go."""
        here, there = sock.getsockname(), self.remote
        if (there, here) in self.driver.lingering:
            return
        self.driver.lingering.add((here, there))
        try:
            await wait_readable(sock)
        finally:
            self.driver.lingering.discard((here, there))

    def _fail(self, event: str, **values: int) -> None:
        """The peer does not read."""
        self.driver.log.warn(event, host=self.host.name, peer=self.remote[0], **values)
        self.turn_away()

    def _overdue(self) -> Ending:
        """The connection was given up: how it has ended."""
        if self.is_known and not self._has_failed and self._due in (Due.FRAME, Due.HANDSHAKE):
            self.driver.log.warn("overdue", host=self.host.name, peer=self.remote[0], why=self._due.value)
        return "finished" if self._due is Due.CLOSE and not self._has_failed else "broken"

    def _set_due(self, due: Due, seconds: float) -> None:
        self._due = due
        self._scope.deadline = trio.current_time() + seconds

    def _set_no_due(self) -> None:
        self._due = Due.NOTHING
        self._scope.deadline = math.inf

    def _drop(self, *, reset: bool) -> None:
        sock, self._socket = self._socket, None
        if sock is not None:
            let_go(sock, reset=reset)
