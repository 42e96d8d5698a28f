"""How large a connection cache has to be: what the protocol says, where experiments are made, and what they show.

A collector hears each member of its zone once in a `KeepAliveInterval`, and exchanges pings with each other zone's
collector once in a `PeerPingInterval`. So it uses as many bindings, one after the other and round again, as its zone
has other hosts and the farm other collectors. A cache that keeps the most recently used of them and is one entry short
of that has just torn down the one that is needed next: below the need nearly every heartbeat sets its binding up anew,
from the need on none does. Between the two there is nothing, so what is looked for is one number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from imafarm import _imafarm
from imafarm.study._words import readable
from imafarm.topology import Topology
from imafarm.words import counted

CACHE_ENTRIES = "MaxHostAddressCacheEntries"
GRID = 8
"""Values that are tried before the knee is looked for."""
NOISE = 1e-3
"""Bindings set up anew for less than this part of the heartbeats count as none. Our guess: in a farm without faults
there are exactly none from the knee on."""
MEASURE = "binding_churn"
"""By which measure a value is too small."""


@dataclass(frozen=True, slots=True)
class Need:
    """How many bindings the busiest collector needs at once."""

    entries: int
    zone: str
    others: int
    """Other hosts of its zone."""
    peers: int
    """Other zones' collectors."""
    hosts: int
    """Hosts of the farm that can become data collector."""
    session_only: int
    """Hosts that cannot."""

    @property
    def told(self) -> str:
        """What it is made of."""
        others = {0: "", 1: f"the other host of {self.zone}"}
        peers = {0: "", 1: "the other zone's collector"}
        parts = (
            others.get(self.others, f"the {self.others:,} other hosts of {self.zone}"),
            peers.get(self.peers, f"the {self.peers:,} other zones' collectors"),
        )
        return " and ".join(filter(None, parts)) or "there is no other host"

    @property
    def who(self) -> str:
        """On which hosts it has to be set."""
        if self.hosts == 1:
            return "the one host that can become data collector"
        whole = f"all {self.hosts:,}"
        part = f"{self.hosts:,} of {counted(self.hosts + self.session_only, 'host')}"
        return f"every host that can become data collector ({part if self.session_only else whole})"


def need_of(topology: Topology) -> Need:
    """What the protocol says. Hosts with another magic number than the farm's are not of it."""
    resolver = topology.resolver
    stranger = {host for host, magic in topology.host_magic.items() if magic != topology.magic}
    own = [record for record in resolver.records() if record.name not in stranger]
    standing = [record for record in own if not record.session_only]
    sizes, led = Counter(record.zone for record in own), list(dict.fromkeys(record.zone for record in standing))
    zone = max(led, key=lambda zone: sizes[zone], default="")
    others, peers = max(0, sizes[zone] - 1), max(0, len(led) - 1)
    return Need(others + peers, zone, others, peers, len(standing), len(own) - len(standing))


def _bounds() -> Any:
    """What the registry says of the setting."""
    return next(spec for spec in _imafarm.settings() if spec["name"] == CACHE_ENTRIES)


def grid(need: int) -> tuple[int, ...]:
    """Values to begin with: from well below the need to the first round one that is enough, the default among them.

    Round are the powers of two and the numbers half-way between them.
    """
    bounds = _bounds()
    steps = [step for power in range(1, 63) for step in (2**power, 3 * 2 ** (power - 1))]
    usual = [step for step in sorted(set(steps)) if bounds["min"] <= step <= bounds["max"]]
    enough = next((place for place, step in enumerate(usual) if step >= need), len(usual) - 1)
    chosen = usual[max(0, enough + 1 - GRID) : enough + 1]
    if bounds["default"] not in chosen:
        chosen = [*chosen[len(chosen) == GRID :], bounds["default"]]
    return tuple(sorted(chosen))


Churn = Mapping[int, Sequence[tuple[float, float]]]
"""By value: of each seed, the bindings set up and the heartbeats sent in a minute. Values without any are left out."""


def is_short(counted: Sequence[tuple[float, float]]) -> bool:
    """Whether a cache of this size tears bindings down that are needed again."""
    return fmean(churn for churn, _ in counted) > NOISE * fmean(beats for _, beats in counted)


