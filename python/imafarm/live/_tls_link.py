"""A connection under TLS: the same as without, but for how bytes come and go."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio
from trio.lowlevel import wait_writable

from imafarm.live._link import READ_BYTES, Driver, Due, Link
from imafarm.live._sockets import Address, raise_error

if TYPE_CHECKING:
    from imafarm.live._host import LiveHost

RECORD_BYTES = 1 << 14
"""Drained at once: what one record of TLS holds."""


@dataclass(frozen=True, slots=True)
class LiveTls:
    """How hosts speak TLS, when they are called and when they call."""

    server: ssl.SSLContext
    client: ssl.SSLContext


class TlsLink(Link):
    """A connection on TLS.

    Whatever is written waits in the backlog, if only for a moment, since TLS may have to read before it can write. The
    end of a side is that of the TCP stream under it, without TLS's own farewell (as HTTPS has it): a side that has
    said farewell could not read on, and nothing is lost by it, since an end stands for nothing (see `_link`).
    """

    __slots__ = ("_stream", "_tls")

    def __init__(
        self,
        driver: Driver,
        host: LiveHost,
        remote: Address,
        *,
        peer: int | None,
        sock: socket.socket | None = None,
        tls: LiveTls,
    ) -> None:
        """As `Link`; tls: how to speak it."""
        super().__init__(driver, host, remote, peer=peer, sock=sock)
        self._tls = tls
        self._stream: trio.SSLStream[trio.SocketStream] | None = None

    async def _reach(self, sock: socket.socket) -> None:
        if self._is_caller:
            await wait_writable(sock)
            raise_error(sock)
            await self._shake_hands(sock, self._tls.client, server_side=False)
        else:
            await self._shake_hands(sock, self._tls.server, server_side=True)

    async def _shake_hands(self, sock: socket.socket, context: ssl.SSLContext, *, server_side: bool) -> None:
        self._stream = trio.SSLStream(
            trio.SocketStream(trio.socket.from_stdlib_socket(sock)),
            context,
            server_hostname=None if server_side else self.remote[0],
            server_side=server_side,
            https_compatible=True,
        )
        self._set_due(Due.HANDSHAKE, self.driver.limits.handshake_seconds)
        try:
            await self._stream.do_handshake()
        except trio.BrokenResourceError as error:
            if not self._has_failed:
                why = str(error.__cause__ or error)
                self.driver.log.warn("tls-failed", host=self.host.name, peer=self.remote[0], why=why)
            raise
        self._set_no_due()

    async def _receive(self, sock: socket.socket) -> bytes:
        assert self._stream is not None
        return bytes(await self._stream.receive_some(READ_BYTES))

    def _send_now(self, data: bytes) -> bytes:
        return data

    async def _send_waiting(self) -> None:
        if self._stream is None or self._socket is None:
            raise trio.ClosedResourceError
        record = bytes(self._backlog[:RECORD_BYTES])
        await self._stream.send_all(record)
        del self._backlog[: len(record)]
