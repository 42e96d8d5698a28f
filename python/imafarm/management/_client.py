"""Whoever asks a host through its management port."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from hmac import compare_digest
from typing import Any, TypeVar

import trio

from imafarm._imafarm import HostRecord
from imafarm.errors import ManagementError
from imafarm.farm import Bindings, HostState, ServerRow, SessionRow, Traffic
from imafarm.keys import FarmKeys
from imafarm.management._packets import LARGEST_REPLY, LARGEST_REQUEST, Opened, PacketFault, PacketStream, packed
from imafarm.management._requests import BINDINGS, FAULT, KEYED_WELCOME, REQUESTS, VERSION, WELCOME
from imafarm.management._seal import hello_proof, new_challenge, seals, welcome_proof
from imafarm.management._shapes import Value

T = TypeVar("T")

PORT = 2513
"""The Management Console's port, unless a host record has another."""
ANSWER_SECONDS = 5.0
"""How long a host may take to be reached, and to answer a question. Our guess."""
WORK_SECONDS = 75.0
"""How long it may take to do what it is told: a little more than hosts give themselves. Our guess."""
LONGEST_REASON = 400
"""How much is shown of what a host says is wrong, in characters."""


class RemoteHost:
    """A host that is asked over a connection; made by `connect_management`.

    One request is under way at a time: tasks that share a connection wait for one another.

    Errors, of every request: `ManagementError`. After one that says `refused` or `unfinished` it can be asked again;
    after any other, and after a request that was cancelled, it cannot.
    """

    def __init__(self, packets: PacketStream, host: str, where: str, seconds: float) -> None:
        self.host = host
        """Its name."""
        self.where = where
        self._packets = packets
        self._seconds = seconds
        self._turn = trio.Lock()
        self._is_broken = False

    # -- questions

    async def hosts(self) -> dict[str, tuple[HostRecord, str | None]]:
        """Every host of its farm by name, in the order of the records: its record, and where it listens if known."""
        found = {}
        _, rows = await self._ask("hosts")
        for *values, address in rows:
            try:
                record = HostRecord(*values)
            except (ValueError, TypeError) as error:
                raise self._wrong(f"hosts: {error}") from None
            found[record.name] = (record, address)
        if len(found) < len(rows) or self.host not in found:
            raise self._wrong("hosts: one is listed twice, or not at all")
        return found

    async def state(self) -> HostState:
        """What it is doing."""
        fields, _ = await self._ask("state")
        bindings = Bindings(**{name: fields[name] for name in BINDINGS})
        return HostState(fields["power"], fields["role"], fields["master"], bindings)

    async def peers(self) -> list[str]:
        """The other zones' collectors that it knows, as a collector."""
        return [host for (host,) in (await self._ask("peers"))[1]]

    async def sessions(self, zone: str) -> list[SessionRow]:
        """A zone's sessions, as it holds them as a collector."""
        return [SessionRow(*row) for row in (await self._ask("sessions", {"zone": zone}))[1]]

    async def servers(self, zone: str) -> list[ServerRow]:
        """A zone's servers, as it holds them as a collector."""
        return [ServerRow(*row) for row in (await self._ask("servers", {"zone": zone}))[1]]

    async def subscriptions(self) -> list[tuple[str, str]]:
        """Who has subscribed with it to which table, as a collector: (host, table)."""
        return [(host, table) for host, table in (await self._ask("subscriptions"))[1]]

    async def traffic(self) -> dict[str, Traffic]:
        """What is counted there of messages, by kind."""
        return {kind: Traffic(*counted) for kind, *counted in (await self._ask("traffic"))[1]}

    async def counters(self) -> dict[str, dict[str, int]]:
        """By zone: the product's performance counters, by their own names."""
        by_zone: dict[str, dict[str, int]] = {}
        for zone, counter, value in (await self._ask("counters"))[1]:
            by_zone.setdefault(zone, {})[counter] = value
        return by_zone

    # -- commands

    async def elect(self) -> str | None:
        """Has it start an election; the collector that it knows of when that is over for it."""
        fields, _ = await self._tell("elect")
        master: str | None = fields["master"]
        return master

    async def logon(self, *, app: str | None = None, user: int = 0) -> int:
        """A user logs on to it; the number of the session."""
        return int((await self._tell("logon", {"app": app, "user": user}))[0]["session"])

    async def logoff(self, session: int) -> bool:
        """A session ends. Whether it was there."""
        return bool((await self._tell("logoff", {"session": session}))[0]["done"])

    async def disconnect(self, session: int) -> bool:
        """A session's user goes, the session stays. Whether it was there, and active."""
        return bool((await self._tell("disconnect", {"session": session}))[0]["done"])

    async def reconnect(self, session: int) -> bool:
        """A disconnected session gets its user back. Whether it was there, and disconnected."""
        return bool((await self._tell("reconnect", {"session": session}))[0]["done"])

    async def set_load(self, load: int | None) -> None:
        """Sets its load; `None` leaves it to its evaluator again."""
        await self._tell("set_load", {"load": load})

    async def publish(self, app: str, servers: Sequence[str] | None = None) -> int:
        """Publishes an application on these servers, or on all, on its console; the number of the change."""
        rows = [[server] for server in servers or ()]
        return int((await self._tell("publish", {"app": app, "everywhere": servers is None}, rows))[0]["change"])

    async def stop(self) -> None:
        """Has it shut down in good order: comes back when it has heard."""
        await self._tell("stop")

    # -- how

    async def _ask(self, name: str, arguments: Mapping[str, Value] | None = None) -> tuple[dict[str, Any], list[Any]]:
        return await self._request(self._seconds, name, arguments or {})

    async def _tell(
        self, name: str, arguments: Mapping[str, Value] | None = None, rows: Sequence[Sequence[Value]] = ()
    ) -> tuple[dict[str, Any], list[Any]]:
        return await self._request(max(self._seconds, WORK_SECONDS), name, arguments or {}, rows)

    async def _request(
        self, seconds: float, name: str, arguments: Mapping[str, Value], rows: Sequence[Sequence[Value]] = ()
    ) -> tuple[dict[str, Any], list[Any]]:
        asked, answered = REQUESTS[name]
        body = packed({"request": name, **arguments}, rows if asked.columns is not None else None)
        if len(body) > LARGEST_REQUEST:
            said = f"{name}: the request has {len(body):,} bytes, one may have {LARGEST_REQUEST:,}"
            raise ManagementError(self.where, said, code="refused")
        async with self._turn:
            if self._is_broken:
                raise ManagementError(self.where, "a request before failed: connect again", code="unreachable")
            self._is_broken = True
            try:
                reply = await _in_time(self.where, seconds, lambda: _exchange(self._packets, body))
                fault = _fault_in(reply)
                found = None if fault is not None else reply.checked(answered)
            except PacketFault as wrong:
                raise self._wrong(wrong.text) from None
            self._is_broken = fault is not None and fault[0] not in {"refused", "unfinished"}
        if fault is not None:
            raise ManagementError(self.where, fault[1], code=fault[0])
        assert found is not None
        return found

    def _wrong(self, said: str) -> ManagementError:
        self._is_broken = True
        return ManagementError(self.where, f"its reply is wrong: {said}", code="malformed")


