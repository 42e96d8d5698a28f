"""Wall time and memory of farms: against n, and against what they have to be.

    scaling.py                      each series at n = 100 to 100,000, as far as its budget goes
    scaling.py --targets            each row of what has to be reached, once; `--short`: those that take seconds
    scaling.py --queue              what criterion has noted of the event queue, after benches/rust/queue.rs

It prints a table. `--write DIR` also puts it into DIR/performance.md between the marks there, and the figures into
DIR/performance.json; the series are drawn in DIR/performance.svg. Each case is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from _cases import Case, Measured, Unmeasured, measure
from _tables import exponent, machine, queue_table, replaced, scaling_tables, seconds, table, write_chart
from _targets import DAY_SECONDS, TARGETS, target_row, target_table

SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)


def _roomy(hosts: int) -> int:
    """A number of entries that no zone of so many hosts fills: the next power of two."""
    return 1 << hosts.bit_length()


SERIES: Mapping[str, Callable[[int], Case]] = {
    "boot": lambda n: Case("boot", n),
    "steady minute": lambda n: Case("steady", n, seconds=60.0),
    "steady day": lambda n: Case("steady", n, seconds=DAY_SECONDS),
    "failover, 512 entries": lambda n: Case("failover", n),
    "failover, room for all": lambda n: Case("failover", n, entries=_roomy(n)),
    "storm, all bound": lambda n: Case("failover", n, entries=_roomy(n), bound=True),
}


def likely_seconds(took: Sequence[tuple[float, float]], n: int) -> float:
    """How long a case of n takes, as the last two (n, wall time) tell; a single one tells that time goes with n."""
    last_n, last = took[-1]
    power = exponent(took[-2:])
    growth: float = (n / last_n) ** (1.0 if power is None else max(power, 0.0))
    return last * growth


def run_series(
    of: Callable[[int], Case], sizes: Iterable[int], budget_seconds: float, tell: Callable[[int, str], None]
) -> dict[int, Measured | Unmeasured]:
    """One series, until a case takes more than its budget, or is likely to take twice as much."""
    runs: dict[int, Measured | Unmeasured] = {}
    took: list[tuple[float, float]] = []
    for n in sizes:
        if took and likely_seconds(took, n) > 2 * budget_seconds:
            break
        run = measure(of(n), budget_seconds)
        runs[n] = run
        if isinstance(run, Unmeasured):
            tell(n, run.why)
            break
        took.append((n, run.before_seconds + run.seconds))
        tell(
            n, f"{seconds(run.seconds)}, of it {seconds(run.processor_seconds)} on a processor, {run.peak_mib:,.0f} MiB"
        )
    return runs


def write(directory: Path, mark: str, text: str, figures: Mapping[str, Any]) -> None:
    """Puts a table into the page and its figures beside it, with the machine that they are of."""
    here = machine()
    told = table(["", ""], [[name, value] for name, value in here.items()])
    page = directory / "performance.md"
    page.write_text(replaced(page.read_text(encoding="utf-8"), mark, f"{text}\n\n{told}"), encoding="utf-8")
    kept = directory / "performance.json"
    all_figures = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    all_figures[mark] = {"machine": here, **figures}
    kept.write_text(json.dumps(all_figures, indent=1) + "\n", encoding="utf-8")


def scaling(arguments: argparse.Namespace) -> None:
    """Measures the series."""
    measured = {}
    for name in arguments.series:

        def tell(n: int, what: str, name: str = name) -> None:
            print(f"{name}, {n:,} hosts: {what}", file=sys.stderr, flush=True)

        measured[name] = run_series(SERIES[name], arguments.hosts, arguments.budget, tell)
    text = scaling_tables(measured)
    print(text)
    if arguments.write is not None:
        runs = {name: {n: asdict(run) for n, run in runs.items()} for name, runs in measured.items()}
        write(arguments.write, "scaling", text, {"series": runs})
        write_chart(measured, arguments.write / "performance.svg")


def targets(arguments: argparse.Namespace) -> None:
    """Measures what has to be reached."""
    rows, figures = [], {}
    for target in TARGETS:
        if arguments.short and not target.short:
            continue
        measured = target.run(arguments.budget)
        figures[target.work] = asdict(measured) if isinstance(measured, Unmeasured) else measured
        rows.append(target_row(target, measured))
        print(": ".join(rows[-1][:2]), file=sys.stderr)
    text = target_table(rows)
    print(text)
    if arguments.write is not None:
        write(arguments.write, "targets", text, {"rows": figures})


def queue(arguments: argparse.Namespace) -> None:
    """Shows what is known of the event queue."""
    text = queue_table(Path(__file__).parents[1] / "target/criterion")
    print(text)
    if arguments.write is not None:
        write(arguments.write, "queue", text, {})


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.set_defaults(show=scaling)
    what.add_argument("--targets", action="store_const", dest="show", const=targets, help="what has to be reached")
    what.add_argument("--queue", action="store_const", dest="show", const=queue, help="the event queue")
    parser.add_argument("--short", action="store_true", help="only what takes seconds")
    parser.add_argument("--budget", type=float, default=60.0, metavar="SECONDS", help="for each case (60)")
    parser.add_argument("--hosts", type=int, nargs="+", default=SIZES, metavar="N", help="of the series")
    parser.add_argument("--series", nargs="+", choices=SERIES, default=list(SERIES), metavar="NAME", help="some alone")
    parser.add_argument("--write", type=Path, metavar="DIR", help="the page's directory")
    arguments = parser.parse_args()
    arguments.show(arguments)


if __name__ == "__main__":
    main()
