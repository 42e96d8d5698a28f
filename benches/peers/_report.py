"""What came of a run, as a page in Markdown and as the short table of the README."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from peers import _programs
from peers._engines import ENGINES
from peers._harness import Result
from peers._work import WORKS, Work, expected_messages, total_messages

HOW = """\
Every engine of a table has sent the same messages, by kind, and its zone has agreed as the others' have; whoever goes
by the common latencies has also started every host at the same nanosecond. Otherwise the run fails. Times are real
seconds of the work alone, without making the hosts; medians where a case is short enough to be done again. Memory is
the most that the process had, with interpreter and libraries. Each case is a process of its own, on one core."""
BUSY_SHARE = 0.9
"""A case that had a core for less of its time is marked."""

TITLES: dict[Work, str] = {"storm": "The storm", "heartbeat": "The heartbeat"}
WHAT: dict[Work, str] = {
    "storm": """\
A zone of n hosts has just lost its collector, the highest in rank; every pair of hosts is bound. The lowest starts an
election. Whoever starts sends ELECT to all ranked higher, the dead one too; who gets one answers ACK and starts itself.
Who has no ACK after a second declares itself to all others; the storm ends when every live host knows. That is n(n-1)/2
ELECT, (n-1)(n-2)/2 ACK and n-1 DECLARE. A message takes 0.2 ms and a pseudo-random 0 to 0.1 ms.""",
    "heartbeat": """\
