"""The port on which one host is called by others."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import trio
from trio.lowlevel import wait_readable

from imafarm.errors import ConfigurationError
from imafarm.live._limits import LiveLimits
from imafarm.live._link import Link
from imafarm.live._log import LiveLog
from imafarm.live._sockets import Address, let_go, prepare

if TYPE_CHECKING:
    pass

ACCEPTED_AT_ONCE = 64
"""Callers that are let in before other tasks have their turn."""
LOOPBACK = b"lo"
"""The device over which a machine talks to itself."""


class Called(Protocol):
    """Who is called at a port."""

    @property
    def is_paused(self) -> bool:
        """Whether it handles nothing."""

    async def wait_resumed(self) -> None:
        """Waits until it goes on."""

    def make_room(self) -> None:
        """There is no descriptor left for a caller: lets idle bindings go."""


class Callers:
    """Those who have called a host and have not shown yet who they are: so many at most, in total and from one address.

    A flood from one address is turned away. One from many costs the oldest callers their connections, not the newest:
    those of good will are through in a moment, and so are seldom the oldest.
    """

    def __init__(self, limits: LiveLimits) -> None:
        self._limits = limits
        # In the order in which they came.
        self._links: dict[Link, None] = {}
        self._by_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._links)

    def has_room(self, address: str) -> bool:
        """Whether one more from this address may come in."""
        return self._by_address[address] < self._limits.callers_by_address

    def enter(self, link: Link) -> Link | None:
        """Takes one more; whoever has to go for it."""
        oldest = next(iter(self._links)) if len(self._links) >= self._limits.callers else None
        if oldest is not None:
            self.leave(oldest)
        self._links[link] = None
        self._by_address[link.remote[0]] += 1
        return oldest

    def leave(self, link: Link) -> None:
        """One has shown who it is, or is gone. Whoever is not here is not missed."""
        if link in self._links:
            del self._links[link]
            address = link.remote[0]
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]


class Listener:
    """A port of a host's: taken at once, so that a farm finds out early what it cannot have; open to callers when the
    host runs. Until then whoever calls is refused."""

    def __init__(
        self, host: str, address: Address, limits: LiveLimits, log: LiveLog, *, is_loopback_only: bool = False
    ) -> None:
        """Takes the port.

        is_loopback_only: whether nobody else than this machine can call, whatever address that is.

        Errors: `ConfigurationError` if it is in use, or the address is none of this machine's.
        """
        self._host = host
        self._address = address
        self._limits = limits
        self._log = log
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            # Connections that were closed a minute ago still have the port's number, and nobody misses it.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            prepare(self._socket)
            if is_loopback_only:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, LOOPBACK)
            self._socket.bind(address)
        except OSError as error:
            self._socket.close()
            raise self._wrong(error) from None

    def open(self) -> None:
        """Lets callers come. Errors: `ConfigurationError` if somebody else has taken the port meanwhile."""
        try:
            self._socket.listen(self._limits.pending_callers)
        except OSError as error:
            self._socket.close()
            raise self._wrong(error) from None

    def _wrong(self, error: OSError) -> ConfigurationError:
        address, port = self._address
        return ConfigurationError([f"hosts: {self._host} cannot listen on {address}:{port}: {error.strerror}"])

    async def serve(self, host: Called, welcome: Callable[[socket.socket, Address], None]) -> None:
        """Hands every caller to `welcome`, until the port is closed.

        Nothing that a caller or the operating system does ends it. While the latter has no descriptor left, callers
        wait in its own queue.
        """
        while self._socket.fileno() >= 0:
            try:
                await wait_readable(self._socket)
            except trio.ClosedResourceError:
                return
            if host.is_paused:
                await host.wait_resumed()
            try:
                self._accept(welcome)
            except OSError as error:
                if self._socket.fileno() >= 0:
                    self._log.warn("accept-waits", host=self._host, why=error.strerror)
                    host.make_room()
                    await trio.sleep(self._limits.retry_seconds)

    def _accept(self, welcome: Callable[[socket.socket, Address], None]) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                sock, address = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            prepare(sock)
            welcome(sock, address)

    def close(self) -> None:
        """Gives the port back. Whoever has called and was not let in is turned away."""
        if self._socket.fileno() >= 0:
            let_go(self._socket, reset=False)
