"""The page of one run."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from imafarm.report.html._bindings import BINDINGS, LIMIT, course_of, draw_bindings
from imafarm.report.html._columns import read_columns
from imafarm.report.html._documents import Asked, Election, Moment, RunDocument, read_run
from imafarm.report.html._draw import Pen
from imafarm.report.html._election import EVENTS, HOSTS, MESSAGES, draw_election, ranks, stories, worth_drawing
from imafarm.report.html._links import draw_links
from imafarm.report.html._markup import Child, Safe, definitions, element, table
from imafarm.report.html._page import Section, gone, page, titled, verdict_badge
from imafarm.report.html._scales import amount, seconds, size
from imafarm.report.html._traffic import TRAFFIC, draw_traffic, rates_of
from imafarm.words import counted

MOST_ELECTIONS_DRAWN = 2
MOST_ROWS = 50


def run_page(directory: Path) -> str:
    """The page of a run directory."""
    run = read_run(directory)
    with Pen() as pen:
        events = read_columns(directory / "events.parquet", EVENTS)
        messages = read_columns(directory / "messages.parquet", MESSAGES)
        hosts = read_columns(directory / "hosts.parquet", HOSTS)
        traffic = read_columns(directory / "traffic.parquet", TRAFFIC)
        bindings = read_columns(directory / "bindings.parquet", BINDINGS)
        in_zone = Counter(hosts["zone"]) if hosts is not None else Counter[str]()
        rank = ranks(hosts)
        rates = None if traffic is None else rates_of(traffic)
        course = None if bindings is None else course_of(bindings)
        election: list[Child] = []
        drawn = worth_drawing(run.elections, MOST_ELECTIONS_DRAWN)
        if drawn and events is None:
            election.append(gone("events.parquet", "who doubted, who stood, and who named whom"))
        elif drawn and events is not None:
            for number, story in enumerate(stories(drawn, events, messages), 1):
                there = in_zone[story.election.zone] or len(story.hosts)
                election += draw_election(pen, number, story, rank, there)
        election.append(_elections(run.elections))
        sections = [
            Section("moments", "What happened", [_moments(run.moments)]),
            Section("checks", "Checks", [_checks(run)]),
            Section("elections", "Elections", election),
            Section(
                "messages-sent",
                "Messages",
                [
                    *(
                        [gone("traffic.parquet", "when messages were sent")]
                        if traffic is None
                        else draw_traffic(pen, rates, run.moments)
                        if rates is not None
                        else []
                    ),
                    _messages(run),
                ],
            ),
            Section("between-zones", "Between zones", draw_links(pen, rates) if rates is not None else []),
            Section(
                "bindings",
                "Bindings",
                [
                    *(
                        [gone("bindings.parquet", "how bindings came and went")]
                        if bindings is None
                        else draw_bindings(pen, course, run.verdict.settings.get(LIMIT), run.moments)
                        if course is not None
                        else []
                    ),
                    _bindings(run),
                ],
            ),
            Section("again", "The same run again", _again(run)),
        ]
        made = page(f"{run.verdict.scenario}: {run.verdict.verdict}", _head(run), sections, _foot(run))
        return pen.finished(made)


def _head(run: RunDocument) -> list[Safe]:
    verdict = run.verdict
    failed = [check for check in verdict.checks if not check.passed]
    lead = (
        f"All {len(verdict.checks)} checks passed."
        if not failed
        else f"{len(failed)} of {len(verdict.checks)} checks failed: {'; '.join(check.name for check in failed)}."
    )
    asked = (
        f"{counted(verdict.hosts, 'host')} in {counted(verdict.zones, 'zone')}, {verdict.product}, seed {verdict.seed}"
    )
    changed = ", ".join(f"{name} = {value:,}" for name, value in run.asked.settings.items())
    if changed:
        asked += f", {changed}"
    return [
        element("p", "A run of imafarm", class_="kicker"),
        element("div", element("h1", verdict.scenario), verdict_badge(verdict.passed), class_="title"),
        element("p", lead, class_="lead"),
        element("p", f"{asked}.", class_="asked"),
        definitions(_tiles(run), class_="tiles"),
    ]


def _tiles(run: RunDocument) -> list[tuple[str, Child]]:
    verdict = run.verdict
    sent = sum(each.sent for each in verdict.messages.values())
    bytes_ = sum(each.bytes for each in verdict.messages.values())
    tiles: list[tuple[str, Child]] = []
    took = verdict.elections.converged_seconds
    if took is not None:
        tiles.append(("from the first doubt to agreement, the last election", seconds(took)))
    tiles.append(("messages sent", f"{sent:,}"))
    tiles.append(("bytes of messages", size(bytes_)))
    tiles.append(("bindings opened", f"{verdict.bindings.opened:,}"))
    tiles.append(("torn down to make room", f"{verdict.bindings.evicted:,}"))
    tiles += [(name, told(value)) for name, value in list(run.figures.items())[:3]]
    tiles.append(("farm time", seconds(verdict.virtual_seconds)))
    return tiles


def told(value: object) -> str:
    """A figure as it stands in a table."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}"


def _moments(moments: Sequence[Moment]) -> Safe | None:
    if not moments:
        return None
    began = moments[0].seconds

    def line(moment: Moment) -> Safe:
        after = moment.seconds - began
        return element(
            "li",
            element("span", seconds(moment.seconds), class_="at"),
            element("span", f"+{seconds(after)}" if after else "", class_="after"),
            element("span", moment.what, class_="what"),
        )

    kept = moments[:MOST_ROWS]
    left = len(moments) - len(kept)
    return Safe(
        element("ol", (line(moment) for moment in kept), class_="moments")
        + (element("p", f"And {left:,} more.", class_="note") if left else "")
    )


