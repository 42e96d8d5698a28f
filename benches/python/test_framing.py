"""Framing beside struct and msgpack: one message at a time, and ten thousand at once.

The plain side does what a careful person would write: header by :class:`struct.Struct`, body by one reused
:class:`msgpack.Packer` and :func:`msgpack.unpackb`, checksum by :mod:`zlib`, every check of the header, and the number
of fields. It does not check the type and range of each field; the compiled side does.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import msgpack
import pytest

from imafarm._imafarm import Framer

Message = tuple[Any, ...]
Benchmark = Callable[..., Any]

MESSAGES = 10_000
MAX_BODY_BYTES = 65_536

_KINDS = Framer.kinds()
_NUMBERS = {name: number for name, (number, _) in _KINDS.items()}
_SHAPES = {number: (name, len(fields)) for name, (number, fields) in _KINDS.items()}
_HEAD = struct.Struct("!4sBBHI")
_HEADER = struct.Struct("!4sBBHII")
_CHECKSUM = struct.Struct("!I")
_pack = msgpack.Packer().pack


def plain_encode(kind: str, *fields: object) -> bytes:
    """The frame of one message."""
    body = _pack(fields)
    head = _HEAD.pack(b"IMAF", 1, _NUMBERS[kind], 0, len(body))
    return b"".join((head, _CHECKSUM.pack(zlib.crc32(body, zlib.crc32(head))), body))


def plain_encode_many(messages: Iterable[Message]) -> bytes:
    """The frames of many messages: :func:`plain_encode`, unrolled."""
    frames: list[bytes] = []
    add, pack, crc32, numbers, head_of, checksum_of = (
        frames.append,
        _pack,
        zlib.crc32,
        _NUMBERS,
        _HEAD.pack,
        _CHECKSUM.pack,
    )
    for kind, *fields in messages:
        body = pack(fields)
        head = head_of(b"IMAF", 1, numbers[kind], 0, len(body))
        add(head)
        add(checksum_of(crc32(body, crc32(head))))
        add(body)
    return b"".join(frames)


class PlainFramer:
    """Frames out of any cut of a stream, in plain Python."""

    def __init__(self) -> None:
        self._kept = b""

    def feed(self, data: bytes) -> list[Message]:
        """The messages that ``data`` completes. Raises ValueError where a frame is wrong."""
        if self._kept:
            data = self._kept + data
        messages: list[Message] = []
        add, header_of, crc32, unpack = messages.append, _HEADER.unpack_from, zlib.crc32, msgpack.unpackb
        at, end = 0, len(data)
        while end - at >= 16:
            magic, version, number, seal, length, checksum = header_of(data, at)
            if magic != b"IMAF" or version != 1 or seal or length > MAX_BODY_BYTES or number not in _SHAPES:
                raise ValueError(f"byte {at}: no frame")
            body_at = at + 16
            if end - body_at < length:
                break
            body = data[body_at : body_at + length]
            if crc32(body, crc32(data[at : at + 12])) != checksum:
                raise ValueError(f"byte {at}: checksum")
            kind, count = _SHAPES[number]
            fields = unpack(body)
            if len(fields) != count:
                raise ValueError(f"byte {at}: fields")
            add((kind, *fields))
            at = body_at + length
        self._kept = data[at:]
        return messages


def a_zone_talking(count: int) -> list[Message]:
    """Messages as a zone of 10,000 hosts exchanges them in an election, in one order."""
    dice = random.Random(7)
    draw: list[Callable[[], Message]] = [
        lambda: ("ELECT_MASTER", dice.randrange(1, 4)),
        lambda: ("ELECT_MASTER", dice.randrange(1, 4)),
        lambda: ("ELECT_MASTER_ACK", dice.randrange(1, 4)),
        lambda: ("ELECT_MASTER_ACK", dice.randrange(1, 4)),
        lambda: ("DECLARE_MASTER", dice.randrange(1, 10_001), dice.randrange(600_000)),
        lambda: ("BIND_REQUEST", 0x1A2B3C4D, dice.randrange(1, 10_001)),
        lambda: ("BIND_RESPONSE", 0x1A2B3C4D, dice.randrange(1, 10_001)),
        lambda: ("BIND_COMMIT",),
        lambda: ("HEARTBEAT", dice.randrange(1 << 16)),
        lambda: ("HEARTBEAT_ACK", True),
    ]
    return [dice.choice(draw)() for _ in range(count)]


TALK = a_zone_talking(MESSAGES)
STREAM = plain_encode_many(TALK)
ONE = ("DECLARE_MASTER", 8022, 60_000)
FRAME = plain_encode(*ONE)


@pytest.mark.benchmark(group="encode one message")
@pytest.mark.parametrize("encode", [Framer.encode, plain_encode], ids=["imafarm", "plain"])
def test_encode_one(benchmark: Benchmark, encode: Callable[..., bytes]) -> None:
    """One frame a call."""
    assert benchmark(encode, "DECLARE_MASTER", 8022, 60_000) == FRAME


@pytest.mark.benchmark(group="decode one message")
@pytest.mark.parametrize("framer", [Framer, PlainFramer], ids=["imafarm", "plain"])
def test_decode_one(benchmark: Benchmark, framer: Callable[[], Framer | PlainFramer]) -> None:
    """One frame a call, as it comes from a socket."""
    assert benchmark(framer().feed, FRAME) == [ONE]


@pytest.mark.benchmark(group="encode 10,000 messages")
@pytest.mark.parametrize("encode_many", [Framer.encode_many, plain_encode_many], ids=["imafarm", "plain"])
def test_encode_many(benchmark: Benchmark, encode_many: Callable[[list[Message]], bytes]) -> None:
    """All frames in one call."""
    assert benchmark(encode_many, TALK) == STREAM


@pytest.mark.benchmark(group="decode 10,000 messages")
@pytest.mark.parametrize("framer", [Framer, PlainFramer], ids=["imafarm", "plain"])
def test_decode_many(benchmark: Benchmark, framer: Callable[[], Framer | PlainFramer]) -> None:
    """All messages in one call."""
    assert benchmark(framer().feed, STREAM) == TALK
