"""The dissector on frames of the document, whole, parted, side by side, sealed and damaged."""

import re
import struct
import zlib
from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from tests.capture.conftest import TREE, Tshark

from imafarm import Framer

WIRE = (TREE / "docs/wire.md").read_text(encoding="utf-8")


def hexadecimal(text: str) -> bytes:
    return bytes.fromhex(text.replace(" ", ""))


EXAMPLES = [
    (kind, hexadecimal(frame))
    for kind, frame in re.findall(r'^\| `\("(\w+)"[^`]*\)` \| `([0-9a-f ]+)` \|$', WIRE, flags=re.MULTILINE)
]
"""Every kind of message, as the document has it."""
SEALED = [
    (kind, hexadecimal(frame), hexadecimal(seal))
    for kind, frame, seal in re.findall(
        r'^\| \w+ \| `\("(\w+)"[^`]*\)` \| `([0-9a-f ]+)` \| `([0-9a-f ]+)` \|$', WIRE, flags=re.MULTILINE
    )
]


def capture(path: Path, *streams: Sequence[bytes]) -> Path:
    """A capture file, of the old form, with these segments of streams, from port 40000 and on to 2512."""
    packets = b""
    for port, segments in enumerate(streams, 40_000):
        sequence = 1000
        for payload in segments:
            tcp = struct.pack(">HHIIBBHHH", port, 2512, sequence, 1, 5 << 4, 0x18, 65535, 0, 0)
            length = 20 + len(tcp) + len(payload)
            addresses = IPv4Address("10.0.0.1").packed + IPv4Address("10.0.0.2").packed
            ip = struct.pack(">BBHHHBBH", 0x45, 0, length, 0, 0x4000, 64, 6, 0) + addresses
            frame = bytes(6) + bytes(6) + b"\x08\x00" + ip + tcp + payload
            packets += struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame
            sequence += len(payload)
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1) + packets)
    return path


def framed(kind: int, body: bytes, *, version: int = 1, seal: int = 0) -> bytes:
    """A frame with a good checksum."""
    head = struct.pack(">4sBBHI", b"IMAF", version, kind, seal, len(body))
    return head + struct.pack(">I", zlib.crc32(head + body)) + body


def infos(tshark: Tshark, path: Path) -> list[str]:
    return [row[0] for row in tshark.rows(path, ["_ws.col.Info"], "-Y", "ima")]


def test_every_kind_of_the_document(tmp_path: Path, tshark: Tshark) -> None:
    assert {kind for kind, _ in EXAMPLES} == set(Framer.kinds())
    path = capture(tmp_path / "kinds.pcap", [frame for _, frame in EXAMPLES])
    assert [info.split(" ")[0] for info in infos(tshark, path)] == [kind for kind, _ in EXAMPLES]
    assert tshark.frames(path, "ima.body.bad || ima.checksum.bad || _ws.malformed") == []
    numbers = tshark.rows(path, ["ima.kind", "ima.magic", "ima.length"], "-Y", "ima")
    expected = [[str(Framer.kinds()[kind][0]), "0x494d4146", str(len(frame))] for kind, frame in EXAMPLES]
    assert numbers == expected


FIELDS = {
    "ima.round": {"ELECT_MASTER": "1", "ELECT_MASTER_ACK": "300"},
    "ima.master": {"DECLARE_MASTER": "8022"},
    "ima.reign_ms": {"DECLARE_MASTER": "60000"},
    "ima.collector": {"HEARTBEAT_ACK": "1"},
    "ima.event": {"SESSION_UPDATE": "2"},
    "ima.preference": {"RESOLVE": "65538"},
    "ima.farm_magic": {"BIND_REQUEST": str(0x1A2B3C4D), "BIND_RESPONSE": str(0x1A2B3C4D)},
    "ima.filler": {"SERVER_UPDATE": "0000", "SESSION_UPDATE_ACK": "000000"},
    "ima.table": {"SUBSCRIBE": "0", "TABLE_CHANGED": "2"},
}
"""What can be filtered by, and of which kinds it has which value."""


def test_fields_of_bodies_have_names(tmp_path: Path, tshark: Tshark) -> None:
    path = capture(tmp_path / "kinds.pcap", [frame for _, frame in EXAMPLES])
    rows = tshark.rows(path, list(FIELDS), "-Y", "ima")
    for place, (field, expected) in enumerate(FIELDS.items()):
        found = {kind: row[place] for (kind, _), row in zip(EXAMPLES, rows, strict=True) if row[place]}
        assert found == expected, field
    assert len(tshark.frames(path, 'ima.kind == "IMA_PING"')) == 1


