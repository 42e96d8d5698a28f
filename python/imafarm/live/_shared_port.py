"""One port of many hosts: for thousands of them in one process, each of whom would else need a descriptor to be called.

It listens at every address that this machine calls itself by, and at no other, so it takes the port from any host of
another process that has an address of its own there. Whom a caller wants is told by the address that was called.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from imafarm.live._limits import LiveLimits
from imafarm.live._listener import Listener
from imafarm.live._log import LiveLog
from imafarm.live._sockets import Address, let_go

if TYPE_CHECKING:
    from imafarm.live._host import LiveHost

ANY_ADDRESS = "0.0.0.0"


class SharedPort:
    """Callers of hosts that all have one port. A host that does not run turns them away: it cannot refuse them."""

    is_paused = False
    """A frozen host's callers are let in, and wait to be answered."""

    def __init__(self, port: int, hosts: Sequence[LiveHost], limits: LiveLimits, log: LiveLog) -> None:
        """Takes the port. hosts: at least one.

        Errors: `ConfigurationError` if it is in use.
        """
        self._by_address = {host.address: host for host in hosts}
        self._any_host = hosts[0]
        name = f"{hosts[0].name} to {hosts[-1].name}"
        self._listener = Listener(name, (ANY_ADDRESS, port), limits, log, is_loopback_only=True)

    async def wait_resumed(self) -> None:
        """It never pauses."""

    def make_room(self) -> None:
        """There is no descriptor left for a caller: lets idle bindings go."""
        self._any_host.make_room()

    async def serve(self) -> None:
        """Lets callers come, until the port is closed."""
        self._listener.open()
        await self._listener.serve(self, self._welcome)

    def _welcome(self, sock: socket.socket, remote: Address) -> None:
        host = self._by_address.get(sock.getsockname()[0])
        if host is None or not host.is_on:
            let_go(sock, reset=True)
        else:
            host.welcome(sock, remote)

    def close(self) -> None:
        """Gives the port back."""
        self._listener.close()
