"""TLS for both ports: who may talk is settled by certificates of the farm's own authority, on both sides.

A host speaks to others as client and is spoken to as server, so one certificate serves for both; whoever asks it needs
one too. Hosts go by their addresses, which a certificate need not name: that the farm's authority has signed it is what
counts.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from imafarm.errors import ConfigurationError
from imafarm.keys import read_private

OLDEST = ssl.TLSVersion.TLSv1_2


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The PEM files of a host, or of whoever asks one."""

    certificate: Path
    """Its certificate, and those between it and the authority's."""
    key: Path
    """The certificate's private key, not encrypted; a file that is its owner's alone."""
    authority: Path
    """The certificates of the farm's own authority. No other is trusted, the system's neither."""


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """For being called: TLS 1.2 or later, and callers without a certificate of the authority's are turned away.

    Errors: `ConfigurationError` names the file that cannot be used.
    """
    return _context(ssl.PROTOCOL_TLS_SERVER, files)


def client_context(files: TlsFiles, *, check_names: bool = False) -> ssl.SSLContext:
    """For calling: TLS 1.2 or later, and only hosts with a certificate of the authority's are spoken to.

    check_names: the certificate has to name the host that is called, too; the caller says its name with each stream.

    Errors: `ConfigurationError` names the file that cannot be used.
    """
    return _context(ssl.PROTOCOL_TLS_CLIENT, files, check_names=check_names)


def _context(protocol: int, files: TlsFiles, *, check_names: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = OLDEST
    context.check_hostname = check_names
    context.verify_mode = ssl.CERT_REQUIRED
    # A caller could have a host of TLS 1.2 do the costly part of a handshake again and again.
    context.options |= ssl.OP_NO_RENEGOTIATION
    _trust(context, files.authority)
    _identify(context, files)
    return context


def _trust(context: ssl.SSLContext, authority: Path) -> None:
    text = _read_public(authority)
    try:
        context.load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise _wrong(authority, f"no certificates of an authority ({_reason(error)})") from None
    if not context.get_ca_certs():
        raise _wrong(authority, "no certificate of an authority in it")


def _identify(context: ssl.SSLContext, files: TlsFiles) -> None:
    if "-----BEGIN CERTIFICATE-----" not in _read_public(files.certificate):
        raise _wrong(files.certificate, "no certificate in it, as PEM has one")
    if b"PRIVATE KEY-----" not in read_private(files.key, "TLS key"):
        raise _wrong(files.key, "no private key in it, as PEM has one")
    try:
        context.load_cert_chain(files.certificate, files.key, password=lambda: _refuse_password(files.key))
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise _wrong(files.key, f"not the key of the certificate in {files.certificate}") from None
        raise _wrong(files.certificate, f"it and {files.key} cannot be used ({_reason(error)})") from None
    except OSError as error:
        raise _wrong(files.certificate, error.strerror or str(error)) from None


def _refuse_password(key: Path) -> NoReturn:
    """OpenSSL would ask at the terminal, and a host that starts by itself has none."""
    raise _wrong(key, "the key is encrypted; a host needs one that is not, in a file that is its owner's alone")


def _read_public(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except UnicodeDecodeError:
        raise _wrong(file, "no PEM: it is not all ASCII") from None
    except OSError as error:
        raise _wrong(file, error.strerror or str(error)) from None


def _wrong(file: Path, said: str) -> ConfigurationError:
    return ConfigurationError([said], source=str(file))


def _reason(error: Exception) -> str:
    """What OpenSSL says, in its own words."""
    reason = getattr(error, "reason", None)
    return str(reason).lower().replace("_", " ") if reason else str(error)
