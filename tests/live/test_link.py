"""One connection: what comes is handed over, what is written goes or costs the link, and every end is told."""

import errno
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
import trio.testing

from imafarm.live._engine import Ending
from imafarm.live._gate import Begun, Gate
from imafarm.live._host import LiveHost
from imafarm.live._limits import LiveLimits
from imafarm.live._link import FRAME_BYTES, Link
from imafarm.live._log import LiveLog
from imafarm.live._sockets import Address, begin_call
from imafarm.live._tls_link import LiveTls

HERE = "127.92.0.1"
THERE = "127.92.0.2"
PATIENCE_SECONDS = 20
"""Nothing here takes so long."""
SOON_SECONDS = 0.05


@dataclass
class Bench:
    """A driver with one host and no engine: frames are lines of text."""

    nursery: trio.Nursery
    limits: LiveLimits
    log: LiveLog = field(default_factory=LiveLog)
    tls: LiveTls | None = None
    gate: Gate = field(default_factory=lambda: Gate(1, lambda: None))
    heard: bytes = b""
    endings: dict[Link, Ending] = field(default_factory=dict)
    cuts: set[tuple[int, int | None]] = field(default_factory=set)
    lingering: set[tuple[Address, Address]] = field(default_factory=set)
    answers: bool = True
    changed: trio.Event = field(default_factory=trio.Event)
    on_hear: Callable[[Link, bytes], object] = lambda link, data: None

    def __post_init__(self) -> None:
        self.host = LiveHost(self, 0, "H1", (HERE, 2512))

    def called(self, link: Link) -> None:
        self.host.know(link, 1)
        if self.answers:
            link.answer()
        self._tell()

    def connecting(self, link: Link, local: Address) -> None:
        assert local[0] == HERE

    def hear(self, link: Link, data: bytes) -> bool:
        self.heard += data
        self._tell()
        self.on_hear(link, data)
        return not data.endswith(b"\n")

    def ended(self, link: Link, how: Ending) -> None:
        self.endings[link] = how
        self._tell()

    def is_cut(self, source: int, target: int | None) -> bool:
        return (source, target) in self.cuts

    def spawn(self, task: Callable[[], Awaitable[object]]) -> None:
        self.nursery.start_soon(task)

    def address_of(self, peer: int) -> Address:
        raise NotImplementedError

    def make_room(self) -> None:
        raise NotImplementedError

    def peer_at(self, address: str) -> int | None:
        return 1

    def _tell(self) -> None:
        self.changed.set()
        self.changed = trio.Event()

    async def until(self, holds: Callable[[], object]) -> None:
        while not holds():
            await self.changed.wait()

    async def ending(self, link: Link) -> Ending:
        await self.until(lambda: link in self.endings)
        return self.endings[link]

    async def answered(self) -> tuple[Link, trio.SocketStream]:
        """A caller of the host's, and the host's link to it."""
        with socket.create_server((HERE, 0)) as listening:
            peer = await trio.open_tcp_stream(*listening.getsockname(), local_address=THERE)
            sock, remote = listening.accept()
        sock.setblocking(False)
        link = Link(self, self.host, remote, peer=1, sock=sock)
        assert link.begin() is Begun.YES
        await self.until(lambda: self.host.links)
        return link, peer

    @asynccontextmanager
    async def listener(self) -> AsyncIterator[trio.SocketListener]:
        (listener,) = await trio.open_tcp_listeners(0, host=THERE)
        async with listener:
            yield listener

    async def calling(self) -> tuple[Link, trio.SocketStream]:
        """A host that the host has called, and the link to it."""
        async with self.listener() as listener:
            link = self.call(listener.socket.getsockname())
            return link, await listener.accept()

    def call(self, remote: Address) -> Link:
        link = Link(self, self.host, remote, peer=1)
        self.host.know(link, 1)
        assert link.begin() is Begun.YES
        return link


