"""imafarm.Framer against struct, zlib and the independent msgpack package."""

from __future__ import annotations

import array
import struct
import zlib
from itertools import pairwise
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imafarm._imafarm import FrameError, Framer

Message = tuple[Any, ...]

KINDS = Framer.kinds()

U32 = st.integers(0, 2**32 - 1) | st.sampled_from([0, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x1_0000, 2**32 - 1])
HOST_ID = st.integers(1, 2**48 - 1) | st.sampled_from([1, 2**32 - 1, 2**32, 2**48 - 1])
FILLER = st.sampled_from([0, 1, 2, 0xFF, 0x100, 0x1234]).map(bytes)
BODIES: dict[str, st.SearchStrategy[Message]] = {
    "BIND_REQUEST": st.tuples(U32, HOST_ID),
    "BIND_RESPONSE": st.tuples(U32, HOST_ID),
    "BIND_COMMIT": st.tuples(),
    "ELECT_MASTER": st.tuples(U32),
    "ELECT_MASTER_ACK": st.tuples(U32),
    "DECLARE_MASTER": st.tuples(HOST_ID, U32),
    "QUERY_MASTER": st.tuples(),
    "MASTER_IS": st.tuples(st.none() | HOST_ID),
    "HEARTBEAT": st.tuples(U32),
    "HEARTBEAT_ACK": st.tuples(st.booleans()),
    "IMA_PING": st.tuples(),
    "IMA_PING_ACK": st.tuples(st.booleans()),
    "SERVER_UPDATE": st.tuples(HOST_ID, U32, st.booleans(), st.none() | U32, U32, U32, U32, FILLER),
    "SERVER_UPDATE_ACK": st.tuples(U32, FILLER),
    "SESSION_UPDATE": st.tuples(HOST_ID, U32, st.integers(0, 5), U32, U32, U32, st.none() | U32, FILLER),
    "SESSION_UPDATE_ACK": st.tuples(U32, FILLER),
    "LOAD_UPDATE": st.tuples(HOST_ID, U32, U32),
    "LOAD_REQUEST": st.tuples(),
    "FULL_UPDATE_REQUEST": st.tuples(),
    "GATEWAY_UPDATE": st.tuples(FILLER),
    "GATEWAY_UPDATE_ACK": st.tuples(FILLER),
    "PEER_PING": st.tuples(U32),
    "PEER_PING_ACK": st.tuples(),
    "SUBSCRIBE": st.tuples(st.integers(0, 2), st.booleans()),
    "TABLE_CHANGED": st.tuples(st.integers(0, 2)),
    "FULL_UPDATE": st.tuples(),
    "RESOLVE": st.tuples(U32, U32, st.integers(0, 2**64 - 1), st.booleans()),
    "RESOLVED": st.tuples(U32, st.none() | HOST_ID, U32),
    "CONFIG_CHANGE": st.tuples(U32, U32, FILLER),
    "CONFIG_CHANGE_ACK": st.tuples(U32, FILLER),
}
MESSAGE = st.sampled_from(sorted(BODIES)).flatmap(lambda kind: BODIES[kind].map(lambda fields: (kind, *fields)))
# A busy machine may be slow; that is no fault of the wire.
UNTIMED = settings(deadline=None)


def frame_of(number: int, body: bytes, *, magic: bytes = b"IMAF", version: int = 1, seal: int = 0) -> bytes:
    """A frame with a true checksum, by struct and zlib."""
    head = struct.pack("!4sBBHI", magic, version, number, seal, len(body))
    return head + struct.pack("!I", zlib.crc32(head + body)) + body


def pieces_of(data: bytes, places: list[int]) -> list[bytes]:
    """``data``, cut at these places."""
    ends = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(ends)]


def failure_of(error: Any) -> tuple[int, str, list[Message]]:
    """Where a stream failed, in which part of a frame, and what came before in the same call."""
    return error.offset, error.part, error.messages


def all_of(framer: Framer, pieces: list[bytes]) -> tuple[list[Message], tuple[int, str] | None]:
    """All messages of a stream, and where and in what it failed."""
    messages: list[Message] = []
    try:
        for piece in pieces:
            messages += framer.feed(piece)
        framer.finish()
    except FrameError as error:
        offset, part, before = failure_of(error)
        return messages + before, (offset, part)
    return messages, None


def test_every_kind_is_drawn() -> None:
    assert BODIES.keys() == KINDS.keys()


