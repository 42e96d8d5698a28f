"""docs/wire.md says what the code does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from imafarm._imafarm import Framer, SealedFramer

PAGE = (Path(__file__).parents[2] / "docs" / "wire.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^\| `(\(.+\))` \| `([0-9a-f ]+)` \|$", PAGE, re.MULTILINE)
SEALED = re.findall(r"^\| (opener|acceptor) \| `(\(.+\))` \| `([0-9a-f ]+)` \| `([0-9a-f ]+)` \|$", PAGE, re.MULTILINE)


def kinds_of_the_page() -> Iterator[tuple[str, tuple[int, tuple[str, ...]]]]:
    """The table of messages: a kind, its number and the names of its fields."""
    for number, kind, fields in re.findall(r"^\| (\d+) \| ([A-Z_]+) \| (.*)\|$", PAGE, re.MULTILINE):
        yield kind, (int(number), tuple(re.findall(r"`(\w+)`", fields)))


def test_the_page_lists_every_kind_with_its_number_and_fields() -> None:
    assert dict(kinds_of_the_page()) == Framer.kinds()


def test_the_page_has_an_example_of_every_kind() -> None:
    assert [ast.literal_eval(message)[0] for message, _ in EXAMPLES] == list(Framer.kinds())


@pytest.mark.parametrize(("message", "frame"), EXAMPLES)
def test_an_example_is_byte_for_byte_what_is_sent(message: str, frame: str) -> None:
    assert Framer.encode(*ast.literal_eval(message)) == bytes.fromhex(frame)
    assert Framer().feed(bytes.fromhex(frame)) == [ast.literal_eval(message)]


def test_the_page_gives_the_default_limit() -> None:
    row = re.search(r"^\| `max_body_bytes` \| ([\d,]+) \|", PAGE, re.MULTILINE)
    assert row is not None
    assert int(row[1].replace(",", "")) == Framer().max_body_bytes


def test_the_page_shows_byte_for_byte_how_a_binding_with_a_key_begins() -> None:
    key = bytes(range(32))
    sides = {
        "acceptor": SealedFramer([key], "acceptor", b"\xa0" * 32),
        "opener": SealedFramer([key], "opener", b"\xb0" * 32),
    }
    assert [speaker for speaker, *_ in SEALED] == ["acceptor", "opener", "acceptor", "opener"]
    for speaker, text, frame, seal in SEALED:
        message = ast.literal_eval(text)
        sent = bytes.fromhex(frame + seal)
        assert sides[speaker].encode(*message) == sent
        assert sides["opener" if speaker == "acceptor" else "acceptor"].feed(sent) == [message]
