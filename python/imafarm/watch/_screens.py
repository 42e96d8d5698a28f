"""What comes over the screen: the verdict, and help."""

from __future__ import annotations

import io
from typing import ClassVar

from rich.console import Console
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from imafarm.report.text import print_verdict
from imafarm.scenario import Verdict

TEXT_WIDTH = 76
EDGE_WIDTH = 6
"""Border, padding and scroll bar."""

HELP = """\
Farm time
  space        pause, or go on
  s            step: to the end of the next tick in which anything happens
  n            on to the next event that is told below, and pause there
  + -          faster, slower: 1/1000 to 1000 farm seconds in a real one
  m            full speed: as fast as the machine can
  e            slow motion at elections of the zone that is picked, or
               none; at full speed there is none
Nothing of this changes what happens: verdict and digest are those of
imafarm run with the same seed.

Screen
  up, down     pick a zone; page up, page down: ten further
  d            light or dark
  v            the verdict, once it is there
  q, Ctrl-C    quit

Zones
  up of hosts  hosts that run, of all
  collector    whom all running hosts name, or who has declared itself
  election     agreed: all running hosts have the same living collector
               joining: there is no election; so many know the collector
               collector down: none of those who follow it has noticed
               in doubt: a host could not reach it, and nobody stands yet
               electing: so many have stood for election
               declared: so many have heard of the new collector
  messages/s   sent by the zone's hosts in a farm second; so is evicted/s
  bindings     active now, counted at both ends

Messages
  BIND_*       the three packets that set a binding up
  lately       how many in a farm second, at the last looks, the youngest
               at the right; logarithmic: two steps less is about a third
"""


class _Over(ModalScreen[None]):
    """A text over the screen, which scrolls."""

    CSS = """
    _Over { align: center middle; }
    #text {
        width: 82; max-width: 100%; height: auto; max-height: 100%;
        border: round $primary; padding: 0 1; background: $surface;
    }
    #text Static { width: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,v,question_mark,h", "dismiss(None)", "close")]

    CLOSED_BY = "escape closes it, q quits"

    def text(self, width: int) -> Text:
        """What it says, in so many columns."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """One text."""
        with VerticalScroll(id="text") as scroll:
            scroll.border_subtitle = self.CLOSED_BY
            yield Static(self.text(max(20, min(TEXT_WIDTH, self.app.size.width - EDGE_WIDTH))))

    def on_mount(self) -> None:
        """Arrows scroll it."""
        self.query_one("#text").focus()


class VerdictScreen(_Over):
    """What came of it, as `imafarm run` prints it."""

    CLOSED_BY = "escape: the farm as it was; q: quit"

    def __init__(self, verdict: Verdict) -> None:
        """Says this verdict."""
        super().__init__()
        self._verdict = verdict

    def text(self, width: int) -> Text:
        """As `imafarm run` prints it."""
        paper = io.StringIO()
        print_verdict(self._verdict, Console(file=paper, width=width, force_terminal=True))
        return Text.from_ansi(paper.getvalue().strip("\n"))


class Help(_Over):
    """What the keys do, and what the columns are."""

    def text(self, width: int) -> Text:
        """All of it."""
        text = Text()
        for line in HELP.splitlines():
            text.append(
                f"{line}\n", style="" if line.startswith(" ") or line.endswith((".", "are those of")) else "bold"
            )
        return text
