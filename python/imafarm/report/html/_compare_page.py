"""The page of two runs, or of two studies, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from imafarm.report.compared import ratio_of, told
from imafarm.report.comparison import Comparison, Pair, Part, compare
from imafarm.report.html._bindings import BINDINGS, Course, course_of
from imafarm.report.html._columns import read_columns
from imafarm.report.html._documents import StudyDocument, read_run, read_study
from imafarm.report.html._draw import Data, Pen
from imafarm.report.html._election import EVENTS, NAMED, Story, curve_of, stories, worth_drawing
from imafarm.report.html._knee import place_of
from imafarm.report.html._markup import Child, Safe, element, table
from imafarm.report.html._overlay import Curve, draw_overlay
from imafarm.report.html._page import Section, page, titled, verdict_badge
from imafarm.report.html._scales import SECOND, UNITS, PhasedAxis, amount, size, unit_of
from imafarm.report.html._study_page import measures_in_order
from imafarm.report.html._traffic import TRAFFIC, Rates, asks_for_log, rates_of


def compare_page(first: Path, second: Path) -> str:
    """The page of two directories."""
    comparison = compare(first, second)
    with Pen() as pen:
        draw = _runs if comparison.kind == "run" else _studies
        pictures: list[Child] = list(draw(pen, comparison))
        sections = [
            Section("asked", "What was asked", [_asked(comparison)]),
            Section("curves", "One over the other", pictures),
            Section("numbers", "In numbers", [_part(part) for part in comparison.parts if part.pairs]),
        ]
        title = f"{comparison.names[0]} and {comparison.names[1]}"
        made = page(title, _head(comparison), sections, element("p", "Made by imafarm compare."))
        return pen.finished(made)


def _head(comparison: Comparison) -> list[Safe]:
    lines = []
    for which, name, verdict in zip(("first", "second"), comparison.names, comparison.verdicts, strict=True):
        lines.append(
            element(
                "div",
                element("span", f"{which}: "),
                element("strong", name),
                verdict_badge(verdict == "passed", verdict),
                class_="title under",
            )
        )
    kind = {"run": "runs", "study": "studies"}[comparison.kind]
    if comparison.same:
        lead = "The same to the last event: the digests are equal."
    elif comparison.digests is not None:
        lead = "Two different runs: the digests differ."
    else:
        lead = "The digests of their points differ."
    return [
        element("p", "A comparison by imafarm", class_="kicker"),
        element("h1", f"Two {kind} side by side"),
        *lines,
        element("p", lead, class_="lead"),
    ]


def _asked(comparison: Comparison) -> Safe:
    if not comparison.differs:
        return element("p", "The same was asked of both.")
    rows = [(pair.name, told(pair.first), told(pair.second)) for pair in comparison.differs]
    return table("What differs", ("", "first", "second"), rows)


def _part(part: Part) -> Safe:
    def row(pair: Pair) -> Sequence[Child]:
        return (pair.name, told(pair.first), told(pair.second), ratio_of(pair))

    return titled(
        part.title,
        table("The ratio is the second over the first", ("", "first", "second", "ratio"), map(row, part.pairs)),
    )


def _runs(pen: Pen, comparison: Comparison) -> list[Safe]:
    drawn = []
    names = comparison.names
    told_stories = [_story(directory) for directory in comparison.directories]
    if told_stories[0] is not None and told_stories[1] is not None:
        drawn.append(_agreement(pen, names, (told_stories[0], told_stories[1])))
    rates = [_rates(directory) for directory in comparison.directories]
    if rates[0] is not None and rates[1] is not None:
        both = rates[0], rates[1]
        drawn.append(_traffic(pen, names, both, "messages", "Messages in a second"))
        drawn.append(_traffic(pen, names, both, "bytes", "Bytes in a second"))
    courses = [_course(directory) for directory in comparison.directories]
    if courses[0] is not None and courses[1] is not None:
        drawn += _bindings(pen, names, (courses[0], courses[1]))
    if not drawn:
        drawn.append(
            element("p", "One of the two has no tables, so there are no curves to lay over each other.", class_="gone")
        )
    return drawn


def _story(directory: Path) -> Story | None:
    events = read_columns(directory / "events.parquet", EVENTS)
    if events is None:
        return None
    found = stories(worth_drawing(read_run(directory).elections, 1), events, None)
    return next((story for story in found if story.first[NAMED]), None)


def _agreement(pen: Pen, names: tuple[str, str], both: tuple[Story, Story]) -> Safe:
    # Each begins at its own first doubt.
    times = [[ns - story.start_ns for ns in story.first[NAMED].values()] for story in both]
    axis = PhasedAxis([0, *times[0], *times[1]])
    longest = max(max(each) for each in times)
    unit = UNITS[0] if longest < 20 * SECOND else UNITS[1]
    one, other = (
        [(axis.place(ns), float(count)) for ns, count in [(0, 0), *curve_of(sorted(each)), (longest, len(each))]]
        for each in times
    )
    label = "; ".join(
        f"{name}: {len(each):,} hosts within {unit.of(max(each)):,.4g} {unit.name}"
        for name, each in zip(names, times, strict=True)
    )
    return draw_overlay(
        pen,
        "agreement",
        "Hosts that have named the new collector",
        f"{label}. Both begin at their first doubt.",
        names,
        (one, other),
        "",
        phases=(axis, unit),
        data=Data(
            ("of", f"{unit.name} since the first doubt", "hosts"),
            [
                (name, f"{unit.of(ns):,.3f}", count)
                for name, each in zip(names, times, strict=True)
                for ns, count in curve_of(sorted(each), 30)
            ],
        ),
    )


def _rates(directory: Path) -> Rates | None:
    traffic = read_columns(directory / "traffic.parquet", TRAFFIC)
    return None if traffic is None else rates_of(traffic)


def _traffic(pen: Pen, names: tuple[str, str], both: tuple[Rates, Rates], what: str, title: str) -> Safe:
    totals = [[sum(values) for values in zip(*getattr(each, what).values(), strict=True)] for each in both]
    unit = unit_of(max(each.bins.end_ns - each.bins.start_ns for each in both))
    one, other = (
        [(unit.of(each.bins.edge(at)), value) for at, value in enumerate(total)]
        for each, total in zip(both, totals, strict=True)
    )
    shown = size if what == "bytes" else amount
    label = "; ".join(f"{name}: at most {shown(max(total))}" for name, total in zip(names, totals, strict=True))
    log = any(asks_for_log(total) for total in totals)
    scale = " On a logarithmic scale." if log else ""
    return draw_overlay(pen, what, title, f"{label}.{scale}", names, (one, other), f"farm time, {unit.name}", log_y=log)


def _course(directory: Path) -> Course | None:
    bindings = read_columns(directory / "bindings.parquet", BINDINGS)
    return None if bindings is None else course_of(bindings)


def _bindings(pen: Pen, names: tuple[str, str], both: tuple[Course, Course]) -> list[Safe]:
    unit = unit_of(max(each.bins.end_ns - each.bins.start_ns for each in both))
    figures = []
    for name, title, values in (
        ("collector", "Open bindings of the fullest data collector", [each.fullest for each in both]),
        ("evicted", "Bindings torn down to make room, in a second", [each.evicted for each in both]),
    ):
        one, other = (
            [(unit.of(each.bins.edge(at)), value) for at, value in enumerate(found)]
            for each, found in zip(both, values, strict=True)
        )
        most = [max((value for value in found if value is not None), default=0.0) for found in values]
        label = "; ".join(f"{of}: at most {amount(each)}" for of, each in zip(names, most, strict=True))
        figures.append(draw_overlay(pen, name, title, f"{label}.", names, (one, other), f"farm time, {unit.name}"))
    return figures


def _studies(pen: Pen, comparison: Comparison) -> list[Safe]:
    one, other = (read_study(directory) for directory in comparison.directories)
    varied = [each for each in one.asked.vary if len(one.asked.vary) == 1]
    same = [each.name for each in other.asked.vary] == [each.name for each in varied]
    if not varied or not same or not all(place_of(each.values(varied[0].name))[1] for each in (one, other)):
        said = "Curves are laid over each other where both studies vary one and the same number."
        return [element("p", said, class_="gone")]
    name = varied[0].name
    figures: list[Safe] = []
    small: list[Safe] = []
    for number, measure in enumerate(each for each in measures_in_order(one) if one.known(each) and other.known(each)):
        what = one.measures[measure]
        curves = _means(one, measure), _means(other, measure)
        across = [x for curve in curves for x, _ in curve]
        large = number == 0
        drawn = draw_overlay(
            pen,
            f"measure-{number}",
            what.headed,
            "Means over all seeds.",
            comparison.names,
            curves,
            name,
            log_x=varied[0].log and min(across, default=0) > 0,
            steps=False,
            large=large,
        )
        (figures if large else small).append(drawn)
    return [*figures, element("div", small, class_="multiples below")] if small else figures


def _means(study: StudyDocument, measure: str) -> Curve:
    varied = study.asked.vary[0]
    places, _ = place_of(study.values(varied.name))
    found: dict[float, list[float]] = {}
    for point in study.rows:
        value, at = point.measures.get(measure), places.get(point.vary.get(varied.name))
        if value is not None and at is not None:
            found.setdefault(at, []).append(value)
    return [(at, fmean(values)) for at, values in sorted(found.items())]
