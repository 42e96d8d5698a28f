"""A live farm's figures for Prometheus: text over HTTP, and nothing else of HTTP.

The product's performance counters keep their own names, as labels: `imafarm_counter{zone="Z1",name="ZoneElections"} 3`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path

import trio

from imafarm.errors import ConfigurationError
from imafarm.farm import Farm
from imafarm.live._sockets import Address

REQUEST_BYTES = 8_192
"""The longest request that is read. Our guess."""
ASK_SECONDS = 5.0
"""How long whoever asks may take over a request and its answer. Our guess."""
LARGEST_PORT = 65_535
MOST_ASKING = 16
"""How many may ask at once; more have to wait. Our guess."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[dict[str, str], int | float]
"""Labels, and what is measured."""


def exposition(farm: Farm) -> str:
    """A farm's figures in Prometheus' text format."""
    figures = farm.statistics()
    messages, bindings = figures.messages, figures.bindings

    def by_kind(field: str) -> list[Sample]:
        return [({"kind": kind}, getattr(traffic, field)) for kind, traffic in messages.items()]

    def one(value: int) -> list[Sample]:
        return [({}, value)]

    counters: list[Sample] = [
        ({"zone": zone, "name": name}, value) for zone, own in figures.counters.items() for name, value in own.items()
    ]
    parts = [
        ("imafarm_counter", "untyped", "The product's performance counters.", counters),
        ("imafarm_messages_sent_total", "counter", "Messages sent.", by_kind("sent")),
        ("imafarm_messages_delivered_total", "counter", "Messages that have arrived.", by_kind("delivered")),
        ("imafarm_messages_dropped_total", "counter", "Messages that will not arrive.", by_kind("dropped")),
        ("imafarm_messages_in_flight", "gauge", "Messages under way.", by_kind("in_flight")),
        ("imafarm_message_bytes_total", "counter", "Bytes of the messages sent.", by_kind("bytes")),
        ("imafarm_bindings_opened_total", "counter", "Bindings opened.", one(bindings.opened)),
        ("imafarm_bindings_hit_total", "counter", "Messages that found a binding open.", one(bindings.hit)),
        ("imafarm_bindings_evicted_total", "counter", "Bindings torn down to make room.", one(bindings.evicted)),
        ("imafarm_bindings_closed_total", "counter", "Bindings that the other side closed.", one(bindings.closed)),
        ("imafarm_bindings_refused_total", "counter", "Bindings that came to nothing.", one(bindings.refused)),
        ("imafarm_bindings_active", "gauge", "Bindings open now.", one(bindings.active)),
        ("imafarm_elections_started_total", "counter", "Elections begun.", one(figures.elections_started)),
        ("imafarm_elections_won_total", "counter", "Elections won.", one(figures.elections_won)),
        ("imafarm_open_descriptors", "gauge", "Files that this process has open.", one(open_descriptors())),
    ]
    return "".join(line for name, kind, text, samples in parts for line in _lines(name, kind, text, samples))


def _lines(name: str, kind: str, text: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {text}\n# TYPE {name} {kind}\n"
    for labels, value in samples:
        said = ",".join(f'{key}="{_escape(label)}"' for key, label in labels.items())
        yield f"{name}{{{said}}} {value}\n" if said else f"{name} {value}\n"


def _escape(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def open_descriptors() -> int:
    """How many files this process has open."""
    # The one by which they are listed is gone when the number is told.
    return len(os.listdir(Path("/dev/fd"))) - 1


# -- over HTTP


def parse_metrics_address(text: str) -> Address:
    """An address and a port, written `127.0.0.1:9100`. Errors: `ConfigurationError`."""
    address, colon, port = text.rpartition(":")
    try:
        IPv4Address(address)
        number = int(port)
    except ValueError:
        number = 0
    if not colon or not 1 <= number <= LARGEST_PORT:
        raise ConfigurationError([f"{text!r} is no IPv4 address with a port, as in 127.0.0.1:9100"])
    return address, number


async def serve_metrics(
    figures: Callable[[], str],
    address: Address,
    *,
    task_status: trio.TaskStatus[list[trio.SocketListener]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answers `GET /metrics` at an address, until cancelled: `await nursery.start(partial(serve_metrics, ...))`.

    figures: the text to answer with, asked for anew each time.

    Errors: `ConfigurationError` if the port cannot be had.
    """
    try:
        listeners = await trio.open_tcp_listeners(address[1], host=address[0])
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigurationError([f"metrics: cannot listen on {address[0]}:{address[1]}: {reason}"]) from None
    asking = trio.CapacityLimiter(MOST_ASKING)
    await trio.serve_listeners(partial(_serve_one, figures, asking), listeners, task_status=task_status)


async def _serve_one(figures: Callable[[], str], asking: trio.CapacityLimiter, stream: trio.SocketStream) -> None:
    """One request, one answer. Whoever is slow, or talks of something else, is let go."""
    with trio.move_on_after(ASK_SECONDS):
        async with stream, asking:
            try:
                if (request := await _read_request(stream)) is not None:
                    await stream.send_all(_answer(request, figures))
                    await stream.send_eof()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return


async def _read_request(stream: trio.SocketStream) -> bytes | None:
    """The head of a request; `None` for one that is cut off. What is too long is cut."""
    request = b""
    while b"\r\n\r\n" not in request and len(request) < REQUEST_BYTES:
        part = await stream.receive_some(REQUEST_BYTES - len(request))
        if not part:
            return None
        request += part
    return request


def _answer(request: bytes, figures: Callable[[], str]) -> bytes:
    head, complete, _ = request.partition(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split(b" ")
    if not complete or len(words) != 3 or not words[2].startswith(b"HTTP/1."):
        return _response("400 Bad Request", "this is no request\n")
    method, path, _ = words
    if path.split(b"?", 1)[0] != b"/metrics":
        return _response("404 Not Found", "there is only /metrics\n")
    if method != b"GET":
        return _response("405 Method Not Allowed", "there is only GET\n", "Allow: GET\r\n")
    return _response("200 OK", figures())


def _response(status: str, text: str, more: str = "") -> bytes:
    body = text.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}{more}Connection: close\r\n\r\n".encode() + body
