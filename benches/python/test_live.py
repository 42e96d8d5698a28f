"""A live host answers heartbeats on one connection: beside it a bare Trio echo of as many bytes.

The two do not do the same work. Behind the host stand frames, checksums, a binding, a connection cache, a member's
record and a ledger; behind the echo nothing. Client and server share one thread in both, and the client is the same.
`cargo bench -p imafarm-live` has what the compiled core needs for a round trip without sockets: the rest is Trio's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import pytest
import trio
from pytest_benchmark.fixture import BenchmarkFixture

from imafarm import Framer, LivePlan, Topology, open_live_farm

Connect = Callable[[], AbstractAsyncContextManager[trio.SocketStream]]

ROUND_TRIPS = 3_000
HEARTBEAT, ANSWER = Framer.encode("HEARTBEAT", 0), Framer.encode("HEARTBEAT_ACK", True)
TOPOLOGY = Topology.of(2, 1, live=LivePlan(network="127.94.1.0/24"))
ECHO = "127.94.2.1"
PATIENCE_SECONDS = 60.0


@asynccontextmanager
async def echo() -> AsyncIterator[trio.SocketStream]:
    """A connection to somebody who says what it hears."""

    async def repeat(stream: trio.SocketStream) -> None:
        async for data in stream:
            await stream.send_all(data)

    async with trio.open_nursery() as nursery:
        await nursery.start(partial(trio.serve_tcp, repeat, 2512, host=ECHO))
        async with await trio.open_tcp_stream(ECHO, 2512) as stream:
            yield stream
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def host() -> AsyncIterator[trio.SocketStream]:
    """A connection to a collector, which takes us for its member H2."""
    async with open_live_farm(topology=TOPOLOGY, boot_seconds=0.0, local=["H1"]) as farm:
        await farm.wait_master("Z1")
        sock = trio.socket.socket()
        await sock.bind(("127.94.1.2", 0))
        await sock.connect(("127.94.1.1", 2512))
        async with trio.SocketStream(sock) as stream:
            framer = Framer()
            ((_, magic, _),) = framer.feed(await stream.receive_some())
            await stream.send_all(Framer.encode("BIND_RESPONSE", magic, 2))
            assert framer.feed(await stream.receive_some())[0] == ("BIND_COMMIT",)
            yield stream


async def rounds(connect: Connect) -> int:
    """Says so often as much as a heartbeat is, and waits for as much as its answer is."""
    assert len(HEARTBEAT) == len(ANSWER)
    heard = 0
    with trio.fail_after(PATIENCE_SECONDS):
        async with connect() as stream:
            for _ in range(ROUND_TRIPS):
                await stream.send_all(HEARTBEAT)
                got = 0
                while got < len(ANSWER):
                    got += len(await stream.receive_some())
                heard += got
    return heard


@pytest.mark.parametrize("connect", [host, echo], ids=["a host that answers heartbeats", "a bare echo"])
def test_round_trips(benchmark: BenchmarkFixture, connect: Connect) -> None:
    benchmark.group = f"{ROUND_TRIPS:,} round trips on one connection"
    heard = benchmark.pedantic(trio.run, (rounds, connect), rounds=3, warmup_rounds=1)  # type: ignore[no-untyped-call]
    assert heard >= ROUND_TRIPS * len(ANSWER)
