"""The page of a study."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from imafarm.report.html._documents import Scalar, StudyDocument, read_study
from imafarm.report.html._draw import Pen
from imafarm.report.html._knee import draw_curve, draw_map
from imafarm.report.html._markup import Child, Safe, definitions, element, table
from imafarm.report.html._page import Section, page, titled, verdict_badge
from imafarm.report.html._run_page import counted
from imafarm.report.html._scales import amount

MOST_ROWS = 100


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
        unknown = [study.measures[name].title for name in measures_in_order(study) if not study.known(name)]
        if study.rows and unknown:
            pictures.append(element("p", f"No run says anything of: {', '.join(unknown)}.", class_="gone below"))
        sections = [
            Section("curves", "What was measured", pictures),
            Section("means", "Means", [_means(study)] if study.rows else []),
            Section("failures", "Points that failed", _failures(study)),
            Section("again", "The same study again", _again(study)),
        ]
        made = page(f"study of {study.asked.scenario}: {', '.join(names)}", _head(study), sections, _foot(study))
        return pen.finished(made)


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
    said.append(f"{counted(asked.repeat, 'seed')} for each point, from seed {asked.seed} on")
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
    points = len({tuple(sorted((k, str(v)) for k, v in point.vary.items())) for point in study.rows})
    tiles.append(("points", f"{points:,}"))
    tiles.append(("runs", f"{len(study.rows):,}"))
    return tiles


def _of_all(passed: int, runs: int) -> str:
    return f"all {runs:,} runs passed" if passed == runs else f"{runs - passed:,} of {runs:,} runs failed"


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
    caption = f"Means over {counted(study.asked.repeat, 'seed')}; a dash where no run says anything"
    return titled("By point", table(caption, head, rows[:MOST_ROWS], class_="headed"), note)


def _failures(study: StudyDocument) -> list[Child]:
    failed = [point for point in study.rows if point.verdict != "passed"]
    if not failed:
        return []
    names = [varied.name for varied in study.asked.vary]
    rows = [(*(number(point.vary.get(name)) for name in names), f"{point.seed}", point.verdict) for point in failed]
    left = len(rows) - MOST_ROWS
    note = element("p", f"And {left:,} more.", class_="note") if left > 0 else None
    caption = f"{len(failed):,} of {len(study.rows):,} runs"
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
            element("summary", "Digests of all runs"),
            table("Digests", ("point", "seed", "digest"), _digests(study), numbers=False),
        ),
    ]


def _digests(study: StudyDocument) -> list[list[Child]]:
    return [
        [", ".join(number(value) for value in point.vary.values()), str(point.seed), element("code", point.digest)]
        for point in study.rows[: 2 * MOST_ROWS]
    ]


def _foot(study: StudyDocument) -> Safe:
    return element("p", f"imafarm {study.version}. {len(study.rows):,} runs.")
