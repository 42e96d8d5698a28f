"""A real browser without a window, told what to do through a pipe (Chrome DevTools Protocol)."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
ANSWER_SECONDS = 60.0
# The browser reads commands at descriptor 3 and answers at 4.
HAND_OVER = "import os, sys; a = sys.argv; os.dup2(int(a[1]), 3); os.dup2(int(a[2]), 4); os.execvp(a[3], a[3:])"
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-pipe",
)


@dataclass
class Opened:
    """A page that a browser has loaded."""

    browser: "Browser"
    session: str
    requests: list[str] = field(default_factory=list)
    """The addresses of everything that it asked for."""
    complaints: list[str] = field(default_factory=list)
    """What the console said."""

    def evaluate(self, script: str) -> Any:
        """What a line of JavaScript comes to."""
        found = self.browser.ask("Runtime.evaluate", {"expression": script, "returnByValue": True}, self.session)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def picture(self) -> bytes:
        """The whole page as a PNG."""
        told = {"format": "png", "captureBeyondViewport": True}
        return base64.b64decode(self.browser.ask("Page.captureScreenshot", told, self.session)["data"])

    def press(self, key: str, code: int) -> None:
        """A key is pressed and let go."""
        for kind in ("keyDown", "keyUp"):
            told = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}
            self.browser.ask("Input.dispatchKeyEvent", told, self.session)


class Browser:
    """A browser of our own."""

    def __init__(self, program: str, directory: Path) -> None:
        ours, theirs = self._pipe(), self._pipe()
        command = [sys.executable, "-c", HAND_OVER, str(ours[0]), str(theirs[1]), program, *FLAGS]
        with (directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, f"--user-data-dir={directory / 'profile'}"],
                pass_fds=(ours[0], theirs[1]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        os.close(ours[0])
        os.close(theirs[1])
        self._to, self._from = ours[1], theirs[0]
        self._read = b""
        self._number = 0
        self._pages: dict[str, Opened] = {}
        self._loaded: set[str] = set()

    @staticmethod
    def _pipe() -> tuple[int, int]:
        """Both ends well above those that the browser is given."""
        low = os.pipe()
        high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in low)
        for end in low:
            os.close(end)
        return high[0], high[1]

    def close(self) -> None:
        """It is gone."""
        os.close(self._to)
        try:
            self._process.wait(timeout=ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._from)

    def ask(self, method: str, told: dict[str, Any] | None = None, session: str | None = None) -> dict[str, Any]:
        """A command, and what it is answered."""
        self._number += 1
        said: dict[str, Any] = {"id": self._number, "method": method, "params": told or {}}
        if session is not None:
            said["sessionId"] = session
        os.write(self._to, json.dumps(said).encode() + b"\0")
        while True:
            heard = self._next()
            if heard.get("id") == self._number:
                assert "error" not in heard, (method, heard)
                answer: dict[str, Any] = heard["result"]
                return answer
            self._note(heard)

    def open(self, path: Path, *, width: int = 1280, height: int = 900, dark: bool = False, media: str = "") -> Opened:
        """Loads a file in a window of this width."""
        target = self.ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self._pages[session] = Opened(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable", session=session)
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.ask("Emulation.setDeviceMetricsOverride", metrics, session)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", {"media": media, "features": [scheme]}, session)
        page.requests.clear()
        self.ask("Page.navigate", {"url": path.resolve().as_uri()}, session)
        while session not in self._loaded:
            self._note(self._next())
        return page

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + ANSWER_SECONDS
        while b"\0" not in self._read:
            ready, _, _ = select.select([self._from], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            more = os.read(self._from, 1 << 20)
            assert more, "the browser is gone"
            self._read += more
        line, _, self._read = self._read.partition(b"\0")
        heard: dict[str, Any] = json.loads(line)
        return heard

    def _note(self, heard: dict[str, Any]) -> None:
        session, method, told = heard.get("sessionId"), heard.get("method"), heard.get("params", {})
        if session is None or session not in self._pages:
            return
        page = self._pages[session]
        match method:
            case "Network.requestWillBeSent":
                page.requests.append(told["request"]["url"])
            case "Log.entryAdded":
                page.complaints.append(told["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                page.complaints.append(json.dumps(told))
            case "Page.loadEventFired":
                self._loaded.add(session)
            case _:
                pass


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A Chromium; without one there is nothing to try pages in."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("there is no Chromium on this machine")
    made = Browser(program, tmp_path_factory.mktemp("browser"))
    yield made
    made.close()
