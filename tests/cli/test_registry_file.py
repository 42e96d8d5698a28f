"""Settings from Windows registry exports: what is read, what is looked through, and every mistake with its line."""

import codecs
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import imafarm
from imafarm import ConfigurationError
from imafarm._imafarm import settings
from imafarm.topology.registry_file import HEADER, MOST_MISTAKES, parse_registry_settings

RUNTIME = r"[HKEY_LOCAL_MACHINE\SOFTWARE\Citrix\IMA\Runtime]"
IMA = r"[HKEY_LOCAL_MACHINE\SOFTWARE\Citrix\IMA]"
NARROW = r"[HKEY_LOCAL_MACHINE\SOFTWARE\Wow6432Node\Citrix\IMA\Runtime]"

EXPORT = rf"""{HEADER}

; what one server had
[HKEY_LOCAL_MACHINE\SOFTWARE\Citrix]
@="Citrix \"products\" in C:\\Program Files"
"Installed"=hex(7):41,00,42,00,00,00,43,00,\
  44,00,00,00,00,00
"Two lines"="the first
[and] the \"x\"=second"
"Odd"=hex(1):41,00,42
"Stamp"=hex(b):00,01,02,03,04,05,06,07
"Gone"=-

{IMA}
@="C:\\IMA"
"Data"=hex:4a,1a,00,00

[HKEY_LOCAL_MACHINE\Software\citrix\ima\RUNTIME]
"MaxHostAddressCacheEntries"=dword:00000400
"keepaliveinterval"=dword:EA60 ; as it was
"GatewayValidationInterval"=hex(4):e0,93,04,00
"BindTimeout"=hex(5):00,00,07,d0
"ElectMasterTimeout"=dword:1
"ElectMasterTimeout"=-
"DeclareMasterTimeout"=dword:1
"DeclareMasterTimeout"=dword:000007d0
"""
MEANT = {
    "MaxHostAddressCacheEntries": 0x400,
    "KeepAliveInterval": 60_000,
    "GatewayValidationInterval": 300_000,
    "BindTimeout": 2_000,
    "DeclareMasterTimeout": 2_000,
}


def encoded(text: str, encoding: str) -> bytes:
    marks = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE, "utf-8-sig": b"", "utf-8": b""}
    return marks[encoding] + text.encode(encoding)


def mistakes_of(*lines: str) -> tuple[str, ...]:
    """What is wrong with a file of these lines after the header."""
    with pytest.raises(ConfigurationError) as wrong:
        parse_registry_settings("\n".join([HEADER, *lines]).encode())
    return wrong.value.mistakes


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-8", "utf-8-sig"])
def test_an_export_is_read_in_every_encoding_that_windows_writes(encoding: str, ending: str, tmp_path: Path) -> None:
    path = tmp_path / "ima.reg"
    path.write_bytes(encoded(EXPORT.replace("\n", ending), encoding))
    assert imafarm.read_registry_settings(path) == MEANT
    assert imafarm.read_registry_settings(str(path)) == MEANT


def test_every_setting_can_be_said_in_a_registry_file() -> None:
    table = settings()
    for row in table:
        key = IMA if row["name"] == "DCNChangePollingInterval" else RUNTIME
        text = f'{HEADER}\n{key}\n"{row["name"]}"=dword:{row["default"]:08x}'
        assert parse_registry_settings(text.encode()) == {row["name"]: row["default"]}


def test_the_keys_of_a_32_bit_program_on_a_64_bit_system_count_too() -> None:
    """The value names of IMA Information stand under Wow6432Node there."""
    assert parse_registry_settings(f'{HEADER}\n{NARROW}\n"BindTimeout"=dword:7d0'.encode()) == {"BindTimeout": 2_000}
    both = [RUNTIME, '"BindTimeout"=dword:7d0', NARROW]
    assert parse_registry_settings("\n".join([HEADER, *both, '"BindTimeout"=dword:7d0']).encode()) == {
        "BindTimeout": 2_000
    }
    assert mistakes_of(*both, '"BindTimeout"=dword:7d1') == ("line 5: BindTimeout is 2001 here and 2000 in line 3",)


