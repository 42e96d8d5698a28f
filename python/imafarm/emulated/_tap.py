"""What single hosts of an emulated farm put on the wire: what is recorded of it, and how it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imafarm import _imafarm
from imafarm.emulated._clock import NANOSECONDS
from imafarm.errors import ConfigurationError
from imafarm.words import nearest

LATEST_SECONDS = 1e9
"""The last second of a time range, as of any span of farm time."""


@dataclass(frozen=True, slots=True)
class Tap:
    """What an emulated farm records of its hosts' packets, for `EmulatedFarm.packets` and for capture files.

    It is a capture at the interfaces of the tapped hosts in which no packet is twice: what a tapped host sends is there
    when it sends it, whether it arrives or not; what comes to one from a host that is not tapped, when it has come and
    is handled. It changes nothing of what happens.
    """

    hosts: Sequence[str] | None = None
    """The names of the tapped hosts; `None`: all."""
    kinds: Sequence[str] | None = None
    """The kinds of the recorded messages (`ELECT_MASTER`, ..); `None`: all. Connections are recorded in any case."""
    since_seconds: float = 0.0
    """From which farm second on, since the farm was opened."""
    until_seconds: float | None = None
    """Up to which farm second, exclusive; `None`: to the end."""
    limit_bytes: int = 1 << 30
    """How much memory the records may take. Before it takes more the tap stops; `packets_stopped_seconds` says when."""

    def mistakes(self, resolver: _imafarm.HostResolver) -> list[str]:
        """What is wrong with it in a farm of these hosts, each line with its key."""
        found = []
        names = list(self.hosts or ())
        places = resolver.by_names(names, default=len(resolver))
        unknown = [name for name, place in zip(names, places, strict=True) if place == len(resolver)]
        if unknown:
            known = resolver.names_of(range(len(resolver)))
            found += [f"tap.hosts: unknown {name!r}{_nearest(name, known)}" for name in unknown]
        kinds = list(_imafarm.Framer.kinds())
        found += [
            f"tap.kinds: unknown {kind!r}{_nearest(kind, kinds)}" for kind in self.kinds or () if kind not in kinds
        ]
        for key, given in (("hosts", self.hosts), ("kinds", self.kinds)):
            if given is not None and not given:
                found.append(f"tap.{key}: empty; nothing would be recorded")
        until = LATEST_SECONDS if self.until_seconds is None else self.until_seconds
        for key, seconds in (("since_seconds", self.since_seconds), ("until_seconds", until)):
            if not 0.0 <= seconds <= LATEST_SECONDS:
                found.append(f"tap.{key}: {seconds} is out of range, 0 to 1e9 seconds")
        if self.since_seconds >= until:
            found.append(
                f"tap.until_seconds: {until} does not lie after {self.since_seconds}; nothing would be recorded"
            )
        if not 1 <= self.limit_bytes < 2**63:
            found.append(f"tap.limit_bytes: {self.limit_bytes} is out of range, 1 to 2**63 - 1")
        return found

    def for_engine(self, resolver: _imafarm.HostResolver) -> dict[str, int | list[int] | list[str]]:
        """The same for the engine.

        Errors: `ConfigurationError` names every key that is wrong.
        """
        if mistakes := self.mistakes(resolver):
            raise ConfigurationError(mistakes)
        parts: dict[str, int | list[int] | list[str]] = {"limit_bytes": self.limit_bytes}
        if self.hosts is not None:
            parts["hosts"] = sorted(set(resolver.by_names(self.hosts)))
        if self.kinds is not None:
            parts["kinds"] = list(self.kinds)
        parts["since_ns"] = round(self.since_seconds * NANOSECONDS)
        if self.until_seconds is not None:
            parts["until_ns"] = round(self.until_seconds * NANOSECONDS)
        return parts


def _nearest(name: str, known: Sequence[str]) -> str:
    return f"; did you mean {nearest(name, known)!r}?" if known else ""


def untapped() -> ConfigurationError:
    """The error for a farm of which no packets are recorded."""
    return ConfigurationError(["tap: the farm was opened without one, so no packets were recorded"])
