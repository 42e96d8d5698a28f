"""The time line of an election: who doubted, who stood, who left it to whom, and when each host learnt the master."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from imafarm.report.html._columns import Columns
from imafarm.report.html._documents import Election
from imafarm.report.html._draw import Data, Key, Pen, Sheet
from imafarm.report.html._markup import Safe, shortened
from imafarm.report.html._scales import SECOND, UNITS, PhasedAxis, Unit, lasting, staircase
from imafarm.report.html._theme import PAINT

EVENTS = ("time_ns", "kind", "host", "zone")
MESSAGES = ("time_ns", "source", "target", "kind")
HOSTS = ("host", "zone", "host_id", "version", "preference", "session_only")

DOUBTED, STOOD, LEFT, DECLARED, NAMED = (
    "MASTER_UNREACHABLE",
    "ELECTION_STARTED",
    "ELECTION_ACKNOWLEDGED",
    "MASTER_DECLARED",
    "MASTER_ACCEPTED",
)
KINDS = (DOUBTED, STOOD, LEFT, DECLARED, NAMED)
SAID = {
    DOUBTED: "could not reach the collector",
    STOOD: "sent ELECT_MASTER",
    LEFT: "was told of a higher-ranked host",
    DECLARED: "sent DECLARE_MASTER",
    NAMED: "named the new collector",
}
ROWS = 24
"""How many hosts have a line of their own at the most."""
MOST_ARROWS = 600
CURVE_POINTS = 120


@dataclass
class Story:
    """What the hosts of one zone did in one election."""

    election: Election
    start_ns: int
    end_ns: int
    first: dict[str, dict[str, int]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    """By kind: each host's first such event, in nanoseconds."""
    arrows: list[tuple[int, str, str, str]] = field(default_factory=list)
    """Time, source, target, kind."""

    @property
    def hosts(self) -> set[str]:
        """Everybody to whom anything happened."""
        return {host for firsts in self.first.values() for host in firsts}

    @property
    def since(self) -> str:
        """What its time is counted from."""
        return "its beginning" if self.election.doubted_seconds is None else "the first doubt"

    @property
    def times(self) -> list[int]:
        """When anything happened."""
        return [ns for firsts in self.first.values() for ns in firsts.values()]


def worth_drawing(elections: Sequence[Election], most: int) -> list[Election]:
    """The elections that a picture is worth: those that followed a doubt, and of all those in which the most stood."""
    told = [each for each in elections if each.began_seconds is not None and each.converged_seconds is not None]
    doubted = [each for each in told if each.doubted_seconds is not None]
    told = [each for each in told if each.candidates > 1]
    # While a farm boots, hosts that are alone for a moment elect themselves; drawn only where there is nothing else.
    chosen = sorted(doubted or told, key=lambda each: (-each.candidates, -(each.took_seconds or 0)))[:most]
    return sorted(chosen, key=lambda each: each.began_seconds or 0)


def stories(elections: Sequence[Election], events: Columns, messages: Columns | None) -> list[Story]:
    """What happened in each of these elections."""
    told = []
    for election in elections:
        began, ended = election.began_seconds, election.converged_seconds
        if began is None or ended is None:
            continue
        # Seconds are floats: a nanosecond's rounding must not leave out the first event or the last.
        told.append(Story(election, round(began * SECOND) - 1_000, round(ended * SECOND) + 1_000))
    by_zone = defaultdict(list)
    for story in told:
        by_zone[story.election.zone].append(story)
    for ns, kind, host, zone in zip(*(events[name] for name in EVENTS), strict=True):
        if zone not in by_zone or kind not in SAID:
            continue
        for story in by_zone[zone]:
            if story.start_ns <= ns <= story.end_ns:
                story.first[kind].setdefault(host, ns)
    if messages is not None:
        for ns, source, target, kind in zip(*(messages[name] for name in MESSAGES), strict=True):
            for story in told:
                if story.start_ns <= ns <= story.end_ns:
                    story.arrows.append((ns, source, target, kind))
    return [story for story in told if story.times]


