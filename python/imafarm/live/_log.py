"""What live hosts write to the log: one line for each thing that happened, and not more than a line a second of a kind.

A line is `event key=value ..`, or one JSON object. So it can be read, searched and counted, and a peer that misbehaves
a thousand times a second cannot fill a disk.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field

import trio

LOGGER = logging.getLogger("imafarm.live")
QUIET_SECONDS = 1.0
"""Between two lines of a kind."""
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/+@")

Value = str | int | float | None
"""What a line says of a key; `None` leaves the key out."""


@dataclass(slots=True)
class _Kind:
    """How often something was said."""

    quiet_until: float = 0.0
    unsaid: int = 0


@dataclass(slots=True)
class LiveLog:
    """Writes to the logger "imafarm.live".

    json_lines: whether each line is a JSON object.
    """

    json_lines: bool = False
    _kinds: dict[str, _Kind] = field(default_factory=dict)

    def info(self, event: str, **values: Value) -> None:
        """Says what happened in good order. Each is said."""
        self._say(logging.INFO, event, values)

    def warn(self, event: str, **values: Value) -> None:
        """Says what went wrong, unless the same kind was said within the last second: then it is counted, and the next
        line of the kind says how many there were (`more=17`)."""
        kind = self._kinds.setdefault(event, _Kind())
        now = trio.current_time()
        if now < kind.quiet_until:
            kind.unsaid += 1
            return
        kind.quiet_until = now + QUIET_SECONDS
        more, kind.unsaid = kind.unsaid, 0
        self._say(logging.WARNING, event, {**values, "more": more or None})

    def _say(self, level: int, event: str, values: dict[str, Value]) -> None:
        if not LOGGER.isEnabledFor(level):
            return
        said = {key: value for key, value in values.items() if value is not None}
        if self.json_lines:
            LOGGER.log(level, "%s", json.dumps({"event": event, **said}, ensure_ascii=False))
        else:
            LOGGER.log(level, "%s", " ".join([event, *(f"{key}={_text(value)}" for key, value in said.items())]))


def _text(value: Value) -> str:
    """A value as a line has it: as it is, or quoted where it could be taken for something else, or for two lines."""
    text = str(value)
    return text if text and _PLAIN.issuperset(text) else json.dumps(text, ensure_ascii=False)
