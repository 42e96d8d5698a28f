"""A farm before it is opened."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from imafarm import _imafarm
from imafarm.errors import ConfigurationError
from imafarm.settings import check_settings

LARGEST_FARM = 1_000_000
"""Hosts in one farm, at most. Our guess: a thousand times the largest the product was tested with."""


class Product(enum.StrEnum):
    """The product whose figures a farm goes by."""

    XP = "XP"
    """MetaFrame XP"""
    MF30 = "MF30"
    """MetaFrame Presentation Server 3.0"""
    PS40 = "PS40"
    """Presentation Server 4.0"""
    PS45 = "PS45"
    """Presentation Server 4.5"""


@dataclass(frozen=True, slots=True)
class Link:
    """A class of links; what is `None` is as the emulator has it by default.

    Errors: `ConfigurationError` for values out of range.
    """

    latency_seconds: float | None = None
    """The least time a message takes: 1e-6 to 60."""
    jitter_seconds: float | None = None
    """What comes on top at most, drawn for each message: 0 to 60."""
    bandwidth_bits_per_second: float | None = None
    """0 for without limit."""
    loss: float | None = None
    """The share of messages that get lost on their way: 0 to 0.999999."""

    def __post_init__(self) -> None:
        mistakes = [
            f"{key}: {value} is out of range, {least} to {most}"
            for key, (least, most, _, _) in LINK_KEYS.items()
            if (value := getattr(self, key)) is not None and not least <= value <= most
        ]
        if mistakes:
            raise ConfigurationError(mistakes)

    def for_engine(self) -> dict[str, int]:
        """The link under the engine's keys, in whole nanoseconds, bits per second and millionths."""
        return {
            engine_key: round(value * factor)
            for key, (_, _, engine_key, factor) in LINK_KEYS.items()
            if (value := getattr(self, key)) is not None
        }


LINK_KEYS: dict[str, tuple[float, float, str, int]] = {
    "latency_seconds": (1e-6, 60.0, "latency_ns", 1_000_000_000),
    "jitter_seconds": (0.0, 60.0, "jitter_ns", 1_000_000_000),
    "bandwidth_bits_per_second": (0.0, 1e15, "bandwidth_bps", 1),
    "loss": (0.0, 0.999_999, "loss_ppm", 1_000_000),
}
"""By key: least, most, the engine's key, and how many of the engine's units one of ours is."""


@dataclass(frozen=True, slots=True)
class Topology:
    """What a farm is made of."""

    resolver: _imafarm.HostResolver
    product: Product = Product.PS45
    settings: Mapping[str, int] = field(default_factory=dict)
    """What every host has that is not the default."""
    host_settings: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By host name: what this host has that the others do not."""
    inside: Link = Link()
    """The links inside a zone."""
    between: Link = Link()
    """The links between zones."""

    @classmethod
    def of(
        cls,
        hosts: int | _imafarm.HostResolver,
        zones: int = 1,
        *,
        product: Product = Product.PS45,
        settings: Mapping[str, int] | None = None,
        host_settings: Mapping[str, Mapping[str, int]] | None = None,
        inside: Link | None = None,
        between: Link | None = None,
    ) -> Topology:
        """A farm of generated hosts (H1 to Hn in zones Z1 to Zk), or of the hosts of a `HostResolver`.

        Errors: `ConfigurationError` with everything that is wrong.
        """
        if isinstance(hosts, int):
            resolver = generate_hosts(hosts, zones)
        elif zones != 1:
            raise ConfigurationError(["zones: the records of a HostResolver say themselves which zone they are in"])
        else:
            resolver = hosts
        unknown = [f"host_settings: no host is named {name!r}" for name in host_settings or () if name not in resolver]
        if unknown:
            raise ConfigurationError(unknown)
        return cls(
            resolver=resolver,
            product=product,
            settings=check_settings(settings or {}),
            host_settings={name: check_settings(own) for name, own in (host_settings or {}).items()},
            inside=inside or Link(),
            between=between or Link(),
        )


def generate_hosts(hosts: int, zones: int = 1) -> _imafarm.HostResolver:
    """Hosts H1 to Hn in zones Z1 to Zk, as even as possible; the first of a zone is its Most Preferred.

    Errors: `ConfigurationError`.
    """
    mistakes = []
    for key, count in (("hosts", hosts), ("zones", zones)):
        if isinstance(count, bool) or not isinstance(count, int):
            mistakes.append(f"{key}: {count!r} is no whole number")
        elif not 1 <= count <= LARGEST_FARM:
            mistakes.append(f"{key}: {count} is out of range, 1 to {LARGEST_FARM}")
    if not mistakes and zones > hosts:
        mistakes.append(f"zones: {zones} zones cannot share {_hosts(hosts)}; a zone has at least one")
    if mistakes:
        raise ConfigurationError(mistakes)
    return _imafarm.HostResolver.generate(hosts, zones)


def _hosts(count: int) -> str:
    return "1 host" if count == 1 else f"{count} hosts"
