"""A page: one file, no script, and nothing that it asks a network for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from imafarm.report.html._markup import Child, Safe, element
from imafarm.report.html._theme import properties

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What a browser is told of the page: that it needs nothing. So it asks for nothing, whatever stands in it."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page, to which its navigation leads."""

    name: str
    title: str
    body: Sequence[Child]


def page(title: str, head: Child, sections: Sequence[Section], foot: Child) -> Safe:
    """The whole document. Sections without a body are left out."""
    kept = [section for section in sections if any(section.body)]
    style = Safe(properties() + _tightened(files("imafarm.report.html").joinpath("page.css").read_text("utf-8")))
    body = element(
        "body",
        element("a", "Skip to the content", class_="skip", href="#content"),
        element(
            "div",
            element("header", head),
            element(
                "nav",
                element("ul", (element("li", element("a", each.title, href=f"#{each.name}")) for each in kept)),
                aria_label="Sections",
            ),
            element(
                "main",
                (
                    element(
                        "section",
                        element("h2", each.title, id=f"{each.name}-title"),
                        each.body,
                        id=each.name,
                        aria_labelledby=f"{each.name}-title",
                    )
                    for each in kept
                ),
                id="content",
                tabindex=-1,
            ),
            element("footer", foot),
            class_="page",
        ),
    )
    document = element(
        "html",
        element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", http_equiv="Content-Security-Policy", content=POLICY),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="color-scheme", content="light dark"),
            element("meta", name="generator", content="imafarm"),
            element("title", title),
            # A browser asks a server for an icon that it is not given.
            element("link", rel="icon", href="data:,"),
            element("style", style),
        ),
        body,
        lang="en",
    )
    return Safe(f"<!DOCTYPE html>\n{document}\n")


def _tightened(style: str) -> str:
    return re.sub(r"\n+", "\n", style)


def verdict_badge(passed: bool, said: str | None = None) -> Safe:
    """`passed` or `failed`, in these words or those, with a mark, and in colour."""
    mark, word = ("\u2713", "passed") if passed else ("\u2717", "failed")
    return element(
        "span", element("span", mark, aria_hidden="true"), said or word, class_=f"verdict {'good' if passed else 'bad'}"
    )


def gone(file: str, what: str) -> Safe:
    """Says that a section has nothing to show, since a file is not there."""
    return element("p", f"There is no {file} beside this page, so there is nothing to show of {what}.", class_="gone")


def titled(title: str, *body: Child) -> Safe:
    """A part of a section."""
    return element("div", element("h3", title), body)
