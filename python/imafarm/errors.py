"""What can go wrong, as seen by a caller."""

from __future__ import annotations

from collections.abc import Sequence


class ImafarmError(Exception):
    """Everything imafarm raises on purpose, besides `ValueError` and `KeyError` of single calls."""


class ConfigurationError(ImafarmError, ValueError):
    """A call or a file was wrong. Nothing was started.

    `mistakes` holds one line per mistake; each begins with the key it is about (`hosts[2].host_id: ...`).
    """

    def __init__(self, mistakes: Sequence[str], *, source: str = "") -> None:
        """`source` is the option or file that they are in."""
        self.mistakes = tuple(mistakes)
        self.source = source
        super().__init__(self._text())

    def _text(self) -> str:
        where = f"{self.source}: " if self.source else ""
        if len(self.mistakes) == 1:
            return where + self.mistakes[0]
        return "\n  ".join([f"{where}{len(self.mistakes)} mistakes", *self.mistakes])


class StoreDown(ImafarmError):
    """The data store of a farm is down, so a change of its configuration was not made."""

    def __init__(self) -> None:
        """There is one thing to say."""
        super().__init__("the data store is down: the change was not made")


class FarmDeadlock(ImafarmError):
    """Neither Trio nor any farm has a next event, so farm time cannot go on. Says who waits for what."""

    def __init__(self, waits: Sequence[str]) -> None:
        """`waits` holds one line per task."""
        self.waits = tuple(waits)
        said = "farm time stands still: no host and no deadline has anything left to do"
        super().__init__("\n  ".join([said, *waits]))


class StudyStopped(ImafarmError):
    """A study could not go on: its disk is full, its workers are out of reach. What was done is kept.

    `reason` says what is wrong; `done` of `total` points have an outcome.
    """

    def __init__(self, reason: str, *, done: int, total: int, kept: bool) -> None:
        """`kept` says whether the points done are on the disk, for a study that goes on with them."""
        self.reason = reason
        self.done = done
        self.total = total
        after = "; --resume goes on with them" if kept else ""
        super().__init__(f"{reason}\n  {done} of {total} points done{after}")


class StoreError(ImafarmError):
    """A data store cannot be used: it is missing, locked, full, of another schema, out of reach. Nothing was written.

    `url` is where it is, secrets masked; `reason` says what is wrong.
    """

    def __init__(self, url: str, reason: str) -> None:
        """Both are shown in one line."""
        self.url = url
        self.reason = reason
        super().__init__(f"{url}: {reason}")


class ManagementError(ImafarmError):
    """A host could not be asked through its management port, or would not do what it was asked for.

    `where` is its address and port; `code` is what docs/management.md calls the fault, or `unreachable`; `reason` says
    what is wrong.
    """

    def __init__(self, where: str, reason: str, *, code: str) -> None:
        """Place and reason are shown in one line."""
        self.where = where
        self.reason = reason
        self.code = code
        super().__init__(f"{where}: {reason}")
