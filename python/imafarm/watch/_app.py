"""The screen: a watched farm in the terminal."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from imafarm.watch import _panels as panels
from imafarm.watch._pace import FULL_SPEED
from imafarm.watch._panels import Room
from imafarm.watch._play import Watched
from imafarm.watch._screens import Help, VerdictScreen
from imafarm.watch._snapshot import Snapshot, Wanted

FRAME_SECONDS = 1 / 20
"""Real seconds between two looks for a new snapshot."""
MOST_ZONES = 16
"""How many zones are shown at once, at most."""


class WatchApp(App[None]):
    """A watched farm, and the keys that pace it."""

    TITLE = "imafarm watch"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { layout: vertical; }
    Static { text-wrap: nowrap; text-overflow: clip; }
    #title, #clock, #keys, .rule { height: 1; width: 100%; }
    #keys { dock: bottom; background: $panel; }
    #title { background: $panel; }
    #middle { width: 100%; }
    #hosts { width: 1fr; height: 100%; }
    #election { width: 1fr; height: 100%; }
    #zones, #kinds { width: 100%; }
    #log { width: 100%; height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause", "pause or go on"),
        Binding("s", "step", "step"),
        Binding("n", "seek", "next event"),
        Binding("plus,equals_sign,right", "faster", "faster"),
        Binding("minus,underscore,left", "slower", "slower"),
        Binding("m", "full_speed", "full speed"),
        Binding("e", "slows", "slow elections"),
        Binding("up,k", "zone(-1)", "zone before"),
        Binding("down,j", "zone(1)", "zone after"),
        Binding("pageup", "zone(-10)", "ten zones before"),
        Binding("pagedown", "zone(10)", "ten zones after"),
        Binding("d", "dark", "light or dark"),
        Binding("v", "verdict", "verdict"),
        Binding("question_mark,h,f1", "help", "help"),
        Binding("q,ctrl+c,ctrl+q", "quit", "quit", priority=True),
    ]

    def __init__(self, watched: Watched, *, signals: bool = False) -> None:
        """A screen for a farm, which starts with it.

        signals: whether it also ends at SIGINT and SIGTERM.
        """
        super().__init__()
        self._watched = watched
        self._signals = signals
        self._snapshot: Snapshot | None = None
        self._picked = 0
        self._told = False
        self._wanted = Wanted()
        self.theme = "textual-light" if is_light(os.environ) else "textual-dark"

    def compose(self) -> ComposeResult:
        """The parts, from top to bottom."""
        yield Static(id="title")
        yield Static(id="clock")
        yield Static(id="zones")
        yield Static(id="rule_zone", classes="rule")
        with Horizontal(id="middle"):
            yield Static(id="hosts")
            yield Static(id="election")
        yield Static(id="rule_kinds", classes="rule")
        yield Static(id="kinds")
        yield Static(id="rule_log", classes="rule")
        yield Static(id="log")
        yield Static(id="keys")

    def on_mount(self) -> None:
        """The farm starts."""
        if self._signals:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                with suppress(NotImplementedError):
                    loop.add_signal_handler(number, self.exit)
        self._watched.start()
        self.set_interval(FRAME_SECONDS, self._follow)

    def on_resize(self, event: Resize) -> None:
        """The parts share the terminal anew."""
        self._share(event.size.width, event.size.height)
        self._draw()

    # -- keys

    def action_pause(self) -> None:
        """Farm time stands, or goes on."""
        self._watched.pace.toggle_pause()
        self._draw()

    def action_step(self) -> None:
        """One tick in which something happens."""
        self._watched.pace.step()
        self._draw()

    def action_seek(self) -> None:
        """On to the next notable event."""
        self._watched.pace.seek()
        self._draw()

    def action_faster(self) -> None:
        """The next higher speed."""
        self._watched.pace.faster()
        self._draw()

    def action_slower(self) -> None:
        """The next lower speed."""
        self._watched.pace.slower()
        self._draw()

    def action_full_speed(self) -> None:
        """As fast as it goes."""
        self._watched.pace.set_speed(FULL_SPEED)
        self._draw()

    def action_slows(self) -> None:
        """Elections in slow motion, or not."""
        self._watched.pace.toggle_slows()
        self._draw()

    def action_zone(self, steps: int) -> None:
        """Another zone is shown."""
        zones = () if self._snapshot is None else self._snapshot.zones
        if zones:
            self._picked = max(0, min(len(zones) - 1, self._picked + steps))
            self._share(self.size.width, self.size.height)
            self._draw()

    def action_dark(self) -> None:
        """Light or dark."""
        self.theme = "textual-light" if self.current_theme.dark else "textual-dark"

    def action_verdict(self) -> None:
        """The verdict, once there is one."""
        ended = self._watched.ended
        if ended is not None and ended.verdict is not None and len(self.screen_stack) == 1:
            self.push_screen(VerdictScreen(ended.verdict))

    def action_help(self) -> None:
        """What the keys do, and what the columns are."""
        if len(self.screen_stack) == 1:
            self.push_screen(Help())

    # -- the farm

    def _follow(self) -> None:
        """Shows what there is to be shown."""
        ended = self._watched.ended
        if ended is not None and not self._told:
            self._told = True
            self._snapshot = self._watched.latest
            self._draw()
            if ended.verdict is None:
                self.exit()
            else:
                self.action_verdict()
        elif self._watched.latest is not self._snapshot:
            first = self._snapshot is None
            self._snapshot = self._watched.latest
            if first:
                self._share(self.size.width, self.size.height)
            self._draw()

    def _share(self, width: int, height: int) -> None:
        """Gives each part its lines, and tells the farm what there is room for."""
        zones = () if self._snapshot is None else self._snapshot.zones
        # Title, clock and keys, three rules, and the heads of two tables.
        left = height - 8
        lines = {
            "zones": max(1, min(len(zones) or 1, MOST_ZONES, left // (4 if height < 32 else 3))),
            "middle": max(6, min(left // 3, 20)),
            "kinds": max(2, min(left // 5, 12)),
        }
        below = self.screen_stack[0]
        below.query_one("#zones").styles.height = lines["zones"] + 1
        below.query_one("#middle").styles.height = lines["middle"]
        below.query_one("#kinds").styles.height = lines["kinds"] + 1
        # What a part has room for is known once all are laid out.
        self.call_after_refresh(self._draw)
        wanted = Wanted(
            zone=zones[self._picked].name if zones else None,
            hosts=lines["middle"] - 1,
            kinds=lines["kinds"],
            lines=max(8, height),
        )
        if wanted != self._wanted:
            self._wanted = wanted
            self._watched.want(wanted)

    def _draw(self) -> None:
        if not self.is_running:
            return
        seen, now, ended = self._snapshot, self._watched.pace.now, self._watched.ended
        verdict = None if ended is None else ended.verdict
        width = self.size.width
        line = Room(width, 1)
        zones = () if seen is None else seen.zones
        zone = "no zone yet" if seen is None or seen.detail is None else f"zone {seen.detail.zone}"
        hidden = max(0, len(zones) - self._room("zones").height + 1)
        parts: Mapping[str, Content] = {
            "title": panels.title(self._watched.played, line),
            "clock": panels.clock(seen, now, verdict, line),
            "zones": panels.zones(seen, self._picked, self._room("zones")),
            "rule_zone": panels.rule(zone + (f"; {hidden:,} more zones than shown" if hidden else ""), line),
            "hosts": panels.hosts(seen, self._room("hosts")),
            "election": panels.election(seen, self._room("election")),
            "rule_kinds": panels.rule(f"sent in {zone}", line),
            "kinds": panels.kinds(seen, self._room("kinds")),
            "rule_log": panels.rule("what happened", line),
            "log": panels.log(seen, self._room("log")),
            "keys": panels.keys(now, ended is not None, line),
        }
        for name, content in parts.items():
            self.screen_stack[0].query_one(f"#{name}", Static).update(content)

    def _room(self, name: str) -> Room:
        size = self.screen_stack[0].query_one(f"#{name}").size
        return Room(size.width, size.height)


def is_light(environment: Mapping[str, str]) -> bool:
    """Whether the terminal says that its background is light, as some do."""
    return environment.get("COLORFGBG", "").rpartition(";")[2] in {"7", "15"}
