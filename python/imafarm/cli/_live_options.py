"""Options of the commands that run a farm on real sockets, and what they make of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from imafarm.keys import FarmKeys
    from imafarm.live._tls import TlsFiles

LARGEST_PORT = 65_535

KeyFile = Annotated[
    Path | None,
    Parameter(
        name="--key",
        help="A file with the farm's key: who has it may talk (or the variable IMAFARM_FARM_KEY).",
    ),
]
TlsCertificate = Annotated[
    Path | None, Parameter(name="--tls-cert", help="TLS on both ports: the hosts' certificate, PEM.")
]
TlsKey = Annotated[Path | None, Parameter(name="--tls-key", help="The certificate's private key, PEM.")]
TlsAuthority = Annotated[
    Path | None,
    Parameter(name="--tls-ca", help="The farm's own authority, PEM: who shows a certificate of it may talk."),
]
Metrics = Annotated[
    str | None, Parameter(name="--metrics", help="Where to serve figures to Prometheus: ADDRESS:PORT, or PORT alone.")
]
LogJson = Annotated[
    bool,
    Parameter(name="--log-json", negative=(), show_default=False, help="Log lines as JSON objects, on standard error."),
]
Beyond = Annotated[
    bool,
    Parameter(
        name="--without-key",
        negative=(),
        show_default=False,
        help="Listen beyond this machine with no key: whoever reaches the ports may talk.",
    ),
]


@dataclass(frozen=True, slots=True)
class Access:
    """Who may talk, as options say it."""

    key: Path | None = None
    certificate: Path | None = None
    tls_key: Path | None = None
    authority: Path | None = None
    without_key: bool = False

    def keys(self) -> FarmKeys | None:
        """The farm's keys, from the file or the environment.

        Errors: `ConfigurationError`.
        """
        from imafarm.errors import ConfigurationError
        from imafarm.keys import KEY_VARIABLE, read_keys

        keys = read_keys(self.key, os.environ)
        if keys is not None and self.without_key:
            where = "--key gives one" if self.key else f"{KEY_VARIABLE} holds one"
            raise ConfigurationError([f"--without-key: {where}"])
        return keys

    def tls(self) -> TlsFiles | None:
        """The files of TLS; all are given or none.

        Errors: `ConfigurationError` names the options that are missing.
        """
        from imafarm.errors import ConfigurationError
        from imafarm.live._tls import TlsFiles

        match self.certificate, self.tls_key, self.authority:
            case None, None, None:
                return None
            case Path() as certificate, Path() as key, Path() as authority:
                return TlsFiles(certificate, key, authority)
        named = {"--tls-cert": self.certificate, "--tls-key": self.tls_key, "--tls-ca": self.authority}
        missing = [option for option, file in named.items() if file is None]
        raise ConfigurationError([f"{option}: missing; TLS needs all of {', '.join(named)}" for option in missing])

    def arguments(self) -> list[str]:
        """The same options, as a child is called with them. A key in the environment is there for it too."""
        named = {
            "--key": self.key,
            "--tls-cert": self.certificate,
            "--tls-key": self.tls_key,
            "--tls-ca": self.authority,
        }
        given = [f"{option}={file.absolute()}" for option, file in named.items() if file is not None]
        return [*given, *(["--without-key"] if self.without_key else [])]

    def asking(self) -> str:
        """The options with which a tool may ask the farm's hosts."""
        named = {
            "--key": self.key,
            "--tls-cert": self.certificate,
            "--tls-key": self.tls_key,
            "--tls-ca": self.authority,
        }
        return "".join(f" {option} {file}" for option, file in named.items() if file is not None)


def metrics_address(text: str | None) -> tuple[str, int] | None:
    """Where figures are served; on this machine alone, if only a port is named.

    Errors: `ConfigurationError`.
    """
    from ipaddress import IPv4Address

    from imafarm.errors import ConfigurationError

    if text is None:
        return None
    address, _, port = text.rpartition(":")
    try:
        host = str(IPv4Address(address)) if address else "127.0.0.1"
        number = int(port)
    except ValueError:
        raise ConfigurationError([f"--metrics: {text!r} is no ADDRESS:PORT, such as 127.0.0.1:9100"]) from None
    if not 1 <= number <= LARGEST_PORT:
        raise ConfigurationError([f"--metrics: the port {number} is out of range, 1 to {LARGEST_PORT}"])
    return host, number
