"""What passes on loopback, as tshark sees it, is what the ledger says was sent: every message, and every byte."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trio

from imafarm import Framer
from imafarm.farm import FarmStatistics
from imafarm.keys import FarmKeys
from imafarm.live import open_live_farm
from imafarm.topology import LivePlan, Topology

NETWORK = f"127.79.{os.getpid() % 256}.0/24"
"""Of this test alone, so that nobody else's traffic is captured."""
LAST = NETWORK.replace("0/24", "250")
"""Where no host is."""
HEADER_BYTES = 16
KINDS_AT = 5
"""Where a frame's kind stands, and from where on the lengths of its seal and body do."""
LIMIT_SECONDS = 60.0

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


@dataclass(frozen=True)
class Segment:
    """What one packet carried: on which stream, from whom, where it stands, and its bytes."""

    stream: int
    source: str
    seq: int
    payload: bytes


@contextmanager
def capturing(file: Path, network: str) -> Iterator[None]:
    """Has tshark write down what passes between hosts of a network; it has done so to the end when the context ends."""
    command = ["tshark", "-l", "-P", "-T", "fields", "-e", "ip.dst", "-i", "lo"]
    chosen = ["-f", f"tcp port 2512 and net {network}", "-B", "64", "-w", str(file)]
    with subprocess.Popen([*command, *chosen], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tshark:
        assert tshark.stdout is not None and tshark.stderr is not None
        try:
            if not any("Capture started" in line for line in tshark.stderr):
                pytest.fail(f"tshark does not capture: it left with {tshark.wait()}")
            yield
            # A call that nobody answers is the last of all, so once it is seen everything is.
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((LAST, 2512), timeout=LIMIT_SECONDS)
            assert any(LAST in line for line in tshark.stdout)
        finally:
            tshark.terminate()
            tshark.communicate(timeout=LIMIT_SECONDS)


def segments(file: Path) -> Iterator[Segment]:
    """The packets with something in them, but for retransmissions."""
    fields = ["tcp.stream", "ip.src", "tcp.srcport", "tcp.seq_raw", "tcp.payload"]
    chosen = [word for field in fields for word in ("-e", field)]
    command = ["tshark", "-r", str(file), "-Y", "tcp.len > 0 and not tcp.analysis.retransmission", "-T", "fields"]
    shown = subprocess.run([*command, *chosen], check=True, capture_output=True, text=True)
    for line in shown.stdout.splitlines():
        stream, address, port, seq, payload = line.split("\t")
        yield Segment(int(stream), f"{address}:{port}", int(seq), bytes.fromhex(payload))


def frames(file: Path) -> tuple[Counter[int], Counter[int]]:
    """How many frames of each kind passed, by its number, and how many bytes in them."""
    directions: dict[tuple[int, str], list[Segment]] = {}
    for segment in segments(file):
        directions.setdefault((segment.stream, segment.source), []).append(segment)
    counts, sizes = Counter[int](), Counter[int]()
    for parts in directions.values():
        data = b"".join(part.payload for part in sorted(parts, key=lambda part: part.seq))
        while data:
            assert data.startswith(b"IMAF"), data[:HEADER_BYTES]
            kind, seal = data[KINDS_AT], int.from_bytes(data[6:8], "big")
            size = HEADER_BYTES + int.from_bytes(data[8:12], "big") + seal
            assert len(data) >= size, "a frame is cut off"
            counts[kind] += 1
            sizes[kind] += size
            data = data[size:]
    return counts, sizes


async def story(topology: Topology, keys: FarmKeys | None) -> FarmStatistics:
    """A farm boots, works a little, changes its collector and ends in good order; its figures."""
    with trio.fail_after(LIMIT_SECONDS):
        async with open_live_farm(topology=topology, boot_seconds=0.5, keys=keys) as farm:
            old = await farm.wait_master("Z1")
            other = next(host for host in farm.host_names if host != old)
            session = await farm.logon(other, user=3)
            await farm.logoff(session)
            await farm.stop(old)
            await farm.wait_master("Z1", other_than=old)
            await farm.stop([host for host in farm.host_names if host != old])
            await farm.wait_stopped()
            assert farm.check_conservation() == []
            return farm.statistics()


@pytest.mark.parametrize("keys", [None, FarmKeys([b"k" * 32])], ids=["without a key", "with a key"])
def test_bytes_on_the_wire_are_the_ledgers(tmp_path: Path, keys: FarmKeys | None) -> None:
    topology = replace(Topology.of(6, 1), live=LivePlan(network=NETWORK))
    file = tmp_path / f"loopback-{os.getpid()}.pcapng"
    with capturing(file, NETWORK):
        told = trio.run(story, topology, keys)
    counts, sizes = frames(file)
    numbers = {name: number for name, (number, _) in Framer.kinds().items()}
    said = {numbers[kind]: (traffic.sent, traffic.bytes) for kind, traffic in told.messages.items() if traffic.sent}
    assert {kind: (counts[kind], sizes[kind]) for kind in counts} == said
    assert len(said) >= 12
