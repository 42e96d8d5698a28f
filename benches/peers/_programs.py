"""Builds the engines in C++, and SimGrid for them, of which there is no wheel.

All they need is a C++ compiler and what the dependency group `peers` brings. What is built lies in `.tools/peers` and
is built again when its source has changed.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

SOURCES = Path(__file__).parent / "engines"
BUILT = Path(__file__).parents[2] / ".tools" / "peers"
SIMGRID = "4.1"
OPTIMISED = ("-O3", "-march=native", "-DNDEBUG")


class CannotBuild(Exception):
    """A program cannot be built on this machine, and why."""


@dataclass(frozen=True, slots=True)
class Library:
    """What a program is built against."""

    version: str
    standard: str
    includes: tuple[Path, ...]
    library: Path


def program(name: str, library: str) -> Path:
    """The program of `engines/NAME.cpp`, built against `ns3` or `simgrid`. `CannotBuild` if it cannot be."""
    against = {"ns3": _ns3, "simgrid": _simgrid}[library]()
    source, built = SOURCES / f"{name}.cpp", BUILT / f"{name}-{against.version}"
    if built.exists() and built.stat().st_mtime > max(path.stat().st_mtime for path in (source, SOURCES / "peers.hpp")):
        return built
    compiler = _compiler()
    command: list[str | Path] = [compiler, f"-std={against.standard}", *OPTIMISED, source, "-o", built]
    command += [f"-I{path}" for path in against.includes]
    command += [against.library, f"-Wl,-rpath,{against.library.parent}"]
    BUILT.mkdir(parents=True, exist_ok=True)
    _run(command)
    return built


def build_all(programs: Iterable[tuple[str, str]]) -> None:
    """Builds programs, given by name and library, so that no run waits for them; who cannot be built says so there."""
    for name, library in programs:
        with suppress(CannotBuild):
            program(name, library)


def _compiler() -> str:
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        raise CannotBuild("there is no C++ compiler")
    return compiler


def _ns3() -> Library:
    """The wheel brings headers and libraries."""
    root = _package("ns3")
    found = sorted(root.glob("lib*/libns3*-core.so"))
    if not found:
        raise CannotBuild("the package ns3 has no core library for this machine")
    return Library(version("ns3"), "c++20", (root / "include",), found[0])


def _simgrid() -> Library:
    """The package is its source, which takes some minutes to build, once."""
    source, build = BUILT / f"simgrid-{SIMGRID}", BUILT / f"simgrid-{SIMGRID}-built"
    built = Library(
        SIMGRID,
        "c++17",
        (source / "include", build / "include", _package("boost_headers") / "include"),
        build / "lib/libsimgrid.so",
    )
    if built.library.exists():
        return built
    BUILT.mkdir(parents=True, exist_ok=True)
    if not source.exists():
        fetch = ["pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", "simgrid"]
        _run([sys.executable, "-m", *fetch, "--dest", BUILT, f"simgrid=={SIMGRID}"])
        with tarfile.open(BUILT / f"simgrid-{SIMGRID}.tar.gz") as archive:
            archive.extractall(BUILT, filter="data")
    cmake = Path(sys.executable).parent / "cmake"
    configure: list[str | Path] = [cmake, "-S", source, "-B", build, "-DCMAKE_BUILD_TYPE=Release"]
    configure += [f"-DBoost_INCLUDE_DIR={built.includes[-1]}", "-Dminimal-bindings=ON", "-DCMAKE_CXX_FLAGS=-g0"]
    without = ("debug", "documentation", "java", "lto", "model-checking", "python", "smpi")
    configure += [f"-Denable_{what}=OFF" for what in without]
    print(f"building SimGrid {SIMGRID} from its source: some minutes, once", file=sys.stderr)
    _run(configure)
    _run([cmake, "--build", build, "--target", "simgrid", "--parallel", str(os.cpu_count() or 1)])
    return built


def _package(name: str) -> Path:
    """Where a package lies."""
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise CannotBuild(f"the package {name} is not installed")
    return Path(next(iter(found.submodule_search_locations)))


def _run(command: list[str | Path]) -> None:
    """Runs a step. `CannotBuild` with its last line if it fails."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except OSError as error:
        raise CannotBuild(f"{command[0]} does not run: {error}") from None
    if done.returncode != 0:
        said = [line for line in done.stdout.splitlines() if line.strip()]
        (BUILT / "failed.log").write_text(done.stdout, encoding="utf-8")
        raise CannotBuild(f"{Path(command[0]).name} failed: {said[-1] if said else 'it said nothing'}")
