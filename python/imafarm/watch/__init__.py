"""A farm that somebody looks at while it runs: in slow motion, step by step, or as fast as it goes.

The farm runs in a thread of its own (`Watched`); a `Pace` says how fast, and an observer takes snapshots at moments
when all stands still. None of this changes what happens: the digest is that of the same scenario played unwatched. The
screen (`watch_farm`) is Textual's, from the extra `tui`; all else needs no more than the package.
"""

from imafarm.errors import ConfigurationError
from imafarm.watch._pace import FULL_SPEED, Pace, PaceNow, speed_of
from imafarm.watch._play import Play, Watched
from imafarm.watch._snapshot import Ended, HostView, KindView, LogLine, Snapshot, Wanted, ZoneDetail, ZoneView

__all__ = [
    "FULL_SPEED",
    "Ended",
    "HostView",
    "KindView",
    "LogLine",
    "Pace",
    "PaceNow",
    "Play",
    "Snapshot",
    "Wanted",
    "Watched",
    "ZoneDetail",
    "ZoneView",
    "speed_of",
    "watch_farm",
]


def watch_farm(played: Play, pace: Pace | None = None) -> Ended:
    """Plays this on the terminal, until it is over and whoever watches has seen enough; how it ended.

    pace: how fast, at first; ten farm seconds in a real second unless said.

    Errors: `ConfigurationError` without the extra `tui`.
    """
    try:
        from imafarm.watch._app import WatchApp
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "textual":
            raise
        raise ConfigurationError(["imafarm watch needs imafarm[tui]"]) from None
    watched = Watched(played, pace)
    try:
        WatchApp(watched, signals=True).run()
    finally:
        ended = watched.leave()
    return ended
