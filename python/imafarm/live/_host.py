"""One host on sockets: its port, its connections, and what its engine has it do to them."""

from __future__ import annotations

import socket
from functools import partial
from typing import Protocol

import trio

from imafarm.errors import ConfigurationError
from imafarm.live._gate import Gate
from imafarm.live._link import Driver, Link
from imafarm.live._listener import Callers, Listener
from imafarm.live._sockets import Address
from imafarm.live._tls_link import LiveTls, TlsLink


class HostDriver(Driver, Protocol):
    """What a host needs of whoever drives the engine, besides what its connections do."""

    gate: Gate
    tls: LiveTls | None

    def make_room(self) -> None:
        """The operating system has nothing left: some connections have to go."""

    def address_of(self, peer: int) -> Address:
        """Where a host of the directory is called."""

    def peer_at(self, address: str) -> int | None:
        """Whose address this is, if it is one host's alone."""


class LiveHost:
    """A host that lives in this process."""

    def __init__(
        self, driver: HostDriver, index: int, name: str, address: Address, *, shares_port: bool = False
    ) -> None:
        """A host that listens at `address` while it runs.

        shares_port: whether somebody else listens there for it, and has `welcome` called.
        """
        self.index = index
        self.name = name
        self.address, self.port = address
        self.links: dict[int, Link] = {}
        """Its connections, by the engine's numbers."""
        self.callers = Callers(driver.limits)
        self._driver = driver
        self.is_on = False
        """Whether its service runs, or is about to."""
        self._shares_port = shares_port
        self._listener: Listener | None = None
        self._resumed: trio.Event | None = None

    # -- power

    def reserve(self) -> None:
        """Takes its port, if it has not got it. Errors: `ConfigurationError` if it cannot be had."""
        if self._listener is None and not self._shares_port:
            self._listener = Listener(self.name, (self.address, self.port), self._driver.limits, self._driver.log)

    def go_on(self) -> None:
        """Lets callers come. Errors: as `reserve`."""
        self.reserve()
        if self._listener is not None:
            try:
                self._listener.open()
            except ConfigurationError:
                self._listener = None
                raise
            self._driver.spawn(partial(self._listener.serve, self, self.welcome))
        self.is_on = True

    def go_off(self) -> None:
        """Has stopped in good order: whoever calls is refused, and what was said before is still heard."""
        self.deafen()
        for link in self._let_go():
            link.leave()

    def crash(self) -> None:
        """Is gone without a word."""
        self.resume()
        self.deafen()
        for link in self._let_go():
            link.abort()

    def deafen(self) -> None:
        """Closes its port."""
        self.is_on = False
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    # -- its connections

    def call(self, conn: int, peer: int) -> None:
        """Connects to another host."""
        link = self._link(self._driver.address_of(peer), peer)
        self.know(link, conn)
        # A call across a cut comes nowhere, and ends when the host gives it up.
        if not self._driver.is_cut(self.index, peer):
            self._driver.gate.enter(self.index, link, link.begin)

    def know(self, link: Link, conn: int) -> None:
        """The engine has a number for a connection."""
        link.conn = conn
        link.is_known = True
        self.links[conn] = link

    def know_peer(self, link: Link, peer: int) -> None:
        """The other side has shown who it is."""
        link.peer = peer
        link.is_bound = True
        self.callers.leave(link)
        self._driver.gate.leave(link)

    def forget(self, link: Link) -> None:
        """A connection is at its end."""
        self.links.pop(link.conn, None)
        self.callers.leave(link)
        self._driver.gate.leave(link)

    def _let_go(self) -> list[Link]:
        """Forgets all connections; which they were."""
        links = list(self.links.values())
        for link in links:
            self.forget(link)
        return links

    def _link(self, remote: Address, peer: int | None, sock: socket.socket | None = None) -> Link:
        if self._driver.tls is None:
            return Link(self._driver, self, remote, peer=peer, sock=sock)
        return TlsLink(self._driver, self, remote, peer=peer, sock=sock, tls=self._driver.tls)

    def welcome(self, sock: socket.socket, remote: Address) -> None:
        """Somebody has called this host, which runs."""
        if not self.callers.has_room(remote[0]):
            self._driver.log.warn("too-many-callers", host=self.name, peer=remote[0])
            sock.close()
            return
        link = self._link(remote, self._driver.peer_at(remote[0]), sock)
        if (oldest := self.callers.enter(link)) is not None:
            self._driver.log.warn("caller-dropped", host=self.name, peer=oldest.remote[0])
            oldest.turn_away()
        link.begin()

    def make_room(self) -> None:
        """There is no descriptor left for a caller."""
        self._driver.make_room()

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
