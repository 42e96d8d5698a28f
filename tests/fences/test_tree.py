"""What the committed files may be."""

import re
import tomllib
from pathlib import Path

MOST_LINES = 600
LONGER_WITH_REASON = {
    "python/imafarm/_imafarm.pyi": "generated: as long as the library's face is wide",
}
ROOMS = {".rs", ".py", ".pyi", ".md"}

MACHINE_PATH = re.compile(r"(?<![\w./<])/(?:tmp|work|root|home|opt|Users|var|mnt)/\w")
REGISTRY = re.compile(r"pypi\.org|pythonhosted\.org|(?:static|index)\.crates\.io|registry\.npmjs|[/.]artifactory")


def text_of(path: Path) -> str:
    """A file's text; what is no text has none."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def places(pattern: re.Pattern[str], files: list[Path], tree: Path) -> list[str]:
    """Where a pattern occurs: `path:line: text`."""
    return [
        f"{path.relative_to(tree)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_room_is_too_long_to_read(files: list[Path], tree: Path) -> None:
    lengths = {path.relative_to(tree).as_posix(): text_of(path).count("\n") for path in files if path.suffix in ROOMS}
    too_long = {name: lines for name, lines in lengths.items() if lines > MOST_LINES and name not in LONGER_WITH_REASON}
    assert not too_long, f"more than {MOST_LINES} lines: is it one room or two?"


def test_no_file_knows_the_machine_it_was_written_on(files: list[Path], tree: Path) -> None:
    assert places(MACHINE_PATH, files, tree) == []


def test_no_file_knows_the_address_of_a_registry(files: list[Path], tree: Path) -> None:
    assert places(REGISTRY, files, tree) == []


def test_the_lock_of_crates_is_committed_and_that_of_packages_is_not(files: list[Path], tree: Path) -> None:
    names = {path.relative_to(tree).as_posix() for path in files}
    assert "Cargo.lock" in names
    assert "uv.lock" not in names


def test_both_languages_are_of_one_version(tree: Path) -> None:
    crates = tomllib.loads((tree / "Cargo.toml").read_text(encoding="utf-8"))
    package = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))
    assert package["project"]["version"] == crates["workspace"]["package"]["version"]
