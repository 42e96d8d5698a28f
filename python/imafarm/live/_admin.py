"""The management ports of the hosts that live here: whoever has the farm's key may ask a host while it runs.

A port is taken as soon as its farm is opened, so that one that cannot be had is found early; callers are let in while
its host runs. What a host tells, and how, is `imafarm.management`'s affair. Servers that only run sessions have no such
port.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial

import trio

from imafarm.errors import ConfigurationError
from imafarm.farm import EventKind, FarmEvent
from imafarm.keys import FarmKeys
from imafarm.live._farm import LiveFarm
from imafarm.live._host import LiveHost
from imafarm.live._listener import Listener
from imafarm.live._sockets import Address
from imafarm.live._tls import TlsFiles, server_context
from imafarm.management import Door, FarmView, serve_management

LAST_WORDS_SECONDS = 1.0
"""How long those who ask a host that stops in good order are still answered: it may be they who told it to."""


@asynccontextmanager
async def open_admin_ports(
    farm: LiveFarm, *, keys: FarmKeys | None = None, tls: TlsFiles | None = None
) -> AsyncIterator[None]:
    """The management ports of a farm's hosts, as long as the block runs.

    keys: what whoever asks has to have; tls: how the ports speak TLS. Both as for the ports between servers.

    Errors: `ConfigurationError` for ports that cannot be had.
    """
    context = None if tls is None else server_context(tls)
    addresses = {host: farm.address(host)[0] for host in farm.host_names}
    with ExitStack() as taken:
        ports: dict[str, AdminPort] = {}
        for _, host in sorted(farm.driver.hosts.items()):
            if not farm.record(host.name).session_only:
                view = FarmView(farm, host.name, addresses)
                port = AdminPort(farm, host, view, keys=() if keys is None else keys.understood, tls=context)
                taken.callback(port.shut)
                ports[host.name] = port
        async with farm.watch(EventKind.HOST_UP | EventKind.HOST_DOWN) as events, trio.open_nursery() as nursery:
            nursery.start_soon(_follow, farm, ports, events, nursery)
            yield
            nursery.cancel_scope.cancel()


async def _follow(
    farm: LiveFarm,
    ports: Mapping[str, AdminPort],
    events: trio.MemoryReceiveChannel[FarmEvent],
    nursery: trio.Nursery,
) -> None:
    """Opens and shuts ports as their hosts come and go."""
    for host, port in ports.items():
        if farm.host_state(host).power == "up":
            port.open(nursery)
    async for event in events:
        if event.host not in ports:
            continue
        if event.kind is EventKind.HOST_UP:
            ports[event.host].open(nursery)
        else:
            is_sudden = farm.host_state(event.host).power == "crashed"
            ports[event.host].shut(0.0 if is_sudden else LAST_WORDS_SECONDS)


class AdminPort:
    """The management port of one host."""

    def __init__(
        self, farm: LiveFarm, host: LiveHost, view: FarmView, *, keys: Sequence[bytes], tls: ssl.SSLContext | None
    ) -> None:
        """Takes the port. Errors: `ConfigurationError` if it cannot be had."""
        self._host = host
        self._address = (host.address, farm.record(host.name).admin_port)
        self._limits = farm.driver.limits
        self._log = farm.driver.log
        self._view = view
        self._keys = keys
        self._tls = tls
        self._door = Door()
        self._listener: Listener | None = None
        self._callers = trio.CancelScope()
        self._is_open = False
        self._reserve()

    def _reserve(self) -> Listener:
        if self._listener is None:
            self._listener = Listener(self._host.name, self._address, self._limits, self._log)
        return self._listener

    def open(self, nursery: trio.Nursery) -> None:
        """Lets callers come. If somebody else has taken the port since the host was up last, the log says so."""
        if self._is_open:
            return
        try:
            listener = self._reserve()
            listener.open()
        except ConfigurationError as error:
            self._listener = None
            self._log.warn("admin-port-lost", host=self._host.name, why=error.mistakes[0])
            return
        self._is_open = True
        self._callers = trio.CancelScope()
        nursery.start_soon(self._serve, listener, self._callers)

    def shut(self, seconds: float = 0.0) -> None:
        """Lets no more callers come, and those who are there have their answers within so many seconds."""
        self._is_open = False
        self._callers.deadline = trio.current_time() + seconds
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _serve(self, listener: Listener, callers: trio.CancelScope) -> None:
        with callers:
            async with trio.open_nursery() as nursery:
                await listener.serve(self._host, partial(self._welcome, nursery))

    def _welcome(self, nursery: trio.Nursery, sock: socket.socket, remote: Address) -> None:
        nursery.start_soon(self._answer, trio.SocketStream(trio.socket.from_stdlib_socket(sock)), remote[0])

    async def _answer(self, plain: trio.SocketStream, peer: str) -> None:
        stream = plain if self._tls is None else trio.SSLStream(plain, self._tls, server_side=True)
        await serve_management(
            stream, self._view, self._keys, self._door, peer=peer, on_fault=partial(self._tell_fault, peer)
        )

    def _tell_fault(self, peer: str, code: str, text: str) -> None:
        self._log.warn("admin-fault", host=self._host.name, peer=peer, code=code, why=text)
