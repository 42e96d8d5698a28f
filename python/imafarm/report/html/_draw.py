"""Pictures: drawn by altair and vl-convert, without a browser and without a network, and put into a page."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from imafarm.errors import ConfigurationError
from imafarm.report.html._markup import Child, Safe, element, table
from imafarm.report.html._theme import config, own_colours

if TYPE_CHECKING:
    import altair as alt

Row = dict[str, Any]

DATA_ROWS = 60
"""How many rows the table beneath a picture has at the most."""


@dataclass(slots=True)
class Sheet:
    """What a picture is drawn on: a wide one for desks, a narrow one for phones. In CSS pixels."""

    width: int
    narrow: bool
    tables: dict[str, Sequence[Row]] = field(default_factory=dict)
    """What is drawn, by names of its own."""

    def rows(self, rows: Sequence[Row]) -> alt.NamedData:
        """The rows, as a chart takes them. They go around altair, which would look at each of them several times."""
        import altair as alt

        name = f"rows{len(self.tables)}"
        self.tables[name] = rows
        return alt.NamedData(name=name)

    @property
    def left(self) -> int:
        """Room for the labels of the vertical axis: the same in all pictures, so that they stand under one another."""
        return 44 if self.narrow else 58

    @property
    def plot(self) -> int:
        """The width of what is inside the axes."""
        return self.width - self.left - self.right

    @property
    def right(self) -> int:
        """Room right of the plot, for the last label of the horizontal axis."""
        return 14 if self.narrow else 18


WIDE, NARROW = (800, False), (340, True)
SMALL = (384, True)
"""One of several side by side, which is as wide on a phone."""

Draw = Callable[[Sheet], Any]
"""Draws on a sheet; what comes of it is one of altair's charts."""

TOLD = "abs(datum.value) < 10000 ? format(datum.value, ',~f') : format(datum.value, '~s')"
"""How an amount is written at a vertical axis."""


@dataclass(frozen=True, slots=True)
class Key:
    """What a shape in a picture means."""

    glyph: str
    colour: str
    text: str


@dataclass(frozen=True, slots=True)
class Data:
    """What a picture shows, for whoever would rather have it as a table."""

    head: Sequence[str]
    rows: Sequence[Sequence[Child]]


def require_drawing() -> None:
    """Raises `ConfigurationError` if what draws is not installed."""
    try:
        import altair  # noqa: F401
        import vl_convert  # noqa: F401
    except ImportError:
        raise ConfigurationError(["report.html needs imafarm[report]"]) from None


class Pen:
    """Draws the pictures of one page, one after the other, while the page is still being written."""

    def __init__(self, *, checked: bool = False) -> None:
        """Nothing is drawn yet. `checked` holds each picture against the schema of its language."""
        self._checked = checked
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="pen")
        self._drawn: dict[str, Future[str]] = {}
        # What draws takes a while to begin with, so it begins before there is anything to draw.
        self._worker.submit(_svg, {"mark": "point", "data": {"values": [{}]}}, {})

    def __enter__(self) -> Pen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._worker.shutdown(cancel_futures=True)

    def figure(self, name: str, title: str, label: str, draw: Draw, data: Data, keys: Sequence[Key] = ()) -> Safe:
        """A figure in two widths, of which a window shows one. `name` is its id, `label` what it shows, in words."""
        pictures = (
            self._picture(f"{name}-wide", draw, WIDE, "wide"),
            self._picture(f"{name}-narrow", draw, NARROW, "narrow"),
        )
        return self._figure(name, title, label, pictures, data, keys)

    def small(self, name: str, title: str, label: str, draw: Draw, data: Data, keys: Sequence[Key] = ()) -> Safe:
        """A figure of one width, one of several side by side."""
        return self._figure(name, title, label, (self._picture(f"{name}-small", draw, SMALL, "small"),), data, keys)

    def finished(self, page: str) -> str:
        """The page with its pictures in place."""
        return _PLACE.sub(lambda found: _finished(self._drawn[found[1]].result(), found[1]), page)

    def _figure(
        self, name: str, title: str, label: str, pictures: Sequence[Safe], data: Data, keys: Sequence[Key]
    ) -> Safe:
        return element(
            "figure",
            element("figcaption", element("strong", title), element("span", label)),
            _keys(keys) if keys else None,
            element("div", pictures, role="img", aria_label=f"{title}: {label}", class_="picture"),
            _details(title, data),
            id=name,
        )

    def _picture(self, name: str, draw: Draw, of: tuple[int, bool], class_: str) -> Safe:
        from altair.utils.schemapi import debug_mode

        sheet = Sheet(*of)
        # Whether what is drawn is in order is for tests to say; to look takes longer than to draw.
        with debug_mode(self._checked):
            spec = draw(sheet).to_dict(validate=self._checked)
        spec["datasets"] = sheet.tables
        self._drawn[name] = self._worker.submit(_svg, spec, config(sheet.narrow))
        return element("div", Safe(f"<!--picture {name}-->"), class_=class_)


_PLACE = re.compile("<!--picture ([a-z0-9-]+)-->")


def _svg(spec: dict[str, Any], look: dict[str, Any]) -> str:
    from importlib import import_module

    convert = import_module("vl_convert").vegalite_to_svg
    # No address is allowed, so nothing is fetched, whatever a file may say.
    drawn: str = convert(spec, config=look, allowed_base_urls=[])
    return drawn


