"""TLS between hosts: both sides show a certificate of the farm's own authority, and a wrong file is named."""

import ssl
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
import trustme

from imafarm import ConfigurationError
from imafarm.live._tls import TlsFiles, client_context, server_context


def issued(authority: trustme.CA, directory: Path, name: str) -> TlsFiles:
    """The files of a host of this name, signed by this authority."""
    its = authority.issue_cert(name)
    files = TlsFiles(directory / f"{name}.pem", directory / f"{name}.key", directory / "ca.pem")
    for path in (files.certificate, files.authority):
        path.unlink(missing_ok=True)
    for part in its.cert_chain_pems:
        part.write_to_path(files.certificate, append=True)
    its.private_key_pem.write_to_path(files.key)
    files.key.chmod(0o600)
    authority.cert_pem.write_to_path(files.authority)
    return files


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """The farm's own authority."""
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> TlsFiles:
    """A host's files."""
    return issued(authority, tmp_path, "h1.farm")


@pytest.fixture
def strangers(tmp_path: Path) -> TlsFiles:
    """Files of another authority."""
    (tmp_path / "other").mkdir()
    return issued(trustme.CA(), tmp_path / "other", "h1.farm")


def shake_hands(
    server: ssl.SSLContext, client: ssl.SSLContext, called: str | None = None
) -> tuple[Exception | None, Exception | None, str | None]:
    """What became of a handshake and one byte each way, at the server and at the client, and the version spoken."""
    failed: dict[str, Exception] = {}
    version: str | None = None

    async def talk(who: str, stream: trio.SSLStream[trio.StapledStream[Any, Any]]) -> None:
        nonlocal version
        try:
            await stream.do_handshake()
            await stream.send_all(b"x")
            assert await stream.receive_some(1) == b"x"
            version = stream.version()
        except (trio.BrokenResourceError, ssl.SSLError) as error:
            failed[who] = error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error
            await stream.transport_stream.aclose()

    async def both() -> None:
        one, other = trio.testing.memory_stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk, "server", trio.SSLStream(one, server, server_side=True))
            nursery.start_soon(talk, "client", trio.SSLStream(other, client, server_hostname=called))

    trio.run(both)
    return failed.get("server"), failed.get("client"), version


def test_two_hosts_of_one_farm_talk_whatever_they_are_called(files: TlsFiles) -> None:
    server, client, version = shake_hands(server_context(files), client_context(files))
    assert (server, client, version) == (None, None, "TLSv1.3")


def test_names_are_compared_if_that_is_asked_for(files: TlsFiles) -> None:
    strict = client_context(files, check_names=True)
    assert shake_hands(server_context(files), strict, "h1.farm")[:2] == (None, None)
    _, client, _ = shake_hands(server_context(files), strict, "h2.farm")
    assert isinstance(client, ssl.SSLCertVerificationError)
    assert "Hostname mismatch" in str(client)


def test_a_host_with_a_certificate_of_another_authority_is_not_spoken_to(files: TlsFiles, strangers: TlsFiles) -> None:
    trusting = replace(strangers, authority=files.authority)
    _, client, _ = shake_hands(server_context(trusting), client_context(files))
    assert isinstance(client, ssl.SSLCertVerificationError)


def test_a_caller_with_a_certificate_of_another_authority_is_turned_away(files: TlsFiles, strangers: TlsFiles) -> None:
    trusting = replace(strangers, authority=files.authority)
    server, _, _ = shake_hands(server_context(files), client_context(trusting))
    assert isinstance(server, ssl.SSLCertVerificationError)


def test_a_caller_without_a_certificate_is_turned_away(files: TlsFiles) -> None:
    nobody = ssl.create_default_context(cafile=files.authority)
    server, _, _ = shake_hands(server_context(files), nobody, "h1.farm")
    assert isinstance(server, ssl.SSLError)
    assert server.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE"


def test_who_only_speaks_an_older_version_is_turned_away(files: TlsFiles) -> None:
    older = client_context(files)
    older.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        older.minimum_version = older.maximum_version = ssl.TLSVersion.TLSv1_1
    server, _, _ = shake_hands(server_context(files), older)
    assert isinstance(server, ssl.SSLError)
    assert server.reason == "UNSUPPORTED_PROTOCOL"


def test_tls_1_2_will_do(files: TlsFiles) -> None:
    older = client_context(files)
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    assert shake_hands(server_context(files), older) == (None, None, "TLSv1.2")


def test_nobody_but_the_farms_authority_is_trusted(files: TlsFiles) -> None:
    for context in (server_context(files), client_context(files)):
        assert context.cert_store_stats()["x509_ca"] == 1


def encrypted(key: Path) -> str:
    command = ["openssl", "pkey", "-aes256", "-passout", "pass:secret", "-in", str(key)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


WRONG_FILES: dict[str, tuple[Callable[[TlsFiles], Path], str]] = {
    "a certificate that is not there": (
        lambda it: _gone(it.certificate),
        "No such file or directory",
    ),
    "a certificate that is none": (
        lambda it: _filled(it.certificate, "hello"),
        "no certificate in it, as PEM has one",
    ),
    "a certificate in binary": (
        lambda it: _filled(it.certificate, "\xe9"),
        "no PEM: it is not all ASCII",
    ),
    "half a certificate": (
        lambda it: _filled(it.certificate, it.certificate.read_text()[:300]),
        "cannot be used",
    ),
    "a key that is not there": (
        lambda it: _gone(it.key),
        "No such file or directory",
    ),
    "a key that is none": (
        lambda it: _filled(it.key, it.certificate.read_text()),
        "no private key in it, as PEM has one",
    ),
    "another's key": (
        lambda it: _filled(it.key, trustme.CA().issue_cert("x").private_key_pem.bytes().decode()),
        "not the key of the certificate in",
    ),
    "an encrypted key": (
        lambda it: _filled(it.key, encrypted(it.key)),
        "the key is encrypted; a host needs one that is not",
    ),
    "a key that others may read": (
        lambda it: _opened(it.key),
        "others may use it (mode 0640); a TLS key is its owner's alone: chmod 600",
    ),
    "an authority that is not there": (
        lambda it: _gone(it.authority),
        "No such file or directory",
    ),
    "an authority that is none": (
        lambda it: _filled(it.authority, "hello"),
        "no certificates of an authority",
    ),
    "an empty authority": (
        lambda it: _filled(it.authority, ""),
        "no certificates of an authority",
    ),
    "an authority that is a host": (
        lambda it: _filled(it.authority, it.certificate.read_text()),
        "no certificate of an authority in it",
    ),
}


def _gone(path: Path) -> Path:
    path.unlink()
    return path


def _filled(path: Path, text: str) -> Path:
    path.write_text(text, encoding="latin-1")
    return path


def _opened(path: Path) -> Path:
    path.chmod(0o640)
    return path


@pytest.mark.parametrize(("spoil", "said"), WRONG_FILES.values(), ids=WRONG_FILES.keys())
@pytest.mark.parametrize("make", [server_context, client_context])
def test_a_file_that_cannot_be_used_is_named(
    files: TlsFiles,
    make: Callable[[TlsFiles], ssl.SSLContext],
    spoil: Callable[[TlsFiles], Path],
    said: str,
) -> None:
    path = spoil(files)
    with pytest.raises(ConfigurationError) as wrong:
        make(files)
    assert str(wrong.value).startswith(f"{path}: ")
    assert said in str(wrong.value)
    assert "\n" not in str(wrong.value)
