"""What can be asked of a host, and told to it, and what comes back; with a farm key and without."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from imafarm import ConfigurationError, HostResolver
from imafarm.errors import ManagementError, StoreDown
from imafarm.farm import Bindings, HostState, ServerRow, SessionRow, Traffic
from imafarm.management import Door, ManagementLimits, ask_over

OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32

Telling = Callable[..., Any]
Serving = Callable[..., AbstractAsyncContextManager[trio.abc.Stream]]

SESSIONS = [SessionRow("H1", 1, 42, None, True), SessionRow("H2", 3, 0, "Notepad", False)]
SERVERS = [ServerRow("H1", True, 200, 2), ServerRow("H2", False, None, 0)]


def rich(telling: Telling) -> Any:
    """A host that has something of everything."""
    return telling(
        addresses={"H1": "10.0.0.1", "H3": "10.0.0.3"},
        its_sessions={"Z1": SESSIONS, "Z2": []},
        its_servers={"Z1": SERVERS, "Z2": []},
        its_subscriptions=[("H2", "Server_Load")],
        counted={"HEARTBEAT": Traffic(5, 3, 1, 1, 90)},
        counters={"Z1": {"ZoneElections": 2}, "Z2": {}},
    )


@pytest.mark.parametrize("keys", [(), (OLD,)], ids=["open", "keyed"])
def test_a_host_tells_what_it_has(telling: Telling, serving: Serving, keys: tuple[bytes, ...]) -> None:
    async def main() -> None:
        async with serving(rich(telling), keys) as stream, ask_over(stream, keys) as host:
            assert host.host == "H1"
            hosts = await host.hosts()
            assert [record for record, _ in hosts.values()] == HostResolver.generate(4, 2).records()
            assert {name: address for name, (_, address) in hosts.items()} == {
                "H1": "10.0.0.1",
                "H2": None,
                "H3": "10.0.0.3",
                "H4": None,
            }
            assert await host.state() == HostState("up", "master", "H1", Bindings(opened=3, active=2))
            assert await host.peers() == ["H3"]
            assert await host.sessions("Z1") == SESSIONS
            assert await host.sessions("Z2") == []
            assert await host.servers("Z1") == SERVERS
            assert await host.subscriptions() == [("H2", "Server_Load")]
            assert await host.traffic() == {"HEARTBEAT": Traffic(5, 3, 1, 1, 90)}
            assert await host.counters() == {"Z1": {"ZoneElections": 2}}

    trio.run(main)


@pytest.mark.parametrize("keys", [(), (OLD,)], ids=["open", "keyed"])
def test_a_host_does_what_it_is_told(telling: Telling, serving: Serving, keys: tuple[bytes, ...]) -> None:
    view = rich(telling)

    async def main() -> None:
        async with serving(view, keys) as stream, ask_over(stream, keys) as host:
            assert await host.elect() == "H1"
            assert await host.logon() == 7
            assert await host.logon(app="Notepad", user=42) == 7
            assert await host.disconnect(7) and not await host.disconnect(8)
            assert await host.reconnect(7) and not await host.reconnect(8)
            assert await host.logoff(7) and not await host.logoff(8)
            await host.set_load(10_000)
            await host.set_load(None)
            assert await host.publish("Notepad") == 12
            assert await host.publish("Paint", ["H1", "H2"]) == 12
            assert await host.publish("Nowhere", []) == 12
            await host.stop()

    trio.run(main)
    assert view.told == [
        ("elect",),
        ("logon", None, 0),
        ("logon", "Notepad", 42),
        ("disconnect", 7),
        ("disconnect", 8),
        ("reconnect", 7),
        ("reconnect", 8),
        ("logoff", 7),
        ("logoff", 8),
        ("set_load", 10_000),
        ("set_load", None),
        ("publish", "Notepad", None),
        ("publish", "Paint", ["H1", "H2"]),
        ("publish", "Nowhere", []),
        ("stop",),
    ]


def test_what_a_host_refuses_it_says_and_can_be_asked_again(telling: Telling, serving: Serving) -> None:
    async def main() -> None:
        async with serving(rich(telling)) as stream, ask_over(stream, where="H1:2513") as host:
            with pytest.raises(
                ManagementError, match=r"^H1:2513: set_load: load: 99991 is out of range, 0 to 99990$"
            ) as said:
                await host.set_load(99_991)
            assert said.value.code == "refused"
            with pytest.raises(ManagementError, match=r"^H1:2513: sessions: unknown Z9$"):
                await host.sessions("Z9")
            assert await host.peers() == ["H3"]

    trio.run(main)


def test_a_store_that_is_down_is_told(telling: Telling, serving: Serving) -> None:
    class Storeless(telling):  # type: ignore[misc, valid-type]
        async def publish(self, app: str, servers: object) -> int:
            raise StoreDown

    async def main() -> None:
        async with serving(Storeless()) as stream, ask_over(stream) as host:
            with pytest.raises(ManagementError, match="publish: the data store is down: the change was not made"):
                await host.publish("Notepad")

    trio.run(main)


def test_work_that_takes_too_long_is_given_up_and_said(telling: Telling, serving: Serving) -> None:
    class Slow(telling):  # type: ignore[misc, valid-type]
        async def elect(self) -> str | None:
            await trio.sleep_forever()

    async def main() -> None:
        async with serving(Slow()) as stream, ask_over(stream) as host:
            with pytest.raises(ManagementError, match="elect: not done within 60 s; it may still be") as said:
                await host.elect()
            assert said.value.code == "unfinished"
            assert await host.peers() == ["H3"]

    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_an_answer_that_is_too_long_is_not_given(telling: Telling, serving: Serving) -> None:
    """Of a million sessions with long names there is one error, and the host can be asked for other things."""
    row = SessionRow("H" * 255, 1, 1, "A" * 4_096, True)

    async def main() -> None:
        view = telling(its_sessions={"Z1": [row] * 4_000, "Z2": [row]})
        async with serving(view) as stream, ask_over(stream) as host:
            with pytest.raises(ManagementError, match=r"sessions: the answer has 17,[\d,]+ bytes, a reply at most"):
                await host.sessions("Z1")
            assert await host.sessions("Z2") == [row]

    trio.run(main)


def test_a_request_that_is_too_long_is_not_sent(telling: Telling, serving: Serving) -> None:
    async def main() -> None:
        async with serving(rich(telling)) as stream, ask_over(stream) as host:
            with pytest.raises(ManagementError, match=r"publish: the request has [\d,]+ bytes, one may have 65,536"):
                await host.publish("Notepad", [f"H{number}" for number in range(20_000)])
            assert await host.publish("Notepad", [f"H{number}" for number in range(8_000)]) == 12

    trio.run(main)


def test_a_request_that_was_cancelled_spoils_its_connection(telling: Telling, serving: Serving) -> None:
    """Or its reply would be taken for the next one's."""

    class Waiting(telling):  # type: ignore[misc, valid-type]
        async def elect(self) -> str | None:
            await trio.sleep(10)
            return "H1"

    async def main() -> None:
        async with serving(Waiting()) as stream, ask_over(stream) as host:
            with trio.move_on_after(1):
                await host.elect()
            with pytest.raises(ManagementError, match="a request before failed: connect again"):
                await host.peers()

    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_tasks_that_share_a_connection_get_their_own_answers(telling: Telling, serving: Serving) -> None:
    async def main() -> None:
        found: dict[str, list[ServerRow]] = {}

        async def ask(zone: str) -> None:
            found[zone] = await host.servers(zone)

        async with serving(rich(telling)) as stream, ask_over(stream) as host, trio.open_nursery() as nursery:
            for zone in ("Z1", "Z2"):
                nursery.start_soon(ask, zone)
        assert found == {"Z1": SERVERS, "Z2": []}

    trio.run(main)


