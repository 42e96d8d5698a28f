"""What `imafarm run --out DIR` leaves there."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from imafarm.cli._out import draw_report

if TYPE_CHECKING:
    from imafarm.emulated import EmulatedFarm
    from imafarm.farm import Recording
    from imafarm.scenario import Verdict
    from imafarm.tables import Table
    from imafarm.topology import Topology

MESSAGE_HOSTS = 24
"""Among how many hosts an election's messages are kept one by one, for a picture that a person can read."""


def check_recording(out: Path | None, bin_seconds: float | None) -> None:
    """Finds out before anything runs whether what is wanted can be written down, and may lie in `out`.

    Errors: `ConfigurationError`.
    """
    from imafarm.errors import ConfigurationError
    from imafarm.farm import Recording
    from imafarm.results import check_directory

    if out is None:
        if bin_seconds is not None:
            raise ConfigurationError(["--bin: only with --out DIR, where the rows go"])
        return
    check_directory(out)
    try:
        Recording(bin_seconds=bin_seconds)
    except ConfigurationError as error:
        raise ConfigurationError([mistake.replace("bin_seconds", "--bin") for mistake in error.mistakes]) from None


def recording_of(topology: Topology, bin_seconds: float | None, *, bound: bool) -> Recording:
    """What is written down of a farm for the files: everything."""
    from imafarm.farm import Recording

    return Recording(bin_seconds=bin_seconds, message_hosts=_message_hosts(topology, bound=bound))


def _message_hosts(topology: Topology, *, bound: bool) -> list[str]:
    """Some hosts of the first zone: those that are ranked highest, whom elections are about, and others of all ranks.

    None in a large farm that begins bound: its elections are settled in bulk, and stay so.
    """
    from imafarm._imafarm import rank_hosts

    resolver = topology.resolver
    records = resolver.records()
    ranked = [records[place] for place in rank_hosts(records)]
    zone = [record.name for record in ranked if record.zone == records[0].zone]
    if len(zone) <= MESSAGE_HOSTS:
        return zone
    if bound:
        return []
    first, rest = zone[: MESSAGE_HOSTS // 2], zone[MESSAGE_HOSTS // 2 :]
    count = MESSAGE_HOSTS - len(first)
    return first + [rest[place * (len(rest) - 1) // (count - 1)] for place in range(count)]


def tables_of(farm: EmulatedFarm, recording: Recording) -> dict[str, Table]:
    """All that was written down of a farm, by name."""
    tables = {"events": farm.events(), "traffic": farm.traffic(), "bindings": farm.bindings(), "hosts": farm.hosts()}
    if recording.message_hosts:
        tables["messages"] = farm.messages()
    return tables


def write_results(
    out: Path, verdict: Verdict, tables: Mapping[str, Table], *, farm: Path | None, store: str | None, bound: bool
) -> None:
    """Fills the directory of a run, with its report where what that takes is installed.

    Errors: `ConfigurationError` if a file cannot be written, which it names.
    """
    from imafarm.results import Asked, write_run

    asked = Asked(farm=None if farm is None else farm.name, store=_shown(store), bound=bound)
    write_run(out, verdict, asked=asked, tables=tables, text=_text(verdict))
    draw_report(out)


def _text(verdict: Verdict) -> str:
    """The verdict as a person reads it."""
    from imafarm.report.text import print_verdict

    text = StringIO()
    print_verdict(verdict, Console(file=text, width=80))
    return text.getvalue()


def _shown(store: str | None) -> str | None:
    """A store's URL without its secrets."""
    if store is None:
        return None
    from imafarm.store._address import masked

    return masked(store)