def on_a_bench(story: Callable[[Bench], Awaitable[None]], **limits: float) -> None:
    """Plays a story on a bench; no task and no descriptor may be left of it."""

    async def main() -> None:
        with trio.fail_after(PATIENCE_SECONDS):
            async with trio.open_nursery() as nursery:
                bench = Bench(nursery, LiveLimits(**limits))  # type: ignore[arg-type]
                await story(bench)
                nursery.cancel_scope.cancel()

    before = len(os.listdir("/dev/fd"))
    trio.run(main)
    assert len(os.listdir("/dev/fd")) == before


async def read_all(stream: trio.SocketStream) -> bytes:
    return b"".join([part async for part in stream])


async def until_reset(stream: trio.SocketStream) -> None:
    """Waits for the RST; an end in good order fails."""
    with pytest.raises(trio.BrokenResourceError):
        await read_all(stream)


def test_what_comes_is_heard_and_answered_at_once() -> None:
    async def story(bench: Bench) -> None:
        bench.on_hear = lambda link, data: link.write(data.upper())
        _, peer = await bench.answered()
        async with peer:
            await peer.send_all(b"one\n")
            assert await peer.receive_some() == b"ONE\n"

    on_a_bench(story)


def test_a_caller_is_not_heard_before_it_is_answered() -> None:
    async def story(bench: Bench) -> None:
        bench.answers = False
        link, peer = await bench.answered()
        async with peer:
            await peer.send_all(b"early\n")
            await trio.testing.wait_all_tasks_blocked(SOON_SECONDS)
            assert bench.heard == b""
            link.answer()
            await bench.until(lambda: bench.heard == b"early\n")

    on_a_bench(story)


def test_the_end_of_the_other_side_is_an_end_in_good_order() -> None:
    async def story(bench: Bench) -> None:
        link, peer = await bench.calling()
        await peer.aclose()
        assert await bench.ending(link) == "finished"

    on_a_bench(story)


def test_a_reset_is_a_broken_connection() -> None:
    async def story(bench: Bench) -> None:
        link, peer = await bench.answered()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        await peer.aclose()
        assert await bench.ending(link) == "broken"

    on_a_bench(story)


def test_where_nobody_listens_a_call_is_refused() -> None:
    async def story(bench: Bench) -> None:
        async with bench.listener() as listener:
            nobody = listener.socket.getsockname()
        assert await bench.ending(bench.call(nobody)) == "refused"

    on_a_bench(story)


