"""A verdict that a person reads in ten seconds."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from imafarm.farm import Traffic
from imafarm.scenario import Verdict


def print_verdict(verdict: Verdict, console: Console) -> None:
    """Prints the verdict; it fits 80 columns."""
    marks = ("\u2713", "\u2717") if console.encoding.startswith("utf") else ("ok", "NO")
    console.print(Group(*_parts(verdict, marks)), soft_wrap=False)


def _parts(verdict: Verdict, marks: tuple[str, str]) -> Iterator[RenderableType]:
    yield Text("")
    yield _headline(verdict)
    if verdict.moments:
        yield _section("What happened", _moments(verdict))
    yield _section("Checks", _checks(verdict, marks))
    if verdict.figures:
        yield _section("Figures", _figures(verdict))
    yield _section("Messages", _messages(verdict))
    yield _section("Bindings", _bindings(verdict))
    yield _footer(verdict)
    yield Text("")


def _headline(verdict: Verdict) -> RenderableType:
    line = Table.grid(expand=True)
    line.add_column()
    line.add_column(justify="right")
    left = Text.assemble((verdict.scenario, "bold"), "  ", _passed(verdict.passed))
    zones = "1 zone" if verdict.zones == 1 else f"{verdict.zones:,} zones"
    hosts = "1 host" if verdict.hosts == 1 else f"{verdict.hosts:,} hosts"
    line.add_row(left, f"{hosts} in {zones}, {verdict.product}, seed {verdict.seed}")
    return line


def _passed(passed: bool) -> tuple[str, str]:
    return ("PASSED", "bold green") if passed else ("FAILED", "bold red")


def _section(title: str, body: RenderableType) -> RenderableType:
    return Group(Text(""), Text(title, style="bold"), Padding(body, (0, 0, 0, 2), expand=False))


def _moments(verdict: Verdict) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True, style="cyan")
    table.add_column(ratio=1)
    began = verdict.moments[0].seconds
    for moment in verdict.moments:
        after = moment.seconds - began
        table.add_row(f"{moment.seconds:,.3f} s", f"+{after:,.3f} s" if after else "", moment.what)
    return table


def _checks(verdict: Verdict, marks: tuple[str, str]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    table.add_column(style="dim")
    for check in verdict.checks:
        mark = Text(marks[0], style="green") if check.passed else Text(marks[1], style="bold red")
        table.add_row(mark, Text(check.name), Text(check.detail))
    return table


def _figures(verdict: Verdict) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    for name, value in verdict.figures.items():
        table.add_row(name, value if isinstance(value, str) else f"{value:,}")
    return table


def _messages(verdict: Verdict) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("")
    for title in ("sent", "delivered", "dropped", "in flight", "bytes"):
        table.add_column(title, justify="right", no_wrap=True)
    rows = {kind: traffic for kind, traffic in verdict.statistics.messages.items() if traffic.sent}
    for kind, traffic in rows.items():
        table.add_row(kind, *_columns(traffic))
    table.add_row("all", *_columns(_sum(list(rows.values()))), style="bold")
    return table


def _columns(traffic: Traffic) -> Iterator[str]:
    for count in (traffic.sent, traffic.delivered, traffic.dropped, traffic.in_flight):
        yield f"{count:,}"
    yield _size(traffic.bytes)


def _sum(rows: list[Traffic]) -> Traffic:
    return Traffic(
        sent=sum(row.sent for row in rows),
        delivered=sum(row.delivered for row in rows),
        dropped=sum(row.dropped for row in rows),
        in_flight=sum(row.in_flight for row in rows),
        bytes=sum(row.bytes for row in rows),
    )


def _size(size: int) -> str:
    """Bytes for people, in powers of 1024."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:,.0f} {unit}" if unit == "B" else f"{amount:,.1f} {unit}"
        amount /= 1024
    return f"{amount:,.1f} TiB"


def _bindings(verdict: Verdict) -> RenderableType:
    bindings = verdict.statistics.bindings
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for title in ("opened", "hit", "evicted", "closed", "refused", "active now"):
        table.add_column(title, justify="right", no_wrap=True)
    counts = (bindings.opened, bindings.hit, bindings.evicted, bindings.closed, bindings.refused, bindings.active)
    table.add_row(*(f"{count:,}" for count in counts))
    return table


def _footer(verdict: Verdict) -> RenderableType:
    speed = verdict.statistics.events / verdict.wall_seconds if verdict.wall_seconds else 0.0
    return Group(
        Text(""),
        Text(
            f"{verdict.virtual_seconds:,.1f} farm seconds in {verdict.wall_seconds:,.2f} s: "
            f"{verdict.statistics.events:,} events, {_rate(speed)} events/s"
        ),
        Text(f"digest {verdict.digest}"),
    )


def _rate(events_per_second: float) -> str:
    if events_per_second >= 1e6:
        return f"{events_per_second / 1e6:,.1f} million"
    return f"{events_per_second:,.0f}"
