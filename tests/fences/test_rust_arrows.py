"""Which crate may depend on which, and which room of the protocol may use which."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOMS = [
    "host",
    "configuration",
    "dynamic",
    "local_host_cache",
    "zone",
    "bindings",
    "turn",
    "outbox",
    "input",
    "dynamic_store",
    "sessions",
    "transport",
    "host_resolver",
    "binding",
    "message",
    "applications",
    "host_record",
    "settings",
    "profile",
    "load",
    "dice",
    "few",
    "time",
    "error",
]
"""The rooms of `imafarm-proto` from the roof down: each uses only those below it."""

PURE = ["imafarm-proto", "imafarm-records", "imafarm-emulator", "imafarm-capture", "imafarm-fuzz", "imafarm-benches"]


def uses(source: str) -> Iterator[tuple[int, str]]:
    """Line and room of every path that begins with `crate::`, comments aside: documentation may point anywhere."""
    source = re.sub(r"//.*", "", source)
    for found in re.finditer(r"\bcrate::(?:(\w+)|\{)", source):
        line = source.count("\n", 0, found.start()) + 1
        if found[1]:
            yield line, found[1]
            continue
        depth, start = 0, found.end()
        for here in range(found.end(), len(source)):
            if source[here] in ",}" and depth == 0:
                name = re.match(r"\s*(\w+)", source[start:here])
                if name:
                    yield line, name[1]
                start = here + 1
            depth += {"{": 1, "}": -1}.get(source[here], 0)
            if depth < 0:
                break


def test_rooms_of_the_protocol_use_only_rooms_below(tree: Path) -> None:
    src = tree / "rust/imafarm-proto/src"
    broken = []
    for path in sorted(src.rglob("*.rs")):
        room = path.relative_to(src).parts[0].removesuffix(".rs")
        if room == "lib":
            continue
        assert room in ROOMS, f"{path.relative_to(tree)}: a new room: say in ROOMS how high it stands"
        for line, target in uses(path.read_text(encoding="utf-8")):
            if target != room and target not in ROOMS[ROOMS.index(room) + 1 :]:
                broken.append(f"{path.relative_to(tree)}:{line}: {room} -> {target}")
    assert broken == []


@pytest.mark.parametrize(
    ("source", "rooms"),
    [
        ("use crate::time::{Span, Time};", ["time"]),
        ("let at = crate::time::Time(3);", ["time"]),
        (
            "use crate::{\n    dice::{Dice, Purpose},\n    time::Time,\n};\nuse crate::host::Host;",
            ["dice", "time", "host"],
        ),
    ],
)
def test_a_use_is_seen_however_it_is_written(source: str, rooms: list[str]) -> None:
    assert [room for _, room in uses(source)] == rooms


def crates_below(crate: str, tree: Path, edges: str = "all") -> set[str]:
    """Every crate that a crate of ours is built or tested with, on any platform; or those on other edges alone."""
    command = [
        "cargo",
        "tree",
        "--offline",
        "--locked",
        "--target=all",
        f"--edges={edges}",
        "--prefix=none",
        "--format={lib}",
    ]
    shown = subprocess.run([*command, "--package", crate], cwd=tree, check=True, stdout=subprocess.PIPE, text=True)
    return {line.split()[0].replace("_", "-") for line in shown.stdout.splitlines() if line.strip()}


@pytest.mark.parametrize("crate", PURE)
def test_no_crate_but_the_python_face_knows_python(crate: str, tree: Path) -> None:
    below = crates_below(crate, tree)
    assert crate in below
    assert not {name for name in below if "pyo3" in name}


def test_the_arrows_between_crates(tree: Path) -> None:
    assert not {"imafarm-records", "imafarm-emulator", "imafarm-live", "imafarm-py"} & crates_below(
        "imafarm-proto", tree
    )
    assert not {"imafarm-emulator", "imafarm-live", "imafarm-py"} & crates_below("imafarm-records", tree)
    assert not {"imafarm-live", "imafarm-py"} & crates_below("imafarm-emulator", tree)
    # Its tests compare the live farm with the emulator.
    assert not {"imafarm-emulator", "imafarm-py"} & crates_below("imafarm-live", tree, "normal,build")
    assert "imafarm-py" not in crates_below("imafarm-live", tree)
    # A capture file is made of bytes and times, whoever has sent them.
    ours = {name for name in crates_below("imafarm-capture", tree) if name.startswith("imafarm-")}
    assert ours == {"imafarm-capture"}
    assert "imafarm-capture" not in crates_below("imafarm-emulator", tree) | crates_below("imafarm-live", tree)
    assert "imafarm-benches" not in crates_below("imafarm-py", tree) | crates_below("imafarm-fuzz", tree)


def test_only_the_python_face_names_pyo3(tree: Path) -> None:
    naming = [path for path in tree.glob("rust/*/Cargo.toml") if "pyo3" in path.read_text(encoding="utf-8")]
    assert [path.parent.name for path in naming] == ["imafarm-py"]
