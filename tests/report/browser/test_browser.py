"""`report.html` in a real browser: nothing is asked of a network, nothing sticks out, and both themes are there."""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imafarm.report.html import make_comparison, make_report

# Every element that sticks out of the window, besides what scrolls by itself.
STICKS_OUT = """
[...document.querySelectorAll("body *")].filter(e => !e.closest(".scroll") && !e.closest("svg")
    && !e.classList.contains("skip") && e.getBoundingClientRect().right > innerWidth + 0.5)
    .map(e => e.tagName + "." + e.className + ": " + e.textContent.slice(0, 40))
"""
# The contrast of every piece of text with what it stands on, as WCAG 2 has it.
CONTRASTS = """
(() => {
  const light = c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const parts = s => s.match(/[0-9.]+/g).map(Number);
  const lum = s => { const [r, g, b] = parts(s).map(light); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (!/, 0\\)$|transparent/.test(c)) return c;
    }
    return "rgb(255,255,255)";
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || e.closest("svg") || !e.getClientRects().length) continue;
    const [a, b] = [lum(getComputedStyle(e).color), lum(ground(e))].sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), walk.currentNode.data.trim().slice(0, 40)]);
  }
  return found;
})()
"""


@pytest.fixture(scope="session")
def pages(
    made_run: Callable[..., Any], made_study: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """A page of each kind."""
    root = tmp_path_factory.mktemp("pages")
    hostile = "<script>alert({})</script><img src=http://127.0.0.1:9/x>" + "w" * 90
    run = made_run(hosts=300, limit=256).write(root / "run")
    made = {
        "run": make_report(run),
        "zones": make_report(made_run(hosts=60, zones=6, election=False, busy=True).write(root / "zones")),
        "hostile": make_report(
            made_run(hosts=30, name=hostile.format, zone_name=hostile.format).write(root / "hostile")
        ),
        "study": make_report(made_study().write(root / "study")),
        "map": make_report(
            made_study(
                vary=[
                    {"name": "MaxHostAddressCacheEntries", "values": [256, 1_024, 4_096], "log": True},
                    {"name": "hosts", "values": [250, 1_000], "log": True},
                ]
            ).write(root / "map")
        ),
    }
    made["both"] = make_comparison(run, made_run(hosts=300, seed=2).write(root / "other"), root / "both.html")
    return made


NAMES = ("run", "zones", "hostile", "study", "map", "both")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("width", "dark"), [(1_280, False), (1_280, True), (360, False), (360, True)])
def test_a_page_loads_alone_and_fits(browser: Any, pages: dict[str, Path], name: str, width: int, dark: bool) -> None:
    page = browser.open(pages[name], width=width, dark=dark)
    assert page.evaluate("document.readyState") == "complete"
    assert page.requests == [pages[name].as_uri()]
    assert page.complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(STICKS_OUT) == []
    # Of the two widths in which each picture is drawn one is there.
    shown = page.evaluate(
        "[...document.querySelectorAll('.picture')].map(p =>"
        " [...p.children].filter(c => c.getClientRects().length).length)"
    )
    assert shown and set(shown) == {1}
    least = min(page.evaluate(CONTRASTS))
    assert least[0] >= 4.5, least


@pytest.mark.parametrize("width", [600, 704, 705, 900])
def test_nothing_sticks_out_in_between(browser: Any, pages: dict[str, Path], width: int) -> None:
    for name in NAMES:
        page = browser.open(pages[name], width=width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.evaluate(STICKS_OUT) == [], name


def test_words_in_pictures_can_be_read_on_a_phone(browser: Any, pages: dict[str, Path]) -> None:
    for name in NAMES:
        page = browser.open(pages[name], width=360)
        heights = page.evaluate(
            "[...document.querySelectorAll('.picture svg')].filter(s => s.getClientRects().length).map(s =>"
            " s.getBoundingClientRect().width / s.viewBox.baseVal.width)"
        )
        assert min(heights) > 0.8, name


def test_both_themes_are_painted(browser: Any, pages: dict[str, Path]) -> None:
    for name in ("run", "study"):
        light, dark = (browser.open(pages[name], dark=dark).picture() for dark in (False, True))
        assert light[:8] == dark[:8] == b"\x89PNG\r\n\x1a\n"
        assert light != dark
        for picture in (light, dark):
            # A blank page packs down to next to nothing.
            assert len(picture) > 40_000
        grounds = [
            browser.open(pages[name], dark=dark).evaluate("getComputedStyle(document.body).backgroundColor")
            for dark in (False, True)
        ]
        assert grounds[0] != grounds[1]
        paints = [
            browser.open(pages[name], dark=dark).evaluate(
                "[...new Set([...document.querySelectorAll('.picture [stroke],.picture [fill]')].flatMap(e =>"
                " [getComputedStyle(e).stroke, getComputedStyle(e).fill]))].sort()"
            )
            for dark in (False, True)
        ]
        # A colour that were not known would be black.
        assert not {"rgb(0, 0, 0)"} & set(paints[0]) and paints[0] != paints[1]


def test_paper_is_white_whatever_the_theme(browser: Any, pages: dict[str, Path]) -> None:
    page = browser.open(pages["run"], dark=True, media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(253, 252, 250)"
    assert page.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"


def test_it_can_be_used_by_keys_alone(browser: Any, pages: dict[str, Path]) -> None:
    page = browser.open(pages["run"])
    page.press("Tab", 9)
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.press("Tab", 9)
    assert page.evaluate("document.activeElement.closest('nav') !== null")
    assert page.evaluate("[...document.querySelectorAll('.scroll')].every(e => e.tabIndex === 0)")


def test_the_policy_forbids_what_a_page_might_ask_for(browser: Any, pages: dict[str, Path]) -> None:
    page = browser.open(pages["run"])
    page.evaluate("document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/x.png'}))")
    page.evaluate("1")
    assert any("Content Security Policy" in said for said in page.complaints)


def test_pictures_differ_from_one_another(browser: Any, pages: dict[str, Path]) -> None:
    sums = {name: zlib.crc32(browser.open(pages[name]).picture()) for name in NAMES}
    assert len(set(sums.values())) == len(NAMES)
