"""The operating system's sockets, as live hosts use them."""

from __future__ import annotations

import errno
import os
import socket
import struct
from contextlib import suppress

from trio.lowlevel import notify_closing

Address = tuple[str, int]
"""An IPv4 address and a port."""

EXHAUSTED = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAGAIN},
)
"""No descriptor, buffer or port is left for one more connection, which passes."""
IP_BIND_ADDRESS_NO_PORT = 24
"""Linux: choose a port only when the call is made, when it has to differ from those of calls to the same peer alone.
`socket` has no name for it."""
NO_LINGER = struct.pack("ii", 1, 0)


def prepare(sock: socket.socket) -> None:
    """Makes a socket as links have it: it never blocks, and sends at once."""
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def begin_call(own: str, remote: Address) -> socket.socket:
    """A connection from a host's own address that is under way. Errors: `OSError`."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        prepare(sock)
        # Where there is no such option, a process has some 28,000 ports for all its calls.
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((own, 0))
        if (code := sock.connect_ex(remote)) not in (0, errno.EINPROGRESS):
            raise OSError(code, os.strerror(code))
    except BaseException:
        sock.close()
        raise
    return sock


def raise_error(sock: socket.socket) -> None:
    """Raises what a call has come to, if it has failed: an `OSError`."""
    if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(code, os.strerror(code))


def let_go(sock: socket.socket, *, reset: bool) -> None:
    """Closes a socket; whoever waits for it wakes. The other side gets a RST, if told so, or an end in good order."""
    if reset:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    notify_closing(sock)
    sock.close()
