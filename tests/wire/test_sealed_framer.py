"""imafarm.SealedFramer against docs/wire.md, "With a key", written once more with hashlib, struct and zlib."""

from __future__ import annotations

import struct
import zlib
from hashlib import blake2b
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imafarm._imafarm import FrameError, Framer, SealedFramer

Message = tuple[Any, ...]

OLD, NEW = b"old farm key".ljust(32, b"."), b"new farm key".ljust(32, b".")
A, B = b"a" * 32, b"b" * 32
HEADER = struct.Struct("!4sBBHI")
REQUEST: Message = ("BIND_REQUEST", 0x1A4A, 8022)
RESPONSE: Message = ("BIND_RESPONSE", 0x1A4A, 7)
COMMIT: Message = ("BIND_COMMIT",)
MESSAGE = st.one_of(
    st.tuples(st.just("ELECT_MASTER"), st.integers(0, 2**32 - 1)),
    st.tuples(st.just("DECLARE_MASTER"), st.integers(1, 2**48 - 1), st.integers(0, 2**32 - 1)),
    st.tuples(st.just("CONFIG_CHANGE"), st.just(9), st.just(300), st.sampled_from([0, 70, 130, 5_000]).map(bytes)),
    st.just(("IMA_PING",)),
)


def mac(length: int, key: bytes, use: bytes, text: bytes) -> bytes:
    return blake2b(text, digest_size=length, key=key, person=use).digest()


def hash_of(text: bytes) -> bytes:
    return blake2b(text, digest_size=32).digest()


def frame_of(message: Message) -> bytes:
    """The frame of a message, with its seal length and the checksum over that, without its seal."""
    plain = Framer.encode(*message)
    magic, version, number, _, length = HEADER.unpack_from(plain)
    head = HEADER.pack(magic, version, number, 48 if number in {1, 2} else 16, length)
    return head + zlib.crc32(head + plain[16:]).to_bytes(4) + plain[16:]


class Seals:
    """The seals of both directions of one binding, as somebody sees them who has the key and both challenges."""

    def __init__(self, key: bytes, request: Message = REQUEST, response: Message = RESPONSE) -> None:
        self.key = key
        self.passed = {"opener": 0, "acceptor": 0}
        text = A + B + hash_of(frame_of(request)) + hash_of(frame_of(response))
        self.keys = {side: mac(32, key, b"imafarm " + side.encode(), text) for side in self.passed}

    def sealed(self, side: str, message: Message) -> bytes:
        """The bytes of the next frame of this side, seal included."""
        frame, number = frame_of(message), self.passed[side].to_bytes(8)
        self.passed[side] += 1
        match message[0]:
            case "BIND_REQUEST":
                return frame + A + mac(16, self.key, b"imafarm request", number + frame + A)
            case "BIND_RESPONSE":
                return frame + B + mac(16, self.keys[side], b"imafarm frame", number + frame + B)
            case _:
                return frame + mac(16, self.keys[side], b"imafarm frame", number + frame)


def framer_of(side: str, *keys: bytes) -> SealedFramer:
    return SealedFramer(keys or [OLD], side, A if side == "acceptor" else B)


def bound() -> tuple[SealedFramer, SealedFramer]:
    """Both sides of a binding: the opener and the acceptor."""
    opener, acceptor = framer_of("opener"), framer_of("acceptor")
    assert opener.feed(acceptor.encode(*REQUEST)) == [REQUEST]
    assert acceptor.feed(opener.encode(*RESPONSE)) == [RESPONSE]
    assert opener.feed(acceptor.encode(*COMMIT)) == [COMMIT]
    return opener, acceptor


def failure_of(error: Any) -> tuple[int, str, list[Message]]:
    return error.offset, error.part, error.messages


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), MESSAGE)))
def test_our_seals_are_those_of_the_page(talk: list[tuple[bool, Message]]) -> None:
    """A binding, byte for byte: each side says what the page says, and hears it."""
    seals, sides = Seals(OLD), {"opener": framer_of("opener"), "acceptor": framer_of("acceptor")}
    begin = [("acceptor", REQUEST), ("opener", RESPONSE), ("acceptor", COMMIT)]
    for speaker, message in begin + [("opener" if by_opener else "acceptor", message) for by_opener, message in talk]:
        hearer = "acceptor" if speaker == "opener" else "opener"
        sent = seals.sealed(speaker, message)
        assert sides[speaker].encode(*message) == sent
        assert sides[hearer].feed(sent[:20]) == []
        assert sides[hearer].kept_bytes == min(20, len(sent))
        assert sides[hearer].feed(sent[20:]) == [message]
    for side in sides.values():
        side.finish()
        assert side.kept_bytes == 0


