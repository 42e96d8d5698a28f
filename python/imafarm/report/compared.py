"""Two runs or studies side by side, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from imafarm.report.comparison import Comparison, Pair, Part
from imafarm.report.html._documents import Scalar


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Prints both, in columns; names that are too long for 80 columns are folded."""
    console.print(Group(*_parts(comparison)), soft_wrap=False)


def _parts(comparison: Comparison) -> Iterator[RenderableType]:
    yield Text("")
    head = Table.grid(padding=(0, 2))
    for which, name, verdict in zip(("first", "second"), comparison.names, comparison.verdicts, strict=True):
        head.add_row(Text(which, style="dim"), Text(name, style="bold"), Text(verdict.upper(), style=_style(verdict)))
    yield head
    yield Text("")
    if comparison.same:
        yield Text("The same to the last event: the digests are equal.", style="bold green")
    elif comparison.digests is not None:
        yield Text(f"The digests differ: {comparison.digests[0]} and {comparison.digests[1]}")
    else:
        yield Text("The digests of their points differ.")
    if comparison.differs:
        yield from _section("What was asked differs", comparison.differs, ratios=False)
    else:
        yield Text("The same was asked of both.")
    for part in comparison.parts:
        yield from _of_part(part)
    yield Text("")


def _of_part(part: Part) -> Iterator[RenderableType]:
    if part.pairs:
        yield from _section(part.title, part.pairs, ratios=any(pair.ratio is not None for pair in part.pairs))


def _section(title: str, pairs: Sequence[Pair], *, ratios: bool) -> Iterator[RenderableType]:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("", min_width=24, overflow="fold")
    for column in ("first", "second"):
        table.add_column(column, justify="right", overflow="fold")
    if ratios:
        table.add_column("ratio", justify="right", no_wrap=True)
    for pair in pairs:
        row = [Text(pair.name), Text(told(pair.first)), Text(told(pair.second))]
        if ratios:
            row.append(Text(ratio_of(pair), style="dim" if pair.same else "cyan"))
        table.add_row(*row, style="bold" if pair.name == "all" else None)
    yield Text("")
    yield Text(title, style="bold")
    yield Padding(table, (0, 0, 0, 2), expand=False)


def told(value: Scalar) -> str:
    """A figure of either side."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else value


def ratio_of(pair: Pair) -> str:
    """How many times the first the second is; nothing where that is no question."""
    ratio = pair.ratio
    if ratio is None:
        return ""
    if pair.same:
        return "="
    return f"{ratio:.3f}x" if 0.1 <= ratio < 10 else f"{ratio:,.3g}x" if ratio < 1000 else f"{ratio:,.0f}x"


def _style(verdict: str) -> str:
    return {"passed": "bold green", "failed": "bold red"}.get(verdict, "bold yellow")