@pytest.mark.parametrize(
    ("theirs", "ours", "said"),
    [
        ((OLD,), (OLD,), None),
        # As a key is changed, step by step: whoever asks and whoever answers are never more than one step apart.
        ((OLD, NEW), (OLD,), None),
        ((OLD,), (OLD, NEW), None),
        ((NEW, OLD), (OLD, NEW), None),
        ((OLD, NEW), (NEW, OLD), None),
        ((NEW,), (NEW, OLD), None),
        ((NEW, OLD), (NEW,), None),
        ((NEW,), (OLD,), "proof: made with another key than this farm's"),
        ((OLD, NEW), (OTHER,), "proof: made with another key than this farm's"),
        ((OLD,), (), "proof: missing; this host is asked with its farm's key only"),
        ((), (OLD,), "proof: this host has no farm key, so it cannot prove who it is"),
    ],
)
def test_who_has_the_key_may_ask(
    telling: Telling, serving: Serving, theirs: tuple[bytes, ...], ours: tuple[bytes, ...], said: str | None
) -> None:
    async def main() -> None:
        faults: list[tuple[str, str]] = []
        view = rich(telling)
        async with serving(view, theirs, faults=faults) as stream:
            if said is None:
                async with ask_over(stream, ours) as host:
                    assert await host.logon() == 7
            else:
                with pytest.raises(ManagementError) as told:
                    async with ask_over(stream, ours, where="10.0.0.1:2513"):
                        pass
                assert (told.value.code, str(told.value)) == ("key", f"10.0.0.1:2513: {said}")
        assert faults == ([] if said is None else [("key", said)])
        assert view.told == ([("logon", None, 0)] if said is None else [])

    trio.run(main)


