"""The page of a study."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from imafarm.report.html._documents import Knee, Scalar, StudyDocument, read_study
from imafarm.report.html._draw import Pen
from imafarm.report.html._knee import draw_curve, draw_map
from imafarm.report.html._markup import Child, Safe, definitions, element, table
from imafarm.report.html._page import Section, page, titled, verdict_badge
from imafarm.report.html._scales import amount, size
from imafarm.words import counted

MOST_ROWS = 100
AROUND = ("update_delay_p99", "handshake_bytes", "converge_seconds")
"""Measures that are told below and at the knee."""
NEEDS = {"collector_busy": "it needs a WorkCost.. setting, for example --set WorkCostHeartbeat=200"}
"""What measures need that are null without it."""


def study_page(directory: Path) -> str:
    """The page of a study directory."""
    study = read_study(directory)
    names = [varied.name for varied in study.asked.vary]
    with Pen() as pen:
        pictures: list[Child] = []
        order = [name for name in measures_in_order(study) if study.known(name)]
        if not study.rows:
            pictures.append(element("p", "No point of this study has been run yet.", class_="gone"))
        elif len(names) == 2:
            pictures += [draw_map(pen, study, number, measure) for number, measure in enumerate(order, 1)]
        else:
            pictures += _curves(pen, study, order)
        unknown = [_unknown(study, name) for name in measures_in_order(study) if not study.known(name)]
        if study.rows and unknown:
            pictures.append(element("p", f"No point says anything of: {'; '.join(unknown)}.", class_="gone below"))
        sections = [
            Section("curves", "What was measured", pictures),
            Section("means", "Means", [_means(study)] if study.rows else []),
            Section("failures", "Points that failed", _failures(study)),
            Section("again", "The same study again", _again(study)),
        ]
        made = page(f"study of {study.asked.scenario}: {', '.join(names)}", _head(study), sections, _foot(study))
        return pen.finished(made)


def _unknown(study: StudyDocument, measure: str) -> str:
    """A measure that no point has, and why, as far as that is known."""
    what = study.measures[measure]
    _, said, why = what.meaning.partition("; null ")
    why = NEEDS.get(measure, f"null {why}" if said else "")
    return f"{what.title} ({why})" if why else what.title


def measures_in_order(study: StudyDocument) -> list[str]:
    """The measures, that of the knee first."""
    known = [name for name in study.asked.measures if name in study.measures]
    known += [name for name in study.measures if name not in known]
    first = study.knee.measure if study.knee is not None and study.knee.measure in known else None
    return known if first is None else [first, *(name for name in known if name != first)]


def _curves(pen: Pen, study: StudyDocument, order: Sequence[str]) -> list[Child]:
    """The first measure over each name that is varied, large; the others small."""
    parts: list[Child] = []
    number = 0
    for varied in study.asked.vary:
        if len(study.asked.vary) > 1:
            parts.append(element("h3", f"By {varied.name}"))
        small = []
        for place, measure in enumerate(order):
            number += 1
            drawn = draw_curve(pen, study, varied, measure, f"curve-{number}", large=place == 0)
            if place == 0:
                parts.append(drawn)
            else:
                small.append(drawn)
        if small:
            parts.append(element("div", small, class_="multiples below"))
    return parts


def _head(study: StudyDocument) -> list[Child]:
    asked = study.asked
    by = " and ".join(varied.name for varied in asked.vary)
    passed = sum(point.verdict == "passed" for point in study.rows)
    # What is the headline already is not said twice.
    said = [f"{asked.scenario} by {by}"] if study.recommendation else []
    if asked.hosts is not None:
        said.append(f"{counted(asked.hosts, 'host')} in {counted(asked.zones or 1, 'zone')}")
    said += [asked.product] if asked.product else []
    said += [f"{name} = {value:,}" for name, value in asked.settings.items()]
    each = "value" if len(asked.vary) == 1 else "combination of values"
    said.append(f"{counted(asked.repeat, 'seed')} for each {each}, from seed {asked.seed} on")
    headline = study.recommendation or f"{asked.scenario} by {by}"
    unfinished = None
    if not study.complete:
        unfinished = element("p", "This study is not finished: not all of its points have been run.", class_="lead")
    return [
        element("p", "A study of imafarm", class_="kicker"),
        element("h1", headline, class_="sentence" if study.recommendation else None),
        element(
            "div", verdict_badge(passed == len(study.rows), _of_all(passed, len(study.rows))), class_="title under"
        ),
        element("p", study.cost, class_="lead") if study.cost else None,
        unfinished,
        element("p", f"{', '.join(said)}.", class_="asked"),
        definitions(_tiles(study), class_="tiles"),
    ]


def _tiles(study: StudyDocument) -> list[tuple[str, Child]]:
    tiles: list[tuple[str, Child]] = []
    if study.knee is not None:
        knee = study.knee
        tiles.append(("the knee", number(knee.value)))
        if knee.below is not None:
            tiles.append(("the largest value tried that is worse", number(knee.below)))
        if knee.theory is not None:
            tiles.append(("what theory says", number(knee.theory)))
        tiles += _around(study, knee)
    values = len({tuple(sorted((k, str(v)) for k, v in point.vary.items())) for point in study.rows})
    tiles.append(("values" if len(study.asked.vary) == 1 else "combinations of values", f"{values:,}"))
    tiles.append(("points: each value with each seed", f"{len(study.rows):,}"))
    return tiles


def _around(study: StudyDocument, knee: Knee) -> list[tuple[str, Child]]:
    """Means below and at the knee; where a measure is null there, at the value nearest to it that has one."""
    tiles: list[tuple[str, Child]] = []
    for measure in AROUND:
        found: dict[float, list[float]] = {}
        for point in study.rows:
            at, value = point.vary.get(knee.vary), point.measures.get(measure)
            if value is not None and isinstance(at, int | float):
                found.setdefault(at, []).append(value)
        below, above = (at for at in found if at < knee.value), (at for at in found if at >= knee.value)
        low, high = max(below, default=None), min(above, default=None)
        if measure not in study.measures or low is None or high is None:
            continue
        what = study.measures[measure]
        told = _two(fmean(found[low]), fmean(found[high]), what.unit)
        tiles.append((f"{what.title}, below / at the knee: means at {number(low)} / {number(high)}", told))
    return tiles


def _two(one: float, other: float, unit: str) -> str:
    """Two amounts of a unit, which is said once unless each has one that suits it."""
    if unit == "bytes/min":
        return f"{size(one)} / {size(other)} a minute"
    if unit == "s":
        return f"{one:,.3f} / {other:,.3f} s"
    return f"{amount(one)} / {amount(other)} {unit}".rstrip()


def _of_all(passed: int, points: int) -> str:
    if passed == points:
        return "the point passed" if points == 1 else f"all {points:,} points passed"
    return f"{points - passed:,} of {counted(points, 'point')} failed"


def number(value: Scalar) -> str:
    """A varied value as people write it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{int(value):,}" if float(value).is_integer() else f"{value:,}"