@pytest.mark.parametrize("size", [1, 7, 16, 17, 100, 100_000])
def test_frames_are_put_together_from_segments_of_any_size(size: int, tmp_path: Path, tshark: Tshark) -> None:
    stream = b"".join(frame for _, frame in EXAMPLES)
    parts = [stream[start : start + size] for start in range(0, len(stream), size)]
    path = capture(tmp_path / "parts.pcap", parts)
    told = ", ".join(info for info in infos(tshark, path))
    kinds = re.findall(r"[A-Z]+(?:_[A-Z]+)*(?= |,|$)", told)
    assert kinds == [kind for kind, _ in EXAMPLES]
    assert tshark.frames(path, "ima.magic.bad || ima.checksum.bad || ima.body.bad || _ws.malformed") == []


def test_sealed_frames_are_read_but_for_what_the_seal_means(tmp_path: Path, tshark: Tshark) -> None:
    assert len(SEALED) == 4
    path = capture(tmp_path / "sealed.pcap", [frame + seal for _, frame, seal in SEALED])
    assert [info.split(" ")[0] for info in infos(tshark, path)] == [kind for kind, _, _ in SEALED]
    assert all(info.endswith("(sealed)") for info in infos(tshark, path))
    rows = tshark.rows(path, ["ima.seal", "ima.challenge", "ima.tag"], "-Y", "ima")
    for (seal, challenge, tag), (_, _, expected) in zip(rows, SEALED, strict=True):
        assert seal == expected.hex()
        assert (challenge + tag) == expected.hex()
    assert tshark.frames(path, "ima.seal.bad || ima.checksum.bad || ima.body.bad || _ws.malformed") == []


GOOD = framed(16, b"\x91\x01")
DAMAGED = {
    "a checksum": (GOOD[:12] + bytes(4) + GOOD[16:], "ima.checksum.bad"),
    "a byte of the body": (GOOD[:-1] + b"\x02", "ima.checksum.bad"),
    "another version": (framed(16, b"\x91\x01", version=2), "ima.version.bad"),
    "a kind that there is not": (framed(200, b"\x90"), "ima.kind.unknown"),
    "no frame": (b"GET / HTTP/1.0\r\n\r\n", "ima.magic.bad"),
    "a length beyond all": (b"IMAF\x01\x10\x00\x00" + b"\xff" * 8, "ima.length.bad"),
    "a seal of another length": (framed(16, b"\x91\x01", seal=7) + bytes(7), "ima.seal.bad"),
    "no body": (framed(16, b""), "ima.body.bad"),
    "too few fields": (framed(16, b"\x90"), "ima.body.bad"),
    "a field that ends too early": (framed(16, b"\x91\xcd\x01"), "ima.body.bad"),
    "a number that is not short": (framed(16, b"\x91\xcc\x01"), "ima.body.bad"),
    "a number that is too long": (framed(16, b"\x91\xcf" + b"\x7f" * 8), "ima.body.bad"),
    "a text for a number": (framed(16, b"\x91\xa1a"), "ima.body.bad"),
    "a truth that is none": (framed(33, b"\x91\x01"), "ima.body.bad"),
    "host 0": (framed(20, b"\x91\x00"), "ima.body.bad"),
    "an event that there is not": (framed(50, b"\x98\x01\x01\x06\x01\x01\x01\xc0\xc4\x00"), "ima.body.bad"),
    "filler that ends too early": (framed(55, b"\x91\xc4\x05\x00"), "ima.body.bad"),
    "something behind the last field": (framed(16, b"\x91\x01\x00"), "ima.body.bad"),
}


EXPERTS = sorted({said for _, said in DAMAGED.values()})


def test_what_is_wrong_is_said(tmp_path: Path, tshark: Tshark) -> None:
    """And nothing else is: no error of the dissector's own, and what follows in another segment is read."""
    streams = [[GOOD, damaged, GOOD] for damaged, _ in DAMAGED.values()]
    path = capture(tmp_path / "damaged.pcap", *streams)
    rows = tshark.rows(path, ["_ws.lua.error", "_ws.col.Info", *EXPERTS])
    assert len(rows) == 3 * len(DAMAGED)
    for number, (what, (_, expected)) in enumerate(DAMAGED.items()):
        before, damaged, after = rows[3 * number : 3 * number + 3]
        assert before == after == ["", "ELECT_MASTER round=1", *("" for _ in EXPERTS)], what
        assert damaged[0] == "", what
        assert [name for name, said in zip(EXPERTS, damaged[2:], strict=True) if said] == [expected], what


def test_checksums_need_not_be_looked_at(tmp_path: Path, tshark: Tshark) -> None:
    path = capture(tmp_path / "damaged.pcap", [DAMAGED["a checksum"][0]])
    assert tshark.frames(path, "ima.checksum.bad", "-o", "ima.check_checksums:FALSE") == []
