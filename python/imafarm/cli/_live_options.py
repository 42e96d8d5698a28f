"""Options of the commands that run a farm on real sockets, and what they make of them."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from imafarm.cli._options import Json

if TYPE_CHECKING:
    from imafarm.keys import FarmKeys
    from imafarm.live._tls import TlsFiles

LONGEST_SECONDS = 1e9


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Access:
    """Who may talk, as options say it."""

    key: Annotated[
        Path | None,
        Parameter(name="--key", help="A file with the farm's key: who has it may talk (or IMAFARM_FARM_KEY holds it)."),
    ] = None
    tls_cert: Annotated[
        Path | None, Parameter(name="--tls-cert", help="TLS on both ports: the hosts' certificate, PEM.")
    ] = None
    tls_key: Annotated[Path | None, Parameter(name="--tls-key", help="That certificate's private key, PEM.")] = None
    tls_ca: Annotated[
        Path | None,
        Parameter(name="--tls-ca", help="The farm's own authority, PEM: who has a certificate of it may talk."),
    ] = None
    without_key: Annotated[
        bool,
        Parameter(
            name="--without-key",
            negative=(),
            show_default=False,
            help="Listen beyond this machine with no key: whoever reaches the ports may talk.",
        ),
    ] = False

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

        match self.tls_cert, self.tls_key, self.tls_ca:
            case None, None, None:
                return None
            case Path() as certificate, Path() as key, Path() as authority:
                return TlsFiles(certificate, key, authority)
        missing = [option for option, file in self._tls_files().items() if file is None]
        raise ConfigurationError([f"{option}: missing; TLS takes all three files" for option in missing])

    def arguments(self) -> list[str]:
        """The same options, as a child is called with them. A key in the environment is there for it too."""
        given = [f"{option}={file.absolute()}" for option, file in self._files().items()]
        return [*given, *(["--without-key"] if self.without_key else [])]

    def asking(self) -> str:
        """The options with which a tool may ask the farm's hosts, as they stand after a command."""
        return "".join(f" {option} {shlex.quote(str(file))}" for option, file in self._files().items())

    def _tls_files(self) -> dict[str, Path | None]:
        return {"--tls-cert": self.tls_cert, "--tls-key": self.tls_key, "--tls-ca": self.tls_ca}

    def _files(self) -> dict[str, Path]:
        named = {"--key": self.key, **self._tls_files()}
        return {option: file for option, file in named.items() if file is not None}


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Course:
    """How a farm runs and what is told of it, as options say it."""

    metrics: Annotated[
        str | None, Parameter(name="--metrics", help="Serve figures to Prometheus at this ADDRESS:PORT.")
    ] = None
    seconds: Annotated[
        float | None, Parameter(name="--for", help="Stop after so many seconds (when it is told to, by Ctrl-C).")
    ] = None
    as_json: Json = False
    log_json: Annotated[
        bool,
        Parameter(
            name="--log-json", negative=(), show_default=False, help="Log in JSON objects, one a line (standard error)."
        ),
    ] = False

    def check(self) -> Course:
        """The same course.

        Errors: `ConfigurationError`.
        """
        from imafarm.errors import ConfigurationError

        if self.seconds is not None and not 0 <= self.seconds <= LONGEST_SECONDS:
            raise ConfigurationError([f"--for: {self.seconds} is out of range, 0 to 1e9 seconds"])
        self.metrics_address()
        return self

    def metrics_address(self) -> tuple[str, int] | None:
        """Where figures are served, if they are.

        Errors: `ConfigurationError`.
        """
        from imafarm.errors import ConfigurationError
        from imafarm.live import parse_metrics_address

        if self.metrics is None:
            return None
        try:
            return parse_metrics_address(self.metrics)
        except ConfigurationError as error:
            raise ConfigurationError(error.mistakes, source="--metrics") from None
