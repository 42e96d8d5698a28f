"""Writes `python/imafarm/_imafarm.pyi` from the compiled library; with `--check`, fails when the held one is stale.

maturin generates it from what pyo3 knows of each signature. Where pyo3 knows too little, the Rust code says the type as
a string, which arrives here in quotes and without its import: both are put right, and the file is formatted.
"""

import ast
import builtins
import difflib
import importlib
import re
import subprocess
import sys
from pathlib import Path
from textwrap import indent

TREE = Path(__file__).parents[2]
STUB = TREE / "python/imafarm/_imafarm.pyi"
BIN = Path(sys.executable).parent

IMPORTS = {
    "Any": "from typing import Any",
    "Buffer": "from typing_extensions import Buffer",
    "Callable": "from collections.abc import Callable",
    "Iterable": "from collections.abc import Iterable",
    "Iterator": "from collections.abc import Iterator",
    "Mapping": "from collections.abc import Mapping",
    "Sequence": "from collections.abc import Sequence",
    "array": "import array",
}
"""What gives the names that a type said as a string may use."""


def run(*command: str | Path, text: str | None = None) -> str:
    """Runs a tool of the tree's environment on `text` and returns what it prints; ends this program when it fails."""
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=TREE, input=text, text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return done.stdout


def generated() -> str:
    """The stub that fits the library, built with the profile of daily work."""
    out = TREE / "target/stubs"
    run("maturin", "generate-stubs", "--quiet", "--profile", "fast", "--out", out)
    return (out / "imafarm/_imafarm.pyi").read_text(encoding="utf-8")


def exceptions() -> str:
    """`__all__` and the exceptions that `create_exception!` makes, which pyo3 does not look into: it marks the stub as
    incomplete and leaves both out. Their attributes are those that their documentation lists, as `name (type): ..`.
    """
    library = importlib.import_module("imafarm._imafarm")
    text = f"__all__ = {sorted(library.__all__)}\n"
    for name, made in vars(library).items():
        if isinstance(made, type) and issubclass(made, Exception):
            doc = made.__doc__ or ""
            text += f'class {name}({made.__mro__[1].__name__}):\n    """\n{indent(doc, "    ")}\n    """\n'
            text += "".join(f"    {key}: {kind}\n" for key, kind in re.findall(r"^ +(\w+) \((.+)\):", doc, re.M))
    return text


def unbound(stub: str) -> set[str]:
    """The names that a stub uses and nobody gives it."""
    used: set[str] = set()
    bound = set(dir(builtins))
    for node in ast.walk(ast.parse(stub)):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.ImportFrom):
            bound |= {name.asname or name.name for name in node.names}
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            bound.add(node.name)
    return used - bound


def finished(stub: str) -> str:
    """The stub with nothing left open, bare annotations, their imports, and the tree's formatting."""
    stub = stub.replace("def __getattr__(name: str) -> Incomplete: ...\n", exceptions())
    stub = run("ruff", "check", "--quiet", "--select=F401,PYI020", "--fix", "--stdin-filename", STUB, "-", text=stub)
    if "Incomplete" in stub:
        sys.exit(f"{stub}\n{STUB.name}: pyo3 does not know what is Incomplete here: say its type in the signature")
    unknown = unbound(stub) - set(IMPORTS)
    if unknown:
        sys.exit(f"{STUB.name}: {', '.join(sorted(unknown))}: say in {Path(__file__).name} what gives this name")
    imports = "".join(IMPORTS[name] + "\n" for name in sorted(unbound(stub)))
    stub = re.sub(r"^(?=from |import |__all__)", imports, stub, count=1, flags=re.MULTILINE)
    stub = run("ruff", "check", "--quiet", "--select=I,RUF022", "--fix", "--stdin-filename", STUB, "-", text=stub)
    return run("ruff", "format", "--quiet", "--stdin-filename", STUB, "-", text=stub)


def main() -> None:
    """Writes or checks."""
    fresh = finished(generated())
    if "--check" not in sys.argv[1:]:
        STUB.write_text(fresh, encoding="utf-8")
        return
    held = STUB.read_text(encoding="utf-8") if STUB.exists() else ""
    if held != fresh:
        difference = difflib.unified_diff(held.splitlines(), fresh.splitlines(), "committed", "generated", lineterm="")
        sys.exit("\n".join([*difference, f"{STUB.name} is stale: `make stubs` writes it anew"]))


if __name__ == "__main__":
    main()
