"""The screen, by its keys and by what stands on it."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from imafarm.errors import ConfigurationError, FarmDeadlock
from imafarm.farm import Farm
from imafarm.scenario import Journal, Scenario, Verdict
from imafarm.scenarios import SCENARIOS
from imafarm.topology import Topology
from imafarm.watch import FULL_SPEED, LogLine, Pace, Play, Watched
from imafarm.watch import _pace as paces
from imafarm.watch._app import WatchApp, is_light

PATIENCE_SECONDS = 30
WIDE, SMALL = (120, 40), (80, 24)

Story = Callable[["Screen"], Awaitable[None]]


class Screen:
    """A screen, and somebody at its keys."""

    def __init__(self, app: WatchApp, watched: Watched, pilot: Pilot[None]) -> None:
        self.app, self.watched, self.pilot = app, watched, pilot

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until(self, holds: Callable[[], object], what: str) -> None:
        """Waits until it holds, for so long at most."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, f"{what}\n{self.text()}"
            await self.pilot.pause(0.01)

    async def until_text(self, text: str) -> None:
        await self.until(lambda: text in self.text(), f"{text!r} is to be seen")

    def part(self, name: str) -> str:
        return str(self.app.screen_stack[0].query_one(f"#{name}", Static).visual)

    def text(self) -> str:
        """All that stands on the screen, as it is composed."""
        lines = self.app.screen._compositor.render_strips(self.app.size)
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in lines)

    @property
    def seconds(self) -> float:
        latest = self.watched.latest
        assert latest is not None
        return latest.seconds


def look(
    story: Story,
    *,
    hosts: int = 40,
    zones: int = 1,
    speed: float = FULL_SPEED,
    scenario: Scenario = SCENARIOS["master-failover"],
    size: tuple[int, int] = WIDE,
    paused: bool = False,
) -> Watched:
    """Plays a scenario with somebody at the keys."""
    watched = Watched(Play(scenario, Topology.of(hosts, zones), seed=3), Pace(speed))
    if paused:
        watched.pace.toggle_pause()

    async def run() -> None:
        app = WatchApp(watched)
        async with app.run_test(size=size) as pilot:
            await story(Screen(app, watched, pilot))

    try:
        asyncio.run(run())
    finally:
        watched.leave()
    assert not watched._thread.is_alive()
    return watched


@pytest.mark.parametrize("size", [WIDE, SMALL])
def test_a_scenario_is_watched_to_its_verdict(size: tuple[int, int]) -> None:
    async def story(screen: Screen) -> None:
        await screen.until_text("PASSED")
        await screen.until_text("What happened")
        await screen.press("escape")
        await screen.until_text("judge  ENDED: passed")
        text = screen.text()
        assert "master-failover" in text and "40 hosts in 1 zone, PS45, seed 3" in text
        assert "128.9" in text and "39/40" in text and "agreed" in text
        assert "H40" in text and "collector" in text and "crashed" in text
        assert "ELECT_MASTER" in text and "phase: hold" in text and "q quit" in text
        assert all(len(line) <= size[0] for line in text.splitlines())
        await screen.press("v")
        await screen.until_text("PASSED")
        await screen.press("q")

    watched = look(story, size=size)
    ended = watched.ended
    assert ended is not None and ended.verdict is not None and ended.verdict.passed


def test_the_verdict_is_that_of_a_run_nobody_watched(
    unwatched: Callable[[Play], Verdict], same: Callable[[Verdict], Verdict]
) -> None:
    async def story(screen: Screen) -> None:
        await screen.press("s", "s", "minus", "e", "n", "m")
        await screen.until(lambda: screen.watched.pace.now.paused, "it has come to an event")
        await screen.press("d", "space", "plus", "m", "space", "space")
        await screen.until_text("PASSED")

    watched = look(story, zones=2, paused=True)
    assert watched.ended is not None and watched.ended.verdict is not None
    assert same(watched.ended.verdict) == unwatched(watched.played)


def test_space_pauses_and_a_step_goes_on_by_little() -> None:
    async def story(screen: Screen) -> None:
        await screen.until_text("PAUSED, then 10 x")
        await screen.until_text("no host runs")
        assert screen.seconds == 0
        await screen.press("s")
        await screen.until(lambda: screen.seconds > 0, "a step is done")
        first = screen.seconds
        assert first < 1
        await screen.press("s")
        await screen.until(lambda: screen.seconds > first, "another step is done")
        second = screen.seconds
        # A look is taken when somebody wants another zone or size; it is at the same moment.
        await screen.pilot.resize_terminal(100, 33)
        await screen.until(lambda: screen.watched.latest is screen.app._snapshot, "it is shown")
        assert screen.seconds == second
        await screen.press("m", "space")
        await screen.until(lambda: screen.seconds > 1, "it goes on")
        await screen.until_text("FULL SPEED")

    look(story, speed=10, paused=True, hosts=2_000)


def test_n_goes_to_the_next_event_and_pauses_there() -> None:
    async def story(screen: Screen) -> None:
        await screen.until_text("PAUSED")

        def events() -> list[LogLine]:
            shown = screen.app._snapshot
            assert shown is not None
            return [line for line in shown.log if not line.text.startswith(("hosts come up", "phase"))]

        for number in range(4):
            await screen.press("n")
            await screen.until(lambda before=number: len(events()) > before, "it is told")  # type: ignore[misc]
            assert screen.watched.pace.now.paused
            assert len(events()) == number + 1
            assert 0 <= screen.seconds - events()[-1].seconds < 0.001
        assert "stands: ELECT_MASTER" in screen.part("log")

    look(story, speed=10, paused=True)


