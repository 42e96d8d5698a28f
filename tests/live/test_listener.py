"""A host's port: who comes in, who is turned away, and that nothing closes it but its host."""

import errno
import os
import socket
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from imafarm import ConfigurationError
from imafarm.live import LiveLimits, LiveLog
from imafarm.live._gate import Gate
from imafarm.live._host import LiveHost
from imafarm.live._link import Link
from imafarm.live._listener import Callers, Listener
from imafarm.live._sockets import Address
from imafarm.live._tls_link import LiveTls

HERE = "127.93.0.1"
PORT = 2512
PATIENCE_SECONDS = 20


class Door:
    """A driver whose hosts answer nobody: callers wait for ever."""

    def __init__(self, nursery: trio.Nursery, limits: LiveLimits) -> None:
        self.nursery, self.limits, self.log = nursery, limits, LiveLog()
        self.tls: LiveTls | None = None
        self.gate = Gate(1, lambda: None)
        self.lingering: set[tuple[Address, Address]] = set()
        self.made_room = 0
        self.waiting: list[Link] = []
        self.ends: list[tuple[str, str]] = []
        self.changed = trio.Event()
        self.host = LiveHost(self, 0, "H1", (HERE, PORT))

    def called(self, link: Link) -> None:
        self.host.know(link, len(self.waiting))
        self.waiting.append(link)
        self._tell()

    def ended(self, link: Link, how: str) -> None:
        self.host.forget(link)
        self.ends.append((link.remote[0], how))
        self._tell()

    def _tell(self) -> None:
        self.changed.set()
        self.changed = trio.Event()

    async def until(self, holds: Callable[[], object]) -> None:
        while not holds():
            await self.changed.wait()

    def spawn(self, task: Callable[[], Awaitable[object]]) -> None:
        self.nursery.start_soon(task)

    def make_room(self) -> None:
        self.made_room += 1

    def peer_at(self, address: str) -> int | None:
        return None

    def is_cut(self, source: int, target: int | None) -> bool:
        return False

    def connecting(self, link: Link, local: Address) -> None:
        raise NotImplementedError

    def hear(self, link: Link, data: bytes) -> bool:
        raise NotImplementedError

    def address_of(self, peer: int) -> Address:
        raise NotImplementedError


def at_a_door(story: Callable[[Door], Awaitable[None]], **limits: float) -> None:
    """Plays a story with a host that listens; nothing may be left of it."""

    async def main() -> None:
        with trio.fail_after(PATIENCE_SECONDS):
            async with trio.open_nursery() as nursery:
                door = Door(nursery, LiveLimits(**limits))  # type: ignore[arg-type]
                door.host.go_on()
                try:
                    await story(door)
                finally:
                    door.host.deafen()
                    nursery.cancel_scope.cancel()

    before = len(os.listdir("/dev/fd"))
    trio.run(main)
    assert len(os.listdir("/dev/fd")) == before


async def call(address: str) -> trio.SocketStream:
    return await trio.open_tcp_stream(HERE, PORT, local_address=address)


async def is_turned_away(stream: trio.SocketStream) -> bool:
    async with stream:
        try:
            return await stream.receive_some() == b""
        except trio.BrokenResourceError:
            return True


def test_one_more_caller_from_an_address_is_turned_away() -> None:
    async def story(door: Door) -> None:
        calls = [await call("127.93.0.2") for _ in range(3)]
        await door.until(lambda: len(door.waiting) == 3)
        assert await is_turned_away(await call("127.93.0.2"))
        async with await call("127.93.0.3"):
            await door.until(lambda: len(door.waiting) == 4)
        assert len(door.host.callers) == 4 and door.ends == []
        for caller in calls:
            await caller.aclose()

    at_a_door(story, callers_by_address=3)


def test_one_more_caller_in_all_costs_the_oldest_its_connection() -> None:
    async def story(door: Door) -> None:
        first = await call("127.93.0.2")
        await door.until(lambda: len(door.waiting) == 1)
        second = await call("127.93.0.3")
        await door.until(lambda: len(door.waiting) == 2)
        third = await call("127.93.0.4")
        assert await is_turned_away(first)
        await door.until(lambda: door.ends and len(door.waiting) == 3)
        assert door.ends == [("127.93.0.2", "broken")]
        for caller in (second, third):
            await caller.aclose()

    at_a_door(story, callers=2)


def test_who_has_shown_who_it_is_counts_no_more() -> None:
    async def story(door: Door) -> None:
        calls = []
        for number in range(5):
            calls.append(await call("127.93.0.2"))
            await door.until(lambda number=number: len(door.waiting) == number + 1)  # type: ignore[misc]
            door.host.know_peer(door.waiting[-1], 7)
        assert len(door.host.callers) == 0
        for caller in calls:
            await caller.aclose()

    at_a_door(story, callers_by_address=1)


def test_no_want_of_descriptors_closes_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []
    accept = socket.socket.accept

    def accept_late(self: socket.socket) -> tuple[socket.socket, Address]:
        tries.append(self)
        if len(tries) < 4:
            raise OSError(errno.EMFILE, "Too many open files")
        return accept(self)

    monkeypatch.setattr(socket.socket, "accept", accept_late)

    async def story(door: Door) -> None:
        async with await call("127.93.0.2"):
            await door.until(lambda: door.waiting)
        assert door.made_room == 3

    at_a_door(story, retry_seconds=0.01)


def test_a_paused_host_lets_nobody_in_until_it_goes_on() -> None:
    async def story(door: Door) -> None:
        door.host.pause()
        async with await call("127.93.0.2"):
            await trio.testing.wait_all_tasks_blocked()
            assert not door.waiting
            door.host.resume()
            await door.until(lambda: door.waiting)

    at_a_door(story)


def test_a_host_that_is_off_refuses() -> None:
    async def story(door: Door) -> None:
        door.host.go_off()
        with trio.socket.socket() as caller, pytest.raises(ConnectionRefusedError):
            await caller.connect((HERE, PORT))
        door.host.go_on()
        async with await call("127.93.0.2"):
            await door.until(lambda: door.waiting)

    at_a_door(story)


@pytest.mark.parametrize(
    ("address", "reason"), [(HERE, "Address already in use"), ("192.0.2.1", "Cannot assign requested address")]
)
def test_a_port_that_cannot_be_had_is_one_clear_error(address: str, reason: str) -> None:
    with socket.create_server((HERE, PORT)), pytest.raises(ConfigurationError) as wrong:
        Listener("H7", (address, PORT), LiveLimits(), LiveLog())
    assert str(wrong.value) == f"hosts: H7 cannot listen on {address}:{PORT}: {reason}"


def test_callers_that_are_gone_leave_room() -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            door = Door(nursery, LiveLimits())
            callers = Callers(LiveLimits(callers=2, callers_by_address=1))
            one, two, three = (Link(door, door.host, (f"127.93.1.{n}", 1), peer=None) for n in range(3))
            assert callers.enter(one) is None and not callers.has_room("127.93.1.0")
            callers.leave(one)
            callers.leave(one)
            assert callers.has_room("127.93.1.0") and len(callers) == 0
            assert [callers.enter(link) for link in (one, two, three)] == [None, None, one]

    trio.run(main)
