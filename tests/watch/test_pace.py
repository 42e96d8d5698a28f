"""How fast farm time goes, and that a scenario comes to the same whatever somebody does with its speed."""

import random
import time
from collections.abc import Callable

import pytest

from imafarm.errors import ConfigurationError
from imafarm.scenario import Verdict
from imafarm.scenarios import SCENARIOS
from imafarm.topology import Topology
from imafarm.watch import FULL_SPEED, Pace, Play, Watched, _pace, speed_of
from imafarm.watch._pace import FRAME_SECONDS, SLOW_NS, SPEEDS, Left

SECOND = 1_000_000_000
PATIENCE_SECONDS = 60
PLAYED = Play(SCENARIOS["master-failover"], Topology.of(40, 2), seed=3, threads=2)


class Clock:
    """Real time that goes on by so much at each look."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def play(pace: Pace, meanwhile: Callable[[Watched], object] = lambda _: None) -> Verdict:
    """A scenario to its end, while something is done to its pace again and again."""
    watched = Watched(PLAYED, pace)
    watched.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while watched.ended is None and time.monotonic() < deadline:
        meanwhile(watched)
        time.sleep(0.001)
    ended = watched.leave()
    assert ended.error is None and ended.verdict is not None, ended
    return ended.verdict


@pytest.fixture(scope="module")
def expected() -> Verdict:
    """What it comes to at full speed, unpaced but for that."""
    return play(Pace(FULL_SPEED))


def test_a_watched_scenario_comes_to_what_it_comes_to_unwatched(
    expected: Verdict, unwatched: Callable[[Play], Verdict], same: Callable[[Verdict], Verdict]
) -> None:
    assert same(expected) == unwatched(PLAYED)
    assert expected.passed


@pytest.mark.parametrize("speed", [200.0, 1000.0])
def test_speed_changes_nothing(
    expected: Verdict, same: Callable[[Verdict], Verdict], speed: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does slow motion, of which this one is not very."""
    monkeypatch.setattr(_pace, "SLOW_SPEED", 1.0)
    assert same(play(Pace(speed))) == same(expected)


def test_stepping_through_all_of_it_changes_nothing(expected: Verdict, same: Callable[[Verdict], Verdict]) -> None:
    steps = 0

    def step(watched: Watched) -> None:
        nonlocal steps
        for _ in range(100):
            watched.pace.step()
        steps += 100

    assert same(play(Pace(), step)) == same(expected)
    assert steps > 1_000


def test_whatever_keys_are_pressed_changes_nothing(expected: Verdict, same: Callable[[Verdict], Verdict]) -> None:
    dice = random.Random(5)

    def press(watched: Watched) -> None:
        pace = watched.pace
        keys: list[Callable[[], None]] = [pace.toggle_pause, pace.step, pace.seek, pace.faster, pace.slower]
        keys += [pace.toggle_slows, lambda: pace.set_speed(dice.choice([0.001, 300.0, FULL_SPEED]))]
        dice.choice(keys)()

    for _ in range(3):
        assert same(play(Pace(), press)) == same(expected)


def test_the_time_for_which_a_farm_was_kept_waiting_is_not_counted_as_work() -> None:
    pace = Pace(FULL_SPEED)
    pace.toggle_pause()
    began = time.monotonic()

    def go_on(_: Watched) -> None:
        if pace.now.paused and time.monotonic() - began > 0.3:
            pace.toggle_pause()

    verdict = play(pace, go_on)
    assert pace.waited_seconds > 0.2
    assert verdict.wall_seconds <= time.monotonic() - began - pace.waited_seconds


# -- the pace alone


def test_farm_time_keeps_to_its_speed() -> None:
    clock = Clock(FRAME_SECONDS / 4)
    pace, now_ns = Pace(10.0, clock=clock), 0
    began = clock.now
    while now_ns < 5 * SECOND:
        now_ns = pace.limit_ns(now_ns, 100 * SECOND, None)
    assert now_ns / SECOND / (clock.now - began) == pytest.approx(10, rel=0.2)


