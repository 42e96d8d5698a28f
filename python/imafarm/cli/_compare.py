"""`imafarm compare FIRST SECOND` and `imafarm compare published`."""

from __future__ import annotations

import json
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter
from rich.console import Console

from imafarm.cli._errors import FAILED, PASSED
from imafarm.cli._farm import product_of
from imafarm.cli._options import Json

if TYPE_CHECKING:
    from imafarm.emulated import EmulatedFarm
    from imafarm.topology import Topology

compare = App(
    name="compare",
    help="Put two runs or two studies side by side, or emulated farms beside what is known of real ones.",
    help_format="plaintext",
)


@compare.default
def directories(
    first: Path,
    second: Path,
    /,
    *,
    out: Annotated[Path | None, Parameter(help="An HTML file for the same, with both runs' curves.")] = None,
    json_: Json = False,
) -> int:
    """Set two runs, or two studies, side by side.

    Parameters
    ----------
    first
        What `imafarm run --out` or `imafarm study --out` has left.
    second
        The other, of the same kind. Ratios are this one's over the first's.
    """
    from imafarm.report.compared import print_comparison
    from imafarm.report.comparison import compare

    comparison = compare(first, second)
    if out is not None:
        from imafarm.report.html import make_comparison

        make_comparison(first, second, out)
    if json_:
        print(json.dumps(comparison.as_json()))
    else:
        print_comparison(comparison, Console())
    return PASSED


@compare.command
def published(
    *, product: Annotated[str | None, Parameter(help="MF30, PS40 or PS45 (all).")] = None, json_: Json = False
) -> int:
    """Carry out each operation of which a figure is published, and put what it took beside the figure."""
    from imafarm.emulated import run
    from imafarm.published import compare_with
    from imafarm.report.published import print_report

    report = run(compare_with, product_of(product), _open)
    if json_:
        print(json.dumps(report.as_json()))
    else:
        print_report(report, Console())
    return PASSED if report.holds else FAILED


def _open(topology: Topology) -> AbstractAsyncContextManager[EmulatedFarm]:
    """A farm in which nobody is started. It is small: more threads would only wait for one another."""
    from imafarm.emulated import open_emulated_farm

    return open_emulated_farm(topology=topology, boot_seconds=None, threads=1)