def test_a_call_for_which_there_is_no_descriptor_is_made_later(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def begin_late(own: str, remote: Address) -> socket.socket:
        tries.append(remote)
        if len(tries) < 3:
            raise OSError(errno.EMFILE, "Too many open files")
        return begin_call(own, remote)

    monkeypatch.setattr("imafarm.live._link.begin_call", begin_late)

    async def story(bench: Bench) -> None:
        async with bench.listener() as listener:
            link = Link(bench, bench.host, listener.socket.getsockname(), peer=1)
            bench.host.know(link, 1)
            assert [link.begin() for _ in range(4)] == [Begun.LATER, Begun.LATER, Begun.YES, Begun.VOID]
            await (await listener.accept()).aclose()
        assert await bench.ending(link) == "finished"

    on_a_bench(story)


def test_a_call_that_is_given_up_before_it_is_made_is_void() -> None:
    async def story(bench: Bench) -> None:
        link = Link(bench, bench.host, (THERE, 1), peer=1)
        bench.host.know(link, 1)
        link.abort()
        assert link.begin() is Begun.VOID
        assert bench.endings == {}

    on_a_bench(story)


def test_a_call_that_is_closed_before_it_is_made_ends_in_good_order() -> None:
    async def story(bench: Bench) -> None:
        link = Link(bench, bench.host, (THERE, 1), peer=1)
        bench.host.know(link, 1)
        link.close()
        assert await bench.ending(link) == "finished"

    on_a_bench(story)


def test_a_call_that_cannot_be_made_is_broken() -> None:
    async def story(bench: Bench) -> None:
        assert await bench.ending(bench.call(("255.255.255.255", 1))) == "broken"

    on_a_bench(story)


def test_a_retired_link_ends_as_if_the_other_side_had_closed_it() -> None:
    async def story(bench: Bench) -> None:
        link, peer = await bench.answered()
        link.write(b"before\n")
        link.retire()
        async with peer:
            await peer.send_all(b"on its way\n")
            assert await read_all(peer) == b"before\n"
        assert await bench.ending(link) == "finished"
        assert bench.heard == b"on its way\n"

    on_a_bench(story)


def test_who_writes_on_a_retired_link_learns_that_it_is_gone() -> None:
    async def story(bench: Bench) -> None:
        link, peer = await bench.answered()
        link.retire()
        link.write(b"too late\n")
        async with peer:
            assert await bench.ending(link) == "broken"

    on_a_bench(story)


def test_the_rest_of_a_frame_has_to_come_in_time() -> None:
    async def story(bench: Bench) -> None:
        link, peer = await bench.answered()
        async with peer:
            await peer.send_all(b"half a fra")
            assert await bench.ending(link) == "broken"
            await until_reset(peer)

    on_a_bench(story, frame_seconds=SOON_SECONDS)


def test_trickling_does_not_put_the_deadline_off() -> None:
    async def story(bench: Bench) -> None:
        link, peer = await bench.answered()
        async with peer, trio.open_nursery() as nursery:

            async def trickle() -> None:
                while True:
                    await peer.send_all(b"x")
                    await trio.sleep(SOON_SECONDS / 4)

            nursery.start_soon(trickle)
            assert await bench.ending(link) == "broken"
            nursery.cancel_scope.cancel()

    on_a_bench(story, frame_seconds=SOON_SECONDS)


def test_a_frame_that_is_whole_in_time_has_no_deadline() -> None:
    async def story(bench: Bench) -> None:
        link, peer = await bench.answered()
        async with peer:
            for byte in b"piecemeal\n":
                await peer.send_all(bytes([byte]))
                await bench.until(lambda byte=byte: bench.heard.endswith(bytes([byte])))  # type: ignore[misc]
            assert link._scope.deadline == float("inf")

    on_a_bench(story)


def test_of_a_stream_of_frames_each_has_its_own_time() -> None:
    async def story(bench: Bench) -> None:
        link, peer = await bench.answered()
        async with peer:
            await peer.send_all(b"x")
            await bench.until(lambda: bench.heard)
            first = link._scope.deadline
            await peer.send_all(b"x" * (FRAME_BYTES + 1))
            await bench.until(lambda: len(bench.heard) == FRAME_BYTES + 2)
            assert first < link._scope.deadline < float("inf")

    on_a_bench(story)


def test_what_does_not_go_at_once_goes_later_and_in_order() -> None:
    sent = b"".join(b"%07d\n" % number for number in range(300_000))

    async def story(bench: Bench) -> None:
        link, peer = await bench.answered()
        for begin in range(0, len(sent), 60_000):
            link.write(sent[begin : begin + 60_000])
        link.close()
        async with peer:
            assert await read_all(peer) == sent
        assert await bench.ending(link) == "finished"

    on_a_bench(story, backlog_bytes=10_000_000)


def test_who_lets_the_backlog_grow_loses_its_connection_and_no_other_does() -> None:
    async def story(bench: Bench) -> None:
        stalled, its = await bench.answered()
        fine, other = await bench.answered()
        async with its, other:
            written = 0
            while not stalled._has_failed:
                stalled.write(b"x" * 65_536)
                written += 65_536
                assert written < 100_000_000
            assert await bench.ending(stalled) == "broken"
            fine.write(b"still here\n")
            assert await other.receive_some() == b"still here\n"
        assert await bench.ending(fine) == "finished"

    on_a_bench(story)


def test_who_takes_nothing_for_too_long_loses_its_connection() -> None:
    async def story(bench: Bench) -> None:
        link, peer = await bench.answered()
        async with peer:
            while not link._backlog:
                link.write(b"x" * 65_536)
            assert await bench.ending(link) == "broken"

    on_a_bench(story, stall_seconds=SOON_SECONDS)


def test_a_closed_link_is_read_to_its_end() -> None:
    async def story(bench: Bench) -> None:
        link, peer = await bench.calling()
        link.write(b"goodbye\n")
        link.close()
        async with peer:
            assert await read_all(peer) == b"goodbye\n"
            await peer.send_all(b"and to you\n")
        assert await bench.ending(link) == "finished"
        assert bench.heard == b"and to you\n"

    on_a_bench(story)


def test_a_closed_link_does_not_wait_for_ever() -> None:
    async def story(bench: Bench) -> None:
        link, peer = await bench.calling()
        link.close()
        async with peer:
            assert await bench.ending(link) == "finished"

    on_a_bench(story, give_up_seconds=SOON_SECONDS)


def test_what_waits_still_goes_when_the_other_side_has_ended() -> None:
    async def story(bench: Bench) -> None:
        link, peer = await bench.answered()
        written = 0
        while not link._backlog:
            link.write(b"x" * 65_536)
            written += 65_536
        await peer.send_eof()
        assert await bench.ending(link) == "finished"
        async with peer:
            assert len(await read_all(peer)) == written

    on_a_bench(story)


def test_an_aborted_link_is_reset_and_nothing_is_told_of_it() -> None:
    async def story(bench: Bench) -> None:
        link, peer = await bench.answered()
        link.abort()
        async with peer:
            await until_reset(peer)
        assert bench.endings == {}

    on_a_bench(story)


def test_across_a_cut_nothing_is_sent_and_who_wrote_learns_so_later() -> None:
    async def story(bench: Bench) -> None:
        link, peer = await bench.answered()
        bench.cuts.add((0, 1))
        link.write(b"lost\n")
        assert await bench.ending(link) == "broken"
        async with peer:
            with trio.move_on_after(SOON_SECONDS):
                pytest.fail(f"something came across the cut: {await peer.receive_some()!r}")
            await peer.send_all(b"are you there\n")
            await until_reset(peer)
        assert bench.heard == b""

    on_a_bench(story, give_up_seconds=SOON_SECONDS)


def test_an_abort_does_not_cross_a_cut() -> None:
    async def story(bench: Bench) -> None:
        link, peer = await bench.answered()
        bench.cuts.add((0, 1))
        link.abort()
        async with peer:
            with trio.move_on_after(SOON_SECONDS):
                pytest.fail(f"something came across the cut: {await peer.receive_some()!r}")
        assert bench.endings == {}

    on_a_bench(story)


def test_nothing_is_left_of_a_connection_that_both_ends_have_given_up_across_a_cut() -> None:
    async def story(bench: Bench) -> None:
        with socket.create_server((HERE, 0)) as listening:
            near = bench.call(listening.getsockname())
            sock, remote = listening.accept()
        sock.setblocking(False)
        far = Link(bench, bench.host, remote, peer=1, sock=sock)
        assert far.begin() is Begun.YES
        await bench.until(lambda: far.is_known)
        bench.cuts.add((0, 1))
        near.abort()
        while not bench.lingering:
            await trio.lowlevel.checkpoint()
        assert bench.nursery.child_tasks
        far.abort()
        while bench.nursery.child_tasks:
            await trio.lowlevel.checkpoint()
        assert bench.lingering == set()

    on_a_bench(story)


def test_across_a_cut_of_the_other_way_what_comes_is_heard() -> None:
    async def story(bench: Bench) -> None:
        link, peer = await bench.answered()
        bench.cuts.add((0, 1))
        link.write(b"lost\n")
        async with peer:
            await peer.send_all(b"still\n")
            await bench.until(lambda: bench.heard == b"still\n")

    on_a_bench(story)


def test_a_paused_host_hears_nothing_until_it_goes_on() -> None:
    async def story(bench: Bench) -> None:
        _, peer = await bench.answered()
        bench.host.pause()
        async with peer:
            await peer.send_all(b"later\n")
            await trio.testing.wait_all_tasks_blocked(SOON_SECONDS)
            assert bench.heard == b""
            bench.host.resume()
            await bench.until(lambda: bench.heard == b"later\n")

    on_a_bench(story)