@UNTIMED
@given(MESSAGE)
def test_msgpack_reads_our_bodies_and_we_read_its(message: Message) -> None:
    kind, *fields = message
    frame = Framer.encode(*message)
    assert msgpack.unpackb(frame[16:]) == fields
    assert frame == frame_of(KINDS[kind][0], msgpack.packb(fields))
    assert len(frame) == Framer.encoded_len(*message)
    assert Framer().feed(frame) == [message]


@UNTIMED
@given(st.lists(MESSAGE), st.lists(st.integers(0)))
def test_messages_come_out_of_any_cut(messages: list[Message], places: list[int]) -> None:
    stream = Framer.encode_many(messages)
    assert stream == b"".join(Framer.encode(*message) for message in messages)
    framer = Framer()
    assert all_of(framer, pieces_of(stream, places)) == (messages, None)
    assert (framer.offset, framer.kept_bytes) == (len(stream), 0)


@UNTIMED
@given(st.lists(MESSAGE, min_size=1), st.integers(0), st.integers(1, 255), st.lists(st.integers(0)))
def test_damage_is_found_at_the_same_byte_in_any_cut(
    messages: list[Message], place: int, flips: int, places: list[int]
) -> None:
    stream = bytearray(Framer.encode_many(messages))
    stream[place % len(stream)] ^= flips
    came, failed = all_of(Framer(), [bytes(stream)])
    assert came == messages[: len(came)]
    assert failed is not None
    assert all_of(Framer(), pieces_of(bytes(stream), places)) == (came, failed)


def test_every_truncation_is_a_frame_cut_short() -> None:
    frame = Framer.encode("DECLARE_MASTER", 8022, 60_000)
    for length in range(1, len(frame)):
        framer = Framer()
        assert framer.feed(frame[:length]) == []
        assert (framer.offset, framer.kept_bytes) == (0, length)
        with pytest.raises(FrameError, match="the stream ends within a frame") as caught:
            framer.finish()
        assert failure_of(caught.value) == (length, "end", [])


DEEP = b"\x91" * 65_536
HEADER_16 = struct.Struct("!4sBBHII")


@pytest.mark.parametrize(
    ("bad", "offset", "part"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 0, "magic"),
        (frame_of(16, b"\x91\x01", magic=b"imaf"), 0, "magic"),
        (frame_of(16, b"\x91\x01", version=0), 4, "version"),
        (frame_of(16, b"\x91\x01", version=2), 4, "version"),
        (frame_of(0, b"\x90"), 5, "kind"),
        (frame_of(255, b"\x90"), 5, "kind"),
        (frame_of(16, b"\x91\x01", seal=1), 6, "seal"),
        (HEADER_16.pack(b"IMAF", 1, 16, 0, 65_537, 0), 8, "length"),
        (HEADER_16.pack(b"IMAF", 1, 16, 0, 2**31, 0), 8, "length"),
        (HEADER_16.pack(b"IMAF", 1, 16, 0, 2**32 - 1, 0), 8, "length"),
        (frame_of(16, b"\x91\x01")[:-1] + b"\x02", 12, "checksum"),
        (frame_of(16, b""), 16, "body"),
        (frame_of(16, b"\x91\x01\x01"), 18, "body"),
        (frame_of(16, DEEP), 17, "body"),
        (frame_of(16, msgpack.packb([[1]])), 17, "body"),
        (frame_of(16, msgpack.packb([{"round": 1}])), 17, "body"),
        (frame_of(16, msgpack.packb([0] * 60_000)), 16, "body"),
        (frame_of(16, msgpack.packb(["1"])), 17, "body"),
        (frame_of(16, msgpack.packb([1.0])), 17, "body"),
        (frame_of(16, msgpack.packb([-1])), 17, "body"),
        (frame_of(16, msgpack.packb([2**32])), 17, "body"),
        (frame_of(16, b"\x91\xdb\xff\xff\xff\xff"), 17, "body"),
        (frame_of(16, b"\xdd\xff\xff\xff\xff"), 16, "body"),
        (frame_of(18, msgpack.packb([0, 0])), 17, "body"),
        (frame_of(18, msgpack.packb([2**48, 0])), 17, "body"),
    ],
)
def test_bad_bytes_are_a_frame_error_that_says_where(bad: bytes, offset: int, part: str) -> None:
    good = Framer.encode("HEARTBEAT", 0)
    framer = Framer()
    with pytest.raises(FrameError) as caught:
        framer.feed(good + bad + good)
    assert isinstance(caught.value, ValueError)
    assert failure_of(caught.value) == (len(good) + offset, part, [("HEARTBEAT", 0)])
    assert str(caught.value).startswith(f"byte {len(good) + offset} of the stream: ")
    with pytest.raises(FrameError) as again:
        framer.feed(good)
    assert failure_of(again.value) == (len(good) + offset, part, [])
    assert framer.kept_bytes == 0


