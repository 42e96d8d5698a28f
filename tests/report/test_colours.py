"""What can be read, and told apart, in both themes and by all eyes."""

import math
from itertools import combinations, pairwise

import pytest

from imafarm.report.html._theme import DARK, LIGHT, PAINT, SERIES, STEPS, own_colours, properties

THEMES = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
Colour = tuple[float, float, float]

# How a colour looks to whoever lacks red's, green's or blue's cones (Machado, Oliveira and Fernandes, 2009).
EYES: dict[str, tuple[Colour, Colour, Colour]] = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "no green": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "no blue": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def linear(colour: str) -> Colour:
    """Red, green and blue as light, from 0 to 1."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return red, green, blue


def contrast(one: str, other: str) -> float:
    """As WCAG 2 has it, from 1 to 21."""
    light, dark = sorted(
        (0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in map(linear, (one, other))), reverse=True
    )
    return (light + 0.05) / (dark + 0.05)


def seen(colour: str, eyes: str) -> Colour:
    """Where a colour lies for these eyes in Oklab, in which equal distances look alike."""
    light = linear(colour)
    r, g, b = (min(1.0, max(0.0, sum(k * v for k, v in zip(row, light, strict=True)))) for row in EYES[eyes])
    cones = (
        0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b,
        0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b,
        0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b,
    )
    long, medium, short = map(math.cbrt, cones)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


@THEMES
def test_text_can_be_read(theme: dict[str, str]) -> None:
    for text in ("ink", "soft", "link", "good", "bad"):
        for ground in ("paper", "sheet"):
            assert contrast(theme[text], theme[ground]) >= 4.5, (text, ground)


@THEMES
def test_numbers_in_cells_can_be_read(theme: dict[str, str]) -> None:
    for number, step in enumerate(STEPS, 1):
        assert contrast(theme[f"on{number}"], theme[step]) >= 4.5, step


@THEMES
def test_numbers_in_areas_can_be_read(theme: dict[str, str]) -> None:
    # They are bold and large beside the swatches of the key, which says the same; 3 is what WCAG asks of such.
    for series in SERIES:
        assert contrast(theme["paper"], theme[series]) >= 3, series


@THEMES
def test_lines_stand_out_from_the_paper(theme: dict[str, str]) -> None:
    for series in SERIES:
        assert contrast(theme[series], theme["paper"]) >= 3, series


@THEMES
@pytest.mark.parametrize("eyes", EYES)
def test_series_can_be_told_apart(theme: dict[str, str], eyes: str) -> None:
    apart = {
        pair: math.dist(seen(theme[pair[0]], eyes), seen(theme[pair[1]], eyes)) for pair in combinations(SERIES, 2)
    }
    # Two colours side by side are seen to differ from about 0.02 on.
    assert min(apart.values()) > 0.06, min(apart, key=lambda pair: apart[pair])


@THEMES
@pytest.mark.parametrize("eyes", EYES)
def test_more_looks_like_more(theme: dict[str, str], eyes: str) -> None:
    lightness = [seen(theme[step], eyes)[0] for step in STEPS]
    assert lightness in (sorted(lightness), sorted(lightness, reverse=True))
    assert min(abs(after - before) for before, after in pairwise(lightness)) > 0.05


def test_both_themes_have_all_colours() -> None:
    assert list(LIGHT) == list(DARK) == list(PAINT)
    assert len(set(PAINT.values())) == len(PAINT)
    for colour in (*LIGHT.values(), *DARK.values()):
        assert colour in properties()


def test_paint_becomes_the_colour_it_stands_for() -> None:
    assert (
        own_colours(f'<g fill="{PAINT["one"]}" stroke="{PAINT["ink"]}">') == '<g fill="var(--one)" stroke="var(--ink)">'
    )
