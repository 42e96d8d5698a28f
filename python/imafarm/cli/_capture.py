"""`imafarm run --capture FILE`: the packets of the farm that is played, as a capture file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from imafarm.cli._out import say_written
from imafarm.words import nearest

if TYPE_CHECKING:
    from imafarm._imafarm import HostResolver
    from imafarm.emulated import EmulatedFarm, Tap
    from imafarm.scenario import Verdict
    from imafarm.topology import Topology

ZONE_SIGN = "/.."
"""What makes a zone's name mean its hosts."""
OPTIONS = {
    "tap.hosts": "--capture-hosts",
    "tap.kinds": "--capture-kinds",
    "tap.since_seconds": "--capture-time",
    "tap.until_seconds": "--capture-time",
}
"""By which option a part of a tap is given."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """What of a farm's packets goes into a file."""

    capture: Annotated[
        Path | None, Parameter(name="--capture", help="A file for what hosts send one another, for Wireshark (pcapng).")
    ] = None
    capture_hosts: Annotated[
        str | None,
        Parameter(
            name="--capture-hosts", help="With --capture: at which hosts, H1,H2,Z2/.. for all of Z2 (all hosts)."
        ),
    ] = None
    capture_kinds: Annotated[
        str | None,
        Parameter(name="--capture-kinds", help="With --capture: which messages, ELECT_MASTER,HEARTBEAT (all)."),
    ] = None
    capture_time: Annotated[
        str | None, Parameter(name="--capture-time", help="With --capture: in which farm seconds, FROM..TO (all).")
    ] = None


NO_CAPTURE = CaptureOptions()
"""Nothing is asked for."""


@dataclass(frozen=True, slots=True)
class Capturing:
    """A capture that was asked for, checked."""

    path: Path
    tap: Tap
    addresses: bytes
    asked: tuple[str, ...]
    """What of the farm was asked for, as the file tells it."""

    def write(self, farm: EmulatedFarm, verdict: Verdict) -> None:
        """Writes the file, and says so on standard error.

        Errors: `ConfigurationError` if it cannot be written.
        """
        from imafarm.capture import write_capture

        farm_size = f"{verdict.hosts} hosts, {verdict.zones} zones, product {verdict.product}"
        comments = (f"scenario {verdict.scenario}", f"seed {verdict.seed}", farm_size, *self.asked)
        written = write_capture(
            farm, self.path, addresses=self.addresses, comments=comments, only_spoken=self.tap.kinds is not None
        )
        said = f"{written.packets:,} packets in {written.frames:,} frames"
        if written.stopped_seconds is not None:
            size = self.tap.limit_bytes // (1 << 20)
            said += (
                f"; nothing from farm second {written.stopped_seconds:.3f} on, when they took {size:,} MiB of memory"
            )
        say_written(self.path, said)


def capturing(options: CaptureOptions, topology: Topology) -> Capturing | None:
    """What is to be captured of a farm; `None` for nothing.

    Errors: `ConfigurationError` names every option that is wrong.
    """
    from imafarm.capture import addresses_of
    from imafarm.emulated import Tap
    from imafarm.errors import ConfigurationError
    from imafarm.tables import trouble_writing

    given = {
        "--capture-hosts": options.capture_hosts,
        "--capture-kinds": options.capture_kinds,
        "--capture-time": options.capture_time,
    }
    asked = [(name, value) for name, value in given.items() if value is not None]
    if options.capture is None:
        if asked:
            raise ConfigurationError([f"{name}: only with --capture FILE" for name, _ in asked])
        return None
    mistakes: list[str] = []
    resolver = topology.resolver
    hosts = _hosts(options.capture_hosts, resolver, mistakes)
    kinds = None if options.capture_kinds is None else _parts(options.capture_kinds)
    since, until = _time(options.capture_time, mistakes)
    tap = Tap(hosts=hosts, kinds=kinds, since_seconds=since, until_seconds=until)
    mistakes += [_under_its_option(mistake) for mistake in tap.mistakes(resolver)]
    if options.capture.is_dir():
        mistakes.append(f"--capture: {options.capture} is a directory; name a file")
    elif (why := trouble_writing(options.capture)) is not None:
        mistakes.append(f"--capture: cannot write to {options.capture}: {why}")
    if mistakes:
        raise ConfigurationError(mistakes)
    addresses = addresses_of(resolver.names_of(range(len(resolver))), topology.live)
    return Capturing(options.capture, tap, addresses, tuple(f"{name} {value}" for name, value in asked))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _hosts(text: str | None, resolver: HostResolver, mistakes: list[str]) -> list[str] | None:
    """The hosts that are named, each once; those of a zone for `ZONE/..`."""
    if text is None:
        return None
    names: dict[str, None] = {}
    zones = resolver.zones()
    for part in _parts(text):
        zone = part.removesuffix(ZONE_SIGN)
        if zone == part:
            names[part] = None
        elif zone in zones:
            names |= dict.fromkeys(resolver.names_of(resolver.zone_hosts(zones.index(zone))))
        else:
            meant = nearest(zone, zones) + ZONE_SIGN
            mistakes.append(f"--capture-hosts: unknown zone {zone!r}; did you mean {meant!r}?")
    # An unknown zone is one mistake, not two.
    return list(names) if names or not mistakes else None


def _time(text: str | None, mistakes: list[str]) -> tuple[float, float | None]:
    """From when until when: `FROM..TO`, of which either may be left out."""
    if text is None:
        return 0.0, None
    since, dots, until = text.partition("..")
    try:
        if not dots:
            raise ValueError
        return float(since or 0.0), float(until) if until else None
    except ValueError:
        mistakes.append(f"--capture-time: {text!r} is no time; write it as FROM..TO, in farm seconds")
        return 0.0, None


def _under_its_option(mistake: str) -> str:
    key, _, said = mistake.partition(": ")
    return f"{OPTIONS.get(key, key)}: {said}"