n members each send an update to their collector every 60 s, in a phase of their own, for ten minutes; it answers each.
That is 10 n updates and 10 n replies.""",
}


def page(results: Sequence[Result], chart: str) -> str:
    """The whole page; `chart` is the name of the picture beside it."""
    parts = [
        "# The same work in other engines",
        f"Written by `make bench-peers`: one command, one run. {machine()}.",
        HOW,
        f"![ns a message against the number of hosts]({chart})",
    ]
    for work in WORKS:
        of_work = [result for result in results if result.work == work]
        if of_work:
            parts += [f"## {TITLES[work]}", WHAT[work], summary(of_work)]
            parts += [said for said in [ratios(of_work)] if said]
            parts += _details(of_work)
    parts += ["## The engines", _abouts(results)]
    return "\n\n".join(parts) + "\n"


def machine() -> str:
    """The day, and what it ran on."""
    kind = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            kind = line.partition(":")[2].strip()
            break
    cores = len(os.sched_getaffinity(0))
    python = platform.python_version()
    return f"{datetime.date.today():%Y-%m-%d}, {cores} cores of {kind}, Linux, Python {python}"


def summary(results: Sequence[Result]) -> str:
    """ns a message, by engine and size; the fastest at each size in bold."""
    sizes = sorted({result.hosts for result in results})
    compared = [result for result in results if result.engine.compared]
    best = {
        hosts: min(
            (result.ns_a_message for result in compared if result.hosts == hosts and result.ns_a_message is not None),
            default=None,
        )
        for hosts in sizes
    }
    rows = [["ns a message", *(f"n = {hosts:,}" for hosts in sizes)]]
    for name in _names(compared):
        row = [name]
        for hosts in sizes:
            cost = next((it.ns_a_message for it in compared if it.engine.name == name and it.hosts == hosts), None)
            said = "-" if cost is None else figure(cost)
            row.append(f"**{said}**" if cost is not None and cost == best[hosts] else said)
        rows.append(row)
    return table(rows)


def ratios(results: Sequence[Result]) -> str:
    """imafarm beside the fastest other engine and the fastest general simulator, by size; empty without imafarm."""
    lines = []
    for hosts in sorted({result.hosts for result in results}):
        costs = {
            result.engine.name: (result.ns_a_message, result.engine.general)
            for result in results
            if result.hosts == hosts and result.engine.compared and result.ns_a_message is not None
        }
        ours = next((cost for name, (cost, _) in costs.items() if name == "imafarm"), None)
        others = {name: said for name, said in costs.items() if not name.startswith("imafarm")}
        if ours is None or not others:
            continue
        said = [_ratio(ours, others)]
        if simulators := {name: (cost, general) for name, (cost, general) in others.items() if general}:
            said.append(_ratio(ours, simulators))
        lines.append(f"- n = {hosts:,}: {'; '.join(dict.fromkeys(said))}.")
    return "\n".join(
        ["imafarm, beside the fastest other engine and the fastest general simulator:", "", *lines] * bool(lines)
    )


def _ratio(ours: float, others: Mapping[str, tuple[float, bool]]) -> str:
    name, (theirs, _) = min(others.items(), key=lambda item: item[1][0])
    if theirs < ours:
        return f"{figure(ours / theirs)} times as long as {name}"
    return f"{figure(theirs / ours)} times faster than {name}"


def figure(value: float) -> str:
    """Three digits, as far as they are before the point all of them."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{digits}f}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows, the first of which is the head, as a table whose columns but the first stand to the right."""
    head, *body = rows
    lines = [f"| {' | '.join(row)} |" for row in body]
    return "\n".join([f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}", *lines])


def between(text: str, mark: str, inside: str) -> str:
    """A text with `inside` where something else stood between two marks. `ValueError` if they are not there."""
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    before, found, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise ValueError(f"the marks {begin} and {end} are missing")
    return f"{before}{begin}\n{inside}\n{end}{after}"


def _names(results: Iterable[Result]) -> list[str]:
    return list(dict.fromkeys(result.engine.name for result in results))


def _details(results: Sequence[Result]) -> list[str]:
    """All figures, what could not be measured and why, and what was sent besides."""
    rows = [["engine", "n", "ns a message", "messages/s", "peak memory, MB", "seconds"]]
    reasons: list[str] = []
    busy = False
    for name in _names(result for result in results if result.engine.compared):
        for result in results:
            if result.engine.name != name:
                continue
            if result.measured is None:
                rows.append([name, f"{result.hosts:,}", *["-"] * 4])
                reason = f"{name}: {result.why_not}."
                reasons += [reason] * (reason not in reasons)
                continue
            rows.append([name, *_figures(result)])
            busy |= result.measured.busy_share < BUSY_SHARE and result.measured.seconds > 0.01
    parts = [table(rows)]
    if busy:
        parts.append(
            f"\\* It had a core for less than {BUSY_SHARE:.0%} of that time: the machine did other things, too."
        )
    if reasons:
        parts.append("\n".join(["Not measured:", "", *(f"- {reason}" for reason in reasons)]))
    parts += _messages(results)
    apart = [result for result in results if not result.engine.compared]
    if apart:
        rows = [["not compared", "n", "ns a message of the storm's", "of them/s", "peak memory, MB", "seconds"]]
        rows += [[it.engine.name, *(_figures(it) if it.measured else [f"{it.hosts:,}", *["-"] * 4])] for it in apart]
        parts.append(table(rows))
    beyond = [
        f"- {it.engine.name}, n = {it.hosts:,}: "
        + ", ".join(f"{count:,} {kind}" for kind, count in sorted(it.measured.outcome.beyond.items()))
        + "."
        for it in results
        if it.measured is not None and it.measured.outcome.beyond
    ]
    if beyond:
        parts.append("\n".join(["Sent besides in the same time, and not counted as the work's:", "", *beyond]))
    return parts


def _figures(result: Result) -> list[str]:
    measured = result.measured
    assert measured is not None and result.ns_a_message is not None
    starred = "\\*" if measured.busy_share < BUSY_SHARE and measured.seconds > 0.01 else ""
    a_second = total_messages(result.work, result.hosts) / measured.seconds
    return [
        f"{result.hosts:,}",
        figure(result.ns_a_message),
        f"{float(f'{a_second:.3g}'):,.0f}",
        f"{measured.peak_bytes / 1e6:,.0f}",
        (f"{measured.seconds:.5f}" if measured.seconds < 0.1 else f"{measured.seconds:,.2f}") + starred,
    ]


def _messages(results: Sequence[Result]) -> list[str]:
    """What everybody sent."""
    work = results[0].work
    sizes = sorted({result.hosts for result in results})
    kinds = list(expected_messages(work, sizes[0]))
    rows = [["messages, of every engine", *kinds]]
    rows += [
        [f"n = {hosts:,}", *(f"{count:,}" for count in expected_messages(work, hosts).values())] for hosts in sizes
    ]
    return [table(rows)]


def _abouts(results: Sequence[Result]) -> str:
    names = _names(results)
    lines = []
    for engine in ENGINES:
        if engine.name in names:
            try:
                of = _programs.SIMGRID if engine.package == "simgrid" else version(engine.package)
            except PackageNotFoundError:
                of = "not installed"
            lines.append(f"- **{engine.name}** ({engine.package} {of}): {engine.about}")
    return "\n".join(lines)