def ranks(hosts: Columns | None) -> dict[str, int]:
    """Each host's place in its farm's order of rank: 0 is the highest."""
    if hosts is None:
        return {}
    rows = zip(*(hosts[name] for name in HOSTS), strict=True)
    ordered = sorted(
        ((not session_only, _number(version), -_number(preference), _number(number)), name)
        for name, _, number, version, preference, session_only in rows
    )
    return {name: place for place, (_, name) in enumerate(reversed(ordered))}


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) else 0


def draw_election(pen: Pen, number: int, story: Story, rank: Mapping[str, int], hosts_in_zone: int) -> list[Safe]:
    """The pictures of one election: every host's line, or for a large zone the curves, and some hosts' lines."""
    figures = []
    axis = PhasedAxis(story.times)
    unit = UNITS[0] if story.end_ns - story.start_ns < 20 * SECOND else UNITS[1]
    if len(story.hosts) > ROWS:
        figures.append(_curves(pen, number, story, axis, unit, hosts_in_zone))
    figures.append(_lines(pen, number, story, axis, unit, rank))
    return figures


# Curves: how many hosts had come how far.


_CURVES = {
    DOUBTED: ("could not reach the old one", "five", "dots", [2, 3]),
    STOOD: ("stood for election", "two", "dash", [6, 4]),
    LEFT: ("were told of a higher-ranked host", "one", "dashdot", [9, 3, 2, 3]),
    NAMED: ("named the new collector", "three", "line", [1, 0]),
}


def _curves(pen: Pen, number: int, story: Story, axis: PhasedAxis, unit: Unit, hosts_in_zone: int) -> Safe:
    curves = {kind: sorted(story.first[kind].values()) for kind in _CURVES if story.first[kind]}
    rows = [
        {"x": axis.place(ns), "y": count, "kind": kind}
        for kind, times in curves.items()
        for ns, count in [(story.start_ns, 0), *curve_of(times), (story.end_ns, len(times))]
    ]

    def draw(sheet: Sheet) -> Any:
        import altair as alt

        height = 220 if sheet.narrow else 300
        most = max(len(times) for times in curves.values())
        lines = (
            alt.Chart(sheet.rows(rows))
            .mark_line(interpolate="step-after", strokeWidth=2.5)
            .encode(
                x=_x(alt),
                y=alt.Y("y:Q", title=None, scale=alt.Scale(domain=[0, most * 1.04], nice=False)).axis(
                    tickCount=4, format=",d", minExtent=sheet.left, maxExtent=sheet.left
                ),
                color=alt.Color("kind:N").scale(
                    domain=list(_CURVES), range=[PAINT[colour] for _, colour, _, _ in _CURVES.values()]
                ),
                strokeDash=alt.StrokeDash("kind:N").scale(
                    domain=list(_CURVES), range=[dash for _, _, _, dash in _CURVES.values()]
                ),
            )
        )
        return (
            alt.layer(*phased_axis(sheet, axis, unit, (sheet.plot, height), story.since), lines)
            .properties(width=sheet.plot, height=height)
            .configure_axisX(grid=False)
        )

    data = Data(
        (f"{unit.name} since {story.since}", "what", "hosts"),
        [
            (f"{unit.of(ns - axis.origin_ns):,.3f}", SAID[kind], count)
            for kind, times in curves.items()
            for ns, count in curve_of(times, 12)
        ],
    )
    election = story.election
    counts = "; ".join(f"{len(times):,} {_CURVES[kind][0]}" for kind, times in curves.items())
    return pen.figure(
        f"election-{number}-curve",
        f"How {election.zone} came to agree",
        f"Of {hosts_in_zone:,} hosts of the zone: {counts}. Time in which nothing happens is left out.",
        draw,
        data,
        [Key(glyph, colour, text) for kind, (text, colour, glyph, _) in _CURVES.items() if kind in curves],
    )


