"""What the parts of the screen say of a snapshot. Nothing here knows an app: a size goes in, text comes out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from textual.content import Content

from imafarm.farm import Election
from imafarm.scenario import Verdict
from imafarm.watch import _words as words
from imafarm.watch._pace import PaceNow
from imafarm.watch._play import Play
from imafarm.watch._snapshot import HostView, KindView, LogLine, Snapshot, Tone, ZoneView

STYLES: dict[Tone, str] = {
    "plain": "",
    "quiet": "$foreground 65%",
    "good": "$text-success",
    "bad": "$text-error",
    "notable": "$text-warning",
}
HEAD = "bold $text-primary"
PICKED = "bold reverse"


@dataclass(frozen=True, slots=True)
class Room:
    """Columns and lines."""

    width: int
    height: int


def title(played: Play, room: Room) -> Content:
    """What is played."""
    topology = played.topology
    hosts, zones = len(topology.resolver), len(topology.resolver.zones())
    size = f"{hosts:,} host{'s' * (hosts != 1)} in {zones:,} zone{'s' * (zones != 1)}"
    told = f"{size}, {topology.product}, seed {played.seed} "
    return _ends([(f" {played.scenario.name}", "bold")], [(told, STYLES["quiet"])], room.width)


def clock(snapshot: Snapshot | None, now: PaceNow, verdict: Verdict | None, room: Room) -> Content:
    """How late it is, and how fast it goes."""
    if snapshot is None:
        return Content.assemble((" opening the farm", STYLES["quiet"]))
    if verdict is not None:
        state, style = ("ENDED: passed", STYLES["good"]) if verdict.passed else ("ENDED: failed", STYLES["bad"])
    else:
        state, tone = words.going(now, snapshot.speed)
        style = STYLES[tone]
    left = [
        (f" {snapshot.seconds:,.6f} s", "bold"),
        (f"  {snapshot.phase}  ", STYLES["quiet"]),
        (state, f"bold {style}"),
    ]
    rate = f"{words.short(snapshot.events_per_second)} events/s"
    right = [(f"{rate}  wall {snapshot.wall_seconds:,.1f} s ", STYLES["quiet"])]
    if sum(len(text) for text, _ in left + right) > room.width:
        right = [(f"{rate} ", STYLES["quiet"])]
    return _ends(left, right, room.width)


def zones(snapshot: Snapshot | None, picked: int, room: Room) -> Content:
    """A line for each zone, as far as there is room around the one that is picked."""
    views: Sequence[ZoneView] = () if snapshot is None else snapshot.zones
    rows = max(1, room.height - 1)
    first = max(0, min(picked - rows // 2, len(views) - rows))
    election = max(12, room.width - 62)
    widths = (9, 12, 10, election, 11, 9, 10)
    heads = ("Zone", "up of hosts", "collector", "election", "messages/s", "bindings", "evicted/s")
    lines = [_line([(head, HEAD) for head in heads], widths)]
    for number, zone in enumerate(views[first : first + rows], start=first):
        state, tone = words.stage(zone, election - 1)
        cells = [
            (zone.name, ""),
            (f"{words.short(zone.up)}/{words.short(zone.hosts)}", ""),
            (zone.master or "none", "" if zone.master else STYLES["quiet"]),
            (state, STYLES[tone]),
            (words.short(zone.messages_per_second), ""),
            (words.short(zone.bindings.active), ""),
            (words.short(zone.evicted_per_second), ""),
        ]
        mark = ">" if number == picked and len(views) > 1 else " "
        line = _line(cells, widths, mark)
        lines.append(line.stylize("bold") if number == picked and len(views) > 1 else line)
    return _stack(lines)


def hosts(snapshot: Snapshot | None, room: Room) -> Content:
    """The zone's highest-ranked hosts."""
    detail = None if snapshot is None else snapshot.detail
    wide = room.width >= 48
    widths = (5, 11, 13, 10, 9) if wide else (5, 8, 13, 8, 5)
    heads = ("rank", "host", "role", "follows", "bindings" if wide else "bind")
    lines = [_line([(head, HEAD) for head in heads], widths, right={0, 4})]
    for host in () if detail is None else detail.hosts:
        lines.append(_line(_host(host, wide), widths, right={0, 4}))
    return _stack(lines[: room.height])


def _host(host: HostView, wide: bool) -> list[tuple[str, str]]:
    running = host.power == "up"
    role = host.role if running else host.power
    tone: Tone = "plain"
    if not running:
        tone = "quiet" if host.power == "off" else "bad"
    elif role == "master":
        tone = "good"
    elif role in ("candidate", "acknowledged"):
        tone = "notable"
    held = f"{host.bindings:,}/{host.entries:,}" if wide and host.entries < 10_000 else words.short(host.bindings)
    follows = host.master if running and host.master else "-"
    return [
        (str(host.rank), STYLES["quiet"]),
        (host.name, ""),
        ("collector" if role == "master" else role, STYLES[tone]),
        ("itself" if follows == host.name else follows, ""),
        (held if running else "-", ""),
    ]