def test_a_machine_that_cannot_keep_up_is_not_chased() -> None:
    clock = Clock(0.0)
    pace = Pace(1.0, clock=clock)
    assert pace.limit_ns(0, SECOND, None) == 0
    clock.now = 50.0
    # What it fell behind by is given up: a frame at a time, not fifty seconds at once.
    assert pace.limit_ns(0, 100 * SECOND, None) == 0
    clock.now += FRAME_SECONDS
    assert pace.limit_ns(0, 100 * SECOND, None) == pytest.approx(FRAME_SECONDS * SECOND, rel=0.01)


def test_full_speed_knows_no_limit() -> None:
    assert Pace(FULL_SPEED).limit_ns(0, 77 * SECOND, 5) == 77 * SECOND


def test_paused_it_stands_and_a_step_goes_to_the_next_news() -> None:
    pace = Pace(FULL_SPEED)
    pace.toggle_pause()
    assert pace.limit_ns(100, SECOND, 5_000) == 100
    pace.step()
    assert pace.limit_ns(100, SECOND, 5_000) == 5_000
    assert pace.limit_ns(5_000, SECOND, 9_000) == 5_000
    pace.step()
    pace.step()
    assert pace.limit_ns(5_000, 7_000, 9_000) == 7_000
    assert pace.limit_ns(7_000, SECOND, None) == SECOND
    pace.toggle_pause()
    assert pace.limit_ns(0, SECOND, 5_000) == SECOND


def test_a_search_runs_at_full_speed_and_pauses_at_the_next_notable_event() -> None:
    pace = Pace(0.001)
    pace.seek()
    assert pace.now.seeking and pace.wants_events
    assert pace.limit_ns(0, SECOND, 5) == SECOND
    pace.notice(SECOND, notable=False, slow=False)
    assert pace.now.seeking
    pace.notice(SECOND, notable=True, slow=True)
    assert pace.now.paused and not pace.now.seeking
    pace.seek()
    pace.toggle_pause()
    assert pace.now.paused


def test_it_goes_slowly_around_an_election_for_a_while() -> None:
    clock = Clock(FRAME_SECONDS)
    pace, now_ns = Pace(1000.0, clock=clock), 7 * SECOND
    pace.notice(now_ns, notable=True, slow=True)
    assert pace.now.slow
    began, looks = now_ns, 0
    while pace.now.slow:
        now_ns = pace.limit_ns(now_ns, 100 * SECOND, None)
        looks += 1
    assert looks > 10
    assert SLOW_NS <= now_ns - began < 2 * SLOW_NS
    pace.notice(now_ns, notable=True, slow=True)
    pace.toggle_slows()
    assert not pace.now.slow
    pace.toggle_slows()
    pace.set_speed(FULL_SPEED)
    assert not pace.now.slow and not pace.wants_events


def test_speeds_go_up_and_down_a_ladder_without_falling_off() -> None:
    pace, seen = Pace(0.001), [0.001]
    for _ in SPEEDS:
        pace.faster()
        seen.append(pace.now.speed)
    assert seen == [*map(float, SPEEDS), FULL_SPEED]
    pace.faster()
    assert pace.now.speed == FULL_SPEED
    down = []
    for _ in SPEEDS:
        pace.slower()
        down.append(pace.now.speed)
    assert down == [float(speed) for speed in reversed(SPEEDS)]
    pace.slower()
    assert pace.now.speed == 0.001
    pace.set_speed(7.5)
    pace.faster()
    assert pace.now.speed == 10


def test_whoever_leaves_ends_the_run() -> None:
    pace = Pace()
    pace.toggle_pause()
    pace.leave()
    with pytest.raises(Left):
        pace.limit_ns(0, SECOND, None)


@pytest.mark.parametrize(
    ("text", "speed"),
    [("10", 10), ("0.5", 0.5), ("1/100", 0.01), ("1e3", 1000), ("max", FULL_SPEED), ("MAX", FULL_SPEED)],
)
def test_a_speed_is_read(text: str, speed: float) -> None:
    assert speed_of(text) == speed


@pytest.mark.parametrize("text", ["", "fast", "0", "-1", "1/0", "nan", "inf", "1001", "1/1001", "1/2/3"])
def test_a_speed_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^--speed: "):
        speed_of(text)
