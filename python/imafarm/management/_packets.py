"""Packets: a length, a map and the rows of a table, and behind them a tag if there is a farm key.

A declared length is a claim: it is judged before anything is allocated or awaited for it. The map and the rows hold
plain values and nothing that nests, so how deep a packet goes and how much it holds is bounded by what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hmac import compare_digest

import msgpack
import trio

from imafarm.management._seal import TAG_BYTES, Seal
from imafarm.management._shapes import LONGEST_TEXT, MOST_VALUES, Kind, Shape, Value

LENGTH_BYTES = 4
LARGEST_REQUEST = 64 * 1024
LARGEST_REPLY = 16 * 1024 * 1024
"""Longest bodies, in bytes, tag and length not counted. Our guess."""
CHUNK_BYTES = 64 * 1024
"""How much is read at once: memory grows with what has arrived, not with what was declared."""


class PacketFault(Exception):
    """A packet that is not one. `code` is what docs/management.md calls the fault."""

    def __init__(self, text: str, *, code: str = "malformed") -> None:
        super().__init__(text)
        self.text = text
        self.code = code


class Cut(PacketFault):
    """The stream ended within a packet."""


class PacketStream:
    """Packets over a stream, both ways; sealed once there are seals."""

    def __init__(self, stream: trio.abc.Stream, *, longest: int) -> None:
        """`longest` is the longest body that is taken, in bytes."""
        self.stream = stream
        self.sent_seal: Seal | None = None
        self.received_seal: Seal | None = None
        self._longest = longest

    async def begun(self) -> bytes | None:
        """The first byte of the next packet; `None` at the end of the stream."""
        return bytes(await self.stream.receive_some(1)) or None

    async def receive(self, begun: bytes = b"") -> bytes:
        """The body of the next packet, of which some bytes have come already.

        Errors: `PacketFault`; `Cut` if the stream ends before the packet does.
        """
        length = await self._read(LENGTH_BYTES, begun, "the length")
        size = int.from_bytes(length, "big")
        if not 1 <= size <= self._longest:
            raise PacketFault(f"length: {size:,} bytes declared; a packet has 1 to {self._longest:,}")
        body = await self._read(size, b"", f"the {size:,} bytes declared")
        if self.received_seal is not None:
            tag = await self._read(TAG_BYTES, b"", "the tag")
            if not compare_digest(self.received_seal.tag(length + body), tag):
                raise PacketFault("tag: it is not this packet's", code="seal")
        return body

    async def _read(self, size: int, begun: bytes, what: str) -> bytes:
        read = bytearray(begun)
        while len(read) < size:
            chunk = await self.stream.receive_some(min(size - len(read), CHUNK_BYTES))
            if not chunk:
                raise Cut(f"end: the stream ended {len(read):,} bytes into {what}")
            read += chunk
        return bytes(read)

    async def send(self, body: bytes) -> None:
        """Sends a packet with this body."""
        packet = len(body).to_bytes(LENGTH_BYTES, "big") + body
        tag = b"" if self.sent_seal is None else self.sent_seal.tag(packet)
        await self.stream.send_all(packet + tag)


def packed(fields: Mapping[str, Value], rows: Iterable[Sequence[Value]] | None = None) -> bytes:
    """The body of a packet; with rows, their number is one more entry of its map."""
    pack = msgpack.Packer().pack
    if rows is None:
        return bytes(pack(dict(fields)))
    lines = [pack(list(row)) for row in rows]
    return b"".join([pack({**fields, "rows": len(lines)}), *lines])


class Opened:
    """A body that is being read: first its map, then, once it is known what it should hold, its rows."""

    def __init__(self, body: bytes) -> None:
        """Reads the map. `PacketFault` if the body does not begin with one."""
        self._size = len(body)
        self._unpacker = msgpack.Unpacker(
            raw=False,
            strict_map_key=True,
            object_pairs_hook=_map,
            max_buffer_size=max(self._size, 1),
            max_str_len=LONGEST_TEXT,
            max_bin_len=LONGEST_TEXT,
            max_array_len=MOST_VALUES,
            max_map_len=MOST_VALUES,
            max_ext_len=0,
        )
        self._unpacker.feed(body)
        found = self._next("body")
        if not isinstance(found, dict):
            raise PacketFault("body: it does not begin with a map")
        self.fields: dict[str, object] = found

    def checked(self, shape: Shape, *, also: Sequence[str] = ()) -> tuple[dict[str, Value], list[list[Value]]]:
        """All that the packet holds, if that is what it should hold. `also` names entries that were seen to before.

        Errors: `PacketFault`, naming the entry, or the row and the value.
        """
        wanted = dict(shape.fields)
        rows = self.fields.get("rows") if shape.columns is not None else None
        for name in self.fields:
            if name not in wanted and name not in also and not (name == "rows" and shape.columns is not None):
                raise PacketFault(f"{name[:40]!r}: there is no such entry here")
        for name, kind in wanted.items():
            if name not in self.fields:
                raise PacketFault(f"{name}: missing")
            if not kind.fits(self.fields[name]):
                raise PacketFault(f"{name}: not {kind.name}")
        found = [] if shape.columns is None else self._rows(rows, shape.columns)
        if self._unpacker.tell() != self._size:
            raise PacketFault(f"body: {self._size - self._unpacker.tell():,} bytes behind its end")
        return {name: self.fields[name] for name in wanted}, found  # type: ignore[misc]

    def _rows(self, count: object, columns: Mapping[str, Kind]) -> list[list[Value]]:
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise PacketFault("rows: missing, or not a number of rows")
        kinds = tuple(columns.items())
        rows: list[list[Value]] = []
        for number in range(count):
            row = self._next(f"rows[{number}]")
            if not isinstance(row, list) or len(row) != len(kinds):
                raise PacketFault(f"rows[{number}]: not {len(kinds)} values")
            for value, (name, kind) in zip(row, kinds, strict=True):
                if not kind.fits(value):
                    raise PacketFault(f"rows[{number}].{name}: not {kind.name}")
            rows.append(row)
        return rows

    def _next(self, where: str) -> object:
        try:
            found: object = self._unpacker.unpack()
        except msgpack.OutOfData:
            raise PacketFault(f"{where}: the body ends within it") from None
        except PacketFault:
            raise
        except (ValueError, msgpack.UnpackException) as error:
            said = str(error) or "it nests too deep"
            raise PacketFault(f"{where}: {said[:200]}") from None
        return found


def _map(pairs: list[tuple[object, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if not isinstance(name, str):
            raise PacketFault("body: the name of an entry is no text")
        if name in found:
            raise PacketFault(f"{name[:40]!r}: there twice")
        found[name] = value
    return found
