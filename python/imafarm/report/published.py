"""Published and measured figures, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from imafarm.published import Kind, Report, Row, Unit
from imafarm.topology import Product

SHORT = {
    Unit.KILOBYTES: "KB",
    Unit.BYTES: "B",
    Unit.TIMES: "x",
    Unit.MILLISECONDS: "ms",
    Unit.SECONDS: "s",
    Unit.MINUTES: "min",
    Unit.CONNECTIONS: "",
}
"""The units, as long as a column of them is."""


def print_report(report: Report, console: Console) -> None:
    """Prints the rows by product and source; they fit 80 columns."""
    marks = ("\u2713", "\u2717") if console.encoding.startswith("utf") else ("ok", "NO")
    console.print(Group(*_parts(report, marks)), soft_wrap=False)


def _parts(report: Report, marks: tuple[str, str]) -> Iterator[RenderableType]:
    for product, of_product in groupby(sorted(report.rows, key=_place), _product):
        yield Text("")
        yield Text(product, style="bold")
        yield Padding(_table(of_product, marks), (0, 0, 0, 2), expand=False)
    yield Text("")
    yield _verdict(report)
    yield Text(
        "calibrated: a figure of the product's profile, or a setting's default, makes it so. "
        "emergent: it follows from what hosts do, and no number of ours says it.",
        style="dim",
    )


def _product(row: Row) -> Product:
    return row.figure.product


def _place(row: Row) -> int:
    """The newest product first; the rows of one stay in their order."""
    return -list(Product).index(row.figure.product)


def _table(rows: Iterator[Row], marks: tuple[str, str]) -> RenderableType:
    """The rows of one product: a table for each source, the first with the titles of the columns."""
    parts: list[RenderableType] = []
    for source, of_source in groupby(rows, lambda row: row.figure.source):
        parts.append(Text(source, style="cyan"))
        parts.append(_rows(of_source, marks, titled=len(parts) == 1))
    return Group(*parts)


def _rows(rows: Iterator[Row], marks: tuple[str, str], *, titled: bool) -> Table:
    table = Table(box=None, pad_edge=False, show_header=titled, header_style="dim", padding=(0, 1, 0, 0), width=78)
    table.add_column("", no_wrap=True, min_width=max(map(len, marks)))
    table.add_column("operation", ratio=1, overflow="fold")
    table.add_column("direction", no_wrap=True, width=11)
    table.add_column("published", justify="right", no_wrap=True, width=9)
    table.add_column("measured", justify="right", no_wrap=True, width=9)
    table.add_column("off by", justify="right", no_wrap=True, width=8)
    table.add_column("", no_wrap=True, width=10)
    for row in rows:
        mark = Text(marks[0], style="green") if row.holds else Text(marks[1], style="bold red")
        figure = row.figure
        measured, off = "not seen", ""
        if row.measured is not None and row.difference is not None:
            measured, off = _number(row.measured, figure.unit), _number(row.difference, figure.unit, sign="+")
        published = f"{figure.printed} {SHORT[figure.unit]}".rstrip()
        table.add_row(mark, figure.operation, figure.direction.value, published, measured, off, figure.kind.value)
    return table


def _number(value: Fraction, unit: Unit, sign: str = "") -> str:
    """A number of a column: kilobytes to the tenth of a byte, all else as it is if it is whole."""
    if unit is Unit.KILOBYTES:
        return f"{float(value):{sign},.4f}"
    return f"{int(value):{sign},}" if value.denominator == 1 else f"{float(value):{sign},.2f}"


def _verdict(report: Report) -> Text:
    off = sum(not row.holds for row in report.rows)
    counted = ", ".join(f"{report.count(kind)} {kind.value}" for kind in Kind)
    headline = (f"{off} of {len(report.rows)} rows are off", "bold red") if off else ("all rows hold", "bold green")
    return Text.assemble(headline, f": {len(report.rows)} rows, {counted}")
