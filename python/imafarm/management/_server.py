"""The host's side of a management connection: one packet in, one out, until either side has had enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import trio

from imafarm.errors import ImafarmError
from imafarm.keys import FarmKeys
from imafarm.management._answers import ANSWERS
from imafarm.management._limits import Door, Entry
from imafarm.management._packets import LARGEST_REPLY, LARGEST_REQUEST, Opened, PacketFault, PacketStream, packed
from imafarm.management._requests import HELLO, KEYED_HELLO, REQUESTS, VERSION
from imafarm.management._seal import new_challenge, seals, spoken_key, welcome_proof
from imafarm.management._shapes import LONGEST_TEXT, Value
from imafarm.management._view import HostView

LINGER_BYTES = 256 * 1024
"""How much is still read of a connection that is closed for a fault."""

OnFault = Callable[[str, str], Any]
"""Called with the code and the text of each fault for which a connection is closed, for whoever keeps a log."""

_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


async def serve_management(
    stream: trio.abc.Stream,
    view: HostView,
    keys: Sequence[bytes] = (),
    door: Door | None = None,
    *,
    peer: str = "",
    on_fault: OnFault | None = None,
) -> None:
    """Answers on one connection until it ends, and closes it.

    stream: from whoever asks; plain, or a `trio.SSLStream` of the server's side.
    view: the host that is asked.
    keys: one or two farm keys of 32 bytes, if whoever asks needs one.
    door: who else is at this port, and its limits.
    peer: the caller's address, by which its connections are counted.
    on_fault: told why a connection was closed that was not ended by the caller.

    A fault of the caller's ends its connection and raises nothing.

    Errors: `ConfigurationError` for keys that are none; nothing was read then.
    """
    door = Door() if door is None else door
    understood = FarmKeys(keys).understood if keys else ()
    if (why := door.full(peer)) is not None:
        if on_fault is not None:
            on_fault("busy", why)
        await _turn_away(stream, PacketFault(f"host: {why}", code="busy"))
        return
    with door.entered(peer) as entry:
        connection = _Connection(stream, view, understood, door, entry)
        try:
            await connection.serve()
        except PacketFault as fault:
            if on_fault is not None:
                on_fault(fault.code, fault.text)
            with suppress(*_GONE), trio.move_on_after(door.limits.linger_seconds):
                await connection.part(fault)
        except _GONE:
            pass
        finally:
            await _close(stream)


async def _turn_away(stream: trio.abc.Stream, fault: PacketFault) -> None:
    """Says why, where that takes no time: TLS would have to agree on keys first."""
    if not isinstance(stream, trio.SSLStream):
        with suppress(*_GONE), trio.move_on_after(1):
            await PacketStream(stream, longest=LARGEST_REQUEST).send(_told(fault.code, fault.text))
    await trio.aclose_forcefully(stream)


async def _close(stream: trio.abc.Stream) -> None:
    """TLS says good-bye and waits for the answer, but not for long."""
    with suppress(*_GONE), trio.move_on_after(1):
        await stream.aclose()
        return
    await trio.aclose_forcefully(stream)


class _Connection:
    def __init__(
        self, stream: trio.abc.Stream, view: HostView, keys: tuple[bytes, ...], door: Door, entry: Entry
    ) -> None:
        self._packets = PacketStream(stream, longest=LARGEST_REQUEST)
        self._view = view
        self._keys = keys
        self._limits = door.limits
        self._entry = entry

    async def serve(self) -> None:
        """Errors: `PacketFault` when the connection has to be closed for one; `_GONE` when the peer has."""
        with trio.move_on_after(self._limits.hello_seconds) as scope:
            begun = await self._packets.begun()
            if begun is None:
                return
            hello = await self._packets.receive(begun)
        if scope.cancelled_caught:
            raise _late(self._limits.hello_seconds, "its first packet")
        await self._welcome(hello)
        self._entry.known()
        while (body := await self._next_request()) is not None:
            await self._answer(body)

    async def part(self, fault: PacketFault) -> None:
        """Tells the peer what was wrong, and reads on a little: a stream that is closed with bytes unread takes what
        was sent on it along."""
        await self._packets.send(_told(fault.code, fault.text))
        stream = self._packets.stream
        if isinstance(stream, trio.abc.HalfCloseableStream):
            await stream.send_eof()
        left = LINGER_BYTES
        while left > 0 and (chunk := await stream.receive_some(LINGER_BYTES)):
            left -= len(chunk)

    async def _welcome(self, body: bytes) -> None:
        hello = Opened(body)
        version = hello.fields.get("management")
        if not isinstance(version, int) or isinstance(version, bool):
            raise PacketFault("management: missing, or no version; the first packet says which it speaks")
        if version != VERSION:
            raise PacketFault(f"management: version {version}; this host speaks {VERSION}", code="version")
        if not self._keys:
            if "proof" in hello.fields:
                raise PacketFault("proof: this host has no farm key, so it cannot prove who it is", code="key")
            hello.checked(HELLO)
            await self._send(packed({"management": VERSION, "host": self._view.host}))
            return
        if "proof" not in hello.fields:
            raise PacketFault("proof: missing; this host is asked with its farm's key only", code="key")
        fields, _ = hello.checked(KEYED_HELLO)
        theirs, proof = fields["challenge"], fields["proof"]
        assert isinstance(theirs, bytes) and isinstance(proof, bytes)
        key = spoken_key(self._keys, VERSION, theirs, proof)
        if key is None:
            raise PacketFault("proof: made with another key than this farm's", code="key")
        ours = new_challenge()
        host = self._view.host
        proof = welcome_proof(key, VERSION, theirs, ours, host)
        await self._send(packed({"management": VERSION, "host": host, "challenge": ours, "proof": proof}))
        self._packets.received_seal, self._packets.sent_seal = seals(key, theirs, ours)

    async def _next_request(self) -> bytes | None:
        begun = None
        with trio.move_on_after(self._limits.idle_seconds) as scope:
            begun = await self._packets.begun()
        if scope.cancelled_caught:
            raise _late(self._limits.idle_seconds, "another request")
        if begun is None:
            return None
        with trio.move_on_after(self._limits.request_seconds):
            return await self._packets.receive(begun)
        raise _late(self._limits.request_seconds, "the rest of a request")

    async def _answer(self, body: bytes) -> None:
        request = Opened(body)
        name = request.fields.get("request")
        if not isinstance(name, str):
            raise PacketFault("request: missing, or no name")
        if name not in REQUESTS:
            raise PacketFault(f"request: {name[:40]!r} is none; there are {', '.join(REQUESTS)}", code="unknown")
        asked, _ = REQUESTS[name]
        arguments, rows = request.checked(asked, also=["request"])
        if name == "stop":
            # Once it has stopped there is nobody left to answer.
            await self._send(packed({}))
            await self._view.stop()
            return
        reply = b""
        with trio.move_on_after(self._limits.work_seconds) as scope:
            reply = await self._done(name, arguments, rows)
        if scope.cancelled_caught:
            reply = _told("unfinished", f"{name}: not done within {self._limits.work_seconds:g} s; it may still be")
        await self._send(reply)

    async def _done(self, name: str, arguments: dict[str, Value], rows: Iterable[Sequence[Value]]) -> bytes:
        try:
            reply = await ANSWERS[name](self._view, arguments, rows)
        except (ImafarmError, ValueError, KeyError) as error:
            said = f"unknown {error.args[0]}" if isinstance(error, KeyError) else str(error)
            return _told("refused", f"{name}: {said}")
        if len(reply) > LARGEST_REPLY:
            return _told("refused", f"{name}: the answer has {len(reply):,} bytes, a reply at most {LARGEST_REPLY:,}")
        return reply

    async def _send(self, body: bytes) -> None:
        """Errors: `trio.BrokenResourceError` for a peer that does not take it, whom nothing can be told any more."""
        with trio.move_on_after(self._limits.reply_seconds) as scope:
            await self._packets.send(body)
        if scope.cancelled_caught:
            raise trio.BrokenResourceError("a reply was not taken in time")


def _late(seconds: float, what: str) -> PacketFault:
    return PacketFault(f"deadline: {what} did not come within {seconds:g} s", code="late")


def _told(code: str, text: str) -> bytes:
    cut = text.encode(errors="replace")[:LONGEST_TEXT].decode(errors="ignore")
    return packed({"error": code, "text": cut})