_TAG = re.compile(r"<[^>]*>")
_ID = re.compile(r'\bid="([^"]*)"')
_NEEDLESS = re.compile(
    r' (?:pointer-events="none"|opacity="1"|class="[^"]*"|font-family="[^"]*"|stroke-width="1"|xmlns:xlink="[^"]*"'
    r'|version="[^"]*"|aria-[a-z]+="[^"]*"|role="[^"]*"|stroke-miterlimit="[^"]*")'
)
_LONG = re.compile(r"(-?\d*\.\d{2})\d+")
_ROOT = re.compile(r'<svg\b[^>]*?viewBox="([^"]*)"[^>]*>')
_UNSEEN = re.compile(r'<path [^>]*?display="none"/>|<path [^>]*?d="M0,0h0v0h0Z"[^>]*/>')
_EMPTY = re.compile(r"<g(?: [^>]*[^>/])?></g>|<g(?: [^>]*)?/>")
_BARE = re.compile(r"<g><g>((?:(?!</?g\b).)*)</g></g>", re.DOTALL)


def _finished(svg: str, name: str) -> str:
    """A picture as it stands in a page: in the page's colours and fonts, with names of its own, all needless left out.

    Only tags are touched, never the text between them, which may be anything.
    """
    box = _ROOT.search(svg)
    if box is None:
        raise RuntimeError(f"no picture was drawn of {name}")
    wide = round(float(box[1].split()[2]))
    svg = _ROOT.sub(f'<svg width="{wide}" viewBox="{box[1]}" focusable="false" aria-hidden="true">', svg, count=1)
    numbers: dict[str, str] = {}
    for found in _TAG.finditer(svg):
        for old in _ID.findall(found[0]):
            numbers.setdefault(old, f"{name}-{len(numbers)}")

    def tag(found: re.Match[str]) -> str:
        said = found[0]
        if not said.startswith("<svg"):
            said = _NEEDLESS.sub("", said)
        for old, own in numbers.items():
            said = said.replace(f'id="{old}"', f'id="{own}"').replace(f"url(#{old})", f"url(#{own})")
        return own_colours(_LONG.sub(r"\1", said))

    svg = _TAG.sub(tag, _UNSEEN.sub("", svg))
    before = None
    while before != svg:
        before, svg = svg, _BARE.sub(r"<g>\1</g>", _EMPTY.sub("", svg))
    return svg


_GLYPHS = {
    "line": '<path d="M1 8H25" stroke="{0}" stroke-width="2.5"/>',
    "dash": '<path d="M1 8H25" stroke="{0}" stroke-width="2.5" stroke-dasharray="6 4"/>',
    "dots": '<path d="M1 8H25" stroke="{0}" stroke-width="2.5" stroke-dasharray="2 3"/>',
    "dashdot": '<path d="M1 8H25" stroke="{0}" stroke-width="2.5" stroke-dasharray="9 3 2 3"/>',
    "thin": '<path d="M1 8H25" stroke="{0}" stroke-width="1.5"/>',
    "bar": '<path d="M1 8H25" stroke="{0}" stroke-width="8"/>',
    "area": '<rect x="1" y="2" width="24" height="12" fill="{0}"/>',
    "band": '<rect x="1" y="2" width="24" height="12" fill="{0}" fill-opacity=".3"/>',
    "dot": '<circle cx="13" cy="8" r="4.5" fill="{0}"/>',
    "ring": '<circle cx="13" cy="8" r="4" fill="none" stroke="{0}" stroke-width="2"/>',
    "diamond": '<path d="M13 2L19 8L13 14L7 8Z" fill="{0}"/>',
    "square": '<rect x="9" y="4" width="8" height="8" fill="{0}"/>',
    "cross": '<path d="M9 4L17 12M17 4L9 12" stroke="{0}" stroke-width="2.5"/>',
    "up": '<path d="M13 15V4" stroke="{0}" stroke-width="1.5"/><path d="M13 1L17 7H9Z" fill="{0}"/>',
    "down": '<path d="M13 1V12" stroke="{0}" stroke-width="1.5"/><path d="M13 15L17 9H9Z" fill="{0}"/>',
    "rule": '<path d="M13 1V15" stroke="{0}" stroke-width="2" stroke-dasharray="3 2"/>',
}


def _keys(keys: Sequence[Key]) -> Safe:
    def item(key: Key) -> Safe:
        glyph = _GLYPHS[key.glyph].format(f"var(--{key.colour})")
        picture = Safe(f'<svg viewBox="0 0 26 16" width="26" height="16" aria-hidden="true">{glyph}</svg>')
        return element("li", picture, element("span", key.text))

    return element("ul", (item(key) for key in keys), class_="key")


def _details(title: str, data: Data) -> Safe:
    rows = data.rows
    kept, left = rows, None
    if len(rows) > DATA_ROWS:
        # Evenly spread, the first and the last among them.
        kept = [rows[place * (len(rows) - 1) // (DATA_ROWS - 1)] for place in range(DATA_ROWS)]
        left = element("p", f"{DATA_ROWS} of {len(rows):,} rows, evenly spread.", class_="note")
    return element(
        "details", element("summary", "As a table"), table(f"{title}: data", data.head, kept, hidden_caption=True), left
    )
