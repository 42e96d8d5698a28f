"""Who may ask: challenge and response when a connection begins, and a tag on each packet after that.

A proof shows that its sender has the farm key; a tag, that a packet is the next one of this connection and of this
direction. Each purpose has its own `person`, so what was made for one is worth nothing for another.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from hashlib import blake2b
from hmac import compare_digest

from imafarm.keys import KEY_BYTES

CHALLENGE_BYTES = 32
TAG_BYTES = 16

_HELLO, _WELCOME = b"2513 hello", b"2513 welcome"
_ASKS, _ANSWERS = b"2513 asks", b"2513 answers"
_PACKET = b"2513 packet"


def new_challenge() -> bytes:
    """32 bytes that nobody can know beforehand."""
    return secrets.token_bytes(CHALLENGE_BYTES)


def hello_proof(key: bytes, version: int, ours: bytes) -> bytes:
    """What the caller sends with its challenge; by it the host knows which of two keys is spoken. 16 bytes."""
    return _mac(key, _HELLO, _number(version), ours)


def welcome_proof(key: bytes, version: int, asker: bytes, answerer: bytes, host: str) -> bytes:
    """What the host answers with a challenge of its own, from both challenges and its name. 16 bytes."""
    return _mac(key, _WELCOME, _number(version), asker, answerer, host.encode())


def spoken_key(keys: Sequence[bytes], version: int, challenge: bytes, proof: bytes) -> bytes | None:
    """The key under which a caller made its proof, if it is one of these."""
    found = None
    for key in keys:
        if compare_digest(hello_proof(key, version, challenge), proof):
            found = key
    return found


class Seal:
    """The tags of one direction of one connection, in order.

    Both ends have one for each direction; the n-th packet, counted from 0, has the n-th tag, so a packet that is
    replayed, left out or put into another place has the wrong one.
    """

    __slots__ = ("_count", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._count = 0

    def tag(self, packet: bytes) -> bytes:
        """The tag of the next packet, which is its length and its body. 16 bytes."""
        count, self._count = self._count, self._count + 1
        return _mac(self._key, _PACKET, _number(count), packet)


def seals(key: bytes, asker: bytes, answerer: bytes) -> tuple[Seal, Seal]:
    """The seals of requests and of replies, from the farm key and both challenges."""
    both = asker + answerer
    asks, answers = (_mac(key, person, both, size=KEY_BYTES) for person in (_ASKS, _ANSWERS))
    return Seal(asks), Seal(answers)


def _number(number: int) -> bytes:
    return number.to_bytes(8, "big")


def _mac(key: bytes, person: bytes, *parts: bytes, size: int = TAG_BYTES) -> bytes:
    digest = blake2b(key=key, person=person, digest_size=size)
    for part in parts:
        digest.update(part)
    return digest.digest()
