"""Which room of `imafarm` may import which."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

BASE = {"_imafarm", "errors", "settings", "tables", "topology", "farm", "configuration", "words"}
"""What a farm is, whatever world its hosts live in."""

MAY_IMPORT = {
    "errors": set[str](),
    "_imafarm": set[str](),
    # How people are told of counts and of names that there are not.
    "words": set[str](),
    "settings": {"_imafarm", "errors"},
    "topology": {"_imafarm", "errors", "settings"},
    # What may be changed in a farm's configuration. A farm is given a log to tell; it never sees a database.
    "configuration": {"_imafarm", "errors", "topology"},
    # Columns with names and units, for whatever opens Arrow.
    "tables": {"_imafarm", "errors", "words"},
    "farm": {"_imafarm", "errors", "settings", "tables", "topology", "configuration"},
    # Who may talk: for whoever listens or asks on real sockets.
    "keys": {"errors"},
    # One host, asked over a stream; in which world it lives is not its affair.
    "management": BASE | {"keys"},
    # Scenarios know farms, not worlds: the same one runs in virtual time and on sockets.
    "published": {"errors", "settings", "topology", "farm"},
    "scenario": {"errors", "settings", "topology", "farm", "published"},
    "scenarios": {"errors", "settings", "topology", "farm", "published", "scenario"},
    # A population knows farms, not worlds, too: on sockets it is what it is in farm time.
    "load": {"errors", "settings", "topology", "farm"},
    # The worlds do not know each other.
    "emulated": BASE,
    "live": BASE | {"keys", "management"},
    "store": {"_imafarm", "errors", "settings", "topology", "configuration", "words"},
    # What a run leaves in its directory.
    "results": {"errors", "settings", "tables", "topology", "farm", "scenario"},
    # The packets of an emulated farm, as a capture file.
    "capture": {"errors", "tables", "topology"},
    "report": {"errors", "settings", "tables", "topology", "farm", "load", "published", "results", "scenario", "words"},
    # A study is a great many emulated farms: on sockets its points would wait for one another.
    "study": BASE | {"scenario", "scenarios", "emulated", "results"},
    # One emulated farm, looked at while it runs.
    "watch": BASE | {"scenario", "scenarios", "emulated", "report"},
    "tools": {"_imafarm", "errors", "settings", "topology", "farm", "management"},
    # The one place where a world is chosen.
    "cli": BASE
    | {
        "keys",
        "load",
        "management",
        "published",
        "scenario",
        "scenarios",
        "study",
        "report",
        "results",
        "capture",
        "watch",
        "tools",
        "emulated",
        "live",
        "store",
    },
    # The command, once more: `python -m imafarm`.
    "__main__": {"cli"},
    # The public face: what `import imafarm` gives.
    "__init__": BASE | {"scenario", "emulated", "live", "store", "study", "results"},
}


def room_of(path: Path, package: Path) -> str:
    """The top-level name under `imafarm` to which a file belongs."""
    return path.relative_to(package).parts[0].removesuffix(".py")


def imports(source: str, module: list[str]) -> Iterator[tuple[int, str]]:
    """Line and room of every import from `imafarm`, wherever it stands: also in functions and for type checkers only.

    `module` is the dotted place of the package that holds the source, for relative imports.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = [] if node.level == 0 else module[: len(module) - node.level + 1]
            base = base + (node.module.split(".") if node.module else [])
            names = [".".join([*base, alias.name]) for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "imafarm":
                yield node.lineno, parts[1] if len(parts) > 1 else "__init__"


def test_imports_follow_the_arrows(tree: Path) -> None:
    package = tree / "python/imafarm"
    known = set(MAY_IMPORT)
    broken = []
    for path in sorted(package.rglob("*.py")):
        room = room_of(path, package)
        assert room in known, f"{path.relative_to(tree)}: a new room: say in MAY_IMPORT what it may import"
        place = ["imafarm", *path.relative_to(package).parent.parts]
        for line, target in imports(path.read_text(encoding="utf-8"), place):
            if target != room and target not in MAY_IMPORT[room]:
                broken.append(f"{path.relative_to(tree)}:{line}: {room} -> {target}")
    assert broken == []


def test_the_arrows_have_no_circle() -> None:
    left = {room: set(below) for room, below in MAY_IMPORT.items()}
    while left:
        lowest = {room for room, below in left.items() if not below & set(left)}
        assert lowest, f"a circle among {sorted(left)}"
        left = {room: below for room, below in left.items() if room not in lowest}


def test_the_worlds_are_apart() -> None:
    for room, below in MAY_IMPORT.items():
        if room not in {"cli", "__init__"}:
            # A study, and whoever watches, has farm time only.
            known = {"emulated"} if room in {"study", "watch"} else set[str]()
            assert below & {"emulated", "live"} == known, room


@pytest.mark.parametrize(
    ("source", "room"),
    [
        ("import imafarm.live", "live"),
        ("from imafarm import emulated", "emulated"),
        ("from imafarm.emulated._farm import EmulatedFarm", "emulated"),
        ("from ..live import _link", "live"),
        ("from .. import store", "store"),
        ("def later():\n    from imafarm import cli", "cli"),
        ("import imafarm", "__init__"),
    ],
)
def test_an_import_is_seen_however_it_is_written(source: str, room: str) -> None:
    assert [target for _, target in imports(source, ["imafarm", "scenarios"])] == [room]
