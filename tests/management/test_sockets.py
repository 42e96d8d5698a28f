"""The management port on real sockets: addresses, TLS, and the tools as commands."""

import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme

import imafarm
from imafarm import cli
from imafarm.errors import ManagementError
from imafarm.keys import new_key_file
from imafarm.live._tls import TlsFiles, client_context, server_context
from imafarm.management import Door, connect_management, serve_management

KEY = b"k" * 32
FARM = ["--hosts", "6", "--zones", "2"]

Telling = Callable[..., Any]


def address_of(index: int) -> str:
    """Where the tests' hosts listen: on no address that a farm has unless told so."""
    return f"127.78.13.{index + 1}"


@asynccontextmanager
async def listening(
    views: Mapping[str, Any], keys: Sequence[bytes] = (), tls: ssl.SSLContext | None = None, port: int = 2513
) -> AsyncIterator[None]:
    """Serves each view at its address while the block runs."""

    async def serve(view: Any, door: Door, stream: trio.SocketStream) -> None:
        peer = stream.socket.getpeername()[0]
        over = stream if tls is None else trio.SSLStream(stream, tls, server_side=True)
        await serve_management(over, view, keys, door, peer=peer)

    async with trio.open_nursery() as nursery:
        for address, view in views.items():
            listeners = await trio.open_tcp_listeners(port, host=address)
            nursery.start_soon(partial(trio.serve_listeners, partial(serve, view, Door()), listeners))
        yield
        nursery.cancel_scope.cancel()


def test_a_host_is_asked_over_tcp(telling: Telling) -> None:
    async def main() -> None:
        async with listening({address_of(0): telling()}, [KEY]):
            async with connect_management(address_of(0), keys=[KEY]) as host:
                assert (host.host, host.where) == ("H1", "127.78.13.1:2513")
                assert await host.peers() == ["H3"]
                assert await host.logon() == 7
            with pytest.raises(ManagementError, match="^127.78.13.1:2513: proof: missing; this host is asked with"):
                async with connect_management(address_of(0)):
                    pass

    trio.run(main)


def test_where_nobody_listens_the_reason_is_the_systems() -> None:
    async def main() -> None:
        with pytest.raises(ManagementError, match="^127.78.13.99:2513: connection refused$") as said:
            async with connect_management("127.78.13.99"):
                pass
        assert said.value.code == "unreachable"

    trio.run(main)


def test_a_fault_is_read_though_more_was_sent_than_the_host_reads(telling: Telling) -> None:
    """A socket that is closed with bytes unread takes back what was sent on it: the host reads on for a little."""

    async def main() -> None:
        async with listening({address_of(0): telling()}):
            async with await trio.open_tcp_stream(address_of(0), 2513) as stream:
                await stream.send_all(b"\xff" * 100_000)
                said = b""
                async for chunk in stream:
                    said += chunk
            assert b"length: 4,294,967,295 bytes declared; a packet has 1 to 65,536" in said

    trio.run(main)


@pytest.fixture
def files(tmp_path: Path) -> Callable[[trustme.CA, str], TlsFiles]:
    def issue(authority: trustme.CA, name: str) -> TlsFiles:
        its = authority.issue_cert(name)
        made = TlsFiles(tmp_path / f"{name}.pem", tmp_path / f"{name}.key", tmp_path / f"{name}-ca.pem")
        its.cert_chain_pems[0].write_to_path(made.certificate)
        its.private_key_pem.write_to_path(made.key)
        made.key.chmod(0o600)
        authority.cert_pem.write_to_path(made.authority)
        return made

    return issue


def test_a_host_is_asked_over_tls_with_the_farms_certificates(
    telling: Telling, files: Callable[[trustme.CA, str], TlsFiles]
) -> None:
    authority = trustme.CA()
    server = server_context(files(authority, "h1.example"))
    ours = client_context(files(authority, "console.example"))
    strange = client_context(files(trustme.CA(), "strange.example"))

    async def main() -> None:
        async with listening({address_of(0): telling()}, [KEY], server):
            async with connect_management(address_of(0), keys=[KEY], tls=ours) as host:
                assert await host.peers() == ["H3"]
            with pytest.raises(ManagementError, match="^127.78.13.1:2513: TLS: .*certificate"):
                async with connect_management(address_of(0), keys=[KEY], tls=strange):
                    pass
            with pytest.raises(ManagementError, match="^127.78.13.1:2513: "):
                async with connect_management(address_of(0), keys=[KEY]):
                    pass

    trio.run(main)