def next_value(churn: Churn) -> int | None:
    """Where to look next: half-way between the largest value that is too small and the first after it that is not.

    `None` once they are neighbours, or one of them is missing.
    """
    below, enough = bracket(churn)
    if below is None or enough is None or enough - below < 2:
        return None
    return (below + enough) // 2


def bracket(churn: Churn) -> tuple[int | None, int | None]:
    """The largest value that is too small, and the first after it that is not."""
    short = {value: is_short(counted) for value, counted in churn.items() if counted}
    below = max((value for value, is_too in short.items() if is_too), default=None)
    return below, min((value for value, is_too in short.items() if not is_too and value > (below or 0)), default=None)


@dataclass(frozen=True, slots=True)
class Knee:
    """Where more is not better any more."""

    vary: str
    """What was varied."""
    value: int
    """The least value from which on nothing is gained."""
    below: int | None
    """The largest value that was worse."""
    theory: int | None
    """What the protocol says."""
    measure: str
    """By which measure."""
    hosts: str
    """Who needs it."""

    def as_json(self) -> dict[str, object]:
        """What study.json says of it."""
        return {name: getattr(self, name) for name in ("vary", "value", "below", "theory", "measure", "hosts")}


def knee_of(churn: Churn, need: Need) -> Knee | None:
    """The knee, if it lies among the values that were tried: one value was too small, and a larger one was not."""
    below, enough = bracket(churn)
    if below is None or enough is None:
        return None
    return Knee(CACHE_ENTRIES, enough, below, need.entries, MEASURE, need.who)


def recommendation(churn: Churn, need: Need, default: int) -> str | None:
    """What to set, and why, in one sentence; `None` if nothing was measured."""
    counted = {value: some for value, some in sorted(churn.items()) if some}
    if not counted:
        return None
    below, enough = bracket(churn)
    rate = {value: fmean(churn for churn, _ in some) for value, some in counted.items()}
    least, most = min(counted), max(counted)
    rules = f"the protocol's rules ask for {need.entries} ({need.told})"
    if below is None:
        keeps = "no binding that a data collector needs is torn down"
        if least <= default:
            what = f"Leave {CACHE_ENTRIES} at its default of {default}"
            return f"{what}: even with {least}, the least tried, {keeps}; {rules}."
        return f"Set {CACHE_ENTRIES} to at least {least}, the least tried, on {need.who}: with that, {keeps}; {rules}."
    if enough is None:
        return _none_enough(most, rate[most], need)
    what = f"Set {CACHE_ENTRIES} to at least {enough}"
    if enough <= default:
        what = f"Keep {CACHE_ENTRIES} at {enough} or more, as the default of {default} is,"
    return (
        f"{what} on {need.who}: below it members have to bind anew, {_times(rate[below])} a minute at {below}; "
        f"above it nothing is gained; {rules}."
    )


def _none_enough(most: int, rate: float, need: Need) -> str:
    """What to set where every value that was tried is too small."""
    torn = (
        f"{readable(rate)} {'binding' if rate == 1 else 'bindings'} a minute {'is' if rate == 1 else 'are'} torn down"
    )
    lost = f"{torn} and set up again"
    if need.entries > (largest := _bounds()["max"]):
        return (
            f"Split {need.zone} or set {CACHE_ENTRIES} to {largest}, the largest there is, on {need.who}: "
            f"the protocol's rules ask for {need.entries} ({need.told}), and with {most}, the most tried, {lost}."
        )
    if need.entries <= most:
        return (
            f"Set {CACHE_ENTRIES} to more than {most}, the most tried, on {need.who}: even with that, {lost}, "
            f"though the protocol's rules ask for {need.entries} alone ({need.told})."
        )
    return (
        f"Set {CACHE_ENTRIES} to at least {need.entries} on {need.who}, as the protocol's rules ask ({need.told}): "
        f"{most}, the most tried, is not enough, {lost}."
    )


def _times(rate: float) -> str:
    return "once" if rate == 1 else f"{readable(rate)} times"