def _checks(run: RunDocument) -> Safe:
    def line(passed: bool, name: str, detail: str) -> Safe:
        mark, word, class_ = ("\u2713", "passed", "good") if passed else ("\u2717", "failed", "bad")
        return element(
            "li",
            element("span", element("span", mark, aria_hidden="true"), f" {word}", class_=f"mark {class_}"),
            element("span", name),
            element("span", detail, class_="found"),
        )

    return element(
        "ul", (line(check.passed, check.name, check.detail) for check in run.verdict.checks), class_="checks"
    )


def _elections(elections: Sequence[Election]) -> Safe | None:
    if not elections:
        return None
    kept = sorted(elections, key=lambda each: -each.candidates)[:MOST_ROWS] if len(elections) > MOST_ROWS else elections
    kept = sorted(kept, key=lambda each: each.began_seconds or 0)
    rows = [
        (
            each.zone,
            seconds(each.began_seconds),
            each.doubted_by or "-",
            f"{each.candidates:,}",
            seconds(each.first_ack_seconds),
            seconds(each.declared_seconds),
            each.master or "-",
            seconds(each.converged_seconds),
            seconds(each.took_seconds),
        )
        for each in kept
    ]
    head = ("zone", "began", "doubted by", "stood", "first ACK", "declared", "collector", "agreed", "took")
    of_all = "" if len(kept) == len(elections) else f", the {len(kept)} of {len(elections):,} in which the most stood"
    return titled("All elections", table(f"In farm time{of_all}", head, rows, class_="dense"))


def _messages(run: RunDocument) -> Safe:
    kinds = {kind: each for kind, each in run.verdict.messages.items() if each.sent}
    rows = [
        (kind, f"{m.sent:,}", f"{m.delivered:,}", f"{m.dropped:,}", f"{m.in_flight:,}", size(m.bytes))
        for kind, m in kinds.items()
    ]
    sums = [sum(getattr(m, name) for m in kinds.values()) for name in ("sent", "delivered", "dropped", "in_flight")]
    foot = ("all", *(f"{value:,}" for value in sums), size(sum(m.bytes for m in kinds.values())))
    head = ("kind", "sent", "delivered", "dropped", "in flight", "bytes")
    return titled(
        "In all, by kind", table("Sent = delivered + dropped + in flight, for each kind", head, rows, foot=foot)
    )


def _bindings(run: RunDocument) -> Safe:
    b = run.verdict.bindings
    head = ("", "opened", "used again", "torn down", "closed", "refused", "open at the end")
    row = ("all hosts", *(f"{value:,}" for value in (b.opened, b.hit, b.evicted, b.closed, b.refused, b.active)))
    return titled("In all", table("Counted at both ends, over the whole run", head, [row]))


def command_of(asked: Asked, product: str) -> list[str]:
    """The call that makes the same run again."""
    words = ["imafarm", "run", asked.scenario]
    if asked.farm is not None:
        words += ["--farm", asked.farm]
    if asked.store is not None:
        words += ["--store", asked.store]
    if asked.farm is None and asked.store is None:
        for option, value in (("--hosts", asked.hosts), ("--zones", asked.zones)):
            if value is not None:
                words += [option, str(value)]
    if asked.product is not None and (asked.farm is None and asked.store is None):
        words += ["--product", asked.product]
    words += ["--seed", str(asked.seed)]
    for name, value in asked.settings.items():
        words += ["--set", f"{name}={value}"]
    if asked.bound:
        words.append("--bound")
    return words


def _again(run: RunDocument) -> list[Child]:
    verdict = run.verdict
    facts: list[tuple[str, Child]] = [
        ("version", f"imafarm {run.version}"),
        ("digest", element("code", verdict.digest, class_="digest")),
        ("events", f"{verdict.events:,}"),
        ("data collectors", _masters(verdict.masters)),
    ]
    if run.asked.farm is not None:
        facts.append(("farm", run.asked.farm))
    if run.asked.store is not None:
        facts.append(("data store", run.asked.store))
    facts += [(name, told(value)) for name, value in run.figures.items()]
    settings = [
        (name, f"{value:,}", "changed" if name in run.asked.settings else "")
        for name, value in verdict.settings.items()
    ]
    return [
        element("p", "The same version, farm, scenario and seed give the same run, down to its digest."),
        element("pre", element("code", shlex.join(command_of(run.asked, verdict.product)))),
        element("h3", "Figures"),
        definitions(facts, class_="plain"),
        element(
            "details",
            element("summary", f"All {len(settings)} settings"),
            table("Settings of every host, unless it had its own", ("setting", "value", ""), settings),
        ),
    ]


def _masters(masters: Mapping[str, str | None]) -> str:
    said = [f"{zone}: {master or 'none'}" for zone, master in masters.items()]
    most = 12
    return ", ".join(said[:most]) + (f", and {len(said) - most:,} more" if len(said) > most else "") or "-"


def _foot(run: RunDocument) -> Safe:
    verdict = run.verdict
    wall = verdict.wall_seconds
    took = f" in {wall:,.2f} s: {amount(verdict.events / wall)} events a second" if wall else ""
    return element(
        "p",
        f"imafarm {run.version}. {verdict.events:,} events of {seconds(verdict.virtual_seconds)} of farm time{took}.",
    )
