r"""Settings from a Windows registry export: what `regedit` writes, in UTF-16 with a byte-order mark or in UTF-8.

Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\SOFTWARE\Citrix\IMA\Runtime]
"MaxHostAddressCacheEntries"=dword:00000400

Read are the values of the keys `IMA` and `IMA\Runtime` (IMA Information, "How many connections to servers in the farm"
and "Communication Events"), also under `Wow6432Node`. Other keys are looked through, since an export of more holds
more, but must be well formed. As in an import, the last value of a name counts, and `"Name"=-` and `[-KEY]` take back
what stood there.

The older form, `REGEDIT4`, is refused: its text is in a code page that the file does not name.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Literal, NamedTuple

from imafarm.errors import ConfigurationError
from imafarm.settings import default_settings, setting_mistake

HEADER = "Windows Registry Editor Version 5.00"
OLD_HEADER = "REGEDIT4"
MOST_MISTAKES = 50
"""Our guess: whoever has more in one file has given the wrong file."""
LONGEST_SHOWN = 60
"""How many characters of a file a message shows."""

HIVES = {"HKEY_CLASSES_ROOT", "HKEY_CURRENT_CONFIG", "HKEY_CURRENT_USER", "HKEY_LOCAL_MACHINE", "HKEY_USERS"}
IMA, RUNTIME = "IMA", "IMA\\Runtime"
STANDS_UNDER_IMA = {"DCNChangePollingInterval"}
"""The settings of the key `IMA`; all others, ours too, are settings of `IMA\\Runtime`."""
NO_SETTINGS = {"", "data"}
"""What the keys hold besides settings: the key's default value, and in `Data` the farm's magic number."""

BINARY, DWORD, DWORD_BIG_ENDIAN, LAST_TYPE = 0x3, 0x4, 0x5, 0xB

# Possessive where two parts could share a character, so that no file takes more than one pass.
_GAP = re.compile(r"(?:[ \t\n]++|;[^\n]*+)*+")
_KEY = re.compile(r"\[(-?)([^\n]*?)\](?=[ \t]*(?:;[^\n]*)?(?:\n|\Z))")
_NAME = re.compile(r'(?:@|"((?:[^"\\\n]++|\\[^\n])*+)")[ \t]*=[ \t]*')
_TEXT = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_DATA = re.compile(r"(?:\\[ \t]*\n|[^\n;])*+")
_END = re.compile(r"[ \t]*(?:;[^\n]*)?(?=\n|\Z)")
_REST = re.compile(r"[^\n]*")

_CONTINUED = re.compile(r"\\[ \t]*\n[ \t]*")
_DWORD = re.compile(r"dword:([0-9a-f]{1,8})", re.IGNORECASE)
_HEX = re.compile(r"hex(?:\(([0-9a-f]{1,8})\))?:(.*)", re.IGNORECASE)
_BYTE = re.compile(r"[0-9a-f]{1,2}", re.IGNORECASE)
_IMA = re.compile(r"HKEY_LOCAL_MACHINE\\SOFTWARE\\(?:WOW6432NODE\\)?CITRIX\\IMA(\\RUNTIME)?")


def read_registry_settings(path: Path | str) -> dict[str, int]:
    """The settings that a registry export holds, their names in the registry's spelling.

    Errors: `ConfigurationError` with every mistake and its line.
    """
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigurationError([reason], source=str(path)) from None
    return parse_registry_settings(content, source=str(path))


def parse_registry_settings(content: bytes, *, source: str = "") -> dict[str, int]:
    """The settings in the bytes of a registry export; `source` is where these came from.

    Errors: `ConfigurationError` with every mistake and its line.
    """
    export = _Export()
    try:
        export.read(_decoded(content))
    except _Wrong as wrong:
        export.mistakes.append(str(wrong))
    settings = export.settings()
    if export.mistakes:
        raise ConfigurationError(export.mistakes, source=source)
    return settings


class _Wrong(Exception):
    """What is wrong with a line."""

    def __init__(self, line: int, said: str) -> None:
        super().__init__(f"line {line}: {said}")


def _decoded(content: bytes) -> str:
    """The text, its lines ended by a line feed each."""
    encoding, body = "utf-8", content.removeprefix(codecs.BOM_UTF8)
    for mark, marked in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if content.startswith(mark):
            encoding, body = marked, content[len(mark) :]
    try:
        return _with_line_feeds(body.decode(encoding))
    except UnicodeDecodeError as error:
        line = 1 + _with_line_feeds(body[: error.start].decode(encoding)).count("\n")
        if encoding != "utf-8" and len(body) % 2 and error.start == len(body) - 1:
            said = f"odd byte count: the file ends with half a character of {encoding.upper()}"
        else:
            said = f"this is no text in {encoding.upper()}: {error.reason}"
        raise _Wrong(line, said) from None


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


class _Key(NamedTuple):
    """`[KEY]`, or `[-KEY]` to delete one."""

    line: int
    path: str
    """In capitals, since case does not matter in the registry."""
    deleted: bool


class _Value(NamedTuple):
    """`"Name"=data`."""

    line: int
    name: str
    kind: str
    """What the data is, in words; empty: the value is deleted."""
    number: int | None
    """What a dword holds."""


class _Reader:
    """Goes through a text from statement to statement. After a mistake it goes on in the next line."""

    def __init__(self, text: str, position: int) -> None:
        self.text, self.position, self.line = text, position, 1

    def statement(self) -> _Key | _Value | None:
        """The next key or value; `None` at the end."""
        self._pass(_GAP)
        line = self.line
        if self.position == len(self.text):
            return None
        if key := self._pass(_KEY):
            self._end()
            return _Key(line, key[2].upper(), bool(key[1]))
        name = self._pass(_NAME)
        if name is None:
            raise self._wrong(line, f"neither a key nor a value: {_shown(self._pass(_REST))}")
        kind, number = self._data(line)
        self._end()
        return _Value(line, _unescaped(name[1] or ""), kind, number)

    def _data(self, line: int) -> tuple[str, int | None]:
        if self.text.startswith('"', self.position):
            if not self._pass(_TEXT):
                self.position = len(self.text)
                raise _Wrong(line, "the text that begins here never ends")
            return "a text", None
        found = self._pass(_DATA)
        try:
            return _understood(_CONTINUED.sub("", found[0] if found else "").strip())
        except ValueError as error:
            raise self._wrong(line, str(error)) from None

    def _end(self) -> None:
        line = self.line
        if not self._pass(_END):
            raise self._wrong(line, f"more than a key or a value: {_shown(self._pass(_REST))}")

    def _pass(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.position)
        if found:
            self.line += self.text.count("\n", self.position, found.end())
            self.position = found.end()
        return found

    def _wrong(self, line: int, said: str) -> _Wrong:
        self._pass(_REST)
        return _Wrong(line, said)


def _understood(data: str) -> tuple[str, int | None]:
    """What data that is no text holds. Errors: `ValueError`."""
    if data == "-":
        return "", None
    if dword := _DWORD.fullmatch(data):
        return "a dword", int(dword[1], base=16)
    if found := _HEX.fullmatch(data):
        number = BINARY if found[1] is None else int(found[1], base=16)
        if number > LAST_TYPE:
            raise ValueError(f"unknown type {data.partition(':')[0]!r}")
        items = [item.strip() for item in found[2].split(",")]
        if items[-1] == "":
            items.pop()
        if bad := [item for item in items if not _BYTE.fullmatch(item)]:
            raise ValueError(f"{bad[0][:LONGEST_SHOWN]!r} is no byte in hexadecimal digits")
        order: Literal["little", "big"] = "big" if number == DWORD_BIG_ENDIAN else "little"
        if number in (DWORD, DWORD_BIG_ENDIAN) and len(items) == 4:
            return "a dword", int.from_bytes((int(item, base=16) for item in items), order)
        return f"{len(items)} bytes of type {number}", None
    kind, colon, rest = data.partition(":")
    if kind.lower() == "dword" and colon:
        raise ValueError(f"bad dword {rest[:LONGEST_SHOWN]!r}: it has 1 to 8 hexadecimal digits")
    raise ValueError(f"unknown type {kind[:LONGEST_SHOWN]!r}")


def _unescaped(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name)


def _shown(found: re.Match[str] | None) -> str:
    text = found[0].strip() if found else ""
    return repr(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..")


class _Export:
    """What the file has said so far."""

    def __init__(self) -> None:
        self.mistakes: list[str] = []
        self.known = {name.lower(): name for name in default_settings()}
        self.values: dict[str, dict[str, tuple[int, int]]] = {}
        """By key and by setting: the number, and its line."""

    def read(self, text: str) -> None:
        """Takes in a whole file."""
        header = text.partition("\n")[0]
        if header.rstrip() != HEADER:
            raise _Wrong(1, _header_mistake(header))
        reader = _Reader(text, len(header))
        key: _Key | None = None
        while len(self.mistakes) < MOST_MISTAKES:
            try:
                statement = reader.statement()
                if statement is None:
                    return
                if isinstance(statement, _Key):
                    key = statement
                    self._enter(key)
                elif key is None or key.deleted:
                    raise _Wrong(statement.line, f"{statement.name[:LONGEST_SHOWN]!r} stands under no key")
                else:
                    self._take(key, statement)
            except _Wrong as wrong:
                self.mistakes.append(str(wrong))
        self.mistakes.append(f"line {reader.line}: read no further, after {MOST_MISTAKES} mistakes")

    def settings(self) -> dict[str, int]:
        """What all keys hold. A setting that two of them have differently is a mistake."""
        found: dict[str, tuple[int, int]] = {}
        for values in self.values.values():
            for name, (number, line) in values.items():
                other, earlier = found.setdefault(name, (number, line))
                if other != number:
                    self.mistakes.append(f"line {line}: {name} is {number} here and {other} in line {earlier}")
        return {name: number for name, (number, _) in found.items()}

    def _enter(self, key: _Key) -> None:
        hive = key.path.partition("\\")[0]
        if hive not in HIVES:
            raise _Wrong(key.line, f"no registry has a key {hive[:LONGEST_SHOWN]!r}")
        if key.deleted:
            for path in [path for path in self.values if f"{path}\\".startswith(f"{key.path}\\")]:
                del self.values[path]

    def _take(self, key: _Key, value: _Value) -> None:
        ima = _IMA.fullmatch(key.path)
        if ima is None or value.name.lower() in NO_SETTINGS:
            return
        name = self.known.get(value.name.lower())
        if name is None:
            raise _Wrong(value.line, setting_mistake(value.name[:LONGEST_SHOWN], 0) or "")
        under_ima = name in STANDS_UNDER_IMA
        if under_ima == bool(ima[1]):
            raise _Wrong(value.line, f"{name} is a value of {IMA if under_ima else RUNTIME}, not of this key")
        values = self.values.setdefault(key.path, {})
        values.pop(name, None)
        if not value.kind:
            return
        if value.number is None:
            raise _Wrong(value.line, f"{name}: a setting is a dword, and this is {value.kind}")
        if said := setting_mistake(name, value.number):
            raise _Wrong(value.line, said)
        values[name] = (value.number, value.line)


def _header_mistake(header: str) -> str:
    if header.rstrip() == OLD_HEADER:
        return f"{OLD_HEADER} is the older form, in a code page that the file does not name; export it as {HEADER!r}"
    mark = "; UTF-16 begins with a byte-order mark" if "\0" in header else ""
    return f"wrong header {header[:LONGEST_SHOWN]!r}; it should be {HEADER!r}{mark}"
