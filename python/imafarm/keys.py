"""The keys of a farm: who may talk, where its magic number only says which farm it is.

A key is 32 random bytes that all hosts of a farm know, and everyone who asks them. It is kept in a file that only its
owner can read:

# the farm's key, one line of 64 hexadecimal digits
5f0c...

or in the environment variable `IMAFARM_FARM_KEY`, in the same form. A second line is a second key: the first is spoken,
both are understood. So a key is changed while the farm runs, in three steps, each of which reaches every host before
the next begins: the new key is added, the two change places, the old one is dropped.

What is said of a key, in errors, logs and `repr`, never holds it.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn, final

from imafarm.errors import ConfigurationError

KEY_BYTES = 32
MOST_KEYS = 2
"""More are of no use: one goes while another comes."""
KEY_VARIABLE = "IMAFARM_FARM_KEY"
LARGEST_FILE_BYTES = 65_536
"""Of a private file. Ours: far more than a key or a certificate chain takes."""
OTHERS = stat.S_IRWXG | stat.S_IRWXO
PRIVATE_MODE = 0o600


@final
class FarmKeys:
    """One key, or two while one takes the other's place.

    Equal to keys with the same bytes in the same order, which takes as long as it takes whatever they are. Cannot be
    pickled or copied into anything that is.

    Errors: `ConfigurationError` for no key or more than two, for one of another length, and for the same one twice.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys`: 32 bytes each, the one that is spoken first."""
        if not 1 <= len(keys) <= MOST_KEYS:
            raise ConfigurationError([f"keys: a farm has 1 or {MOST_KEYS}, not {len(keys)}"])
        if any(len(key) != KEY_BYTES for key in keys):
            raise ConfigurationError([f"keys: a key has {KEY_BYTES} bytes"])
        self._keys = tuple(bytes(key) for key in keys)
        if len(keys) == MOST_KEYS and hmac.compare_digest(*self._keys):
            raise ConfigurationError(["keys: both are the same"])

    @property
    def spoken(self) -> bytes:
        """The key that is used towards others: 32 bytes."""
        return self._keys[0]

    @property
    def understood(self) -> tuple[bytes, ...]:
        """The keys that are accepted from others, the spoken one first."""
        return self._keys

    def with_next(self, key: bytes | None = None) -> FarmKeys:
        """First step of a change of keys: another is understood, too (a random one unless given).

        Errors: `ConfigurationError` if there are two already.
        """
        return FarmKeys([*self._keys, secrets.token_bytes(KEY_BYTES) if key is None else key])

    def rotated(self) -> FarmKeys:
        """Second step: the two change places, so that the other is spoken.

        Errors: `ConfigurationError` if there is only one.
        """
        if len(self._keys) != MOST_KEYS:
            raise ConfigurationError(["keys: there is only one; a new one has to be added first"])
        return FarmKeys(self._keys[::-1])

    def without_last(self) -> FarmKeys:
        """Third step: only what is spoken is understood."""
        return FarmKeys(self._keys[:1])

    def __len__(self) -> int:
        """1 or 2."""
        return len(self._keys)

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same keys in the same order."""
        if not isinstance(other, FarmKeys):
            return NotImplemented
        return hmac.compare_digest(b"".join(self._keys), b"".join(other._keys))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """How many, and no more."""
        return f"<FarmKeys: {len(self._keys)}, not shown>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuses."""
        raise TypeError("a farm's keys are not pickled or copied: they would end up in a file")

    def __getstate__(self) -> NoReturn:
        """Refuses."""
        self.__reduce_ex__(None)


def read_keys(file: Path | None, environ: Mapping[str, str]) -> FarmKeys | None:
    """The keys in a file, or in the variable `IMAFARM_FARM_KEY` if no file is named; `None`: there are none.

    Errors: `ConfigurationError` says what is wrong with the file or with one of its lines, and never what is in it.
    """
    if file is not None:
        return parse_keys(read_private(file, "key file"), source=str(file))
    if KEY_VARIABLE not in environ:
        return None
    text = environ[KEY_VARIABLE]
    if not text.strip():
        # Rather than a farm without a key because whoever set it had none.
        raise ConfigurationError(["it is empty; a farm without a key does not set it"], source=KEY_VARIABLE)
    return parse_keys(text.encode(errors="surrogateescape"), source=KEY_VARIABLE)


def parse_keys(text: bytes, *, source: str = "") -> FarmKeys:
    """The keys in a text; `source` is where it came from.

    Errors: `ConfigurationError` names every line that is wrong.
    """
    keys: list[bytes] = []
    mistakes = []
    for number, line in enumerate(text.splitlines(), 1):
        digits = line.partition(b"#")[0].strip()
        if not digits:
            continue
        if len(digits) != 2 * KEY_BYTES:
            mistakes.append(f"line {number}: a key has {2 * KEY_BYTES} hexadecimal digits, this one {len(digits)}")
        elif digits.strip(b"0123456789abcdefABCDEF"):
            mistakes.append(f"line {number}: not all of it is hexadecimal digits")
        elif (key := bytes.fromhex(digits.decode("ascii"))) in keys:
            mistakes.append(f"line {number}: the same key a second time")
        elif len(keys) == MOST_KEYS:
            mistakes.append(f"line {number}: a key too many, a farm has {MOST_KEYS} at most")
        else:
            keys.append(key)
    if not keys and not mistakes:
        mistakes.append(f"there is no key in it: a line of {2 * KEY_BYTES} hexadecimal digits")
    if mistakes:
        raise ConfigurationError(mistakes, source=source)
    return FarmKeys(keys)


def read_private(file: Path, what: str) -> bytes:
    """What is in a file that nobody but its owner may read; `what` it is, for the error.

    Judged is the very file that is read, not one that has its name a moment later.

    Errors: `ConfigurationError` if it is not there, no regular file, another user's, open to others, or too large.
    """
    try:
        # Whoever can put a link or a pipe in its place must not make us follow it or wait for it.
        handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        reason = f"a symbolic link; name the {what} itself" if file.is_symlink() else error.strerror or str(error)
        raise ConfigurationError([reason], source=str(file)) from None
    except ValueError as error:
        raise ConfigurationError([str(error)], source=repr(str(file))) from None
    try:
        if said := _privacy_mistake(os.fstat(handle), what):
            raise ConfigurationError([said], source=str(file))
        with open(handle, "rb", closefd=False) as opened:
            text = opened.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigurationError([error.strerror or str(error)], source=str(file)) from None
    finally:
        os.close(handle)
    if len(text) > LARGEST_FILE_BYTES:
        raise ConfigurationError([f"larger than {LARGEST_FILE_BYTES} bytes: this is no {what}"], source=str(file))
    return text


def _privacy_mistake(found: os.stat_result, what: str) -> str | None:
    if not stat.S_ISREG(found.st_mode):
        return f"a {what} is a regular file"
    if found.st_uid not in {os.geteuid(), 0}:
        return f"it belongs to user {found.st_uid}; a {what} belongs to who uses it, or to root"
    if found.st_mode & OTHERS:
        mode = f"{stat.S_IMODE(found.st_mode):04o}"
        return f"others may use it (mode {mode}); a {what} is its owner's alone: chmod 600"
    return None


def new_key_file(path: Path) -> FarmKeys:
    """Makes a file with a new key, which only its owner can read.

    Errors: `ConfigurationError` if it cannot be written, or if there is anything of that name: a key is never written
    over.
    """
    keys = FarmKeys([secrets.token_bytes(KEY_BYTES)])
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_MODE)
    except FileExistsError:
        raise ConfigurationError(["there already; a key is never written over"], source=str(path)) from None
    except OSError as error:
        raise ConfigurationError([error.strerror or str(error)], source=str(path)) from None
    try:
        _write_keys(handle, keys)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise ConfigurationError([error.strerror or str(error)], source=str(path)) from None
    return keys


def replace_keys(path: Path, keys: FarmKeys) -> None:
    """Puts keys into a key file in the place of those in it, all at once: who reads it meanwhile finds either.

    Errors: `ConfigurationError` if it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_MODE)
        try:
            _write_keys(handle, keys)
            beside.replace(path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigurationError([error.strerror or str(error)], source=str(path)) from None


def _write_keys(handle: int, keys: FarmKeys) -> None:
    """Writes keys down, and closes the file. It has the private mode whatever the process's mask is."""
    with open(handle, "wb") as opened:
        os.fchmod(handle, PRIVATE_MODE)
        opened.write(b"".join(key.hex().encode() + b"\n" for key in keys.understood))
        opened.flush()
        os.fsync(handle)
