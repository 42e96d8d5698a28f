"""A farm's keys: where they may be kept, what is wrong with them, and that nothing ever shows them."""

import copy
import os
import pickle
import stat
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imafarm import ConfigurationError
from imafarm import keys as room
from imafarm.keys import FarmKeys, new_key_file, parse_keys, read_keys, read_private, replace_keys

OLD, NEW = bytes(range(32)), bytes(range(100, 132))


def refused(make: Callable[[], object]) -> str:
    """What an error says, and that it shows no part of a key."""
    with pytest.raises(ConfigurationError) as wrong:
        make()
    told = "".join(traceback.format_exception(wrong.value)) + repr(wrong.value)
    for key in (OLD, NEW):
        assert key.hex()[:8] not in told.lower()
    return str(wrong.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A key file with the old key."""
    return written(tmp_path / "farm.key", OLD.hex())


def written(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def test_a_key_is_read_from_a_file_or_from_the_environment_or_there_is_none(file: Path) -> None:
    assert read_keys(file, {}) == FarmKeys([OLD])
    assert read_keys(None, {"IMAFARM_FARM_KEY": f"{OLD.hex()}\n{NEW.hex()}"}) == FarmKeys([OLD, NEW])
    assert read_keys(None, {"PATH": "x"}) is None
    # A file that is named goes before what happens to be in the environment.
    assert read_keys(file, {"IMAFARM_FARM_KEY": NEW.hex()}) == FarmKeys([OLD])


def test_an_empty_variable_is_a_mistake_and_no_farm_without_a_key() -> None:
    said = refused(lambda: read_keys(None, {"IMAFARM_FARM_KEY": " "}))
    assert said == "IMAFARM_FARM_KEY: it is empty; a farm without a key does not set it"


def test_blank_lines_comments_and_either_case_are_let_through() -> None:
    text = f"\n# the farm's\r\n  {OLD.hex().upper()}  # spoken\r\n\n{NEW.hex()}\n# \xff".encode("latin-1")
    assert parse_keys(text).understood == (OLD, NEW)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no key in it: a line of 64 hexadecimal digits"),
        ("# nothing\n\n", "there is no key in it: a line of 64 hexadecimal digits"),
        (f"\n{OLD.hex()[:-1]}", "line 2: a key has 64 hexadecimal digits, this one 63"),
        (f"{OLD.hex()}0", "line 1: a key has 64 hexadecimal digits, this one 65"),
        (f"{OLD.hex()}\n{NEW.hex()[:-1]}g", "line 2: not all of it is hexadecimal digits"),
        (f"{OLD.hex()[:31]} {OLD.hex()[32:]}", "line 1: not all of it is hexadecimal digits"),
        (f"{OLD.hex()[:31]}\xa0{OLD.hex()[33:]}", "line 1: not all of it is hexadecimal digits"),
        (f"{OLD.hex()}\n{OLD.hex().upper()}", "line 2: the same key a second time"),
        (f"{OLD.hex()}\n{NEW.hex()}\n{'0' * 64}", "line 3: a key too many, a farm has 2 at most"),
        (f"a\nb\n{OLD.hex()}", "2 mistakes\n  line 1: a key has 64 hexadecimal digits, this one 1\n  line 2: "),
    ],
)
def test_a_line_that_is_no_key_is_named_and_not_shown(text: str, said: str) -> None:
    assert refused(lambda: parse_keys(text.encode(), source="farm.key")).startswith(f"farm.key: {said}")
    assert refused(lambda: read_keys(None, {"IMAFARM_FARM_KEY": f"#\n{text}"})).startswith("IMAFARM_FARM_KEY: ")


@given(st.text(st.sampled_from("09afAFg# \n\r\t\x85é"), max_size=150))
def test_whatever_the_text_there_are_keys_or_one_kind_of_error(text: str) -> None:
    with suppress(ConfigurationError):
        assert 1 <= len(parse_keys(text.encode())) <= 2


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o644, 0o601, 0o777])
def test_a_file_that_others_may_use_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    said = f"{file}: others may use it (mode {mode:04o}); a key file is its owner's alone: chmod 600"
    assert refused(lambda: read_keys(file, {})) == said


def test_a_file_that_its_owner_can_only_read_will_do(file: Path) -> None:
    file.chmod(0o400)
    assert read_keys(file, {}) == FarmKeys([OLD])


def test_another_users_file_is_refused_and_roots_is_not(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = file.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    if owner != 0:
        assert f"it belongs to user {owner}" in refused(lambda: read_keys(file, {}))
        return
    assert read_keys(file, {}) == FarmKeys([OLD])
    os.chown(file, 12345, -1)
    assert "it belongs to user 12345; a key file belongs to who uses it, or to root" in refused(
        lambda: read_keys(file, {})
    )


def test_what_is_no_file_is_refused_and_nobody_waits_for_it(tmp_path: Path, file: Path) -> None:
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(file)
    os.mkfifo(pipe, 0o600)
    assert refused(lambda: read_keys(link, {})) == f"{link}: a symbolic link; name the key file itself"
    assert refused(lambda: read_keys(pipe, {})) == f"{pipe}: a key file is a regular file"
    assert refused(lambda: read_keys(tmp_path, {})) == f"{tmp_path}: a key file is a regular file"
    assert refused(lambda: read_keys(tmp_path / "no", {})) == f"{tmp_path / 'no'}: No such file or directory"
    assert "null" in refused(lambda: read_keys(Path("a\0b"), {}))


def test_a_file_that_is_too_large_is_refused_before_it_is_understood(file: Path) -> None:
    written(file, b"#" * (room.LARGEST_FILE_BYTES + 1))
    assert refused(lambda: read_keys(file, {})) == f"{file}: larger than 65536 bytes: this is no key file"
    written(file, OLD.hex().encode() + b"\n" + b"#" * (room.LARGEST_FILE_BYTES - 65))
    assert read_keys(file, {}) == FarmKeys([OLD])


def test_nothing_that_is_printed_of_keys_shows_them() -> None:
    keys = FarmKeys([OLD, NEW])
    assert repr(keys) == str(keys) == f"{keys}" == "<FarmKeys: 2, not shown>"


def test_keys_do_not_get_into_a_pickle_or_a_copy() -> None:
    keys = FarmKeys([OLD])
    for take in (pickle.dumps, copy.copy, copy.deepcopy, lambda it: it.__getstate__()):
        with pytest.raises(TypeError, match="not pickled"):
            take(keys)


def test_keys_are_equal_if_all_of_them_are_in_their_order() -> None:
    assert FarmKeys([OLD, NEW]) == parse_keys(f"{OLD.hex()}\n{NEW.hex()}".encode())
    assert FarmKeys([OLD, NEW]) != FarmKeys([NEW, OLD])
    assert FarmKeys([OLD]) != FarmKeys([OLD, NEW])
    assert FarmKeys([OLD]) != OLD
    with pytest.raises(TypeError, match="unhashable"):
        hash(FarmKeys([OLD]))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ([], "keys: a farm has 1 or 2, not 0"),
        ([OLD, NEW, bytes(32)], "keys: a farm has 1 or 2, not 3"),
        ([OLD[:-1]], "keys: a key has 32 bytes"),
        ([OLD, b""], "keys: a key has 32 bytes"),
        ([OLD, OLD], "keys: both are the same"),
    ],
)
def test_a_farm_has_one_key_or_two(keys: list[bytes], said: str) -> None:
    assert refused(lambda: FarmKeys(keys)) == said


def test_a_key_is_changed_in_three_steps() -> None:
    """At each step, who has taken it and who has not understand one another."""
    steps = [FarmKeys([OLD])]
    steps.append(steps[-1].with_next(NEW))
    steps.append(steps[-1].rotated())
    steps.append(steps[-1].without_last())
    assert [it.understood for it in steps] == [(OLD,), (OLD, NEW), (NEW, OLD), (NEW,)]
    for earlier, later in pairwise(steps):
        assert earlier.spoken in later.understood
        assert later.spoken in earlier.understood
    assert "there is only one" in refused(steps[0].rotated)
    assert "not 3" in refused(steps[1].with_next)
    assert steps[0].with_next() != steps[0].with_next()


def test_a_new_key_is_random_and_its_owners_alone_whatever_the_mask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keys = new_key_file(tmp_path / "a.key")
        os.umask(0o777)
        other = new_key_file(tmp_path / "b.key")
    finally:
        os.umask(before)
    for name, made in (("a.key", keys), ("b.key", other)):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        assert read_keys(tmp_path / name, {}) == made
    assert keys != other


def test_a_new_key_is_never_written_over_anything(tmp_path: Path, file: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    for taken in (file, link, tmp_path):
        assert refused(partial(new_key_file, taken)) == f"{taken}: there already; a key is never written over"
    assert not (tmp_path / "elsewhere").exists()
    assert read_keys(file, {}) == FarmKeys([OLD])
    assert "No such file or directory" in refused(lambda: new_key_file(tmp_path / "no" / "farm.key"))


def test_keys_are_replaced_all_at_once_and_nothing_else_is_left(tmp_path: Path, file: Path) -> None:
    replace_keys(file, FarmKeys([NEW, OLD]))
    assert read_keys(file, {}) == FarmKeys([NEW, OLD])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory" / "in it").touch()
    assert "directory" in refused(lambda: replace_keys(tmp_path / "directory", FarmKeys([OLD])))
    assert {path.name for path in tmp_path.iterdir()} == {"farm.key", "directory"}


def test_a_private_file_of_another_kind_is_called_what_it_is(file: Path) -> None:
    assert read_private(file, "TLS key") == OLD.hex().encode()
    file.chmod(0o644)
    assert "a TLS key is its owner's alone" in refused(lambda: read_private(file, "TLS key"))
