"""Figures and states in words that fit a narrow column."""

from __future__ import annotations

import math

from imafarm.watch._pace import FULL_SPEED, PaceNow
from imafarm.watch._snapshot import Tone, ZoneView

BLOCKS = " ▁▂▃▄▅▆▇█"


def short(count: float) -> str:
    """A count in six columns at most: 999, 12.3k, 4.56M."""
    if count < 9_999.5:
        return f"{count:,.0f}" if count >= 9.95 or count == int(count) else f"{count:.1f}"
    for unit in ("k", "M", "G"):
        count /= 1_000
        if count < 999.5:
            return f"{count:.{max(0, 2 - int(math.log10(max(count, 1))))}f}{unit}"
    return f"{count / 1_000:,.0f}T"


def speed(value: float) -> str:
    """A speed: 10 x, 0.37 x, 1/100 x, full speed."""
    if value == FULL_SPEED:
        return "full speed"
    if value <= 0:
        return "0 x"
    if value < 0.095:
        return f"1/{1 / value:.0f} x"
    return f"{value:.0f} x" if value >= 9.5 or value == int(value) else f"{value:.2g} x"


def span(seconds: float) -> str:
    """A stretch of farm time: 1.25 ms, 12.6 s."""
    if seconds == 0:
        return "0"
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} us"
    if seconds < 1:
        return f"{seconds * 1e3:.{2 if seconds < 0.1 else 0}f} ms"
    return f"{seconds:,.{3 if seconds < 10 else 1}f} s"


def stage(zone: ZoneView, width: int) -> tuple[str, Tone]:
    """How far a zone is with its collector, in so many columns."""
    votes = f"{zone.agreeing:,}/{zone.up:,}"
    match zone.stage:
        case "agreed":
            return "agreed", "good"
        case "joining":
            return _fitting(width, f"joining, {votes} know it", f"joining {votes}"), "quiet"
        case "lost":
            return _fitting(width, "collector down, unnoticed", "collector down"), "bad"
        case "in doubt":
            return "in doubt", "bad"
        case "electing":
            stand = f"{zone.candidates:,} stand"
            return _fitting(width, f"electing, {stand}", stand), "bad"
        case "declared":
            return _fitting(width, f"declared, {votes} agree", f"declared {votes}"), "notable"
        case "off":
            return "no host runs", "quiet"
        case "unled":
            return "never has one", "quiet"


def _fitting(width: int, long: str, less: str) -> str:
    return long if len(long) <= width else less


def going(now: PaceNow, reached: float) -> tuple[str, Tone]:
    """How farm time goes."""
    if now.paused:
        return f"PAUSED, then {speed(now.speed)}", "notable"
    if now.seeking:
        return "ON TO THE NEXT EVENT", "notable"
    if now.slow:
        return f"SLOW for an election, then {speed(now.speed)}", "notable"
    if now.speed == FULL_SPEED:
        return f"FULL SPEED, {speed(reached)}", "good"
    behind = reached < 0.8 * now.speed and reached > 0
    return f"at {speed(now.speed)}" + (f", reached {speed(reached)}" if behind else ""), "good"


def sparkline(values: tuple[float, ...], width: int, top: float) -> str:
    """The last values as bars on a logarithmic scale, `top` being the highest; the youngest is at the right."""
    bars = "".join(_bar(value, top) for value in values[-width:])
    return bars.rjust(width)


def _bar(value: float, top: float) -> str:
    if value <= 0 or top <= 0:
        return BLOCKS[0]
    # Four decades to the full height: a storm beside heartbeats.
    share = 1 + math.log10(max(value / top, 1e-9)) / 4
    return BLOCKS[max(1, min(8, math.ceil(share * 8)))]


def cut(text: str, width: int) -> str:
    """The text, or its beginning, in so many columns."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"
