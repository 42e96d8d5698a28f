"""Figures for Prometheus, over the least of HTTP."""

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio

import imafarm
from imafarm import ConfigurationError
from imafarm.live import exposition, parse_metrics_address, serve_metrics
from imafarm.live._metrics import REQUEST_BYTES

PATIENCE_SECONDS = 20


def test_a_farm_is_told_in_prometheus_text() -> None:
    async def main() -> str:
        async with imafarm.open_emulated_farm(hosts=6, zones=2, seed=7, boot_seconds=1.0) as farm:
            await farm.wait_converged()
            return exposition(farm)

    text = imafarm.run(main)
    lines = text.splitlines()
    samples = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}
    assert samples['imafarm_counter{zone="Z1",name="ZoneElectionsWon"}'] == 1
    assert samples['imafarm_messages_sent_total{kind="BIND_REQUEST"}'] > 0
    assert samples["imafarm_bindings_active"] > 0
    assert samples["imafarm_open_descriptors"] >= 3
    named = {line.split()[2] for line in lines if line.startswith("# TYPE ")}
    assert {name.partition("{")[0] for name in samples} <= named
    assert text.endswith("\n")


def ask(story: Callable[[trio.SocketStream], Awaitable[None]]) -> None:
    """Plays a story with a connection to the responder."""

    async def main() -> None:
        with trio.fail_after(PATIENCE_SECONDS):
            async with trio.open_nursery() as nursery:
                serve = partial(serve_metrics, lambda: "it 1\n", ("127.94.0.1", 0))
                (listener,) = await nursery.start(serve)
                async with await trio.open_tcp_stream(*listener.socket.getsockname()) as stream:
                    await story(stream)
                nursery.cancel_scope.cancel()

    trio.run(main)


@pytest.mark.parametrize(
    ("request_", "status", "body"),
    [
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"200 OK", b"it 1\n"),
        (b"GET /metrics?a=b HTTP/1.0\r\n\r\n", b"200 OK", b"it 1\n"),
        (b"GET / HTTP/1.1\r\n\r\n", b"404 Not Found", b"there is only /metrics\n"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405 Method Not Allowed", b"there is only GET\n"),
        (b"hello\r\n\r\n", b"400 Bad Request", b"this is no request\n"),
        (b"GET /metrics HTTP/1.1\r\n" + b"x" * REQUEST_BYTES, b"400 Bad Request", b"this is no request\n"),
    ],
)
def test_a_request_gets_its_answer(request_: bytes, status: bytes, body: bytes) -> None:
    async def story(stream: trio.SocketStream) -> None:
        for begin in range(0, len(request_), 7_000):
            await stream.send_all(request_[begin : begin + 7_000])
        head, _, rest = b"".join([part async for part in stream]).partition(b"\r\n\r\n")
        assert head.split(b"\r\n")[0] == b"HTTP/1.1 " + status
        assert f"Content-Length: {len(body)}".encode() in head
        assert rest == body

    ask(story)


def test_who_says_half_a_request_gets_nothing() -> None:
    async def story(stream: trio.SocketStream) -> None:
        await stream.send_all(b"GET /metr")
        await stream.send_eof()
        assert await stream.receive_some() == b""

    ask(story)


def test_who_is_slow_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imafarm.live._metrics.ASK_SECONDS", 0.05)

    async def story(stream: trio.SocketStream) -> None:
        await stream.send_all(b"GET /metr")
        assert await stream.receive_some() == b""

    ask(story)


def test_an_address_is_an_address_and_a_port() -> None:
    assert parse_metrics_address("127.0.0.1:9100") == ("127.0.0.1", 9100)
    for wrong in ("127.0.0.1", "9100", "localhost:9100", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x", ""):
        with pytest.raises(ConfigurationError) as error:
            parse_metrics_address(wrong)
        assert repr(wrong) in str(error.value)


def test_a_port_in_use_is_one_clear_error() -> None:
    async def main() -> None:
        (listener,) = await trio.open_tcp_listeners(0, host="127.94.0.1")
        async with listener:
            address = listener.socket.getsockname()
            with pytest.raises(ConfigurationError, match="metrics: cannot listen on 127.94.0.1:"):
                await serve_metrics(lambda: "", address)

    trio.run(main)