def test_plus_and_minus_change_the_speed() -> None:
    async def story(screen: Screen) -> None:
        await screen.until_text("PAUSED, then 10 x")
        await screen.press("plus")
        await screen.until_text("then 20 x")
        await screen.press("minus", "minus", "minus")
        await screen.until_text("then 2 x")
        for _ in range(10):
            await screen.press("minus")
        await screen.until_text("then 1/1000 x")
        await screen.press("m")
        await screen.until_text("then full speed")
        await screen.press("e")
        await screen.until_text("slow elections on")

    look(story, speed=10, paused=True)


def test_an_election_is_seen_to_go_through_its_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paces, "SLOW_SPEED", 0.05)
    seen: list[str] = []

    async def story(screen: Screen) -> None:
        while screen.watched.ended is None:
            line = screen.part("zones").splitlines()[-1]
            stage = next((word for word in ("agreed", "unnoticed", "electing", "declared") if word in line), "")
            if screen.part("clock").find("failover") >= 0 and stage and (not seen or seen[-1] != stage):
                seen.append(stage)
            await screen.pilot.pause(0.005)

    look(story, hosts=300, speed=200)
    # The screen is looked at now and then: of the stages there may be fewer, but in their order.
    assert "electing" in seen
    assert seen == [stage for stage in ("unnoticed", "electing", "declared", "agreed") if stage in seen]


def test_zones_are_picked_by_keys_and_shown_around_the_one_that_is_picked() -> None:
    async def story(screen: Screen) -> None:
        await screen.until_text(">Z1")
        await screen.until_text("zone Z1; 21 more zones than shown")
        await screen.press("down", "down", "up")
        await screen.until_text("── zone Z2")
        assert "H5 " in screen.part("hosts")
        await screen.press("pagedown", "pagedown", "pagedown")
        await screen.until_text("── zone Z25")
        await screen.until_text(">Z25")
        assert "Z1 " not in screen.part("zones")
        await screen.press("down", "pageup")
        await screen.until_text("── zone Z15")

    look(story, hosts=100, zones=25, size=SMALL, speed=1)


def test_help_tells_every_key() -> None:
    async def story(screen: Screen) -> None:
        await screen.press("question_mark")
        await screen.until_text("pause, or go on")
        text = screen.text()
        for key in ("space", "s  ", "n  ", "+ -", "m  ", "e  ", "up, down", "d  ", "v  ", "q, Ctrl-C"):
            assert f"  {key}" in text
        await screen.press("escape")
        await screen.until_text("what happened")

    look(story, size=WIDE, speed=1)


def test_light_and_dark_say_the_same() -> None:
    async def story(screen: Screen) -> None:
        await screen.until_text("PAUSED")
        # Without the clock, in which there is real time.
        await screen.until_text("no host runs")
        dark, before = screen.app.current_theme.dark, screen.text().splitlines()[2:]
        await screen.press("d")
        await screen.until(lambda: screen.app.current_theme.dark != dark, "the theme changes")
        await screen.pilot.pause()
        assert screen.text().splitlines()[2:] == before

    look(story, speed=10, paused=True)


@pytest.mark.parametrize(
    ("environment", "light"),
    [({}, False), ({"COLORFGBG": "15;0"}, False), ({"COLORFGBG": "0;15"}, True), ({"COLORFGBG": "0;default;7"}, True)],
)
def test_a_terminal_may_say_that_it_is_light(environment: dict[str, str], light: bool) -> None:
    assert is_light(environment) == light


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
def test_whoever_quits_early_leaves_no_farm_behind(key: str) -> None:
    async def story(screen: Screen) -> None:
        await screen.until_text("boot")
        await screen.press("question_mark", key)
        await screen.until(lambda: not screen.app.is_running, "it has quit")

    watched = look(story, speed=1)
    assert watched.ended is not None
    assert (watched.ended.verdict, watched.ended.error) == (None, None)


def test_a_paused_farm_can_be_left() -> None:
    async def story(screen: Screen) -> None:
        await screen.until_text("PAUSED")
        await screen.press("q")

    look(story, paused=True)


def scenario_that(play: Callable[[Farm, Journal], Awaitable[None]]) -> Scenario:
    return Scenario("broken", "Breaks.", hosts=4, least_hosts_in_zone=1, play=play)


@pytest.mark.parametrize(
    "error", [ConfigurationError(["broken: on purpose"]), FarmDeadlock(["nobody waits"]), ZeroDivisionError("broken")]
)
def test_a_scenario_that_fails_ends_the_screen_with_its_own_error(error: Exception) -> None:
    async def play(farm: Farm, journal: Journal) -> None:
        await farm.wait_converged()
        raise error

    async def story(screen: Screen) -> None:
        await screen.until(lambda: not screen.app.is_running, "it ends by itself")

    ended = look(story, scenario=scenario_that(play)).ended
    assert ended is not None and ended.error is error


def test_a_check_that_fails_is_told() -> None:
    async def play(farm: Farm, journal: Journal) -> None:
        journal.check("what cannot be", False, "and is not")

    async def story(screen: Screen) -> None:
        await screen.until_text("FAILED")
        await screen.until_text("what cannot be")
        await screen.press("escape")
        await screen.until_text("ENDED: failed")

    look(story, scenario=scenario_that(play))


def test_a_very_small_terminal_cuts_lines_and_breaks_none() -> None:
    async def story(screen: Screen) -> None:
        await screen.until_text("Z1")
        await screen.until_text("PASSED")
        await screen.press("escape")
        await screen.until_text("39/40")
        assert screen.text().splitlines()[0].startswith(" master-failover")

    look(story, size=(40, 12))
