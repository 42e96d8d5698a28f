"""Whatever is sent to a management port: one clear error, the connection closes, and the host is unharmed."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgpack
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, memory_stream_pair

from imafarm.errors import ManagementError
from imafarm.management import Door, ManagementLimits, ask_over, serve_management
from imafarm.management._packets import Opened, PacketFault, packed
from imafarm.management._requests import REQUESTS
from imafarm.management._seal import hello_proof, seals

KEY = b"k" * 32
HELLO = {"management": 1}

Telling = Callable[..., Any]
Serving = Callable[..., AbstractAsyncContextManager[trio.abc.Stream]]


def packet(body: object) -> bytes:
    """A packet with this body, or with these bytes for one."""
    raw = body if isinstance(body, bytes) else msgpack.packb(body)
    return len(raw).to_bytes(4, "big") + raw


async def read_packet(stream: trio.abc.Stream) -> dict[str, Any]:
    """The map of the next packet."""
    size = int.from_bytes(await read(stream, 4), "big")
    unpacker = msgpack.Unpacker()
    unpacker.feed(await read(stream, size))
    found: dict[str, Any] = unpacker.unpack()
    return found


async def read(stream: trio.abc.Stream, size: int) -> bytes:
    read = b""
    while len(read) < size:
        chunk = await stream.receive_some(size - len(read))
        assert chunk, "the host closed early"
        read += chunk
    return read


async def sent(stream: Any, data: bytes, *, at_once: bool, end: bool) -> None:
    """Sends bytes, all at once or one by one, and with `end` nothing after that. A host may have had enough before."""
    try:
        for part in [data] if at_once else [bytes([byte]) for byte in data]:
            await stream.send_all(part)
        if end:
            await stream.send_eof()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass


DEEP = b"\x91" * 2_000
REQUEST = {"request": "state"}
A_ROW = {"request": "publish", "app": "A", "everywhere": False}
MALFORMED: dict[str, tuple[bytes, str, str]] = {
    # What is sent after the hello; the code, and what is said.
    "no length": (b"\0\0\0\0", "malformed", "length: 0 bytes declared; a packet has 1 to 65,536"),
    "a long length": (b"\0\1\0\1", "malformed", "length: 65,537 bytes declared; a packet has 1 to 65,536"),
    "the longest length": (b"\xff\xff\xff\xff", "malformed", "length: 4,294,967,295 bytes declared"),
    "text": (b"GET / HTTP/1.1\r\n\r\n", "malformed", "length: 1,195,725,856 bytes declared"),
    "a cut length": (b"\0\0", "malformed", "end: the stream ended 2 bytes into the length"),
    "a cut body": (packet(REQUEST)[:-1], "malformed", "end: the stream ended 14 bytes into the 15 bytes declared"),
    "a body that ends within a map": (packet(b"\x82\xa1a"), "malformed", "body: the body ends within it"),
    "a body that ends within a text": (packet(b"\xdb\xff\xff\xff\xff"), "malformed", "body: "),
    "bytes behind the end": (packet(msgpack.packb(REQUEST) + b"\xc0\xc0"), "malformed", "body: 2 bytes behind its end"),
    "no map": (packet([1, 2]), "malformed", "body: it does not begin with a map"),
    "a number": (packet(7), "malformed", "body: it does not begin with a map"),
    "no msgpack": (packet(b"\xc1"), "malformed", "body: "),
    "no UTF-8": (packet(b"\x81\xa1\xff\x01"), "malformed", "body: 'utf-8' codec can't decode"),
    "deep nesting": (packet(DEEP), "malformed", "body: it nests too deep"),
    "nesting in an entry": (packet({"request": [[[["state"]]]]}), "malformed", "request: missing, or no name"),
    "a huge array": (packet(b"\xdd\xff\xff\xff\xff"), "malformed", "body: 4294967295 exceeds max_array_len(16)"),
    "a huge map": (packet(b"\xdf\xff\xff\xff\xff"), "malformed", "body: 4294967295 exceeds max_map_len(16)"),
    "a huge text": (packet({"request": "x" * 5_000}), "malformed", "body: 5000 exceeds max_str_len(4096)"),
    "an extension": (packet(b"\x81\xa1a\xd6\xff\0\0\0\0"), "malformed", "body: "),
    "a key that is no text": (packet({1: 2}), "malformed", "body: int is not allowed for map key"),
    "a key of bytes": (packet({b"request": "state"}), "malformed", "body: the name of an entry is no text"),
    "an entry twice": (packet(b"\x82\xa1a\x01\xa1a\x02"), "malformed", "'a': there twice"),
    "no request": (packet({}), "malformed", "request: missing, or no name"),
    "an unknown request": (
        packet({"request": "format"}),
        "unknown",
        "request: 'format' is none; there are hosts, state",
    ),
    "an unknown entry": (packet({**REQUEST, "zone": "Z1"}), "malformed", "'zone': there is no such entry here"),
    "rows where there are none": (packet({**REQUEST, "rows": 0}), "malformed", "'rows': there is no such entry here"),
    "a missing entry": (packet({"request": "sessions"}), "malformed", "zone: missing"),
    "a name that is a number": (packet({"request": "sessions", "zone": 1}), "malformed", "zone: not a name"),
    "a name that is empty": (packet({"request": "sessions", "zone": ""}), "malformed", "zone: not a name"),
    "a name with a control": (packet({"request": "sessions", "zone": "\x1b[2J"}), "malformed", "zone: not a name"),
    "a number that is true": (packet({"request": "logoff", "session": True}), "malformed", "session: not a number"),
    "a number below": (packet({"request": "logoff", "session": -1}), "malformed", "session: not a number"),
    "a number beyond": (
        packet({"request": "logoff", "session": 2**32}),
        "malformed",
        "session: not a number, 0 to",
    ),
    "a fraction": (packet({"request": "logoff", "session": 1.0}), "malformed", "session: not a number"),
    "no number of rows": (packet(A_ROW), "malformed", "rows: missing, or not a number of rows"),
    "fewer rows than declared": (packet({**A_ROW, "rows": 2**32}), "malformed", "rows[0]: the body ends within it"),
    "a row below none": (packet({**A_ROW, "rows": -1}), "malformed", "rows: missing, or not a number of rows"),
    "a row that is none": (packet(msgpack.packb({**A_ROW, "rows": 1}) + b"\x01"), "malformed", "rows[0]: not 1 values"),
    "a row that is long": (
        packet(msgpack.packb({**A_ROW, "rows": 1}) + msgpack.packb(["H1", 2])),
        "malformed",
        "rows[0]: not 1 values",
    ),
    "a row of another type": (
        packet(msgpack.packb({**A_ROW, "rows": 1}) + msgpack.packb([["H1"]])),
        "malformed",
        "rows[0].host: not a name",
    ),
}


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_request_gets_one_error_and_the_connection_closes(
    telling: Telling, serving: Serving, what: str, at_once: bool
) -> None:
    data, code, text = MALFORMED[what]
    view = telling()

    async def main() -> None:
        faults: list[tuple[str, str]] = []
        async with serving(view, faults=faults) as stream:
            await stream.send_all(packet(HELLO))
            assert await read_packet(stream) == {"management": 1, "host": "H1"}
            async with trio.open_nursery() as nursery:
                nursery.start_soon(lambda: sent(stream, data, at_once=at_once, end=True))
                said = await read_packet(stream)
                assert (said["error"], said["text"][: len(text)]) == (code, text)
                assert await stream.receive_some(1) == b""
        assert faults == [(code, said["text"])]

    trio.run(main)
    assert view.told == []


FIRST: dict[str, tuple[bytes, str, str]] = {
    "an older version": (packet({"management": 0}), "version", "management: version 0; this host speaks 1"),
    "a later version": (packet({"management": 2, "new": 1}), "version", "management: version 2; this host speaks 1"),
    "a version that is true": (packet({"management": True}), "malformed", "management: missing, or no version"),
    "a request first": (packet(REQUEST), "malformed", "management: missing, or no version"),
    "more than a hello": (packet({**HELLO, "x": 1}), "malformed", "'x': there is no such entry here"),
    "an IMA frame": (b"IMAF\1\1\0\0\0\0\0\x09", "malformed", "length: 1,229,799,750 bytes declared"),
    "a cut": (packet(HELLO)[:6], "malformed", "end: the stream ended 2 bytes into the 13 bytes declared"),
}


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("what", FIRST)
def test_a_malformed_first_packet_gets_one_error_too(
    telling: Telling, serving: Serving, what: str, at_once: bool
) -> None:
    data, code, text = FIRST[what]

    async def main() -> None:
        async with serving(telling()) as stream, trio.open_nursery() as nursery:
            nursery.start_soon(lambda: sent(stream, data, at_once=at_once, end=True))
            said = await read_packet(stream)
            assert (said["error"], said["text"][: len(text)]) == (code, text)
            assert await stream.receive_some(1) == b""

    trio.run(main)


def keyed_hello(challenge: bytes = b"c" * 32, key: bytes = KEY) -> dict[str, object]:
    return {**HELLO, "challenge": challenge, "proof": hello_proof(key, 1, challenge)}


@pytest.mark.parametrize(
    ("hello", "code", "text"),
    [
        (HELLO, "key", "proof: missing; this host is asked with its farm's key only"),
        (keyed_hello(key=b"x" * 32), "key", "proof: made with another key than this farm's"),
        ({**keyed_hello(), "challenge": b"d" * 32}, "key", "proof: made with another key than this farm's"),
        ({**keyed_hello(), "proof": b""}, "malformed", "proof: not 16 bytes"),
        ({**keyed_hello(), "proof": "p" * 16}, "malformed", "proof: not 16 bytes"),
        ({**keyed_hello(), "challenge": b"short"}, "malformed", "challenge: not 32 bytes"),
        ({**HELLO, "proof": b"p" * 16}, "malformed", "challenge: missing"),
    ],
)
def test_without_the_key_nothing_is_told(
    telling: Telling, serving: Serving, hello: dict[str, object], code: str, text: str
) -> None:
    async def main() -> None:
        async with serving(telling(), [KEY]) as stream:
            await stream.send_all(packet(hello))
            assert await read_packet(stream) == {"error": code, "text": text}
            await stream.aclose()

    trio.run(main)


async def introduced(stream: trio.abc.Stream) -> tuple[Any, Any]:
    """Says hello with the key; the seals of what is asked and answered."""
    await stream.send_all(packet(keyed_hello()))
    welcome = await read_packet(stream)
    return seals(KEY, b"c" * 32, welcome["challenge"])


def sealed(seal: Any, body: object) -> bytes:
    return packet(body) + bytes(seal.tag(packet(body)))


@pytest.mark.parametrize("fault", ["replayed", "skipped", "changed", "reflected", "another's", "without"])
def test_a_packet_that_is_not_the_next_of_its_connection_is_refused(
    telling: Telling, serving: Serving, fault: str
) -> None:
    view = telling()
    logon = {"request": "logon", "app": None, "user": 1}

    async def main() -> None:
        async with serving(view, [KEY]) as stream:
            asks, answers = await introduced(stream)
            first = sealed(asks, logon)
            await stream.send_all(first)
            assert await read_packet(stream) == {"session": 7}
            await read(stream, 16)
            if fault == "replayed":
                wrong = first
            elif fault == "skipped":
                asks.tag(b"")
                wrong = sealed(asks, logon)
            elif fault == "changed":
                wrong = sealed(asks, logon).replace(b"user\x01", b"user\x02")
            elif fault == "reflected":
                answers.tag(b"")
                wrong = sealed(answers, logon)
            elif fault == "another's":
                other, _ = seals(KEY, b"c" * 32, b"e" * 32)
                other.tag(b"")
                wrong = sealed(other, logon)
            else:
                wrong = packet(logon) + b"\0" * 16
            await stream.send_all(wrong)
            assert await read_packet(stream) == {"error": "seal", "text": "tag: it is not this packet's"}
            await stream.aclose()

    trio.run(main)
    assert view.told == [("logon", None, 1)]


def test_a_whole_recording_is_worth_nothing(telling: Telling, serving: Serving) -> None:
    """The host's challenge is another each time."""
    view = telling()

    async def main() -> None:
        async with serving(view, [KEY]) as stream:
            asks, _ = await introduced(stream)
            recorded = packet(keyed_hello()) + sealed(asks, {"request": "logon", "app": None, "user": 1})
            await stream.send_all(recorded[len(packet(keyed_hello())) :])
            assert await read_packet(stream) == {"session": 7}
        async with serving(view, [KEY]) as stream:
            await stream.send_all(recorded)
            assert "proof" in await read_packet(stream)
            assert await read_packet(stream) == {"error": "seal", "text": "tag: it is not this packet's"}
            await stream.aclose()

    trio.run(main)
    assert len(view.told) == 1


