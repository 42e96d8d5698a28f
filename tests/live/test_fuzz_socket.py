"""Bytes that are no speech, one at a time over a real socket, at every state of a binding: one line in the log, the
connection closed, and the host answers others as before."""

import random
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio

from imafarm import FrameError, Framer
from imafarm.live import LiveFarm, LiveLog

Play = Callable[..., None]
Message = tuple[Any, ...]

HOST, FRIEND, SPEAKER, OTHER = "H1", "H2", "H3", "H4"
"""The host lives here alone; the others are played by the test: one who says nothing wrong, and one who does."""
HEADER = 16
CASES = 40
"""Of each state."""
SMALL = {"MaxHostAddressCacheEntries": 3}
"""Room for the friend, the speaker and one more."""


@dataclass
class Warnings(LiveLog):
    """A log that remembers what went wrong, each time."""

    said: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def warn(self, event: str, **values: Any) -> None:
        self.said.append((event, values))


@dataclass
class Peer:
    """The other end of a connection to the host."""

    stream: trio.SocketStream
    framer: Framer = field(default_factory=Framer)
    heard: list[Message] = field(default_factory=list)

    async def say(self, *message: Any) -> None:
        await self.stream.send_all(Framer.encode(*message))

    async def hear(self, kind: str) -> Message:
        """The next message of a kind; others are left aside."""
        while True:
            while self.heard:
                message = self.heard.pop(0)
                if message[0] == kind:
                    return message
            data = await self.stream.receive_some()
            assert data, f"the host has closed, and said no {kind}"
            self.heard += self.framer.feed(data)

    async def until_closed(self) -> None:
        """Reads to the end, whatever it is."""
        try:
            while await self.stream.receive_some():
                pass
        except trio.BrokenResourceError:
            pass


def id_of(host: str) -> int:
    """The id of a generated host."""
    return int(host.removeprefix("H"))


class Scene:
    """A host, and whoever may call it or be called by it."""

    def __init__(self, farm: LiveFarm, listener: trio.SocketListener) -> None:
        self.farm = farm
        self.listener = listener
        """Where the speaker is called."""
        self.magic = 0
        """The farm's number, as the host has last told it."""

    async def call(self, caller: str) -> Peer:
        """Calls the host, which says who it is."""
        where, port = self.farm.address(HOST)
        peer = Peer(await trio.open_tcp_stream(where, port, local_address=self.farm.address(caller)[0]))
        _, self.magic, named = await peer.hear("BIND_REQUEST")
        assert named == id_of(HOST)
        return peer

    async def bind(self, caller: str) -> Peer:
        peer = await self.call(caller)
        await peer.say("BIND_RESPONSE", self.magic, id_of(caller))
        await peer.hear("BIND_COMMIT")
        return peer

    async def called(self) -> Peer:
        """The host calls the speaker: a collector tells every host of its zone that it is the one. It may have called
        already: who hung up on it while it called is called again."""
        await self.farm.elect(HOST)
        return Peer(await self.listener.accept())


State = Callable[[Scene, Peer], Awaitable[Peer]]


async def wait_bind_response(scene: Scene, friend: Peer) -> Peer:
    return await scene.call(SPEAKER)


async def active_incoming(scene: Scene, friend: Peer) -> Peer:
    return await scene.bind(SPEAKER)


async def wait_bind_request(scene: Scene, friend: Peer) -> Peer:
    return await scene.called()


async def wait_bind_commit(scene: Scene, friend: Peer) -> Peer:
    peer = await scene.called()
    await peer.say("BIND_REQUEST", scene.magic, id_of(SPEAKER))
    await peer.hear("BIND_RESPONSE")
    return peer


async def active_outgoing(scene: Scene, friend: Peer) -> Peer:
    peer = await wait_bind_commit(scene, friend)
    await peer.say("BIND_COMMIT")
    await peer.hear("DECLARE_MASTER")
    return peer


