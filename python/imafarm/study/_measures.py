"""What a study measures of a point, and how that is read off the verdict on it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from imafarm.farm import FarmStatistics
from imafarm.scenario import Verdict
from imafarm.study._words import unknown

CACHE = "cache"
"""The name of the study that sizes the connection cache, in the place of a scenario's."""
ELECTION = ("ELECT_MASTER", "ELECT_MASTER_ACK", "DECLARE_MASTER")
HANDSHAKE = ("BIND_REQUEST", "BIND_RESPONSE", "BIND_COMMIT")


@dataclass(frozen=True, slots=True)
class Measure:
    """One number that is taken of every point."""

    name: str
    title: str
    unit: str
    better: Literal["less", "more"] | None
    """Which way is better; `None` where neither is."""
    meaning: str

    def as_json(self) -> dict[str, str | None]:
        """What study.json says of it."""
        return {"title": self.title, "unit": self.unit, "better": self.better, "meaning": self.meaning}


def _by_name(*measures: Measure) -> Mapping[str, Measure]:
    return MappingProxyType({measure.name: measure for measure in measures})


_STEADY = _by_name(
    Measure(
        "binding_churn",
        "bindings set up a minute",
        "bindings/min",
        "less",
        "BIND_COMMITs sent in a minute of steady state, all hosts together: each is a binding that stood before",
    ),
    Measure(
        "evictions",
        "evictions a minute",
        "bindings/min",
        "less",
        "bindings torn down in a minute of steady state to make room in a connection cache, all hosts together",
    ),
)
_UPDATES = _by_name(
    Measure(
        "handshake_bytes",
        "handshake bytes a minute",
        "bytes/min",
        "less",
        "bytes of the BIND_REQUESTs, BIND_RESPONSEs and BIND_COMMITs sent in a minute of steady state",
    ),
    Measure(
        "update_delay_p50",
        "update delay, median",
        "ms",
        "less",
        "from a member's logon until its collector has handled the SESSION_UPDATE: half of them take no longer",
    ),
    Measure("update_delay_p99", "update delay, 99 of 100", "ms", "less", "the same: 99 of 100 take no longer"),
)
_COLLECTOR = _by_name(
    Measure(
        "collector_busy",
        "collector's busy share",
        "share",
        "less",
        "the part of the time that a collector works; null where no WorkCost.. setting says what work costs it",
    ),
    Measure(
        "memory",
        "emulator's memory a host",
        "bytes",
        "less",
        "what the emulator holds of hosts, connections and events, divided by the hosts",
    ),
)
_ELECTION = _by_name(
    Measure(
        "converge_seconds",
        "time to converge",
        "s",
        "less",
        "from the first doubt in the collector to the moment at which all running hosts of the zone agree on another",
    ),
    Measure(
        "election_messages",
        "election messages",
        "messages",
        "less",
        "ELECT_MASTERs, ELECT_MASTER_ACKs and DECLARE_MASTERs sent",
    ),
)
_FAILOVER = _by_name(
    *_ELECTION.values(),
    Measure(
        "failover_bindings", "bindings set up in failover", "bindings", "less", "BIND_COMMITs sent in the failover"
    ),
    Measure(
        "failover_memory",
        "emulator's memory a host, after failover",
        "bytes",
        "less",
        "as memory, when all agree on the new collector",
    ),
)
_HEARTBEATS = Measure(
    "heartbeats", "heartbeats a minute", "messages/min", None, "HEARTBEATs sent in a minute of steady state"
)

CACHE_MEASURES = MappingProxyType({**_STEADY, **_UPDATES, **_FAILOVER, **_COLLECTOR, _HEARTBEATS.name: _HEARTBEATS})
"""What the study of the connection cache can measure, by name."""
NEEDS_FAILOVER = frozenset(_FAILOVER)
"""Of those, the ones for which a collector has to crash."""

_TOTALS = _by_name(
    Measure("messages", "messages", "messages", "less", "messages sent, of all kinds"),
    Measure("message_bytes", "bytes of messages", "bytes", "less", "bytes of the messages sent, headers included"),
    Measure("bindings_opened", "bindings opened", "ends", "less", "ends of bindings that became active"),
    Measure("bindings_evicted", "bindings evicted", "bindings", "less", "bindings torn down to make room in a cache"),
    Measure("bindings_refused", "bindings refused", "bindings", "less", "bindings that a host refused"),
    Measure("elections_started", "elections started", "elections", "less", "how often a host began an election"),
    Measure("farm_seconds", "farm time", "s", None, "how many farm seconds the scenario took"),
    Measure("events", "events", "events", None, "events that the emulator worked through"),
    Measure("users_logged_on", "users logged on", "users", "more", "users of workloads who got a session"),
    Measure("users_refused", "users refused", "users", "less", "users who were told that no server takes them"),
    Measure(
        "users_lost", "users lost", "users", "less", "users whose host or server was gone before they had a session"
    ),
)
_CACHE_DEFAULTS = (
    "binding_churn",
    "handshake_bytes",
    "update_delay_p50",
    "update_delay_p99",
    "collector_busy",
    "memory",
    "converge_seconds",
    "election_messages",
    "failover_memory",
)
_DEFAULTS = (
    "converge_seconds",
    "election_messages",
    "messages",
    "message_bytes",
    "bindings_opened",
    "bindings_evicted",
)