def curve_of(times: Sequence[int], most: int = CURVE_POINTS) -> list[tuple[int, int]]:
    """A curve's steps, evenly spread over the counts."""
    if len(times) <= most:
        return [(ns, count) for count, ns in enumerate(times, 1)]
    places = [place * (len(times) - 1) // (most - 1) for place in range(most)]
    return [(times[place], place + 1) for place in places]


# Lines: what became of single hosts.


def chosen_hosts(story: Story, rank: Mapping[str, int]) -> list[str]:
    """Whose lines are drawn, the highest-ranked first: all if they are few, else those that matter and some others."""
    far = len(rank)
    everybody = sorted(story.hosts, key=lambda host: (rank.get(host, far), host))
    if len(everybody) <= ROWS:
        return everybody
    election = story.election
    known = set(everybody)
    wanted = [election.master, election.doubted_by, election.started_by]
    # Those whose messages were written down come before others, since they have arrows.
    tapped = sorted(
        {host for _, source, target, _ in story.arrows for host in (source, target)} & known,
        key=lambda host: (rank.get(host, far), host),
    )
    picked = dict.fromkeys(host for host in wanted if host in known)
    picked.update(dict.fromkeys(tapped[: ROWS - len(picked)]))
    for host in everybody[: ROWS // 2]:
        if len(picked) < ROWS // 2:
            picked[host] = None
    rest = [host for host in everybody if host not in picked]
    left = ROWS - len(picked)
    for place in range(left):
        picked[rest[place * (len(rest) - 1) // max(1, left - 1)]] = None
    return [host for host in everybody if host in picked]


def _lines(pen: Pen, number: int, story: Story, axis: PhasedAxis, unit: Unit, rank: Mapping[str, int]) -> Safe:
    hosts = chosen_hosts(story, rank)
    row = {host: place + 0.5 for place, host in enumerate(hosts)}
    bars, marks = _bars(story, axis, row), _marks(story, axis, row)
    arrows = _arrows(story, axis, row)
    names = [{"y": row[host], "name": shortened(host, 14)} for host in hosts]

    def draw(sheet: Sheet) -> Any:
        import altair as alt

        step = 19 if sheet.narrow else 21
        width = sheet.plot - (30 if sheet.narrow else 34)
        height = max(step * len(hosts), 60)
        y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[0, len(hosts)], reverse=True, nice=False))
        colour = alt.Color("paint:N", scale=None)
        layers: list[Any] = [
            *phased_axis(sheet, axis, unit, (width, height), story.since),
            alt.Chart(sheet.rows(names))
            .mark_text(align="right", baseline="middle", color=PAINT["ink"], limit=sheet.left + 30)
            .encode(y=y, x=alt.value(-8), text="name:N"),
            alt.Chart(sheet.rows([{"y": place} for place in row.values()]))
            .mark_rule(color=PAINT["grid"])
            .encode(y=y, x=alt.value(0), x2=alt.value("width")),
            alt.Chart(sheet.rows(bars))
            .mark_rule(strokeCap="butt")
            .encode(x=_x(alt), x2="x2:Q", y=y, color=colour, strokeWidth=alt.StrokeWidth("width:Q", scale=None)),
        ]
        if arrows:
            shafts = alt.Chart(sheet.rows(arrows)).mark_rule(strokeWidth=1, opacity=0.5 if len(arrows) < 120 else 0.28)
            heads = alt.Chart(sheet.rows(arrows)).mark_point(filled=True, size=22, opacity=0.9)
            shape = alt.Shape("shape:N", scale=None)
            layers.append(shafts.encode(x=_x(alt), y=y, y2="y2:Q", color=colour))
            layers.append(heads.encode(x=_x(alt), y=alt.Y("y2:Q", axis=None), color=colour, shape=shape))
        layers.append(
            alt.Chart(sheet.rows(marks))
            .mark_point(filled=True, opacity=1, strokeWidth=1.5)
            .encode(
                x=_x(alt),
                y=y,
                shape=alt.Shape("shape:N", scale=None),
                size=alt.Size("size:Q", scale=None),
                fill=alt.Fill("fill:N", scale=None),
                stroke=alt.Stroke("paint:N", scale=None),
            )
        )
        return alt.layer(*layers).properties(width=width, height=height).resolve_scale(color="independent")

    data = Data(
        ("host", *(SAID[kind] for kind in KINDS)),
        [(host, *(_since(story.first[kind].get(host), axis, unit) for kind in KINDS)) for host in hosts],
    )
    of_all = "" if len(hosts) == len(story.hosts) else f" {len(hosts)} of {len(story.hosts):,} hosts are shown."
    asked = " Arrows are messages between them, at the moment they arrived." if arrows else ""
    looks = {
        DOUBTED: Key("ring", "five", "could not reach the collector"),
        STOOD: Key("bar", "two", "stands for election"),
        LEFT: Key("thin", "other", "waits for a higher-ranked one"),
        NAMED: Key("dot", "three", "names the new collector"),
        DECLARED: Key("diamond", "ink", "declares itself collector"),
    }
    keys = [key for kind, key in looks.items() if any(host in story.first[kind] for host in hosts)]
    if any(each["shape"] == "triangle-up" for each in arrows):
        keys.append(Key("up", "one", "ELECT_MASTER"))
    if any(each["shape"] == "triangle-down" for each in arrows):
        keys.append(Key("down", "four", "ELECT_MASTER_ACK"))
    master = f" {story.election.master} became collector." if story.election.master else ""
    return pen.figure(
        f"election-{number}-hosts",
        f"Who asked whom in {story.election.zone}" if arrows else f"Host by host in {story.election.zone}",
        f"The highest-ranked host stands on top.{master}{of_all}{asked}",
        draw,
        data,
        keys,
    )


def _since(ns: int | None, axis: PhasedAxis, unit: Unit) -> str:
    return "-" if ns is None else f"{unit.of(ns - axis.origin_ns):,.3f} {unit.name}"


def _bars(story: Story, axis: PhasedAxis, row: Mapping[str, float]) -> list[dict[str, Any]]:
    bars = []

    def bar(host: str, start: int, end: int, colour: str, width: float) -> None:
        if end > start:
            bars.append({
                "x": axis.place(start), "x2": axis.place(end), "y": row[host], "paint": PAINT[colour], "width": width,
            })  # fmt: skip

    for host in row:
        stood, left, declared, named = (story.first[kind].get(host) for kind in (STOOD, LEFT, DECLARED, NAMED))
        end = story.end_ns
        if stood is not None:
            ends = [ns for ns in (left, declared, named) if ns is not None and ns >= stood]
            bar(host, stood, min(ends, default=end), "two", 7)
        if left is not None:
            bar(host, left, named if named is not None and named >= left else end, "other", 1.5)
        takes = declared if declared is not None else named
        if takes is not None:
            bar(host, takes, end, "three", 7 if declared is not None else 2.5)
    return bars


def _marks(story: Story, axis: PhasedAxis, row: Mapping[str, float]) -> list[dict[str, Any]]:
    looks = {
        DOUBTED: ("circle", 44, "paper", "five"),
        NAMED: ("circle", 40, "three", "three"),
        DECLARED: ("diamond", 110, "ink", "paper"),
    }
    marks = []
    for kind, (shape, size, fill, paint) in looks.items():
        for host, ns in story.first[kind].items():
            if host in row and not (kind == NAMED and host in story.first[DECLARED]):
                place = {"x": axis.place(ns), "y": row[host]}
                marks.append({**place, "shape": shape, "size": size, "fill": PAINT[fill], "paint": PAINT[paint]})
    return marks


def _arrows(story: Story, axis: PhasedAxis, row: Mapping[str, float]) -> list[dict[str, Any]]:
    looks = {"ELECT_MASTER": "one", "ELECT_MASTER_ACK": "four"}
    drawn = [
        (ns, source, target, kind)
        for ns, source, target, kind in story.arrows
        if kind in looks and source in row and target in row and source != target
    ]
    if len(drawn) > MOST_ARROWS:
        drawn = [drawn[place * (len(drawn) - 1) // (MOST_ARROWS - 1)] for place in range(MOST_ARROWS)]
    return [
        {
            "x": axis.place(ns),
            "y": row[source],
            "y2": row[target],
            "paint": PAINT[looks[kind]],
            "shape": "triangle-up" if row[target] < row[source] else "triangle-down",
        }
        for ns, source, target, kind in drawn
    ]


# What both have: a time axis with waits left out.


def _x(alt: Any) -> Any:
    return alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, 1], nice=False))


def phased_axis(sheet: Sheet, axis: PhasedAxis, unit: Unit, area: tuple[int, int], since: str) -> list[Any]:
    """Ticks, and the waits that are left out, for a picture of this width and height."""
    import altair as alt

    width, height = area

    ticks = [{"x": x, "text": text} for x, text in axis.ticks(unit, 5 if sheet.narrow else 9, 7.2 / width)]
    gaps = [{"x": before.right, "x2": after.left} for before, after in pairwise(axis.phases)]
    title = [{"text": f"{unit.name} since {since}"}]
    layers = [
        alt.Chart(sheet.rows(ticks))
        .mark_rule(color=PAINT["grid"])
        .encode(x=_x(alt), y=alt.value(0), y2=alt.value(height)),
        alt.Chart(sheet.rows(ticks))
        .mark_text(baseline="top", color=PAINT["soft"])
        .encode(x=_x(alt), y=alt.value(height + 7), text="text:N"),
        alt.Chart(sheet.rows(title))
        .mark_text(baseline="top", align="right", color=PAINT["soft"])
        .encode(x=alt.value("width"), y=alt.value(height + 25), text="text:N"),
    ]
    if gaps:
        # The wait between two spans: a strip of another shade, so that nobody takes the axis for an even one.
        layers.append(
            alt.Chart(sheet.rows(gaps))
            .mark_rect(color=PAINT["sheet"])
            .encode(x=_x(alt), x2="x2:Q", y=alt.value(-4), y2=alt.value(height + 4))
        )
        layers += _waits(sheet, axis, width)
    return layers


def _waits(sheet: Sheet, axis: PhasedAxis, width: int) -> list[Any]:
    """How long each wait is, above the plot, where no line crosses it: a flag on a pole that stands on its strip."""
    import altair as alt

    letter, line, foot = 6.8, 14, 5
    poles, words = [], []
    for before, after in pairwise(axis.phases):
        wait = lasting(after.first_ns - before.last_ns)
        poles.append((before.right + after.left) / 2 * width)
        words.append(f"+{wait}" if sheet.narrow else f"{wait} later")
    ends = [pole + 4 + letter * len(word) for pole, word in zip(poles, words, strict=True)]
    layers: list[Any] = []
    for pole, word, end, step in zip(poles, words, ends, staircase(poles, ends), strict=True):
        # At the right edge a flag hangs over its pole, which then ends beneath it.
        over = max(0.0, end - width - sheet.right)
        low = -foot - line * step
        data = sheet.rows([{"text": word}])
        layers.append(
            alt.Chart(data)
            .mark_rule(color=PAINT["soft"], strokeWidth=1)
            .encode(x=alt.value(pole), y=alt.value(-4), y2=alt.value(low if over else low - line + 3))
        )
        layers.append(
            alt.Chart(data)
            .mark_text(align="left", baseline="bottom", color=PAINT["soft"], fontSize=11)
            .encode(x=alt.value(pole + 4 - over), y=alt.value(low), text="text:N")
        )
    return layers
