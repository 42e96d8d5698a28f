"""The colours of a page, in light and in dark, and how a drawing gets both.

A picture is drawn once, in colours that stand for others (`PAINT`), and these become the page's own properties: so it
turns with the page. Five colours tell series apart, whatever a reader's eyes tell apart; they were looked for as those
that stay farthest from one another when red, green or blue is missing. Nothing is said by colour alone.
"""

from __future__ import annotations

import re
from typing import Any

SERIES = ("one", "two", "three", "four", "five", "other")
"""Blue, vermilion, green, purple, ochre, and grey for all the rest."""
STEPS = ("step1", "step2", "step3", "step4", "step5", "step6")
"""From little to much."""

LIGHT = {
    "paper": "#fdfcfa",
    "sheet": "#f5f3ee",
    "ink": "#1d1c1a",
    "soft": "#5f5d57",
    "line": "#dcd9d1",
    "grid": "#e9e6df",
    "link": "#1f5fbf",
    "good": "#176b4d",
    "bad": "#b3261e",
    "one": "#3f7cf0",
    "two": "#dd5f0b",
    "three": "#1c765c",
    "four": "#984caa",
    "five": "#704e00",
    "other": "#85837c",
    "step1": "#e3ecfa",
    "step2": "#bcd3f5",
    "step3": "#8db2ec",
    "step4": "#3d6dc0",
    "step5": "#2453a0",
    "step6": "#10306b",
    "on1": "#1d1c1a",
    "on2": "#1d1c1a",
    "on3": "#1d1c1a",
    "on4": "#ffffff",
    "on5": "#ffffff",
    "on6": "#ffffff",
}
DARK = {
    "paper": "#15181b",
    "sheet": "#1d2125",
    "ink": "#eceae5",
    "soft": "#a9a79f",
    "line": "#383d42",
    "grid": "#2a2f33",
    "link": "#8ab8ff",
    "good": "#6fd3a6",
    "bad": "#ff8f85",
    "one": "#4d8ae0",
    "two": "#de6f22",
    "three": "#72e8b8",
    "four": "#d99be0",
    "five": "#fdd03d",
    "other": "#8f8d86",
    "step1": "#1f2a3a",
    "step2": "#27405f",
    "step3": "#315b8f",
    "step4": "#5a8fd6",
    "step5": "#8fbaf2",
    "step6": "#cfe2ff",
    "on1": "#eceae5",
    "on2": "#eceae5",
    "on3": "#ffffff",
    "on4": "#10151c",
    "on5": "#10151c",
    "on6": "#10151c",
}
PAINT = {name: f"#fe{number:02d}ef" for number, name in enumerate(LIGHT)}
"""The colours that a picture is drawn in."""

FONT = "Liberation Sans"
"""What text is measured with while a picture is drawn; it is as wide as what pages are commonly set in."""

_PAINTED = {paint: f"var(--{name})" for name, paint in PAINT.items()}
_PAINTS = re.compile("|".join(_PAINTED))


def own_colours(markup: str) -> str:
    """Markup of a picture, in the page's colours."""
    return _PAINTS.sub(lambda found: _PAINTED[found[0]], markup)


def properties() -> str:
    """The style sheet's part that says what the colours are."""
    light, dark = (";".join(f"--{name}:{value}" for name, value in colours.items()) for colours in (LIGHT, DARK))
    return (
        f":root{{color-scheme:light dark;{light}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
        f"@media print{{:root{{color-scheme:light;{light}}}}}"
    )


def config(narrow: bool) -> dict[str, Any]:
    """How all pictures look."""
    size = 12 if narrow else 13
    words = {"labelFontSize": size, "titleFontSize": size, "titleFontWeight": "normal", "labelColor": PAINT["soft"]}
    return {
        "background": None,
        "font": FONT,
        "aria": False,
        "padding": 2,
        "view": {"stroke": None},
        "axis": {
            **words,
            "titleColor": PAINT["soft"],
            "domain": False,
            "ticks": False,
            "labelPadding": 6,
            "titlePadding": 8,
            "gridColor": PAINT["grid"],
            "gridOpacity": 1,
            "labelOverlap": "greedy",
        },
        "text": {"fontSize": size, "color": PAINT["soft"], "font": FONT},
        "line": {"strokeCap": "round", "strokeJoin": "round"},
        "legend": {"disable": True},
    }
