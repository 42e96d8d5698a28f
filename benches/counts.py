"""Holds instruction counts against a baseline.

    counts.py compare RUN BASELINE      exit 1 if a case takes more than a tenth above its baseline, or has none
    counts.py write RUN BASELINE        makes the baseline anew

RUN is what gungraun prints with `--output-format=json`: one object a line, one for each case. BASELINE is TOML: the
conditions under which it was counted, and the instructions of each case.

A count is the same each time on one machine, whatever else goes on there. Another compiler or valgrind, or a processor
for which libraries choose other code, gives another one: then `compare` says so before anything else.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

LIMIT_PERCENT = 10
"""By how much a case may lie above its baseline."""
WORTH_TELLING_PERCENT = 5
"""By how much a case lies below its baseline when the baseline should be lowered. Our guess."""
FLAGS = ("sse4_2", "pclmulqdq", "avx", "avx2", "bmi2", "fma")
"""The parts of the instruction set by which libraries choose their code, as far as valgrind shows them to a program."""


def parse_run(lines: Iterable[str]) -> dict[str, int]:
    """Instructions by case, `function.id`, of gungraun's lines; others are none of ours.

    Raises `KeyError` if a line has no count, `ValueError` if a case occurs twice.
    """
    counts: dict[str, int] = {}
    for line in lines:
        if not line.startswith("{"):
            continue
        summary = json.loads(line)
        case = f"{summary['function_name']}.{summary['id']}"
        if case in counts:
            raise ValueError(f"{case} was counted twice")
        (profile,) = (profile for profile in summary["profiles"] if profile["tool"] == "Callgrind")
        counts[case] = int(profile["data"]["total"]["metrics"]["Ir"]["values"]["new"])
    return counts


def conditions() -> dict[str, str]:
    """What counts depend on besides the code: compiler, libraries and processor of this machine."""

    def first_line(*command: str) -> str:
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[0]

    has: set[str] = set()
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        has = {flag for line in cpus.read_text().splitlines() if line.startswith("flags") for flag in line.split()}
    return {
        "rustc": first_line("rustc", "--version"),
        "valgrind": first_line("valgrind", "--version"),
        "libc": " ".join(platform.libc_ver()),
        "processor": " ".join([platform.machine(), *(flag for flag in FLAGS if flag in has)]),
    }


def written(counts: Mapping[str, int], under: Mapping[str, str]) -> str:
    """The text of a baseline."""
    lines = ["# Instructions of each case of benches/rust/counts.rs. `make counts-baseline` writes it anew.", ""]
    lines += ["[conditions]", *(f'{name} = "{value}"' for name, value in under.items()), ""]
    lines += ["[instructions]", *(f'"{case}" = {count:_}' for case, count in counts.items())]
    return "\n".join(lines) + "\n"


def compared(counts: Mapping[str, int], baseline: Mapping[str, int]) -> tuple[list[str], bool]:
    """The lines of a report, one for each case, and whether all cases are within the limit."""
    lines = []
    passed = True
    for case in [*baseline, *(case for case in counts if case not in baseline)]:
        was, is_ = baseline.get(case), counts.get(case)
        verdict = ""
        if was is None or is_ is None:
            passed = False
            change = "-"
            verdict = "FAILED: not in the baseline" if was is None else "FAILED: in the baseline, and was not counted"
        else:
            change = f"{is_ / was - 1.0:+.1%}"
            if is_ * 100 > was * (100 + LIMIT_PERCENT):
                passed = False
                verdict = f"FAILED: more than {LIMIT_PERCENT} % above its baseline"
            elif is_ * 100 < was * (100 - WORTH_TELLING_PERCENT):
                verdict = "the baseline should be lowered"
        shown = ["-" if count is None else f"{count:,}" for count in (was, is_)]
        lines.append(f"{case:<40}{shown[0]:>16}{shown[1]:>16}{change:>9}  {verdict}".rstrip())
    return lines, passed


def compare(counts: Mapping[str, int], path: Path, under: Mapping[str, str]) -> bool:
    """Prints how `counts`, made `under` these conditions, differ from the baseline at `path`; whether they may."""
    baseline = tomllib.loads(path.read_text(encoding="utf-8"))
    differing = {name: was for name, was in baseline["conditions"].items() if under.get(name) != was}
    for name, was in differing.items():
        print(f"counts: the baseline is of another {name}: {was}; here it is {under.get(name, 'unknown')}")
    lines, passed = compared(counts, baseline["instructions"])
    print(f"{'case':<40}{'baseline':>16}{'instructions':>16}{'change':>9}")
    print("\n".join(lines))
    if not passed and differing:
        print(f"counts: they may differ because of another {', '.join(differing)}, and not because of the code")
    if passed:
        print(f"counts: {len(lines)} cases, none more than {LIMIT_PERCENT} % above its baseline")
    if not passed or any(line.endswith("lowered") for line in lines):
        print("counts: `make counts-baseline` makes the baseline anew; commit it with the change that it is due to")
    return passed


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["compare", "write"])
    parser.add_argument("run", type=Path)
    parser.add_argument("baseline", type=Path)
    arguments = parser.parse_args()
    counts = parse_run(arguments.run.read_text(encoding="utf-8").splitlines())
    if not counts:
        print(f"counts: {arguments.run} has no case")
        return 1
    if arguments.verb == "compare":
        return 0 if compare(counts, arguments.baseline, conditions()) else 1
    arguments.baseline.write_text(written(counts, conditions()), encoding="utf-8")
    print(f"counts: {len(counts)} cases written to {arguments.baseline}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