def test_keys_that_are_none_are_refused(telling: Telling, serving: Serving) -> None:
    async def main() -> None:
        async with serving(rich(telling)) as stream:
            with pytest.raises(ConfigurationError, match="keys"):
                async with ask_over(stream, [b"short"]):
                    pass

    trio.run(main)


def test_nobody_is_let_in_where_it_is_full(telling: Telling, serving: Serving) -> None:
    door = Door(ManagementLimits(connections=2, connections_by_peer=9, strangers=9))

    async def main() -> None:
        view, faults = rich(telling), list[tuple[str, str]]()
        async with AsyncExitStack() as two:
            for _ in range(2):
                await two.enter_async_context(ask_over(await two.enter_async_context(serving(view, door=door))))
            assert (door.connections, door.strangers) == (2, 0)
            async with serving(view, door=door, faults=faults) as third:
                with pytest.raises(ManagementError, match="host: 2 connections at once are the most") as said:
                    async with ask_over(third):
                        pass
            assert said.value.code == faults[0][0] == "busy"
        assert (door.connections, door.strangers) == (0, 0)
        async with serving(view, door=door) as again, ask_over(again) as host:
            assert await host.peers() == ["H3"]

    trio.run(main)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (ManagementLimits(strangers=2), "2 connections at once that have not said who they are are the most"),
        (ManagementLimits(connections_by_peer=2), "2 connections at once from one address are the most"),
    ],
)
def test_strangers_and_addresses_have_caps_of_their_own(
    telling: Telling, serving: Serving, limits: ManagementLimits, said: str
) -> None:
    door = Door(limits)

    async def main() -> None:
        async with serving(rich(telling), door=door), serving(rich(telling), door=door):
            await wait_all_tasks_blocked()
            async with serving(rich(telling), door=door) as third:
                with pytest.raises(ManagementError, match=said):
                    async with ask_over(third):
                        pass

    trio.run(main)


def test_limits_are_above_nothing() -> None:
    with pytest.raises(ConfigurationError, match="2 mistakes\n  idle_seconds: 0 is out of range.*\n  strangers: -1 is"):
        ManagementLimits(idle_seconds=0, strangers=-1)