@pytest.mark.parametrize(
    ("begun", "text"),
    [
        (b"", "deadline: its first packet did not come within 5 s"),
        (packet(HELLO)[:-1], "deadline: its first packet did not come within 5 s"),
        (packet(HELLO), "deadline: another request did not come within 60 s"),
        (packet(HELLO) + packet(REQUEST)[:1], "deadline: the rest of a request did not come within 5 s"),
        (packet(HELLO) + packet(REQUEST)[:-1], "deadline: the rest of a request did not come within 5 s"),
    ],
)
def test_who_is_slow_is_told_so_and_left(telling: Telling, serving: Serving, begun: bytes, text: str) -> None:
    async def main() -> None:
        async with serving(telling()) as stream:
            await sent(stream, begun, at_once=True, end=False)
            if len(begun) >= len(packet(HELLO)):
                await read_packet(stream)
            assert await read_packet(stream) == {"error": "late", "text": text}
            assert await stream.receive_some(1) == b""

    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_one_who_takes_no_reply_costs_only_itself(telling: Telling) -> None:
    """The deadline for replies ends the connection; nothing can be told to who does not read."""

    async def main() -> None:
        ours, theirs = memory_stream_pair()
        stalled = trio.testing.MemorySendStream(send_all_hook=trio.sleep_forever)
        stream = trio.StapledStream(stalled, theirs.receive_stream)
        door = Door(ManagementLimits(reply_seconds=3))
        await ours.send_all(packet(HELLO))
        await serve_management(stream, telling(), door=door)
        assert trio.current_time() == started + 3
        assert door.connections == 0

    clock = MockClock(autojump_threshold=0)
    started = clock.current_time()
    trio.run(main, clock=clock)