def election(snapshot: Snapshot | None, room: Room) -> Content:
    """The time line of the zone's last election."""
    detail = None if snapshot is None else snapshot.detail
    if snapshot is None or detail is None or detail.election is None:
        return Content.assemble((" no election yet", STYLES["quiet"]))
    over = detail.election.converged_seconds is not None
    head = f" election {detail.elections} of {detail.zone}" + (", over" if over else ", under way")
    lines = [Content.assemble((words.cut(head, room.width), HEAD))]
    began = detail.election.doubted_seconds or detail.election.started_seconds or 0.0
    told = max(4, room.width - 29)
    for name, seconds, what in _story(detail.election, told):
        if seconds is None:
            lines.append(_line([(name, STYLES["quiet"])], (13,)))
            continue
        after = f"+{words.span(seconds - began)}" if seconds > began else f"{seconds:,.3f} s"
        lines.append(_line([(name, ""), (after, ""), (what, STYLES["quiet"])], (13, 12, told + 1), right={1}))
    return _stack(lines[: room.height])


def _story(election: Election, width: int) -> Iterator[tuple[str, float | None, str]]:
    if election.doubted_seconds is not None:
        yield "doubt", election.doubted_seconds, election.doubted_by or ""
    stand = f"{election.candidates:,} stand"
    both = f"{election.started_by}, {stand}"
    yield "ELECT_MASTER", election.started_seconds, both if len(both) <= width else stand
    yield "ACK", election.first_ack_seconds, "the first"
    yield "DECLARE", election.declared_seconds, election.master or ""
    yield "all agree", election.converged_seconds, election.master or ""


def kinds(snapshot: Snapshot | None, room: Room) -> Content:
    """The zone's messages by kind: how they went lately, and all in all."""
    detail = None if snapshot is None else snapshot.detail
    views: Sequence[KindView] = () if detail is None else detail.kinds
    wide = max(8, room.width - 44)
    widths = (20, wide + 1, 10, 12)
    heads = ("messages", "lately", "a second", "all in all")
    lines = [_line([(head, HEAD) for head in heads], widths, right={2, 3})]
    top = max((value for view in views for value in view.history[-wide:]), default=0.0)
    for view in views[: room.height - 1]:
        bars = words.sparkline(view.history, wide, top)
        cells = [(view.kind, ""), (bars, "$text-accent"), (words.short(view.per_second), ""), (f"{view.sent:,}", "")]
        lines.append(_line(cells, widths, right={2, 3}))
    return _stack(lines)


def log(snapshot: Snapshot | None, room: Room) -> Content:
    """What happened last."""
    told: Sequence[LogLine] = () if snapshot is None else snapshot.log
    named = snapshot is not None and len(snapshot.zones) > 1
    lines = []
    for line in told[-room.height :]:
        times = f"  ({line.times:,} such)" if line.times > 1 else ""
        zone = f"{line.zone or '':<8} " if named else ""
        text = words.cut(f"{zone}{line.text}", room.width - 17 - len(times))
        lines.append(
            Content.assemble(
                (f"{line.seconds:>13,.6f} s ", STYLES["quiet"]), (text, STYLES[line.tone]), (times, STYLES["quiet"])
            )
        )
    return _stack(lines)


def rule(name: str, room: Room) -> Content:
    """A line with a name in it."""
    text = f"── {name} "
    return Content.assemble((words.cut(text, room.width).ljust(room.width, "─"), STYLES["quiet"]))


@dataclass(frozen=True, slots=True)
class _Key:
    """A key, what it does, and the same in one word."""

    name: str
    does: str
    word: str = ""


ENDED_KEYS = (
    _Key("v", "verdict"),
    _Key("↑↓", "zone"),
    _Key("d", "light or dark"),
    _Key("?", "help"),
    _Key("q", "quit"),
)


def _keys(now: PaceNow) -> tuple[_Key, ...]:
    switch = "off" if now.slows else "on"
    return (
        _Key("space", "go on" if now.paused else "pause"),
        _Key("s", "step"),
        _Key("n", "next event", "next"),
        _Key("+-", "speed"),
        _Key("m", "max"),
        _Key("e", f"slow elections {switch}", f"slow {switch}"),
        _Key("↑↓", "zone"),
        _Key("?", "help"),
        _Key("q", "quit"),
    )


def keys(now: PaceNow, ended: bool, room: Room) -> Content:
    """The keys, in as many words as there is room for."""
    shown = ENDED_KEYS if ended else _keys(now)
    told, gap = [(key.name, key.does) for key in shown], "  "
    if sum(len(name) + len(what) + 3 for name, what in told) > room.width:
        told, gap = [(key.name, key.word or key.does) for key in shown], " "
    parts = [part for name, what in told for part in ((f" {name}", "bold $text-accent"), (f" {what}{gap[1:]}", ""))]
    return Content.assemble(*parts)


def _ends(left: list[tuple[str, str]], right: list[tuple[str, str]], width: int) -> Content:
    between = width - sum(len(text) for text, _ in left + right)
    return Content.assemble(*left, (" " * max(1, between), ""), *right)


def _line(
    cells: Sequence[tuple[str, str]], widths: Sequence[int], mark: str = " ", *, right: set[int] | None = None
) -> Content:
    """Cells in columns of these widths, of which the last is a gap; numbers stand at the right."""
    ends = {4, 5, 6} if right is None else right
    parts: list[tuple[str, str]] = [(mark, "")]
    for place, ((text, style), width) in enumerate(zip(cells, widths, strict=False)):
        told = words.cut(text, width - 1)
        parts.append((told.rjust(width - 1) + " " if place in ends else told.ljust(width), style))
    return Content.assemble(*parts)


def _stack(lines: Sequence[Content]) -> Content:
    return Content("\n").join(lines)