@asynccontextmanager
async def connect_management(
    address: str,
    port: int = PORT,
    keys: Sequence[bytes] = (),
    tls: ssl.SSLContext | None = None,
    *,
    seconds: float = ANSWER_SECONDS,
) -> AsyncIterator[RemoteHost]:
    """A connection to a host's management port: `async with connect_management("127.77.0.1") as host: ...`.

    keys: the farm's keys, one or two of 32 bytes, if it has any; the first is spoken.
    tls: for a host that speaks TLS there.
    seconds: how long it may take to be reached, and to answer a question.

    Errors: `ManagementError` names the address and what is wrong; `ConfigurationError` for keys that are none.
    """
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"

    async def reach() -> tuple[trio.abc.Stream, RemoteHost]:
        try:
            stream: trio.abc.Stream = await trio.open_tcp_stream(address, port)
        except OSError as error:
            raise ManagementError(where, _why(error), code="unreachable") from None
        if tls is not None:
            stream = trio.SSLStream(stream, tls, server_hostname=address)
        try:
            return stream, await introduced(stream, keys, where, seconds)
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise

    stream, host = await _in_time(where, seconds, reach)
    try:
        yield host
    finally:
        # Nothing is lost by it: every reply that was waited for has come.
        await trio.aclose_forcefully(stream)