def test_a_reply_that_is_wrong_is_an_error_naming_the_host() -> None:
    """A caller trusts a host no more than a host a caller."""
    wrong = [
        ({"power": "on", "role": "master", "master": None}, "its reply is wrong: power: not one of off, up"),
        ({"power": "up"}, "its reply is wrong: role: missing"),
        (b"\xff\xff\xff\xff", "its reply is wrong: body: it does not begin with a map"),
        ({"error": "busy"}, "its reply is wrong: text: missing"),
        ({"error": "seal", "text": "\x1b[31mred\n"}, r"\?\[31mred\?"),
    ]

    async def main() -> None:
        for body, text in wrong:
            ours, theirs = memory_stream_pair()
            await theirs.send_all(packet({"management": 1, "host": "H1"}) + packet(body))
            async with ask_over(ours, where="10.0.0.1:2513") as host:
                with pytest.raises(ManagementError, match=f"^10.0.0.1:2513: {text}"):
                    await host.state()
                with pytest.raises(ManagementError, match="connect again"):
                    await host.state()

    trio.run(main)


@pytest.mark.parametrize(
    ("welcome", "text"),
    [
        (b"\0\0\0\x01\xc1", "it speaks another protocol: body: "),
        (b"\x01\0\0\x01", "it speaks another protocol: length: 16,777,217 bytes declared"),
        (b"SSH-2.0-x\r\n", "it speaks another protocol: length: 1,397,966,893 bytes declared"),
        (packet({"management": 9, "host": "H1"}), "it speaks version 9, not 1"),
        (packet({"management": 1}), "it speaks another protocol: host: missing"),
        (b"", "it closed the connection"),
    ],
)
def test_something_else_that_answers_is_told_apart(welcome: bytes, text: str) -> None:
    async def main() -> None:
        ours, theirs = memory_stream_pair()
        await theirs.send_all(welcome)
        await theirs.send_eof()
        with pytest.raises(ManagementError, match=f"^there: {text}"):
            async with ask_over(ours, where="there"):
                pass

    trio.run(main)


