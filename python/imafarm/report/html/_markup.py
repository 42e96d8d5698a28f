"""HTML that cannot be broken by what is put into it: text is escaped, markup is a type of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import TypeAlias

Attribute = str | int | float | bool | None

_VOID = frozenset({"br", "col", "hr", "img", "link", "meta"})
# What HTML has no place for: controls, surrogates without a partner, and what turns the direction of a line round.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


class Safe(str):
    """Markup. Any other `str` is text."""

    __slots__ = ()


Child: TypeAlias = "str | int | Iterable[Child] | None"


def clean(text: str) -> str:
    """Text without characters that a page, or a line of it, does not survive."""
    return _UNPRINTABLE.sub("\ufffd", text)


def shortened(text: str, most: int) -> str:
    """Cleaned text of at most so many characters; an ellipsis says that there were more."""
    text = clean(text)
    return text if len(text) <= most else text[: most - 1] + "\u2026"


def markup(child: Child) -> Safe:
    """Text escaped, markup as it is, several of them one after the other, nothing for `None`."""
    if child is None:
        return Safe("")
    if isinstance(child, Safe):
        return child
    if isinstance(child, str):
        return Safe(escape(clean(child), quote=True))
    if isinstance(child, int):
        return Safe(f"{child:,}")
    return Safe("".join(markup(part) for part in child))


def element(tag: str, *children: Child, **attributes: Attribute) -> Safe:
    """`<tag attributes>children</tag>`. A name `aria_label` is `aria-label`; `None` and `False` are left out."""
    said = [tag]
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        name = name.rstrip("_").replace("_", "-")
        said.append(name if value is True else f'{name}="{escape(clean(str(value)), quote=True)}"')
    opening = f"<{' '.join(said)}>"
    return Safe(opening if tag in _VOID else f"{opening}{markup(children)}</{tag}>")


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[Child]],
    *,
    numbers: bool = True,
    hidden_caption: bool = False,
    foot: Sequence[Child] | None = None,
    class_: str | None = None,
) -> Safe:
    """A table in a container that scrolls by itself. A row's first cell heads it; `numbers` sets the others right."""
    side = "n" if numbers else None

    def row(cells: Sequence[Child], first: str = "th") -> Safe:
        heading = element(first, cells[0], scope="row" if first == "th" else None)
        return element("tr", heading, (element("td", cell, class_=side) for cell in cells[1:]))

    heads = (element("th", name, scope="col", class_=side if place else None) for place, name in enumerate(head))
    inside = element(
        "table",
        element("caption", caption, class_="quiet" if hidden_caption else None),
        element("thead", element("tr", heads)),
        element("tbody", (row(cells) for cells in rows)),
        element("tfoot", row(foot)) if foot is not None else None,
        class_=class_,
    )
    # Whoever has no mouse scrolls it by the keys, so it can be gone to.
    return element("div", inside, class_="scroll", tabindex=0, role="region", aria_label=caption)


def definitions(pairs: Iterable[tuple[str, Child]], class_: str | None = None) -> Safe:
    """Names and what belongs to them."""
    return element(
        "dl", (element("div", element("dt", name), element("dd", value)) for name, value in pairs), class_=class_
    )
