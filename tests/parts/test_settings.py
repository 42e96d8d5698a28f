"""The table of settings, as Python sees it."""

import pytest

from imafarm._imafarm import check_setting, settings


def test_the_published_settings_have_their_published_defaults() -> None:
    """IMA Information: 512 open connections; KeepAliveInterval 60000 ms (0xEA60)."""
    table = {row["name"]: row for row in settings()}
    assert table["MaxHostAddressCacheEntries"]["default"] == 512
    assert (table["KeepAliveInterval"]["default"], table["KeepAliveInterval"]["unit"]) == (0xEA60, "ms")


def test_every_row_is_whole_and_takes_its_own_default_and_bounds() -> None:
    for row in settings():
        assert list(row) == ["name", "unit", "default", "min", "max", "source", "meaning"]
        assert all(row[key] for key in ("name", "unit", "source", "meaning"))
        for key in ("default", "min", "max"):
            assert check_setting(row["name"], row[key]) == row["name"]


def test_case_does_not_matter_as_in_the_registry() -> None:
    assert check_setting("keepaliveinterval", 60_000) == "KeepAliveInterval"


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError) as refused:
        check_setting("MaxHostAdressCacheEntry", 1)
    wanted = 'unknown setting "MaxHostAdressCacheEntry"; did you mean "MaxHostAddressCacheEntries"?'
    assert str(refused.value) == wanted


@pytest.mark.parametrize("value", [1, 0, -1, 2**17 + 1, 2**70, -(2**70)])
def test_a_value_out_of_range_is_refused(value: int) -> None:
    with pytest.raises(ValueError) as refused:
        check_setting("MaxHostAddressCacheEntries", value)
    assert str(refused.value) == f"MaxHostAddressCacheEntries: {value} is out of range, 2 to 131072 entries"


def test_a_number_of_any_size_is_refused_as_a_value() -> None:
    for value in (2**200, -(2**200)):
        with pytest.raises(ValueError, match="is out of range, 2 to 131072 entries"):
            check_setting("MaxHostAddressCacheEntries", value)


def test_a_value_that_is_no_number_is_an_error_of_type() -> None:
    with pytest.raises(TypeError, match="'value'"):
        check_setting("KeepAliveInterval", "60000")  # type: ignore[arg-type]