FIGURES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "master-failover": ("candidates", "ELECT_MASTERs, of n(n-1)/2"),
        "cold-boot": (
            "messages in the steady minute",
            "bytes in the steady minute",
            "bindings evicted in the steady minute",
        ),
        "cache-thrash": ("bindings evicted in steady state", "bindings opened in steady state", "evictions a minute"),
        "two-masters": (
            "seconds from healing to one collector",
            "DECLARE_MASTERs to settle it",
            "elections started while they settle it",
            "seconds from the cure to agreement",
        ),
        "session-storm": (
            "users",
            "logons",
            "logons while there was no collector",
            "users lost with the server that crashed",
        ),
        "day": ("logons", "sessions at the busiest hour", "messages between zones", "bytes between zones"),
        "publish-application": (
            "seconds until all know it",
            "transmitted on each link, in bytes",
            "received on each link, in bytes",
            "bytes to each member",
        ),
        "missed-change": ("seconds without it",),
        "store-outage": ("minutes without the data store, all servers together",),
        "cycle-boot": tuple(
            f"{how}: {what}"
            for how in ("all at once", "in groups")
            for what in ("seconds until all run", "longest start, in seconds", "services taken for hung")
        ),
    }
)
"""By scenario: the numbers that it writes down of itself. Each is a measure of the same name, in small letters and with
underscores."""
SAME: Mapping[str, str] = MappingProxyType({"evictions a minute": "evictions"})
"""Of those, the ones that are a measure of another name."""
NEEDS: Mapping[str, str] = MappingProxyType(
    {"collector_busy": "it needs a WorkCost.. setting, for example --set WorkCostHeartbeat=200"}
)
"""What a measure needs to have any figure."""


def slug(figure: str) -> str:
    """The measure's name for a scenario's figure."""
    return SAME.get(figure) or re.sub("[^a-z0-9]+", "_", figure.lower()).strip("_")


def known_measures(scenario: str) -> dict[str, Measure]:
    """Every measure that can be asked for in a study of this scenario, by name. Some may have no value there."""
    if scenario == CACHE:
        return dict(CACHE_MEASURES)
    figures = {
        slug(figure): Measure(slug(figure), figure, "", None, f"a figure of {scenario} itself")
        for figure in FIGURES.get(scenario, ())
        if figure not in SAME
    }
    return {**_ELECTION, **_TOTALS, **_COLLECTOR, **_STEADY, **_UPDATES, **figures}


def default_measures(scenario: str) -> tuple[str, ...]:
    """What is measured unless somebody says otherwise."""
    if scenario == CACHE:
        return _CACHE_DEFAULTS
    return (*_DEFAULTS, *(slug(figure) for figure in FIGURES.get(scenario, ())))


def check_measures(scenario: str, names: tuple[str, ...]) -> list[str]:
    """What is wrong with these names; each unknown one is told the nearest that there is."""
    known = known_measures(scenario)
    mistakes = []
    for name in dict.fromkeys(names):
        if name not in known:
            mistakes.append(f"measures: {unknown(name, known)}")
        elif names.count(name) > 1:
            mistakes.append(f"measures: {name!r} stands there twice")
    return mistakes if names else ["measures: none; name one, or leave it out for the usual ones"]


def measured(verdict: Verdict, *, collector_busy: float | None, memory: float) -> dict[str, float | None]:
    """All measures of a point that has been played, by name; what the scenario does not show is `None`.

    A figure that the scenario writes down under a measure's own name is that measure.
    """
    seen = verdict.statistics
    known = known_measures(verdict.scenario)
    found: dict[str, float | None] = dict.fromkeys(known)
    if verdict.scenario != CACHE:
        found |= {
            "converge_seconds": verdict.converged_seconds,
            "election_messages": sent(seen, ELECTION),
            "messages": sent(seen, tuple(seen.messages)),
            "message_bytes": sum(traffic.bytes for traffic in seen.messages.values()),
            "bindings_opened": seen.bindings.opened,
            "bindings_evicted": seen.bindings.evicted,
            "bindings_refused": seen.bindings.refused,
            "elections_started": seen.elections_started,
            "farm_seconds": verdict.virtual_seconds,
            "events": seen.events,
            "users_logged_on": seen.users.logged_on,
            "users_refused": seen.users.refused,
            "users_lost": seen.users.lost,
            "collector_busy": collector_busy,
            "memory": memory,
        }
    for figure, value in verdict.figures.items():
        if (name := slug(figure)) in known and (number := as_number(value)) is not None:
            found[name] = number
    if (minutes := _counted_minutes(verdict)) is not None:
        # Each binding is opened at both its ends.
        found["binding_churn"] = (found["bindings_opened_in_steady_state"] or 0) / 2 / minutes
    return {name: None if value is None else round(float(value), 9) for name, value in found.items()}


def sent(seen: FarmStatistics, kinds: tuple[str, ...]) -> int:
    """How many messages of these kinds were sent."""
    return sum(seen.messages[kind].sent for kind in kinds if kind in seen.messages)


def as_number(value: float | str) -> float | None:
    """A figure as a number, if it is one, whatever it is written as."""
    try:
        return float(value.replace(",", "")) if isinstance(value, str) else float(value)
    except ValueError:
        return None


def _counted_minutes(verdict: Verdict) -> float | None:
    """For how long the scenario of the connection cache counted; `None` for others."""
    if verdict.scenario != "cache-thrash":
        return None
    at = {moment.what: moment.seconds for moment in verdict.moments}
    began, ended = at.get("counting begins"), at.get("counting ends")
    return None if began is None or ended is None else (ended - began) / 60