def test_a_claim_of_the_limit_is_awaited_and_keeps_only_what_came() -> None:
    framer = Framer(max_body_bytes=64)
    assert framer.feed(HEADER_16.pack(b"IMAF", 1, 16, 0, 64, 0) + b"\x91") == []
    assert framer.kept_bytes == 17
    with pytest.raises(FrameError, match="a body of 65 bytes is declared, 64 are the limit"):
        Framer(max_body_bytes=64).feed(HEADER_16.pack(b"IMAF", 1, 16, 0, 65, 0))


@pytest.mark.parametrize("limit", [-1, 0, 63, 2**24 + 1, 2**40])
def test_a_limit_out_of_range_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match=f"max_body_bytes: {limit} is out of range, 64 to 16777216 bytes"):
        Framer(max_body_bytes=limit)


@pytest.mark.parametrize("buffer", [bytes, bytearray, memoryview, lambda data: array.array("B", data)])
def test_any_buffer_of_bytes_is_read(buffer: Any) -> None:
    frame = Framer.encode("MASTER_IS", None)
    assert Framer().feed(buffer(frame)) == [("MASTER_IS", None)]


@pytest.mark.parametrize("data", ["IMAF", 5, None, [1, 2]])
def test_what_is_no_buffer_is_refused(data: Any) -> None:
    with pytest.raises(TypeError):
        Framer().feed(data)


@pytest.mark.parametrize(
    ("message", "error", "says"),
    [
        (("ELECT", 1), ValueError, 'no message has the kind "ELECT"; the kinds are BIND_REQUEST, '),
        (("ELECT_MASTER",), TypeError, r"ELECT_MASTER: 1 fields are due \(round\), not 0"),
        (("IMA_PING", 1), TypeError, r"IMA_PING: 0 fields are due \(\), not 1"),
        (("GATEWAY_UPDATE", b"1"), ValueError, "GATEWAY_UPDATE: filler: at most 65535 bytes, all zero, are due"),
        (("GATEWAY_UPDATE", 1), TypeError, "GATEWAY_UPDATE: filler: a bytes of zeros is due, not <class 'int'>"),
        (("ELECT_MASTER", "1"), TypeError, "ELECT_MASTER: round: an int is due, not <class 'str'>"),
        (("ELECT_MASTER", True), TypeError, "ELECT_MASTER: round: an int is due, not <class 'bool'>"),
        (("ELECT_MASTER", None), TypeError, "ELECT_MASTER: round: an int is due, not <class 'NoneType'>"),
        (("ELECT_MASTER", -1), ValueError, "ELECT_MASTER: round: -1 is out of range, 0 to 4294967295"),
        (("ELECT_MASTER", 2**64), ValueError, "ELECT_MASTER: round: 18446744073709551616 is out of range"),
        (("DECLARE_MASTER", 0, 0), ValueError, "DECLARE_MASTER: master: 0 is out of range, 1 to 281474976710655"),
        (("HEARTBEAT_ACK", 1), TypeError, "HEARTBEAT_ACK: collector: a bool is due, not <class 'int'>"),
    ],
)
def test_a_message_that_is_none_is_refused_by_name(message: Message, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Framer.encode(*message)
    with pytest.raises(error, match=says):
        Framer.encoded_len(*message)
    with pytest.raises(error, match=says if message[0] == "ELECT" else f"message 2: {says}"):
        Framer.encode_many([("HEARTBEAT", 0), ("IMA_PING",), message])


@pytest.mark.parametrize("item", [(), ["HEARTBEAT"], "HEARTBEAT", (1,), None])
def test_what_is_no_tuple_of_a_kind_is_refused_by_position(item: Any) -> None:
    with pytest.raises(TypeError, match="message 1: a tuple of a kind and its fields is due"):
        Framer.encode_many([("HEARTBEAT", 0), item])


def test_many_messages_come_from_any_iterable() -> None:
    messages = [("ELECT_MASTER", number) for number in range(300)]
    assert Framer().feed(Framer.encode_many(message for message in messages)) == messages
    assert Framer.encode_many([]) == b""


def test_a_kind_is_found_by_its_letters_too() -> None:
    assert Framer.encode("".join(["HEART", "BEAT"]), 0) == Framer.encode("HEARTBEAT", 0)


def test_a_framer_shows_where_it_stands() -> None:
    framer = Framer()
    framer.feed(Framer.encode("HEARTBEAT", 0) + b"IMA")
    assert repr(framer) == "<Framer at byte 18, 3 bytes kept>"
    assert framer.max_body_bytes == 65_536
