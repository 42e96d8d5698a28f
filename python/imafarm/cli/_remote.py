"""Asking a farm that runs, over the wire: the options for it, and how the tools do it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    import ssl

    from imafarm.tools._remote import RemoteFarm

MOST_PORTS = 65_535


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Remote:
    """Whom to ask instead of an emulated farm, and how."""

    connect: Annotated[
        str | None,
        Parameter(name="--connect", help="Ask the running farm of the host at this management port, ADDRESS[:2513]."),
    ] = None
    key: Annotated[
        Path | None,
        Parameter(name="--key", help="A file with the running farm's key (the environment's IMAFARM_FARM_KEY)."),
    ] = None
    tls_ca: Annotated[
        Path | None, Parameter(name="--tls-ca", help="The certificates of the running farm's authority: ask over TLS.")
    ] = None
    tls_cert: Annotated[
        Path | None, Parameter(name="--tls-cert", help="The certificate with which to ask over TLS.")
    ] = None
    tls_key: Annotated[Path | None, Parameter(name="--tls-key", help="That certificate's private key.")] = None

    def is_wanted(self, **others: object) -> bool:
        """Whether a running farm is to be asked. `others`: the values of the options that describe an emulated one.

        Errors: `ConfigurationError` for options that do not go together.
        """
        from imafarm.errors import ConfigurationError

        if self.connect is None:
            own = {"--key": self.key, "--tls-ca": self.tls_ca, "--tls-cert": self.tls_cert, "--tls-key": self.tls_key}
            mistakes = [f"{option}: only with --connect" for option, value in own.items() if value is not None]
        else:
            given = [name for name, value in others.items() if value is not None and value != ()]
            mistakes = [f"--{name.strip('_')}: not together with --connect" for name in given]
        if mistakes:
            raise ConfigurationError(mistakes)
        return self.connect is not None


def ask_remote(
    remote: Remote, host: str | None, question: Callable[[RemoteFarm], Awaitable[Iterable[str]]]
) -> Iterable[str]:
    """Asks a running farm; the lines of the answer.

    host: as whom to see it.

    Errors: `ConfigurationError` for an address or a file that is wrong, `ManagementError` if nobody answers.
    """
    import trio

    from imafarm.keys import read_keys
    from imafarm.management import connect_management
    from imafarm.tools._remote import open_remote_farm

    address, port = parse_address(remote.connect or "")
    keys = read_keys(remote.key, os.environ)
    dial = partial(connect_management, keys=() if keys is None else keys.understood, tls=_tls_of(remote))

    async def main() -> list[str]:
        return list(await question(await open_remote_farm(dial, address, port, host=host)))

    return trio.run(main)


def parse_address(text: str) -> tuple[str, int]:
    """Address and port of `ADDRESS[:PORT]`; an IPv6 address with a port stands in brackets.

    Errors: `ConfigurationError`.
    """
    from imafarm.errors import ConfigurationError
    from imafarm.management import PORT

    address, colon, port = text, "", ""
    if text.startswith("["):
        address, bracket, rest = text[1:].partition("]")
        colon, port = rest[:1], rest[1:]
        is_address = bool(bracket) and (not rest or colon == ":")
    else:
        if text.count(":") == 1:
            address, colon, port = text.partition(":")
        is_address = not any(character.isspace() or character in "/[]" for character in address)
    if not address or not is_address:
        raise ConfigurationError([f"--connect: {text!r} is no address, such as 127.77.0.1 or 127.77.0.1:{PORT}"])
    if not colon:
        return address, PORT
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= MOST_PORTS):
        raise ConfigurationError([f"--connect: {port!r} is no port, 1 to {MOST_PORTS}"])
    return address, int(port)


def _tls_of(remote: Remote) -> ssl.SSLContext | None:
    from imafarm.errors import ConfigurationError

    files = {"--tls-ca": remote.tls_ca, "--tls-cert": remote.tls_cert, "--tls-key": remote.tls_key}
    if all(file is None for file in files.values()):
        return None
    if missing := [f"{option}: missing, TLS takes all three files" for option, file in files.items() if file is None]:
        raise ConfigurationError(missing)
    from imafarm.live._tls import TlsFiles, client_context

    assert remote.tls_cert is not None and remote.tls_key is not None and remote.tls_ca is not None
    return client_context(TlsFiles(certificate=remote.tls_cert, key=remote.tls_key, authority=remote.tls_ca))
