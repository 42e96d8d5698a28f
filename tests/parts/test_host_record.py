"""HostRecord: what it takes, what it refuses, and that it is a value."""

import copy
import pickle

import pytest

from imafarm._imafarm import HostRecord, Rank


def test_a_record_has_the_published_defaults() -> None:
    """IMA Information: port 2512 between hosts (CTX114843 has it too), 2513 for the console, version 1."""
    record = HostRecord("FTLDTERRYDU02", "10.22.44.0", 8022)
    assert (record.name, record.zone, record.host_id) == ("FTLDTERRYDU02", "10.22.44.0", 8022)
    assert (record.ima_port, record.admin_port, record.version, record.preference) == (2512, 2513, 1, 3)


def test_every_field_goes_in_by_keyword_and_comes_out() -> None:
    """IMA Information, "Mapping connections", HOST_RECORD."""
    record = HostRecord(
        name="Zürich-北", zone="Z", host_id=2**48 - 1, ima_port=1, admin_port=65535, version=255, preference=4
    )
    assert (record.name, record.host_id, record.ima_port) == ("Zürich-北", 2**48 - 1, 1)
    assert (record.admin_port, record.version, record.preference) == (65535, 255, 4)
    assert record.rank == Rank(255, 4, 2**48 - 1)


def test_records_are_values() -> None:
    record = HostRecord("O'Hara", "Z", 7, preference=1)
    assert record == HostRecord("O'Hara", "Z", 7, preference=1)
    assert record != HostRecord("O'Hara", "Z", 7, preference=2)
    assert record != "O'Hara"
    assert len({record, HostRecord("O'Hara", "Z", 7, preference=1)}) == 1
    assert eval(repr(record), {"HostRecord": HostRecord}) == record
    assert copy.copy(record) == pickle.loads(pickle.dumps(record)) == record
    with pytest.raises(AttributeError):
        record.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "name: a name has 1 to 255 bytes of UTF-8, this one has 0"),
        ("name", "é" * 128, "name: a name has 1 to 255 bytes of UTF-8, this one has 256"),
        ("zone", "a\nb", "zone: a name holds no control characters, this one holds '\\n'"),
        ("host_id", 0, "host_id: 0 is out of range, 1 to 281474976710655"),
        ("host_id", 2**48, "host_id: 281474976710656 is out of range, 1 to 281474976710655"),
        ("host_id", -(2**70), "host_id: -1180591620717411303424 is out of range, 1 to 281474976710655"),
        ("ima_port", 0, "ima_port: 0 is out of range, 1 to 65535"),
        ("admin_port", 65536, "admin_port: 65536 is out of range, 1 to 65535"),
        ("version", 256, "version: 256 is out of range, 0 to 255"),
        ("preference", 5, "preference: 5 is out of range, 1 to 4"),
    ],
)
def test_a_value_no_record_can_have_is_refused_by_field(field: str, value: str | int, message: str) -> None:
    fields: dict[str, object] = {"name": "H", "zone": "Z", "host_id": 1, field: value}
    with pytest.raises(ValueError) as refused:
        HostRecord(**fields)  # type: ignore[arg-type]
    assert str(refused.value) == message


@pytest.mark.parametrize(("field", "value"), [("name", 7), ("zone", None), ("host_id", "7"), ("ima_port", 2512.0)])
def test_a_value_of_another_type_is_refused_by_field(field: str, value: object) -> None:
    fields: dict[str, object] = {"name": "H", "zone": "Z", "host_id": 1, field: value}
    with pytest.raises(TypeError, match=f"'{field}'"):
        HostRecord(**fields)  # type: ignore[arg-type]


def test_a_session_host_is_a_record_like_another() -> None:
    record = HostRecord("CTX9", "Z", 9, session_only=True)
    assert record.session_only
    assert not HostRecord("CTX9", "Z", 9).session_only
    assert record != HostRecord("CTX9", "Z", 9)
    assert "session_only=True" in repr(record)
    assert eval(repr(record), {"HostRecord": HostRecord}) == record
    assert copy.copy(record) == pickle.loads(pickle.dumps(record)) == record
    assert record.rank == Rank(0, 4, 9, session_only=True)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(TypeError, match="'host_id'"):
        HostRecord("H", "Z")  # type: ignore[call-arg]


def test_half_a_character_is_no_name() -> None:
    with pytest.raises(UnicodeEncodeError):
        HostRecord("\ud800", "Z", 1)