@asynccontextmanager
async def ask_over(
    stream: trio.abc.Stream, keys: Sequence[bytes] = (), *, where: str = "", seconds: float = ANSWER_SECONDS
) -> AsyncIterator[RemoteHost]:
    """The same over a stream that is there; it is closed at the end. `where` is how errors call it."""
    try:
        yield await _in_time(where, seconds, lambda: introduced(stream, keys, where, seconds))
    finally:
        await trio.aclose_forcefully(stream)


async def introduced(stream: trio.abc.Stream, keys: Sequence[bytes], where: str, seconds: float) -> RemoteHost:
    """The host at the other end of a stream, once each side has said who it is. Errors: as `connect_management`."""
    understood = FarmKeys(keys).understood if keys else ()
    packets = PacketStream(stream, longest=LARGEST_REPLY)
    hello: dict[str, Value] = {"management": VERSION}
    ours = new_challenge()
    if understood:
        hello |= {"challenge": ours, "proof": hello_proof(understood[0], VERSION, ours)}
    try:
        welcome = await _exchange(packets, packed(hello))
        if (fault := _fault_in(welcome)) is not None:
            raise ManagementError(where, fault[1], code=fault[0])
        if understood and "proof" not in welcome.fields:
            raise ManagementError(where, "it has no farm key, so it cannot prove who it is", code="key")
        fields, _ = welcome.checked(KEYED_WELCOME if understood else WELCOME)
    except PacketFault as wrong:
        raise ManagementError(where, f"it speaks another protocol: {wrong.text}", code="malformed") from None
    if fields["management"] != VERSION:
        raise ManagementError(where, f"it speaks version {fields['management']!r}, not {VERSION}", code="version")
    host = str(fields["host"])
    if understood:
        theirs, proof = fields["challenge"], fields["proof"]
        assert isinstance(theirs, bytes) and isinstance(proof, bytes)
        if not compare_digest(welcome_proof(understood[0], VERSION, ours, theirs, host), proof):
            raise ManagementError(where, "it does not have the farm's key", code="key")
        packets.sent_seal, packets.received_seal = seals(understood[0], ours, theirs)
    return RemoteHost(packets, host, where, seconds)


async def _exchange(packets: PacketStream, body: bytes) -> Opened:
    """Sends a packet; the one that comes back. A host that closes early may have said why before."""
    broken = None
    try:
        await packets.send(body)
    except trio.BrokenResourceError as error:
        broken = error
    try:
        begun = await packets.begun()
    except trio.BrokenResourceError:
        if broken is not None:
            # The first says why; it keeps its cause.
            raise broken  # noqa: B904
        raise
    if begun is None:
        raise broken or trio.BrokenResourceError("it closed the connection")
    return Opened(await packets.receive(begun))


def _fault_in(reply: Opened) -> tuple[str, str] | None:
    """Code and text of a reply that says what is wrong."""
    if "error" not in reply.fields:
        return None
    fields, _ = reply.checked(FAULT)
    code, text = str(fields["error"]), str(fields["text"])
    return code, "".join(c if c.isprintable() else "?" for c in text)[:LONGEST_REASON]


async def _in_time(where: str, seconds: float, doing: Callable[[], Awaitable[T]]) -> T:
    """What comes of it. Errors: `ManagementError` if it takes too long, or if the connection breaks."""
    try:
        with trio.fail_after(seconds):
            return await doing()
    except trio.TooSlowError:
        raise ManagementError(where, f"no answer within {seconds:g} s", code="unreachable") from None
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise ManagementError(where, _why(error), code="unreachable") from None


def _why(error: BaseException) -> str:
    """The reason at the bottom of an error, in the operating system's words or TLS's."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, BaseExceptionGroup):
        return _why(error.exceptions[0])
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(getattr(error, 'verify_message', '') or error.reason or str(error)).lower().replace('_', ' ')}"
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno).lower()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or "the connection broke"