@pytest.mark.parametrize(
    ("proof", "text"),
    [(b"p" * 16, "it does not have the farm's key"), (None, "it has no farm key, so it cannot prove who it is")],
)
def test_a_host_has_to_show_the_key_as_well(proof: bytes | None, text: str) -> None:
    async def main() -> None:
        ours, theirs = memory_stream_pair()
        more = {} if proof is None else {"challenge": b"c" * 32, "proof": proof}
        await theirs.send_all(packet({"management": 1, "host": "H1", **more}))
        with pytest.raises(ManagementError, match=text) as said:
            async with ask_over(ours, [KEY]):
                pass
        assert said.value.code == "key"

    trio.run(main)


def test_a_host_that_is_silent_is_given_up() -> None:
    async def main() -> None:
        ours, _theirs = memory_stream_pair()
        with pytest.raises(ManagementError, match="^there: no answer within 5 s$"):
            async with ask_over(ours, where="there"):
                pass

    trio.run(main, clock=MockClock(autojump_threshold=0))


VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary()
NESTED = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=9) | st.binary(), inner, max_size=20),
    max_leaves=40,
)
ENTRIES = st.sampled_from(["request", "rows", "zone", "app", "user", "session", "load", "everywhere"])


@settings(deadline=None)
@given(
    st.binary(max_size=300)
    | NESTED.map(msgpack.packb)
    | st.dictionaries(ENTRIES, VALUES | st.sampled_from(list(REQUESTS)) | st.integers(0, 3)).map(msgpack.packb)
)
def test_any_bytes_are_a_request_or_one_fault(body: bytes) -> None:
    found = understood(body)
    if isinstance(found, str):
        assert 0 < len(found) < 300
        return
    name, arguments, rows = found
    columns = REQUESTS[name][0].columns
    assert understood(packed({"request": name, **arguments}, None if columns is None else rows)) == found


def understood(body: bytes) -> tuple[str, dict[str, Any], list[Any]] | str:
    """The name of a request, what it holds and its rows; or what is wrong with it."""
    try:
        request = Opened(body)
        name = request.fields.get("request")
        if not isinstance(name, str) or name not in REQUESTS:
            return "no request"
        return name, *request.checked(REQUESTS[name][0], also=["request"])
    except PacketFault as fault:
        return fault.text
