"""`python -m peers`: the run, its table and its picture."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from peers import _chart, _harness, _programs, _report
from peers._engines import ENGINES
from peers._harness import Limits, Result
from peers._work import WORKS, UnequalWork

SIZES = (100, 1_000, 3_000, 10_000)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the cases that are asked for. 1 if an engine did other work than the rest, with no table at all."""
    options = _options(arguments)
    engines = [engine for engine in ENGINES if any(name in engine.name for name in options.engines)]
    _programs.build_all((engine.module, engine.program) for engine in engines if engine.program)
    try:
        results = _harness.measure(
            engines, options.works, options.sizes, Limits(options.case_seconds, options.seconds), _tell
        )
    except UnequalWork as error:
        print(f"no comparison, since the work was not equal: {error}", file=sys.stderr)
        return 1
    if options.write is None:
        print("\n" + _report.page(results, "peers.svg"))
        return 0
    options.write.mkdir(parents=True, exist_ok=True)
    _chart.write(results, options.write / "peers.svg")
    text = _report.page(results, "peers.svg")
    (options.write / "peers.md").write_text(text, encoding="utf-8")
    print("\n" + text)
    if options.readme is not None:
        of_storm = [result for result in results if result.work == "storm"]
        storm = _report.summary(of_storm)
        short = "\n\n".join([storm, f"{_report.machine()}.", _report.ratios(of_storm)]).strip()
        readme = _report.between(options.readme.read_text(encoding="utf-8"), "peers", short)
        options.readme.write_text(readme, encoding="utf-8")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="peers", description="The storm and the heartbeat in imafarm and in others.")
    parser.add_argument("--sizes", type=_numbers, default=SIZES, help="numbers of hosts (%(default)s)")
    parser.add_argument("--works", type=lambda said: said.split(","), default=list(WORKS), help="storm,heartbeat")
    parser.add_argument("--engines", type=lambda said: said.split(","), default=[""], help="parts of engines' names")
    parser.add_argument(
        "--case-seconds", type=float, default=Limits().case_seconds, help="what a case may take (%(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=Limits().total_seconds, help="what all may take (%(default)s)")
    parser.add_argument("--write", type=Path, metavar="DIRECTORY", help="where peers.md and peers.svg are written")
    parser.add_argument("--readme", type=Path, metavar="FILE", help="the file with the short table between marks")
    return parser.parse_args(arguments)


def _numbers(said: str) -> list[int]:
    return [int(number) for number in said.split(",")]


def _tell(result: Result) -> None:
    cost = result.ns_a_message
    said = f"- ({result.why_not})" if cost is None else f"{_report.figure(cost)} ns a message"
    print(f"{result.work:<10}{result.hosts:>7,}  {result.engine.name:<24}{said}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    sys.exit(main())