def test_a_deleted_key_takes_its_values_with_it() -> None:
    deleted = r"[-HKEY_LOCAL_MACHINE\SOFTWARE\Citrix\ima]"
    text = [HEADER, RUNTIME, '"BindTimeout"=dword:7d0', NARROW, '"KeepAliveTimeout"=dword:7d0', deleted]
    assert parse_registry_settings("\n".join(text).encode()) == {"KeepAliveTimeout": 2_000}
    assert mistakes_of(deleted, '"BindTimeout"=dword:7d0') == ("line 3: 'BindTimeout' stands under no key",)


def test_a_file_without_settings_holds_none() -> None:
    assert parse_registry_settings(HEADER.encode()) == {}
    assert parse_registry_settings(f"{HEADER}  \r\n\r\n; nothing".encode("utf-16")) == {}


def test_every_mistake_is_told_at_once_with_its_line() -> None:
    assert mistakes_of(
        '"BindTimeout"=dword:7d0',
        RUNTIME,
        '"MaxHostAdressCacheEntries"=dword:200',
        '"KeepAliveInterval"=dword:1',
        '"KeepAliveTimeout"=dword:xyz',
        '"KeepAliveTimeout"=dword:123456789',
        '"KeepAliveTimeout"="5000"',
        '"KeepAliveTimeout"=hex(b):88,13,00,00,00,00,00,00',
        '"KeepAliveTimeout"=hex(4):88,13',
        '"KeepAliveTimeout"=hex:88,1g',
        '"KeepAliveTimeout"=hex(c):88',
        '"KeepAliveTimeout"=hex(zz):88',
        '"KeepAliveTimeout"=qword:88',
        '"KeepAliveTimeout"=',
        '"KeepAliveTimeout"="5000" and more',
        "KeepAliveTimeout=dword:1",
        r"[HKLM\SOFTWARE\Citrix\IMA]",
        "[no end",
        RUNTIME + " x",
        '"Endless"="text',
        "[all of it]",
    ) == (
        "line 2: 'BindTimeout' stands under no key",
        'line 4: unknown setting "MaxHostAdressCacheEntries"; did you mean "MaxHostAddressCacheEntries"?',
        "line 5: KeepAliveInterval: 1 is out of range, 10 to 86400000 ms",
        "line 6: bad dword 'xyz': it has 1 to 8 hexadecimal digits",
        "line 7: bad dword '123456789': it has 1 to 8 hexadecimal digits",
        "line 8: KeepAliveTimeout: a setting is a dword, and this is a text",
        "line 9: KeepAliveTimeout: a setting is a dword, and this is 8 bytes of type 11",
        "line 10: KeepAliveTimeout: a setting is a dword, and this is 2 bytes of type 4",
        "line 11: '1g' is no byte in hexadecimal digits",
        "line 12: unknown type 'hex(c)'",
        "line 13: unknown type 'hex(zz)'",
        "line 14: unknown type 'qword'",
        "line 15: unknown type ''",
        "line 16: more than a key or a value: 'and more'",
        "line 17: neither a key nor a value: 'KeepAliveTimeout=dword:1'",
        "line 18: no registry has a key 'HKLM'",
        "line 19: neither a key nor a value: '[no end'",
        f"line 20: neither a key nor a value: {RUNTIME + ' x'!r}",
        "line 21: the text that begins here never ends",
    )


def test_a_setting_under_the_other_key_is_refused() -> None:
    assert mistakes_of(IMA, '"BindTimeout"=dword:7d0') == (
        "line 3: BindTimeout is a value of IMA\\Runtime, not of this key",
    )


def test_a_mistake_after_a_value_of_many_lines_has_its_own_line() -> None:
    assert mistakes_of(
        RUNTIME.replace("Runtime", "Other"), '"A"=hex:00,\\', "  01,\\", "  02", '"B"="x', "", 'y"', "oops"
    ) == ("line 9: neither a key nor a value: 'oops'",)