@pytest.fixture
def views(frozen: Callable[..., Any]) -> dict[str, Any]:
    """By address: the hosts of an emulated farm of six in two zones, once they agree."""
    found: dict[str, Any] = {}

    async def main() -> None:
        async with imafarm.open_emulated_farm(hosts=6, zones=2) as farm:
            await farm.wait_converged()
            await trio.sleep_until(120)
            addresses = {host: address_of(index) for index, host in enumerate(farm.host_names)}
            found.update({addresses[host]: frozen(farm, host, addresses) for host in farm.host_names})

    imafarm.run(main)
    return found


Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """The command `imafarm`: its exit code, and what it prints and complains of."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            cli.main([str(argument) for argument in arguments])
        assert isinstance(left.value.code, int)
        return left.value.code, *capsys.readouterr()

    return run


TOOLS = [
    ("queryhr",),
    ("queryhr", "H3"),
    ("querydc",),
    ("querydc", "H5"),
    ("queryds", "/table:Server_State"),
    ("queryds", "/table:Conn_Sessions", "H2"),
    ("queryds", "/table:Server_Load", "H6"),
    ("queryds", "/table:Subscriptions"),
    ("qfarm",),
    ("qfarm", "H2"),
    ("qfarm", "/load"),
    ("qfarm", "/load", "H5"),
    ("qfarm", "/zone"),
    ("qfarm", "/zone", "H4"),
]


def test_the_tools_print_the_same_over_the_wire(
    views: Mapping[str, Any], call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "farm.key"
    keys = new_key_file(key).understood

    here = {tool: call(*tool, *FARM, *(() if tool[0] == "queryhr" else ("--after", "120"))) for tool in TOOLS}
    assert all(code == 0 and out and not err for code, out, err in here.values())

    async def ask(*arguments: object) -> tuple[int, str, str]:
        return await trio.to_thread.run_sync(partial(call, *arguments))

    async def main() -> None:
        async with listening(views, keys):
            for connect in (address_of(1), f"{address_of(4)}:2513"):
                for tool in TOOLS:
                    assert await ask(*tool, "--connect", connect, "--key", key) == here[tool], (tool, connect)
            monkeypatch.setenv("IMAFARM_FARM_KEY", keys[0].hex())
            assert await ask("querydc", "--connect", address_of(1)) == here["querydc",]
            code, out, _ = await ask("querydc", "-e", "--connect", address_of(1))
            assert (code, out.count("New Data Collector")) == (0, 2)

    trio.run(main)
    assert [view.told for view in views.values() if view.told] == [[("elect",)], [("elect",)]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["qfarm", "--connect", "127.78.13.99"], "127.78.13.99:2513: connection refused"),
        (["querydc", "-e", "--connect", "127.78.13.99:9"], "127.78.13.99:9: connection refused"),
        (["qfarm", "--connect", "127.78.13.1", "--farm", "x.toml"], "--farm: not together with --connect"),
        (["qfarm", "--connect", "127.78.13.1", "--seed", "0"], "--seed: not together with --connect"),
        (["queryhr", "--connect", "127.78.13.1", "--hosts", "3"], "--hosts: not together with --connect"),
        (["querydc", "--connect", "127.78.13.1", "--after", "0"], "--after: not together with --connect"),
        (["querydc", "--connect", "127.78.13.1", "--store", "f.db"], "--store: not together with --connect"),
        (["querydc", "--connect", "127.78.13.1", "--set", "A=1"], "--set: not together with --connect"),
        (["querydc", "--key", "farm.key"], "--key: only with --connect"),
        (["querydc", "--tls-ca", "ca.pem"], "--tls-ca: only with --connect"),
        (["querydc", "--connect", "127.0.0.1:0"], "--connect: '0' is no port, 1 to 65535"),
        (["querydc", "--connect", "127.0.0.1:x"], "--connect: 'x' is no port, 1 to 65535"),
        (["querydc", "--connect", ""], "--connect: '' is no address, such as 127.77.0.1 or 127.77.0.1:2513"),
        (["querydc", "--connect", "[::1"], "--connect: '[::1' is no address"),
        (["querydc", "--connect", ":2513"], "--connect: ':2513' is no address"),
        (["querydc", "--connect", "127.0.0.1", "--key", "/none"], "/none: No such file or directory"),
        (
            ["querydc", "--connect", "127.0.0.1", "--tls-ca", "ca.pem"],
            "2 mistakes\n  --tls-cert: missing, TLS takes all three files\n  --tls-key: missing",
        ),
    ],
)
def test_a_call_that_is_wrong_has_one_clear_error(arguments: list[str], said: str, call: Call) -> None:
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"imafarm: {said}")


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("127.77.0.1", "127.77.0.1", 2513),
        ("127.77.0.1:9", "127.77.0.1", 9),
        ("h7.example:2513", "h7.example", 2513),
        ("::1", "::1", 2513),
        ("[::1]", "::1", 2513),
        ("[::1]:9", "::1", 9),
    ],
)
def test_addresses_are_read(text: str, address: str, port: int) -> None:
    from imafarm.cli._remote import parse_address

    assert parse_address(text) == (address, port)