async def closing(scene: Scene, friend: Peer) -> Peer:
    """The speaker's binding is the least recently used when somebody calls for whom there is no room."""
    speaker = await scene.bind(SPEAKER)
    other = await scene.bind(OTHER)
    await asks(friend)
    caller = await scene.call(OTHER)
    assert await speaker.stream.receive_some() == b"", "the host has closed its side"
    for gone in (caller, other):
        await gone.stream.send_eof()
        await gone.until_closed()
        await gone.stream.aclose()
    return speaker


async def asks(friend: Peer) -> None:
    """Asks the host who the collector is; it answers."""
    await friend.say("QUERY_MASTER")
    await friend.hear("MASTER_IS")


def fault_of(data: bytes) -> str | None:
    """What a framer finds wrong with bytes that a stream ends with, in words."""
    framer = Framer()
    try:
        framer.feed(data)
        framer.finish()
    except FrameError as wrong:
        return str(wrong).split(": ", 1)[1]
    return None


def spoilt(dice: random.Random) -> bytes:
    """A frame with something wrong: a byte changed, cut short, or well wrapped and no message."""
    kind = dice.choice(["HEARTBEAT", "QUERY_MASTER", "IMA_PING", "LOAD_REQUEST", "PEER_PING_ACK"])
    frame = bytearray(Framer.encode(kind, *([3] if kind == "HEARTBEAT" else [])))
    match dice.randrange(4):
        case 0:
            frame[dice.randrange(len(frame))] ^= dice.randrange(1, 256)
        case 1:
            del frame[dice.randrange(1, len(frame)) :]
        case 2:
            frame[8:12] = dice.randbytes(4)
        case _:
            body = dice.randbytes(dice.randrange(20))
            frame[8:12] = len(body).to_bytes(4, "big")
            frame[12:16] = zlib.crc32(body, zlib.crc32(frame[:12])).to_bytes(4, "big")
            frame[HEADER:] = body
    return bytes(frame)


def faults(seed: str) -> Iterator[tuple[bytes, str]]:
    """Streams that end in a fault, and the fault."""
    dice = random.Random(seed)
    while True:
        data = spoilt(dice)
        fault = fault_of(data)
        if fault is not None:
            yield data, fault


async def is_refused(peer: Peer, data: bytes) -> None:
    """Says these bytes one at a time and no more, and hears the host close."""
    try:
        for byte in data:
            await peer.stream.send_all(bytes([byte]))
        await peer.stream.send_eof()
    except (trio.BrokenResourceError, OSError):
        pass
    await peer.until_closed()


@asynccontextmanager
async def the_speaker(peer: Peer) -> AsyncIterator[Peer]:
    try:
        yield peer
    finally:
        await peer.stream.aclose()


@pytest.mark.parametrize(
    "state",
    [wait_bind_request, wait_bind_commit, wait_bind_response, active_outgoing, active_incoming, closing],
    ids=lambda state: state.__name__,
)
def test_no_bytes_harm_a_host(play: Play, state: State) -> None:
    log = Warnings()

    async def story(farm: LiveFarm) -> None:
        await farm.start(HOST)
        await farm.wait_master()
        where, port = farm.address(SPEAKER)
        (listener,) = await trio.open_tcp_listeners(port, host=where)
        async with listener:
            await harm(Scene(farm, listener), farm)

    async def harm(scene: Scene, farm: LiveFarm) -> None:
        friend = await scene.bind(FRIEND)
        cases = faults(state.__name__)
        for _ in range(CASES):
            data, fault = next(cases)
            async with the_speaker(await state(scene, friend)) as speaker:
                log.said.clear()
                await is_refused(speaker, data)
            await asks(friend)
            said = [(values["host"], values["peer"], values["why"].split(": ", 1)[1]) for _, values in log.said]
            assert said == [(HOST, farm.address(SPEAKER)[0], fault)], (data.hex(), log.said)
        await friend.stream.aclose()

    options = {"local": [HOST], "boot_seconds": None, "live_log": log}
    play(story, hosts=4, settings=SMALL, **options)
