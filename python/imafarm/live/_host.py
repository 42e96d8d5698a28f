"""One host on sockets: its port, its connections, and what its engine has it do to them."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Protocol

import trio

from imafarm.live._link import Address, Driver, Link
from imafarm.live._listener import Callers, Listener


class HostDriver(Driver, Protocol):
    """What a host needs of whoever drives the engine, besides what its connections do."""

    def address_of(self, peer: int) -> Address:
        """Where a host of the directory is called."""

    def peer_at(self, address: str) -> int | None:
        """Whose address this is, if it is one host's alone."""

    def called(self, link: Link) -> None:
        """A caller waits for this host's answer."""


class LiveHost:
    """A host that lives in this process."""

    def __init__(self, driver: HostDriver, index: int, name: str, address: Address) -> None:
        """A host that listens at `address` while it runs."""
        self.index = index
        self.name = name
        self.address, self.port = address
        self.links: dict[int, Link] = {}
        """Its connections, by the engine's numbers."""
        self.callers = Callers(driver.limits)
        self._driver = driver
        self._listener: Listener | None = None
        self._resumed: trio.Event | None = None

    # -- its port

    def reserve(self) -> None:
        """Takes its port, if it has not got it. Errors: `ConfigurationError` if it cannot be had."""
        if self._listener is None:
            self._listener = Listener(self.name, (self.address, self.port), self._driver.limits, self._driver.log)

    def listen(self) -> None:
        """Lets callers come. Errors: as `reserve`."""
        self.reserve()
        listener = self._listener
        assert listener is not None
        try:
            listener.open()
        except BaseException:
            self._listener = None
            raise
        self._driver.spawn(partial(listener.serve, self, self._welcome))

    def deafen(self) -> None:
        """Closes its port: whoever calls is refused."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    # -- its connections

    def call(self, conn: int, peer: int) -> None:
        """Connects to another host."""
        link = Link(self._driver, self, self._driver.address_of(peer), peer=peer)
        self._know(link, conn)
        self._driver.spawn(link.run)

    def answer(self, link: Link, conn: int) -> None:
        """A caller has a number now."""
        self._know(link, conn)

    def forget(self, link: Link) -> None:
        """A connection is no more."""
        self.links.pop(link.conn, None)
        self.callers.leave(link)

    def drop_links(self) -> list[Link]:
        """Drops every connection at once; which they were."""
        links = list(self.links.values())
        self.links.clear()
        for link in links:
            self.callers.leave(link)
            link.abort()
        return links

    def _know(self, link: Link, conn: int) -> None:
        link.conn = conn
        link.is_known = True
        self.links[conn] = link

    def _welcome(self, sock: socket.socket, remote: Address) -> None:
        if not self.callers.has_room(remote[0]):
            self._driver.log.warn("too-many-callers", host=self.name, peer=remote[0])
            sock.close()
            return
        link = Link(self._driver, self, remote, peer=self._driver.peer_at(remote[0]), sock=sock)
        if (oldest := self.callers.enter(link)) is not None:
            self._driver.log.warn("caller-dropped", host=self.name, peer=oldest.remote[0], why="callers in all")
            oldest.turn_away()
        self._driver.called(link)
        self._driver.spawn(link.run)

    # -- pause

    @property
    def is_paused(self) -> bool:
        """Whether it handles nothing."""
        return self._resumed is not None

    def pause(self) -> None:
        """From now on nothing that comes is looked at."""
        if self._resumed is None:
            self._resumed = trio.Event()

    def resume(self) -> None:
        """Whatever has come may be looked at now."""
        if self._resumed is not None:
            self._resumed.set()
            self._resumed = None

    async def wait_resumed(self) -> None:
        """Waits while it is paused."""
        while self._resumed is not None:
            await self._resumed.wait()