def test_a_file_that_is_wrong_all_over_is_not_told_to_the_end() -> None:
    found = mistakes_of(*["nonsense"] * 1_000)
    assert len(found) == MOST_MISTAKES + 1
    assert found[-1] == f"line {MOST_MISTAKES + 1}: read no further, after {MOST_MISTAKES} mistakes"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", f"line 1: wrong header ''; it should be '{HEADER}'"),
        (b"[HKEY_LOCAL_MACHINE]", f"line 1: wrong header '[HKEY_LOCAL_MACHINE]'; it should be '{HEADER}'"),
        (
            b"REGEDIT4\r\n",
            f"line 1: REGEDIT4 is the older form, in a code page that the file does not name; export it as '{HEADER}'",
        ),
        (
            "Wind".encode("utf-16-le"),
            "line 1: wrong header 'W\\x00i\\x00n\\x00d\\x00'; "
            f"it should be '{HEADER}'; UTF-16 begins with a byte-order mark",
        ),
        (
            encoded(f"{HEADER}\r\n\r\nabc", "utf-16-le")[:-1],
            "line 3: odd byte count: the file ends with half a character of UTF-16-LE",
        ),
        (
            encoded(f"{HEADER}\n", "utf-16-be") + b"\0",
            "line 2: odd byte count: the file ends with half a character of UTF-16-BE",
        ),
        (
            encoded(f"{HEADER}\n", "utf-16-le") + b"\0\xdc\0\0",
            "line 2: this is no text in UTF-16-LE: illegal encoding",
        ),
        (f"{HEADER}\n\n".encode() + b"\xff", "line 3: this is no text in UTF-8: invalid start byte"),
    ],
)
def test_a_file_that_is_no_export_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        parse_registry_settings(content, source="ima.reg")
    assert str(wrong.value) == f"ima.reg: {said}"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.reg: No such file"):
        imafarm.read_registry_settings(tmp_path / "none.reg")
    with pytest.raises(ConfigurationError, match="Is a directory"):
        imafarm.read_registry_settings(tmp_path)
    with pytest.raises(ConfigurationError, match="null"):
        imafarm.read_registry_settings("a\0b")


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [RUNTIME, IMA, NARROW, RUNTIME.replace("[", "[-"), '"A"="', '"', "\\", "", ";", "[HKEY_USERS]"]
        ),
        st.builds(
            '"{}"{}{}'.format,
            st.sampled_from(["BindTimeout", "bindtimeout", "KeepAliveInterval", "Nobody", "Data", "a\\\\b", ""]),
            st.sampled_from(["=", " = ", ""]),
            st.one_of(
                st.integers(0, 2**33).map("dword:{:x}".format),
                st.sampled_from(["hex:", "hex(4):00,10,00,00", "hex(7):00,\\", "-", '"x', '"x"', "hex(ffffffff):1"]),
                st.text(max_size=8),
            ),
        ),
        st.text(max_size=20),
    ),
    max_size=12,
)


KNOWN = {row["name"]: range(row["min"], row["max"] + 1) for row in settings()}


def outcome_of(content: bytes) -> dict[str, int] | ConfigurationError:
    """The settings, or the one kind of error that there is."""
    try:
        return parse_registry_settings(content)
    except ConfigurationError as error:
        return error


@given(LINES, st.sampled_from(["utf-16-le", "utf-16-be", "utf-8", "utf-8-sig"]))
def test_whatever_the_lines_settings_come_out_or_one_kind_of_error(lines: list[str], encoding: str) -> None:
    outcome = outcome_of(encoded("\n".join([HEADER, *lines]), encoding))
    if isinstance(outcome, ConfigurationError):
        assert outcome.mistakes and all(said.startswith("line ") for said in outcome.mistakes)
        assert all("\n" not in said for said in outcome.mistakes)
    else:
        assert all(value in KNOWN[name] for name, value in outcome.items())


@given(st.binary(max_size=60), st.sampled_from([b"", HEADER.encode(), encoded(HEADER, "utf-16-le")]))
@example(b"\xff\xfe\xff", b"")
@example(b"\n\xff", HEADER.encode())
def test_no_bytes_bring_about_any_other_error(content: bytes, before: bytes) -> None:
    outcome = outcome_of(before + content)
    assert isinstance(outcome, dict) or outcome.mistakes


@pytest.mark.parametrize("part", ['"', "\\", "[", "]", "hex:0,", "\\\n", "; ", '"a"="b\n', '"a"=hex:0,\\\n', "x"])
def test_a_long_file_takes_one_pass(part: str) -> None:
    """A pattern that went back and forth would take hours for these."""
    outcome = outcome_of(f"{HEADER}\n{RUNTIME}\n".encode() + part.encode() * 300_000)
    assert outcome == {} or len(str(outcome)) < 20_000