def test_a_frame_of_somebody_without_the_key_is_refused_where_its_seal_begins() -> None:
    opener = framer_of("opener")
    sent = Seals(NEW).sealed("acceptor", REQUEST)
    with pytest.raises(
        FrameError, match="the seal does not fit: whoever sent this does not have the farm's key"
    ) as caught:
        opener.feed(sent)
    assert failure_of(caught.value) == (len(sent) - 48, "seal", [])


@pytest.mark.parametrize("spoil", [lambda one, two: one + one, lambda _, two: two, lambda one, two: two + one])
def test_a_frame_that_is_not_the_next_is_refused(spoil: Any) -> None:
    opener, acceptor = bound()
    start = acceptor.offset
    one, two = opener.encode("HEARTBEAT", 1), opener.encode("HEARTBEAT", 2)
    stream = spoil(one, two)
    heard = [("HEARTBEAT", 1)] if stream.startswith(one) else []
    with pytest.raises(FrameError) as caught:
        acceptor.feed(stream)
    assert failure_of(caught.value) == (start + len(one) * len(heard) + len(one) - 16, "seal", heard)


def test_a_farm_with_a_key_and_one_without_refuse_each_other() -> None:
    with pytest.raises(FrameError, match="byte 6 of the stream: a seal of 0 bytes is declared, 48 are due"):
        framer_of("opener").feed(Framer.encode(*REQUEST))
    with pytest.raises(FrameError, match="byte 6 of the stream: a seal of 48 bytes is declared, 0 are due"):
        Framer().feed(framer_of("acceptor").encode(*REQUEST))


STEPS = {"old": [OLD], "old, new": [OLD, NEW], "new, old": [NEW, OLD], "new": [NEW]}


@pytest.mark.parametrize("opener_has", STEPS)
@pytest.mark.parametrize("acceptor_has", STEPS)
def test_the_first_key_of_the_acceptor_decides_who_binds(opener_has: str, acceptor_has: str) -> None:
    opener, acceptor = framer_of("opener", *STEPS[opener_has]), framer_of("acceptor", *STEPS[acceptor_has])
    request = acceptor.encode(*REQUEST)
    if STEPS[acceptor_has][0] in STEPS[opener_has]:
        assert opener.feed(request) == [REQUEST]
        assert acceptor.feed(opener.encode(*RESPONSE)) == [RESPONSE]
        assert opener.feed(acceptor.encode(*COMMIT)) == [COMMIT]
    else:
        with pytest.raises(FrameError, match="the seal does not fit"):
            opener.feed(request)


def test_what_is_out_of_turn_is_not_sent() -> None:
    opener, acceptor = framer_of("opener"), framer_of("acceptor")
    for side, message in [(opener, REQUEST), (opener, RESPONSE), (acceptor, COMMIT), (opener, ("HEARTBEAT", 0))]:
        with pytest.raises(ValueError, match=f"{message[0]} is out of turn on this side of the binding"):
            side.encode(*message)
    assert opener.feed(acceptor.encode(*REQUEST)) == [REQUEST]
    with pytest.raises(ValueError, match="BIND_REQUEST is out of turn"):
        acceptor.encode(*REQUEST)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (([], "opener", A), "keys: one is due, or two while the farm's key is being changed"),
        (([OLD, NEW, OLD], "opener", A), "keys: at most two, not 3"),
        (([OLD, b"short"], "opener", A), "keys: 32 bytes are due, not 5"),
        (([OLD], "caller", A), 'side: "caller" is neither opener nor acceptor'),
        (([OLD], "opener", b""), "nonce: 32 bytes are due, not 0"),
    ],
)
def test_what_makes_no_binding_is_refused_by_name(arguments: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        SealedFramer(*arguments)
    with pytest.raises(ValueError, match="max_body_bytes: 5 is out of range"):
        SealedFramer([OLD], "opener", A, max_body_bytes=5)


def test_it_shows_where_it_stands_and_nothing_secret() -> None:
    _, acceptor = bound()
    acceptor.feed(b"IMA")
    assert repr(acceptor) == f"<SealedFramer at byte {acceptor.offset}, 3 bytes kept>"
    assert acceptor.max_body_bytes == 65_536
    with pytest.raises(FrameError, match="the stream ends within a frame"):
        acceptor.finish()