def _means(study: StudyDocument) -> Safe:
    names = [varied.name for varied in study.asked.vary]
    measures = measures_in_order(study)
    groups: dict[tuple[Scalar, ...], list[dict[str, float | None]]] = {}
    for point in study.rows:
        groups.setdefault(tuple(point.vary.get(name) for name in names), []).append(dict(point.measures))
    rows: list[list[Child]] = []
    for values, found in groups.items():
        row: list[Child] = [number(value) for value in values]
        for measure in measures:
            known = [value for each in found if (value := each.get(measure)) is not None]
            row.append(amount(fmean(known)) if known else "-")
        rows.append(row)
    units = [study.measures[name] for name in measures]
    head = [*names, *(each.headed for each in units)]
    left = len(rows) - MOST_ROWS
    note = element("p", f"And {left:,} more in study.parquet.", class_="note") if left > 0 else None
    caption = f"Means over {counted(study.asked.repeat, 'seed')}; a dash where no point says anything"
    return titled("By value", table(caption, head, rows[:MOST_ROWS], class_="headed"), note)


def _failures(study: StudyDocument) -> list[Child]:
    failed = [point for point in study.rows if point.verdict != "passed"]
    if not failed:
        return []
    names = [varied.name for varied in study.asked.vary]
    rows = [(*(number(point.vary.get(name)) for name in names), f"{point.seed}", point.verdict) for point in failed]
    left = len(rows) - MOST_ROWS
    note = element("p", f"And {left:,} more.", class_="note") if left > 0 else None
    caption = f"{len(failed):,} of {counted(len(study.rows), 'point')}"
    return [table(caption, (*names, "seed", "verdict"), rows[:MOST_ROWS]), note]


def command_of_study(study: StudyDocument) -> list[str]:
    """The call that makes the same study again."""
    asked = study.asked
    words = ["imafarm", "study", asked.scenario]
    for varied in asked.vary:
        if len(study.values(varied.name)) > len(varied.values):
            # The study chose what to try by itself.
            continue
        words += ["--vary", f"{varied.name}={','.join(str(value) for value in varied.values)}"]
    for measure in asked.measures:
        words += ["--measure", measure]
    words += ["--repeat", str(asked.repeat)]
    if asked.farm is not None:
        words += ["--farm", asked.farm]
    else:
        for option, value in (("--hosts", asked.hosts), ("--zones", asked.zones), ("--product", asked.product)):
            if value is not None:
                words += [option, str(value)]
    words += ["--seed", str(asked.seed)]
    for name, setting in asked.settings.items():
        words += ["--set", f"{name}={setting}"]
    return words


def _again(study: StudyDocument) -> list[Child]:
    return [
        element("p", "The same version, farm, scenario and seeds give the same points, each with the same digest."),
        element("pre", element("code", shlex.join(command_of_study(study)))),
        element(
            "details",
            element("summary", "Digests of all points"),
            table(
                "Digests",
                ("values" if len(study.asked.vary) > 1 else "value", "seed", "digest"),
                _digests(study),
                numbers=False,
            ),
        ),
    ]


def _digests(study: StudyDocument) -> list[list[Child]]:
    return [
        [", ".join(number(value) for value in point.vary.values()), str(point.seed), element("code", point.digest)]
        for point in study.rows[: 2 * MOST_ROWS]
    ]


def _foot(study: StudyDocument) -> Safe:
    return element("p", f"imafarm {study.version}. {counted(len(study.rows), 'point')}.")
